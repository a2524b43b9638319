"""Small types with names and small values, so that a random value often belongs to a random type and two types often meet."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from rtfs.types.json_schema import json_key
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
    ArrayType,
    Entry,
    EnumType,
    FunctionType,
    IntersectionType,
    Lookup,
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
from rtfs.types.rewriting import rewrite
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, ResourceHandle, Symbol
from rtfs.values.sequences import List, Vector

A, B = Keyword("a"), Keyword("b")

_LITERALS: list[Any] = [None, True, False, 0, 1, 2, -1, 1.0, 0.5, "", "a", "ab", A, B]

NAMES: dict[str, Type] = {
    "Tree": union(INT, VectorType(TypeRef("Tree"))),
    "Chain": RecordType((Entry(A, INT), Entry(B, TypeRef("Chain"), True))),
    "Endless": RecordType((Entry(A, TypeRef("Endless")),)),
    "Small": refined(INT, Predicate("in-range", (0, 2))),
    "Either": union(TypeRef("Small"), STRING),
}
lookup: Lookup = NAMES.get

_sizes = st.integers(0, 3)
_bounds = st.sampled_from([-1, 0, 1, 2, 0.5, 1.0, float("inf"), float("-inf")])
_keys: st.SearchStrategy[Any] = st.sampled_from([A, B, "a", "b", 1])

_predicates = st.one_of(
    st.builds(lambda n, x: Predicate(n, (x,)), st.sampled_from([">", ">=", "<", "<="]), _bounds),
    st.builds(lambda a, b: Predicate("in-range", (min(a, b), max(a, b))), _bounds, _bounds),
    st.builds(
        lambda n, x: Predicate(n, (x,)),
        st.sampled_from(["min-length", "max-length", "length", "min-count", "max-count", "count"]),
        _sizes,
    ),
    st.sampled_from(
        [Predicate("non-empty"), Predicate("matches-regex", ("^a",)), Predicate("string-contains", ("a",)), Predicate("is-url")]
    ),
    st.builds(
        lambda n, v: Predicate(n, (v,)), st.sampled_from(["=", "!="]), st.sampled_from([*_LITERALS, Vector([1]), Map([(A, 1)])])
    ),
    st.builds(lambda k: Predicate("has-key", (k,)), _keys),
    st.builds(lambda ks: Predicate("required-keys", (Vector(ks),)), st.lists(_keys, max_size=2)),
)

_enums = st.lists(st.sampled_from(_LITERALS), min_size=1, max_size=3).map(
    lambda vs: EnumType(tuple(Map([(v, None) for v in vs]).keys()))
)
_leaves: st.SearchStrategy[Type] = st.one_of(
    st.sampled_from([ANY, NEVER, INT, FLOAT, STRING, BOOL, NIL, KEYWORD, NUMBER]),
    st.sampled_from([Primitive(n) for n in ("list", "vector", "map", "function", "symbol", "resource")] + [ResourceType("File")]),
    st.sampled_from([*map(TypeRef, NAMES), TypeRef("Unknown")]),
    _enums,
)


def _compound(types: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    entries = st.lists(st.builds(Entry, _keys, types, st.booleans()), max_size=3, unique_by=lambda e: e.key)
    return st.one_of(
        st.builds(VectorType, types),
        st.lists(types, min_size=1, max_size=3).map(lambda ts: TupleType(tuple(ts))),
        st.builds(lambda t, shape: ArrayType(t, tuple(shape)), types, st.lists(st.none() | _sizes, max_size=2)),
        st.builds(lambda es, rest: RecordType(tuple(es), rest), entries, st.none() | st.just(NEVER) | types),
        st.builds(MapOfType, types, types),
        st.builds(lambda ps, r: FunctionType(tuple(ps), None, r), st.lists(types, max_size=2), types),
        st.builds(StreamType, types),
        st.lists(types, min_size=2, max_size=3).map(lambda ts: union(*ts)),
        st.lists(types, min_size=2, max_size=3).map(lambda ts: intersection(*ts)),
        st.builds(lambda t, ps: refined(t, *ps), types, st.lists(_predicates, min_size=1, max_size=3)),
    )


small_types: st.SearchStrategy[Type] = st.recursive(_leaves, _compound, max_leaves=5)


def _collections(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(items, max_size=3).map(Vector),
        st.lists(items, max_size=2).map(List),
        st.lists(st.tuples(_keys | st.sampled_from(_LITERALS), items), max_size=3).map(Map),
    )


small_values: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([*_LITERALS, float("nan"), float("inf"), Symbol("s"), ResourceHandle("resource://x"), "abc", "https://a.b"]),
    _collections,
    max_leaves=5,
)

# --- types whose values are JSON -----------------------------------------------------------------

_JSON_LITERALS: list[Any] = [None, True, False, 0, 1, 2, -1, 0.5, "", "a", "ab"]
_json_predicates = st.one_of(
    st.builds(lambda n, x: Predicate(n, (x,)), st.sampled_from([">", ">=", "<", "<="]), st.sampled_from([-1, 0, 1, 2, 0.5, 1.5])),
    st.builds(lambda a, b: Predicate("in-range", (min(a, b), max(a, b))), st.integers(-1, 2), st.integers(-1, 2)),
    st.builds(
        lambda n, x: Predicate(n, (x,)),
        st.sampled_from(["min-length", "max-length", "length", "min-count", "max-count", "count"]),
        _sizes,
    ),
    st.sampled_from(
        [Predicate("non-empty"), Predicate("matches-regex", ("^a",)), Predicate("string-contains", ("a",)), Predicate("is-email")]
    ),
    st.builds(
        lambda n, v: Predicate(n, (v,)),
        st.sampled_from(["=", "!="]),
        st.sampled_from([*_JSON_LITERALS, Vector([1]), Map([("a", 1)])]),
    ),
    st.builds(lambda k: Predicate("has-key", (k,)), st.sampled_from([A, B, "a", "b"])),
)
_json_leaves: st.SearchStrategy[Type] = st.one_of(
    st.sampled_from([ANY, NEVER, INT, FLOAT, STRING, BOOL, NIL, NUMBER, Primitive("vector"), Primitive("map")]),
    st.lists(st.sampled_from(_JSON_LITERALS), min_size=1, max_size=3).map(
        lambda vs: EnumType(tuple(Map([(v, None) for v in vs]).keys()))
    ),
)


def _records(types: st.SearchStrategy[Type], keys: list[Any]) -> st.SearchStrategy[Type]:
    entries = st.lists(st.builds(Entry, st.sampled_from(keys), types, st.booleans()), max_size=3, unique_by=lambda e: e.key)
    return st.builds(lambda es, rest: RecordType(tuple(es), rest), entries, st.none() | st.just(NEVER) | types)


def _json_plain(types: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    return st.one_of(
        st.builds(VectorType, types),
        st.lists(types, min_size=1, max_size=3).map(lambda ts: TupleType(tuple(ts))),
        st.builds(lambda t, shape: ArrayType(t, tuple(shape)), types, st.lists(st.none() | _sizes, max_size=2)),
        _records(types, [A, B, Keyword("model-x"), "class"]),
        types.map(lambda t: MapOfType(STRING, t)),
        st.lists(types, min_size=2, max_size=3).map(lambda ts: union(*ts)),
        st.builds(lambda t, ps: refined(t, *ps), types, st.lists(_json_predicates, min_size=1, max_size=3)),
    )


def _json_compound(types: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    keys = st.sampled_from([STRING, ANY, EnumType(("a", "b")), refined(STRING, Predicate("max-length", (1,)))])
    return st.one_of(
        _json_plain(types),
        _records(types, [A, B, "a", "b", "c"]),
        st.builds(MapOfType, keys, types),
        st.lists(types, min_size=2, max_size=3).map(lambda ts: intersection(*ts)),
    )


#: Types that JSON can belong to, with all that can be said about them.
json_types: st.SearchStrategy[Type] = st.recursive(_json_leaves, _json_compound, max_leaves=5)
#: Those that pydantic can say too: no intersections.
plain_types: st.SearchStrategy[Type] = st.recursive(_json_leaves, _json_plain, max_leaves=5)

json_data: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([*_JSON_LITERALS, 1.0, 1.5, "b@c.d", "ba"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "class", "model-x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def fitting(type: Type) -> st.SearchStrategy[Any]:
    """JSON that has the shape of a type, refinements aside."""
    if isinstance(type, Primitive) and type.name in _FITTING:
        return _FITTING[type.name]
    if isinstance(type, EnumType):
        return st.sampled_from(type.values)
    if isinstance(type, VectorType):
        return st.lists(fitting(type.item), max_size=3)
    if isinstance(type, TupleType):
        return st.tuples(*[fitting(item) for item in type.items]).map(list)
    if isinstance(type, ArrayType):
        strategy = fitting(type.item)
        for size in reversed(type.shape or (None,)):
            low, high = (0, 2) if size is None else (size, size)
            strategy = st.lists(strategy, min_size=low, max_size=high)
        return strategy
    if isinstance(type, RecordType):
        needed = {json_key(e.key): fitting(e.type) for e in type.entries if not e.optional}
        optional = {json_key(e.key): fitting(e.type) for e in type.entries if e.optional and json_key(e.key) not in needed}
        return st.fixed_dictionaries(needed, optional=optional)
    if isinstance(type, MapOfType):
        return st.dictionaries(st.sampled_from(["a", "b", "c"]), fitting(type.value), max_size=3)
    if isinstance(type, UnionType):
        return st.one_of([fitting(option) for option in type.options])
    if isinstance(type, RefinedType):
        return fitting(type.base)
    if isinstance(type, IntersectionType):
        return st.one_of([fitting(part) for part in type.parts])
    return json_data


_FITTING: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-2, 3),
    "float": st.sampled_from([-1, 0, 1, 2, 0.5, 1.5, -0.5, 2.5]),
    "string": st.sampled_from(["", "a", "ab", "b", "ba", "a@b.c", "abcd"]),
    "bool": st.booleans(),
    "nil": st.none(),
    "vector": st.lists(st.integers(0, 2), max_size=3),
    "map": st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(0, 2), max_size=3),
}


def typed_data(types: st.SearchStrategy[Type]) -> st.SearchStrategy[tuple[Type, Any]]:
    """A type with JSON that often belongs to it."""
    return types.flatmap(lambda type: st.tuples(st.just(type), st.one_of(fitting(type), fitting(type), json_data)))


@st.composite
def changed(draw: st.DrawFn, types: st.SearchStrategy[Type]) -> Type:
    """A type that is like another one: some part of it is wider, narrower or different."""

    def change(part: Type) -> Type:
        what = draw(st.integers(0, 11))
        if what == 0:
            return union(part, draw(small_types))
        if what == 1:
            return intersection(part, draw(small_types))
        if what == 2:
            return refined(part, draw(_predicates))
        if what == 3:
            return draw(st.sampled_from([ANY, NEVER]))
        if what == 4 and isinstance(part, RecordType) and part.entries:
            return RecordType(part.entries[1:], part.rest)
        if what == 5 and isinstance(part, RecordType) and part.entries:
            first = part.entries[0]
            return RecordType((Entry(first.key, first.type, not first.optional), *part.entries[1:]), part.rest)
        return part

    return rewrite(draw(types), change)


#: Pairs and triples of types, often comparable.
pairs = st.one_of(st.tuples(small_types, small_types), small_types.flatmap(lambda t: st.tuples(st.just(t), changed(st.just(t)))))
triples = pairs.flatmap(lambda pair: st.tuples(st.just(pair[0]), st.just(pair[1]), changed(st.sampled_from(pair))))
