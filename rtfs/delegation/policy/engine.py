"""The engine of a policy file: rules decide, and limits hold for whatever decides.

    symbol ──▶ rules that can fit it ──┬─ one rule, whatever the call ──▶ `resolve`: bound once, calls pay nothing
                                       └─ tags, tenant, kinds of operands ──▶ plan, remembered ──▶ `decide`
"""

from __future__ import annotations

import time
from _thread import allocate_lock

from rtfs.delegation.context import CallContext
from rtfs.delegation.engine import Decision, Listeners, engine_named
from rtfs.delegation.policy.index import RuleIndex, remember
from rtfs.delegation.policy.model import Policy, Rule
from rtfs.delegation.policy.outcome import ENGINE, Split, checked, described, outcome, ranked, within_hint
from rtfs.delegation.targets import LocalPure, RemoteModel
from rtfs.errors import ConfigError, LimitExceeded, RtfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from rtfs.delegation.engine import DelegationEngine
    from rtfs.delegation.policy.files import PolicyFile
    from rtfs.delegation.policy.model import Budget, InFlight
    from rtfs.delegation.policy.outcome import Refusal
    from rtfs.delegation.record import CallRecord
    from rtfs.delegation.targets import ExecTarget

    Make = Callable[[str, Mapping[str, Any]], DelegationEngine]


#: So many plans are kept for a function.
_MOST_PLANS = 4_096
_NO_TAGS: frozenset[str] = frozenset()


