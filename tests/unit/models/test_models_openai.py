"""`OpenAICompatibleProvider` against a real server on loopback."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtfs.errors import DelegationError
from rtfs.models.http_faults import Answer
from rtfs.models.openai_compatible import OpenAICompatibleProvider
from rtfs.models.prompt import ReplyShape
from rtfs.models.protocol import ModelRequest, Parameter
from rtfs.types.nodes import BOOL, INT, STRING, Entry, EnumType, RecordType, Type
from rtfs.values.scalars import Keyword
from tests.support.openai_server import Drop, OpenAIServer, Raw, Say, Status, closed_port

httpx2 = pytest.importorskip("httpx2")

LABELS = EnumType(("praise", "complaint"))
KEY = "sk-very-secret-0123456789"


class Waits:
    """A sleep that takes no time, and a clock that it moves."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)

    def clock(self) -> float:
        return time.monotonic() + sum(self.waited)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def provider(server: OpenAIServer, waits: Waits) -> Iterator[OpenAICompatibleProvider]:
    made = OpenAICompatibleProvider(base_url=server.base_url, api_key=KEY, clock=waits.clock)
    yield made
    made.close()


def request(result: Type = STRING, **extras: Any) -> ModelRequest:
    parameters = (Parameter(name="text", type=STRING, value="Works well!"),)
    defaults: dict[str, Any] = {"model": "m", "function": "triage/classify", "doc": "D.", "parameters": parameters}
    return ModelRequest(**{**defaults, **extras}, result=result)


def failure(provider: OpenAICompatibleProvider, of: ModelRequest | None = None) -> DelegationError:
    with pytest.raises(DelegationError) as caught:
        provider.complete(of or request())
    return caught.value


# --- what is sent and what comes back --------------------------------------------------------


def test_a_text_request_over_the_wire(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Say("  Fine.\n"))
    reply = provider.complete(request(max_tokens=7, temperature=0.5, seed=3))
    assert (reply.text, reply.model, reply.finish_reason) == ("Fine.", "test-model-2026", "stop")
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (12, 3)
    (seen,) = server.requests
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    sent = seen.json
    assert sent.keys() == {"model", "messages", "max_tokens", "temperature", "seed"}
    assert (sent["model"], sent["max_tokens"], sent["temperature"], sent["seed"]) == ("m", 7, 0.5, 3)
    assert "Works well!" in sent["messages"][-1]["content"]


def test_a_label_travels_in_an_object_and_comes_back_bare(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Say('{"value": "praise"}'))
    assert provider.complete(request(LABELS)).text == '"praise"'
    wanted = server.requests[0].json["response_format"]
    assert wanted["type"] == "json_schema"
    assert wanted["json_schema"]["name"] == "triage_classify"
    assert wanted["json_schema"]["strict"] is True
    assert wanted["json_schema"]["schema"]["properties"]["value"]["enum"] == ["praise", "complaint"]


@pytest.mark.parametrize(("result", "said", "text"), [(BOOL, '{"value": true}', "true"), (INT, '{"value": 3}', "3"), (INT, "3", "3")])
def test_scalars_come_back_bare(server: OpenAIServer, provider: OpenAICompatibleProvider, result: Type, said: str, text: str) -> None:
    server.script(Say(said))
    assert provider.complete(request(result)).text == text


def test_a_record_is_its_own_root(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Say('{"a": 1}'))
    assert provider.complete(request(RecordType((Entry(Keyword("a"), INT),)))).text == '{"a": 1}'


def test_no_key_means_no_authorization(server: OpenAIServer) -> None:
    provider = OpenAICompatibleProvider(base_url=server.base_url + "/chat/completions/")
    provider.complete(request())
    assert "authorization" not in server.requests[0].headers
    assert server.requests[0].path == "/v1/chat/completions"
    provider.close()


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (Say("<think>well, let me see</think>\n\nyes"), "yes"),
        (Say("a <think> b"), "a <think> b"),
        (Say([{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]), "ab"),
        (Say(None), ""),
        (Say("x", usage=None, model=None), "x"),
        (Say("x", usage={"prompt_tokens": "many", "completion_tokens": -1}), "x"),
    ],
)
def test_the_forms_of_an_answer(server: OpenAIServer, provider: OpenAICompatibleProvider, said: Say, text: str) -> None:
    server.script(said)
    reply = provider.complete(request())
    assert reply.text == text
    if said.model is None:
        assert (reply.model, reply.usage.prompt_tokens) == ("m", None)
    if said.usage is None or said.usage["prompt_tokens"] == "many":
        assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (None, None)


