"""Reference 8.4 and the predicates of 8.10."""

from __future__ import annotations

import pytest
from builtin_cases import INF, F, K, L, M, V, cases, check, lib, run

from rtfs.values.scalars import ErrorValue, ResourceHandle, Symbol, Timestamp, Uuid

VALUES = {
    "nil": None,
    "boolean": True,
    "integer": 1,
    "float": 1.0,
    "string": "a",
    "timestamp": Timestamp("2025-06-23T10:30:00Z"),
    "uuid": Uuid("123e4567-e89b-12d3-a456-426614174000"),
    "resource-handle": ResourceHandle("resource://a"),
    "symbol": Symbol("a"),
    "keyword": K("a"),
    "vector": V(),
    "list": L(),
    "map": M(),
    "function": F(abs),
    "error": ErrorValue("raised", "m"),
}

TRUE_FOR = {
    "nil?": {"nil"},
    "bool?": {"boolean"},
    "boolean?": {"boolean"},
    "int?": {"integer"},
    "float?": {"float"},
    "number?": {"integer", "float"},
    "string?": {"string"},
    "string-p": {"string"},
    "symbol?": {"symbol"},
    "keyword?": {"keyword"},
    "vector?": {"vector"},
    "vec?": {"vector"},
    "list?": {"list"},
    "map?": {"map"},
    "seq?": {"vector", "list"},
    "coll?": {"vector", "list", "map"},
    "fn?": {"function"},
    "error?": {"error"},
}


@pytest.mark.parametrize("name", TRUE_FOR)
def test_kind_predicates(name):
    assert {kind for kind, value in VALUES.items() if run(name, value) is True} == TRUE_FOR[name]


@pytest.mark.parametrize("kind", VALUES)
def test_type_name_is_the_kind_word(kind):
    assert run("type-name", VALUES[kind]) == kind


def test_a_built_in_is_a_function():
    assert run("fn?", lib("+")) is True


@cases(
    ("zero?", (0,), "true"),
    ("zero?", (-0.0,), "true"),
    ("zero?", (1,), "false"),
    ("zero?", (None,), "type-error"),
    ("pos?", (1,), "true"),
    ("pos?", (0,), "false"),
    ("positive?", (0.5,), "true"),
    ("neg?", (-1,), "true"),
    ("neg?", ("a",), "type-error"),
    ("even?", (2,), "true"),
    ("even?", (-3,), "false"),
    ("odd?", (-3,), "true"),
    ("odd?", (3.9,), "true"),
    ("even?", (-2.5,), "true"),
    ("even?", (INF,), "invalid-argument"),
    ("odd?", ("1",), "type-error"),
    ("even?", (True,), "type-error"),
    ("odd?", (10**30 + 1,), "true"),
)
def test_sign_and_parity(name, operands, expected):
    check(name, operands, expected)
