"""Numbers as people write them: `1,234`, `$3.50`, `12%`, `5 km`, `twenty-one`, `1.5 million`.

English conventions: a comma groups thousands and a point begins the decimals.  What has two readings is no number here:
`1,5`, `5k`, `3-4`, `1/2`, `~5`.  What is read has the value that the text states; nothing is rounded.
"""

from __future__ import annotations

import re

from rtfs.types.coercion.tree import JSON_NUMBER, LONGEST_NUMBER

_CURRENCY = r"(?:US\$|[$€£¥₹]|(?:USD|EUR|GBP|CHF|JPY|INR|CAD|AUD|CNY|dollars?|euros?|pounds?|yen|francs?|rupees?)(?![A-Za-z]))"
_UNIT = (
    r"(?:(?:km|cm|mm|mi|ft|kg|mg|lbs?|oz|ml|cl|dl|ms|min|mins|sec|secs|hrs?|px|pt|dB|Hz|kHz|MHz|GHz|kW|kWh|MW|kB|KB|MB|GB|TB|KiB|MiB|GiB"
    r"|km/h|mph|kph|m/s|rpm|bpm|°C|°F|°|m²|km²|m2|km2|m³"
    r"|kilomet(?:er|re)s?|met(?:er|re)s?|centimet(?:er|re)s?|millimet(?:er|re)s?|miles?|feet|foot|inch(?:es)?|yards?"
    r"|kilograms?|kilos?|grams?|milligrams?|tons?|tonnes?|pounds?|ounces?|lit(?:er|re)s?|millilit(?:er|re)s?|gallons?"
    r"|milliseconds?|seconds?|minutes?|hours?|days?|weeks?|months?|years?|years? old|degrees?|degrees? (?:Celsius|Fahrenheit|C|F)"
    r"|pixels?|bytes?|kilobytes?|megabytes?|gigabytes?|bits?|watts?|volts?|hertz"
    r"|items?|pieces?|people|persons?|users?|times|points?|stars?|words?|tokens?|pages?|lines?|votes?|units?|calories|kcal)(?!\w))"
)
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_BODY = (
    r"(?P<plain>[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+|[0-9]+\.(?![0-9]))"
    r"|(?P<comma>[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?)"
    r"|(?P<other>[1-9][0-9]{0,2}(?:(?:_[0-9]{3})+|(?:['’][0-9]{3})+|(?:[ \u00a0\u2009\u202f][0-9]{3})+)(?:\.[0-9]+)?)"
    r"|(?P<points>[1-9][0-9]{0,2}(?:\.[0-9]{3})+,[0-9]+)"
)
_NUMBER = re.compile(
    rf"(?P<sign>[-+])?\s?(?P<before>{_CURRENCY}\s?)?(?P<inner>[-+])?(?:{_BODY})"
    rf"(?:\s?(?P<scale>(?i:{'|'.join(_SCALES)}))(?!\w))?"
    rf"(?:\s?(?:(?P<percent>%|(?i:per ?cent|pct)(?!\w))|(?P<after>{_CURRENCY})|-?(?P<unit>{_UNIT})))?"
)

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen"
)
_DECADES = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: number for number, word in enumerate(_ONES.split())}
_TENS = {word: 10 * (i + 2) for i, word in enumerate(_DECADES.split())}
_WORDS_END = re.compile(rf"\s(?:(?P<percent>percent|per cent)|(?P<after>{_CURRENCY})|(?P<unit>{_UNIT}))\Z")


class Number:
    """A number, and the kinds of repair that it took to read it."""

    __slots__ = ("kinds", "value")

    def __init__(self, value: int | float, kinds: list[str]) -> None:
        self.value = value
        self.kinds = kinds


