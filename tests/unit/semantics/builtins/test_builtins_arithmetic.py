"""Reference 8.1, 7.3 and the numeric additions of 8.10."""

from __future__ import annotations

import math

import pytest
from builtin_cases import INF, NAN, K, L, M, V, cases, check, fails, run
from hypothesis import given
from hypothesis import strategies as st

from rtfs.errors import EvalError, LimitExceeded
from rtfs.values.printing import to_readable

HUGE = 10**400  # beyond the floats
BIG = 2**53 + 1  # beyond what a float can tell apart


@cases(
    ("+", (), "arity-mismatch"),
    ("+", (1,), "1"),
    ("+", (1, 2), "3"),
    ("+", (1, 2.0), "3.0"),
    ("+", (1, 2, 3, 4), "10"),
    ("+", (1, 2, 0.5), "3.5"),
    ("+", (2**63, 1), str(2**63 + 1)),
    ("+", (1e308, 1e308), "##Inf"),
    ("+", (HUGE, 1.0), "##Inf"),
    ("+", (-HUGE, 1.0, 1), "##-Inf"),
    ("+", (True, False), "type-error"),
    ("+", (True, 1), "type-error"),
    ("+", (None, 1), "type-error"),
    ("+", ("a",), "type-error"),
    ("+", (1, 2, "a"), "type-error"),
    ("-", (), "arity-mismatch"),
    ("-", (5,), "-5"),
    ("-", (1, 2.5), "-1.5"),
    ("-", (10, 1, 2), "7"),
    ("-", (BIG, 0), str(BIG)),
    ("-", ("a",), "type-error"),
    ("-", (1, V(1)), "type-error"),
    ("*", (), "arity-mismatch"),
    ("*", (3,), "3"),
    ("*", (3, 4), "12"),
    ("*", (3, 0.5), "1.5"),
    ("*", (0.5, 3), "1.5"),
    ("*", (0.5, 0.5), "0.25"),
    ("*", (1, 2, 3, 4), "24"),
    ("*", (2**62, 4), str(2**64)),
    ("*", (HUGE, 2.0), "##Inf"),
    ("*", (-2.0, HUGE), "##-Inf"),
    ("*", (1e200, 1e200), "##Inf"),
    ("*", (1, "2"), "type-error"),
    ("*", (False, 2), "type-error"),
    ("/", (), "arity-mismatch"),
    ("/", (4,), "4"),
    ("/", (6, 2), "3"),
    ("/", (6.0, 2), "3"),
    ("/", (7, 2), "3.5"),
    ("/", (10, 2, 2), "2.5"),
    ("/", (-6, 4), "-1.5"),
    ("/", (0, 5), "0"),
    ("/", (1, 0), "division-by-zero"),
    ("/", (1.0, 0.0), "division-by-zero"),
    ("/", (8, 2, 0), "division-by-zero"),
    ("/", (0, -0.0), "division-by-zero"),
    ("/", (BIG * 3, 3), str(BIG)),
    ("/", (HUGE, 10), str(10**399)),
    ("/", (HUGE, 3), "##Inf"),
    ("/", (-HUGE, 3), "##-Inf"),
    ("/", (HUGE, 2.0), "##Inf"),
    ("/", (HUGE, -2.0), "##-Inf"),
    ("/", (1, 3 * HUGE), "0.0"),
    ("/", (1.0, HUGE), "0"),
    ("/", (1e308, 0.1), "##Inf"),
    ("/", (INF, 2), "##Inf"),
    ("/", (INF, INF), "##NaN"),
    ("/", ("a",), "type-error"),
    ("/", ("a", 1), "type-error"),
    ("/", (1, True), "type-error"),
)
def test_the_four_operations(name, operands, expected):
    check(name, operands, expected)


