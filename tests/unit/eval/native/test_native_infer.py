"""Kinds: what is known of the values in a function, and which functions have no machine code."""

from __future__ import annotations

from typing import Any

import pytest

from rtfs.eval.native.candidates import look_at
from rtfs.eval.native.kinds import Unsupported, combinations, join
from rtfs.eval.native.module import module_text
from tests.support.native import inferred, machine_code, runtime

MEAN = "(defn mean [a b] (/ (+ a b) 2))"


@pytest.mark.parametrize(
    ("text", "kinds", "result"),
    [
        ("(defn f [x] (+ x 1))", ("int",), "int"),
        ("(defn f [x] (+ x 1))", ("float",), "float"),
        ("(defn f [x] (+ x 1))", ("num",), "num"),
        ("(defn f [x] (+ x 1.0))", ("num",), "float"),
        ("(defn f [x] (/ x 2))", ("int",), "num"),
        ("(defn f [x] (sqrt (/ x 2)))", ("int",), "float"),
        ("(defn f [x y] (max x y))", ("int", "float"), "num"),
        ("(defn f [x] (< 1 x 3))", ("num",), "bool"),
        ("(defn f [x] (if (> x 0) x 1.5))", ("int",), "num"),
        ("(defn f [x] (and (> x 0) (< x 9)))", ("int",), "bool"),
        ("(defn f [x] (or x 1.5))", ("int",), "num"),
        ("(defn f [x] (cond (> x 0) 1 :else 2))", ("int",), "int"),
        ("(defn f [x] (let [y x] (set! y 1.5) y))", ("int",), "num"),
        ("(defn f [n] (loop [i 0 s 0] (if (= i n) s (recur (inc i) (+ s 0.5)))))", ("int",), "num"),
        ("(defn f [n] (reduce (fn [a i] (* a i)) 1.0 (range n)))", ("int",), "float"),
        ("(defn f [n] (let [s 0] (dotimes [i n] (set! s (+ s i))) s))", ("int",), "int"),
        ("(defn f [n] (let [s 0] (doseq [i (range n)] (set! s (+ s i))) s))", ("int",), "int"),
        ("(defn f [n] (match n 1 true 2 false _ (> n 5)))", ("int",), "bool"),
        ("(defn f [n] (def m (* n 2)) (+ m 1))", ("int",), "int"),
        ("(defn f [n : float] : float (if (= n 0) 1 (* 0.5 (f (- n 1)))))", ("int",), "num"),
        (MEAN + "(defn f [x] (mean x 1))", ("int",), "num"),
        ("(def k 2.5) (defn f [x] (* k x))", ("int",), "float"),
        ("(defn f [n] (if (= n 0) true (g (- n 1)))) (defn g [n] (if (= n 0) false (f (- n 1))))", ("int",), "bool"),
    ],
)
def test_the_kind_of_a_result(text: str, kinds: tuple[str, ...], result: str) -> None:
    root, inference = inferred(text, "f", *kinds)
    assert root.result == result
    assert "define ptr @entry" in module_text(inference, root)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ('(defn f [x] (str x "!"))', ("int",)),
        ("(defn f [x] (print x))", ("int",)),
        ("(defn f [x] [x x])", ("int",)),
        ("(defn f [x] :k)", ("int",)),
        ("(defn f [x] nil)", ("int",)),
        ("(defn f [x] (when (> x 0) x))", ("int",)),
        ("(defn f [x] (if (> x 0) x true))", ("int",)),
        ("(defn f [x] (+ x true))", ("int",)),
        ("(defn f [x] (+ x 9223372036854775808))", ("int",)),
        ("(defn f [x] (inc x 1))", ("int",)),
        ("(defn f [x : int] (+ x 1))", ("float",)),
        ("(defn f [x] : int (+ x 0.5))", ("int",)),
        ("(defn f [x] (f x))", ("int",)),
        ("(defn f [x & more] x)", ("int",)),
        ("(defn f [[a b]] a)", ("int",)),
        ("(defn f [g] (g 1))", ("int",)),
        ("(defn f [x] ((fn [y] (recur y)) x))", ("int",)),
        ("(defn f [x] (let [g (fn [y] y)] (g x)))", ("int",)),
        ("(defn f [x] (try x (catch e 1)))", ("int",)),
        ("(defn f [x] (reduce + 0 [x 1]))", ("int",)),
        ("(defn f [x] (for [i (range x)] i) x)", ("int",)),
        ("(defn f [x] (missing x))", ("int",)),
        ("(def y 1) (defn f [x] (set! y x) x)", ("int",)),
        ('(defn g ^:delegation :local-model "echo" [x : int] : int x) (defn f [x] (+ x (g x)))', ("int",)),
    ],
)
def test_what_has_no_machine_code(text: str, kinds: tuple[str, ...]) -> None:
    with pytest.raises(Unsupported):
        inferred(text, "f", *kinds)


