"""The state of running programs: one `Machine` per runtime.

It owns what every evaluator needs and no evaluator decides: limits and their counters, the host and the delegate, namespaces,
modules, fresh names, execution hints.  Who finds the limit of depth passed raises LimitExceeded, which no program can catch; steps,
time and memory are `fuel`.
"""

from __future__ import annotations

import time
from _thread import _local, allocate_lock, get_ident
from collections.abc import Callable

from rtfs.config import DEFAULT_IN_FLIGHT, DEFAULT_LIMITS, Limits
from rtfs.errors import EvalError, HostError, LimitExceeded, RtfsError
from rtfs.semantics.fuel import Fuel
from rtfs.semantics.namespace import Namespace
from rtfs.source import Span
from rtfs.values.scalars import ErrorValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.semantics.branches import Branches
    from rtfs.semantics.outside import Outside
    from rtfs.semantics.protocols import Delegate, Host
    from rtfs.semantics.stopping import Stop

#: What clean-up on the way of a limit gets: so many calls inside one another, below the place where it stands.
CLEAN_UP_DEPTH = 30


class Machine:
    """See the module. Used by one thread at a time, apart from delegated calls."""

    def __init__(self, host: Host, delegate: Delegate | None = None, limits: Limits = DEFAULT_LIMITS) -> None:
        self.host = host
        self.delegate = delegate
        #: `delegation.linking.Linker`: decides calls of functions that it gave a hint without a plan; None without an engine.
        self.engine: Any = None
        self.limits = limits
        self.max_depth = limits.max_depth
        self.fuel = Fuel(limits)
        self.metered = self.fuel.limited
        self.tick = self.fuel.tick  # count one call or turn of a loop; only called when `metered`
        self.depth = 0
        self.entries = 0  # how often the host and RTFS have called each other, in the part of the program that runs now
        self.hints: dict[str, Any] = {}
        self.expanding = 0
        #: Whether functions of numbers may be compiled to machine code, where that is possible.
        self.native = True
        #: set by the runtime
        self.library: Any = None  # semantics.library.Library
        self.make_modules: Callable[[], Any] = _unset
        self._modules: Any = None
        self.current: Namespace | None = None  # of the program that runs
        #: The innermost budget (`delegation.budget.Budget`) of what runs now; None until one is needed. A delegated call takes it
        #: along; other threads that work for the run are in it too, and in what they open themselves.
        self.budget: Any = None
        self.runner = 0  # the thread that runs
        self._scopes = _local()  # .budget: the innermost that another thread has opened
        self._opening = allocate_lock()
        #: `semantics.branches.Branches`, once a program has had some; the one that runs now; how many may be under way at once.
        self.branches: Any = None
        self.branch: Any = None
        self.tickets: Any = None  # semantics.tickets.Tickets
        self.max_in_flight = DEFAULT_IN_FLIGHT
        self._outside: Outside | None = None
        #: set by the runtime: (budget around it or None, limits or None) -> budget; without limits, that of a run
        self.make_budget: Callable[[Any, Any], Any] = _no_budget
        #: (function, watcher) of the delegated function whose next call is watched while it is answered; None when none is
        self.watching: Any = None
        self._fresh = 0
        # set by the evaluator
        self.make_function: Callable[[Namespace, Any], Any] = _unset

    # --- limits ---

    def start_run(self, stop: Stop | None = None) -> None:
        """Begin a new run, which ends early when `stop` is set, as from nothing: what is left of an earlier one, in a thread of its
        own, may be cleaning up, and is waited for."""
        if self.branches is not None or stop is not None:
            self._begin_branches(stop, _fresh())
        else:
            self.depth, self.entries, self.hints, self.budget, self.current, self.fuel.cleaning = _fresh()
        self.runner = get_ident()
        self.fuel.stop = stop
        if self.metered:
            self.fuel.start()

    def end_run(self, failed: bool = False) -> None:
        """Call off what the run has begun and not awaited; `failed`: it has not come to its end."""
        if self._outside is not None:
            self._outside.leave_all()
        if self.branches is not None and self.branches.root is not None:
            if self.tickets is not None:
                self.tickets.end_run(failed)
            self.branches.finish()

    def with_branches(self) -> Branches:
        """The branches of this run."""
        if self.branches is None or self.branches.root is None:
            self._begin_branches(None)
        branches: Branches = self.branches
        return branches

    def _begin_branches(self, stop: Stop | None, state: tuple[Any, ...] | None = None) -> None:
        from rtfs.semantics.branches import Branches

        if self.branches is None:
            self.branches = Branches(self, self.max_in_flight)
        self.branches.begin(stop, state)

    @property
    def outside(self) -> Outside:
        """What counts who is outside, in all runs together; made when first asked for."""
        if self._outside is None:
            from rtfs.semantics.outside import Outside

            with self._opening:
                if self._outside is None:
                    self._outside = Outside(self.max_in_flight)
        return self._outside

    def inside(self, work: Callable[[], Any]) -> Any:
        """The value of `work()`, which is a part of the program that somebody has called who may be outside. With branches, who has
        the turn is not, and `Branch.back` knows of the others."""
        return work() if self._outside is None or self.branch is not None else self._outside.inside(work)

    def away(self, work: Callable[[], Any], *, asks: bool = False) -> Any:
        """The value of `work()`, which waits for the outside; other branches of the program go on meanwhile; see `Branch.away`."""
        branch = self.branch
        return work() if branch is None else branch.away(work, asks=asks)

    def remaining_s(self) -> float | None:
        """Seconds of wall time that are left to this run; None without a limit."""
        deadline = self.fuel.deadline
        return None if deadline is None else max(0.0, deadline - time.monotonic())

    def spending(self) -> Any:
        """The budget that pays for what is asked now, in this thread."""
        own = getattr(self._scopes, "budget", None)
        if own is not None:
            return own
        if self.budget is None:
            with self._opening:
                if self.budget is None:
                    self.budget = self.make_budget(None, None)
        return self.budget

    def within_budget(self, limits: Any, work: Callable[[], Any]) -> Any:
        """The value of `work()`; what it delegates is charged to a budget with these limits, inside the one of now.

        Raises:
            EvalError: `invalid-argument`, the limits are none.
        """
        outer = self.spending()
        holder: Any = self if get_ident() == self.runner else self._scopes
        before = getattr(holder, "budget", None)
        holder.budget = self.make_budget(outer, limits)
        try:
            return work()
        finally:
            holder.budget = before

    def clean_up(self, work: Callable[[], Any]) -> None:
        """Run a `finally` or a release on the way of a limit, which stays a limit whatever the clean-up does.

        With the whole depth at its disposal, clean-up that recurses would double the work from level to level; one that meets
        a limit itself is not cleaned up after.
        """
        if self.fuel.cleaning:
            return
        depth = self.depth
        self.fuel.cleaning = True
        self.depth = max(depth, self.max_depth - CLEAN_UP_DEPTH)
        try:
            work()
        except (EvalError, RecursionError):
            pass
        finally:
            self.depth = depth
            self.fuel.cleaning = False

    def too_deep(self) -> LimitExceeded:
        return LimitExceeded(
            f"calls are nested more than {self.max_depth:,} deep",
            kind="stack-overflow",
            hint="make the recursive call the last thing a function does, or use loop and recur",
        )

    # --- names ---

    @property
    def modules(self) -> Any:
        """The `semantics.modules.ModuleRegistry`, made with the first import."""
        if self._modules is None:
            self._modules = self.make_modules()
        return self._modules

    def loaded_namespaces(self) -> list[Namespace]:
        """Those of the modules that were loaded so far."""
        return [] if self._modules is None else [module.namespace for module in self._modules.loaded.values()]

    def fresh_name(self, stem: str) -> str:
        """A name that no program text contains: `stem__3__auto`."""
        self._fresh += 1
        return f"{stem.rstrip('#')}__{self._fresh}__auto"

    @property
    def names_made(self) -> int:
        """How many fresh names there are so far."""
        return self._fresh

    def skip_names(self, count: int) -> None:
        """Count names as made, because code that holds them was made elsewhere."""
        self._fresh += count

    def namespace(self, name: str | None = None) -> Namespace:
        """A new namespace with the library in it."""
        return Namespace(
            name,
            self.library,
            make_macro=lambda ns, label, fn: self.make_function(ns, fn),
            fresh_name=self.fresh_name,
            call=self.expand,
        )

    def expand(self, macro: Any, args: list[Any]) -> Any:
        """What a macro makes of forms. Meanwhile the host is out of reach: a program that is only checked has no effects."""
        from rtfs.semantics.calls import call

        self.expanding += 1
        try:
            return call(macro, args)
        finally:
            self.expanding -= 1

    def perform(self, capability: str, args: list[Any]) -> Any:
        """Ask the host for an effect.

        Raises:
            HostError: also `security-violation`, while a macro is expanded.
        """
        self.refuse_in_macro(f"use the capability :{capability}")
        if self.metered:
            self.fuel.look()
        return self.host.execute_capability(capability, args, self.hints)

    def refuse_in_macro(self, what: str) -> None:
        """
        Raises:
            HostError: a macro is being expanded; it cannot do `what`, which the host would see.
        """
        if self.expanding:
            raise HostError(
                f"a macro cannot {what}",
                kind="security-violation",
                hint="macros run while a program is read and checked; have the code they make do it",
            )

    def missing(self, namespace: Namespace, name: str, span: Span | None) -> Any:
        """The value of a global name that the namespace does not hold: a module's export, a context value, or an error."""
        if namespace.find(name):
            return namespace.values[name]
        module, slash, symbol = name.rpartition("/")
        if slash and module and symbol:
            try:
                found, value = self.modules.qualified(namespace, module, symbol)
            except EvalError as error:
                if error.span is None:
                    error.span = span
                raise
            if found:
                return value
        found, value = self.host.context_value(name)
        if found:
            return value
        from rtfs.errors import nearest

        if namespace.macro(name) is not None:
            raise EvalError(
                f"`{name}` is a macro and not a value",
                kind="undefined-symbol",
                span=span,
                hint=f"call it as ({name} …), inside a function where one is needed: (fn [x] ({name} …))",
            )
        close = [namespace.near_misses[name]] if name in namespace.near_misses else nearest(name, namespace.known_names())
        hint = f"did you mean `{close[0]}`?" if close else f"define it before it is used: (def {name} …) or (defn {name} …)"
        if slash and module and symbol and not close:
            hint = f"is the module imported? (import {module})"
        if name.startswith("//"):
            hint = "a comment starts with `;`"
        raise EvalError(f"Undefined symbol: {name}", kind="undefined-symbol", span=span, hint=hint)


def _fresh() -> tuple[Any, ...]:
    """With what a run begins: depth, entries, hints, budget, current, and whether it cleans up (as `branches.Branches` has it)."""
    return 0, 1, {}, None, None, False


def _no_budget(*_: Any) -> Any:
    return None


def _unset(*_: Any) -> Any:
    raise AssertionError("the machine has no evaluator")


def error_value(error: RtfsError) -> ErrorValue:
    """What `catch` binds for an error; the same object each time the same error is caught. A program may keep it: frames it
    does not."""
    error.release()
    value: ErrorValue | None = error.value
    if value is None or not value.stack:  # what `throw` raises has its value from the start, and the calls only now
        stack = tuple(f"{frame.name} at {frame.span}" if frame.span else frame.name for frame in error.trace[:50])
        if value is None:
            error.value = value = ErrorValue(error.kind, error.message, error.data, stack, error)
        value.stack = stack
    return value
