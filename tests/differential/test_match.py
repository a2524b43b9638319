"""Generated `match` forms over generated values: every plan of tests takes the clause that the tree evaluator takes, with the
same effects in between."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtfs.values.forms import list_form
from rtfs.values.maps import Map
from rtfs.values.printing import to_readable
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import Vector
from tests.differential.test_evaluators import check

K, S = Keyword, Symbol

#: Few enough values that patterns often match, often share tests, and often shadow each other.
_literals: list[Any] = [
    0, 1, 2, -1, 2**70, 1.0, 0.0, -0.0, 1.5, "a", "b", "", None, True, False, K("a"), K("b"), K("add"), K("k"),
]  # fmt: skip
_keys: list[Any] = [K("a"), K("k"), "s", 1, True, 1.5, None]
_scalars = st.sampled_from(_literals)


def _values(inner: Any) -> Any:
    return st.one_of(
        st.lists(inner, max_size=3).map(Vector),
        st.lists(inner, max_size=3).map(lambda items: list_form(S("list"), *items)),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: list_form(S("rest"), Vector([0, *items]))),
        st.lists(st.tuples(st.sampled_from(_keys), inner), max_size=3).map(Map),
    )


subjects: Any = st.recursive(_scalars, _values, max_leaves=6)


class _Names:
    """Gives every name of a clause once."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def __call__(self) -> Symbol:
        name = "xyzuvwpqrstmn"[len(self.given)]
        self.given.append(name)
        return S(name)


@st.composite
def _pattern(draw: Any, names: _Names, depth: int) -> Any:
    kinds = ["literal", "literal", "name", "wildcard", "type", "or", "guard", "as"]
    if depth:
        kinds += ["vector", "vector", "vector", "map", "map"]
    kind = draw(st.sampled_from(kinds))
    if len(names.given) > 9 and kind not in ("literal", "or"):
        kind = "wildcard"
    if kind == "literal":
        return draw(_scalars)
    if kind == "name":
        return names()
    if kind == "wildcard":
        return S("_")
    if kind == "type":
        types = ["int", "string", "float", "bool", "map", "vector", "keyword", "nil", "any"]
        inner = names() if draw(st.booleans()) else S("_")
        return list_form(S(":"), inner, S(draw(st.sampled_from(types))))
    if kind == "or":
        return list_form(K("or"), *draw(st.lists(_scalars, min_size=1, max_size=4)))
    if kind == "guard":
        inner = draw(_pattern(names, 0))
        test = draw(st.sampled_from([True, False, None]))
        return list_form(inner, K("when"), list_form(S("do"), list_form(S("println"), f"inner {len(names.given)}"), test))
    if kind == "as":
        return list_form(K("as"), names(), draw(_pattern(names, depth and depth - 1)))
    if kind == "vector":
        items = [draw(_pattern(names, depth - 1)) for _ in range(draw(st.integers(0, 3)))]
        rest = draw(st.sampled_from([None, None, "name", "_"]))
        if rest is not None:
            items += [S("&"), names() if rest == "name" else S("_")]
        return Vector(items)
    entries = [(key, draw(_pattern(names, depth - 1))) for key in draw(st.lists(st.sampled_from(_keys), max_size=2, unique_by=repr))]
    if draw(st.integers(0, 3)) == 0:
        name = names()
        entries += [(K("keys"), Vector([name])), (K("or"), Map([(name, list_form(S("do"), list_form(S("println"), name.name), 5))]))]
    if draw(st.integers(0, 5)) == 0:
        entries.append((S("&"), names()))
    return Map(entries)


@st.composite
def clauses(draw: Any) -> list[Any]:
    out: list[Any] = []
    for i in range(draw(st.integers(1, 6))):
        names = _Names()
        out.append(draw(_pattern(names, 2)))
        guard = draw(st.sampled_from([None, None, None, "effect", "test"]))
        if guard == "effect":
            out += [S("when"), list_form(S("do"), list_form(S("println"), f"guard {i}"), draw(st.sampled_from([True, False])))]
        elif guard == "test" and names.given:
            out += [S("when"), list_form(S("="), S(names.given[0]), draw(_scalars))]
        out.append(Vector([i, *[S(name) for name in names.given]]))
    return out


