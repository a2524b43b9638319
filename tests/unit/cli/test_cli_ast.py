"""`rtfs ast`: trees and forms as text."""

from __future__ import annotations

import json

import pytest

from rtfs.cli.main import main
from rtfs.cli.tree import form_text, tree_json
from rtfs.source import Source
from rtfs.syntax.reader import read_forms


def printed(capsys, *argv):
    assert main(["ast", *argv]) == 0
    return capsys.readouterr().out


def test_a_tree(capsys):
    assert printed(capsys, "-e", "(defn f [x : int] (if x (g x) 1.5))").splitlines() == [
        "Def f",
        "  value: Fn f scope=[x]",
        "    params:",
        "      Param type=int",
        "        pattern: BindPattern x",
        "    body: If",
        "      test: Local x",
        "      then: Call tail=true",
        "        function: Global g",
        "        args:",
        "          Local x",
        "      otherwise: Const 1.5",
    ]


def test_spans_and_json(capsys):
    assert printed(capsys, "--spans", "-e", "(+ 1\n 2)").splitlines()[0] == "Call @1:1-2:4"
    tree = json.loads(printed(capsys, "--json", "--spans", "-e", '(str "a" nil)'))
    assert tree["node"] == "Call"
    assert tree["span"] == [1, 1, 1, 14]
    assert [arg["value"] for arg in tree["args"]] == ['"a"', "nil"]
    assert "span" not in json.loads(printed(capsys, "--json", "-e", "(f)"))


def test_macros_are_expanded_in_the_tree_and_not_in_the_forms(capsys):
    text = "(defmacro twice [x] `(do ~x ~x)) (twice (f))"
    assert "Do" in printed(capsys, "-e", text).split("\n")[1]
    assert printed(capsys, "--forms", "-e", text).splitlines()[1] == "(twice (f))"


def test_a_hint_and_a_type_are_shown(capsys):
    tree = printed(capsys, "-e", '(defn f ^:delegation :remote "m" [x] : [:enum "a" "b"] x)')
    assert 'hint=Hint(target="remote" model="m")' in tree
    assert 'result=[:enum "a" "b"]' in tree


@pytest.mark.parametrize(
    "text",
    [
        '(defn f ^:delegation :local-model "echo" ^{:max-tokens 8} [x : string] {:a ^{:k 1} (g x)})',
        '[1 2.5 "a\\n" :k nil true sym {:a [1]} (quote x)]',
        "()",
        "^:delegation :local f",
    ],
)
def test_forms_read_back(text):
    (form,) = read_forms(Source("<test>", text))
    (again,) = read_forms(Source("<test>", form_text(form)))
    assert again == form


def test_depth_costs_nothing(capsys):
    depth = 20_000
    text = "[" * depth + "]" * depth
    (form,) = read_forms(Source("<test>", text))
    assert form_text(form) == text
    assert tree_json(tuple(read_forms(Source("<t>", "1 2")))) == '["1", "2"]'
    assert len(printed(capsys, "-e", "(+ 1 " * 2000 + "1" + ")" * 2000).splitlines()) > 6000


def test_problems_are_reported(capsys):
    assert main(["ast", "-e", "(let [x] x)"]) == 1
    assert "RTFS-A002" in capsys.readouterr().err
    assert main(["ast", "-e", "(let"]) == 1
    assert main(["ast", "-e", "1", "file.rtfs"]) == 2
