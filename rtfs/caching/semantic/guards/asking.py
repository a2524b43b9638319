"""What kind of answer is wanted, about which time, and whether it is duty or possibility."""

from __future__ import annotations

from rtfs.caching.semantic.alignment import Alignment
from rtfs.caching.semantic.view import View

#: `what` may stand for any of them (`what are your hours`, `when are you open`), so it is told apart from none.
_TOLD_APART = {"who", "when", "where", "why", "how", "whose"}
_POSSIBLE = {"can", "could", "may", "might"}
_NECESSARY = {"must", "should", "ought", "shall", "need"}
_PAST = {"was", "were", "did", "had"}
_NOW = {"is", "are", "am", "do", "does", "has", "will"}
#: Before `used to`, these make it a habit or a purpose.
_BEING = {"is", "are", "am", "was", "were", "be", "been", "being", "get", "got", "getting"}
_TURNING = {"become", "becoming", "became", "becomes", "formerly", "ex", "former", "anymore"}


def question_word(pair: Alignment) -> str | None:
    """`when` against `where`; `how many` against `how`."""
    x, y = pair.a.question, pair.b.question
    if x == y:
        return None
    if all(q in _TOLD_APART or q.startswith("how ") for q in (x, y)):
        return f"`{x}` against `{y}`" if x < y else f"`{y}` against `{x}`"
    return None


def instruction(pair: Alignment) -> str | None:
    """`translate` against `summarise` at the head of a like text."""
    mine, theirs = _command(pair.a, pair), _command(pair.b, pair)
    if mine and theirs and mine != theirs and not pair.lexicon.akin(mine, theirs) and pair.likeness >= 0.4:
        return f"`{mine}` against `{theirs}`" if mine < theirs else f"`{theirs}` against `{mine}`"
    return None


def _command(view: View, pair: Alignment) -> str:
    """The verb that a text begins with, when it is one that says what to do with the rest."""
    first = view.frame[0] if view.frame else ""
    return first if first in _COMMANDS else ""


_COMMANDS = {
    "translate",
    "summarise",
    "summarize",
    "classify",
    "extract",
    "rewrite",
    "count",
    "sort",
    "compare",
    "list",
    "correct",
    "proofread",
    "shorten",
    "expand",
    "convert",
    "calculate",
    "draw",
    "generate",
    "review",
    "rank",
    "paraphrase",
}


def tense(pair: Alignment) -> str | None:
    """`is the president` against `was the president`; `is an adviser` against `is becoming an adviser`."""
    lows_a, lows_b = pair.a.lows, pair.b.lows
    turning_a, turning_b = _turning(pair.a), _turning(pair.b)
    if bool(turning_a) != bool(turning_b):
        return f"`{turning_a or turning_b}` in one of the two only"
    past_a, past_b = lows_a & _PAST, lows_b & _PAST
    now_a, now_b = lows_a & _NOW, lows_b & _NOW
    # `what is the reason that it failed` is about the past too
    elsewhere = _narrates(pair.b if past_a else pair.a)
    if not elsewhere and ((past_a and not past_b and now_b and not now_a) or (past_b and not past_a and now_a and not now_b)):
        first, second = sorted((min(past_a or now_a), min(past_b or now_b)))
        return f"`{first}` against `{second}`"
    if ("being" in lows_a and "been" in lows_b) or ("been" in lows_a and "being" in lows_b):
        return "`been` against `being`"
    will_a, will_b = "will" in lows_a, "will" in lows_b
    if (will_a and past_b and not past_a) or (will_b and past_a and not past_b):
        return "the future against the past"
    return None


def _narrates(view: View) -> bool:
    """Whether a verb in the past stands in a text, besides auxiliaries; participles behind `be` or `have` do not count."""
    for at, token in enumerate(view.tokens):
        before = [earlier.base for earlier in view.tokens[max(0, at - 3) : at]]
        if token.low.endswith("ed") and token.low != token.base and "be" not in before and "have" not in before:
            return True
    return False


def _turning(view: View) -> str:
    lows = ["", *[token.low for token in view.tokens]]
    if any(lows[at : at + 2] == ["used", "to"] and lows[at - 1] not in _BEING for at in range(1, len(lows))):
        return "used to"
    found = view.lows & _TURNING
    return min(found) if found else ("formerly" if "formerly" in view.frame else "")


def modality(pair: Alignment) -> str | None:
    """`must I` against `may I`."""
    mine, theirs = _modal(pair.a), _modal(pair.b)
    if mine and theirs and mine != theirs and pair.likeness >= 0.5:
        return f"{mine} against {theirs}" if mine < theirs else f"{theirs} against {mine}"
    return None


def _modal(view: View) -> str:
    frame = set(view.frame)
    if frame & _NECESSARY:
        return "duty"
    return "possibility" if frame & _POSSIBLE else ""
