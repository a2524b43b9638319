"""Finds what a value holds that a text does not: an independent look for invented data.

Nothing of `rtfs.types.coercion` is used here.  A leaf counts as found when the text has it in one of the spellings that people
use for it: letters without case and accents, numbers with separators, scale words or in words, truth values by their words.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import datetime
from typing import Any

from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector

_TRUE = r"\b(?:true|yes|y|on|1|ja|oui|sí)\b"
_FALSE = r"\b(?:false|no|n|off|0|nein|non)\b"
_NULL = r"\b(?:null|nil|none|n/a|na)\b|\"\"|''"
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 10**9, "trillion": 10**12}
_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["x", "x", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def invented(value: Any, text: str) -> list[Any]:
    """The leaves of a value that do not occur in a text; keys of maps count when they are texts."""
    readings = _readings(text)
    return [leaf for leaf in _leaves(value) if not [reading for reading in readings if _occurs(leaf, reading)]]


def _leaves(value: Any) -> list[Any]:
    out: list[Any] = []
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, (Vector, List)):
            waiting += item.items()
        elif isinstance(item, Map):
            waiting += [key for key in item if isinstance(key, str)]
            waiting += item.values()
        else:
            out.append(item)
    return out


def _readings(text: str) -> list[str]:
    """The text as it stands, and with its escapes decoded once and twice."""
    out = [text]
    for _ in range(2):
        decoded = re.sub(
            r'\\u[0-9a-fA-F]{4}(?:\\u[0-9a-fA-F]{4})*|\\["\\/bfnrt]', lambda found: str(json.loads(f'"{found[0]}"')), out[-1]
        )
        out.append(re.sub(r"\\(['`])", r"\1", decoded))
    return out


def _letters(text: str) -> str:
    return "".join([c for c in unicodedata.normalize("NFKD", text.casefold()) if c.isalnum()])


def _occurs(leaf: Any, text: str) -> bool:
    if leaf is None:
        return re.search(_NULL, text, re.IGNORECASE) is not None
    if isinstance(leaf, bool):
        return re.search(_TRUE if leaf else _FALSE, text, re.IGNORECASE) is not None
    if isinstance(leaf, (int, float)):
        return _number_occurs(leaf, text)
    if isinstance(leaf, Timestamp):
        return leaf.text in text or _instant(leaf.text) in [
            _instant(found) for found in re.findall(r"\d{4}-\d\d-\d\d[Tt ].{8,20}", text)
        ]
    if isinstance(leaf, Uuid):
        return _letters(leaf.text) in _letters(text)
    name = leaf.name if isinstance(leaf, (Keyword, Symbol)) else str(leaf)
    return name in text or (_letters(name) != "" and _letters(name) in _letters(text))


def _instant(text: str) -> Any:
    found = re.match(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.\d+)?\s?(Z|z|UTC|GMT|[-+]\d\d:?\d\d)", text)
    if found is None:
        return text
    zone = found[3] if found[3][0] in "+-" else "+00:00"
    return datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}").timestamp()


def _number_occurs(number: float, text: str) -> bool:
    text = text.replace("−", "-")
    if number < 0 and not re.search(r"-|minus|negative", text):
        return False
    size = abs(number)
    for found in re.finditer(r"(\.?\d[\d.,_'’ \u00a0]*(?:[eE][-+]?\d+)?)\s*(hundred|thousand|million|billion|trillion)?", text):
        digits = re.sub(r"[ _'’\u00a0]", "", found[1]).rstrip(".,")
        for spelling in {digits, digits.replace(",", ""), digits.replace(".", "").replace(",", "."), *re.split(r"[ ,]+", found[1])}:
            try:
                read: float = int(spelling) if spelling.isdigit() else float(spelling)
            except ValueError:
                continue
            scaled = round(read * _SCALES[found[2]], 6) if found[2] else read
            if size in (read, scaled):
                return True
    return isinstance(size, int) and size < 10**15 and _plain(in_words(size)) in _plain(text)


def _plain(text: str) -> str:
    text = re.sub(r"\ba (?=hundred|thousand|million)", "one ", text.casefold())
    return re.sub(r"[\s-]+|\band\b", "", text)


def in_words(number: int) -> str:
    """A number from 0 up in English words: `two hundred thousand five`."""
    if number < 20:
        return _SMALL[number]
    if number < 100:
        return _TENS[number // 10] + (" " + _SMALL[number % 10] if number % 10 else "")
    for scale in ("trillion", "billion", "million", "thousand", "hundred"):
        size = _SCALES[scale]
        if number >= size:
            return f"{in_words(number // size)} {scale}" + (" " + in_words(number % size) if number % size else "")
    raise AssertionError(number)
