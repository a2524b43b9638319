"""The usual record as a row of the log, written piece by piece: the same text that `encoded(record.facts())` gives, in less than
half of its time, as most of it is the same for all calls of a function.

A record with more in it than most have (calls of tools, repairs, a note of a cache, a planner's words) is not usual.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from rtfs.delegation.log_file import encoded, row_of_parts
from rtfs.delegation.record import NOT_SENT, CallRecord

_MOST_HEADS = 256
#: (function, target, model, who answered, provider, identity of the decision) -> (the decision, so that it stays; the beginning)
_HEADS: dict[tuple[Any, ...], tuple[Any, str]] = {}


def usual_row(run: str, record: CallRecord, value_hash: str | None) -> tuple[Any, ...] | None:
    """The row of a record, in the order of `log_file.COLUMNS`, its text last; None when it has to be written in the general way.

    Args:
        run: which run of a program the call belongs to.
        value_hash: of its value; None where it has none.
    """
    if record.tools or record.repairs or record.cache_note is not None or record.planned is not None:
        return None
    try:
        return _row(run, record, value_hash)
    except (TypeError, ValueError):  # a number that JSON does not have, or none of ours
        return None


def _row(run: str, record: CallRecord, value_hash: str | None) -> tuple[Any, ...]:
    attempts = []
    prompt = completion = 0
    cost: Any = 0
    for one in record.attempts:
        tokens, more, each = one.prompt_tokens, one.completion_tokens, one.cost_usd
        prompt += tokens or 0
        completion += more or 0
        if one.outcome not in NOT_SENT:
            cost = None if each is None or cost is None else cost + each
        attempts.append(
            f'{{"provider": {quoted(one.provider)}, "target": {quoted(one.target)}, "outcome": {quoted(one.outcome)}, '
            f'"problem": {_text(one.problem)}, "prompt_tokens": {_number(tokens)}, "completion_tokens": {_number(more)}, '
            f'"latency_s": {_number(round(one.latency_s, 6))}, "score": {_number(one.score)}, '
            f'"confidence": {_number(one.confidence)}, "cost_usd": {_number(each)}, "value_hash": {_text(one.value_hash)}}}'
        )
    latency_s = round(record.latency_s, 6)
    saved = record.saved
    written = (
        f'{_head(record)}"started": {_number(record.started)}, "latency_s": {_number(latency_s)}, '
        f'"attempts": [{", ".join(attempts)}], "tools": [], "source": {quoted(record.source)}, '
        f'"repairs": [], "score": {_number(record.score)}, '
        f'"label_mass": {_number(record.label_mass)}, "confidence": {_number(record.confidence)}, "cache": {_text(record.cache)}, '
        f'"cache_note": null, "saved": {"null" if saved is None else encoded(saved.to_dict())}, "cost_usd": {_number(cost)}, '
        f'"error": {_text(record.error)}, "error_kind": {_text(record.error_kind)}, "body_error": {_text(record.body_error)}, '
        f'"function_hash": {_text(record.function_hash)}, "request_hash": {_text(record.request_hash)}, '
        f'"tags": [{", ".join(map(quoted, record.tags))}], "planned": null, '
        f'"value_hash": {_text(value_hash)}}}'
    )
    return row_of_parts(
        run,
        record.started,
        (record.function, record.target, record.model, record.answered_by),
        record.error is not None,
        latency_s,
        (prompt, completion),
        cost,
        written,
    )


def _head(record: CallRecord) -> str:
    """The fields before `started`, which are the same for many calls."""
    decision = record.decision
    key = (record.function, record.target, record.model, record.answered_by, record.provider, id(decision))
    known = _HEADS.get(key)
    if known is None:
        fields = {
            "function": record.function,
            "target": record.target,
            "model": record.model,
            "decision": None if decision is None else decision.to_dict(),
            "answered_by": record.answered_by,
            "provider": record.provider,
        }
        if len(_HEADS) >= _MOST_HEADS:
            _HEADS.clear()
        known = _HEADS[key] = (decision, encoded(fields)[:-1] + ", ")
    return known[1]


def _text(value: str | None) -> str:
    return "null" if value is None else quoted(value)


def _number(value: Any) -> str:
    """
    Raises:
        TypeError, ValueError: it is none that JSON has.
    """
    if value is None:
        return "null"
    kind = type(value)
    if kind is float:
        if value - value != 0:  # infinite, or none
            raise ValueError
        return repr(value)
    if kind is int:
        return repr(value)
    raise TypeError
