"""Hosts that do odd things, and several runtimes at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rtfs.errors import ConfigError, DelegationError, ToolError
from rtfs.models.protocol import ModelReply, ModelRequest
from rtfs.models.registry import ModelRegistry
from rtfs.runtime import Runtime
from rtfs.source import Source


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


def fail() -> None:
    raise Unspeakable


def test_an_error_without_words_is_an_error_of_the_tool() -> None:
    runtime = Runtime(models=None)
    runtime.define("fail", fail)
    assert runtime.run("(try (fail) (catch e (:message e)))") == "fail raised Unspeakable"
    with pytest.raises(ToolError):
        runtime.run("(fail)")


def test_runtimes_in_two_threads_do_not_take_each_other_the_stack() -> None:
    # in a process of its own: CPython aborts when the limit of recursion is lowered under a deep thread
    program = """
import sys, threading, rtfs
text = "(defn f [n] (if (= n 0) 0 (+ 1 (f (- n 1))))) (f 4000)"
found = []
def work():
    runtime = rtfs.Runtime(models=None)
    for _ in range(4):
        found.append(runtime.run(text))
threads = [threading.Thread(target=work) for _ in range(4)]
before = sys.getrecursionlimit()
[t.start() for t in threads]
[t.join() for t in threads]
assert found == [4000] * 16, found
assert sys.getrecursionlimit() == before
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-500:]


def test_checking_a_program_leaves_nothing_in_the_context() -> None:
    runtime = Runtime(models=None)
    problems = runtime.check(Source("<test>", '(defmacro m [] (context/set "a" 1)) (m) (defmacro s [] (step "b" 1)) (s)'))
    assert [problem.kind for problem in problems] == ["macro-error", "macro-error"]
    assert runtime.host.context == {}
    assert not runtime.host.audit


class Refusing:
    """A provider whose refusal repeats the key it was given."""

    name = "refusing"

    def complete(self, request: ModelRequest) -> ModelReply:
        raise DelegationError("the key s3cr3t-s3cr3t is not valid")

    def close(self) -> None:
        pass


def test_a_strict_call_does_not_tell_the_program_a_secret() -> None:
    registry = ModelRegistry()
    registry.register("m", Refusing())  # type: ignore[arg-type]
    runtime = Runtime(models=registry, environ={"THE_API_KEY": "s3cr3t-s3cr3t"})
    runtime.run('(defn f ^:delegation :local-model "m" ^{:strict true} [x] :-> :int 7)')
    assert runtime.run("(try (f 1) (catch e (:message e)))") == "the key [THE_API_KEY] is not valid"


def test_a_function_comes_back_as_a_callable_and_goes_in_as_itself() -> None:
    runtime = Runtime(models=None)
    square = runtime.run("(fn square [x] (* x x))")
    assert square(4) == 16
    runtime.define("again", square)
    assert runtime.run("(map again [1 2 3])") == [1, 4, 9]
    assert runtime.run("again", raw=True).name == "square"


def test_a_core_form_cannot_be_defined_by_the_host() -> None:
    with pytest.raises(ConfigError, match="core form"):
        Runtime(models=None).define("if", 1)


def test_what_fails_to_close_keeps_nothing_else_open() -> None:
    closed: list[str] = []

    class Model:
        def __init__(self, name: str) -> None:
            self.name = name

        def complete(self, request: ModelRequest) -> ModelReply:
            return ModelReply(text="yes")

        def close(self) -> None:
            closed.append(self.name)
            if self.name == "a":
                raise OSError("it cannot")

    class Log:
        def add(self, record: object) -> None:
            pass

        def flush(self) -> None:
            closed.append("log")
            raise OSError("the disk is full")

    runtime = Runtime(environ={}, log=Log())
    for name in ("a", "b"):
        runtime.models.register(name, Model(name))
    assert runtime.run('(defn f ^:delegation :remote "a" [] "no") (f)') == "yes"
    with pytest.raises(OSError, match="it cannot") as failed:
        runtime.close()
    assert str(failed.value.__context__) == "the disk is full"
    assert closed == ["log", "a", "b"]
