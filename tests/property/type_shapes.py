"""What strategies for types are made of: predicates and compound types over whatever operands, keys and types they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import strategies as st

from rtfs.types.nodes import ArrayType, Entry, EnumType, Predicate, RecordType, TupleType, Type, intersection, refined, union
from rtfs.values.maps import Map
from rtfs.values.sequences import Vector

Types = st.SearchStrategy[Type]
Predicates = st.SearchStrategy[Predicate]

COMPARISONS = (">", ">=", "<", "<=")
TEXT_SIZES = ("min-length", "max-length", "length")
ITEM_COUNTS = ("min-count", "max-count", "count")


def named(names: Iterable[str], operands: st.SearchStrategy[Any]) -> Predicates:
    """One of these predicates with one operand."""
    return st.builds(lambda name, operand: Predicate(name, (operand,)), st.sampled_from([*names]), operands)


def ranges(bounds: st.SearchStrategy[Any]) -> Predicates:
    return st.builds(lambda a, b: Predicate("in-range", (min(a, b), max(a, b))), bounds, bounds)


def having_key(keys: st.SearchStrategy[Any]) -> Predicates:
    return st.builds(lambda key: Predicate("has-key", (key,)), keys)


def requiring_keys(keys: st.SearchStrategy[Any], most: int) -> Predicates:
    return st.builds(lambda some: Predicate("required-keys", (Vector(some),)), st.lists(keys, max_size=most))


def enums(literals: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[EnumType]:
    """Each literal once, as RTFS compares them."""
    return st.lists(literals, min_size=1, max_size=most).map(lambda some: EnumType(tuple(Map([(one, None) for one in some]).keys())))


def tuples(types: Types) -> Types:
    return st.lists(types, min_size=1, max_size=3).map(lambda items: TupleType(tuple(items)))


def arrays(types: Types, sizes: st.SearchStrategy[int], dimensions: int = 2) -> Types:
    return st.builds(lambda item, shape: ArrayType(item, tuple(shape)), types, st.lists(st.none() | sizes, max_size=dimensions))


def records(types: Types, keys: st.SearchStrategy[Any], rest: st.SearchStrategy[Type | None], most: int = 3) -> Types:
    entries = st.lists(st.builds(Entry, keys, types, st.booleans()), max_size=most, unique_by=lambda entry: entry.key)
    return st.builds(lambda some, rest: RecordType(tuple(some), rest), entries, rest)


def unions(types: Types, least: int = 2) -> Types:
    return st.lists(types, min_size=least, max_size=3).map(lambda options: union(*options))


def intersections(types: Types, least: int = 2) -> Types:
    return st.lists(types, min_size=least, max_size=3).map(lambda parts: intersection(*parts))


def refinements(types: Types, predicates: Predicates, most: int = 3) -> Types:
    return st.builds(lambda base, some: refined(base, *some), types, st.lists(predicates, min_size=1, max_size=most))


def array_of(item: st.SearchStrategy[Any], type: ArrayType, build: Callable[[st.SearchStrategy[Any]], st.SearchStrategy[Any]]) -> Any:
    """Values of an array, each dimension made by `build` of lists."""
    for size in reversed(type.shape or (None,)):
        low, high = (0, 2) if size is None else (size, size)
        item = build(st.lists(item, min_size=low, max_size=high))
    return item
