"""Error values and raising: reference 2.11, 8.7."""

from __future__ import annotations

import pytest
from builtin_cases import K, M, V, cases, check, fails, run

from rtfs.values.printing import to_text
from rtfs.values.scalars import ErrorValue


@cases(
    ("getMessage", (ErrorValue("raised", "m"),), '"m"'),
    ("ex-message", (ErrorValue("raised", "m"),), '"m"'),
    ("ex-data", (ErrorValue("raised", "m", V(1)),), "[1]"),
    ("ex-data", (ErrorValue("raised", "m"),), "nil"),
    ("getMessage", ("m",), "type-error"),
    ("ex-message", (None,), "type-error"),
    ("ex-data", (M(),), "type-error"),
    ("throw", (), "arity-mismatch"),
    ("throw", (5,), "type-error"),
    ("throw", (K("k"), 5), "type-error"),
    ("throw", ("a", "b", "c"), "invalid-argument"),
    ("throw", (ErrorValue("raised", "m"), 1), "invalid-argument"),
)
def test_reading_errors_and_misuse(name, operands, expected):
    check(name, operands, expected)


@pytest.mark.parametrize(
    "name, kind",
    [
        ("Exception.", "raised"),
        ("RuntimeException.", "runtime-error"),
        ("IllegalArgumentException.", "invalid-argument"),
        ("ArithmeticException.", "division-by-zero"),
    ],
)
def test_constructors_build_and_do_not_raise(name, kind):
    for label in (name, name[:-1]):
        value = run(label, "m", "ignored")
        assert (value.kind, value.message, value.data) == (kind, "m", None)
    assert to_text(value) == "#<error: m>"
    assert run(name, 5).message == "5"
    assert fails(name).kind == "arity-mismatch"


@pytest.mark.parametrize("name", ["throw", "error"])
@pytest.mark.parametrize(
    "operands, kind, message, data",
    [
        (("m",), "raised", "m", None),
        (("m", V(1)), "raised", "m", V(1)),
        ((K("my/kind"), "m"), "my/kind", "m", None),
        ((K("my-kind"), "m", V(1)), "my-kind", "m", V(1)),
        ((K("my-kind"),), "my-kind", "my-kind", None),
        ((M(K("type"), K("t"), K("message"), "m", K("data"), 1),), "t", "m", 1),
        ((M(K("code"), 7),), "raised", "{:code 7}", M(K("code"), 7)),
        ((ErrorValue("division-by-zero", "m", 3),), "division-by-zero", "m", 3),
    ],
)
def test_throw_raises_with_kind_message_and_data(name, operands, kind, message, data):
    error = fails(name, *operands)
    assert (error.kind, error.message, error.data) == (kind, message, data)
    assert (error.value.kind, error.value.message, error.value.data) == (kind, message, data)


def test_a_caught_error_thrown_again_is_the_same_exception():
    error = fails("throw", "first")
    assert fails("throw", error.value) is error


def test_throwing_a_made_error_binds_that_very_value():
    value = run("Exception.", "m")
    assert fails("throw", value).value is value
