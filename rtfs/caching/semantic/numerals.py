"""Numbers, units, dates and times of day as they are written in English, brought to one spelling each.

`250`, `two hundred and fifty` and `250.0` are one value; so are `90 min` and `1.5 hours`, `17:00` and `5 pm`, `3 March 2024` and
`2024-03-03`.  What could be read in two ways (`03/04/2024`) keeps its own spelling: it equals itself only.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

ONES = {
    w: i
    for i, w in enumerate(
        [
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
    )
}
TENS = {w: 10 * i for i, w in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2)}
SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000, "trillion": 1_000_000_000_000}
ORDINALS = {
    w: i
    for i, w in enumerate(
        [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
            "thirteenth",
            "fourteenth",
            "fifteenth",
            "sixteenth",
            "seventeenth",
            "eighteenth",
            "nineteenth",
            "twentieth",
        ],
        start=1,
    )
} | {"thirtieth": 30, "fortieth": 40, "fiftieth": 50, "hundredth": 100, "thousandth": 1000}
#: Words that say how many without being numerals.
COUNTS = {
    word: Decimal(value)
    for word, value in {"once": "1", "twice": "2", "thrice": "3", "dozen": "12", "half": "0.5", "quarter": "0.25"}.items()
}
#: Roman numerals that are no English words; single letters are left out for the same reason.
ROMAN = {
    w: i
    for i, w in enumerate(
        [
            "II",
            "III",
            "IV",
            "V",
            "VI",
            "VII",
            "VIII",
            "IX",
            "X",
            "XI",
            "XII",
            "XIII",
            "XIV",
            "XV",
            "XVI",
            "XVII",
            "XVIII",
            "XIX",
            "XX",
        ],
        start=2,
    )
}
for _letter in ("V", "X"):
    del ROMAN[_letter]

MONTHS = {
    w: i
    for i, w in enumerate(
        ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"],
        start=1,
    )
}
MONTHS |= {w[:3]: i for w, i in MONTHS.items()} | {"sept": 9}

#: unit -> (dimension, size in the dimension's base unit); only exact ratios.  A unit without known ratio is its own dimension.
UNITS: dict[str, tuple[str, Decimal]] = {}


def _units(dimension: str, table: str) -> None:
    for line in table.split(";"):
        size, *names = line.split()
        for name in names:
            UNITS[name] = (dimension, Decimal(size))


_units(
    "time",
    "0.001 ms millisecond milliseconds; 1 s sec secs second seconds; 60 min mins minute minutes; 3600 h hr hrs hour hours;"
    "86400 day days; 604800 wk week weeks",
)
_units("months", "1 month months mo; 12 yr yrs year years; 120 decade decades; 1200 century centuries")
_units(
    "length",
    "0.001 mm millimetre millimetres millimeter millimeters; 0.01 cm centimetre centimetres centimeter centimeters;"
    "1 m metre metres meter meters; 1000 km kms kilometre kilometres kilometer kilometers",
)
_units("feet", "12 ft foot feet; 1 inch inches; 36 yard yards; 63360 mile miles mi")
_units(
    "mass",
    "0.001 mg milligram milligrams; 1 g gram grams gramme grammes; 1000 kg kilo kilos kilogram kilograms; 1000000 tonne tonnes",
)
_units("pounds", "1 oz ounce ounces; 16 lb lbs pound pounds")
_units("volume", "1 ml millilitre millilitres milliliter milliliters; 10 cl; 1000 l litre litres liter liters")
_units(
    "bytes",
    "1 byte bytes; 1000 kb kilobyte kilobytes; 1000000 mb megabyte megabytes; 1000000000 gb gigabyte gigabytes;"
    "1000000000000 tb terabyte terabytes",
)
_units("", "1 times x")
_units("percent", "1 % percent pct")
_units("power", "1 w watt watts; 1000 kw kilowatt kilowatts")
for _own, _names in {
    "dollar": "$ usd dollar dollars bucks",
    "euro": "€ eur euro euros",
    "pound": "£ gbp sterling quid",
    "yen": "¥ jpy yen",
    "rupee": "₹ inr rupee rupees",
    "franc": "chf franc francs",
    "cent": "¢ cent cents",
    "celsius": "°c celsius",
    "fahrenheit": "°f fahrenheit",
    "degree": "° degree degrees",
    "mph": "mph",
    "kph": "kph",
    "calorie": "kcal calorie calories",
}.items():
    for _name in _names.split():
        UNITS.setdefault(_name, (_own, Decimal(1)))
#: Units that are words of their own too often to be taken without a number right before them.
CURRENCY_SIGNS = "$€£¥₹¢"


def plain(value: Decimal) -> str:
    """A number without trailing zeros or exponent."""
    text = format(value.normalize(), "f")
    return text if text != "-0" else "0"


def quantity(value: Decimal, unit: str | None) -> str:
    """The one spelling of a number with its unit, e.g. `5400 time`."""
    if unit is None:
        return plain(value)
    dimension, size = UNITS[unit]
    return f"{plain(value * size)} {dimension}".rstrip()


def digits(text: str) -> Decimal | None:
    """The value of `1,250.50`, `3rd` or `10k`; None when it is not a plain number."""
    text = text.lower().rstrip(".,")
    if len(text) > 2 and text[-2:] in ("st", "nd", "rd", "th") and text[-3].isdigit():
        text = text[:-2]
    scale = 1
    if text[-1:] == "k" and text[:-1].replace(".", "").isdigit():
        text, scale = text[:-1], 1000
    whole, point, rest = text.partition(".")
    parts = whole.split(",")
    if len(parts) > 1 and (not 1 <= len(parts[0].lstrip("+-")) <= 3 or any(len(p) != 3 for p in parts[1:])):
        return None
    try:
        value = Decimal("".join(parts) + point + rest)
    except InvalidOperation:
        return None
    return value * scale if value.is_finite() else None


def spelled(words: list[str]) -> tuple[Decimal, int] | None:
    """The number that a list of lower-case words begins with, and how many words it takes: `two hundred and
    fifty days` -> (250, 4)."""
    total, group, used, at = 0, 0, 0, 0
    last = "start"
    while at < len(words):
        word = words[at]
        if (word in ONES and last in ("start", "scale", "and")) or (word in ONES and last == "tens" and 0 < ONES[word] < 10):
            group, last = group + ONES[word], "ones"
        elif word in TENS and last in ("start", "scale", "and"):
            group, last = group + TENS[word], "tens"
        elif word == "hundred" and last in ("ones", "tens"):
            group, last = group * 100, "scale"
        elif word in SCALES and word != "hundred" and last in ("ones", "tens", "scale"):
            total, group, last = total + group * SCALES[word], 0, "scale"
        elif word == "and" and last == "scale" and at + 1 < len(words) and (words[at + 1] in ONES or words[at + 1] in TENS):
            last = "and"
            at += 1
            continue
        elif word in ("a", "an") and last == "start" and at + 1 < len(words) and words[at + 1] in SCALES:
            group, last = 1, "ones"
        else:
            break
        at += 1
        used = at
    if not used:
        return None
    return Decimal(total + group), used


def clock(hours: int, minutes: int, half: str | None) -> str | None:
    """The one spelling of a time of day, or None when there is no such time."""
    if half is not None:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half.startswith("p") else 0)
    return f"{hours:02d}:{minutes:02d}" if hours < 24 and minutes < 60 else None


def date(day: int | None, month: int, year: int | None) -> str | None:
    """The one spelling of a date; parts that are not said are `-`."""
    if not 1 <= month <= 12 or (day is not None and not 1 <= day <= 31):
        return None
    return f"{year if year is not None else '-'}/{month}/{day if day is not None else '-'}"
