"""The checker on programs that are meant to be too much for it: an answer or a clear error, in reasonable time, and no traceback."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from rtfs.errors import RtfsError
from rtfs.runtime import Runtime
from rtfs.source import Source


def _nested(start: str, middle: str, end: str, depth: int) -> str:
    return start * depth + middle + end * depth


def _many(template: str, count: int, glue: str = " ") -> str:
    return glue.join(template.format(i=i, next=i + 1) for i in range(count))


_LIST = "(deftype L [:union nil [:map [:next L] [:v int]]]) (defn f [x : L] 1) (f "
PROGRAMS = {
    "calls": _nested("(inc ", "1", ")", 10_000),
    "ifs": _nested("(if (> 1 0) 1 ", "2", ")", 5_000),
    "vectors": _nested("[", "1", "]", 10_000),
    "maps": _nested("{:a ", "1", "}", 10_000),
    "functions in functions": _nested("(fn [x] ", "1", ")", 1_000),
    "loops": _nested("(loop [i 0] (if (< i 2) (recur (inc i)) ", "1", "))", 200),
    "maps of functions": _nested("(map (fn [x] ", "1", ") [1 2])", 200),
    "matches": _nested("(match 1 2 3 _ ", "1", ")", 1_000),
    "handlers": _nested("(try ", "1", " (catch e 2))", 1_000),
    "a long literal": f"(count [{_many('{i}', 100_000)}])",
    "a long map": f"(count {{{_many(':k{i} {i}', 50_000)}}})",
    "many functions": _many("(defn f{i} [x :int] :-> :int (+ x (f{next} x)))", 3_000, "\n"),
    "pairs of pairs": f"(let [x0 1 {_many('x{next} [x{i} x{i}]', 200)}] (count x200))",
    "maps of maps": f"(let [x0 1 {_many('x{next} {{:a x{i} :b x{i}}}', 200)}] (count x200))",
    "choices of choices": f"(defn f [c] (let [x0 1 {_many('x{next} (if c x{i} [x{i}])', 60)}] x60))",
    "many records": f"(deftype E [:union {_many('[:map [:kind [:val :k{i}]]]', 60)}]) (defn f [e : E] (match e {_many('{{:kind :k{i}}} {i}', 60)}))",
    "a type of itself": "(deftype A A) (defn f [x : A] (inc x)) (f 1)",
    "a union of itself": '(deftype A [:union A int]) (defn f [x : A] (match x 1 2 3 4)) (f "a")',
    "an intersection of itself": "(deftype A [:and A [:map [:x A]]]) (defn f [x : A] (:x (:x x))) (f {:x 1})",
    "a tuple of itself": "(deftype A [:tuple A A]) (defn f [x : A] (first x)) (f [[1 2] 3])",
    "a deep literal of a recursive type": _LIST + _nested("{:v (inc 1) :next ", "nil", "}", 300) + ")",
    "everybody calls everybody": _many("(defn g{i} [x] (if x (g{next} x) [(g0 x) (g{next} x)]))", 300, "\n"),
    "delegation through many": '(defn ^:delegation :remote "m" f0 [q :string] :-> :string "") '
    + _many("(defn f{next} [x] (f{i} (str x)))", 300, "\n")
    + '(f300 (http-fetch "x"))',
    "an endless macro": "(defmacro m [x] `(m (inc ~x))) (m 1)",
    "unclosed": "(let [" * 10_000,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_there_is_an_answer(name: str) -> None:
    began = time.process_time()
    with suppress(RtfsError):  # "nested too deeply", "macros make too much": anything else is a bug
        Runtime(strategy="tree", models=None).check(Source(name, PROGRAMS[name]))
    assert time.process_time() - began < 10


def test_time_grows_with_the_text_and_not_faster() -> None:
    def seconds(count: int) -> float:
        text = _many("(defn f{i} [x : [:union :int :string]] (match x n when (int? n) (inc n) s (str s (f{next} x))))", count, "\n")
        times = []
        for _ in range(3):
            began = time.process_time()
            Runtime(strategy="tree", models=None).check(Source("f", text))
            times.append(time.process_time() - began)
        return min(times)

    assert seconds(800) < 30 * max(seconds(100), 0.01)
