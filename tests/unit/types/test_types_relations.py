"""Subtyping, consistency, overlap, join, meet and difference, by examples. The laws are in tests/property/test_type_laws.py."""

from __future__ import annotations

from typing import Any

import pytest

import rtfs
from rtfs.types.nodes import ANY, NEVER, SequenceType, TypeVariable
from rtfs.types.parse import parse_signature
from rtfs.types.relation import Relation, is_consistent, is_inhabited, is_subtype, overlap
from rtfs.types.subtyping import join, meet, subtract, type_of, widened
from rtfs.values.convert import to_rtfs
from rtfs.values.scalars import Keyword

t = rtfs.types.parse

NAMES = {
    "Tree": t("[:map [:value int] [:kids [:vector Tree]]]"),
    "Wood": t("[:map [:value number] [:kids [:vector Wood]]]"),
    "Shape": t('[:union [:map [:kind [:val "circle"]] [:r float]] [:map [:kind [:val "square"]] [:side float]]]'),
    "Endless": t("[:map [:next Endless]]"),
    "Self": t("[:union Self int]"),
}
lookup = NAMES.get

SUBTYPES = [
    ("int", "float"),
    ("int", "number"),
    ("number", "float"),
    ("bool", "[:enum true false]"),
    ("[:enum 1 2]", "int"),
    ("[:val :a]", "keyword"),
    ("int", "int?"),
    ("[:vector int]", "list"),
    ("[:tuple int int]", "[:vector int]"),
    ("[:tuple int int]", "[:and vector [:count 2]]"),
    ("[:array int [2]]", "[:tuple number number]"),
    ("[:vector never]", "[:vector string]"),
    ("[:map [:a int] [:b string]]", "[:map [:a number]]"),
    ("[:map [:a int]]", "[:map [:a int ?]]"),
    ("[:map [:a int]]", "[:and map [:has-key :a]]"),
    ("[:map [:a int] [:* int]]", "[:map [:* number]]"),
    ("[:map-of keyword int]", "[:map-of any number]"),
    ("[:map-of never never]", "[:map [:a int ?]]"),
    ('[:map ["a" int] [:* never]]', "[:map-of string int]"),
    ("[:fn [number] int]", "[:fn [int] number]"),
    ("[:fn [number & number] number]", "[:fn [int int int] number]"),
    ("[:fn [int] int]", "function"),
    ("[:and int [:> 5]]", "[:and number [:> 3]]"),
    ("[:and int [:> 5]]", "[:and float [:>= 6]]"),
    ("[:and int [:in-range 0 2]]", "[:enum 0 1 2]"),
    ("[:and string [:length 3]]", "[:and string [:min-length 2] [:max-length 4]]"),
    ('[:and string [:string-contains "abc"]]', '[:and string [:string-contains "b"] :non-empty]'),
    ("[:and any [:> 0]]", "float"),
    ("[:union [:vector int] [:vector string]]", "[:vector [:union int string]]"),
    ("[:and int [:> 5] [:< 3]]", "never"),
    ("Tree", "Wood"),
    ("Tree", "map"),
    ("Endless", "never"),
    ("[:stream int]", "[:stream number]"),
    ("[:resource File]", "resource"),
    ("Unknown", "Unknown"),
]
NOT_SUBTYPES = [
    ("any", "int"),
    ("float", "int"),
    ("number", "int"),
    ("int?", "int"),
    ("[:vector any]", "[:vector int]"),
    ("[:map]", "[:map [:a int]]"),
    ("[:map]", "[:map [:a int ?]]"),
    ("[:map [:a int ?]]", "[:map [:a int]]"),
    ("[:map [:a int]]", '[:map ["a" int]]'),
    ("[:map [:a int] [:* never]]", "[:map-of keyword int]"),  # {"a" 1} belongs to the first
    ("[:map-of keyword int]", "[:map [:a int]]"),
    ("[:fn [int] int]", "[:fn [number] int]"),
    ("[:fn [int] int]", "[:fn [int int] int]"),
    ("function", "[:fn [int] int]"),
    ("[:and int [:> 3]]", "[:and int [:> 5]]"),
    ("float", "[:and float [:<= ##Inf]]"),  # NaN
    ("[:vector int]", "[:tuple int]"),
    ("Wood", "Tree"),
    ("Unknown", "int"),
    ("int", "Self"),
]


@pytest.mark.parametrize(("a", "b"), SUBTYPES)
def test_subtypes(a: str, b: str) -> None:
    assert is_subtype(t(a), t(b), lookup)
    assert is_consistent(t(a), t(b), lookup)