#: Where a `match` stands decides how its code leaves it.
SHAPES = [
    "(match {0} {1})",
    "[(match {0} {1}) :after]",
    "(do (match {0} {1}) :after)",
    "((fn [v] (match v {1})) {0})",
    "(loop [i 2 out []] (if (= i 0) out (recur (- i 1) (conj out (match {0} {1})))))",
    "(loop [i 2 v {0}] (match (if (= i 0) {0} [i v]) {1} _ (if (= i 0) v (recur (- i 1) v))))",
    "(map (fn [v] (match v {1})) [{0} 1 :a [1 2] {{:a 1}}])",
    "(if (match {0} {1}) :yes :no)",
    "(try (match {0} {1}) (catch e (:type e)) (finally (println :done)))",
    "(map (fn [f] (f)) (for [v [{0} 1 [1]]] (match v {1} x (fn [] x))))",
    "(match (match {0} {1}) {1})",
    "((fn [v] (match [v (println :second)] {1})) {0})",
    "((fn [v w] (match [v w] {1})) {0} 1)",
]


@given(subjects, clauses(), st.sampled_from(SHAPES))
def test_match(subject: Any, found: list[Any], shape: str) -> None:
    check(shape.format(to_readable(subject), " ".join(to_readable(item) for item in found)))


@st.composite
def _pairs(draw: Any) -> list[Any]:
    out: list[Any] = []
    for i in range(draw(st.integers(1, 5))):
        names = _Names()
        out.append(draw(st.one_of(st.just(S("all")), st.just(S("_")), st.just(None))))
        if out[-1] is None:
            out[-1] = Vector([draw(_pattern(names, 1)) for _ in range(draw(st.sampled_from([2, 2, 2, 1])))])
        if draw(st.integers(0, 3)) == 0:
            out += [S("when"), list_form(S("do"), list_form(S("println"), f"guard {i}"), draw(st.booleans()))]
        out.append(Vector([i, *([S("all")] if out[-1] == S("all") else []), *[S(name) for name in names.given]]))
    return out


@given(subjects, subjects, _pairs())
def test_match_of_a_vector_written_out(first: Any, second: Any, found: list[Any]) -> None:
    a, b, clauses = to_readable(first), to_readable(second), " ".join(to_readable(item) for item in found)
    check(f"(defn f [v w] (match [v w] {clauses})) (map (fn [x] (try (f x {b}) (catch e (:message e)))) [{a} {b} 1])")


_cases = st.one_of(
    st.lists(st.integers(-40, 40), min_size=3, max_size=30, unique=True),
    st.lists(st.sampled_from([f"w{i}" for i in range(40)]), min_size=3, max_size=30, unique=True),
    st.lists(st.sampled_from([K(f"w{i}") for i in range(60)]), min_size=3, max_size=50, unique=True),
    st.lists(_scalars, min_size=3, max_size=12),
)


@given(_cases, st.lists(st.integers(1, 4), min_size=50, max_size=50), _scalars, st.booleans())
def test_tables_of_literals(found: list[Any], sizes: list[int], other: Any, chain: bool) -> None:
    parts, i, n = [], 0, 0
    while i < len(found):
        group = found[i : i + (1 if chain else sizes[n])]
        i, n = i + len(group), n + 1
        texts = [to_readable(value) for value in group]
        if chain:
            parts.append(f"(= x {texts[0]}) {n}")
        else:
            parts.append(f"{texts[0] if len(texts) == 1 else '(:or ' + ' '.join(texts) + ')'} {n}")
    body = f"(cond {' '.join(parts)} :else [x])" if chain else f"(match x {' '.join(parts)} _ [x])"
    subjects = " ".join(to_readable(value) for value in [*found, other, Vector([1]), Map([])])
    check(f"(defn f [x] {body}) (map f [{subjects}])")


