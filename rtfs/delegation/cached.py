"""Replies from caches in the place of requests to models.

    call ─▶ question ─▶ caches ─▶ kept reply, coerced anew ─▶ value
                          │ nothing
                          └─▶ tries (`asking`): retries, re-asks ─▶ the reply that was of use ─▶ kept

An error takes the same way where function or policy have errors of its kind kept (`caching.wish`): it is raised anew, and what
comes after an error comes after it, the next target or the function's own body.

A hit asks nobody: it uses no tokens and no money, no breaker is told, and a model that is down still answers what it has answered
before.  It is one of the calls that a budget allows all the same: a loop that such a budget ends would have no end otherwise, and a
program would meet the limit in its first run and not in its second one.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rtfs.caching.kept_error import KeptError
from rtfs.caching.question import NOTHING, Kept, Question
from rtfs.caching.wish import MODES, CacheWish, says_nothing, seconds_of
from rtfs.delegation.allowance import ONE_CALL
from rtfs.delegation.record import Attempt
from rtfs.errors import DelegationError, LimitExceeded
from rtfs.models.protocol import ModelReply
from rtfs.types.coercion import CoercionError, coerce

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtfs.caching.manager import Answered, CacheManager
    from rtfs.delegation.options import CallOptions
    from rtfs.delegation.settings import CallSettings
    from rtfs.delegation.targets import ModelTarget
    from rtfs.delegation.trace import Answer, Trace
    from rtfs.models.protocol import ModelProvider, ModelRequest
    from rtfs.semantics.protocols import DelegatedCall

    #: Asks the model, with retries and re-asks.
    Ask = Callable[[ModelRequest], Answer]


_NO_REPLY = ModelReply(text="")


class CachedReplies:
    """Stands between a call and the model. Safe to use from several threads at once.

    Args:
        tenant: on whose behalf the program runs.
        redact: takes secrets out of texts that came from outside.
        clock: seconds since the epoch; timer: seconds, monotonic.
    """

    def __init__(
        self,
        caches: CacheManager,
        *,
        tenant: str = "",
        redact: Callable[[str], str] = str,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._caches = caches
        self._tenant = tenant
        self._redact = redact
        self._clock, self._timer = clock, timer

    def answer(
        self,
        call: DelegatedCall,
        target: ModelTarget,
        provider: ModelProvider,
        request: ModelRequest,
        options: CallOptions,
        settings: CallSettings,
        trace: Trace,
        ask: Ask,
    ) -> Answer:
        """The answer to a request: `ask`'s, or one made of a kept reply.

        Raises:
            What `ask` raises, or has raised before; LimitExceeded: a budget allows no further call.
        """
        begin = self._timer()
        # what a model has called depends on more than the question, and does something
        question = None if call.tools else self._question(call, provider, request, options, settings)
        if question is None:
            return ask(request)
        made: list[Answer | DelegationError] = []

        def asked(request: ModelRequest) -> Kept | KeptError:
            began, before = self._timer(), len(trace.attempts)
            if began - begin > _LONG_S:  # it waited for an equal call, which was given up
                request = replace(request, timeout_s=max(0.001, request.timeout_s - (began - begin)))
            try:
                answer = ask(request)
            except DelegationError as error:
                if not seconds_of(question.errors_s, error.kind):
                    raise
                took = self._took(target.printed, trace.attempts[before:], self._timer() - began)
                failure = KeptError.of(error, took, self._redact)
                if failure is None:
                    raise
                made.append(error)
                return failure
            made.append(answer)
            return self._kept(answer, trace.attempts[before:], self._timer() - began)

        found = self._caches.answer(question, asked, timeout_s=_patience_s(request, trace))
        if found.layer is None:
            trace.cache_note = found.note
            if isinstance(made[0], DelegationError):
                raise made[0]
            return made[0]
        if isinstance(found.kept, KeptError):
            self._charge(request, target, provider, trace)
            trace.attempts.append(self._attempt(target, provider, found, self._timer() - begin, self._redact(found.kept.message)))
            trace.kept_errors.append(found)
            raise found.kept.error()
        from rtfs.delegation.trace import Answer

        try:
            coerced = coerce(found.kept.text, request.result, names=request.aliases)
        except CoercionError:  # what was kept fitted the same type once; only a reply that somebody else put there does not
            self._caches.forget(found.key)
            return ask(request)
        self._charge(request, target, provider, trace)
        if call.watcher is not None:
            from rtfs.models.protocol import Chunk

            call.watcher.begin(request)
            call.watcher.take(Chunk(text=found.kept.text))
        trace.attempts.append(self._attempt(target, provider, found, self._timer() - begin))
        reply = found.kept.reply()
        repairs = tuple(map(str, coerced.report.repairs))
        return Answer(coerced.value, target, provider.name, reply, repairs, cached=found)

    def _charge(self, request: ModelRequest, target: ModelTarget, provider: ModelProvider, trace: Trace) -> None:
        try:
            trace.budget.reserve(ONE_CALL, patience_s=request.timeout_s).settle(ONE_CALL)
        except LimitExceeded as limit:
            refused = Attempt(provider=provider.name, target=target.printed, outcome="refused", problem=limit.message)
            trace.attempts.append(refused)
            raise

    def _question(
        self,
        call: DelegatedCall,
        provider: ModelProvider,
        request: ModelRequest,
        options: CallOptions,
        settings: CallSettings,
    ) -> Question | None:
        """What the caches are asked; None when they are not to be."""
        wish = options.cache if settings.cache is None else _wish(settings.cache, options.cache)
        mode = wish.mode or self._caches.default
        if mode == "none" or (request.temperature > 0 and mode != "sample"):
            return None
        of_provider = getattr(provider, "version", None)
        version = "" if of_provider is None else of_provider(request.model)
        key = None if version is None else self._caches.key(request, provider.name, version, self._tenant)
        if key is None:
            return None
        samples, errors_s = 1, wish.errors_s or ()
        if request.temperature > 0:  # an error may have come by chance there, and another one may not
            samples, errors_s = wish.samples or self._caches.samples, ()
        # by position, which is made in half the time
        return Question(
            request, provider.name, version, self._tenant, call.is_private, key, mode, samples, wish.min_confidence, wish.ttl_s,
            errors_s, wish.nothing_s,
        )  # fmt: skip

    def _kept(self, answer: Answer, attempts: list[Attempt], latency_s: float) -> Kept:
        """What is kept of an answer, with all that it took to get it."""
        reply = answer.reply
        return self._took(answer.target.printed, attempts, latency_s, reply, says_nothing(answer.value))

    def _took(
        self, target: str, attempts: list[Attempt], latency_s: float, reply: ModelReply = _NO_REPLY, nothing: bool = False
    ) -> Kept:
        """A reply with what a target took for it; without one, what it took for an error."""
        own = [attempt for attempt in attempts if attempt.target == target]
        if len(own) == 1:  # most often
            prompt, completion, cost = own[0].prompt_tokens, own[0].completion_tokens, own[0].cost_usd
            if cost is None and completion is None:
                cost = 0
        else:
            prompt = _sum([attempt.prompt_tokens for attempt in own])
            completion = _sum([attempt.completion_tokens for attempt in own])
            costs = [attempt.cost_usd for attempt in own if attempt.completion_tokens is not None or attempt.cost_usd is not None]
            cost = None if None in costs else sum([cost for cost in costs if cost is not None])
        return Kept(
            reply.text,
            prompt,
            completion,
            reply.score,
            reply.label_mass,
            reply.finish_reason,
            reply.model,
            latency_s,
            cost,
            self._clock(),
            {"tries": len(own), NOTHING: True} if nothing else {"tries": len(own)},
        )

    def _attempt(
        self, target: ModelTarget, provider: ModelProvider, found: Answered, latency_s: float, problem: str | None = None
    ) -> Attempt:
        return Attempt(
            provider=provider.name,
            target=target.printed,
            outcome="cached",
            problem=problem,
            prompt_tokens=0,
            completion_tokens=0,
            latency_s=latency_s,
            score=found.kept.score if type(found.kept) is Kept else None,
            cost_usd=0.0,
        )


#: Seconds of waiting from which on they count.
_LONG_S = 0.1


def _patience_s(request: ModelRequest, trace: Trace) -> float:
    """Seconds to wait for an equal call: no longer than the call's own budget allows."""
    left_s = trace.budget.remaining_s()
    return request.timeout_s if left_s is None else max(0.001, min(left_s, request.timeout_s))


def _sum(counts: list[int | None]) -> int | None:
    known: list[Any] = [count for count in counts if count is not None]
    return sum(known) if known else None


def _wish(of_policy: str | CacheWish, of_function: CacheWish) -> CacheWish:
    if type(of_policy) is str:
        of_policy = _BY_MODE.get(of_policy) or CacheWish(of_policy)
    return of_policy.over(of_function)  # type: ignore[union-attr]


_BY_MODE = {mode: CacheWish(mode) for mode in MODES}
