"""The checker against evaluation: what it calls an error does fail, whenever it is reached.

Every form in which an error is reported is run again with a sign in front of the reported place.  A form that shows the sign and
gives a value all the same was complained about without reason.  Forms that catch errors are left out.  What is said never to be
reached must not show the sign at all.
"""

from __future__ import annotations

import io

import pytest
from hypothesis import given

from rtfs.checker.problems import WARNINGS
from rtfs.config import Limits
from rtfs.errors import RtfsError
from rtfs.runtime import Runtime
from rtfs.source import Source
from tests.differential.test_programs import large
from tests.support.golden import form_places
from tests.support.programs.choices import made_by, seeded
from tests.support.programs.programs import general, program

SIGN = "reached it"
LIMITS = Limits(max_steps=200_000, timeout_s=5)


def runtime(output: io.StringIO) -> Runtime:
    return Runtime(strategy="tree", models=None, limits=LIMITS, stdout=output, stderr=output, on_warning=lambda message, span: None)


def without_reason(text: str) -> list[str]:
    """The complaints about what runs well."""
    found = []
    for problem in runtime(io.StringIO()).check(Source("<checked>", text)):
        unreached = problem.kind == "unreachable-code"
        if (problem.kind in WARNINGS and not unreached) or problem.span is None:
            continue
        if " calls " in problem.message or " in each item" in problem.message:  # if there are any
            continue
        start, end = problem.span.start, problem.span.end
        signed = f'{text[:start]}(do (println "{SIGN}") {text[start:end]}){text[end:]}'
        output = io.StringIO()
        running = runtime(output)
        for first, last in form_places(signed):
            form = signed[first:last]
            output.seek(0)
            output.truncate()
            try:
                running.run_source(Source("<form>", form))
            except RtfsError:
                if not unreached:
                    continue
            if SIGN in output.getvalue() and (unreached or not _catches(form)):
                found.append(f"{problem.kind}: {problem.message}\n  {text[start:end]}\n  in {form}")
    return found


def _catches(form: str) -> bool:
    return "catch" in form or "(tw " in form  # a macro of the generated programs that does


@large
@given(made_by(general))
def test_no_complaint_about_what_runs_well(pieces: list[str]) -> None:
    assert not without_reason("\n".join(pieces))


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(20))
def test_nightly(part: int) -> None:
    for seed in range(part * 500, (part + 1) * 500):
        assert not without_reason("\n".join(program(seeded(seed)))), f"seed {seed}"


def test_a_wrong_complaint_would_be_seen() -> None:
    """The test can fail: a complaint about what runs well is found."""
    from rtfs.checker import functions

    before = functions._fits
    functions._fits = lambda *_, **__: False  # type: ignore[assignment]
    try:
        assert without_reason("(inc 1)")
    finally:
        functions._fits = before
