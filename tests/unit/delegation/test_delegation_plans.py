"""L1: plans, the engine in front of which they stand, and calls that know their decision by heart."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import rtfs
from rtfs.caching.layer import CacheConfig
from rtfs.caching.plans import Plan, PlanCache
from rtfs.delegation.cached_engine import LOOK_EVERY_S, CachedEngine
from rtfs.delegation.context import CallContext
from rtfs.delegation.engine import Decision, Listeners
from rtfs.delegation.targets import LOCAL, RemoteModel
from rtfs.models.echo import EchoProvider
from rtfs.semantics.shortcuts import LONG_WAY

REMOTE = Decision(RemoteModel("echo"), "because", 0.75, engine="test")
HERE = Decision(LOCAL, "because", 1.0, engine="test")


class Engine(Listeners):
    """Decides what it is told to, and counts how often it is asked."""

    name = "test"

    def __init__(self, decision: Decision = REMOTE, needs: frozenset[str] | None = frozenset({"tags", "tenant"})) -> None:
        super().__init__()
        self.decision, self.asked, self.looked = decision, 0, 0
        self.contexts: list[CallContext] = []
        if needs is not None:
            self.needs = lambda symbol: needs

    def decide(self, context: CallContext) -> Decision:
        self.asked += 1
        self.contexts.append(context)
        return self.decision

    def resolve(self, symbol: str, *, tags: frozenset[str] | None = None, tenant: str = "") -> Decision | None:
        return None

    def refresh(self) -> bool:
        self.looked += 1
        return False

    def change(self, decision: Decision) -> None:
        self.decision = decision
        self.tell()


class Timer:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


# --- the layer -------------------------------------------------------------------------------


def plan(target: str, created: float = 0.0, confidence: float | None = 0.9) -> Plan:
    return Plan(target, confidence, "because", created, {"engine": "test"})


def test_plans_are_found_by_agent_and_by_task() -> None:
    plans = PlanCache()
    for agent, task, target in (("a", "t1", "x"), ("a", "t2", "y"), ("b", "t1", "z")):
        plans.put((agent, task), plan(target))
    assert [(task, p.target) for task, p in plans.by_agent("a")] == [("t1", "x"), ("t2", "y")]
    assert [(agent, p.target) for agent, p in plans.by_task("t1")] == [("a", "x"), ("b", "z")]
    assert plans.by_agent("nobody") == []
    found = plans.get(("a", "t1"))
    assert found is not None
    assert (found.target, found.confidence, found.reasoning, found.metadata) == ("x", 0.9, "because", {"engine": "test"})
    assert plans.invalidate(("a", "t1")) is True
    assert plans.invalidate(("a", "t1")) is False
    assert plans.get(("a", "t1")) is None
    stats = plans.stats()
    assert (stats.layer, stats.hits, stats.misses, stats.puts, stats.invalidations, stats.size) == ("L1", 1, 1, 3, 1, 2)
    assert plans.clear() == 2


def test_stale_plans_are_not_served() -> None:
    timer = Timer()
    plans = PlanCache(CacheConfig(ttl_s=10), timer=timer)
    plans.put(("a", 1), plan("x", timer.now))
    timer.now += 9
    assert plans.get(("a", 1)) is not None
    timer.now += 2
    old = plan("x", 100.0)
    assert plans.is_stale(old)
    assert not plans.is_stale(old, max_age_s=20)
    assert plans.by_agent("a") == []
    assert plans.get(("a", 1)) is None
    assert (plans.stats().expired, plans.stats().size) == (1, 0)


def test_plans_are_bounded_and_may_be_too_unsure() -> None:
    plans = PlanCache(CacheConfig(max_entries=2, min_confidence=0.5))
    assert not plans.put(("a", 0), plan("x", confidence=0.4))
    for number in (1, 2, 3):
        assert plans.put(("a", number), plan("x"))
        plans.get(("a", 1))
    assert [task for task, _ in plans.by_agent("a")] == [1, 3]
    assert (plans.stats().evictions, plans.stats().refused) == (1, 1)


# --- the engine ------------------------------------------------------------------------------


def test_the_same_kind_of_call_is_decided_once() -> None:
    inner = Engine()
    engine = CachedEngine(inner)
    context = CallContext("f", fingerprint=1, tags=frozenset({"cheap"}), tenant="acme")
    assert engine.decide(context) is REMOTE
    assert engine.decide(CallContext("f", fingerprint=1, tags=frozenset({"cheap"}), tenant="acme")) is REMOTE
    assert inner.asked == 1
    for other in (
        CallContext("g", fingerprint=1, tags=frozenset({"cheap"}), tenant="acme"),
        CallContext("f", fingerprint=2, tags=frozenset({"cheap"}), tenant="acme"),
        CallContext("f", fingerprint=1, tenant="acme"),
        CallContext("f", fingerprint=1, tags=frozenset({"cheap"})),
        CallContext("f", fingerprint=1, tags=frozenset({"cheap"}), tenant="acme", semantic=5),
        CallContext("f", fingerprint=1, tags=frozenset({"cheap"}), tenant="acme", runtime=5),
    ):
        engine.decide(other)
    assert inner.asked == 7
    ((_, found),) = engine.plans.by_agent("g")
    assert (found.target, found.confidence, found.reasoning, found.metadata) == ("remote_model:echo", 0.75, "because", {"engine": "test"})


@pytest.mark.parametrize("needs", [None, frozenset({"prompt_chars"}), frozenset({"tags", "prompt"}), frozenset({"metadata"})])
def test_what_depends_on_more_than_the_kind_of_call_is_decided_each_time(needs: frozenset[str] | None) -> None:
    inner = Engine(needs=needs)
    engine = CachedEngine(inner)
    for chars in (5, 5000):
        engine.decide(CallContext("f", prompt_chars=chars))
    assert inner.asked == 2


def test_what_was_left_to_chance_is_decided_each_time() -> None:
    inner = Engine(Decision(LOCAL, propensity=0.5))
    engine = CachedEngine(inner)
    for _ in range(3):
        engine.decide(CallContext("f"))
    assert inner.asked == 3


def test_a_change_of_decisions_forgets_all_plans() -> None:
    inner = Engine()
    engine = CachedEngine(inner)
    told: list[str] = []
    engine.listen(lambda: told.append("changed"))
    engine.decide(CallContext("f"))
    inner.change(HERE)
    assert told == ["changed"]
    assert engine.decide(CallContext("f")) is HERE
    assert engine.plans.stats().size == 1


def test_a_decision_that_is_made_while_decisions_change_is_not_kept() -> None:
    inner = Engine()
    engine = CachedEngine(inner)
    decide = inner.decide

    def changing(context: CallContext) -> Decision:
        made = decide(context)
        inner.change(HERE)
        return made

    inner.decide = changing  # type: ignore[method-assign]
    assert engine.decide(CallContext("f")) is REMOTE
    inner.decide = decide  # type: ignore[method-assign]
    assert engine.decide(CallContext("f")) is HERE


def test_warm_plans_still_look_whether_the_policy_has_changed() -> None:
    timer = Timer()
    inner = Engine()
    engine = CachedEngine(inner, timer=timer)
    for _ in range(10):
        engine.decide(CallContext("f"))
    assert inner.looked == 0
    timer.now += LOOK_EVERY_S
    for _ in range(10):
        engine.decide(CallContext("f"))
    assert (inner.asked, inner.looked) == (1, 1)


def test_what_else_the_engine_can_do_it_does() -> None:
    engine: Any = CachedEngine(Engine())
    assert engine.refresh() is False
    assert not hasattr(engine, "run_budgets")


# --- calls -----------------------------------------------------------------------------------

PROGRAM = """
(defn f "Double it." [x] (* 2 x))
(defn g [x y] (+ x y))
(defn times [n] (loop [i 0 sum 0] (if (< i n) (recur (inc i) (+ sum (f i))) sum)))
(defn last-call [x] (f x))
(defn kinds [x] (if (string? x) :text :other))
"""


@pytest.fixture(params=["ir", "tree"])
def strategy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_call_that_is_known_to_run_here_asks_nobody(strategy: str) -> None:
    engine = Engine(HERE)
    with rtfs.Runtime(strategy=strategy, engine=engine) as rt:
        rt.run(PROGRAM)
        assert rt.run("(times 1000)") == 999_000
        assert [context.symbol for context in engine.contexts] == ["times", "f"]
        assert rt.run("(last-call 4)") == 8
        assert rt.run("(map f [1 2 3])") == [2, 4, 6]
        assert rt.run("(g 1 2)") == rt.run("(g 2 1)") == 3
        assert [context.symbol for context in engine.contexts] == ["times", "f", "last-call", "g"]
        assert rt.delegation.plans.stats().hits > 1000


def test_operands_of_other_types_are_looked_at_anew(strategy: str) -> None:
    engine = Engine(HERE, needs=frozenset({"tags", "fingerprint"}))
    with rtfs.Runtime(strategy=strategy, engine=engine) as rt:
        rt.run(PROGRAM)
        for text, asked in (("(kinds 1)", 1), ("(kinds 2)", 1), ('(kinds "a")', 2), ('(kinds "b")', 2), ("(kinds [1])", 3)):
            rt.run(text)
            assert engine.asked == asked, text
        rt.run('(kinds ["a"])')
        assert engine.asked == 4, "what is in a collection is a part of its kind"
        rt.run("(kinds [2])")
        assert engine.asked == 4, "L1 knows it"


@pytest.mark.parametrize("native", [True, False])
def test_calls_go_elsewhere_as_soon_as_decisions_are_others(strategy: str, native: bool) -> None:
    engine = Engine(HERE)
    with rtfs.Runtime(strategy=strategy, engine=engine, native=native) as rt:
        rt.run(PROGRAM + '(defn h ^{:strict true} "Say it." [x :int] :-> :int (* 2 x))')
        rt.run("(defn many [n] (loop [i 0] (if (< i n) (do (h i) (recur (inc i))) i)))")
        rt.run("(many 3000)")
        assert rt.records is None
        engine.change(REMOTE)
        rt.run("(h 1)")
        assert rt.records.totals.calls == 1
        engine.change(HERE)
        assert rt.run("(h 4)") == 8
        assert rt.records.totals.calls == 1


def test_a_change_within_a_run_counts_from_the_next_call_on(strategy: str) -> None:
    engine = Engine(HERE)
    with rtfs.Runtime(strategy=strategy, engine=engine, allow=["test.*"]) as rt:
        from rtfs.capabilities.registry import Capability

        rt.capabilities.register(Capability("test.change", lambda: engine.change(REMOTE), 0, 0, (), ""))
        rt.run('(defn h "Say it." [x] x)')
        rt.run("(do (h 1) (h 2) (call :test.change) (h 3))")
        assert rt.records.totals.calls == 1


def test_another_engine_takes_over_what_calls_know(strategy: str) -> None:
    first, second = Engine(HERE), Engine(REMOTE)
    with rtfs.Runtime(strategy=strategy, engine=first) as rt:
        rt.run('(defn h "Say it." [x] x)')
        rt.run("(h 1)")
        rt.run("(h 1)")
        rt.engine = second
        assert rt.engine is second
        rt.run("(h 1)")
        assert (first.asked, second.asked) == (1, 1)
        assert rt.records.totals.calls == 1


def test_every_so_often_a_call_takes_the_long_way(strategy: str) -> None:
    engine = Engine(HERE)
    with rtfs.Runtime(strategy=strategy, engine=engine) as rt:
        rt.run(PROGRAM)
        cached = rt.machine.engine.cached
        cached._next = 0.0
        looked = engine.looked
        rt.run(f"(times {2 * LONG_WAY})")
        assert engine.looked > looked


def test_without_the_layer_each_call_is_decided(strategy: str) -> None:
    engine = Engine(HERE)
    with rtfs.Runtime(strategy=strategy, engine=engine, caches={"off": ["plan"]}) as rt:
        rt.run(PROGRAM)
        rt.run("(times 10)")
        assert [context.symbol for context in engine.contexts].count("f") == 10
        assert rt.delegation.plans is None


def test_errors_and_depth_are_those_of_a_plain_call(strategy: str) -> None:
    text = '(defn down [x :int] :-> :int (if (= x 0) 0 (+ 1 (down (dec x))))) (defn bad [x :int] (+ x "a"))'
    with rtfs.Runtime(strategy=strategy) as plain, rtfs.Runtime(strategy=strategy, engine=Engine(HERE)) as decided:
        plain.run(text)
        decided.run(text)
        for form in ("(down 200)", '(down "a")', "(down)", "(down 1 2)", "(bad 1)", "(do (down 3) (down nil))"):
            outcomes = []
            for rt in (plain, decided):
                for _ in range(2):  # cold and warm
                    try:
                        outcomes.append(rt.run(form))
                    except rtfs.RtfsError as error:
                        outcomes.append((error.kind, error.message, str(error.span)))
            assert len(set(outcomes)) == 1, form


def test_other_models_are_a_reason_to_decide_anew(strategy: str) -> None:
    engine = Engine(HERE)
    with rtfs.Runtime(strategy=strategy, engine=engine) as rt:
        rt.run(PROGRAM)
        rt.run("(f 1)")
        rt.run("(f 1)")
        assert engine.asked == 1
        rt.models.register("new", EchoProvider())
        assert rt.delegation.plans.stats().size == 0
        rt.run("(f 1)")
        assert engine.asked == 2


def test_threads_share_what_is_known() -> None:
    inner = Engine(HERE)
    engine = CachedEngine(inner)

    def work() -> None:
        for number in range(300):
            engine.decide(CallContext("f", fingerprint=number % 7))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = engine.plans.stats()
    assert stats.hits + stats.misses == 1800
    assert stats.size == 7
