"""Watching calls while they are answered: partial values, and what becomes of streams that end early."""

from __future__ import annotations

import gc
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import rtfs
from rtfs.errors import ConfigError, DelegationError
from rtfs.models.protocol import Availability, Chunk, ModelReply, ModelRequest, Usage
from rtfs.models.registry import ModelRegistry
from tests.support.openai_server import Events, OpenAIServer, Say, event

PROGRAM = """
(defn report ^:delegation :remote "m" ^{:max-tokens 100} "Sum it up." [text :string] :-> [:map [:title string] [:tags [:vector string]]]
  {:title "body" :tags []})
(defn say ^:delegation :remote "m" ^{:strict true} "Say it." [text :string] :-> :string "")
"""
REPORT = json.dumps({"title": "A long day", "tags": ["one", "two"]})


class Slow:
    """Gives a text in pieces; waits before each while it is held."""

    name = "slow"
    free = True

    def __init__(self, *pieces: Any) -> None:
        self.pieces = pieces
        self.go = threading.Semaphore(0)
        self.closed = threading.Event()
        self.completed = 0

    def stream(self, request: ModelRequest) -> Iterator[Chunk | ModelReply]:
        try:
            for piece in self.pieces:
                self.go.acquire()
                if isinstance(piece, Exception):
                    raise piece
                yield Chunk(text=piece)
            yield ModelReply(text="".join(self.pieces), usage=Usage(prompt_tokens=10, completion_tokens=4), model="slow-1")
        finally:
            self.closed.set()

    def complete(self, request: ModelRequest) -> ModelReply:
        self.completed += 1
        return ModelReply(text="".join(self.pieces), usage=Usage(prompt_tokens=10, completion_tokens=4), model="slow-1")

    def availability(self, model: str) -> Availability:
        return Availability(usable=True, detail="a test")

    def close(self) -> None:
        pass


def runtime_of(provider: Any, strategy: str = "ir", **options: Any) -> Any:
    models = ModelRegistry()
    models.register("m", provider, kind="remote")
    found = rtfs.Runtime(strategy=strategy, models=models, on_warning=lambda message, span: None, **options)
    found.run(PROGRAM)
    return found


@pytest.mark.parametrize("strategy", ["ir", "tree"])
def test_partial_values_come_as_they_are_known(strategy: str) -> None:
    model = Slow('{"title": "A', ' long day", "tags": ["on', 'e", "two"]}')
    with runtime_of(model, strategy) as runtime:
        found = []
        with runtime.stream("report", "x") as values:
            for _ in model.pieces:
                model.go.release()
                found.append(next(values))
            found += values
        assert found[-1] == {"title": "A long day", "tags": ["one", "two"]}
        assert found[:2] == [{"title": "A"}, {"title": "A long day", "tags": ["on"]}]
        record = runtime.records.calls[-1]
        assert (record.source, record.prompt_tokens, record.completion_tokens) == ("model", 10, 4)


def test_who_reads_late_sees_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Slow(*"abcdef")
    model.go.release(6)
    with runtime_of(model) as runtime:
        values = runtime.stream("say", "x")
        assert model.closed.wait(5)
        assert [*values][-1] == "abcdef"
        assert values.restarts == 0


def test_the_whole_value_can_be_had_alone() -> None:
    model = Slow(*"abc")
    model.go.release(3)
    with runtime_of(model) as runtime:
        values = runtime.stream("say", "x")
        assert values.value() == "abc"
        with pytest.raises(RuntimeError):
            values.value()


def test_without_a_watcher_nothing_is_streamed() -> None:
    model = Slow(*"abc")
    with runtime_of(model) as runtime:
        assert runtime.run('(say "x")') == "abc"
        assert model.completed == 1


def test_a_provider_that_cannot_stream_gives_the_whole_value() -> None:
    from rtfs.models.echo import EchoProvider

    with runtime_of(EchoProvider()) as runtime:
        assert set(runtime.stream("say", "x")) == {"text: x"}


def test_functions_that_no_model_answers_have_one_value() -> None:
    with runtime_of(Slow()) as runtime:
        runtime.run("(defn double [x] (* 2 x)) (defn wrapped [x] (say x))")
        assert list(runtime.stream("double", 4)) == [8]
        with pytest.raises(ConfigError):
            runtime.stream("nobody")


def test_only_the_function_that_is_streamed_is_watched() -> None:
    model = Slow(*"abc")
    with runtime_of(model) as runtime:
        runtime.run('(defn outer [x] (say x))')
        assert list(runtime.stream("outer", "x")) == ["abc"]
        assert model.completed == 1


def test_errors_come_where_the_value_would() -> None:
    model = Slow("a", DelegationError("gone"))
    model.go.release(9)
    with runtime_of(model) as runtime:
        with pytest.raises(DelegationError, match="gone"):
            list(runtime.stream("say", "x"))
        with pytest.raises(DelegationError, match="gone"):
            runtime.stream("say", "x").value()


