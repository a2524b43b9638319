"""How many branches are outside at once, waiting for a model or the network; further ones wait until one comes back."""

from __future__ import annotations

from _thread import allocate_lock
from collections import deque

from rtfs.semantics.stopping import Stop


class _Place:
    """In the queue; the gate opens when the branch may go out, or is not to wait any more."""

    __slots__ = ("gate", "is_given")

    def __init__(self) -> None:
        self.is_given = False
        self.gate = allocate_lock()
        self.gate.acquire()


class Outside:
    """See the module. Safe to use from several threads.

    Attributes:
        count: how many are outside now.
    """

    def __init__(self, most: int) -> None:
        self.count = 0
        self._most = most
        self._lock = allocate_lock()
        self._queue: deque[_Place] = deque()

    def enter(self, stop: Stop, timeout_s: float | None) -> bool:
        """Go outside, as soon as there is a place; False when `stop` was set, or so many seconds were over, before that."""
        with self._lock:
            if self.count < self._most:
                self.count += 1
                return True
            place = _Place()
            self._queue.append(place)
        forget = stop.tell(lambda: self._give_up(place))
        try:
            place.gate.acquire(timeout=-1 if timeout_s is None else timeout_s)
        except KeyboardInterrupt:
            self._give_up(place)
            if place.is_given:
                self.leave()
            raise
        finally:
            forget()
            self._give_up(place)
        return place.is_given

    def again(self) -> None:
        """Go outside once more, after having come back for a while: now, even if there is no place."""
        with self._lock:
            self.count += 1

    def leave(self) -> None:
        """Come back; whoever has waited longest goes out instead."""
        with self._lock:
            if self._queue and self.count <= self._most:
                place = self._queue.popleft()
                place.is_given = True
                place.gate.release()
            else:
                self.count -= 1

    def _give_up(self, place: _Place) -> None:
        with self._lock:
            if place in self._queue:
                self._queue.remove(place)
                place.gate.release()
