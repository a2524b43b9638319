"""The reader's places, its two kinds of refusal, and what costs it time."""

from __future__ import annotations

import time
from typing import Any

import pytest

from rtfs.errors import IncompleteInput, ParseError
from rtfs.source import Source
from rtfs.syntax.reader import MAX_DEPTH, read_forms
from rtfs.values.forms import MetaForm, child_spans, span_of
from rtfs.values.printing import to_readable
from rtfs.values.scalars import Symbol


def read(text: str) -> list[Any]:
    return read_forms(Source("t.rtfs", text))


def one(text: str) -> Any:
    (form,) = read(text)
    return form


@pytest.mark.parametrize(
    "text, expected",
    [
        ("'x", "(quote x)"),
        ("`(a ~b ~@c)", "(quasiquote (a (unquote b) (unquote-splicing c)))"),
        ("~@x", "(unquote-splicing x)"),
        ("@k", "(context-ref k)"),
        ("@:k", "(context-ref :k)"),
        ("#(f %2 %)", "(fn [%1 %2] (f %2 %1))"),
        ("#()", "(fn [] ())"),
        ("(tool:log 1)", "(tool:log 1)"),
        ("(tool :log 1)", "(tool :log 1)"),
        ("(module a.b:v1.2 x)", "(module a.b:v1.2 x)"),
        ("{item => a b}", "{item (=> a b)}"),
        ("{name:string :name}", "{(: name :string) :name}"),
        ("^{:a 1} ^{:b 2} f", "^{:a 1} ^{:b 2} f"),
        ('^:delegation :remote "m" f', '^{:delegation [:remote "m"]} f'),
        ("^:delegation :local f", "^{:delegation :local} f"),
        ("[x:int y : int]", "[x :int y : int]"),
        ("(a | b @ c & d)", "(a | b @ c & d)"),
        ("λ", "λ"),
        ("a#", "a#"),
        (".m", ".m"),
        ("a,b", "a b"),
        ("#!/usr/bin/env rtfs\n1", "1"),
        ("\ufeff1", "1"),
    ],
)
def test_what_a_shorthand_stands_for(text: str, expected: str) -> None:
    assert " ".join(to_readable(form) for form in read(text)) == expected


@pytest.mark.parametrize(
    "text",
    ["(", "[1", '{:a "b', '"open', "#|", "#| #| |#", "'", "`", "~", "~@", "^", "^{:a 1}", "^:delegation", "^:deleg", '^:delegation :remote "m', "#(", "(a '", "#", "^:delegation :local", "{:a 1 ^"],
)  # fmt: skip
def test_a_beginning_is_incomplete(text: str) -> None:
    with pytest.raises(IncompleteInput):
        read(text)


@pytest.mark.parametrize(
    "text",
    [")", "(]", "[)", "#{", "1a", "5.", "-.5", "##Nope", "(')", "{:a}", '"\\q"', "^:other x", "^5 x", "a#b", "é", "\x00", "#x", "^:delegation :elsewhere f", "(^)"],
)  # fmt: skip
def test_what_no_more_text_can_mend_is_wrong(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        read(text)
    assert not isinstance(caught.value, IncompleteInput)
    assert caught.value.span is not None
    assert caught.value.hint is None or caught.value.hint


def test_every_form_knows_its_place() -> None:
    text = "(let [x 1]\n  {:a (f 'x)})"
    form = one(text)
    assert (span := span_of(form)) is not None
    assert span.text == text
    assert [s and s.text for s in child_spans(form)] == ["let", "[x 1]", "{:a (f 'x)}"]
    inner = form[2]
    assert [s and s.text for s in child_spans(inner)] == [":a", "(f 'x)"]
    quoted = inner.values()[0][1]
    assert (span_of(quoted) or span).text == "'x"
    assert str(span_of(quoted)) == "t.rtfs:2:10"


def test_a_joined_name_has_the_place_of_both_parts() -> None:
    form = one("(tool:log x)")
    assert [s and s.text for s in child_spans(form)] == ["tool:log", "x"]
    assert (span_of(form[0]) or child_spans(form)[1]).text == "tool:log"  # type: ignore[union-attr]


def test_metadata_spans_its_form() -> None:
    form = one("^{:a 1} (f)")
    assert type(form) is MetaForm
    assert (span_of(form) or span_of(form.form)).text == "^{:a 1} (f)"  # type: ignore[union-attr]


def test_a_repeated_key_keeps_the_first_place_and_the_last_value() -> None:
    form = one("{:a 1 :b 2 :a 3}")
    assert to_readable(form) == "{:a 3 :b 2}"
    assert all(span is not None for span in child_spans(form))


def test_equal_symbols_are_different_objects_with_their_own_places() -> None:
    a, b = read("x x")
    assert a == b
    assert type(a) is Symbol
    assert span_of(a) != span_of(b)


def test_the_limit_of_nesting() -> None:
    read("(" * MAX_DEPTH + ")" * MAX_DEPTH)
    with pytest.raises(ParseError, match="nested more than 50,000 deep"):
        read("(" * (MAX_DEPTH + 2))


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 5000 + "1abc",
        " " * 5000 + "\x00",
        ";" * 5000 + "\n" + "\x00",
        ("; comment\n" * 2000) + "1abc",
        '"' + "\\n" * 20000,
        "-" * 20000 + "\x00",
        "1" * 20000 + "x",
        "#|" * 5000,
        "resource:" * 2000 + "\x00",
        "a:v1" * 3000 + "/\x00",
    ],
    ids=range(10),
)
def test_refusing_takes_no_longer_than_reading(text: str) -> None:
    begun = time.process_time()
    with pytest.raises(ParseError):
        read(text)
    assert time.process_time() - begun < 1.0
