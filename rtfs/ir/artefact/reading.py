"""The records of an artefact to programs: nothing is believed; only classes of the table are made, from parts of the right kind.

What a record cannot tell (whether names are used where they have a value, whether a `recur` stands in tail position …) is looked at
afterwards, by `wellformed`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from rtfs.errors import KINDS, AnalysisError
from rtfs.ir.artefact import schema
from rtfs.ir.artefact.program import Prepared, Program
from rtfs.source import Source, Span
from rtfs.syntax import nodes as ast
from rtfs.syntax.build import MAX_INTEGER_DIGITS, MAX_KEY_DEPTH, deeper_than
from rtfs.syntax.terminals import TERMINALS
from rtfs.types.nodes import Type
from rtfs.values.forms import MetaForm
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Sequence, Vector
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What a macro can make of a name, which is more than a text can hold: nothing that would print as more than one form.
_NAME = re.compile(r"""[^\s\x00-\x1f,;"'`~^\\()\[\]{}]+""")
_TYPED: dict[int, tuple[type, re.Pattern[str]]] = {
    schema.TIMESTAMP: (Timestamp, re.compile(TERMINALS["TIMESTAMP"])),
    schema.UUID: (Uuid, re.compile(TERMINALS["UUID"])),
    schema.RESOURCE: (ResourceHandle, re.compile(TERMINALS["RESOURCE"])),
}
_NUMBER_BITS = 35
_MAX_INTEGER_BYTES = MAX_INTEGER_DIGITS * 10 // 24 + 1  # log2(10) / 8 is 0.415


class Corrupt(Exception):
    """The file is not one that `writing` makes."""


def numbers(data: bytes) -> Iterator[int]:
    """The numbers that bytes stand for."""
    source = iter(data)
    for byte in source:
        if byte < 128:
            yield byte
            continue
        value, shift = byte & 127, 7
        for byte in source:
            value |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift >= _NUMBER_BITS:
                raise Corrupt("a number is too long")
        else:
            raise Corrupt("the last number is not complete")
        if not byte:
            raise Corrupt("a number is not as short as it can be")
        yield value


