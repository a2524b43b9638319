"""JSON Schema to types: what each keyword becomes, what is noted, and agreement with `jsonschema` on its test suite."""

from __future__ import annotations

import re
from typing import Any

import pytest

import rtfs
from benches import schemas
from rtfs.errors import ConfigError
from rtfs.types.from_schema import from_json_schema
from rtfs.types.json_schema import json_schema
from rtfs.types.relation import is_subtype

t = rtfs.types.parse


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (True, "any"),
        (False, "never"),
        ({}, "any"),
        ({"title": "T", "description": "d", "default": 1, "examples": [1]}, "any"),
        ({"type": "integer"}, "int"),
        ({"type": "number"}, "float"),
        ({"type": "string"}, "string"),
        ({"type": "boolean"}, "bool"),
        ({"type": "null"}, "nil"),
        ({"type": ["null", "string"]}, "string?"),
        ({"type": ["integer", "string"]}, "[:union int string]"),
        ({"type": "string", "nullable": True}, "string?"),
        ({"type": "integer", "minimum": 1, "exclusiveMaximum": 9}, "[:and int [:>= 1] [:< 9]]"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "[:and float [:> 0] [:<= 1]]"),
        ({"type": "number", "multipleOf": 1}, "int"),
        (
            {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^a"},
            '[:and string [:min-length 1] [:max-length 3] [:matches-regex "^a"]]',
        ),
        ({"minLength": 3}, "[:union [:map] [:vector any] [:and string [:min-length 3]] float bool nil]"),
        ({"const": 1.0}, "[:val 1]"),
        ({"const": {"a": [1, None]}}, "[:map [:a [:tuple [:val 1] [:val nil]]] [:* never]]"),
        ({"enum": ["a", 1, True, None]}, '[:enum "a" 1 true nil]'),
        ({"type": "string", "enum": ["a", 1]}, '[:val "a"]'),
        ({"enum": []}, "never"),
        ({"type": "array"}, "[:vector any]"),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 1}, "[:and [:vector int] [:min-count 1]]"),
        (
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False, "minItems": 2},
            "[:tuple int string]",
        ),
        ({"type": "array", "prefixItems": [{"type": "integer"}], "maxItems": 1}, "[:union [:vector never] [:tuple int]]"),
        ({"type": "array", "items": [{"type": "integer"}], "additionalItems": False, "minItems": 1}, "[:tuple int]"),
        (
            {"type": "object", "properties": {"a": {"type": "integer"}, "odd key": {"type": "string"}}, "required": ["a"]},
            '[:map [:a int] ["odd key" string ?]]',
        ),
        ({"type": "object", "required": ["b"]}, "[:map [:b any]]"),
        ({"type": "object", "additionalProperties": False}, "[:map [:* never]]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "[:map-of string int]"),
        (
            {"type": "object", "properties": {"a": True}, "additionalProperties": {"type": "integer"}, "required": ["b"]},
            "[:map [:a any ?] [:b int] [:* int]]",
        ),
        ({"type": "object", "minProperties": 1}, "[:and [:map] [:min-count 1]]"),
        ({"type": "object", "propertyNames": {"maxLength": 2}}, "[:map-of [:and string [:max-length 2]] any]"),
        ({"type": "object", "dependentRequired": {"a": ["b"]}}, "[:union [:map [:a never ?]] [:map [:a any] [:b any]]]"),
        ({"allOf": [{"type": "integer"}, {"minimum": 2}]}, "[:and int [:>= 2]]"),
        (
            {"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}}, {"type": "object", "required": ["a", "b"]}]},
            "[:map [:a int] [:b any]]",
        ),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "[:union int string]"),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, "[:union int string]"),
        ({"oneOf": [{"const": 1}, {"enum": [1, 2]}]}, "[:val 2]"),
        (
            {"type": "number", "oneOf": [{"maximum": 2}, {"minimum": 1}]},
            "[:union [:and float [:< 1]] [:and float [:> 2]]]",
        ),
        ({"not": {"type": "string"}}, "[:union [:map] [:vector any] float bool nil]"),
        ({"type": "string", "not": {"enum": ["a"]}}, '[:and string [:!= "a"]]'),
        ({"type": "integer", "not": {"minimum": 3}}, "[:and int [:<= 2]]"),
        (
            {"type": "integer", "if": {"minimum": 10}, "then": {"maximum": 20}, "else": {"minimum": 5}},
            "[:union [:and int [:in-range 10 20]] [:and int [:in-range 5 9]]]",
        ),
    ],
)
def test_what_a_schema_becomes(schema: Any, text: str) -> None:
    type, definitions, notes = from_json_schema(schema)
    assert (str(type), definitions, notes) == (text, {}, [])


def test_references_become_names() -> None:
    schema = {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "value": {"$ref": "#/$defs/string"},
                    "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                },
                "required": ["value"],
            },
            "string": {"type": "string"},
        },
    }
    type, definitions, notes = from_json_schema(schema)
    assert str(type) == "node"
    # a name that is a type of the language is not taken
    assert {name: str(t) for name, t in definitions.items()} == {
        "node": "[:map [:value Type-string] [:next node? ?]]",
        "Type-string": "string",
    }
    assert not notes
    assert rtfs.types.matches({"value": "a", "next": {"value": "b"}}, type, names=definitions)
    assert not rtfs.types.matches({"value": "a", "next": {"value": 1}}, type, names=definitions)


