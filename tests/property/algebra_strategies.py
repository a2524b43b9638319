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
from tests.property import type_shapes as shapes

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
    shapes.named(shapes.COMPARISONS, _bounds),
    shapes.ranges(_bounds),
    shapes.named([*shapes.TEXT_SIZES, *shapes.ITEM_COUNTS], _sizes),
    st.sampled_from(
        [Predicate("non-empty"), Predicate("matches-regex", ("^a",)), Predicate("string-contains", ("a",)), Predicate("is-url")]
    ),
    shapes.named(["=", "!="], st.sampled_from([*_LITERALS, Vector([1]), Map([(A, 1)])])),
    shapes.having_key(_keys),
    shapes.requiring_keys(_keys, 2),
)

_leaves: shapes.Types = st.one_of(
    st.sampled_from([ANY, NEVER, INT, FLOAT, STRING, BOOL, NIL, KEYWORD, NUMBER]),
    st.sampled_from([Primitive(n) for n in ("list", "vector", "map", "function", "symbol", "resource")] + [ResourceType("File")]),
    st.sampled_from([*map(TypeRef, NAMES), TypeRef("Unknown")]),
    shapes.enums(st.sampled_from(_LITERALS), 3),
)


def _compound(types: shapes.Types) -> shapes.Types:
    return st.one_of(
        st.builds(VectorType, types),
        shapes.tuples(types),
        shapes.arrays(types, _sizes),
        _records(types, _keys),
        st.builds(MapOfType, types, types),
        st.builds(lambda ps, r: FunctionType(tuple(ps), None, r), st.lists(types, max_size=2), types),
        st.builds(StreamType, types),
        shapes.unions(types),
        shapes.intersections(types),
        shapes.refinements(types, _predicates),
    )


def _records(types: shapes.Types, keys: st.SearchStrategy[Any]) -> shapes.Types:
    return shapes.records(types, keys, st.none() | st.just(NEVER) | types)


small_types: shapes.Types = st.recursive(_leaves, _compound, max_leaves=5)


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
    shapes.named(shapes.COMPARISONS, st.sampled_from([-1, 0, 1, 2, 0.5, 1.5])),
    shapes.ranges(st.integers(-1, 2)),
    shapes.named([*shapes.TEXT_SIZES, *shapes.ITEM_COUNTS], _sizes),
    st.sampled_from(
        [Predicate("non-empty"), Predicate("matches-regex", ("^a",)), Predicate("string-contains", ("a",)), Predicate("is-email")]
    ),
    shapes.named(["=", "!="], st.sampled_from([*_JSON_LITERALS, Vector([1]), Map([("a", 1)])])),
    shapes.having_key(st.sampled_from([A, B, "a", "b"])),
)
_json_leaves: shapes.Types = st.one_of(
    st.sampled_from([ANY, NEVER, INT, FLOAT, STRING, BOOL, NIL, NUMBER, Primitive("vector"), Primitive("map")]),
    shapes.enums(st.sampled_from(_JSON_LITERALS), 3),
)


def _json_plain(types: shapes.Types) -> shapes.Types:
    return st.one_of(
        st.builds(VectorType, types),
        shapes.tuples(types),
        shapes.arrays(types, _sizes),
        _records(types, st.sampled_from([A, B, Keyword("model-x"), "class"])),
        types.map(lambda t: MapOfType(STRING, t)),
        shapes.unions(types),
        shapes.refinements(types, _json_predicates),
    )


def _json_compound(types: shapes.Types) -> shapes.Types:
    keys = st.sampled_from([STRING, ANY, EnumType(("a", "b")), refined(STRING, Predicate("max-length", (1,)))])
    return st.one_of(
        _json_plain(types),
        _records(types, st.sampled_from([A, B, "a", "b", "c"])),
        st.builds(MapOfType, keys, types),
        shapes.intersections(types),
    )


#: Types that JSON can belong to, with all that can be said about them.
json_types: shapes.Types = st.recursive(_json_leaves, _json_compound, max_leaves=5)
#: Those that pydantic can say too: no intersections.
plain_types: shapes.Types = st.recursive(_json_leaves, _json_plain, max_leaves=5)

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
        return shapes.array_of(fitting(type.item), type, lambda lists: lists)
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


def typed_data(types: shapes.Types) -> st.SearchStrategy[tuple[Type, Any]]:
    """A type with JSON that often belongs to it."""
    return types.flatmap(lambda type: st.tuples(st.just(type), st.one_of(fitting(type), fitting(type), json_data)))


@st.composite
def changed(draw: st.DrawFn, types: shapes.Types) -> Type:
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
