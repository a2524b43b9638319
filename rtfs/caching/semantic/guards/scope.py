"""What a text is about: how much of it, which of several, and nothing more or less."""

from __future__ import annotations

from rtfs.caching.semantic.alignment import Alignment
from rtfs.caching.semantic.guards.polarity import antonyms
from rtfs.caching.semantic.masking import KINDS
from rtfs.caching.semantic.view import View

#: Words that restrict or widen when they stand in one of the texts only.
_RESTRICTING = {
    "only",
    "all",
    "every",
    "each",
    "both",
    "none",
    "first",
    "last",
    "next",
    "previous",
    "other",
    "another",
    "instead",
    "except",
    "alone",
    "former",
    "simultaneously",
    "or",
    "unless",
}
#: Prepositions that are told apart; the others change too often without a change of meaning.
_DIRECTIONS = {
    "from",
    "to",
    "into",
    "against",
    "without",
    "before",
    "after",
    "under",
    "over",
    "above",
    "below",
    "between",
    "behind",
    "outside",
    "inside",
    "than",
    "until",
    "since",
    "by",
    "through",
}
#: Superlatives that only introduce the way to do something.
_EASE = {"best", "easiest", "simplest"}
#: Small words of one kind: within one of these sets they change without a change of meaning.
_LOOSE = (
    {"in", "on", "at", "of", "for", "during", "within", "with", "about", "to", "near", "via", "over"},
    {"this", "that", "my", "your", "our", "its", "it", "their", "his", "her", "any", "some"},
    {"be", "do", "have", "will", "would", "can", "may", "could", "might", "should", "shall"},
    {"I", "we", "you", "one", "they", "people", "he", "she", "someone", "anyone"},
    {"what", "which", "who", "whom", "that", "how", "where", "when", "why", "whose", "there", "it"},
    {"how", "may", "can", "what", "be", "do", "I"},
    {"by", "with", "through", "via", "in", "per", "from", "of"},
    {"if", "when", "whether"},
    {"then", "now", "here", "there", "also", "too", "so", "just"},
)
#: How alike two frames must be for what stands in the same place to be a substitution, and for what was added to be a restriction.
SUBSTITUTION_LIKENESS = 0.5
RESTRICTION_LIKENESS = 0.7


def exclusive(pair: Alignment) -> str | None:
    """`today` against `tomorrow`, `all` against `some`: of one set, and only one can hold."""
    lexicon = pair.lexicon
    here = [word for word in (pair.a.lows | pair.a.bases) - pair.b.lows - pair.b.bases if lexicon.excludes(word)]
    there = [word for word in (pair.b.lows | pair.b.bases) - pair.a.lows - pair.a.bases if lexicon.excludes(word)]
    for x in sorted(here):
        for y in sorted(there):
            if lexicon.exclusive(x, y) and not lexicon.synonyms(x, y):
                return f"`{x}` against `{y}`"
    return None


def degree(pair: Alignment) -> str | None:
    """`the cheapest plan` against `the cheap plan`."""
    mine, theirs = _degrees(pair.a), _degrees(pair.b)
    if mine == theirs:
        return None
    return f"{_listed(mine)} against {_listed(theirs)}"


def _degrees(view: View) -> frozenset[str]:
    found = set()
    for at, token in enumerate(view.tokens):
        following = view.tokens[at + 1].base if at + 1 < len(view.tokens) else ""
        if token.low in ("most", "least", "best", "worst") or (
            token.low.endswith("est") and token.low != token.base and len(token.low) > 4
        ):
            before = view.tokens[at - 1].low if at else ""
            if token.base in ("late", "new") or following in ("recent", "likely") or before == "at":
                continue
            if not (token.low in _EASE and following in ("way", "method", "approach")):
                found.add("superlative")
    return frozenset(found)


def quantifier(pair: Alignment) -> str | None:
    """`only`, `all`, `last` and the like in one text, and nothing of the kind in the other."""
    mine, theirs = pair.a.lows & _RESTRICTING, pair.b.lows & _RESTRICTING
    if mine == theirs:
        return None
    akin = pair.lexicon.akin
    left = [x for x in mine - theirs if not any(akin(x, y) for y in pair.b.bases)] + [
        y for y in theirs - mine if not any(akin(y, x) for x in pair.a.bases)
    ]
    return f"`{min(left)}` in one of the two only" if left else None


def substitution(pair: Alignment) -> str | None:
    """`near the beach` against `near the station`: other words in the same place of a like text."""
    if pair.likeness < SUBSTITUTION_LIKENESS:
        return None
    # antonyms have a guard of their own, which knows when they cancel
    opposed = {word for found in antonyms(pair) for word in found}
    opposed |= {pair.lexicon.base(word) for word in opposed}
    kept_a, kept_b = set(pair.a.frame), {pair.renamed.get(word, word) for word in pair.b.frame}
    for change in pair.changes:
        # what only moved is a matter of roles
        here = [w for w in _telling(change.here, pair) if w not in kept_b and w not in opposed]
        there = [w for w in _telling(change.there, pair) if w not in kept_a and w not in opposed]
        if here and there:
            return (
                f"`{' '.join(here)}` in the place of `{' '.join(there)}`"
                if here < there
                else f"`{' '.join(there)}` in the place of `{' '.join(here)}`"
            )
    return None


def restriction(pair: Alignment) -> str | None:
    """`a refund` against `a partial refund`: one text says more of what it is about."""
    if pair.likeness < RESTRICTION_LIKENESS:
        return None
    modifiers = pair.lexicon.classes["modifier"]
    for change in pair.changes:
        here = [w for w in _telling(change.here, pair) if w not in modifiers]
        there = [w for w in _telling(change.there, pair) if w not in modifiers]
        for one, view in ((here, pair.b), (there, pair.a)):
            added = [
                word
                for word in one
                if word not in view.bases and word not in view.frame and not pair.lexicon.in_class("light", word)
            ]
            if added and not (here and there):
                return f"`{' '.join(added)}` in one of the two only"
    return None


def particle(pair: Alignment) -> str | None:
    """`flights to Rome` against `flights from Rome`, `and` against `or`: small words that are not of one kind."""
    if pair.likeness < SUBSTITUTION_LIKENESS:
        return None
    function, negators = pair.lexicon.classes["function"], pair.lexicon.classes["negator"]
    for change in pair.changes:
        here = [w for w in change.here if w not in pair.b.lows and w not in pair.b.bases]
        there = [w for w in change.there if w not in pair.a.lows and w not in pair.a.bases]
        if len(change.here) > 2 or len(change.there) > 2 or not here or not there:
            continue
        if not negators.isdisjoint(change.here) or not negators.isdisjoint(change.there):
            continue  # `never`, `did not`: a guard of its own counts them
        alone = len(pair.changes) == 1
        told = [
            (x, y)
            for x in here
            for y in there
            if (x in _DIRECTIONS and y in _DIRECTIONS) or (alone and x in function and y in function)
        ]
        for x, y in told:
            if not any(x in kind and y in kind for kind in _LOOSE):
                return f"`{min(x, y)}` against `{max(x, y)}`"
    return None


def _telling(words: tuple[str, ...], pair: Alignment) -> list[str]:
    """The words of a change that say what a text is about."""
    classes = pair.lexicon.classes
    skip = classes["function"] | classes["request"] | classes["politeness"]
    return [word for word in words if word not in skip and word not in KINDS and word != "I"]


def _listed(words: frozenset[str]) -> str:
    return ", ".join(sorted(words)) or "none"