def test_a_schema_that_mentions_itself_has_a_name() -> None:
    type, definitions, _ = from_json_schema({"type": "array", "items": {"$ref": "#"}}, name="Nest")
    assert str(type) == "Nest"
    assert {name: str(t) for name, t in definitions.items()} == {"Nest": "[:vector Nest]"}


def test_a_base_and_what_is_added_to_it() -> None:
    schema = {
        "allOf": [{"$ref": "#/$defs/Base"}, {"properties": {"b": {"type": "string"}}, "required": ["b"]}],
        "$defs": {"Base": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}},
    }
    type, definitions, _ = from_json_schema(schema)
    assert str(type) == "[:and Base [:map [:b string]]]"
    assert is_subtype(type, t("[:map [:a int] [:b string]]"), definitions.get)


def test_variants_told_apart_by_a_tag_are_a_union() -> None:
    variant = lambda kind: {"type": "object", "properties": {"kind": {"const": kind}}, "required": ["kind"]}  # noqa: E731
    schema = {"oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}], "$defs": {"A": variant("a"), "B": variant("b")}}
    type, _, notes = from_json_schema(schema)
    assert (str(type), notes) == ("[:union A B]", [])


@pytest.mark.parametrize(
    ("schema", "text", "pointer", "keyword"),
    [
        ({"type": "object", "patternProperties": {"^a": {}}}, "[:map]", "/patternProperties", "patternProperties"),
        ({"type": "array", "uniqueItems": True}, "[:vector any]", "/uniqueItems", "uniqueItems"),
        ({"type": "array", "contains": {"type": "integer"}}, "[:vector any]", "/contains", "contains"),
        ({"type": "integer", "multipleOf": 3}, "int", "/multipleOf", "multipleOf"),
        ({"type": "string", "pattern": "\\p{L}"}, "string", "/pattern", "pattern"),
        ({"$ref": "https://example.org/x.json"}, "any", "/$ref", "$ref"),
        ({"type": "array", "prefixItems": [{"type": "integer"}]}, "[:vector any]", "/prefixItems", "prefixItems"),
        ({"not": {"type": "string", "pattern": "a"}}, "any", "/not", "not"),
        (
            {"properties": {"a/b": {"type": "array", "uniqueItems": True}}, "type": "object"},
            '[:map ["a/b" [:vector any] ?]]',
            "/properties/a~1b/uniqueItems",
            "uniqueItems",
        ),
        ({"type": "object", "unevaluatedProperties": False}, "[:map]", "/unevaluatedProperties", "unevaluatedProperties"),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "type": "string"}, "string", "", "$schema"),
    ],
)
def test_what_cannot_be_said_is_noted(schema: Any, text: str, pointer: str, keyword: str) -> None:
    type, _, notes = from_json_schema(schema)
    assert str(type) == text
    assert [(note.pointer, note.keyword) for note in notes if note.asserts] == [(pointer, keyword)]
    with pytest.raises(ConfigError, match="the schema says what no type can say") as caught:
        from_json_schema(schema, strict=True)
    assert keyword in str(caught.value)


def test_formats() -> None:
    schema = {"type": "string", "format": "date-time"}
    type, _, notes = from_json_schema(schema, strict=True)
    assert str(type) == "string"
    assert [(note.keyword, note.asserts) for note in notes] == [("format", False)]
    assert str(from_json_schema(schema, formats=True)[0]) == "timestamp"
    assert str(from_json_schema({"type": "string", "format": "uuid"}, formats=True)[0]) == "uuid"


@pytest.mark.parametrize(
    "schema",
    [
        7,
        {"type": "text"},
        {"type": 3},
        {"properties": []},
        {"allOf": {}},
        {"minLength": -1},
        {"minimum": "3"},
        {"$ref": 7},
        {"items": 7},
        {"required": [3]},
    ],
)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    with pytest.raises(ConfigError):
        from_json_schema(schema)


def test_a_schema_nested_without_end_is_refused() -> None:
    schema: Any = {}
    for _ in range(100_000):
        schema = {"items": schema}
    with pytest.raises(ConfigError, match="nested too deep"):
        from_json_schema(schema)


@pytest.mark.parametrize(
    "text",
    [
        "int",
        "string?",
        "[:vector float]",
        "[:map [:a int] [:b string ?]]",
        "[:map-of string bool]",
        "[:tuple int string]",
        '[:enum "a" 1 nil]',
        "[:and int [:in-range 1 5]]",
        "[:array int [2 ?]]",
        '[:union int [:map [:k [:val "x"]]]]',
    ],
)
def test_a_type_comes_back_from_its_schema(text: str) -> None:
    for is_open in (False, True):
        again, _, notes = from_json_schema(json_schema(t(text), open=is_open))
        assert not notes
        assert is_subtype(again, t(text))
        if is_open:
            assert is_subtype(t(text), again)


def test_agreement_with_the_validator_on_its_suite() -> None:
    outcome = schemas.run()
    assert outcome.disagreements == []
    assert outcome.agreed == outcome.instances
    assert outcome.instances > 750
    assert outcome.said > 200
    # nothing is left out without a reason
    assert outcome.said + len(outcome.left_out) == outcome.schemas


def test_the_command_prints_the_share(capsys: pytest.CaptureFixture[str]) -> None:
    assert schemas.main(["--list"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"a type says \d+ whole, \d+ \(\d+\.\d%\) in part", printed)
    assert "left out:" in printed
    assert "DISAGREES" not in printed
