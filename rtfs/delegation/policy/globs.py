"""Many patterns against one text, without trying them all.

A plain text is found in a table; so is one that begins or ends as a pattern does: `billing/*`, `*-summary`.  Of every other pattern
(`*`, `?`, `[abc]`, as in a shell) the rarest of its parts is looked up: how it begins, how it ends, or three characters in
it.  For a text of twenty characters that makes thirty look-ups at most, however many patterns there are.  Patterns
without such a part are few in practice, and are tried one after the other.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    #: The rules of a pattern, and what has to hold besides the part that was looked up; None: nothing.
    Entry = tuple[Callable[[str], bool] | None, int]

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
    """The same for one pattern and many texts. Making a regular expression takes long, so there is one only as the last resort."""
    if "?" in pattern or "[" in pattern:
        literals = [literal for literal in _SIGNS_AND_SETS.split(pattern) if literal]

        def fits_expression(text: str) -> bool:
            for literal in literals:
                if literal not in text:
                    return False
            return fnmatchcase(text, pattern)

        return fits_expression
    first, *middle, last = pattern.split("*")
    least = len(first) + len(last)

    def fits(text: str) -> bool:
        if len(text) < least or not text.startswith(first) or not text.endswith(last):
            return False
        at, end = len(first), len(text) - len(last)
        for part in middle:  # the first place of each leaves the most room for the next
            at = text.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True

    return fits


class Globs:
    """Sets of rules by the texts that they are for. A set is an integer: rule `i` is the bit `1 << i`."""

    def __init__(self, entries: Iterable[tuple[str, int]]) -> None:
        """
        Args:
            entries: (pattern or plain text, bit).
        """
        self._exact: dict[str, int] = {}
        #: each by how the pattern begins, how it ends, three characters in it
        self._begins: dict[str, list[Entry]] = {}
        self._ends: dict[str, list[Entry]] = {}
        self._grams: dict[str, list[Entry]] = {}
        self._others: list[Entry] = []
        globs: dict[str, int] = {}
        for pattern, bit in entries:
            into = globs if is_glob(pattern) else self._exact
            into[pattern] = into.get(pattern, 0) | bit
        parts = {pattern: self._parts(pattern) for pattern in globs}
        counts: dict[tuple[int, str], int] = {}
        for found in parts.values():
            for table, part in found:
                counts[id(table), part] = counts.get((id(table), part), 0) + 1
        for pattern, bits in globs.items():
            if not parts[pattern]:
                self._others.append((None if pattern == "*" else matcher(pattern), bits))
                continue
            # of equally rare ones the first: the ends of a text are looked up faster than its middle
            table, part = min(parts[pattern], key=lambda found: counts[id(found[0]), found[1]])
            whole = pattern in (f"{part}*", f"*{part}") and table is not self._grams
            table.setdefault(part, []).append((None if whole else matcher(pattern), bits))
        self._begin_lengths = sorted({len(part) for part in self._begins})
        self._end_lengths = sorted({len(part) for part in self._ends})

    def _parts(self, pattern: str) -> list[tuple[dict[str, list[Entry]], str]]:
        """Where a pattern can be looked up: (table, key)."""
        literals = _SIGNS_AND_SETS.split(pattern)
        ends = [(self._begins, literals[0]), (self._ends, literals[-1])]
        grams = {literal[i : i + _GRAM]: None for literal in literals for i in range(len(literal) - _GRAM + 1)}
        return [(table, part) for table, part in ends if part] + [(self._grams, gram) for gram in grams]

    def rules(self, text: str) -> int:
        """The rules one of whose patterns fits."""
        mask = self._exact.get(text, 0)
        size = len(text)
        begins, ends, grams = self._begins, self._ends, self._grams
        found = [self._others] if self._others else []
        for length in self._begin_lengths:
            if length > size:
                break
            if (part := text[:length]) in begins:
                found.append(begins[part])
        for length in self._end_lengths:
            if length > size:
                break
            if (part := text[size - length :]) in ends:
                found.append(ends[part])
        if grams:
            for i in range(size - _GRAM + 1):
                if (part := text[i : i + _GRAM]) in grams:
                    found.append(grams[part])
        for entries in found:
            for fits, bits in entries:
                if bits & ~mask and (fits is None or fits(text)):
                    mask |= bits
        return mask
