"""What is wanted of an expression, and how a mismatch is worded."""

from __future__ import annotations

from rtfs.checker.shapes import literal, plain
from rtfs.types.nodes import (
    KEYWORD,
    EnumType,
    FunctionType,
    Lookup,
    MapOfType,
    Primitive,
    RecordType,
    TupleType,
    Type,
    UnionType,
    VectorType,
    union,
)
from rtfs.types.printing import type_text
from rtfs.types.subtyping import overlap
from rtfs.values.equality import kind_of
from rtfs.values.printing import preview, to_readable
from rtfs.values.scalars import Keyword
from rtfs.values.struct import Struct

#: What can stand first in a call, and where a function is wanted.
CALLABLE = union(Primitive("function"), KEYWORD)
_SHOWN = 90  # characters of a type in a message


class Want(Struct):
    """The type that an expression should have.

    Attributes:
        where: who wants it: "`area`, parameter `width`".
        path: the place inside the value: `.items[3].price`.
    """

    type: Type
    where: str
    path: str = ""

    def inside(self, type: Type, step: str) -> Want:
        return Want(type, self.where, self.path + step)

    def missing(self, actual: Type, lookup: Lookup) -> str:
        """The sentence for a value of type `actual`, which cannot belong."""
        path, wanted, got = culprit(self.type, actual, lookup)
        at = self.path + path
        return f"{self.where}: expected {words(wanted)}, got {words(got)}{f' at {at}' if at else ''}"


def step(key: object) -> str:
    """A step into a map, as run-time errors write it."""
    return f".{key.name}" if type(key) is Keyword else f"[{to_readable(key)}]"


def words(type: Type) -> str:
    """A type for a message; a single value with its kind."""
    values = literal(type)
    if values:
        text = preview(values[0], 40)
        return "nil" if values[0] is None else f"the {kind_of(values[0])} {text}"
    if type == CALLABLE:
        return "a function"
    if isinstance(type, EnumType):
        shown = ", ".join([preview(value, 20) for value in type.values[:5]])
        return f"one of {shown}{', …' if len(type.values) > 5 else ''}"
    if isinstance(type, UnionType) and len(type.options) == 2 and words(type.options[1]) == "nil":
        return f"{words(type.options[0])} or nil"
    if isinstance(type, FunctionType) and not any(plainly(p) for p in type.params):
        return "a function"
    text = type_text(type)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def plainly(type: Type) -> bool:
    return type_text(type) != "any"


def culprit(wanted: Type, actual: Type, lookup: Lookup) -> tuple[str, Type, Type]:
    """(path, wanted, actual) of the innermost part that cannot belong."""
    path = ""
    while True:
        inner = _inner(plain(wanted, lookup), plain(actual, lookup), lookup)
        if inner is None:
            return path, wanted, actual
        path, wanted, actual = path + inner[0], inner[1], inner[2]


def _inner(wanted: Type, actual: Type, lookup: Lookup) -> tuple[str, Type, Type] | None:
    if isinstance(wanted, RecordType) and isinstance(actual, RecordType):
        known = {to_readable(entry.key): entry for entry in actual.entries}
        for entry in wanted.entries:
            other = known.get(to_readable(entry.key))
            if other is not None and not entry.optional and not other.optional and not overlap(other.type, entry.type, lookup):
                return step(entry.key), entry.type, other.type
    elif isinstance(actual, TupleType):
        items: tuple[Type, ...] = ()
        if isinstance(wanted, VectorType):
            items = (wanted.item,) * len(actual.items)
        elif isinstance(wanted, TupleType) and len(wanted.items) == len(actual.items):
            items = wanted.items
        for i, (want, got) in enumerate(zip(items, actual.items, strict=False)):
            if not overlap(got, want, lookup):
                return f"[{i}]", want, got
    elif isinstance(wanted, MapOfType) and isinstance(actual, RecordType):
        for entry in actual.entries:
            if not entry.optional and not overlap(entry.type, wanted.value, lookup):
                return step(entry.key), wanted.value, entry.type
    return None
