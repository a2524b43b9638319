"""From the notes of a run to an entry of the compile cache: nothing but what `marshal` writes.

`layout` says what stands where.  Constants of the code that Python does not have stand in one table, as tuples of a kind and what
it takes to make them again; in the code a complex number, which no program can contain, says which.  Definitions are written as in
a compiled program (`ir.artefact`), and read only when somebody asks for them.
"""

from __future__ import annotations

import marshal
from types import CodeType

from rtfs.eval.cached.layout import (
    CHECK,
    CODE,
    HELPER,
    IMPORT,
    KEYWORD,
    LITERAL,
    MODULE,
    PLACES,
    SPAN,
    TEMPLATE,
    TUPLE,
    V_KEYWORD,
    V_LIST,
    V_MAP,
    V_METADATA,
    V_RESOURCE,
    V_SET,
    V_SYMBOL,
    V_TABLE,
    V_TIMESTAMP,
    V_TUPLE,
    V_TYPE,
    V_UUID,
    V_VECTOR,
    VALUE,
    WALKED,
)
from rtfs.eval.cached.purity import is_fixed
from rtfs.eval.cached.recording import FormNotes, Level, Recording, UnitNotes, top_parts
from rtfs.eval.cached.store import section
from rtfs.eval.compiled.builder import SENTINEL
from rtfs.eval.compiled.places import Place
from rtfs.eval.compiled.support import COMPARED, NAMES, Template
from rtfs.ir.artefact.writing import Writer
from rtfs.semantics.typecheck import LateCheck
from rtfs.source import Source, Span
from rtfs.syntax import nodes as ast
from rtfs.syntax.words import CORE_MACRO_NAMES
from rtfs.values.forms import MetaForm
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: By identity, the names of what generated code compares things with.
_HELPERS = {id(NAMES[name]): name for name in COMPARED}

_TYPES = "rtfs.types.nodes"


class Unstorable(Exception):
    """Something in the notes has no place in an entry, or means something only in the run that it comes from."""


def encode(recording: Recording, imports: tuple[tuple[str, bytes], ...]) -> tuple[bytes, bytes]:
    """The index and the sections of an entry.

    Args:
        imports: name and digest of every module that the text imports, directly or not.
    Raises:
        Unstorable: the text is to be read and compiled again each time.
    """
    if recording.why_not is not None:
        raise Unstorable(recording.why_not)
    assert recording.top is not None
    return _Encoder(recording, imports).entry(recording.top)


def _can_wait(notes: UnitNotes, node: ast.Node) -> bool:
    """Whether a form does nothing but define a function that answers with values: its code is not needed before it is called."""
    if not (isinstance(node, ast.Def) and node.type is None and isinstance(node.value, ast.Fn)):
        return False
    (top,) = [c for c in notes.raw.co_consts if type(c) is CodeType]
    return {" known", " define"} <= set(top.co_names) <= {" known", " define", *notes.generator.functions}


def _is_literal(node: ast.Node) -> bool:
    """Whether a form defines a name as a literal."""
    return isinstance(node, ast.Def) and node.type is None and not isinstance(node.value, ast.Fn) and is_fixed(node.value)


class _Definitions(Writer):
    """Writes definitions, and takes note of what is in them."""

    def __init__(self, source: Source) -> None:
        super().__init__((source,))
        self.fns: list[ast.Fn] = []
        self.globals: list[ast.Node] = []  # what gives global names a meaning, or asks whether they have one

    def record(self, item: Any) -> None:
        if isinstance(item, ast.Fn):
            self.fns.append(item)
        elif isinstance(item, ast.Module):
            raise Unstorable("a module inside a form")
        elif isinstance(item, (ast.Def, ast.SetGlobal, ast.DefStruct, ast.Import, ast.ContextGet)):
            self.globals.append(item)
        super().record(item)

    def value(self, value: Any) -> None:
        if type(value) not in _WRITABLE:
            raise Unstorable(f"a {type(value).__name__} in a definition")
        super().value(value)

    def bytes_of(self, node: ast.Node) -> bytes:
        self.out = bytearray()
        self.root(node)
        for binding in self.bindings:
            self.number(binding.uses)
            self.number(binding.assigned + 2 * binding.captured)
        return bytes(self.out)


