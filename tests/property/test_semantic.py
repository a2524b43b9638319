"""Laws of the semantic cache: a text matches itself, guards are symmetric, masking loses nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rtfs.caching.semantic.agreement import agree
from rtfs.caching.semantic.alignment import Alignment
from rtfs.caching.semantic.guards.all import refusals
from rtfs.caching.semantic.masking import KINDS, mask, normalise
from rtfs.caching.semantic.score import features
from rtfs.caching.semantic.view import View

WORDS = [
    "how",
    "do",
    "I",
    "open",
    "close",
    "the",
    "a",
    "account",
    "card",
    "not",
    "never",
    "2",
    "3",
    "two",
    "days",
    "Anna",
    "Oslo",
    "from",
    "to",
    "and",
    "or",
    "before",
    "after",
    "more",
    "less",
    "patient",
    "impatient",
    "is",
    "was",
    "by",
    "paid",
    "cheap",
    "cheapest",
    "expensive",
    "today",
    "tomorrow",
    "he",
    "she",
    "'x'",
    '"y"',
    "5km",
    "17:00",
    "E404",
    "a.b@c.de",
    "?",
    ".",
    ",",
    "must",
    "can",
    "when",
    "where",
]
SENTENCES = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
TEXTS = st.one_of(SENTENCES, st.text(max_size=60))


@given(TEXTS)
def test_masking_loses_nothing(text: str) -> None:
    masked = mask(text)
    assert masked.restore() == normalise(text)
    assert mask(masked.restore()) == masked
    assert sum(sign in KINDS for sign in masked.template) == len(masked.slots)


@given(TEXTS)
def test_a_text_matches_itself(text: str) -> None:
    assert refusals(Alignment(View(text), View(text))) == []
    assert agree(text, text)


@given(TEXTS, TEXTS)
def test_guards_and_features_are_symmetric(a: str, b: str) -> None:
    one, two = Alignment(View(a), View(b)), Alignment(View(b), View(a))
    assert {found.guard for found in refusals(one)} == {found.guard for found in refusals(two)}
    assert features(one, 0.9) == features(two, 0.9)
    assert agree(a, b) == agree(b, a)
