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
    Entry,
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
    intersection,
    refined,
    union,
)
from rtfs.types.parse import TYPE_WORDS
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, Symbol, Timestamp, Uuid
from rtfs.values.sequences import Vector

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
    st.builds(lambda n, x: Predicate(n, (x,)), st.sampled_from([">", ">=", "<", "<="]), st.integers(-50, 50)),
    st.builds(lambda n, x: Predicate(n, (x,)), st.sampled_from([">", ">=", "<", "<="]), st.floats(-50, 50)),
    st.builds(lambda a, b: Predicate("in-range", (min(a, b), max(a, b))), st.integers(-50, 50), st.integers(-50, 50)),
)
text_predicates = st.one_of(
    st.builds(lambda n, x: Predicate(n, (x,)), st.sampled_from(["min-length", "max-length", "length"]), sizes),
    st.sampled_from([Predicate("matches-regex", ("^[a-z]*$",)), Predicate("string-contains", ("a",)), Predicate("non-empty")]),
)
size_predicates = st.builds(lambda n, x: Predicate(n, (x,)), st.sampled_from(["min-count", "max-count", "count"]), sizes)
any_predicates = st.one_of(
    number_predicates,
    text_predicates,
    size_predicates,
    st.builds(lambda n, v: Predicate(n, (v,)), st.sampled_from(["=", "!="]), literals),
    st.builds(lambda k: Predicate("has-key", (k,)), keys),
    st.builds(lambda ks: Predicate("required-keys", (Vector(ks),)), st.lists(keys, max_size=3)),
    st.sampled_from([Predicate("is-url"), Predicate("is-email")]),
)

enums = st.lists(literals, min_size=1, max_size=4).map(lambda vs: EnumType(tuple(Map([(v, None) for v in vs]).keys())))
primitives: st.SearchStrategy[Type] = st.sampled_from(
    [ANY, NEVER, INT, FLOAT, STRING, BOOL, NIL, KEYWORD, SYMBOL, NUMBER]
    + [Primitive(n) for n in ("timestamp", "uuid", "resource", "error", "list", "vector", "map", "function")]
)
refs = names.filter(lambda n: n not in TYPE_WORDS).map(TypeRef)


def records(types: st.SearchStrategy[Type], keys: st.SearchStrategy[Any] = keys) -> st.SearchStrategy[Type]:
    entries = st.lists(st.builds(Entry, keys, types, st.booleans()), max_size=4, unique_by=lambda e: e.key)
    return st.builds(lambda es, rest: RecordType(tuple(es), rest), entries, st.none() | types)


def _compound(types: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    return st.one_of(
        st.builds(VectorType, types),
        st.lists(types, min_size=1, max_size=3).map(lambda ts: TupleType(tuple(ts))),
        st.builds(lambda t, shape: ArrayType(t, tuple(shape)), types, st.lists(st.none() | sizes, max_size=3)),
        records(types),
        st.builds(MapOfType, types, types),
        st.builds(lambda ps, rest, r: FunctionType(tuple(ps), rest, r), st.lists(types, max_size=3), st.none() | types, types),
        st.builds(ResourceType, names | texts.filter(bool)),
        st.lists(types, min_size=1, max_size=3).map(lambda ts: union(*ts)),
        types.map(lambda t: union(t, NIL)),
        st.lists(types, min_size=1, max_size=3).map(lambda ts: intersection(*ts)),
        st.builds(lambda t, ps: refined(t, *ps), types, st.lists(any_predicates, min_size=1, max_size=2)),
        st.builds(StreamType, types),
        st.builds(StreamType, types, st.none() | types, st.sampled_from(["bi", "duplex"])),
    )


#: Every type that can be written.
types: st.SearchStrategy[Type] = st.recursive(st.one_of(primitives, enums, refs), _compound, max_leaves=8)


def _plain_compound(types: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    return st.one_of(
        st.builds(VectorType, types),
        st.lists(types, min_size=1, max_size=3).map(lambda ts: TupleType(tuple(ts))),
        st.builds(lambda t, shape: ArrayType(t, tuple(shape)), types, st.lists(st.none() | st.integers(0, 3), max_size=2)),
        records(types, keywords | texts.map(lambda t: "s" + t)),
        st.builds(MapOfType, st.sampled_from([KEYWORD, STRING, INT]), types),
        st.lists(types, min_size=1, max_size=3).map(lambda ts: union(*ts)),
        types.map(lambda t: union(t, NIL)),
    )


finite_enums = st.lists(st.one_of(st.none(), st.booleans(), st.integers(-5, 5), texts, keywords), min_size=1, max_size=4).map(
    lambda vs: EnumType(tuple(Map([(v, None) for v in vs]).keys()))
)

_plain_scalars: st.SearchStrategy[Type] = st.one_of(
    st.sampled_from([ANY, INT, FLOAT, STRING, BOOL, NIL, KEYWORD, SYMBOL, NUMBER, Primitive("timestamp"), Primitive("uuid")]),
    finite_enums,
    st.builds(
        lambda t, ps: refined(t, *ps), st.sampled_from([INT, FLOAT, NUMBER]), st.lists(number_predicates, min_size=1, max_size=2)
    ),
    st.builds(lambda ps: refined(STRING, *ps), st.lists(text_predicates, min_size=1, max_size=2)),
)

#: Types whose values have a JSON form.
plain_types: st.SearchStrategy[Type] = st.recursive(_plain_scalars, _plain_compound, max_leaves=6)

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
        strategy = values(type.item)
        for size in reversed(type.shape or (None,)):
            low, high = (0, 2) if size is None else (size, size)
            strategy = st.lists(strategy, min_size=low, max_size=high).map(Vector)
        return strategy
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
