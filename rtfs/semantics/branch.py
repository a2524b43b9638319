"""One branch of a program; see `branches`, which gives turns."""

from __future__ import annotations

from _thread import allocate_lock, get_ident
from collections.abc import Callable

from rtfs.semantics.stopping import Stop, Stopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from rtfs.semantics.branches import Branches

    class Source(Protocol):
        """Where branches come from that have not begun."""

        def following(self) -> Branch | None:
            """The next one, which begins now; None when none may. Called with the lock of the turn held."""
            ...


class Branch:
    """A part of a program that has a thread; also what runs the program itself.

    Args:
        work: what it does; None for what runs the program.
        nesting: how many branches it is in.
        context: the state of the machine that it begins with, while others have the turn its own.
    Attributes:
        stop: set when it is not wanted any more.
        ended: it has its outcome: `value`, or `error` (`Stopped` when it was cancelled).
        pauses: called when it waits for the first time, or ends before that.
        shared: what it and its like were answered, by question, where they share that; else None.
    """

    __slots__ = (
        "_branches", "_ends", "context", "ended", "error", "gate", "is_away", "nesting", "pauses", "shared", "stop", "thread",
        "value", "work",
    )  # fmt: skip

    def __init__(self, branches: Branches, work: Callable[[], Any] | None, nesting: int, context: tuple[Any, ...]) -> None:
        self._branches = branches
        self.work = work
        self.nesting = nesting
        self.context = context
        self.stop = Stop()
        self.ended = self.is_away = False
        self.value: Any = None
        self.error: BaseException | None = None
        self.pauses: Callable[[], None] | None = None
        self.shared: dict[Any, Any] | None = None
        self.thread = 0  # its identity, once it has begun
        self.gate = allocate_lock()  # taken while it waits for its turn
        self.gate.acquire()
        self._ends: list[Callable[[], None]] = []

    def away(self, work: Callable[[], Any], *, asks: bool = False) -> Any:
        """The value of `work()`, which waits for the outside while others have the turn. Called by anyone but the branch itself,
        as by another thread that works for it, just that value.

        Args:
            asks: it gets itself a place outside (`outside.Outside`) for each request; else it is outside from here on.
        Raises:
            Stopped: the branch is not wanted any more.
        """
        if self.is_away or self.thread != get_ident():
            return work()
        return self._branches.away(self, work, asks=asks)

    def aside(self) -> Callable[[], None]:
        """It waits for a place at a server that is full, in whatever thread works for it: others may begin meanwhile. Gives what
        is called when it has waited."""
        return self._branches.aside(self)

    def back(self, work: Callable[[], Any]) -> Any:
        """The value of `work()`, which is a part of the program, in a turn; from inside of what is `away`."""
        if not self.is_away:
            return work()
        return self._branches.back(self, work)

    def when_ended(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when it ends; at once when it has."""
        if self.ended:
            tell()
        else:
            self._ends.append(tell)

    def forget(self, tell: Callable[[], None]) -> None:
        """Take back what `when_ended` was given."""
        if tell in self._ends:
            self._ends.remove(tell)

    def end(self, value: Any, error: BaseException | None) -> None:
        """It has its outcome now, unless it had one: the thread of a cancelled branch may still have to unwind."""
        if not self.ended:
            self.ended = True
            self.value, self.error = value, error
            ends, self._ends = self._ends, []
            for tell in ends:
                tell()

    def cancel(self) -> bool:
        """Call it off; whether it had not ended."""
        if self.ended:
            return False
        self.end(None, Stopped())
        self.stop.set()
        return True


class Single:
    """The source of one branch."""

    def __init__(self, branch: Branch) -> None:
        self._branch: Branch | None = branch

    def following(self) -> Branch | None:
        branch, self._branch = self._branch, None
        return branch


class Worker:
    """A thread, and the branch that it is to carry out next; None when it may go."""

    __slots__ = ("branch", "gate")

    def __init__(self, branch: Branch) -> None:
        self.branch: Branch | None = branch
        self.gate = allocate_lock()
        self.gate.acquire()