class PolicyEngine(Listeners):
    """Decides by the rules of a policy. Safe to ask from several threads.

    Args:
        policy: a policy, or a `PolicyFile`, which is then looked at now and again: when it has changed, the new rules hold from
            the next decision on.
        engines: makes the engines that rules hand over to, from the name of an entry point and its options.
        clock: seconds, monotonic.
    Raises:
        ConfigError: the file is wrong, or an engine that a rule needs cannot be made.
    """

    name = ENGINE

    def __init__(
        self, policy: Policy | PolicyFile, *, engines: Make = engine_named, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._make = engines
        self._clock = clock
        self._file: PolicyFile | None = None
        self._next = float("inf")
        self._looking = allocate_lock()
        #: What engines may look up; see `equip`.
        self._equipment: tuple[Any, ...] | None = None
        if isinstance(policy, Policy):
            self._active = _Active(policy, engines, self.tell)
        else:
            self._file = policy
            self._active = _Active(policy.read(), engines, self.tell)
            self._next = clock() + policy.every_s

    @property
    def policy(self) -> Policy:
        return self._active.policy

    def decide(self, context: CallContext) -> Decision:
        if self._clock() >= self._next:
            self.refresh()
        return self._active.decide(context)

    def resolve(self, symbol: str, *, tags: frozenset[str] | None = None, tenant: str = "") -> Decision | None:
        """
        Args:
            tags, tenant: of all calls of the function, when they are known where it is bound: more can be decided there then.
        """
        active = self._active
        known = active.symbol(symbol)
        return known.fixed if tags is None or known.fixed is not None else active.fixed_for(known, symbol, tags, tenant)

    def knows(self, symbol: str) -> bool:
        """Whether some rule may fit a call of a function: in a chain, the next engine is asked otherwise."""
        return bool(self._active.symbol(symbol).mask)

    def needs(self, symbol: str) -> frozenset[str]:
        """The fields of a `CallContext`, besides the symbol, that decisions for a function depend on; others may be left out."""
        return self._active.needs(symbol)

    def refusal(self, target: ExecTarget, context: CallContext) -> str | None:
        """Why the policy's limits refuse a target for a call; None when they do not. Asked again before each target is used."""
        return self._active.policy.refusal(target, context)

    def refusing_tenants(self, target: ExecTarget) -> list[str]:
        """Why tenants must not use a target, a text for each that has limits against it."""
        found = [limits.refusal(target) for limits in self._active.policy.tenants.values()]
        return [why for why in found if why is not None]

    @property
    def private_tags(self) -> frozenset[str]:
        """Tags of calls whose data never leaves the machine, for the policy or an engine that its rules hand over to."""
        return self._active.private_tags

    @property
    def max_in_flight(self) -> tuple[InFlight, ...]:
        """How many requests may be under way at once, by provider and target."""
        return self._active.policy.max_in_flight

    def run_budgets(self, tenant: str) -> list[tuple[str, Budget]]:
        """What a run on behalf of a tenant may use up: (whose limits these are, the limits)."""
        policy = self._active.policy
        limits = policy.tenants.get(tenant)
        found = [("the policy", policy.budget), *([(limits.whose, limits.budget)] if limits is not None else ())]
        return [(whose, budget) for whose, budget in found if budget]

    def for_hint(self, context: CallContext, hint: ExecTarget) -> Decision:
        """The decision for a call of a function with a hint: the hint, within the limits, with the settings of the rule."""
        if self._clock() >= self._next:
            self.refresh()
        return self._active.for_hint(context, hint)

    def add(self, record: CallRecord) -> None:
        """Let the engines that rules hand over to learn from a call, those that do."""
        for engine in self._active.learners:
            engine.add(record)

    def judged(self, function: str, target: str, right: bool) -> None:
        """Let them learn whether an answer was right."""
        for engine in self._active.learners:
            if hasattr(engine, "judged"):
                engine.judged(function, target, right)

    def equip(self, *equipment: Any) -> None:
        """Give the engines that rules hand over to what they may look up, those of a later version of the file too; see
        `DelegationEngine`."""
        self._equipment = equipment
        self._active.equip(equipment)

    def rule(self, context: CallContext) -> Rule | None:
        """The rule that decides a call."""
        return self._active.rule(context)

    def swap(self, policy: Policy) -> None:
        """Go by another policy from now on; functions are bound anew.

        Raises:
            ConfigError: an engine that it needs cannot be made; the old policy stays.
        """
        active = _Active(policy, self._make, self.tell)
        active.equip(self._equipment)
        self._active = active
        self.tell()

    def refresh(self, *, now: bool = False) -> bool:
        """Look whether the file has changed, at most every `PolicyFile.every_s` seconds; whether a new policy holds.

        A file that is wrong, or gone, leaves the old policy in force, and a warning says so once.

        Args:
            now: do not wait for the time to come.
        """
        file = self._file
        if file is None or not (now or self._clock() >= self._next) or not self._looking.acquire(blocking=False):
            return False
        try:
            self._next = self._clock() + file.every_s
            policy = file.changed()
            if policy is None:
                return False
            try:
                self.swap(policy)
            except RtfsError as error:
                file.refuse(error)
                return False
            return True
        finally:
            self._looking.release()


class _Symbol:
    """What is known of calls of one function.

    Attributes:
        mask: the rules that can fit them.
        fixed: the decision for all of them; None when it depends on the call.
        needs: what it depends on; None: not looked at yet.
        plans: (kinds of operands, tags, tenant) -> what to do; with the function's hint before them, the decision for it.
    """

    __slots__ = ("fixed", "mask", "needs", "plans", "salts")

    def __init__(self, mask: int) -> None:
        self.mask = mask
        self.fixed: Decision | None = None
        self.needs: frozenset[str] | None = None
        self.plans: dict[Any, Any] = {}
        self.salts: dict[str, int] = {}


class _Loose:
    """Rules that have to be looked at for each call: they ask for its length or its metadata."""

    __slots__ = ("rules",)

    def __init__(self, rules: list[Rule | None]) -> None:
        self.rules = rules


class _Active:
    """One policy with its index, its engines and what it remembers; replaced as a whole."""

    def __init__(self, policy: Policy, make: Make, changed: Callable[[], None]) -> None:
        self.policy = policy
        self.index = RuleIndex(policy)
        self.engines: dict[str, DelegationEngine] = {}
        for name in {rule.engine: None for rule in policy.rules if rule.engine is not None}:
            self.engines[name] = made = made_engine(policy, name, make)
            made.listen(changed)
        self.learners: tuple[Any, ...] = tuple([made for made in self.engines.values() if hasattr(made, "add")])
        self.private_tags = policy.private_tags.union(*[getattr(made, "private_tags", ()) for made in self.engines.values()])
        self._symbols: dict[str, _Symbol] = {}
        #: (label of the rule, private tags, tenant) -> what it says
        self._outcomes: dict[tuple[str, frozenset[str], str], Any] = {}
        self._limited = frozenset([name for name, limits in policy.tenants.items() if limits.any])
        for rule in (None, *policy.rules):  # so that the first call of each need not wait for it
            for tags in (_NO_TAGS, *[frozenset([tag]) for tag in policy.private_tags]):
                self._outcome(rule, tags, "")

    def equip(self, equipment: tuple[Any, ...] | None) -> None:
        for engine in self.engines.values():
            if equipment is not None and hasattr(engine, "equip"):
                engine.equip(*equipment)

    def decide(self, context: CallContext) -> Decision:
        known = self._symbols.get(context.symbol)
        if known is None:
            known = self.symbol(context.symbol)
        if known.fixed is not None:
            return known.fixed
        key = (context.fingerprint, context.tags, context.tenant)
        plan = known.plans.get(key)
        if plan is None:
            plan = self._plan(known, context)
            remember(known.plans, key, plan, _MOST_PLANS)
        if type(plan) is Decision:
            return plan
        return self._choose(known, plan, context)

    def _plan(self, known: _Symbol, context: CallContext) -> Any:
        mask = self.index.of_call(known.mask, context)
        lowest = mask & -mask
        if lowest & self.index.loose:
            return _Loose([self.policy.rules[i] for i in self.index.first(mask)])
        return self._outcome_for(self.policy.rules[lowest.bit_length() - 1] if mask else None, context)

    def _choose(self, known: _Symbol, plan: Any, context: CallContext) -> Decision:
        if type(plan) is _Loose:
            plan = self._outcome_for(_holding(plan.rules, context), context)
        if type(plan) is Split:
            salt = known.salts.get(plan.label)
            if salt is None:
                salt = known.salts[plan.label] = plan.salt(context.symbol)
            return plan.choose(context, salt)
        return self._ask(plan, context) if type(plan) is Rule else plan

    def _ask(self, rule: Rule, context: CallContext) -> Decision:
        """What the engine says that a rule hands over to."""
        refusal: Refusal = lambda target: self.policy.refusal(target, context)  # noqa: E731
        try:
            said = self.engines[rule.engine or ""].decide(context)
        except LimitExceeded:
            raise
        except Exception as error:  # somebody else's code: the rule's fallbacks are there for that
            reason = f"{rule.label} of {self.policy.source}: engine `{rule.engine}` failed: {type(error).__name__}: {error}"
            return described(ranked(rule.fallbacks, refusal), reason, rule.settings)
        return checked(self.policy, rule, said, refusal)

    def _outcome_for(self, rule: Rule | None, context: CallContext) -> Any:
        tenant = context.tenant if context.tenant in self._limited else ""
        return self._outcome(rule, context.tags & self.policy.private_tags, tenant)

    def _outcome(self, rule: Rule | None, private: frozenset[str], tenant: str) -> Any:
        """A Decision, a Split, or the rule itself when its engine has to be asked."""
        if rule is not None and rule.engine is not None:
            return rule
        key = ("" if rule is None else rule.label, private, tenant)
        found = self._outcomes.get(key)
        if found is None:
            context = CallContext("", tags=private, tenant=tenant)
            found = outcome(self.policy, rule, lambda target: self.policy.refusal(target, context))
            self._outcomes[key] = found
        return found

    def symbol(self, symbol: str) -> _Symbol:
        found = self._symbols.get(symbol)
        if found is None:
            found = _Symbol(self.index.of_symbol(symbol))
            found.fixed = self._fixed(found.mask)
            remember(self._symbols, symbol, found)
        return found

    def _fixed(self, mask: int) -> Decision | None:
        """The decision for all calls, when nothing about a call can change it."""
        if not mask:
            return self._outcome(None, _NO_TAGS, "")  # type: ignore[no-any-return]
        lowest = mask & -mask
        rule = self.policy.rules[lowest.bit_length() - 1]
        if lowest & self.index.bound or rule.engine is not None or len(rule.options) != 1:
            return None
        targets = (*rule.options[0].chain, *rule.fallbacks)
        if any(isinstance(t, RemoteModel) for t in targets):  # a private call would go elsewhere
            return None
        if self._limited and not all(isinstance(t, LocalPure) for t in targets):
            return None
        return self._outcome(rule, _NO_TAGS, "")  # type: ignore[no-any-return]

    def fixed_for(self, known: _Symbol, symbol: str, tags: frozenset[str], tenant: str) -> Decision | None:
        """The decision for all calls with these tags, when nothing about the operands can change it."""
        mask = self.index.of_program(known.mask, tags, tenant)
        lowest = mask & -mask
        rule = self.policy.rules[lowest.bit_length() - 1] if mask else None
        if rule is not None and (lowest & self.index.varying or rule.engine is not None):
            return None
        found = self._outcome_for(rule, CallContext(symbol, tags=tags, tenant=tenant))
        return found if type(found) is Decision else None

    def rule(self, context: CallContext) -> Rule | None:
        mask = self.index.of_call(self.symbol(context.symbol).mask, context)
        return _holding([self.policy.rules[i] for i in self.index.first(mask)], context)

    def needs(self, symbol: str) -> frozenset[str]:
        known = self.symbol(symbol)
        if known.needs is None:
            known.needs = self._needs(known)
        return known.needs

    def _needs(self, known: _Symbol) -> frozenset[str]:
        if known.fixed is not None:
            return frozenset()
        found = {"tags", "tenant"}
        for rule in self._rules(known.mask):
            conditions = rule.conditions
            if conditions.fingerprint is not None:
                found.add("fingerprint")
            if conditions.min_chars is not None or conditions.max_chars is not None:
                found.add("prompt_chars")
            if conditions.metadata is not None:
                found.add("metadata")
            if len(rule.options) > 1:
                found.add("semantic")
            if rule.engine is not None:
                found |= {"fingerprint", "semantic", "prompt_chars", "metadata", "runtime", "prompt"}
        return frozenset(found)

    def for_hint(self, context: CallContext, hint: ExecTarget) -> Decision:
        known = self.symbol(context.symbol)
        if known.mask & self.index.loose:
            return self._within(context, hint)
        key = (hint, context.fingerprint, context.tags, context.tenant)
        found = known.plans.get(key)
        if found is None:
            found = self._within(context, hint)
            remember(known.plans, key, found, _MOST_PLANS)
        return found  # type: ignore[no-any-return]

    def _within(self, context: CallContext, hint: ExecTarget) -> Decision:
        return within_hint(self.policy, self.rule(context), hint, lambda target: self.policy.refusal(target, context))

    def _rules(self, mask: int) -> list[Rule]:
        return [rule for i, rule in enumerate(self.policy.rules) if mask >> i & 1]


def _holding(rules: list[Rule | None] | list[Rule], context: CallContext) -> Rule | None:
    """The first rule whose conditions on length and metadata hold."""
    for rule in rules:
        if rule is not None and rule.conditions.misses_loosely(context) is None:
            return rule
    return None


def made_engine(policy: Policy, name: str, make: Make = engine_named) -> DelegationEngine:
    """An engine that the rules of a policy may hand over to.

    Raises:
        ConfigError: it cannot be made; has the place in the file.
    """
    engine = policy.engines[name]
    whose = f"engine `{name}` of {policy.source}"
    try:
        return make(engine.use, dict(engine.options))
    except RtfsError as error:
        raise ConfigError(f"{whose}: {error.message}", kind="invalid-policy", span=engine.span, hint=error.hint) from error
    except Exception as error:  # somebody else's code
        said = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{whose} cannot be made: {said}", kind="invalid-policy", span=engine.span) from error
