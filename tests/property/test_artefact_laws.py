"""Laws of artefacts: running one is running the program, one that somebody made up does no harm, and its hash is what it means."""

from __future__ import annotations

import io
import os
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtfs.config import Limits
from rtfs.errors import ConfigError, InternalError, LimitExceeded, RtfsError
from rtfs.ir.artefact import cbor
from rtfs.ir.artefact.container import _HEAD_BYTES, _digest, content_of, decode, encode
from rtfs.ir.artefact.hashing import content_hash, program_hash
from rtfs.ir.artefact.program import Program
from rtfs.runtime import Runtime
from rtfs.source import Artefact, Source
from rtfs.syntax.analyse import Analyser
from rtfs.syntax.reader import read_forms
from rtfs.values.printing import to_readable
from tests.differential.test_evaluators import _PREAMBLE, bodies
from tests.property.strategies import expressions, program_text
from tests.support import golden
from tests.support.mutation import mutated

LIMITS = Limits(max_steps=3_000, max_depth=200)
NIGHTLY = os.environ.get("RTFS_NIGHTLY") == "1"


def outcome(program: Source | Artefact, strategy: str) -> tuple[Any, ...]:
    """What a program gives: value or error, and what it prints."""
    out = io.StringIO()
    runtime = Runtime(
        strategy=strategy, models=None, stdout=out, stderr=out, environ={}, module_path=[], limits=LIMITS,
        on_warning=lambda message, span: None,
    )  # fmt: skip
    try:
        return "value", to_readable(runtime.run_source(program)), out.getvalue()
    except ConfigError as error:
        return "refused", error.kind
    except LimitExceeded:
        return ("limit",)  # counted in another way by each evaluator
    except InternalError:
        raise
    except RtfsError as error:
        place = (error.span.source.name, error.span.start, error.span.end) if error.span is not None else None
        return "error", error.kind, error.message, error.hint, place, [str(frame.span) for frame in error.trace], out.getvalue()


def without_trace(found: tuple[Any, ...]) -> tuple[Any, ...]:
    """An outcome without the call stack of its error, which shows how an evaluator works."""
    return (*found[:5], found[-1]) if found[0] == "error" else found


def compiled(text: str) -> Artefact:
    return Artefact("<text>", Runtime(models=None, module_path=[], on_warning=lambda m, s: None).compile(Source("<text>", text)))


def check(text: str) -> None:
    refused, artefact = None, None
    try:
        artefact = compiled(text)
    except RtfsError as error:
        refused = error
    for strategy in ("tree", "ir"):
        expected = outcome(Source("<text>", text), strategy)
        if artefact is not None:
            assert outcome(artefact, strategy) == expected, text
        elif refused is not None:  # a run comes to it later
            assert expected[:3] == ("error", refused.kind, refused.message), text


@given(expressions)
def test_expressions_run_the_same(expression: Any) -> None:
    check(program_text(expression))


@given(bodies, bodies)
def test_functions_run_the_same(first: Any, second: Any) -> None:
    check(f"{_PREAMBLE}(defn f [a] {to_readable(first)})\n(def g (fn [x] {to_readable(second)}))\n[(f 1) (g 2)]")


# --- what nobody compiled ----------------------------------------------------------------------


