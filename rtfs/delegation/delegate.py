"""Carries out a delegated call: ask the model, fit its reply to the type, ask once more, and last run the body.

    registry.resolve ─▶ provider.complete ─▶ coerce_text (repairs) ─▶ value
                              ▲                    │ does not fit
                              └── one re-ask ◀─────┘        then: the function's own body, or an error when `:strict true`

Only a DelegationError leads to the body.  A limit that ran out, an interrupt and a bug in a provider pass through: none of
them is an answer that the model failed to give.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from rtfs.delegation.options import CallOptions
from rtfs.delegation.record import Attempt, CallRecord, RecordSink
from rtfs.errors import DelegationError, RtfsError
from rtfs.models.protocol import ModelProvider, ModelReply, ModelRequest, Parameter, PreviousTry
from rtfs.models.registry import ModelRegistry
from rtfs.semantics.protocols import DelegatedCall
from rtfs.types.coerce import coerce_text
from rtfs.types.wording import CoercionError

_LONGEST_REASON = 300  # characters in a line on stderr
_SPOKEN = {"local-model": "local model", "remote": "remote model"}


@dataclass(slots=True)
class _Trace:
    """What happened so far in one call; becomes its record."""

    attempts: list[Attempt] = field(default_factory=list)
    provider: str | None = None
    reply: ModelReply | None = None
    """The reply that fitted."""
    repairs: tuple[str, ...] = ()


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
    ) -> None:
        """
        Args:
            report: takes one line, without its end, for the person who runs the program: stderr.
            records: takes the record of every call.
            redact: takes secrets out of texts that came from outside, before they are reported or recorded
                (`capabilities.redaction`).
            clock: seconds since the epoch.
            timer: seconds, monotonic.
        """
        self._registry = registry
        self._report = report
        self._records = records
        self._redact = redact
        self._clock = clock
        self._timer = timer
        self._lock = threading.Lock()
        #: (function, model, kind of error) -> how often the body answered for it
        self._fallbacks: Counter[tuple[str, str, str]] = Counter()
        self._warned: set[str] = set()

    def delegate(self, call: DelegatedCall) -> Any:
        """The value of the call; see `Delegate.delegate`.

        Raises:
            EvalError: `invalid-delegation` when an option of the metadata is not what it should be; what the body raises.
            DelegationError: no usable reply, and the call is strict.
        """
        options = CallOptions.of(call)
        self._warn(options.warnings)
        started, begin = self._clock(), self._timer()
        trace = _Trace()
        try:
            value = self._ask(call, options, trace)
        except DelegationError as error:
            record = self._record(call, trace, started, self._timer() - begin, error)
            return self._without_model(call, record, error)
        self._records.add(replace(self._record(call, trace, started, self._timer() - begin, None), value=value))
        return value

    # --- the model ---

    def _ask(self, call: DelegatedCall, options: CallOptions, trace: _Trace) -> Any:
        provider = self._registry.resolve(call.target, call.model)
        trace.provider = provider.name
        request = ModelRequest(
            model=call.model,
            function=call.name,
            doc=call.doc,
            parameters=tuple(
                Parameter(name=name, type=type_, value=value)
                for (name, type_), value in zip(call.parameters, call.args, strict=True)
            ),
            result=call.result,
            aliases=call.aliases,
            examples=options.examples,
            max_tokens=options.max_tokens,
            temperature=options.temperature,
            seed=options.seed,
            timeout_s=options.timeout_s if call.remaining_s is None else min(options.timeout_s, max(call.remaining_s, 0.001)),
        )
        try:
            return self._attempt(provider, request, trace)
        except _Misfit as misfit:
            again = replace(request, previous=misfit.previous)
        try:
            return self._attempt(provider, again, trace)
        except _Misfit as misfit:
            raise DelegationError(
                f"the reply of {_spoken(call)} does not fit `{call.result}`: {misfit.previous.problem}",
                kind="reply-mismatch",
                hint="say in the docstring what the result looks like, or give :examples",
                data=misfit.previous.text,
            ) from misfit.__cause__

    def _attempt(self, provider: ModelProvider, request: ModelRequest, trace: _Trace) -> Any:
        """One request; its value, or _Misfit."""
        begin = self._timer()
        try:
            reply = provider.complete(request)
        except DelegationError as error:
            problem = self._redact(error.message)
            spent = self._timer() - begin
            trace.attempts.append(Attempt(provider=provider.name, outcome=error.kind, problem=problem, latency_s=spent))
            raise
        cut = f"the answer was cut off after {request.max_tokens} tokens" if reply.finish_reason == "length" else None
        attempt = Attempt(
            provider=provider.name,
            outcome="answered",
            problem=cut,
            prompt_tokens=reply.usage.prompt_tokens,
            completion_tokens=reply.usage.completion_tokens,
            latency_s=self._timer() - begin,
        )
        try:
            value, repairs = coerce_text(reply.text, request.result, request.aliases.get)
        except CoercionError as error:
            problem = f"{cut}; {error.problem}" if cut else error.problem
            trace.attempts.append(replace(attempt, outcome="mismatch", problem=self._redact(problem)))
            raise _Misfit(PreviousTry(text=reply.text, problem=problem)) from error
        trace.attempts.append(attempt)
        trace.reply, trace.repairs = reply, tuple(repairs)
        return value

    # --- without one ---

    def _without_model(self, call: DelegatedCall, record: CallRecord, error: DelegationError) -> Any:
        if call.strict:
            self._records.add(record)
            if error.span is None:
                error.span = call.span
            # the program may read and show it; what a provider says of a refused key can have the key in it
            error.message = self._redact(error.message)
            error.args = (error.message,)
            raise error
        record = replace(record, source="body")
        try:
            value = call.body()
        except BaseException as fault:  # noted, and on its way again
            said = self._redact(fault.message) if isinstance(fault, RtfsError) else type(fault).__name__
            self._records.add(replace(record, body_error=said))
            self._report_fallback(call, error, "ran instead, and failed")
            raise
        self._records.add(replace(record, value=value))
        self._report_fallback(call, error, "answered")
        return value

    def _record(
        self, call: DelegatedCall, trace: _Trace, started: float, latency_s: float, error: DelegationError | None
    ) -> CallRecord:
        reply = trace.reply
        return CallRecord(
            function=call.name,
            target=call.target,
            model=call.model,
            answered_by=reply.model or call.model if reply else None,
            provider=trace.provider,
            started=started,
            latency_s=latency_s,
            attempts=tuple(trace.attempts),
            source="none" if error else "model",
            repairs=trace.repairs,
            score=reply.score if reply else None,
            label_mass=reply.label_mass if reply else None,
            error=self._redact(error.message) if error else None,
            error_kind=error.kind if error else None,
        )

    # --- telling the person at the terminal ---

    def _report_fallback(self, call: DelegatedCall, error: DelegationError, outcome: str) -> None:
        """One line for the first time that this model fails this function in this way; later ones are counted."""
        key = (call.name, call.model, error.kind)
        with self._lock:
            self._fallbacks[key] += 1
            if self._fallbacks[key] > 1:
                return
        what = _one_line(error.message)
        if error.kind != "reply-mismatch":
            what = f"no answer from {_spoken(call)} ({what})"
        hint = f" hint: {_one_line(error.hint)}" if error.hint else ""
        self._report(self._redact(f"rtfs: {call.name}: {what}; the function's own body {outcome}.{hint}"))

    def _warn(self, warnings: tuple[str, ...]) -> None:
        for warning in warnings:
            with self._lock:
                if warning in self._warned:
                    continue
                self._warned.add(warning)
            self._report(f"rtfs: {warning}")

    def summary(self) -> list[str]:
        """One line for each way in which models failed a function more than once: what the single lines left out."""
        with self._lock:
            counts = sorted(self._fallbacks.items())
        return [
            f"rtfs: {name}: its own body ran {count} times instead of model {_one_line(model)} ({kind})"
            for (name, model, kind), count in counts
            if count > 1
        ]

    def close(self) -> None:
        """Report the summary, and begin to count anew."""
        lines = self.summary()
        with self._lock:
            self._fallbacks.clear()
        for line in lines:
            self._report(line)


class _Misfit(Exception):
    """A reply that does not fit its type; never leaves this module."""

    def __init__(self, previous: PreviousTry) -> None:
        super().__init__(previous.problem)
        self.previous = previous


def _spoken(call: DelegatedCall) -> str:
    return f"{_SPOKEN.get(call.target, call.target)} {_one_line(call.model)}"


def _one_line(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST_REASON else line[:_LONGEST_REASON] + "…"
