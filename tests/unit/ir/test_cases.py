"""Case dispatch: the plans of `match`, and which chains of `if` get one."""

from __future__ import annotations

import pytest

from rtfs.eval.compiled import tables
from rtfs.runtime import Runtime
from tests.support.ir import optimised, shown


def plan(text: str) -> str:
    """The plan of the `match` in a function of one line."""
    lines = shown(text, "cases").splitlines()
    assert lines[1].startswith("  cases")
    return "\n".join(line.removeprefix("    ") for line in lines[2:])


def test_before_and_after() -> None:
    text = "(fn [s] (match s {:kind :circle :r r} r [:square a] a {:kind :rect :w w :h h} [w h] _ 0))"
    assert shown(text, "lowering") == (
        "fn <fn>(%s)\n"
        "  do\n"
        "    %subject = %s\n"
        "    cases %subject\n"
        "      {:kind :circle :r %r}\n"
        "        %r\n"
        "      [:square %a]\n"
        "        %a\n"
        "      {:kind :rect :w %w :h %h}\n"
        "        [%w %h]\n"
        "      _\n"
        "        0\n"
        "      no-match %subject\n"
    )
    assert shown(text, "cases") == (
        "fn <fn>(%s)\n"
        "  cases %s\n"
        "    when %s type map\n"
        "      when %s[:kind] is :circle and %s[:r] present\n"
        "        %r = %s[:r]\n"
        "        %r\n"
        "      when %s[:kind] is :rect and %s[:w] present and %s[:h] present\n"
        "        %w = %s[:w]\n"
        "        %h = %s[:h]\n"
        "        [%w %h]\n"
        "    when %s type seq and %s has 2 and %s[0] is :square\n"
        "      %a = %s[1]\n"
        "      %a\n"
        "    0\n"
    )
    assert optimised(text, "cases")[1] == {"cases": {"planned": 1, "chains": 0, "shared": 1, "vectors": 0}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (  # lengths, then tags: clauses of one length stand together
            "(fn [s] (match s [:add a b] 1 [:neg a] 2 [:mul a b] 3 _ 4))",
            "when %s type seq\n"
            "  when %s has 3\n"
            "    when %s[0] is :add\n"
            "      %a = %s[1]\n"
            "      %b = %s[2]\n"
            "      1\n"
            "    when %s[0] is :mul\n"
            "      %a'2 = %s[1]\n"
            "      %b'2 = %s[2]\n"
            "      3\n"
            "  when %s has 2 and %s[0] is :neg\n"
            "    %a'3 = %s[1]\n"
            "    2\n"
            "4",
        ),
        (  # kinds of literals; nothing is moved over a clause that may take the same value
            '(fn [s] (match s :a 1 2 2 "b" 3 5 5 n when (> n 3) n 7 7))',
            "when %s is :a\n"
            "  1\n"
            "when %s type int\n"
            "  when %s is 2\n"
            "    2\n"
            "  when %s is 5\n"
            "    5\n"
            'when %s type str and %s is "b"\n'
            "  3\n"
            "guard\n"
            "  do\n"
            "    %n = %s\n"
            "    (> %n 3)\n"
            "%n\n"
            "when %s type int and %s is 7\n"
            "  7\n"
            "no-match %s",
        ),
        (  # at least one item does not exclude two
            "(fn [s] (match s [a & r] when (f) r [a b] b [] 0))",
            "when %s type seq\n"
            "  when %s has at least 1\n"
            "    %a = %s[0]\n"
            "    %r = %s rest\n"
            "    guard (f)\n"
            "    %r\n"
            "    when %s has 2\n"
            "      %a'2 = %s[0]\n"
            "      %b = %s[1]\n"
            "      %b\n"
            "  when %s has 0\n"
            "    0\n"
            "no-match %s",
        ),
        (  # what can be noticed stays where it is: the default is evaluated before `:b` is looked at
            "(fn [s] (match s {:keys [a] :or {a (f)} :b 1} a {:b 2} 2))",
            "when %s type map\n"
            "  %s[:a] default\n"
            "  when %s[:b] type int and %s[:b] is 1\n"
            "    %a = %s[:a]\n"
            "    %a\n"
            "  when %s[:b] type int and %s[:b] is 2\n"
            "    2\n"
            "no-match %s",
        ),
        (  # clauses after one that takes everything are left out
            "(fn [s] (match s 1 :one n n 2 :two))",
            "when %s type int and %s is 1\n  :one\ndo\n  %n = %s\n  %n",
        ),
        (
            "(fn [s] (match s (1 | 2) :low (: n string) n (p @ [q]) p))",
            "when %s type int and %s is 1 or 2\n"
            "  :low\n"
            "when %s type str\n"
            "  %n = %s\n"
            "  %n\n"
            "when %s type seq and %s has 1\n"
            "  %p = %s\n"
            "  %q = %s[0]\n"
            "  %p\n"
            "no-match %s",
        ),
        (
            "(fn [s] (match s :a 1 :b 2 :c 3 :d 4 _ 5))",
            "case %s :a\n  1\ncase %s :b\n  2\ncase %s :c\n  3\ncase %s :d\n  4\n5",
        ),
        (
            "(fn [x] (cond (= x 1) :a (= \"b\" x) :b (= x :c) :c :else :d))",
            'when %x type int and %x is 1\n  :a\nwhen %x type str and %x is "b"\n  :b\nwhen %x is :c\n  :c\n:d',
        ),
    ],
)  # fmt: skip
def test_plans(text: str, expected: str) -> None:
    assert plan(text) == expected


