"""What had to be done to a reply: the repairs, each with its cost and the place."""

from __future__ import annotations

from functools import lru_cache

from rtfs.types.coercion.costs import KINDS
from rtfs.types.coercion.tree import MapKey
from rtfs.types.coercion.wording import Path, place
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Repair(Struct):
    """One thing that was done to a reply, the same thing at the same place of other items included."""

    kind: str
    """A key of `costs.KINDS`."""
    cost: int
    """Points."""
    path: str
    """The first place in the value: `.items[0].price`; empty for the reply as a whole."""
    words: str
    """What was done there, for people."""
    count: int = 1
    """How many times, `items[1]`, `items[2]` … counted with `items[0]`."""

    def __str__(self) -> str:
        at = f" at {self.path}" if self.path else ""
        return f"{self.words}{at}" + (f" ({self.count} times)" if self.count > 1 else "")


class Report(Struct):
    """How a value came out of a text."""

    repairs: tuple[Repair, ...]
    """In the order in which they were made; empty when the reply was as asked for."""
    cost: int
    """Points in all: what is done at the same place of many items is one habit and costs once."""
    limit: int
    """Points that were allowed."""

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values, ready for JSON."""
        repairs = [{"kind": r.kind, "cost": r.cost, "path": r.path, "words": r.words, "count": r.count} for r in self.repairs]
        return {"cost": self.cost, "limit": self.limit, "repairs": repairs}


class Coerced(Struct):
    """A value of the type that was asked for, and the report on how it was read."""

    value: Any
    report: Report

    def __iter__(self) -> Any:  # value, report = coerce(…)
        return iter((self.value, self.report))


#: A repair while a reply is read: (kind, link of the path or None for the whole, words).
Note = tuple[str, Path, str]


def _habit(path: Path) -> tuple[Any, ...]:
    """A path with all indexes alike."""
    parts = []
    link: Any = path
    while link is not None:
        link, part = link
        parts.append("" if isinstance(part, (int, MapKey)) else part)
    return tuple(parts)


def cost_of(notes: list[Note]) -> int:
    """Points of some repairs, a habit counted once."""
    if not notes:
        return 0
    if len(notes) == 1:
        return KINDS[notes[0][0]][0]
    return sum([KINDS[kind][0] for kind, _ in {(kind, _habit(path)) for kind, path, _ in notes}])


@lru_cache(maxsize=1_000)
def _untouched(limit: int) -> Report:
    """The report on a reply that was as asked for."""
    return Report((), 0, limit)


def report_of(notes: list[Note], limit: int) -> Report:
    if not notes:
        return _untouched(limit)
    found: dict[tuple[Any, ...], Repair] = {}
    for kind, path, words in notes:
        key = (kind, _habit(path))
        known = found.get(key)
        if known is None:
            found[key] = Repair(kind, KINDS[kind][0], "" if path is None else place(path), words)
        else:
            found[key] = Repair(kind, known.cost, known.path, known.words, known.count + 1)
    return Report(tuple(found.values()), sum([repair.cost for repair in found.values()]), limit)
