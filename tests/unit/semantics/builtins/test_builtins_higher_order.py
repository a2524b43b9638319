"""Reference 8.6 and the functions on functions of 8.10."""

from __future__ import annotations

import pytest
from builtin_cases import F, K, L, M, V, cases, check, fails, lib, run

from rtfs.errors import EvalError
from rtfs.semantics.calls import call

A, B = K("a"), K("b")
inc, plus = lib("inc"), lib("+")
is_odd = lib("odd?")
nothing = F(lambda *a: None, 0, None)
identity = lib("identity")


@cases(
    ("map", (inc, V(1, 2)), "[2 3]"),
    ("map", (inc, L(1, 2)), "[2 3]"),
    ("map", (inc, None), "[]"),
    ("map", (lib("string-upper"), "ab"), '["A" "B"]'),
    ("map", (identity, M(A, 1)), "[[:a 1]]"),
    ("map", (A, V(M(A, 1), M(), None)), "[1 nil nil]"),
    ("map", (inc, M(A, 1)), "type-error"),
    ("map", (plus, V(1), V(2)), "arity-mismatch"),
    ("map", (inc, 5), "type-error"),
    ("map", (5, V()), "type-error"),
    ("map", (inc, V(1, "a")), "type-error"),
    ("map-indexed", (lib("vector"), L("a", "b")), '[[0 "a"] [1 "b"]]'),
    ("map-indexed", (plus, None), "[]"),
    ("mapcat", (lib("range"), V(1, 2)), "[0 0 1]"),
    ("mapcat", (lib("list"), L(1, 2)), "[1 2]"),
    ("mapcat", (nothing, V(1)), "[]"),
    ("mapcat", (identity, V(1)), "type-error"),
    ("map-vals", (inc, M(A, 1, B, 2)), "{:a 2 :b 3}"),
    ("map-vals", (inc, V(1)), "type-error"),
    ("filter", (is_odd, V(1, 2, 3)), "[1 3]"),
    ("filter", (is_odd, L(1, 2, 3)), "[1 3]"),
    ("filter", (lib("second"), M(A, 1, B, None)), "[[:a 1]]"),
    ("filter", (lib("identity"), "ab"), '["a" "b"]'),
    ("filter", (identity, V(0, None, False, "")), '[0 ""]'),
    ("filter", (is_odd, None), "[]"),
    ("filter", (A, V(M(A, 1), M(B, 1))), "[{:a 1}]"),
    ("remove", (is_odd, V(1, 2, 3)), "[2]"),
    ("remove", (identity, V(0, None, False)), "[nil false]"),
    ("keep", (lib("parse-int"), V("1", "x", "3")), "[1 3]"),
    ("keep", (identity, V(False, None)), "[false]"),
    ("reduce", (plus, V(1, 2, 3)), "6"),
    ("reduce", (plus, 10, V(1, 2)), "13"),
    ("reduce", (plus, 10, L()), "10"),
    ("reduce", (plus, 10, None), "10"),
    ("reduce", (plus, V(5)), "5"),
    ("reduce", (lib("str"), "abc"), '"abc"'),
    ("reduce", (lib("conj"), V(), M(A, 1)), "[[:a 1]]"),
    ("reduce", (plus, V()), "runtime-error"),
    ("reduce", (plus, None), "runtime-error"),
    ("reduce", (plus, 1, 5), "type-error"),
    ("reduce", (1, 2, V()), "type-error"),
)
def test_mapping_filtering_and_reducing(name, operands, expected):
    check(name, operands, expected)


def test_an_empty_reduce_says_why():
    assert fails("reduce", plus, V()).message == "reduce on empty collection with no initial value"


