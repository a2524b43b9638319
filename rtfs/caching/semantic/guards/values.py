"""Numbers, units, dates, times, quoted strings and codes must be equal, and stand in the same order."""

from __future__ import annotations

from collections import Counter

from rtfs.caching.semantic.alignment import Alignment
from rtfs.caching.semantic.masking import Slot


def _differ(pair: Alignment, kind: str) -> str | None:
    mine = [slot for slot in pair.a.masked.slots if slot.kind == kind]
    theirs = [slot for slot in pair.b.masked.slots if slot.kind == kind]
    if Counter(s.value for s in mine) == Counter(s.value for s in theirs):
        return None
    return f"{_said(mine, theirs)} against {_said(theirs, mine)}"


def _said(slots: list[Slot], others: list[Slot]) -> str:
    """The slots that the other side does not have, as they were written."""
    left = Counter(slot.value for slot in slots) - Counter(slot.value for slot in others)
    return ", ".join(f"`{slot.written}`" for slot in slots if slot.value in left) or "none"


def number(pair: Alignment) -> str | None:
    """`2 days` against `3 days`."""
    reason = _differ(pair, "number")
    return None if reason is None or units(pair) else reason


def units(pair: Alignment) -> str | None:
    """`5 miles` against `5 kilometres`: the same numbers of other things."""
    mine = [slot for slot in pair.a.masked.slots if slot.kind == "number"]
    theirs = [slot for slot in pair.b.masked.slots if slot.kind == "number"]
    if Counter(s.value for s in mine) == Counter(s.value for s in theirs):
        return None
    written = [Counter("".join(c for c in s.written if c.isdigit() or c == ".") for s in side) for side in (mine, theirs)]
    dimensions = [Counter(s.value.partition(" ")[2] for s in side) for side in (mine, theirs)]
    if written[0] == written[1] and "" not in written[0] and all("" not in side for side in dimensions):
        return f"{_said(mine, theirs)} against {_said(theirs, mine)}"
    return None


def date(pair: Alignment) -> str | None:
    return _differ(pair, "date")


def time(pair: Alignment) -> str | None:
    return _differ(pair, "time")


def quoted(pair: Alignment) -> str | None:
    return _differ(pair, "quoted")


def code(pair: Alignment) -> str | None:
    """Addresses, paths, identifiers, versions, order numbers."""
    return _differ(pair, "code")


def value_order(pair: Alignment) -> str | None:
    """`from 3 to 5` against `from 5 to 3`."""
    mine, theirs = pair.a.masked.slots, pair.b.masked.slots
    values = [(s.kind, s.value) for s in mine]
    others = [(s.kind, s.value) for s in theirs]
    if values == others or Counter(values) != Counter(others):
        return None
    return "the same values in another order"
