"""`EchoProvider`: the arguments as text, or the smallest value that fits the type."""

from __future__ import annotations

import pytest

from rtfs.errors import DelegationError
from rtfs.models.echo import EchoProvider
from rtfs.models.protocol import ModelRequest, Parameter
from rtfs.types.coercion import coerce
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
    TupleType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
)
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Vector

K = Keyword

ALIASES: dict[str, Type] = {
    "Tree": RecordType((Entry(K("label"), STRING), Entry(K("children"), VectorType(TypeRef("Tree"))))),
    "Chain": RecordType((Entry(K("next"), UnionType((TypeRef("Chain"), NIL))),)),
    "Endless": RecordType((Entry(K("next"), TypeRef("Endless")),)),
    "Text": STRING,
}


def request(result: Type, *parameters: Parameter) -> ModelRequest:
    return ModelRequest(model="echo", function="f", doc="", parameters=parameters, result=result, aliases=ALIASES)


def echoed(result: Type) -> object:
    value, report = coerce(EchoProvider().complete(request(result)).text, result, names=ALIASES)
    assert report.cost == 0
    return value


@pytest.mark.parametrize("result", [STRING, ANY, TypeRef("Text")])
def test_text_results_are_the_arguments(result: Type) -> None:
    parameters = (
        Parameter(name="text", type=STRING, value="Hello, world"),
        Parameter(name="n", type=INT, value=3),
        Parameter(name="tags", type=ANY, value=Vector([K("a"), "b", None])),
    )
    assert EchoProvider().complete(request(result, *parameters)).text == 'text: Hello, world; n: 3; tags: [:a "b" nil]'


def test_no_arguments_give_empty_text() -> None:
    assert EchoProvider().complete(request(STRING)).text == ""


@pytest.mark.parametrize(
    ("result", "value"),
    [
        (INT, 0),
        (FLOAT, 0.0),
        (NUMBER, 0),
        (BOOL, False),
        (NIL, None),
        (EnumType(("praise", "complaint")), "praise"),
        (EnumType((K("low"), K("high"))), K("low")),
        (EnumType((3, 4)), 3),
        (UnionType((INT, NIL)), 0),
        (VectorType(INT), Vector()),
        (TupleType((INT, BOOL)), Vector([0, False])),
        (ArrayType(INT, (2, 3)), Vector([Vector([0, 0, 0])] * 2)),
        (RefinedType(INT, (Predicate(">", (41,)),)), 42),
        (RefinedType(INT, (Predicate("in-range", (10, 20)),)), 10),
        (RefinedType(FLOAT, (Predicate(">", (0.25,)), Predicate("<", (0.3,)))), 0.275),
        (RefinedType(STRING, (Predicate("min-length", (3,)),)), "xxx"),
        (RefinedType(STRING, (Predicate("is-email", ()),)), "user@example.com"),
        (RefinedType(VectorType(INT), (Predicate("count", (2,)),)), Vector([0, 0])),
        (RefinedType(VectorType(BOOL), (Predicate("non-empty", ()),)), Vector([False])),
        (RecordType((Entry(K("a"), INT), Entry(K("b"), STRING, True))), Map([(K("a"), 0)])),
        (MapOfType(STRING, INT), Map()),
        (TypeRef("Tree"), Map([(K("label"), ""), (K("children"), Vector())])),
        (TypeRef("Chain"), Map([(K("next"), None)])),
        (
            IntersectionType((RecordType((Entry(K("a"), INT),)), RecordType((Entry(K("b"), BOOL),)))),
            Map([(K("a"), 0), (K("b"), False)]),
        ),
    ],
    ids=str,
)
def test_other_results_are_the_smallest_value_that_fits(result: Type, value: object) -> None:
    found = echoed(result)
    assert type(found) is type(value)
    assert found == value


@pytest.mark.parametrize("result", [KEYWORD, SYMBOL, Primitive("timestamp"), Primitive("uuid")], ids=str)
def test_every_kind_of_scalar_can_be_made_up(result: Type) -> None:
    echoed(result)


@pytest.mark.parametrize(
    "result",
    [NEVER, FunctionType((INT,), None, INT), TypeRef("Endless"), TypeRef("Nowhere"), RefinedType(STRING, (Predicate("matches-regex", ("^q{7}$",)),))],
    ids=str,
)
def test_what_cannot_be_made_up_is_a_provider_error(result: Type) -> None:
    with pytest.raises(DelegationError, match="cannot make up") as caught:
        EchoProvider().complete(request(result))
    assert caught.value.kind == "provider-error"
    assert not caught.value.retryable
    assert caught.value.hint


def test_a_deeply_nested_type_is_made_up_quickly() -> None:
    result: Type = INT
    for _ in range(7):
        result = RecordType((Entry(K("a"), result), Entry(K("b"), UnionType((NEVER, result)))))
    assert isinstance(echoed(result), Map)
