"""Running programs through artefacts: every form is stored, read and checked before it is evaluated."""

from __future__ import annotations

from typing import Any

from rtfs.ir.artefact.container import decode, encode
from rtfs.ir.artefact.program import Prepared, Program, modules_in
from rtfs.programs import Programs
from rtfs.runtime import Runtime
from rtfs.semantics.namespace import Namespace
from rtfs.semantics.noting import Notes
from rtfs.source import Source
from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse import Analyser
from rtfs.values.forms import span_of
from rtfs.values.struct import Struct


class Through(Runtime):
    """A runtime in which each form is analysed, written to an artefact, and run as it is read from there."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._programs = _ThroughArtefacts(
            self.machine,
            evaluator=lambda namespace: self._evaluator(namespace),
            find_module=lambda name: self._find_module(name),
            warn=lambda warning: self.on_analysis_warning(warning),
            folder=None,
            settings=(),
            may_cache=lambda: False,
        )


class _ThroughArtefacts(Programs):
    def _run_forms(self, namespace: Namespace, forms: Any, source: Source | None = None) -> Any:
        forms = list(forms)
        namespace.expect([form for form, _ in forms])
        value = None
        for form, span in forms:
            value = super()._run_forms(namespace, [self._stored(namespace, form, span)])
        return value

    def _stored(self, namespace: Namespace, form: Any, span: Any) -> tuple[Any, Any]:
        if isinstance(form, Prepared):
            return form, None
        machine = self._machine
        notes, before = Notes(namespace), machine.names_made
        analyser = Analyser(notes)  # type: ignore[arg-type]
        node = self._within(namespace, lambda: analyser.top_level(form, span))
        if modules_in(node):
            machine._fresh = before
            return form, span
        made = machine.names_made - before
        machine._fresh = before
        place = span_of(form, span)
        sources = (place.source if place is not None else Source("<literal>", ""),)
        prepared = Prepared(
            node,
            (),
            tuple(notes.declared),
            tuple(notes.declared_types),
            tuple(notes.near_misses.new.items()),
            tuple(notes.macros),
            made,
            tuple(analyser.warnings),
        )
        program = Program((prepared,), {}, sources)
        data = encode(program)
        (again,) = decode(data, "a form").forms
        assert same(again.node, node)
        assert encode(Program((again,), {}, (place_source(again.node, sources[0]),))) == data
        return again, None


def place_source(node: Any, other: Source) -> Source:
    """The source that a node points into first, or one like `other`."""
    found = [item.span.source for item in parts(node) if getattr(item, "span", None) is not None]
    return next((source for source in found if source.name == other.name), Source(other.name, other.text))


def parts(node: Any) -> list[Any]:
    """A node and all structs in it."""
    found: list[Any] = []
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Struct):
            found.append(item)
            waiting += [getattr(item, field) for field in reversed(item._fields)]
        elif type(item) is tuple:
            waiting += reversed(item)
    return found


def same(a: Any, b: Any) -> bool:
    """Whether two nodes are the same in everything, places and the names of bindings too."""
    from rtfs.source import Span
    from rtfs.values.equality import equal

    bindings: dict[ast.Binding, ast.Binding] = {}
    waiting = [(a, b)]
    while waiting:
        x, y = waiting.pop()
        if isinstance(x, ast.Binding):
            if bindings.setdefault(x, y) is not y or (x.name, x.late, x.assigned, x.uses, x.captured) != (
                y.name, y.late, y.assigned, y.uses, y.captured
            ):
                return False
            waiting.append((x.span, y.span))
        elif type(x) is not type(y):
            return False
        elif isinstance(x, ast.Scope):
            if len(x.bindings) != len(y.bindings):
                return False
            waiting += zip(x.bindings, y.bindings, strict=True)
        elif isinstance(x, Struct):
            waiting += [(getattr(x, field), getattr(y, field)) for field in x._fields]
        elif type(x) is tuple:
            if len(x) != len(y):
                return False
            waiting += zip(x, y, strict=True)
        elif isinstance(x, Span):
            if (x.source.name, x.start, x.end) != (y.source.name, y.start, y.end):
                return False
        elif not (equal(x, y) or (x != x and y != y) or "NaN" in repr(x)):
            return False
    return True
