"""Types as sets of JSON values: what JSON Schema needs beyond meets and unions.

JSON has six kinds of values, no NaN and only strings as keys, so a difference that no type says of all values may be said of JSON:
what is neither 3 nor a string is a number that is not 3, or null, or …
"""

from __future__ import annotations

from rtfs.types.lattice import subtract
from rtfs.types.nodes import (
    ANY,
    BOOL,
    FLOAT,
    NEVER,
    NIL,
    STRING,
    AnyType,
    Entry,
    EnumType,
    Lookup,
    Predicate,
    Primitive,
    RecordType,
    RefinedType,
    TupleType,
    Type,
    UnionType,
    VectorType,
    refined,
    union,
)
from rtfs.types.relation import overlap
from rtfs.types.rewriting import rewrite
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: All JSON of each kind.
FULL: dict[str, Type] = {
    "object": RecordType(()),
    "array": VectorType(ANY),
    "string": STRING,
    "number": FLOAT,
    "boolean": BOOL,
    "null": NIL,
}
_EVERY = union(*FULL.values())
_INFINITE = Predicate("in-range", (float("-inf"), float("inf")))
#: All JSON, with what `difference` needs to know said aloud: numbers are not NaN, and what an object holds is JSON too.
_SHALLOW = union(*[refined(FLOAT, _INFINITE) if kind == "number" else type for kind, type in FULL.items()])
_ALL = union(RecordType((), _SHALLOW), *[option for option in _SHALLOW.options if option != FULL["object"]])  # type: ignore[attr-defined]


def difference(a: Type, b: Type, lookup: Lookup) -> Type | None:
    """What belongs to `a` and not to `b`, of JSON values; None when no type says exactly that."""
    if not overlap(a, b, lookup):
        return a
    a = _ALL if isinstance(a, AnyType) else union(*[_said_aloud(option) for option in _options(a)])
    for option in _options(b):
        for value in option.values if isinstance(option, EnumType) else ():
            a = _without(a, value)
    left = subtract(a, b, lookup)
    return None if overlap(left, b, lookup) else tidy(left)


def _options(type: Type) -> tuple[Type, ...]:
    return type.options if isinstance(type, UnionType) else (type,)


def _said_aloud(type: Type) -> Type:
    if isinstance(type, RecordType) and type.rest is None:
        return RecordType(type.entries, _SHALLOW)
    return refined(FLOAT, _INFINITE) if type == FLOAT else type


def _without(type: Type, value: Any) -> Type:
    """A choice of kinds of JSON without one string or number; what else there is, `subtract` can do."""
    wanted = ("string",) if isinstance(value, str) else ("float", "int")
    if value is None or isinstance(value, bool):
        return type
    out: list[Type] = []
    for option in _options(type):
        base = option.base if isinstance(option, RefinedType) else option
        fits = isinstance(base, Primitive) and base.name in wanted
        out.append(refined(option, Predicate("!=", (value,))) if fits else option)
    return union(*out)


def tidy(type: Type) -> Type:
    """The type without what is said aloud for differences only."""
    return rewrite(type, _tidy_one)


def _tidy_one(part: Type) -> Type:
    if part in (_SHALLOW, _ALL, _EVERY):
        return ANY
    if isinstance(part, RecordType) and isinstance(part.rest, AnyType):
        return RecordType(part.entries)
    if isinstance(part, RefinedType):
        kept = [p for p in part.predicates if not (p == _INFINITE or (p.name == "<=" and p.operands[0] == float("inf")))]
        return refined(part.base, *kept) if len(kept) < len(part.predicates) else part
    return part


def literal(value: Any) -> Type:
    """The type of exactly one JSON value."""
    if isinstance(value, list):
        return TupleType(tuple([literal(item) for item in value])) if value else VectorType(NEVER)
    if isinstance(value, dict):
        return RecordType(tuple([Entry(key_of(key), literal(item)) for key, item in value.items()]), NEVER)
    return EnumType((whole(value),))


def whole(value: Any) -> Any:
    """A JSON number as JSON Schema sees it: without a fraction it is an integer."""
    return int(value) if type(value) is float and value.is_integer() else value


def key_of(name: str) -> Any:
    """A property as the key of a record: a keyword, which stands for the string as well, or the string itself."""
    plain = name[:1].isalpha() and name.replace("-", "").replace("_", "").isalnum() and name.isascii()
    return Keyword(name) if plain else name
