"""Hypothesis strategies for types, values of a type, and JSON of a type."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from rtfs.types.json_schema import json_key, json_literal
from rtfs.types.nodes import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    KEYWORD,
    NEVER,
    NIL,
    NUMBER,
    STRING,
    SYMBOL,
    AnyType,
    ArrayType,
    EnumType,
    FunctionType,
    IntersectionType,
    MapOfType,
    Predicate,
    Primitive,
    RecordType,
    RefinedType,
    ResourceType,
    StreamType,
    TupleType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
    union,
)
from rtfs.types.parse import TYPE_WORDS
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, Symbol, Timestamp, Uuid
from rtfs.values.sequences import Vector
from tests.property import type_shapes as shapes

names = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z]{1,3})?", fullmatch=True).filter(lambda n: n not in ("true", "false", "nil"))
keywords = names.map(Keyword)
texts = st.text(st.characters(codec="utf-8"), max_size=8)
integers = st.integers(-(10**20), 10**20)
floats = st.floats(allow_nan=False, allow_infinity=False)
timestamps = st.datetimes().map(lambda d: Timestamp(d.strftime(f"{d.year:04}-%m-%dT%H:%M:%SZ")))
uuids = st.uuids().map(lambda u: Uuid(str(u)))
scalars: st.SearchStrategy[Any] = st.one_of(st.none(), st.booleans(), integers, floats, texts, keywords, timestamps, uuids)
literals: st.SearchStrategy[Any] = st.one_of(scalars, st.sampled_from([float("inf"), float("-inf")]))
keys: st.SearchStrategy[Any] = st.one_of(keywords, texts, st.integers(-99, 99))
sizes = st.integers(0, 5)

number_predicates = st.one_of(
    shapes.named(shapes.COMPARISONS, st.integers(-50, 50)),
    shapes.named(shapes.COMPARISONS, st.floats(-50, 50)),
    shapes.ranges(st.integers(-50, 50)),
)
text_predicates = st.one_of(
    shapes.named(shapes.TEXT_SIZES, sizes),
    st.sampled_from([Predicate("matches-regex", ("^[a-z]*$",)), Predicate("string-contains", ("a",)), Predicate("non-empty")]),
)
size_predicates = shapes.named(shapes.ITEM_COUNTS, sizes)
any_predicates = st.one_of(
    number_predicates,
    text_predicates,
    size_predicates,
    shapes.named(["=", "!="], literals),
    shapes.having_key(keys),
    shapes.requiring_keys(keys, 3),
    st.sampled_from([Predicate("is-url"), Predicate("is-email")]),
)

enums = shapes.enums(literals, 4)
primitives: shapes.Types = st.sampled_from(
    [ANY, NEVER, INT, FLOAT, STRING, BOOL, NIL, KEYWORD, SYMBOL, NUMBER]
    + [Primitive(n) for n in ("timestamp", "uuid", "resource", "error", "list", "vector", "map", "function")]
)
refs = names.filter(lambda n: n not in TYPE_WORDS).map(TypeRef)


def records(types: shapes.Types, keys: st.SearchStrategy[Any] = keys) -> shapes.Types:
    return shapes.records(types, keys, st.none() | types, 4)


def _compound(types: shapes.Types) -> shapes.Types:
    return st.one_of(
        st.builds(VectorType, types),
        shapes.tuples(types),
        shapes.arrays(types, sizes, 3),
        records(types),
        st.builds(MapOfType, types, types),
        st.builds(lambda ps, rest, r: FunctionType(tuple(ps), rest, r), st.lists(types, max_size=3), st.none() | types, types),
        st.builds(ResourceType, names | texts.filter(bool)),
        shapes.unions(types, 1),
        types.map(lambda t: union(t, NIL)),
        shapes.intersections(types, 1),
        shapes.refinements(types, any_predicates, 2),
        st.builds(StreamType, types),
        st.builds(StreamType, types, st.none() | types, st.sampled_from(["bi", "duplex"])),
    )


#: Every type that can be written.
types: shapes.Types = st.recursive(st.one_of(primitives, enums, refs), _compound, max_leaves=8)


def _plain_compound(types: shapes.Types) -> shapes.Types:
    return st.one_of(
        st.builds(VectorType, types),
        shapes.tuples(types),
        shapes.arrays(types, st.integers(0, 3)),
        records(types, keywords | texts.map(lambda t: "s" + t)),
        st.builds(MapOfType, st.sampled_from([KEYWORD, STRING, INT]), types),
        shapes.unions(types, 1),
        types.map(lambda t: union(t, NIL)),
    )


finite_enums = shapes.enums(st.one_of(st.none(), st.booleans(), st.integers(-5, 5), texts, keywords), 4)

_plain_scalars: shapes.Types = st.one_of(
    st.sampled_from([ANY, INT, FLOAT, STRING, BOOL, NIL, KEYWORD, SYMBOL, NUMBER, Primitive("timestamp"), Primitive("uuid")]),
    finite_enums,
    shapes.refinements(st.sampled_from([INT, FLOAT, NUMBER]), number_predicates, 2),
    shapes.refinements(st.just(STRING), text_predicates, 2),
)

#: Types whose values have a JSON form.
plain_types: shapes.Types = st.recursive(_plain_scalars, _plain_compound, max_leaves=6)

json_data: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), integers, floats, texts),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)

_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "int": integers,
    "float": floats | integers,
    "string": texts,
    "bool": st.booleans(),
    "nil": st.none(),
    "keyword": keywords,
    "symbol": names.map(Symbol),
    "timestamp": timestamps,
    "uuid": uuids,
}


def values(type: Type) -> st.SearchStrategy[Any]:
    """Values of a type of `plain_types`; refinements are met by filtering at the caller."""
    if isinstance(type, AnyType):
        return st.one_of(st.none(), st.booleans(), integers, floats, texts)
    if isinstance(type, Primitive):
        return _SCALARS[type.name]
    if isinstance(type, EnumType):
        return st.sampled_from(type.values)
    if isinstance(type, VectorType):
        return st.lists(values(type.item), max_size=3).map(Vector)
    if isinstance(type, TupleType):
        return st.tuples(*[values(item) for item in type.items]).map(Vector)
    if isinstance(type, ArrayType):
        return shapes.array_of(values(type.item), type, lambda lists: lists.map(Vector))
    if isinstance(type, RecordType):
        pairs = st.tuples(
            *[
                st.tuples(st.just(e.key), values(e.type)) | st.none() if e.optional else st.tuples(st.just(e.key), values(e.type))
                for e in type.entries
            ]
        )
        return pairs.map(lambda found: Map([pair for pair in found if pair is not None]))
    if isinstance(type, MapOfType):
        return st.dictionaries(values(type.key), values(type.value), max_size=3).map(lambda d: Map(d.items()))
    if isinstance(type, UnionType):
        return st.one_of([values(option) for option in type.options])
    if isinstance(type, RefinedType):
        if type.base == STRING:
            return st.text("abc", max_size=5)
        return st.integers(-52, 52) if type.base == INT else st.integers(-52, 52) | st.floats(-52, 52)
    if isinstance(type, IntersectionType):
        return values(type.parts[0])
    raise AssertionError(type)


def to_json(value: Any) -> Any:
    """The JSON by which a value is written: keywords with their colon, save as keys."""
    if isinstance(value, Vector):
        return [to_json(item) for item in value]
    if isinstance(value, Map):
        return {json_key(key): to_json(item) for key, item in value.items()}
    return f":{value.name}" if isinstance(value, Keyword) else json_literal(value)
