"""Content hashes: the same for the same meaning, others for others."""

from __future__ import annotations

import pytest

from rtfs.ir.artefact.groups import groups
from rtfs.ir.artefact.hashing import content_hash, definition_hashes, outside, program_hash
from rtfs.ir.artefact.preparing import Preparer
from rtfs.ir.artefact.program import Program
from rtfs.runtime import Runtime
from rtfs.source import Source
from rtfs.syntax.reader import read_forms


def program(text: str, modules: dict[str, str] | None = None) -> Program:
    runtime = Runtime(models=None, on_warning=lambda message, span: None)
    texts = modules or {}
    runtime._find_module = lambda name: Source(f"{name}.rtfs", texts[name]) if name in texts else None  # type: ignore[method-assign]
    source = Source("<text>", text)
    forms = read_forms(source)
    return runtime._enter(lambda: Preparer(runtime.machine, runtime._evaluator).program(source, forms))  # type: ignore[no-any-return]


def hashed(text: str) -> bytes:
    """The hash of the last form of a text."""
    return content_hash(program(text).forms[-1].node)


def defined(text: str, modules: dict[str, str] | None = None) -> dict[str, bytes]:
    found = program(text, modules)
    return definition_hashes(found.forms, found.modules)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # layout and comments
        ("(fn [x] (+ x 1))", "( fn [x] ; adds\n  (+ x 1) )"),
        ("{:a 1 :b 2}", "{:a 1, :b 2}"),
        ("(+ 10 1.0)", "(+ 10 1.00)"),
        # names of locals
        ("(fn [x] (let [y x] (+ x y)))", "(fn [a] (let [b a] (+ a b)))"),
        ("(fn [x] (fn [y] x))", "(fn [y] (fn [x] y))"),
        ("(fn f [n] (f n))", "(fn g [n] (g n))"),
        ("(loop [i 0] (if (< i 3) (recur (inc i)) i))", "(loop [k 0] (if (< k 3) (recur (inc k)) k))"),
        ("(match 1 {:a x & r} [x r] (p @ [_]) p)", "(match 1 {:a y & s} [y s] (q @ [_]) q)"),
        ("(let [[a & b :as c] [1]] [a b c])", "(let [[x & y :as z] [1]] [x y z])"),
        ("(try (f) (catch TypeError e (:message e)))", "(try (f) (catch TypeError x (:message x)))"),
        ("(for [x [1] :let [y x]] y)", "(for [a [1] :let [b a]] b)"),
        # what only messages show
        ('(fn "adds" [x] x)', "(fn [x] x)"),
        # macros are expanded
        ("(when a b)", "(if a b)"),
        ("(-> x f (g 1))", "(g (f x) 1)"),
        ("(defmacro m [e] `(+ ~e 1)) (m 2)", "(+ 2 1)"),
    ],
)
def test_the_same(one: str, other: str) -> None:
    assert hashed(one) == hashed(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "2"),
        ("1", "1.0"),
        ("0.0", "-0.0"),
        ('"a"', ":a"),
        ("'a", '"a"'),
        ("'(1)", "'[1]"),
        ("true", "1"),
        ("nil", "false"),
        ("{:a 1 :b 2}", "{:b 2 :a 1}"),
        ("[[1] 2]", "[1 [2]]"),
        ("12345678901234567890", "12345678901234567891"),
        ("(fn [x y] x)", "(fn [x y] y)"),
        ("(fn [x] (fn [y] x))", "(fn [x] (fn [y] y))"),
        ("(fn [x] x)", "(fn [& x] x)"),
        ("(fn [x : int] x)", "(fn [x : string] x)"),
        ("(fn [x : int] x)", "(fn [x] x)"),
        ("(fn [x] : int x)", "(fn [x] x)"),
        ("(fn [x] (+ x 1))", "(fn [x] (- x 1))"),
        ("(and a b)", "(or a b)"),
        ("(f a)", "(g a)"),
        ("(match 1 [a] a)", "(match 1 [a & _] a)"),
        ("(match 1 1 2)", "(match 1 1.0 2)"),
        ("(for [x [1]] x)", "(doseq [x [1]] x)"),
        ("(try 1 (catch TypeError e e))", "(try 1 (catch ArityMismatch e e))"),
        ("(loop [i 0] (recur i))", "((fn [i] (recur i)) 0)"),
        ("^{:runtime.timeout 1} (f)", "^{:runtime.retries 1} (f)"),
        ('(step "a" 1)', '(step "b" 1)'),
        ("`x#", "`y#"),
        ("^{:a 1} (fn [] 1)", "^{:a 2} (fn [] 1)"),
    ],
)
def test_others(one: str, other: str) -> None:
    assert hashed(one) != hashed(other)


def test_names_of_a_delegated_function_make_its_request() -> None:
    base = '(fn ^:delegation :remote "m" say "Say it." [word] word)'
    for change in (("say", "tell"), ("Say it.", "Tell it."), ("word", "text"), ('"m"', '"n"')):
        assert hashed(base) != hashed(base.replace(*change)), change
    local = base.replace(':remote "m"', ":local")
    assert hashed(local) == hashed(local.replace("word", "text").replace("Say it.", "Tell it."))


# --- dependencies ----------------------------------------------------------------------------


