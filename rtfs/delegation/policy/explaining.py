"""Why a call goes where it goes: every rule before the one that decides, and every target that the policy knows."""

from __future__ import annotations

from rtfs.caching.wish import CacheWish
from rtfs.delegation.policy.engine import PolicyEngine
from rtfs.delegation.policy.model import written
from rtfs.delegation.targets import LOCAL
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.delegation.context import CallContext
    from rtfs.delegation.engine import Decision
    from rtfs.delegation.targets import ExecTarget


class Verdict(Struct):
    """What becomes of one target.

    Attributes:
        state: `taken`, `fallback`, `rejected`, `not taken` (its share of the calls, or its score, was not this call's), or
            `not asked` (the rule does not name it).
        score: what the engine thought of it; of weights, its share of the calls.
        reason: why it is rejected.
    """

    target: ExecTarget
    state: str
    score: float | None = None
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {"target": self.target.printed, "state": self.state, "score": self.score, "reason": self.reason}


class Explanation(Struct):
    """A decision with everything that led to it.

    Attributes:
        shapes: the kinds of the operands.
        rule: what the rule that decides is called, and where it stands; None when no rule fits.
        passed: the rules before it, and why they do not fit.
        hint: the function's own hint, which came first; None when it has none.
        verdicts: first those that are asked, in that order; the function's own body, which comes last of all, is only in
            them when it is what is taken.
    """

    context: CallContext
    shapes: tuple[str, ...]
    decision: Decision
    rule: tuple[str, str] | None
    passed: tuple[tuple[str, str, str], ...]
    hint: ExecTarget | None
    verdicts: tuple[Verdict, ...]

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        context, settings = self.context, self.decision.settings
        return {
            "function": context.symbol,
            "args": list(self.shapes),
            "fingerprint": f"{context.fingerprint:016x}",
            "tags": sorted(context.tags),
            "tenant": context.tenant or None,
            "hint": self.hint.printed if self.hint is not None else None,
            "rule": None if self.rule is None else {"name": self.rule[0], "at": self.rule[1]},
            "passed": [{"rule": label, "at": at, "reason": reason} for label, at, reason in self.passed],
            "decision": self.decision.to_dict(),
            "targets": [verdict.to_dict() for verdict in self.verdicts],
            "settings": {name: getattr(settings, name) for name in settings._fields}
            | {
                "budget": dict(settings.budget),
                "cache": settings.cache.to_dict() if isinstance(settings.cache, CacheWish) else settings.cache,
                "patterns": None if settings.patterns is None else len(settings.patterns),
            },
        }


def explain(
    engine: PolicyEngine, context: CallContext, shapes: tuple[str, ...] = (), hint: ExecTarget | None = None
) -> Explanation:
    """Decide a call as the engine does, and say why.

    Args:
        shapes: the kinds of the operands, as `context.shape_of` writes them.
        hint: of the function, when it has one.
    """
    policy = engine.policy
    decision = engine.decide(context) if hint is None else engine.for_hint(context, hint)
    rule = engine.rule(context)
    passed = []
    for other in policy.rules:
        if other is rule:
            break
        passed.append((other.label, str(other.span), other.conditions.misses(context) or ""))
    verdicts = [Verdict(decision.target, "taken", decision.propensity if decision.propensity < 1 else None)]
    verdicts += [Verdict(target, "fallback") for target in decision.fallbacks]
    for one in decision.alternatives:
        verdicts.append(Verdict(one.target, "rejected" if one.rejected else "not taken", one.score, one.rejected))
    known: list[ExecTarget] = [target for chain in policy.targets.values() for target in chain]
    known += [target for other in policy.rules for option in other.options for target in (*option.chain, *other.fallbacks)]
    told = {verdict.target for verdict in verdicts}
    for target in dict.fromkeys(known):
        if target not in told and target != LOCAL:
            reason = engine.refusal(target, context)
            verdicts.append(Verdict(target, "rejected" if reason else "not asked", reason=reason))
    where = None if rule is None else (rule.label, str(rule.span))
    return Explanation(context, shapes, decision, where, tuple(passed), hint, tuple(verdicts))


def lines(explanation: Explanation) -> list[str]:
    """An explanation for people."""
    context, decision = explanation.context, explanation.decision
    about = [f"tagged {', '.join(sorted(context.tags))}"] if context.tags else []
    about += [f"tenant {context.tenant}"] if context.tenant else []
    head = f"{context.symbol}{': ' + '; '.join(about) if about else ''}"
    out = [head]
    if explanation.shapes:
        out.append(f"  args      {', '.join(explanation.shapes)}")
    if explanation.hint is not None:
        out.append(f"  hint      {written(explanation.hint)}: the function's own, which no rule widens")
    if explanation.rule is not None:
        out.append(f"  rule      {_bare(explanation.rule[0])} ({explanation.rule[1]})")
    else:
        out.append("  rule      none fits: the function's own body runs")
    out += [f"  passed    {_bare(label)} ({at}): {reason}" for label, at, reason in explanation.passed]
    names = [written(verdict.target) for verdict in explanation.verdicts]
    width = max(len(name) for name in names)
    for name, verdict in zip(names, explanation.verdicts, strict=True):
        score = "" if verdict.score is None else f"  score {verdict.score:.3g}"
        reason = f": {verdict.reason}" if verdict.reason else ""
        out.append(f"  target    {name:<{width}}  {verdict.state}{reason}{score}")
    if decision.target != LOCAL:
        out.append("  last      the function's own body")
    out.append(f"  why       {decision.reasoning}")
    set_ = [f"{name} {_plain(getattr(decision.settings, name))}" for name in _shown(decision)]
    return [*out, f"  settings  {', '.join(set_)}"] if set_ else out


def _shown(decision: Decision) -> list[str]:
    return [name for name in decision.settings._fields if getattr(decision.settings, name) not in (None, ())]


def _plain(value: Any) -> str:
    if isinstance(value, tuple):  # a budget
        return " ".join([f"{name} {_plain(limit)}" for name, limit in value])
    if isinstance(value, CacheWish):
        return _plain(tuple(value.to_dict().items()))
    if isinstance(value, dict):  # of errors, by kind
        return " ".join([f"{name} {_plain(seconds)}" for name, seconds in value.items()])
    if type(value).__name__ == "RuleSet":
        return f"{len(value)} of this policy"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _bare(label: str) -> str:
    return label.removeprefix("rule ")
