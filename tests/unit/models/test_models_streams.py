"""Streamed replies over real sockets: what comes, and every way in which it may not."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from rtfs.errors import DelegationError
from rtfs.models.anthropic import AnthropicProvider
from rtfs.models.openai_compatible import OpenAICompatibleProvider
from rtfs.models.prompt import ReplyShape
from rtfs.models.protocol import Chunk, ModelReply, ModelRequest, Parameter, ToolCall, ToolSpec, Usage
from rtfs.models.sse import Event
from rtfs.types.nodes import INT, STRING, Entry, RecordType, Type
from rtfs.values.scalars import Keyword
from tests.support.anthropic_server import AnthropicServer, stream
from tests.support.openai_server import Drop, Events, OpenAIServer, Raw, Say, SlowHeaders, Status, closed_port, event

pytest.importorskip("httpx2")

KEY = "sk-very-secret-0123456789"
RECORD = RecordType((Entry(Keyword("a"), INT), Entry(Keyword("b"), STRING)))
LOOKUP = ToolSpec(
    name="lookup",
    doc="Finds it.",
    schema={"type": "object", "properties": {"id": {"type": "integer"}}},
    operands=RecordType((Entry(Keyword("id"), INT),)),
)


@pytest.fixture
def provider(server: OpenAIServer) -> Iterator[OpenAICompatibleProvider]:
    made = OpenAICompatibleProvider(base_url=server.base_url, api_key=KEY, stall_s=0.3)
    yield made
    made.close()


def request(result: Type = STRING, **extras: Any) -> ModelRequest:
    parameters = (Parameter(name="text", type=STRING, value="Works well!"),)
    defaults: dict[str, Any] = {"model": "m", "function": "triage/classify", "doc": "D.", "parameters": parameters}
    return ModelRequest(**{**defaults, **extras}, result=result)


def received(items: Any) -> tuple[list[Chunk], ModelReply | DelegationError]:
    """The chunks, and the reply or the error at the end."""
    chunks: list[Chunk] = []
    reply: ModelReply | None = None
    try:
        for item in items:
            if isinstance(item, Chunk):
                assert reply is None
                chunks.append(item)
            else:
                assert reply is None
                reply = item
    except DelegationError as error:
        return chunks, error
    assert reply is not None
    return chunks, reply


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


# --- OpenAI ----------------------------------------------------------------------------------


def test_a_streamed_text(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Say("It is a fine day."))
    chunks, reply = received(provider.stream(request()))
    assert [chunk.text for chunk in chunks] == ["It ", "is ", "a ", "fine ", "day."]
    assert isinstance(reply, ModelReply)
    assert (reply.text, reply.model, reply.finish_reason) == ("It is a fine day.", "test-model-2026", "stop")
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (12, 3)
    sent = server.requests[0]
    assert sent.headers["accept"] == "text/event-stream"
    assert (sent.json["stream"], sent.json["stream_options"]) == (True, {"include_usage": True})


def test_what_is_streamed_is_what_comes_in_one_piece(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    said = Say('{"a": 1, "b": "two words"}')
    server.script(said, said)
    chunks, reply = received(provider.stream(request(RECORD)))
    assert reply == provider.complete(request(RECORD))
    assert text_of(chunks) == '{"a": 1, "b": "two words"}'


def test_connections_are_used_again(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    for _ in range(3):
        received(provider.stream(request()))
    assert server.connections == 1


def test_characters_events_and_lines_may_be_cut_anywhere(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    whole = "".join(f"data: {json.dumps(e, ensure_ascii=False)}\r\n\r\n" for e in (event({"content": "Grüße "}), event({"content": "😀"}), event({}, "stop")))
    data = (": hello\r\n\r\n" + whole + "data: [DONE]\r\n\r\n").encode()
    server.script(Events(tuple(data[i : i + 1] for i in range(len(data)))))
    chunks, reply = received(provider.stream(request()))
    assert text_of(chunks) == "Grüße 😀"
    assert reply.text == "Grüße 😀"


def test_usage_may_stand_in_the_choice(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    last = event({}, "stop")
    last["choices"][0]["usage"] = {"prompt_tokens": 7, "completion_tokens": 2, "cached_tokens": 4}
    del last["usage"]
    server.script(Events((event({"content": "yes"}), last, "[DONE]")))
    _, reply = received(provider.stream(request()))
    assert reply.usage == Usage(prompt_tokens=7, completion_tokens=2, cached_tokens=4)


def test_thoughts_are_no_part_of_the_answer(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    for name in ("reasoning_content", "reasoning"):
        server.script(Events((event({name: "Let me "}), event({name: "see"}), event({"content": "yes"}), event({}, "stop"), "[DONE]")))
        chunks, reply = received(provider.stream(request()))
        assert "".join(chunk.reasoning for chunk in chunks) == "Let me see"
        assert (text_of(chunks), reply.text, reply.reasoning) == ("yes", "yes", "Let me see")


def test_a_call_of_a_tool_comes_in_pieces(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    calls = [{"id": f"functions.lookup:{i}", "type": "function", "function": {"name": "lookup", "arguments": f'{{"id": {i}00}}'}} for i in range(2)]
    server.script(Say(None, "tool_calls", message={"role": "assistant", "content": None, "tool_calls": calls}))
    chunks, reply = received(provider.stream(request(tools=(LOOKUP,))))
    assert chunks == []
    assert reply.finish_reason == "tools"
    assert reply.calls == tuple(ToolCall(id=f"functions.lookup:{i}", name="lookup", arguments=f'{{"id": {i}00}}') for i in range(2))


def test_a_server_that_does_not_stream_answers_in_one_piece(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Raw(Say("all at once").body()))
    chunks, reply = received(provider.stream(request()))
    assert [chunk.text for chunk in chunks] == ["all at once"]
    assert reply.text == "all at once"


def test_events_under_another_content_type_are_events(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Events((event({"content": "yes"}), event({}, "stop"), "[DONE]"), content_type="text/plain"))
    chunks, reply = received(provider.stream(request()))
    assert (text_of(chunks), reply.text) == ("yes", "yes")


def test_a_server_that_knows_no_stream_options_is_asked_without(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Status(400, "Unrecognized request argument supplied: stream_options"), Say("a"), Say("b"))
    assert received(provider.stream(request()))[1].text == "a"
    assert received(provider.stream(request()))[1].text == "b"
    assert ["stream_options" in seen.json for seen in server.requests] == [True, False, False]


@pytest.mark.parametrize("ends", ["early", "reset"])
def test_half_a_stream_is_a_broken_one(server: OpenAIServer, provider: OpenAICompatibleProvider, ends: str) -> None:
    server.script(Events((event({"content": "It is"}), 0.05), ends=ends), Say("whole"))
    chunks, error = received(provider.stream(request()))
    assert text_of(chunks) == "It is"
    assert isinstance(error, DelegationError)
    assert (error.kind, error.retryable) == ("provider-error", True)
    assert "broke off" in error.message
    assert received(provider.stream(request()))[1].text == "whole"


def test_a_stream_that_ends_without_saying_so_is_a_broken_one(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Events((event({"content": "It is"}),)))
    _, error = received(provider.stream(request()))
    assert "broke off before its end" in error.message


def test_an_end_that_nothing_but_the_reason_tells_is_one(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Events((event({"content": "yes"}), event({}, "stop"))))
    assert received(provider.stream(request()))[1].text == "yes"


def test_a_server_that_falls_silent_is_given_up(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Events((event({"content": "It is"}),), ends="never"))
    begin = time.monotonic()
    chunks, error = received(provider.stream(request(timeout_s=20)))
    assert time.monotonic() - begin < 3
    assert text_of(chunks) == "It is"
    assert error.retryable
    assert "nothing came for 0.3 s" in error.message


def test_a_model_may_think_in_silence(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Events((event({"role": "assistant", "content": ""}), 0.6, event({"content": "yes"}), event({}, "stop"), "[DONE]")))
    assert received(provider.stream(request(timeout_s=20)))[1].text == "yes"


def test_who_reads_may_take_his_time(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Events((event({"content": "a"}), event({"content": "b"}), 0.05, event({}, "stop"), "[DONE]")))
    coming = provider.stream(request(timeout_s=20))
    assert next(coming).text == "a"
    time.sleep(0.6)
    assert text_of(received(coming)[0]) == "b"


def test_a_stream_that_drips_ends_in_time(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Events(tuple(x for _ in range(100) for x in (event({"content": "x"}), 0.05))))
    begin = time.monotonic()
    chunks, error = received(provider.stream(request(timeout_s=0.5)))
    assert time.monotonic() - begin < 3
    assert len(chunks) > 2
    assert "within 0.5 s" in error.message


def test_comments_keep_a_connection_alive_but_not_for_ever(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Events(tuple(x for _ in range(100) for x in (b": keep-alive\n\n", 0.05))))
    begin = time.monotonic()
    chunks, error = received(provider.stream(request(timeout_s=0.5)))
    assert time.monotonic() - begin < 3
    assert (chunks, error.retryable) == ([], True)
    assert "within 0.5 s" in error.message


def test_slow_headers_end_in_time(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    class Slow(Status):
        def body(self) -> bytes:
            server.wait(5)
            return b""

    server.script(Slow(200))
    begin = time.monotonic()
    _, error = received(provider.stream(request(timeout_s=0.3)))
    assert time.monotonic() - begin < 3
    assert "within 0.3 s" in error.message


def test_headers_that_drip_end_in_time(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(SlowHeaders(), SlowHeaders(), Say("ok"))
    for ask in (lambda: received(provider.stream(request(timeout_s=0.5)))[1], lambda: refused(provider)):
        begin = time.monotonic()
        error = ask()
        assert time.monotonic() - begin < 3
        assert (error.retryable, "within 0.5 s" in error.message) == (True, True)
    assert provider.complete(request()).text == "ok"


def refused(provider: OpenAICompatibleProvider) -> DelegationError:
    with pytest.raises(DelegationError) as caught:
        provider.complete(request(timeout_s=0.5))
    return caught.value


def test_cancelling_needs_no_headers(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(SlowHeaders())
    coming = provider.stream(request(timeout_s=20))
    threading.Timer(0.2, coming.cancel).start()
    begin = time.monotonic()
    _, error = received(coming)
    assert time.monotonic() - begin < 3
    assert "cancelled" in error.message


def test_a_server_that_never_ends_a_response_delays_nobody(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Events((event({"content": "yes"}), event({}, "stop"), "[DONE]"), ends="never"))
    begin = time.monotonic()
    assert received(provider.stream(request(timeout_s=20)))[1].text == "yes"
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize(
    ("trouble", "kind", "retryable"),
    [
        (Status(429), "rate-limited", True),
        (Status(429, retry_after="3"), "rate-limited", True),
        (Status(500), "provider-error", True),
        (Status(401), "model-unavailable", False),
        (Drop(), "provider-error", True),
        (Drop(after_bytes=20), "provider-error", True),
        (Raw(b"<html>no</html>"), "provider-error", True),
        (Events(("{oops",)), "provider-error", True),
        (Events(()), "provider-error", True),
        (Events(({"error": {"message": "no", "type": "server_error"}},)), "provider-error", True),
        (Events((event({"content": "a"}), {"error": {"message": "slower", "type": "rate_limit_error"}})), "rate-limited", True),
        (Events((event({"content": "a"}), {"error": {"message": "gone", "code": 502}})), "provider-error", True),
        (Events((event({"content": "a"}), event({}, "content_filter"), "[DONE]")), "model-refused", False),
        (Events((event({"refusal": "I will not."}), event({}, "stop"), "[DONE]")), "model-refused", False),
        (Events((event({"reasoning_content": "Let me see"}), event({}, "length"), "[DONE]")), "reply-cut-off", False),
    ],
    ids=repr,
)
def test_each_failure_is_told_apart(server: OpenAIServer, provider: OpenAICompatibleProvider, trouble: Any, kind: str, retryable: bool) -> None:
    server.script(trouble, Say("ok"))
    _, error = received(provider.stream(request(timeout_s=5)))
    assert isinstance(error, DelegationError)
    assert (error.kind, error.retryable) == (kind, retryable)
    assert error.retry_after_s == (3 if isinstance(trouble, Status) and trouble.retry_after else None)
    assert received(provider.stream(request()))[1].text == "ok"


def test_a_reply_without_end_is_cut_short(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Events((event({"content": "x" * (1 << 20)}),) * 9, ends="never"))
    chunks, error = received(provider.stream(request()))
    assert "larger than 8 MiB" in error.message
    assert len(chunks) <= 8


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in (f"http://127.0.0.1:{closed_port()}/v1", "http://no-such-host.invalid/v1"):
        provider = OpenAICompatibleProvider(base_url=url)
        _, error = received(provider.stream(request(timeout_s=5)))
        assert (error.kind, error.retryable) == ("model-unavailable", True)
        assert url in error.message
        provider.close()


def test_a_key_never_comes_back(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Events(({"error": {"message": f"bad key {KEY}"}},)))
    _, error = received(provider.stream(request()))
    assert "bad key [key]" in error.message


def test_a_key_that_is_no_secret_leaves_words_whole(server: OpenAIServer) -> None:
    provider = OpenAICompatibleProvider(base_url=server.base_url, api_key="x")
    server.script(Events(({"error": {"message": "no key x: the maximum is exceeded"}},)))
    _, error = received(provider.stream(request()))
    assert "no key [key]: the maximum is exceeded" in error.message
    provider.close()


def test_closing_a_stream_closes_its_connection(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Events(tuple(x for _ in range(400) for x in (event({"content": "x"}), 0.02))))
    coming = provider.stream(request())
    assert next(coming).text == "x"
    coming.close()
    assert server.closed.wait(3)
    with pytest.raises(StopIteration):
        next(coming)


def test_cancelling_wakes_the_one_who_waits(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Events((event({"role": "assistant"}),), ends="never"))
    coming = provider.stream(request(timeout_s=20))
    threading.Timer(0.2, coming.cancel).start()
    begin = time.monotonic()
    _, error = received(coming)
    assert time.monotonic() - begin < 3
    assert "cancelled" in error.message
    assert not error.retryable


def test_a_stream_that_was_cancelled_before_it_began_sends_nothing(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    coming = provider.stream(request())
    coming.cancel()
    assert "cancelled" in received(coming)[1].message
    assert server.requests == []


def test_the_server_is_killed_in_the_middle() -> None:
    server = OpenAIServer()
    provider = OpenAICompatibleProvider(base_url=server.base_url)
    with server:
        server.script(Events((event({"content": "It is"}), 30.0), ends="reset"))
        coming = provider.stream(request(timeout_s=20))
        assert next(coming).text == "It is"
    begin = time.monotonic()
    _, error = received(coming)
    assert time.monotonic() - begin < 5
    assert error.retryable
    provider.close()


# --- Anthropic -------------------------------------------------------------------------------


@pytest.fixture
def other() -> Iterator[AnthropicServer]:
    with AnthropicServer() as running:
        yield running


@pytest.fixture
def claude(other: AnthropicServer) -> Iterator[AnthropicProvider]:
    made = AnthropicProvider(base_url=other.base_url, api_key=KEY, stall_s=0.3)
    yield made
    made.close()


def test_a_streamed_message(other: AnthropicServer, claude: AnthropicProvider) -> None:
    other.script(stream({"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "text", "text": "It is a day."}))
    chunks, reply = received(claude.stream(request()))
    assert other.requests[0].json["stream"] is True
    assert (text_of(chunks), "".join(chunk.reasoning for chunk in chunks)) == ("It is a day.", "Hm.")
    assert (reply.text, reply.reasoning, reply.model) == ("It is a day.", "Hm.", "claude-test-20260101")
    assert reply.usage == Usage(prompt_tokens=12, completion_tokens=3, cached_tokens=0, written_tokens=0)


def test_a_structured_answer_is_streamed_too(other: AnthropicServer, claude: AnthropicProvider) -> None:
    block = {"type": "tool_use", "id": "toolu_1", "name": "triage_classify", "input": {"a": 1, "b": "x"}}
    other.script(stream({"type": "text", "text": "Well:"}, block, stop_reason="tool_use"))
    chunks, reply = received(claude.stream(request(RECORD)))
    assert json.loads(text_of(chunks)) == {"a": 1, "b": "x"}
    assert json.loads(reply.text) == {"a": 1, "b": "x"}


def test_calls_of_tools_go_back_with_the_thoughts_before_them(other: AnthropicServer, claude: AnthropicProvider) -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "sig"}
    block = {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": {"id": 7}}
    other.script(stream(thought, block, stop_reason="tool_use"))
    chunks, reply = received(claude.stream(request(tools=(LOOKUP,))))
    assert text_of(chunks) == ""
    assert reply.calls == (ToolCall(id="toolu_1", name="lookup", arguments='{"id": 7}'),)
    assert reply.message == {"anthropic": [thought, block]}


@pytest.mark.parametrize(
    ("kind", "found", "retryable"),
    [("overloaded_error", "provider-error", True), ("rate_limit_error", "rate-limited", True), ("api_error", "provider-error", True), ("invalid_request_error", "provider-error", False)],
)
def test_errors_in_the_middle(other: AnthropicServer, claude: AnthropicProvider, kind: str, found: str, retryable: bool) -> None:
    whole = stream({"type": "text", "text": "It is a day."})
    trouble = {"type": "error", "error": {"type": kind, "message": "Overloaded"}}
    other.script(Events((*whole.items[:3], trouble)))
    chunks, error = received(claude.stream(request()))
    assert (error.kind, error.retryable) == (found, retryable)
    assert text_of(chunks) == "It "
    assert error.usage == Usage(prompt_tokens=12, cached_tokens=0, written_tokens=0)


@pytest.mark.parametrize("ends", ["early", "reset", "never", "properly"])
def test_half_a_message_is_a_broken_one(other: AnthropicServer, claude: AnthropicProvider, ends: str) -> None:
    whole = stream({"type": "text", "text": "It is a day."})
    other.script(Events((*whole.items[:4], 0.05), ends=ends))
    chunks, error = received(claude.stream(request(timeout_s=20)))
    assert error.retryable
    assert text_of(chunks) == "It is "
    assert error.usage.prompt_tokens == 12


def test_a_refusal_in_the_middle(other: AnthropicServer, claude: AnthropicProvider) -> None:
    other.script(stream({"type": "text", "text": "It is"}, stop_reason="refusal"))
    _, error = received(claude.stream(request()))
    assert error.kind == "model-refused"


# --- clocks ----------------------------------------------------------------------------------


def test_a_clock_that_jumps_ends_a_stream_and_hangs_nothing(server: OpenAIServer) -> None:
    now = [1000.0]
    provider = OpenAICompatibleProvider(base_url=server.base_url, clock=lambda: now[0])
    server.script(Events((event({"content": "a"}), event({"content": "b"}), 0.05, event({"content": "c"}), 0.05), ends="never"))
    coming = provider.stream(request(timeout_s=5))
    assert next(coming).text == "a"
    now[0] += 3600
    begin = time.monotonic()
    _, error = received(coming)
    assert time.monotonic() - begin < 3
    assert (error.retryable, "within 5 s" in error.message) == (True, True)
    provider.close()


def test_a_clock_that_jumps_back_does_no_harm(server: OpenAIServer) -> None:
    now = [1000.0]
    provider = OpenAICompatibleProvider(base_url=server.base_url, clock=lambda: now[0])
    server.script(Events((event({"content": "a"}), event({"content": "b"}), event({}, "stop"), "[DONE]")))
    coming = provider.stream(request(timeout_s=5))
    next(coming)
    now[0] -= 3600
    assert received(coming)[1].text == "ab"
    provider.close()


@pytest.mark.parametrize(("year", "waits"), [(1990, True), (2090, False)])
def test_a_date_to_wait_for_is_taken_for_what_it_is(server: OpenAIServer, provider: OpenAICompatibleProvider, monkeypatch: pytest.MonkeyPatch, year: int, waits: bool) -> None:
    """The clock of this machine may be wrong by years."""
    from datetime import UTC, datetime

    moment = datetime(year, 1, 1, tzinfo=UTC).timestamp()
    monkeypatch.setattr("rtfs.models.http.time.time", lambda: moment)
    server.script(Status(429, retry_after="Fri, 20 Nov 2026 12:00:00 GMT"))
    _, error = received(provider.stream(request()))
    assert (error.retry_after_s > 1e6) is waits
    assert error.retry_after_s >= 0


@pytest.mark.parametrize("index", [[], None, "a", {"x": 1}, 0.5])
def test_events_that_do_not_say_which_block_they_are_about(index: Any) -> None:
    collector = AnthropicProvider(api_key=KEY).collector(request(STRING), ReplyShape.of(STRING, lambda name: None))
    block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": "hello"}
    for data in (
        {"type": "content_block_start", "index": index, "content_block": block},
        {"type": "content_block_delta", "index": index, "delta": delta},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    ):
        collector.take(Event("", json.dumps(data)))
    assert collector.whole()["content"] == [{"type": "text", "text": "hello"}]
