"""What a router can know before its first decision: what the log says of earlier calls, and what models cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from rtfs.delegation.allowance import NANO
from rtfs.delegation.log_queries import Selection
from rtfs.delegation.prices import PriceTable
from rtfs.delegation.record import Attempt, CallRecord
from rtfs.delegation.router.experience import QUALITY, Experience
from rtfs.delegation.spending import server_of
from rtfs.delegation.targets import ModelTarget, model_target
from rtfs.errors import DelegationError

#: Calls of a log that are looked at, the last ones; some fifty milliseconds.
MOST_CALLS = 2_000
_OF_ATTEMPTS = frozenset([field.name for field in fields(Attempt)])


def experience_of(path: str, most: int = MOST_CALLS) -> Experience:
    """What the last calls in a log have shown. An outcome that was noted counts as the quality, in the place of a confidence.

    Raises:
        ConfigError: the log cannot be read.
    """
    found = Experience()
    for entry in Selection().last(path, most):
        document = entry.record
        record = record_of(document)
        outcome = document["outcome"]
        if outcome is None or record.source != "model" or record.cache is not None:
            found.learn(record)
            continue
        found.learn(record, quality=False)
        target = model_target(record.target, record.model)
        if target is not None:
            found.observe(QUALITY, record.function, target, float(outcome == "right"))
    return found


def record_of(document: dict[str, Any]) -> CallRecord:
    """A record from what the log keeps of it, as far as an engine learns from it."""
    return CallRecord(
        function=document["function"],
        target=document["target"],
        model=document["model"],
        started=document["started"],
        latency_s=document["latency_s"],
        attempts=tuple([Attempt(**{k: v for k, v in one.items() if k in _OF_ATTEMPTS}) for one in document["attempts"]]),
        source=document["source"],
        confidence=document.get("confidence"),
        cache=document.get("cache"),
    )


def prices_by(registry: Any, table: Callable[[], PriceTable]) -> Callable[[ModelTarget], tuple[float, float] | None]:
    """A function that says what a target costs: dollars for a million tokens of prompts, and of answers; None: that is not known.

    Args:
        registry: knows which server is asked (`models.registry.ModelRegistry`).
        table: the prices; looked at when the first is wanted.
    """

    def price(target: ModelTarget) -> tuple[float, float] | None:
        try:
            provider = registry.resolve(target.kind, target.model)
        except DelegationError:  # there is no such model: it will not be asked either
            return None
        if target.kind == "local-model" or getattr(provider, "free", False):
            return 0.0, 0.0
        found = table().find(server_of(provider), registry.served_id(target.model))
        return None if found is None else (found.input / NANO, found.output / NANO)

    return price
