"""The type language: what every spelling means, and what is said about those that mean nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from rtfs.errors import AnalysisError
from rtfs.source import Source, Span
from rtfs.syntax.reader import read_forms
from rtfs.types.nodes import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    KEYWORD,
    NEVER,
    NIL,
    NUMBER,
    STRING,
    SYMBOL,
    ArrayType,
    Entry,
    EnumType,
    FunctionType,
    IntersectionType,
    MapOfType,
    Predicate,
    Primitive,
    RecordType,
    RefinedType,
    ResourceType,
    StreamType,
    TupleType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
)
from rtfs.types.parse import TYPE_WORDS, is_type_form, is_type_keyword, parse_type
from rtfs.types.printing import type_text
from rtfs.values.scalars import Keyword, Symbol, Timestamp, kw
from rtfs.values.sequences import Vector
from tests.property.type_strategies import types


def read(text: str) -> Any:
    (form,) = read_forms(Source("<test>", text))
    return form


def parse(text: str, **options: Any) -> Type:
    return parse_type(read(text), **options)


def record(*entries: tuple[Any, ...], rest: Type | None = None) -> RecordType:
    return RecordType(tuple(Entry(kw(e[0]) if isinstance(e[0], str) else e[0], *e[1:]) for e in entries), rest)


def p(name: str, *operands: Any) -> Predicate:
    return Predicate(name, operands)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("int", INT),
        (":int", INT),
        ("Int", INT),
        (":Int", INT),
        ("float", FLOAT),
        ("String", STRING),
        ("str", STRING),
        ("bool", BOOL),
        ("boolean", BOOL),
        ("integer", INT),
        ("number", NUMBER),
        ("Number", NUMBER),
        ("nil", NIL),
        ("Nil", NIL),
        (":nil", NIL),
        ("keyword", KEYWORD),
        ("symbol", SYMBOL),
        ("any", ANY),
        (":any", ANY),
        ("never", NEVER),
        ("list", Primitive("list")),
        ("vector", Primitive("vector")),
        ("map", Primitive("map")),
        ("fn", Primitive("function")),
        ("function", Primitive("function")),
        ("timestamp", Primitive("timestamp")),
        ("uuid", Primitive("uuid")),
        ("resource", Primitive("resource")),
        ("error", Primitive("error")),
        ("int?", UnionType((INT, NIL))),
        (":int?", UnionType((INT, NIL))),
        (":String?", UnionType((STRING, NIL))),
        ("number?", UnionType((INT, FLOAT, NIL))),
        ("nil?", NIL),
        ("any?", ANY),
        ("Person", TypeRef("Person")),
        (":Person", TypeRef("Person")),
        ("Person?", UnionType((TypeRef("Person"), NIL))),
        ("my.ns/Person", TypeRef("my.ns/Person")),
        ("order", TypeRef("order")),
        ("[:vector int]", VectorType(INT)),
        ("[:vector :int]", VectorType(INT)),
        ("[:list int]", VectorType(INT)),
        ("[:tuple int string]", TupleType((INT, STRING))),
        ("[:array float]", ArrayType(FLOAT, ())),
        ("[:array float [2 ?]]", ArrayType(FLOAT, (2, None))),
        ("[:array float [0]]", ArrayType(FLOAT, (0,))),
        ("[:map]", record()),
        ("[:map [:a int]]", record(("a", INT))),
        ("[:map [:a int] [:b string ?]]", record(("a", INT), ("b", STRING, True))),
        ("[:map [:a int?]]", record(("a", UnionType((INT, NIL))))),
        ("[:record [:a int]]", record(("a", INT))),
        ("[:map {:a int :b :string?}]", record(("a", INT), ("b", UnionType((STRING, NIL))))),
        ("[:map {:a int} [:b int] [:* any]]", record(("a", INT), ("b", INT), rest=ANY)),
        ("[:map {:a int :* string}]", record(("a", INT), rest=STRING)),
        ('[:map ["a" int] [3 int]]', RecordType((Entry("a", INT), Entry(3, INT)))),
        ("[:map [:a [:map [:b int]]]]", record(("a", record(("b", INT))))),
        ("[:map-of keyword int]", MapOfType(KEYWORD, INT)),
        ("[:dict string any]", MapOfType(STRING, ANY)),
        ("[:fn [] int]", FunctionType((), None, INT)),
        ("[:fn [int string] bool]", FunctionType((INT, STRING), None, BOOL)),
        ("[:fn [int & string] bool]", FunctionType((INT,), STRING, BOOL)),
        ("[:=> [int] int]", FunctionType((INT,), None, INT)),
        ("[:resource File]", ResourceType("File")),
        ("[:resource :File]", ResourceType("File")),
        ('[:resource "a file"]', ResourceType("a file")),
        ('[:enum "a" "b"]', EnumType(("a", "b"))),
        ("[:enum :a 1 1.0 true nil]", EnumType((kw("a"), 1, 1.0, True, None))),
        ("[:enum :a :a]", EnumType((kw("a"),))),
        ("[:enum 2025-06-23T10:30:00Z]", EnumType((Timestamp("2025-06-23T10:30:00Z"),))),
        ("[:val :a]", EnumType((kw("a"),))),
        ("[:union int string]", UnionType((INT, STRING))),
        ("[:or int string]", UnionType((INT, STRING))),
        ("[:union int [:union string nil]]", UnionType((INT, STRING, NIL))),
        ("[:union int int]", INT),
        ("[:union int any]", ANY),
        ("[:union int nil]", UnionType((INT, NIL))),
        ("[:union number int]", NUMBER),
        ("[:optional [:vector int]]", UnionType((VectorType(INT), NIL))),
        ("[:and int [:> 0]]", RefinedType(INT, (p(">", 0),))),
        ("[:and int [:> 0] [:<= 9.5]]", RefinedType(INT, (p(">", 0), p("<=", 9.5)))),
        ("[:and [:> 0] int]", RefinedType(INT, (p(">", 0),))),
        ("[:and [:and int [:> 0]] [:< 9]]", RefinedType(INT, (p(">", 0), p("<", 9)))),
        ("[:and A B]", IntersectionType((TypeRef("A"), TypeRef("B")))),
        ("[:and A [:and B C]]", IntersectionType((TypeRef("A"), TypeRef("B"), TypeRef("C")))),
        ("[:and A B [:non-empty]]", RefinedType(IntersectionType((TypeRef("A"), TypeRef("B"))), (p("non-empty"),))),
        ("[:and A [:non-empty] B]", RefinedType(IntersectionType((TypeRef("A"), TypeRef("B"))), (p("non-empty"),))),
        ("[:and string :non-empty]", RefinedType(STRING, (p("non-empty"),))),
        ("[:and string [:min-length 1] [:max-length 3]]", RefinedType(STRING, (p("min-length", 1), p("max-length", 3)))),
        ("[:and string [:string-min-length 1]]", RefinedType(STRING, (p("min-length", 1),))),
        ('[:and string [:string-matches "^a"]]', RefinedType(STRING, (p("matches-regex", "^a"),))),
        ('[:and string [:string-contains "a"]]', RefinedType(STRING, (p("string-contains", "a"),))),
        ("[:and float [:in-range 0 1.5]]", RefinedType(FLOAT, (p("in-range", 0, 1.5),))),
        ("[:and map [:has-key :k]]", RefinedType(Primitive("map"), (p("has-key", kw("k")),))),
        ("[:and map [:required-keys [:a :b]]]", RefinedType(Primitive("map"), (p("required-keys", Vector([kw("a"), kw("b")])),))),
        ("[:and string [:is-url]]", RefinedType(STRING, (p("is-url"),))),
        ("[:and int]", INT),
        ("[:and any int]", INT),
        ("[:and never int]", NEVER),
        ("[:stream int]", StreamType(INT)),
        ("[:stream-bi :input int :output string]", StreamType(INT, STRING, "bi")),
        ("[:stream-bi :output string :input int]", StreamType(INT, STRING, "bi")),
        ("[:stream-duplex int string]", StreamType(INT, STRING, "duplex")),
        ("[:stream-bi int]", StreamType(INT, None, "bi")),
    ],
)
def test_every_spelling_of_a_type(text: str, expected: Type) -> None:
    assert parse(text) == expected
    assert parse(type_text(expected)) == expected


@pytest.mark.parametrize(
    "text, at, message, hint",
    [
        ("[:vectr int]", ":vectr", "not a type constructor", "[:vector …]"),
        ("[:maybe int]", ":maybe", "not a type constructor", "optional"),
        ("[:xyzzy int]", ":xyzzy", "not a type constructor", ":union"),
        (":strng", ":strng", "`:strng` is not a type", "string"),
        ("[:vector :foo]", ":foo", "not a type", "[:val :foo]"),
        (":vector-of", ":vector-of", "not a type", None),
        (":map-of", ":map-of", "needs operands", "[:map-of …]"),
        (":min-length", ":min-length", "is a predicate", "[:and T"),
        ("[:vector]", "[:vector]", "expected [:vector T], got 0", "[:vector T]"),
        ("[:vector int int]", "[:vector int int]", "got 2 operands", None),
        ("[]", "[]", "`[]` is not a type", "[:vector T]"),
        ("[int]", "int", "starts with a constructor", "[:vector int]"),
        ("[int string]", "int", "starts with a constructor", "[:tuple int string]"),
        ("{:a int}", "{:a int}", "a map is not a type", "[:map [:key type]"),
        ("(vector int)", "(vector int)", "a list is not a type", "brackets"),
        ("5", "5", "an integer is not a type", "[:val 5]"),
        ('"a"', '"a"', "a string is not a type", '[:val "a"]'),
        ("true", "true", "a boolean is not a type", "[:val true]"),
        ("_", "_", "`_` is not a type", "any"),
        ("[:tuple]", "[:tuple]", "at least one type", None),
        ("[:array int 2]", "2", "shape of an array is a vector", "[2 3]"),
        ("[:array int [-1]]", "-1", "`-1` is not a dimension", None),
        ("[:array int [x]]", "x", "not a dimension", "?"),
        ("[:map :a int]", ":a", "`:a` is not an entry", "[:key type]"),
        ("[:map [:a]]", "[:a]", "an entry has a key", "[:key type ?]"),
        ("[:map [:a int :optional]]", "[:a int :optional]", "an entry has a key", "?"),
        ("[:map [a int]]", "a", "`a` is not a key", "write :a"),
        ("[:map [nil int]]", "nil", "`nil` is not a key", "keyword"),
        ("[:map [:a int] [:a string]]", "[:a string]", "stands twice", None),
        ("[:map [:* int] [:* int]]", "[:* int]", "stands once", None),
        ("[:map [:a [:vctor int]]]", ":vctor", "not a type constructor", "[:vector …]"),
        ("[:map {:a [:vctor int]}]", ":vctor", "not a type constructor", "[:vector …]"),
        ("[:map-of int]", "[:map-of int]", "type of keys", None),
        ("[:fn int int]", "[:fn int int]", "vector of parameter types", "[:fn [int int] int]"),
        ("[:fn [int]]", "[:fn [int]]", "vector of parameter types", None),
        ("[:fn [int &] int]", "&", "after &", None),
        ("[:resource 5]", "[:resource 5]", "name of a resource", None),
        ("[:enum]", "[:enum]", "at least one value", None),
        ("[:enum a b]", "a", "`a` is a name, not a value", 'the string "a" or the keyword :a'),
        ("[:enum [1]]", "[1]", "cannot stand in an enumeration", None),
        ("[:enum ##NaN]", "##NaN", "cannot stand in an enumeration", None),
        ("[:val 1 2]", "[:val 1 2]", "takes one value", "[:enum …]"),
        ("[:union]", "[:union]", "at least one type", None),
        ("[:and]", "[:and]", "needs a type", None),
        ("[:> 0]", "[:> 0]", "is a predicate, not a type", "[:and T [:> 0]]"),
        ("[:and int [:bigger 0]]", "[:bigger 0]", "neither a predicate nor", ":>="),
        ("[:and int [:mn-length 0]]", "[:mn-length 0]", "neither a predicate nor", ":min-length"),
        ('[:and int [:> "a"]]', '[:> "a"]', "`:>` takes one number", None),
        ("[:and int [:> ##NaN]]", "[:> ##NaN]", "`:>` takes one number", None),
        ("[:and int [:>]]", "[:>]", "takes one number", None),
        ("[:and int [:> true]]", "[:> true]", "takes one number", None),
        ("[:and int [:in-range 2 1]]", "[:in-range 2 1]", "the smaller one first", None),
        ("[:and string [:min-length -1]]", "[:min-length -1]", "zero or more", None),
        ("[:and string [:matches-regex 5]]", "[:matches-regex 5]", "one string", None),
        ('[:and string [:matches-regex "("]]', '[:matches-regex "("]', "valid regular expression", None),
        ("[:and map [:has-key nil]]", "[:has-key nil]", "one key", None),
        ("[:and map [:required-keys :a]]", "[:required-keys :a]", "vector of keys", None),
        ("[:and string [:is-url 1]]", "[:is-url 1]", "no operand", None),
        ("[:and int [:= x]]", "[:= x]", "a name is not a value", None),
        ("[:stream]", "[:stream]", "[:stream T]", None),
        ("[:stream-bi int int int]", "[:stream-bi int int int]", "two-way stream", None),
    ],
)
def test_what_is_not_a_type_is_shown_where_it_stands(text: str, at: str, message: str, hint: str | None) -> None:
    with pytest.raises(AnalysisError) as caught:
        parse_type(read(text), Span(Source("<test>", text), 0, len(text)))
    error = caught.value
    assert error.kind == "invalid-type"
    assert message in error.message
    assert error.span is not None
    assert error.span.text == at
    if hint is not None:
        assert hint in (error.hint or "")


def test_a_form_without_a_place_is_shown_at_the_fallback() -> None:
    span = Span(Source("<test>", "(def x :foo 5)"), 7, 11)
    with pytest.raises(AnalysisError) as caught:
        parse_type(kw("foo"), span)
    assert caught.value.span == span
    with pytest.raises(AnalysisError) as caught:
        parse_type(Vector([kw("vector"), kw("foo")]), span)
    assert caught.value.span == span


def test_a_defined_name_hides_a_predefined_one() -> None:
    assert parse("Error") == Primitive("error")
    assert parse("Error", defined={"Error"}) == TypeRef("Error")
    assert parse("[:vector Error?]", defined={"Error"}) == VectorType(UnionType((TypeRef("Error"), NIL)))


@pytest.mark.parametrize("depth", [600, 20_000])
def test_deep_nesting_is_an_error_and_not_a_crash(depth: int) -> None:
    with pytest.raises(AnalysisError, match="deep"):
        parse("[:vector " * depth + "int" + "]" * depth)


def test_moderate_nesting_is_fine() -> None:
    expected: Type = INT
    for _ in range(100):
        expected = VectorType(expected)
    assert parse("[:vector " * 100 + "int" + "]" * 100) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("[:union int string]", True),
        ("[:vector int]", True),
        ("[:map [:a int]]", True),
        ("[:=> [] int]", True),
        ("[:val 1]", True),
        ("[:ok x]", False),
        ("[:error message]", False),
        ("[x :vector]", False),
        ("[]", False),
        (":vector", False),
        ("(:vector int)", False),
    ],
)
def test_type_forms_are_vectors_headed_by_a_constructor(text: str, expected: bool) -> None:
    assert is_type_form(read(text)) is expected


def test_type_keywords() -> None:
    assert {"int", "Int", "int?", "Int?", "number", "str", "fn", "error", "any", "never?"} <= TYPE_WORDS
    assert is_type_keyword(Keyword("String?"))
    for name in ("red", "name", "a", "Person", "min-length", "enum"):
        assert not is_type_keyword(Keyword(name))


@given(types)
def test_a_printed_type_reads_back(type: Type) -> None:
    assert parse(type_text(type)) == type


def test_a_struct_prints_as_its_name() -> None:
    assert str(RecordType((), None, "Person")) == "Person"
    assert str(parse("[:optional [:map [:a Person?]]]")) == "[:optional [:map [:a Person?]]]"
    assert str(NUMBER) == "number"


def test_symbols_built_by_macros_need_no_place() -> None:
    assert parse_type(Vector([kw("vector"), Symbol("int")])) == VectorType(INT)
