"""Records as they are read from the log: what is no record, since somebody changed the file by hand, is left out."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NUMBER = (int, float)
#: Fields that every record has.
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("function", "target", "model", "source"), (str,)),
    **dict.fromkeys(("started", "latency_s"), _NUMBER),
    "attempts": (list,),
}
#: Fields that may be null, or not be there.
_MAYBE: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("answered_by", "provider", "cache", "error", "error_kind", "body_error"), (str,)),
    **dict.fromkeys(("function_hash", "request_hash", "value_hash", "arguments", "value"), (str,)),
    **dict.fromkeys(("score", "label_mass", "confidence", "cost_usd"), _NUMBER),
    **dict.fromkeys(("decision", "cache_note", "saved", "planned"), (dict,)),
    **dict.fromkeys(("tools", "repairs", "tags"), (list,)),
}
_OF_ATTEMPT: dict[str, tuple[type, ...]] = dict.fromkeys(("target", "outcome"), (str,))
_MAYBE_OF_ATTEMPT: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("provider", "problem", "value_hash"), (str,)),
    **dict.fromkeys(("prompt_tokens", "completion_tokens"), (int,)),
    **dict.fromkeys(("latency_s", "score", "confidence", "cost_usd"), _NUMBER),
}
_OF_DECISION: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("target", "reasoning"), (str,)),
    **dict.fromkeys(("fallbacks", "alternatives"), (list,)),
    "propensity": _NUMBER,
}
_LATEST = 253_402_300_000.0  # in the year 9999


#: What records of earlier schemas may not have.
_MISSING: dict[str, Any] = {
    **dict.fromkeys(("target", "model"), ""),
    "tools": [],
    "repairs": [],
    "tags": [],
    "source": "none",
    "latency_s": 0.0,
    **dict.fromkeys([name for name, kinds in _MAYBE.items() if kinds != (list,) and name not in ("arguments", "value")]),
}
_MISSING_OF_ATTEMPT: dict[str, Any] = {"target": "", "outcome": "answered", **dict.fromkeys(_MAYBE_OF_ATTEMPT)}


def document_of(text: Any) -> dict[str, Any] | None:
    """The record that a text of the log is; None: it is none."""
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    if type(found) is not dict or type(found.get("attempts")) is not list:
        return None
    found = {**_MISSING, **found}
    if not _fits(found, _KINDS, _MAYBE) or not 0 <= found["started"] < _LATEST:
        return None
    if not all(type(attempt) is dict for attempt in found["attempts"]):
        return None
    found["attempts"] = attempts = [{**_MISSING_OF_ATTEMPT, **attempt} for attempt in found["attempts"]]
    if not all(_fits(attempt, _OF_ATTEMPT, _MAYBE_OF_ATTEMPT) for attempt in attempts):
        return None
    if found["decision"] is not None and not _fits(found["decision"], _OF_DECISION, {}):
        return None
    return found


def _fits(found: dict[str, Any], kinds: dict[str, tuple[type, ...]], maybe: dict[str, tuple[type, ...]]) -> bool:
    if not all(isinstance(found.get(name), kind) for name, kind in kinds.items()):
        return False
    return all(found.get(name) is None or isinstance(found[name], kind) for name, kind in maybe.items())
