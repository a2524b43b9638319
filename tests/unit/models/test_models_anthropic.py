"""`AnthropicProvider` against a real server on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtfs
from rtfs.delegation.prices import PriceTable
from rtfs.delegation.spending import Spending
from rtfs.errors import DelegationError
from rtfs.models.anthropic import AnthropicProvider
from rtfs.models.prompt import ReplyShape
from rtfs.models.protocol import ModelRequest, Parameter, Usage
from rtfs.models.registry import ModelRegistry
from rtfs.types.nodes import INT, STRING, Entry, EnumType, RecordType, Type
from rtfs.values.scalars import Keyword
from tests.support.anthropic_server import AnthropicServer, called, error, message, text
from tests.support.openai_server import Drop, Raw, Status, closed_port

pytest.importorskip("httpx2")

LABELS = EnumType(("praise", "complaint"))
KEY = "sk-ant-very-secret-0123456789"


@pytest.fixture
def server() -> Iterator[AnthropicServer]:
    with AnthropicServer() as running:
        yield running


@pytest.fixture
def provider(server: AnthropicServer) -> Iterator[AnthropicProvider]:
    made = AnthropicProvider(base_url=server.base_url, api_key=KEY)
    yield made
    made.close()


def request(result: Type = STRING, **extras: Any) -> ModelRequest:
    parameters = (Parameter(name="text", type=STRING, value="Works well!"),)
    defaults: dict[str, Any] = {"model": "claude-x", "function": "triage/classify", "doc": "D.", "parameters": parameters}
    return ModelRequest(**{**defaults, **extras}, result=result)


def failure(provider: AnthropicProvider, of: ModelRequest | None = None) -> DelegationError:
    with pytest.raises(DelegationError) as caught:
        provider.complete(of or request())
    assert KEY not in caught.value.message
    return caught.value


# --- what is sent and what comes back ---


def test_a_text_request_over_the_wire(server: AnthropicServer, provider: AnthropicProvider) -> None:
    server.script(message(text("It is "), text("praise.\n")))
    reply = provider.complete(request(max_tokens=77, temperature=1.5))
    assert (reply.text, reply.model, reply.finish_reason) == ("It is praise.", "claude-test-20260101", "stop")
    assert reply.usage == Usage(prompt_tokens=12, completion_tokens=3, cached_tokens=0, written_tokens=0)
    (seen,) = server.requests
    assert (seen.path, seen.headers["x-api-key"]) == ("/v1/messages", KEY)
    assert "authorization" not in seen.headers
    sent = seen.json
    assert (sent["model"], sent["max_tokens"], sent["temperature"]) == ("claude-x", 77, 1.0)
    assert "tools" not in sent
    assert sent["system"]
    assert [turn["role"] for turn in sent["messages"]] == ["user"]
    assert "Works well!" in sent["messages"][0]["content"]


def test_a_label_is_the_input_of_a_tool_that_has_to_be_called(server: AnthropicServer, provider: AnthropicProvider) -> None:
    server.answer = lambda sent: {"value": "praise"}  # type: ignore[assignment,return-value]
    assert provider.complete(request(LABELS)).text == '"praise"'
    sent = server.requests[0].json
    assert sent["tool_choice"] == {"type": "tool", "name": "triage_classify", "disable_parallel_tool_use": True}
    assert sent["tools"][0]["input_schema"]["properties"]["value"]["enum"] == ["praise", "complaint"]


def test_a_record_is_the_whole_input(server: AnthropicServer, provider: AnthropicProvider) -> None:
    server.script(message({"type": "thinking", "thinking": "…"}, called("triage_classify", {"a": 1}), stop_reason="tool_use"))
    assert provider.complete(request(RecordType((Entry(Keyword("a"), INT),)))).text == '{"a": 1}'


def test_an_answer_in_words_counts_when_the_tool_was_not_called(server: AnthropicServer, provider: AnthropicProvider) -> None:
    server.script(message(text('```json\n{"value": "praise"}\n```')))
    assert provider.complete(request(LABELS)).text == '"praise"'


def test_examples_and_a_re_ask_are_turns(server: AnthropicServer, provider: AnthropicProvider) -> None:
    provider.complete(request(examples=((("",), ""), (("b",), "c"))))
    roles = [turn["role"] for turn in server.requests[0].json["messages"]]
    assert roles == ["user", "assistant", "user", "assistant", "user"]


def test_tokens_of_the_cache_are_tokens_of_the_prompt(server: AnthropicServer, provider: AnthropicProvider) -> None:
    usage = {"input_tokens": 10, "cache_creation_input_tokens": 200, "cache_read_input_tokens": 3000, "output_tokens": 5}
    server.script(message(text("a"), usage=usage), message(text("a"), usage={"input_tokens": 4}), message(text("a"), usage=None))
    assert provider.complete(request()).usage == Usage(prompt_tokens=3210, completion_tokens=5, cached_tokens=3000, written_tokens=200)
    assert provider.complete(request()).usage == Usage(prompt_tokens=4, completion_tokens=None, cached_tokens=None)
    assert provider.complete(request()).usage == Usage()


def test_its_prices_are_known() -> None:
    provider = AnthropicProvider(api_key=KEY)
    assert provider.server == "api.anthropic.com"
    usage = Usage(prompt_tokens=100_000, completion_tokens=0)
    assert Spending(lambda: PriceTable.load({})).cost(provider, "claude-sonnet-4-5", usage) == 3 * 10**8


# --- how it stops ---


def test_a_refusal_is_told_apart(server: AnthropicServer, provider: AnthropicProvider) -> None:
    server.script(
        message(text("I can"), stop_reason="refusal", stop_details={"type": "refusal", "explanation": "not about that"}),
        message(stop_reason="refusal"),
    )
    first, second = failure(provider), failure(provider)
    assert (first.message, second.message) == ("the model refused: not about that", "the model refused")
    assert first.usage == Usage(prompt_tokens=12, completion_tokens=3, cached_tokens=0, written_tokens=0)
    assert not first.retryable


@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded"])
def test_an_answer_that_was_cut_off_says_so(server: AnthropicServer, provider: AnthropicProvider, reason: str) -> None:
    server.script(message(text("It is pr"), stop_reason=reason), message(stop_reason=reason), message(called("f", {}), stop_reason=reason))
    assert provider.complete(request()).finish_reason == "length"
    for result in (STRING, LABELS):
        error = failure(provider, request(result, max_tokens=5))
        assert error.message == "the model used up its 5 tokens before it answered"
        assert ":max-tokens" in (error.hint or "")


# --- what a model does not take ---


def test_temperature_and_force_are_given_up_and_that_is_remembered(server: AnthropicServer, provider: AnthropicProvider) -> None:
    server.script(
        Status(400, raw=error("invalid_request_error", "`temperature` is deprecated for this model.")),
        Status(400, raw=error("invalid_request_error", "Thinking may not be enabled when tool_choice forces tool use.")),
        message(text("complaint")),
        message(text("praise")),
    )
    assert provider.complete(request(LABELS)).text == "complaint"
    assert provider.complete(request(LABELS)).text == "praise"
    sent = [seen.json for seen in server.requests]
    assert [("temperature" in data, "tool_choice" in data, "tools" in data) for data in sent] == [
        (True, True, True),
        (False, True, True),
        (False, False, True),
        (False, False, True),
    ]


# --- what goes wrong ---


@pytest.mark.parametrize(
    "trouble",
    [
        Status(529, raw=error("overloaded_error", "Overloaded"), retry_after="7"),
        Status(429, raw=error("rate_limit_error", "This request would exceed your limit"), retry_after="7"),
        Status(500, raw=error("api_error", "Internal server error"), retry_after="7"),
    ],
    ids=lambda trouble: str(trouble.status),
)
def test_what_may_pass_can_be_tried_again(server: AnthropicServer, provider: AnthropicProvider, trouble: Status) -> None:
    server.script(trouble)
    error = failure(provider)
    assert (error.retryable, error.retry_after_s) == (True, 7.0)
    assert error.usage == Usage(prompt_tokens=0, completion_tokens=0)


@pytest.mark.parametrize("trouble", [Drop(), Drop(after_bytes=10), Raw(b"{"), Raw(b"[]"), Raw(b'{"content": "a"}')])
def test_broken_answers_can_be_tried_again(server: AnthropicServer, provider: AnthropicProvider, trouble: Any) -> None:
    server.script(trouble)
    assert failure(provider).retryable


@pytest.mark.parametrize(
    "trouble, kind, said",
    [
        (Status(401, raw=error("authentication_error", f"invalid x-api-key {KEY}")), "model-unavailable", "refuses access"),
        (Status(404, raw=error("not_found_error", "model: claude-x")), "model-unavailable", "has no model `claude-x`"),
        (Status(400, raw=error("invalid_request_error", "prompt is too long: 9 > 8")), "prompt-too-long", "too long"),
        (Status(413, raw=error("request_too_large", "Request exceeds the maximum size")), "prompt-too-long", "too long"),
        (Status(400, raw=error("invalid_request_error", "Your credit balance is too low")), "provider-error", "nothing left"),
        (Status(402, raw=error("billing_error", "pay first")), "provider-error", "nothing left"),
        (
            Status(429, raw=error("rate_limit_error", "over", details={"error_code": "enforced_spend_limit_reached"})),
            "provider-error",
            "nothing left",
        ),
        (Status(400, raw=error("invalid_request_error", "messages: odd")), "provider-error", "refused the request"),
    ],
)
def test_what_will_not_pass_is_not_tried_again(
    server: AnthropicServer, provider: AnthropicProvider, trouble: Status, kind: str, said: str
) -> None:
    server.script(trouble)
    error = failure(provider)
    assert (error.kind, error.retryable) == (kind, False)
    assert said in error.message
    assert len(server.requests) == 1


def test_an_unreachable_server_is_named() -> None:
    error = failure(AnthropicProvider(base_url=f"http://127.0.0.1:{closed_port()}", api_key=KEY))
    assert (error.kind, error.retryable) == ("model-unavailable", True)
    assert "ANTHROPIC_BASE_URL" in (error.hint or "")


def test_nothing_is_sent_without_a_key(server: AnthropicServer) -> None:
    provider = AnthropicProvider.from_env({"ANTHROPIC_BASE_URL": server.base_url + "/v1/"})
    error = failure(provider)
    assert error.kind == "model-unavailable"
    assert (error.hint or "").startswith("set ANTHROPIC_API_KEY")
    assert not provider.availability("claude-x").usable
    assert server.requests == []
    assert provider.address == server.base_url


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "input", "a"]), inner, max_size=3),
    max_leaves=6,
)
BLOCK = st.fixed_dictionaries({"type": st.sampled_from(["text", "tool_use", "thinking", 1])}, optional={"text": JSON, "input": JSON})


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "content": JSON | st.lists(BLOCK | JSON, max_size=3),
            "stop_reason": st.sampled_from(["end_turn", "refusal", "max_tokens", "odd"]) | JSON,
            "stop_details": JSON,
            "usage": JSON | st.fixed_dictionaries({"input_tokens": JSON, "output_tokens": JSON}),
            "model": JSON,
        },
    )
    | JSON
)
def test_whatever_a_server_says_is_a_reply_or_a_delegation_error(data: Any) -> None:
    provider = AnthropicProvider(api_key=KEY)
    for result in (STRING, LABELS):
        try:
            reply = provider.reply(
                provider.content(json.dumps(data).encode()), request(result), ReplyShape.of(result, lambda name: None)
            )
        except DelegationError:
            continue
        assert isinstance(reply.text, str)
        assert isinstance(reply.model, str)


def test_a_program_is_answered_and_retried(server: AnthropicServer, provider: AnthropicProvider) -> None:
    registry = ModelRegistry()
    registry.register("claude-x", provider, kind="remote")
    server.script(
        Status(529, raw=error("overloaded_error", "Overloaded"), retry_after="0"),
        message(called("sort", {"value": "complaint"}), stop_reason="tool_use"),
    )
    with rtfs.Runtime(models=registry) as runtime:
        program = '(defn sort-it ^:delegation :remote "claude-x" [text :string] :-> [:enum "praise" "complaint"] "praise")'
        assert runtime.run(program + '(sort-it "It broke.")') == "complaint"
        (record,) = runtime.records.calls
    assert [attempt.outcome for attempt in record.attempts] == ["provider-error", "answered"]
    assert (record.provider, record.answered_by) == ("anthropic", "claude-test-20260101")
