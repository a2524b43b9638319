"""From scores to probabilities: what a score was worth on rows with known outcomes.

A score that was never fitted is called `score`; only what went through one of these is called `confidence`.  Fit on other rows than
those that the scores were learnt from, or they look better than they are.

`Platt` has two parameters and needs few rows; `Isotonic` follows any rising curve, and wants some hundreds.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rtfs.errors import ConfigError

_NEWTON_STEPS = 100


class Calibrator(Protocol):
    """A rising function from scores to probabilities."""

    def __call__(self, score: float) -> float: ...

    def to_dict(self) -> dict[str, Any]: ...


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)), also where exp would overflow."""
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    e = math.exp(x)
    return e / (1 + e)


class Platt:
    """The probability is sigmoid(slope * score + offset).

    Source: Platt, "Probabilistic outputs for support vector machines", 1999, with his softened targets, which keep a few rows that
    are all right from giving certainty; Newton's method with backtracking after Lin, Lin and Weng, "A note on Platt's probabilistic
    outputs", 2007.
    """

    def __init__(self, slope: float, offset: float) -> None:
        self.slope = slope
        self.offset = offset

    def __call__(self, score: float) -> float:
        return sigmoid(self.slope * score + self.offset)

    @classmethod
    def fit(cls, scores: Sequence[float], right: Sequence[bool]) -> Platt:
        """
        Raises:
            ConfigError: no rows, other than as many outcomes as scores, or scores that are not finite.
        """
        _check(scores, right)
        yes = sum(right)
        no = len(right) - yes
        high, low = (yes + 1) / (yes + 2), 1 / (no + 2)
        wanted = [high if one else low for one in right]
        slope, offset = 0.0, math.log((yes + 1) / (no + 1))
        loss = _loss(scores, wanted, slope, offset)
        for _ in range(_NEWTON_STEPS):
            s_s = s_1 = ones = g_s = g_1 = 0.0
            for score, want in zip(scores, wanted, strict=True):
                p = sigmoid(slope * score + offset)
                weight = p * (1 - p)
                s_s += score * score * weight
                s_1 += score * weight
                ones += weight
                g_s += score * (p - want)
                g_1 += p - want
            s_s += 1e-12
            ones += 1e-12
            if abs(g_s) < 1e-8 * len(right) and abs(g_1) < 1e-8 * len(right):
                break
            determinant = s_s * ones - s_1 * s_1
            if determinant <= 0:
                break  # all scores are the same: the offset says all there is to say
            d_slope, d_offset = (s_1 * g_1 - ones * g_s) / determinant, (s_1 * g_s - s_s * g_1) / determinant
            part = 1.0
            while part > 1e-10:
                new = _loss(scores, wanted, slope + part * d_slope, offset + part * d_offset)
                if new < loss:
                    break
                part /= 2
            else:
                break
            slope, offset, loss = slope + part * d_slope, offset + part * d_offset, new
        return cls(slope, offset)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "platt", "slope": self.slope, "offset": self.offset}


def _loss(scores: Sequence[float], wanted: Sequence[float], slope: float, offset: float) -> float:
    total = 0.0
    for score, want in zip(scores, wanted, strict=True):
        x = slope * score + offset
        total += (math.log1p(math.exp(-x)) if x >= 0 else math.log1p(math.exp(x)) - x) + (1 - want) * x
    return total


class Isotonic:
    """The rising steps that are nearest to the outcomes, with straight lines between them.

    Attributes:
        scores: where the curve is known, rising.
        values: the probabilities there, never falling.
    Source: pool adjacent violators, Ayer et al. 1955; for probabilities, Zadrozny and Elkan 2002.
    """

    def __init__(self, scores: Sequence[float], values: Sequence[float]) -> None:
        self.scores = list(scores)
        self.values = list(values)

    def __call__(self, score: float) -> float:
        scores, values = self.scores, self.values
        if score <= scores[0]:
            return values[0]
        if score >= scores[-1]:
            return values[-1]
        at = bisect_left(scores, score)
        left, right = scores[at - 1], scores[at]
        return values[at - 1] + (values[at] - values[at - 1]) * (score - left) / (right - left)

    @classmethod
    def fit(cls, scores: Sequence[float], right: Sequence[bool]) -> Isotonic:
        """
        Raises:
            ConfigError: no rows, other than as many outcomes as scores, or scores that are not finite.
        """
        _check(scores, right)
        blocks: list[list[float]] = []  # sum of outcomes, rows, first score, last score
        known: dict[float, list[float]] = {}
        for score, one in zip(scores, right, strict=True):
            found = known.setdefault(score, [0.0, 0.0])
            found[0] += one
            found[1] += 1
        for score in sorted(known):
            total, rows = known[score]
            blocks.append([total, rows, score, score])
            while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
                last = blocks.pop()
                blocks[-1][0] += last[0]
                blocks[-1][1] += last[1]
                blocks[-1][3] = last[3]
        at: list[float] = []
        values: list[float] = []
        for total, rows, first, end in blocks:
            for place in dict.fromkeys((first, end)):
                at.append(place)
                values.append(total / rows)
        return cls(at, values)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "isotonic", "scores": self.scores, "values": self.values}


def calibrator_of(data: Mapping[str, Any]) -> Calibrator:
    """What `to_dict` wrote.

    Raises:
        ConfigError: it is something else.
    """
    if data.get("kind") == "platt":
        return Platt(float(data["slope"]), float(data["offset"]))
    if data.get("kind") == "isotonic" and data.get("scores"):
        return Isotonic([float(x) for x in data["scores"]], [float(x) for x in data["values"]])
    raise ConfigError(f"`{data.get('kind')}` is no calibration", hint="platt or isotonic")


def calibration_error(confidences: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """Expected calibration error: how far confidence and share of right answers are apart, over bins of equal width.

    Source: Naeini et al. 2015; a confidence on the edge of two bins is in the upper one.
    """
    _check(confidences, right)
    sums = [[0.0, 0.0] for _ in range(bins)]  # confidence, right
    for confidence, one in zip(confidences, right, strict=True):
        bin_ = sums[min(int(confidence * bins), bins - 1)]
        bin_[0] += confidence
        bin_[1] += one
    return sum([abs(confidence - hits) for confidence, hits in sums]) / len(right)


def brier(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """The mean square of confidence less outcome: 0 is perfect, 0.25 is what 'one half' always gets.

    Source: Brier, "Verification of forecasts expressed in terms of probability", 1950.
    """
    _check(confidences, right)
    return sum([(confidence - one) ** 2 for confidence, one in zip(confidences, right, strict=True)]) / len(right)


def _check(scores: Sequence[float], right: Sequence[bool]) -> None:
    if not scores or len(scores) != len(right):
        raise ConfigError(f"calibration needs rows, each with a score and an outcome: got {len(scores)} and {len(right)}")
    if not all(map(math.isfinite, scores)):
        raise ConfigError("calibration needs scores that are finite")
