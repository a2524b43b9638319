"""Constant folding: what becomes of small programs, and what must stay as it is."""

from __future__ import annotations

from typing import Any

import pytest

from rtfs.ir.passes.constants import is_small
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import List, Vector
from tests.support.ir import optimised, shown


def after(text: str) -> str:
    return shown(text, "constants").rstrip("\n")


def test_before_and_after() -> None:
    text = "(fn [age] (let [limit 18 half (/ limit 2)] (if (not (< age limit)) :adult (if (< age half) :child :young))))"
    assert shown(text, "lowering") == (
        "fn <fn>(%age)\n"
        "  do\n"
        "    %limit = 18\n"
        "    %half = (/ %limit 2)\n"
        "    if (not (< %age %limit))\n"
        "      :adult\n"
        "      else if (< %age %half)\n"
        "      :child\n"
        "      else\n"
        "      :young\n"
    )
    assert shown(text, "constants") == (
        "fn <fn>(%age)\n"
        "  if (< %age 18)\n"
        "    if (< %age 9)\n"
        "      :child\n"
        "      else\n"
        "      :young\n"
        "    else\n"
        "    :adult\n"
    )
    assert optimised(text, "constants")[1] == {"constants": {"folded": 1, "names": 3, "branches": 1}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(+ 1 (* 2 3))", "7"),
        ("(/ 7 2)", "3.5"),
        ("(/ 6 2)", "3"),
        ("(* 0.0 -1)", "-0.0"),
        ("(/ 0.0 ##Inf)", "0"),
        ("(- ##Inf ##Inf)", "##NaN"),
        ("(= 1 1.0)", "false"),
        ("(max 1 1.0)", "1"),
        ("(pow 2 100)", "1267650600228229401496703205376"),
        ('(str "a" :b nil)', '"a:bnil"'),
        ('(string-upper (str "a" 1))', '"A1"'),
        ("(:a {:a [1 2]})", "[1 2]"),
        ("(:b {:a 1} :none)", ":none"),
        ("(count (get {:a [1 2]} :a))", "2"),
        ("[1 (+ 1 1)]", "[1 2]"),
        ("{:a (+ 1 1)}", "{:a 2}"),
        ("(let [x 5 y x] (f x y))", "(f 5 5)"),
        ("(if (= 1 2) (f) (g))", "(g)"),
        ("(if [] 1 2)", "if []\n  1\n  else\n  2"),
        ("(if (fn [] 1) 1 2)", "1"),
        ("(if (do (f) true) 1 2)", "do\n  (f)\n  1"),
        ("(fn [a b c] (if (if a b false) c 1))", "fn <fn>(%a %b %c)\n"
                                                 "  if (and %a %b)\n"
                                                 "    %c\n"
                                                 "    else\n"
                                                 "    1"),
        ("(fn [a b c] (if (if a true b) c 1))", "fn <fn>(%a %b %c)\n  if (or %a %b)\n    %c\n    else\n    1"),
        ("(fn [a] (if (if a nil 1) 2 3))", "fn <fn>(%a)\n  if %a\n    3\n    else\n    2"),
        ("(fn [a] (if (= a 1) true false))", "fn <fn>(%a)\n  (= %a 1)"),
        ("(fn [a] (if a true false))", "fn <fn>(%a)\n  if %a\n    true\n    else\n    false"),
        ("(and 1 (f) nil (g))", "(and (f) nil)"),
        ("(or nil (f) 5 (g))", "(or (f) 5)"),
        ("(and (f) (and (g) (h)))", "(and (f) (g) (h))"),
        ("(fn [a] (if (and true a) 1 2))", "fn <fn>(%a)\n  if %a\n    1\n    else\n    2"),
        ("(fn [a] (and a true))", "fn <fn>(%a)\n  (and %a true)"),
        ("(f (if true (g) 1))", "call f\n  do\n    (g)"),  # an error about the operand shows the whole `if`
        ("(defn sq [x] (* x x)) (defn f [y] (+ y (sq 3)))", "def f =\n  fn f(%y)\n    (tail + %y 9):num"),
    ],
)
def test_folded(text: str, expected: str) -> None:
    found = shown(text).rstrip("\n") if text.startswith("(defn sq") else after(text)
    assert found == expected


@pytest.mark.parametrize(
    "text",
    [
        "(/ 1 0)",
        '(+ 1 "a")',
        "(inc nil)",
        "(nth [1] 5)",
        "(:a 5)",
        "(abs)",
        "(range 3)",
        "(factorial 5)",
        "(pow 2 100000)",
        "(* " + "9" * 400 + " 2)",
        '(pad-left "a" 1000000)',
        "(throw :x)",
        "(println 1)",
        "(rand)",
        "(map inc [1])",
        "(unknown 1)",
        "(current-time-millis)",
    ],
)
def test_calls_that_raise_or_do_something_or_make_much_stay(text: str) -> None:
    assert after(text) == shown(text, "lowering").rstrip("\n")
    assert optimised(text, "constants")[1]["constants"]["folded"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "(let [x 5] (set! x 6) x)",
        "(loop [i 0] (if (f) (recur (g)) i))",
        "(fn [] (do (h x) (def x 5)))",
        "(letrec [f (fn [] x) x 5] (f))",
        "(match (f) x x)",
        "(for [x [1 2]] x)",
    ],
)
def test_names_that_may_hold_something_else_stay(text: str) -> None:
    assert optimised(text, "constants")[1]["constants"]["names"] == 0


def test_a_name_with_another_meaning_is_not_folded() -> None:
    assert shown("(def + -) (+ 5 3)", "constants") == "(+ 5 3)\n"
    assert shown("(do (def + -) (+ 5 3))", "constants") == "do\n  def + = -\n  (+ 5 3)\n"
    assert shown("(fn [not a] (if (not a) 1 2))", "constants") == "fn <fn>(%not %a)\n  if (%not %a)\n    1\n    else\n    2\n"


@pytest.mark.parametrize(
    ("value", "small"),
    [
        (2**256 - 1, True),
        (2**256, False),
        ("a" * 256, True),
        ("a" * 257, False),
        (Vector(range(63)), True),
        (Vector(range(64)), False),
        (Vector([Vector([Map([("a", 2**300)])])]), False),
        (List([1.5, None, True, Keyword("k")]), True),
        (Symbol("a"), False),
        (Map([(i, i) for i in range(33)]), False),
    ],
)
def test_small_values(value: Any, small: bool) -> None:
    assert is_small(value) is small
