"""Steps of a limited run, counted where they are taken and not only between calls.

The evaluators count calls of functions and turns of loops.  Built-ins that call built-ins, and those that take long by themselves,
count here: without it, `(map (partial map (partial map inc)) shared)` would do any amount of work between two steps.  What is
about to take much memory, or the time to fill it, is announced: a thousand steps of a megabyte each are not to pass unseen.  Each
thread has the meter of the run it carries out.
"""

from __future__ import annotations

import os
from _thread import _local, allocate_lock
from collections.abc import Callable, Iterable
from itertools import compress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Meter(Protocol):
        """What counts the steps of a run: the machine's fuel (`semantics.fuel`)."""

        stream: list[Any]

        def tick(self) -> None: ...

        def announce(self, size_bytes: int) -> None: ...

        def look(self) -> None: ...


#: Pieces of work after which a built-in counts its steps: what is small, the last words of a clean-up for instance, counts nothing.
COUNTED_FROM = 10_000
#: Bytes from which an operation announces them.
ANNOUNCED_FROM = 1024
POINTER_BYTES = 8
#: Items from which a copy of a sequence is announced.
MANY_ITEMS = ANNOUNCED_FROM // POINTER_BYTES

#: How many runs are metered: while none is, nobody looks for a meter.
running = 0
_lock = allocate_lock()
#: `meter`: that of this thread's run, if it is limited; `steps`: its list with the stream of steps.
here = _local()


def metered(meter: Meter, work: Callable[[], Any]) -> Any:
    """The value of `work()`, in which every step of this thread is one of `meter`."""
    global running
    outer = getattr(here, "meter", None)
    with _lock:
        running += 1
    here.meter, here.steps = meter, meter.stream
    try:
        return work()
    finally:
        if outer is None:
            del here.meter, here.steps
        else:
            here.meter, here.steps = outer, outer.stream
        with _lock:
            running -= 1


def unmetered(work: Callable[[], Any]) -> Any:
    """The value of `work()`, whose steps are nobody's: what is done about a run, and must not change where it stops."""
    outer = getattr(here, "meter", None)
    if outer is None:
        return work()
    del here.meter, here.steps
    try:
        return work()
    finally:
        here.meter, here.steps = outer, outer.stream


def count_step() -> None:
    """Count a step of this thread's run, if it is limited."""
    if running and (meter := getattr(here, "meter", None)) is not None:
        meter.tick()


def paced(items: list[Any]) -> Iterable[Any]:
    """The items for a loop that takes a step of this thread's run for each, if it is limited.

    `count_step` has to follow the loop: where something else has passed a limit in it, it ends early.
    """
    if running and (steps := getattr(here, "steps", None)) is not None:
        return compress(items, steps[0])
    return items


def look() -> None:
    """A function of the host is about to be called: time and memory of this thread's run are looked at first."""
    if running and (meter := getattr(here, "meter", None)) is not None:
        meter.look()


def announce(size_bytes: int) -> None:
    """What follows takes so many bytes; called from `ANNOUNCED_FROM` bytes on.

    Raises:
        LimitExceeded: the run of this thread is limited, and has less left.
    """
    if running and (meter := getattr(here, "meter", None)) is not None:
        meter.announce(size_bytes)


def _forked() -> None:
    """In a new process: another thread may have had the lock, and is not there."""
    global _lock
    _lock = allocate_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
