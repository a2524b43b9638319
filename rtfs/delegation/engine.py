"""Delegation engines: who decides where a call of a function without a hint goes (architecture section 3).

An engine may answer ahead of any call (`resolve`): then the function is bound to that target once, and a call pays nothing for
the decision.  Otherwise `decide` is asked at each call.  A hint on a function always wins, and no engine is asked.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from types import MethodType
from weakref import WeakMethod

from rtfs.delegation.context import CallContext
from rtfs.delegation.settings import DEFAULTS, CallSettings
from rtfs.delegation.tags import PRIVATE_TAGS
from rtfs.delegation.targets import LOCAL, ExecTarget, parse_target
from rtfs.errors import ConfigError
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Protocol

    from rtfs.delegation.record import CallRecord
else:
    Protocol = object

#: Entry points of this group are functions `options -> DelegationEngine`, by the name that a policy file may use.
ENTRY_POINTS = "rtfs.engines"


class Alternative(Struct):
    """A target that was considered.

    Attributes:
        score: what the engine thought of it, in its own unit; None when it was not scored.
        rejected: why it could not be taken; None when it could.
    """

    target: ExecTarget
    score: float | None = None
    rejected: str | None = None


class Decision(Struct):
    """Where a call goes, and why.

    Attributes:
        target: the first to be asked.
        reasoning: a sentence for the record.
        confidence: 0 to 1, None when the engine has no idea.
        fallbacks: who is asked when the target fails, in this order; the function's own body comes after all of them.
        alternatives: what else was considered, the rejected ones too.
        settings: timeout, retries, hedging, the confidence that is asked for.
        propensity: probability with which the engine takes this target for such a call; 1 unless it explores.
        engine: who decided.
    """

    target: ExecTarget
    reasoning: str = ""
    confidence: float | None = None
    fallbacks: tuple[ExecTarget, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    settings: CallSettings = DEFAULTS
    propensity: float = 1.0
    engine: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For the record and for `--json`."""
        return {
            "target": self.target.printed,
            "reasoning": self.reasoning,
            "confidence": self.confidence,
            "fallbacks": [target.printed for target in self.fallbacks],
            "alternatives": [
                {"target": one.target.printed, "score": one.score, "rejected": one.rejected} for one in self.alternatives
            ],
            "propensity": self.propensity,
            "engine": self.engine,
        }


class DelegationEngine(Protocol):
    """Decides where calls go. Safe to ask from several threads; `decide` is pure: the same context, the same decision, until
    `changed` tells its listeners otherwise.

    One that has budgets for runs gives them by `run_budgets(tenant)`, as `PolicyEngine` does, and how many requests may be under
    way at once in `max_in_flight`, a tuple of `policy.model.InFlight`. One that learns has `add(record)`,
    called after each call, and `judged(function, target, right)`; one that wants to know of earlier calls and of prices has
    `equip(past, prices)`, as `CostedRouter` does, called before its first decision. One that goes by what functions are is told of
    them by `defined(symbol, fn, types)`, as `CodeEngine` is. One with tags of its own for calls that stay on this machine has them,
    and `private`, in `private_tags`.
    """

    name: str

    def decide(self, context: CallContext) -> Decision: ...

    def resolve(self, symbol: str, *, tags: frozenset[str] | None = None, tenant: str = "") -> Decision | None:
        """The decision for all calls of a function, whatever its operands are; None when that depends on them.

        Args:
            tags, tenant: of all its calls, where they are known already.
        """

    def listen(self, changed: Callable[[], None]) -> None:
        """Have `changed` called when decisions may be others than before: plans are forgotten and functions bound anew."""


