"""Reference 8.5 and the containers of 8.10."""

from __future__ import annotations

from builtin_cases import NAN, K, L, M, V, cases, check, fails, run

from rtfs.values.scalars import ErrorValue

A, B, C = K("a"), K("b"), K("c")


@cases(
    ("vector", (), "[]"),
    ("vector", (1, None), "[1 nil]"),
    ("list", (), "()"),
    ("list", (1, 2), "(1 2)"),
    ("vec", (L(1, 2),), "[1 2]"),
    ("vec", (None,), "[]"),
    ("vec", ("ab",), '["a" "b"]'),
    ("vec", (M(A, 1),), "[[:a 1]]"),
    ("vec", (1,), "type-error"),
    ("hash-map", (), "{}"),
    ("hash-map", (A, 1, "b", 2, 3, 4), '{:a 1 "b" 2 3 4}'),
    ("hash-map", (1, "i", 1.0, "f", True, "b", None, "n", V(1), "v"), '{1 "i" 1.0 "f" true "b" nil "n" [1] "v"}'),
    ("hash-map", (A, 1, A, 2), "{:a 2}"),
    ("hash-map", (A,), "arity-mismatch"),
    ("zipmap", (V(A, B, C), V(1, 2)), "{:a 1 :b 2}"),
    ("zipmap", (None, V(1)), "{}"),
    ("zipmap", (1, V()), "type-error"),
    ("frequencies", (V(1, 1.0, True, 1, "a", "a"),), '{1 2 1.0 1 true 1 "a" 2}'),
    ("frequencies", ("aba",), '{"a" 2 "b" 1}'),
    ("frequencies", (None,), "{}"),
    ("count", (V(1, 2),), "2"),
    ("count", (L(1),), "1"),
    ("count", (M(A, 1),), "1"),
    ("count", ("héé",), "3"),
    ("count", (None,), "type-error"),
    ("count", (5,), "type-error"),
    ("length", ("héé",), "3"),
    ("length", (V(1),), "1"),
    ("length", (None,), "type-error"),
    ("empty?", (None,), "true"),
    ("empty?", (V(),), "true"),
    ("empty?", (L(),), "true"),
    ("empty?", ("",), "true"),
    ("empty?", (M(),), "true"),
    ("empty?", (L(1),), "false"),
    ("empty?", (0,), "false"),
    ("empty?", (False,), "false"),
)
def test_making_and_counting(name, operands, expected):
    check(name, operands, expected)


def test_an_odd_hash_map_speaks_of_map():
    assert fails("hash-map", 1).message == "Arity mismatch in map: expected an even number, got 1"


ERROR = ErrorValue("raised", "m", M(A, 1))


@cases(
    ("get", (M(A, 1), A), "1"),
    ("get", (M(A, 1), B), "nil"),
    ("get", (M(A, 1), B, 9), "9"),
    ("get", (M(A, None), A, 9), "nil"),
    ("get", (M("k", 5), "k"), "5"),
    ("get", (M(1, "int"), 1.0), "nil"),
    ("get", (V(1, 2), 0), "1"),
    ("get", (V(1, 2), 9, K("d")), ":d"),
    ("get", (V(1, 2), -1), "nil"),
    ("get", (V(1, None), 1, 5), "nil"),
    ("get", (L(1, 2), 1), "2"),
    ("get", (None, A), "nil"),
    ("get", (None, A, 1), "1"),
    ("get", ("s", 0), "type-error"),
    ("get", ("hello", 10), "type-error"),
    ("get", (V(1), "k"), "type-error"),
    ("get", (V(1), True), "type-error"),
    ("get", (5, A), "type-error"),
    ("get", (M(A, 1),), "arity-mismatch"),
    ("get", (ERROR, K("message")), '"m"'),
    ("get", (ERROR, "message", 1), "1"),
    ("get-in", (M(A, M(B, M(C, 3))), V(A, B, C)), "3"),
    ("get-in", (M(A, V(10, M("x", 7))), V(A, 1, "x")), "7"),
    ("get-in", (M(1, M(2, 3)), V(1, 2)), "3"),
    ("get-in", (M(A, 1), L(A)), "1"),
    ("get-in", (M(A, None), V(A, B), 9), "9"),
    ("get-in", (M(A, None), V(A), 9), "nil"),
    ("get-in", (M(A, 1), V(A, B)), "nil"),
    ("get-in", (V(1), V(A), 9), "9"),
    ("get-in", (V(1), V(-1), 9), "9"),
    ("get-in", (None, V(A), 9), "9"),
    ("get-in", (M(A, 1), V()), "{:a 1}"),
    ("get-in", (M(A, ERROR), V(A, K("data"), A)), "1"),
    ("get-in", (M(A, 1), A), "type-error"),
    ("find", (M(A, None), A), "[:a nil]"),
    ("find", (M(A, 1), B), "nil"),
    ("find", (V(1), 0), "type-error"),
    ("keys", (M(A, 1, B, 2),), "[:a :b]"),
    ("vals", (M(A, 1, B, 2),), "[1 2]"),
    ("keys", (None,), "type-error"),
    ("vals", (V(),), "type-error"),
    ("contains?", (M(A, None), A), "true"),
    ("contains?", (M(A, 1), B), "false"),
    ("contains?", (M(A, 1), V(1)), "false"),
    ("contains?", (V(5, 6), 5), "true"),
    ("contains?", (V(5, 6), 0), "false"),
    ("contains?", (V(1), 1.0), "false"),
    ("contains?", (L(V(1)), L(1)), "true"),
    ("contains?", ("hello", "ell"), "true"),
    ("contains?", ("hello", 1), "type-error"),
    ("contains?", (None, 1), "false"),
    ("contains?", (5, 1), "type-error"),
    ("select-keys", (M(A, 1, B, 2, C, None), V(C, A, K("z"))), "{:c nil :a 1}"),
    ("select-keys", (None, V()), "type-error"),
)
def test_looking_into_collections(name, operands, expected):
    check(name, operands, expected)


