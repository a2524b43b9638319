"""Tickets: what stands for a value that is on its way, and what can be done with them.

    (let [a (delegate-async (classify x))       the call is under way from here
          b (delegate-async (summarise x))]
      [(await a) (await b)])

A ticket's work is a branch of the program (`semantics.branches`): it begins at once and goes as far as it gets without waiting.
Its error is kept for who awaits it, each time another copy.  What no program can catch, no ticket keeps from it either: it is
raised where the ticket is awaited, and ends a race.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rtfs.errors import EvalError, LimitExceeded, RtfsError
from rtfs.semantics.stopping import Stopped, copied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.semantics.branch import Branch
    from rtfs.semantics.machine import Machine
    from rtfs.source import Span


class Ticket:
    """See the module. A value like a function: equal to itself only, and nothing that can be stored.

    Attributes:
        is_seen: somebody has been given its outcome, or has called it off.
    """

    __slots__ = ("branch", "is_seen", "span")

    kind_name = "ticket"

    def __init__(self, branch: Branch, span: Span | None) -> None:
        self.branch = branch
        self.span = span
        self.is_seen = False

    @property
    def state(self) -> str:
        """`waiting`, `done`, `failed` or `cancelled`."""
        branch = self.branch
        if not branch.ended:
            return "waiting"
        if branch.error is None:
            return "done"
        return "cancelled" if isinstance(branch.error, Stopped) else "failed"

    @property
    def printed(self) -> str:
        return f"#<ticket {self.state}>"

    def __repr__(self) -> str:
        return self.printed

    def outcome(self) -> Any:
        """The value, of a ticket that has ended.

        Raises:
            EvalError: its error; `cancelled`.
        """
        self.is_seen = True
        error = self.branch.error
        if error is None:
            return self.branch.value
        if isinstance(error, Stopped):
            raise EvalError("the ticket was cancelled", kind="cancelled")
        raise copied(error) if isinstance(error, RtfsError) else error

    def cancel(self) -> bool:
        """See `cancel`."""
        self.is_seen = True
        return self.branch.cancel()


class Tickets:
    """Makes tickets for one machine, and waits for them."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._open: list[Ticket] = []
        #: The first that failed with what no program can catch.
        self._fatal: Ticket | None = None
        self._many = 1_000

    def start(self, work: Callable[[], Any], span: Span | None) -> Ticket:
        """A ticket for the value of `work()`, which is under way.

        Raises:
            LimitExceeded and the like: of this ticket or an earlier one, which nobody may ever await: a loop that makes tickets
                ends with its budget.
        """
        if len(self._open) > self._many:
            self._open = [ticket for ticket in self._open if not ticket.is_seen]
            self._many = 2 * len(self._open) + 1_000  # so that going through all of them is rare, however many are open
        ticket = Ticket(self._machine.with_branches().start(work), span)
        self._open.append(ticket)
        ticket.branch.when_ended(lambda: self._note(ticket))
        if self._fatal is not None:
            self._fatal.outcome()
        return ticket

    def _note(self, ticket: Ticket) -> None:
        error = ticket.branch.error
        if self._fatal is None and error is not None and _ends_all(error):
            self._fatal = ticket

    def wait(self, tickets: Sequence[Ticket], is_enough: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Wait until `is_enough()`, which may become so when one of the tickets ends; whether it has."""
        if is_enough():
            return True
        from threading import Event

        branches, changed = self._machine.with_branches(), Event()
        until = None if timeout_s is None else time.monotonic() + timeout_s
        for ticket in tickets:
            ticket.branch.when_ended(changed.set)
        try:
            while not is_enough():
                left_s = None if until is None else until - time.monotonic()
                if left_s is not None and left_s <= 0:
                    return False
                changed.clear()
                branches.wait(changed, left_s)
            return True
        finally:
            for ticket in tickets:
                ticket.branch.forget(changed.set)

    def values(self, tickets: Sequence[Ticket], timeout_s: float | None) -> list[Any] | None:
        """The values of tickets, in order; None when that takes longer.

        Raises:
            EvalError: that of the first ticket, in order, that has failed; those after it go on.
        """
        values: list[Any] = []
        until = None if timeout_s is None else time.monotonic() + timeout_s
        for ticket in tickets:
            left_s = None if until is None else max(0.0, until - time.monotonic())
            if not self.wait([ticket], lambda ticket=ticket: ticket.branch.ended, left_s):  # type: ignore[misc]
                return None
            values.append(ticket.outcome())
        return values

    def race(self, tickets: Sequence[Ticket]) -> Any:
        """The value of the ticket that has one first; the others are cancelled.

        Raises:
            EvalError: that of the first, in order, when all fail; LimitExceeded and the like of any: at once.
        """

        def first() -> Ticket | None:
            """The winner: one with a value, or with what cannot be caught."""
            for ticket in tickets:
                branch = ticket.branch
                if branch.ended and (branch.error is None or _ends_all(branch.error)):
                    return ticket
            return None

        try:
            self.wait(tickets, lambda: first() is not None or all(ticket.branch.ended for ticket in tickets))
            return (first() or tickets[0]).outcome()
        finally:
            for ticket in tickets:
                ticket.cancel()

    def end_run(self, failed: bool) -> None:
        """Cancel what nobody has awaited, and say so.

        Args:
            failed: an error, a limit or an interrupt has ended the run, and with it what was to be awaited later; only what went
                wrong in tickets by itself is still to be said.
        """
        unseen, self._open, self._fatal = [ticket for ticket in self._open if not ticket.is_seen], [], None
        warn = self._machine.host.warn
        for ticket in unseen:
            if ticket.cancel():
                if failed:
                    continue
                warn("this ticket was not awaited, and is cancelled at the end of the run", ticket.span)
            elif isinstance(error := ticket.branch.error, RtfsError) and not (failed and _ends_all(error)):
                warn(f"this ticket was not awaited, and its work has failed: {error.message}", ticket.span)


def _ends_all(error: BaseException) -> bool:
    """Whether it is an error that a program cannot catch; a cancelled ticket has none of these."""
    return not isinstance(error, (EvalError, Stopped)) or isinstance(error, LimitExceeded)
