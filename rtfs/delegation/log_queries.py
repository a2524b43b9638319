"""Questions to the log of delegated calls: a selection of records, what models have used, and which targets fail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rtfs.delegation.log_documents import document_of
from rtfs.delegation.log_file import query, read
from rtfs.delegation.record import NOT_ASKED
from rtfs.delegation.targets import ModelTarget, parse_target
from rtfs.errors import ConfigError

#: Outcomes of attempts after which a target counts as having answered; those in `NOT_ASKED` say nothing about it.
_ANSWERED = frozenset({"answered", "tools", "mismatch", "empty"})
_SIDES = {"local": "local-model", "local-model": "local-model", "remote": "remote", "body": "local", "code": "code"}
_MOST = 2**63 - 1  # of SQLite's integers
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record in the log."""

    id: int
    run: str
    record: dict[str, Any]
    """`CallRecord.to_dict()`, without the value, and without the arguments unless the log is a full one."""

    def to_dict(self) -> dict[str, Any]:
        return {"id": self.id, "run": self.run, **self.record}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which records; None: whatever it is. Texts are patterns as of a shell: `*`, `?`, `[abc]`."""

    function: str | None = None
    model: str | None = None
    """Of the model that was asked first, or that answered."""
    target: str | None = None
    """`local`, `remote`, `body`, or a target: `remote:gpt-4o-mini`."""
    run: str | None = None
    """Its beginning."""
    since: float | None = None
    """Seconds since the epoch."""
    failed: bool = False
    """Only those that no model answered."""

    def _where(self) -> tuple[str, list[Any]]:
        conditions: list[str] = []
        operands: list[Any] = []

        def add(condition: str, *values: Any) -> None:
            conditions.append(condition)
            operands.extend(values)

        if self.function is not None:
            add("function GLOB ?", self.function)
        if self.model is not None:
            add("(model GLOB ? OR answered_by GLOB ?)", self.model, self.model)
        if self.target is not None:
            side, model = _side_and_model(self.target)
            add("target = ?", side)
            if model is not None:
                add("model = ?", model)
        if self.run is not None:
            add("substr(run, 1, ?) = ?", len(self.run), self.run)
        if self.since is not None:
            add("started >= ?", self.since)
        if self.failed:
            add("failed")
        return (f"WHERE {' AND '.join(conditions)}" if conditions else ""), operands

    def entries(self, path: str, *, judged: bool = False) -> Iterator[Entry]:
        """The records in the order in which they were written; none when there is no log.

        Args:
            judged: only those of which somebody noted whether the answer was right.
        Raises:
            ConfigError: the log cannot be read; `target` is none.
        """
        where, operands = self._where()
        if judged:
            where += f"{' AND' if where else 'WHERE'} was_right IS NOT NULL"
        for number, run, record in read(path, f"{where} ORDER BY id", operands):
            yield Entry(id=number, run=run, record=record)

    def last(self, path: str, count: int) -> list[Entry]:
        """The last of them, oldest first."""
        where, operands = self._where()
        rows = list(read(path, f"{where} ORDER BY id DESC LIMIT ?", [*operands, min(count, _MOST)]))
        return [Entry(id=number, run=run, record=record) for number, run, record in reversed(rows)]


def entry(path: str, number: int) -> Entry | None:
    """The record of an id, if it is there."""
    for found, run, record in read(path, "WHERE id = ?", [min(number, _MOST)]):
        return Entry(id=found, run=run, record=record)
    return None


def _side_and_model(text: str) -> tuple[str, str | None]:
    if text in _SIDES:
        return _SIDES[text], None
    target = parse_target(text)
    return (target.kind, target.model) if isinstance(target, ModelTarget) else ("local", None)


def point_in_time(text: str, now: float) -> float:
    """What a text stands for, in seconds since the epoch: `90s`, `30m`, `2h`, `7d`, `4w` (ago), or `2026-11-20`, `2026-11-20T14:05`
    (local time).

    Raises:
        ConfigError: they stand for none.
    """
    ago = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", text.strip())
    if ago:
        return now - float(ago[1]) * _SECONDS[ago[2]]
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        hint = "write 30m, 2h, 7d (ago), or a date such as 2026-11-20 or 2026-11-20T14:05"
        raise ConfigError(f"{text!r} is no time", hint=hint) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What calls have used since some time."""

    calls: int
    failed: int
    """That no model answered."""
    tokens: int
    cost_usd: float
    unknown: int
    """Calls whose cost is not known, and not in the sum."""


def usage_since(path: str, since: float) -> Usage:
    """
    Raises:
        ConfigError: the log cannot be read.
    """
    sums = "count(*), total(failed), total(prompt_tokens) + total(completion_tokens), total(cost_usd), total(cost_usd IS NULL)"
    for row in query(path, f"SELECT {sums} FROM calls WHERE started >= ?", [since]):
        calls, failed, tokens, cost_usd, unknown = row
        return Usage(calls=calls, failed=int(failed), tokens=int(tokens), cost_usd=cost_usd, unknown=int(unknown))
    return Usage(calls=0, failed=0, tokens=0, cost_usd=0.0, unknown=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Streak:
    """A target whose last requests failed."""

    target: str
    failures: int
    """In a row, up to the last request."""
    last: float
    """Seconds since the epoch; when the call of the last one began."""
    outcome: str
    """Of the last one: `model-unavailable` …"""
    problem: str | None


def failing_targets(path: str, since: float, *, most: int = 5_000) -> list[Streak]:
    """Targets that failed when they were last asked, worst first.

    What breakers are open is known only to the process that has them; this is what the log can tell of it.

    Args:
        since: seconds since the epoch.
        most: so many calls are looked at.
    Raises:
        ConfigError: the log cannot be read.
    """
    found: dict[str, Streak] = {}
    healthy: set[str] = set()
    last = "SELECT CAST(record AS BLOB) FROM calls WHERE started >= ? ORDER BY id DESC LIMIT ?"
    for (text,) in query(path, last, [since, most]):
        document = document_of(text)
        if document is None:
            continue
        for attempt in reversed(document["attempts"]):
            target, outcome = attempt["target"], attempt["outcome"]
            if outcome in _ANSWERED:
                healthy.add(target)
            elif outcome not in NOT_ASKED and target not in healthy:
                before = found.get(target)
                found[target] = Streak(
                    target=target,
                    failures=1 if before is None else before.failures + 1,
                    last=document["started"] if before is None else before.last,
                    outcome=outcome if before is None else before.outcome,
                    problem=attempt["problem"] if before is None else before.problem,
                )
    return sorted(found.values(), key=lambda streak: (-streak.failures, streak.target))
