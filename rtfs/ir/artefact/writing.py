"""Programs to numbers: the records of an artefact.

A root (a node, or the function of a macro) is written as its bindings, then a record for each part of it, inner ones first, then
`END`: whoever reads it keeps the finished parts on a stack and never nests.  Numbers are unsigned, seven bits in a byte, the lowest
first.  Texts, long integers and floats stand in tables of the whole file, each once.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.ir.artefact import schema
from rtfs.ir.artefact.program import Prepared, Program
from rtfs.source import Source, Span
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import Type
from rtfs.values.forms import MetaForm
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Integers of more bits stand in a table.
_SMALL_BITS = 30

_NAMED: dict[type, int] = {Keyword: schema.KEYWORD, Symbol: schema.SYMBOL}
_TYPED: dict[type, int] = {Timestamp: schema.TIMESTAMP, Uuid: schema.UUID, ResourceHandle: schema.RESOURCE}


class Writer:
    """Writes one program.

    Attributes:
        out: what is being written.
        texts, integers, floats: text, integer, bits of a float -> its number in the file's table.
        sources: in the order of the program; others are added.
        bindings: of the last root, and their numbers.
    """

    def __init__(self, sources: tuple[Source, ...]) -> None:
        self.out = bytearray()
        self.texts: dict[str, int] = {}
        self.integers: dict[int, int] = {}
        self.floats: dict[bytes, int] = {}
        self.sources = {source: i for i, source in enumerate(sources)}
        self.bindings: dict[ast.Binding, int] = {}
        self._modules: dict[int, int] = {}  # id of a module node -> its number among those of the form
        self._source, self._start, self._length = 0, 0, 0  # of the last span

    # --- numbers, texts, spans ---

    def number(self, value: int) -> None:
        while value > 127:
            self.out.append(value & 127 | 128)
            value >>= 7
        self.out.append(value)

    def text(self, text: str) -> None:
        self.number(self.texts.setdefault(text, len(self.texts)))

    def names(self, names: tuple[str, ...]) -> None:
        self.number(len(names))
        for name in names:
            self.text(name)

    def span(self, span: Span | None) -> None:
        """0: none; 1: the last one again; 2: another source, start, length; else where it starts, as seen from the last, length."""
        if span is None:
            self.number(0)
            return
        source = self.sources.setdefault(span.source, len(self.sources))
        start, length = span.start, span.end - span.start
        if (source, start, length) == (self._source, self._start, self._length):
            self.number(1)
            return
        if source != self._source:
            self.number(2)
            self.number(source)
            self.number(start)
        else:
            ahead = start - self._start
            self.number(3 + (2 * ahead if ahead >= 0 else -2 * ahead - 1))
        self.number(length)
        self._source, self._start, self._length = source, start, length

    def from_here(self) -> None:
        """Spans are seen from the beginning of the program's own text."""
        self._source, self._start, self._length = 0, 0, 0

    # --- forms ---

    def program(self, program: Program) -> None:
        self.forms(program.forms)
        self.number(len(program.modules))
        for name, forms in program.modules.items():
            self.text(name)
            self.forms(forms)

    def forms(self, forms: tuple[Prepared, ...]) -> None:
        self.number(len(forms))
        for form in forms:
            self.form(form)

    def form(self, form: Prepared) -> None:
        modules = form.inner()
        self.number(len(modules))
        for _, inner in modules:
            self.forms(inner)
        self.names(form.expected)
        self.names(form.declared)
        self.names(form.declared_types)
        self.number(len(form.near_misses))
        for pair in form.near_misses:
            self.text(pair[0])
            self.text(pair[1])
        self.number(form.fresh)
        self.number(len(form.warnings))
        self.from_here()
        for warning in form.warnings:
            self.text(warning.kind)
            self.text(warning.message)
            self.number(0 if warning.hint is None else 1)
            if warning.hint is not None:
                self.text(warning.hint)
            self.span(warning.span)
        self.number(len(form.macros))
        for name, function in form.macros:
            self.text(name)
            self.root(function)
        self._modules = {id(module): i for i, (module, _) in enumerate(modules)}
        self.root(form.node)

    def root(self, node: ast.Node) -> None:
        """A node with everything in it."""
        outer, self.out = self.out, bytearray()
        self.bindings = {}
        self.from_here()
        self.parts(node)
        records, self.out = self.out, outer
        self.from_here()
        self.number(len(self.bindings))
        for binding in self.bindings:
            self.text(binding.name)
            self.number(binding.late)
            self.span(binding.span)
        self.out += records
        self.number(schema.END)

    def parts(self, node: Any) -> None:
        """The records of something and of everything in it; without recursion, as programs may nest deeply."""
        waiting: list[Any] = [node]
        while waiting:
            item = waiting.pop()
            if type(item) is tuple:  # its parts are written
                self.record(item[0])
                continue
            inner = schema.children(item) if isinstance(item, Struct) else _items(item)
            if inner:
                waiting.append((item,))
                waiting += reversed(inner)
            else:
                self.record(item)

    def record(self, item: Any) -> None:
        if not isinstance(item, Struct):
            self.value(item)
            return
        number = schema.NUMBERS[type(item)]
        self.number(number)
        for field, kind in reversed(schema.NODES[number][1]):  # the reader takes parts from its stack, the last first
            PUT[kind](self, getattr(item, field), item, field)

    def value(self, value: Any) -> None:
        kind = type(value)
        if value is None:
            self.number(schema.NIL)
        elif kind is bool:
            self.number(schema.TRUE if value else schema.FALSE)
        elif kind is int:
            if value.bit_length() <= _SMALL_BITS:
                self.number(schema.INT)
                self.number(2 * value if value >= 0 else -2 * value - 1)
            else:
                self.number(schema.BIG_INT)
                self.number(self.integers.setdefault(value, len(self.integers)))
        elif kind is float:
            self.number(schema.FLOAT)
            self.number(self.floats.setdefault(float_bits(value), len(self.floats)))
        elif kind is str:
            self.number(schema.STRING)
            self.text(value)
        elif kind in _NAMED:
            self.number(_NAMED[kind])
            self.text(value.name)
        elif kind in _TYPED:
            self.number(_TYPED[kind])
            self.text(value.text)
        elif kind is MetaForm:
            self.number(schema.METADATA)
        elif kind is Map:
            self.number(schema.MAP)
            self.number(len(value))
        else:
            assert kind is Vector or kind is List, kind
            self.number(schema.VECTOR if kind is Vector else schema.LIST)
            self.number(len(value))

    # --- fields ---

    def binding(self, binding: ast.Binding) -> None:
        self.number(self.bindings.setdefault(binding, len(self.bindings)))

    def module(self, module: ast.Module) -> None:
        """Which of the modules of the form the node is."""
        self.number(self._modules[id(module)])


