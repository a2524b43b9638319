"""The laws of the relations between types, and that they agree with matching."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rtfs.types.matching import matches
from rtfs.types.nodes import ANY, NEVER, Type, TypeRef
from rtfs.types.subtyping import is_consistent, is_inhabited, is_subtype, join, meet, overlap, subtract, type_of, widened
from tests.property.algebra_strategies import NAMES, lookup, pairs, small_types, small_values, triples


def belongs(value: Any, type: Type) -> bool:
    return matches(type, value, lookup)


@given(small_types)
def test_a_type_is_a_subtype_of_itself_and_lies_between_never_and_any(t: Type) -> None:
    assert is_subtype(t, t, lookup)
    assert is_subtype(NEVER, t, lookup)
    assert is_subtype(t, ANY, lookup)


@given(triples)
def test_subtyping_is_transitive(types: tuple[Type, Type, Type]) -> None:
    a, b, c = types
    for x, y, z in permutations((a, b, c)):
        if is_subtype(x, y, lookup) and is_subtype(y, z, lookup):
            assert is_subtype(x, z, lookup)


@given(triples)
def test_subtyping_is_transitive_through_joins_and_meets(types: tuple[Type, Type, Type]) -> None:
    a, b, c = types
    chain = [meet(a, b, lookup), a, join(a, c, lookup)]
    assert is_subtype(chain[0], chain[1], lookup)
    assert is_subtype(chain[1], chain[2], lookup)
    assert is_subtype(chain[0], chain[2], lookup)


@given(pairs)
def test_a_subtype_is_consistent(types: tuple[Type, Type]) -> None:
    a, b = types
    if is_subtype(a, b, lookup):
        assert is_consistent(a, b, lookup)
    assert is_consistent(a, ANY, lookup)
    assert is_consistent(ANY, a, lookup)


@given(pairs)
def test_join_is_an_upper_bound_and_meet_a_lower_one(types: tuple[Type, Type]) -> None:
    a, b = types
    upper, lower = join(a, b, lookup), meet(a, b, lookup)
    for t in (a, b):
        assert is_subtype(t, upper, lookup)
        assert is_subtype(lower, t, lookup)


@given(pairs)
def test_join_and_meet_do_not_depend_on_the_order(types: tuple[Type, Type]) -> None:
    a, b = types
    for operation in (join, meet):
        one, other = operation(a, b, lookup), operation(b, a, lookup)
        assert is_subtype(one, other, lookup)
        assert is_subtype(other, one, lookup)


@given(pairs)
def test_join_and_meet_are_idempotent_and_absorb_each_other(types: tuple[Type, Type]) -> None:
    a, b = types
    assert join(a, a, lookup) == a == meet(a, a, lookup)
    assert meet(a, join(a, b, lookup), lookup) == a
    assert join(a, meet(a, b, lookup), lookup) == a


@given(small_types)
def test_never_and_any_are_the_ends(t: Type) -> None:
    assert join(t, NEVER, lookup) == t == meet(t, ANY, lookup)
    assert join(t, ANY, lookup) == ANY
    assert meet(t, NEVER, lookup) == NEVER
    assert subtract(t, NEVER, lookup) == (t if is_inhabited(t, lookup) else NEVER)
    assert subtract(t, ANY, lookup) == NEVER


@given(pairs, small_values)
def test_relations_agree_with_matching(types: tuple[Type, Type], v: Any) -> None:
    a, b = types
    in_a, in_b = belongs(v, a), belongs(v, b)
    if in_a and not in_b:
        assert not is_subtype(a, b, lookup)
        assert belongs(v, subtract(a, b, lookup))
    if in_a and in_b:
        assert overlap(a, b, lookup)
    if in_a or in_b:
        assert belongs(v, join(a, b, lookup))
    if in_a:
        assert is_inhabited(a, lookup)
    assert belongs(v, meet(a, b, lookup)) == (in_a and in_b)
    if not in_a:
        assert not belongs(v, subtract(a, b, lookup))


@given(pairs)
def test_what_is_left_is_a_part(types: tuple[Type, Type]) -> None:
    a, b = types
    assert is_subtype(subtract(a, b, lookup), a, lookup)


@given(small_values)
def test_a_value_belongs_to_its_type(v: Any) -> None:
    exact = type_of(v)
    assert belongs(v, exact)
    assert belongs(v, widened(exact))
    assert is_subtype(exact, widened(exact))


@given(small_types, small_values)
def test_the_exact_type_of_a_value_overlaps_where_the_value_belongs(t: Type, v: Any) -> None:
    if belongs(v, t):
        assert overlap(type_of(v), t, lookup)
    if is_subtype(type_of(v), t, lookup):
        assert belongs(v, t)


@given(st.sampled_from(sorted(NAMES)))
def test_a_name_is_what_it_stands_for(name: str) -> None:
    target = lookup(name)
    assert target is not None
    assert is_subtype(TypeRef(name), target, lookup)
    assert is_subtype(target, TypeRef(name), lookup)
