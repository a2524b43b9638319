"""Confidences: what a score was worth where it is known which answers were right.

    records with outcomes ─▶ fit, for each function and target ─▶ confidence.json in the state folder ─▶ Confidences.of(score)

A provider's score is its own affair: the probability of a label among the labels, or what a rule says of itself.  A confidence is a
probability that the answer is right, and there is one only where enough outcomes were noted (`LEAST_ROWS`).  How good it is, is
measured on rows that it was not fitted to.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rtfs.delegation.router.calibration import Calibrator, Isotonic, Platt, brier, calibration_error, calibrator_of
from rtfs.errors import ConfigError
from rtfs.folders import state_folder
from rtfs.values.struct import Struct

#: Where the fits are; empty: nowhere.
FILE_VARIABLE = "RTFS_CONFIDENCE"
FILE_NAME = "confidence.json"
FORMAT = 1
#: Outcomes of a function and target, without which nothing is fitted.
LEAST_ROWS = 30
#: Outcomes from which on a curve of any rising form is tried beside the one of two parameters.
MANY_ROWS = 200
FOLDS = 5
METHODS = ("auto", "platt", "isotonic")


class Judged(Struct):
    """An answer of a target, and whether it was right.

    Attributes:
        target: as it is printed, `local_model:smollm2`.
    """

    function: str
    target: str
    score: float
    right: bool
    version: str = ""
    """The hash of the function (`requests.Requests.function_hash`)."""


class Fit(Struct):
    """What the scores of one target's answers to one function are worth.

    Attributes:
        rows, right: outcomes that it was fitted to, and how many of them were right.
        ece, brier: of confidences for rows that were not fitted to; see `router.calibration`.
        score_ece: the same error of the scores themselves; None where some are no probabilities.
        fitted: seconds since the epoch.
        version: the hash of the function; a fit is of no use to another version of it.
    """

    function: str
    target: str
    calibrator: Calibrator
    rows: int
    right: int
    ece: float
    brier: float
    score_ece: float | None
    fitted: float = 0.0
    version: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self._fields} | {"calibrator": self.calibrator.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fit:
        """
        Raises:
            KeyError, TypeError, ValueError, ConfigError: it is not what `to_dict` gives.
        """
        score_ece = data["score_ece"]
        return cls(
            str(data["function"]),
            str(data["target"]),
            calibrator_of(data["calibrator"]),
            int(data["rows"]),
            int(data["right"]),
            float(data["ece"]),
            float(data["brier"]),
            None if score_ece is None else float(score_ece),
            float(data["fitted"]),
            str(data["version"]),
        )


class Confidences:
    """The fits that are in force. Not changed once made."""

    def __init__(self, fits: Iterable[Fit] = ()) -> None:
        self.fits = tuple(fits)
        self._by = {(fit.function, fit.version, fit.target): fit.calibrator for fit in self.fits}

    def of(self, function: str, target: str, score: float | None, version: str = "") -> float | None:
        """The probability that an answer with this score is right; None where nothing was fitted for this version."""
        calibrated = self._by.get((function, version, target)) if score is not None else None
        if calibrated is None or score is None:
            return None
        return min(1.0, max(0.0, calibrated(score)))

    def with_fits(self, fits: Iterable[Fit]) -> Confidences:
        """These, with others in the place of those of the same functions and targets."""
        found = {(fit.function, fit.version, fit.target): fit for fit in (*self.fits, *fits)}
        return Confidences([found[key] for key in sorted(found)])

    def save(self, path: str) -> None:
        """
        Raises:
            ConfigError: the file cannot be written; the old one is as it was.
        """
        text = json.dumps({"format": FORMAT, "fits": [fit.to_dict() for fit in self.fits]}, indent=1)
        unfinished = f"{path}.{os.getpid()}.part"
        try:
            os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
            with open(unfinished, "w", encoding="utf-8") as file:
                file.write(text + "\n")
            os.replace(unfinished, path)
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror or error}") from error

    @classmethod
    def load(cls, path: str | None) -> Confidences:
        """The fits in a file; none when there is no file.

        Raises:
            ConfigError: it cannot be read, or is something else.
        """
        if path is None or not os.path.exists(path):
            return cls()
        hint = "`rtfs logs calibrate` writes it anew"
        try:
            with open(path, encoding="utf-8") as file:
                data = json.load(file)
            if data["format"] != FORMAT:
                raise ConfigError(f"the confidences in {path} have the format {data['format']}, and not {FORMAT}", hint=hint)
            return cls([Fit.from_dict(one) for one in data["fits"]])
        except OSError as error:
            raise ConfigError(f"cannot read the confidences in {path}: {error.strerror or error}", hint=hint) from error
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"{path} holds no confidences: {error!r}", hint=hint) from error


def confidence_path(environ: Mapping[str, str]) -> str | None:
    """The file that `RTFS_CONFIDENCE` names (empty: none), else the one in the state folder."""
    named = environ.get(FILE_VARIABLE)
    if named is None:
        return os.path.join(state_folder(environ), FILE_NAME)
    return os.path.expanduser(named.strip()) or None


# --- fitting ---------------------------------------------------------------------------------


def fit_all(
    rows: Iterable[Judged], *, method: str = "auto", least: int = LEAST_ROWS
) -> tuple[list[Fit], list[tuple[str, str, int, str]]]:
    """Fit all that have enough outcomes.

    Args:
        method: one of `METHODS`.
    Returns:
        The fits; and (function, target, rows, why not) of the others. Both by function and target.
    """
    found: dict[tuple[str, str, str], list[Judged]] = {}
    for row in rows:
        found.setdefault((row.function, row.version, row.target), []).append(row)
    fits, left_out = [], []
    for (function, _, target), group in sorted(found.items()):
        if len(group) < least:
            left_out.append((function, target, len(group), f"{least} outcomes are needed"))
        elif len({row.right for row in group}) < 2:
            said = "right" if group[0].right else "wrong"
            left_out.append((function, target, len(group), f"all answers were {said}: a score cannot tell them apart"))
        else:
            fits.append(fit(group, method=method))
    return fits, left_out


def fit(rows: Sequence[Judged], *, method: str = "auto") -> Fit:
    """The fit of one function and target.

    `auto` takes Platt's two parameters; from `MANY_ROWS` on the one of both methods whose confidences are better (by Brier's score)
    for rows that they were not fitted to.

    Args:
        rows: all of one version of a function and one target, in the order in which they were answered.
    Raises:
        ConfigError: no rows, or no such method.
    """
    if method not in METHODS:
        raise ConfigError(f"there is no method {method!r}", hint=f"choose from: {', '.join(METHODS)}")
    scores, right = [row.score for row in rows], [row.right for row in rows]
    makers: dict[str, Any] = {"platt": Platt.fit, "isotonic": Isotonic.fit}
    if method != "auto":
        makers = {method: makers[method]}
    elif len(rows) < MANY_ROWS:
        del makers["isotonic"]
    tried = {name: cross_fitted(scores, right, make) for name, make in makers.items()}
    best = min(tried, key=lambda name: brier(tried[name], right))
    return Fit(
        function=rows[0].function,
        target=rows[0].target,
        calibrator=makers[best](scores, right),
        rows=len(rows),
        right=sum(right),
        ece=calibration_error(tried[best], right),
        brier=brier(tried[best], right),
        score_ece=calibration_error(scores, right) if all(0 <= score <= 1 for score in scores) else None,
        fitted=round(time.time(), 3),
        version=rows[0].version,
    )


def cross_fitted(scores: Sequence[float], right: Sequence[bool], make: Any, folds: int = FOLDS) -> list[float]:
    """A confidence for each row, from a fit to rows of the other folds only."""
    found = [0.0] * len(scores)
    for fold in range(folds):
        inside = [i for i in range(len(scores)) if i % folds != fold]
        if not inside or fold >= len(scores):
            continue
        calibrated = make([scores[i] for i in inside], [right[i] for i in inside])
        for i in range(fold, len(scores), folds):
            found[i] = calibrated(scores[i])
    return found
