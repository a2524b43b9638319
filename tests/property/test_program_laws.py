"""Programs, meaningful or not: a value or an RtfsError, never anything else, and the same one each time."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

from hypothesis import given, settings

from rtfs.config import STRATEGIES, Limits
from rtfs.errors import RtfsError, render
from rtfs.runtime import Runtime
from rtfs.source import Source
from rtfs.syntax.analyse import Analyser
from rtfs.syntax.reader import read_forms
from rtfs.values.printing import to_readable
from tests.property.strategies import expressions, forms, program_text, token_soup


def runtime(strategy: str = STRATEGIES[0]) -> tuple[Runtime, io.StringIO]:
    out = io.StringIO()
    made = Runtime(
        strategy=strategy,
        models=None,
        stdout=out,
        stderr=out,
        environ={},
        module_path=[],
        limits=Limits(max_steps=20_000, max_depth=200),
        on_warning=lambda message, span: None,
    )
    return made, out


def outcome(text: str, strategy: str = STRATEGIES[0]) -> tuple[Any, ...]:
    """Value or error of a program, and what it printed; raises whatever is not an RtfsError."""
    made, out = runtime(strategy)
    try:
        return "value", to_readable(made.run(text, raw=True)), out.getvalue()
    except RtfsError as error:
        render(error)
        error.to_dict()
        return "error", error.kind, error.message, out.getvalue()


@lru_cache(maxsize=1)
def analyser() -> Analyser:
    return Analyser(runtime()[0].namespace)


@given(expressions)
def test_programs_give_a_value_or_an_error_every_time(expression: Any) -> None:
    text = program_text(expression)
    first = outcome(text)
    assert outcome(text) == first
    for strategy in STRATEGIES[1:]:
        assert outcome(text, strategy) == first


@given(expressions)
@settings(max_examples=max(50, settings.default.max_examples // 4))
def test_a_program_printed_and_read_again_does_the_same(expression: Any) -> None:
    text = program_text(expression)
    again = "\n".join(to_readable(form) for form in read_forms(Source("<text>", text)))
    assert outcome(again) == outcome(text)


@given(forms)
@settings(max_examples=settings.default.max_examples * 3)
def test_analysing_any_form_gives_a_node_or_an_error(form: Any) -> None:
    try:
        analyser().top_level(form)
    except RtfsError as error:
        render(error)


@given(forms)
def test_running_any_form_gives_a_value_or_an_error(form: Any) -> None:
    outcome(f"(def x 1) (def f inc) {to_readable(form)}")


@given(token_soup)
def test_running_token_soup_gives_a_value_or_an_error(text: str) -> None:
    outcome(text)
