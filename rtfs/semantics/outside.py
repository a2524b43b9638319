"""How many are outside at once, waiting for a model or the network; further ones wait for their turn.

    all ─────────────────────── 16
     ├─ provider kimi ───────── 20      who asks kimi-k2 there is one of these three
     └─ remote:kimi:kimi-k2 ──── 4

Who is to be counted by several limits gets a place at the moment when all of them have room, and none before: nobody holds one
limit up while waiting for another.  Places go to who came first of those whose limits have room, so that calls of a server that is
full are passed by calls of a free one, and by nothing else.
"""

from __future__ import annotations

from _thread import allocate_lock, get_ident
from collections import deque
from collections.abc import Callable

from rtfs.forking import renew_in_child
from rtfs.semantics.stopping import Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Limit:
    """How many of those that it is for may be outside at once. Its figures belong to one `Outside`.

    Attributes:
        count: how many are outside now.
    """

    __slots__ = ("__weakref__", "count", "most", "name")

    def __init__(self, name: str, most: float) -> None:
        self.name = name
        self.most = most
        self.count = 0
        renew_in_child(self, count=int)  # the threads of those who are outside are not in it


class Place:
    """Outside, or in the queue for it. As a context, it is left at the end."""

    __slots__ = ("_outside", "bell", "is_given", "limits", "number", "thread")

    def __init__(self, outside: Outside, limits: tuple[Limit, ...]) -> None:
        self._outside = outside
        self.limits = limits
        self.thread = get_ident()
        self.is_given = False
        self.number = 0  # in the queue
        self.bell: Any = None  # a lock, for who has to wait; opens when the place is given, or nobody waits for it any more

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self._outside.leave(self)


class Outside:
    """See the module. Safe to use from several threads.

    Attributes:
        all: the limit for everything together.
        only: what counts by no other limit.
    """

    def __init__(self, most: int) -> None:
        self.all = Limit("all", most)
        self.only = (self.all,)
        self._lock = allocate_lock()  # guards the figures of all limits, and the following
        self._queues: dict[tuple[Limit, ...], deque[Place]] = {}
        self._arrived = 0
        self._out: set[Place] = set()
        renew_in_child(self, _lock=allocate_lock, _queues=dict, _out=set)

    def enter_now(self, limits: tuple[Limit, ...]) -> Place | None:
        """Go outside, if all limits have room."""
        place = Place(self, limits)
        with self._lock:
            for limit in limits:
                if limit.count >= limit.most:
                    return None
            self._give(place)
        return place

    def enter(
        self,
        limits: tuple[Limit, ...],
        stops: tuple[Stop, ...] = (),
        timeout_s: float | None = None,
        aside: Callable[[], Callable[[], None]] | None = None,
    ) -> Place | None:
        """Go outside, as soon as all limits have room; None when a stop was set, or so many seconds were over, before that.

        Args:
            limits: with `all` among them.
            aside: called before it waits for others than all together; gives what is called when it has waited.
        """
        place = Place(self, limits)
        with self._lock:
            if _have_room(limits):
                self._give(place)
                return place
            self._arrived = place.number = self._arrived + 1
            place.bell = allocate_lock()
            place.bell.acquire()
            self._queues.setdefault(limits, deque()).append(place)
            full = any(limit.count >= limit.most for limit in limits if limit is not self.all)
        forget = [stop.tell(lambda: self._give_up(place)) for stop in stops]
        back = None
        try:
            back = aside() if full and aside is not None else None
            place.bell.acquire(timeout=-1 if timeout_s is None else timeout_s)
        except BaseException:
            self._give_up(place)
            if place.is_given:
                self.leave(place)
            raise
        finally:
            for take_back in forget:
                take_back()
            self._give_up(place)
            if back is not None:
                back()
        return place if place.is_given else None

    def leave(self, place: Place) -> None:
        """Come back; others go out instead."""
        with self._lock:
            if place in self._out:  # else it is of the process that this one was forked from
                self._take(place)
                if self._queues:
                    self._go_on()

    def leave_all(self) -> None:
        """Come back with everything that this thread has: an interrupt may have come before it knew."""
        with self._lock:
            for place in self._of_this_thread():
                self._take(place)
            self._go_on()

    def inside(self, work: Callable[[], Any]) -> Any:
        """The value of `work()`, which is a part of the program: as long as it takes, this thread counts as inside. It goes out
        again at once, even if there is no room."""
        with self._lock:
            held = self._of_this_thread()
            for place in held:
                self._take(place)
            self._go_on()
        try:
            return work()
        finally:
            with self._lock:
                for place in held:
                    self._give(place)

    def set_most(self, limit: Limit, most: float) -> None:
        """Have another number hold from now on."""
        with self._lock:
            limit.most = most
            self._go_on()

    def waiting(self, limit: Limit) -> int:
        """How many wait, of those that a limit is for."""
        with self._lock:
            return sum(len(queue) for limits, queue in self._queues.items() if limit in limits)

    # --- with the lock held ---

    def _give(self, place: Place) -> None:
        self._out.add(place)
        for limit in place.limits:
            limit.count += 1
        place.is_given = True

    def _take(self, place: Place) -> None:
        self._out.discard(place)
        for limit in place.limits:
            limit.count -= 1

    def _of_this_thread(self) -> list[Place]:
        me = get_ident()
        return [place for place in self._out if place.thread == me]

    def _go_on(self) -> None:
        """Give places to those who came first, as long as there are some."""
        while self._queues:
            firsts = [queue[0] for limits, queue in self._queues.items() if _have_room(limits)]
            if not firsts:
                return
            place = min(firsts, key=lambda place: place.number)
            self._remove(place)
            self._give(place)
            place.bell.release()

    def _remove(self, place: Place) -> None:
        queue = self._queues[place.limits]
        queue.remove(place)
        if not queue:
            del self._queues[place.limits]

    # --- without ---

    def _give_up(self, place: Place) -> None:
        with self._lock:
            if place in self._queues.get(place.limits, ()):
                self._remove(place)
                place.bell.release()


def _have_room(limits: tuple[Limit, ...]) -> bool:
    for limit in limits:
        if limit.count >= limit.most:
            return False
    return True
