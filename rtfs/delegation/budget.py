"""What delegated calls may use up: money, tokens, calls and time, in budgets inside one another.

    runtime ─▶ run of a program ─▶ (with-budget …) ─▶ (with-budget …)      the scope of a call
                     └──────────▶ all calls of one function                every call is charged to all that it is in
                                                                           ─▶ the call itself

Before a request is sent, what it may need is *reserved* in every budget that it is charged to, all or none; when it is over, the
reservation is *settled* with what was really used, whatever the outcome.  So requests that are under way count as well, and no
number of threads gets past a limit.  What is left can still be overdrawn by what a request uses more than was estimated; then
the next one is refused.

Amounts are integers (`allowance`), so that sums are exact.
"""

from __future__ import annotations

import sys
import time
from _thread import allocate_lock, get_ident
from collections.abc import Callable
from threading import Condition
from typing import Any

from rtfs.delegation.allowance import NANO, NO_LIMITS, NOTHING, Allowance, Amounts, dollars
from rtfs.errors import LimitExceeded
from rtfs.forking import renew_in_child
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword

#: Budgets inside one another; each call is charged to all of them.
MAX_NESTING = 1_000


#: Guards the sums of all budgets: a reservation changes several at once, and takes a few microseconds.
_lock = allocate_lock()
_changed = Condition(_lock)
_waiting = 0
renew_in_child(sys.modules[__name__], _lock=allocate_lock, _changed=lambda: Condition(_lock))


