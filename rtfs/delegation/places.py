"""Places at providers: how many requests are under way at once, by provider, model and target.

    Runtime(max_in_flight_by=…), --max-in-flight NAME=N ──┐
    [max_in_flight] of the policy ────────────────────────┼──▶ limits of a request, all of which have to have room
    what the provider says itself (`at_once`) ────────────┘    (`semantics.outside`), besides that of the whole runtime

A limit is for everything that its name fits, together: a provider with all its models (`kimi`), or targets as policies write them
(`local:smollm2`, `remote:gpt-4o*`).  Each request needs a place, also a retry, a hedge and one to a fallback, and has it until its
reply is there.  Providers that answer without waiting need none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from rtfs.errors import ConfigError, LimitExceeded
from rtfs.forking import renew_in_child
from rtfs.models.protocol import at_once
from rtfs.semantics.outside import Limit, Outside
from rtfs.semantics.stopping import Stop

if TYPE_CHECKING:
    from rtfs.delegation.budget import Budget
    from rtfs.delegation.policy.model import InFlight
    from rtfs.delegation.targets import ModelTarget
    from rtfs.models.protocol import ModelProvider

_MOST_KNOWN = 4_096  # (provider, target)
_WITHOUT_LIMIT = float("inf")
#: For who needs no place.
NOWHERE: AbstractContextManager[Any] = nullcontext()


class Places:
    """See the module; those of one runtime. Safe to use from several threads.

    Args:
        given: what the host says; see `checked`.
        of_policy: what the policy in force says now.
        too_late: the error of a run whose time is over.
    """

    def __init__(
        self,
        outside: Outside,
        given: tuple[InFlight, ...] = (),
        of_policy: Callable[[], tuple[InFlight, ...]] = tuple,
        too_late: Callable[[], LimitExceeded] = lambda: LimitExceeded("the time is over", kind="time-exhausted"),
    ) -> None:
        self._outside = outside
        self._of_policy = of_policy
        self._too_late = too_late
        self._lock = threading.Lock()
        renew_in_child(self, _lock=threading.Lock)
        self._given = [(one, Limit(one.name, one.most)) for one in given]
        #: What the policy said last, and the limits of that.
        self._said: tuple[InFlight, ...] = ()
        self._named: list[tuple[InFlight, Limit]] = []
        #: (provider by identity, model) -> (the provider, which so stays, its own limit)
        self._own: dict[tuple[int, str], tuple[ModelProvider, Limit | None]] = {}
        #: (provider by identity, kind and model of the target) -> (the provider, the limits)
        self._known: dict[tuple[int, str, str], tuple[ModelProvider, tuple[Limit, ...]]] = {}

    def enter_now(self, provider: ModelProvider, target: ModelTarget, model: str) -> AbstractContextManager[Any] | None:
        """A place for one request, or what stands for one where none is needed; None: it has to be waited for."""
        if getattr(provider, "instant", False):
            return NOWHERE
        return self._outside.enter_now(self.limits(provider, target, model))

    def enter(
        self,
        provider: ModelProvider,
        target: ModelTarget,
        model: str,
        budget: Budget,
        *,
        left_s: Callable[[], float | None] = lambda: None,
        stops: tuple[Stop, ...] = (),
        branch: Any = None,
    ) -> AbstractContextManager[Any]:
        """The same, as soon as there is one.

        Args:
            model: what the provider calls the target's model.
            left_s: seconds until the time of the run is over; None when it has no limit.
            branch: the part of the program that asks; others may begin while it waits.
        Raises:
            Stopped: one of the stops was set before; LimitExceeded: the time of the run or of the budget was over.
        """
        if getattr(provider, "instant", False):
            return NOWHERE
        limits = self.limits(provider, target, model)
        aside = None if branch is None else branch.aside
        while True:
            times = [left_s(), budget.remaining_s()]
            timeout_s = min([one for one in times if one is not None], default=None)
            place = self._outside.enter(limits, stops, timeout_s, aside)
            if place is not None:
                return place
            for stop in stops:
                stop.check()
            budget.check_time()
            if times[0] == 0.0:
                raise self._too_late()

    def limits(self, provider: ModelProvider, target: ModelTarget, model: str) -> tuple[Limit, ...]:
        """What a request to a target is counted by."""
        said = self._of_policy()
        if said != self._said:
            self._follow(said)
        key = id(provider), target.kind, target.model
        found = self._known.get(key)
        if found is None:
            with self._lock:
                found = provider, self._look_up(provider, target, model)
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[key] = found
        return found[1]

    def now(self) -> dict[str, tuple[int, float, int]]:
        """name -> how many are under way, how many may be, how many wait; `all` is the whole runtime."""
        with self._lock:
            own = [limit for _, limit in self._own.values() if limit is not None]
            limits = [self._outside.all, *[limit for _, limit in (*self._given, *self._named)], *own]
        return {limit.name: (limit.count, limit.most, self._outside.waiting(limit)) for limit in limits}

    def _look_up(self, provider: ModelProvider, target: ModelTarget, model: str) -> tuple[Limit, ...]:
        limits: list[Limit] = []
        if self._given or self._named:
            from rtfs.delegation.policy.model import written

            text = written(target)
            limits = [limit for one, limit in (*self._given, *self._named) if one.fits(provider.name, text)]
        key = id(provider), model
        if key not in self._own:
            most = at_once(provider, model)
            self._own[key] = provider, None if most is None else Limit(f"{provider.name}:{model}", most)
        own = self._own[key][1]
        return (self._outside.all, *limits, *(() if own is None else (own,)))

    def _follow(self, said: tuple[InFlight, ...]) -> None:
        """The policy is another one: its numbers hold from now on, also for those who wait."""
        with self._lock:
            before = {one.name: limit for one, limit in self._named}
            self._named = [(one, before.pop(one.name) if one.name in before else Limit(one.name, one.most)) for one in said]
            for one, limit in self._named:
                self._outside.set_most(limit, one.most)
            for limit in before.values():
                self._outside.set_most(limit, _WITHOUT_LIMIT)
            self._known.clear()
            self._said = said


def checked(given: Mapping[str, Any] | None) -> tuple[InFlight, ...]:
    """The limits that a host gives: name of a provider, or pattern of targets -> how many.

    Raises:
        ConfigError: a number or a name is none.
    """
    from rtfs.delegation.policy.model import InFlight

    found = []
    for name, most in (given or {}).items():
        if type(most) is not int or most < 1:
            raise ConfigError(f"{most!r} requests in flight to {name!r} is not a positive integer")
        kind, colon, model = name.partition(":") if isinstance(name, str) else ("", "", "")
        if not kind or (colon and not (model and kind in ("local", "remote", "*"))):
            hint = "write the name of a provider, such as kimi, or a target: local:smollm2, remote:kimi:*"
            raise ConfigError(f"{name!r} is neither a provider nor a target of which so many requests may be in flight", hint=hint)
        found.append(InFlight(name=name, most=most, patterns=(name,)))
    return tuple(found)
