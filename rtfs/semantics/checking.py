"""`rtfs check`: all problems of a text, without running it (reference 4.5).

Every form is analysed.  So that macros can be expanded, definitions whose evaluation can have no effect are carried out: functions,
macros, types; a `def` of anything else only declares its name.  An imported module is treated in the same way: its file is
read and analysed for what it defines, and its problems are left to a check of that file.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager

from rtfs.errors import AnalysisError, EvalError, RtfsError, nearest
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse import Analyser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


@contextmanager
def without_collector() -> Iterator[None]:
    """Without the search for cycles: analysing makes many objects that stay, and would take up to three times as long."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


_HARMLESS = (ast.DefStruct, ast.DefType)


class Checker:
    """Checks texts for one machine.

    Args:
        evaluator: namespace -> evaluator, for the definitions that are carried out.
    """

    def __init__(self, machine: Machine, evaluator: Callable[[Namespace], Any]) -> None:
        self.machine = machine
        self.evaluator = evaluator
        self._modules: dict[str, Namespace] = {}
        self._exports: dict[str, tuple[str, ...] | None] = {}

    def problems(self, forms: list[Any]) -> list[AnalysisError]:
        """The problems of top-level forms in source order; warnings have a kind in `WARNINGS`."""
        namespace = self.machine.namespace()
        found = self._check_all(namespace, [(form, None) for form in forms])
        return sorted(found, key=lambda p: p.span.start if p.span is not None else 0)

    def nodes(self, forms: list[Any]) -> list[ast.Node]:
        """The AST of top-level forms.

        Raises:
            AnalysisError: the problems of the first form that has any.
        """
        namespace = self.machine.namespace()
        namespace.expect(forms)
        nodes: list[ast.Node] = []
        for form in forms:
            node = self._within(namespace, form, None)
            self._settle(namespace, node)
            nodes.append(node)
        return nodes

    def _within(self, namespace: Namespace, form: Any, span: Any, analyser: Analyser | None = None) -> ast.Node:
        """Analyse a form as one of `namespace`, whose macros `macroexpand` then sees."""
        outer, self.machine.current = self.machine.current, namespace
        try:
            return (analyser or Analyser(namespace)).top_level(form, span)
        finally:
            self.machine.current = outer

    def _check_all(self, namespace: Namespace, forms: list[tuple[Any, Any]]) -> list[AnalysisError]:
        namespace.expect([form for form, _ in forms])
        found: list[AnalysisError] = []
        for form, span in forms:
            analyser = Analyser(namespace)
            try:
                node = self._within(namespace, form, span, analyser)
            except AnalysisError as error:
                found += [error, *error.others]
                error.others = []
            else:
                self.analysed(namespace, node)
                found += self._settle(namespace, node)
            found += analyser.warnings
        return found

    def analysed(self, namespace: Namespace, node: ast.Node) -> None:
        """Told of each form of a text, module or imported file, before its definitions are carried out."""

    def _settle(self, namespace: Namespace, node: ast.Node) -> list[AnalysisError]:
        """Carry out what is harmless of a form; its problems that show only then."""
        if isinstance(node, ast.Do):
            return [problem for part in node.body for problem in self._settle(namespace, part)]
        if isinstance(node, ast.Module):
            inner = self.machine.namespace(node.name)
            found = self._module_forms(node, inner)
            self._modules[node.name] = inner
            defined = _defined(inner)
            self._exports[node.name] = node.exports
            for name in self._exported(node.name, inner):
                _bind(namespace, inner, name, f"{node.name}/{name}")
            for name in node.exports or ():
                if name not in defined:
                    message = f"module '{node.name}' exports '{name}', which it does not define"
                    found.append(AnalysisError(message, kind="unbound-name", span=node.span, hint=_did_you_mean(name, defined)))
            return found
        if isinstance(node, ast.Import):
            return self._import(namespace, node)
        if isinstance(node, _HARMLESS) or _is_harmless(node):
            self.evaluator(namespace).evaluate(node)
        return []

    # --- imports ---

    def _import(self, namespace: Namespace, node: ast.Import) -> list[AnalysisError]:
        prefix = node.alias or node.module
        try:
            module = self._module(node.module)
        except RtfsError as error:
            namespace.declare(f"{prefix}/")  # one problem, and not one more for every use
            for name in node.only or ():
                namespace.declare(name)
            return self._no_module(node, error)
        defined = self._exported(node.module, module)
        for name in defined:
            if node.alias is not None or node.only is None:
                _bind(namespace, module, name, f"{prefix}/{name}")
            _bind(namespace, module, name, f"{node.module}/{name}")  # modules are there under their own names, too
        found = []
        for name in node.only or ():
            _bind(namespace, module, name, name)
            if name not in defined:
                message = f"Symbol '{name}' not exported by module '{node.module}'"
                found.append(AnalysisError(message, kind="unbound-name", span=node.span, hint=_did_you_mean(name, defined)))
        return found

    def _exported(self, name: str, module: Namespace) -> list[str]:
        """The names that a module gives away: all when it does not list them."""
        exports = self._exports.get(name)
        return [found for found in _defined(module) if exports is None or found in exports]

    def _module(self, name: str) -> Namespace:
        """The definitions of a module, from the text that is checked or from its file."""
        if name in self._modules:
            return self._modules[name]
        forms = self.machine.modules.forms_of(name)
        if forms is None:
            raise EvalError(
                f"Module not found: {name}",
                kind="module-not-found",
                hint=f"it would be in {name.replace('.', '/')}.rtfs on the module path",
            )
        self._modules[name] = self.machine.namespace(name)  # a circle of imports ends here; running reports it
        self._file_forms(name, forms)
        return self._modules[name]

    # --- what preparing a whole program (`ir.artefact.preparing`) does in another way ---

    def _module_forms(self, node: ast.Module, inner: Namespace) -> list[AnalysisError]:
        """Analyse the forms of a module; their problems."""
        return self._check_all(inner, list(node.forms))

    def _file_forms(self, name: str, forms: list[Any]) -> None:
        """Analyse the forms of the file of an imported module."""
        self._check_all(self.machine.namespace(), [(form, None) for form in forms])

    def _no_module(self, node: ast.Import, error: RtfsError) -> list[AnalysisError]:
        """The problem of an import that fails."""
        return [AnalysisError(error.message, kind="unbound-name", span=node.span, hint=error.hint)]


def _is_harmless(node: ast.Node) -> bool:
    """Whether evaluating a definition can neither fail nor have an effect."""
    return isinstance(node, ast.Def) and node.type is None and isinstance(node.value, (ast.Fn, ast.Const))


def _defined(namespace: Namespace) -> list[str]:
    names = (namespace.own, namespace.macros, namespace.types, namespace.declared)
    return list(dict.fromkeys(name for group in names for name in group if "/" not in name[1:]))


def _bind(namespace: Namespace, module: Namespace, name: str, label: str) -> None:
    namespace.declare(label)
    if name in module.own:
        namespace.values[label] = module.values[name]
    if name in module.macros:
        namespace.macros[label] = module.macros[name]
    if name in module.types:
        namespace.types[label] = module.types[name]


def _did_you_mean(name: str, known: list[str]) -> str | None:
    close = nearest(name, known)
    return f"did you mean `{close[0]}`?" if close else None
