"""What is wanted of an expression, and how a mismatch is worded."""

from __future__ import annotations

from rtfs.checker.shapes import literal, options, plain
from rtfs.types.lattice import widened
from rtfs.types.nodes import (
    KEYWORD,
    EnumType,
    FunctionType,
    Lookup,
    MapOfType,
    NeverType,
    Primitive,
    RecordType,
    SequenceType,
    TupleType,
    Type,
    UnionType,
    VectorType,
    union,
)
from rtfs.types.printing import type_text
from rtfs.types.rewriting import rewrite
from rtfs.types.subtyping import overlap
from rtfs.values.equality import kind_of
from rtfs.values.maps import Map
from rtfs.values.printing import preview, to_readable
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Vector
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
        return f"{self.where}: expected {words(wanted)}, got {described(got)}{f' at {at}' if at else ''}"


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
    if isinstance(type, MapOfType) and not plainly(type.key) and not plainly(type.value):
        return "a map"
    if isinstance(type, RecordType) and type.entries and all(isinstance(entry.type, NeverType) for entry in type.entries):
        return f"a map without {', '.join([to_readable(entry.key) for entry in type.entries])}"
    if isinstance(type, SequenceType):
        return f"a sequence of {words(type.item)}" if plainly(type.item) else "a sequence"
    if isinstance(type, FunctionType) and not any(plainly(p) for p in type.params):
        return "a function"
    text = type_text(type)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def described(type: Type) -> str:
    """What was found, for a message: a literal as it is written, the literals inside other types as their kinds."""
    if isinstance(type, (TupleType, RecordType)):
        try:
            value = _literal_value(type)
        except ValueError:
            pass
        else:
            return f"the {kind_of(value)} {preview(value, 40)}"
    if isinstance(type, VectorType) and isinstance(type.item, NeverType):
        return "an empty vector"
    return words(rewrite(type, _without_literals))


def _without_literals(type: Type) -> Type:
    if isinstance(type, TupleType):
        return TupleType(tuple([widened(item) if literal(item) else item for item in type.items]))
    if isinstance(type, RecordType) and isinstance(type.rest, NeverType):
        return widened(type)
    return type


def _literal_value(type: Type) -> Any:
    """The only value of a type.

    Raises:
        ValueError: it has others.
    """
    if literal(type):
        return literal(type)[0]
    if isinstance(type, TupleType):
        return Vector([_literal_value(item) for item in type.items])
    if isinstance(type, RecordType) and isinstance(type.rest, NeverType):
        return Map([(entry.key, _literal_value(entry.type)) for entry in type.entries])
    raise ValueError


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


def _likeliest(wanted: UnionType, actual: Type, lookup: Lookup) -> Type | None:
    """The one option of a union that is meant: of the same kind, with the same literals under the keys that tell them apart."""
    alike = [option for part in wanted.options for option in options(part, lookup) if option.__class__ is actual.__class__]
    if len(alike) > 1 and isinstance(actual, RecordType):
        alike = [option for option in alike if _same_label(option, actual)]
    return alike[0] if len(alike) == 1 else None


def _same_label(option: Type, actual: RecordType) -> bool:
    assert isinstance(option, RecordType)
    given = {entry.key: entry.type for entry in actual.entries}
    labels = [entry for entry in option.entries if isinstance(entry.type, EnumType)]
    return bool(labels) and all(e.key in given and overlap(given[e.key], e.type) for e in labels)


def _inner(wanted: Type, actual: Type, lookup: Lookup) -> tuple[str, Type, Type] | None:
    if isinstance(wanted, UnionType):
        likeliest = _likeliest(wanted, actual, lookup)
        return None if likeliest is None else _inner(likeliest, actual, lookup)
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
