"""What every `ModelProvider` does, whatever answers behind it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rtfs.errors import DelegationError
from rtfs.models.prompt import ReplyShape
from rtfs.models.protocol import Chunk, ModelProvider, ModelReply, ModelRequest, Parameter, PreviousTry
from rtfs.types.coercion import coerce
from rtfs.types.coercion.partial import Partial
from rtfs.types.matching import matches
from rtfs.types.nodes import (
    ANY,
    BOOL,
    INT,
    NIL,
    STRING,
    Entry,
    EnumType,
    Predicate,
    RecordType,
    RefinedType,
    Type,
    TypeRef,
    UnionType,
)
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Vector

LABELS = EnumType(("praise", "complaint"))
SCORE = RefinedType(INT, (Predicate("in-range", (1, 5)),))
ALIASES: dict[str, Type] = {"Label": LABELS}
RECORD = RecordType((Entry(Keyword("label"), TypeRef("Label")), Entry(Keyword("score"), SCORE)))
STRUCTURED: list[Type] = [LABELS, TypeRef("Label"), EnumType((Keyword("a"), Keyword("b"))), BOOL, SCORE, UnionType((BOOL, NIL)), RECORD]


def smallest(schema: dict[str, Any], defs: dict[str, Any]) -> Any:
    """A value that a schema of the tests accepts: what an obedient model behind a server would write."""
    if "$ref" in schema:
        return smallest(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return smallest(schema["anyOf"][0], defs)
    if schema["type"] == "object":
        return {name: smallest(inner, defs) for name, inner in schema["properties"].items()}
    return {"integer": schema.get("minimum", 0), "boolean": False, "array": [], "string": "", "null": None}[schema["type"]]


def obedient(seen: dict[str, Any]) -> str:
    wanted = seen.get("response_format")
    if wanted is None:
        return "some text"
    schema = wanted["json_schema"]["schema"]
    return json.dumps(smallest(schema, schema.get("$defs", {})))


def echo(tmp_path: Path) -> Iterator[ModelProvider]:
    from rtfs.models.echo import EchoProvider

    yield EchoProvider()


def openai_compatible(tmp_path: Path) -> Iterator[ModelProvider]:
    pytest.importorskip("httpx2")
    from rtfs.models.openai_compatible import OpenAICompatibleProvider
    from tests.support.openai_server import OpenAIServer

    with OpenAIServer(obedient) as server:
        yield OpenAICompatibleProvider.from_env({"RTFS_REMOTE_BASE_URL": server.base_url})


def anthropic(tmp_path: Path) -> Iterator[ModelProvider]:
    pytest.importorskip("httpx2")
    from rtfs.models.anthropic import AnthropicProvider
    from tests.support.anthropic_server import AnthropicServer

    def answer(sent: dict[str, Any]) -> Any:
        schema = sent["tools"][0]["input_schema"] if "tools" in sent else None
        return "some text" if schema is None else smallest(schema, schema.get("$defs", {}))

    with AnthropicServer(answer) as server:
        yield AnthropicProvider(base_url=server.base_url, api_key="a-key")


def llama_cpp(tmp_path: Path) -> Iterator[ModelProvider]:
    pytest.importorskip("llama_cpp")
    tiny_gguf = pytest.importorskip("tests.support.tiny_gguf")
    from rtfs.models.llama_cpp import LlamaCppProvider

    path = tiny_gguf.write_tiny_gguf(tmp_path / "tiny.gguf")
    yield LlamaCppProvider(environ={"RTFS_LOCAL_MODEL_PATH": str(path)}, data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")


Make = Callable[[Path], Iterator[ModelProvider]]


@pytest.fixture(params=[echo, openai_compatible, anthropic, llama_cpp], ids=lambda make: make.__name__)
def provider(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelProvider]:
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    make: Make = request.param
    making = make(tmp_path)
    made = next(making)
    yield made
    made.close()
    for _ in making:
        pass


def question(result: Type, *, text: str = "Works well!", **extras: Any) -> ModelRequest:
    parameters = (Parameter(name="text", type=STRING, value=text), Parameter(name="options", type=ANY, value=Map([(Keyword("n"), Vector([1, 2.5, None]))])))
    values: dict[str, Any] = {"model": "smollm2", "function": "triage/classify", "doc": "Is it praise?", "max_tokens": 24, "aliases": ALIASES}
    return ModelRequest(**{**values, **extras}, parameters=parameters, result=result)


@pytest.mark.parametrize("result", STRUCTURED, ids=str)
def test_a_structured_reply_fits_its_type(provider: ModelProvider, result: Type) -> None:
    value, _ = coerce(provider.complete(question(result)).text, result, names=ALIASES)
    assert matches(result, value, ALIASES.get)


@pytest.mark.parametrize("result", [STRING, ANY], ids=str)
def test_a_text_reply_is_bare(provider: ModelProvider, result: Type) -> None:
    reply = provider.complete(question(result))
    assert isinstance(reply.text, str)
    with pytest.raises(ValueError):
        json.loads(reply.text)


def test_a_reply_says_where_it_is_from(provider: ModelProvider) -> None:
    reply = provider.complete(question(LABELS))
    assert isinstance(provider.name, str)
    assert provider.name
    assert reply.model
    assert reply.finish_reason in ("stop", "length")
    for count in (reply.usage.prompt_tokens, reply.usage.completion_tokens):
        assert count is None or (isinstance(count, int) and count >= 0)
    for share in (reply.score, reply.label_mass):
        assert share is None or 0.0 <= share <= 1.0 + 1e-6


@pytest.mark.parametrize("result", [STRING, *STRUCTURED], ids=str)
def test_a_reply_that_is_watched_is_the_same(provider: ModelProvider, result: Type) -> None:
    """And its chunks lead there: whatever is known on the way is not taken back."""
    if not hasattr(provider, "stream"):
        pytest.skip("it gives replies in one piece only")
    *chunks, reply = provider.stream(question(result))
    assert isinstance(reply, ModelReply)
    assert reply.text == provider.complete(question(result)).text
    final = coerce(reply.text, result, names=ALIASES).value
    partial = Partial(result, ALIASES.get, wrapped=ReplyShape.of(result, ALIASES.get).wrapped)
    for chunk in chunks:
        assert isinstance(chunk, Chunk)
        if partial.feed(chunk.text) and isinstance(final, Map):
            assert all(final[key] == value or str(final[key]).startswith(str(value)) for key, value in partial.value.items())


def test_the_same_request_has_the_same_reply(provider: ModelProvider) -> None:
    for result in (LABELS, STRING):
        assert provider.complete(question(result)).text == provider.complete(question(result)).text


def test_a_re_ask_and_examples_are_understood(provider: ModelProvider) -> None:
    examples = ((("great", Map()), "praise"), (("awful", Map()), "complaint"))
    reply = provider.complete(question(LABELS, previous=PreviousTry(text="perhaps", problem="It is none of the labels."), examples=examples))
    coerce(reply.text, LABELS, names=ALIASES)


@pytest.mark.parametrize("text", ["", "\x00\u2028\U0001f600 <|im_start|>system", "\ud800", "x " * 100_000], ids=["empty", "odd", "surrogate", "long"])
def test_any_text_gets_a_reply_or_a_delegation_error(provider: ModelProvider, text: str) -> None:
    try:
        reply = provider.complete(question(LABELS, text=text))
    except DelegationError as error:
        assert error.kind in ("model-unavailable", "provider-error", "prompt-too-long")  # noqa: PT017
    else:
        assert isinstance(reply, ModelReply)


def test_availability_is_told_without_asking(provider: ModelProvider) -> None:
    found = provider.availability("smollm2")
    assert found.usable, found
    assert found.detail


def test_several_threads_may_ask_at_once(provider: ModelProvider) -> None:
    expected = provider.complete(question(LABELS)).text
    found: list[str] = []

    def ask() -> None:
        for _ in range(3):
            found.append(provider.complete(question(LABELS)).text)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 12


def test_closing_twice_is_no_error(provider: ModelProvider) -> None:
    provider.complete(question(LABELS))
    provider.close()
    provider.close()
