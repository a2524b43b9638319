"""Room for Python frames.

CPython keeps the frames of Python functions in chunks of 16 KiB, each from the operating system, and gives a chunk back as soon as
its last frame returns.  A recursion that goes up and down across the border of a chunk asks for memory and returns it at
every step: measured, four fifths of the time of a recursive program in the tree evaluator.  A frame that needs more than a chunk
gets a larger one, of a power of two, and what is left of it serves the frames above.  So programs run above one frame that claims
to need half of `ROOM_BYTES`; memory that is never touched is never really taken.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock
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


# Python's limit of recursion belongs to the whole process, and CPython aborts when it is lowered under a thread that is
# deep inside. So the runs of all runtimes and threads count together: the limit goes up for the one that needs most, and down with
# the last.
_lock = allocate_lock()
_runs = 0
_found = _raised = 0


def raise_recursion_limit(frames: int) -> None:
    """A run begins that may nest so many Python frames; `restore_recursion_limit` must follow."""
    global _runs, _found, _raised
    with _lock:
        limit = sys.getrecursionlimit()
        if not _runs:
            _found = _raised = limit
        _runs += 1
        if limit < frames:
            sys.setrecursionlimit(frames)
            _raised = frames


def restore_recursion_limit() -> None:
    """A run ended; with the last one the limit is what it was, unless somebody else changed it."""
    global _runs
    with _lock:
        _runs -= 1
        if not _runs and _found < _raised == sys.getrecursionlimit():
            sys.setrecursionlimit(_found)


def _forked() -> None:
    """In a new process: another thread may have had the lock, and is not there."""
    global _lock
    _lock = allocate_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