def test_a_name_stands_for_what_it_refers_to() -> None:
    one = defined("(defn double [n] (* n 2)) (defn four [n] (double (double n)))")
    renamed = defined("(defn twice [n] (* n 2)) (defn four [n] (twice (twice n)))")
    other = defined("(defn double [n] (* n 3)) (defn four [n] (double (double n)))")
    assert one["double"] == renamed["twice"] != other["double"]
    assert one["four"] == renamed["four"] != other["four"]


def test_the_order_of_definitions_does_not_matter() -> None:
    forms = ["(defn a [] (b))", "(defn b [] (c))", "(def c 1)"]
    assert defined(" ".join(forms)) == defined(" ".join(reversed(forms)))


def test_a_function_that_calls_itself() -> None:
    one = defined("(defn count-down [n] (if (= n 0) n (count-down (dec n))))")
    other = defined("(defn go [k] (if (= k 0) k (go (dec k))))")
    assert one["count-down"] == other["go"]
    assert one["count-down"] != defined("(defn go [k] (if (= k 0) k (stop (dec k))))")["go"]


EVEN_ODD = "(defn e? [n] (if (= n 0) true (o? (dec n)))) (defn o? [n] (if (= n 0) false (e? (dec n))))"


def test_functions_that_call_each_other() -> None:
    one, renamed = defined(EVEN_ODD), defined(EVEN_ODD.replace("e?", "even").replace("o?", "odd"))
    assert one["e?"] == renamed["even"]
    assert one["o?"] == renamed["odd"]
    assert one["e?"] != one["o?"]
    swapped = defined(EVEN_ODD.replace("true", "TMP").replace("false", "true").replace("TMP", "false"))
    assert (swapped["e?"], swapped["o?"]) == (one["o?"], one["e?"])
    assert defined(EVEN_ODD.replace("dec n))))", "dec n)))", 1).replace("(o? (dec n)))", "(o? (- n 2))))", 1)) != one


def test_a_change_in_one_of_a_group_changes_all() -> None:
    text = "(defn a [] (b)) (defn b [] (c)) (defn c [] (if x (a) 1))"
    one, other = defined(text), defined(text.replace("1", "2"))
    assert not set(one.values()) & set(other.values())


def test_members_that_do_the_same_are_the_same() -> None:
    found = defined("(defn a [n] (b n)) (defn b [n] (a n))")
    assert found["a"] == found["b"] == defined("(defn x [n] (y n)) (defn y [n] (x n))")["x"]


def test_a_name_that_is_defined_twice() -> None:
    once, twice = defined("(def a 1) (def b a)"), defined("(def a 1) (def b a) (def a 2)")
    assert once["b"] != twice["b"]
    assert twice["a"] != defined("(def a 2) (def b a) (def a 1)")["a"]


def test_names_that_one_form_defines_are_told_apart() -> None:
    found = defined("(do (def a 1) (def b 2)) (defn f [] a) (defn g [] b)")
    assert found["f"] != found["g"]


def test_types() -> None:
    text = "(deftype Size [:and int [:> 0]]) (defn f [n : Size] n)"
    assert defined(text)["f"] == defined(text.replace("Size", "Length"))["f"]
    assert defined(text)["f"] != defined(text.replace("0", "1"))["f"]
    tree = "(defstruct Tree :left Tree :right Tree)"
    assert defined(tree)["type Tree"] != defined(tree.replace(":right Tree", ":right int"))["type Tree"]


def test_modules() -> None:
    module = "(module fees (defn fee [n] (* n {})))"
    def of(text: str, factor: int = 2) -> bytes:
        return defined(text, {"fees": module.format(factor)})["f"]

    one = of("(import fees :as m) (defn f [] (m/fee 1))")
    assert one == of("(import fees :as other) (defn f [] (other/fee 1))") == of("(import fees :only [fee]) (defn f [] (fee 1))")
    assert one == of("(import fees) (defn f [] (fees/fee 1))")
    assert one != of("(import fees :as m) (defn f [] (m/fee 1))", 3)
    inside = defined(module.format(2) + "(import fees :as m) (defn f [] (m/fee 1))")["f"]
    assert inside == one


def test_modules_that_import_each_other() -> None:
    modules = {"a": "(module a (import b) (defn f [] (b/g)))", "b": "(module b (import a) (defn g [] 1))"}
    assert len(program_hash(program("(import a)", modules))) == 32


def test_dependencies_can_be_given() -> None:
    node = program("(fn [n] (helper n))").forms[-1].node
    assert content_hash(node) == content_hash(node, {"helper": outside("helper")}) != content_hash(node, {"helper": outside("other")})


def test_programs() -> None:
    text = "(def a 1) (println a)"
    assert program_hash(program(text)) == program_hash(program(text.replace(" ", "\n")))
    others = [text.replace("a", "b"), text.replace("1", "2"), "(println a) (def a 1)", text + " (println a)", text + " (defmacro m [] 1)"]
    assert len({program_hash(program(other)) for other in [text, *others]}) == len(others) + 1


def test_hashes_stay_what_they_are() -> None:
    """They are kept in stores: when this changes without a change of meaning, raise `hashing.VERSION`."""
    assert hashed("(fn [x] (+ x 1))").hex() == "3b49eda5a4cef8fc25e71e63d01cf87fb3d40fb36c86b099d869860b71921992"


def test_groups_come_after_what_they_refer_to() -> None:
    references = {"a": "b", "b": "cd", "c": "b", "d": "", "e": "ae"}
    assert [sorted(group) for group in groups(list(references), lambda name: list(references[name]))] == [["d"], ["b", "c"], ["a"], ["e"]]
