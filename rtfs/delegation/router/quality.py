"""How likely each target is to answer a prompt right, learnt from rows with known outcomes.

One logistic model per target over the features of the prompt, each calibrated on scores of rows that it was not fitted on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rtfs.delegation.router.calibration import Calibrator, Platt, calibrator_of
from rtfs.delegation.router.features import Vocabulary, words_of
from rtfs.delegation.router.logistic import Logistic
from rtfs.errors import ConfigError

#: Rows are cut into so many parts, each of which is scored by a model of the others, for the calibration.
INNER_FOLDS = 3
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A prompt and which targets answered it right."""

    prompt: str
    function: str
    right: Mapping[str, bool]
    """target -> whether its answer was right."""
    words: Counter[str]
    """Of the prompt, from `words_of`: rows are looked at many times, and their words once."""

    @classmethod
    def of(cls, prompt: str, function: str, right: Mapping[str, bool]) -> Outcome:
        return cls(prompt=prompt, function=function, right=dict(right), words=words_of(prompt))


class QualityModel:
    """Predicts the quality of targets.

    Attributes:
        models: target -> its model and its calibration.
    """

    def __init__(self, vocabulary: Vocabulary, models: Mapping[str, tuple[Logistic, Calibrator]]) -> None:
        self.vocabulary = vocabulary
        self.models = dict(models)

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(self.models)

    def predict(self, prompt: str, function: str = "") -> dict[str, float]:
        """target -> probability that it answers right."""
        return self.predict_words(words_of(prompt), function)

    def predict_words(self, words: Mapping[str, int], function: str = "") -> dict[str, float]:
        features = self.vocabulary.features(words, function)
        return {target: calibrated(model.score(features)) for target, (model, calibrated) in self.models.items()}

    @classmethod
    def fit(cls, rows: Sequence[Outcome], *, by_function: bool = True, calibrate: bool = True) -> QualityModel:
        """
        Args:
            rows: all with the same targets.
            by_function: whether the function of a row is a feature.
            calibrate: without it the models' own probabilities are taken, which are drawn towards the mean; three times as fast.
        Raises:
            ConfigError: there are fewer than two rows, or they name different targets.
        """
        targets = _targets(rows)
        vocabulary, models = _fit(rows, targets, by_function)
        calibrators: dict[str, Calibrator] = {target: Platt(1.0, 0.0) for target in targets}
        if calibrate and len(rows) >= 2 * INNER_FOLDS:
            scores: dict[str, list[float]] = {target: [] for target in targets}
            order: list[Outcome] = []
            for part in range(INNER_FOLDS):
                others, inner = _fit([row for i, row in enumerate(rows) if i % INNER_FOLDS != part], targets, by_function)
                for row in rows[part::INNER_FOLDS]:
                    order.append(row)
                    features = others.features(row.words, row.function)
                    for target in targets:
                        scores[target].append(inner[target].score(features))
            calibrators = {target: Platt.fit(scores[target], [row.right[target] for row in order]) for target in targets}
        return cls(vocabulary, {target: (models[target], calibrators[target]) for target in targets})

    def to_dict(self) -> dict[str, Any]:
        """The model for JSON; weights are rounded to six places, which changes no prediction by more than 0.0001."""
        return {
            "format": FORMAT,
            "vocabulary": self.vocabulary.to_dict(),
            "models": {
                target: {
                    "weights": [round(weight, 6) for weight in model.weights],
                    "bias": model.bias,
                    "calibration": calibrated.to_dict(),
                }
                for target, (model, calibrated) in self.models.items()
            },
        }

    @classmethod
    def from_dict(cls, data: Any) -> QualityModel:
        """
        Raises:
            ConfigError: `data` is not what `to_dict` writes.
        """
        try:
            if data["format"] != FORMAT:
                hint = "train it again: rtfs route train"
                raise ConfigError(f"a router's model of format {data['format']} cannot be read", hint=hint)
            vocabulary = Vocabulary.from_dict(data["vocabulary"])
            models: dict[str, tuple[Logistic, Calibrator]] = {}
            for target, found in data["models"].items():
                model = Logistic([float(weight) for weight in found["weights"]], float(found["bias"]))
                if len(model.weights) != vocabulary.size:
                    raise ValueError("weights and features differ in number")
                models[target] = (model, calibrator_of(found["calibration"]))
            return cls(vocabulary, models)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"this is not a router's model: {error}", hint="rtfs route train writes one") from error


def _fit(rows: Sequence[Outcome], targets: Sequence[str], by_function: bool) -> tuple[Vocabulary, dict[str, Logistic]]:
    vocabulary = Vocabulary.of([row.words for row in rows], [row.function for row in rows] if by_function else [])
    features = [vocabulary.features(row.words, row.function) for row in rows]
    return vocabulary, {
        target: Logistic.fit(features, [row.right[target] for row in rows], vocabulary.size) for target in targets
    }


def _targets(rows: Sequence[Outcome]) -> tuple[str, ...]:
    if len(rows) < 2:
        raise ConfigError("a router learns from rows: at least two are needed")
    targets = tuple(rows[0].right)
    if any(tuple(row.right) != targets for row in rows):
        raise ConfigError("all rows must have outcomes of the same targets")
    return targets
