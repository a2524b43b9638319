"""Reference 8.2 and 7.2."""

from __future__ import annotations

from builtin_cases import NAN, F, K, L, M, V, cases, check, fails

from rtfs.values.scalars import Symbol, Uuid

f = F(abs)


@cases(
    ("=", (1,), "true"),
    ("=", (), "arity-mismatch"),
    ("=", (1, 1), "true"),
    ("=", (1, 2), "false"),
    ("=", (1, 1.0), "false"),
    ("=", (1, True), "false"),
    ("=", (0, False), "false"),
    ("=", ("a", "a"), "true"),
    ("=", ("a", K("a")), "false"),
    ("=", (1, 1, 1), "true"),
    ("=", (1, 1, 2), "false"),
    ("=", (NAN, NAN), "false"),
    ("=", (NAN,), "true"),
    ("=", (None, None), "true"),
    ("=", (None, False), "false"),
    ("=", (V(1, V(2)), L(1, L(2))), "true"),
    ("=", (V(1), V(1.0)), "false"),
    ("=", (V(1), V(1, 2)), "false"),
    ("=", (M(K("a"), 1, "b", 2), M("b", 2, K("a"), 1)), "true"),
    ("=", (M(1, 2), M(1.0, 2)), "false"),
    ("=", (Symbol("a"), Symbol("a")), "true"),
    ("=", (Uuid("x"), "x"), "false"),
    ("=", (f, f), "true"),
    ("=", (f, F(abs)), "false"),
    ("!=", (1, 2), "true"),
    ("not=", (1, 1), "false"),
    ("!=", (1, 2, 3), "arity-mismatch"),
    ("not", (None,), "true"),
    ("not", (False,), "true"),
    ("not", (0,), "false"),
    ("not", ("",), "false"),
    ("not", (V(),), "false"),
)
def test_equality_is_structural_and_strict_on_kind(name, operands, expected):
    check(name, operands, expected)


@cases(
    ("<", (1, 2), "true"),
    ("<", (1, 1.5), "true"),
    ("<", (2, 1), "false"),
    ("<", (1, 2, 3), "true"),
    ("<", (1, 3, 2), "false"),
    ("<", (1,), "true"),
    ("<", ("a", "b"), "true"),
    ("<", ("a", "b", "c"), "true"),
    ("<", (2**53, 2.0**53), "false"),
    ("<", (2.0**53, 2**53 + 1), "true"),
    ("<", (10**400, float("inf")), "true"),
    ("<", (NAN, 1), "false"),
    ("<", (), "arity-mismatch"),
    ("<", ("s", 1), "type-error"),
    ("<", (1, "s"), "type-error"),
    ("<", (True, 2), "type-error"),
    ("<", (None,), "type-error"),
    ("<", (3, 2, "x"), "type-error"),
    ("<", (K("a"), K("b")), "type-error"),
    (">", ("s", 1), "type-error"),
    (">", (3, 2, 1), "true"),
    (">", (1.5, 1), "true"),
    ("<=", (1, 1), "true"),
    ("<=", (1, 1, 0), "false"),
    ("<=", ("a", "a"), "true"),
    (">=", (2, 2.0), "true"),
    (">=", (2, 3), "false"),
    (">=", ("b", "a", "c"), "false"),
)
def test_order_of_numbers_and_of_strings(name, operands, expected):
    check(name, operands, expected)


def test_mixed_kinds_name_the_operand_at_fault():
    error = fails("<", 1, 2, "x")
    assert error.message == "Type error in <: expected comparable types, got string"
    assert error.operand == 2
