"""Many patterns against one text, without trying them all.

A plain text is found in a table.  Of every other pattern (`*`, `?`, `[abc]`, as in a shell) three characters that a match must
contain are looked up: for a text of twenty characters, that is a dozen and a half look-ups, however many patterns there are.
Patterns without three such characters are few in practice, and are tried one after the other.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SIGNS = frozenset("*?[")
_GRAM = 3
#: What lies between the stretches of a pattern that stand in every match as they are; `[]a]` is a set of two.
_SIGNS_AND_SETS = re.compile(r"\[!?\]?[^\]]*\]?|[*?]")


def is_glob(text: str) -> bool:
    return not _SIGNS.isdisjoint(text)


def is_match(text: str, pattern: str) -> bool:
    """Whether a pattern, or a plain text, fits a text; capital letters count."""
    return text == pattern or (is_glob(pattern) and fnmatchcase(text, pattern))


def matcher(pattern: str) -> Callable[[str], bool]:
    """The same for one pattern and many texts; what needs no regular expression gets none."""
    inner = pattern.strip("*")
    if is_glob(inner) or pattern.startswith("**") or pattern.endswith("**"):
        return lambda text: fnmatchcase(text, pattern)  # which keeps the regular expressions that it has made
    begins, ends = not pattern.startswith("*"), not pattern.endswith("*")
    if begins:
        return lambda text: text.startswith(inner)
    if ends:
        return lambda text: text.endswith(inner)
    return lambda text: inner in text


class Globs:
    """Sets of rules by the texts that they are for. A set is an integer: rule `i` is the bit `1 << i`."""

    def __init__(self, entries: Iterable[tuple[str, int]]) -> None:
        """
        Args:
            entries: (pattern or plain text, bit).
        """
        self._exact: dict[str, int] = {}
        self._grams: dict[str, list[tuple[Callable[[str], bool], int]]] = {}
        self._others: list[tuple[Callable[[str], bool], int]] = []
        globs: dict[str, int] = {}
        for pattern, bit in entries:
            into = globs if is_glob(pattern) else self._exact
            into[pattern] = into.get(pattern, 0) | bit
        grams = {pattern: _grams(pattern) for pattern in globs}
        counts: dict[str, int] = {}
        for found in grams.values():
            for gram in found:
                counts[gram] = counts.get(gram, 0) + 1
        for pattern, bits in globs.items():
            entry = (matcher(pattern), bits)
            if grams[pattern]:
                rarest = min(grams[pattern], key=lambda gram: counts[gram])
                self._grams.setdefault(rarest, []).append(entry)
            else:
                self._others.append(entry)

    def rules(self, text: str) -> int:
        """The rules one of whose patterns fits."""
        mask = self._exact.get(text, 0)
        for fits, bits in self._others:
            if fits(text):
                mask |= bits
        if self._grams:
            find = self._grams.get
            for i in range(len(text) - _GRAM + 1):
                found = find(text[i : i + _GRAM])
                if found is not None:
                    for fits, bits in found:
                        if bits & ~mask and fits(text):
                            mask |= bits
        return mask


def _grams(pattern: str) -> set[str]:
    """Three characters each, all of which stand in every match."""
    return {part[i : i + _GRAM] for part in _SIGNS_AND_SETS.split(pattern) for i in range(len(part) - _GRAM + 1)}
