"""Reference 8.5 and 8.10: collections as sequences."""

from __future__ import annotations

import pytest
from builtin_cases import NAN, K, L, M, V, cases, check, run

from rtfs.errors import LimitExceeded
from rtfs.values.printing import to_readable

A, B = K("a"), K("b")


@cases(
    ("first", (V(1, 2),), "1"),
    ("first", (L(1, 2),), "1"),
    ("first", ("ab",), '"a"'),
    ("first", (M(A, 1),), "[:a 1]"),
    ("first", (V(),), "nil"),
    ("first", ("",), "nil"),
    ("first", (None,), "nil"),
    ("first", (5,), "type-error"),
    ("second", (V(1, 2),), "2"),
    ("second", (V(1),), "nil"),
    ("second", ("ab",), '"b"'),
    ("ffirst", (V(V(1), 2),), "1"),
    ("ffirst", (M(A, 1),), ":a"),
    ("ffirst", (None,), "nil"),
    ("ffirst", (V(1),), "type-error"),
    ("last", (V(1, 2),), "2"),
    ("last", (L(1, 2),), "2"),
    ("last", ("ab",), '"b"'),
    ("last", ("",), '""'),
    ("last", (V(),), "nil"),
    ("last", (None,), "nil"),
    ("nth", (V(1, 2), 1), "2"),
    ("nth", (L(1, 2), 0), "1"),
    ("nth", ("ab", 1), '"b"'),
    ("nth", (V(1), 5), "index-out-of-bounds"),
    ("nth", (V(1), -1), "index-out-of-bounds"),
    ("nth", (V(1), 5, K("d")), ":d"),
    ("nth", (V(1), -1, None), "nil"),
    ("nth", (None, 0), "index-out-of-bounds"),
    ("nth", (None, 0, 7), "7"),
    ("nth", (V(1), 1.0), "type-error"),
    ("nth", (5, 0), "type-error"),
    ("nth", (5, 0, 1), "type-error"),
)
def test_one_item(name, operands, expected):
    check(name, operands, expected)


@cases(
    ("rest", (V(1, 2, 3),), "[2 3]"),
    ("rest", (L(1, 2),), "(2)"),
    ("rest", (V(),), "[]"),
    ("rest", (L(),), "()"),
    ("rest", (None,), "[]"),
    ("rest", ("abc",), '"bc"'),
    ("rest", (5,), "type-error"),
    ("take", (2, V(1, 2, 3)), "[1 2]"),
    ("take", (9, V(1)), "[1]"),
    ("take", (-1, V(1)), "[]"),
    ("take", (1, L(1, 2)), "(1)"),
    ("take", (2, "abc"), '"ab"'),
    ("take", (2, None), "[]"),
    ("take", (1, M(A, 1, B, 2)), "[[:a 1]]"),
    ("take", (10**30, V(1)), "[1]"),
    ("take", (V(1), 1), "type-error"),
    ("take", (1, 5), "type-error"),
    ("drop", (1, V(1, 2, 3)), "[2 3]"),
    ("drop", (9, V(1)), "[]"),
    ("drop", (-1, V(1)), "[1]"),
    ("drop", (1, L(1, 2)), "(2)"),
    ("drop", (1, "abc"), '"bc"'),
    ("drop", (10**30, "abc"), '""'),
    ("drop", (1.0, V()), "type-error"),
    ("butlast", (V(1, 2),), "[1]"),
    ("butlast", (L(1, 2),), "[1]"),
    ("butlast", (V(),), "[]"),
    ("split-at", (1, V(1, 2, 3)), "[[1] [2 3]]"),
    ("split-at", (-1, L(1)), "[[] [1]]"),
    ("split-at", (9, "ab"), '[["a" "b"] []]'),
    ("subvec", (V(1, 2, 3), 1), "[2 3]"),
    ("subvec", (V(1, 2, 3), 1, 2), "[2]"),
    ("subvec", (L(1, 2), 0, 1), "[1]"),
    ("subvec", (None, 0), "[]"),
    ("subvec", (V(1), 0, 2), "index-out-of-bounds"),
    ("subvec", (V(1), 2), "index-out-of-bounds"),
    ("subvec", (V(1, 2), 2, 1), "index-out-of-bounds"),
    ("subvec", (V(1), -1), "index-out-of-bounds"),
    ("subvec", (V(1), 0, -1), "index-out-of-bounds"),
    ("subvec", (V(1), 0.0), "type-error"),
    ("subvec", ("abc", 0), "type-error"),
    ("subvec", (M(), 0), "type-error"),
    ("partition", (2, V(1, 2, 3)), "[[1 2] [3]]"),
    ("partition", (2, L(1, 2)), "[[1 2]]"),
    ("partition", (2, None), "[]"),
    ("partition-all", (5, V(1, 2)), "[[1 2]]"),
    ("partition", (0, V(1)), "type-error"),
    ("partition", (-1, V(1)), "type-error"),
    ("partition", (2, "abc"), "type-error"),
)
def test_parts(name, operands, expected):
    check(name, operands, expected)


