"""Patterns: the table finds what trying every pattern finds."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtfs.delegation.policy.globs import Globs, is_match, matcher

PATTERNS = st.text("ab/*?[!]-", max_size=9) | st.sampled_from(["*", "ab*", "*ab", "a*b*a", "ab/*", "*/ab", "[]a]b", "**", "aba*aba"])
TEXTS = st.text("ab/-]", max_size=9)


@pytest.mark.parametrize(
    "text, pattern, expected",
    [
        ("billing/total", "billing/*", True),
        ("billing/tax/total", "billing/*", True),
        ("Billing/total", "billing/*", False),
        ("aba", "ab*ba", False),  # begin and end may not overlap
        ("a\nb", "a*b", True),
        ("a]b", "a[]]b", True),
        ("x-summary", "*-summary", True),
    ],
)
def test_patterns(text, pattern, expected):
    assert is_match(text, pattern) is matcher(pattern)(text) is expected
    assert bool(Globs([(pattern, 1)]).rules(text)) is expected


@example(["ab*", "a*", "ab"], "ab")
@example(["[]abc]x*"], "ax")
@given(st.lists(PATTERNS, max_size=12), TEXTS)
def test_the_table_agrees_with_trying_them_all(patterns, text):
    globs = Globs([(pattern, 1 << i) for i, pattern in enumerate(patterns)])
    assert globs.rules(text) == sum(1 << i for i, pattern in enumerate(patterns) if text == pattern or fnmatchcase(text, pattern))
