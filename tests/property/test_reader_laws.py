"""The reader on arbitrary text: forms or a ParseError, the same as the reference reader's, at places that nest."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, example, given, settings

from rtfs.errors import IncompleteInput, ParseError
from rtfs.source import Source
from rtfs.syntax.reader import read_forms
from rtfs.syntax.reference import lark_parser
from rtfs.syntax.terminals import TERMINALS
from rtfs.values.equality import equal
from rtfs.values.printing import to_readable
from rtfs.values.scalars import Symbol
from tests.property.strategies import is_plain, texts, token_soup, values
from tests.support.golden import check_readers, children_of


def read(text: str) -> list[Any]:
    return read_forms(Source("<text>", text))


def check_text(text: str) -> None:
    assume(text.count("#|") < 4)  # the reference lexer follows comments four levels deep
    check_readers(text)
    forms, error = attempt(text)
    if error is not None:
        assert error.span is not None
        assert 0 <= error.span.start <= error.span.end <= len(text)
    for form in forms:
        check_spans(form, 0, len(text), text)


def attempt(text: str) -> tuple[list[Any], ParseError | None]:
    try:
        return read(text), None
    except ParseError as error:
        return [], error


def check_spans(form: Any, low: int, high: int, text: str) -> None:
    """A form lies within its parent, its children do not overlap and stand in order, and a symbol's span is its name."""
    where = getattr(form, "where", None)
    if where is not None:
        _, start, end, offsets = where
        assert low <= start <= end <= high
        low, high = start, end
        if type(form) is Symbol and not form.name.startswith("%"):
            shown = text[start:end]
            assert shown == form.name or shown in ("'", "`", "~", "~@", "@", "#(")
        if offsets is not None:
            assert list(offsets) == sorted(offsets)
            assert not offsets or (low <= offsets[0] and offsets[-1] <= high)
    for child in children_of(form):
        check_spans(child, low, high, text)


@given(texts)
@example("#(%)")
@example("1" * 5000)
@example("\n" * 60 + "1abc")
@example(" " * 60 + ";" * 60 + "\x00")
def test_arbitrary_text_reads_or_is_refused(text: str) -> None:
    check_text(text)


@given(token_soup)
@example("a#b")
@example("-5.")
@example("(tool:log x)")
@example("^{:a ^{:b 1} x} y")
@example("{~@x}")
@example("{x:int :a}")
@example('^:delegation :remote "m" f')
@example("#(+ % #(f %))")
@settings(max_examples=settings.default.max_examples * 2)
def test_token_soup_reads_or_is_refused(text: str) -> None:
    check_text(text)


@given(token_soup)
def test_an_unfinished_text_can_be_finished_or_is_wrong(text: str) -> None:
    """IncompleteInput means that more text may help; what is wrong before the end stays wrong, whatever is appended."""
    _, error = attempt(text)
    if error is None or isinstance(error, IncompleteInput) or error.span is None or error.span.end == len(text):
        return
    _, again = attempt(text + "\n)")
    assert again is not None
    assert again.span is not None
    assert (again.message, again.span.start) == (error.message, error.span.start)


@given(values)
def test_what_is_printed_reads_back(value: Any) -> None:
    assume(is_plain(value))
    text = to_readable(value)
    (again,) = read(text)
    assert equal(again, value), text
    assert type(again) is type(value)
    assert to_readable(again) == text


def test_the_copied_terminals_are_those_of_the_grammar() -> None:
    patterns = {str(t.name): str(t.pattern.value) for t in lark_parser().terminals if t.pattern.type == "re"}
    assert patterns == TERMINALS, "run: python -m rtfs.syntax.generate"
