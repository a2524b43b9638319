"""From target to target: retries, breakers, hedging, escalation, over a server that misbehaves."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from rtfs.delegation.breaker import Breakers
from rtfs.delegation.delegate import ModelDelegate
from rtfs.delegation.engine import Decision
from rtfs.delegation.record import CallRecord, Records
from rtfs.delegation.settings import CallSettings
from rtfs.delegation.targets import LOCAL, LocalModel, RemoteModel
from rtfs.errors import LimitExceeded
from rtfs.models.openai_compatible import OpenAICompatibleProvider
from rtfs.models.protocol import ModelReply
from rtfs.models.registry import ModelRegistry
from rtfs.types.nodes import STRING
from tests.support.cached_calls import Scripted
from tests.support.openai_server import Drop, OpenAIServer, Raw, Say, Status
from tests.unit.delegation.test_delegation_delegate import call


class Clock:
    """A sleep that takes no time, and a clock that it moves."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)

    def now(self) -> float:
        return time.perf_counter() + sum(self.waited)


class Bench:
    """A delegate with models of a script each, `a`, `b` …, and their records."""

    def __init__(self, **models: Any) -> None:
        self.clock = Clock()
        self.registry = ModelRegistry()
        self.models = models
        for name, model in models.items():
            self.registry.register(name, model)
        self.records = Records()
        self.delegate = ModelDelegate(
            self.registry, report=lambda text: None, records=self.records, timer=self.clock.now, sleep=self.clock.sleep
        )
        self.delegate._asking._jitter = lambda: 0.0

    def ask(self, plan: Decision | None = None, **changes: Any) -> Any:
        return self.delegate.delegate(call(result=STRING, plan=plan, **changes))

    @property
    def record(self) -> CallRecord:
        return self.records.calls[-1]

    @property
    def outcomes(self) -> list[str]:
        return [f"{attempt.target.partition(':')[2]} {attempt.outcome}" for attempt in self.record.attempts]


def remote(server: OpenAIServer) -> OpenAICompatibleProvider:
    return OpenAICompatibleProvider(base_url=server.base_url)


# --- retries ---------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [Status(429), Status(500), Drop(), Drop(after_bytes=20), Raw(b"{oops"), Raw(b"{}")], ids=repr)
def test_a_failure_that_may_pass_is_tried_again(server: OpenAIServer, trouble: Any) -> None:
    server.script(trouble, trouble, Say("ok"))
    bench = Bench(m=remote(server))
    assert bench.ask() == "ok"
    assert bench.clock.waited == [0.5, 1.0]
    kind = "rate-limited" if trouble == Status(429) else "provider-error"
    assert bench.outcomes == [f"m {kind}", f"m {kind}", "m answered"]


def test_after_the_last_retry_the_body_answers(server: OpenAIServer) -> None:
    server.script(*[Status(500)] * 9)
    bench = Bench(m=remote(server))
    assert bench.ask() == "from-body"
    assert bench.outcomes == ["m provider-error"] * 3
    assert bench.ask() == "from-body"  # it failed last time: the next call does not wait through all retries
    assert bench.outcomes == ["m provider-error"]


def test_the_server_says_how_long_to_wait(server: OpenAIServer) -> None:
    server.script(Status(429, retry_after="7"), Say("ok"))
    bench = Bench(m=remote(server))
    assert bench.ask() == "ok"
    assert bench.clock.waited == [7]


@pytest.mark.parametrize("asked", ["3600", "20"])
def test_a_wait_that_is_too_long_is_not_waited(server: OpenAIServer, asked: str) -> None:
    server.script(Status(429, retry_after=asked))
    bench = Bench(m=remote(server))
    assert bench.ask(options={"timeout-s": 15}) == "from-body"
    assert bench.clock.waited == []


def test_settings_say_how_often_and_how_long() -> None:
    bench = Bench(a=Scripted(down(), down(), "ok"))
    settings = CallSettings(retries=1, backoff_s=4)
    assert bench.ask(Decision(RemoteModel("a"), settings=settings)) == "from-body"
    assert bench.clock.waited == [4]


# --- the chain -------------------------------------------------------------------------------


def down(retryable: bool = True) -> Exception:
    from rtfs.errors import DelegationError

    return DelegationError("it is down", retryable=retryable)


def test_the_next_target_is_asked_when_one_fails() -> None:
    bench = Bench(a=Scripted(down(False)), b=Scripted("from b"))
    assert bench.ask(Decision(RemoteModel("a"), fallbacks=(LocalModel("b"),))) == "from b"
    assert bench.outcomes == ["a provider-error", "b answered"]
    assert (bench.record.target, bench.record.model, bench.record.source) == ("local-model", "b", "model")


def test_the_body_ends_the_chain_where_it_stands() -> None:
    bench = Bench(a=Scripted(down(False)), b=Scripted("from b"))
    assert bench.ask(Decision(RemoteModel("a"), fallbacks=(LOCAL, LocalModel("b")))) == "from-body"
    assert bench.models["b"].requests == []


def test_a_limit_is_no_reason_to_ask_the_next() -> None:
    bench = Bench(a=Scripted(LimitExceeded("over", kind="budget-exhausted")), b=Scripted("from b"))
    with pytest.raises(LimitExceeded):
        bench.ask(Decision(RemoteModel("a"), fallbacks=(LocalModel("b"),)))
    assert bench.models["b"].requests == []


