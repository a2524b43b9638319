"""Labels and numbers in what a model wrote: `Card.`, `**yes**`, `The answer is 42`.

Two degrees of trust.  `find_label` takes a text that *is* a label, up to quotes, punctuation, case, the way its words are
joined, accents and at last a slip of the pen.  `label_in_sentence` and `number_in_sentence` look for the only label or number of
a short sentence, and give up at the first sign that the sentence does not simply state it: a second candidate, a negation, a
doubt, a question.
"""

from __future__ import annotations

import math
import re

from rtfs.types.coercion.numbers import read_number
from rtfs.types.json_schema import json_literal
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Longer texts are no short sentence.
SENTENCE = 240

_MARKS = " \t\r\n\"'`*_“”‘’„«»"
_WRAPPERS = {"(": ")", "[": "]", "{": "}", "<": ">"}

_NEGATION = re.compile(
    r"\b(?:not|no|never|neither|nor|none|cannot|without|except|excluding|unless|unable|rather|instead|fails?|wrong|incorrect"
    r"|\w+n't|anything but|far from)\b",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"\b(?:maybe|perhaps|possibly|probably not|might|may|could|unsure|uncertain|unclear|either|or|but|versus|vs|if"
    r"|depends|sometimes|partly|partially|example|e\.g|such as|sorry|between|than|at least|at most|under|over|up to)\b",
    re.IGNORECASE,
)
_STATED = re.compile(
    r"^\W*(?:(?:the|my|so|final|correct|best|predicted|overall)\s+)*"
    r"(?:answer|label|category|class|classification|result|output|verdict|choice|prediction|sentiment|intent)"
    r"[\s*_`\"]*(?:\bis\b|[:=]|->|→)[\s*_`\":]*(.+?)\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBER = re.compile(
    r"(?<![\w.,])(?<!\w-)[-+−]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?![\w%‰]|[.,][0-9])"
)
_DIGITS = re.compile(r"\d+")
_SCALE = re.compile(r"\s*(?:%|(?:percent|per ?cent|k|m|bn|hundred|thousand|million|billion|trillion|dozen)\b)", re.IGNORECASE)
_UNSURE_BEFORE = re.compile(r"[<>≤≥±/(]\s*$")
_UNSURE_AFTER = re.compile(r"\s*(?:[+/~x×*^)]|(?:st|nd|rd|th|ish|[ap]\.?m|below|above|less|more|ago|half|and)\b)", re.IGNORECASE)
_MINUS = re.compile(r"\b(?:minus|negative)\s*$", re.IGNORECASE)


def spellings(value: Any) -> list[str]:
    """How a literal may be written, the usual way first."""
    if value is True:
        return ["true", "yes"]
    if value is False:
        return ["false", "no"]
    if value is None:
        return ["null", "nil", "none"]
    if type(value) is Keyword:
        return [value.name, ":" + value.name]
    return [str(json_literal(value))]


def strip_marks(text: str) -> str:
    """Without what surrounds a word in prose: blanks, quotes, emphasis, brackets, a point or comma at the end."""
    for _ in range(4):
        before = text
        text = text.strip(_MARKS).rstrip(".,!;:")
        if len(text) > 1 and _WRAPPERS.get(text[0]) == text[-1]:
            text = text[1:-1]
        if text == before:
            break
    return text


def _fold(text: str) -> str:
    return re.sub(r"[-_\s]+", " ", text.casefold()).strip()


def letters(text: str) -> str:
    """The letters and digits alone, in small letters and without accents: what a name is apart from its style."""
    import unicodedata

    return "".join([c for c in unicodedata.normalize("NFKD", text.casefold()) if c.isalnum()])


def closest(name: str, known: list[str]) -> str | None:
    """The one of `known` that `name` is but for a slip: one letter wrong, missing, added or swapped, two in a long name.

    Short names, other first letters and other digits are no slips, and neither is a name that another one is nearly as
    close to.
    """
    from rtfs.errors import edit_distance

    folded = letters(name)
    limit = 0 if len(folded) < 5 else 1 if len(folded) < 10 else 2
    if not limit or len(folded) > 80:
        return None
    near: list[tuple[int, str]] = []
    for other in known:
        target = letters(other)
        distance = edit_distance(folded, target, limit + 2)
        if distance <= limit + 2:
            near.append((distance, other))
    near.sort(key=lambda pair: pair[0])
    if not near or not 0 < near[0][0] <= limit or (len(near) > 1 and near[1][0] < near[0][0] + 2):
        return None
    target = letters(near[0][1])
    if len(target) < 5 or target[:1] != folded[:1] or _digits(target) != _digits(folded):
        return None
    return near[0][1]


def _digits(text: str) -> list[str]:
    return _DIGITS.findall(text)


#: What people write for a literal besides its JSON; only where it is all that they write.
TRUE_WORDS = frozenset({"yes", "y", "on", "ja", "oui", "sí"})
FALSE_WORDS = frozenset({"no", "n", "off", "nein", "non"})
NULL_WORDS = frozenset({"nil", "none", "n/a", "na"})
_WORDS = ((True, TRUE_WORDS, "truth-word"), (False, FALSE_WORDS, "truth-word"), (None, NULL_WORDS, "null-word"))