@pytest.mark.parametrize(("a", "b"), NOT_SUBTYPES)
def test_not_subtypes(a: str, b: str) -> None:
    assert not is_subtype(t(a), t(b), lookup)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("any", "int"),
        ("[:vector any]", "[:vector int]"),
        ("[:vector int]", "[:vector any]"),
        ("[:map-of keyword any]", "[:map-of keyword int]"),
        ("[:fn [any] any]", "[:fn [int] string]"),
        ("function", "[:fn [int] string]"),
        ("[:map [:a any]]", "[:map [:a int]]"),
        ("map", "[:map [:a int ?]]"),
        ("[:map [:a int]]", "[:map-of keyword int]"),
        ("resource", "[:resource File]"),
        ("Unknown", "int"),
    ],
)
def test_any_goes_with_everything(a: str, b: str) -> None:
    assert is_consistent(t(a), t(b), lookup)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("[:vector string]", "[:vector int]"),
        ("[:vector [:vector string]]", "[:vector [:vector int]]"),
        ("[:map]", "[:map [:a int]]"),
        ("float", "int"),
    ],
)
def test_what_is_known_has_to_fit(a: str, b: str) -> None:
    assert not is_consistent(t(a), t(b), lookup)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("int", "string", False),
        ("int", "float", True),
        ("float", "int", True),
        ("int", "bool", False),
        ("[:and int [:> 5]]", "[:and number [:< 3]]", False),
        ("[:and int [:> 2]]", "[:and int [:< 3]]", False),
        ("[:and float [:> 2]]", "[:and float [:< 3]]", True),
        ("[:enum :a :b]", "[:enum :b :c]", True),
        ("[:enum :a :b]", "[:enum :c]", False),
        ("[:vector int]", "[:vector string]", True),  # []
        ("[:and [:vector int] :non-empty]", "[:vector string]", False),
        ("[:tuple int int]", "[:vector string]", False),
        ("[:tuple int]", "[:tuple int int]", False),
        ("[:map [:a int]]", "[:map [:b string]]", True),
        ("[:map [:a int]]", "[:map [:a string]]", False),
        ("[:map [:a int ?]]", "[:map [:a string ?]]", True),
        ("[:map [:a int]]", "[:map-of keyword string]", False),
        ("[:map [:a int]]", "[:map-of int any]", False),
        ('[:map [:kind [:val "circle"]]]', "Shape", True),
        ('[:map [:kind [:val "line"]]]', "Shape", False),
        ("[:and string [:min-length 3]]", "[:and string [:max-length 2]]", False),
        ("[:fn [int] int]", "[:fn [string] int]", True),  # a value does not know its signature
        ("[:fn [int] int]", "string", False),
        ("Tree", "Wood", True),
        ("Endless", "any", False),
        ("Unknown", "int", True),
        ("Unknown", "never", False),
        ("nil", "int?", True),
    ],
)
def test_overlap(a: str, b: str, expected: bool) -> None:
    assert overlap(t(a), t(b), lookup) is expected
    assert overlap(t(b), t(a), lookup) is expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("int", "float", "float"),
        ("int", "string", "[:union int string]"),
        ("int", "nil", "int?"),
        ("[:val 1]", "[:val 2]", "[:enum 1 2]"),
        ("[:val 1]", "int", "int"),
        ("[:union int string]", "[:union string bool]", "[:union int string bool]"),
        ("[:union int string bool nil]", "[:union keyword symbol]", "any"),
        ("[:enum 1 2 3 4 5 6]", "[:enum 7 8]", "[:enum 1 2 3 4 5 6 7 8]"),
        ("[:map [:a int]]", "[:map [:a int] [:b int]]", "[:map [:a int]]"),
        ("Tree", "Wood", "Wood"),
    ],
)
def test_join(a: str, b: str, expected: str) -> None:
    assert join(t(a), t(b), lookup) == t(expected)