@lru_cache(maxsize=1)
def artefacts() -> list[bytes]:
    """Artefacts of the forms of the golden files that can be compiled alone, about six to a file of theirs."""
    made = []
    for path in sorted(golden.FOLDER.glob("*.rtfs")):
        for chunk in golden.split_file(path):
            try:
                places = golden.form_places(chunk.text)
            except RtfsError:
                continue
            for start, end in places[:: max(1, len(places) // 6)]:
                try:
                    made.append(compiled(chunk.text[start:end]).data)
                except RtfsError:
                    continue
    assert len(made) > 100
    return made


def altered(data: bytes, random: Random) -> bytes:
    """An artefact with some bytes changed, left out or repeated, and the right hash again."""
    payload = bytearray(data[_HEAD_BYTES:])
    if random.random() < 0.85:
        table = cbor.read(bytes(payload))
        table["code"] = bytes(_noise(bytearray(table["code"]), random))
        payload = bytearray(cbor2.dumps(table, canonical=True))
    else:
        payload = _noise(payload, random)
    return data[: _HEAD_BYTES - 32] + _digest(bytes(payload)) + bytes(payload)


def _noise(data: bytearray, random: Random) -> bytearray:
    for _ in range(random.choice((1, 1, 2, 5))):
        at, what = random.randrange(len(data) or 1), random.random()
        if what < 0.3:
            data[at : at + 1] = bytes([random.randrange(256)])
        elif what < 0.6:
            data[at : at + 1] = bytes([(data[at] + random.choice((1, -1, 2))) % 128 if data else 0])
        elif what < 0.75:
            del data[at : at + 1]
        else:
            data[at:at] = data[at - random.randrange(9) : at]
    return data


@given(st.randoms(use_true_random=False))
def test_altered_artefacts_are_refused_or_run(random: Random) -> None:
    bad = Artefact("bad.rtfc", altered(random.choice(artefacts()), random))
    found = outcome(bad, random.choice(("tree", "ir")))
    assert found[0] != "refused" or found[1] in ("artefact-corrupt", "artefact-version")


@given(st.randoms(use_true_random=False))
def test_altered_nodes_are_refused_or_run_the_same_everywhere(random: Random) -> None:
    program = decode(random.choice(artefacts()), "good.rtfc")
    forms = tuple([mutated(form, random) for form in program.forms])
    try:
        bad = Artefact("bad.rtfc", encode(Program(forms, {}, program.sources)))
    except KeyError:  # a module where none can stand
        return
    found = outcome(bad, "tree")
    other = outcome(bad, "ir")
    assert without_trace(found) == without_trace(other) or ("limit",) in (found, other)


@pytest.mark.nightly
@pytest.mark.skipif(not NIGHTLY, reason="RTFS_NIGHTLY=1")
@pytest.mark.timeout(3600)
def test_many_altered_artefacts() -> None:
    for seed in range(200_000):
        test_altered_artefacts_are_refused_or_run.hypothesis.inner_test(Random(seed))
        test_altered_nodes_are_refused_or_run_the_same_everywhere.hypothesis.inner_test(Random(seed))


# --- hashes ------------------------------------------------------------------------------------


def last_hash(text: str) -> bytes | None:
    runtime = Runtime(models=None, module_path=[], on_warning=lambda m, s: None)
    analyser = Analyser(runtime.namespace)
    try:
        return content_hash([analyser.top_level(form) for form in read_forms(Source("<text>", text))][-1])
    except RtfsError:
        return None


LAYOUT = str.maketrans({" ": " ,\n ", "(": "( ", ")": "\n)", "]": " ; the end\n]"})

@given(bodies)
def test_layout_does_not_matter(body: Any) -> None:
    text = to_readable(body)
    assert last_hash(text) == last_hash(text.translate(LAYOUT))


@given(st.randoms(use_true_random=False))
def test_programs_of_the_same_hash_do_the_same(random: Random) -> None:
    program = decode(random.choice(artefacts()), "good.rtfc")
    if len(program.forms) != 1 or program.forms[0].inner():
        return
    form = program.forms[0]
    other = mutated(form, random)
    data = encode(Program((other,), {}, program.sources))
    try:
        decode(data, "other.rtfc")
    except ConfigError:
        return
    if content_hash(form.node) == content_hash(other.node):
        before = Artefact("other.rtfc", encode(Program((form,), {}, program.sources)))
        for strategy in ("tree", "ir"):
            assert outcome(Artefact("other.rtfc", data), strategy) == outcome(before, strategy)


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "examples").rglob("*.rtfs")), ids=lambda path: path.stem)
def test_artefacts_of_the_examples_say_what_they_are(path: Path) -> None:
    runtime = Runtime(models=None, module_path=[path.parent, path.parents[1]], on_warning=lambda m, s: None)
    data = runtime.compile(Source(path.name, path.read_text(encoding="utf-8")))
    program = decode(data, "example.rtfc")
    assert content_of(data) == program_hash(program), "the program that is read has the hash of the one that was written"
