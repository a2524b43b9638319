"""What a program defines, and the three hashes of it."""

from __future__ import annotations

import pytest

from rtfs.ir.artefact.definitions import Definition, task_text
from rtfs.runtime import Runtime
from rtfs.source import Source

ASKING = '''(defn topic ^:delegation :local-model "m" ^{:examples [["a" "x"]] :timeout-s 3} "What is it about?"
  [message :string] :-> [:enum "x" "y"] "x")'''


def definitions(text: str) -> dict[str, Definition]:
    runtime = Runtime(models=None, module_path=[], on_warning=lambda message, span: None)
    return {found.name: found for found in runtime.definitions(Source("<text>", text))}


def test_what_is_found() -> None:
    text = f"(deftype Size int) (def k 1) (do (defn f [n] n) (def g 2)) (module m (defn h [] (inc 1))) (println 1) {ASKING} (def k 2)"
    found = definitions(text)
    assert [(one.name, one.kind) for one in found.values()] == [
        ("Size", "type"), ("f", "function"), ("g", "value"), ("m/h", "function"), ("topic", "function"), ("k", "value"),
    ]  # fmt: skip
    assert [name for name, one in found.items() if one.interface is None] == ["Size", "g", "k"]
    assert [name for name, one in found.items() if one.task is not None] == ["topic"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("[a :int] :-> int a", "[b :int] :-> int (+ b 1)", True),
        ("[a] a", "[b :any] :-> any b", True),
        ("[a :int] a", "[a :string] a", False),
        ("[a :int] :-> int a", "[a :int] a", False),
        ("[a :int b :int] a", "[a :int & b :int] a", False),
        ("[a :int b] a", "[a b :int] a", False),
        ("[a :Few] a", "[a :Some] a", True),  # two names of one type
        ("[a :Few] a", "[a :Other] a", False),
        ("[a :Tree] a", "[a :Bush] a", False),  # structs differ by their names
    ],
)
def test_interfaces(one: str, other: str, same: bool) -> None:
    types = """(deftype Few [:and int [:< 5]]) (deftype Some [:and int [:< 5]]) (deftype Other [:and int [:< 6]])
               (defstruct Tree :left [:optional Tree]) (defstruct Bush :left [:optional Bush])"""
    found = definitions(f"{types} (defn f {one}) (defn g {other})")
    assert (found["f"].interface == found["g"].interface) is same


def test_types_of_modules_count_by_what_they_mean() -> None:
    text = "(module m (deftype Size {})) (import m :as other) (import m :only [Size]) (defn f [n :other/Size] n) (defn g [n :Size] n)"
    one, other = definitions(text.format("int")), definitions(text.format("string"))
    assert one["f"].interface == one["g"].interface != other["f"].interface


@pytest.mark.parametrize(
    "change",
    [("topic", "subject"), ('"m"', '"n"'), (" 3", " 4"), ('"x")', '"y")'), ("What is it", "What  is\n it"), ("local-model", "remote")],
)
def test_what_a_task_is_not(change: tuple[str, str]) -> None:
    assert ASKING.replace(*change) != ASKING
    (found,) = definitions(ASKING.replace(*change)).values()
    assert found.task == definitions(ASKING)["topic"].task


@pytest.mark.parametrize(
    "change", [("What is", "What was"), ("message :string", "letter :string"), (":string", ":any"), ('"y"]', '"z"]'), ('["a"', '["b"')]
)
def test_what_a_task_is(change: tuple[str, str]) -> None:
    assert ASKING.replace(*change) != ASKING
    (found,) = definitions(ASKING.replace(*change)).values()
    assert found.task != definitions(ASKING)["topic"].task


def test_a_function_without_a_docstring_asks_by_its_name() -> None:
    text = ASKING.replace('"What is it about?"', "")
    one, other = definitions(text)["topic"], definitions(text.replace("topic", "main-subject"))["main-subject"]
    assert one.task != other.task
    assert other.function is not None
    assert task_text(other.function) == "main subject"
