"""JSON data to values: exact rules, and refusals that say what to change."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from rtfs.source import Source
from rtfs.syntax.reader import read_forms
from rtfs.types.coercion import CoercionError, coerce_data
from rtfs.types.nodes import Type
from rtfs.types.parse import parse_type
from rtfs.values.equality import equal
from rtfs.values.functions import Builtin
from rtfs.values.maps import Map
from rtfs.values.printing import to_readable
from rtfs.values.scalars import Symbol, Timestamp, kw
from rtfs.values.sequences import List, Vector


def read(text: str) -> Any:
    (form,) = read_forms(Source("<test>", text))
    return form


def parse(text: str) -> Type:
    return parse_type(read(text))


def names(**types: str) -> Callable[[str], Type | None]:
    return {name: parse(text) for name, text in types.items()}.get


@pytest.mark.parametrize(
    "type, data, value",
    [
        ("int", "3", "3"),
        ("int", "3.0", "3"),
        ("int", "-7", "-7"),
        ("int", "123456789012345678901234567890", "123456789012345678901234567890"),
        ("float", "3.5", "3.5"),
        ("float", "3.0", "3.0"),
        ("float", "3", "3"),
        ("number", "3", "3"),
        ("number", "3.0", "3.0"),
        ("[:union float int]", "3", "3"),
        ("string", '"a b"', '"a b"'),
        ("bool", "true", "true"),
        ("nil", "null", "nil"),
        ("keyword", '"a"', ":a"),
        ("keyword", '":a"', ":a"),
        ("keyword", '"my.ns/k"', ":my.ns/k"),
        ("timestamp", '"2025-06-23T10:30:00Z"', "2025-06-23T10:30:00Z"),
        ("timestamp", '"2025-06-23T10:30:00.123Z"', "2025-06-23T10:30:00.123Z"),
        ("uuid", '"550e8400-e29b-41d4-a716-446655440000"', "550e8400-e29b-41d4-a716-446655440000"),
        ("any", '{"a": [1, null, "x", {"b": 2.0}]}', '{"a" [1 nil "x" {"b" 2.0}]}'),
        ("map", '{"a": 1}', '{"a" 1}'),
        ("vector", '[1, "a"]', '[1 "a"]'),
        ("[:vector int]", "[1, 2.0]", "[1 2]"),
        ("[:vector keyword]", '["a", ":b"]', "[:a :b]"),
        ("[:tuple int string]", '[1, "a"]', '[1 "a"]'),
        ("[:array int [2 ?]]", "[[1], []]", "[[1] []]"),
        ("[:array int]", "[1]", "[1]"),
        ("[:map [:a int] [:b string ?]]", '{"a": 1}', "{:a 1}"),
        ("[:map [:a int] [:b string ?]]", '{"b": "x", "a": 1}', '{:a 1 :b "x"}'),
        ('[:map ["a" int] [3 int]]', '{"a": 1, "3": 2}', '{"a" 1 3 2}'),
        ("[:map [:a int?]]", '{"a": null}', "{:a nil}"),
        ("[:map [:a int] [:* string]]", '{"a": 1, "b": "x", "odd key": "y"}', '{:a 1 :b "x" "odd key" "y"}'),
        ('[:map ["a" int] [:* string]]', '{"a": 1, "b": "x"}', '{"a" 1 "b" "x"}'),
        ("[:map]", "{}", "{}"),
        ("[:map [:a [:map [:b [:vector [:enum :x :y]]]]]]", '{"a": {"b": ["x", "y"]}}', "{:a {:b [:x :y]}}"),
        ("[:map-of keyword int]", '{"a": 1}', "{:a 1}"),
        ("[:map-of string int]", '{"a": 1}', '{"a" 1}'),
        ("[:map-of int string]", '{"3": "x"}', '{3 "x"}'),
        ("[:map-of [:enum :a :b] int]", '{"a": 1}', "{:a 1}"),
        ("[:map-of [:enum 1 2] int]", '{"1": 1}', "{1 1}"),
        ("[:map-of any int]", '{"1": 1}', '{"1" 1}'),
        ('[:enum "a" :b]', '"a"', '"a"'),
        ('[:enum "a" :b]', '"b"', ":b"),
        ('[:enum "a" :b]', '":b"', ":b"),
        ('[:enum :a "a"]', '"a"', ":a"),
        ("[:enum 1 2.0 true nil]", "1", "1"),
        ("[:enum 1 2.0 true nil]", "1.0", "1"),
        ("[:enum 1 2.0 true nil]", "2", "2.0"),
        ("[:enum 1 2.0 true nil]", "true", "true"),
        ("[:enum 1 2.0 true nil]", "null", "nil"),
        ("int?", "null", "nil"),
        ("int?", "3", "3"),
        ("[:union keyword string]", '"a"', '"a"'),
        ("[:union keyword string]", '":a"', ":a"),
        ("[:union string keyword]", '":a"', '":a"'),
        ("[:union [:enum :a] string]", '"a"', ":a"),
        ("[:union [:enum :a] string]", '"b"', '"b"'),
        ("[:union timestamp string]", '"x"', '"x"'),
        ("[:union timestamp string]", '"2025-06-23T10:30:00Z"', "2025-06-23T10:30:00Z"),
        ("[:union [:vector int] [:vector string]]", '["a"]', '["a"]'),
        ("[:union [:map [:a int]] [:map [:b int]]]", '{"b": 1}', "{:b 1}"),
        ("[:and int [:> 0]]", "1", "1"),
        ("[:and [:map [:a int]] [:map [:b int]]]", '{"a": 1, "b": 2}', "{:a 1 :b 2}"),
        ("[:and [:map [:a number]] [:map [:a int]]]", '{"a": 1}', "{:a 1}"),
        ('[:and string [:matches-regex "^a"]]', '"ab"', '"ab"'),
    ],
)
def test_what_is_read(type: str, data: str, value: str) -> None:
    found = coerce_data(json.loads(data), parse(type))
    assert equal(found, read(value)), to_readable(found)
    assert to_readable(found) == to_readable(read(value))


@pytest.mark.parametrize(
    "type, data, problem",
    [
        ("int", '"3"', 'the value must be a whole number, but is "3"'),
        ("int", "3.5", "the value must be a whole number, but is 3.5"),
        ("int", "true", "the value must be a whole number, but is true"),
        ("int", "1e999", "the value must be an ordinary number, but is inf"),
        ("float", "null", "the value must be a number, but is null"),
        ("float", "NaN", "the value must be an ordinary number, but is nan"),
        ("any", "[NaN]", "[0] must be an ordinary number, but is nan"),
        ("string", "3", "the value must be a string, but is 3"),
        ("bool", '"true"', 'the value must be true or false, but is "true"'),
        ("bool", "1", "the value must be true or false, but is 1"),
        ("nil", '""', 'the value must be null, but is ""'),
        ("keyword", '"two words"', 'the value must be a keyword such as ":name", but is "two words"'),
        ("keyword", '""', 'the value must be a keyword such as ":name", but is ""'),
        (
            "timestamp",
            '"2025-13-01T00:00:00Z"',
            'the value must be a timestamp such as "2025-06-23T10:30:00Z", but is "2025-13-01T00:00:00Z"',
        ),
        ("uuid", '"x"', 'the value must be a UUID, but is "x"'),
        ("function", "1", "the value cannot be given as JSON: it must be of the type function"),
        ("[:resource File]", '"a"', "the value cannot be given as JSON: it must be of the type [:resource File]"),
        ("never", "1", "the value cannot be given as JSON: it must be of the type never"),
        ("[:vector int]", "{}", "the value must be an array, but is an object"),
        ("[:vector int]", '[1, "x"]', '[1] must be a whole number, but is "x"'),
        ("[:tuple int int]", "[1]", "the value must be an array of exactly 2 items, but has 1"),
        ("[:array int [? 2]]", "[[1]]", "[0] must be an array of exactly 2 items, but has 1"),
        ("[:map [:a int]]", "{}", 'the value must have the key "a"'),
        ("[:map [:price int]]", '{"prise": 1}', 'the value must have the key "price"; it has "prise"'),
        ("[:map [:a int]]", '{"a": 1, "b": 2}', 'the value must not have the key "b"; the keys are: "a"'),
        ("[:map]", '{"b": 2}', 'the value must not have the key "b"; the keys are: none'),
        ("[:map [:a int] [:* string]]", '{"a": 1, "b": 2}', ".b must be a string, but is 2"),
        (
            "[:map [:items [:vector [:map [:price int]]]]]",
            '{"items": [{"price": "x"}]}',
            '.items[0].price must be a whole number, but is "x"',
        ),
        ('[:map ["odd key" int]]', '{"odd key": null}', '["odd key"] must be a whole number, but is null'),
        ("[:map [:a int ?]]", '{"a": null}', ".a must be a whole number, but is null"),
        ("[:map-of int any]", '{"x": 1}', 'the key "x" of the value must be a whole number'),
        ("[:map-of keyword any]", '{"a": 1, ":a": 2}', "two keys of the value mean the same"),
        ("[:map-of [:enum :a] any]", '{"b": 1}', 'the key "b" of the value must be "a"'),
        ('[:enum "card" :cash]', '"bank"', 'the value must be one of "card", "cash", but is "bank"'),
        ("[:val 1]", "true", "the value must be 1, but is true"),
        ("[:val true]", "1", "the value must be true, but is 1"),
        ("[:union int [:vector int]]", '"x"', 'the value must be a whole number or an array, but is "x"'),
        ("[:union int [:vector int]]", '["x"]', '[0] must be a whole number, but is "x"'),
        ("int?", '"x"', 'the value must be a whole number or null, but is "x"'),
        (
            "[:union [:map [:t [:val :x]] [:a int]] [:map [:t [:val :y]] [:b int]]]",
            '{"t": "y", "b": "x"}',
            '.b must be a whole number, but is "x"',
        ),
        ("[:and int [:> 0]]", "0", "the value must be > 0, but is 0"),
        ("[:and int [:in-range 1 5]]", "9", "the value must be between 1 and 5, but is 9"),
        ("[:and string [:min-length 3]]", '"ab"', 'the value must have at least 3 characters, but is "ab"'),
        ('[:and string [:matches-regex "^a"]]', '"b"', 'the value must match the regular expression "^a", but is "b"'),
        ("[:and string [:is-url]]", '"b"', 'the value must be a URL that starts with http:// or https://, but is "b"'),
        ("[:and [:vector int] :non-empty]", "[]", "the value must not be empty, but is an empty array"),
        ("[:and [:map [:a int]] [:map [:b int]]]", '{"a": 1}', 'the value must have the key "b"'),
        ("Nope", "1", "the value has the type Nope, which is not a known type"),
    ],
)
def test_what_is_refused(type: str, data: str, problem: str) -> None:
    with pytest.raises(CoercionError) as caught:
        coerce_data(json.loads(data), parse(type))
    assert caught.value.problem == problem
    assert str(caught.value) == problem


def test_a_list_type_gives_a_list() -> None:
    assert type(coerce_data([1], parse("list"))) is List
    assert type(coerce_data([1], parse("[:vector int]"))) is Vector


def test_symbols() -> None:
    assert coerce_data("f", parse("symbol")) == Symbol("f")
    with pytest.raises(CoercionError):
        coerce_data("two words", parse("symbol"))


def test_rtfs_values_pass_when_they_belong() -> None:
    value = Map([(kw("a"), Vector([1]))])
    assert coerce_data(value, parse("[:map [:a [:vector int]]]")) is value
    assert coerce_data([kw("a")], parse("[:vector keyword]")) == Vector([kw("a")])
    function = Builtin("f", len, 1, 1)
    assert coerce_data(function, parse("[:fn [any] int]")) is function
    with pytest.raises(CoercionError):
        coerce_data(Timestamp("2025-06-23T10:30:00Z"), parse("string"))


def test_what_is_not_json() -> None:
    for data in ({1, 2}, b"x", object(), {1: 2}):
        with pytest.raises(CoercionError):
            coerce_data(data, parse("any"))


def test_recursive_types() -> None:
    lookup = names(Tree="[:map [:v int] [:kids [:vector Tree]]]")
    assert coerce_data({"v": 1, "kids": [{"v": 2, "kids": []}]}, parse("Tree"), names=lookup) == read("{:v 1 :kids [{:v 2 :kids []}]}")
    with pytest.raises(CoercionError, match=r"^\.kids\[0\]\.v must be a whole number, but is null$"):
        coerce_data({"v": 1, "kids": [{"v": None, "kids": []}]}, parse("Tree"), names=lookup)
    with pytest.raises(CoercionError, match="not a known type"):
        coerce_data(1, parse("A"), names=names(A="[:union A int]"))


@pytest.mark.parametrize("type", ["any", "Nest"])
def test_deep_data_is_refused(type: str) -> None:
    data: Any = 1
    for _ in range(100_000):
        data = [data]
    with pytest.raises(CoercionError, match="deep"):
        coerce_data(data, parse(type), names=names(Nest="[:union int [:vector Nest]]"))


def test_variants_of_a_recursive_type_do_not_double_the_work() -> None:
    lookup = names(T="[:union int [:map [:l T] [:x int]] [:map [:l T] [:x string]]]")
    data: Any = 1
    for _ in range(50):
        data = {"l": data, "x": "s"}
    start = time.perf_counter()
    coerce_data(data, parse("T"), names=lookup)
    with pytest.raises(CoercionError):
        coerce_data({"l": data, "x": None}, parse("T"), names=lookup)
    assert time.perf_counter() - start < 1
