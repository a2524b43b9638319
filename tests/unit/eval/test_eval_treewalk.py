"""Where the tree evaluator keeps variables and how it calls: what a program could notice of it."""

from __future__ import annotations

import pytest

from rtfs.config import Limits
from rtfs.errors import EvalError, LimitExceeded
from rtfs.runtime import Runtime
from rtfs.values.printing import to_readable


def value(text: str, **options: object) -> str:
    return to_readable(Runtime(strategy="tree", models=None, **options).run(text, raw=True))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # every turn of a loop has variables of its own where a function keeps them
        ("((fn [] (map (fn [f] (f)) (for [x [1 2 3]] (fn [] x)))))", "[1 2 3]"),
        ("((fn [] (map (fn [f] (f)) (for [x [1 2 3] :let [y (* x x)]] (fn [] y)))))", "[1 4 9]"),
        ("((fn [] (loop [n 0 out []] (if (= n 3) (map (fn [f] (f)) out) (recur (inc n) (conj out (fn [] n)))))))", "[0 1 2]"),
        ("((fn [] (loop [n 0 out []] (let [m n] (if (= n 3) (map (fn [f] (f)) out) (recur (inc n) (conj out (fn [] m))))))))", "[0 1 2]"),
        ("((fn [n out] (if (= n 3) (map (fn [f] (f)) out) (recur (inc n) (conj out (fn [] n))))) 0 [])", "[0 1 2]"),
        # and where none does, the variables of the function serve
        ("((fn [x] (+ (let [y (* x 2)] y) (let [y (* x 3)] y) (match [x 1] [a b] (- a b)))) 5)", "29"),
        ("((fn [x] (let [x (+ x 1)] (let [x (* x 2)] x))) 5)", "12"),
        ("((fn [n] (let [below (if (= n 0) 0 (recur-free (dec n)))] (+ below n))) 0)", "0"),
        ("(defn down [n] (let [below (if (= n 0) 0 (down (dec n)))] (+ below n))) (down 4)", "10"),
        # all values of `recur` are known before any variable changes
        ("((fn [] (loop [a 1 b 2 n 0] (if (= n 3) [a b] (recur b a (inc n))))))", "[2 1]"),
        ("((fn [a b] (if (> a 5) [a b] (recur b (+ a b)))) 1 1)", "[8 13]"),
        ("((fn [] (loop [a 1 b 2] (if (> a 5) [a b] (recur (+ a b) a)))))", "[7 4]"),
        ("((fn [n] (loop [i 0 sum 0] (if (= i n) sum (recur (inc i) (loop [j 0 s sum] (if (= j i) s (recur (inc j) (inc s)))))))) 4)", "6"),
        # a definition in a body has no value yet in every call and every turn
        ("((fn [] (dotimes [i 2] (if (= i 1) (try @missing-later (catch e :none)) nil) (def missing-later 1))))", "1"),
        # an operand is what the variable holds at its turn
        ("((fn [x] (- x (set! x 10) x)) 3)", "-17"),
    ],
)
def test_variables(text: str, expected: str) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(defn f [x] (+ x 1)) [(f 1) (do (def + (fn [a b] (* a 100))) (f 2)) (do (def + -) (f 3))]", "[2 200 2]"),
        ("(defn f [x] (inc x)) [(f 1) (do (def inc :key) (f {:key 2})) (do (def inc (fn [x] [x])) (f 3))]", "[2 2 [3]]"),
        ("(defn f [x] [(+ x 1)]) [(f 1) (do (def + (fn [a & more] more)) (f 2))]", "[[2] [(1)]]"),
        ("(defn g [x] x) (defn f [x] [(g x)]) [(f 1) (do (def g inc) (f 2)) (do (def g :k) (f {:k 3}))]", "[[1] [3] [3]]"),
        ("(defn g [x y] x) (defn f [x] [(g x 7)]) [(f 1) (do (def g +) (f 2)) (do (def g :k) (f {:k 3}))]", "[[1] [9] [3]]"),
        # an operand may redefine what is called: the function was looked up before
        ("(defn f [x] [(+ x (do (set! + -) 1))]) [(f 5) (f 5)]", "[[6] [4]]"),
        ("(defn g [x y] :old) (defn f [] [(g 1 (do (set! g (fn [x y] :new)) 1))]) [(f) (f)]", "[[:old] [:new]]"),
    ],
)
def test_a_new_definition_is_called_at_once(text: str, expected: str) -> None:
    assert value(text) == expected


@pytest.mark.parametrize("operands", ["", "1", "1 2", "1 2 3", "1 2 3 4"])
@pytest.mark.parametrize("params", ["", "a", "a b", "a b c"])
def test_every_call_counts_its_operands(params: str, operands: str) -> None:
    text = f"(defn f [{params}] [{params}]) [(f {operands})]"
    if len(params.split()) == len(operands.split()):
        assert value(text) == f"[[{operands}]]"
    else:
        with pytest.raises(EvalError) as caught:
            value(text)
        assert caught.value.kind == "arity-mismatch"
        assert caught.value.span is not None


@pytest.mark.parametrize(
    "text",
    [
        "(defn f [a] (+ 1 (f a))) (f 1)",
        "(defn f [a b] (+ 1 (f a b))) (f 1 2)",
        "(defn f [a b c] (+ 1 (f a b c))) (f 1 2 3)",
    ],
)
def test_depth_is_limited_and_comes_back(text: str) -> None:
    runtime = Runtime(strategy="tree", models=None, limits=Limits(max_depth=50))
    with pytest.raises(LimitExceeded) as caught:
        runtime.run(text)
    assert caught.value.kind == "stack-overflow"
    assert runtime.machine.depth == 0


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("(defn f [a] a) [(f 1) (f 2)]", 2),
        ("(defn f [a b] a) [(f 1 2) (f 2 3)]", 2),
        ("(defn f [n] (if (= n 0) n (recur (dec n)))) (f 3)", 4),
        ("(loop [n 3 m 0] (if (= n 0) n (recur (dec n) m)))", 3),
        ("((fn [] (loop [n 3 m 0] (if (= n 0) n (recur (dec n) m)))))", 4),
    ],
)
def test_steps_are_counted(text: str, steps: int) -> None:
    assert value(text, limits=Limits(max_steps=steps))
    with pytest.raises(LimitExceeded) as caught:
        value(text, limits=Limits(max_steps=steps - 1))
    assert caught.value.kind == "steps-exhausted"
