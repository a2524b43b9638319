"""Two views side by side: which words answer to each other, and what is left over on either side.

Words answer to each other when their base forms are equal or akin (`Lexicon.akin`).  Everything here is symmetric: aligning `b`
with `a` gives the same with the sides changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

from rtfs.caching.semantic.lexicon import Lexicon, english
from rtfs.caching.semantic.view import View


@dataclass(frozen=True, slots=True)
class Change:
    """A place where the frames differ: these words here stand in the place of those there; either may be empty."""

    here: tuple[str, ...]
    there: tuple[str, ...]


class Alignment:
    """The comparison of two views."""

    __slots__ = (
        "a",
        "b",
        "changes",
        "lexicon",
        "likeness",
        "opposed",
        "only_a",
        "only_b",
        "order_a",
        "order_b",
        "renamed",
        "shared",
    )

    def __init__(self, a: View, b: View, lexicon: Lexicon | None = None) -> None:
        self.lexicon = lexicon or english()
        self.a, self.b = a, b
        self.opposed: list[tuple[str, str]] | None = None
        """For the guards that need the antonyms: found once."""
        self.renamed = self._renamed()
        """Words of `b` -> the words of `a` that they are akin to."""
        there = [self.renamed.get(word, word) for word in b.frame]
        self.changes, matched = _changes(a.frame, there)
        """Where the frames differ, in order."""
        total = len(a.frame) + len(there)
        self.likeness = 2 * matched / total if total else 1.0
        """The share of the frames that is in both, in order: 0 to 1."""
        content_b = [self.renamed.get(word, word) for word in b.content]
        left = list(content_b)
        self.only_a: list[str] = []
        """Content words of `a` that nothing in `b` answers to; `only_b` likewise."""
        self.shared = 0
        for word in a.content:
            if word in left:
                left.remove(word)
                self.shared += 1
            else:
                self.only_a.append(word)
        self.only_b: list[str] = left
        both = {w for w in a.content if a.content.count(w) == 1 and content_b.count(w) == 1}
        self.order_a = [word for word in a.content if word in both]
        """The content words that both have once, as they come in `a`; `order_b` likewise, in the words of `a`."""
        self.order_b = [word for word in content_b if word in both]

    def _renamed(self) -> dict[str, str]:
        mine, theirs = set(self.a.frame), set(self.b.frame)
        free = mine - theirs - self.lexicon.classes["function"]
        renamed = {}
        for word in sorted(theirs - mine - self.lexicon.classes["function"]):
            if not free:
                break
            akin = self.lexicon.akin_among(word, free)
            if akin:
                renamed[word] = akin[0]
                free.discard(akin[0])
        return renamed


def _changes(a: list[str], b: list[str]) -> tuple[list[Change], int]:
    # the longest run is taken first, which depends on the order of the two when runs are of one length: sort them
    swapped = b < a
    first, second = (b, a) if swapped else (a, b)
    changes, matched = [], 0
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        if kind == "equal":
            matched += i2 - i1
            continue
        one, two = tuple(first[i1:i2]), tuple(second[j1:j2])
        changes.append(Change(two, one) if swapped else Change(one, two))
    return changes, matched
