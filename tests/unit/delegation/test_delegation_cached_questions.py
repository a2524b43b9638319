"""Which calls ask the same question, so that one answer serves them, and which do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rtfs.caching.request_keys import RequestKeys
from rtfs.caching.stores.memory import MemoryStore
from rtfs.models.openai_compatible import OpenAICompatibleProvider
from rtfs.models.protocol import ModelReply, ModelRequest, Parameter
from rtfs.types.nodes import STRING, EnumType
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Vector
from tests.support.cached_calls import LABELS, Bench, call, options


@pytest.mark.parametrize(
    "changes",
    [
        {"args": ("I like it!",)},
        {"doc": "Is this praise?"},
        {"name": "other"},
        {"parameters": (("message", STRING),)},
        {"result": EnumType(("praise", "complaint", "neither"))},
        {"options": options(max_tokens=8)},
        {"options": options(seed=1)},
        {"options": options(examples=Vector([Vector(["great", "praise"])]))},
        {"options": options(rules=Vector([Vector(["like", "praise"])]))},
        {"aliases": {"Label": LABELS}},
    ],
)
def test_a_question_that_differs_in_anything_is_another(changes: dict[str, Any]) -> None:
    bench = Bench("praise")
    bench()
    bench(**changes)
    bench(**changes)
    bench()
    assert bench.asked == 2


def test_another_model_provider_version_or_tenant_is_another_question() -> None:
    store = MemoryStore()
    for changes in ({}, {"tenant": "acme"}):
        assert Bench("praise", store=store, **changes).delegate.delegate(call()) == "praise"
    assert store.stats().entries == 2
    bench = Bench("praise", store=store)
    bench.provider.name = "other"
    bench()
    bench.provider.version = lambda model: "weights-1"  # type: ignore[attr-defined]
    bench()
    bench.provider.version = lambda model: "weights-2"  # type: ignore[attr-defined]
    bench()
    assert (store.stats().entries, bench.asked) == (5, 3)
    bench.provider.version = lambda model: None  # type: ignore[attr-defined]
    bench()
    bench()
    assert (store.stats().entries, bench.asked) == (5, 5), "where the version cannot be told, nothing is kept"


def test_servers_that_mean_different_models_by_one_id_are_asked_each() -> None:
    class Served(OpenAICompatibleProvider):
        def complete(self, request: ModelRequest) -> ModelReply:
            return ModelReply(text=self.server)

    store = MemoryStore()
    for url in ("http://one/v1", "http://two/v1", "http://two/v2", "http://one/v1/"):
        bench = Bench("never", store=store)
        bench.registry.register("m", Served(base_url=url), replace=True)
        assert bench(result=STRING) == url.split("/")[2]
    assert store.stats().entries == 3


def test_the_names_of_parameters_are_in_the_key_whoever_makes_the_request() -> None:
    names: dict[str, Any] = {}
    one = ModelRequest(model="m", function="f", doc="", parameters=(), result=STRING, aliases=names)
    made = [replace(one, parameters=(Parameter(name=name, type=STRING, value="x"),)) for name in ("a", "b")]
    shared = RequestKeys()
    assert [shared.key(request, "p", "", "") for request in made] == [RequestKeys().key(request, "p", "", "") for request in made]
    assert shared.key(made[0], "p", "", "") != shared.key(made[1], "p", "", "")


def test_equal_maps_are_one_question_in_whatever_order() -> None:
    bench = Bench("praise")
    bench(args=(Map([(Keyword("a"), 1), (Keyword("b"), 2)]),))
    bench(args=(Map([(Keyword("b"), 2), (Keyword("a"), 1)]),))
    assert bench.asked == 1


def test_how_long_to_wait_is_no_part_of_the_question() -> None:
    bench = Bench("praise")
    bench(options=options(timeout_s=5))
    bench(options=options(timeout_s=50), remaining_s=3.0)
    assert bench.asked == 1


def test_every_field_of_a_request_is_in_the_key_or_left_out_on_purpose() -> None:
    from dataclasses import fields

    from rtfs.caching.request_keys import WITHOUT_SAY

    bench = Bench("praise")
    bench()
    request = bench.provider.requests[0]
    made = RequestKeys()
    before = made.key(request, "p", "v", "t")
    other: dict[str, Any] = {
        "model": "n", "function": "g", "doc": "d", "parameters": (), "result": STRING, "aliases": {"A": STRING}, "max_tokens": 1,
        "temperature": 0.5, "seed": 9, "examples": ((("x",), "praise"),), "rules": None,
    }  # fmt: skip
    for field in fields(ModelRequest):
        if field.name in WITHOUT_SAY or field.name == "rules":
            continue
        value = other.get(field.name, (f"another {field.name}",))
        assert made.key(replace(request, **{field.name: value}), "p", "v", "t") != before, field.name