class Reader:
    """Reads one program.

    Args:
        code: what a `Writer` left in `out`.
        texts, integers, floats, sources: the tables of the file.
    """

    def __init__(self, code: bytes, texts: list[str], integers: list[int], floats: list[float], sources: list[Source]) -> None:
        self.number: Callable[[], int] = numbers(code).__next__
        self.left = len(code)  # at least as many as there are numbers: no count can be larger
        self.texts, self.integers, self.floats, self.sources = texts, integers, floats, sources
        self.stack: list[Any] = []
        self.bindings: list[ast.Binding] = []
        self.modules: list[tuple[Prepared, ...]] = []  # of the form that is being read, and how many have found their node
        self.modules_used = 0
        self.makers = MAKERS
        self._names: dict[int, str] = {}
        self._source, self._start, self._length = sources[0], 0, 0

    # --- numbers, texts, spans ---

    def count(self) -> int:
        found = self.number()
        if found > self.left:
            raise Corrupt(f"{found} of something in a file of {self.left} bytes")
        return found

    def flag(self) -> bool:
        found = self.number()
        if found > 1:
            raise Corrupt(f"{found} where yes or no belongs")
        return found == 1

    def text(self) -> str:
        return self.texts[self.number()]

    def name(self) -> str:
        number = self.number()
        found = self._names.get(number)
        if found is None:
            found = self.texts[number]
            if _NAME.fullmatch(found) is None:
                raise Corrupt(f"{found[:40]!r} is not a name")
            self._names[number] = found
        return found

    def names(self) -> tuple[str, ...]:
        return tuple([self.name() for _ in range(self.count())])

    def span(self) -> Span | None:
        number = self.number()
        if number == 0:
            return None
        if number > 1:
            if number == 2:
                self._source = self.sources[self.number()]
                start = self.number()
            else:
                number -= 3
                start = self._start + (-(number >> 1) - 1 if number & 1 else number >> 1)
            length = self.number()
            if start < 0 or start + length > len(self._source.text):
                raise Corrupt(f"a place outside of {self._source.name}")
            self._start, self._length = start, length
        return Span(self._source, self._start, self._start + self._length)

    def from_here(self) -> None:
        self._source, self._start, self._length = self.sources[0], 0, 0

    # --- forms ---

    def program(self) -> Program:
        """The whole program.

        Raises:
            Corrupt; IndexError, KeyError, StopIteration: a number that leads nowhere, or there are not enough of them.
        """
        forms = self.forms()
        modules = {}
        for _ in range(self.count()):
            name = self.name()
            if name in modules:
                raise Corrupt(f"the module {name} is there twice")
            modules[name] = self.forms()
        if next(iter(self.number, None), None) is not None:
            raise Corrupt("something follows the end")
        return Program(forms, modules, tuple(self.sources))

    def forms(self) -> tuple[Prepared, ...]:
        return tuple([self.form() for _ in range(self.count())])

    def form(self) -> Prepared:
        modules = [self.forms() for _ in range(self.count())]
        expected, declared, declared_types = self.names(), self.names(), self.names()
        near_misses = tuple([(self.name(), self.name()) for _ in range(self.count())])
        fresh = self.number()
        count = self.count()
        self.from_here()
        warnings = tuple([self.warning() for _ in range(count)])
        macros = tuple([(self.name(), self.macro()) for _ in range(self.count())])
        self.modules, self.modules_used = modules, 0
        node = self.root()
        if self.modules_used != len(modules):
            raise Corrupt("the forms of a module that is not there")
        return Prepared(node, expected, declared, declared_types, near_misses, macros, fresh, warnings)

    def warning(self) -> AnalysisError:
        kind, message = self.text(), self.text()
        if kind not in KINDS:
            raise Corrupt(f"{kind[:40]!r} is not a kind of problem")
        hint = self.text() if self.flag() else None
        return AnalysisError(message, kind=kind, hint=hint, span=self.span())

    def macro(self) -> ast.Fn:
        found = self.root()
        if not isinstance(found, ast.Fn):
            raise Corrupt("a macro that is not a function")
        return found

    def root(self) -> ast.Node:
        """A node with everything in it."""
        self.from_here()
        bindings = []
        for _ in range(self.count()):
            name, late = self.name(), self.flag()
            bindings.append(ast.Binding(name, self.span(), late))
        self.bindings = bindings
        self.from_here()
        self.stack = stack = []
        number, makers = self.number, self.makers
        while (kind := number()) != schema.END:
            stack.append(makers[kind](self))
        if len(stack) != 1 or not isinstance(stack[0], ast.Node):
            raise Corrupt("a form that is not one node")
        made: ast.Node = stack.pop()
        return made

    # --- parts ---

    def pop(self, cls: type) -> Any:
        """The last finished part, which must be of a class."""
        part = self.stack.pop()
        if not isinstance(part, cls):
            raise Corrupt(f"{type(part).__name__} where {cls.__name__} belongs")
        return part

    def pop_value(self) -> Any:
        part = self.stack.pop()
        if isinstance(part, Struct):
            raise Corrupt(f"{type(part).__name__} where a value belongs")
        return part

    def pop_all(self, cls: type) -> tuple[Any, ...]:
        count, stack = self.number(), self.stack
        if not count:
            return ()
        if count > len(stack):
            raise Corrupt("parts are missing")
        found = tuple(stack[-count:])
        del stack[-count:]
        for part in found:
            if not isinstance(part, cls):
                raise Corrupt(f"{type(part).__name__} where {cls.__name__} belongs")
        return found

    def pop_values(self, count: int) -> list[Any]:
        stack = self.stack
        if not count:
            return []
        if count > len(stack):
            raise Corrupt("values are missing")
        found = stack[-count:]
        del stack[-count:]
        for value in found:
            if isinstance(value, Struct):
                raise Corrupt(f"{type(value).__name__} where a value belongs")
        return found


# --- values ----------------------------------------------------------------------------------

Make = Callable[[Reader], "Any"]


def _int(r: Reader) -> int:
    number = r.number()
    return -(number >> 1) - 1 if number & 1 else number >> 1


def _map(r: Reader) -> Map:
    flat = r.pop_values(2 * r.count())
    for key in flat[::2]:  # keys are hashed and compared, which takes Python's stack
        if isinstance(key, (Sequence, Map, MetaForm)) and deeper_than(key, MAX_KEY_DEPTH):
            raise Corrupt("the key of a map is nested too deeply")
    return Map([(flat[i], flat[i + 1]) for i in range(0, len(flat), 2)])


def _metadata(r: Reader) -> MetaForm:
    form, meta = r.pop_value(), r.pop(Map)
    return MetaForm(meta, form)


def _typed(number: int) -> Make:
    cls, pattern = _TYPED[number]

    def make(r: Reader) -> Any:
        text = r.text()
        if pattern.fullmatch(text) is None:
            raise Corrupt(f"{text[:40]!r} is not a {cls.__name__}")
        return cls(text)

    return make


