"""`pmap` and tickets over delegated calls: what is sent, in which order things come, and what becomes of what is called off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rtfs.config import Limits
from rtfs.errors import ConfigError, DelegationError, EvalError, LimitExceeded, MacroError
from rtfs.models.protocol import ModelReply, ModelRequest
from rtfs.runtime import Runtime
from rtfs.semantics.branches import GRACE_S
from rtfs.source import Source
from tests.support.waiting_models import Waiting, runtime_with

STRATEGIES = ["ir", "tree"]
PATIENCE_S = 20.0
pytestmark = [pytest.mark.timeout(60), pytest.mark.parametrize("strategy", STRATEGIES)]


def took(work: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.perf_counter()
    value = work()
    return value, time.perf_counter() - begin


def meeting(count: int) -> Callable[[int], Any]:
    """For `during`: so many requests have to be under way at the same time, or all fail."""
    barrier = threading.Barrier(count)
    return lambda n: barrier.wait(PATIENCE_S)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came to this"
        time.sleep(0.002)


def no_branch_is_left() -> None:
    """Every thread of a branch has ended, or does so now."""
    end = time.monotonic() + PATIENCE_S
    while left := [thread for thread in threading.enumerate() if thread.name == "rtfs-branch"]:
        assert time.monotonic() < end, left
        time.sleep(0.01)


# --- pmap -------------------------------------------------------------------------------------


def test_calls_wait_at_the_same_time_and_results_keep_their_order(strategy: str) -> None:
    model = Waiting(lambda n: 20 - 2 * n)
    model.during = meeting(10)
    with runtime_with(model, strategy) as runtime:
        assert runtime.run("(pmap (fn [n] (+ 1 (ask n))) (range 0 10))") == [2 * n + 1 for n in range(10)]
        assert sorted(model.asked) == list(range(10))
        assert model.most == 10
    no_branch_is_left()


@pytest.mark.parametrize(
    ("options", "most"), [("", 3), (" {:max-in-flight 2}", 2), (" {:max-in-flight 1}", 1), (" {:max-in-flight 9}", 3)]
)
def test_no_more_are_in_flight_than_allowed(strategy: str, options: str, most: int) -> None:
    model = Waiting()
    with runtime_with(model, strategy, max_in_flight=3) as runtime:
        assert runtime.run(f"(pmap ask (range 0 9){options})") == [2 * n for n in range(9)]
    assert 1 <= model.most <= most


def test_nested_ones_count_together(strategy: str) -> None:
    model = Waiting(lambda n: 5)
    with runtime_with(model, strategy, max_in_flight=4) as runtime:
        value = runtime.run("(pmap (fn [i] (reduce + 0 (pmap (fn [j] (ask (+ (* 10 i) j))) (range 0 6)))) (range 0 6))")
    assert value == [sum(2 * (10 * i + j) for j in range(6)) for i in range(6)]
    assert model.most <= 4
    assert len(model.asked) == 36


def test_equal_calls_are_sent_once(strategy: str) -> None:
    model = Waiting()
    with runtime_with(model, strategy, max_in_flight=2) as runtime:
        assert runtime.run("(pmap ask [1 2 1 3 2 1 1 3])") == [2, 4, 2, 6, 4, 2, 2, 6]
        assert sorted(model.asked) == [1, 2, 3]
        assert runtime.budget.spent.calls == 3
        records = runtime.records.calls
        assert len(records) == 8
        assert sorted(record.attempts[-1].outcome for record in records) == ["answered"] * 3 + ["shared"] * 5
        assert runtime.run("(pmap ask [1 2])") == [2, 4]  # nothing is kept beyond it
        assert len(model.asked) == 5


def test_calls_that_may_be_answered_differently_each_time_are_all_sent(strategy: str) -> None:
    model = Waiting()
    with runtime_with(model, strategy) as runtime:
        runtime.run('(defn dream ^:delegation :remote "m" ^{:temperature 1} "Twice n." [n : int] : int -1)')
        assert runtime.run("(pmap dream [1 1 1])") == [2, 2, 2]
    assert model.asked == [1, 1, 1]


def test_one_failure_of_an_equal_call_is_that_of_all_and_each_runs_its_body(strategy: str) -> None:
    model = Waiting(fails=(7,))
    with runtime_with(model, strategy, body="(+ n 100)", on_warning=lambda *_: None) as runtime:
        assert runtime.run("(pmap ask [7 7 1])") == [107, 107, 2]
    assert sorted(model.asked) == [1, 7]


def test_the_error_is_that_of_the_first_item_as_one_after_the_other(strategy: str) -> None:
    model = Waiting(lambda n: 100 if n == 2 else 5, fails=(2, 4, 6))
    with runtime_with(model, strategy, strict=True, max_in_flight=8) as runtime:
        with pytest.raises(DelegationError, match="no answer to 2"):
            runtime.run("(pmap ask (range 0 40))")
        assert len(model.asked) < 40  # none after the first failure that was seen
        with pytest.raises(DelegationError, match="no answer to 2"):
            runtime.run("(map ask (range 0 40))")


def test_what_is_under_way_is_interrupted_by_an_error(strategy: str) -> None:
    model = Waiting(lambda n: 5 if n == 0 else 60_000, fails=(0,))
    with runtime_with(model, strategy, strict=True) as runtime:
        caught, seconds = took(lambda: runtime.run("(try (pmap ask (range 0 10)) (catch e (:message e)))"))
        assert caught == "no answer to 0"
        assert seconds < 5
        assert sorted(model.interrupted) == list(range(1, 10))
        assert runtime.budget.reserved.calls == 0
        assert runtime.budget.spent.calls == 10  # those that were given up may have been billed
        kinds = [record.error_kind for record in runtime.records.calls]
        assert sorted(kinds) == ["interrupted"] * 9 + ["model-unavailable"]
        assert {attempt.outcome for record in runtime.records.calls for attempt in record.attempts} == set(kinds)
    no_branch_is_left()


def test_a_model_that_cannot_be_interrupted_is_left_to_itself(strategy: str) -> None:
    model = Waiting(lambda n: 5 if n == 0 else 4_000, fails=(0,), deaf=True)
    with runtime_with(model, strategy, strict=True) as runtime:
        caught, seconds = took(lambda: runtime.run("(try (pmap ask (range 0 4)) (catch e (:message e)))"))
        assert caught == "no answer to 0"
        assert seconds < 3.5
        assert runtime.budget.reserved.calls == 3
        assert runtime.run("(+ 1 2)") == 3
        no_branch_is_left()
        assert runtime.budget.reserved.calls == 0
        assert runtime.budget.spent.calls == 4


def test_what_cannot_be_interrupted_is_waited_for_once(strategy: str) -> None:
    """Neither the end of the run nor the runs after it wait again for what was given up."""
    answers = threading.Event()
    model = Waiting(lambda n: 5, fails=(0,), deaf=True)
    model.during = lambda n: answers.wait(PATIENCE_S) if n else None
    with runtime_with(model, strategy, strict=True) as runtime:
        try:
            caught, seconds = took(lambda: runtime.run("(try (pmap ask (range 0 3)) (catch e (:message e)))"))
            assert (caught, seconds < 1.8 * GRACE_S) == ("no answer to 0", True)
            for _ in range(2):
                value, seconds = took(lambda: runtime.run("(count (pmap inc (range 0 3)))"))
                assert (value, seconds < 0.5 * GRACE_S) == (3, True)
        finally:
            answers.set()
        no_branch_is_left()
        assert runtime.budget.spent.calls == 3


def test_finally_forms_of_what_is_called_off_run_before_anything_else(strategy: str) -> None:
    model = Waiting(lambda n: 5 if n == 0 else 60_000, fails=(0,))
    with runtime_with(model, strategy, strict=True) as runtime:
        runtime.run("(def seen (atom []))")
        runtime.run(
            "(try (pmap (fn [n] (try (ask n) (finally (swap! seen conj n)))) (range 0 5)) (catch e (swap! seen conj :caught)))"
        )
        seen = runtime.run("(deref seen)")
    assert sorted(seen[:-1]) == [0, 1, 2, 3, 4]
    assert seen[-1] == "caught"


@pytest.mark.parametrize(
    "call", ["(pmap ask {})", "(pmap (fn [n] (ask n)) {})", "(await-all (map (fn [n] (delegate-async (ask n))) {}))"]
)
def test_a_budget_of_five_calls_stops_at_exactly_five(strategy: str, call: str) -> None:
    model = Waiting(lambda n: 5)
    with runtime_with(model, strategy, max_in_flight=16, on_warning=lambda *_: None) as runtime:
        with pytest.raises(LimitExceeded, match="5 of 5 calls spent"):
            runtime.run(f"(with-budget {{:calls 5}} (try {call.format('(range 0 50)')} (catch Exception e :caught)))")
        assert len(model.asked) == 5
        assert runtime.budget.spent.calls == 5
        assert runtime.budget.reserved.calls == 0


def test_a_branch_pays_where_it_was_made(strategy: str) -> None:
    model = Waiting(lambda n: 5)
    with runtime_with(model, strategy) as runtime:
        runtime.run("(def t (atom nil))")
        text = "(do (with-budget {:calls 1} (reset! t (delegate-async (do (ask 1) (ask 2))))) (await (deref t)))"
        with pytest.raises(LimitExceeded, match="1 of 1 call spent"):
            runtime.run(text)
        assert model.asked == [1]
        assert runtime.run("(with-budget {:calls 2} (pmap (fn [n] (with-budget {:calls 1} (ask n))) [1 2]))") == [2, 4]


def test_steps_are_counted_in_all_branches_together(strategy: str) -> None:
    model = Waiting(lambda n: 1)
    with runtime_with(model, strategy, limits=Limits(max_steps=5_000)) as runtime:
        text = "(pmap (fn [n] (try (do (ask n) (loop [i 0] (if (< i {}) (recur (+ i 1)) i))) (catch Exception e 0))) (range 0 10))"
        assert runtime.run(text.format(300)) == [300] * 10
        with pytest.raises(LimitExceeded, match="5,000 steps"):
            runtime.run(text.format(1_000))
    no_branch_is_left()


def test_time_is_over_while_all_wait(strategy: str) -> None:
    model = Waiting(lambda n: 60_000)
    with runtime_with(model, strategy, limits=Limits(timeout_s=0.2)) as runtime:
        begin = time.perf_counter()
        with pytest.raises(LimitExceeded) as caught:
            runtime.run("(pmap ask [1 2 3])")
        assert caught.value.kind == "time-exhausted"
        assert time.perf_counter() - begin < 5
    no_branch_is_left()


def test_depth_is_limited_in_branches(strategy: str) -> None:
    with runtime_with(Waiting(), strategy, limits=Limits(max_depth=1_000)) as runtime:
        runtime.run("(defn down [n] (if (= n 0) 0 (+ 1 (down (- n 1)))))")
        assert runtime.run("(pmap down [100 200])") == [100, 200]
        with pytest.raises(LimitExceeded) as caught:
            runtime.run("(try (pmap down [1 1000000]) (catch Exception e :caught))")
        assert caught.value.kind == "stack-overflow"
        with pytest.raises(LimitExceeded):
            runtime.run("(defn endless [n] (pmap endless [n n])) (endless 1)")
    no_branch_is_left()


def test_without_waiting_everything_is_strictly_in_order_and_in_one_thread(strategy: str) -> None:
    model = Waiting()
    threads = set()
    with runtime_with(model, strategy) as runtime:
        runtime.define("note", lambda n: threads.add(threading.get_ident()))
        runtime.run("(def seen (atom []))")
        runtime.run("(pmap (fn [n] (do (swap! seen conj n) (note n) (swap! seen conj (- n)))) [1 2 3 4])")
        assert runtime.run("(deref seen)") == [1, -1, 2, -2, 3, -3, 4, -4]
    assert len(threads) == 1


def test_branches_begin_in_order(strategy: str) -> None:
    model = Waiting(lambda n: 100 - 10 * n)
    with runtime_with(model, strategy) as runtime:
        runtime.run("(def seen (atom []))")
        runtime.run("(pmap (fn [n] (do (swap! seen conj n) (ask n) (swap! seen conj (+ 10 n)))) [0 1 2 3 4])")
        seen = runtime.run("(deref seen)")
    assert seen[:5] == [0, 1, 2, 3, 4]
    assert sorted(seen[5:]) == [10, 11, 12, 13, 14]


def test_progress_is_told_after_each_call_by_one_at_a_time(strategy: str) -> None:
    model = Waiting(lambda n: 5)
    counts: list[int] = []
    with runtime_with(model, strategy) as runtime:
        runtime.delegation.on_call = lambda: counts.append(runtime.records.totals.calls)
        runtime.run("(pmap ask (range 0 20))")
    assert counts == list(range(1, 21))


def test_a_host_function_calls_back_from_a_branch(strategy: str) -> None:
    model = Waiting(lambda n: 5)
    with runtime_with(model, strategy) as runtime:
        twice = runtime.function("ask")
        runtime.define("host", lambda n: twice(n) + 1)
        assert runtime.run("(pmap (fn [n] (host n)) [1 2 3])") == [3, 5, 7]
        model.during = lambda n: runtime.run("(+ 1 2)")  # a provider does, which has no turn
        assert runtime.run("(pmap ask [4 5 6])") == [8, 10, 12]


def test_a_thousand_items(strategy: str) -> None:
    model = Waiting(lambda n: 1)
    with runtime_with(model, strategy, max_in_flight=100) as runtime:
        assert runtime.run("(reduce + 0 (pmap (fn [n] (ask n)) (range 0 1000)))") == 999_000
        assert sorted(model.asked) == list(range(1000))
        assert runtime.records.totals.by_model == 1000
    no_branch_is_left()


# --- parallel ---------------------------------------------------------------------------------


@pytest.mark.parametrize("stored", [False, True], ids=["text", "compiled"])
def test_the_branches_of_parallel_wait_at_the_same_time(strategy: str, stored: bool, tmp_path: Path) -> None:
    model = Waiting(lambda n: 1)
    model.during = meeting(2)
    program = """
        (defn both [x y] (parallel [a (ask x)] [b : int (+ 1 (ask y))] [c (+ x y)]))
        (defn three [x] (let [k (* x 10)] (parallel (ask k) (let [z 1] (set! z (ask (+ k 1))) z) (+ k 2))))
        [(both 1 2) (three 3) (step-parallel (ask 4) (ask 5))]"""
    with runtime_with(model, strategy) as runtime:
        if stored:
            runtime.run(program)
            model.asked.clear()
            (tmp_path / "p.rtfsc").write_bytes(runtime.compile(Source("p", program)))
            value = runtime.run_file(tmp_path / "p.rtfsc")
        else:
            value = runtime.run(program)
        assert value == [{"a": 2, "b": 5, "c": 3}, [60, 62, 32], [8, 10]]
        assert sorted(model.asked) == [1, 2, 4, 5, 30, 31]
        assert model.most == 2


def test_parallel_fails_as_one_after_the_other(strategy: str) -> None:
    model = Waiting(lambda n: {1: 50, 3: 60_000}.get(n, 1), fails=(1, 2))
    model.during = lambda n: until(lambda: n == 3 or 3 in model.asked)
    with runtime_with(model, strategy, strict=True) as runtime:
        with pytest.raises(DelegationError, match="no answer to 1"):
            runtime.run("(parallel [a (ask 1)] [b (ask 2)] [c (ask 3)])")
        assert model.interrupted == [3]
        with pytest.raises(EvalError, match="parallel b: Type mismatch: expected string, got integer") as caught:
            runtime.run("(parallel [a (ask 7)] [b : string (ask 8)])")
        assert str(caught.value.span) == "<run>:1:35"


# --- tickets ----------------------------------------------------------------------------------


def test_a_ticket_is_under_way_at_once(strategy: str) -> None:
    model = Waiting(lambda n: 1)
    model.during = meeting(2)
    with runtime_with(model, strategy) as runtime:
        text = "[(ticket-done? a) (str a) (await a) (await b) (ticket-done? a) (str a)]"
        value = runtime.run(f"(let [a (delegate-async (ask 1)) b (delegate-async (ask 2))] {text})")
        assert value[2:] == [2, 4, True, "#<ticket done>"]
        model.during = lambda n: answer.wait(PATIENCE_S)
        answer = threading.Event()
        runtime.define("answer", answer.set)
        text = "(let [t (delegate-async (ask 1))] [(ticket-done? t) (str t) (answer) (await t)])"
        assert runtime.run(text) == [False, "#<ticket waiting>", None, 2]


def test_operands_are_evaluated_now_and_effects_are_in_order(strategy: str) -> None:
    with runtime_with(Waiting(), strategy) as runtime:
        runtime.run("(def seen (atom []))")
        runtime.run("(defn note [x] (swap! seen conj x))")
        runtime.run("(do (note 1) (let [t (delegate-async (do (note 2) (ask 5) (note 4)))] (note 3) (await t) (note 5)))")
        assert runtime.run("(deref seen)") == [1, 2, 3, 4, 5]


def test_a_race_has_one_winner_and_the_others_are_called_off(strategy: str) -> None:
    model = Waiting(lambda n: {1: 60_000, 2: 30, 3: 1}[n], fails=(3,))
    with runtime_with(model, strategy, strict=True) as runtime:
        value, seconds = took(lambda: runtime.run("(race (map (fn [n] (delegate-async (ask n))) [1 2 3]))"))
        assert value == 4
        assert seconds < 5
        assert model.interrupted == [1]
        with pytest.raises(DelegationError, match="no answer to 3"):
            runtime.run("(race [(delegate-async (ask 3)) (delegate-async (/ 1 0))])")
    no_branch_is_left()


def test_cancelled_is_an_error_of_its_own(strategy: str) -> None:
    model = Waiting(lambda n: 60_000)
    with runtime_with(model, strategy) as runtime:
        text = "(let [t (delegate-async (ask 1))] [(cancel t) (cancel t) (ticket-done? t) (str t) (try (await t) (catch Cancelled e (:type e)))])"
        assert runtime.run(text) == [True, False, True, "#<ticket cancelled>", "cancelled"]
    assert model.interrupted == [1]
    no_branch_is_left()


def test_awaiting_for_a_time(strategy: str) -> None:
    model, answer = Waiting(lambda n: 1), threading.Event()
    model.during = lambda n: answer.wait(PATIENCE_S)
    with runtime_with(model, strategy) as runtime:
        runtime.define("answer", answer.set)
        late = "(try (await t {:timeout-ms 10}) (catch AwaitTimeout e (:type e)))"
        text = f"(let [t (delegate-async (ask 1))] [{late} (await t {{:timeout-ms 1 :default 0}}) (answer) (await t)])"
        assert runtime.run(text) == ["await-timeout", 0, None, 2]
        answer.clear()
        both = """
            (let [ts (map (fn [n] (delegate-async (ask n))) [1 2])]
              [(await-all ts {:timeout-ms 1 :default :late}) (answer) (await-all ts)])"""
        assert runtime.run(both) == ["late", None, [2, 4]]
    assert model.interrupted == []


def test_an_error_surfaces_where_it_is_awaited_each_time_with_its_own_place(strategy: str) -> None:
    with runtime_with(Waiting(fails=(1,)), strategy, strict=True) as runtime:
        with pytest.raises(EvalError) as caught:
            runtime.run("(def t (delegate-async (/ 1 0)))\n(try (await t) (catch e 1))\n(await t)")
        assert str(caught.value.span) == "<run>:1:24"
        assert caught.value.kind == "division-by-zero"


@pytest.mark.parametrize(
    ("program", "options", "kind"),
    [
        ("(await a) (await b)", {"limits": Limits(timeout_s=0.1)}, "time-exhausted"),
        ("(await a) (await b)", {"run_budget": {"calls": 1}}, "budget-exhausted"),
        ("(/ 1 0)", {}, "division-by-zero"),
    ],
)
def test_what_a_limit_or_an_error_has_ended_was_not_forgotten(strategy: str, program: str, options: Any, kind: str) -> None:
    """Of a ticket that would have been awaited later nothing is said; of one whose own work has failed it is."""
    said: list[str] = []
    model = Waiting(lambda n: 60_000 if "limits" in options else 50)
    with runtime_with(model, strategy, on_warning=lambda message, span: said.append(message), **options) as runtime:
        with pytest.raises(EvalError) as caught:
            runtime.run(f"(let [a (delegate-async (ask 1)) b (delegate-async (ask 2)) c (delegate-async (ask 3))] {program})")
        assert (caught.value.kind, said) == (kind, [])
        with pytest.raises(EvalError, match="Division by zero"):
            runtime.run('(delegate-async (throw "lost")) (/ 1 0)')
        assert said == ["this ticket was not awaited, and its work has failed: lost"]


def test_tickets_that_nobody_awaited_are_cancelled_at_the_end_with_a_warning(strategy: str) -> None:
    model = Waiting(lambda n: 60_000)
    said: list[str] = []
    with runtime_with(model, strategy, on_warning=lambda message, span: said.append(f"{span}: {message}")) as runtime:
        assert runtime.run("(def t (delegate-async (ask 1)))\n(delegate-async (/ 1 0))\n(delegate-async 5)\n7") == 7
        assert said == [
            "<run>:1:8: this ticket was not awaited, and is cancelled at the end of the run",
            "<run>:2:1: this ticket was not awaited, and its work has failed: Division by zero",
        ]
        assert runtime.budget.reserved.calls == 0
        with pytest.raises(EvalError, match="cancelled"):
            runtime.run("(await t)")
    no_branch_is_left()


def test_a_ticket_that_is_done_can_be_awaited_in_a_later_run(strategy: str) -> None:
    with runtime_with(Waiting(), strategy) as runtime:
        runtime.run("(def t (delegate-async (ask 4))) (await t)")
        assert runtime.run("(await t)") == 8


def test_tickets_that_wait_for_each_other_are_an_error(strategy: str) -> None:
    with runtime_with(Waiting(lambda n: 20), strategy) as runtime:
        runtime.run("(def a (atom nil))")
        with pytest.raises(EvalError, match="waits for each other"):
            runtime.run("(reset! a (delegate-async (do (ask 1) (await (deref a))))) (await (deref a))")
    no_branch_is_left()


def test_more_tickets_than_may_be_in_flight_wait_for_their_turn(strategy: str) -> None:
    model = Waiting(lambda n: 3)
    with runtime_with(model, strategy, max_in_flight=4) as runtime:
        assert runtime.run("(await-all (map (fn [n] (delegate-async (ask n))) (range 0 40)))") == [2 * n for n in range(40)]
    assert model.most <= 4


def test_equal_calls_under_way_in_tickets_are_one(strategy: str) -> None:
    model, answer = Waiting(lambda n: 1), threading.Event()
    model.during = lambda n: answer.wait(PATIENCE_S)
    with runtime_with(model, strategy, allow=["system.sleep-ms"]) as runtime:
        runtime.define("answer", answer.set)
        text = "(let [a (delegate-async (ask 1)) b (delegate-async (ask 1))] (thread/sleep 300) (answer) (await-all [a b]))"
        assert runtime.run(text) == [2, 2]
    assert model.asked == [1]


def test_what_is_thrown_is_whole(strategy: str) -> None:
    with runtime_with(Waiting(), strategy) as runtime:
        text = '(let [t (delegate-async (do (ask 1) (throw :boom "bad" {:a 1})))] (try (await t) (catch :boom e [(:message e) (:data e)])))'
        assert runtime.run(text) == ["bad", {"a": 1}]


def test_macros_make_no_tickets(strategy: str) -> None:
    with runtime_with(Waiting(), strategy) as runtime:
        runtime.run("(defmacro eager [] (await (delegate-async 1)))")
        with pytest.raises(MacroError, match="a macro cannot make a ticket"):
            runtime.run("(eager)")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(await 5)", "expected ticket, got integer"),
        ("(await-all [5])", "expected ticket, got integer"),
        ("(race [])", "there are no tickets"),
        ("(await (delegate-async 1) {:time 5})", "there is no option :time"),
        ("(await (delegate-async 1) {:timeout-ms -1})", ":timeout-ms is a number of milliseconds"),
        ("(pmap inc [1 2] {:max-in-flight 0})", ":max-in-flight is a positive integer"),
        ("(pmap 5 [])", "expected function, got integer"),
        ("(serialize-json (delegate-async 1))", "Cannot serialize ticket"),
    ],
)
def test_mistakes(strategy: str, text: str, message: str) -> None:
    with runtime_with(Waiting(), strategy) as runtime, pytest.raises(EvalError, match=message):
        runtime.run(text)


def test_no_more_are_outside_than_may_be_whoever_asks(strategy: str) -> None:
    model = Waiting(lambda n: 5)
    with runtime_with(model, strategy, max_in_flight=2) as runtime:
        text = "(let [ts (map (fn [n] (delegate-async (+ (await (delegate-async (ask n))) (ask (+ 20 n))))) (range 0 6))] (ask 50) (await-all ts))"
        assert runtime.run(text) == [4 * n + 40 for n in range(6)]
        assert model.most == 2
        model.during = lambda n: runtime.run("(ask 99)") if n != 99 else None  # as a provider may do that asks another model
        assert runtime.run("(pmap ask [1 2 3])") == [2, 4, 6]


@pytest.mark.parametrize("most", [0, -1, 2.5, True])
def test_how_many_may_be_in_flight_is_a_positive_integer(strategy: str, most: Any) -> None:
    with pytest.raises(ConfigError, match="is not a positive integer"):
        Runtime(strategy=strategy, max_in_flight=most)


def test_functions_of_the_host_call_back_from_more_branches_than_calls_may_nest(strategy: str) -> None:
    model = Waiting()
    with runtime_with(model, strategy, max_in_flight=100) as runtime:
        ask = runtime.function("ask")
        runtime.define("by-host", lambda n: ask(n))
        assert runtime.run("(pmap by-host (range 0 80))") == [2 * n for n in range(80)]
        runtime.define("for-ever", lambda n: runtime.function("again")(n))
        runtime.run("(defn again [n] (for-ever n))")
        with pytest.raises(LimitExceeded, match="call each other"):
            runtime.run("(pmap again (range 0 2))")
        assert runtime.run("(pmap by-host (range 0 2))") == [0, 2]


class Late(threading.Event):
    """Keeps the thread that sets it for a moment, in which others go on."""

    def set(self) -> None:
        super().set()
        time.sleep(0.05)


def test_a_thread_gets_work_at_the_very_moment_at_which_it_has_none(strategy: str) -> None:
    with Runtime(strategy=strategy) as runtime:
        branches = runtime.machine.with_branches()
        branches._unwound = Late()
        assert runtime.run("(reduce + 0 (map (fn [n] (await (delegate-async n))) (range 0 8)))") == 28
        runtime.run("(do (await (delegate-async 1)) (pmap inc (range 0 4)))")
        no_branch_is_left()


def test_equal_calls_of_tickets_are_calls_to_a_budget_whatever_was_quicker(strategy: str) -> None:
    model = Waiting(lambda n: 20)
    with runtime_with(model, strategy, caches=True) as runtime:
        together = "(await-all [(delegate-async (ask 1)) (delegate-async (ask 1))])"
        spent = []
        for text in (together, together, "(pmap ask [2 2])", "(pmap ask [2 2])"):
            runtime.run(text)
            spent.append(runtime.budget.spent.calls)
        assert spent == [2, 4, 5, 6], "the second time, a cache answers"
        assert model.asked == [1, 2]


def test_prompts_end_with_their_ticket_and_with_the_time_of_the_run(strategy: str) -> None:
    model = Waiting(lambda n: 5_000.0)
    waits: list[float] = []
    complete = model.complete

    def noted(request: ModelRequest) -> ModelReply:
        waits.append(request.timeout_s)
        return complete(request)

    model.complete = noted  # type: ignore[method-assign]
    with runtime_with(model, strategy, allow=["ai.llm-execute"], limits=Limits(timeout_s=20)) as runtime:
        text = '(let [a (delegate-async (llm-execute "m" "x"))] (cancel a))'
        cancelled, seconds = took(lambda: runtime.run(text))
    assert cancelled is True
    assert seconds < 3
    assert model.interrupted == ["x"]
    assert 0 < waits[0] <= 20


def test_what_is_left_of_a_run_takes_nothing_from_the_next(strategy: str) -> None:
    answers, cleaning, go_on = threading.Event(), threading.Event(), threading.Event()
    model = Waiting(deaf=True)
    model.during = lambda n: answers.wait(20) if n == 1 else None

    def clean_up() -> None:
        cleaning.set()
        go_on.wait(20)

    with runtime_with(model, strategy, limits=Limits(max_depth=300)) as runtime:
        runtime.define("clean-up", clean_up)
        runtime.run("(defn deep [n x] (if (= n 0) (try (ask x) (finally (clean-up))) (str (deep (- n 1) x))))")
        runtime.run("(defn down [n] (if (= n 0) 0 (+ 1 (down (- n 1)))))")
        go_on.set()
        assert runtime.run("(race [(delegate-async (deep 150 1)) (delegate-async (deep 1 2))])") == "4"
        go_on.clear()
        cleaning.clear()
        answers.set()
        assert cleaning.wait(20)  # in a thread that nobody waits for any more
        threading.Timer(0.2, go_on.set).start()
        assert [runtime.run("(down 250)") for _ in range(2)] == [250, 250]


@pytest.mark.parametrize("delay_ms", [0, 5])
def test_a_loop_of_tickets_that_nobody_awaits_ends_with_its_budget(strategy: str, delay_ms: int) -> None:
    model = Waiting(lambda n: delay_ms)
    with runtime_with(model, strategy, max_in_flight=2) as runtime:
        with pytest.raises(LimitExceeded, match="5 of 5 calls"):
            runtime.run("(with-budget {:calls 5} (loop [n 0] (delegate-async (ask n)) (recur (inc n))))")
        assert len(model.asked) == 5
        assert runtime.run("(await (delegate-async (ask 9)))") == 18


def test_who_cleans_up_when_the_time_is_over_and_finds_no_place_outside_gives_up(strategy: str) -> None:
    model = Waiting(lambda n: 3_000)
    with runtime_with(model, strategy, max_in_flight=1, limits=Limits(timeout_s=0.2)) as runtime:
        with pytest.raises(LimitExceeded, match=r"more than 0\.2 seconds"):
            runtime.run("(do (delegate-async (ask 1)) (try (ask 3) (finally (ask 2))))")
        assert model.asked == [1]
