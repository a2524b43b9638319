"""Notes of a run, from which the next run of the same text can do without reading and compiling it.

The notes of a form say what analysing it did to its namespace, and what it was compiled to.  They are of use only if a
later run would come to the same, so a recording is given up (`refuse`) as soon as something depends on more than the text, the
modules it imports, and what can be checked before the code is used again.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from rtfs.errors import AnalysisError
from rtfs.eval.cached.purity import Macros, is_fixed
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.semantics.noting import Notes
from rtfs.source import Source
from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse import Analyser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    from rtfs.eval.compiled.generate import Generator
    from rtfs.ir import nodes as ir


class UnitNotes:
    """A form's code before its constants are in it, and what it takes for granted.

    Attributes:
        builtins: names that must mean what they mean in the library.
        functions: name, definition and key of its second body (or None), of functions that must be bound to their names.
        versions_made: the linker's count after it.
    """

    __slots__ = ("builtins", "functions", "generator", "raw", "unit", "version", "versions_made")

    def __init__(self, unit: ir.Unit, generator: Generator, raw: CodeType) -> None:
        self.unit = unit
        self.generator = generator
        self.raw = raw
        linker = generator.linker
        self.versions_made = linker.versions_made
        self.version = linker.versions.get(unit.name) if unit.function is not None else None
        self.builtins: list[str] = []
        self.functions: list[tuple[str, ast.Fn, str | None]] = []
        for name in sorted(unit.assumes - unit.defines):
            spec = linker.spec(name)
            if spec is None:
                self.builtins.append(name)
            else:
                version = linker.version(name)
                self.functions.append((name, spec, version.key if version is not None else None))


class FormNotes(Notes):
    """What a top-level form did to its namespace, and what became of it.

    Attributes:
        fetched: names of the library that it was the first to mention.
        unit: None when it was walked.
        inner: of a module, the notes of its forms.
    """

    def __init__(self, level: Level) -> None:
        super().__init__(level.namespace)
        self.node: Any = None
        self.fetched: list[str] = []
        self.fresh = 0
        self.warnings: list[AnalysisError] = []
        self.unit: UnitNotes | None = None
        self.inner: Level | None = None
        self.macro = level.expand


class Recording:
    """The run of one text, from its beginning."""

    def __init__(self, source: Source, about: bytes) -> None:
        self.source = source
        self.about = about
        self.why_not: str | None = None
        self.imports: dict[str, None] = {}
        self.modules: set[str] = set()  # that are part of the text
        self.compiled = False
        self.top: Level | None = None
        self.complete = False

    def refuse(self, why: str) -> None:
        """It is of no use to a later run."""
        self.why_not = self.why_not or why


class Level:
    """Forms of one namespace that run one after the other: stands in the place of their analyser and evaluator."""

    def __init__(
        self,
        recording: Recording,
        machine: Machine,
        namespace: Namespace,
        evaluator: Any,
        macros: Macros,
        current: Callable[[Any], Any],
    ) -> None:
        self.recording = recording
        self.machine = machine
        self.namespace = namespace
        self.evaluator = evaluator
        self.macros = macros
        self.forms: list[FormNotes] = []
        self.expected: tuple[str, ...] = ()
        self.warnings: list[AnalysisError] = []  # of the form that is being looked at
        self._current = current
        evaluator.keep = self._keep

    @property
    def form(self) -> FormNotes:
        """The notes of the form that is being looked at."""
        return self.forms[-1]

    def expect(self, forms: list[Any]) -> None:
        before = set(self.namespace.expected)
        self.namespace.expect(forms)
        self.expected = tuple(sorted(self.namespace.expected - before))

    def finish(self) -> None:
        """All forms came to their end."""
        if self.recording.top is self:
            self.recording.complete = True

    def top_level(self, form: Any, span: Any) -> ast.Node:
        """The node of a form; see `Analyser`."""
        notes = FormNotes(self)
        self.forms.append(notes)
        analyser = Analyser(notes)  # type: ignore[arg-type]
        values, made = len(self.namespace.values), self.machine.names_made
        notes.node = node = analyser.top_level(form, span)
        notes.fresh = self.machine.names_made - made
        known = self.namespace.values
        notes.fetched = list(islice(reversed(known), len(known) - values))[::-1]
        notes.warnings, self.warnings = list(analyser.warnings), analyser.warnings
        return node

    def evaluate(self, node: ast.Node) -> Any:
        """The value of a node."""
        outer = self._current(self)
        try:
            value = self.evaluator.evaluate(node)
        finally:
            self._current(outer)
        for part in top_parts(node):
            if isinstance(part, ast.Import):
                self.recording.imports[part.module] = None
            elif isinstance(part, ast.Module):
                self.recording.modules.add(part.name)
            elif isinstance(part, ast.Def) and is_fixed(part.value):
                self.namespace.fixed[part.name] = self.namespace.values.get(part.name)
        return value

    def expand(self, name: str) -> Callable[[list[Any]], Any] | None:
        """The expander of a macro; one that may make something else in another run ends the recording."""
        function = self.namespace.macro_function(name)
        if function is not None and not self.macros.is_pure(function, self.namespace):
            self.recording.refuse(f"the macro {name} may depend on the run")
        return self.namespace.macro(name)

    def _keep(self, unit: ir.Unit, generator: Generator, raw: CodeType) -> None:
        self.form.unit = UnitNotes(unit, generator, raw)
        self.recording.compiled = True


def top_parts(node: ast.Node) -> list[ast.Node]:
    """The parts of a form that are carried out once, one after the other, whatever happens."""
    return [inner for part in node.body for inner in top_parts(part)] if isinstance(node, ast.Do) else [node]

