"""A runtime that nobody holds any more is given back, with all the code that was made for it.

Python finds no cycles that lead through code objects: a constant of generated code that leads back to the runtime keeps it for ever.
"""

from __future__ import annotations

import gc
import weakref

import pytest

from rtfs.config import STRATEGIES
from rtfs.runtime import Runtime

PROGRAMS = {
    "alias of a parameter": "(deftype Few [:vector int]) (defn f [v : Few] v) (f [1])",
    "alias of a result": "(deftype Few [:vector int]) (defn f [v] : Few v) (f [1])",
    "alias of a local": "(deftype Few [:vector int]) (defn f [] (let [v : Few [1]] v)) (f)",
    "alias in a match": "(deftype Small [:and int [:< 5]]) (defn f [x] (match x [:union Small string] 1 _ 2)) (f 3)",
    "alias in a typed pattern": "(defstruct Point :x int) (defn f [x] (match x [:vector Point] 1 [:map [:x int]] 2)) (f (Point {:x 1}))",
    "alias in a catch": "(defstruct Point :x int) (defn f [x] (try (throw x) (catch Point e 1))) (f {:x 1})",
    "closures": "(defn adder [n] (fn [x] (+ n x))) (map (adder 1) [1 2])",
    "recursion": "(defn fib [n] (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (fib 5)",
    "redefinition": "(defn f [x] x) (defn g [x] (f x)) (g 1) (defn f [x] (inc x)) (g 1)",
    "rebinding": "(defn g [x] (+ x 1)) (def + -) (g 1)",
    "macro": "(defmacro twice [p] `(do ~p ~p)) (twice (println 1))",
    "error": '(defn f [x] (throw "no")) (try (f 1) (catch e (:message e)))',
    "typed": "(defn square [x : int] : int (* x x)) (square 3)",
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_runtime_is_freed(strategy: str, program: str) -> None:
    runtime = Runtime(strategy=strategy, stdout=_Nowhere(), environ={})
    runtime.run(program)
    gone = weakref.ref(runtime)
    del runtime
    gc.collect()
    assert gone() is None


class _Nowhere:
    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("program", ["(defn g [x] (f x))", "(def g (let [k 1] (fn [x] (f x))))"])
def test_a_redefinition_reaches_functions_that_the_host_has_frozen(program: str) -> None:
    runtime = Runtime(environ={})
    runtime.run(f"(defn f [x] x) {program} (g 1)")
    gc.freeze()
    try:
        runtime.run("(defn f [x] (* x 10))")
        assert runtime.run("(g 1)") == 10
    finally:
        gc.unfreeze()
