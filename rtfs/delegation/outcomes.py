"""Outcomes: which answers in the log were right, as somebody noted it later.

An outcome belongs to a call: its answer was right, or wrong, or the right one would have been such a value.  Values are kept
as hashes, as those of the answers are.  With a value it is known of every answer of the call whether it was right, also of one
that was not sure enough; with `right` or `wrong` alone only of those that said the same, or of all when the last was right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rtfs.delegation.confidence import Judged
from rtfs.delegation.log_file import LogFile
from rtfs.delegation.log_queries import Entry, Selection, entry
from rtfs.delegation.requests import hash_of
from rtfs.delegation.targets import model_target
from rtfs.errors import ConfigError
from rtfs.values.struct import Struct


class Noted(Struct):
    """What somebody knows of the answer of a call.

    Attributes:
        call: the id of the call in the log.
        right: whether its answer was right; None: compare it with `value`, an RTFS value, which would have been.
    """

    call: int
    right: bool | None = None
    value: Any = None


def note_outcomes(path: str, outcomes: Iterable[Noted]) -> list[bool]:
    """Note which answers of calls in a log were right; earlier notes are replaced, and none is written when one cannot be.

    Returns:
        Whether they were, in the same order.
    Raises:
        ConfigError: there is no such call, nothing answered it, or the log cannot be written.
    """
    rows: list[tuple[int, bool, str | None]] = []
    for one in outcomes:
        found = entry(path, one.call)
        if found is None:
            raise ConfigError(f"no call {one.call} is in the log", hint="`rtfs logs` lists the last ones")
        answer = found.record.get("value_hash")
        if answer is None:
            raise ConfigError(f"call {one.call} has no answer that could be right", hint="`rtfs logs show` says what happened")
        expected = hash_of(one.value) if one.right is None else None
        rows.append((one.call, expected == answer if one.right is None else one.right, expected))
    if rows:
        file = LogFile(path)
        try:
            file.note(rows)
        finally:
            file.close()
    return [right for _, right, _ in rows]


def judged(path: str, selection: Selection | None = None) -> Iterator[Judged]:
    """What is known of the scores in a log, oldest first.

    Raises:
        ConfigError: the log cannot be read.
    """
    return judged_of((selection or Selection()).entries(path, judged=True))


def judged_of(entries: Iterable[Entry]) -> Iterator[Judged]:
    for found in entries:
        record = found.record
        for target, score, right in answers_of(record):
            yield Judged(record["function"], target, score, right, record.get("function_hash") or "")


def answers_of(record: dict[str, Any]) -> list[tuple[str, float, bool]]:
    """(target, score, whether it was right) of the answers of a record of which that is known; each target once."""
    outcome, expected = record.get("outcome"), record.get("expected_hash")
    if outcome is None or record["source"] != "model":
        return []
    final = record.get("value_hash")
    found: dict[str, tuple[str, float, bool]] = {}
    for attempt in record["attempts"]:
        answer, score = attempt.get("value_hash"), attempt.get("score")
        if answer is None or score is None:
            continue
        if expected is not None:
            found[attempt["target"]] = attempt["target"], score, answer == expected
        elif answer == final or outcome == "right":
            found[attempt["target"]] = attempt["target"], score, answer == final and outcome == "right"
    target = model_target(record["target"], record["model"])
    if record["score"] is not None and target is not None:
        found[target] = target, record["score"], outcome == "right"
    return list(found.values())