@cases(
    ("reverse", (V(1, 2),), "[2 1]"),
    ("reverse", (L(1, 2),), "(2 1)"),
    ("reverse", ("abc",), '"cba"'),
    ("reverse", (None,), "[]"),
    ("reverse", (M(A, 1, B, 2),), "[[:b 2] [:a 1]]"),
    ("distinct", (V(1, 1.0, True, 1, None, None),), "[1 1.0 true nil]"),
    ("distinct", (L(V(1), L(1), V(1.0)),), "([1] [1.0])"),
    ("distinct", ("abab",), '"ab"'),
    ("distinct", (V(0.0, -0.0, False, 0),), "[0.0 false 0]"),
    ("set-like", (L(2, 1, 2),), "[2 1]"),
    ("flatten", (V(1, V(2, L(3, V())), None, M(A, V(1)), "ab"),), '[1 2 3 nil {:a [1]} "ab"]'),
    ("flatten", (None,), "[]"),
    ("flatten", (1,), "type-error"),
    ("cons", (1, V(2)), "[1 2]"),
    ("cons", (1, L(2)), "[1 2]"),
    ("cons", (1, None), "[1]"),
    ("cons", (1, "a"), "type-error"),
    ("cons", (1, 2), "type-error"),
    ("concat", (), "[]"),
    ("concat", (V(1), L(2, 3), None, "ab", M(A, 1)), '[1 2 3 "a" "b" [:a 1]]'),
    ("concat", (V(1), 5, K("k")), "[1 5 :k]"),
    ("zip", (V(1, 2, 3), "ab"), '[[1 "a"] [2 "b"]]'),
    ("zip", (V(1), None), "[]"),
    ("zip", (V(1), 5), "type-error"),
    ("interleave", (V(1, 2), L(3, 4, 5)), "[1 3 2 4]"),
    ("interpose", (0, V(1, 2, 3)), "[1 0 2 0 3]"),
    ("interpose", (0, V()), "[]"),
    ("interpose", (0, L(1)), "[1]"),
)
def test_rearranging_and_combining(name, operands, expected):
    check(name, operands, expected)


def test_nan_is_distinct_from_itself():
    assert to_readable(run("distinct", V(NAN, NAN))) == "[##NaN ##NaN]"


def test_flatten_goes_deeper_than_the_python_stack():
    nested = V(1)
    for _ in range(50_000):
        nested = V(nested)
    assert run("flatten", nested) == V(1)


def test_doubling_meets_the_size_limit():
    shared = V(*range(100))
    with pytest.raises(LimitExceeded):
        for _ in range(40):
            shared = run("concat", shared, shared)
    nested = V(*range(1000))
    for _ in range(30):
        nested = V(nested, nested)
    with pytest.raises(LimitExceeded):
        run("flatten", nested)


def test_a_slice_does_not_change_with_what_is_appended_to_its_origin():
    whole = V(1, 2, 3)
    part = run("take", 2, whole)
    run("conj", whole, 4)
    assert run("conj", part, 9) == V(1, 2, 9)
    assert whole == V(1, 2, 3)
