"""What is known about a delegated call once it is over.

One `CallRecord` per call, whether a model or the function's own body answered; `Records` collects them for a run.
Arguments are not kept, unless somebody asks for it: they are the user's data, and the record is meant to be stored and
shown.  Texts that come from outside pass through a redactor before they get here (`ModelDelegate`), so that no secret of
the environment is in them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from rtfs.caching.layer import NOTHING_SAVED, Saved
from rtfs.errors import ConfigError
from rtfs.values.equality import equal
from rtfs.values.printing import to_readable
from rtfs.values.quick import quick_init

#: Outcomes of attempts in which nothing was asked, whose answer has an attempt of its own, or that say nothing about the target.
NOT_ASKED = frozenset({"skipped", "refused", "unsure", "shared", "left", "interrupted", "cached", "abstained", "tools"})
#: Those in which no request was sent.
NOT_SENT = frozenset({"skipped", "refused", "unsure", "shared", "cached", "abstained"})


@quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request to a model."""

    provider: str
    outcome: str
    """`answered`, `tools` (the reply calls some first), `mismatch` (it did not fit the type), `empty` (it says nothing), `unsure`
    (below the confidence that was asked for), `skipped` (its breaker is open), `refused` (by a policy, a tag or a budget: nothing
    was sent), `shared` (an equal call was answered), `left` (nobody waits for it any more), `interrupted`, `cached` (from a cache:
    nothing was sent), `abstained` (published code left the call to others), or the kind of the error: `model-unavailable` …"""
    target: str = ""
    """As it is printed: `remote_model:gpt-4o-mini`."""
    problem: str | None = None
    """What was wrong; for an answer, what a reader should know about it (it was cut off)."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float = 0.0
    score: float | None = None
    confidence: float | None = None
    """What the score is worth, where that was fitted to outcomes (`confidence`)."""
    cost_usd: float | None = None
    """What it cost; None when the price is not known."""
    value_hash: str | None = None
    """Of an answer that was not sure enough, where hashes are kept: that it may be known later whether it was right."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "provider": self.provider,
            "target": self.target,
            "outcome": self.outcome,
            "problem": self.problem,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "latency_s": round(self.latency_s, 6),
            "score": self.score,
            "confidence": self.confidence,
            "cost_usd": self.cost_usd,
            "value_hash": self.value_hash,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """One call of a tool by the model. What it was given and what it gave are not kept."""

    name: str
    outcome: str
    """`ok`, `unknown-tool`, `tool-limit` (no more were allowed), or the kind of the error: `invalid-argument` …"""
    latency_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "outcome": self.outcome, "latency_s": round(self.latency_s, 6)}


@quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One delegated call."""

    function: str
    target: str
    """`local-model`, `remote`, or `code`: published code answered."""
    model: str
    """The id of the model that answered, or was asked first; empty when code answered."""
    decision: Any = None
    """`engine.Decision`: where the call was to go, and why."""
    answered_by: str | None = None
    """The model that really answered, as the provider names it; None when the body did."""
    provider: str | None = None
    """The last provider that was asked; None when none was found."""
    started: float
    """Seconds since the epoch."""
    latency_s: float
    """Spent on models; the body's own time is not in it."""
    attempts: tuple[Attempt, ...] = ()
    tools: tuple[ToolUse, ...] = ()
    """What the model had called, in order."""
    source: str
    """`model`; `code` (published code answered in its place); `body` (the fallback ran); `none` (a strict call that raised)."""
    value: Any = None
    """The RTFS value of the call; None when it raised."""
    repairs: tuple[str, ...] = ()
    """What was changed in the reply to make it fit the type."""
    score: float | None = None
    label_mass: float | None = None
    confidence: float | None = None
    """Calibrated probability that the answer is right; None where nothing was fitted."""
    cache: str | None = None
    """The layer of cache that answered, or had the error for which no model did: `L1` … `L4`."""
    cache_note: dict[str, Any] | None = None
    """What a layer of meaning matched, with score and reasons, whether it was served or only checked; plain data."""
    saved: Saved | None = None
    """What the cache made unnecessary, also where it had the error of a target, and another one was asked; None: nothing."""
    error: str | None = None
    """Why no model answered; None when one did."""
    error_kind: str | None = None
    body_error: str | None = None
    """What the body raised when it ran as the fallback."""
    function_hash: str | None = None
    """Of the version of the function (`requests.Requests.function_hash`)."""
    request_hash: str | None = None
    """The same for the same question, whoever is asked (`requests.Requests.hash_of`); None where nobody keeps it."""
    arguments: str | None = None
    """A vector that reads back; None unless it was asked for."""
    tags: tuple[str, ...] = ()
    """Of the function, in order of the alphabet: `private` …"""
    planned: dict[str, Any] | None = None
    """What whoever planned the call thought of it: `confidence`, `reasoning` and `source` (`context.DelegationMetadata`)."""

    @property
    def prompt_tokens(self) -> int:
        """Of all attempts; what a provider did not say counts as 0."""
        return sum(a.prompt_tokens or 0 for a in self.attempts)

    @property
    def completion_tokens(self) -> int:
        return sum(a.completion_tokens or 0 for a in self.attempts)

    @property
    def cost_usd(self) -> float | None:
        """Of all attempts; None when that of one is not known."""
        costs = [a.cost_usd for a in self.attempts if a.outcome not in NOT_SENT]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    def to_dict(self) -> dict[str, Any]:
        """The record for JSON: plain Python values, the RTFS value as text that reads back."""
        return {**self.facts(), "value": to_readable(self.value)}

    def facts(self) -> dict[str, Any]:
        """The same without the value."""
        return {
            "function": self.function,
            "target": self.target,
            "model": self.model,
            "decision": None if self.decision is None else self.decision.to_dict(),
            "answered_by": self.answered_by,
            "provider": self.provider,
            "started": self.started,
            "latency_s": round(self.latency_s, 6),
            "attempts": [a.to_dict() for a in self.attempts],
            "tools": [use.to_dict() for use in self.tools],
            "source": self.source,
            "repairs": list(self.repairs),
            "score": self.score,
            "label_mass": self.label_mass,
            "confidence": self.confidence,
            "cache": self.cache,
            "cache_note": self.cache_note,
            "saved": None if self.saved is None else self.saved.to_dict(),
            "cost_usd": self.cost_usd,
            "error": self.error,
            "error_kind": self.error_kind,
            "body_error": self.body_error,
            "function_hash": self.function_hash,
            "request_hash": self.request_hash,
            "arguments": self.arguments,
            "tags": list(self.tags),
            "planned": self.planned,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over all calls of a run."""

    calls: int = 0
    by_model: int = 0
    by_cache: int = 0
    """Of those by model: answered from a cache."""
    errors_by_cache: int = 0
    """Of the others: no model was asked, as its error was in a cache."""
    by_code: int = 0
    by_body: int = 0
    failed: int = 0
    """Strict calls that raised, and calls whose body raised."""
    attempts: int = 0
    """Requests that were sent."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_s: float = 0.0
    saved: Saved = NOTHING_SAVED
    """What caches made unnecessary."""

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "saved"} | {"saved": self.saved.to_dict()}


