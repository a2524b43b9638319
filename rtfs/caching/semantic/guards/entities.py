"""Names: people, places, products, works must be the same."""

from __future__ import annotations

from rtfs.caching.semantic.alignment import Alignment
from rtfs.caching.semantic.view import View


def entity(pair: Alignment) -> str | None:
    """A name in one text that the other does not have in any form."""
    mine, theirs = _unmatched(pair.a, pair.b, pair), _unmatched(pair.b, pair.a, pair)
    # a name in the plural is another name, unless it is a day's
    temporal = pair.lexicon.classes["temporal"]
    for base, written in sorted(pair.a.names.items()):
        other = pair.b.names.get(base, written)
        if base not in temporal and other.lower() != written.lower():
            return f"`{min(written, other)}` against `{max(written, other)}`"
    if not mine and not theirs:
        return None
    first, second = ", ".join(f"`{name}`" for name in mine) or "none", ", ".join(f"`{name}`" for name in theirs) or "none"
    return f"{first} against {second}"


def gender(pair: Alignment) -> str | None:
    """`his` against `her`, where the rest is the same."""
    male, female = pair.lexicon.classes["male"], pair.lexicon.classes["female"]
    mine = {w for w in pair.a.lows if w in male or w in female}
    theirs = {w for w in pair.b.lows if w in male or w in female}
    if mine and theirs and bool(mine & male) != bool(theirs & male) and bool(mine & female) != bool(theirs & female):
        return f"`{min(mine)}` against `{min(theirs)}`"
    return None


def _unmatched(view: View, other: View, pair: Alignment) -> list[str]:
    return [
        written
        for base, written in sorted(view.names.items())
        if base not in other.bases
        and written.lower() not in other.lows
        and not _in_other_form(written.lower(), other)
        and not _shortened(base, view, other)
        and not (base in pair.lexicon.words and any(pair.lexicon.akin(base, word) for word in other.bases))
    ]


def _in_other_form(name: str, other: View) -> bool:
    """`Canada` in `Canadian`, `NASA` in its words, `New-York` in `New York`."""
    if len(name) >= 5 and any(
        len(word) >= 5 and word[: max(4, len(name) - 2)] == name[: max(4, len(name) - 2)] for word in other.lows
    ):
        return True
    if 2 <= len(name) <= 5:
        initials = "".join(token.low[0] for token in other.tokens)
        short = "".join(token.low[0] for token in other.tokens if token.low not in ("of", "the", "and", "for"))
        spelled = {written.lower() for written in other.names.values()}
        if (name in initials or name in short) and len(spelled) >= 2:
            return True
    return False


def _shortened(base: str, view: View, other: View) -> bool:
    """`European` and `Union`, where the other text has `EU`."""
    initials = "".join(token.base[0] for token in view.tokens if token.base in view.names)
    return any(
        written.isupper() and 2 <= len(written) <= 5 and written.lower() in initials and base[0] in written.lower()
        for short, written in other.names.items()
        if short not in view.bases
    )
