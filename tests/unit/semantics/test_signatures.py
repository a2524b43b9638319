"""Every built-in has a declared type, and it is true: of what it gives, of what it takes, and of how much.

The tests of the built-ins themselves (`builtins/`) hold all that they call against the declared types as well.
"""

from __future__ import annotations

import re
from io import StringIO
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import settings

import rtfs
from rtfs.errors import EvalError, LimitExceeded, ParseError, RtfsError
from rtfs.runtime import Runtime
from rtfs.semantics.calls import call
from rtfs.semantics.signatures import predicate_type, signature
from rtfs.types.matching import matches
from rtfs.types.nodes import FunctionType, NeverType
from rtfs.types.parse import parse_signature
from rtfs.types.printing import type_text
from rtfs.values.equality import kind_of
from rtfs.values.functions import Builtin
from rtfs.values.printing import to_readable
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import List, Vector
from tests.conftest import NIGHTLY
from tests.support.golden import FOLDER, Chunk, run_chunk, split_file
from tests.support.programs.choices import seeded
from tests.support.programs.programs import program
from tests.support.programs.running import reference
from tests.support.signatures import (
    POOL,
    PURE,
    check_result,
    counts,
    distinct,
    effects,
    fits,
    fits_shape,
    instantiate,
    make,
    open_variables,
    parameters,
    watched,
)

#: 50 calls of each shape in CI, 2,500 in the nightly profile.
ROUNDS = settings.default.max_examples // 4

BUILTINS = distinct(PURE)
EFFECTS = distinct(effects(Runtime(models=None).machine))

#: The kinds of errors about operands of the wrong type or number.
REFUSED = ("type-error", "arity-mismatch", "not-callable")

#: Built-in -> errors that operands of the declared types can still meet: a pattern for the message, and why.
ALLOWED: dict[str, tuple[str, str]] = {
    "assoc": (r"got list|an odd number|expected integer", "the type `vector` takes lists; keys and values come in pairs"),
    "apply": (r"in apply: expected vector", "of four and more operands, the last one is not told from the others"),
    "update": (r"got list", "the type `vector` takes lists"),
    "assoc-in": (r"assoc-in: expected", "what lies on the way of a path is not in the types"),
    "update-in": (r"update-in: expected", "what lies on the way of a path is not in the types"),
    "hash-map": (r"an even number", "keys and values come in pairs"),
    "partition": (r"positive integer", "a size is above zero"),
    "format": (r"expected (integer|number)", "the template decides on the kinds of the operands"),
    "ffirst": (r"in ffirst", "only the first item has to be something with items"),
}

#: (built-in, shape) that operands made at random hardly ever carry out -> operands that do.
RARE: dict[tuple[str, int], str] = {
    ("assoc", 3): "[[1 2] 0 :a 1 :b]",
    ("assoc-in", 1): "[[1 2] [0] :a]",
    ("update-in", 1): "[[1 2] [0] str]",
    ("update-in", 3): "[[1 2] [0] str :a :b]",
}


def carries_out(entry: Builtin, shape: FunctionType, operands: str) -> int:
    values = rtfs.Runtime().run(operands, raw=True).items()
    assert fits_shape(shape, values)
    assert fits(open_variables(shape.result), call(entry, values))
    return 1


def is_refused(name: str, error: EvalError) -> bool:
    """Whether an error says that the operands are of the wrong type or number."""
    if error.kind not in REFUSED:
        return False
    return name not in ALLOWED or re.search(ALLOWED[name][0], error.message) is None


@pytest.mark.parametrize("entry", [*BUILTINS, *EFFECTS], ids=lambda entry: entry.name)
def test_shapes_take_exactly_as_many_operands_as_the_built_in(entry: Builtin):
    shapes = signature(entry)
    assert shapes, "no type is declared"
    limit = max(len(shape.params) for shape in shapes) + 2
    taken = {n for n in range(limit + 1) if n >= entry.low and (entry.high is None or n <= entry.high)}
    assert set().union(*[counts(shape, limit) for shape in shapes]) == taken


@pytest.mark.parametrize("entry", [*BUILTINS, *EFFECTS], ids=lambda entry: entry.name)
def test_declared_types_print_as_they_read(entry: Builtin):
    from rtfs.source import Source
    from rtfs.syntax.reader import read_forms

    for shape in signature(entry):
        assert parse_signature(read_forms(Source("", type_text(shape)))[0]) == (shape,)


@pytest.mark.parametrize("entry", BUILTINS, ids=lambda entry: entry.name)
def test_results_are_what_is_declared(entry: Builtin):
    """Operands of the types of a shape are not refused, and give what the first shape that they fit promises."""
    shapes = signature(entry)
    excused = 0
    for at, shape in enumerate(shapes):
        given = 0 if (entry.name, at) not in RARE else carries_out(entry, shape, RARE[entry.name, at])
        for turn in range(ROUNDS):
            random = Random(f"{entry.name} {at} {turn}")
            concrete = instantiate(shape, random)
            count = random.choice(sorted(counts(shape, len(shape.params) + (3 if shape.rest is not None else 0))))
            operands = [make(type, random) for type in parameters(concrete, count)]
            told = f"({' '.join([entry.name, *map(to_readable, operands)])}) as {concrete}"
            try:
                result = call(entry, list(operands)) if turn % 2 else entry.entry(count)(*operands)
            except LimitExceeded:
                continue
            except EvalError as error:
                if is_refused(entry.name, error):
                    raise AssertionError(told) from error
                excused += error.kind in REFUSED
                continue
            given += 1
            if any(fits_shape(earlier, operands) for earlier in shapes[:at]):
                continue  # that one is asked about the result
            wrong = check_result(concrete.result, result, random)
            assert wrong is None, f"{told}: {wrong}"
        assert given or isinstance(shape.result, NeverType), f"{shape} was never carried out"
    assert (excused > 0) == (entry.name in ALLOWED), "what ALLOWED says of it is not so"


