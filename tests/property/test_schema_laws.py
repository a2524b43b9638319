"""A type, its schema and the type of its schema accept the same JSON, by matching and by `jsonschema`."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from benches.schemas import value_of
from rtfs.errors import ConfigError
from rtfs.types.from_schema import from_json_schema
from rtfs.types.json_schema import json_schema
from rtfs.types.matching import matches
from rtfs.types.nodes import Type
from rtfs.types.to_pydantic import to_pydantic
from rtfs.values.convert import to_python
from tests.property.algebra_strategies import json_data, json_types, plain_types, typed_data


@given(typed_data(json_types))
def test_the_open_schema_accepts_what_the_type_accepts(typed: tuple[Type, Any]) -> None:
    type, data = typed
    schema = json_schema(type, open=True)
    Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(schema).is_valid(data) == matches(type, value_of(data))


@given(typed_data(json_types))
def test_a_type_comes_back_from_its_open_schema(typed: tuple[Type, Any]) -> None:
    type, data = typed
    again, definitions, notes = from_json_schema(json_schema(type, open=True))
    accepted, wanted = matches(again, value_of(data), definitions.get), matches(type, value_of(data))
    # what is left out makes a type wider, never narrower
    assert accepted == wanted or (accepted and [note for note in notes if note.asserts])


@given(typed_data(plain_types))
def test_a_pydantic_model_accepts_what_its_type_accepts(typed: tuple[Type, Any]) -> None:
    type, data = typed
    wanted = matches(type, value_of(data))
    try:
        to_pydantic(type).model_validate(to_python(value_of(data)))
        accepted = True
    except ValidationError:
        accepted = False
    assert accepted == wanted


_KEYWORDS = [
    "type", "enum", "const", "minimum", "maximum", "minLength", "pattern", "items", "prefixItems", "minItems", "properties", "required",
    "additionalProperties", "propertyNames", "patternProperties", "dependentRequired", "dependentSchemas", "allOf", "anyOf", "oneOf", "not",
    "if", "then", "else", "$ref", "$defs", "$id", "$anchor", "multipleOf", "contains", "uniqueItems", "nullable", "format", "$schema",
]  # fmt: skip
_odd_values: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, False, 0, 1, -1, 0.5, "", "string", "integer", "a", "#", "#/$defs/a", "(", []]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*_KEYWORDS, "a"]), inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(_KEYWORDS), _odd_values, max_size=4) | _odd_values, json_data)
def test_anything_is_read_or_refused(schema: Any, data: Any) -> None:
    try:
        type, definitions, _ = from_json_schema(schema)
    except ConfigError:
        return
    assert matches(type, value_of(data), definitions.get) in (True, False)
    assert str(type)