def test_closing_gives_the_call_up_and_pays_for_what_came() -> None:
    model = Slow(*["word "] * 50)
    with runtime_of(model, budget={"tokens": 100_000}) as runtime:
        with runtime.stream("say", "x") as values:
            model.go.release(3)
            assert next(values).startswith("word")
            threading.Timer(0.05, lambda: model.go.release(1)).start()
        assert model.closed.is_set()
        assert list(values) == []
        record = runtime.records.calls[-1]
        assert record.error_kind == "interrupted"
        (attempt,) = record.attempts
        assert attempt.outcome == "interrupted"
        assert 1 <= attempt.completion_tokens <= 20
        assert runtime.budget.spent.tokens == attempt.prompt_tokens + attempt.completion_tokens
        assert runtime.run('(say "y")').startswith("word")


def test_nobody_left_to_look_is_as_good_as_closing() -> None:
    model = Slow(*["word "] * 50)
    with runtime_of(model) as runtime:
        values = runtime.stream("say", "x")
        model.go.release(1)
        next(values)
        del values
        gc.collect()
        model.go.release(1)
        assert model.closed.wait(5)


# --- over a socket ---------------------------------------------------------------------------


@pytest.fixture
def remote(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    pytest.importorskip("httpx2")
    from rtfs.models.openai_compatible import OpenAICompatibleProvider

    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with runtime_of(OpenAICompatibleProvider(base_url=server.base_url, stall_s=0.3), budget={"tokens": 100_000}) as found:
        yield found


def test_a_stream_that_breaks_off_is_begun_anew(server: OpenAIServer, remote: Any) -> None:
    server.script(Events((event({"content": '{"title": "Some'}), 0.2), ends="reset"), Say(REPORT))
    with remote.stream("report", "x") as values:
        assert next(values) == {"title": "Some"}
        assert [*values][-1] == {"title": "A long day", "tags": ["one", "two"]}
    assert values.restarts == 1
    broken, whole = remote.records.calls[-1].attempts
    assert (broken.outcome, whole.outcome) == ("provider-error", "answered")
    assert 1 <= broken.completion_tokens < 20
    assert remote.budget.spent.tokens == broken.prompt_tokens + broken.completion_tokens + 15


def test_a_server_without_usage_is_paid_for_what_it_sent(server: OpenAIServer, remote: Any) -> None:
    server.script(Say(REPORT, usage=None))
    remote.stream("report", "x").value()
    (attempt,) = remote.records.calls[-1].attempts
    assert attempt.outcome == "answered"
    assert 0 < remote.budget.spent.tokens < 1_000


@pytest.mark.parametrize("ends", ["never", "early", "reset"])
def test_when_every_try_breaks_off_the_body_answers(server: OpenAIServer, remote: Any, ends: str) -> None:
    server.script(*[Events((event({"content": '{"title": "Some'}), 0.05), ends=ends)] * 3)
    found = list(remote.stream("report", "x"))
    assert found[-1] == {"title": "body", "tags": []}
    assert [attempt.outcome for attempt in remote.records.calls[-1].attempts] == ["provider-error"] * 3
    assert remote.budget.reserved.tokens == 0


def test_giving_up_closes_the_connection_at_once(server: OpenAIServer, remote: Any) -> None:
    server.script(Events((event({"content": '{"title": "Some'}), *[x for _ in range(90) for x in (b": wait\n\n", 0.1)])))
    begin = time.monotonic()
    with remote.stream("report", "x") as values:
        assert next(values) == {"title": "Some"}
    assert time.monotonic() - begin < 2
    assert server.closed.wait(3)


def test_a_reply_that_does_not_fit_is_asked_for_again(server: OpenAIServer, remote: Any) -> None:
    server.script(Say('{"name": "Some"}'), Say(REPORT))
    values = remote.stream("report", "x")
    assert values.value() == {"title": "A long day", "tags": ["one", "two"]}
    assert [attempt.outcome for attempt in remote.records.calls[-1].attempts] == ["mismatch", "answered"]


def test_tools_are_called_in_a_stream_too(server: OpenAIServer, remote: Any) -> None:
    remote.run('(defn now [] "noon") (defn ask ^:delegation :remote "m" ^{:tools [now]} "Ask." [text :string] :-> :string "body")')
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    server.script(Say(None, "tool_calls", message={"role": "assistant", "content": None, "tool_calls": [call]}), Say("It is noon."))
    assert [*remote.stream("ask", "x")][-1] == "It is noon."
    assert server.requests[1].json["messages"][-1] == {"role": "tool", "tool_call_id": "c1", "content": "noon"}


@pytest.mark.parametrize("how", ["(show)", "(pmap (fn [x] (show)) [1 2])"])
def test_a_host_that_is_called_by_a_program_cannot_stream_from_it(how: str) -> None:
    model = Slow(*"abc")
    with runtime_of(model) as runtime:
        runtime.define("show", lambda: list(runtime.stream("say", "x")))
        with pytest.raises(rtfs.RtfsError, match="called by a function"):
            runtime.run(how)
