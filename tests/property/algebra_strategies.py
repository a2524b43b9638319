"""Small types with names and small values, so that a random value often belongs to a random type and two types often meet."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

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
    Lookup,
    MapOfType,
    Predicate,
    Primitive,
    RecordType,
    ResourceType,
    StreamType,
    TupleType,
    Type,
    TypeRef,
    VectorType,
    intersection,
    refined,
    union,
)
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
