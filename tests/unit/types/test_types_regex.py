"""Regular expressions: the automaton gives what `re` gives, and nothing takes for ever."""

from __future__ import annotations

import contextlib
import random
import re
import time
from typing import Any

import pytest

from rtfs.errors import EvalError
from rtfs.types.automaton import Automaton, NotLinear
from rtfs.types.regex import Regex

_ATOMS = ["a", "b", "c", ".", "[ab]", "[^a]", r"\w", r"\s", r"\d", "[a-c1]", "^", "$", r"\b", r"\B", r"\A", r"\Z", "A", "\n"]
_REPEATS = ["*", "+", "?", "{1,3}", "{2}", "{0,2}", "*?", "+?", "??", "{1,}?"]


def _pattern(choose: random.Random, depth: int) -> str:
    kind = choose.random()
    if depth == 0 or kind < 0.25:
        return choose.choice(_ATOMS)
    if kind < 0.45:
        return _pattern(choose, depth - 1) + _pattern(choose, depth - 1)
    if kind < 0.6:
        return f"(?:{_pattern(choose, depth - 1)}|{_pattern(choose, depth - 1)})"
    if kind < 0.75:
        return f"({_pattern(choose, depth - 1)})"
    return f"(?:{_pattern(choose, depth - 1)}){choose.choice(_REPEATS)}"


def _shown(found: Any) -> Any:
    return found and (found.start(), found.end(), found.group(), found.groups())


def test_the_automaton_finds_what_re_finds() -> None:
    choose = random.Random(5)
    compared = 0
    for _ in range(1_500):
        pattern = choose.choice(["", "", "", "(?i)", "(?m)", "(?s)"]) + _pattern(choose, choose.randint(1, 4))
        try:
            automaton, expected = Automaton(pattern), re.compile(pattern)
        except NotLinear:
            continue
        text = "".join(choose.choice("aabbc1 \nA") for _ in range(choose.randint(0, 7)))
        compared += 1
        assert _shown(automaton.search(text)) == _shown(expected.search(text)), (pattern, text)
        assert _shown(automaton.fullmatch(text)) == _shown(expected.fullmatch(text)), (pattern, text)
        assert [*map(_shown, automaton.finditer(text))] == [*map(_shown, expected.finditer(text))], (pattern, text)
    assert compared > 1_000


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|aa)+b",
        "(a|a)*b",
        "((a+)+)+b",
        "(a*)*b",
        "(.*)*x",
        "a*a*a*a*b",
        ".*.*.*=x",
        "(?:a?){30}b",
        "a?" * 30 + "a" * 30 + "b",
        "(?=(a+)+b)x",
        r"(a+)\1+b",
        "(?>(a+)+)b",
        "(a+)++b",
        "(a{1,100}){1,100}b",
        "(x+x+)+y",
        "(?i)(A+)+b",
        r"^\w+([.-]?\w+)*@\w+([.-]?\w+)*(\.\w{2,3})+$",
        r"^(([a-z])+.)+[A-Z]([a-z])+$",
        "[^@]+@[^@]+b",
        "a*b",
    ],
)
def test_every_pattern_comes_to_an_end(pattern: str) -> None:
    for text in ("a" * 40 + "!", "a" * 3_000 + "!", "a@" * 1_000):
        for method in ("search", "fullmatch"):
            begin = time.monotonic()
            with contextlib.suppress(EvalError):  # refused at once, or answered
                found = getattr(Regex(pattern), method)(text)
                assert method == "search" or found is None
            assert time.monotonic() - begin < 10


@pytest.mark.parametrize(
    "pattern",
    [
        r"\w+",
        r"[a-z]+@[a-z]+\.[a-z]+",
        r"\b\w+@\w+\.\w+\b",
        "foo",
        "(a|b)c",
        "^a",
        r"\d{3}-\d{4}",
        ".*",
        r"(\d+)-(\d+)",
        r"\w+ing\b",
    ],
)
def test_common_patterns_on_long_texts_are_left_to_re(pattern: str) -> None:
    regex = Regex(pattern)
    text = "some words of common length " * 4_000
    assert [found.span() for found in regex.finditer(text)] == [found.span() for found in re.finditer(pattern, text)]
    assert regex._automaton is None
