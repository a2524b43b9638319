"""Branches: parts of a running program that wait for the outside at the same time, and compute one after the other.

    (pmap f xs)   (delegate-async e)          one branch for each item, for the expression
         │
    branch ──computes──▶ waits for a model ┄┄┄┄┄┄┄▶ computes ──▶ value or error
    branch               computes──▶ waits ┄┄┄▶ computes ──▶ …

Each branch has a thread, and one thread at a time has the *turn*: only it evaluates and changes the state of the machine.  A branch
gives the turn away while it waits for the outside (`away`) or for other branches (`wait`), and takes along the state that is its
own: depth, hints, budget.  So evaluators and built-ins know nothing of threads, and a program in which nothing waits runs strictly
in order.  Branches begin in the order in which they were made; those that have waited go on in the order in which answers arrive.

A thread is made when a branch begins while all others wait. None begins while `most_active` others have begun, have not ended and
wait neither for branches nor for a place at a server that is full; how many are outside at once is the business of `outside`.

A branch that is not wanted any more is told by its `stop`: its waiting ends with `Stopped`, which no program catches, and on the
way of that its `finally` forms run, in a turn.
"""

from __future__ import annotations

import threading
import time
from _thread import allocate_lock, get_ident
from collections import deque
from collections.abc import Callable

from rtfs.errors import EvalError, LimitExceeded
from rtfs.semantics import calls
from rtfs.semantics.branch import Branch, Single, Worker
from rtfs.semantics.stopping import Stop, Stopped
from rtfs.values.meter import metered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.semantics.branch import Source
    from rtfs.semantics.machine import Machine

#: Branches inside branches; what goes deeper is computed in the branch that makes it.
MAX_NESTING = 8
#: Seconds that branches which are called off have to unwind; a thread that cannot be interrupted is left to itself then.
GRACE_S = 1.0
#: Branches that wait for a place at a full server, and in whose place others have begun: those may ask one that is free. Each of
#: them has a thread.
MOST_ASIDE = 256
_IDLE_S = 2.0  # after which a thread without work ends


