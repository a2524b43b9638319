"""What must be equal is taken out of a text before it is compared by meaning.

Numbers with their units, dates, times of day, quoted strings, and codes (addresses, paths, identifiers, versions) become slots;
what is left is the template, with one sign of a private range in the place of each slot.  Slots are compared exactly, after
bringing them to one spelling (`numerals.py`); only the template is ever compared by meaning.

`mask(text).restore()` gives the normalised text back.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from rtfs.caching.semantic import numerals

#: The signs that stand for slots in a template, by kind: a private range, so no text that was normalised contains them.
SIGNS = {"number": "\ue000", "date": "\ue001", "time": "\ue002", "quoted": "\ue003", "code": "\ue004"}
KINDS = {sign: kind for kind, sign in SIGNS.items()}
#: What an embedder reads in the place of a slot.
SPOKEN = {"number": "some", "date": "that date", "time": "that time", "quoted": "that text", "code": "that code"}

_MONTH = "|".join(sorted((m for m in numerals.MONTHS), key=len, reverse=True))
_UNIT = "|".join(re.escape(u) for u in sorted(numerals.UNITS, key=len, reverse=True))
_NUMBER_WORDS = "|".join(sorted([*numerals.ONES, *numerals.TENS, *numerals.SCALES, "and"], key=len, reverse=True))
_FIRST_WORDS = "|".join(sorted([*numerals.ONES, *numerals.TENS], key=len, reverse=True))

_PATTERN = re.compile(
    rf"""
    (?P<quoted>"[^"\n]+"|“[^”\n]+”|«[^»\n]+»|`[^`\n]+`|(?<![\w'])'(?!\s)[^'\n]+(?<!\s)'(?![\w']))
    |(?P<code>
        (?:[a-z][a-z0-9+.-]*://|www\.)[^\s<>"]*[^\s<>".,;:!?)\]}}]
        |[\w.+-]+@[\w-]+(?:\.[\w-]+)+
        |(?<!\w)[$@\#]\w*[a-z_]\w*
        |(?<![\w/.~])(?:~|\.{{1,2}})?(?:/[\w.+-]+){{2,}}/?
        |(?<![\w\\])[a-z]:\\[^\s"]+
        |(?<!\w)--?[a-z][\w-]+(?![\w-])
        |\b\w+(?:_\w+)+\b
        |\b\w+\([^\s()]*\)
        |\b[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}\b
        |\bv?\d+(?:\.\d+){{2,}}\b
        |\bv\d+(?:\.\d+)*\b
        |\b\d{{2,4}}s\b
        |\b[\w-]+\.(?:py|js|ts|java|c|cpp|h|rs|go|rb|sh|md|txt|csv|json|xml|ya?ml|toml|pdf|docx?|xlsx?|png|jpe?g|gif|zip|html?|css|sql)\b
    )
    |(?P<iso>(?<![\w-])(?P<iy>\d{{4}})-(?P<im>\d\d)-(?P<id>\d\d)(?![\w-]))
    |(?P<slashed>(?<![\w/])\d{{1,4}}/\d{{1,2}}/\d{{2,4}}(?![\w/]))
    |(?P<dmy>\b(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<m1>{_MONTH})\b\.?(?:,?\s+(?P<y1>\d{{4}})\b)?)
    |(?P<mdy>\b(?P<m2>{_MONTH})\b\.?\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s*(?:[:%]|[ap]\.?m\b))(?:,?\s+(?P<y2>\d{{4}})\b)?)
    |(?P<my>\b(?P<m3>{_MONTH})\b\.?,?\s+(?P<y3>(?:1\d|20)\d\d)\b)
    |(?P<clock>(?<![\w:.])(?P<h1>\d{{1,2}}):(?P<n1>\d\d)(?::\d\d)?(?:\s*(?P<a1>[ap])\.?m\b\.?|\s+(?P<part>in\s+the\s+morning|in\s+the\s+afternoon|in\s+the\s+evening|at\s+night))?(?![\w:]))
    |(?P<hour>(?<![\w:.])(?P<h2>\d{{1,2}})\s*(?P<a2>[ap])\.?m\b\.?)
    |(?P<mixed>\b(?=[a-z-]*\d)(?=[\d-]*[a-z])(?!\d+(?:\.\d+)?(?:st|nd|rd|th|k|{_UNIT})\b)[a-z0-9]+(?:-[a-z0-9]+)*\b)
    |(?P<number>
        (?P<sign>[{numerals.CURRENCY_SIGNS}]\s?)?
        (?<![\w.])(?P<digits>(?:(?<!\S)[-+])?\d+(?:,\d{{3}})*(?:\.\d+)?(?:st\b|nd\b|rd\b|th\b|k\b)?)
        (?P<scale>\s+(?:hundred|thousand|million|billion|trillion)\b)?
        (?:[\s-]?(?P<unit>(?:{_UNIT})(?!\w)))?
    )
    |(?P<spelled>\b(?:(?:{_FIRST_WORDS})(?:[\s-]+(?:{_NUMBER_WORDS}))*|an?\s+(?:hundred|thousand|million|billion)(?:[\s-]+(?:{_NUMBER_WORDS}))*)(?<!and)\b
        (?:[\s-](?P<wunit>(?:{_UNIT})(?!\w)))?)
    |(?P<counted>\b(?:once|twice|thrice|dozen|half|quarter)\b)
    |(?P<ordinal>\b(?:{"|".join(numerals.ORDINALS)})\b)
    |(?P<roman>\b(?-i:{"|".join(sorted(numerals.ROMAN, key=len, reverse=True))})\b)
    """,
    re.VERBOSE | re.IGNORECASE,
)
#: `one` is no number here: which one, this one, one of, one another, no one.
_PRONOUN_BEFORE = {
    "which",
    "this",
    "that",
    "the",
    "no",
    "any",
    "every",
    "each",
    "some",
    "another",
    "other",
    "new",
    "old",
    "if",
    "does",
    "should",
    "can",
    "must",
    "would",
    "could",
    "do",
}
_PRONOUN_AFTER = {"of", "another", "is", "are", "can", "should", "must", "do", "does", "would", "could", "that", "who", "which"}


@dataclass(frozen=True, slots=True)
class Slot:
    """Something that was taken out."""

    kind: str
    """`number`, `date`, `time`, `quoted` or `code`."""
    written: str
    """As it stood in the text."""
    value: str
    """The one spelling that is compared."""


@dataclass(frozen=True, slots=True)
class Masked:
    """A text in two parts."""

    template: str
    """With a sign of `SIGNS` for each slot, in order."""
    slots: tuple[Slot, ...]

    def restore(self) -> str:
        """The normalised text."""
        if not self.slots:
            return self.template
        parts = iter(self.slots)
        return "".join(next(parts).written if sign in KINDS else sign for sign in self.template)

    def spoken(self) -> str:
        """The template with words for the slots: what is embedded."""
        if not self.slots:
            return self.template
        return "".join(SPOKEN[KINDS[sign]] if sign in KINDS else sign for sign in self.template)

    def key(self) -> tuple[tuple[str, str], ...]:
        """The slots without their order: texts with different keys never share an answer."""
        return tuple(sorted((slot.kind, slot.value) for slot in self.slots))


_PRIVATE = re.compile("[\ue000-\ue0ff]")


def normalise(text: str) -> str:
    """One form of Unicode, straight apostrophes, single spaces, and none of the signs that stand for slots."""
    text = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'").replace("ʼ", "'")
    return " ".join(_PRIVATE.sub("\ufffd", text).split())


#: Where none of these signs and none of `_SLOT_WORDS` is, there is no slot: half of all texts, for a sixth of the time.
_SIGNS_OF_SLOTS = re.compile(r"""[\d"“«`/@_$#\\~(]|\w\.\w|\bwww\.|(?<![\w'])'|(?<!\w)-""")
_WORD = re.compile(r"[a-z]+")
_SLOT_WORDS = frozenset(
    word.lower()
    for table in (numerals.ONES, numerals.TENS, numerals.SCALES, numerals.ORDINALS, numerals.COUNTS, numerals.ROMAN)
    for word in table
)


def mask(text: str) -> Masked:
    """Take the slots out of a text, which is normalised first."""
    text = normalise(text)
    if _SIGNS_OF_SLOTS.search(text) is None and _SLOT_WORDS.isdisjoint(_WORD.findall(text.lower())):
        return Masked(text, ())
    out: list[str] = []
    slots: list[Slot] = []
    at = 0
    while found := _PATTERN.search(text, at):
        slot = _slot(found, text)
        if slot is None:
            # not a slot after all: its first word is text
            end = found.start() + len(re.match(r"\w+|.", found.group()).group())  # type: ignore[union-attr]
            out.append(text[at:end])
            at = end
            continue
        out += (text[at : found.start()], SIGNS[slot.kind])
        slots.append(slot)
        at = found.end()
    out.append(text[at:])
    return Masked("".join(out), tuple(slots))


def _slot(found: re.Match[str], text: str) -> Slot | None:
    name = found.lastgroup or ""
    for name in (
        "quoted",
        "code",
        "iso",
        "slashed",
        "dmy",
        "mdy",
        "my",
        "clock",
        "hour",
        "mixed",
        "number",
        "spelled",
        "counted",
        "ordinal",
        "roman",
    ):
        if found[name] is not None:
            break
    written = found.group()
    value: str | None
    if name == "quoted":
        return Slot("quoted", written, written[1:-1].strip().casefold())
    if name in ("code", "mixed"):
        # identifiers keep their case: `b` and `B` are two names
        return Slot("code", written, written if name == "code" else written.casefold())
    if name == "slashed":
        return Slot("date", written, written)
    if name in ("iso", "dmy", "mdy", "my"):
        value = _date(found, name)
        return Slot("date", written, value) if value is not None else Slot("code", written, written)
    if name in ("clock", "hour"):
        if name == "clock":
            half = found["a1"] and found["a1"].lower()
            if found["part"] and int(found["h1"]) <= 12:
                half = "a" if "morning" in found["part"].lower() else "p"
            value = numerals.clock(int(found["h1"]), int(found["n1"]), half)
        else:
            value = numerals.clock(int(found["h2"]), 0, found["a2"].lower())
        return Slot("time", written, value if value is not None else written.casefold())
    return _number(found, name, written, text)


def _date(found: re.Match[str], name: str) -> str | None:
    if name == "iso":
        return numerals.date(int(found["id"]), int(found["im"]), int(found["iy"]))
    number = {"dmy": "1", "mdy": "2", "my": "3"}[name]
    day = None if name == "my" else int(found["d" + number])
    year = found["y" + number]
    return numerals.date(day, numerals.MONTHS[found["m" + number].lower()], int(year) if year else None)


def _number(found: re.Match[str], name: str, written: str, text: str) -> Slot | None:
    if name == "number":
        value = numerals.digits(found["digits"])
        if value is None:
            return Slot("code", written, written)
        if found["scale"]:
            value *= numerals.SCALES[found["scale"].strip().lower()]
        unit = found["unit"]
        if found["sign"]:
            currency = numerals.quantity(value, found["sign"].strip())
            return Slot("number", written, currency if unit is None else f"{currency} {unit.lower()}")
        return Slot("number", written, numerals.quantity(value, unit and unit.lower()))
    if name == "spelled":
        unit = found["wunit"]
        words = re.split(r"[\s-]+", written.lower())
        said = numerals.spelled(words[:-1] if unit else words)
        if said is None or said[1] != len(words) - bool(unit):
            # `one two three`: digits read out, compared as they stand
            return Slot("number", written, " ".join(words))
        if words == ["one"] and _is_pronoun(text, found):
            return None
        return Slot("number", written, numerals.quantity(said[0], unit and unit.lower()))
    if name == "roman":
        return Slot("number", written, str(numerals.ROMAN[written]))
    if name == "ordinal":
        before = text[: found.start()].split()[-1:]
        if written.lower() == "second" and before and before[0].lower() in ("per", "a", "each", "every"):
            return None
        return Slot("number", written, str(numerals.ORDINALS[written.lower()]))
    return Slot("number", written, numerals.plain(numerals.COUNTS[written.lower()]))


def _is_pronoun(text: str, found: re.Match[str]) -> bool:
    before = text[: found.start()].lower().split()
    after = text[found.end() :].lower().split()
    return (
        not after
        or (before[-1:] != [] and before[-1] in _PRONOUN_BEFORE)
        or after[0].strip(".,?!;:") in _PRONOUN_AFTER
        or text[found.end()] in ".,?!;:"
    )
