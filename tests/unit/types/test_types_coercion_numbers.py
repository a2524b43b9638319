"""Numbers as people write them: what is read has the value that the text states."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtfs.types.coercion.numbers import read_number, words_to_number
from tests.support.invented import in_words


@given(st.integers(0, 10**15 - 1))
def test_numbers_in_words_come_back(number: int) -> None:
    assert words_to_number(in_words(number)) == number
    assert words_to_number(in_words(number).replace(" ", "-")) == number
    assert words_to_number("minus " + in_words(number)) == -number


@given(st.integers(-(10**15), 10**15), st.sampled_from(["{:,}", "{:_}", "{} km", "{}%", "{:,} USD", "${:,}", "+{}"]))
def test_numbers_in_digits_come_back(number: int, style: str) -> None:
    found = read_number(style.format(number))
    if found is None:  # two signs
        assert number < 0
        assert style == "+{}"
    else:
        assert found.value == number
        assert found.kinds or style in ("{:,}", "{:_}")


@given(st.decimals(0, 10**9, places=2), st.sampled_from(["thousand", "million", "billion"]))
def test_scales_are_exact(number: object, scale: str) -> None:
    found = read_number(f"{number} {scale}")
    assert found is not None
    assert (
        abs(found.value - float(str(number)) * {"thousand": 10**3, "million": 10**6, "billion": 10**9}[scale]) <= 1e-6 * found.value
    )


@pytest.mark.parametrize(
    "text",
    [
        "1,5",
        "1,23",
        "0,123",
        "12,34,567",
        "1.2.3",
        "5k",
        "5 m",
        "3-4",
        "1/2",
        "~5",
        ">5",
        "5+",
        "(5)",
        "5th",
        "12:30",
        "2025-06-23",
        "6'2",
        "1e",
        "e5",
        "--5",
        "+-5",
        "one two",
        "hundred",
        "twenty-zero",
        "thousand five",
        "one million billion",
        "five and",
        "and five",
        "a few",
        "half",
        "dozen",
        "$5 USD",
        "5 apples",
        "NaN",
        "Infinity",
        "1e999",
        "٣",
        "²",
    ],
)
def test_what_can_be_read_in_two_ways_is_no_number(text: str) -> None:
    assert read_number(text) is None