def test_a_vector_that_is_only_taken_apart_is_not_made() -> None:
    text = "(fn [a b] (match [a (f b)] [0 x] x [y] y [y 0] y all all))"
    assert shown(text, "cases") == (
        "fn <fn>(%a %b)\n"
        "  do\n"
        "    %subject.1 = (f %b)\n"
        "    cases %a %subject.1\n"
        "      when %a type int and %a is 0\n"
        "        %x = %subject.1\n"
        "        %x\n"
        "      when %subject.1 type int and %subject.1 is 0\n"
        "        %y = %a\n"
        "        %y\n"
        "      do\n"
        "        %all = [%a %subject.1]\n"
        "        %all\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "(fn [a] (match [a 1] [x & r] r))",
        "(fn [a] (match [a 1] [x y :as all] all))",
        "(fn [a] (match [a 1] (p @ [x y]) p))",
        "(fn [a] (match [a 1] {:a x} x _ 0))",
    ],
)
def test_a_vector_that_is_wanted_whole_is_made(text: str) -> None:
    assert optimised(text, "cases")[1]["cases"]["vectors"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "(fn [x] (cond (= x 1) :a (= x 2) :b :else :d))",
        "(fn [x y] (cond (= x 1) :a (= y 2) :b (= x 3) :c :else :d))",
        "(fn [x] (cond (= x 1) :a (= x [2]) :b (= x 3) :c :else :d))",
        "(fn [x] (cond (= x 1) :a (< x 2) :b (= x 3) :c :else :d))",
        "(fn [= x] (cond (= x 1) :a (= x 2) :b (= x 3) :c :else :d))",
        "(do (def = <) (fn [x] (cond (= x 1) :a (= x 2) :b (= x 3) :c :else :d)))",
    ],
)
def test_other_chains_of_if_stay(text: str) -> None:
    assert not any(optimised(text, "cases")[1]["cases"].values())


@pytest.mark.parametrize("limit", [0, 1000])
def test_tables_find_their_cases_by_search_and_one_by_one(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LINEAR", dict.fromkeys(tables.LINEAR, limit))
    runtime = Runtime(strategy="ir", models=None)
    for literals in (range(-20, 20, 3), [2**64 + i for i in range(9)], [f'"w{i}"' for i in range(12)], [f":k{i}" for i in range(30)]):
        cases = " ".join(f"{literal} {i}" for i, literal in enumerate(literals))
        runtime.run(f"(defn find [x] (match x {cases} _ :none))")
        found = runtime.run(f"(map find [{' '.join(map(str, literals))}])")
        assert found == list(range(len(literals)))
        other = runtime.run('(map find [-1000 1000 1.0 true "w" :k nil [] {}])', raw=True)
        assert [str(item) for item in other] == [":none"] * 9
