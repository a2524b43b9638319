"""Learners of classifiers over texts whose result a person can read: phrases in an order, or points for phrases.

    phrases   a decision list (Rivest, 1987): the first phrase that the text has gives the value; what has none is left to others
    points    words and pairs have points for values, learnt by an averaged perceptron (Freund and Schapire, 1999); the value
    with most
              points is the answer if it leads by enough

Each says of an answer how sure it is, in a unit of its own; `choosing` finds the least sureness at which answers agree often
enough. Both are deterministic.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import sqrt
from random import Random
from typing import Protocol

from rtfs.values.struct import Struct

Features = tuple[str, ...]
#: Features and label, which is the text of a value.
Labelled = tuple[Features, str]

_SHUFFLE = 20_221


class Model(Protocol):
    """What was learnt."""

    def answer(self, features: Features) -> tuple[str, float] | None:
        """A label, and how sure it is; None for no answer at all."""
        ...

    def size(self, least: float) -> int:
        """How many phrases answer with at least that sureness."""
        ...


class Learner(Protocol):
    name: str

    def learn(self, examples: Sequence[Labelled]) -> Model: ...


class Rule(Struct):
    """A phrase that stands for a value.

    Attributes:
        sureness: the lower end of how often it was right among the examples that no rule before it fits (Wilson, 80 %).
    """

    phrase: str
    label: str
    sureness: float
    right: int
    fits: int


class Phrases:
    """A decision list."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._first = {rule.phrase: i for i, rule in reversed(list(enumerate(self.rules)))}

    def answer(self, features: Features) -> tuple[str, float] | None:
        found = min([self._first[feature] for feature in features if feature in self._first], default=None)
        return None if found is None else (self.rules[found].label, self.rules[found].sureness)

    def size(self, least: float) -> int:
        return sum(rule.sureness >= least for rule in self.rules)


class PhraseLearner:
    """Takes the phrase that is surest among the examples that are left, of equally sure ones the one that fits most, again and
    again.

    Args:
        least_fits: examples that a phrase has to fit.
        most: phrases.
    """

    name = "phrases"

    def __init__(self, *, least_fits: int = 3, least_sureness: float = 0.5, most: int = 400) -> None:
        self._least_fits, self._least_sureness, self._most = least_fits, least_sureness, most

    def learn(self, examples: Sequence[Labelled]) -> Phrases:
        where: defaultdict[str, list[int]] = defaultdict(list)
        for i, (features, _) in enumerate(examples):
            for feature in features:
                where[feature].append(i)
        left = set(range(len(examples)))
        often = {feature: places for feature, places in where.items() if len(places) >= self._least_fits}
        counts = {feature: Counter([examples[i][1] for i in places]) for feature, places in often.items()}
        best = {feature: _best(found) for feature, found in counts.items()}
        rules: list[Rule] = []
        while best and len(rules) < self._most:
            phrase = max(best, key=lambda feature: (best[feature][:2], -len(feature), feature))
            sureness, right, label = best[phrase]
            if sureness < self._least_sureness:
                break
            # what comes later is not surer: a cut by sureness keeps the first ones
            sureness = min([sureness, *[rule.sureness for rule in rules[-1:]]])
            rules.append(Rule(phrase, label, sureness, right, counts[phrase].total()))
            gone = left.intersection(where[phrase])
            left -= gone
            changed: defaultdict[str, list[str]] = defaultdict(list)
            for i in gone:
                features, other = examples[i]
                for feature in features:
                    if feature in best:
                        changed[feature].append(other)
            for feature, labels in changed.items():
                counts[feature].subtract(labels)
                if counts[feature].total() < self._least_fits:
                    del best[feature]
                else:
                    best[feature] = _best(counts[feature])
        return Phrases(rules)


def _best(counts: Counter[str]) -> tuple[float, int, str]:
    """(sureness, right, label) of the label that most examples have; of several, the first in the alphabet."""
    label, right = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return wilson(right, counts.total()), right, label


def wilson(right: int, total: int, z: float = 0.8416) -> float:
    """The lower end of Wilson's interval; z for 80 % on one side."""
    share = right / total
    middle = share + z * z / (2 * total)
    return (middle - z * sqrt(share * (1 - share) / total + z * z / (4 * total * total))) / (1 + z * z / total)


#: Points are whole numbers up to about this.
_SCALE = 100


class Points:
    """Points of features for labels; the empty feature is in every text."""

    def __init__(self, points: dict[str, dict[str, int]]) -> None:
        self.points = points
        self.labels = sorted({label for found in points.values() for label in found})

    def answer(self, features: Features) -> tuple[str, float] | None:
        totals = dict.fromkeys(self.labels, 0)
        known = 0
        for feature in ("", *features):
            found = self.points.get(feature)
            if found is not None:
                known += feature != ""
                for label, points in found.items():
                    totals[label] += points
        if not known or len(totals) < 2:
            return None
        (label, most), (_, second) = sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:2]
        return label, float(most - second)

    def size(self, least: float) -> int:
        return len(self.points) - ("" in self.points)


class PointLearner:
    """An averaged perceptron.

    Args:
        least_seen: examples that a feature has to be in.
        smallest: points, as a part of the largest, below which none are kept.
    """

    name = "points"

    def __init__(self, *, rounds: int = 8, least_seen: int = 2, smallest: float = 0.03) -> None:
        self._rounds, self._least_seen, self._smallest = rounds, least_seen, smallest

    def learn(self, examples: Sequence[Labelled]) -> Points:
        seen = Counter([feature for features, _ in examples for feature in features])
        rows = [(["", *[f for f in features if seen[f] >= self._least_seen]], label) for features, label in examples]
        labels = sorted({label for _, label in examples})
        weights: dict[str, dict[str, float]] = {}
        sums: dict[str, dict[str, float]] = {}  # of the weights times when they changed: the average comes out of it
        random = Random(_SHUFFLE)
        step = 1
        order = list(range(len(rows)))
        for _ in range(self._rounds):
            random.shuffle(order)
            for i in order:
                features, label = rows[i]
                scores = dict.fromkeys(labels, 0.0)
                for feature in features:
                    for other, weight in weights.get(feature, _NONE).items():
                        scores[other] += weight
                mine = scores.pop(label)
                rival = min(scores, key=lambda other: (-scores[other], other), default=None)
                if rival is not None and mine - scores[rival] < 1.0:  # it has to lead, and by so much
                    for feature in features:
                        for other, change in ((label, 1.0), (rival, -1.0)):
                            _add(weights, feature, other, change)
                            _add(sums, feature, other, change * step)
                step += 1
        averaged = {
            feature: {label: weight - sums[feature][label] / step for label, weight in found.items()}
            for feature, found in weights.items()
        }
        largest = max([abs(weight) for found in averaged.values() for weight in found.values()], default=1.0) or 1.0
        points = {
            feature: {
                label: round(_SCALE * weight / largest)
                for label, weight in found.items()
                if abs(weight) >= self._smallest * largest and round(_SCALE * weight / largest)
            }
            for feature, found in averaged.items()
        }
        return Points({feature: found for feature, found in points.items() if found})


_NONE: dict[str, float] = {}


def _add(table: dict[str, dict[str, float]], feature: str, label: str, change: float) -> None:
    found = table.setdefault(feature, {})
    found[label] = found.get(label, 0.0) + change