def test_a_cut_off_answer_says_so(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Say("Once upon", finish_reason="length"), Say("", finish_reason="length"))
    assert provider.complete(request()).finish_reason == "length"
    error = failure(provider)
    assert error.kind == "reply-cut-off"
    assert ":max-tokens" in (error.hint or "")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (Say(None, message={"role": "assistant", "content": None, "refusal": "I will not."}), "model-refused"),
        (Say("", finish_reason="content_filter"), "model-refused"),
        (Say("The first ste", finish_reason="content_filter"), "model-refused"),
        (Say(None, finish_reason="length", message={"content": None, "reasoning_content": "Let me see"}), "reply-cut-off"),
        (Say("<think>Let me see", finish_reason="length"), "reply-cut-off"),
        (Say(7), "provider-error"),
    ],
)
def test_what_is_no_answer_is_told_apart(server: OpenAIServer, provider: OpenAICompatibleProvider, said: Say, kind: str) -> None:
    server.script(said)
    error = failure(provider)
    assert (error.kind, error.retryable) == (kind, False)
    assert len(server.requests) == 1


def test_odd_text_in_arguments_can_be_sent(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    odd = "\ud800 \x00 \u2028 \U0001f600"
    provider.complete(request(parameters=(Parameter(name="t", type=STRING, value=odd),)))
    assert odd in server.requests[0].json["messages"][-1]["content"]


# --- servers that take less ------------------------------------------------------------------

NO_SCHEMA = Status(400, "response_format type json_schema is not supported", param="response_format")
NO_FORMAT = Status(400, "This server knows no response_format", param="response_format")


def formats(server: OpenAIServer) -> list[str | None]:
    return [s.json.get("response_format", {}).get("type") for s in server.requests]


def test_response_format_is_given_up_step_by_step_and_remembered(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(NO_SCHEMA, NO_FORMAT, Say('{"value": "praise"}'), Say("praise"))
    assert provider.complete(request(LABELS)).text == '"praise"'
    assert provider.complete(request(BOOL)).text == "praise"
    assert formats(server) == ["json_schema", "json_object", None, None]
    server.script(Say("x"))
    provider.complete(request(LABELS, model="another"))
    assert formats(server)[-1] == "json_schema"


def test_a_fault_of_one_schema_is_remembered_for_that_schema(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    invalid = Status(400, "Invalid schema for response_format 'f'", code="invalid_json_schema")
    server.script(invalid, Say("1"), Say("1"), Say("1"))
    for result in (INT, INT, BOOL):
        provider.complete(request(result))
    assert formats(server) == ["json_schema", "json_object", "json_object", "json_schema"]


def test_max_completion_tokens_temperature_and_seed_are_learnt(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(
        Status(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", param="max_tokens"),
        Status(400, "Unsupported value: 'temperature' does not support 0", param="temperature"),
        Status(422, "seed: extra inputs are not permitted"),
        Say("x"),
        Say("y"),
    )
    provider.complete(request())
    provider.complete(request())
    assert server.requests[-1].json.keys() == {"model", "messages", "max_completion_tokens"}
    assert len(server.requests) == 5


def test_a_400_about_something_else_is_an_error_at_once(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Status(400, "messages: too many roles", param="messages"))
    error = failure(provider, request(LABELS))
    assert (error.kind, error.retryable) == ("provider-error", False)
    assert "too many roles" in error.message
    assert len(server.requests) == 1


def test_what_did_not_help_is_not_remembered(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(NO_SCHEMA, Status(401, "who are you"), Say("1"))
    assert failure(provider, request(INT)).kind == "model-unavailable"
    provider.complete(request(INT))
    assert formats(server) == ["json_schema", "json_object", "json_schema"]


def test_a_server_that_refuses_everything_is_asked_a_few_times_only(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    every = "unsupported: max_tokens temperature seed response_format"
    server.script(*[Status(400, every)] * 20)
    assert failure(provider, request(INT)).kind == "provider-error"
    assert len(server.requests) == 6


# --- failures that may pass ------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [Status(429), Status(500), Status(503), Drop(), Drop(after_bytes=20), Raw(b"{oops"), Raw(b"{}"), Raw(b"[]")], ids=repr)
def test_a_failure_that_may_pass_says_so(server: OpenAIServer, provider: OpenAICompatibleProvider, trouble: Any) -> None:
    server.script(trouble, Say("ok"))
    error = failure(provider)
    kind = "rate-limited" if trouble == Status(429) else "provider-error"
    assert (error.kind, error.retryable, error.retry_after_s) == (kind, True, None)
    assert provider.complete(request()).text == "ok"
    assert len(server.requests) == 2


def test_retry_after_is_handed_on(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Status(429, retry_after="7"), Status(503, retry_after=formatdate(time.time() + 9, usegmt=True)))
    assert failure(provider).retry_after_s == 7
    assert 6 < (failure(provider).retry_after_s or 0) < 10


@pytest.mark.parametrize("nonsense", ["soon", "nan", "inf", "-1", "1e400", ""])
def test_a_senseless_retry_after_is_ignored(server: OpenAIServer, provider: OpenAICompatibleProvider, nonsense: str) -> None:
    server.script(Status(500, retry_after=nonsense))
    assert failure(provider).retry_after_s is None


def test_a_slow_reply_ends_in_time(server: OpenAIServer) -> None:
    provider = OpenAICompatibleProvider(base_url=server.base_url)
    server.script(Say("late", after_s=30))
    begin = time.monotonic()
    error = failure(provider, request(timeout_s=0.3))
    assert time.monotonic() - begin < 3
    assert (error.kind, error.retryable) == ("provider-error", True)
    assert "within 0.3 s" in error.message
    assert ":timeout-s" in (error.hint or "")
    provider.close()


def test_a_reply_that_drips_ends_in_time(server: OpenAIServer) -> None:
    provider = OpenAICompatibleProvider(base_url=server.base_url)
    server.script(Raw(Say("x" * 1000).body(), pause_s=0.1, pieces=200))
    begin = time.monotonic()
    error = failure(provider, request(timeout_s=0.5))
    assert time.monotonic() - begin < 3
    assert "within 0.5 s" in error.message
    provider.close()


def test_a_reply_that_is_too_large_is_cut_short(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    server.script(Raw(b" " * (9 << 20)))
    error = failure(provider)
    assert "larger than 8 MiB" in error.message
    assert not error.retryable


def test_an_unreachable_server_is_named_with_a_next_step(waits: Waits) -> None:
    url = f"http://127.0.0.1:{closed_port()}/v1"
    provider = OpenAICompatibleProvider(base_url=url, clock=waits.clock)
    error = failure(provider)
    assert (error.kind, error.retryable) == ("model-unavailable", True)
    assert url in error.message
    assert "RTFS_REMOTE_BASE_URL" in (error.hint or "")
    assert isinstance(error.__cause__, httpx2.ConnectError)
    provider.close()


# --- failures that stay ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "hint"),
    [
        (Status(401, "bad key"), "model-unavailable", "RTFS_REMOTE_API_KEY"),
        (Status(403), "model-unavailable", "RTFS_REMOTE_API_KEY"),
        (Status(404, "no such model", code="model_not_found"), "model-unavailable", "/v1"),
        (Status(400, "The model `m` does not exist", code="model_not_found"), "model-unavailable", "/v1"),
        (Status(302, headers=(("Location", "http://elsewhere.invalid/"),)), "model-unavailable", "RTFS_REMOTE_BASE_URL"),
        (Status(400, "too long", code="context_length_exceeded"), "prompt-too-long", "less text"),
        (Status(400, "This model's maximum context length is 10 tokens, lower max_tokens"), "prompt-too-long", "less text"),
        (Status(413, raw=b"<html>"), "prompt-too-long", "less text"),
        (Status(429, "You exceeded your current quota", code="insufficient_quota"), "provider-error", "billing"),
        (Status(418, raw=b"teapot"), "provider-error", None),
    ],
    ids=lambda v: f"{v.status}-{v.code}" if isinstance(v, Status) else None,
)
def test_what_will_not_pass_is_not_tried_again(
    server: OpenAIServer, provider: OpenAICompatibleProvider, answer: Status, kind: str, hint: str | None
) -> None:
    server.script(answer)
    error = failure(provider)
    assert (error.kind, error.retryable) == (kind, False)
    assert (hint or "") in (error.hint or "")
    assert str(answer.status) in error.message
    assert len(server.requests) == 1


# --- secrets ---------------------------------------------------------------------------------


def test_the_key_is_in_no_message_and_no_repr(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    for status in (400, 401, 404, 429, 500):
        server.script(*[Status(status, f"Incorrect API key provided: {KEY}", code=KEY)] * 3)
        error = failure(provider)
        assert KEY not in json.dumps(error.to_dict())
        assert KEY not in repr(error.__cause__)
    server.script(Raw(json.dumps({"error": f"bad {KEY}"}).encode()), Raw(b""), Raw(b""))
    assert KEY not in failure(provider).message
    server.script(Say(None, message={"refusal": f"no {KEY}"}))
    assert KEY not in failure(provider).message
    assert KEY not in repr(provider)
    assert KEY not in repr(provider.availability("m"))


def test_user_and_password_in_an_address_are_not_shown() -> None:
    provider = OpenAICompatibleProvider(base_url=f"http://me:hunter2@127.0.0.1:{closed_port()}/v1?token=abc")
    error = failure(provider)
    for text in (error.message, error.hint or "", repr(provider), repr(provider.availability("m"))):
        assert "hunter2" not in text
        assert "abc" not in text
    provider.close()


@pytest.mark.parametrize("key", ["sk-one\nsk-two", "sk blank", "schlüssel", "sk\x00"])
def test_a_key_that_no_header_holds_is_refused_unseen(server: OpenAIServer, key: str) -> None:
    provider = OpenAICompatibleProvider(base_url=server.base_url, api_key=key)
    error = failure(provider)
    assert error.kind == "model-unavailable"
    assert key not in error.message + (error.hint or "")
    assert error.__cause__ is None
    assert not provider.availability("m").usable


def test_the_key_does_not_follow_a_redirect(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    with OpenAIServer() as elsewhere:
        server.script(Status(307, headers=(("Location", elsewhere.base_url + "/chat/completions"),)))
        assert "redirects" in failure(provider).message
        assert elsewhere.requests == []


# --- settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "address", "key_name"),
    [
        ({"RTFS_REMOTE_BASE_URL": "http://a/v1/", "OPENAI_BASE_URL": "http://b/v1"}, "http://a/v1", None),
        ({"OPENAI_BASE_URL": "http://b/v1"}, "http://b/v1", None),
        ({"RTFS_REMOTE_BASE_URL": "", "OPENAI_API_KEY": "k"}, "https://api.openai.com/v1", "OPENAI_API_KEY"),
        ({"RTFS_REMOTE_API_KEY": " ", "OPENAI_API_KEY": "k\n"}, "https://api.openai.com/v1", "OPENAI_API_KEY"),
        ({"RTFS_REMOTE_BASE_URL": "http://a/v1", "RTFS_REMOTE_API_KEY": "r"}, "http://a/v1", "RTFS_REMOTE_API_KEY"),
        ({"RTFS_REMOTE_API_KEY": "r", "OPENAI_API_KEY": "k"}, "https://api.openai.com/v1", "RTFS_REMOTE_API_KEY"),
    ],
)
def test_settings_come_from_the_environment(environ: dict[str, str], address: str, key_name: str | None) -> None:
    provider = OpenAICompatibleProvider.from_env(environ)
    found = provider.availability("m")
    assert found.usable
    assert found.detail == address + ("" if key_name else " (no key)")
    assert provider._key_name == (key_name or "RTFS_REMOTE_API_KEY")


def test_a_key_without_an_address_is_sent_nowhere() -> None:
    provider = OpenAICompatibleProvider.from_env({"RTFS_REMOTE_API_KEY": "r-12345678"})
    assert "RTFS_REMOTE_BASE_URL" in (failure(provider).hint or "")


@pytest.mark.parametrize(("base_url", "hint"), [(None, "OPENAI_API_KEY"), ("localhost:8080", "http://localhost:8080/v1"), ("file:///x", "http://"), ("http://", "http://")])
def test_what_is_not_configured_says_which_variable(base_url: str | None, hint: str) -> None:
    provider = OpenAICompatibleProvider(base_url=base_url)
    error = failure(provider)
    assert error.kind == "model-unavailable"
    assert "RTFS_REMOTE_BASE_URL" in (error.hint or "")
    assert hint in (error.hint or "")
    assert provider.availability("m").hint == error.hint


@pytest.mark.parametrize("base_url", ["http://[::1", "http://ho st/", "http://a:99999999/v1", "http://\udcff/"])
def test_an_address_that_cannot_be_used_is_a_delegation_error(base_url: str) -> None:
    provider = OpenAICompatibleProvider(base_url=base_url)
    assert failure(provider).kind == "model-unavailable"
    provider.close()


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch, server: OpenAIServer) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "httpx2", None)
    error = failure(OpenAICompatibleProvider(base_url=server.base_url))
    assert error.kind == "model-unavailable"
    assert error.hint == 'install it with: pip install "rtfs-lang[remote]"'


def test_broken_proxy_settings_are_a_delegation_error(monkeypatch: pytest.MonkeyPatch, server: OpenAIServer) -> None:
    monkeypatch.setenv("HTTP_PROXY", "gopher://user:hunter2@proxy")
    error = failure(OpenAICompatibleProvider(base_url=server.base_url))
    assert "HTTP_PROXY" in (error.hint or "")
    assert "hunter2" not in error.message + (error.hint or "")


def test_a_closed_provider_answers_no_more(provider: OpenAICompatibleProvider) -> None:
    provider.complete(request())
    provider.close()
    provider.close()
    assert "closed" in failure(provider).message


# --- the edge --------------------------------------------------------------------------------


def test_every_error_of_the_library_is_translated(provider: OpenAICompatibleProvider) -> None:
    programming = {httpx2.StreamError, httpx2.StreamConsumed, httpx2.StreamClosed, httpx2.ResponseNotRead, httpx2.RequestNotRead}
    foreign = [c for c in vars(httpx2).values() if isinstance(c, type) and issubclass(c, Exception) and not issubclass(c, Warning)]
    assert len(foreign) > 20
    for kind in set(foreign) - programming:
        if kind.__name__.startswith(("SSE", "WebSocket")):
            continue
        fault = kind.__new__(kind)
        Exception.__init__(fault, "boom")
        with pytest.raises(DelegationError) as caught, provider.translated(1.0):
            raise fault
        assert caught.value.__cause__ is fault


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "choices": JSON | st.lists(st.fixed_dictionaries({"message": JSON | st.fixed_dictionaries({"content": JSON, "refusal": JSON}), "finish_reason": JSON}), max_size=2),
            "usage": JSON,
            "model": JSON,
            "error": JSON | st.fixed_dictionaries({"message": JSON, "code": JSON}),
            "detail": JSON,
        },
    )
    | JSON,
    st.sampled_from([200, 204, 302, 400, 401, 404, 413, 422, 429, 500]),
)
def test_whatever_a_server_says_is_a_reply_or_a_delegation_error(data: Any, status: int) -> None:
    provider = OpenAICompatibleProvider(base_url="http://localhost/v1", api_key=KEY)
    answer = Answer(status=status, retry_after=None, body=json.dumps(data).encode())
    assert isinstance(provider.refusal(answer, request()), DelegationError)
    for result in (STRING, LABELS):
        try:
            reply = provider.reply(provider.content(answer.body), request(result), ReplyShape.of(result, lambda name: None))
        except DelegationError:
            continue
        assert isinstance(reply.text, str)
        assert isinstance(reply.model, str)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_bytes_that_are_no_json_are_a_delegation_error(body: bytes) -> None:
    provider = OpenAICompatibleProvider(base_url="http://localhost/v1")
    with contextlib.suppress(DelegationError):
        provider.content(body)
    assert "\n" not in provider.refusal(Answer(status=500, retry_after=None, body=body), request()).message


def test_a_programming_error_passes_the_edge(provider: OpenAICompatibleProvider) -> None:
    with pytest.raises(ZeroDivisionError), provider.translated(1.0):
        1 / 0  # noqa: B018


def test_many_threads_share_one_provider(server: OpenAIServer) -> None:
    server.answer = lambda seen: seen["messages"][-1]["content"].split("<<< t ")[1].split("\n")[1]
    provider = OpenAICompatibleProvider(base_url=server.base_url)
    found: dict[int, str] = {}

    def ask(i: int) -> None:
        for j in range(5):
            number = i * 100 + j
            found[number] = provider.complete(request(parameters=(Parameter(name="t", type=STRING, value=str(number)),))).text

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {i * 100 + j: str(i * 100 + j) for i in range(8) for j in range(5)}
    assert server.connections <= 8
    provider.close()


def test_a_server_that_fails_where_it_means_no_is_asked_in_its_own_form(server: OpenAIServer, provider: OpenAICompatibleProvider) -> None:
    """What `llama_cpp.server` 0.3 says of a JSON Schema."""
    said = "1 validation error:\n  {'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\"}"
    server.script(Status(500, said), Say("3"), Say("4"))
    assert [provider.complete(request(INT)).text for _ in range(2)] == ["3", "4"]
    sent = server.requests[-1].json["response_format"]
    assert (sent["type"], sent["schema"]["properties"]["value"]) == ("json_object", {"type": "integer"})
    assert len(server.requests) == 3
