"""Printing for `str` and for reading back, where the two differ."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rtfs.source import Source
from rtfs.syntax.reader import read_forms
from rtfs.values.maps import Map
from rtfs.values.printing import to_readable, to_text
from rtfs.values.scalars import ErrorValue, Keyword, Symbol, Timestamp
from rtfs.values.sequences import List, Vector


@pytest.mark.parametrize(
    "value, text, readable",
    [
        (None, "nil", "nil"),
        (True, "true", "true"),
        (1.0, "1", "1.0"),
        (-0.0, "-0", "-0.0"),
        (1e20, "100000000000000000000", "100000000000000000000.0"),
        (1.5e-7, "0.00000015", "0.00000015"),
        (1e22, "10000000000000000000000", "10000000000000000000000.0"),
        (math.inf, "inf", "##Inf"),
        (-math.inf, "-inf", "##-Inf"),
        (math.nan, "NaN", "##NaN"),
        ("a\"b\n", 'a"b\n', '"a\\"b\\n"'),
        ("\u2028\x07", "\u2028\x07", '"\\u2028\\u0007"'),
        (Keyword("a/b"), ":a/b", ":a/b"),
        (Symbol("x"), "x", "x"),
        (Timestamp("2025-01-01T00:00:00Z"), "2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        (Vector([1, "x", 2.0]), '[1 "x" 2]', '[1 "x" 2.0]'),
        (List([Vector(), List()]), "([] ())", "([] ())"),
        (Map([(Keyword("a"), Map()), ("b", None)]), '{:a {} "b" nil}', '{:a {} "b" nil}'),
        (ErrorValue("k", "m"), "#<error: m>", "#<error: m>"),
        (len, "#<function>", "#<function>"),
    ],
)
def test_both_spellings(value: Any, text: str, readable: str) -> None:
    assert to_text(value) == text
    assert to_readable(value) == readable


def test_an_integer_longer_than_python_prints_is_printed() -> None:
    number = 10**6000 + 7
    text = to_readable(number)
    assert (len(text), text[:3], text[-3:]) == (6001, "100", "007")
    assert to_readable(-number) == "-" + text
    assert read_forms(Source("", text)) == [number]


@pytest.mark.parametrize("text", ["\x00", "\x7f", "\ud800", "\r\n\t\b\f", "\\n", '"', "\x85", "😀", "é"])
def test_every_string_reads_back(text: str) -> None:
    assert read_forms(Source("", to_readable(text))) == [text]