@cases(
    ("mod", (7, 3), "1"),
    ("mod", (-7, 3), "-1"),
    ("mod", (7, -3), "1"),
    ("mod", (-7, -3), "-1"),
    ("mod", (6, -3), "0"),
    ("mod", (7.5, 2), "1.5"),
    ("mod", (-7.5, 2), "-1.5"),
    ("mod", (1, 0), "division-by-zero"),
    ("mod", (1.5, 0.0), "division-by-zero"),
    ("mod", (INF, 2), "##NaN"),
    ("mod", (5.0, HUGE), "5.0"),
    ("mod", (HUGE, 5.0), "##NaN"),
    ("mod", (HUGE + 7, 10), "7"),
    ("mod", ("a", 2), "type-error"),
    ("mod", (1, 2, 3), "arity-mismatch"),
    ("%", (-7, 3), "-1"),
    ("rem", (-7, 3), "-1"),
    ("rem", (1, 0), "division-by-zero"),
    ("floor-mod", (-7, 3), "2"),
    ("floor-mod", (7, -3), "-2"),
    ("floor-mod", (-7.5, 2), "0.5"),
    ("floor-mod", (1, 0), "division-by-zero"),
    ("quot", (7, 2), "3"),
    ("quot", (-7, 2), "-3"),
    ("quot", (7, -2), "-3"),
    ("quot", (-6, 2), "-3"),
    ("quot", (-7.5, 2), "-3"),
    ("quot", (HUGE, 10), str(10**399)),
    ("quot", (1, 0), "division-by-zero"),
    ("quot", (INF, 2), "invalid-argument"),
    ("inc", (1,), "2"),
    ("inc", (1.5,), "2.5"),
    ("inc", ("1",), "type-error"),
    ("inc", (V(K("a"), 1),), "type-error"),
    ("dec", (1,), "0"),
    ("dec", (0.5,), "-0.5"),
    ("dec", (None,), "type-error"),
    ("abs", (-3,), "3"),
    ("abs", (-3.5,), "3.5"),
    ("abs", ("3",), "type-error"),
    ("max", (1, 2.5, 2), "2.5"),
    ("max", (2, 2.0), "2"),
    ("max", (1, NAN, 2), "##NaN"),
    ("max", (NAN, 2), "##NaN"),
    ("max", (HUGE, 1.5), str(HUGE)),
    ("max", (1, "a"), "type-error"),
    ("max", (), "arity-mismatch"),
    ("min", (3, 1.5, 2), "1.5"),
    ("min", (1, INF), "1"),
    ("min", (True,), "type-error"),
)
def test_remainders_and_neighbours(name, operands, expected):
    check(name, operands, expected)


@cases(
    ("sqrt", (16,), "4.0"),
    ("sqrt", (2.25,), "1.5"),
    ("sqrt", (-1,), "invalid-argument"),
    ("sqrt", (-0.5,), "invalid-argument"),
    ("sqrt", (INF,), "##Inf"),
    ("sqrt", ("4",), "type-error"),
    ("pow", (2, 10), "1024"),
    ("pow", (2, 100), str(2**100)),
    ("pow", (2, -1), "0.5"),
    ("pow", (2.0, 3), "8.0"),
    ("pow", (9, 0.5), "3.0"),
    ("pow", (5, 0), "1"),
    ("pow", (0, 0), "1"),
    ("pow", (0, 6), "0"),
    ("pow", (-1, 10**30), "1"),
    ("pow", (-1, 10**30 + 1), "-1"),
    ("pow", (1, HUGE), "1"),
    ("pow", (10.0, 400), "##Inf"),
    ("pow", (-10.0, 401), "##-Inf"),
    ("pow", (HUGE, 0.5), "##Inf"),
    ("pow", (0, -1), "##Inf"),
    ("pow", (-0.0, -1), "##-Inf"),
    ("pow", (-0.0, -2), "##Inf"),
    ("pow", (-8, 0.5), "##NaN"),
    ("pow", ("2", 2), "type-error"),
    ("pow", (2, 2**40), "size-exhausted"),
    ("pow", (3, HUGE), "size-exhausted"),
    ("factorial", (0,), "1"),
    ("factorial", (20,), str(math.factorial(20))),
    ("factorial", (25,), str(math.factorial(25))),
    ("factorial", (-1,), "invalid-argument"),
    ("factorial", (3.0,), "type-error"),
    ("factorial", (10**6,), "size-exhausted"),
    ("factorial", (HUGE,), "size-exhausted"),
    ("fibonacci", (0,), "0"),
    ("fibonacci", (1,), "1"),
    ("fibonacci", (10,), "55"),
    ("fibonacci", (90,), "2880067194370816120"),
    ("fibonacci", (-1,), "invalid-argument"),
    ("fibonacci", (1.0,), "type-error"),
    ("fibonacci", (10**9,), "size-exhausted"),
    ("floor", (-1.5,), "-2"),
    ("ceil", (-1.5,), "-1"),
    ("ceil", (1.2,), "2"),
    ("trunc", (-1.9,), "-1"),
    ("round", (2.5,), "3"),
    ("round", (-2.5,), "-3"),
    ("round", (0.49999999999999994,), "0"),
    ("round", (1.4,), "1"),
    ("round", (7,), "7"),
    ("round", (1e300,), str(int(1e300))),
    ("floor", (NAN,), "invalid-argument"),
    ("round", (INF,), "invalid-argument"),
    ("trunc", ("1",), "type-error"),
)
def test_roots_powers_and_rounding(name, operands, expected):
    check(name, operands, expected)


