"""Constant folding and dead code against the tree evaluator: the built-ins of the library with operands of every kind."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtfs.semantics.builtins.index import TOPICS
from tests.differential.test_evaluators import check

#: Operands as they are written: numbers at the edges of their kinds, texts, collections, nested and empty ones.
LITERALS = [
    "0", "1", "-1", "2", "7", "-7", "255", "4611686018427387904", "-9223372036854775809", "1" + "0" * 90,
    "0.0", "-0.0", "1.5", "-2.5", "3.0", "1e308", "-1e308", "5e-324", "##NaN", "##Inf", "##-Inf",
    '""', '"a"', '"ab c"', '"12"', '"-1.5"', '"\\u00e9\\n"', "nil", "true", "false", ":k", ":a/b",
    "[]", "[1]", "[1 2.0 nil]", '["a" ["b"]]', "[3 1 2]", "{}", "{:k 1}", '{:k {:j [1]} "s" -0.0}', "'(1 2)", "()", "{1 2 true 3 1.0 4}",
]  # fmt: skip
NAMES = sorted(name for name, topic in TOPICS.items() if topic != "json")

_literals = st.sampled_from(LITERALS)
_calls: Any = st.recursive(
    _literals,
    lambda e: st.one_of(
        st.tuples(st.sampled_from(NAMES), st.lists(e, min_size=1, max_size=3)).map(lambda t: f"({t[0]} {' '.join(t[1])})"),
        st.tuples(st.sampled_from(["and", "or"]), st.lists(e, min_size=2, max_size=4)).map(lambda t: f"({t[0]} {' '.join(t[1])})"),
        st.tuples(e, e, e).map(lambda t: f"(if {t[0]} {t[1]} {t[2]})"),
        st.tuples(e, e, e).map(lambda t: f"(if (not {t[0]}) {t[1]} {t[2]})"),
        st.tuples(e, e).map(lambda t: f"(let [x {t[0]} y x] [x y {t[1]} (= x y)])"),
        st.tuples(e, e).map(lambda t: f"((fn [x] (if (and x {t[0]}) [x] {t[1]})) {t[1]})"),
        st.tuples(e, st.sampled_from([":k", ":j"])).map(lambda t: f"({t[1]} {t[0]})"),
        st.lists(e, min_size=1, max_size=3).map(lambda items: f"[{' '.join(items)}]"),
        e.map(lambda x: f"{{:k {x}}}"),
        e.map(lambda x: f"(do (println {x}) {x})"),
    ),
    max_leaves=8,
)


@given(_calls)
@example("(- 0.0)")
@example("[(* -1 0.0) (+ 0 -0.0) (/ 6 4) (/ 6 3) (quot -7 2) (mod -7 2) (max 1 1.0 ##NaN)]")
@example("(* 4611686018427387904 4611686018427387904 10000000000000000000000)")
@example("(let [x (/ 1 0)] 5)")
@example("(if (not (not nil)) 1 2)")
@example("(+ 1 (if true nil 2))")
@example("(for [x (if true 5 nil)] x)")
@example("(dotimes [i (do 1 :a)] i)")
@example("((fn f [n] (if (= n 0) n (f (if true (- n 1) 0)))) 3)")
def test_constants_are_folded_to_what_the_program_would_compute(text: str) -> None:
    check(text)


def _tried(calls: list[str]) -> str:
    return " ".join(["[", *[f"(try {call} (catch e (:message e)))" for call in calls], "]"])


@pytest.mark.parametrize("name", NAMES)
def test_every_builtin_with_constants(name: str) -> None:
    calls = [f"({name} {a})" for a in LITERALS[::2]]
    calls += [f"({name} {a} {b})" for a, b in zip(LITERALS[::4], LITERALS[1::4], strict=False)]
    check(_tried(calls))


@pytest.mark.parametrize("name", NAMES)
def test_dropping_a_call_keeps_its_errors(name: str) -> None:
    """Calls whose values are not used, of variables of known and unknown kinds."""
    shapes = [
        f"(do ({name} a) :end)",
        f"(do ({name} a b) :end)",
        f"(let [unused ({name} b a)] :end)",
        f"(do [(vector ({name} a)) {{:k ({name} a b)}}] (if ({name} b) nil nil) :end)",
        f"(loop [i 0 s 0.5] (do ({name} i 7) ({name} s i) ({name} i) ({name} s s) (if (< i 1) (recur (+ i 1) (+ s s)) :end)))",
        f"(loop [i 0 n -5] (do ({name} n 3) ({name} n 0) (if (< i 1) (recur (+ i 1) (* n 7)) :end)))",
        f"(dotimes [i 2] (do ({name} (count [i])) ({name} (str i) i) i))",
    ]
    functions = " ".join(f"(fn [a b] {shape})" for shape in shapes)
    values = '[1 -2 2.5 "s" nil :k [1 2] {:k 1} true]'
    check(f"(for [f [{functions}] a {values} b {values}] (try (f a b) (catch e (:message e))))")


@pytest.mark.parametrize(
    "text",
    [
        "(do (/ 1 0) 5)",
        "(do [(println 1) (throw :x) (println 2)] 5)",
        "(let [x (println :effect)] 1)",
        "(let [f (fn [] (f)) g (fn [] (h)) h (fn [] (g))] 1)",
        "(do (letrec [a (fn [] b) b 2] a) 1)",
        "(do unknown 1)",
        "(do (let [x 1] (set! x (println 5))) 2)",
        "(letrec [a (do a 1)] a)",
        "(do (fn [x : int] x) 1)",
        "((fn self [n] (if (= n 0) :end (self (- n 1)))) 9)",
        "(reduce (fn [a x] x) 0 [1 2 3])",
        "(do (reduce (fn [a x] (+ a x)) 0 [1 :a]) 1)",
        "(do (map (fn [x] (println x) x) [1 2]) 1)",
        "(loop [f (fn [] 1) i 0] (if (< i 1) (recur (fn [] 2) (inc i)) (f)))",
        "(loop [x 5 y 1] (if (> x 7) [x y] (recur (+ x 1) x)))",
        "((fn [x] (let [y x] (set! x 9) [x y])) 1)",
        "((fn f [x] (let [y x] (if (> x 2) (map (fn [g] (g)) [(fn [] y)]) (f (+ x 1))))) 0)",
        "(map (fn [f] (f)) (for [x [1 2 3]] (let [y x z y] (fn [] z))))",
        "(do (def - +) (- 5 3))",
        "(defn f [] (if (not true) (+ 1 2) (* 2 3))) (def a (f)) (def not (fn [x] x)) (def * -) [a (f)]",
        "(defn f [] (do (= 1 (count [])) (nil? 5) :a)) (def a (f)) (def nil? (fn [x] (println x))) [a (f)]",
        "(let [k :a m {:a 1}] [(k m) (k {:a 2}) (k nil)])",
        "(let [x 5] (x 1))",
        '(+ 1 (do (println "a") (let [z 2] nil)))',
        "(if (do (println 1) true) (println 2) (println 3))",
        "(and (println 1) true (println 2))",
        "(or false (do (println 1) nil) 5 (println 2))",
    ],
)
def test_programs(text: str) -> None:
    check(text)
