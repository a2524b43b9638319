"""Equal work that is wanted by several at once is done once.

    first caller of a key ──▶ works ──▶ value or error ──▶ to all that came meanwhile

Nothing is kept: who comes after the end works anew. What to keep is the business of a cache.

An interrupt (Ctrl+C) may come between any two steps here, and a key that nobody works for would be waited for without end.  So
the caller is inside the `try` that ends its flight before it takes the key, locks are those that `with` takes and gives back in one
step, and the end is begun again when it is interrupted.
Source: `golang.org/x/sync/singleflight`, the idea and the name.
"""

from __future__ import annotations

import time
from _thread import allocate_lock
from collections.abc import Callable, Hashable
from threading import TIMEOUT_MAX
from typing import Any, Generic, TypeVar

from rtfs.errors import DelegationError, LimitExceeded, RtfsError
from rtfs.forking import renew_in_child
from rtfs.semantics.stopping import Stop, Stopped, copied

T = TypeVar("T")

_UNDER_WAY, _DONE, _FAILED, _GIVEN_UP = range(4)


class _Flight:
    """One piece of work: its state, what came of it, and a closed gate for each that waits for it."""

    __slots__ = ("gates", "outcome", "state")

    def __init__(self) -> None:
        self.state = _UNDER_WAY
        self.outcome: Any = None
        self.gates: set[Any] = set()


class SingleFlight(Generic[T]):
    """See the module. Safe to use from several threads; work runs in the thread of the caller that is the first."""

    def __init__(self) -> None:
        self._lock = allocate_lock()  # guards flights, their gates, and the count
        self._flights: dict[Hashable, _Flight] = {}
        renew_in_child(self, _lock=allocate_lock, _flights=dict)  # those who work are not there
        #: How much work has ended so far, of all keys: who looked for a value before and is the first now may look again.
        self.ended = 0

    def run(
        self, key: Hashable, work: Callable[[], T], *, timeout_s: float | None = None, stop: Stop | None = None
    ) -> tuple[T, bool]:
        """The value of `work()`, from this caller or from another one with an equal key that is at it.

        When the one that works is given up, or fails for reasons of its own, which is no outcome for the others, one of those works
        instead.

        Args:
            timeout_s: how long to wait for another caller, in seconds. Own work takes as long as it takes.
            stop: ends the waiting as well.
        Returns:
            (value, whether this caller did the work that led to it).
        Raises:
            TimeoutError: the time of a waiter is over; `Stopped`: its `stop` was set. The work goes on for the others.
            Exception: what `work` raised. A waiter gets a copy of its own, since errors gather facts on their way.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        own = _Flight()
        try:
            while True:
                with self._lock:
                    flight = self._flights.setdefault(key, own)
                    if flight is not own:
                        gate = allocate_lock()
                        gate.acquire()
                        flight.gates.add(gate)
                if flight is own:
                    return self._work(own, work, stop), True
                self._wait(flight, gate, until, stop)
                if flight.state == _DONE:
                    return flight.outcome, False
                if flight.state == _FAILED:
                    raise copied(flight.outcome)
        finally:
            interrupt: BaseException | None = None
            while True:
                try:
                    with self._lock:
                        if self._flights.get(key) is own:
                            self.ended += 1
                            del self._flights[key]
                    if own.state == _UNDER_WAY:
                        own.state = _GIVEN_UP
                    for gate in list(own.gates):  # no more come: it is not to be found any more
                        _open(gate)
                    break
                except (KeyboardInterrupt, Stopped) as error:
                    interrupt = error
            if interrupt is not None:
                raise interrupt

    def under_way(self, key: Hashable) -> int:
        """How many callers are at this key now, the one that works included."""
        with self._lock:
            flight = self._flights.get(key)
            return 0 if flight is None else 1 + len(flight.gates)

    def _wait(self, flight: _Flight, gate: Any, until: float | None, stop: Stop | None) -> None:
        """Wait for the end of a flight, at a gate of it."""
        forget = None
        try:
            if stop is not None:
                forget = stop.tell(lambda: _open(gate))
            while flight.state == _UNDER_WAY:
                if stop is not None:
                    stop.check()
                left_s = TIMEOUT_MAX if until is None else min(until - time.monotonic(), TIMEOUT_MAX)
                if left_s <= 0:
                    raise TimeoutError("another caller is still at it")
                gate.acquire(timeout=left_s)
        finally:
            with self._lock:
                flight.gates.discard(gate)
            if forget is not None:
                forget()

    def _work(self, own: _Flight, work: Callable[[], T], stop: Stop | None) -> T:
        try:
            value = own.outcome = work()
        except Exception as error:
            if not _is_own_affair(error, stop):
                own.outcome = copied(error)  # as it is now: this one goes on gathering facts
                own.state = _FAILED
            raise
        own.state = _DONE
        return value


def _is_own_affair(error: Exception, stop: Stop | None) -> bool:
    """Whether an error says nothing of what was asked, but of the caller that met it: its limits, that it was called off."""
    if isinstance(error, LimitExceeded) or (isinstance(error, DelegationError) and error.of_caller):
        return True
    return (isinstance(error, RtfsError) and error.kind == "cancelled") or (stop is not None and stop.is_set)


def _open(gate: Any) -> None:
    try:
        gate.release()
    except RuntimeError:  # it was open
        pass