class _Count:
    """The totals as they grow; made into `Totals` when somebody asks, which is less often than a call ends."""

    def __init__(self) -> None:
        self.calls = self.by_model = self.by_code = self.by_cache = self.by_body = self.failed = self.attempts = 0
        self.errors_by_cache = 0
        self.prompt_tokens = self.completion_tokens = 0
        self.latency_s = 0.0
        self.saved = NOTHING_SAVED

    def add(self, record: CallRecord) -> None:
        failed = record.source == "none" or record.body_error is not None
        self.calls += 1
        if record.source == "model":
            self.by_model += 1
            self.by_cache += record.cache is not None
        elif record.source == "code":
            self.by_code += 1
        elif record.source == "body" and not failed:
            self.by_body += 1
        self.failed += failed
        if record.saved is not None:
            self.saved += record.saved
            self.errors_by_cache += record.cache is not None and record.error is not None
        for attempt in record.attempts:
            self.attempts += attempt.outcome not in NOT_SENT
            self.prompt_tokens += attempt.prompt_tokens or 0
            self.completion_tokens += attempt.completion_tokens or 0
        self.latency_s += record.latency_s

    def totals(self) -> Totals:
        return Totals(**vars(self))


class RecordSink(Protocol):
    """Takes the records of calls as they end. `add` is called from several threads and does not raise."""

    def add(self, record: CallRecord) -> None: ...


_UNKNOWN: Any = object()


class Records:
    """The records of a run, in the order in which the calls ended.

    A long run keeps the last `keep` records; the totals go on counting all of them.
    """

    def __init__(self, *, keep: int = 10_000) -> None:
        self._lock = threading.Lock()
        self._calls: deque[CallRecord] = deque(maxlen=keep)
        self._count = _Count()
        #: Called with (record, whether its answer was right, the value that would have been, whether there is one) by `judge`.
        self.judges: list[Callable[[CallRecord, bool, Any, bool], None]] = []

    def judge(self, record: CallRecord, right: bool | None = None, *, expected: Any = _UNKNOWN) -> bool:
        """Note whether the answer of a call was right: for the log, for confidences, and for engines that learn.

        Args:
            record: of a call that a model answered.
            right: whether it was; with `expected`, that is compared instead.
            expected: the RTFS value that would have been right: tells of the other answers of the call as well.
        Returns:
            Whether it was.
        Raises:
            ConfigError: neither is given, or no model answered.
        """
        known = expected is not _UNKNOWN
        if record.source != "model" or (right is None and not known):
            raise ConfigError("only answers of models are judged: judge(record, right=True), or judge(record, expected=value)")
        verdict = equal(record.value, expected) if known else bool(right)
        for judge in self.judges:
            judge(record, verdict, expected, known)
        return verdict

    def add(self, record: CallRecord) -> None:
        with self._lock:
            self._calls.append(record)
            self._count.add(record)

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        """The records kept, oldest first."""
        with self._lock:
            return tuple(self._calls)

    @property
    def totals(self) -> Totals:
        with self._lock:
            return self._count.totals()

    def clear(self) -> None:
        """Forget everything: the next run begins."""
        with self._lock:
            self._calls.clear()
            self._count = _Count()

    def to_dict(self) -> dict[str, Any]:
        with self._lock:
            calls, totals = tuple(self._calls), self._count.totals()
        return {
            "totals": totals.to_dict(),
            "calls": [c.to_dict() for c in calls],
            "calls_not_kept": totals.calls - len(calls),
        }
