"""L1 in front of any engine: the same kind of call gets the same plan, until the engine says that it decides otherwise."""

from __future__ import annotations

import time

from rtfs.caching.plans import Plan, PlanCache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rtfs.delegation.context import CallContext
    from rtfs.delegation.engine import Decision, DelegationEngine

#: What a decision may depend on when only the types of the operands are looked at.
BY_KINDS = frozenset(("tags", "tenant", "runtime", "fingerprint"))
#: What contexts are told apart by, besides.
BY_CONTEXT = BY_KINDS | {"semantic"}
#: Seconds between two looks whether what the engine goes by has changed.
LOOK_EVERY_S = 1.0


class CachedEngine:
    """A `DelegationEngine`; what else the engine inside can do, it does.

    A decision that was left to chance, and one that depends on more than a context is known by, is made anew each time.

    Args:
        timer: seconds, monotonic.
    """

    def __init__(
        self, engine: DelegationEngine, plans: PlanCache | None = None, *, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self.inner = engine
        self.name = engine.name
        self.plans = PlanCache() if plans is None else plans
        self._timer = timer
        self._next = timer() + LOOK_EVERY_S
        self._generation = 0
        self._listeners: list[Callable[[], None]] = []
        #: symbol -> whether its decisions may be kept
        self._kept: dict[str, bool] = {}
        engine.listen(self.flush)

    def decide(self, context: CallContext) -> Decision:
        now = self._timer()
        if now >= self._next:
            self._next = now + LOOK_EVERY_S
            self._look()
        symbol = context.symbol
        kept = self._kept.get(symbol)
        if kept is None:
            kept = self._kept[symbol] = self._may_be_kept(symbol)
        if not kept:
            return self.inner.decide(context)
        key = (symbol, (context.fingerprint, context.runtime, context.semantic, context.tags, context.tenant))
        plan = self.plans.get(key)
        if plan is not None:
            decision: Decision = plan.decision
            return decision
        generation = self._generation
        decision = self.inner.decide(context)
        if decision.propensity == 1.0:
            made = {"engine": decision.engine or self.name}
            self.plans.put(key, Plan(decision.target.printed, decision.confidence, decision.reasoning, now, made, decision))
            if generation != self._generation:  # decisions have changed while this one was made
                self.plans.invalidate(key)
        return decision

    def _may_be_kept(self, symbol: str) -> bool:
        """Whether a decision depends only on what contexts are told apart by. An engine that does not say what it looks at may
        look at the length of the operands."""
        needs = getattr(self.inner, "needs", None)
        return needs is not None and needs(symbol) <= BY_CONTEXT

    def depends_on_kinds_only(self, symbol: str) -> bool:
        """Whether calls of a function with operands of the same types get the same decision, while `generation` is the same."""
        needs = getattr(self.inner, "needs", None)
        return self.plans.config.ttl_s is None and needs is not None and needs(symbol) <= BY_KINDS

    def resolve(self, symbol: str, *, tags: frozenset[str] | None = None, tenant: str = "") -> Decision | None:
        return self.inner.resolve(symbol, tags=tags, tenant=tenant)

    def listen(self, changed: Callable[[], None]) -> None:
        self._listeners.append(changed)

    @property
    def generation(self) -> int:
        """Another number after decisions have changed."""
        return self._generation

    def flush(self) -> None:
        """Forget all plans: decisions may be others than before."""
        self._generation += 1
        self._kept = {}
        self.plans.clear()
        for changed in list(self._listeners):
            changed()

    def _look(self) -> None:
        refresh = getattr(self.inner, "refresh", None)
        if refresh is not None:
            refresh()

    def __getattr__(self, name: str) -> Any:
        if name == "inner":  # not there yet
            raise AttributeError(name)
        return getattr(self.inner, name)