class Budget:
    """Limits, and what was used of them. Safe to use from several threads at once.

    Args:
        label: what messages call it: `with-budget`, `function classify`.
        allowance: its limits, from now on.
        parent: the budget that it is in, which pays for everything that this one pays for.
        also: further budgets that are charged for what is charged to this one.
        clock: seconds, monotonic.
    Raises:
        LimitExceeded: it would be the thousandth inside one another.
    """

    __slots__ = (
        "_calls", "_clock", "_deadline", "_functions", "_held_calls", "_held_tokens", "_held_usd", "_limited", "_lineage",
        "_open", "_tokens", "_usd", "allowance", "also", "deadline", "depth", "label", "limits_money", "limits_tokens",
        "parent", "run",
    )  # fmt: skip

    def __init__(
        self,
        label: str,
        allowance: Allowance = NO_LIMITS,
        *,
        parent: Budget | None = None,
        also: tuple[Budget, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.label = label
        self.allowance = allowance
        self.parent = parent
        self.also = also
        self._clock = clock
        above = also if parent is None else (parent, *also)
        self.depth: int = 1 + max([budget.depth for budget in above], default=0)
        if self.depth > MAX_NESTING:
            raise LimitExceeded(
                f"budgets are nested more than {MAX_NESTING:,} deep",
                kind="stack-overflow",
                hint="put the with-budget around the first call of a recursive function, not into it",
            )
        #: The budget of the run: it holds those of functions, which begin anew with each run.
        self.run: Budget = self if parent is None else parent.run
        #: thread -> its open reservations, in this budget and all inside it
        self._open: dict[int, int] = {} if parent is None else parent._open
        self._functions: dict[Any, Budget] | None = None
        self._lineage: tuple[Budget, ...] | None = None
        self._limited: tuple[Budget, ...] = ()  # those of the lineage that limit a sum
        self._usd = self._tokens = self._calls = 0  # spent
        self._held_usd = self._held_tokens = self._held_calls = 0  # reserved
        self._deadline = None if allowance.seconds is None else clock() + allowance.seconds
        #: When the time of the first of all these budgets is over.
        ends = [self._deadline, *[budget.deadline for budget in above]]
        self.deadline: float | None = min([end for end in ends if end is not None], default=None)
        #: Whether money is limited, here or further out: then prices have to be known.
        self.limits_money: bool = allowance.nano_usd is not None or any(budget.limits_money for budget in above)
        #: The same for tokens: then they have to be estimated.
        self.limits_tokens: bool = allowance.tokens is not None or any(budget.limits_tokens for budget in above)

    def __repr__(self) -> str:
        return f"Budget({self.label!r}, {self.to_dict()})"

    # --- budgets inside it ---

    def new_run(self, allowance: Allowance = NO_LIMITS) -> Budget:
        """A budget for one run of a program."""
        inner = Budget("the run", allowance, parent=self, clock=self._clock)
        inner.run = inner
        return inner

    def child(self, label: str, allowance: Allowance, *, also: tuple[Budget, ...] = ()) -> Budget:
        return Budget(label, allowance, parent=self, also=also, clock=self._clock)

    def of_function(self, key: Any, name: str, allowance: Allowance) -> Budget:
        """The budget for all calls of one function in this run; made with the first of them."""
        run = self.run
        with _lock:
            if run._functions is None:
                run._functions = {}
            found = run._functions.get((key, allowance))
            if found is None:
                found = run._functions[(key, allowance)] = Budget(f"function {name}", allowance, parent=run, clock=self._clock)
        return found

    # --- using it ---

    def reserve(self, amounts: Amounts, *, patience_s: float = 0.0) -> Reservation:
        """Set aside what a request may need, here and in every budget further out.

        Args:
            patience_s: how long to wait where it would fit if other requests, which are under way, used less than is reserved
                for them. A thread that has a reservation itself never waits.
        Raises:
            LimitExceeded: `budget-exhausted`; nothing is reserved then.
        """
        global _waiting
        me = get_ident()
        lineage = self.lineage
        usd, tokens, calls = amounts.nano_usd, amounts.tokens, amounts.calls
        until: float | None = None
        with _lock:
            while True:
                if self.deadline is not None:
                    self._check_time()
                short = self._short(usd, tokens, calls)
                if short is None:
                    break
                budget, unit, for_good = short
                now = time.monotonic()
                until = now + patience_s if until is None else until
                if for_good or now >= until or me in self._open:
                    raise budget._exhausted(unit, amounts)
                left = self.remaining_s()
                _waiting += 1
                try:
                    _changed.wait(until - now if left is None else min(until - now, left))
                finally:
                    _waiting -= 1
            for budget in lineage:
                budget._held_usd += usd
                budget._held_tokens += tokens
                budget._held_calls += calls
            self._open[me] = self._open.get(me, 0) + 1
        return Reservation(self, amounts, me)

    def reserve_unknown(self, what: str) -> Reservation:
        """Set aside one call of something that does not say what it uses.

        Raises:
            LimitExceeded: `budget-exhausted`; `unknown-price` where money or tokens are limited.
        """
        for limits, words in ((self.limits_money, "costs"), (self.limits_tokens, "uses in tokens")):
            if limits:
                unit = "money" if words == "costs" else "tokens"
                raise LimitExceeded(
                    f"what {what} {words} is not known, and a budget limits {unit}",
                    kind="unknown-price",
                    hint="limit :calls or :seconds instead",
                )
        return self.reserve(Amounts(calls=1))

    def _short(self, usd: int, tokens: int, calls: int) -> tuple[Budget, str, bool] | None:
        """The first budget that does not allow it, the unit, and whether it stays so when all that is reserved is given back.

        Of what is overdrawn, nothing is still allowed: a call that is free.
        """
        for budget in self._limited:
            allowed = budget.allowance
            limit = allowed.calls
            if limit is not None and calls and budget._calls + budget._held_calls + calls > limit:
                return budget, "calls", budget._calls + calls > limit
            limit = allowed.nano_usd
            if limit is not None and usd and budget._usd + budget._held_usd + usd > limit:
                return budget, "usd", budget._usd + usd > limit
            limit = allowed.tokens
            if limit is not None and tokens and budget._tokens + budget._held_tokens + tokens > limit:
                return budget, "tokens", budget._tokens + tokens > limit
        return None

    def _check_time(self) -> None:
        for budget in self.lineage:
            if budget._deadline is not None and self._clock() >= budget._deadline:
                raise budget._exhausted("seconds", NOTHING)

    def check_time(self) -> None:
        """
        Raises:
            LimitExceeded: the time of this budget, or of one further out, is over.
        """
        if self.deadline is not None:
            self._check_time()

    def remaining_s(self) -> float | None:
        """Seconds until the time of this budget, or of one further out, is over; None without a limit."""
        return None if self.deadline is None else max(0.0, self.deadline - self._clock())

    @property
    def lineage(self) -> tuple[Budget, ...]:
        """This budget and all that it is in, each once."""
        if self._lineage is None:
            found = dict.fromkeys([self])
            waiting = [self]
            while waiting:
                budget = waiting.pop()
                for above in budget.also if budget.parent is None else (*budget.also, budget.parent):
                    if above not in found:
                        found[above] = None
                        waiting.append(above)
            self._lineage = tuple(found)
            limited = [b for b in found if (b.allowance.nano_usd, b.allowance.tokens, b.allowance.calls) != (None, None, None)]
            self._limited = tuple(limited)
        return self._lineage

    # --- what became of it ---

    @property
    def spent(self) -> Amounts:
        with _lock:
            return Amounts(self._usd, self._tokens, self._calls)

    @property
    def reserved(self) -> Amounts:
        """For requests that are under way."""
        with _lock:
            return Amounts(self._held_usd, self._held_tokens, self._held_calls)

    def to_dict(self) -> dict[str, Any]:
        """For machines: limits and what was spent, by unit; money in dollars."""
        spent = self.spent
        used = {"usd": spent.nano_usd / NANO, "tokens": spent.tokens, "calls": spent.calls}
        return {"budget": self.label, "limits": self.allowance.to_dict(), "spent": used}

    def _exhausted(self, unit: str, asked: Amounts) -> LimitExceeded:
        if unit == "seconds":
            limit: Any = self.allowance.seconds
            facts = {"budget": self.label, "unit": Keyword(unit), "limit": limit}
            message = f"the budget of {self.label} is used up: its {limit:g} seconds are over"
            return LimitExceeded(message, kind="budget-exhausted", hint=_HINTS[unit], data=_facts(facts))
        limit, spent, held, needs = {
            "usd": (self.allowance.nano_usd or 0, self._usd, self._held_usd, asked.nano_usd),
            "tokens": (self.allowance.tokens or 0, self._tokens, self._held_tokens, asked.tokens),
            "calls": (self.allowance.calls or 0, self._calls, self._held_calls, asked.calls),
        }[unit]
        facts = {"budget": self.label, "unit": Keyword(unit), "limit": limit, "spent": spent, "reserved": held, "asked": needs}
        if unit == "usd":
            facts |= {name: facts[name] / NANO for name in ("limit", "spent", "reserved", "asked")}
        message = f"the budget of {self.label} is used up: {_amount(unit, spent)} of {_shown(unit, limit)} spent"
        if held:
            message += f", {_shown(unit, held)} reserved for calls under way"
        if spent + held < limit:
            message += f", and this call may need {_shown(unit, needs)}"
        return LimitExceeded(message, kind="budget-exhausted", hint=_HINTS[unit], data=_facts(facts))


_HINTS = {
    "usd": "allow more, ask a cheaper model, or let it write less (:max-tokens)",
    "tokens": "allow more, pass less text, or let the model write less (:max-tokens)",
    "calls": "allow more calls, or ask less often; retries and second tries count too",
    "seconds": "allow more time, or ask less",
}


def _facts(facts: dict[str, Any]) -> Map:
    return Map([(Keyword(name), value) for name, value in facts.items()])


def _amount(unit: str, amount: int) -> str:
    return dollars(amount) if unit == "usd" else f"{amount:,}"


def _shown(unit: str, amount: int) -> str:
    return dollars(amount) if unit == "usd" else f"{amount:,} {unit if amount != 1 else unit[:-1]}"


class Reservation:
    """What is set aside for one request. It must be settled or released; of several times, the first counts.

    As a context manager it is settled at its end with all that was reserved, unless somebody has said better.
    """

    __slots__ = ("_is_open", "_thread", "amounts", "budget")

    def __init__(self, budget: Budget, amounts: Amounts, thread: int) -> None:
        self.budget = budget
        self.amounts = amounts
        self._thread = thread
        self._is_open = True

    @property
    def is_open(self) -> bool:
        return self._is_open

    def settle(self, used: Amounts) -> None:
        """The request is over and has used so much, more or less than was reserved."""
        held = self.amounts
        with _lock:
            if not self._is_open:
                return
            self._is_open = False
            for budget in self.budget.lineage:
                budget._held_usd -= held.nano_usd
                budget._held_tokens -= held.tokens
                budget._held_calls -= held.calls
                budget._usd += used.nano_usd
                budget._tokens += used.tokens
                budget._calls += used.calls
            threads = self.budget._open
            threads[self._thread] -= 1
            if not threads[self._thread]:
                del threads[self._thread]
            if _waiting:
                _changed.notify_all()

    def release(self) -> None:
        """The request was never sent."""
        self.settle(NOTHING)

    def __enter__(self) -> Reservation:
        return self

    def __exit__(self, *_: object) -> None:
        self.settle(self.amounts)
