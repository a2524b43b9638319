"""Errors on their way out of deep programs: time in proportion to the depth, the same places and calls, and no frames held."""

from __future__ import annotations

import gc
import time

import pytest

from rtfs.config import STRATEGIES
from rtfs.errors import RtfsError
from rtfs.runtime import Runtime
from rtfs.source import Source

pytestmark = pytest.mark.parametrize("strategy", STRATEGIES)

#: Functions of a depth, in which errors meet handlers at each level.
DEEP = {
    "recursion in a handler": '(defn f [n] (if (= n 0) 0 (try (throw "a") (catch e (+ 1 (f (- n 1)))))))',
    "thrown again": '(defn f [n] (if (= n 0) (throw "a") (try (f (- n 1)) (catch e (throw e)))))',
    "another thrown": '(defn f [n] (if (= n 0) (throw "a") (try (f (- n 1)) (catch e (throw {:a n})))))',
    "no handler fits": '(defn f [n] (if (= n 0) (throw "a") (+ 1 (try (f (- n 1)) (catch DivisionByZero e 1)))))',
    "finally": '(defn f [n] (if (= n 0) (throw "a") (+ 1 (try (f (- n 1)) (finally 1)))))',
    "recursion in finally": '(defn f [n] (if (= n 0) 1 (try (try (throw "a") (finally (f (- n 1)))) (catch e 1))))',
    "steps": '(defn f [n] (if (= n 0) (throw "a") (step "s" (f (- n 1)))))',
    "resources": '(defn f [n] (if (= n 0) (throw "a") (with-resource [r :map {}] (f (- n 1)))))',
    "recursion in a release": "(defn f [n] (if (= n 0) 0 (try (with-resource [r :map {:on-close (fn [] (f (- n 1)))}] (throw n)) (catch e 1))))",
    "through map": '(defn f [n] (if (= n 0) (throw "a") (first (map (fn [i] (try (f i) (catch :b e 1))) [(- n 1)]))))',
    "two handlers": '(defn f [n] (if (= n 0) 0 (+ (try (throw "a") (catch e (f (- n 1)))) (try (throw "b") (catch e 1)))))',
}


def seconds(text: str, depth: int, strategy: str) -> float:
    runtime = Runtime(strategy=strategy, models=None)
    runtime.run(text)
    function = runtime.function("f")
    best = 1e9
    for _ in range(3):
        gc.collect()
        gc.disable()
        begun = time.process_time()
        try:
            function(depth)
        except RtfsError:
            pass
        best = min(best, time.process_time() - begun)
        gc.enable()
    return best


@pytest.mark.parametrize("name", DEEP)
def test_four_times_as_deep_takes_about_four_times_as_long(name: str, strategy: str) -> None:
    """Quadratic time would be sixteen times."""
    assert seconds(DEEP[name], 6000, strategy) < 9 * seconds(DEEP[name], 1500, strategy)


def failure(text: str, strategy: str) -> RtfsError:
    with pytest.raises(RtfsError) as caught:
        Runtime(strategy=strategy, models=None).run_source(Source("t.rtfs", text))
    return caught.value


@pytest.mark.parametrize(
    ("text", "place", "calls"),
    [
        ("(defn g [x] (+ x :k)) (defn f [x] (+ 1 (g x))) (+ 1 (f 1))", ":k", ["g", "f"]),
        ("(defn g [x] (+ x :k)) (defn f [x] (try (+ 1 (g x)) (catch DivisionByZero e 1))) (+ 1 (f 1))", ":k", ["g", "f"]),
        ("(defn g [x] (+ x :k)) (defn f [x] (try (+ 1 (g x)) (finally 1))) (+ 1 (f 1))", ":k", ["g", "f"]),
        ("(defn g [x] (+ x :k)) (defn f [x] (try (+ 1 (g x)) (catch e (throw e)))) (+ 1 (f 1))", ":k", ["g", "f"]),
        ('(defn g [x] (throw "a")) (defn f [x] (try (+ 1 (g x)) (catch e (throw "b")))) (+ 1 (f 1))', '(throw "b")', ["f"]),
        ('(defn g [x] (+ x :k)) (defn f [x] (step "s" (+ 1 (g x)))) (+ 1 (f 1))', ":k", ["g", "f"]),
        (
            "(defn h [x] (+ x :k)) (defn g [x] (try (+ 1 (h x)) (catch :no e 1))) (defn f [x] (try (+ 1 (g x)) (catch :no e 1))) (+ 1 (f 1))",
            ":k",
            ["h", "g", "f"],
        ),
    ],
)
def test_handlers_on_the_way_leave_place_and_calls_as_they_are(text: str, place: str, calls: list[str], strategy: str) -> None:
    error = failure(text, strategy)
    assert error.span is not None
    assert error.span.source.text[error.span.start : error.span.end] == place
    assert [frame.name for frame in error.trace] == calls


def test_the_calls_of_a_deep_error_are_the_innermost(strategy: str) -> None:
    text = '(defn g [n] (if (= n 0) (throw "a") (+ 1 (g (- n 1))))) (defn f [n] (if (= n 0) (g 3) (+ 1 (f (- n 1))))) (f {})'
    for depth in (100, 5000):
        names = [frame.name for frame in failure(text.format(depth), strategy).trace]
        assert names[:3] == ["g"] * 3
        assert set(names[5:]) == {"f"}
        assert min(200, depth + 4) <= len(names) <= 200


def test_an_error_that_a_program_keeps_holds_no_frames(strategy: str) -> None:
    runtime = Runtime(strategy=strategy, models=None)
    value = runtime.run("(defn f [n] (if (= n 0) (+ 1 :k) (+ 1 (f (- n 1))))) (try (f 10) (catch e e))", raw=True)
    assert value.error.__traceback__ is None
    assert value.error.__context__ is None
    assert len(value.error.trace) == 11
    runtime.namespace.define("kept", value)
    with pytest.raises(RtfsError) as caught:
        runtime.run("(defn again [] (throw kept)) (+ 1 (again))")
    assert caught.value is value.error
    assert [frame.name for frame in caught.value.trace[10:]] == ["f", "again"]