class Branches:
    """The branches of one machine; made when a program first has some.

    Args:
        most_active: how many may have begun that neither have ended nor wait for others.
    """

    def __init__(self, machine: Machine, most_active: int) -> None:
        self._machine = machine
        self._most = most_active
        self._lock = allocate_lock()  # guards all of the following
        self._turn: Branch | None = None
        self._ready: deque[Branch] = deque()  # have waited, and want the turn
        self._sources: list[Source] = []  # the newest last: what is deeper inside comes first
        self._active = 0
        self._outside = 0  # that are away, or about to be
        self._aside = 0  # of the active ones, those that wait for a place at a full server
        self._most_aside = MOST_ASIDE
        self._flights = machine.outside
        self._waiting: dict[Branch, tuple[threading.Event, bool]] = {}  # for other branches: until when, and whether for ever
        self._working: set[Branch] = set()  # those with a thread
        self._given_up: set[Branch] = set()  # of those, what was waited for in vain: it will end some time, and nobody needs it
        self._unwound = threading.Event()
        self._idle: list[Worker] = []
        self._here: dict[int, Branch] = {}  # thread -> branch
        #: What runs the program itself; None between runs.
        self.root: Branch | None = None

    # --- runs ---

    def begin(self, stop: Stop | None = None, state: tuple[Any, ...] | None = None) -> None:
        """A run has begun in this thread; something that is left of an earlier one may still have the turn.

        Args:
            state: of the machine in its turn; as it is now when None.
        """
        stale = self.root  # somebody has called a built-in without a run
        root = Branch(self, None, 0, self._context() if state is None else state)
        root.stop = stop or root.stop
        root.thread = get_ident()
        self._here[root.thread] = root
        self.root = root
        if stale is not None and self._turn is stale:
            self._turn = None
        self._take_turn(root)

    def finish(self) -> None:
        """The run is over; its branches have been called off, and get some time to unwind."""
        root = self.root
        assert root is not None
        root.stop = Stop()
        self.unwind(lambda: self._working <= self._given_up)
        with self._lock:
            self._given_up &= self._working
            for worker in self._idle:
                worker.branch = None
                worker.gate.release()
            self._idle.clear()
            del self._here[root.thread]
            self._machine.branch = self.root = None
            self._pass_on()

    def here(self) -> Branch | None:
        """The branch whose thread this is."""
        return self._here.get(get_ident())

    @property
    def in_flight(self) -> int:
        """How many requests and the like are under way now."""
        return self._flights.all.count

    # --- making branches ---

    def branch(self, work: Callable[[], Any]) -> Branch:
        """A branch inside the one of now, with its budget and all else; it has not begun."""
        outer = self.me()
        branch = Branch(self, work, outer.nesting + 1, self._context())
        branch.shared = outer.shared
        return branch

    def start(self, work: Callable[[], Any]) -> Branch:
        """A new branch, which has worked so far as it gets without waiting. Waits itself while as many as may be are active."""
        branch = self.branch(work)
        if branch.nesting > MAX_NESTING:
            self._compute(branch)
            return branch
        begun = threading.Event()
        branch.pauses = begun.set
        source = Single(branch)
        self.add(source)
        try:
            while not begun.is_set():
                self.wait(begun)
        except BaseException:
            branch.cancel()
            raise
        finally:
            self.remove(source)
        return branch

    def add(self, source: Source) -> None:
        """Have branches of this source begin, as soon as the turn is free."""
        with self._lock:
            self._sources.append(source)

    def remove(self, source: Source) -> None:
        with self._lock:
            self._sources.remove(source)

    # --- waiting ---

    def me(self) -> Branch:
        branch = self.here()
        assert branch is not None, "only the program has branches"
        return branch

    def away(self, branch: Branch, work: Callable[[], Any], *, asks: bool = False) -> Any:
        """See `Branch.away`; called by the branch, which has the turn."""
        branch.stop.check()
        self._leave(branch)
        place = None
        try:
            if not asks:
                place = self._flights.enter(self._flights.only, (branch.stop,), self._machine.remaining_s())
                if place is None:
                    return None
            return work()
        except KeyboardInterrupt:
            self._flights.leave_all()
            self.interrupt()
            raise
        finally:
            if place is not None:
                self._flights.leave(place)
            self._take_turn(branch, outside=1)
            branch.stop.check()
            if place is None and not asks:  # the time of the run was over before
                self._machine.fuel.end()

    def back(self, branch: Branch, work: Callable[[], Any]) -> Any:
        """See `Branch.back`."""

        def in_turn() -> Any:
            self._take_turn(branch, outside=1)
            try:
                return work()
            finally:
                self._leave(branch)

        return self._flights.inside(in_turn)

    def aside(self, branch: Branch) -> Callable[[], None]:
        """See `Branch.aside`."""
        if branch is self.root:  # which is no active one
            return _nothing
        with self._lock:
            self._aside += 1
            if self._turn is None:
                self._pass_on()

        def end() -> None:
            with self._lock:
                self._aside -= 1

        return end

    def wait(self, event: threading.Event, timeout_s: float | None = None) -> bool:
        """Wait for what other branches do; whether it has happened. It may come back early without it.

        Raises:
            EvalError: all branches wait for each other; LimitExceeded: the time of the run is over.
            Stopped: the branch of now is not wanted any more.
        """
        me = self.me()
        left_s = self._machine.remaining_s()
        if left_s is not None:
            timeout_s = left_s if timeout_s is None else min(left_s, timeout_s)
        forget = me.stop.tell(event.set)
        try:
            stuck = self._wait(me, event, timeout_s)
        finally:
            forget()
        me.stop.check()
        if stuck and not event.is_set():
            raise EvalError("all that is under way waits for each other", hint="a ticket cannot await itself")
        if not event.is_set() and self._machine.metered:
            self._machine.fuel.look()
        return event.is_set()

    def unwind(self, is_done: Callable[[], bool]) -> None:
        """Wait until branches that were called off are done, but not for ever, and for each of them but once."""
        until = time.monotonic() + GRACE_S
        with self._lock:
            called_off = {branch for branch in self._working if branch.stop.is_set}
        while not is_done():
            left_s = until - time.monotonic()
            if left_s <= 0:
                with self._lock:
                    self._given_up |= called_off & self._working
                return
            self._unwound.clear()
            self._wait(self.me(), self._unwound, left_s)

    def _wait(self, me: Branch, event: threading.Event, timeout_s: float | None) -> bool:
        """Give the turn away until the event; whether it cannot happen, as all wait for each other."""
        with self._lock:
            self._waiting[me] = (event, timeout_s is None)
            self._active -= me is not self.root
        self._leave(me, outside=0)
        try:
            with self._lock:
                stuck = self._is_stuck()
            if not stuck:
                event.wait(timeout_s)
            return stuck
        except KeyboardInterrupt:
            self.interrupt()
            raise
        finally:
            self._take_turn(me)

    def _is_stuck(self) -> bool:
        """Whether nothing will happen any more: the lock is held."""
        if self._turn is not None or self._outside or self._ready:
            return False
        return all(for_ever and not event.is_set() for event, for_ever in self._waiting.values())

    # --- the turn ---

    def _context(self) -> tuple[Any, ...]:
        machine = self._machine
        return machine.depth, machine.entries, machine.hints, machine.budget, machine.current, machine.fuel.cleaning

    def _leave(self, branch: Branch, *, outside: int = 1) -> None:
        """The branch gives the turn away."""
        branch.context = self._context()
        branch.is_away = True
        if branch.pauses is not None:
            branch.pauses()
            branch.pauses = None
        with self._lock:
            self._outside += outside
            self._pass_on()

    def _pass_on(self) -> None:
        """Nobody has the turn; give it to the next. The lock is held."""
        self._turn = None
        while (branch := self._following()) is not None:
            if self._carry_on(branch):
                return
        if self._ready:
            root = self.root
            if root is not None and root.stop.is_set and root in self._ready:  # it calls the others off
                self._ready.remove(root)
                self._ready.appendleft(root)
            branch = self._turn = self._ready.popleft()
            if branch.gate.locked():
                branch.gate.release()

    def _following(self) -> Branch | None:
        """A branch that begins now."""
        busy = self._active - min(self._aside, self._most_aside)
        if busy < self._most and self.root is not None and not self.root.stop.is_set:
            for source in reversed(self._sources):
                branch = source.following()
                if branch is not None:
                    self._active += 1
                    self._working.add(branch)
                    self._turn = branch
                    return branch
        return None

    def _carry_on(self, branch: Branch) -> bool:
        """Have a thread carry out a branch; False when there is none, which is its outcome then."""
        if self._idle:
            worker = self._idle.pop()
            worker.branch = branch
            worker.gate.release()
            return True
        try:
            threading.Thread(target=self._work, args=(Worker(branch),), name="rtfs-branch", daemon=True).start()
        except (RuntimeError, MemoryError):
            self._turn = None
            self._active -= 1
            self._working.discard(branch)
            self._most_aside = min(self._aside, self._most_aside)
            self._most = max(1, self._active - self._most_aside)
            no_more = LimitExceeded("there are no more threads to be had", kind="memory-exhausted", hint="keep fewer in flight")
            branch.end(None, no_more)
            return False
        return True

    def _take_turn(self, branch: Branch, *, outside: int = 0) -> None:
        """Wait for the turn; the state of the machine is that of the branch then."""
        with self._lock:
            self._outside -= outside
            if self._waiting.pop(branch, None) is not None:
                self._active += branch is not self.root
            if self._turn is None:
                self._turn = branch
            else:
                self._ready.append(branch)
        interrupted = False
        while self._turn is not branch:
            try:
                branch.gate.acquire()
            except KeyboardInterrupt:  # of the thread of the root. Who has the turn may never give it away by itself
                interrupted = True
                self.interrupt()
        self._enter(branch)
        if interrupted:
            raise KeyboardInterrupt

    def _enter(self, branch: Branch) -> None:
        """The branch has the turn."""
        machine = self._machine
        machine.depth, machine.entries, machine.hints, machine.budget, machine.current, machine.fuel.cleaning = branch.context
        machine.branch = branch
        machine.runner = branch.thread
        branch.is_away = False

    def interrupt(self, stop: Stop | None = None) -> None:
        """Have what has the turn stop wherever it is, as an interrupt of the program would, and nothing more begin.

        Args:
            stop: only while the run is on that this belongs to.
        """
        import ctypes

        if self.root is not None and stop is None:
            self.root.stop.set()
        with self._lock:
            branch = self._turn
            ours = stop is None or (self.root is not None and self.root.stop is stop)
            if branch is None or branch.thread == get_ident() or not ours:
                return
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(branch.thread), ctypes.py_object(Stopped))

    # --- threads ---

    def _work(self, worker: Worker) -> None:
        """What a thread does: one branch after the other."""
        while (branch := worker.branch) is not None:
            try:
                self._carry_out(branch)
            except Stopped:  # of an interrupt, which comes wherever it wants
                branch.end(None, Stopped())
            with self._lock:
                self._here.pop(branch.thread, None)
                self._active -= 1
                self._working.discard(branch)
                worker.branch = following = self._following()
                if following is None:
                    self._idle.append(worker)
                    self._pass_on()
            self._unwound.set()
            # not `worker.branch`: it may have got one since, and then the gate was opened for it, to be closed behind it
            if following is None and not worker.gate.acquire(timeout=_IDLE_S):
                with self._lock:
                    if worker in self._idle:
                        self._idle.remove(worker)
                        return
                worker.gate.acquire()  # it got a branch, or leave to go, this very moment

    def _carry_out(self, branch: Branch) -> None:
        """Do the work of a branch, which has the turn, in this thread."""
        branch.thread = get_ident()
        self._here[branch.thread] = branch
        self._enter(branch)
        if self._machine.metered:
            metered(self._machine.fuel, lambda: self._compute(branch))
        else:
            self._compute(branch)

    def _compute(self, branch: Branch) -> None:
        """Find the outcome of a branch, in its turn."""
        work, branch.work = branch.work, None
        value, failure = None, None
        try:
            branch.stop.check()
            assert work is not None
            value = work()
        except BaseException as error:
            if isinstance(error, EvalError):
                calls.settle(error)
            failure = error
        branch.end(value, failure)
        if branch.pauses is not None:
            branch.pauses()
            branch.pauses = None


def _nothing() -> None:
    """What ends what has not begun."""
