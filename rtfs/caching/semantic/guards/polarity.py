"""Negation and antonyms: what turns a text into its contrary.

Both are counted together, because two turns cancel: `more patient` and `less impatient` ask one thing, `a good person` and `a
person who is not bad` nearly one.  Only a pair of one negator (or of `more` against `less`) with one pair of antonyms cancels;
two pairs of antonyms change two things.
"""

from __future__ import annotations

from rtfs.caching.semantic.alignment import Alignment
from rtfs.caching.semantic.view import View


def _negators(view: View, pair: Alignment) -> list[str]:
    words = pair.lexicon.classes["negator"]
    found = [token.low for token in view.tokens if token.low in words or token.base in words]
    # `not only … but also` denies nothing; `no longer` is a matter of time (`guards/tense.py`)
    text = " ".join(token.low for token in view.tokens)
    for phrase, word in (
        ("not only", "not"),
        ("no longer", "no"),
        ("why not", "not"),
        ("whether or not", "not"),
        ("or not", "not"),
        ("not sure", "not"),
        ("no matter", "no"),
    ):
        if phrase in text and word in found:
            found.remove(word)
    return found


def antonyms(pair: Alignment) -> list[tuple[str, str]]:
    """Words only in `a` with their antonyms only in `b`."""
    if pair.opposed is None:
        pair.opposed = _antonyms(pair)
    return pair.opposed


def _antonyms(pair: Alignment) -> list[tuple[str, str]]:
    here, there = _more(pair.a, pair.b), _more(pair.b, pair.a)
    negators = pair.lexicon.classes["negator"]
    found: dict[tuple[str, str], tuple[str, str]] = {}
    there -= negators
    for x in sorted(here - negators):
        for y in pair.lexicon.opposites_among(x, there):
            # `opened`, `open` and `opening` are one word
            found.setdefault((pair.lexicon.base(x), pair.lexicon.base(y)), (x, y))
    return sorted(found.values())


def _more(view: View, other: View) -> set[str]:
    """The words that a text has and the other has not, or less often: `hide hidden files` has one more `hide` than `show hidden
    files`."""
    words = {*view.bases, *view.lows, *view.frame}.difference(other.bases, other.lows, other.frame)
    words.update([word for word, count in view.counts.items() if count > other.counts.get(word, 0)])
    return words


def _degree(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [p for p in pairs if set(p) & {"more", "less", "much", "little", "most", "least", "many", "few", "fewer"}]


def _turns(pair: Alignment) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    mine, theirs = _negators(pair.a, pair), _negators(pair.b, pair)
    return mine, theirs, antonyms(pair)


def negation(pair: Alignment) -> str | None:
    """`can take` against `can not take`."""
    mine, theirs, pairs = _turns(pair)
    others = [p for p in pairs if p not in _degree(pairs)]
    if len(mine) == len(theirs) or (len(mine) - len(theirs)) % 2 == 0:
        return None
    if len(others) == 1 and abs(len(mine) - len(theirs)) == 1:
        return None
    side = mine if len(mine) > len(theirs) else theirs
    return f"`{side[-1]}` in one of the two only"


def antonym(pair: Alignment) -> str | None:
    """`open an account` against `close an account`."""
    mine, theirs, pairs = _turns(pair)
    if not pairs:
        return None
    degree = _degree(pairs)
    others = [p for p in pairs if p not in degree]
    odd = (len(mine) - len(theirs)) % 2 == 1
    if len(others) == 1 and (odd != bool(degree)):
        return None
    x, y = (others or degree)[0]
    return f"`{x}` is the contrary of `{y}`"
