"""Checks the forms of a file: analyses them, carries out what is harmless, then finds their types in the order of the text."""

from __future__ import annotations

from rtfs.checker import choice as _choice
from rtfs.checker import forms as _forms
from rtfs.checker import functions as _functions
from rtfs.checker import loops as _loops
from rtfs.checker.allowed import Allowed
from rtfs.checker.effects import CallGraph, FunctionEffects
from rtfs.checker.flow import Flow
from rtfs.checker.globals import Globals, Signatures
from rtfs.checker.infer import Inference
from rtfs.checker.lints import Lints
from rtfs.checker.names import unused
from rtfs.checker.problems import Problems
from rtfs.checker.walking import descend
from rtfs.errors import AnalysisError, RtfsError
from rtfs.semantics.checking import Checker, without_collector
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.syntax import nodes as ast
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_RULES = (_choice, _forms, _functions, _loops)  # they register the rules of `infer`


class ProgramChecker(Checker):
    """All problems of the forms of a text: those of the analysis, and what the types tell.

    Args:
        evaluator: namespace -> evaluator, for the definitions that are carried out.
        options: what is wrong with the options of a delegated function, None for nothing: who carries out its calls knows.
    """

    def __init__(
        self,
        machine: Machine,
        evaluator: Callable[[Namespace], Any],
        options: Callable[[ast.Fn], RtfsError | None] = lambda spec: None,
    ) -> None:
        super().__init__(machine, evaluator)
        self._options = options
        self.found = Problems()
        self.signatures = Signatures(lambda: self.inference)
        self._names: dict[int, Globals] = {}
        self._nodes: list[tuple[Globals, ast.Node]] = []
        self._foreign = 0
        self._delegates = False
        self.graph = CallGraph()
        self.inference = Inference(Globals(machine.namespace(), False, self.signatures), self.found)

    def problems(self, forms: list[Any]) -> list[AnalysisError]:
        """The problems of top-level forms in source order; warnings have a kind in `problems.WARNINGS`."""
        with without_collector():
            return self._problems(forms)

    def _problems(self, forms: list[Any]) -> list[AnalysisError]:
        found = super().problems(forms)
        nodes = [(names, node, list(descend(node))) for names, node in self._nodes]
        self._collect(nodes)
        own = [entry for entry in nodes if entry[0].own]
        for names, node, _ in own:
            self.inference.names = names
            self.inference.infer(node, Flow())
        for _, _, parts in own:
            unused(parts, self.found)
        if self._delegates:
            lints = Lints(self.graph, self.found, self._options)
            for names, node, parts in own:
                lints.look(node, parts, names)
        allowed = Allowed(self.found)
        for _, _, parts in own:
            allowed.add(parts)
        return allowed.without(sorted([*found, *self.found.found], key=_place))

    def _collect(self, nodes: list[tuple[Globals, ast.Node, list[Struct]]]) -> None:
        """What the forms define, those of imported files too, before any is looked at: functions may refer to later ones."""
        defined: set[tuple[int, str]] = set()
        local: set[ast.Binding] = set()
        for names, _, parts in nodes:
            for part in parts:
                if isinstance(part, ast.Def):
                    if (id(names), part.name) in defined or part.name in names.namespace.library:  # before, it means the built-in
                        names.changes(part.name)
                    defined.add((id(names), part.name))
                elif isinstance(part, ast.DefLocal):
                    if part.binding in local:
                        self.inference.redefined.add(part.binding)
                    local.add(part.binding)
                elif isinstance(part, ast.SetGlobal):
                    names.changes(part.name)
                elif isinstance(part, ast.Fn) and part.hint is not None:
                    self._delegates = True

    def effects(self, forms: list[Any]) -> list[FunctionEffects]:
        """What the functions of the forms may do, in the order of the text; modules' functions with their qualified names."""
        super().problems(forms)
        found = []
        for names, node in self._nodes:
            for part in node.body if isinstance(node, ast.Do) else (node,):
                if names.own and isinstance(part, ast.Def) and isinstance(part.value, ast.Fn):
                    name = part.name if names.namespace.name is None else f"{names.namespace.name}/{part.name}"
                    found.append(FunctionEffects(name, self.graph.of(part.value, names), part.span))
        return sorted(found, key=_place)

    # --- what the analysis goes through ---

    def analysed(self, namespace: Namespace, node: ast.Node) -> None:
        names = self._names.get(id(namespace))
        if names is None:
            names = self._names[id(namespace)] = Globals(namespace, not self._foreign, self.signatures)
            if namespace.name is not None:
                self.signatures.modules[namespace.name] = names
        for part in node.body if isinstance(node, ast.Do) else (node,):
            if isinstance(part, ast.DefStruct):
                names.define_struct(part.name, part.type)
            elif isinstance(part, ast.Def) and isinstance(part.value, ast.Fn):
                self.signatures.belongs(part.value, names)
                self.graph.add(part.value, names)
                self._delegates |= part.value.hint is not None
        self._nodes.append((names, node))

    def _file_forms(self, name: str, forms: list[Any]) -> None:
        self._foreign += 1
        try:
            super()._file_forms(name, forms)
        finally:
            self._foreign -= 1


def _place(problem: AnalysisError | FunctionEffects) -> int:
    return problem.span.start if problem.span is not None else 0
