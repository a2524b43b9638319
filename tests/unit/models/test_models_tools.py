"""Tools in the protocols: what is sent, what comes back, and servers that do it otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rtfs.errors import DelegationError
from rtfs.models.anthropic import AnthropicProvider
from rtfs.models.openai_compatible import OpenAICompatibleProvider
from rtfs.models.openai_dialect import Dialect
from rtfs.models.protocol import ModelRequest, Parameter, PreviousTry, Round, ToolCall, ToolResult, ToolSpec, ToolsRefused
from rtfs.types.nodes import INT, STRING, Entry, RecordType, Type
from rtfs.values.scalars import Keyword
from tests.support.anthropic_server import AnthropicServer, called, message, text
from tests.support.openai_server import OpenAIServer, Say, Status

pytest.importorskip("httpx2")

OPERANDS = RecordType((Entry(Keyword("id"), INT),))
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"], "additionalProperties": False}
LOOKUP = ToolSpec(name="lookup", doc="Finds it.", schema=SCHEMA, operands=OPERANDS)
RECORD = RecordType((Entry(Keyword("a"), INT),))
DONE = Round(
    calls=(ToolCall(id="functions.lookup:0", name="lookup", arguments='{"id": 7}'), ToolCall(id="functions.lookup:1", name="lookup", arguments="{oops")),
    results=(ToolResult(id="functions.lookup:0", name="lookup", text="shipped"), ToolResult(id="functions.lookup:1", name="lookup", text="It failed", failed=True)),
)


def request(result: Type = STRING, **extras: Any) -> ModelRequest:
    parameters = (Parameter(name="text", type=STRING, value="Where?"),)
    defaults: dict[str, Any] = {"model": "m", "function": "reply", "doc": "D.", "parameters": parameters, "tools": (LOOKUP,)}
    return ModelRequest(**{**defaults, **extras}, result=result)


def calling(*calls: dict[str, Any], content: Any = None, **more: Any) -> Say:
    return Say(None, "tool_calls", message={"role": "assistant", "content": content, "tool_calls": list(calls), **more})


# --- OpenAI ----------------------------------------------------------------------------------


@pytest.fixture
def provider(server: OpenAIServer) -> Iterator[OpenAICompatibleProvider]:
    made = OpenAICompatibleProvider(base_url=server.base_url)
    yield made
    made.close()


def test_tools_are_offered_and_a_schema_waits_for_the_answer(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Say('{"a": 1}'), Say('{"a": 1}'))
    provider.complete(request(RECORD))
    provider.complete(request(RECORD, rounds=(DONE,), answer_now=True))
    first, last = (seen.json for seen in server.requests)
    assert first["tools"] == [{"type": "function", "function": {"name": "lookup", "description": "Finds it.", "parameters": SCHEMA}}]
    assert "response_format" not in first
    assert "tool_choice" not in first
    assert "call the tools" in first["messages"][0]["content"]
    assert last["tool_choice"] == "none"
    assert last["response_format"]["type"] == "json_schema"
    assert len(last["tools"]) == 1


def test_openai_takes_both_until_it_says_otherwise(server: OpenAIServer) -> None:
    provider = OpenAICompatibleProvider(base_url=server.base_url, dialect=Dialect(format_with_tools=True))
    server.script(Say('{"a": 1}'), Status(400, "Cannot use custom grammar constraints with tools."), Say('{"a": 1}'))
    provider.complete(request(RECORD))
    provider.complete(request(RECORD))
    assert ["response_format" in seen.json for seen in server.requests] == [True, True, False]
    provider.close()


def test_rounds_go_back_as_they_came(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    provider.complete(request(rounds=(DONE,), previous=PreviousTry(text="hm", problem="Too short.")))
    asked, one, two, wrong, again = server.requests[0].json["messages"][-5:]
    assert [call["id"] for call in asked["tool_calls"]] == ["functions.lookup:0", "functions.lookup:1"]
    assert [call["function"]["arguments"] for call in asked["tool_calls"]] == ['{"id": 7}', "{oops"]
    assert one == {"role": "tool", "tool_call_id": "functions.lookup:0", "content": "shipped"}
    assert two["content"] == "It failed"
    assert (wrong["role"], wrong["content"]) == ("assistant", "hm")
    assert "Too short." in again["content"]


def test_thoughts_before_a_call_go_back_with_it(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    call = {"id": "functions.lookup:0", "type": "function", "function": {"name": "lookup", "arguments": '{"id": 7}'}}
    server.script(calling(call, reasoning_content="Let me look."), Say("done"))
    reply = provider.complete(request())
    assert (reply.finish_reason, reply.reasoning) == ("tools", "Let me look.")
    results = (ToolResult(id="functions.lookup:0", name="lookup", text="x"),)
    provider.complete(request(rounds=(Round(calls=reply.calls, results=results, message=reply.message),)))
    assert server.requests[1].json["messages"][-2]["reasoning_content"] == "Let me look."


@pytest.mark.parametrize(
    ("call", "id", "name", "arguments"),
    [
        ({"id": "functions.lookup:3", "function": {"name": "lookup", "arguments": '{"id": 1}'}}, "functions.lookup:3", "lookup", '{"id": 1}'),
        ({"id": "functions.lookup:3", "function": {"arguments": "{}"}}, "functions.lookup:3", "lookup", "{}"),
        ({"id": "lookup:3", "function": {"name": "", "arguments": "{}"}}, "lookup:3", "lookup", "{}"),
        ({"function": {"name": "lookup", "arguments": {"id": 1}}}, "functions.lookup:0", "lookup", '{"id": 1}'),
        ({"id": "", "function": {"name": "lookup"}}, "functions.lookup:0", "lookup", "{}"),
        ({"id": "call_1", "function": {"name": "other", "arguments": ""}}, "call_1", "other", "{}"),
    ],
)
def test_calls_are_read_in_all_their_forms(
    server: OpenAIServer, provider: OpenAICompatibleProvider, call: dict[str, Any], id: str, name: str, arguments: str
) -> None:
    server.script(calling(call))
    assert provider.complete(request()).calls == (ToolCall(id=id, name=name, arguments=arguments),)


def test_calls_that_nobody_offered_are_none(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    call = {"id": "c", "function": {"name": "lookup", "arguments": "{}"}}
    server.script(calling(call, content="I would look it up."), calling("nonsense", content="yes"), calling({"id": 3}, content="yes"))  # type: ignore[arg-type]
    reply = provider.complete(request(tools=()))
    assert (reply.calls, reply.text, reply.finish_reason) == ((), "I would look it up.", "stop")
    for _ in range(2):
        assert provider.complete(request()).text == "yes"


def test_a_call_that_was_cut_off_is_no_call(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    call = {"id": "c", "function": {"name": "lookup", "arguments": '{"id'}}
    server.script(Say(None, "length", message={"role": "assistant", "content": None, "tool_calls": [call]}))
    with pytest.raises(DelegationError) as caught:
        provider.complete(request())
    assert caught.value.kind == "reply-cut-off"


@pytest.mark.parametrize("words", ["registry.ollama.ai/library/x does not support tools", '"auto" tool choice requires --enable-auto-tool-choice'])
def test_a_server_that_takes_no_tools_says_so(server: OpenAIServer, provider: OpenAICompatibleProvider, words: str) -> None:
    server.script(Status(400, words))
    with pytest.raises(ToolsRefused):
        provider.complete(request())


# --- Anthropic -------------------------------------------------------------------------------


@pytest.fixture
def other() -> Iterator[AnthropicServer]:
    with AnthropicServer() as running:
        yield running


@pytest.fixture
def claude(other: AnthropicServer) -> Iterator[AnthropicProvider]:
    made = AnthropicProvider(base_url=other.base_url, api_key="a-key")
    yield made
    made.close()


def test_claude_calls_and_is_told(other: AnthropicServer, claude: AnthropicProvider) -> None:
    use = {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": {"id": 7}}
    other.script(message(text("Let me look."), use, stop_reason="tool_use"), message(text("It is shipped.")))
    reply = claude.complete(request())
    assert reply.calls == (ToolCall(id="toolu_1", name="lookup", arguments='{"id": 7}'),)
    assert (reply.text, reply.finish_reason) == ("Let me look.", "tools")
    results = (ToolResult(id="toolu_1", name="lookup", text="shipped"),)
    done = Round(calls=reply.calls, results=results, text=reply.text, message=reply.message)
    assert claude.complete(request(rounds=(done,))).text == "It is shipped."
    first, second = (seen.json for seen in other.requests)
    assert [tool["name"] for tool in first["tools"]] == ["lookup"]
    assert "tool_choice" not in first
    assert second["messages"][-2]["content"] == [text("Let me look."), use]
    assert second["messages"][-1] == {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "shipped"}]}


def test_a_structured_answer_is_one_more_tool(other: AnthropicServer, claude: AnthropicProvider) -> None:
    other.script(message(called("reply", {"a": 1}), stop_reason="tool_use"), message(called("reply", {"a": 2}), stop_reason="tool_use"))
    assert json.loads(claude.complete(request(RECORD)).text) == {"a": 1}
    assert json.loads(claude.complete(request(RECORD, answer_now=True)).text) == {"a": 2}
    first, last = (seen.json for seen in other.requests)
    assert [tool["name"] for tool in first["tools"]] == ["lookup", "reply"]
    assert first["tool_choice"] == {"type": "any"}
    assert last["tool_choice"] == {"type": "tool", "name": "reply", "disable_parallel_tool_use": True}


def test_an_answer_beside_calls_was_given_too_early(other: AnthropicServer, claude: AnthropicProvider) -> None:
    use = {"type": "tool_use", "id": "toolu_2", "name": "lookup", "input": {"id": 7}}
    other.script(message(called("reply", {"a": 1}), use, stop_reason="tool_use"))
    reply = claude.complete(request(RECORD))
    assert [call.id for call in reply.calls] == ["toolu_2"]
    assert reply.message == {"anthropic": [use]}


def test_the_answer_has_a_name_that_no_tool_has(other: AnthropicServer, claude: AnthropicProvider) -> None:
    taken = ToolSpec(name="reply", doc="", schema=SCHEMA, operands=OPERANDS)
    other.script(message(called("reply_answer", {"a": 1}), stop_reason="tool_use"))
    assert json.loads(claude.complete(request(RECORD, tools=(taken,))).text) == {"a": 1}


def test_rounds_of_another_server_are_told_in_its_words(other: AnthropicServer, claude: AnthropicProvider) -> None:
    other.script(message(text("fine")))
    claude.complete(request(rounds=(DONE,), answer_now=True, previous=PreviousTry(text="hm", problem="Too short.")))
    sent = other.requests[0].json
    turns = sent["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "assistant", "user"]
    assert [block["input"] for block in turns[1]["content"]] == [{"id": 7}, {}]
    assert [block["id"] for block in turns[1]["content"]] == ["functions_lookup_0", "functions_lookup_1"]
    assert turns[2]["content"][1] == {"type": "tool_result", "tool_use_id": "functions_lookup_1", "content": "It failed", "is_error": True}
    assert sent["tool_choice"] == {"type": "none"}
