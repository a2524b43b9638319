"""What belongs to a type, and the words for what does not."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtfs.source import Source
from rtfs.syntax.reader import read_forms
from rtfs.types.matching import checker, matches
from rtfs.types.nodes import Entry, RecordType, Type
from rtfs.types.parse import parse_type
from rtfs.values.functions import Builtin, Function
from rtfs.values.maps import Map
from rtfs.values.scalars import ErrorValue, ResourceHandle, Symbol, kw
from rtfs.values.sequences import List, Vector
from tests.property.type_strategies import plain_types, values


def read(text: str) -> Any:
    (form,) = read_forms(Source("<test>", text))
    return form


def parse(text: str) -> Type:
    return parse_type(read(text))


def names(**types: str) -> Callable[[str], Type | None]:
    parsed = {name: parse(text) for name, text in types.items()}
    return parsed.get


class Spec:
    def __init__(self, low: int, high: int | None) -> None:
        self.low, self.high = low, high

    def accepts(self, count: int) -> bool:
        return count >= self.low and (self.high is None or count <= self.high)


VALUES: dict[str, Any] = {
    "<fn2>": Function("f", Spec(2, 2), None, None, None),
    "<fn1+>": Function("g", Spec(1, None), None, None, None),
    "<builtin1-2>": Builtin("b", len, 1, 2),
    "<error>": ErrorValue("raised", "oops"),
    "<handle>": ResourceHandle("resource://a"),
    "<symbol>": Symbol("x"),
    "<list>": List([1, 2]),
}


def value_of(text: str) -> Any:
    return VALUES[text] if text in VALUES else read(text)


@pytest.mark.parametrize(
    "type, good, bad",
    [
        ("int", "1 -1 99999999999999999999", '1.0 "1" true nil :a [1]'),
        ("float", "1.0 1 ##Inf ##NaN", '"1" true nil'),
        ("number", "1 1.0", "true nil"),
        ("string", '"" "a"', "nil :a 1 <symbol>"),
        ("bool", "true false", "nil 1 0"),
        ("nil", "nil", "false 0 []"),
        ("keyword", ":a", '"a" <symbol>'),
        ("symbol", "<symbol>", ":a"),
        ("any", "nil 1 [1] {:a 1} <fn2>", ""),
        ("never", "", "nil 1"),
        ("timestamp", "2025-06-23T10:30:00Z", '"2025-06-23T10:30:00Z"'),
        ("uuid", "550e8400-e29b-41d4-a716-446655440000", '"550e8400-e29b-41d4-a716-446655440000"'),
        ("resource", "<handle>", '"resource://a"'),
        ("[:resource File]", "<handle>", "nil"),
        ("error", "<error>", "{:message 1}"),
        ("map", "{} {:a 1}", "[] nil <error>"),
        ("vector", "[] [1] <list>", "{} nil"),
        ("list", "<list> [1]", "{}"),
        ("function", "<fn2> <builtin1-2>", ":a {}"),
        ("int?", "1 nil", '"a" false'),
        ("[:vector int]", "[] [1 2] <list>", "[1 2.0] [nil] nil {}"),
        ("[:vector [:vector int]]", "[[1] []]", "[1] [[nil]]"),
        ("[:tuple int string]", '[1 "a"]', '[1] ["a" 1] [1 "a" 2] []'),
        ("[:array int]", "[] [1]", "[[1]] 1"),
        ("[:array int [2 ?]]", "[[1] [1 2]] [[] []]", "[[1]] [1 2] [[1] [nil]]"),
        ("[:map]", "{} {:a 1}", "[]"),
        ("[:map [:a int]]", '{:a 1} {:a 1 :b 2} {"a" 1}', '{} {:a "x"} {"b" 1} nil'),
        ('[:map ["a" int]]', '{"a" 1}', "{:a 1}"),
        ("[:map [3 int]]", "{3 1}", '{"3" 1}'),
        ("[:map [:a int ?]]", "{} {:a 1}", "{:a nil}"),
        ("[:map [:a int? ?]]", "{} {:a 1} {:a nil}", '{:a "x"}'),
        ("[:map [:a int?]]", "{:a nil}", "{}"),
        ("[:map [:a int] [:* string]]", '{:a 1} {:a 1 :b "x"}', "{:a 1 :b 2} {:a 1 true 1}"),
        ("[:map [:a int] [:* string]]", '{"a" 1} {:a 1 "a" "x"}', '{:a 1 "a" 2}'),
        ("[:map-of keyword int]", "{} {:a 1}", '{"a" 1} {:a "x"} []'),
        ("[:fn [int int] int]", "<fn2> <builtin1-2> <fn1+>", "{}"),
        ("[:fn [int] int]", "<fn1+> <builtin1-2>", "<fn2>"),
        ("[:fn [int & int] int]", "<fn1+> <builtin1-2>", "<fn2>"),
        ("[:fn [int int & int] int]", "<fn1+>", "<builtin1-2> <fn2>"),
        ('[:enum "a" :b 1 2.0 true nil]', '"a" :b 1 2.0 true nil', '"b" :a 1.0 2 false []'),
        ("[:union int [:vector int]]", "1 [1]", '"a" ["a"]'),
        ("[:union [:map [:a int]] [:map [:b int]]]", "{:a 1} {:b 1}", "{:c 1} nil"),
        ("[:and [:map [:a int]] [:map [:b int]]]", "{:a 1 :b 2}", "{:a 1} {:b 1}"),
        ("[:and int [:> 0] [:<= 9.5]]", "1 9", "0 10 1.5"),
        ("[:and number [:> 0.5]]", "1 0.6", "0.5 0 ##NaN"),
        ("[:and number [:>= 1] [:< 2]]", "1 1.0 1.5", "2 0.9"),
        ("[:and number [:in-range 0 1]]", "0 1 0.5", "1.1 -1"),
        ("[:and int [:= 1]]", "1", "2"),
        ("[:and any [:= [1 2]]]", "[1 2] <list>", "[1]"),
        ("[:and int [:!= 1]]", "2", "1"),
        ("[:and string [:min-length 2] [:max-length 3]]", '"ab" "äöü"', '"a" "abcd"'),
        ("[:and string [:length 3]]", '"äöü"', '"ab"'),
        ("[:and any [:min-length 2]]", '"ab" [1 2]', "1 [1]"),
        ('[:and string [:matches-regex "b+"]]', '"abbc"', '"ac"'),
        ('[:and string [:matches-regex "^b+$"]]', '"bb"', '"abb"'),
        ('[:and string [:string-contains "b"]]', '"abc"', '"ac"'),
        ("[:and [:vector int] [:min-count 1] [:max-count 2]]", "[1] [1 2]", "[] [1 2 3]"),
        ("[:and vector [:count 2]]", "[1 2]", "[1]"),
        ("[:and any :non-empty]", '[1] "a" {:a 1}', '[] "" {} nil 1'),
        ("[:and map [:has-key :k]]", '{:k nil} {"k" 1}', "{}"),
        ("[:and map [:required-keys [:a :b]]]", "{:a 1 :b 2}", "{:a 1}"),
        ("[:and string [:is-url]]", '"http://a" "https://a.b/c?d"', '"ftp://a" "a.b" "http://"'),
        ("[:and string [:is-email]]", '"a@b.co"', '"a@b" "a b@c.de" "@b.co"'),
        ("[:stream int]", "<handle>", "[1]"),
    ],
)
def test_what_belongs(type: str, good: str, bad: str) -> None:
    def items(text: str) -> list[Any]:
        for name, value in VALUES.items():
            if name in text:
                return [value, *items(text.replace(name, " ", 1))]
        return read_forms(Source("<test>", text))

    for value in items(good):
        assert checker(parse(type))(value) is None, value
    for value in items(bad):
        assert not matches(parse(type), value), value


@pytest.mark.parametrize(
    "type, value, message",
    [
        ("int", '"a"', "Type mismatch: expected int, got string"),
        ("[:vector int]", '[1 "a"]', "Type mismatch at [1]: expected int, got string"),
        ("[:vector int]", "nil", "Type mismatch: expected [:vector int], got nil"),
        ("[:vector [:vector int]]", "[[1] [1 nil]]", "Type mismatch at [1][1]: expected int, got nil"),
        (
            "[:map [:items [:vector [:map [:price int]]]]]",
            '{:items [{:price 1} {:price "x"}]}',
            "Type mismatch at .items[1].price: expected int, got string",
        ),
        ('[:map ["odd key" int]]', '{"odd key" nil}', 'Type mismatch at ["odd key"]: expected int, got nil'),
        ("[:map [3 int]]", "{3 nil}", "Type mismatch at [3]: expected int, got nil"),
        ("[:map [:a int]]", "{}", "Missing required key :a"),
        ("[:map [:a [:map [:b int]]]]", "{:a {}}", "Missing required key :b at .a"),
        ("[:map [:a int] [:* int]]", "{:a 1 :b nil}", "Type mismatch at .b: expected int, got nil"),
        ("[:map-of keyword int]", '{"a" 1}', 'Type mismatch at key "a": expected keyword, got string'),
        ("[:map-of keyword int]", "{:a nil}", "Type mismatch at .a: expected int, got nil"),
        ("[:tuple int int]", "[1]", "Shape violation: expected [:tuple int int], got 1 item where 2 belong"),
        ("[:tuple int int]", "[1 nil]", "Type mismatch at [1]: expected int, got nil"),
        ("[:array int [1 2]]", "[[1]]", "Shape violation at [0]: expected [:array int [1 2]], got 1 item where 2 belong"),
        ("[:and int [:> 0]]", "-1", "Predicate violation: > 0 failed for value -1"),
        (
            '[:map [:a [:and string [:matches-regex "^a"]]]]',
            '{:a "b"}',
            'Predicate violation at .a: matches-regex "^a" failed for value "b"',
        ),
        ("[:and int [:in-range 0 5]]", "9", "Predicate violation: in-range 0 5 failed for value 9"),
        ("[:and int [:> 0]]", "nil", "Type mismatch: expected int, got nil"),
        ('[:enum "a" "b"]', '"c"', 'Type mismatch: expected [:enum "a" "b"], got string "c"'),
        ("[:union int string]", "nil", "Type mismatch: expected int or string, got nil"),
        ("int?", ":a", "Type mismatch: expected int or nil, got keyword"),
        ("number", ":a", "Type mismatch: expected number, got keyword"),
        ("[:union int string bool]", "nil", "Type mismatch: expected int, string or bool, got nil"),
        ("[:optional [:map [:a int]]]", "{:a nil}", "Type mismatch at .a: expected int, got nil"),
        ("[:union [:vector int] [:map [:a int]]]", "{:a nil}", "Type mismatch at .a: expected int, got nil"),
        ("[:union [:vector int] [:map [:a int]]]", "[nil]", "Type mismatch at [0]: expected int, got nil"),
        ("[:union [:map [:a int]] [:map [:b int]]]", "{}", "Type mismatch: expected [:map [:a int]] or [:map [:b int]], got map"),
        (
            "[:union [:map [:t [:val :x]] [:a int]] [:map [:t [:val :y]] [:b int]]]",
            "{:t :y :b nil}",
            "Type mismatch at .b: expected int, got nil",
        ),
        ("Nope", "1", "Type mismatch: Nope is not a known type"),
        ("[:vector Nope]", "[1]", "Type mismatch at [0]: Nope is not a known type"),
        ("[:fn [int] int]", "<fn2>", "Type mismatch: expected [:fn [int] int], got function that cannot take 1 operand"),
        ("never", "1", "Type mismatch: expected never, got integer"),
    ],
)
def test_messages(type: str, value: str, message: str) -> None:
    found = checker(parse(type))(value_of(value))
    assert found is not None
    assert found.message == message


def test_names_are_looked_up_when_a_value_is_checked() -> None:
    defined: dict[str, Type] = {}
    check = checker(parse("[:vector Age]"), defined.get)
    assert check(Vector([1])) is not None
    defined["Age"] = parse("int")
    assert check(Vector([1])) is None
    defined["Age"] = parse("string")
    assert check(Vector([1])) is not None


def test_recursive_types() -> None:
    lookup = names(Tree="[:map [:value int] [:kids [:vector Tree]]]")
    check = checker(parse("Tree"), lookup)
    assert check(read("{:value 1 :kids [{:value 2 :kids []}]}")) is None
    found = check(read("{:value 1 :kids [{:value 2 :kids [{:value nil :kids []}]}]}"))
    assert found is not None
    assert found.message == "Type mismatch at .kids[0].kids[0].value: expected int, got nil"


@pytest.mark.parametrize(
    "definitions", [{"A": "A"}, {"A": "B", "B": "A"}, {"A": "[:union A int]"}, {"A": "[:and B [:> 0]]", "B": "[:and A int]"}]
)
def test_a_type_defined_by_itself_matches_nothing(definitions: dict[str, str]) -> None:
    found = checker(parse("A"), names(**definitions))(1)
    assert found is not None
    assert "is defined by nothing but itself" in found.message


def test_a_struct_is_named_in_messages() -> None:
    person = RecordType((Entry(kw("name"), parse("string")),), None, "Person")
    found = checker(person)(None)
    assert found is not None
    assert found.message == "Type mismatch: expected Person, got nil"


def nested(depth: int, innermost: Any) -> Any:
    value: Any = innermost
    for _ in range(depth):
        value = Vector.adopt([value])
    return value


def test_values_a_hundred_thousand_deep() -> None:
    lookup = names(Nest="[:union int [:vector Nest]]", Choice="[:union int [:vector Choice] [:map [:a Choice]]]")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_500_000)
    try:
        for name in ("Nest", "Choice"):
            check = checker(parse(name), lookup)
            assert check(nested(100_000, 1)) is None
            found = check(nested(100_000, None))
            assert found is not None
            assert len(found.message) < 400
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("leaf, good", [("1", True), ("nil", False)])
def test_variants_of_a_recursive_type_do_not_double_the_work(leaf: str, good: bool) -> None:
    lookup = names(T="[:union int [:map [:l T] [:x [:vector int]]] [:map [:l T] [:x [:vector string]]]]")
    value: Any = read(leaf)
    for _ in range(60):
        value = Map([(kw("l"), value), (kw("x"), Vector(["a"]))])
    start = time.perf_counter()
    assert (checker(parse("T"), lookup)(value) is None) is good
    assert time.perf_counter() - start < 1


def test_a_checker_serves_several_threads() -> None:
    lookup = names(T="[:union int [:map [:a T]] [:map [:b T]]]")
    check = checker(parse("T"), lookup)
    good, bad = read("{:a {:b {:a 1}}}"), read("{:a {:b {:a nil}}}")
    failures: list[Any] = []

    def work() -> None:
        for _ in range(300):
            if check(good) is not None or check(bad) is None:
                failures.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_not_a_type() -> None:
    with pytest.raises(TypeError):
        checker("int")  # type: ignore[arg-type]


@given(st.data(), plain_types)
def test_generated_values_belong(data: st.DataObject, type: Type) -> None:
    """The strategy and the matcher were written apart; refinements may refuse, nothing else."""
    value = data.draw(values(type))
    found = checker(type)(value)
    assert found is None or found.kind == "predicate-violation" or "[:and" in str(type)
