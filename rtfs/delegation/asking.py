"""Asks one target: its provider, a re-ask when the reply does not fit the type, retries when a failure may pass.

    registry.resolve ─▶ place ─▶ provider.complete ─▶ coerce (repairs) ─▶ value
                          ▲  ▲                            │ does not fit
                          │  └───────── one re-ask ◀──────┘
                          └── retries, after a pause that doubles, or that the server asks for

Each request waits for a place at its provider (`places`).  The time that it may take begins when it has one; that of the run and of
its budgets goes on meanwhile.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rtfs.delegation.breaker import Breakers
from rtfs.delegation.budget import Budget
from rtfs.delegation.confidence import Confidences
from rtfs.delegation.options import CallOptions
from rtfs.delegation.places import NOWHERE, Places
from rtfs.delegation.record import Attempt
from rtfs.delegation.settings import CallSettings
from rtfs.delegation.spending import Charge, Spending
from rtfs.delegation.targets import ModelTarget
from rtfs.delegation.tools import ToolBox
from rtfs.delegation.trace import Answer, Misfit, Trace
from rtfs.delegation.watching import Watcher, watched
from rtfs.errors import DelegationError, LimitExceeded, RtfsError
from rtfs.models.protocol import ModelProvider, ModelRequest, Parameter, PreviousTry, ToolsRefused
from rtfs.models.registry import ModelRegistry
from rtfs.models.typed_tools import by_types, step_of
from rtfs.semantics.protocols import DelegatedCall
from rtfs.semantics.stopping import Stopped
from rtfs.types.coercion import CoercionError, coerce

if TYPE_CHECKING:
    from rtfs.delegation.cached import CachedReplies

#: Seconds; a server that asks to wait longer is not waited for.
LONGEST_WAIT_S = 30.0


class Asking:
    """See the module. Safe to use from several threads at once.

    Args:
        spending: reserves what each request may cost.
        replies: answers from what was answered before; None: models are always asked.
        redact: takes secrets out of texts that came from outside.
        timer: seconds, monotonic.
        sleep: waits for seconds.
        jitter: a number in [0, 1).
        confidences: what scores are worth; nothing is known of any when None.
        places: how many requests are under way at once; as many as there are calls when None.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        breakers: Breakers,
        spending: Spending,
        *,
        redact: Callable[[str], str],
        replies: CachedReplies | None = None,
        timer: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        confidences: Confidences | None = None,
        places: Places | None = None,
    ) -> None:
        self._registry = registry
        self._places = places
        #: The runtime is closed, be the models open or not.
        self.is_over = False
        self.breakers = breakers
        self._spending = spending
        self._redact = redact
        self._replies = replies
        self._timer = timer
        self._sleep = sleep
        self._jitter = jitter
        self._confidences = confidences or Confidences()
        self._without_tools: set[tuple[str, str]] = set()  # (provider, model) that refused tools in the way of its protocol

    def is_instant(self, target: ModelTarget) -> bool:
        """Whether a target answers without waiting for anything, if only that it cannot be asked."""
        try:
            return bool(getattr(self._registry.resolve(target.kind, target.model), "instant", False))
        except DelegationError:
            return True

    def ask(self, call: DelegatedCall, target: ModelTarget, options: CallOptions, settings: CallSettings, trace: Trace) -> Answer:
        """The answer of a target.

        Raises:
            DelegationError: it gave none that can be used.
            LimitExceeded: a budget does not allow to ask it, or to ask again.
        """
        if self._replies is None:
            return self._ask_model(call, target, options, settings, trace, None)
        provider, request = self._prepared(call, target, options, settings, trace)
        answer = self._replies.answer(
            call, target, provider, request, options, settings, trace,
            lambda request: self._ask_model(call, target, options, settings, trace, (provider, request)),
        )  # fmt: skip
        if answer.cached is not None:
            answer.confidence = self._confidences.of(request.function, target.printed, answer.reply.score, trace.version)
        return answer

    def _ask_model(
        self,
        call: DelegatedCall,
        target: ModelTarget,
        options: CallOptions,
        settings: CallSettings,
        trace: Trace,
        prepared: tuple[ModelProvider, ModelRequest] | None,
    ) -> Answer:
        """The same, whatever caches there are."""
        name = target.printed
        if not self.breakers.allows(name):
            raise self._left_alone(target, trace)
        begin, patience_s, waits = self._timer(), math.inf, [0.0]
        try:
            provider, request = prepared or self._prepared(call, target, options, settings, trace)
            patience_s = request.timeout_s
            answer = self._tries(call, target, provider, request, settings, trace, waits)
        except DelegationError as error:
            if not error.retryable:
                self.breakers.ignored(name)
            trace.budget.check_time()  # where its own time was over, that is no answer to others who ask the same
            error.of_caller = error.of_caller or self._timer() - begin - sum(waits) >= patience_s
            raise
        except BaseException:
            self.breakers.ignored(name)
            raise
        self.breakers.succeeded(name)
        return answer

    def _left_alone(self, target: ModelTarget, trace: Trace) -> DelegationError:
        """The error for a target whose breaker is open."""
        problem = f"{spoken(target)} failed {self.breakers.threshold} times in a row and is left alone for a while"
        trace.attempts.append(Attempt(provider=trace.provider or "", target=target.printed, outcome="skipped", problem=problem))
        error = DelegationError(problem, kind="model-unavailable", retryable=True)
        error.of_caller = True
        return error

    def _prepared(
        self, call: DelegatedCall, target: ModelTarget, options: CallOptions, settings: CallSettings, trace: Trace
    ) -> tuple[ModelProvider, ModelRequest]:
        """Who is asked, and what."""
        if self.is_over:
            closed = DelegationError("the runtime is closed", kind="model-unavailable")
            closed.of_caller = True
            raise closed
        provider = self._registry.resolve(target.kind, target.model)
        trace.provider = provider.name
        request = request_of(call, target, options, settings, trace.tools)
        served = self._registry.served_id(target.model)
        if served != target.model:
            request = replace(request, model=served)
        return provider, request

    def _tries(
        self,
        call: DelegatedCall,
        target: ModelTarget,
        provider: ModelProvider,
        request: ModelRequest,
        settings: CallSettings,
        trace: Trace,
        waits: list[float],
    ) -> Answer:
        """The answer, at last.

        Args:
            waits: is told of the seconds that a place was waited for.
        """
        left_s = trace.budget.remaining_s()
        deadline = self._timer() + (request.timeout_s if left_s is None else min(request.timeout_s, left_s))
        retries = 0 if self.breakers.is_shaken(target.printed) else settings.retries
        wait_s = settings.backoff_s
        while True:
            place, waited_s = self._placed(call, provider, target, request.model, trace)
            try:
                with place:
                    if waited_s:
                        waits.append(waited_s)
                        deadline += waited_s
                        request = self._in_time_of_run(request, trace)
                    # a hedge that waited for the first request to give back what it does not need would come too late
                    return self._attempt(provider, target, request, trace, call.watcher, patient=settings.hedge_after_s is None)
            except ToolsRefused:
                if not self._calls_tools(provider, request.model):
                    raise
                self._without_tools.add((provider.name, request.model))  # it says so once: calls are asked for as typed results now
            except Misfit as misfit:
                if request.previous is not None:
                    raise DelegationError(
                        f"the reply of {spoken(target)} does not fit `{call.result}`: {misfit.previous.problem}",
                        kind="reply-mismatch" if misfit.previous.text.strip() else "empty-reply",
                        hint="say in the docstring what the result looks like, or give :examples",
                        data=misfit.previous.text,
                    ) from misfit.__cause__
                request = replace(request, previous=misfit.previous, answer_now=bool(request.tools))
            except DelegationError as error:
                if not error.retryable:
                    raise
                self.breakers.failed(target.printed)
                asked = error.retry_after_s
                pause_s = wait_s * (1 + self._jitter() / 2) if asked is None else asked
                left_s = deadline - self._timer() - pause_s
                if retries == 0 or pause_s > LONGEST_WAIT_S or left_s <= 0:
                    if asked is not None:
                        error.notes.append(f"the server asks to wait {asked:g} s")
                    raise
                if call.stop is None:
                    self._sleep(pause_s)
                elif call.stop.wait(pause_s):
                    raise Stopped from error
                retries -= 1
                wait_s *= 2
                request = replace(request, timeout_s=left_s)

    def _placed(
        self, call: DelegatedCall, provider: ModelProvider, target: ModelTarget, model: str, trace: Trace
    ) -> tuple[AbstractContextManager[Any], float]:
        """A place for one request, and the seconds that it was waited for.

        Raises:
            Stopped, LimitExceeded: as `Places.enter`; DelegationError: the target has begun to be left alone meanwhile.
        """
        if self._places is None:
            return NOWHERE, 0.0
        place = self._places.enter_now(provider, target, model)
        if place is not None:
            return place, 0.0
        begin = self._timer()
        until = trace.until
        place = self._places.enter(
            provider,
            target,
            model,
            trace.budget,
            left_s=lambda: None if until is None else max(0.0, until - self._timer()),
            stops=tuple([stop for stop in (call.stop, trace.settled) if stop is not None]),
            branch=call.branch,
        )
        if self.breakers.is_open(target.printed):
            with place:
                raise self._left_alone(target, trace)
        return place, self._timer() - begin

    def _in_time_of_run(self, request: ModelRequest, trace: Trace) -> ModelRequest:
        """The request, with no more time than the run has left."""
        left_s = None if trace.until is None else max(trace.until - self._timer(), 0.001)
        return request if left_s is None or left_s >= request.timeout_s else replace(request, timeout_s=left_s)

    def _attempt(
        self,
        provider: ModelProvider,
        target: ModelTarget,
        request: ModelRequest,
        trace: Trace,
        watcher: Watcher | None,
        *,
        patient: bool,
    ) -> Answer:
        """One request; its answer, or Misfit."""
        whole = request
        typed = bool(request.tools) and not self._calls_tools(provider, request.model)
        if typed:
            request = by_types(whole)
            watcher = None if not whole.answer_now else watcher  # what is written is a step, and not the value
        try:
            charge = self._spending.reserve(provider, request, trace.budget, local=target.kind == "local-model", patient=patient)
        except LimitExceeded as limit:
            refused = Attempt(provider=provider.name, target=target.printed, outcome="refused", problem=limit.message)
            trace.attempts.append(refused)
            raise
        request = in_time(request, trace.budget)
        if request.stop is not None and request.stop.is_set:  # while it waited for others to give back what they do not need
            charge.never_sent()
            raise Stopped
        begin = self._timer()
        trace.under_way[id(charge)] = (provider.name, target.printed, begin, charge)
        try:
            return self._requested(provider, target, request, whole if typed else None, trace, charge, begin, watcher)
        finally:
            trace.under_way.pop(id(charge), None)

    def _requested(
        self,
        provider: ModelProvider,
        target: ModelTarget,
        request: ModelRequest,
        whole: ModelRequest | None,
        trace: Trace,
        charge: Charge,
        begin: float,
        watcher: Watcher | None,
    ) -> Answer:
        """The same, once it is paid for; its attempt is in the trace when it is over.

        Args:
            whole: the request that is put as one for a typed result, to a model that cannot call tools.
        """
        try:
            with charge:
                reply = provider.complete(request) if watcher is None else watched(provider, request, watcher, charge)
                charge.answered(reply)
        except ToolsRefused:
            raise
        except BaseException as error:
            failed = Attempt(
                provider=provider.name,
                target=target.printed,
                outcome=error.kind if isinstance(error, DelegationError) else "interrupted",
                problem=self._redact(error.message) if isinstance(error, RtfsError) else type(error).__name__,
                prompt_tokens=charge.usage.prompt_tokens,
                completion_tokens=charge.usage.completion_tokens,
                latency_s=self._timer() - begin,
                cost_usd=charge.cost_usd,
            )
            trace.attempts.append(failed)
            raise
        printed = target.printed
        confidence = self._confidences.of(request.function, printed, reply.score, trace.version)
        cut = f"the answer was cut off after {request.max_tokens} tokens" if reply.finish_reason == "length" else None
        attempt = Attempt(
            provider=provider.name,
            target=printed,
            outcome="answered",
            problem=cut,
            prompt_tokens=reply.usage.prompt_tokens,
            completion_tokens=reply.usage.completion_tokens,
            latency_s=self._timer() - begin,
            score=reply.score,
            confidence=confidence,
            cost_usd=charge.cost_usd,
        )
        try:
            if not reply.calls:
                coerced = coerce(reply.text, request.result, names=request.aliases)
                if whole is not None and not whole.answer_now:
                    reply = step_of(coerced.value, reply, whole)
                    coerced = coerced if reply.calls else coerce(reply.text, whole.result, names=whole.aliases)
        except CoercionError as error:
            problem = f"{cut}; {error.problem}" if cut else error.problem
            outcome = "mismatch" if reply.text.strip() else "empty"
            trace.attempts.append(replace(attempt, outcome=outcome, problem=self._redact(problem)))
            raise Misfit(PreviousTry(text=reply.text, problem=problem)) from error
        if reply.calls:
            trace.attempts.append(replace(attempt, outcome="tools", score=None))
            return Answer(None, target, provider.name, reply, ())
        trace.attempts.append(attempt)
        return Answer(coerced.value, target, provider.name, reply, tuple(map(str, coerced.report.repairs)), confidence)

    def _calls_tools(self, provider: ModelProvider, model: str) -> bool:
        return getattr(provider, "calls_tools", False) and (provider.name, model) not in self._without_tools