def float_bits(value: float) -> bytes:
    from struct import pack

    return pack(">d", value)


def _items(value: Any) -> list[Any]:
    """What is in a value, as it is read back: keys and values of a map alternate."""
    kind = type(value)
    if kind is Vector or kind is List:
        items: list[Any] = value.items()
        return items
    if kind is Map:
        return [x for entry in value.items() for x in entry]
    return [value.meta, value.form] if kind is MetaForm else []


# --- what of a field stands in the record itself -----------------------------------------------


def _nothing(w: Writer, value: Any, item: Struct, field: str) -> None:
    return None


def _count(w: Writer, value: tuple[Any, ...], item: Struct, field: str) -> None:
    w.number(len(value))


def _present(w: Writer, value: Any, item: Struct, field: str) -> None:
    w.number(0 if value is None else 1)


def _flag(w: Writer, value: bool, item: Struct, field: str) -> None:
    w.number(1 if value else 0)


def _span(w: Writer, value: Span | None, item: Struct, field: str) -> None:
    w.span(value)


def _text(w: Writer, value: str, item: Struct, field: str) -> None:
    w.text(value)


def _names(w: Writer, value: tuple[str, ...], item: Struct, field: str) -> None:
    w.names(value)


def _choice(w: Writer, value: str, item: Struct, field: str) -> None:
    w.number(schema.CHOICES[type(item), field].index(value))


def _binding(w: Writer, value: ast.Binding, item: Struct, field: str) -> None:
    w.binding(value)


def _scope(w: Writer, value: ast.Scope, item: Struct, field: str) -> None:
    w.number(len(value.bindings))
    for binding in value.bindings:
        w.binding(binding)


def _types(w: Writer, value: tuple[Type | None, ...], item: Struct, field: str) -> None:
    w.number(len(value))
    for one in value:
        w.number(0 if one is None else 1)


def _selector(w: Writer, value: str | Type | None, item: Struct, field: str) -> None:
    w.number(0 if value is None else 1 if isinstance(value, str) else 2)
    if isinstance(value, str):
        w.text(value)


def _shape(w: Writer, value: tuple[int | None, ...], item: Struct, field: str) -> None:
    w.number(len(value))
    for size in value:
        w.number(0 if size is None else size + 1)


def _forms(w: Writer, value: Any, item: Struct, field: str) -> None:
    assert isinstance(item, ast.Module)
    w.module(item)


def _optional(put: Put) -> Put:
    def put_optional(w: Writer, value: Any, item: Struct, field: str) -> None:
        w.number(0 if value is None else 1)
        if value is not None:
            put(w, value, item, field)

    return put_optional


Put = Callable[[Writer, "Any", Struct, str], None]

PUT: dict[str, Put] = {
    **dict.fromkeys(("value", "node", "pattern", "type", "part"), _nothing),
    **dict.fromkeys(("value?", "node?", "pattern?", "type?", "part?"), _present),
    **dict.fromkeys(("values", "nodes", "patterns", "types", "parts"), _count),
    **dict.fromkeys(("text", "name"), _text),
    **dict.fromkeys(("text?", "name?"), _optional(_text)),
    "names": _names,
    "names?": _optional(_names),
    "flag": _flag,
    "span": _span,
    "choice": _choice,
    "choice?": _optional(_choice),
    "binding": _binding,
    "binding?": _optional(_binding),
    "scope": _scope,
    "scope?": _optional(_scope),
    "types?": _types,
    "selector": _selector,
    "shape": _shape,
    "forms": _forms,
}
