"""The shortcuts between types agree with the algebra."""

from __future__ import annotations

from hypothesis import given

from rtfs.types import relation
from rtfs.types.nodes import AnyType, NeverType, Type
from rtfs.types.shortcuts import quick_overlap, quick_subtype
from tests.property.algebra_strategies import lookup, small_types


def _decide(a: Type, b: Type, *, gradual: bool) -> bool:
    """The answer without shortcuts inside."""
    before = relation.quick_subtype
    relation.quick_subtype = lambda x, y, gradual: True if x is y or isinstance(y, AnyType) or isinstance(x, NeverType) else None
    try:
        return relation.Relation(lookup, gradual=gradual).decide(a, b)
    finally:
        relation.quick_subtype = before


@given(small_types, small_types)
def test_they_agree_about_subtyping_and_consistency(a: Type, b: Type) -> None:
    for gradual in (False, True):
        quick = quick_subtype(a, b, gradual=gradual)
        if quick is not None and not (gradual and isinstance(a, AnyType)):
            assert quick is _decide(a, b, gradual=gradual)


@given(small_types, small_types)
def test_they_agree_about_overlap(a: Type, b: Type) -> None:
    quick = quick_overlap(a, b)
    if quick is not None and not isinstance(a, NeverType) and not isinstance(b, NeverType):
        assert quick is relation.Relation(lookup).may_meet(a, b)