def request_of(
    call: DelegatedCall, target: ModelTarget, options: CallOptions, settings: CallSettings, tools: ToolBox | None = None
) -> ModelRequest:
    """The question that a call is to a target.

    Args:
        tools: what the model may have called, and has had.
    """
    timeout_s = options.timeout_s if settings.timeout_s is None else settings.timeout_s
    if call.remaining_s is not None:
        timeout_s = min(timeout_s, max(call.remaining_s, 0.001))
    return ModelRequest(
        model=target.model,
        function=call.name,
        doc=call.doc,
        parameters=tuple(
            Parameter(name=name, type=type_, value=value)
            for (name, type_), value in zip(call.parameters, call.args, strict=True)
        ),
        result=call.result,
        aliases=call.aliases,
        examples=options.examples,
        rules=options.rules if settings.patterns is None else settings.patterns,
        max_tokens=options.max_tokens,
        temperature=options.temperature,
        seed=options.seed,
        timeout_s=timeout_s,
        stop=call.stop,
        tools=() if tools is None else tools.specs,
        rounds=() if tools is None else tools.rounds,
        answer_now=tools is not None and tools.is_over,
    )


def in_time(request: ModelRequest, budget: Budget) -> ModelRequest:
    """The request, with no more time than its budget has left."""
    left_s = budget.remaining_s()
    return request if left_s is None or left_s >= request.timeout_s else replace(request, timeout_s=max(left_s, 0.001))


_SPOKEN = {"local-model": "local model", "remote": "remote model"}
_LONGEST_REASON = 300  # characters in a line on stderr


def spoken(target: ModelTarget) -> str:
    return f"{_SPOKEN[target.kind]} {one_line(target.model)}"


def one_line(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST_REASON else line[:_LONGEST_REASON] + "…"
