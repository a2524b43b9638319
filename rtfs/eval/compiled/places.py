"""Where errors happened: from the Python traceback of generated code back to RTFS places.

Generated code has no `try` around calls.  Every node of it carries a position, and the `Places` of a code object, the last of its
constants, say which RTFS place a position stands for.  When an error leaves generated code, or is caught, its traceback tells which
calls it came through; the innermost gives it its span, all together the RTFS call stack.
"""

from __future__ import annotations

from collections import deque

from rtfs.errors import Frame, LimitExceeded, RtfsError
from rtfs.semantics.faults import locate
from rtfs.source import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

MAX_TRACE = 200
_MAX_FRAMES = 2_000


class Place:
    """A call: its span, those of its operands, what it calls the function.

    Attributes:
        inlined: the call of the function whose body the place belongs to, when that stands in the place of a call.
    """

    __slots__ = ("args", "inlined", "name", "span")

    def __init__(self, span: Span | None, args: tuple[Span | None, ...], name: str, inlined: Place | None) -> None:
        self.span = span
        self.args = args
        self.name = name
        self.inlined = inlined


class Places:
    """The places of one code object.

    Attributes:
        table: gives the places of its unit by their positions.
        function, spec: its RTFS name, and its `fn`.
        found: positions of its instructions and that table, once somebody has asked.
    """

    __slots__ = ("found", "function", "spec", "table")

    def __init__(self, table: Callable[[], dict[Any, Place]], function: str | None, spec: Any) -> None:
        self.table = table
        self.function = function
        self.spec = spec
        self.found: tuple[list[Any], dict[Any, Place]] | None = None


def places_of(code: CodeType) -> Places | None:
    """The places of a generated code object, None for any other."""
    consts = code.co_consts
    if consts and type(consts[-1]) is Places:
        return consts[-1]
    return None


def _place_at(code: CodeType, places: Places, offset: int) -> Place | None:
    if places.found is None:
        places.found = (list(code.co_positions()), places.table())
    positions, table = places.found
    line, end_line, column, end_column = positions[offset // 2]
    return table.get((line, column, end_line, end_column))


#: Code objects of the run-time helpers that stand between a call and the function it calls.
TRANSPARENT: set[CodeType] = set()


def settle(error: RtfsError) -> None:
    """Give an error that comes out of generated code its span and its call stack.

    An error is settled wherever it is caught on its way: only the frames that have come since the last time are looked at.
    """
    frames: deque[Any] = deque(maxlen=_MAX_FRAMES)  # the innermost ones
    first = entry = error.__traceback__
    count = 0
    while entry is not None and entry is not error.walked:
        frames.append(entry)
        entry = entry.tb_next
        count += 1
    if not count:
        return
    # of the frame inside, when it is a function of the program; none inside an error that was thrown once more
    callee = error.inside if entry is error.walked else None
    for entry in reversed(frames):
        callee = _pass(error, entry, callee)
    if count > len(frames):
        callee = _pass(error, first, None)
    error.walked, error.inside = first, callee
    if type(error) is LimitExceeded:
        error.release()


def _pass(error: RtfsError, entry: Any, callee: str | None) -> str | None:
    """The error comes through the frame of a traceback entry, out of the function `callee`; gives the frame's own function."""
    code = entry.tb_frame.f_code
    places = places_of(code)
    if places is None:
        return callee if code in TRANSPARENT else None
    place = _place_at(code, places, entry.tb_lasti)
    while place is not None:
        if error.span is None and place.span is not None:
            locate(error, place.span, place.args)
        if callee is not None and place.span is not None and len(error.trace) < MAX_TRACE:
            error.trace.append(Frame(callee, place.span))
        place = place.inlined
        callee = place.name if place is not None else None
    return places.function


def too_deep(error: RecursionError, limit: LimitExceeded, max_depth: int) -> LimitExceeded | None:
    """The limit that stands for a RecursionError, at the place of the innermost call; None when it was not calls that nested."""
    calls, entry = 0, error.__traceback__
    while entry is not None and calls < max_depth:
        calls += places_of(entry.tb_frame.f_code) is not None
        entry = entry.tb_next
    if calls < max_depth:
        return None
    limit.__traceback__ = error.__traceback__
    settle(limit)
    return limit
