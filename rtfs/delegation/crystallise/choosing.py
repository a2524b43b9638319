"""Which learner, and from which sureness on: by cross-validation on training examples alone.

Each learner is trained on four fifths of them and asked about the rest, five times.  Of the answers, from the surest down, as
many are taken as still agree often enough, with room for what was luck; the learner whose answers cover most is chosen.  Held-out
examples have no say in any of it, and are looked at once, for the one candidate that is left (`publishing.verify`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from rtfs.caching.code.bounds import lower_bound
from rtfs.delegation.crystallise.learners import Labelled, Learner
from rtfs.values.struct import Struct

FOLDS = 5
#: Standard errors that are kept as room for luck, here and in what is held out.
_ROOM = 1.2816
#: A simpler learner is taken when it covers this part of what the best one covers.
_SIMPLER = 0.9


class Choice(Struct):
    """A learner that is expected to do.

    Attributes:
        least: the least sureness of an answer.
        coverage, agreement: what is expected of examples that it has not seen, 0 to 1.
    """

    learner: Learner
    least: float
    coverage: float
    agreement: float


def choose(
    examples: Sequence[Labelled], learners: Sequence[Learner], *, wanted: float, confidence: float, held_out: int
) -> Choice | None:
    """
    Args:
        examples: in an order that says nothing about them.
        learners: the simplest first.
        wanted: agreement whose lower bound, with that confidence, has to be reached on so many held-out examples.
    Returns:
        None when no learner is expected to reach it on anything.
    """
    found = [one for learner in learners if (one := _try(examples, learner, wanted, confidence, held_out)) is not None]
    if not found:
        return None
    best = max(found, key=lambda one: one.coverage)
    return next(one for one in found if one.coverage >= _SIMPLER * best.coverage)


def will_do(right: int, total: int, held_out: int, wanted: float, confidence: float) -> bool:
    """Whether what was right so often in training can be expected to reach a lower bound on so many held-out examples."""
    if not right or not held_out:
        return False
    share = (right + 1) / (total + 2)  # all of few is no certainty
    likely = share - _ROOM * sqrt(share * (1 - share) * (1 / total + 1 / held_out))
    return lower_bound(max(0, min(round(likely * held_out), held_out)), held_out, confidence) >= wanted


def _try(examples: Sequence[Labelled], learner: Learner, wanted: float, confidence: float, held_out: int) -> Choice | None:
    answers = []
    for fold in range(FOLDS):
        rest = [example for i, example in enumerate(examples) if i % FOLDS != fold]
        if len({label for _, label in rest}) < 2:
            return None
        model = learner.learn(rest)
        for features, label in examples[fold::FOLDS]:
            answer = model.answer(features)
            if answer is not None:
                answers.append((answer[1], answer[0] == label))
    answers.sort(reverse=True)
    best: Choice | None = None
    right = 0
    for taken, (sureness, is_right) in enumerate(answers, 1):
        right += is_right
        if taken < len(answers) and answers[taken][0] == sureness:  # all of one sureness, or none
            continue
        coverage = taken / len(examples)
        if will_do(right, taken, round(coverage * held_out), wanted, confidence):
            best = Choice(learner, sureness, coverage, right / taken)
    return best
