"""What is kept of a run, when it is used again, and when not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtfs.config import Limits
from rtfs.errors import RtfsError
from rtfs.runtime import Runtime
from tests.support.stored import everything_is_worth_keeping, reason, run, three_runs, write

F = "(defn f [x] (inc x))\n"


@pytest.fixture(autouse=True)
def _all_sizes() -> Iterator[None]:
    with everything_is_worth_keeping():
        yield


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def entries(cache: Path) -> int:
    return len(list(cache.glob("*.rtfsc")))


# --- texts ---


def test_a_changed_text_takes_the_place_of_the_older_one(tmp_path: Path, cache: Path) -> None:
    path = write(tmp_path, "a.rtfs", F + "(f 1)")
    three_runs(path, cache)
    path.write_text(F + "(f 2)", encoding="utf-8")
    assert three_runs(path, cache).results == ["3"]
    assert entries(cache) == 1


def test_a_text_elsewhere_has_an_entry_of_its_own(tmp_path: Path, cache: Path) -> None:
    for folder in ("one", "two"):
        three_runs(write(tmp_path / folder, "a.rtfs", F + "(f 1)"), cache)
    assert entries(cache) == 2


def test_a_path_may_be_written_in_several_ways(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "a.rtfs", F + '(f "a")')
    monkeypatch.chdir(tmp_path)
    good = write(tmp_path, "b.rtfs", F + "(f 1)")
    three_runs(good, cache)
    relative = run(Path("b.rtfs"), cache, '(f "a")')
    assert relative.stored
    assert "b.rtfs:1:18" in relative.results[1], "the name that was given is the one that is shown"
    assert str(tmp_path) not in relative.results[1]
    assert not run(path, cache).stored


def test_only_files_are_kept(tmp_path: Path, cache: Path) -> None:
    with Runtime(strategy="ir", models=None, cache=cache) as runtime:
        runtime.run(F + "(f 1)")
        runtime.run(F, name=str(tmp_path / "a.rtfs"))
    assert not cache.exists()


def test_the_tree_evaluator_keeps_nothing(tmp_path: Path, cache: Path) -> None:
    path = write(tmp_path, "a.rtfs", F + "(f 1)")
    with Runtime(strategy="tree", models=None, cache=cache) as runtime:
        runtime.run_file(path)
    assert not cache.exists()


def test_a_file_that_is_loaded_into_a_program_is_not_taken_from_the_cache(tmp_path: Path, cache: Path) -> None:
    path = write(tmp_path, "a.rtfs", F + "(f 1)")
    three_runs(path, cache)
    with Runtime(strategy="ir", models=None, cache=cache) as runtime:
        runtime.run("(defmacro f [x] `(quote ~x))")
        with pytest.raises(Exception, match="macro"):
            runtime.run("(defn g [] f) (g)")
        assert runtime.run_file(path) == 2
        assert runtime.run("(defn inc [x] :mine) (f 1)") == "mine"


def test_small_texts_without_functions_are_not_worth_it(tmp_path: Path, cache: Path) -> None:
    from rtfs.eval.cached import cache as module

    module.WORTH_BYTES = 1_000
    three_runs(write(tmp_path, "a.rtfs", "(def x 1)\n(str x)"), cache, kept=False)
    three_runs(write(tmp_path, "b.rtfs", "(def x [1 2 3])\n" * 100 + "(str x)"), cache)


@pytest.mark.parametrize(
    "one, two",
    [
        ({}, {"profile": "strict"}),
        ({}, {"limits": Limits(max_depth=100)}),
        ({"limits": Limits(max_depth=100)}, {"limits": Limits(max_depth=200)}),
    ],
)
def test_settings_that_change_code_are_told_apart(one: dict, two: dict, tmp_path: Path, cache: Path) -> None:  # type: ignore[type-arg]
    path = write(tmp_path, "a.rtfs", "(defn f [n] (if (= n 0) 0 (+ 1 (f (- n 1)))))\n(f 90)")
    three_runs(path, cache, "(f 150)", **one)
    three_runs(path, cache, "(f 150)", **two)
    assert entries(cache) == 2


def test_runs_with_limits_of_steps_use_no_cache(tmp_path: Path, cache: Path) -> None:
    path = write(tmp_path, "a.rtfs", F + "(f 1)")
    three_runs(path, cache, kept=False, limits=Limits(max_steps=1000))
    assert not cache.exists()


def test_an_entry_that_is_not_there_any_more_is_made_again(tmp_path: Path, cache: Path) -> None:
    path = write(tmp_path, "a.rtfs", F + "(f 1)")
    three_runs(path, cache)
    for entry in cache.glob("*.rtfsc"):
        entry.write_bytes(os.urandom(500))
    three_runs(path, cache)


# --- what is not kept ---


@pytest.mark.parametrize(
    "text, why",
    [
        ("(def n @args)\n(defmacro m [] n)\n(defn f [] (m))", "the macro m may depend on the run"),
        ("(def n (atom 0))\n(defmacro m [] (swap! n inc))\n(defn f [] (m))\n(f)", "the macro m may depend on the run"),
        ("(defn h [] @args)\n(defmacro m [] (h))\n(defn f [] (m))", "the macro m may depend on the run"),
        ("(def h (first [(fn [] @args)]))\n(defmacro m [] (h))\n(defn f [] (m))", "the macro m may depend on the run"),
        ("(def t {:a (fn [] @args)})\n(defmacro m [] ((:a t)))\n(defn f [] (m))", "the macro m may depend on the run"),
        ("(defmacro m [] args)\n(defn f [] (m))", "the macro m may depend on the run"),
        ("(defn h ^:delegation :local [x] x)\n(defmacro m [] (h 1))\n(defn f [] (m))", "the macro m may depend on the run"),
        ("(defn f [] (if 1 2 3))\n(if @args nil (def -> 1))", "-> may stop being a macro"),
        ("(defn f [] 1)\n(if @args nil (module a (def x 1)))", "a module inside a form"),
    ],
)
def test_what_depends_on_more_than_the_text_is_not_kept(text: str, why: str, tmp_path: Path, cache: Path) -> None:
    path = write(tmp_path, "a.rtfs", text)
    assert reason(path, cache, context={"args": 1}) == why


@pytest.mark.parametrize(
    "text",
    [
        "(def n 5)\n(defmacro m [] n)\n(defn f [] (m))\n(f)",
        "(def names [:a :b [1 2]])\n(defmacro m [] `(list ~@names))\n(defn f [] (m))\n(f)",
        "(defn h [x] (str x))\n(defmacro m [x] (h x))\n(defn f [] (m a))\n(f)",
        "(defmacro unless [t & body] `(let [v# ~t] (if v# nil (do ~@body))))\n(defn f [x] (unless x 1))\n[(f nil) (f 1)]",
        "(defmacro m [x] (let [n (gensym \"n\")] `(let [~n ~x] ~n)))\n(defn f [x] (m x))\n(f 3)",
        "(defn f [x] (-> x inc str))\n(f 1)",
    ],
)
def test_macros_that_make_the_same_each_time_are_kept(text: str, tmp_path: Path, cache: Path) -> None:
    three_runs(write(tmp_path, "a.rtfs", text), cache, "(macroexpand '(m 1))", "(f 1)")


def test_a_program_that_the_host_changes_while_it_runs_is_not_kept(tmp_path: Path, cache: Path) -> None:
    path = write(tmp_path, "a.rtfs", "(change)\n(defn f [x] (extra x))\n(f 1)")
    for _ in range(2):
        with Runtime(strategy="ir", models=None, cache=cache) as runtime:
            runtime.namespace.define("change", None)  # as if it had been there from the start
            del runtime.namespace.own["change"]
            runtime.namespace.values["change"] = _host(lambda runtime=runtime: runtime.define("extra", lambda x: x + 1))
            assert runtime.run_file(path) == 2
    assert not cache.exists()


def _host(work):  # type: ignore[no-untyped-def]
    from rtfs.values.convert import wrap_callable

    return wrap_callable(work, "change")


# --- modules ---

M = "(module m (defmacro twice [x] `(* 2 ~x)) (defn half [x] (quot x 2)) (deftype Small [:and int [:< 10]]))"
MAIN = "(import m)\n(defn f [x : m/Small] (m/twice (m/half x)))\n[(f 9) (m/half 7)]"


def test_modules_have_entries_of_their_own(tmp_path: Path, cache: Path) -> None:
    write(tmp_path, "m.rtfs", M)
    path = write(tmp_path, "a.rtfs", MAIN)
    warm = three_runs(path, cache, "(m/twice 4)", "(f 11)", "(m/half :a)", module_path=[tmp_path])
    assert warm.results[0] == "[8 3]"
    assert entries(cache) == 2
    other = write(tmp_path, "b.rtfs", "(import m :only [half])\n(defn g [x] (half x))\n(g 8)")
    cold = run(other, cache, module_path=[tmp_path])
    assert cold.results == ["4"]
    assert not cold.stored
    assert entries(cache) == 3


def test_a_changed_macro_changes_the_program(tmp_path: Path, cache: Path) -> None:
    write(tmp_path, "m.rtfs", M)
    path = write(tmp_path, "a.rtfs", MAIN)
    three_runs(path, cache, module_path=[tmp_path])
    write(tmp_path, "m.rtfs", M.replace("(* 2 ~x)", "(* 3 ~x)"))
    changed = three_runs(path, cache, module_path=[tmp_path])
    assert changed.results == ["[12 3]"]
    write(tmp_path, "m.rtfs", M)
    assert three_runs(path, cache, module_path=[tmp_path]).results == ["[8 3]"]


def test_a_change_far_away_changes_the_program(tmp_path: Path, cache: Path) -> None:
    write(tmp_path, "n.rtfs", "(module n (defn by [] 2))")
    write(tmp_path, "m.rtfs", "(module m (import n) (defmacro times [x] `(* ~(n/by) ~x)))")
    path = write(tmp_path, "a.rtfs", "(import m)\n(defn f [x] (m/times x))\n(f 10)")
    assert three_runs(path, cache, module_path=[tmp_path]).results == ["20"]
    write(tmp_path, "n.rtfs", "(module n (defn by [] 3))")
    assert three_runs(path, cache, module_path=[tmp_path]).results == ["30"]


def test_a_module_that_vanishes_is_missed(tmp_path: Path, cache: Path) -> None:
    module = write(tmp_path, "m.rtfs", M)
    path = write(tmp_path, "a.rtfs", MAIN)
    three_runs(path, cache, module_path=[tmp_path])
    module.unlink()
    missed = run(path, cache, module_path=[tmp_path])
    assert "Module not found: m" in missed.results[0]


def test_another_module_of_the_name_counts(tmp_path: Path, cache: Path) -> None:
    write(tmp_path / "one", "m.rtfs", M)
    write(tmp_path / "two", "m.rtfs", M.replace("(* 2 ~x)", "(* 5 ~x)"))
    path = write(tmp_path, "a.rtfs", MAIN)
    assert three_runs(path, cache, module_path=[tmp_path / "one"]).results == ["[8 3]"]
    assert run(path, cache, module_path=[tmp_path / "two"]).results == ["[20 3]"]
    assert run(path, cache, module_path=[tmp_path / "one"]).results == ["[8 3]"]


def test_a_module_that_is_defined_in_memory_counts(tmp_path: Path, cache: Path) -> None:
    write(tmp_path, "m.rtfs", M)
    path = write(tmp_path, "a.rtfs", MAIN)
    three_runs(path, cache, module_path=[tmp_path])
    with Runtime(strategy="ir", models=None, cache=cache, module_path=[tmp_path]) as runtime:
        runtime.machine.modules.run_forms(runtime.machine.namespace(), _forms("(module m (defmacro twice [x] 0) (defn half [x] x))"))
        with pytest.raises(RtfsError, match="m/Small"):
            runtime.run_file(path)


def _forms(text: str):  # type: ignore[no-untyped-def]
    from rtfs.source import Source
    from rtfs.syntax.reader import read_forms

    return tuple([(form, None) for form in read_forms(Source("<m>", text))])


def test_a_module_in_the_text_itself(tmp_path: Path, cache: Path) -> None:
    text = "(module inner (:exports [f]) (defn g [x] (inc x)) (defn f [x] (g (g x))))\n(import inner)\n(defn h [x] (inner/f x))\n(h 1)"
    path = write(tmp_path, "a.rtfs", text)
    assert three_runs(path, cache, "(inner/f 5)", "(inner/g 5)", "(h :a)").results[0] == "3"


def test_an_import_that_may_not_happen_is_not_kept(tmp_path: Path, cache: Path) -> None:
    write(tmp_path, "m.rtfs", M)
    path = write(tmp_path, "a.rtfs", "(if @args (import m) nil)\n(defn f [x] (m/half x))\n(f 4)")
    for context in ({"args": 1}, {}):
        three_runs(path, cache, kept=False, module_path=[tmp_path], context=context)


def test_a_module_that_a_name_loads(tmp_path: Path, cache: Path) -> None:
    write(tmp_path, "m.rtfs", M)
    path = write(tmp_path, "a.rtfs", "(defn f [x] (m/half x))\n(if @args (f 9) 0)")
    assert three_runs(path, cache, module_path=[tmp_path], context={"args": 1}).results == ["4"]
    assert run(path, cache, "(f 9)", module_path=[tmp_path]).results == ["0", "4"]


def test_modules_in_a_circle_are_reported(tmp_path: Path, cache: Path) -> None:
    write(tmp_path, "m.rtfs", "(module m (import n) (defn f [] 1))")
    write(tmp_path, "n.rtfs", "(module n (import m) (defn f [] 1))")
    path = write(tmp_path, "a.rtfs", "(import m)\n(m/f)")
    three_runs(path, cache, kept=False, module_path=[tmp_path])