def test_root_of_an_integer_beyond_the_floats():
    assert run("sqrt", HUGE) == 1e200


@cases(
    ("range", (0, 3), "[0 1 2]"),
    ("range", (3, 3), "[]"),
    ("range", (5, 1), "[]"),
    ("range", (3,), "[0 1 2]"),
    ("range", (0, 10, 4), "[0 4 8]"),
    ("range", (5, 0, -2), "[5 3 1]"),
    ("range", (0, 5, -1), "[]"),
    ("range", (2**70, 2**70 + 2), f"[{2**70} {2**70 + 1}]"),
    ("range", (0, 5, 0), "invalid-argument"),
    ("range", (0, 1.5), "type-error"),
    ("range", (True,), "type-error"),
    ("range", (), "arity-mismatch"),
    ("range", (10**9,), "size-exhausted"),
    ("range", (HUGE,), "size-exhausted"),
    ("numbers", (1, 3), "[1 2 3]"),
    ("numbers", (3, 1), "[]"),
    ("numbers", (2, 2), "[2]"),
    ("numbers", (1, "3"), "type-error"),
    ("numbers", (1, 10**12), "size-exhausted"),
    ("sum", (V(1, 2, 3),), "6"),
    ("sum", (L(1, 2.5),), "3.5"),
    ("sum", (None,), "0"),
    ("sum", (V(HUGE, 0.5),), "##Inf"),
    ("sum", (V(1, "a"),), "type-error"),
    ("sum", (M(K("a"), 1),), "type-error"),
    ("sum", ("12",), "type-error"),
    ("mean", (V(1, 2),), "1.5"),
    ("mean", (V(1, 2, 3),), "2"),
    ("mean", (V(),), "invalid-argument"),
    ("mean", (V(1, True),), "type-error"),
)
def test_ranges_and_totals(name, operands, expected):
    check(name, operands, expected)


def test_repeated_squaring_meets_the_size_limit():
    value = 3
    with pytest.raises(LimitExceeded):
        for _ in range(64):
            value = run("*", value, value)


def test_type_errors_point_at_the_operand():
    error = fails("+", 1, 2, "x")
    assert (error.message, error.operand) == ("Type error in +: expected number, got string", 2)
    assert fails("+", 1, None).operand == 1
    assert fails("pow", "2", 1).operand == 0


numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([HUGE, -HUGE, BIG, 0, 0.0, -0.0, INF, -INF, NAN]))
TWO = ["+", "-", "*", "/", "mod", "rem", "floor-mod", "quot", "max", "min", "<", ">", "<=", ">=", "="]


@given(st.sampled_from(TWO), numbers, numbers)
def test_no_python_error_leaks(name, a, b):
    try:
        result = run(name, a, b)
    except EvalError as error:
        result = error.kind
        assert result in ("division-by-zero", "invalid-argument")
    assert to_readable(result)


@given(st.integers(), st.integers().filter(bool))
def test_quotient_and_remainder_belong_together(a, b):
    assert run("quot", a, b) * b + run("rem", a, b) == a


@given(st.integers(-1000, 1000))
def test_operations_agree_with_the_folding_path(a):
    # three operands take the general path, two the fast one
    for name in ("+", "-", "*"):
        neutral = 1 if name == "*" else 0
        assert run(name, a, 7, neutral) == run(name, a, 7)
    assert to_readable(run("/", a, 7, 1)) == to_readable(run("/", a, 7))
