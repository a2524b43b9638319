"""Carries out a delegated call: asks its targets in order, and last runs the function's own body.

    hint or engine ─▶ target ─▶ answer ─▶ sure enough? ─▶ value
                        ▲ fails, or not sure enough
                        └─ next target of the chain          then: the function's own body, or an error when `:strict true`

Only a DelegationError leads to the next target and to the body.  A limit that ran out, an interrupt and a bug in a provider pass
through: none of them is an answer that the model failed to give.  Every request is reserved in the budgets of the call before it is
sent, and settled when it is over (`spending`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rtfs.caching.wish import CacheWish
from rtfs.delegation.asking import Asking, spoken
from rtfs.delegation.breaker import Breakers
from rtfs.delegation.budget import Budget
from rtfs.delegation.confidence import Confidences
from rtfs.delegation.engine import Decision
from rtfs.delegation.fallbacks import Fallbacks
from rtfs.delegation.hedging import first_answer
from rtfs.delegation.linking import metadata_of
from rtfs.delegation.options import CallOptions
from rtfs.delegation.places import Places
from rtfs.delegation.prices import PriceTable
from rtfs.delegation.record import NOT_SENT, Attempt, CallRecord, RecordSink
from rtfs.delegation.requests import Requests, hash_of, readable
from rtfs.delegation.settings import CallSettings
from rtfs.delegation.sharing import Sharing
from rtfs.delegation.spending import Spending, budget_of_call
from rtfs.delegation.tags import private_to_remote, tags_of
from rtfs.delegation.targets import ContentAddressed, ExecTarget, LocalModel, LocalPure, ModelTarget, RemoteModel
from rtfs.delegation.tools import ToolBox
from rtfs.delegation.trace import Answer, Trace
from rtfs.errors import DelegationError, RtfsError
from rtfs.models.registry import ModelRegistry
from rtfs.semantics.protocols import DelegatedCall
from rtfs.semantics.stopping import Stop, Stopped
from rtfs.values.sequences import Vector

if TYPE_CHECKING:
    from rtfs.delegation.cached import CachedReplies
    from rtfs.delegation.code.calls import CodeCalls


class ModelDelegate:
    """Answers delegated calls from a registry of models. Safe to call from several threads at once."""

    def __init__(
        self,
        registry: ModelRegistry,
        *,
        report: Callable[[str], None],
        records: RecordSink,
        redact: Callable[[str], str] = str,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
        spending: Spending | None = None,
        replies: CachedReplies | None = None,
        hash_requests: bool = False,
        keep_arguments: bool = False,
        confidences: Confidences | None = None,
        code: CodeCalls | None = None,
        places: Places | None = None,
    ) -> None:
        """
        Args:
            report: takes one line, without its end, for the person who runs the program: stderr.
            records: takes the record of every call.
            redact: takes secrets out of texts that came from outside, before they are reported or recorded
                (`capabilities.redaction`).
            clock: seconds since the epoch.
            timer: seconds, monotonic.
            sleep: waits for seconds, before a retry.
            spending: knows prices; only those that RTFS brings when None.
            replies: answers from what was answered before (`cached`); None: models are always asked.
            hash_requests: have the hash of the question in each record.
            keep_arguments: have the operands in each record.
            confidences: what scores are worth; nothing is known of any when None.
            code: carries out calls by published code; None: there is none.
            places: how many requests are under way at once; as many as there are calls when None.
        """
        #: Of the targets that were asked: which are left alone for a while.
        self.breakers = Breakers()
        spending = spending or Spending(lambda: PriceTable.load({}))
        self._asking = Asking(
            registry, self.breakers, spending, redact=redact, replies=replies, timer=timer, sleep=sleep, confidences=confidences,
            places=places,
        )  # fmt: skip
        self._sharing = Sharing()
        self._fallbacks = Fallbacks(report, redact)
        self._records = records
        self._redact = redact
        self._clock = clock
        self._timer = timer
        self._requests = Requests()
        self._hashes = hash_requests
        self._keep_arguments = keep_arguments
        self._code = code
        self._no_limits = Budget("the runtime")

    def delegate(self, call: DelegatedCall) -> Any:
        """The value of the call; see `Delegate.delegate`.

        Raises:
            EvalError: `invalid-delegation` when an option of the metadata is not what it should be; what the body raises.
            DelegationError: no usable reply, and the call is strict.
            LimitExceeded: a budget is used up, or cannot be kept; the body does not run then.
        """
        options = CallOptions.of(call)
        self._fallbacks.warn(options.warnings)
        decision = call.plan or hinted(call)
        started, begin = self._clock(), self._timer()
        trace = Trace(self._budget(call, decision, options), self._requests.function_hash(call))
        trace.until = None if call.remaining_s is None else begin + call.remaining_s
        if call.target == "engine" and isinstance(decision.target, LocalPure):
            return self._here(call, self._record(call, decision, trace, started, 0.0, (decision.reasoning, "targets-refused")))
        if call.tools:
            trace.tools = ToolBox(call.tools, options, self._redact, self._timer)
        try:
            try:
                self._through(call, decision, options, trace)
            except DelegationError:
                trace.budget.check_time()  # it may have failed because its time was over
                raise
        except DelegationError as error:
            problem = _problem(error)
            if len([attempt for attempt in trace.attempts if attempt.outcome == "refused"]) == len(chain(decision)):
                problem = problem[0], "targets-refused"
            record = self._record(call, decision, trace, started, self._timer() - begin, problem)
            return self._without_model(call, record, error)
        except BaseException as stop:  # a limit, an interrupt: what was asked up to then has been paid for
            self._records.add(self._record(call, decision, trace, started, self._timer() - begin, _problem(stop)))
            raise
        assert trace.answer is not None
        value = trace.answer.value
        self._records.add(self._record(call, decision, trace, started, self._timer() - begin, None, value))
        return value

    def _budget(self, call: DelegatedCall, decision: Decision, options: CallOptions) -> Budget:
        """What the call is charged to."""
        scope = call.budget if call.budget is not None else self._no_limits
        settings = decision.settings.allowance if decision.settings.budget else None
        return budget_of_call(scope, (call.name, call.span), call.name, options.budget, options.call_budget, settings)

    # --- the targets ---

    def _through(self, call: DelegatedCall, decision: Decision, options: CallOptions, trace: Trace) -> None:
        """Ask target after target until one answers, and is sure enough; what the surest said is in the trace."""
        targets = self._allowed(call, chain(decision), trace)
        first = targets[0] if targets else None
        if not (isinstance(first, ContentAddressed) and first.check and len(targets) > 1):
            self._ask(call, decision, targets, options, trace)
            return
        mine = self._by_code(call, first, trace)
        if mine is not None:  # a check is for what the model says today
            options = replace(options, cache=_ASKED_ANEW)
        try:
            self._ask(call, decision, targets[1:], options, trace)
        except DelegationError:
            if mine is None:
                raise
            trace.answer = mine
        else:
            if mine is not None and self._code is not None and trace.answer is not None:
                self._code.compare(first, mine.value, trace.answer.value)

    def _by_code(self, call: DelegatedCall, target: ContentAddressed, trace: Trace) -> Answer | None:
        if self._code is not None:
            return self._code.answer(call, target, trace)
        problem = "no published code is used here"
        trace.attempts.append(Attempt(provider="code", target=target.printed, outcome="refused", problem=problem))
        return None

    def _ask(self, call: DelegatedCall, decision: Decision, targets: list[AnyTarget], options: CallOptions, trace: Trace) -> None:
        settings = decision.settings
        failure: DelegationError | None = None
        while targets:
            first, *targets = targets
            if isinstance(first, ContentAddressed):
                found = self._by_code(call, first, trace)
                if found is not None:
                    trace.answer = found
                    return
                continue
            asked = [first]
            if settings.hedge_after_s is not None and targets and isinstance(targets[0], ModelTarget):
                asked.append(targets[0])
                targets = targets[1:]
            try:
                answer = self._answer(call, asked, options, settings, trace)
                while answer.reply.calls and trace.tools is not None:
                    trace.tools.run(answer.reply)  # here, where the program runs, whoever waited for the reply
                    answer = self._answer(call, asked, options, settings, trace)
            except DelegationError as error:
                failure = failure or error
                continue
            if trace.answer is None or _sureness(answer) > _sureness(trace.answer):
                trace.answer = answer
            if settings.accept_above is None or _sureness(answer) >= settings.accept_above:
                return
            if targets:
                trace.attempts.append(self._not_sure(answer, settings.accept_above))
        if trace.answer is None:
            why = trace.attempts[0].problem if trace.attempts else decision.reasoning
            raise failure or DelegationError(f"no model may be asked: {why}", kind="model-unavailable")

    def _answer(
        self, call: DelegatedCall, asked: list[ModelTarget], options: CallOptions, settings: CallSettings, trace: Trace
    ) -> Answer:
        """The answer of one of these targets, or a step on the way to it. Other parts of the program go on meanwhile, unless it is
        there at once."""

        def ask(target: ModelTarget) -> Answer:
            request = lambda: self._asking.ask(call, target, options, settings, trace)  # noqa: E731
            return self._sharing.answer(call, target, options, trace, request)

        hedge_after_s = settings.hedge_after_s if call.watcher is None else None  # two at once cannot be watched
        settled = trace.settled = Stop() if len(asked) > 1 and hedge_after_s is not None else None

        def wait() -> Answer:
            if len(asked) == 1:
                return ask(asked[0])
            try:
                return first_answer([lambda target=target: ask(target) for target in asked], hedge_after_s)  # type: ignore[misc]
            finally:
                if settled is not None:  # who is still in a queue is not sent any more
                    settled.set()

        if call.branch is None or all(self._asking.is_instant(target) for target in asked):
            return wait()
        answer: Answer = call.away(wait)
        return answer

    def _allowed(self, call: DelegatedCall, targets: list[AnyTarget], trace: Trace) -> list[AnyTarget]:
        """The targets that may be used for this call; the others are attempts that were refused."""
        allowed = []
        tags = tags_of(call.options)
        if trace.tools is not None:
            tags |= trace.tools.tags
        for target in targets:
            problem = private_to_remote(tags, target, call.private_tags) if isinstance(target, ModelTarget) else None
            problem = problem or (None if call.refusal is None else call.refusal(target))
            if problem is None:
                allowed.append(target)
            else:
                trace.attempts.append(Attempt(provider="", target=target.printed, outcome="refused", problem=problem))
        return allowed

    def _not_sure(self, answer: Answer, wanted: float) -> Attempt:
        score, confidence = answer.reply.score, answer.confidence
        what = "score" if confidence is None else "confidence"
        return Attempt(
            provider=answer.provider,
            target=answer.target.printed,
            outcome="unsure",
            problem=f"{what} {_sureness(answer):.2f} is below the {wanted:.2f} that is asked for",
            score=score,
            confidence=confidence,
            value_hash=hash_of(answer.value) if self._hashes else None,
        )

    # --- without one ---

    def _here(self, call: DelegatedCall, record: CallRecord) -> Any:
        """The value of the function's own body."""
        record = replace(record, source="body")
        try:
            value = call.body()
        except BaseException as fault:  # noted, and on its way again
            self._records.add(replace(record, body_error=self._redact(_problem(fault)[0])))
            raise
        self._records.add(replace(record, value=value))
        return value

    def _without_model(self, call: DelegatedCall, record: CallRecord, error: DelegationError) -> Any:
        if call.strict:
            self._records.add(record)
            if error.span is None:
                error.span = call.span
            # the program may read and show it; what a provider says of a refused key can have the key in it
            error.message = self._redact(error.message)
            error.args = (error.message,)
            raise error
        try:
            value = self._here(call, record)
        except BaseException:
            self._fallbacks.note(call.name, call.model, error, "ran instead, and failed", lambda: _who(call))
            raise
        self._fallbacks.note(call.name, call.model, error, "answered", lambda: _who(call))
        return value

    def _record(
        self,
        call: DelegatedCall,
        decision: Decision,
        trace: Trace,
        started: float,
        latency_s: float,
        problem: tuple[str, str] | None,
        value: Any = None,
    ) -> CallRecord:
        """
        Args:
            problem: why no model answered, and the kind of that.
        """
        answer = trace.answer
        reply = answer.reply if answer is not None else None
        asked = answer.target if answer is not None else decision.target
        cached = answer.cached if answer is not None else None
        saved = cached.kept.saved if cached is not None else None
        if trace.kept_errors:  # of targets before the one that answered; or of all, and then the error is from there
            for kept in trace.kept_errors:
                saved = kept.kept.saved if saved is None else saved + kept.kept.saved
            if answer is None and all(attempt.outcome in NOT_SENT for attempt in trace.attempts):
                cached = trace.kept_errors[0]
        by_code = answer is not None and isinstance(asked, ContentAddressed)
        return CallRecord(
            function=call.name,
            target=asked.kind if isinstance(asked, ModelTarget) else "code" if by_code else "local",
            model=asked.model if isinstance(asked, ModelTarget) else "",
            decision=decision,
            answered_by=reply.model or getattr(asked, "model", None) if reply else None,
            provider=answer.provider if answer is not None else trace.provider,
            started=started,
            latency_s=latency_s,
            attempts=trace.all_attempts(self._timer()) if trace.under_way else tuple(trace.attempts),
            tools=() if trace.tools is None else tuple(trace.tools.uses),
            source="none" if problem else "code" if by_code else "model",
            value=value,
            repairs=answer.repairs if answer is not None else (),
            score=reply.score if reply else None,
            label_mass=reply.label_mass if reply else None,
            confidence=answer.confidence if answer is not None else None,
            cache="L4" if by_code else cached.layer if cached is not None else None,
            cache_note=cached.note if cached is not None else trace.cache_note,
            saved=saved,
            error=self._redact(problem[0]) if problem else None,
            error_kind=problem[1] if problem else None,
            function_hash=trace.version,
            request_hash=self._requests.hash_of(call) if self._hashes else None,
            planned=planned(call.options),
            tags=tuple(sorted(tags)) if (tags := tags_of(call.options)) else (),
            arguments=self._redact(readable(Vector(call.args)) or "too large") if self._keep_arguments else None,
        )

    def summary(self) -> list[str]:
        """What `close` will report; see `Fallbacks.summary`."""
        return self._fallbacks.summary()

    def end(self) -> None:
        """Ask nobody any more: calls fail, or run their bodies."""
        self._asking.is_over = True

    def close(self) -> None:
        """Report the summary, and begin to count anew."""
        self._fallbacks.close()


