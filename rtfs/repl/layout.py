"""Values laid out for a screen: one line when it fits, else an item a line, and no more lines than are wanted."""

from __future__ import annotations

from itertools import islice

from rtfs.values.maps import Map
from rtfs.values.printing import to_readable
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

#: kind of collection -> how it opens and closes
_BRACKETS: dict[type, tuple[str, str]] = {List: ("(", ")"), Vector: ("[", "]"), Map: ("{", "}")}

_DEPTH = 12  # levels that are laid out; what is deeper stays on one line
_SMALL = 24  # characters of an item that shares its line with others


def shown_lines(value: Any, width: int, limit: int) -> tuple[list[str], str | None]:
    """The lines of a value, and what was left out.

    Args:
        width: columns of the screen.
        limit: at most so many lines; 0 for all.
    """
    lines = _laid_out(value, max(width - 1, 20), _DEPTH)
    if not limit:
        return list(lines), None
    taken: list[str] = []
    room = limit * width
    for line in islice(lines, limit):
        if len(line) > room:
            return [*taken, line[:room] + "…"], f"cut after {limit} lines"
        room -= max(len(line), 1)
        taken.append(line)
    left = sum(1 for _ in lines)
    return taken, f"{left:,} more line{'' if left == 1 else 's'}" if left else None


def _laid_out(value: Any, width: int, depth: int) -> Iterator[str]:
    text = to_readable(value)
    kind = type(value)
    if len(text) <= width or not depth or kind not in (List, Vector, Map) or not len(value):
        yield text
        return
    opening, closing = _BRACKETS[kind]
    pairs = [(to_readable(k) + " ", v) for k, v in value.items()] if kind is Map else [("", v) for v in value.items()]
    line = opening
    shared = kind is not Map  # small items of a sequence share lines
    fresh = True  # nothing stands on the line but what opened it
    for prefix, item in pairs:
        block = _laid_out(item, width - 2 - len(prefix), depth - 1)
        first = prefix + next(block)
        rest = list(block)
        small = shared and not rest and len(first) <= _SMALL
        if fresh:
            line += first
        elif small and len(line) + 1 + len(first) <= width:
            line += " " + first
        else:
            yield line
            line = " " + first
        fresh = False
        for more in rest:
            yield line
            line = " " * (1 + len(prefix)) + more
        if not small and shared and len(line) > 1:
            fresh = False
    yield line + closing
