"""Equal work that is wanted by several at once is done once.

    first caller of a key ──▶ works ──▶ value or error ──▶ to all that came meanwhile

Nothing is kept: who comes after the end works anew. What to keep is the business of a cache.
Source: `golang.org/x/sync/singleflight`, the idea and the name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from threading import Condition
from typing import Any, Generic, TypeVar

from rtfs.errors import LimitExceeded, RtfsError
from rtfs.semantics.stopping import Stop, copied

T = TypeVar("T")

_UNDER_WAY, _DONE, _FAILED, _GIVEN_UP = range(4)


class _Flight:
    """One piece of work: its state, how many wait for it, and what came of it."""

    __slots__ = ("outcome", "state", "waiting")

    def __init__(self) -> None:
        self.state = _UNDER_WAY
        self.waiting = 0
        self.outcome: Any = None


class SingleFlight(Generic[T]):
    """See the module. Safe to use from several threads; work runs in the thread of the caller that is the first."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._flights: dict[Hashable, _Flight] = {}
        #: How much work has ended so far, of all keys: who looked for a value before and is the first now may look again.
        self.ended = 0

    def run(
        self, key: Hashable, work: Callable[[], T], *, timeout_s: float | None = None, stop: Stop | None = None
    ) -> tuple[T, bool]:
        """The value of `work()`, from this caller or from another one with an equal key that is at it.

        When the one that works is given up, which is no outcome for the others, one of those works instead.

        Args:
            timeout_s: how long to wait for another caller, in seconds. Own work takes as long as it takes.
            stop: ends the waiting as well.
        Returns:
            (value, whether this caller did the work that led to it).
        Raises:
            TimeoutError: the time of a waiter is over; `Stopped`: its `stop` was set. The work goes on for the others.
            Exception: what `work` raised. A waiter gets a copy of its own, since errors gather facts on their way.
        """
        with self._changed:
            under_way = key in self._flights
            if not under_way:
                own = self._flights[key] = _Flight()
        if not under_way:  # nobody is to be waited for
            return self._work(key, own, work), True
        until = None if timeout_s is None else time.monotonic() + timeout_s
        forget = stop.tell(self._wake) if stop is not None else None
        try:
            with self._changed:
                while (flight := self._flights.get(key)) is not None:
                    self._wait(flight, until, stop)
                    if flight.state == _DONE:
                        return flight.outcome, False
                    if flight.state == _FAILED:
                        error = copied(flight.outcome)
                        break
                else:
                    flight = self._flights[key] = _Flight()
                    error = None
            if error is not None:
                raise error
        finally:
            if forget is not None:
                forget()
        return self._work(key, flight, work), True

    def under_way(self, key: Hashable) -> int:
        """How many callers are at this key now, the one that works included."""
        with self._changed:
            flight = self._flights.get(key)
            return 0 if flight is None else 1 + flight.waiting

    def _wait(self, flight: _Flight, until: float | None, stop: Stop | None) -> None:
        """Wait for the end of a flight; the lock is held."""
        flight.waiting += 1
        try:
            while flight.state == _UNDER_WAY:
                if stop is not None:
                    stop.check()
                left_s = None if until is None else until - time.monotonic()
                if left_s is not None and left_s <= 0:
                    raise TimeoutError("another caller is still at it")
                self._changed.wait(left_s)
        finally:
            flight.waiting -= 1

    def _work(self, key: Hashable, flight: _Flight, work: Callable[[], T]) -> T:
        state = _GIVEN_UP
        outcome: Any = None
        try:
            value = outcome = work()
            state = _DONE
            return value
        except Exception as error:
            # limits are those of the caller that met them; a cancelled call says nothing about what was asked
            if not (isinstance(error, LimitExceeded) or (isinstance(error, RtfsError) and error.kind == "cancelled")):
                state, outcome = _FAILED, copied(error)  # as it is now: this one goes on gathering facts
            raise
        finally:
            with self._changed:
                flight.state = state
                flight.outcome = outcome
                self.ended += 1
                del self._flights[key]
                if flight.waiting:
                    self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
