"""Steps of a limited run, counted where they are taken and not only between calls.

The evaluators count calls of functions and turns of loops.  Built-ins that call built-ins, and those that take long by themselves,
count here: without it, `(map (partial map (partial map inc)) shared)` would do any amount of work between two steps.  Each thread
has the meter of the run it carries out.
"""

from __future__ import annotations

from _thread import _local, allocate_lock
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Pieces of work after which a built-in counts its steps: what is small, the last words of a clean-up for instance, counts nothing.
COUNTED_FROM = 10_000

#: How many runs are metered: while none is, nobody looks for a meter.
running = 0
_lock = allocate_lock()
_meter = _local()


def metered(tick: Callable[[], None], work: Callable[[], Any]) -> Any:
    """The value of `work()`, in which every step of this thread calls `tick`."""
    global running
    outer = getattr(_meter, "tick", None)
    with _lock:
        running += 1
    _meter.tick = tick
    try:
        return work()
    finally:
        _meter.tick = outer
        with _lock:
            running -= 1


def count_step() -> None:
    """Count a step of this thread's run, if its steps or its time are limited."""
    if running and (tick := getattr(_meter, "tick", None)) is not None:
        tick()
