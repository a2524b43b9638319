"""What calls have shown of targets: how often an answer can be used, how long it takes, how long it is.

Kept for each function and target, and for each target over all functions.  A mean of few calls is drawn towards the next wider one
(shrinkage): that of the function towards that of the target, that of the target towards what was said of it beforehand, each as if
`PRIOR_CALLS` more calls had shown the wider mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rtfs.delegation.record import NOT_ASKED, CallRecord
from rtfs.errors import ConfigError

PRIOR_CALLS = 10.0
#: Beyond so many calls older ones fade, so that a target that has changed is seen as it is now.
MOST_CALLS = 500.0

QUALITY = "quality"
"""Share of answers that were right: from judgements, and from confidences that were fitted to outcomes."""
USABLE = "usable"
"""Share of requests that ended in an answer of the wanted type."""
LATENCY = "latency_s"
"""Seconds for a request that was answered."""
PROMPT = "prompt_tokens"
COMPLETION = "completion_tokens"
QUANTITIES = (QUALITY, USABLE, LATENCY, PROMPT, COMPLETION)


class Experience:
    """Means of what was observed. Not safe to change from several threads; `copy` is made for readers."""

    def __init__(self) -> None:
        #: (quantity, function, target) -> calls, mean; the function is "" over all of them
        self._cells: dict[tuple[str, str, str], tuple[float, float]] = {}

    def observe(self, quantity: str, function: str, target: str, value: float) -> None:
        """Take in one observation.

        Args:
            quantity: one of `QUANTITIES`.
            target: as it is printed, `remote_model:kimi-k2`.
        """
        for name in (function, "") if function else ("",):
            calls, mean = self._cells.get((quantity, name, target), (0.0, 0.0))
            calls = min(calls + 1, MOST_CALLS)
            self._cells[quantity, name, target] = calls, mean + (value - mean) / calls

    def estimate(self, quantity: str, function: str, target: str, prior: float) -> float:
        """The mean that is to be expected.

        Args:
            prior: what is expected of the target when nothing was observed.
        """
        mean = self._drawn(quantity, "", target, prior)
        return self._drawn(quantity, function, target, mean) if function else mean

    def _drawn(self, quantity: str, function: str, target: str, wider: float) -> float:
        calls, mean = self._cells.get((quantity, function, target), (0.0, 0.0))
        return (calls * mean + PRIOR_CALLS * wider) / (calls + PRIOR_CALLS)

    def calls(self, quantity: str, function: str, target: str) -> float:
        """How many observations there were, up to `MOST_CALLS`."""
        return self._cells.get((quantity, function, target), (0.0, 0.0))[0]

    def learn(self, record: CallRecord, *, quality: bool = True) -> None:
        """Take in the record of a call. A value that a cache had says nothing of a target.

        Args:
            quality: its confidence too, where it has one.
        """
        if record.cache is not None:
            return
        answered = ""
        for attempt in record.attempts:
            if attempt.outcome in NOT_ASKED or not attempt.target:
                continue
            usable = attempt.outcome == "answered"
            self.observe(USABLE, record.function, attempt.target, float(usable))
            if not usable:
                continue
            answered = attempt.target
            self.observe(LATENCY, record.function, answered, attempt.latency_s)
            if attempt.prompt_tokens is not None:
                self.observe(PROMPT, record.function, answered, attempt.prompt_tokens)
            if attempt.completion_tokens is not None:
                self.observe(COMPLETION, record.function, answered, attempt.completion_tokens)
        # of several that answered the surest counts, which the record does not name: only one is certain
        if quality and record.confidence is not None and [a.outcome for a in record.attempts].count("answered") == 1:
            self.observe(QUALITY, record.function, answered, record.confidence)

    def copy(self) -> Experience:
        other = Experience()
        other._cells = dict(self._cells)
        return other

    def to_list(self) -> list[dict[str, Any]]:
        """For JSON."""
        return [
            {"quantity": quantity, "function": function, "target": target, "calls": calls, "mean": mean}
            for (quantity, function, target), (calls, mean) in self._cells.items()
        ]

    @classmethod
    def from_list(cls, cells: list[Mapping[str, Any]]) -> Experience:
        """
        Raises:
            ConfigError: `cells` is not what `to_list` writes.
        """
        found = cls()
        try:
            for cell in cells:
                if cell["quantity"] not in QUANTITIES:
                    raise ValueError(f"there is no quantity {cell['quantity']}")
                key = (cell["quantity"], cell["function"], cell["target"])
                found._cells[key] = float(cell["calls"]), float(cell["mean"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"this is not what a router has learnt: {error}") from error
        return found