def hinted(call: DelegatedCall) -> Decision:
    """The decision that a hint on the function is: it always wins, and no engine is asked."""
    return _hinted(call.target, call.model)


@lru_cache(maxsize=1_000)
def _hinted(kind: str, model: str) -> Decision:
    target = (LocalModel if kind == "local-model" else RemoteModel)(model)
    return Decision(target, "the function's own hint", engine="hint")


def planned(options: dict[str, Any]) -> dict[str, Any] | None:
    """What the metadata of a function says of who planned its calls, for the record."""
    metadata = metadata_of(options) if "delegation-metadata" in options else None
    if metadata is None:
        return None
    return {"confidence": metadata.confidence, "reasoning": metadata.reasoning, "source": metadata.source}


def _problem(error: BaseException) -> tuple[str, str]:
    """What an error says, and its kind."""
    if isinstance(error, Stopped):
        return "nobody wanted the answer any more", "interrupted"
    return (error.message, error.kind) if isinstance(error, RtfsError) else (type(error).__name__, "interrupted")


_ASKED_ANEW = CacheWish("none")
#: What calls can be handed to.
AnyTarget = ModelTarget | ContentAddressed


def chain(decision: Decision) -> list[AnyTarget]:
    """Who is to be asked, in order; the function's own body ends it wherever it stands."""
    found: list[AnyTarget] = []
    target: ExecTarget
    for target in (decision.target, *decision.fallbacks):
        if not isinstance(target, (ModelTarget, ContentAddressed)):
            break
        if target not in found:
            found.append(target)
    return found


def _sureness(answer: Answer) -> float:
    """How sure a target is of its answer; one that does not say is trusted."""
    return 1.0 if answer.sureness is None else answer.sureness


def _who(call: DelegatedCall) -> str:
    """Whom a call asked first, for a line on stderr."""
    models = [target for target in chain(call.plan or hinted(call)) if isinstance(target, ModelTarget)]
    return spoken(models[0]) if models else "any model"
