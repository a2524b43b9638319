"""The JSON Schema of a type: exact shapes, and agreement with values and with `coerce`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rtfs.source import Source
from rtfs.syntax.reader import read_forms
from rtfs.types.coercion import CoercionError, coerce_data
from rtfs.types.json_schema import json_key, json_schema
from rtfs.types.matching import matches
from rtfs.types.nodes import ArrayType, Entry, EnumType, MapOfType, RecordType, TupleType, Type, UnionType, VectorType
from rtfs.types.parse import parse_type
from rtfs.values.scalars import kw
from tests.property.type_strategies import json_data, plain_types, to_json, types, values


def parse(text: str) -> Type:
    (form,) = read_forms(Source("<test>", text))
    return parse_type(form)


def names(**types: str) -> Callable[[str], Type | None]:
    return {name: parse(text) for name, text in types.items()}.get


OBJECT = {"type": "object"}
INTEGER = {"type": "integer"}
STRING = {"type": "string"}


def closed(properties: dict[str, Any], *required: str, rest: Any = False) -> dict[str, Any]:
    more = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties, **more, "additionalProperties": rest}


@pytest.mark.parametrize(
    "text, schema",
    [
        ("int", INTEGER),
        ("float", {"type": "number"}),
        ("number", {"type": "number"}),
        ("string", STRING),
        ("bool", {"type": "boolean"}),
        ("nil", {"type": "null"}),
        ("keyword", {"type": "string", "pattern": "^:.+"}),
        ("symbol", STRING),
        ("any", {}),
        ("never", {"not": {}}),
        ("timestamp", {"type": "string", "format": "date-time"}),
        ("uuid", {"type": "string", "format": "uuid"}),
        ("list", {"type": "array"}),
        ("map", OBJECT),
        ("function", OBJECT),
        ("[:resource File]", OBJECT),
        ("error", OBJECT),
        ("[:fn [int] int]", OBJECT),
        ("[:stream int]", OBJECT),
        ("[:vector int]", {"type": "array", "items": INTEGER}),
        ("[:tuple int string]", {"type": "array", "prefixItems": [INTEGER, STRING], "items": False, "minItems": 2, "maxItems": 2}),
        ("[:array int]", {"type": "array", "items": INTEGER}),
        (
            "[:array int [2 ?]]",
            {"type": "array", "items": {"type": "array", "items": INTEGER}, "minItems": 2, "maxItems": 2},
        ),
        ("[:map]", closed({})),
        ('[:map [:a int] ["b" string ?] [3 int]]', closed({"a": INTEGER, "b": STRING, "3": INTEGER}, "a", "3")),
        ("[:map [:a int ?] [:* string]]", closed({"a": INTEGER}, rest=STRING)),
        ("[:map-of string int]", {"type": "object", "additionalProperties": INTEGER}),
        (
            "[:map-of [:enum :a :b] int]",
            {"type": "object", "additionalProperties": INTEGER, "propertyNames": {"enum": ["a", "b"]}},
        ),
        ("[:map-of int any]", {"type": "object", "additionalProperties": {}, "propertyNames": {"pattern": "^-?[0-9]+$"}}),
        ('[:enum :a "b" 1 1.0 true nil]', {"enum": ["a", "b", 1, True, None]}),
        ('[:enum :a "a"]', {"enum": ["a"]}),
        ("[:val ##Inf]", {"not": {}}),
        ("int?", {"anyOf": [INTEGER, {"type": "null"}]}),
        ("[:union int [:vector int]]", {"anyOf": [INTEGER, {"type": "array", "items": INTEGER}]}),
        ("[:and int [:> 3]]", {"type": "integer", "minimum": 4}),
        ("[:and int [:> 2.5] [:< 9.5]]", {"type": "integer", "minimum": 3, "maximum": 9}),
        ("[:and int [:>= 2.5] [:<= 9.5]]", {"type": "integer", "minimum": 3, "maximum": 9}),
        ("[:and int [:> 3] [:>= 7] [:> 1]]", {"type": "integer", "minimum": 7}),
        ("[:and float [:> 0] [:< 1]]", {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
        ("[:and float [:in-range 0 1.5]]", {"type": "number", "minimum": 0, "maximum": 1.5}),
        ("[:and float [:< ##Inf]]", {"type": "number"}),
        ("[:and string [:min-length 1] [:max-length 9]]", {"type": "string", "minLength": 1, "maxLength": 9}),
        ("[:and string [:length 3]]", {"type": "string", "minLength": 3, "maxLength": 3}),
        ('[:and string [:matches-regex "^a"]]', {"type": "string", "pattern": "^a"}),
        ('[:and string [:matches-regex "\\\\Aa\\\\Z"]]', {"type": "string", "pattern": "^a$"}),
        ('[:and string [:matches-regex "(?i)a"]]', {"type": "string"}),
        (
            '[:and string [:matches-regex "a"] [:matches-regex "b"]]',
            {"type": "string", "pattern": "a", "allOf": [{"pattern": "b"}]},
        ),
        ('[:and string [:string-contains "a.b"]]', {"type": "string", "pattern": "a\\.b"}),
        ("[:and string [:is-url]]", {"type": "string", "format": "uri", "pattern": "^https?://"}),
        ("[:and string [:is-email]]", {"type": "string", "format": "email"}),
        ("[:and [:vector int] [:min-count 1] [:max-count 2]]", {"type": "array", "items": INTEGER, "minItems": 1, "maxItems": 2}),
        ("[:and [:map-of string int] :non-empty]", {"type": "object", "additionalProperties": INTEGER, "minProperties": 1}),
        ("[:and any [:count 1]]", {f"{m}{n}": 1 for n in ("Length", "Items", "Properties") for m in ("min", "max")}),
        ("[:and int [:= 3]]", {"type": "integer", "const": 3}),
        ("[:and keyword [:!= :a]]", {"type": "string", "pattern": "^:.+", "not": {"const": "a"}}),
        ("[:and map [:has-key :k]]", {"type": "object", "required": ["k"]}),
        ("[:and [:map [:a int ?]] [:required-keys [:a :b]]]", closed({"a": INTEGER, "b": {}}, "a", "b")),
        ("[:and [:map [:a int]] [:map [:b int]]]", closed({"a": INTEGER, "b": INTEGER}, "a", "b")),
        ("Nope", OBJECT),
    ],
)
def test_every_type(text: str, schema: dict[str, Any]) -> None:
    found = json_schema(parse(text))
    assert found == schema
    assert list(map(type, found.get("enum", ()))) == list(map(type, schema.get("enum", ())))


def test_names_go_under_defs() -> None:
    lookup = names(Item="[:map [:price Price]]", Price="float")
    assert json_schema(parse("[:vector Item]"), lookup) == {
        "type": "array",
        "items": {"$ref": "#/$defs/Item"},
        "$defs": {"Item": closed({"price": {"$ref": "#/$defs/Price"}}, "price"), "Price": {"type": "number"}},
    }


def test_the_outermost_name_is_spelled_out() -> None:
    lookup = names(Tree="[:map [:kids [:vector Tree]]]")
    schema = json_schema(parse("Tree"), lookup)
    assert schema["type"] == "object"
    tree = closed({"kids": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}, "kids")
    assert schema == {**tree, "$defs": {"Tree": tree}}
    jsonschema.validate({"kids": [{"kids": []}]}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"kids": [{"kid": []}]}, schema)


def test_names_that_mean_something_in_a_pointer() -> None:
    lookup = {"a/b%": parse("int"), "a/b$": parse("string")}.get
    schema = json_schema(parse("[:tuple a/b% a/b$ a/b%]"), lookup)
    assert schema["$defs"] == {"a_b_": INTEGER, "a_b__": STRING}
    jsonschema.validate([1, "x", 2], schema)


def test_a_type_that_is_only_itself_allows_nothing() -> None:
    schema = json_schema(parse("[:vector A]"), names(A="B", B="A"))
    jsonschema.validate([], schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([1], schema)


def test_a_refined_name_keeps_its_reference() -> None:
    schema = json_schema(parse("[:vector [:and Age [:< 200]]]"), names(Age="[:and int [:>= 0]]"))
    assert schema["items"] == {"$ref": "#/$defs/Age", "exclusiveMaximum": 200} or schema["items"] == {
        "$ref": "#/$defs/Age",
        "maximum": 199,
    }
    jsonschema.validate([0, 199], schema)
    for bad in (-1, 200):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate([bad], schema)


def test_a_struct_is_a_closed_object() -> None:
    person = RecordType((Entry(kw("name"), parse("string")),), None, "Person")
    assert json_schema(person) == closed({"name": STRING}, "name")


@given(types)
def test_every_type_has_a_valid_schema(type: Type) -> None:
    schema = json_schema(type)
    jsonschema.Draft202012Validator.check_schema(schema)
    json.dumps(schema, allow_nan=False)


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], deadline=None)
@given(st.data(), plain_types)
def test_values_validate_against_the_schema_of_their_type(data: st.DataObject, type: Type) -> None:
    value = data.draw(values(type))
    assume(matches(type, value))
    written = to_json(value)
    jsonschema.Draft202012Validator(json_schema(type)).validate(_with_bare_labels(written, type))


def _with_bare_labels(written: Any, type: Type) -> Any:
    """Keywords of enumerations are written without their colon; a keyword elsewhere keeps it."""
    if isinstance(type, EnumType):
        names = [":" + v.name for v in type.values if isinstance(v, type_of_keyword)]
        return written[1:] if isinstance(written, str) and written in names and written not in type.values else written
    if isinstance(type, VectorType) and isinstance(written, list):
        return [_with_bare_labels(item, type.item) for item in written]
    if isinstance(type, ArrayType) and isinstance(written, list):
        inner = ArrayType(type.item, type.shape[1:]) if len(type.shape) > 1 else type.item
        return [_with_bare_labels(item, inner) for item in written]
    if isinstance(type, TupleType) and isinstance(written, list) and len(written) == len(type.items):
        return [_with_bare_labels(item, t) for item, t in zip(written, type.items)]
    if isinstance(type, RecordType) and isinstance(written, dict):
        entries = {json_key(e.key): e.type for e in reversed(type.entries)}
        return {k: _with_bare_labels(v, entries[k]) if k in entries else v for k, v in written.items()}
    if isinstance(type, MapOfType) and isinstance(written, dict):
        return {k: _with_bare_labels(v, type.value) for k, v in written.items()}
    if isinstance(type, UnionType):
        for option in type.options:
            bare = _with_bare_labels(written, option)
            if jsonschema.Draft202012Validator(json_schema(option)).is_valid(bare):
                return bare
    return written


type_of_keyword = kw("a").__class__


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], deadline=None)
@given(st.data(), plain_types)
def test_values_come_back_from_their_json(data: st.DataObject, type: Type) -> None:
    value = data.draw(values(type))
    assume(matches(type, value))
    read = coerce_data(json.loads(json.dumps(to_json(value))), type)
    assert matches(type, read)


@settings(deadline=None)
@given(json_data, plain_types)
def test_what_is_read_belongs_and_what_is_refused_says_why(data: Any, type: Type) -> None:
    try:
        value = coerce_data(data, type)
    except CoercionError as error:
        complaint = error.problem
    else:
        assert matches(type, value)
        return
    assert complaint
    assert "\n" not in complaint