@cases(
    ("every?", (is_odd, V(1, 3)), "true"),
    ("every?", (is_odd, V(1, 2)), "false"),
    ("every?", (is_odd, None), "true"),
    ("every?", (nothing, V(1)), "false"),
    ("every?", (lib("string?"), "ab"), "true"),
    ("every?", (lib("vector?"), M(A, 1)), "true"),
    ("some?", (is_odd, V(2, 3)), "true"),
    ("some?", (identity, V(None, False)), "false"),
    ("some?", (identity, V(0)), "true"),
    ("some?", (1, V()), "type-error"),
    ("some", (lib("parse-int"), V("x", "3")), "3"),
    ("some", (is_odd, V(2)), "nil"),
    ("some", (is_odd, None), "nil"),
    ("not-any?", (is_odd, V(2)), "true"),
    ("not-any?", (is_odd, V(1)), "false"),
    ("not-every?", (is_odd, V(1, 2)), "true"),
    ("not-every?", (is_odd, V()), "false"),
    ("take-while", (is_odd, V(1, 3, 4, 5)), "[1 3]"),
    ("take-while", (is_odd, V()), "[]"),
    ("drop-while", (is_odd, L(1, 3, 4, 5)), "[4 5]"),
    ("drop-while", (is_odd, V(1)), "[]"),
    ("drop-while", (1, V()), "type-error"),
    ("group-by", (is_odd, V(1, 2, 3)), "{true [1 3] false [2]}"),
    ("group-by", (A, V(M(A, 1), M())), "{1 [{:a 1}] nil [{}]}"),
    ("group-by", (identity, V(1, 1.0, True)), "{1 [1] 1.0 [1.0] true [true]}"),
    ("group-by", (lib("first"), M(A, 1)), "{:a [[:a 1]]}"),
    ("distinct-by", (is_odd, V(1, 2, 3)), "[1 2]"),
    ("apply", (plus, V(1, 2, 3)), "6"),
    ("apply", (plus, 1, 2, L(3)), "6"),
    ("apply", (lib("str"), "ab"), '"ab"'),
    ("apply", (lib("vector"), M(A, 1)), "[:a 1]"),
    ("apply", (plus, None), "arity-mismatch"),
    ("apply", (plus, 1, 2), "type-error"),
    ("apply", (plus,), "arity-mismatch"),
    ("apply", (A, V(M(A, 1))), "1"),
    ("update", (M(A, 1), A, inc), "{:a 2}"),
    ("update", (M(), A, lib("nil?")), "{:a true}"),
    ("update", (M(A, 1), A, plus, 2, 3), "{:a 6}"),
    ("update", (V(1, 2), 1, inc), "[1 3]"),
    ("update", (V(1), 1, inc), "index-out-of-bounds"),
    ("update", (V(1), A, inc), "type-error"),
    ("update", (None, A, inc), "type-error"),
    ("update", (M(A, 1), A, "inc"), "type-error"),
    ("update", (M(A, 1), A), "arity-mismatch"),
    ("update-in", (M(A, M(B, 1)), V(A, B), inc), "{:a {:b 2}}"),
    ("update-in", (M(), V(A, B), lib("nil?")), "{:a {:b true}}"),
    ("update-in", (M(A, V(1)), V(A, 0), plus, 5), "{:a [6]}"),
    ("update-in", (M(), V(), inc), "invalid-argument"),
)
def test_questions_groups_and_updates(name, operands, expected):
    check(name, operands, expected)


@cases(
    ("and", (), "true"),
    ("and", (1, None, 2), "nil"),
    ("and", (1, False), "false"),
    ("and", (1, 2), "2"),
    ("or", (), "false"),
    ("or", (None, 2, 3), "2"),
    ("or", (False, None), "nil"),
    ("or", (None, False), "false"),
    ("identity", (5,), "5"),
    ("process-data", (V(1),), "[1]"),
    ("comp", (1,), "type-error"),
    ("partial", (1,), "type-error"),
    ("juxt", (inc, 1), "type-error"),
    ("complement", ("f",), "type-error"),
)
def test_functions_as_values(name, operands, expected):
    check(name, operands, expected)


def test_functions_that_make_functions():
    double = F(lambda x: 2 * x)
    assert call(run("comp", inc, double), [5]) == 11
    assert call(run("comp", inc, plus), [1, 2, 3, 4, 5]) == 16
    assert call(run("comp"), [7]) == 7
    assert call(run("comp", A), [M(A, 1)]) == 1
    assert call(run("partial", plus, 1, 2), [3]) == 6
    assert call(run("partial", plus, 1), []) == 1
    assert call(run("constantly", 9), [1, 2, 3]) == 9
    assert call(run("complement", is_odd), [2]) is True
    assert call(run("juxt", inc, lib("dec")), [1]) == V(2, 0)
    assert run("fn?", run("comp", inc)) is True
    with pytest.raises(EvalError, match="Arity mismatch in inc"):
        call(run("partial", inc, 1), [2])


def test_every_operand_function_must_be_callable():
    error = fails("filter", M(), V(1))
    assert (error.message, error.operand) == ("Type error in filter: expected function, got map", 0)


def test_nested_calls_leave_the_c_stack_alone():
    """A function of the program that recurses through `map` and `reduce` meets Python's recursion limit, no crash."""
    depth = 0

    def descend(value):
        nonlocal depth
        depth += 1
        return run("map", F(descend), V(run("reduce", plus, V(value, 1))))

    with pytest.raises(RecursionError):
        descend(0)
    assert depth > 20
