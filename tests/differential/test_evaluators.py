"""Generated programs on every evaluator: the same value, or the same error at the same place, and the same output in order."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtfs.config import DEFAULT_LIMITS, Limits
from rtfs.errors import RtfsError
from rtfs.eval.compiled import CompiledEvaluator
from rtfs.eval.treewalk import TreeWalker
from rtfs.runtime import Runtime
from rtfs.values.forms import list_form
from rtfs.values.printing import to_readable
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import Vector
from tests.property.strategies import expressions, program_text

METERED = Limits(max_steps=20_000)
COUNTED = Limits(max_steps=20_000, max_depth=200)
LIMITS = ("steps-exhausted", "stack-overflow", "size-exhausted")


def outcome(text: str, evaluator: Any, limits: Limits = DEFAULT_LIMITS) -> tuple[Any, ...]:
    out = io.StringIO()
    runtime = Runtime(
        strategy="ir",
        models=None,
        stdout=out,
        stderr=out,
        environ={},
        module_path=[],
        limits=limits,
        on_warning=lambda message, span: None,
    )
    runtime._evaluator = lambda namespace: evaluator(runtime.machine, namespace)  # type: ignore[method-assign]
    try:
        return "value", to_readable(runtime.run(text, raw=True)), out.getvalue()
    except RtfsError as error:
        place = (error.span.start, error.span.end) if error.span is not None else None
        return "error", error.kind, error.message, place, out.getvalue()


def unoptimised(machine: Any, namespace: Any) -> CompiledEvaluator:
    return CompiledEvaluator(machine, namespace, "none")


def meets_limit(found: tuple[Any, ...]) -> bool:
    return found[0] == "error" and found[1] in LIMITS


def check(text: str) -> None:
    """A step is a call or turn as carried out, and the compiled evaluator carries out fewer: where one of the two meets a limit,
    the other may come to an end."""
    for limits in (COUNTED, METERED):
        expected = outcome(text, TreeWalker, limits)
        for evaluator in (CompiledEvaluator, unoptimised):
            found = outcome(text, evaluator, limits)
            assert found == expected or meets_limit(expected), text
    if meets_limit(expected):
        return
    assert outcome(text, CompiledEvaluator) == expected, text
    assert outcome(text, unoptimised) == expected, text


@given(expressions)
def test_expressions(expression: Any) -> None:
    check(program_text(expression))


# --- functions, closures, loops ----------------------------------------------------------------

S = Symbol
_names = st.sampled_from(["a", "b", "c", "f", "g", "x"]).map(Symbol)
_atoms = st.one_of(_names, st.integers(-3, 9), st.sampled_from([Keyword("k"), "s", None, True, False, 2.5]))


def _form(*items: Any) -> Any:
    return list_form(*[S(i) if isinstance(i, str) else i for i in items])


def _bodies(e: Any) -> Any:
    def shape(template: Any, *parts: Any) -> Any:
        return st.tuples(*parts).map(lambda t: template(*t))

    operators = st.sampled_from(["+", "-", "*", "<", "=", "list", "conj", "str", "mod", "quot", ">=", "not="])
    return st.one_of(
        shape(lambda o, a, b: _form(o, a, b), operators, e, e),
        shape(lambda o, a: _form(o, a), st.sampled_from(["inc", "dec", "not", "nil?", "even?", "println", "count", "first", "f", "g"]), e),
        shape(lambda n, a, b: _form("let", Vector([n, a]), b), _names, e, e),
        shape(lambda n, p, a, b: _form("let", Vector([n, _form("fn", Vector([p]), a)]), b), _names, _names, e, e),
        shape(lambda n, p, a, b: _form("do", _form("defn", n, Vector([p]), a), b), _names, _names, e, e),
        shape(lambda n, a, b: _form("do", _form("def", n, a), b), _names, e, e),
        shape(lambda n, a: _form("set!", n, a), _names, e),
        shape(lambda p, a: _form("fn", Vector([p]), a), _names, e),
        shape(lambda f, p, a, b: _form(_form("fn", f, Vector([p]), a), b), _names, _names, e, e),
        shape(lambda p, a, b: _form(_form("fn", Vector([p, S("&"), S("x")]), a), b, 1), _names, e, e),
        shape(lambda h, p, a, b: _form(h, _form("fn", Vector([p]), a), b), st.sampled_from(["map", "filter"]), _names, e, e),
        shape(lambda a, b, c: _form("reduce", _form("fn", Vector([S("a"), S("x")]), a), b, c), e, e, e),
        shape(lambda o, a, b: _form("reduce", o, a, b), st.sampled_from(["+", "conj", "str", "f"]), e, e),
        shape(lambda n, a, b: _form("for", Vector([n, a]), b), _names, e, e),
        shape(lambda n, a, b: _form("for", Vector([n, a, Keyword("when"), b]), n), _names, e, e),
        shape(lambda n, a: _form("map", S("inc"), _form("for", Vector([n, _form("range", 3)]), a)), _names, e),
        shape(lambda a: _form("map", _form("fn", Vector([S("h")]), _form("h", 1)), a), e),
        shape(
            lambda n, a, b, c: _form(
                "loop",
                Vector([S("i"), 2, n, a]),
                _form("if", _form("=", S("i"), 0), b, _form("recur", _form("-", S("i"), 1), c)),
            ),
            _names, e, e, e,
        ),
        shape(
            lambda f, n, a, b: _form(
                _form("fn", f, Vector([S("i"), n]), _form("if", _form("<", S("i"), 1), a, _form(f.name, _form("-", S("i"), 1), b))),
                2, 0,
            ),
            st.sampled_from(["f", "g"]).map(Symbol), st.sampled_from(["a", "x"]).map(Symbol), e, e,
        ),
        shape(lambda a, b, c: _form("if", a, b, c), e, e, e),
        shape(lambda o, a, b: _form(o, a, b), st.sampled_from(["and", "or", "do", "vector"]), e, e),
        shape(lambda n, a, b: _form("try", a, _form("catch", n, b)), _names, e, e),
        shape(lambda n, a, b: _form("try", _form("throw", Keyword("k")), _form("catch", n, a), _form("finally", b)), _names, e, e),
        shape(
            lambda a, n, g, b: _form("match", a, Vector([n, S("&"), S("x")]), S("when"), g, b, S("a"), S("a")), e, _names, e, e
        ),
        shape(lambda t, p, a, b: _form(_form("fn", Vector([p, S(":"), S(t)]), S(":"), S("int"), a), b), st.sampled_from(["int", "string"]), _names, e, e),
        shape(lambda n, a, b: _form("dotimes", Vector([n, 2]), a, b), _names, e, e),
    )  # fmt: skip


bodies: Any = st.recursive(_atoms, _bodies, max_leaves=16)

_PREAMBLE = "(def a 1) (def b [1 2 3]) (def c {:k 1}) (def x 2.5)\n(defn f [n] (if (= n 0) :f (g n)))\n(defn g [n] n)\n"


@given(bodies)
def test_functions_and_loops(body: Any) -> None:
    check(_PREAMBLE + to_readable(body))


@given(bodies, bodies)
def test_definitions(first: Any, second: Any) -> None:
    check(f"{_PREAMBLE}(defn f [a] {to_readable(first)})\n(def g (fn [x] {to_readable(second)}))\n[(f 1) (g 2)]")


@pytest.mark.parametrize(
    "text",
    [
        "(def fs (for [x [1 2 3]] (fn [] (set! x (+ x 1))))) (map (fn [f] (f) (f)) fs)",
        "(loop [i 0 fs []] (if (< i 3) (recur (+ i 1) (conj fs (fn [] i))) (map (fn [f] (f)) fs)))",
        "(defn f [n fs] (if (= n 0) (map (fn [g] (g)) fs) (f (- n 1) (conj fs (fn [] n))))) (f 3 [])",
        "(for [x [1 2]] (let [g (fn [n] (if (= n 0) x (g (- n 1))))] (g 2)))",
        "(map (fn [h] (h 3)) (for [x [1 2]] (let [g (fn [n] (if (= n 0) x (g (- n 1))))] g)))",
        "(defn f [x] (+ x 1)) (defn h [x] (f x)) (def r [(h 1)]) (defn f [x] :new) [r (h 1)]",
        "(defn h [x] (+ x 1)) (def before (h 1)) (def + -) [before (h 1)]",
        "(defn h [x] (map inc x)) (def before (h [1])) (def inc dec) (def map list) [before (h [1])]",
        "(do (def + -) (+ 5 3))",
        "(defn h [x y] (+ x y)) (def before (h 1 2)) (defn + [a b] (if (= a 0) b (+ (- a 1) b))) [before (h 5000 7)]",
        "(def h (let [k 2] (fn [x] (+ (count x) k)))) (def before (h [1])) (def count str) [before (try (h [1]) (catch e :no))]",
        "(unknown (println 1))",
        "(let [f nil] (f (println 1)))",
        "(defn p [n] (if (= n 0) :end (q (- n 1)))) (defn q [n] (p n)) (p 10000)",
        "(let [e (fn [n] (if (= n 0) true (o (- n 1)))) o (fn [n] (if (= n 0) false (e (- n 1))))] (e 5001))",
        "(defn f [n] (if (= n 0) (/ 1 0) (+ 1 (f (- n 1))))) (f 5)",
        "(reduce + 0 [1 :a])",
        "(map inc [1 :a])",
        "(filter even? [1 2 nil])",
        "(+ 1 (reduce (fn [a x] (+ a x)) 0 5))",
        "(map (fn [x] (* x x)) (range 1 2 0))",
        "(* 1e308 10 12345678901234567890)",
        "(+ 1.5 (pow 10 400))",
        "(letrec [a (fn [] b) b 2] (a))",
        "(letrec [a (b) b (fn [] a)] a)",
        "(match 5 (x :when (let [y x] (> y 3))) [:big x] _ 1)",
        "(try (throw {:a 1}) (catch e (:data e)) (finally (println :done)))",
        "(defn f [x : int] : string x) (f 1)",
        '(defn f [x : int] x) (f "a")',
        "(match 5 n when (do (def k 2) (> n k)) [n k] _ 0)",
        "((fn b [a] (set! b 5)) 1)",
        "(for [{:keys [a] :or {a (do (def k 2) k)}} [{} {:a 1}]] a)",
        "(((fn [x] (fn [y] (set! x (+ x y)) x)) 1) 2)",
        "(let [{:keys [a b] :or {b (let [q 3] q)}} {:a 1}] [a b])",
        "(defn f [x] (* x x)) (def g (let [] (fn [x] (f x)))) (g 0)",
        "(str 0 0)",
        "(try (finally (inc)))",
        "(dec)",
        "(defn f [] (abs)) (f)",
        '(defn f [x b] (+ (if b x 1) 1)) (f "s" true)',
        "(defn f [x] (* x x)) (def g (let [h f] (fn [x] (h x)))) (set! f nil) (g :i)",
        "(defn g [h] (map (fn [x] (/ 1 x)) (map (fn [x] (first (sort h [x 0]))) [1 2]))) (g (fn [a b] (println a b) (< a b)))",
        "(defn f [i g] (if (= i 5) (g 1) (f (inc i) (fn [x] (let [a (+ i x)] (* a a)))))) (f 0 nil)",
        "(defn f [i v] (if (= i 5) v (f (inc i) ((fn [] (for [x [1 2]] v)))))) (f 0 1)",
        "(defn f [x] (quot (do (println x) x) -1)) [(f 5) (f 2.5)] (f nil)",
        "(defn f [x] (rem (do (println x) x) nil)) (f 5)",
        "(defn f [x] [(= nil (do (println x) 5)) (= 1 (do (println x) 1)) (not= true (do (println x) 1))]) (f 1)",
        '(defn f [x] [(nil? (do (println x) 5)) (zero? (do (println x) 0)) (even? (do (println x) 3)) (even? (do (println x) "a"))]) (f 1)',
        "(defn f [n a : int] (if (<= n 0) [n a] (f (- n 1) [a]))) (f 2 1)",
        "(defn f [n a : number b] (if (<= n 0) (- n) b)) (f 0 :j 0)",
        "(defn f [n a : [:vector int]] (if (<= n 0) (- n) (f (- n 1) (conj a n)))) [(f 2 [])] (f 2 [:a])",
        "(mod nil 3)",
        "(quot :k 2)",
        "(rem (do (println 1) nil) 3)",
        "(defn f [n a] (if (= n 0) a (recur (- n 1) (+ a n)))) [(f 5 1) (f 0 2)]",
        "(defn f [n a b] (if (= n 0) [a b] (recur (- n 1) b a))) [(f 5 1 2) (f 0 2 3)]",
        "(reduce (fn [[p q] z] [nil nil]) [0 1] [5])",
        "(defn f [a b] (match [a b] [1 x] [:one x] v [:v v])) [(f 1 2) (f 3 4)]",
        "(loop [x 1 y (do (def z 5) 3)] (if (< x 4) (recur (inc x) (+ y z)) [x y z]))",
        "(loop [x 1 fs [] y (def z 5)] (if (< x 3) (recur (inc x) (conj fs (fn [] (set! z (+ z x)))) y) [(map (fn [f] (f)) fs) z]))",
        "(map (fn [f] (f)) (for [i [1 2]] (loop [x (do (defn g [] i) 0)] (if (< x 2) (recur (inc x)) g))))",
        "(loop [x 1 y (do (def x 5) 3)] [x y])",
        '(for [x (sort "ba")] x)',
        '(def b [1 2 3]) (let [xs b] (for [x (sort (let [y xs] ""))] (last xs)))',
        '(loop [xs (distinct "aab") n 0] (if (empty? xs) n (recur (rest xs) (inc n))))',
        "(loop [xs (range 1 3)] (if (nil? (first xs)) (match xs [x z] 7 _ 8) (recur (rest xs))))",
        "(loop [xs (range 1 3)] (if (nil? (first xs)) (match xs [:tuple int any] 2) (recur (rest xs))))",
        "(defn f [] (when-not (zero? (do (println 1) 0)) 5)) (f)",
        '((fn [a] nil) ((map (fn [b : int] 1) "a")))',
        '(def g (fn [a] ((fn g [b] (str "inner" b)) 0))) (g 5)',
        "((fn [f] (f 1)) (fn [b : string] b))",
        "(defn f [] (if (odd? (do (println 1) 3)) (if (not= 0 (do (println 2) 0)) 5 6) 7)) (f)",
        "(defn f [a] (if (> a 3) a (f (try (inc a) (finally (def y 5) (set! y 6)))))) (f 0)",
        "(defn f [xs acc n] (f nil (try (finally (def acc false))) nil))",
        "(defn f [n a] : int (if (< n 1) n (f (- n 3) 2))) [(f 2 0) (f 2.0 0)]",
        "(defn f [n : number a] : int (if (<= n 0) a (f (- n 2) a))) [(f 3 1) (f 1 '(1 2))]",
    ],
)
def test_programs(text: str) -> None:
    check(text)