@cases(
    ("assoc", (M(A, 1), A, 2), "{:a 2}"),
    ("assoc", (M(A, 1, B, 2), A, 3, C, 4), "{:a 3 :b 2 :c 4}"),
    ("assoc", (V(1, 2), 1, 9), "[1 9]"),
    ("assoc", (V(1, 2), 2, 9), "index-out-of-bounds"),
    ("assoc", (V(1), -1, 9), "index-out-of-bounds"),
    ("assoc", (V(1), "0", 9), "type-error"),
    ("assoc", (M(), A), "arity-mismatch"),
    ("assoc", (M(), A, 1, B), "arity-mismatch"),
    ("assoc", (None, A, 1), "type-error"),
    ("assoc", (L(1), 0, 1), "type-error"),
    ("assoc!", (M(), A, 1), "{:a 1}"),
    ("dissoc", (M(A, 1, B, 2), A, C), "{:b 2}"),
    ("dissoc", (M(A, 1),), "arity-mismatch"),
    ("dissoc", (None, A), "type-error"),
    ("merge", (M(A, 1, B, 1), M(B, 2), M(C, 3)), "{:a 1 :b 2 :c 3}"),
    ("merge", (M(A, 1),), "{:a 1}"),
    ("merge", (), "arity-mismatch"),
    ("merge", (M(), None), "type-error"),
    ("merge", (None, M()), "type-error"),
    ("assoc-in", (M(), V(A, B), 1), "{:a {:b 1}}"),
    ("assoc-in", (M(A, V(M(B, 1))), V(A, 0, B), 2), "{:a [{:b 2}]}"),
    ("assoc-in", (V(V(1)), V(0, 0), 2), "[[2]]"),
    ("assoc-in", (V(1), V(5, 0), 2), "index-out-of-bounds"),
    ("assoc-in", (M(A, 1), V(A, B), 2), "type-error"),
    ("assoc-in", (M(), V(), 2), "invalid-argument"),
    ("assoc-in", (None, V(A), 2), "type-error"),
    ("rename-keys", (M(A, 1, B, 2), M(A, C)), "{:c 1 :b 2}"),
    ("rename-keys", (M(A, 1, B, 2), M(A, B)), "{:b 2}"),
    ("rename-keys", (V(), M()), "type-error"),
    ("conj", (V(1), 2, 3), "[1 2 3]"),
    ("conj!", (V(1), 2), "[1 2]"),
    ("conj", (L(1), 2, 3), "(3 2 1)"),
    ("conj", (None, 1), "[1]"),
    ("conj", (M(A, 1), V(B, 2)), "{:a 1 :b 2}"),
    ("conj", (M(A, 1), M(A, 2)), "{:a 2}"),
    ("conj", (M(), V(1)), "type-error"),
    ("conj", ("a", "b"), "type-error"),
    ("conj", (V(),), "arity-mismatch"),
    ("into", (V(1), L(2, 3)), "[1 2 3]"),
    ("into", (L(1), V(2, 3)), "(3 2 1)"),
    ("into", (M(A, 1), V(V(B, 2), L(A, 3))), "{:a 3 :b 2}"),
    ("into", (M(A, 1), M(B, 2)), "{:a 1 :b 2}"),
    ("into", (V(), M(A, 1)), "[[:a 1]]"),
    ("into", (None, V(1)), "[1]"),
    ("into", (V(1), None), "[1]"),
    ("into", (V(), "ab"), '["a" "b"]'),
    ("into", (M(), V(1)), "type-error"),
    ("into", ("a", V(1)), "type-error"),
    ("into", (V(), 1), "type-error"),
)
def test_changing_a_copy(name, operands, expected):
    check(name, operands, expected)


def test_values_are_not_changed_in_place():
    vector, table, path = V(1, 2), M(A, V(1)), V(A, 0)
    run("conj", vector, 3)
    run("assoc", vector, 0, 9)
    run("into", vector, vector)
    run("assoc-in", table, path, 5)
    run("dissoc", table, A)
    assert vector == V(1, 2)
    assert table == M(A, V(1))


def test_a_path_may_be_longer_than_the_python_stack():
    path = V(*range(20_000))
    nested = run("assoc-in", M(), path, "end")
    assert run("get-in", nested, path) == "end"


def test_nan_is_never_found():
    assert run("contains?", V(NAN), NAN) is False


def test_operands_at_fault():
    assert fails("assoc", V(1), 0, 1, 7, 2).operand == 3
    assert fails("merge", M(), 1).operand == 1
    error = fails("nth", V(1), 10**5000)
    assert (error.operand, error.kind) == (1, "index-out-of-bounds")
