"""Programs that change collections in loops and keep older versions in every way they can: the compiled evaluator, which changes
in place what it owns, gives what the tree evaluator gives, which never does.

The sizes from which collections are not simply copied are made small for some of them, so that small programs reach everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtfs.eval.compiled import CompiledEvaluator, owned
from rtfs.eval.treewalk import TreeWalker
from rtfs.values import maps, sequences
from tests.differential.test_evaluators import outcome, unoptimised

#: (owned._SMALL, owned._ENTRIES and _ITEMS and _APPENDED, the _COPY_BELOW of maps and sequences)
SIZES = {"as they are": None, "own at once": (0, 10**9, 0), "own later": (0, 2, 0), "never own": (-1, 0, 1)}


@pytest.fixture(params=SIZES, scope="module", autouse=True)
def sizes(request: pytest.FixtureRequest) -> Iterator[None]:
    found = SIZES[request.param]
    with pytest.MonkeyPatch.context() as patch:
        if found is not None:
            small, worth, below = found
            patch.setattr(owned, "_SMALL", small)
            for name in ("_ENTRIES", "_ITEMS", "_APPENDED"):
                patch.setattr(owned, name, worth or 1)
            patch.setattr(maps, "_COPY_BELOW", below)
            patch.setattr(sequences, "_COPY_BELOW", below)
        yield


def check(text: str) -> None:
    expected = outcome(text, TreeWalker)
    assert outcome(text, CompiledEvaluator) == expected, text
    assert outcome(text, lambda machine, namespace: CompiledEvaluator(machine, namespace, "basic")) == expected, text
    assert outcome(text, unoptimised) == expected, text


# --- programs ----------------------------------------------------------------------------------

_KEYS = [":a", ":b", "0", "1", "2", "i", '"s"', "1.0", "true", "(mod i 3)", "(inc i)"]
_inits = st.sampled_from(
    ["{}", "[]", "nil", "{:a {} :b [1]}", "[{} {:a 1} [1 2]]", "{:a {:b {:a {}}}}", "big", "long", "deep", "'(1 2)", "{:a deep :b big}"]
)

_PREAMBLE = """(def big (zipmap (range 12) (range 12)))
(def long (vec (range 12)))
(def deep {:a {:b {:a [1 2 {:a 1}] 0 [big big]}} 0 [long {:b big}] 1 big})
(defn keep-it [x] (get [x] 0))
(defn changed [m k v] (assoc (update m :n (fn [o] [o k])) k v))
(defn grown [m x] (conj m x))
"""


#: Expressions over the variables v, w (collections), i (an integer) and kept (a vector). E stands for another expression, K for a
#: key, P for a path, F for a function.
_FORMS = """
(assoc E K E) | (assoc E K E K v) | (assoc-in E [P] E) | (update E K F) | (update E K conj E) | (update-in E [P] F)
(update-in E [P] conj E) | (-> E (assoc K E) (conj E) (dissoc K)) | (-> E (update-in [P] F) (assoc-in [P] E)) | (dissoc E K)
(conj E E) | (conj E [K E]) | (merge E E) | (into E E) | (changed E K E) | (grown E E) | (get E K) | (get-in E [P]) | (= E E)
(contains? E K) | (rest E) | (first E) | (vals E) | (keep-it E) | (concat E E) | (take 1 E) | [E E] | {:a E :b E} | (list E E)
(if E E E) | (if (even? i) E E) | (or E E) | (do E E) | (let [w E] E) | (let [v E] E) | (let [a E v a] E) | (try E (catch e E))
(try (let [v E] (if (= i 2) (throw :x) E)) (catch e E)) | (reduce (fn [v i] E) E (range 3)) | (reduce (fn [w i] (assoc w i v)) E (range 2))
(loop [i 0 v E w E] (if (< i 2) (recur (inc i) E E) E)) | (loop [i 0 w [] v E] (if (< i 3) (recur (inc i) (conj w v) E) [v w]))
(map (fn [i] E) [1 2]) | (reduce + 0 (map (fn [i] (count E)) (range 2))) | (reduce conj E (map (fn [i] E) (range 2)))
(for [i [1 2]] E) | ((fn [] E)) | (let [f (fn [] E)] [(f) E (f)]) | (let [{a :a} E] [a E])
""".replace("\n", " | ").strip(" |").split(" | ")
_FUNCTIONS = ["inc", "vector", "count", "keep-it", ":a", "(fn [o] o)", "(fn [o] [o o])", "(fn [o] {:a o :b o})", "(fn [o] E)", "(fn [o] (assoc o K E))"]
_ATOMS = ["v", "v", "v", "w", "i", "kept", "{}", "[]", ":k", "nil"]


@st.composite
def expressions(draw: Any, depth: int = 3) -> str:
    if not depth or draw(st.integers(0, 4)) == 0:
        return str(draw(st.sampled_from(_ATOMS)))

    def fill(found: re.Match[str]) -> str:
        what = found.group()
        if what == "E":
            return str(draw(expressions(depth=depth - 1)))
        if what == "F":
            return re.sub(r"\b[EK]\b", fill, draw(st.sampled_from(_FUNCTIONS)))
        keys = draw(st.lists(st.sampled_from(_KEYS), min_size=1, max_size=1 if what == "K" else 4))
        return " ".join(keys)

    return re.sub(r"\b[EKPF]\b", fill, draw(st.sampled_from(_FORMS)))


@given(_inits, expressions(), expressions())
@example("{}", "(assoc v i {:old v})", "v")
@example("[]", "(conj (conj v i) (count v))", "(conj kept v)")
@example("deep", "(update-in v [:a :b 0] (fn [o] [o o]))", "(get-in v [:a :b])")
@example("deep", "(assoc-in (update-in v [:a :b] (fn [o] {:x o :y o})) [:a :b :x :z] i)", "v")
@example("{:a {:a {:a 1}}}", "(assoc-in v [:a :a :a] (get v :a))", "v")
def test_reduce(init: str, step: str, kept: str) -> None:
    check(f"{_PREAMBLE}(let [w {{:a 1}} kept []] [(reduce (fn [v i] {step}) {init} (range 5)) (reduce (fn [kept i] (let [v kept] {kept})) [] (range 4))])")


@given(_inits, _inits, expressions(), expressions(), expressions(), st.permutations(["i", "v", "w", "kept"]))
@example("{}", "[]", "(assoc v i i)", "v", "(conj kept v)", ["i", "v", "w", "kept"])
@example("{}", "[]", "w", "(assoc v i kept)", "(conj kept w)", ["v", "w", "kept", "i"])
@example("[]", "{}", "(if (even? i) (conj v i) v)", "(assoc w i v)", "(conj kept [v w])", ["kept", "w", "v", "i"])
def test_loop(v: str, w: str, next_v: str, next_w: str, kept: str, order: list[str]) -> None:
    starts = {"i": "0", "v": v, "w": w, "kept": "[]"}
    steps = {"i": "(inc i)", "v": next_v, "w": next_w, "kept": kept}
    bindings = " ".join(f"{name} {starts[name]}" for name in order)
    nexts = " ".join(steps[name] for name in order)
    check(f"{_PREAMBLE}(loop [{bindings}] (if (< i 5) (recur {nexts}) [v w kept]))")


@given(_inits, _inits, expressions(), expressions(), expressions())
@example("{}", "[]", "(assoc-in v [i :a] w)", "(conj w v)", "[v w]")
def test_a_function_that_starts_again(v: str, w: str, next_v: str, next_w: str, result: str) -> None:
    text = f"(defn f [i v w kept] (if (= i 5) {result} (f (inc i) {next_v} {next_w} (conj kept v))))"
    check(f"{_PREAMBLE}{text}\n[(f 0 {v} {w} []) (f 3 {v} {w} [])]")


@given(_inits, expressions(), expressions())
def test_what_is_caught_is_as_it_was(init: str, step: str, failing: str) -> None:
    body = f"(try (let [v {step}] (if (= (mod i 3) 1) (throw {{:v v}}) v)) (catch e (do {failing} v)))"
    check(f"{_PREAMBLE}(let [w [] kept []] (loop [i 0 v {init}] (if (< i 6) (recur (inc i) {body}) v)))")
