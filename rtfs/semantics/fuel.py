"""Fuel: what one run may still use of its steps, its time and its memory.

A step is a call of a function or a turn of a loop, as it is carried out.  Steps come from a *stream*, a Python iterator that gives
True for each step and raises where a limit is passed:

    for _ in stream: break                  # one step
    for _ in stream: …                      # a loop, one step for each turn
    for x in compress(items, stream): …     # another, `itertools.compress`

It is made of batches, `itertools.repeat` chained, so that a step is taken without any call (10 ns, against 40 for a counter behind
a method, and 2 in a loop); clock and memory are looked at between batches, and a batch is as large as its time allows.  A batch
ends exactly at the limit of steps: where a program stops does not depend on the clock.

An iterator that has raised is over for good, where the limit should be found passed again and again.  So every place that takes
steps looks whether the stream has ended, loops after their last turn, and calls `tick` then, which raises once more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain, repeat
from operator import length_hint

from rtfs.config import Limits
from rtfs.errors import LimitExceeded
from rtfs.source import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

#: Seconds between looks at the clock; a step that takes longer is followed by a look.
LOOK_EVERY_S = 0.005
#: Seconds before the memory is looked at again: no program fills more than a few MB in this time, and to ask takes 2 us.
_WEIGH_EVERY_S = 0.0002
#: The first batch, and the largest: the steps after it may be a thousand times slower, or larger, than those before.
_FIRST, _MOST = 16, 1024
#: Bytes that operations announce before there is a look, whatever is left of the batch.
_ANNOUNCED_BYTES = 256 * 2**10


class Fuel:
    """The fuel of the runs of one machine.

    Attributes:
        limited: whether anything is limited; if not, nobody takes steps.
        stream: a list that holds the stream; the list itself stays the same, so that generated code can hold on to it.
        cleaning: a `finally` or a release runs because of a limit.
        deadline: the end of the run on the monotonic clock, in seconds; None without a limit of time.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.limited = limits.max_steps is not None or limits.timeout_s is not None or limits.max_memory_bytes is not None
        self.stream: list[Iterator[bool]] = [self._stream()]
        self.cleaning = False
        self.deadline: float | None = None
        #: A `semantics.stopping.Stop`, looked at where the clock is; None for a run that nobody calls off.
        self.stop: Any = None
        self._granted = self._size = 0  # steps in all batches so far, in the last one
        self._batch: Iterator[bool] = repeat(True, 0)
        self._looked = self._weighed = 0.0  # when, on the monotonic clock
        self._resident: Callable[[], int] | None = None
        self._base = self._used = self._announced = 0  # bytes: resident at the lowest, more than that at the last look; announced
        self._passed: tuple[str, str, str] | None = None  # message, kind and hint of the limit that was passed
        if limits.max_memory_bytes is not None:
            from rtfs.semantics.memory import resident_reader

            self._resident = resident_reader()

    @property
    def steps(self) -> int:
        """How many steps this run has taken."""
        return self._granted - length_hint(self._batch)

    def start(self) -> None:
        """A new run begins."""
        self._granted = self._size = 0
        self._batch = repeat(True, 0)
        self._passed = None
        self.cleaning = False
        self._looked = self._weighed = time.monotonic()
        self.deadline = None if self.limits.timeout_s is None else self._looked + self.limits.timeout_s
        if self._resident is not None:
            self._base = self._resident()
            self._used = self._announced = 0
        self.stream[0] = self._stream()

    def _stream(self) -> Iterator[bool]:
        return chain.from_iterable(iter(self._grant, None))

    def tick(self, span: Span | None = None) -> None:
        """Take one step: for the call or the turn of the loop at `span`.

        Raises:
            LimitExceeded: a limit is passed, now or earlier in this run.
        """
        try:
            for _ in self.stream[0]:
                return
            # it has ended: with a limit, or where no frame was left to ask for more, and a host has kept that from the program
            if self._passed is None:
                self._passed = ("calls are nested too deeply", "stack-overflow", "")
            self._raise()
        except LimitExceeded as error:
            if error.span is None:
                error.span = span
            raise

    def announce(self, size_bytes: int) -> None:
        """One operation is about to take so many bytes, and the time that goes with them.

        Raises:
            LimitExceeded: that is more than what is left, or a limit is passed already.
        """
        self._announced += size_bytes
        if self._announced >= _ANNOUNCED_BYTES:
            self._announced = 0
            self._look(size_bytes)

    def look(self) -> None:
        """Compare time and memory with their limits now: the host is about to be called, which may take any time.

        Clean-up on the way of a limit may call the host.

        Raises:
            LimitExceeded: as `announce`.
        """
        if not self.cleaning:
            self._look(0)

    def end(self) -> NoReturn:
        """Somebody has waited until the time was over, be it on the way of a limit.

        Raises:
            LimitExceeded: always.
        """
        if self._passed is not None:
            self._raise()
        self._late()

    def _look(self, more_bytes: int) -> None:
        if self._passed is not None:
            self._raise()
        if self.deadline is not None and time.monotonic() > self.deadline:
            self._late()
        if self._resident is not None:
            self._weigh(self._resident, more_bytes)

    def _grant(self) -> Iterator[bool]:
        """The next batch; the one before is used up."""
        if self._passed is not None:
            self._raise()
        if self.stop is not None:
            self.stop.check()
        granted, size, limit = self._granted, self._size, self.limits.max_steps
        if limit is not None and granted >= limit:
            self._exceed(f"more than {limit:,} steps", "steps-exhausted", "raise --max-steps, or Limits(max_steps=…)")
        following = min(2 * size, _MOST) if size else _FIRST
        if self.deadline is not None or self._resident is not None:
            now = time.monotonic()
            if self.deadline is not None and now > self.deadline:
                self._late()
            if size:  # as many steps as went by in the time between looks
                following = min(following, int(size * LOOK_EVERY_S / max(now - self._looked, 1e-9)))
            self._looked = now
            if self._resident is not None and now - self._weighed >= _WEIGH_EVERY_S:
                before = self._used
                left = self._weigh(self._resident, 0)
                self._weighed = now
                if self._used > before:  # at this rate, half of what is left
                    following = min(following, size * left // (2 * (self._used - before)))
            following = max(1, following)
        if limit is not None:
            following = min(following, limit - granted)
        self._granted = granted + following
        self._size = following
        self._batch = repeat(True, following)
        return self._batch

    def too_late(self) -> LimitExceeded:
        """The error of a run whose time is over; for another thread too, which works for it."""
        message, kind, hint = self._lateness()
        return LimitExceeded(message, kind=kind, hint=hint)

    def _lateness(self) -> tuple[str, str, str]:
        return f"more than {self.limits.timeout_s:g} seconds", "time-exhausted", "raise --timeout, or Limits(timeout_s=…)"

    def _late(self) -> NoReturn:
        self._exceed(*self._lateness())

    def _weigh(self, resident: Callable[[], int], more: int) -> int:
        """The bytes that are left; the limit is passed when `more` is more than that."""
        limit = self.limits.max_memory_bytes
        assert limit is not None
        found = resident()
        if found < self._base:  # what earlier runs left behind has been collected: no gift to this one
            self._base = found
        self._used = found - self._base
        if self._used + more > limit:
            import gc

            # Closures that name themselves are cycles, which wait for the collector. What it frees must be worth its time: a run
            # that stays just below its limit would collect at every look.
            gc.collect()
            self._used = resident() - self._base
            if self._used + more > limit - limit // 8:
                self._exceed(
                    f"more than {limit:,} bytes of memory", "memory-exhausted", "raise --max-memory, or Limits(max_memory_bytes=…)"
                )
        return limit - self._used

    def _exceed(self, message: str, kind: str, hint: str) -> NoReturn:
        """A limit is passed, and stays so: nothing that a program does on the way out, or after a host's callback, gains by it."""
        self._passed = (message, kind, hint)
        self._raise()

    def _raise(self) -> NoReturn:
        assert self._passed is not None
        message, kind, hint = self._passed
        raise LimitExceeded(message, kind=kind, hint=hint or None)
