"""Limits hold in every form, in both evaluators and at every level of optimisation, and a program cannot catch them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import pytest

from rtfs.config import Limits
from rtfs.errors import LimitExceeded, RtfsError
from rtfs.eval.compiled import CompiledEvaluator
from rtfs.eval.treewalk import TreeWalker
from rtfs.runtime import Runtime

EVALUATORS: dict[str, Callable[[Any, Any], Any]] = {
    "tree": TreeWalker,
    "none": lambda machine, namespace: CompiledEvaluator(machine, namespace, "none"),
    "aggressive": CompiledEvaluator,
}
evaluators = pytest.mark.parametrize("evaluator", EVALUATORS)


def runtime(evaluator: str, **limits: Any) -> Runtime:
    strategy = "tree" if evaluator == "tree" else "ir"
    made = Runtime(strategy=strategy, models=None, environ={}, limits=Limits(**limits), on_warning=lambda message, span: None)
    made._evaluator = lambda namespace: EVALUATORS[evaluator](made.machine, namespace)  # type: ignore[method-assign]
    return made


def limit_of(made: Runtime, text: str) -> LimitExceeded:
    with pytest.raises(LimitExceeded) as caught:
        made.run(text)
    assert made.machine.depth == 0
    return caught.value


#: Work without end, or almost, each in one way only.
ENDLESS = {
    "loop": "(loop [i 0] (recur (+ i 1)))",
    "loop with closures": "(loop [i 0] ((fn [] i)) (recur (+ i 1)))",
    "loop along a list": "(loop [xs [1 2 3]] (if (empty? xs) (recur [1 2 3]) (recur (rest xs))))",
    "recur": "((fn [n] (recur n)) 1)",
    "tail call of itself": "(defn f [n] (f (+ n 1))) (f 1)",
    "integers": "(defn f [n] (if (< n 0) n (f (- (+ n 1) 0)))) (f 1)",
    "tail calls of each other": "(defn f [n] (g n)) (defn g [n] (f n)) (f 1)",
    "local functions": "(letrec [f (fn [n] (g n)) g (fn [n] (f n))] (f 1))",
    "for": "(for [x (range 1000000) y (range 1000000)] 1)",
    "doseq": "(doseq [x (range 5000000)] x)",
    "guards of for": "(for [x (range 3000000) :when (< x 0)] x)",
    "dotimes": "(dotimes [i 1000000000] i)",
    "map": "(map (fn [x] (* x x)) (range 1000000))",
    "map of a value": "(def f (fn [x] x)) (map f (range 1000000))",
    "map of a built-in": "(def f inc) (map f (range 1000000))",
    "filter": "(filter even? (range 1000000))",
    "reduce": "(reduce + 0 (range 3000000))",
    "pipeline": "(reduce + 0 (map (fn [x] (* x 2)) (filter even? (range 3000000))))",
    "sort": "(sort (fn [a b] (< a b)) (range 300000))",
    "update": "(def a (atom 0)) (loop [] (swap! a inc) (recur))",
    "calls": "(defn f [n] (if (< n 2) n (+ (f (- n 1)) (f (- n 2))))) (f 60)",
    "numbers": "(defn f [n : int] : int (if (< n 2) n (+ (f (- n 1)) (f (- n 2))))) (f 60)",
    "calls of many operands": "(defn f [a b c d e & r] (f 1 2 3 4 5 6)) (f 1 2 3 4 5)",
    "calls of calls": "(defn f [g] (g g)) (f f)",
    "step-loop": "(loop [] (let [i (atom 0)] (step-loop (< (deref i) 100) (swap! i inc))) (recur))",
    "match": "(defn f [v] (match v [a & r] (f r) [] (f [1 2]))) (f [])",
    "partial": "(loop [f inc i 0] (f 1) (recur (partial inc) (+ i 1)))",
    "keywords": "(loop [m {:a 1}] (recur (assoc m :a (:a m))))",
    "macro": "(defmacro m [] (loop [] (recur))) (m)",
    "struct": "(defstruct p :x int) (loop [] (p {:x 1}) (recur))",
}

#: Ways to hold on to a program that meets a limit.
WRAPPED = {
    "bare": "{0}",
    "catch": "(try {0} (catch e 1))",
    "catch of every name": "(try {0} (catch LimitExceeded e 1) (catch Exception e 2) (catch :any e 3) (catch e 4))",
    "finally": "(try {0} (finally (loop [] (recur))))",
    "catch and finally": "(try (try {0} (catch e 1)) (catch e 2) (finally 3))",
    "parallel": "(parallel [a (try {0} (catch e 1))] [b 2])",
    "step": '(try (step "s" {0}) (catch e 1))',
    "resource": "(with-resource [r :map {{:on-close (fn [] (loop [] (recur)))}}] (try {0} (catch e 1)))",
    "inside map": "(map (fn [x] (try {0} (catch e 1))) [1 2 3])",
    "inside sort-by": "(sort-by (fn [x] (try {0} (catch e 1))) [1 2 3])",
    "inside a loop": "(loop [i 0] (if (< i 3) (do (try {0} (catch e 1)) (recur (+ i 1))) i))",
}


def placed(wrapper: str, text: str) -> str:
    """The last form of a text inside a wrapper, the definitions before it."""
    start = text.rfind(" (", 0, len(text)) if text.startswith("(def") else -1
    depth, start = 0, len(text)
    for i in range(len(text) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[i], 0)
        if not depth:
            start = i
            break
    return text[:start] + wrapper.format(text[start:])


@evaluators
@pytest.mark.parametrize("name", ENDLESS)
def test_steps_and_time_end_every_kind_of_work(name: str, evaluator: str) -> None:
    kinds = {"steps-exhausted"} | ({"macro-error"} if name == "macro" else set())
    assert limit_of(runtime(evaluator, max_steps=20_000), ENDLESS[name]).kind in kinds
    assert limit_of(runtime(evaluator, max_steps=20_000, timeout_s=1e6, max_memory_bytes=10**12), ENDLESS[name]).kind in kinds
    if "range" in ENDLESS[name] and name != "for":
        return  # it ends after all
    begun = time.monotonic()
    assert limit_of(runtime(evaluator, timeout_s=0.05), ENDLESS[name]).kind in ("time-exhausted", "macro-error")
    assert time.monotonic() - begun < 5


@evaluators
@pytest.mark.parametrize("wrapper", WRAPPED)
@pytest.mark.parametrize("name", ["loop", "calls", "pipeline", "for", "tail calls of each other"])
def test_no_form_keeps_a_limit_from_ending_the_run(name: str, wrapper: str, evaluator: str) -> None:
    text = placed(WRAPPED[wrapper], ENDLESS[name])
    assert limit_of(runtime(evaluator, max_steps=20_000), text).kind == "steps-exhausted"
    assert limit_of(runtime(evaluator, timeout_s=0.03), text).kind == "time-exhausted"


@evaluators
@pytest.mark.parametrize(
    "text",
    [
        "(loop [i 0] (tap) (recur (+ i 1)))",
        "(defn f [n] (tap) (f (+ n 1))) (f 0)",
        "(defn f [n] (tap) (+ 1 (f (+ n 1)))) (f 0)",
        "(doseq [x (range 100000)] (tap))",
        "(doseq [x (range 1000) y (range 100)] (tap))",
        "(loop [] (dotimes [i 7] (tap)) (recur))",
        "(reduce (fn [a x] (tap) (+ a x)) 0 (range 100000))",
        "(loop [] (doseq [x []] 1) (for [x [1 2 3]] (tap)) (recur))",
        "(loop [] (try (throw 1) (catch e (tap))) (recur))",
        "(defn g [x] (tap) x) (loop [] (map g [1 2 3]) (recur))",
    ],
)
def test_the_same_program_stops_at_the_same_step(text: str, evaluator: str) -> None:
    """With and without a clock, which settles how often limits are looked at; and a look is no step."""

    def taps(**limits: Any) -> int:
        made = runtime(evaluator, max_steps=4_000, **limits)
        seen = []
        made.define("tap", lambda: seen.append(1))
        assert limit_of(made, text).kind == "steps-exhausted"
        assert made.machine.fuel.steps == 4_000
        return len(seen)

    expected = taps()
    assert 100 < expected <= 4_000
    for limits in ({}, {"timeout_s": 60}, {"timeout_s": 60, "max_memory_bytes": 10**12}, {"timeout_s": 60}):
        assert taps(**limits) == expected


@evaluators
def test_a_run_that_needs_as_many_steps_as_it_has_comes_to_its_end(evaluator: str) -> None:
    made = runtime(evaluator, max_steps=10**9)
    text = "(reduce + 0 (for [x (range 50)] (loop [i 0] (if (< i x) (recur (+ i 1)) i))))"
    assert made.run(text) == 1225
    needed = made.machine.fuel.steps
    assert needed >= 1225
    assert runtime(evaluator, max_steps=needed).run(text) == 1225
    assert limit_of(runtime(evaluator, max_steps=needed - 1), text).kind == "steps-exhausted"


@evaluators
def test_a_host_that_calls_back_cannot_forgive_a_limit(evaluator: str) -> None:
    made = runtime(evaluator, max_steps=5_000)
    made.run("(defn endless [] (loop [] (recur)))")
    endless = made.function("endless")
    forgiven = []

    def forgive() -> None:
        try:
            endless()
        except RtfsError as error:
            forgiven.append(error.kind)

    made.define("forgive", forgive)
    for text in (
        "(do (forgive) (loop [i 0] (if (< i 5) (recur (+ i 1)) i)))",
        "(loop [i 0] (forgive) (recur (+ i 1)))",
        "(do (doseq [x [1 2 3]] (forgive)) :after)",
        "(do (dotimes [i 3] (forgive)) :after)",
        "(do (map (fn [x] (forgive)) [1 2 3]) :after)",
        "(do (try (for [x [1 2 3]] (forgive)) (catch e 1)) :after)",
    ):
        forgiven.clear()
        assert limit_of(made, text).kind == "steps-exhausted"
        assert forgiven == ["steps-exhausted"], text


@evaluators
def test_a_small_limit_of_depth_is_kept_exactly(evaluator: str) -> None:
    made = runtime(evaluator, max_depth=60)
    made.run("(defn deep [n] (if (= n 0) 0 (+ 1 (deep (- n 1)))))")
    made.run("(defn two [n] (if (= n 0) 0 (+ 1 (other n)))) (defn other [n] (if true (+ 1 (two (- n 1))) 0))")
    made.run("(defn floats [x : float] : float (if (< x 0.5) 0.0 (+ 1.0 (floats (- x 1.0)))))")
    for _ in range(3):
        assert made.run("(deep 55)") == 55
        assert made.run("(two 27)") == 54
        assert made.run("(floats 55.0)") == 55.0
        for text in ("(deep 65)", "(two 60)", "(floats 65.0)"):
            error = limit_of(made, text)
            assert error.message == "calls are nested more than 60 deep"


@evaluators
@pytest.mark.parametrize(
    "text",
    [
        "(try (deep 50) (catch e 1))",
        "(try (try (deep 50) (finally 1)) (catch e 1))",
        "(try (with-resource [r :map {}] (deep 50)) (catch e 1))",
        '(try (step "s" (deep 50)) (catch e 1))',
        "(try (map (fn [x] (deep 49)) [1]) (catch e 1))",
        "(try (reduce + 0 (map (fn [x] (deep 49)) (filter even? [2]))) (catch e 1))",
        "(try (throw 1) (catch e (try (deep 50) (catch f 1))))",
        "(try (tail 50) (catch e 1))",
        "(try ((fn [x] (deep 49)) 1) (catch e 1))",
        "(f)",
    ],
)
def test_an_error_gives_back_the_depth_that_it_came_through(text: str, evaluator: str) -> None:
    made = runtime(evaluator, max_depth=60)
    made.run('(defn deep [n] (if (= n 0) (throw "bottom") (+ 1 (deep (- n 1)))))')
    made.run("(defn tail [n] (deep n)) (defn f [] (try (deep 45) (catch e 1) (finally (try (deep 45) (catch e 2)))))")
    made.run(f"(defn again [n] (if (= n 0) :end (do {text} (again (- n 1)))))")
    assert made.run("(again 50)") == "end"
    assert made.run(f"(loop [i 0] (if (< i 50) (do {text} (recur (+ i 1))) :end))") == "end"


@evaluators
def test_clean_up_at_the_limit_of_depth_has_a_little_room(evaluator: str) -> None:
    made = runtime(evaluator, max_depth=200)
    seen: list[int] = []
    made.define("note", seen.append)
    made.run("(defn down [n] (if (= n 0) (note 1) (+ 0 (down (- n 1)))))")
    made.run("(defn f [n] (+ 1 (f n)))")
    assert limit_of(made, "(try (f 1) (finally (down 10)))").kind == "stack-overflow"
    assert seen == [1]
    assert limit_of(made, "(try (f 1) (finally (down 150)))").kind == "stack-overflow"
    assert seen == [1]


@pytest.mark.parametrize("evaluator", ["tree", "aggressive"])
def test_a_hundred_thousand_calls_deep(evaluator: str) -> None:
    made = runtime(evaluator)
    made.run("(defn deep [n] (if (= n 0) 0 (+ 1 (deep (- n 1)))))")
    assert made.run("(deep 99000)") == 99_000
    assert limit_of(made, "(defn f [n] (+ 1 (f n))) (f 1)").message == "calls are nested more than 100,000 deep"


def test_a_limited_run_costs_at_most_half_as_much_again() -> None:
    """Geometric mean over loops, calls, pipelines and matching, of the least of several times each."""
    programs = [
        "(defn main [] (fib 15)) (defn fib [n] (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))",
        "(defn main [] (loop [i 0 sum 0] (if (< i 20000) (recur (inc i) (+ sum i)) sum)))",
        "(defn main [] (reduce + 0 (map (fn [x] (* x x)) (filter even? (range 10000)))))",
        "(defn main [] (count (for [x (range 60) y (range 60) :when (even? x)] (+ x y))))",
        "(defn area [s] (match s {:w w :h h} (* w h) [:square n] (* n n) _ 0))"
        " (defn main [] (reduce + 0 (map area (flatten-1 500)))) (defn flatten-1 [n] (map (fn [i] [:square i]) (range n)))",
        "(defn step-of [f xs] (map f xs)) (defn main [] (count (step-of inc (range 3000))))",
    ]
    product = 1.0
    for text in programs:
        calls = []
        for limits in ({}, {"max_steps": 10**12, "timeout_s": 1e6}):
            made = runtime("aggressive", **limits)
            made.run(text)
            calls.append(made.function("main"))
        assert calls[0]() == calls[1]()
        best = [1e9, 1e9]
        gc.disable()
        try:
            for _ in range(15):
                for i, call in enumerate(calls):
                    begun = time.process_time()
                    call()
                    best[i] = min(best[i], time.process_time() - begun)
        finally:
            gc.enable()
        product *= best[1] / best[0]
    assert product ** (1 / len(programs)) < 1.5