#: What calls with three operands are made of: one value of a kind.
FEWER = list({kind_of(value): value for value in reversed(POOL)}.values())


@pytest.mark.parametrize("entry", BUILTINS, ids=lambda entry: entry.name)
def test_what_is_taken_is_allowed(entry: Builtin):
    """The other way round: no call that succeeds is one that the declared type forbids."""
    shapes = signature(entry)
    for count in range(entry.low, min(entry.high or 3, 3) + 1):
        for operands in product(POOL if count < 3 else FEWER, repeat=count):
            try:
                result = call(entry, list(operands))
            except RtfsError:
                continue
            told = f"({' '.join([entry.name, *map(to_readable, operands)])})"
            allowed = next((shape for shape in shapes if fits_shape(shape, list(operands), called=False)), None)
            assert allowed is not None, f"{told} gives {to_readable(result)}"
            assert fits(open_variables(allowed.result), result), f"{told} gives {to_readable(result)} as {allowed}"


@pytest.mark.parametrize("entry", [entry for entry in BUILTINS if entry.tests], ids=lambda entry: entry.name)
def test_a_predicate_is_true_of_exactly_the_values_of_the_type_it_tests(entry: Builtin):
    tested = predicate_type(entry)
    assert tested is not None
    answers = [call(entry, [value]) for value in POOL]
    assert answers == [matches(tested, value) for value in POOL]
    assert True in answers
    assert False in answers


def test_predicates_that_test_no_type_exactly_name_none():
    """A list is a `vector` and an integer a `float` to the types, not to the predicates."""
    for name in ("vector?", "list?", "float?", "some?", "empty?"):
        assert predicate_type(PURE[name]) is None


def test_effects_give_what_is_declared(tmp_path: Path):
    (tmp_path / "lines").write_text("(capability :a)\n", encoding="utf-8")
    path = str(tmp_path / "lines")
    runtime = Runtime(models=None, allow=["*"], read=[tmp_path], write=[tmp_path], stdout=StringIO(), stderr=StringIO())
    with runtime:
        table = effects(runtime.machine)
        open_file = lambda mode: call(table["call"], ["io.open", path, Keyword(mode)])  # noqa: E731
        cell = call(table["atom"], [1])
        done = runtime.run("(delegate-async 1)", raw=True)
        operands: dict[str, list[Any]] = {
            **{name: ["a"] for name in ("log", "tool/log", "tool/log-error", "println", "print", "tool/print", "atom", "meta")},
            **{
                name: []
                for name in ("tool/time-ms", "tool/current-time", "tool/current-timestamp-ms", "current-time-millis", "gensym")
            },
            **{name: ["RTFS_ABSENT"] for name in ("get-env", "tool/get-env")},
            **{name: [path] for name in ("file-exists?", "tool/file-exists?", "tool/open-file", "read-lines", "load-capability")},
            "call": [Keyword("io.file-exists"), path],
            "tool/read-line": [open_file("read")],
            "tool/write-line": [open_file("append"), "a"],
            "tool/close-file": [open_file("read")],
            "thread/sleep": [0],
            "context/get": ["a"],
            "context/set": [Keyword("a"), 1],
            "kv/assoc!": ["a", "k", 1],
            "kv/dissoc!": ["a", "k"],
            "kv/conj!": ["b", 1],
            "deref": [cell],
            "reset!": [cell, 2],
            "swap!": [cell, PURE["inc"]],
            "compare-and-set!": [cell, 3, 4],
            "with-budget": [runtime.run("{:calls 1}", raw=True), runtime.run("(fn [] 1)", raw=True)],
            "pmap": [PURE["inc"], Vector([1, 2])],
            "delegate-async": [runtime.run("(fn [] 1)", raw=True)],
            **{name: [done] for name in ("await", "cancel", "ticket?", "ticket-done?")},
            **{name: [Vector([done])] for name in ("await-all", "race")},
            "macroexpand-1": [List([Symbol("f")])],
            "macroexpand": [List([Symbol("f")])],
        }
        for entry in distinct(table):
            if entry.name in ("read-file", "tool/http-fetch", "http-fetch"):
                continue  # always an error, and a network
            shape = next(shape for shape in signature(entry) if fits_shape(shape, operands[entry.name]))
            result = call(entry, operands[entry.name])
            assert fits(open_variables(shape.result), result), f"{entry.name} gives {to_readable(result)}"


#: Golden programs that go deep or on for long, for the nightly run.
LONG = ("hostile", "limits", "recursion")
PROGRAMS = [
    *[path for path in sorted(FOLDER.glob("*.rtfs")) if NIGHTLY or path.stem not in LONG],
    *[FOLDER.parents[1] / "examples" / f"{name}.rtfs" for name in ("macros", "pipelines", "recursion", "tour")],
]


@pytest.mark.parametrize("chunk", [chunk for path in PROGRAMS for chunk in split_file(path)], ids=lambda chunk: chunk.id)
def test_programs_call_built_ins_as_declared(chunk: Chunk):
    with watched() as found:
        try:
            run_chunk(chunk, "tree")
        except ParseError:
            return
    assert not found, "\n".join(found)


def test_generated_programs_call_built_ins_as_declared():
    for part in range(ROUNDS // 10):
        with watched() as found:
            for seed in range(50 * part, 50 * part + 50):
                reference(program(seeded(seed)))
        assert not found, "\n".join(found)
