"""Modules: what is loaded when, what stays after a failure, and which files a name can reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtfs.errors import EvalError, ParseError, RtfsError
from rtfs.runtime import Runtime


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    return Runtime(models=None, environ={}, module_path=[tmp_path], on_warning=lambda message, span: None)


def write(folder: Path, name: str, text: str) -> None:
    path = folder / (name.replace(".", "/") + ".rtfs")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_module_is_run_once(runtime: Runtime, tmp_path: Path) -> None:
    seen: list[int] = []
    runtime.host.context["seen"] = 0
    write(tmp_path, "a", '(module a (context/set "seen" (+ 1 (context/get "seen"))) (def x 1))')
    write(tmp_path, "b", "(module b (import a) (def y a/x))")
    assert runtime.run("(import a) (import b) (import a :as c) [(+ a/x b/y c/x) (context/get \"seen\")]") == [3, 1]
    assert seen == []


def test_a_module_that_failed_can_be_loaded_after_it_was_mended(runtime: Runtime, tmp_path: Path) -> None:
    write(tmp_path, "a", "(module a (def x (/ 1 0)))")
    with pytest.raises(EvalError, match="Division by zero"):
        runtime.run("(import a)")
    write(tmp_path, "a", "(module a (def x")
    with pytest.raises(ParseError):
        runtime.run("(import a)")
    write(tmp_path, "a", "(module a (def x 5))")
    assert runtime.run("(import a) a/x") == 5


def test_a_cycle_is_an_error_and_leaves_nothing_half_loaded(runtime: Runtime, tmp_path: Path) -> None:
    write(tmp_path, "a", "(module a (import b) (def x 1))")
    write(tmp_path, "b", "(module b (import a) (def y 1))")
    for _ in range(2):
        with pytest.raises(EvalError, match="a -> b -> a"):
            runtime.run("(import a)")
    write(tmp_path, "b", "(module b (def y 1))")
    assert runtime.run("(import a) a/x") == 1


def test_names_of_the_program_do_not_leak_into_modules(runtime: Runtime, tmp_path: Path) -> None:
    write(tmp_path, "a", "(module a (defn peek [] secret))")
    runtime.run("(def secret 1) (import a)")
    with pytest.raises(EvalError, match="Undefined symbol: secret"):
        runtime.run("(a/peek)")


def test_private_definitions_work_inside_their_module(runtime: Runtime, tmp_path: Path) -> None:
    write(tmp_path, "a", "(module a (:exports [f m]) (defn helper [x] (* 2 x)) (defn f [x] (helper x)) (defmacro m [x] `(+ 1 ~x)))")
    assert runtime.run("(import a) [(a/f 2) (a/m 2)]") == [4, 3]
    with pytest.raises(EvalError, match="helper"):
        runtime.run("(a/helper 1)")


@pytest.mark.parametrize("name", ["..secret", "a..b", ".hidden", "a/b", "-x"])
def test_a_name_cannot_leave_the_module_path(runtime: Runtime, tmp_path: Path, name: str) -> None:
    (tmp_path.parent / "secret.rtfs").write_text("(module secret (def x 1))", encoding="utf-8")
    with pytest.raises(RtfsError):
        runtime.run(f"(import {name})")


def test_the_first_folder_of_the_path_wins(tmp_path: Path) -> None:
    for folder, value in (("one", 1), ("two", 2)):
        write(tmp_path / folder, "a", f"(module a (def x {value}))")
    rt = Runtime(models=None, environ={}, module_path=[tmp_path / "one", tmp_path / "two"])
    assert rt.run("(import a) a/x") == 1