_WRITABLE = frozenset(
    (type(None), bool, int, float, str, Keyword, Symbol, Timestamp, Uuid, ResourceHandle, MetaForm, Map, Vector, List)
)


class _Encoder:
    def __init__(self, recording: Recording, imports: tuple[tuple[str, bytes], ...]) -> None:
        self.recording = recording
        self.imports = imports
        self.source = recording.source
        self.definitions = _Definitions(recording.source)
        self._pool: list[tuple[Any, ...]] = []  # the constants of the unit that is being written
        self._numbers: dict[Any, int] = {}  # what one is known by -> its number
        self._fns: dict[int, int] = {}  # id of a function's definition -> its number
        self._typed = bytearray()  # by that number: whether its result has a type
        self._asts: list[tuple[bytes, tuple[int, int], set[str]]] = []
        self.modules: list[str] = []
        self._sections = bytearray()

    def entry(self, top: Level) -> tuple[bytes, bytes]:
        self._define(top)
        self._asts.reverse()
        forms = tuple([self.form(notes, top) for notes in top.forms])
        tables = (list(self.definitions.texts), list(self.definitions.integers), self._floats())
        if len(self.definitions.sources) > 1:
            raise Unstorable("code from another text")
        parts = (self.imports, tuple(self.modules), marshal.dumps(tables), bytes(self._typed), top.expected, forms)
        try:
            return marshal.dumps(parts), bytes(self._sections)
        except ValueError as error:  # nested too deeply, or something that is no constant
            raise Unstorable(str(error)) from None

    def _floats(self) -> list[float]:
        from struct import unpack

        return list(unpack(f">{len(self.definitions.floats)}d", b"".join(self.definitions.floats)))

    # --- definitions ---

    def _define(self, level: Level) -> None:
        """Write the definitions of all forms, so that their functions have numbers."""
        macros = {*CORE_MACRO_NAMES, *level.namespace.macros, *[name for notes in level.forms for name, _ in notes.macros]}
        for notes in level.forms:
            if isinstance(notes.node, ast.Module):
                if notes.inner is None:
                    raise Unstorable("a module whose forms did not run")
                self.modules.append(notes.node.name)
                self._asts.append((b"", (len(self._fns), 0), set()))
                self._define(notes.inner)
                continue
            if _is_literal(notes.node):
                self._asts.append((b"", (len(self._fns), 0), set()))
                continue
            first = len(self._fns)
            self.definitions.fns.clear()
            self.definitions.globals.clear()
            made = self.definitions.bytes_of(notes.node)
            self._check_globals(notes.node, macros)
            for fn in self.definitions.fns:
                if id(fn) in self._fns:
                    raise Unstorable("a function that stands in several places")
                self._fns[id(fn)] = len(self._fns)
                self._typed.append(fn.result is not None)
            asked = {item.name for item in self.definitions.globals if isinstance(item, (ast.ContextGet, ast.SetGlobal))}
            self._asts.append((made, (first, len(self._fns) - first), asked))

    def _check_globals(self, node: ast.Node, macros: set[str]) -> None:
        """What analysing a later form came to must not depend on what this one does when it runs."""
        surely = {id(part) for part in top_parts(node)}
        for item in self.definitions.globals:
            if id(item) in surely or isinstance(item, ast.ContextGet):
                continue
            if isinstance(item, ast.Import):
                raise Unstorable("an import that may not happen")
            if isinstance(item, ast.DefStruct) and item.binding is not None:
                continue
            name: str = item.name  # type: ignore[attr-defined]
            if name in macros:
                raise Unstorable(f"{name} may stop being a macro")

    def fn(self, spec: Any) -> int:
        number = self._fns.get(id(spec))
        if number is None:
            raise Unstorable("a function that no form of the text defines")
        return number

    # --- forms ---

    def form(self, notes: FormNotes, level: Level) -> tuple[Any, ...]:
        """The parts of a `layout.Form`."""
        definition, (first, count), asked = self._asts.pop()
        node = notes.node
        kind: int = WALKED
        code: Any = None
        more: tuple[Any, ...] | None = None
        if isinstance(node, ast.Module):
            assert notes.inner is not None
            forms = tuple([self.form(part, notes.inner) for part in notes.inner.forms])
            kind = MODULE
            code = (node.name, node.version, node.doc, node.exports, self.span(node.span), notes.inner.expected, forms)
        elif not definition:
            return LITERAL, (node.name, self.literal(node.value)), b"", 0, 0, self.effects(notes, asked), (node.name,), None
        else:
            unit = notes.unit or self._compiled(notes, level)
            if unit is not None:
                kind, code, more = CODE, self._top(unit, late=_can_wait(unit, node)), self._granted(unit, node)
        fixed = tuple([part.name for part in top_parts(node) if isinstance(part, ast.Def) and is_fixed(part.value)])
        return kind, code, definition, first, count, self.effects(notes, asked), fixed, more

    def _granted(self, notes: UnitNotes, node: ast.Node) -> tuple[Any, ...]:
        """What code takes for granted, and what it is taken for itself."""
        unit, generator = notes.unit, notes.generator
        version: tuple[Any, ...] | None = None
        if notes.version is not None:
            found = notes.version
            known = tuple([tuple(param) for param in found.params])
            version = (unit.name, self.fn(found.spec), found.key, known, tuple(found.result))
        elif unit.function is not None:
            version = (unit.name, -1, "", (), ())
        return (
            tuple(notes.builtins),
            tuple([(name, self.fn(spec), key) for name, spec, key in notes.functions]),
            tuple(sorted(unit.assumes & unit.defines)) if unit.assumes and unit.functions else None,
            tuple(sorted(generator.calm)),
            tuple(sorted(unit.unstable)),
            tuple([(key, name, self.fn(spec)) for key, name, spec in generator.flags]),
            version,
            (unit.name, self.fn(unit.function.ast)) if unit.function is not None else None,
            self._late(node) if _can_wait(notes, node) else None,
            notes.versions_made,
        )

    def _late(self, node: ast.Node) -> tuple[Any, ...]:
        """What a function is, apart from its code."""
        assert isinstance(node, ast.Def)
        fn = node.value
        assert isinstance(fn, ast.Fn)
        return fn.name, len(fn.params), fn.rest is not None, self.value(fn.meta)

    def _compiled(self, notes: FormNotes, level: Level) -> UnitNotes | None:
        """The code of a form that was walked in this run: to walk it again would take the tree evaluator, and its definition."""
        from rtfs.eval.compiled import CompiledEvaluator

        made: list[UnitNotes] = []
        evaluator = CompiledEvaluator(level.machine, level.namespace, "none")
        evaluator.keep = lambda unit, generator, raw: made.append(UnitNotes(unit, generator, raw))
        evaluator.compile(notes.node)
        return made[0] if made else None

    def effects(self, notes: FormNotes, asked: set[str]) -> tuple[Any, ...] | None:
        """What analysing the form does: (declared, types, near misses, macros, fresh names, warnings, names of the library)."""
        macros = tuple([(name, self.definitions.bytes_of(function)) for name, function in notes.macros])
        warnings = tuple([(w.kind, w.message, w.hint, self.span(w.span)) for w in notes.warnings])
        fetched = tuple([name for name in notes.fetched if "/" in name or name in asked])
        found = (
            *(tuple(notes.declared), tuple(notes.declared_types), tuple(notes.near_misses.new.items()), macros),
            *(notes.fresh, warnings, fetched),
        )
        return found if any(found) else None

    def literal(self, node: ast.Node) -> Any:
        """The value of a node that `is_fixed`."""
        if isinstance(node, ast.MakeVector):
            return V_VECTOR, tuple([self.literal(item) for item in node.items])
        if isinstance(node, ast.MakeMap):
            entries = zip(node.keys, node.values, strict=True)
            return V_MAP, tuple([part for key, item in entries for part in (self.value(key), self.literal(item))])
        assert isinstance(node, ast.Const)
        return self.value(node.value)

    def span(self, span: Span | None) -> tuple[int, int] | None:
        if span is None:
            return None
        if span.source is not self.source:
            raise Unstorable("a place in another text")
        return span.start, span.end

    # --- code ---

    def _top(self, unit: UnitNotes, *, late: bool) -> tuple[int, int, bytes]:
        """The section with the code that carries a form out, with numbers of constants in it, and with the constants.

        Args:
            late: it only makes the function, which has its name already.
        """
        generator = unit.generator
        self._pool = []
        self._numbers = {}
        table = self._places(generator.places)
        constants = [self.constant(value) for value in generator.constants]
        (top,) = [c for c in unit.raw.co_consts if type(c) is CodeType]

        def replaced(constant: Any) -> Any:
            if type(constant) is str and constant.startswith(SENTINEL):
                return complex(0, constants[int(constant[len(SENTINEL) :])])
            if type(constant) is tuple:
                return tuple([replaced(item) for item in constant])
            return numbered(constant) if type(constant) is CodeType else constant

        def numbered(code: CodeType) -> CodeType:
            label, spec = generator.functions.get(code.co_name, (None, None))
            fn = -1 if spec is None else self.fn(spec)
            places = self._add((PLACES, table, label, fn), id(code))  # each code object has its own
            return code.replace(co_consts=(*[replaced(c) for c in code.co_consts], complex(0, places)), co_filename="")

        code = numbered(top)
        if late:
            code = code.replace(co_names=tuple([" hold" if name == " define" else name for name in code.co_names]))
        data = marshal.dumps((code, tuple(self._pool)))
        known = section(data, len(self._sections))
        self._sections += data
        return known

    def _places(self, places: dict[Any, Place]) -> bytes:
        """The places of a unit: rows of (position, span, spans of operands, name, number of the row of the call around)."""
        numbers = {id(place): i for i, place in enumerate(places.values())}
        rows = []
        for position, place in places.items():
            inlined = numbers[id(place.inlined)] if place.inlined is not None else None
            rows.append((position, self.span(place.span), tuple([self.span(arg) for arg in place.args]), place.name, inlined))
        return marshal.dumps(rows)

    def constant(self, value: Any) -> int:
        """The number of a constant."""
        kind = type(value)
        if kind is Keyword:
            return self._add((KEYWORD, value.name), (KEYWORD, value.name))
        if kind is Span:
            found = self.span(value)
            assert found is not None
            return self._add((SPAN, *found), (SPAN, *found))
        known = self._numbers.get(id(value))
        if known is None:
            known = self._add(self._recipe(value), id(value))
        return known

    def _add(self, recipe: tuple[Any, ...], key: Any) -> int:
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self._pool)
            self._pool.append(recipe)
        return found

    def _recipe(self, value: Any) -> tuple[Any, ...]:
        if isinstance(value, LateCheck):
            return CHECK, self.value(value.type())
        if isinstance(value, Template):
            count = value.count
            return TEMPLATE, self.fn(value.spec), value.name, count, value.arity < 0, self.value(value.meta)
        if isinstance(value, ast.Import):
            return IMPORT, self.span(value.span), value.module, value.alias, value.only, value.version
        if type(value) is tuple and any(type(item) is Span or type(item) is tuple for item in value):
            return TUPLE, tuple([self.constant(item) for item in value])
        if id(value) in _HELPERS:
            return HELPER, _HELPERS[id(value)]
        return VALUE, self.value(value)

    def value(self, value: Any) -> Any:
        """A value: tuples stand for what Python does not have."""
        kind = type(value)
        if value is None or kind in (bool, int, float, str):
            return value
        if kind is Keyword or kind is Symbol:
            return (V_KEYWORD if kind is Keyword else V_SYMBOL), value.name
        if kind is Timestamp or kind is Uuid or kind is ResourceHandle:
            return (V_TIMESTAMP if kind is Timestamp else V_UUID if kind is Uuid else V_RESOURCE), value.text
        if kind is Vector or kind is List:
            return (V_VECTOR if kind is Vector else V_LIST), tuple([self.value(item) for item in value.items()])
        if kind is Map:
            return V_MAP, tuple([self.value(x) for entry in value.items() for x in entry])
        if kind is MetaForm:
            return V_METADATA, self.value(value.meta), self.value(value.form)
        if kind is tuple:
            return V_TUPLE, tuple([self.value(item) for item in value])
        if kind is frozenset:
            return V_SET, tuple([self.value(item) for item in value])
        if kind is dict:
            return V_TABLE, tuple([self.value(key) for key in value]), tuple([self.value(item) for item in value.values()])
        if isinstance(value, Struct) and kind.__module__ == _TYPES:
            return (V_TYPE, kind.__name__, *[self.value(getattr(value, field)) for field in value._fields])
        raise Unstorable(f"a {kind.__name__} in the code")