def test_many_literals_join_to_their_kind() -> None:
    total = NEVER
    for number in range(20):
        total = join(total, t(f"[:val {number}]"))
    assert total == t("int")


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("int", "string", "never"),
        ("number", "[:and float [:> 0]]", "[:and float [:> 0]]"),
        ("[:union int string nil]", "[:union string bool nil]", "string?"),
        ("[:vector int]", "[:vector [:union int string]]", "[:vector int]"),
        ("[:vector [:union int nil]]", "[:vector [:union string nil]]", "[:vector nil]"),
        ("[:and int [:> 0]]", "[:and int [:< 10]]", "[:and int [:in-range 1 9]]"),
        ("[:map [:a int]]", "[:map [:b string ?]]", "[:map [:a int] [:b string ?]]"),
        ("[:map [:a int] [:* string]]", "[:map [:b any]]", "[:map [:a int] [:b string] [:* string]]"),
        ("[:tuple any int]", "[:vector int]", "[:tuple int int]"),
        ("Tree", "map", "Tree"),
        ('[:enum 1 :a "b"]', "[:union keyword string]", '[:enum :a "b"]'),
        ("[:fn [int] int]", "function", "[:fn [int] int]"),
        ("Shape", '[:map [:kind [:val "square"]]]', '[:map [:kind [:val "square"]] [:side float]]'),
    ],
)
def test_meet(a: str, b: str, expected: str) -> None:
    assert meet(t(a), t(b), lookup) == t(expected)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("[:union int string nil]", "nil", "[:union int string]"),
        ("Tree?", "nil", "Tree"),
        ("[:union int Tree]", "map", "int"),
        ("bool", "[:val true]", "[:val false]"),
        ("[:enum :a :b :c]", "[:enum :a :c]", "[:val :b]"),
        ("[:enum :a :b]", "keyword", "never"),
        ("int", "[:and int [:> 0]]", "[:and int [:<= 0]]"),
        ("[:and int [:in-range 0 3]]", "[:enum 1 3]", "[:enum 0 2]"),
        ("float", "[:and float [:> 0]]", "float"),  # NaN is left, too
        ("[:vector int]", "[:and vector :non-empty]", "[:vector never]"),
        ("[:vector int]", "[:vector never]", "[:and [:vector int] :non-empty]"),
        ("string", "[:and string [:max-length 2]]", "[:and string [:min-length 3]]"),
        ("[:tuple bool bool]", "[:tuple [:val true] any]", "[:tuple [:val false] bool]"),
        ("[:map [:ok bool]]", "[:map [:ok [:val true]]]", "[:map [:ok [:val false]]]"),
        ("[:map [:ok bool ?]]", "[:map [:ok any]]", "[:map [:ok never ?]]"),
        ("Shape", '[:map [:kind [:val "circle"]]]', '[:map [:kind [:val "square"]] [:side float]]'),
        ("any", "int", "any"),
        ("int", "string", "int"),
        ("int", "[:and float [:> 0.5]]", "[:and int [:<= 0]]"),
    ],
)
def test_subtract(a: str, b: str, expected: str) -> None:
    assert subtract(t(a), t(b), lookup) == t(expected)


def test_clauses_that_cover_leave_nothing() -> None:
    left = t("[:tuple bool [:enum :a :b]]")
    for clause in ("[:tuple [:val true] [:val :a]]", "[:tuple [:val false] any]", "[:tuple any [:val :b]]"):
        assert is_inhabited(left)
        left = subtract(left, t(clause))
    assert left == NEVER


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "[:val 1]"),
        (None, "[:val nil]"),
        ([], "[:vector never]"),
        ([1, "a"], '[:tuple [:val 1] [:val "a"]]'),
        ({}, "[:map-of never never]"),
        ({Keyword("a"): [True]}, "[:map [:a [:tuple [:val true]]] [:* never]]"),
        ({1.5: 2}, "[:map-of float int]"),
        (list(range(40)), "[:vector int]"),
        (len, "function"),
        (float("nan"), "float"),
    ],
)
def test_type_of(value: Any, expected: str) -> None:
    assert type_of(to_rtfs(value)) == t(expected)


def test_a_value_that_holds_itself_often_is_looked_at_once() -> None:
    value: Any = to_rtfs([1])
    for _ in range(60):
        value = to_rtfs([value, value])
    assert is_subtype(type_of(value), t("vector"))


def test_widened() -> None:
    assert widened(t("[:map [:a [:val 1]] [:b [:enum :x nil]] [:* never]]")) == t("[:map [:a int] [:b keyword?]]")


def test_sequences_and_variables() -> None:
    """The declared types of built-ins."""
    seq = SequenceType(t("int"))
    for text, expected in [("[:vector int]", True), ("nil", True), ("[:tuple int int]", True), ("string", False), ("int", False)]:
        assert is_subtype(t(text), seq) is expected
    anything = SequenceType(ANY)
    for text in ("string", "map", "[:map-of keyword int]", "list", "nil"):
        assert is_subtype(t(text), anything)
    assert is_subtype(t("[:map-of keyword int]"), SequenceType(t("[:tuple keyword int]")))
    assert not overlap(t("keyword"), anything)
    a = TypeVariable("a")
    assert is_subtype(a, a)
    assert not is_subtype(a, TypeVariable("b"))
    assert is_consistent(a, t("int"))
    (shape,) = parse_signature(rtfs.parse("[:fn [[:fn [a] b] [:seq a]] [:vector b]]")[0])
    assert is_subtype(shape, shape)


def test_a_question_that_takes_too_long_is_answered_with_care() -> None:
    relation = Relation(lookup)
    relation._steps = 10**9
    assert relation.may_meet(t("[:vector [:tuple int int]]"), t("[:tuple [:tuple int int]]"))
    assert not relation.decide(t("[:vector [:tuple int]]"), t("[:vector [:tuple int int]]"))
