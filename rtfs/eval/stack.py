"""Room for Python frames.

CPython keeps the frames of Python functions in chunks of 16 KiB, each from the operating system, and gives a chunk back as soon as
its last frame returns.  A recursion that goes up and down across the border of a chunk asks for memory and returns it at
every step: measured, four fifths of the time of a recursive program in the tree evaluator.  A frame that needs more than a chunk
gets a larger one, of a power of two, and what is left of it serves the frames above.  So programs run above one frame that claims
to need half of `ROOM_BYTES`; memory that is never touched is never really taken.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ROOM_BYTES = 64 * 2**20
_WORD = 8


def _plain(work: Callable[[], Any]) -> Any:
    return work()


_run: Callable[[Callable[[], Any]], Any] | None = None


def with_room(work: Callable[[], Any]) -> Any:
    """The value of `work()`, run with room for its frames; without it where memory for that is not to be had."""
    global _run
    if _run is None:
        # a little more than half, so that the next power of two is the whole
        code = _plain.__code__.replace(co_stacksize=ROOM_BYTES // _WORD // 2 + 1024)
        wide = FunctionType(code, _plain.__globals__, "with_room")
        try:
            wide(int)
        except (MemoryError, OverflowError, ValueError):
            _run = _plain
        else:
            _run = wide
    return _run(work)
