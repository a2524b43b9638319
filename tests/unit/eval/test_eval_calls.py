"""What an error of a call says of its place and its callers, and how evaluation meets its host."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from rtfs.config import STRATEGIES, Limits
from rtfs.errors import EvalError, LimitExceeded, RtfsError, ToolError
from rtfs.runtime import Runtime
from rtfs.source import Source

pytestmark = pytest.mark.parametrize("strategy", STRATEGIES)


def runtime(strategy: str, **options: Any) -> Runtime:
    return Runtime(strategy=strategy, models=None, environ={}, on_warning=lambda message, span: None, **options)


def failure(text: str, strategy: str, **options: Any) -> RtfsError:
    with pytest.raises(RtfsError) as caught:
        runtime(strategy, **options).run_source(Source("t.rtfs", text))
    return caught.value


@pytest.mark.parametrize(
    "text, place",
    [
        ('(+ 1 "a")', '"a"'),
        ("(+ 1 2 (str 3))", "(str 3)"),
        ("(inc 1 2)", "(inc 1 2)"),
        ("(5 6)", "(5 6)"),
        ("(defn f [x : int] x) (f :k)", ":k"),
        ("(defn g [x : int] x) (defn f [a] (g :k)) (f 1)", ":k"),
        ("(defn g [a b : int] b) (defn f [a] (if a (g 1 :k) 0)) (f 1)", ":k"),
        ("(defn g [a] a) (defn f [a] (g)) (f 1)", "(g)"),
        ("(defn f [n : int] (if (= n 0) 0 (f :k))) (f 1)", ":k"),
        ("(fn [n : int] n)((fn [n : int] (if (= n 0) 0 (recur :k))) 1)", ":k"),
        ("(loop [i : int 0] (if (= i 0) (recur :k) i))", ":k"),
        ("(let [x : int :k] x)", ":k"),
        ("(def x : int :k)", ":k"),
        ("(defn f [] : int :k) (f)", ":k"),
        ("(let [[a b] [1]] a)", "[a b]"),
        ("(map (fn [x] (+ x :k)) [1])", ":k"),
        ("(-> 1 (+ :k))", ":k"),
        ("(map inc [1 :k])", "(map inc [1 :k])"),
        ("(map (partial + 1) [:k])", "(map (partial + 1) [:k])"),
        ("(sort-by inc [:k])", "(sort-by inc [:k])"),
        ("(swap! (atom :k) inc)", "(swap! (atom :k) inc)"),
        ("(map (fn [x : int] x) [:k])", "(map (fn [x : int] x) [:k])"),
        ("(when true (+ 1 :k))", ":k"),
        ("(for [x 5] x)", "5"),
        ("(match 1 2 3)", "(match 1 2 3)"),
        ("(throw \"m\")", '(throw "m")'),
        ("nowhere", "nowhere"),
        ("(let [f nowhere] 1)", "nowhere"),
        ("(call :no.such)", "(call :no.such)"),
        ('(step "s" (inc :k))', ":k"),
        ("(reduce + 0 [1 :k])", "(reduce + 0 [1 :k])"),
    ],
)
def test_an_error_points_at_what_is_wrong(text: str, place: str, strategy: str) -> None:
    error = failure(text, strategy)
    assert error.span is not None
    assert error.span.text == place


def test_the_trace_names_the_calls_that_are_still_open(strategy: str) -> None:
    text = "(defn c [x] (+ x :k)) (defn b [x] (+ 1 (c x))) (defn a [x] (b x)) (+ 1 (a 1))"
    error = failure(text, strategy)
    frames = [(frame.name, frame.span.text if frame.span else None) for frame in error.trace]
    tail_called = ("b", "(b x)")  # in tail position: an evaluator may have given up its frame
    assert [frame for frame in frames if frame != tail_called] == [("c", "(c x)"), ("a", "(a 1)")]
    assert frames[1:-1] in ([], [tail_called])


def test_a_caught_error_keeps_place_and_trace_when_thrown_again(strategy: str) -> None:
    error = failure("(defn f [] (+ 1 (/ 1 0)))\n(try (+ 1 (f)) (catch e (throw e)))", strategy)
    assert error.span is not None
    assert error.span.text == "(/ 1 0)"
    assert [frame.name for frame in error.trace] == ["f"]


def test_a_host_function_may_call_back(strategy: str) -> None:
    rt = runtime(strategy)
    rt.define("twice", lambda f, x: f(f(x)))
    with pytest.raises(RtfsError):
        rt.run("(twice inc 1)")  # functions reach Python unconverted, as RTFS functions
    rt.define("again", lambda n: rt.run(f"(if (> {n} 0) (again (- {n} 1)) :end)"))
    assert rt.run("(again 10)") == "end"


def test_mutual_calls_of_host_and_program_are_limited(strategy: str) -> None:
    rt = runtime(strategy)
    rt.define("again", lambda n: rt.run(f"(again (+ {n} 1))"))
    with pytest.raises(LimitExceeded, match="call each other"):
        rt.run("(again 1)")
    assert rt.run("(+ 1 1)") == 2


def test_an_exception_of_the_host_is_an_error_of_the_program(strategy: str) -> None:
    rt = runtime(strategy)

    def broken() -> None:
        raise ValueError("no")

    rt.define("broken", broken)
    with pytest.raises(ToolError, match="ValueError: no"):
        rt.run("(broken)")
    assert rt.run("(try (broken) (catch ToolError e (:type e)))") == "tool-error"


def test_python_signals_pass_through_finally(strategy: str) -> None:
    rt = runtime(strategy)
    seen: list[int] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    rt.define("interrupt", interrupt)
    rt.define("note", seen.append)
    with pytest.raises(KeyboardInterrupt):
        rt.run("(try (interrupt) (catch e 1) (finally (note 1)))")
    assert seen == [1]
    assert rt.run("(+ 1 1)") == 2


def test_limits_are_per_run_and_cannot_be_caught(strategy: str) -> None:
    rt = runtime(strategy, limits=Limits(max_steps=1000, max_depth=100))
    for _ in range(3):
        with pytest.raises(LimitExceeded) as caught:
            rt.run("(try (loop [i 0] (recur i)) (catch e 1) (finally 2))")
        assert caught.value.kind == "steps-exhausted"
        assert rt.run("(dotimes [i 500] i)") == 499
    with pytest.raises(LimitExceeded) as caught:
        rt.run("(defn f [n] (+ 1 (f n))) (f 1)")
    assert caught.value.kind in ("stack-overflow", "steps-exhausted")


def test_the_time_limit_holds(strategy: str) -> None:
    rt = runtime(strategy, limits=Limits(timeout_s=0.2))
    begun = time.monotonic()
    with pytest.raises(LimitExceeded) as caught:
        rt.run("(loop [i 0] (recur (inc i)))")
    assert caught.value.kind == "time-exhausted"
    assert time.monotonic() - begun < 5


def test_depth_counts_are_restored_after_an_error(strategy: str) -> None:
    rt = runtime(strategy, limits=Limits(max_depth=50))
    rt.run("(defn deep [n] (if (= n 0) (throw \"bottom\") (+ 1 (deep (- n 1)))))")
    for _ in range(5):
        assert rt.run("(try (deep 40) (catch e :caught))") == "caught"
    assert rt.run("(loop [i 0] (if (< i 20) (do (try (deep 40) (catch e 1)) (recur (inc i))) :end))") == "end"


def test_two_runtimes_share_nothing(strategy: str) -> None:
    a, b = runtime(strategy), runtime(strategy)
    a.run("(def x 1) (defn inc [n] :mine) (defmacro m [] 1) (deftype T int) (kv/assoc! :k :a 1)")
    with pytest.raises(EvalError):
        b.run("x")
    assert b.run("(inc 1)") == 2
    assert b.run("(kv/assoc! :k :b 2)") == {"b": 2}
    with pytest.raises(RtfsError):
        b.run("(m)")


def test_runs_of_several_threads_do_not_mix(strategy: str) -> None:
    rt = runtime(strategy)
    rt.run("(defn count-up [n] (loop [i 0 acc []] (if (< i n) (recur (inc i) (conj acc i)) acc)))")
    results: list[Any] = []

    def work() -> None:
        results.append(rt.run("(count (count-up 2000))"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [2000] * 4


def test_redefining_a_built_in_reaches_the_program_and_not_the_library(strategy: str) -> None:
    rt = runtime(strategy)
    assert rt.run("(defn first [x] :mine) [(first [1]) (ffirst [[5]]) (second [1 2])]") == ["mine", 5, 2]


def test_a_closure_outlives_its_run(strategy: str) -> None:
    rt = runtime(strategy)
    rt.run("(defn make [] (let [n 0] (fn [] (set! n (+ n 1)))))")
    rt.run("(def tick (make))")
    tick = rt.function("tick")
    assert [tick(), tick(), rt.run("(tick)")] == [1, 2, 3]