def find_label(text: str, values: tuple[Any, ...]) -> tuple[Any, tuple[str, ...]] | None:
    """The literal that a whole text names.

    Returns:
        (literal, kinds of repair) or None; no repair when the text is a spelling as it stands.
    """
    bare = strip_marks(text)
    marks = () if bare == text else ("marks",)
    for candidate, kinds in ((text, ()), (bare, marks)):
        for value in values:
            if candidate in spellings(value):
                return value, kinds
    for fold in (_fold, letters):
        folded = fold(bare)
        found = [value for value in values if folded in [fold(spelling) for spelling in spellings(value)]]
        if folded and len(found) == 1:
            return found[0], (*marks, "label-style")
        if folded and found:
            return None
    word = bare.casefold()
    for literal, words, kind in _WORDS:
        if word in words and [value for value in values if value is literal]:
            return literal, (*marks, kind)
    texts = {str(json_literal(value)): value for value in values if isinstance(json_literal(value), str)}
    near = closest(bare, list(texts))
    return None if near is None else (texts[near], (*marks, "label-typo"))


def stated_labels(text: str, values: tuple[Any, ...]) -> list[Any]:
    """The literals that lines such as `Answer: card` state, without repeats."""
    found: list[Any] = []
    for match in _STATED.finditer(text):
        label = find_label(match[1], values)
        if label is not None and not [value for value in found if value is label[0]]:
            found.append(label[0])
    return found


def label_in_sentence(text: str, values: tuple[Any, ...]) -> tuple[Any, str] | None:
    """The only literal that a short statement names as a whole word, with the kind of repair; None when in doubt."""
    text = text.replace("’", "'")
    stated = stated_labels(text, values)
    if len(stated) == 1:
        return stated[0], "stated"
    if stated or len(text) > SENTENCE or text.rstrip(_MARKS).endswith("?"):
        return None
    found: list[Any] = []
    around = text
    for value, start, end in _occurrences(text, values):
        if not [known for known in found if known is value]:
            found.append(value)
        around = around[:start] + " " * (end - start) + around[end:]
    if len(found) != 1 or _DOUBT.search(around):
        return None
    value = found[0]
    if _NEGATION.search(around) and not (isinstance(value, bool) and _leads(text, value)):
        return None  # "No, it is not." is a no all the same
    return value, "sentence"


def _leads(text: str, value: Any) -> bool:
    first = re.match(r"\W*(\w+)\s*(?:[,.;:!—–-]|$)", text)
    return first is not None and first[1].casefold() in spellings(value)


def _occurrences(text: str, values: tuple[Any, ...]) -> list[tuple[Any, int, int]]:
    """(literal, start, end) of every label in a text; where one label contains another, the longer one."""
    words: list[tuple[str, Any]] = []
    for value in values:
        for spelling in spellings(value):
            if spelling.strip(":"):
                words.append((spelling, value))
    if [word for word, _ in words if _DIGITS.fullmatch(word.lstrip("-"))] and len(_DIGITS.findall(text)) > 1:
        return []  # of several numbers, which one is the label?
    owners: dict[str, set[int]] = {}
    for word, value in words:
        owners.setdefault(_fold(word), set()).add(id(value))
    words = [pair for pair in words if len(owners[_fold(pair[0])]) == 1]  # `Open` and `open`: which one?
    words.sort(key=lambda pair: -len(pair[0]))
    found: list[tuple[Any, int, int]] = []
    taken = [False] * len(text)
    for word, value in words:
        for match in _whole_word(word).finditer(text):
            start, end = match.span(match.lastindex or 0)
            if not taken[start]:
                found.append((value, start, end))
                taken[start:end] = [True] * (end - start)
    return found


def _whole_word(word: str) -> re.Pattern[str]:
    if len(word) == 1 and word.isalpha():  # "a" and "I" are words of the language: only where a label is announced
        letter = re.escape(word)
        announced = r"(?:\b(?i:is|answer|option|choice|label|class|category|grade)|[:=])[\s\"'`*(\[]*"
        return re.compile(rf"^\W*({letter})(?=[).:\]])|{announced}({letter})(?!\w)(?!-\w)")
    joined = r"[-_\s]+".join([re.escape(part) for part in re.split(r"[-_\s]+", word)])
    shout = word.isupper() and len(word) <= 3  # IT, US: in small letters they are words of the language
    return re.compile(rf"(?<!\w)(?<!\w-)({joined})(?!\w)(?!-\w)", 0 if shout else re.IGNORECASE)


def number_in_sentence(text: str) -> tuple[int | float, str] | None:
    """The only number of a short statement, with the kind of repair; None when in doubt."""
    text = text.replace("’", "'")
    kind = "sentence"
    stated = [match[1] for match in _STATED.finditer(text)]
    if len(stated) == 1:
        number = read_number(strip_marks(stated[0]))
        if number is not None and "percent" not in number.kinds:
            return number.value, "stated"
        if len(_DIGITS.findall(text)) > 1:
            text, kind = stated[0], "stated"  # "6 times 7 … Answer: 42"
    if len(text) > SENTENCE or text.rstrip(_MARKS).endswith("?"):
        return None
    found = list(_NUMBER.finditer(text))
    if len(found) != 1:
        return None
    start, end = found[0].span()
    rest = text[:start] + " " + text[end:]
    if (
        _DIGITS.search(rest)
        or _SCALE.match(text[end:])
        or _MINUS.search(text[:start])
        or _NEGATION.search(rest)
        or _DOUBT.search(rest)
        or _UNSURE_BEFORE.search(text[:start])
        or _UNSURE_AFTER.match(text[end:])
    ):
        return None
    digits = found[0][0].replace(",", "").replace("−", "-")
    if not math.isfinite(float(digits[:400])) or len(digits) > 400:
        return None
    return (int(digits) if re.fullmatch(r"[-+]?\d+", digits) else float(digits)), kind
