"""Analysing a whole program without running it, for everything that looks at programs or stores them.

Definitions take effect as in a check (`semantics.checking`); the problems of a form are raised instead of collected.
"""

from __future__ import annotations

from rtfs.errors import AnalysisError, RtfsError
from rtfs.ir.artefact.program import Prepared, Program, modules_in
from rtfs.semantics.checking import Checker
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.semantics.noting import Notes
from rtfs.source import Source
from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse import Analyser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Preparer(Checker):
    """Prepares one program.

    A module that it imports is looked for when the program is prepared, and its absence is an error.

    Args:
        see: told of each top-level form of the program, those inside its modules too, before it takes effect.
    """

    def __init__(
        self, machine: Machine, evaluator: Callable[[Namespace], Any], see: Callable[[Namespace, ast.Node], None] | None = None
    ) -> None:
        super().__init__(machine, evaluator)
        self._see = see
        self._inner: dict[int, tuple[Prepared, ...]] = {}  # id of a module node -> its forms
        self._files: dict[str, tuple[Prepared, ...]] = {}
        self._sources: dict[Source, None] = {}
        #: What is doubtful or wrong, but does not stop a program from running: warnings, and errors that its run will meet.
        self.found: list[AnalysisError] = []
        self._elsewhere = 0  # in files that the program imports

    def program(self, source: Source, forms: list[Any]) -> Program:
        """The program of a source.

        Raises:
            AnalysisError: what is wrong with the first form that is not right.
            EvalError: `module-not-found`, `module-error`: of an import.
        """
        self._sources[source] = None
        prepared = self._prepare(self.machine.namespace(), [(form, None) for form in forms])
        return Program(prepared, self._files, tuple(self._sources))

    def _prepare(self, namespace: Namespace, forms: list[tuple[Any, Any]]) -> tuple[Prepared, ...]:
        before = set(namespace.expected)
        namespace.expect([form for form, _ in forms])
        expected = tuple(sorted(namespace.expected - before))
        out: list[Prepared] = []
        for form, span in forms:
            out.append(self._form(namespace, form, span, expected if not out else ()))
        return tuple(out)

    def _form(self, namespace: Namespace, form: Any, span: Any, expected: tuple[str, ...]) -> Prepared:
        notes = Notes(namespace)
        analyser = Analyser(notes)  # type: ignore[arg-type]
        fresh = self.machine.names_made
        node = self._within(namespace, form, span, analyser)
        fresh = self.machine.names_made - fresh
        if self._see is not None and not self._elsewhere and not isinstance(node, ast.Module):
            self._see(namespace, node)
        problems = [*self._settle(namespace, node), *analyser.warnings]
        if not self._elsewhere:
            self.found += problems
        modules = modules_in(node)
        for module in modules:
            if id(module) not in self._inner:  # in a place where a check does not look: (if c (module …))
                self._module_forms(module, self.machine.namespace(module.name))
        return Prepared(
            node,
            expected,
            tuple(notes.declared),
            tuple(notes.declared_types),
            tuple(notes.near_misses.new.items()),
            tuple(notes.macros),
            fresh,
            tuple(analyser.warnings),
            tuple([(module, self._inner[id(module)]) for module in modules]),
        )

    # --- modules ---

    def _module_forms(self, node: ast.Module, inner: Namespace) -> list[AnalysisError]:
        self._inner[id(node)] = self._prepare(inner, list(node.forms))
        return []

    def _file_forms(self, name: str, forms: list[Any]) -> None:
        self._elsewhere += 1
        self._files[name] = ()  # its place in the order of imports
        self._files[name] = self._prepare(self.machine.namespace(), [(form, None) for form in forms])
        self._elsewhere -= 1
        for form in forms:
            where = getattr(form, "where", None)
            if where is not None:
                self._sources[where[0]] = None

    def _no_module(self, node: ast.Import, error: RtfsError) -> list[AnalysisError]:
        error.span = error.span or node.span
        raise error

