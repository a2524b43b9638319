"""What the analyser finds before anything runs: warnings, all problems at once, spans through macros, tail positions."""

from __future__ import annotations

from typing import Any

import pytest

from rtfs.errors import AnalysisError
from rtfs.runtime import Runtime
from rtfs.source import Source
from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse import Analyser
from rtfs.syntax.reader import read_forms


@pytest.fixture
def runtime() -> Runtime:
    return Runtime(models=None, environ={}, on_warning=lambda message, span: None)


def analyse(runtime: Runtime, text: str) -> tuple[ast.Node, list[AnalysisError]]:
    analyser = Analyser(runtime.namespace)
    (form,) = read_forms(Source("t.rtfs", text))
    return analyser.top_level(form), analyser.warnings


def nodes_of(root: Any) -> list[Any]:
    """Every node of a tree, outermost first."""
    found, waiting = [], [root]
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, ast.Node):
            found.append(item)
        if isinstance(item, tuple):
            waiting = [*item, *waiting]
        elif hasattr(item, "_fields"):
            waiting = [*(getattr(item, name) for name in item._fields), *waiting]
    return found


def test_an_unknown_name_is_a_warning_with_a_near_miss(runtime: Runtime) -> None:
    _, warnings = analyse(runtime, "(prinln 1)")
    (warning,) = warnings
    assert (warning.kind, warning.hint) == ("unbound-name", "did you mean `println`?")
    assert warning.span is not None
    assert warning.span.text == "prinln"


@pytest.mark.parametrize("text", ["(fn [x] x)", "(when 1 2)", "(let [f (fn [] (f))] f)", "(defn g [] (g))", "(try 1 (catch e e))", "and"])
def test_known_names_give_no_warning(runtime: Runtime, text: str) -> None:
    assert analyse(runtime, text)[1] == []


def test_all_problems_come_together_in_source_order(runtime: Runtime) -> None:
    with pytest.raises(AnalysisError) as caught:
        analyse(runtime, "(do (if) (let [x]) (fn [a a] 1) {x 1} (recur))")
    problems = [caught.value, *caught.value.others]
    kinds = [p.kind for p in problems]
    assert kinds == ["invalid-special-form", "invalid-special-form", "duplicate-parameter", "invalid-map-key", "misplaced-recur"]
    starts = [p.span.start for p in problems if p.span is not None]
    assert starts == sorted(starts)
    assert len(starts) == 5


def test_problems_in_a_macro_point_into_its_call(runtime: Runtime) -> None:
    runtime.run("(defmacro bad [x] `(if ~x))")
    with pytest.raises(AnalysisError) as caught:
        analyse(runtime, "(+ 1 (bad (f y)))")
    assert caught.value.span is not None
    assert caught.value.span.text == "(bad (f y))"


def test_forms_that_a_macro_was_given_keep_their_places(runtime: Runtime) -> None:
    _, warnings = analyse(runtime, "(when true (unknwn 1))")
    assert [w.span and w.span.text for w in warnings] == ["unknwn"]


def test_analysing_twice_gives_equal_trees(runtime: Runtime) -> None:
    text = "(let [{:keys [a] :or {a 1}} {} f (fn [n : int] : int (if (= n 0) a (f (- n 1))))] (match (f 3) 1 :one _ :other))"
    first, second = analyse(runtime, text)[0], analyse(runtime, "   " + text)[0]
    assert type(first) is type(second)
    assert [type(n) for n in nodes_of(first)] == [type(n) for n in nodes_of(second)]


@pytest.mark.parametrize(
    "text, tail",
    [
        ("(fn [x] (g x))", True),
        ("(fn [x] (if x (g x) 1))", True),
        ("(fn [x] (do 1 (let [y 1] (g x))))", True),
        ("(fn [x] (and x (g x)))", True),
        ("(fn [x] (match x 1 (g x)))", True),
        ("(fn [x] (+ 1 (g x)))", False),
        ("(fn [x] [(g x)])", False),
        ("(fn [x] (try (g x) (catch e 1)))", False),
        ("(fn [x] : int (g x))", False),
        ("(fn [x] (for [y x] (g y)))", False),
    ],
)
def test_which_calls_are_tail_calls(runtime: Runtime, text: str, tail: bool) -> None:
    runtime.define("g", lambda x: x)
    node, _ = analyse(runtime, text)
    (call,) = [n for n in nodes_of(node) if isinstance(n, ast.Call) and isinstance(n.function, ast.Global) and n.function.name == "g"]
    assert call.tail is tail


def test_every_node_has_a_place(runtime: Runtime) -> None:
    text = "(defn f [x & r] (let [[a b] x] (when a (cond b `(c ~a) :else (->> r (map inc) {:k 1})))))"
    node, _ = analyse(runtime, text)
    for each in nodes_of(node):
        assert each.span is not None, each
        assert 0 <= each.span.start <= each.span.end <= len(text)