def read_number(text: str) -> Number | None:
    """The number that a whole text states; None when it is none, or could be two."""
    if len(text) > LONGEST_NUMBER:
        return None
    if JSON_NUMBER.fullmatch(text):
        return _number(text, [])
    text = text.strip().replace("−", "-")
    found = _NUMBER.fullmatch(text)
    if found is None:
        return _in_words(text)
    if found["sign"] and found["inner"]:
        return None
    kinds = []
    digits = found["plain"] or found["comma"] or found["other"] or found["points"]
    if found["points"]:
        digits = digits.replace(".", "").replace(",", ".")
    elif not found["plain"]:
        digits = re.sub(r"[,_'’\s]", "", digits)
    sign = found["sign"] or found["inner"] or ""
    if not JSON_NUMBER.fullmatch(digits) or sign == "+" or not found["plain"]:
        kinds.append("number-style")
    if found["before"] or found["after"]:
        if found["before"] and found["after"]:
            return None
        kinds.append("currency")
    if found["unit"]:
        kinds.append("unit")
    if found["percent"]:
        kinds.append("percent")
    if found["scale"]:
        kinds.append("number-words")
        if "e" in digits.lower():
            return None
        digits = _shifted(digits, _SCALES[found["scale"].lower()])
    number = "-" + digits if sign == "-" else digits
    return _number(number, kinds)


def _shifted(digits: str, places: int) -> str:
    """Decimal digits times ten to the power of `places`, as digits."""
    whole, _, decimals = digits.partition(".")
    decimals = decimals.rstrip("0")
    moved = whole + decimals[:places].ljust(places, "0")
    rest = decimals[places:]
    return f"{moved}.{rest}" if rest else moved


def _number(text: str, kinds: list[str]) -> Number | None:
    if re.fullmatch(r"-?\d+", text):
        return Number(int(text), kinds)
    value = float(text)
    return None if value in (float("inf"), float("-inf")) else Number(value, kinds)


def _in_words(text: str) -> Number | None:
    kinds = ["number-words"]
    words = text.lower()
    end = _WORDS_END.search(text)
    if end is not None:
        words = words[: end.start()]
        kinds.append("percent" if end["percent"] else "currency" if end["after"] else "unit")
    value = words_to_number(words)
    return None if value is None else Number(value, kinds)


def words_to_number(text: str) -> int | None:
    """`minus two hundred and five thousand` as -205000; None for anything that is not an English number in words."""
    words = re.split(r"[\s-]+", text.strip())
    sign = 1
    if words[:1] in (["minus"], ["negative"]):
        sign = -1
        words = words[1:]
    total = 0
    limit = 10**15
    while words:
        group, words = _below_thousand(words)
        if group is None:
            return None
        scale = 1
        if words and words[0] in ("thousand", "million", "billion", "trillion"):
            scale = int(10 ** _SCALES[words[0]])
            words = words[1:]
        if scale >= limit:  # scales come in falling order, and only the last group has none
            return None
        limit = scale
        total += group * scale
        if words[:1] == ["and"]:
            words = words[1:]
            if not words:
                return None
    return sign * total if limit < 10**15 else None


def _below_thousand(words: list[str]) -> tuple[int | None, list[str]]:
    """The number under a thousand at the beginning of some words, and the words after it."""
    first = words[0]
    if first == "a" and words[1:2] and words[1] in _SCALES:
        value: int | None = 1
        rest = words[1:]
    else:
        value, rest = _below_hundred(words)
    if value is not None and 0 < value < 100 and rest[:1] == ["hundred"]:
        value *= 100
        rest = rest[1:]
        more = rest[1:] if rest[:1] == ["and"] else rest
        if more:
            small, after = _below_hundred(more)
            if small is not None and small > 0:
                return value + small, after
    return value, rest


def _below_hundred(words: list[str]) -> tuple[int | None, list[str]]:
    first = words[0]
    if first in _SMALL:
        return _SMALL[first], words[1:]
    if first in _TENS:
        second = _SMALL.get(words[1], 0) if len(words) > 1 else 0
        return (_TENS[first] + second, words[2:]) if 0 < second < 10 else (_TENS[first], words[1:])
    return None, words