class Listeners:
    """Who wants to know that an engine's decisions have changed. Methods are held weakly: an engine may outlive many runtimes."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], Callable[[], None] | None]] = []

    def listen(self, changed: Callable[[], None]) -> None:
        self._listeners = [known for known in self._listeners if known() is not None]
        self._listeners.append(WeakMethod(changed) if isinstance(changed, MethodType) else lambda: changed)

    def tell(self) -> None:
        for known in list(self._listeners):
            changed = known()
            if changed is not None:
                changed()


class StaticEngine(Listeners):
    """A table from symbols, or patterns such as `billing/*`, to targets; what is not in it stays here.

    Args:
        table: symbol or pattern -> target, or its text (`remote:gpt-4o-mini`). The first that fits counts; plain names come first.
    Raises:
        ConfigError: a text is no target.
    """

    name = "static"

    def __init__(self, table: Mapping[str, ExecTarget | str] | None = None, default: ExecTarget | str = LOCAL) -> None:
        super().__init__()
        self._default = _target(default)
        self._exact: dict[str, Decision] = {}
        self._patterns: list[tuple[str, Decision]] = []
        for pattern, target in (table or {}).items():
            self._put(pattern, _target(target))

    def _put(self, pattern: str, target: ExecTarget) -> None:
        decision = Decision(target, f"`{pattern}` is bound to {target.printed}", 1.0, engine=self.name)
        if any(sign in pattern for sign in "*?["):
            self._patterns = [(known, old) for known, old in self._patterns if known != pattern] + [(pattern, decision)]
        else:
            self._exact[pattern] = decision

    def bind(self, pattern: str, target: ExecTarget | str) -> None:
        """Add or replace an entry; functions are bound anew."""
        self._put(pattern, _target(target))
        self.tell()

    def resolve(self, symbol: str, *, tags: frozenset[str] | None = None, tenant: str = "") -> Decision | None:
        found = self._exact.get(symbol)
        if found is not None:
            return found
        for pattern, decision in self._patterns:
            if fnmatchcase(symbol, pattern):
                return decision
        return Decision(self._default, "not in the table", 1.0, engine=self.name)

    def decide(self, context: CallContext) -> Decision:
        decision = self.resolve(context.symbol)
        assert decision is not None
        return decision

    def knows(self, symbol: str) -> bool:
        """Whether the table has an entry for a symbol: in a chain, the next engine is asked otherwise."""
        return symbol in self._exact or any(fnmatchcase(symbol, pattern) for pattern, _ in self._patterns)


class ChainEngine(Listeners):
    """Asks engines in order: the first that knows a symbol decides.

    Args:
        engines: one without a method `knows` knows everything, so what comes after it is never asked.
    """

    name = "chain"

    def __init__(self, engines: Iterable[DelegationEngine]) -> None:
        super().__init__()
        self.engines = tuple(engines)
        for engine in self.engines:
            engine.listen(self.tell)

    def _for(self, symbol: str) -> DelegationEngine | None:
        for engine in self.engines:
            knows = getattr(engine, "knows", None)
            if knows is None or knows(symbol):
                return engine
        return None

    def run_budgets(self, tenant: str) -> list[tuple[str, tuple[tuple[str, float], ...]]]:
        """The budgets of all of them: a run is in each."""
        return [budget for engine in self.engines if hasattr(engine, "run_budgets") for budget in engine.run_budgets(tenant)]

    @property
    def max_in_flight(self) -> tuple[Any, ...]:
        """The limits of all of them: each holds."""
        return tuple([one for limits in self._having("max_in_flight") for one in limits])

    def resolve(self, symbol: str, *, tags: frozenset[str] | None = None, tenant: str = "") -> Decision | None:
        engine = self._for(symbol)
        return _UNKNOWN if engine is None else engine.resolve(symbol, tags=tags, tenant=tenant)

    def decide(self, context: CallContext) -> Decision:
        engine = self._for(context.symbol)
        return _UNKNOWN if engine is None else engine.decide(context)

    # what only some engines have: limits hold whichever of the engines decides

    def _having(self, name: str) -> list[Any]:
        return [getattr(engine, name) for engine in self.engines if hasattr(engine, name)]

    def refusal(self, target: ExecTarget, context: CallContext) -> str | None:
        """Why one of the engines refuses a target for a call; None when none does."""
        for refusal in self._having("refusal"):
            reason: str | None = refusal(target, context)
            if reason is not None:
                return reason
        return None

    @property
    def private_tags(self) -> frozenset[str]:
        """Tags that keep a call's data on this machine, for any of them."""
        return PRIVATE_TAGS.union(*self._having("private_tags"))

    def for_hint(self, context: CallContext, hint: ExecTarget) -> Decision | None:
        """What the first engine with settings for functions with a hint says; None: there is none."""
        for for_hint in self._having("for_hint"):
            decision: Decision | None = for_hint(context, hint)
            if decision is not None:
                return decision
        return None

    def needs(self, symbol: str) -> frozenset[str]:
        """What the engines have to know of a call; of one that does not say, the kinds of the operands."""
        found = {"fingerprint"} if len(self._having("needs")) < len(self.engines) else set()
        return frozenset(found.union(*[needs(symbol) for needs in self._having("needs")]))

    def add(self, record: CallRecord) -> None:
        """Let the engines learn from a call."""
        for add in self._having("add"):
            add(record)

    def judged(self, function: str, target: str, right: bool) -> None:
        """Let the engines learn whether an answer was right."""
        for judged in self._having("judged"):
            judged(function, target, right)

    def equip(self, *equipment: Any) -> None:
        """Give the engines what they may look up."""
        for equip in self._having("equip"):
            equip(*equipment)

    def defined(self, symbol: str, fn: Any, types: Any) -> None:
        """Tell those of a function that want to know."""
        for defined in self._having("defined"):
            defined(symbol, fn, types)

    def refresh(self) -> bool:
        """Have the engines look whether what they go by has changed; whether anything has."""
        changed = [refresh() for refresh in self._having("refresh")]  # all of them, whatever the first says
        return any(changed)


_UNKNOWN = Decision(LOCAL, "no engine knows the function", engine="chain")


def _target(target: ExecTarget | str) -> ExecTarget:
    return parse_target(target) if isinstance(target, str) else target


#: Engines that RTFS brings: name -> module, and the function in it from options to an engine. No package can take their names.
_BROUGHT = {"costed": ("rtfs.delegation.router.options", "router_of")}


def engine_names() -> list[str]:
    """The engines that a policy can use here, sorted; none is loaded for that."""
    from importlib.metadata import entry_points

    return sorted({*_BROUGHT, *[entry.name for entry in entry_points(group=ENTRY_POINTS)]})


def is_brought(name: str) -> bool:
    """Whether an engine comes with RTFS: making it runs nobody else's code."""
    return name in _BROUGHT


def engine_named(name: str, options: Mapping[str, Any]) -> DelegationEngine:
    """The engine that RTFS brings, or that an installed package offers, under a name.

    Args:
        options: from the policy file, for the engine to check.
    Raises:
        ConfigError: no package offers it, or the options are wrong.
    """
    from importlib.metadata import entry_points

    engine: DelegationEngine
    if name in _BROUGHT:
        # safe: the name only chooses from the table above, what is imported stands in it
        module, make = _BROUGHT[name]
        engine = getattr(__import__(module, fromlist=(make,)), make)(options)
        return engine
    found = [entry for entry in entry_points(group=ENTRY_POINTS) if entry.name == name]
    if not found:
        raise ConfigError(f"no installed package offers the engine `{name}`", hint=f"there are: {', '.join(engine_names())}")
    engine = found[0].load()(dict(options))
    return engine
