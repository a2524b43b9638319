"""Sorting: reference 7.2, 8.5, 8.10."""

from __future__ import annotations

from itertools import pairwise

import pytest
from builtin_cases import NAN, F, K, L, M, V, cases, check, lib, run
from hypothesis import given
from hypothesis import strategies as st

from rtfs.values.equality import compare
from rtfs.values.scalars import Symbol

minus = F(lambda a, b: a - b, 2)
below = F(lambda a, b: a < b, 2)
never = F(lambda a, b: False, 2)
always = F(lambda a, b: True, 2)
text = F(lambda a, b: "x", 2)
negative = F(lambda a: -a)


@cases(
    ("sort", (V(3, 1, 2),), "[1 2 3]"),
    ("sort", (L(3, 1, 2),), "(1 2 3)"),
    ("sort", ("bca",), '"abc"'),
    ("sort", (None,), "[]"),
    ("sort", (V(3, "a", None, K("k"), 1.5),), '[nil 1.5 3 "a" :k]'),
    ("sort", (V(M(), L(), V(), Symbol("s"), K("k"), "s", 1, True, None),), '[nil true 1 "s" :k s [] () {}]'),
    ("sort", (V(1.0, 1, 0.5),), "[0.5 1.0 1]"),
    ("sort", (V(NAN, 1, NAN, 0),), "[0 1 ##NaN ##NaN]"),
    ("sort", (V(True, False, 0),), "[false true 0]"),
    ("sort", (V(V(2), V(1, 5), V(1)),), "[[1] [1 5] [2]]"),
    ("sort", (M("b", 1, "a", 2),), '[["a" 2] ["b" 1]]'),
    ("sort", (5,), "type-error"),
    ("sort", (minus, V(3, 1, 2)), "[1 2 3]"),
    ("sort", (below, L(3, 1, 2)), "(1 2 3)"),
    ("sort", (lib(">"), V(1, 3, 2)), "[3 2 1]"),
    ("sort", (lib("<"), V(1, 3, 2)), "[1 2 3]"),
    ("sort", (lib(">"), V(1, 1.0, 2)), "[2 1 1.0]"),
    ("sort", (lib(">"), V(1, "a")), "type-error"),
    ("sort", (lib("<"), V(1, NAN, 0)), "[0 1 ##NaN]"),
    ("sort", (never, V(3, 1, 2)), "[3 1 2]"),
    ("sort", (text, V(3, 1, 2)), "type-error"),
    ("sort", (5, V(1)), "type-error"),
    ("sort-by", (negative, V(1, 3, 2)), "[3 2 1]"),
    ("sort-by", (K("n"), V(M(K("n"), 2), M(K("n"), 1))), "[{:n 1} {:n 2}]"),
    ("sort-by", (lib("count"), V("aa", "b", "cc", "d")), '["b" "d" "aa" "cc"]'),
    ("sort-by", (lib("count"), lib(">"), V("aa", "b", "cc", "d")), '["aa" "cc" "b" "d"]'),
    ("sort-by", (lib("second"), M("a", 2, "b", 1)), '[["b" 1] ["a" 2]]'),
    ("sort-by", (negative, None), "[]"),
    ("sort-by", (negative, 5), "type-error"),
    ("max-by", (lib("count"), V("a", "ccc", "bbb")), '"ccc"'),
    ("min-by", (lib("count"), L("aa", "b", "c")), '"b"'),
    ("max-by", (lib("identity"), V(1, None, "a")), '"a"'),
    ("max-by", (lib("identity"), V()), "nil"),
    ("min-by", (lib("identity"), None), "nil"),
    ("max-by", (1, V()), "type-error"),
)
def test_sorting(name, operands, expected):
    check(name, operands, expected)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers())))
def test_sorting_by_a_comparator_is_stable(pairs):
    vector = V(*[V(*pair) for pair in pairs])
    by_first = F(lambda a, b: a[0] < b[0], 2)
    assert [list(v) for v in run("sort", by_first, vector)] == [list(p) for p in sorted(pairs, key=lambda p: p[0])]
    assert run("sort-by", lib("first"), vector) == run("sort", by_first, vector)


@given(st.lists(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3))))
def test_sorted_items_stand_in_the_total_order(items):
    result = run("sort", V(*items)).items()
    assert all(compare(a, b) <= 0 for a, b in pairwise(result))


@pytest.mark.parametrize("size", range(20))
def test_a_comparator_that_contradicts_itself_still_ends(size):
    assert len(run("sort", always, V(*range(size)))) == size
