"""Dead code: what is not evaluated any more, and what must be."""

from __future__ import annotations

import pytest

from tests.support.ir import optimised, shown


def after(text: str) -> str:
    return shown(text, "kinds", "dead_code").rstrip("\n")


def test_before_and_after() -> None:
    text = "(fn [x] (let [unused [x (str 1)] f (fn [] x) y (inc x)] (do (nil? y) (println x) :done)))"
    assert shown(text, "lowering") == (
        "fn <fn>(%x)\n"
        "  do\n"
        "    blank %f\n"
        "    %unused = [%x (str 1)]\n"
        "    %f =\n"
        "      fn f() captures %x\n"
        "        %x\n"
        "    %y = (inc %x)\n"
        "    do\n"
        "      (nil? %y)\n"
        "      (println %x)\n"
        "      :done\n"
    )
    assert shown(text, "kinds", "dead_code") == (
        "fn <fn>(%x)\n"
        "  do\n"
        "    (str 1):str\n"
        "    (inc %x):num\n"
        "    (println %x)\n"
        "    :done\n"
    )  # fmt: skip
    assert optimised(text, "kinds", "dead_code")[1]["dead_code"] == {"dropped": 5, "names": 2, "functions": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('(do 1 "a" :k nil map (fn [] (f)) 2)', "2"),
        ("(do [1 (f) {:k (g)}] 3)", "do\n  (f)\n  (g)\n  3"),
        ("(let [x 1 y (f)] 3)", "do\n  (f)\n  3"),
        ("(let [a 1 b [a] c [b]] 3)", "3"),
        ("(let [f (fn [n] (f n))] 3)", "3"),
        ("(do (if (f) 1 2) 3)", "do\n  (f)\n  3"),
        ("(do (if (f) (g) [2]) 3)", "do\n  if (f)\n    (g)\n    else\n    nil\n  3"),
        ("(do (and (f) [(g)] 5) 3)", "do\n  (and (f) (g))\n  3"),
        ("(do (let [x (f)] [x x]) 3)", "do\n  (f)\n  3"),
        ("(do (= (f) :a) (not (g)) (list 1 2) 3)", "do\n  (f)\n  (g)\n  3"),
        ("(do (+ (count [1 2]) 2.5) 3)", "3"),
    ],
)
def test_dropped(text: str, expected: str) -> None:
    assert after(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "(do (/ 1 0) 3)",
        "(do unknown 3)",
        "(do (f) 3)",
        '(do (+ 1 "a") 3)',
        "(fn [x] (do (+ x 1) 3))",
        "(fn [x] (do (< x 2) 3))",
        "(fn [x] (do (= x [1 x]) 3))",
        "(fn [x] (do (:k x) 3))",
        "(fn [x] (do (count x) 3))",
        "(fn [x] (do (mod 5 x) 3))",
        "(do (mod 5 0) 3)",
        "(loop [i 1] (do (* i i) (if (f) (recur (* i i)) i)))",  # it may get too long
        "(letrec [a (do a 1)] 2)",
        "(do (map inc [1]) 3)",
        "(do (loop [] (recur)) 3)",
        "(do (def x 1) (set! x 2) 3)",
        "(do (nil?) 3)",
    ],
)
def test_what_may_raise_or_do_something_stays(text: str) -> None:
    assert after(text) == shown(text, "kinds").rstrip("\n")
    assert not any(optimised(text, "kinds", "dead_code")[1]["dead_code"].values())


def test_a_match_stays() -> None:
    text = "(fn [x] (do (match x 1 2) 3))"
    assert after(text) == "fn <fn>(%x)\n  do\n    %subject = %x\n    cases %subject\n      1\n        2\n      no-match %subject\n    3"


def test_a_name_with_another_meaning_is_called() -> None:
    assert shown("(def nil? println) (do (nil? 1) 2)", "kinds", "dead_code") == "do\n  (nil? 1)\n  2\n"


def test_a_function_that_is_its_own_value_keeps_its_name() -> None:
    text = "((fn self [n] (if (= n 0) :end (self (- n 1)))) 9)"
    assert after(text) == shown(text, "kinds").rstrip("\n")


def test_an_operand_keeps_its_place() -> None:
    """An error about the operand shows the whole form that gave the value."""
    assert after("(f (do 1 (g)))") == "call f\n  do\n    (g)"
