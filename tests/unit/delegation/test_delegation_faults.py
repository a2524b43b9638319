"""A server that misbehaves, in one piece and in a stream: each fault ends in the body, or in the right error, and is paid for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rtfs
from rtfs.errors import DelegationError
from rtfs.models.registry import ModelRegistry
from tests.support.openai_server import Drop, Events, OpenAIServer, Raw, Say, SlowHeaders, Status, closed_port, event

pytest.importorskip("httpx2")

PROGRAM = """
(defn soft ^:delegation :remote "m" ^{:timeout-s 1.0 :max-tokens 50} "D." [x :string] :-> [:map [:a int] [:b string]] {:a 0 :b "body"})
(defn hard ^:delegation :remote "m" ^{:timeout-s 1.0 :max-tokens 50 :strict true} "D." [x :string] :-> [:map [:a int] [:b string]] nil)
"""
HALF = event({"content": '{"a": 1, "b": "so'})
FAULTS: list[tuple[Any, str]] = [
    (Status(429), "rate-limited"),
    (Status(429, retry_after="0"), "rate-limited"),
    (Status(429, retry_after="3600"), "rate-limited"),
    (Status(500), "provider-error"),
    (Status(503, raw=b"<html>gone</html>"), "provider-error"),
    (Status(401, "who are you"), "model-unavailable"),
    (Status(404, "no such model"), "model-unavailable"),
    (Status(400, "This model's maximum context length is 10 tokens"), "prompt-too-long"),
    (Raw(b"<html>hello</html>"), "provider-error"),
    (Raw(b'{"choices": []}'), "provider-error"),
    (Raw(b"{oops"), "provider-error"),
    (Raw(b" " * (9 << 20)), "provider-error"),
    (Drop(), "provider-error"),
    (Drop(after_bytes=30), "provider-error"),
    (SlowHeaders(), "provider-error"),
    (Say("late", after_s=3.0), "provider-error"),
    (Say('{"a": "many", "b": 3}'), "reply-mismatch"),
    (Say(""), "empty-reply"),
    (Say("", finish_reason="length"), "reply-cut-off"),
    (Say(None, message={"content": None, "refusal": "no"}), "model-refused"),
]
#: Only in a stream.
HALVES: list[tuple[Any, str]] = [
    (Events((HALF, 0.02), ends="early"), "provider-error"),
    (Events((HALF, 0.02), ends="reset"), "provider-error"),
    (Events((HALF,), ends="never"), "provider-error"),
    (Events((HALF, "{oops")), "provider-error"),
    (Events((HALF, {"error": {"message": "slower", "type": "rate_limit_error"}})), "rate-limited"),
    (Events((HALF, *[x for _ in range(90) for x in (b": still here\n\n", 0.05)])), "provider-error"),
]
Ask = Callable[[Any, str], Any]


@pytest.fixture
def runtime(server: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with runtime_at(server.base_url, tmp_path) as found:
        yield found


def runtime_at(url: str, tmp_path: Path) -> Any:
    from rtfs.models.openai_compatible import OpenAICompatibleProvider

    policy = tmp_path / "delegation.toml"
    policy.write_text("[settings]\nretries = 1\nbackoff_s = 0.01\n")
    models = ModelRegistry()
    models.register("m", OpenAICompatibleProvider(base_url=url, stall_s=0.2), kind="remote")
    made = rtfs.Runtime(models=models, policy=policy, budget={"tokens": 1_000_000, "calls": 1_000}, on_warning=lambda message, span: None)
    made.run(PROGRAM)
    return made


def in_one(runtime: Any, name: str) -> Any:
    return runtime.function(name)("x")


def in_pieces(runtime: Any, name: str) -> Any:
    return runtime.stream(name, "x").value()


def cases() -> list[Any]:
    both = [(fault, kind, ask) for fault, kind in FAULTS for ask in (in_one, in_pieces)]
    streamed = [(fault, kind, in_pieces) for fault, kind in HALVES]
    return [pytest.param(*case, id=f"{case[2].__name__}-{case[1]}-{number}") for number, case in enumerate([*both, *streamed])]


@pytest.mark.parametrize(("fault", "kind", "ask"), cases())
def test_a_fault_ends_in_the_body_or_in_its_error(server: OpenAIServer, runtime: Any, fault: Any, kind: str, ask: Ask) -> None:
    server.script(fault, fault)
    begin = time.monotonic()
    assert ask(runtime, "soft") == {"a": 0, "b": "body"}
    assert time.monotonic() - begin < 8
    record = runtime.records.calls[-1]
    assert (record.source, record.error_kind) == ("body", kind)
    assert runtime.budget.reserved.calls == runtime.budget.reserved.tokens == 0
    assert runtime.budget.spent.calls == len(server.requests)
    known = [a.prompt_tokens is not None for a in record.attempts]
    if isinstance(fault, Events):  # what was received is known
        assert all(known)
        assert all(a.completion_tokens <= 50 for a in record.attempts)
    server._script[:] = [Say('{"a": 1, "b": "x"}')]
    assert ask(runtime, "soft") == {"a": 1, "b": "x"}  # and nothing is left behind


@pytest.mark.parametrize("ask", [in_one, in_pieces])
@pytest.mark.parametrize(("fault", "kind"), [(Status(500), "provider-error"), (Drop(), "provider-error"), (Status(429), "rate-limited"), (Say(""), "empty-reply")], ids=repr)
def test_a_strict_call_says_which(server: OpenAIServer, runtime: Any, fault: Any, kind: str, ask: Ask) -> None:
    server.script(fault, fault)
    with pytest.raises(DelegationError) as caught:
        ask(runtime, "hard")
    assert caught.value.kind == kind


@pytest.mark.parametrize("ask", [in_one, in_pieces])
@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/v1", "http://no-such-host.invalid/v1"])
def test_nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, ask: Ask) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with runtime_at(url.format(port=closed_port()), tmp_path) as runtime:
        assert ask(runtime, "soft") == {"a": 0, "b": "body"}
        assert runtime.records.calls[-1].error_kind == "model-unavailable"
        assert runtime.budget.spent.tokens == 0  # no model has seen it


@pytest.mark.parametrize("ask", [in_one, in_pieces])
def test_the_server_is_killed_in_the_middle_of_a_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Ask) -> None:
    import threading

    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = OpenAIServer()
    with server, runtime_at(server.base_url, tmp_path) as runtime:
        server.script(*[Events((HALF, 30.0), ends="reset")] * 2)
        threading.Timer(0.3, server._stop.set).start()
        begin = time.monotonic()
        assert ask(runtime, "soft") == {"a": 0, "b": "body"}
        assert time.monotonic() - begin < 6
        assert runtime.budget.reserved.tokens == 0
