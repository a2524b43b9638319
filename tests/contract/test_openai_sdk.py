"""The server of the tests is one that the official SDK accepts: so what our adapter makes of it says something."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.openai_server import Events, OpenAIServer, Say, Status, event

openai = pytest.importorskip("openai", reason="the official SDK is not installed: pip install 'rtfs-lang[test]'")

CALL = {"id": "functions.lookup:0", "type": "function", "function": {"name": "lookup", "arguments": '{"id": 7}'}}
TOOL = {"type": "function", "function": {"name": "lookup", "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}}}}
MESSAGES: Any = [{"role": "user", "content": "hi"}]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def client(server: OpenAIServer) -> Iterator[Any]:
    with openai.OpenAI(base_url=server.base_url, api_key="a-key", max_retries=0) as made:
        yield made


def test_a_completion(server: OpenAIServer, client: Any) -> None:
    server.script(Say("Fine."))
    found = client.chat.completions.create(model="m", messages=MESSAGES)
    assert (found.choices[0].message.content, found.choices[0].finish_reason) == ("Fine.", "stop")
    assert found.usage.total_tokens == 15


def test_a_stream(server: OpenAIServer, client: Any) -> None:
    server.script(Say("It is a day."))
    chunks = list(client.chat.completions.create(model="m", messages=MESSAGES, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "It is a day."
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage.prompt_tokens == 12


def test_calls_of_tools_in_one_piece_and_in_many(server: OpenAIServer, client: Any) -> None:
    said = Say(None, "tool_calls", message={"role": "assistant", "content": None, "tool_calls": [CALL]})
    server.script(said, said)
    whole = client.chat.completions.create(model="m", messages=MESSAGES, tools=[TOOL]).choices[0].message.tool_calls[0]
    assert (whole.id, whole.function.name, json.loads(whole.function.arguments)) == ("functions.lookup:0", "lookup", {"id": 7})
    with client.chat.completions.stream(model="m", messages=MESSAGES, tools=[TOOL]) as stream:
        streamed = stream.get_final_completion().choices[0].message.tool_calls[0]
    assert (streamed.id, streamed.function.name, json.loads(streamed.function.arguments)) == ("functions.lookup:0", "lookup", {"id": 7})


def test_errors(server: OpenAIServer, client: Any) -> None:
    server.script(Status(429, "slower"), Status(400, "no", code="context_length_exceeded"))
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="m", messages=MESSAGES)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="m", messages=MESSAGES)
    server.script(Events((event({"content": "a"}), {"error": {"message": "gone", "type": "server_error"}})))
    with pytest.raises(openai.APIError, match="gone"):
        list(client.chat.completions.create(model="m", messages=MESSAGES, stream=True))


def test_what_our_adapter_sends_the_sdk_would_send_too(server: OpenAIServer, client: Any) -> None:
    """Bodies of ours go through the SDK's own types."""
    from openai.types.chat import completion_create_params
    from pydantic import TypeAdapter

    from rtfs.models.openai_compatible import OpenAICompatibleProvider
    from rtfs.models.protocol import ModelRequest, Parameter, Round, ToolCall, ToolResult, ToolSpec
    from rtfs.types.nodes import INT, STRING, Entry, RecordType
    from rtfs.values.scalars import Keyword

    operands = RecordType((Entry(Keyword("id"), INT),))
    tool = ToolSpec(name="lookup", doc="Finds it.", schema=TOOL["function"]["parameters"], operands=operands)
    done = Round(
        calls=(ToolCall(id="functions.lookup:0", name="lookup", arguments='{"id": 7}'),),
        results=(ToolResult(id="functions.lookup:0", name="lookup", text="shipped"),),
    )
    asked = ModelRequest(
        model="m", function="f", doc="D.", parameters=(Parameter(name="x", type=STRING, value="a"),), result=operands, tools=(tool,), rounds=(done,)
    )
    provider = OpenAICompatibleProvider(base_url=server.base_url)
    server.script(Say('{"id": 1}'), Say('{"id": 1}'))
    provider.complete(asked)
    list(provider.stream(asked))
    provider.close()
    for seen, kind in zip(server.requests, ("NonStreaming", "Streaming"), strict=True):
        params = getattr(completion_create_params, f"CompletionCreateParams{kind}")
        TypeAdapter(params).validate_python(seen.json)
