"""What one delegated call has come to so far: its answer, and the attempts that its record will have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rtfs.delegation.budget import Budget
from rtfs.delegation.record import Attempt
from rtfs.delegation.spending import Charge
from rtfs.delegation.targets import ContentAddressed, ModelTarget
from rtfs.delegation.tools import ToolBox
from rtfs.models.protocol import ModelReply, PreviousTry
from rtfs.semantics.stopping import Stop

if TYPE_CHECKING:
    from rtfs.caching.manager import Answered


@dataclass(slots=True)
class Answer:
    """What a target answered; a step on the way where the reply calls tools first."""

    value: Any
    target: ModelTarget | ContentAddressed
    provider: str
    reply: ModelReply
    repairs: tuple[str, ...]
    confidence: float | None = None
    """What its score is worth, where that was fitted to outcomes."""
    cached: Answered | None = None
    """Where in the caches the reply was; None: the model gave it."""

    @property
    def sureness(self) -> float | None:
        """The confidence, or else the score that was never fitted to outcomes; None when the provider gives neither."""
        return self.reply.score if self.confidence is None else self.confidence


@dataclass(slots=True)
class Trace:
    """What happened so far in one call; becomes its record."""

    budget: Budget
    """What its requests are charged to."""
    version: str
    """The hash of the function (`requests.Requests.function_hash`)."""
    attempts: list[Attempt] = field(default_factory=list)
    provider: str | None = None
    """The last that was asked."""
    answer: Answer | None = None
    under_way: dict[int, tuple[str, str, float, Charge]] = field(default_factory=dict)
    """Requests that are not over: provider, target, when they began, and their charges, by whose identities they go."""
    cache_note: dict[str, Any] | None = None
    """What a cache would have answered, where it was only checked."""
    kept_errors: list[Answered] = field(default_factory=list)
    """Errors of targets that came from caches: those were not asked."""
    tools: ToolBox | None = None
    """What the model may have called, and has had; None for a call without tools."""
    until: float | None = None
    """When the time of the run is over, on the clock of attempts; None when it has no limit."""
    settled: Stop | None = None
    """Of a hedged call: set once one of its targets has answered, and nobody waits for the others."""

    def all_attempts(self, now: float) -> tuple[Attempt, ...]:
        """The attempts so far, with those that nobody waits for any more: another was quicker, or the call was stopped."""
        left = [
            Attempt(
                provider=provider, target=target, outcome="left", problem=_LEFT, latency_s=now - begin, cost_usd=charge.cost_usd
            )
            for provider, target, begin, charge in list(self.under_way.values())
        ]
        return (*self.attempts, *left)


_LEFT = "not waited for; what it uses is charged when it is over"


class Misfit(Exception):
    """A reply that does not fit its type; never leaves `asking`."""

    def __init__(self, previous: PreviousTry) -> None:
        super().__init__(previous.problem)
        self.previous = previous
