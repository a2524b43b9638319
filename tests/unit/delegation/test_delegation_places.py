"""How many requests are under way at once, by provider and target: who waits, who does not, and what becomes of who gives up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rtfs.config import Limits
from rtfs.errors import ConfigError, DelegationError, LimitExceeded
from rtfs.models.echo import EchoProvider
from rtfs.models.protocol import ModelReply, ModelRequest
from rtfs.models.registry import ModelRegistry
from rtfs.runtime import Runtime
from rtfs.semantics.stopping import Stopped
from tests.support.waiting_models import Waiting

PATIENCE_S = 20.0
pytestmark = pytest.mark.timeout(60)

PROGRAM = """
(defn a ^:delegation :remote "a" ^{:strict true} "Twice n." [n : int] : int -1)
(defn b ^:delegation :remote "b" ^{:strict true} "Twice n." [n : int] : int -1)
"""


def model(name: str, delay_ms: Callable[[int], float] = lambda n: 5.0, **options: Any) -> Waiting:
    found = Waiting(delay_ms, **options)
    found.name = name
    return found


def runtime_of(*models: Waiting, **options: Any) -> Runtime:
    """A runtime with a function of the name of each model, which asks it."""
    registry = ModelRegistry()
    for one in models:
        registry.register(one.name, one)
    runtime = Runtime(models=registry, environ={}, on_warning=lambda *_: None, **options)
    runtime.run(PROGRAM)
    return runtime


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came to this"
        time.sleep(0.002)


def figures(runtime: Runtime) -> dict[str, tuple[int, float, int]]:
    return runtime.delegation.places.now()


def nothing_is_left(runtime: Runtime) -> bool:
    return all(count == waiting == 0 for count, _, waiting in figures(runtime).values())


# --- how many ---------------------------------------------------------------------------------

WAYS = {
    "pmap": "(pmap a (range 0 20))",
    "nested": "(flatten (pmap (fn [i] (pmap (fn [j] (a (+ (* 5 i) j))) (range 0 5))) (range 0 4)))",
    "tickets": "(await-all (map (fn [n] (delegate-async (a n))) (range 0 20)))",
    "parallel": "(parallel " + " ".join(f"(a {n})" for n in range(20)) + ")",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("key", ["a", "remote:a", "remote:*", "*:a"])
def test_a_provider_and_a_target_have_limits_of_their_own(way: str, key: str) -> None:
    asked = model("a")
    with runtime_of(asked, max_in_flight=12, max_in_flight_by={key: 3}) as runtime:
        assert runtime.run(WAYS[way]) == [2 * n for n in range(20)]
        assert figures(runtime)[key] == (0, 3, 0)
    assert asked.most == 3
    assert sorted(asked.asked) == list(range(20))


def test_those_of_asyncio_and_of_several_threads_count_together() -> None:
    asked = model("a")
    with runtime_of(asked, max_in_flight_by={"a": 2}) as runtime:

        async def several() -> list[Any]:
            return await asyncio.gather(*[runtime.run_async(f"(pmap a (range {10 * i} {10 * i + 10}))") for i in range(3)])

        assert asyncio.run(several()) == [[2 * n for n in range(10 * i, 10 * i + 10)] for i in range(3)]
        found: dict[int, Any] = {}

        def work(i: int) -> None:
            found[i] = runtime.run(f"(pmap a (range {10 * i} {10 * i + 10}))")

        threads = [threading.Thread(target=work, args=(i,)) for i in range(3, 6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert found == {i: [2 * n for n in range(10 * i, 10 * i + 10)] for i in range(3, 6)}
    assert asked.most == 2


def test_every_limit_that_fits_holds_and_that_of_all() -> None:
    a, b = model("a"), model("b")
    with runtime_of(a, b, max_in_flight=4, max_in_flight_by={"a": 3, "remote:a": 2, "b": 9}) as runtime:
        together: list[int] = []
        a.during = b.during = lambda n: together.append(a.now + b.now)
        runtime.run("(pmap (fn [n] (if (= 0 (mod n 2)) (a n) (b n))) (range 0 60))")
    assert a.most == 2
    assert 2 < max(together) <= 4


def test_a_provider_says_itself_how_many_it_answers_at_once() -> None:
    asked = model("a")
    asked.at_once = lambda model: {"a": 2}[model]  # type: ignore[attr-defined]
    with runtime_of(asked) as runtime:
        runtime.run("(pmap a (range 0 10))")
        assert figures(runtime) == {"all": (0, 16, 0), "a:a": (0, 2, 0)}
    assert asked.most == 2


def test_the_provider_of_local_models_answers_as_many_as_it_has_contexts(tmp_path: Path) -> None:
    from rtfs.delegation.places import at_once
    from rtfs.models.llama_cpp import LlamaCppProvider

    provider = LlamaCppProvider(lambda model: tmp_path / model, cache_dir=tmp_path, pool_size=3)
    assert at_once(provider, "tiny") == 3
    assert at_once(EchoProvider(), "echo") is None


def test_retries_count_and_the_pause_before_one_does_not() -> None:
    class Failing(Waiting):
        def complete(self, request: ModelRequest) -> ModelReply:
            first = request.parameters[0].value not in self.asked
            reply = super().complete(request)
            if first:
                raise DelegationError("busy", retryable=True, retry_after_s=0.5)
            return reply

    asked = Failing(lambda n: 2)
    asked.name = "a"
    with runtime_of(asked, max_in_flight_by={"a": 1}) as runtime:
        # who begins after a failure does not try again
        asked.during = lambda n: until(lambda: len(asked.asked) > 1 or figures(runtime)["a"][2] == 3)
        assert runtime.run("(pmap a (range 0 4))") == [0, 2, 4, 6]
        assert len(asked.asked) == 8
        assert asked.most == 1
        assert asked.asked[:4] == [0, 1, 2, 3], "others have the place while one pauses"
        assert nothing_is_left(runtime)


def test_prompts_count_like_calls() -> None:
    asked = model("a", lambda n: 10.0)
    with runtime_of(asked, max_in_flight_by={"a": 2}, allow=["ai.llm-execute"]) as runtime:
        text = '(pmap (fn [n] (llm-execute "a" (str n))) (range 0 12))'
        assert len(runtime.run(text)) == 12
        assert nothing_is_left(runtime)
    assert asked.most == 2
    asked.most = 0
    with runtime_of(asked, max_in_flight=20, max_in_flight_by={"a": 1}, allow=["ai.llm-execute"], limits=Limits(timeout_s=0.3)) as runtime:
        asked._delay_ms = lambda n: 60_000.0
        with pytest.raises(LimitExceeded, match=r"more than 0\.3 seconds"):
            runtime.run(text)
        until(lambda: nothing_is_left(runtime))
    assert asked.most == 1


def test_an_interrupt_leaves_nobody_outside() -> None:
    asked = model("a", lambda n: 1)

    def interrupted(n: int) -> None:
        if n == 1:
            raise KeyboardInterrupt

    asked.during = interrupted
    with runtime_of(asked, max_in_flight=2, max_in_flight_by={"a": 1}) as runtime:
        for text in ("(a 1)", "(pmap a [1 2 3])"):
            with pytest.raises((KeyboardInterrupt, Stopped)):
                runtime.run(text)
            until(lambda: nothing_is_left(runtime))
            assert runtime.run("(a 5)") == 10


# --- who waits for whom -----------------------------------------------------------------------

MIXED = {
    "pmap": "(pmap (fn [n] (if (< n 30) (a n) (b n))) (range 0 40))",
    "tickets": "(await-all (map (fn [n] (delegate-async (if (< n 30) (a n) (b n)))) (range 0 40)))",
    "parallel": "(parallel " + " ".join(f"({'a' if n < 30 else 'b'} {n})" for n in range(40)) + ")",
}


@pytest.mark.parametrize("way", MIXED)
def test_calls_of_a_free_provider_pass_those_of_a_full_one(way: str) -> None:
    full, free, passed = model("a"), model("b"), threading.Event()
    full.during = lambda n: passed.wait(PATIENCE_S)
    free.during = lambda n: passed.set() if len(free.asked) == 10 else None
    with runtime_of(full, free, max_in_flight=4, max_in_flight_by={"a": 2}) as runtime:
        assert runtime.run(MIXED[way]) == [2 * n for n in range(40)]
        assert passed.is_set()
        assert free.answered, "the free one answered while the full one had not"
    assert full.most == 2


def test_waiting_calls_have_a_bound_and_the_others_go_on_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtfs.semantics.branches.MOST_ASIDE", 5)
    asked = model("a")
    begun: list[int] = []
    with runtime_of(asked, max_in_flight=4, max_in_flight_by={"a": 1}) as runtime:
        runtime.define("begin", begun.append)
        most: list[int] = []

        def during(n: int) -> None:
            until(lambda: len(begun) >= min(50, n + 4 + 5))
            time.sleep(0.002)  # for one that should not have begun
            most.append(len(begun) - n)

        asked.during = during
        assert runtime.run("(pmap (fn [n] (begin n) (a n)) (range 0 50))") == [2 * n for n in range(50)]
        assert max(most) == 4 + 5
        assert runtime.machine.branches._aside == 0
        assert runtime.machine.branches._active == 0
    assert asked.most == 1


def test_who_came_first_is_asked_first() -> None:
    asked = model("a")
    with runtime_of(asked, max_in_flight=50, max_in_flight_by={"a": 1}) as runtime:
        runtime.run("(pmap a (range 0 30))")
    assert asked.asked == list(range(30))


def test_who_waits_for_an_equal_call_has_no_place() -> None:
    asked = model("a")
    with runtime_of(asked, max_in_flight=2, max_in_flight_by={"a": 1}, caches=True) as runtime:
        text = "(await-all (map (fn [n] (delegate-async (a (mod n 3)))) (range 0 30)))"
        assert runtime.run(text) == [2 * (n % 3) for n in range(30)]
    assert sorted(asked.asked) == [0, 1, 2]


@pytest.mark.parametrize("text", ["(a 1)", "(pmap a [1 2 3])", "(pmap (fn [n] (+ (a n) (a (+ n 10)))) [1 2 3])"])
def test_a_provider_may_ask_itself(text: str) -> None:
    asked = model("a", lambda n: 1)
    with runtime_of(asked, max_in_flight=1, max_in_flight_by={"a": 1}) as runtime:
        inner = runtime.function("a")
        asked.during = lambda n: [inner(n + 100), runtime.run(f"(pmap a [{n + 200} {n + 300}])")] if n < 100 else None
        runtime.run(text)
        assert nothing_is_left(runtime)
    assert {n + 300 for n in asked.asked if n < 100} <= set(asked.asked)


def test_what_answers_at_once_needs_no_place() -> None:
    registry = ModelRegistry()
    registry.register("echo", EchoProvider())
    with Runtime(models=registry, max_in_flight_by={"echo": 1}) as runtime:
        runtime.run('(defn say ^:delegation :remote "echo" "It." [x :string] :-> :string x)')
        assert len(runtime.run('(pmap say ["a" "b" "c"])')) == 3


# --- giving up --------------------------------------------------------------------------------


def test_who_is_cancelled_while_it_waits_is_never_sent() -> None:
    asked, go_on = model("a"), threading.Event()
    asked.during = lambda n: go_on.wait(PATIENCE_S)
    with runtime_of(asked, max_in_flight_by={"a": 1}) as runtime:
        runtime.define("go-on", go_on.set)
        text = """
            (let [one (delegate-async (a 1)) others (map (fn [n] (delegate-async (a n))) (range 2 10))]
              [(map cancel others) (go-on) (await one)])"""
        assert runtime.run(text) == [[True] * 8, None, 2]
        assert nothing_is_left(runtime)
        assert runtime.budget.spent.calls == 1
        assert runtime.budget.reserved.calls == 0
    assert asked.asked == [1]


def test_an_error_calls_off_those_who_wait() -> None:
    asked = model("a", fails=(0,))
    with runtime_of(asked, max_in_flight_by={"a": 1}) as runtime:
        with pytest.raises(DelegationError, match="no answer to 0"):
            runtime.run("(pmap a (range 0 60))")
        assert nothing_is_left(runtime)
    assert len(asked.asked) < 60


def test_the_time_of_a_request_begins_when_it_has_its_place() -> None:
    asked = model("a", lambda n: 100)
    waits: list[float] = []
    complete = asked.complete

    def noted(request: ModelRequest) -> ModelReply:
        waits.append(request.timeout_s)
        return complete(request)

    asked.complete = noted  # type: ignore[method-assign]
    with runtime_of(asked, max_in_flight_by={"a": 1}) as runtime:
        runtime.run('(defn short ^:delegation :remote "a" ^{:strict true :timeout-s 0.25} "It." [n : int] : int -1)')
        assert runtime.run("(pmap short (range 0 6))") == [0, 2, 4, 6, 8, 10]
        records = runtime.records.calls
    assert waits == [0.25] * 6
    assert max(record.latency_s for record in records) > 0.5, "with the waiting"
    assert max(attempt.latency_s for record in records for attempt in record.attempts) < 0.4, "without it"


def test_the_time_of_a_run_goes_on_while_calls_wait() -> None:
    asked = model("a", lambda n: 60_000)
    with runtime_of(asked, max_in_flight_by={"a": 1}, limits=Limits(timeout_s=0.3)) as runtime:
        begin = time.perf_counter()
        with pytest.raises(LimitExceeded, match=r"more than 0\.3 seconds"):
            runtime.run("(pmap a (range 0 5))")
        assert time.perf_counter() - begin < 5
        until(lambda: nothing_is_left(runtime))
    assert asked.asked == [0]


def test_so_does_the_time_of_a_budget() -> None:
    asked = model("a", lambda n: 60_000)
    with runtime_of(asked, max_in_flight_by={"a": 1}) as runtime:
        begin = time.perf_counter()
        with pytest.raises(LimitExceeded, match="seconds"):
            runtime.run("(with-budget {:seconds 0.3} (pmap a (range 0 5)))")
        assert time.perf_counter() - begin < 5
        until(lambda: nothing_is_left(runtime))
    assert len(asked.asked) == 1


@pytest.mark.parametrize("limit", [1, 3])
def test_a_budget_of_five_calls_is_five_calls(limit: int) -> None:
    asked = model("a")
    with runtime_of(asked, max_in_flight_by={"a": limit}) as runtime:
        with pytest.raises(LimitExceeded, match="5 of 5 calls"):
            runtime.run("(with-budget {:calls 5} (pmap a (range 0 40)))")
        assert nothing_is_left(runtime)
        assert runtime.budget.spent.calls == 5
    assert len(asked.asked) == 5


def test_who_waits_for_a_target_that_begins_to_fail_is_told_so() -> None:
    class Broken(Waiting):
        def complete(self, request: ModelRequest) -> ModelReply:
            super().complete(request)
            raise DelegationError("gone", kind="model-unavailable", retryable=True)

    asked = Broken(lambda n: 1)
    asked.name = "a"
    with runtime_of(asked, max_in_flight=30, max_in_flight_by={"a": 1}) as runtime:
        runtime.run('(defn soft ^:delegation :remote "a" "Twice n." [n : int] : int -1)')
        runtime.run("(pmap (fn [n] (soft n)) (range 0 30))")
        skipped = [record for record in runtime.records.calls if record.attempts[-1].outcome == "skipped"]
        assert len(skipped) > 10
    assert len(asked.asked) < 20


# --- policies ---------------------------------------------------------------------------------

POLICY = """
[targets]
both = ["remote:a", "remote:b"]

