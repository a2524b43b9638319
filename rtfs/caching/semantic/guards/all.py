"""The table of guards, in the order in which they are asked: cheap and certain ones first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rtfs.caching.semantic.alignment import Alignment
from rtfs.caching.semantic.guards import asking, entities, polarity, roles, scope, values

GUARDS: dict[str, Callable[[Alignment], str | None]] = {
    "number": values.number,
    "units": values.units,
    "date": values.date,
    "time": values.time,
    "quoted": values.quoted,
    "code": values.code,
    "value-order": values.value_order,
    "negation": polarity.negation,
    "antonym": polarity.antonym,
    "exclusive": scope.exclusive,
    "question-word": asking.question_word,
    "tense": asking.tense,
    "modality": asking.modality,
    "instruction": asking.instruction,
    "entity": entities.entity,
    "gender": entities.gender,
    "quantifier": scope.quantifier,
    "degree": scope.degree,
    "particle": scope.particle,
    "role-swap": roles.role_swap,
    "substitution": scope.substitution,
    "restriction": scope.restriction,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A guard's objection."""

    guard: str
    """Its name in `GUARDS`."""
    reason: str
    """What it objects to, in words: `2 days` against `3 days`."""

    def __str__(self) -> str:
        return f"{self.guard}: {self.reason}"


def refusals(pair: Alignment) -> list[Refusal]:
    """All objections to a pair, in the order of the table."""
    found = ((name, guard(pair)) for name, guard in GUARDS.items())
    return [Refusal(name, reason) for name, reason in found if reason is not None]


def first_refusal(pair: Alignment) -> Refusal | None:
    """The first objection: enough to refuse, and cheaper than all of them."""
    for name, guard in GUARDS.items():
        reason = guard(pair)
        if reason is not None:
            return Refusal(name, reason)
    return None
