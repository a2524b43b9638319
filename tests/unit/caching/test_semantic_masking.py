"""What is taken out of a text, in which spelling, and that it can be put back."""

from __future__ import annotations

import pytest

from rtfs.caching.semantic import numerals
from rtfs.caching.semantic.masking import KINDS, mask, normalise

SLOTS = [
    ("Remind me in 2 days", [("number", "172800 time")]),
    ("two hundred and fifty people", [("number", "250")]),
    ("a hundred and fifty people", [("number", "150")]),
    ("90 minutes and 1.5 hours", [("number", "5400 time"), ("number", "5400 time")]),
    ("$1,250.50 or 1250.5 dollars", [("number", "1250.5 dollar"), ("number", "1250.5 dollar")]),
    ("at 5 pm, 17:00 and 5:30 p.m.", [("time", "17:00"), ("time", "17:00"), ("time", "17:30")]),
    ("7:00 in the morning", [("time", "07:00")]),
    ("March 3rd, 2024 is 2024-03-03", [("date", "2024/3/3"), ("date", "2024/3/3")]),
    ("on 03/04/2024", [("date", "03/04/2024")]),
    ('run "git reset --hard" now', [("quoted", "git reset --hard")]),
    ("see https://example.com/a.", [("code", "https://example.com/a")]),
    ("write to tom@example.org", [("code", "tom@example.org")]),
    ("call get_name in main.py", [("code", "get_name"), ("code", "main.py")]),
    ("error E404", [("code", "e404")]),
    ("World War II", [("number", "2")]),
    ("charged twice", [("number", "2")]),
    ("music of the 1990s", [("code", "1990s")]),
    ("which one is the right one?", []),
    ("in one sentence", [("number", "1")]),
    ("Anna's book and the dogs' bowl", []),
    ("3 of 5 pupils", [("number", "3"), ("number", "5")]),
]


@pytest.mark.parametrize("text,slots", SLOTS)
def test_slots_have_one_spelling(text: str, slots: list[tuple[str, str]]) -> None:
    assert [(slot.kind, slot.value) for slot in mask(text).slots] == slots


@pytest.mark.parametrize("text,slots", SLOTS)
def test_a_masked_text_can_be_restored(text: str, slots: list[tuple[str, str]]) -> None:
    masked = mask(text)
    assert masked.restore() == normalise(text)
    assert sum(sign in KINDS for sign in masked.template) == len(slots)
    assert not any(sign in KINDS for sign in masked.spoken())


def test_the_key_does_not_know_the_order_of_slots() -> None:
    assert mask("from 3 to 5").key() == mask("from 5 to 3").key() != mask("from 3 to 4").key()


def test_signs_of_the_private_range_cannot_pass_for_slots() -> None:
    masked = mask("a \ue000 b 5")
    assert [slot.value for slot in masked.slots] == ["5"]
    assert masked.template.count("\ue000") == 1


@pytest.mark.parametrize(
    "written,value", [("1,250", "1250"), ("3rd", "3"), ("10k", "10000"), ("1.50", "1.5"), ("0", "0"), ("1,25", None), ("1,2345", None)]
)
def test_digits(written: str, value: str | None) -> None:
    found = numerals.digits(written)
    assert (None if found is None else numerals.plain(found)) == value


@pytest.mark.parametrize(
    "words,value,used",
    [("twenty one", 21, 2), ("three thousand and five", 3005, 4), ("two million", 2_000_000, 2), ("seven dwarfs", 7, 1), ("one two", 1, 1)],
)
def test_spelled_numbers(words: str, value: int, used: int) -> None:
    assert numerals.spelled(words.split()) == (value, used)


def test_no_such_time_or_date() -> None:
    assert numerals.clock(13, 0, "p") is None
    assert numerals.clock(25, 0, None) is None
    assert numerals.clock(12, 5, "am") == "00:05"
    assert numerals.date(32, 1, 2024) is None