def test_one_instance_for_each_combination_of_kinds() -> None:
    root, inference = inferred("(defn twice [x] (+ x x)) (defn f [n x] (+ (twice n) (twice x) (twice 1)))", "f", "int", "float")
    assert sorted(i.kinds for i in inference.instances.values()) == [("float",), ("int",), ("int", "float")]
    assert root.result == "float"


def test_kinds_form_a_lattice() -> None:
    kinds = ("never", "int", "float", "num", "bool", "nil", "mixed")
    for a in kinds:
        assert join(a, a) == a
        assert join("never", a) == a
        assert join("mixed", a) == "mixed"
        for b in kinds:
            assert join(a, b) == join(b, a)
            for c in kinds:
                assert join(join(a, b), c) == join(a, join(b, c))
    assert list(combinations(["num", "bool"])) == [("int", "bool"), ("float", "bool")]


@pytest.mark.parametrize(
    ("body", "loops", "worth"),
    [
        ("(+ x 1)", False, False),
        ("(if (= x 0) 1 (f (- x 1)))", True, True),  # a tail call of itself is a loop
        ("(if (= x 0) 1 (* x (f (- x 1))))", False, True),
        ("(if (= x 0) 1 (f (- x (f (- x 1)))))", False, True),
        ("(loop [i 0] (if (= i x) i (recur (inc i))))", True, True),
        ("(reduce + 0 (range x))", True, True),
        ("(+ (* x x x) (* 2 x x) (* 3 x) (- x 1) (/ x 2) (mod x 3) (quot x 4))", False, True),
    ],
)
def test_a_look_at_the_source(body: str, loops: bool, worth: bool) -> None:
    program = runtime(native=False)
    program.run(f"(defn f [x : int] : int {body})")
    found = look_at("f", program.namespace.values["f"].spec, program.namespace.is_builtin)
    assert found is not None
    assert (found.loops, found.worth) == (loops, worth)


@pytest.mark.parametrize("body", ["(count [x])", "((fn [y] y) x)", "(try x (catch e 1))", "(get {:a x} :a)"])
def test_a_look_at_what_has_no_machine_code(body: str) -> None:
    program = runtime(native=False)
    program.run(f"(defn f [x : int] : int {body})")
    assert look_at("f", program.namespace.values["f"].spec, program.namespace.is_builtin) is None


@pytest.mark.parametrize(
    ("text", "cases"),
    [
        ("(defn f [a b] (if (and (> a 0) (> b 0)) 1 (if (or (> a 0) (> b 0)) 2 3)))", {(1, 1): 1, (1, 0): 2, (0, 1): 2, (0, 0): 3}),
        ("(defn f [a b] (let [x a a2 (* x 2)] (set! x b) (+ x a2)))", {(3, 4): 10, (-1, 1): -1}),
        ("(defn f [a b] (loop [x a y b] (if (= y 0) x (recur y (mod x y)))))", {(1071, 462): 21, (7, 0): 7, (-9, 6): -3}),
        ("(defn f [a b] (if (= b 0) a (f b (mod a b))))", {(1071, 462): 21, (7, 0): 7}),
        ("(defn f [a b] (reduce (fn [s i] (+ s (* i i))) 0 (range a b)))", {(0, 5): 30, (5, 0): 0, (-2, 2): 6}),
        ("(defn f [a b] (reduce - a (range b 0 -1)))", {(10, 3): 4, (10, 0): 10}),
        (
            "(defn f [a b] (let [s 0] (dotimes [i a] (dotimes [j b] (set! s (+ s (* i j))))) s))",
            {(3, 4): 18, (0, 4): 0, (-1, 4): 0},
        ),
        ("(defn f [a b] (match a 1 b (2 | 3) (* b 2) (: x int) (+ x b)))", {(1, 7): 7, (3, 7): 14, (9, 7): 16}),
        ("(defn g [a b] (if (> a b) (- a b) (h b a))) (defn h [a b] (* 2 (g a b))) (defn f [a b] (g a b))", {(5, 3): 2, (3, 5): 4}),
    ],
)
def test_control(text: str, cases: dict[Any, Any]) -> None:
    pytest.importorskip("llvmlite")
    native = machine_code(text, "f", "int", "int")
    assert {operands: native(*operands) for operands in cases} == cases
