"""Programs that are too much of something: compiled or not, a result or a clear error, and the same from text and artefact."""

from __future__ import annotations

import pytest

from rtfs.errors import InternalError, RtfsError
from rtfs.runtime import Runtime
from rtfs.source import Artefact, Source

NUMBERS = " ".join(str(i) for i in range(10_000))

PROGRAMS = {
    "deep calls": "(+ 1 " * 6_000 + "1" + ")" * 6_000,
    "deep functions": "(" * 1_500 + "(fn [] " * 1_500 + "1" + ")" * 3_000,
    "deep lets": "(let [x 1] " * 2_000 + "x" + ")" * 2_000,
    "deep data": "(count '" + "[" * 40_000 + "]" * 40_000 + ")",
    "deep branches": "(if true " * 3_000 + "1" + ")" * 3_000,
    "deep definitions": "(do " * 2_000 + "(def x 1)" + ")" * 2_000,
    "deep modules": "".join(f"(module m{i} " for i in range(200)) + ")" * 200,
    "a long integer": f"(count (str {'9' * 290_000}))",
    "a long string": f'(count "{"x" * 5_000_000}")',
    "a long vector": f"(count [{NUMBERS} {NUMBERS}])",
    "a long map": "(count {" + " ".join(f":k{i} {i}" for i in range(20_000)) + "})",
    "many parameters": "(defn f [" + " ".join(f"p{i}" for i in range(10_000)) + f"] (+ p0 p9999)) (f {NUMBERS})",
    "many names in a let": "(let [" + " ".join(f"x{i} {i}" for i in range(5_000)) + "] x4999)",
    "many functions in a let": "(let [" + " ".join(f"f{i} (fn [x] (f{max(0, i - 1)} x))" for i in range(1_000)) + "] 1)",
    "many alternatives": "(match 5 (" + " | ".join(str(i) for i in range(5_000)) + ") :found _ nil)",
    "many clauses": "(match 2999 " + " ".join(f"{i} {i}" for i in range(3_000)) + ")",
    "many forms": "\n".join(f"(defn f{i} [x] (if (= x 0) {i} (f{max(0, i - 1)} (- x 1))))" for i in range(300)) + "\n(f299 3)",
    "many options of a type": "(defn f [x : [:union " + " ".join(f"[:val {i}]" for i in range(5_000)) + "]] x) (f 4999)",
    "many functions that call each other": "\n".join(f"(defn f{i} [x] (f{(i * 7 + 1) % 500} x))" for i in range(500)),
}


def outcome(program: Source | Artefact) -> tuple[object, ...]:
    try:
        return "value", Runtime(strategy="ir", models=None, on_warning=lambda m, s: None).run_source(program)
    except InternalError:
        raise
    except RtfsError as error:
        return "error", error.kind, error.message


def compiled(source: Source) -> Artefact | tuple[object, ...]:
    try:
        return Artefact("much.rtfc", Runtime(models=None, on_warning=lambda m, s: None).compile(source))
    except InternalError:
        raise
    except RtfsError as error:
        return "error", error.kind, error.message


@pytest.mark.parametrize("name", PROGRAMS)
def test_too_much(name: str) -> None:
    source = Source("<much>", PROGRAMS[name])
    expected = outcome(source)
    if expected[0] == "value" and not isinstance(expected[1], (int, str, type(None))):
        expected = ("value", str(expected[1]))
    found = compiled(source)
    if isinstance(found, Artefact):
        found = outcome(found)
    if found[0] == "value" and not isinstance(found[1], (int, str, type(None))):
        found = ("value", str(found[1]))
    assert found == expected
