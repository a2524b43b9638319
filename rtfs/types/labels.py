"""Labels and numbers in what a model wrote: `Card.`, `**yes**`, `The answer is 42`.

Two degrees of trust.  `find_label` takes a text that *is* a label, up to quotes, punctuation, case and the way its words are
joined.  `label_in_sentence` and `number_in_sentence` look for the only label or number of a short sentence, and give up at the
first sign that the sentence does not simply state it: a second candidate, a negation, a doubt, a question.
"""

from __future__ import annotations

import re

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
_NUMBER = re.compile(r"(?<![\w.,])(?<!\w-)[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w%‰]|[.,]\d)")
_DIGITS = re.compile(r"\d+")
_SCALE = re.compile(r"\s*(?:%|(?:percent|per ?cent|k|m|bn|hundred|thousand|million|billion|trillion|dozen)\b)", re.IGNORECASE)
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


def find_label(text: str, values: tuple[Any, ...]) -> tuple[Any, str | None] | None:
    """The literal that a whole text names.

    Returns:
        (literal, what had to be overlooked) or None; nothing was overlooked when the text is a spelling as it stands.
    """
    bare = strip_marks(text)
    for candidate, words in ((text, None), (bare, "removed quotes or punctuation around the label")):
        for value in values:
            if candidate in spellings(value):
                return value, words
    folded = _fold(bare)
    found = [value for value in values if folded in [_fold(spelling) for spelling in spellings(value)]]
    if folded and len(found) == 1:
        return found[0], f'took "{bare[:60]}" as "{spellings(found[0])[0]}"'
    return None


def stated_labels(text: str, values: tuple[Any, ...]) -> list[Any]:
    """The literals that lines such as `Answer: card` state, without repeats."""
    found: list[Any] = []
    for match in _STATED.finditer(text):
        label = find_label(match[1], values)
        if label is not None and not [value for value in found if value is label[0]]:
            found.append(label[0])
    return found


def label_in_sentence(text: str, values: tuple[Any, ...]) -> tuple[Any, str] | None:
    """The only literal that a short statement names as a whole word, with the words for the repair; None when in doubt."""
    text = text.replace("’", "'")
    stated = stated_labels(text, values)
    if len(stated) == 1:
        return stated[0], f'took the label "{spellings(stated[0])[0]}" that the reply states'
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
    return value, f'took the label "{spellings(value)[0]}" that the sentence names'


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
        announced = r"(?:\b(?:is|answer|option|choice|label|class|category|grade)|[:=])[\s\"'`*(\[]*"
        return re.compile(rf"^\W*({letter})(?=[).:\]])|{announced}({letter})(?!\w)(?!-\w)")
    joined = r"[-_\s]+".join([re.escape(part) for part in re.split(r"[-_\s]+", word)])
    shout = word.isupper() and len(word) <= 3  # IT, US: in small letters they are words of the language
    return re.compile(rf"(?<!\w)(?<!\w-)({joined})(?!\w)(?!-\w)", 0 if shout else re.IGNORECASE)


def number_in_sentence(text: str) -> tuple[int | float, str] | None:
    """The only number of a short statement, with the words for the repair; None when in doubt."""
    text = text.replace("’", "'")
    stated = [match[1] for match in _STATED.finditer(text)]
    if len(stated) == 1 and len(_DIGITS.findall(text)) > 1:
        text = stated[0]  # "6 times 7 … Answer: 42"
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
    ):
        return None
    digits = found[0][0].replace(",", "").replace("−", "-")
    number: int | float = int(digits) if re.fullmatch(r"[-+]?\d{1,4000}", digits) else float(digits)
    return number, f"took the number {found[0][0]} out of the sentence"