[max_in_flight]
{limits}

[[rules]]
symbol = "asks"
target = "both"
{settings}
"""
ASKS = '(defn asks "Twice n." [n : int] : int -1)'


def policy_file(folder: Path, limits: str, settings: str = "") -> Path:
    path = folder / "delegation.toml"
    path.write_text(POLICY.format(limits=limits, settings=settings), encoding="utf-8")
    return path


def test_a_policy_has_limits_too_and_each_holds(tmp_path: Path) -> None:
    a, b = model("a"), model("b")
    path = policy_file(tmp_path, 'a = 4\n"remote:b" = 1\nboth = 3')
    with runtime_of(a, b, policy=path, max_in_flight_by={"a": 2}) as runtime:
        runtime.run("(pmap a (range 0 20))")
        runtime.run("(pmap b (range 0 10))")
        together: list[int] = []
        a.during = b.during = lambda n: together.append(a.now + b.now)
        runtime.run("(pmap (fn [n] (if (= 0 (mod n 2)) (a n) (b n))) (range 100 140))")
        names = {"all", "a", "remote:b", "both"}
        assert set(figures(runtime)) == names
    assert (a.most, b.most) == (2, 1)
    assert max(together) <= 3


def test_a_call_goes_to_the_next_target_with_its_limit(tmp_path: Path) -> None:
    a, b = model("a", fails=tuple(range(100))), model("b")
    with runtime_of(a, b, policy=policy_file(tmp_path, "a = 5\nb = 2")) as runtime:
        runtime.run(ASKS)
        assert runtime.run("(pmap asks (range 0 20))") == [2 * n for n in range(20)]
    assert a.most <= 5
    assert b.most == 2


def test_a_hedge_counts_where_it_goes_and_who_is_not_wanted_any_more_is_not_sent(tmp_path: Path) -> None:
    a, b, go_on = model("a"), model("b"), threading.Event()
    a.during = lambda n: go_on.wait(PATIENCE_S)
    path = policy_file(tmp_path, "a = 1\nb = 2", "hedge_after_s = 0.02")
    with runtime_of(a, b, policy=path) as runtime:
        runtime.run(ASKS)
        assert runtime.run("(pmap asks (range 0 12))") == [2 * n for n in range(12)]
        assert b.most <= 2
        assert sorted(b.answered) == list(range(12))
        go_on.set()
        until(lambda: nothing_is_left(runtime))
    assert len(a.asked) == 1, "the others waited until they had their answer"


def test_another_version_of_the_policy_holds_for_those_who_wait(tmp_path: Path) -> None:
    a, go_on = model("a"), threading.Event()
    a.during = lambda n: go_on.wait(PATIENCE_S)
    with runtime_of(a, policy=policy_file(tmp_path, "a = 1")) as runtime:
        runner = threading.Thread(target=runtime.run, args=("(pmap a (range 0 10))",))
        runner.start()
        until(lambda: figures(runtime).get("a") == (1, 1, 9))
        policy_file(tmp_path, "a = 4\nb = 7")
        assert runtime.engine is not None
        runtime.engine.refresh(now=True)  # type: ignore[attr-defined]
        runtime.delegation.places.limits(a, _target("a"), "a")  # as the next call does
        until(lambda: a.now == 4)
        assert figures(runtime)["b"] == (0, 7, 0)
        policy_file(tmp_path, "b = 1")
        runtime.engine.refresh(now=True)  # type: ignore[attr-defined]
        runtime.delegation.places.limits(a, _target("a"), "a")
        until(lambda: a.now == 10)
        assert "a" not in figures(runtime)
        go_on.set()
        runner.join(PATIENCE_S)
    assert a.most == 10


def _target(name: str) -> Any:
    from rtfs.delegation.targets import RemoteModel

    return RemoteModel(name)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": 0}, "0 requests in flight to 'a' is not a positive integer"),
        ({"a": True}, "True requests in flight"),
        ({"a": 2.0}, "2.0 requests in flight"),
        ({"kimi:k2": 2}, "'kimi:k2' is neither a provider nor a target"),
        ({"remote:": 2}, "neither a provider nor a target"),
        ({"": 2}, "neither a provider nor a target"),
    ],
)
def test_limits_that_are_none(given: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Runtime(max_in_flight_by=given)


def test_a_thousand_calls_of_two_providers_lose_nothing() -> None:
    a, b = model("a", lambda n: 1), model("b", lambda n: 1)
    with runtime_of(a, b, max_in_flight=200, max_in_flight_by={"a": 10, "b": 150}) as runtime:
        found = runtime.run("(pmap (fn [n] (if (= 0 (mod n 2)) (a n) (b n))) (range 0 1000))")
        assert found == [2 * n for n in range(1_000)]
        assert nothing_is_left(runtime)
        assert runtime.records.totals.by_model == 1_000
    assert a.most <= 10
    assert b.most <= 150