@pytest.mark.parametrize(
    "text",
    [
        # a guard sees the names of its own clause only, and may fail after it had an effect
        "(defn f [x] (match x [a b] when (do (println :first) (> a b)) a [a b] (+ a b) _ 0)) [(f [2 1]) (f [1 2]) (f [1])]",
        # rows that exclude each other change places, rows with effects in them do not
        "(defn f [x] (match x [(a :when (do (println :one) true)) 1] a [_ 2] :two [b 1] b _ :none)) [(f [5 1]) (f [5 2]) (f [5 3])]",
        # a literal in a map tells that its key is there; nil and absent are two things
        "(defn f [m] (match m {:a nil} :nil {:a 1} :one {:a x} [:other x] _ :absent)) (map f [{} {:a nil} {:a 1} {:a 2} nil])",
        # windows into other sequences
        "(defn f [x] (match x [] :end [1 & r] [:one (f r)] [_ & r] (f r))) [(f [1 2 1 3]) (f (rest [0 1])) (f (list 1 1))]",
        "(defn f [x] (match x [a b c] [a b c] [a b] [a b] _ :no)) (map f [(rest [0 1 2 3]) (subvec [0 1 2 3] 2 4) (rest [1])])",
        # closures keep the names of their own turn
        "(map (fn [f] (f)) (for [v [[:a 1] [:b 2] [:a 3]]] (match v [:a x] (fn [] [:a x]) [:b x] (fn [] [:b x]))))",
        "(defn f [v] (match v [:a x] (do (set! x (inc x)) (fn [] x)) y (fn [] y))) [((f [:a 1])) ((f 5))]",
        # integers and floats, booleans and numbers
        "(map (fn [x] (match x 1 :int 1.0 :float true :true 0 :zero false :false _ :no)) [1 1.0 true 0 0.0 false])",
        "(map (fn [x] (match x ##NaN :nan ##Inf :inf _ :no)) [##NaN ##Inf 1.5])",
        "(defn f [n] (match n 0 :done m when (> m 100) (f (- m 100)) m (f (- m 1)))) (f 350)",
        "(defn f [n acc] (match [n acc] [0 a] a [k a] (f (- k 1) (+ a k)))) (f 20000 0)",
        "(match 5 1 2)",
        "(match [] [] :empty [0] :zero)",
        "(defn f [a b] (match [a b] [1 x] x)) (f 2 3)",
        "(defn f [a b] (match [a b] [1 x] x all when (> b 3) all [x y] (fn [] [x y]))) [(f 1 2) (f 2 4) ((f 2 3))]",
        "(loop [a 3 b []] (match [a b] [0 out] out [n out] (recur (dec n) (conj out (fn [] n)))))",
        "(map (fn [f] (f)) (loop [a 3 b []] (match [a b] [0 out] out [n out] (recur (dec n) (conj out (fn [] [a n]))))))",
        "(do (defn f [x] (match x {:a {:b {:c [1 2 y]}}} y)) [(f {:a {:b {:c [1 2 3]}}}) (try (f {:a {:b 1}}) (catch e (:message e)))])",
        "(match [1 2] [a b] when (throw :x) a)",
        "(let [x 3] (match 4 y when (= x 3) (do (def z y) z)))",
        "(map (fn [op] (cond (= op :a) 1 (= op :b) 2 (= :c op) 3 (= op nil) 4 :else 5)) [:a :b :c nil 1])",
        "(def = (fn [a b] true)) (map (fn [x] (cond (= x 1) 1 (= x 2) 2 (= x 3) 3 :else 5)) [1 2 3])",
        "(defn f [x] (cond (= x 1) 1 (= x 2) 2 (= x 3) 3 :else 5)) (def a (map f [1 2 3])) (def = not=) [a (map f [1 2 3])]",
    ],
)
def test_programs(text: str) -> None:
    check(text)


@settings(max_examples=5)
@given(st.integers(200, 400))
def test_many_clauses(count: int) -> None:
    body = " ".join(f"{i if i % 3 else f':k{i}' if i % 2 else [i]} {i}" for i in range(count))
    check(f"(defn f [x] (match x {body} _ :no)) (map f [1 :k3 [6] {count - 1} :k9 9])")


def test_deep_patterns() -> None:
    depth = 120
    pattern, value = "[" * depth + "x" + "]" * depth, "[" * depth + "7" + "]" * depth
    check(f"(match {value} {pattern} x _ :no)")
    check(f"(match {value} {pattern.replace('x', '8')} :eight {pattern.replace('x', '7')} :seven _ :no)")
