"""Estimates of prompts: high ones, and the same whether or not a call is the first of its function."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rtfs.delegation import estimates
from rtfs.delegation.estimates import Estimates, estimated_tokens, generous_tokens
from rtfs.models.protocol import ModelRequest, Parameter, PreviousTry
from rtfs.semantics.stopping import Stop
from rtfs.types.nodes import ANY, INT, STRING, EnumType, Type, TypeRef
from rtfs.values.sequences import Vector


@pytest.mark.parametrize("text", ["", "a", "The quick brown fox jumps over the lazy dog. " * 20, "1234567890" * 10, "{\"a\":[1,2]}" * 30])
def test_an_estimate_is_no_less_than_four_letters_a_token(text: str):
    assert len(text) / 4 <= estimated_tokens(text) <= len(text)


def test_estimates_count_what_tokenizers_cut_small():
    assert estimated_tokens("12345") == 5
    assert estimated_tokens("日本語") == 6
    assert estimated_tokens("🙂") == 3
    assert estimated_tokens("\ud800") == 2  # a lone surrogate


@pytest.mark.parametrize(
    "values",
    [("", ""), ("plain", "words"), ("日本語 🙂", "12345"), ('a "quoted" {"x": [1]}', "line\nbreak"), ("\ud800", "x" * 5_000)],
)
def test_what_calls_of_a_function_share_is_weighed_once_and_the_estimate_is_the_same(values: tuple[str, str]):
    def request(first: str, second: object, **others: object) -> ModelRequest:
        parameters = (Parameter(name="x", type=STRING, value=first), Parameter(name="é", type=ANY, value=second))
        asked = ModelRequest(model="m", function="f", doc="What is it?", parameters=parameters, result=INT)
        return replace(asked, **others)  # type: ignore[arg-type]

    known = Estimates()
    for shared in ({}, {"doc": "Another question"}, {"result": STRING}, {"examples": ((("a", "b"), 1),)}):
        for first, second in (("first of all", "that is weighed"), values, (values[0], Vector([values[1], 2.5]))):
            asked = request(first, second, **shared)
            assert known.tokens(asked) == generous_tokens(asked)
    again = replace(request(*values), previous=PreviousTry(text="no", problem="must be an integer"))
    assert known.tokens(again) == generous_tokens(again)


def test_an_estimate_of_a_type_that_was_defined_anew_is_new():
    known = Estimates()
    for labels in (("a", "b"), ("a much longer label", "and another one")):
        aliases: dict[str, Type] = {"Label": EnumType(labels)}
        asked = ModelRequest(model="m", function="f", doc="", parameters=(), result=TypeRef("Label"), aliases=aliases)
        assert known.tokens(asked) == generous_tokens(asked)


def test_calls_of_several_branches_are_weighed_as_one_function(monkeypatch: pytest.MonkeyPatch):
    weighed: list[ModelRequest] = []

    class Counted(estimates._Fixed):
        def __init__(self, request: ModelRequest, texts: list[str]) -> None:
            weighed.append(request)
            super().__init__(request, texts)

    monkeypatch.setattr(estimates, "_Fixed", Counted)
    made = Estimates()
    asked = ModelRequest(model="m", function="f", doc="?", parameters=(Parameter(name="x", type=STRING, value="a"),), result=INT)
    for seconds in range(1, 4):
        request = replace(asked, stop=Stop(), timeout_s=float(seconds), seed=seconds)
        assert made.tokens(request) == generous_tokens(request)
    assert len(weighed) == 1
