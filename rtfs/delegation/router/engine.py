"""The costed router: the target with the best score, among those that no limit forbids.

    score = quality weight x quality - latency weight x latency / latency scale - cost weight x tokens / token scale

Quality is the calibrated probability of a right answer, times the share of requests that end in an answer at all; latency and
tokens are means of what calls have shown; both quotients end at 1.  Tokens of a target count by its price: as many as the dearest
target would give for the same money.  Limits come first: what they reject has no score.

With `escalate`, targets are asked from the cheapest on, and an answer that is less sure than that leads to the next.

Source: R = wq·quality − wl·latency_norm − wt·tokens_norm, source document 000, sections 5 and 3.1.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

from rtfs.delegation.context import CallContext, hash_64
from rtfs.delegation.engine import Alternative, Decision, Listeners
from rtfs.delegation.record import CallRecord
from rtfs.delegation.router.experience import COMPLETION, LATENCY, PRIOR_CALLS, PROMPT, QUALITY, USABLE, Experience
from rtfs.delegation.router.quality import QualityModel
from rtfs.delegation.settings import DEFAULTS
from rtfs.delegation.tags import PRIVATE
from rtfs.delegation.targets import LOCAL, ExecTarget, LocalModel, ModelTarget, RemoteModel, parse_target
from rtfs.errors import ConfigError
from rtfs.values.struct import Struct

#: What earlier calls have shown; what a target costs, dollars for a million tokens of prompts and of answers.
Past = Callable[[], Experience]
Prices = Callable[[ModelTarget], "tuple[float, float] | None"]

#: Tokens for each character of the operands, and those that a request has around them; a high estimate, like that of budgets.
_TOKENS_PER_CHAR = 0.4
_TOKENS_AROUND = 80
#: Records are taken in one by one, and decisions are others after so many of them.
PUBLISH_EVERY = 50


class Weights(Struct):
    """What counts how much, and what counts as slow and as long.

    Attributes:
        quality, latency, cost: weights, from 0 on.
        latency_scale_s: seconds that count as 1.
        token_scale: tokens of the dearest target that count as 1.
    """

    quality: float = 1.0
    latency: float = 0.1
    cost: float = 0.2
    latency_scale_s: float = 10.0
    token_scale: float = 4_000.0


class Limits(Struct):
    """What no target may go beyond; None: no limit.

    Attributes:
        latency_s: seconds that a call may be expected to take.
        usd: dollars that a call may be expected to cost; a target whose price is not known is beyond it.
        private_tags: tags besides `private` whose calls stay on this machine.
    """

    latency_s: float | None = None
    usd: float | None = None
    private_tags: frozenset[str] = frozenset()


class Candidate(Struct):
    """A target, and what is expected of it before anything was observed.

    Attributes:
        quality: probability of a right answer.
        latency_s: seconds for a request.
        completion_tokens: of an answer.
        context_tokens: most tokens of prompt and answer together; None when there is no limit.
        price: dollars for a million tokens of the prompt and of the answer; None: what the table of prices says.
    """

    target: ModelTarget
    quality: float = 0.5
    latency_s: float = 1.0
    completion_tokens: float = 64.0
    context_tokens: int | None = None
    price: tuple[float, float] | None = None

    @classmethod
    def of(cls, target: ExecTarget | str, **expected: object) -> Candidate:
        """A candidate from the text of its target, `local:smollm2`; a local model costs nothing.

        Raises:
            ConfigError: it is not the text of a model.
        """
        found = parse_target(target) if isinstance(target, str) else target
        if not isinstance(found, ModelTarget):
            raise ConfigError(f"`{found}` is no model", hint="the function's own body comes after all targets anyway")
        if isinstance(found, LocalModel):
            expected.setdefault("price", (0.0, 0.0))
        return cls(found, **expected)  # type: ignore[arg-type]


class Estimate(Struct):
    """What is expected of one target for one call.

    Attributes:
        quality: probability of an answer that can be used and is right.
        fitted: whether that comes from outcomes, and not from what was said beforehand.
        tokens: of prompt and answer.
        usd: None when its price is not known.
        rejected: the limit that forbids it, and why.
        score: None when a limit forbids it.
    """

    candidate: Candidate
    quality: float
    fitted: bool
    latency_s: float
    tokens: float
    usd: float | None
    rejected: str | None
    score: float | None

    @property
    def target(self) -> ModelTarget:
        return self.candidate.target


class CostedRouter(Listeners):
    """Decides by quality, latency and cost. Safe to ask, and to give records to, from several threads.

    Args:
        candidates: the models to choose from.
        model: predicts their quality from the prompt; without it quality is what `judged` and calibrated confidences have shown.
        escalate: ask from the cheapest on, and accept an answer from this confidence on.
        explore: the share of calls for which a target is drawn by lot, all alike; their propensity is in the decision.
        experience: what was learnt before; taken over, and not changed.
    Raises:
        ConfigError: no candidates, one given twice, or a number out of its range.
    """

    name = "costed"

    def __init__(
        self,
        candidates: Iterable[Candidate],
        *,
        weights: Weights = Weights(),  # noqa: B008 -- immutable
        limits: Limits = Limits(),  # noqa: B008
        model: QualityModel | None = None,
        escalate: float | None = None,
        explore: float = 0.0,
        experience: Experience | None = None,
    ) -> None:
        super().__init__()
        self.candidates = tuple(candidates)
        self.weights = weights
        self.limits = limits
        self.model = model
        self.escalate = escalate
        self.explore = explore
        _check(self)
        self.private_tags = limits.private_tags | {PRIVATE}
        self._remembers = experience is not None
        #: What `equip` was given, until the first decision.
        self._equipment: tuple[Past, Prices] | None = None
        self._names = {one.target: _name_in(model, one.target) for one in self.candidates}
        self._dearest = _dearest(self.candidates)
        self._lock = threading.Lock()
        self._learning = experience.copy() if experience is not None else Experience()
        self._known = self._learning.copy()
        self._unpublished = 0

    # --- decisions ---

    def needs(self, symbol: str) -> frozenset[str]:
        """The fields of a context that decisions depend on; see `PolicyEngine.needs`."""
        return frozenset({"tags", "prompt_chars", *(("prompt",) if self.model else ()), *(("semantic",) if self.explore else ())})

    def resolve(self, symbol: str, *, tags: frozenset[str] | None = None, tenant: str = "") -> Decision | None:
        """None: it always depends on the operands."""
        return None

    def decide(self, context: CallContext) -> Decision:
        estimates = self.estimates(context)
        allowed = [one for one in estimates if one.rejected is None]
        rejected = tuple([Alternative(one.target, rejected=one.rejected) for one in estimates if one.rejected is not None])
        if not allowed:
            return Decision(LOCAL, "limits reject every target", alternatives=rejected, engine=self.name)
        ranked = self._by_cost(allowed) if self.escalate is not None else sorted(allowed, key=_by_score)
        chosen, propensity = self._drawn(ranked, context)
        after = [one for one in ranked if one is not chosen]
        settings = DEFAULTS
        if self.escalate is not None:
            settings = settings.replace(accept_above=self.escalate)
        return Decision(
            chosen.target,
            self._reasoning(chosen, ranked, propensity),
            confidence=chosen.quality if chosen.fitted else None,
            fallbacks=tuple([one.target for one in after]),
            alternatives=(*[Alternative(one.target, one.score) for one in after], *rejected),
            settings=settings,
            propensity=propensity,
            engine=self.name,
        )

    def equip(self, past: Past, prices: Prices) -> None:
        """Give the router what it may look up before its first decision.

        Args:
            past: what earlier calls have shown; not asked where the router was made with an experience.
            prices: what a target costs whose candidate does not say so.
        """
        self._equipment = past, prices

    def _look_up(self) -> None:
        with self._lock:
            if self._equipment is None:  # another thread was quicker
                return
            past, prices = self._equipment
            try:
                known = [one if one.price is not None else one.replace(price=prices(one.target)) for one in self.candidates]
                self.candidates = tuple(known)
                self._dearest = _dearest(self.candidates)
                if not self._remembers:
                    self._learning = past()
                    self._known = self._learning.copy()
            finally:  # last: whoever sees that there is none decides by what was found
                self._equipment = None

    def estimates(self, context: CallContext) -> list[Estimate]:
        """What is expected of each candidate for a call, in the order in which they were given."""
        if self._equipment is not None:
            self._look_up()
        predicted = self.model.predict(context.prompt, context.symbol) if self.model is not None else {}
        return [self._estimate(one, context, predicted) for one in self.candidates]

    def _estimate(self, one: Candidate, context: CallContext, predicted: Mapping[str, float]) -> Estimate:
        known, function, target = self._known, context.symbol, one.target.printed
        name = self._names[one.target]
        if name is not None and name in predicted:
            quality, fitted = predicted[name], True
        else:
            quality = known.estimate(QUALITY, function, target, one.quality)
            fitted = known.calls(QUALITY, function, target) >= PRIOR_CALLS
        quality *= known.estimate(USABLE, function, target, 1.0)
        prompt = context.prompt_chars * _TOKENS_PER_CHAR + _TOKENS_AROUND
        if not context.prompt_chars:  # nobody measured this one: like others of the function
            prompt = known.estimate(PROMPT, function, target, prompt)
        completion = known.estimate(COMPLETION, function, target, one.completion_tokens)
        usd = None if one.price is None else (prompt * one.price[0] + completion * one.price[1]) / 1e6
        latency_s = known.estimate(LATENCY, function, target, one.latency_s)
        rejected = self._rejected(one, context, latency_s, prompt + completion, usd)
        score = None if rejected is not None else self._score(quality, latency_s, prompt + completion, usd)
        return Estimate(one, quality, fitted, latency_s, prompt + completion, usd, rejected, score)

    def refusal(self, target: ExecTarget, context: CallContext) -> str | None:
        """Why a limit forbids a target for a call; None when none does. Asked again before each target is used."""
        one = next((one for one in self.candidates if one.target == target), None)
        if one is None:  # by a function's hint: the router's limits are about its own targets, but private is private
            return self._private(target, context)
        return self._estimate(one, context, {}).rejected  # no limit looks at the quality

    def _private(self, target: ExecTarget, context: CallContext) -> str | None:
        private = context.tags & self.private_tags
        if private and isinstance(target, RemoteModel):
            return f"privacy: a call tagged {', '.join(sorted(private))} does not leave the machine"
        return None

    def _rejected(self, one: Candidate, context: CallContext, latency_s: float, tokens: float, usd: float | None) -> str | None:
        limits, window = self.limits, one.context_tokens
        private = self._private(one.target, context)
        if private is not None:
            return private
        if window is not None and tokens > window:
            return f"context length: about {tokens:,.0f} tokens, and it takes {window:,}"
        if limits.latency_s is not None and latency_s > limits.latency_s:
            return f"latency: {latency_s:.3g} s expected, {limits.latency_s:g} s allowed"
        if limits.usd is not None and usd is None:
            return "cost: its price is not known"
        if limits.usd is not None and usd is not None and usd > limits.usd:
            return f"cost: ${usd:.3g} expected, ${limits.usd:g} allowed"
        return None

    def _score(self, quality: float, latency_s: float, tokens: float, usd: float | None) -> float:
        weights = self.weights
        if usd is not None and self._dearest:  # an unknown price counts as the highest; without prices all tokens are alike
            tokens = usd * 1e6 / self._dearest
        latency, cost = min(latency_s / weights.latency_scale_s, 1.0), min(tokens / weights.token_scale, 1.0)
        return weights.quality * quality - weights.latency * latency - weights.cost * cost

    def _by_cost(self, allowed: list[Estimate]) -> list[Estimate]:
        """From the cheapest on; those that are expected to be no better than a cheaper one come last."""
        order = sorted(allowed, key=lambda one: (float("inf") if one.usd is None else one.usd, one.latency_s))
        better: list[Estimate] = []
        for one in order:
            if not better or one.quality > better[-1].quality:
                better.append(one)
        return better + [one for one in order if one not in better]

    def _drawn(self, ranked: list[Estimate], context: CallContext) -> tuple[Estimate, float]:
        """The target to be asked and its propensity. Drawn by a hash of the call: the same call, the same target."""
        if not self.explore or len(ranked) == 1:
            return ranked[0], 1.0
        share = self.explore / len(ranked)
        part = hash_64("explore", context.symbol, str(context.semantic or context.fingerprint), context.prompt) / 2**64
        drawn = int(part / share) if part < self.explore else 0
        return ranked[drawn], share + (1 - self.explore if drawn == 0 else 0.0)

    def _reasoning(self, chosen: Estimate, ranked: list[Estimate], propensity: float) -> str:
        cost = "unknown cost" if chosen.usd is None else f"${chosen.usd:.3g}"
        said = f"quality {chosen.quality:.2f}, {chosen.latency_s:.3g} s, {cost}: score {chosen.score:.3f}"
        if chosen is not ranked[0]:
            return f"exploring, {propensity:.3g} of the calls; {said}"
        if self.escalate is not None:
            return f"the cheapest; {said}" + (f"; below {self.escalate:g} the next is asked" if len(ranked) > 1 else "")
        best = f"; the next, {ranked[1].target.printed}, has {ranked[1].score:.3f}" if len(ranked) > 1 else ""
        return said + best

    # --- learning ---

    def add(self, record: CallRecord) -> None:
        """Learn from a call; a `RecordSink`. Decisions change after every `PUBLISH_EVERY` records, or with `publish`."""
        with self._lock:
            self._learning.learn(record)
            self._unpublished += 1
            due = self._unpublished >= PUBLISH_EVERY
        if due:
            self.publish()

    def judged(self, function: str, target: ExecTarget | str, right: bool) -> None:
        """Learn whether an answer was right, from somebody who knows."""
        printed = (parse_target(target) if isinstance(target, str) else target).printed
        with self._lock:
            self._learning.observe(QUALITY, function, printed, float(right))
            self._unpublished += 1

    def publish(self) -> None:
        """Decide by everything learnt so far from now on; listeners are told."""
        with self._lock:
            self._known = self._learning.copy()
            self._unpublished = 0
        self.tell()

    @property
    def experience(self) -> Experience:
        """A copy of what was learnt, to be kept."""
        with self._lock:
            return self._learning.copy()


def _dearest(candidates: Iterable[Candidate]) -> float:
    """Dollars for a million tokens of the dearest target; 0 when nothing costs anything."""
    return max([max(one.price) for one in candidates if one.price is not None], default=0.0)


def _by_score(one: Estimate) -> tuple[float, float]:
    assert one.score is not None
    return -one.score, one.usd or 0.0


def _name_in(model: QualityModel | None, target: ModelTarget) -> str | None:
    """What a model of outcomes calls a target: its id, or as it is printed."""
    if model is None:
        return None
    return next((name for name in (target.printed, target.model) if name in model.models), None)


def _check(router: CostedRouter) -> None:
    weights, targets = router.weights, [one.target for one in router.candidates]
    if not targets:
        raise ConfigError("a router needs targets to choose from")
    if len(set(targets)) != len(targets):
        raise ConfigError("a router's targets must differ")
    if min(weights.quality, weights.latency, weights.cost) < 0 or min(weights.latency_scale_s, weights.token_scale) <= 0:
        raise ConfigError("weights must not be negative, and scales must be positive")
    if not 0 <= router.explore <= 1 or (router.escalate is not None and not 0 <= router.escalate <= 1):
        raise ConfigError("`explore` and `escalate` must be from 0 to 1")
