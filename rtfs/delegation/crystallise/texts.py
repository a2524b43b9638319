"""What rules see of a text: its words, and each two that follow each other. The same here and in the code that is made
(`writing`)."""

from __future__ import annotations

import re
from itertools import pairwise

#: A word: letters and digits, with what stands inside of them (don't).
WORD = r"[\w']+"
_WORD = re.compile(WORD)


def text_of(args: tuple[str, ...]) -> str:
    """The operands of a call as one text."""
    return " ".join(args)


def features_of(text: str) -> tuple[str, ...]:
    """The words and pairs of words of a text, each once, in order."""
    words = _WORD.findall(text.lower())
    return tuple(dict.fromkeys([*words, *[f"{one} {next_}" for one, next_ in pairwise(words)]]))
