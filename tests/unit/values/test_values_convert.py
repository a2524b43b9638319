"""The embedding boundary: what each Python value becomes, and what cannot pass."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import uuid
from typing import Any

import pytest

from rtfs.errors import ConfigError, ToolError
from rtfs.semantics.calls import call
from rtfs.values.convert import to_python, to_rtfs
from rtfs.values.maps import Map
from rtfs.values.printing import to_readable
from rtfs.values.scalars import Keyword, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector


class Colour(enum.Enum):
    RED = "red"


class Text(str):
    __slots__ = ()


@dataclasses.dataclass
class Point:
    x: int
    tags: list[str]


@pytest.mark.parametrize(
    "value, expected",
    [
        ([1, (2, 3)], "[1 [2 3]]"),
        ({"a": {"b": None}}, '{"a" {"b" nil}}'),
        ({1: True, None: 2.0}, "{1 true nil 2.0}"),
        (Colour.RED, '"red"'),
        (Text("t"), '"t"'),
        (Point(1, ["t"]), '{:x 1 :tags ["t"]}'),
        (datetime.datetime(2025, 6, 23, 10, 30, 0, 123000, tzinfo=datetime.UTC), "2025-06-23T10:30:00.123Z"),
        (uuid.UUID("550e8400-e29b-41d4-a716-446655440000"), "550e8400-e29b-41d4-a716-446655440000"),
        (range(3), "[0 1 2]"),
    ],
)
def test_python_to_rtfs(value: Any, expected: str) -> None:
    assert to_readable(to_rtfs(value)) == expected


@pytest.mark.parametrize(
    "value, expected",
    [
        (Vector([1, List([2])]), [1, [2]]),
        (Map([(Keyword("a"), Keyword("b")), ("c", Symbol("d"))]), {"a": "b", "c": "d"}),
        (Map([(Vector([1, Keyword("k")]), 2)]), {(1, "k"): 2}),
        (Timestamp("2025-06-23T10:30:00Z"), datetime.datetime(2025, 6, 23, 10, 30, tzinfo=datetime.UTC)),
        (Timestamp("2025-02-31T10:30:00Z"), "2025-02-31T10:30:00Z"),
        (Uuid("550e8400-e29b-41d4-a716-446655440000"), uuid.UUID("550e8400-e29b-41d4-a716-446655440000")),
    ],
)
def test_rtfs_to_python(value: Any, expected: Any) -> None:
    assert to_python(value) == expected


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), 1j])
def test_what_has_no_counterpart_is_refused_with_a_hint(value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        to_rtfs(value)
    assert caught.value.hint


def test_two_keys_that_become_one_are_an_error() -> None:
    with pytest.raises(ConfigError, match="become the same Python key"):
        to_python(Map([(Keyword("a"), 1), ("a", 2)]))


def test_a_value_that_contains_itself_is_an_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ConfigError, match="contains itself"):
        to_rtfs(loop)


def test_a_value_nested_too_deep_for_python_is_an_error() -> None:
    value = Vector()
    for _ in range(100_000):
        value = Vector([value])
    with pytest.raises(ConfigError, match="nested"):
        to_python(value)


def test_a_callable_gets_and_gives_python_values() -> None:
    seen: list[Any] = []

    def host(items: list[Any], flag: bool = False) -> dict[str, Any]:
        seen.append((items, flag))
        return {"n": len(items)}

    function = to_rtfs(host)
    assert to_readable(call(function, [Vector([1, Keyword("k")])])) == '{"n" 2}'
    assert seen == [([1, "k"], False)]
    assert (function.low, function.high) == (1, 2)


def test_an_exception_of_a_callable_can_be_caught_by_the_program() -> None:
    def host() -> None:
        raise KeyError("gone")

    with pytest.raises(ToolError, match="host raised KeyError") as caught:
        call(to_rtfs(host), [])
    assert isinstance(caught.value.__cause__, KeyError)