def integer(data: bytes) -> int:
    """An integer of the file's table: two's complement, the lowest byte first.

    Raises:
        Corrupt: longer than any that a program text can hold.
    """
    if len(data) > _MAX_INTEGER_BYTES:
        raise Corrupt("an integer is too long")
    return int.from_bytes(data, "little", signed=True)


# --- fields ----------------------------------------------------------------------------------

Read = Callable[[Reader], "Any"]


def _one(cls: type) -> Read:
    return lambda r: r.pop(cls)


def _optional(read: Read) -> Read:
    return lambda r: read(r) if r.flag() else None


def _many(cls: type) -> Read:
    return lambda r: r.pop_all(cls)


def _choice(texts: tuple[str, ...]) -> Read:
    return lambda r: texts[r.number()]


def _binding(r: Reader) -> ast.Binding:
    return r.bindings[r.number()]


def _scope(r: Reader) -> ast.Scope:
    return ast.Scope([r.bindings[r.number()] for _ in range(r.count())])


def _types(r: Reader) -> tuple[Type | None, ...]:
    present = [r.flag() for _ in range(r.count())]
    found = [r.pop(Type) if there else None for there in reversed(present)]
    return tuple(reversed(found))


def _selector(r: Reader) -> str | Type | None:
    kind = r.number()
    if kind > 2:
        raise Corrupt("an unknown sort of selector")
    selector: str | Type | None = None if kind == 0 else r.name() if kind == 1 else r.pop(Type)
    return selector


def _shape(r: Reader) -> tuple[int | None, ...]:
    found = [r.number() for _ in range(r.count())]
    return tuple([size - 1 if size else None for size in found])


def _forms(r: Reader) -> tuple[tuple[Prepared, None], ...]:
    """The forms of a module, as its node holds them; each belong to one node, in order."""
    if r.number() != r.modules_used:
        raise Corrupt("the modules of a form are out of order")
    forms = r.modules[r.modules_used]
    r.modules_used += 1
    return tuple([(form, None) for form in forms])


_READ: dict[str, Read] = {
    "span": Reader.span,
    "text": Reader.text,
    "name": Reader.name,
    "names": Reader.names,
    "flag": Reader.flag,
    "binding": _binding,
    "scope": _scope,
    "value": Reader.pop_value,
    "values": lambda r: tuple(r.pop_values(r.number())),
    "node": _one(ast.Node),
    "nodes": _many(ast.Node),
    "pattern": _one(ast.Pattern),
    "patterns": _many(ast.Pattern),
    "type": _one(Type),
    "types": _many(Type),
    "types?": _types,
    "selector": _selector,
    "shape": _shape,
    "forms": _forms,
}


def _reader_of(cls: type[Struct], field: str, kind: str) -> Read:
    plain = kind.removesuffix("?") if kind != "types?" else kind
    if plain == "part":
        read = _one(schema.PARTS[cls, field])
    elif plain == "parts":
        read = _many(schema.PARTS[cls, field])
    elif plain == "choice":
        read = _choice(schema.CHOICES[cls, field])
    else:
        read = _READ[plain]
    return _optional(read) if plain != kind else read


def _maker(cls: type[Struct], fields: schema.Fields) -> Make:
    """Makes an instance of a class from its record, without its constructor, which costs more than all of this."""
    steps = [(getattr(cls, field).__set__, _reader_of(cls, field, kind)) for field, kind in reversed(fields)]
    # of fields that are not written: what a run finds out, and nothing has been found out yet
    unknown = [(getattr(cls, field).__set__, value) for field, value in cls._defaults.items() if field not in dict(fields)]
    new = object.__new__

    def make(r: Reader) -> Struct:
        made = new(cls)
        for put, read in steps:
            put(made, read(r))
        for put, value in unknown:
            put(made, value)
        return made

    return make


MAKERS: dict[int, Make] = {
    **{number: _maker(cls, fields) for number, (cls, fields) in schema.NODES.items()},
    schema.NIL: lambda r: None,
    schema.TRUE: lambda r: True,
    schema.FALSE: lambda r: False,
    schema.INT: _int,
    schema.BIG_INT: lambda r: r.integers[r.number()],
    schema.FLOAT: lambda r: r.floats[r.number()],
    schema.STRING: Reader.text,
    schema.KEYWORD: lambda r: Keyword(r.name()),
    schema.SYMBOL: lambda r: Symbol(r.name()),
    **{number: _typed(number) for number in _TYPED},
    schema.VECTOR: lambda r: Vector.adopt(r.pop_values(r.count())),
    schema.LIST: lambda r: List.adopt(r.pop_values(r.count())),
    schema.MAP: _map,
    schema.METADATA: _metadata,
}
