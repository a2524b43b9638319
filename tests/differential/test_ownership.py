"""Programs that change collections in loops and keep older versions in every way they can: the compiled evaluator, which changes
in place what it owns, gives what the tree evaluator gives, which never does.

The sizes from which collections are not simply copied are made small for some of them, so that small programs reach everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
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
_STARTS = {
    "M": ["{}", "{:a {} :b [1]}", "{:a {:b {:a {}}}}", "big", "deep", "{:a deep :b big}"],
    "L": ["[]", "nil", "[{} {:a 1} [1 2]]", "long", "[long big deep]"],
}

_PREAMBLE = """(def big (zipmap (range 12) (range 12)))
(def long (vec (range 12)))
(def deep {:a {:b {:a [1 2 {:a 1}] 0 [big big]}} 0 [long {:b big}] 1 big})
(defn keep-it [x] (get [x] 0))
(defn changed [m k v] (assoc (update m :n (fn [o] [o k])) k v))
(defn grown [m x] (conj m x))
"""


#: Expressions over the variables v (a map), w and kept (vectors) and i (an integer) that give a map (M), a vector (L) or anything
#: (E). Inside a form these letters stand for such an expression, K for a key, I for an index, P for a path, F for a function.
_FORMS = {
    "M": """
(assoc M K E) | (assoc M K E K v) | (assoc-in M [K] E) | (assoc-in M [:a P] E) | (assoc-in M [P] E) | (update M K F)
(update M K conj E) | (update M K (fn [o] (conj (or o []) E))) | (update-in M [P] F) | (update-in M [:a :b] F) | (dissoc M K)
(-> M (assoc K E) (conj [K E]) (dissoc K)) | (-> M (update-in [P] F) (assoc-in [P] E)) | (-> M (assoc-in [:a :b] E) (assoc-in [:a :c] v))
(conj M [K E]) | (merge M M) | (merge M {K E}) | (into M [[K E]]) | (changed M K E) | (if E M M) | (if (even? i) M M) | (do E M)
(let [v M] M) | (let [w L] M) | (let [a M v a] M) | (try M (catch e M)) | (try (let [v M] (if (= i 2) (throw :x) M)) (catch e M))
(reduce (fn [v i] M) M (range 3)) | (reduce (fn [v x] (assoc v x w)) M [1 i]) | (loop [i 0 v M w L] (if (< i 2) (recur (inc i) M L) M))
(let [f (fn [] M)] (do (f) M)) | (let [{a :a} M] (assoc M :c a)) | (get-in [M] [0]) | (keep-it M) | {:a E :b E} | {:a M :b L}
""",
    "L": """
(conj L E) | (conj (conj L E) M) | (try (assoc L I E) (catch e L)) | (try (update L I F) (catch e (conj L 1))) | (into L L) | (concat L [E])
(grown L E) | (-> L (conj E) (conj E)) | (try (update-in L [I K] F) (catch e L)) | (try (assoc-in L [I K] E) (catch e [E])) | (rest L)
(take 2 L) | (vals M) | (if E L L) | (if (even? i) L L) | (let [w L] L) | (let [v M] L) | (let [a L w a] L) | (try L (catch e L)) | [E E] | [M L]
(reduce (fn [w i] L) L (range 3)) | (reduce conj L (map (fn [i] E) (range 2))) | (map (fn [i] E) [1 2]) | (for [i [1 2]] E)
(loop [i 0 w [] v M] (if (< i 3) (recur (inc i) (conj w v) M) w)) | (loop [i 0 kept [] w L] (if (< i 3) (recur (inc i) (conj kept w) L) kept))
(reduce (fn [[a b] x] [(conj a x) (conj b a)]) [L L] [1 2]) | (let [f (fn [] L)] [(f) L (f)]) | (do E L)
""",
    "E": """
