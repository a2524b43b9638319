"""Logistic regression over sparse features, without numpy: the router learns wherever RTFS runs.

Minimises |w|^2 / 2 + c * sum of log(1 + exp(-y (w x + b))) by dual coordinate descent: one row at a time, its dual variable is
moved to where the objective is least in it, by Newton steps.  Rows come in an order that depends on nothing but their number, so
that the same rows give the same model on every machine.

Source: Yu, Huang and Lin, "Dual coordinate descent methods for logistic regression and maximum entropy models", 2011 (algorithm 5);
the bias is a feature that is always 1, as there.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from rtfs.delegation.router.features import Features

#: How much the rows count against small weights; chosen by cross-validation (docs/routing.md).
C = 0.5
_PASSES = 12
#: A pass in which no dual variable moved further than this, as a share of `c`, is the last.
_STILL = 0.01
_NEWTON_STEPS = 12
_FLAT = 1e-3
_EDGE = 1e-3  # where dual variables begin, and the nearest they come to an end of their range, as a share of `c`


class Logistic:
    """A model of how likely something is.

    Attributes:
        weights: of each feature.
        bias: the log of the odds where nothing is known.
    """

    def __init__(self, weights: Sequence[float], bias: float) -> None:
        self.weights = list(weights)
        self.bias = bias

    def score(self, features: Features) -> float:
        """The log of the odds."""
        weights = self.weights
        return self.bias + sum([weights[at] * value for at, value in zip(*features, strict=True)])

    @classmethod
    def fit(cls, rows: Sequence[Features], happened: Sequence[bool], size: int, *, c: float = C) -> Logistic:
        """
        Args:
            rows: features with positions below `size`.
            happened: of each row, as many.
            c: how much the rows count against small weights.
        """
        weights = [0.0] * size
        bias = 0.0
        alphas = [_EDGE * c] * len(rows)
        lengths = [1.0 + sum([value * value for value in values]) for _, values in rows]
        for (at, values), yes in zip(rows, happened, strict=True):
            start = _EDGE * c if yes else -_EDGE * c
            bias += start
            for i, value in zip(at, values, strict=True):
                weights[i] += start * value
        order = list(range(len(rows)))
        shuffle = random.Random(len(rows)).shuffle
        for _ in range(_PASSES):
            shuffle(order)
            moved = 0.0
            for row in order:
                at, values = rows[row]
                margin = bias
                for i, value in zip(at, values):
                    margin += weights[i] * value
                yes = happened[row]
                old = alphas[row]
                alphas[row] = new = _best(old, margin if yes else -margin, lengths[row], c)
                step = new - old
                if abs(step) > moved:
                    moved = abs(step)
                if abs(step) > 1e-6 * c:
                    if not yes:
                        step = -step
                    bias += step
                    for i, value in zip(at, values):
                        weights[i] += step * value
                else:
                    alphas[row] = old
            if moved < _STILL * c:
                break
        return cls(weights, bias)


def _best(old: float, margin: float, length: float, c: float) -> float:
    """The dual variable a in (0, c) at which length/2 (a - old)^2 + margin (a - old) + a log a + (c - a) log(c - a) is least."""
    low, high = _EDGE * c, c * (1 - _EDGE)
    alpha = old
    for _ in range(_NEWTON_STEPS):
        slope = length * (alpha - old) + margin + math.log(alpha / (c - alpha))
        if abs(slope) < _FLAT:
            return alpha
        new = alpha - slope / (length + c / (alpha * (c - alpha)))
        if new <= low:  # a step too far: go a tenth of the way to the edge, where the logarithm ends it
            new = max(alpha * 0.1, low)
        elif new >= high:
            new = min(c - (c - alpha) * 0.1, high)
        alpha = new
    return alpha