def test_an_unsure_answer_goes_to_the_next_and_the_surest_counts() -> None:
    bench = Bench(a=Scripted(ModelReply(text="maybe", score=0.4)), b=Scripted(ModelReply(text="surely", score=0.9)))
    plan = Decision(LocalModel("a"), fallbacks=(RemoteModel("b"),), settings=CallSettings(accept_above=0.8))
    assert bench.ask(plan) == "surely"
    assert bench.outcomes == ["a answered", "a unsure", "b answered"]
    bench.models["b"].script = [ModelReply(text="hardly", score=0.1)]
    assert bench.ask(plan) == "maybe"
    bench.models["a"].script = [ModelReply(text="yes", score=0.95)]
    assert bench.ask(plan) == "yes"
    assert bench.outcomes == ["a answered"]


def test_an_unsure_answer_is_better_than_none() -> None:
    bench = Bench(a=Scripted(ModelReply(text="maybe", score=0.4)), b=Scripted(down(False)))
    plan = Decision(LocalModel("a"), fallbacks=(RemoteModel("b"),), settings=CallSettings(accept_above=0.8))
    assert bench.ask(plan) == "maybe"
    assert bench.record.source == "model"


# --- breakers --------------------------------------------------------------------------------


def test_what_fails_again_and_again_is_left_alone_for_a_while() -> None:
    bench = Bench(a=Scripted(down()), b=Scripted("from b"))
    plan = Decision(RemoteModel("a"), fallbacks=(LocalModel("b"),), settings=CallSettings(retries=0))
    for _ in range(5):
        assert bench.ask(plan) == "from b"
        assert bench.outcomes[0] == "a provider-error"
    assert bench.ask(plan) == "from b"
    assert bench.outcomes == ["a skipped", "b answered"]
    assert len(bench.models["a"].requests) == 5
    assert bench.delegate.breakers.states() == {"remote_model:a": "open"}


def test_after_a_pause_one_call_tries() -> None:
    now = [0.0]
    breakers = Breakers(threshold=2, pause_s=10, clock=lambda: now[0])
    breakers.failed("a")
    assert breakers.allows("a")
    breakers.failed("a")
    assert not breakers.allows("a")
    now[0] = 10
    assert breakers.states() == {"a": "half open"}
    assert [breakers.allows("a"), breakers.allows("a")] == [True, False]
    breakers.failed("a")
    assert not breakers.allows("a")
    now[0] = 20
    assert breakers.allows("a")
    breakers.succeeded("a")
    assert breakers.allows("a")
    assert breakers.states() == {}


def test_a_call_that_says_nothing_leaves_the_breaker_to_the_next() -> None:
    now = [0.0]
    breakers = Breakers(threshold=1, pause_s=10, clock=lambda: now[0])
    breakers.failed("a")
    now[0] = 10
    assert breakers.allows("a")
    breakers.ignored("a")
    assert breakers.allows("a")


# --- hedging ---------------------------------------------------------------------------------


class Slow(Scripted):
    """Answers when it is let go."""

    def __init__(self, *script: Any) -> None:
        super().__init__(*script)
        self.go = threading.Event()

    def complete(self, request: Any) -> ModelReply:
        self.go.wait(10)
        return super().complete(request)


def test_the_next_is_asked_as_well_when_one_is_slow() -> None:
    slow = Slow("late")
    bench = Bench(a=slow, b=Scripted("quick"))
    plan = Decision(RemoteModel("a"), fallbacks=(RemoteModel("b"),), settings=CallSettings(hedge_after_s=0.02))
    assert bench.ask(plan) == "quick"
    assert bench.record.model == "b"
    assert [(a.target, a.outcome) for a in bench.record.attempts] == [("remote_model:b", "answered"), ("remote_model:a", "left")]
    assert bench.record.attempts[1].latency_s > 0
    assert bench.record.cost_usd is None  # what the slow one will cost is not known
    slow.go.set()


def test_one_that_is_quick_is_asked_alone() -> None:
    bench = Bench(a=Scripted("quick"), b=Scripted("never"))
    plan = Decision(RemoteModel("a"), fallbacks=(RemoteModel("b"),), settings=CallSettings(hedge_after_s=5))
    assert bench.ask(plan) == "quick"
    assert bench.models["b"].requests == []


def test_when_one_fails_the_other_need_not_wait() -> None:
    bench = Bench(a=Scripted(down(False)), b=Scripted("from b"))
    plan = Decision(RemoteModel("a"), fallbacks=(RemoteModel("b"),), settings=CallSettings(hedge_after_s=60))
    begin = time.monotonic()
    assert bench.ask(plan) == "from b"
    assert time.monotonic() - begin < 10


def test_a_limit_in_a_hedged_call_passes() -> None:
    bench = Bench(a=Scripted(LimitExceeded("over", kind="budget-exhausted")), b=Scripted("from b"))
    with pytest.raises(LimitExceeded):
        bench.ask(Decision(RemoteModel("a"), fallbacks=(RemoteModel("b"),), settings=CallSettings(hedge_after_s=60)))


def test_the_decision_is_in_the_record() -> None:
    bench = Bench(a=Scripted("x"))
    bench.ask(Decision(RemoteModel("a"), "because it is Friday", 0.7, engine="calendar"))
    shown = bench.record.to_dict()["decision"]
    assert (shown["target"], shown["reasoning"], shown["confidence"], shown["engine"]) == (
        "remote_model:a", "because it is Friday", 0.7, "calendar",
    )  # fmt: skip


def test_a_hint_is_a_decision_too() -> None:
    bench = Bench(m=Scripted("x"))
    bench.ask()
    assert bench.record.decision.engine == "hint"