M | M | L | L | (get M K) | (get-in M [P]) | (get-in M [:a :b]) | (nth L 0 :none) | (= E E) | (contains? M K) | (first L) | (count L) | (keep-it E)
[E E] | (or E E) | ((fn [] E)) | (reduce + 0 (map (fn [i] (count M)) (range 2))) | (conj E E) | (assoc E K E) | (update-in E [P] F)
""",
}
_CHOICES = {kind: [form for line in text.strip().split("\n") for form in line.split(" | ")] for kind, text in _FORMS.items()}
_FUNCTIONS = "vector | keep-it | str | (fn [o] o) | (fn [o] [o o]) | (fn [o] {:a o :b o}) | (fn [o] E) | (fn [o] (assoc M K o)) | (fn [o] M) | inc | count"
_ATOMS = {"M": ["v", "v", "v", "{}", "deep"], "L": ["w", "w", "kept", "[]"], "E": ["v", "w", "i", ":k", "nil"]}
_LETTER = re.compile(r"\b[MLEKIPF]\b")


def form(kind: str, depth: int, choose: Callable[[list[str]], str]) -> str:
    """An expression of a kind; `choose` takes one of several texts."""
    if not depth or choose(["deeper"] * 4 + ["atom"]) == "atom":
        return choose(_ATOMS[kind])

    def fill(found: re.Match[str]) -> str:
        what = found.group()
        if what in "MLE":
            return form(what, depth - 1, choose)
        if what == "F":
            return _LETTER.sub(fill, choose(_FUNCTIONS.split(" | ")))
        if what == "I":
            return choose(["0", "1", "i", "(mod i 2)", ":a"])
        return " ".join([choose(_KEYS) for _ in range(1 if what == "K" else int(choose(["1", "2", "3"])))])

    return _LETTER.sub(fill, choose(_CHOICES[kind]))


def program(shape: str, depth: int, choose: Callable[[list[str]], str]) -> str:
    """A program with a loop of one of the `SHAPES`."""
    v, w = choose(_STARTS["M"]), choose(_STARTS["L"])
    next_v, next_w, kept, any_ = [form(kind, depth, choose) for kind in "MLLE"]
    if shape == "reduce":
        first = f"(reduce (fn [v i] {next_v}) {v} (range 5))"
        second = f"(reduce (fn [w i] {next_w}) {w} (range 4))"
        return f"(let [v {{:a 1}} w [] kept []] [{first} {second}])"
    if shape == "loop":
        starts = {"i": "0", "v": v, "w": w, "kept": "[]"}
        steps = {"i": "(inc i)", "v": next_v, "w": next_w, "kept": kept}
        order = choose(["i v w kept", "kept w v i", "w i kept v", "v kept i w"]).split()
        bindings = " ".join([f"{name} {starts[name]}" for name in order])
        return f"(loop [{bindings}] (if (< i 5) (recur {' '.join([steps[name] for name in order])}) [v w kept]))"
    if shape == "function":
        again = f"(f (inc i) {next_v} {next_w} (conj kept v))"
        return f"(defn f [i v w kept] (if (= i 5) {any_} {again}))\n[(f 0 {v} {w} []) (f 3 {v} {w} [])]"
    assert shape == "try"
    body = f"(try (let [v {next_v}] (if (= (mod i 3) 1) (throw {{:v v}}) v)) (catch e (do {any_} v)))"
    return f"(let [w [] kept []] (loop [i 0 v {v}] (if (< i 6) (recur (inc i) {body}) v)))"


SHAPES = ("reduce", "loop", "function", "try")


@given(st.sampled_from(SHAPES), st.integers(1, 4), st.data())
def test_programs_that_keep_older_versions(shape: str, depth: int, data: st.DataObject) -> None:
    check(_PREAMBLE + program(shape, depth, lambda choices: data.draw(st.sampled_from(choices))))


@pytest.mark.parametrize(
    "text",
    [
        "(reduce (fn [v i] (assoc v i {:old v})) {} (range 5))",
        "(reduce (fn [v i] (conj (conj v i) (count v))) [] (range 5))",
        "(reduce (fn [v i] (update-in v [:a :b 0] (fn [o] [o o]))) deep (range 3))",
        "(reduce (fn [v i] (assoc-in (update-in v [:a :b] (fn [o] {:x o :y o})) [:a :b :x :z] i)) deep (range 3))",
        "(reduce (fn [v i] (assoc-in v [:a :a :a] (get v :a))) {:a {:a {:a 1}}} (range 4))",
        "(loop [i 0 v {} w [] kept []] (if (< i 5) (recur (inc i) (assoc v i i) v (conj kept v)) [v w kept]))",
        "(loop [v {} w [] kept [] i 0] (if (< i 5) (recur w (assoc v i kept) (conj kept w) (inc i)) [v w kept]))",
        "(loop [kept [] w {} v [] i 0] (if (< i 5) (recur (conj kept [v w]) (assoc w i v) (if (even? i) (conj v i) v) (inc i)) [v w kept]))",
        "(loop [i 0 v {:n 0} kept []] (if (< i 5) (let [w v] (recur (inc i) (update v :n inc) (conj kept w))) kept))",
        "(loop [i 0 v [] w []] (if (< i 5) (recur (inc i) (conj w i) (conj v i)) [v w]))",
        "(loop [i 0 v [0]] (if (< i 5) (recur (inc i) (do (try (let [w (conj v i)] (throw :x)) (catch e nil)) (conj v :end))) v))",
        "(loop [i 0 v {} s nil] (if (< i 5) (recur (inc i) (assoc v i i) (if (= i 2) (fn [] v) s)) [v (s)]))",
        "(defn f [i v] (if (= i 3) v (f (inc i) (assoc v i [v v])))) [(f 0 {}) (f 0 big)]",
        "(reduce (fn [v x] (if (= x 3) (throw {:so-far v}) (conj v x))) [] (range 5))",
        "(try (reduce (fn [v x] (if (= x 3) (throw v) (conj v x))) [] (range 5)) (catch e (:data e)))",
        "(reduce (fn [v x] (assoc v x (reduce (fn [w y] (assoc w y v)) v [7 8]))) {} [1 2 3])",
        "(reduce (fn [v x] (reduce (fn [v y] (update v y (fn [o] (conj (or o []) x)))) v [1 2 x])) {} (range 4))",
        "(reduce conj long (map (fn [x] (/ 1 x)) [1 2 0]))",
        "(loop [i 0 v long] (if (< i 3) (recur (inc i) (reduce conj v (map (fn [x] (if (= i 2) (/ x 0) x)) [1 2]))) v))",
        "(let [a (assoc {} :a 1) b (assoc a :b 2) c (assoc b :c a)] [a b c])",
        "(let [a (conj [] 1) b (conj a 2) c (conj a 3)] [a b c])",
        "(loop [i 0 v {}] (if (< i 3) (recur (inc i) (assoc (assoc v v i) i v)) v))",
        "(loop [i 0 v [[] []] kept []] (if (< i 4) (recur (inc i) (update-in v [(mod i 2)] conj i) (conj kept (first v))) [v kept]))",
        "(loop [i 0 v {:a {:b {}}} kept []] (if (< i 4) (recur (inc i) (assoc-in v [:a :b i] i) (conj kept (get-in v [:a]))) [v kept]))",
        "(loop [i 0 v {:a {:b {}}} kept []] (if (< i 4) (recur (inc i) (assoc-in v [:a :b i] i) (conj kept (:a v))) [v kept]))",
        # handed out whole, then changed
        "(loop [i 0 v {} kept []] (if (< i 4) (let [kept (conj kept v)] (recur (inc i) (assoc v i i) kept)) [v kept]))",
        "(loop [i 0 v [] kept []] (if (< i 4) (do (keep-it v) (let [x [v]] (recur (inc i) (conj v i) (conj kept x)))) [v kept]))",
        # a part is handed out, then changed inside
        "(loop [i 0 v {:a {:b 0}} kept []] (if (< i 4) (let [p (get v :a)] (recur (inc i) (assoc-in v [:a :b] i) (conj kept p))) [v kept]))",
        "(loop [i 0 v {:a {:b 0}} kept []] (if (< i 4) (let [kept (into kept (vals v))] (recur (inc i) (assoc-in v [:a :b] i) kept)) [v kept]))",
        "(loop [i 0 v [[0] [1]] kept []] (if (< i 4) (let [kept (conj kept (nth v 0))] (recur (inc i) (assoc-in v [0 0] i) kept)) [v kept]))",
        "(loop [i 0 v {:a [0]} kept []] (if (< i 4) (let [kept (for [[k x] v] x)] (recur (inc i) (assoc-in v [:a 0] i) kept)) [v kept]))",
        "(loop [i 0 v {:a {:b {:c 0}}}] (if (< i 4) (recur (inc i) (-> v (assoc-in [:a :b :c] i) (update-in [:a :b] (fn [o] {:c o :d o})))) v))",
        "(loop [i 0 v {:a {:b 0} :z []}] (if (< i 4) (recur (inc i) (update-in v [:z] (fn [o] (conj o (get v :a))))) v))",
        "(loop [i 0 v {:a {:b 0} :z {:y []}}] (if (< i 4) (recur (inc i) (-> v (assoc-in [:a :b] i) (update-in [:z :y] conj v))) v))",
        "(loop [i 0 v {:a {:b 0} :z {:y []}}] (if (< i 4) (let [u (assoc-in v [:a :b] i)] (recur (inc i) (update-in u [:z :y] (fn [o] (conj o (:a u)))))) v))",
        # read again by what comes after an error, or by the next turn
        "(loop [i 0 v []] (if (< i 5) (recur (inc i) (try (let [w (conj v i)] (if (odd? i) (throw w) w)) (catch e v))) v))",
        "(loop [i 0 v {}] (if (< i 5) (recur (inc i) (try (let [w (assoc v i i)] (if (odd? i) (throw w) w)) (catch e (assoc v :e (count v))))) v))",
        "(loop [i 0 v []] (if (< i 3) (let [kept (map (fn [x] (count (conj v x))) [1 2 3])] (recur (inc i) (conj v kept))) v))",
        "(loop [i 0 v []] (if (< i 3) (let [n (reduce (fn [n x] (+ n (count (conj v x)))) 0 [1 2 3])] (recur (inc i) (conj v n))) v))",
        "(loop [i 0 v []] (if (< i 3) (do (dotimes [j 3] (println (conj v j))) (recur (inc i) (conj v i))) v))",
        "(loop [i 0 v []] (if (< i 3) (do (doseq [j [1 2]] (println (conj v j))) (recur (inc i) (conj v i))) v))",
        "(loop [i 0 v []] (if (< i 3) (let [n (loop [j 0 n []] (if (< j 2) (recur (inc j) (conj v j)) n))] (recur (inc i) (conj v n))) v))",
        # held by a call whose other operands are still to come
        "(loop [i 0 v []] (if (< i 3) (recur (inc i) (conj v (get v (count (conj v 1)) :none))) v))",
        "(loop [i 0 v []] (if (< i 3) (let [n (= v (conj v 1))] (recur (inc i) (conj v n))) v))",
        "(loop [i 0 v {}] (if (< i 3) (let [n (= (assoc v i 1) (assoc v i 2))] (recur (inc i) (assoc v i n))) v))",
        "(loop [i 0 v [] w []] (if (< i 4) (recur (inc i) (if (even? i) (conj v i) []) (conj w (count v))) [v w]))",
        # a total that comes back as it was
        "(loop [i 0 v [] kept []] (if (< i 3) (let [w (reduce (if true conj) v [])] (recur (inc i) (conj v i) (conj kept w))) [v kept]))",
        # several names
        "(loop [i 0 v []] (if (< i 4) (let [a v b (conj a i) c (conj v :c)] (recur (inc i) (conj b (count c)))) v))",
        "(loop [i 0 v [] w []] (if (< i 4) (recur (inc i) w (conj v i)) [v w]))",
        "(loop [i 0 v {} w {}] (if (< i 4) (recur (inc i) w (assoc-in v [:a i] i)) [v w]))",
        "(let [step (fn [v i] (assoc v i v))] (reduce step {} (range 4)))",
        "(defn f [v i] (if (= i 4) v (f (assoc v i i) (inc i)))) (let [a (f {} 0)] [a (f a 2) a])",
    ],
)
def test_programs(text: str) -> None:
    check(_PREAMBLE + text)
