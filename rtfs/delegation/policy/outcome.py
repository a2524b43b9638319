"""From a rule to decisions: which of its targets may be used, which of several is taken, what comes after it."""

from __future__ import annotations

from rtfs.delegation.context import hash_64
from rtfs.delegation.engine import Alternative, Decision
from rtfs.delegation.policy.model import Policy, Rule, written
from rtfs.delegation.settings import DEFAULTS, CallSettings
from rtfs.delegation.targets import LOCAL, ExecTarget, LocalModel, LocalPure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rtfs.delegation.context import CallContext

    #: Why a target may not be used; None when it may.
    Refusal = Callable[[ExecTarget], str | None]

ENGINE = "policy"
_MASK = 2**64 - 1


class Split:
    """Several decisions with their shares of the calls."""

    def __init__(self, label: str, decisions: list[Decision]) -> None:
        """
        Args:
            label: of the rule; two rules split calls independently of each other.
            decisions: their propensities are their shares, and sum up to 1.
        """
        self.label = label
        self.decisions = decisions
        self._bounds: list[int] = []
        total = 0.0
        for decision in decisions:
            total += decision.propensity
            self._bounds.append(round(total * 2**64))
        self._bounds[-1] = 2**64  # whatever rounding did

    def salt(self, symbol: str) -> int:
        """What `choose` needs to know of the symbol; 64 bits."""
        return hash_64(self.label, symbol)

    def choose(self, context: CallContext, salt: int) -> Decision:
        """The decision for a call: always the same for the same operands (or, when nobody hashed them, kinds of operands)."""
        x = (context.semantic or context.fingerprint) ^ salt
        # the finaliser of MurmurHash3: every bit of what came in changes about half of those that come out
        x = ((x ^ x >> 33) * 0xFF51AFD7ED558CCD) & _MASK
        x = ((x ^ x >> 33) * 0xC4CEB9FE1A85EC53) & _MASK
        x ^= x >> 33
        for bound, decision in zip(self._bounds, self.decisions, strict=True):
            if x < bound:
                return decision
        raise AssertionError("the last bound is above all")


def outcome(policy: Policy, rule: Rule | None, refusal: Refusal) -> Decision | Split:
    """What a rule says, for calls whose targets are refused in the same way; None: no rule fits."""
    if rule is None:
        return Decision(LOCAL, f"no rule of {policy.source} fits", 1.0, settings=policy.settings, engine=ENGINE)
    decisions: list[tuple[Decision, float]] = []
    refused: list[Alternative] = []
    for option in rule.options:
        decision = _decision(policy, rule, option.chain, refusal)
        if option.weight and (decision.target in option.chain or len(rule.options) == 1):
            decisions.append((decision, option.weight))
        else:  # a share whose targets are all refused goes to the others
            refused += [one for one in decision.alternatives if one.rejected and one.target in option.chain]
    if not decisions:
        only = _decision(policy, rule, tuple([target for option in rule.options for target in option.chain]), refusal)
        decisions = [(only, 1.0)]
    if len(rule.options) == 1:
        return decisions[0][0]
    total = sum(weight for _, weight in decisions)
    shares = [weight / total for _, weight in decisions]
    found = []
    for (decision, _), share in zip(decisions, shares, strict=True):
        others = [Alternative(d.target, round(s, 6)) for (d, _), s in zip(decisions, shares, strict=True) if d is not decision]
        known = {one.target for one in decision.alternatives}
        others += [one for one in refused if one.target not in known]
        reasoning = decision.reasoning
        if share < 1:
            reasoning += f"; {written(decision.target)} gets {share:.3g} of the calls"
        found.append(changed(decision, propensity=share, alternatives=(*decision.alternatives, *others), reasoning=reasoning))
    return found[0] if len(found) == 1 else Split(rule.label, found)


def _decision(policy: Policy, rule: Rule, chain: tuple[ExecTarget, ...], refusal: Refusal) -> Decision:
    return described(ranked((*chain, *rule.fallbacks), refusal), f"{rule.label} of {policy.source}", rule.settings)


def described(decision: Decision, reasoning: str, settings: CallSettings) -> Decision:
    """A decision of this engine; what it could not take is part of the reasoning."""
    refused = [f"; {written(one.target)} is refused: {one.rejected}" for one in decision.alternatives if one.rejected]
    reasoning += "".join(refused)
    return changed(decision, reasoning=reasoning, settings=settings, engine=ENGINE)


def changed(decision: Decision, **fields: object) -> Decision:
    found: Decision = decision.replace(**fields)
    return found


def ranked(targets: Iterable[ExecTarget], refusal: Refusal) -> Decision:
    """A decision for the first target that may be used, with those after it as fallbacks; the body when there is none."""
    taken: list[ExecTarget] = []
    refused: list[Alternative] = []
    for target in dict.fromkeys(targets):
        reason = refusal(target)
        if reason is not None:
            refused.append(Alternative(target, rejected=reason))
        else:
            taken.append(target)
            if isinstance(target, LocalPure):
                break  # the body always answers, or fails for good
    first, *rest = taken or [LOCAL]
    return Decision(first, confidence=1.0, fallbacks=tuple([t for t in rest if t != LOCAL]), alternatives=tuple(refused))


def checked(policy: Policy, rule: Rule, said: Decision, refusal: Refusal) -> Decision:
    """What another engine decided, within the policy's limits; the rule's own fallbacks come after its."""
    found = ranked((said.target, *said.fallbacks, *rule.fallbacks), refusal)
    known = {one.target for one in said.alternatives}
    settings = rule.settings
    if said.settings != DEFAULTS:
        settings = said.settings.replace(**{name: getattr(rule.settings, name) for name in rule.chosen})
    return changed(
        said,
        target=found.target,
        fallbacks=found.fallbacks,
        alternatives=(*said.alternatives, *[one for one in found.alternatives if one.target not in known]),
        reasoning=f"{rule.label} of {policy.source}, engine `{rule.engine}`: {said.reasoning}",
        settings=settings,
    )


def within_hint(policy: Policy, rule: Rule | None, hint: ExecTarget, refusal: Refusal) -> Decision:
    """The decision for a function that has a hint of its own, which is never widened.

    The hint is the target.  The rule adds what comes after it, of the hint's own side: after a local model no remote one.  The
    limits hold for a hint too: a private call does not leave the machine because a function says `:remote`.
    """
    settings = policy.settings if rule is None else rule.settings
    if isinstance(hint, LocalPure):
        return Decision(LOCAL, "the function's hint", 1.0, settings=settings, engine=ENGINE)
    after: tuple[ExecTarget, ...] = ()
    if rule is not None:
        after = rule.fallbacks
        for option in rule.options:
            if hint in option.chain:
                after = (*option.chain[option.chain.index(hint) + 1 :], *after)
                break
    if isinstance(hint, LocalModel):
        after = tuple([target for target in after if isinstance(target, (LocalModel, LocalPure))])
    named = "" if rule is None else f", with the settings of {rule.label} of {policy.source}"
    return described(ranked((hint, *after), refusal), f"the function's hint{named}", settings)
