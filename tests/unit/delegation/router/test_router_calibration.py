"""Platt, isotonic and the measures, against scikit-learn where it is installed and against figures worked out by hand."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtfs.delegation.router.calibration import Isotonic, Platt, brier, calibration_error, calibrator_of, sigmoid
from rtfs.errors import ConfigError


def drawn(rows: int, seed: int = 1) -> tuple[list[float], list[bool]]:
    """Scores, and outcomes that are right with the probability sigmoid(2 score - 1)."""
    chance = random.Random(seed)
    scores = [chance.uniform(-3, 3) for _ in range(rows)]
    return scores, [chance.random() < sigmoid(2 * score - 1) for score in scores]


def test_platt_finds_the_curve_that_outcomes_were_drawn_from():
    found = Platt.fit(*drawn(20_000))
    assert found.slope == pytest.approx(2, abs=0.1)
    assert found.offset == pytest.approx(-1, abs=0.1)


def test_platt_is_as_scikit_learn_has_it():
    calibration = pytest.importorskip("sklearn.calibration")
    import numpy

    scores, right = drawn(500)
    theirs = calibration._SigmoidCalibration().fit(numpy.array(scores), numpy.array(right))
    ours = Platt.fit(scores, right)
    assert [ours(x / 2) for x in range(-8, 9)] == pytest.approx(list(theirs.predict(numpy.arange(-4, 4.5, 0.5))), abs=2e-4)


def test_isotonic_is_as_scikit_learn_has_it():
    isotonic = pytest.importorskip("sklearn.isotonic")
    scores, right = drawn(500, seed=2)
    scores = [round(score, 1) for score in scores]  # with ties
    theirs = isotonic.IsotonicRegression(out_of_bounds="clip").fit(scores, right)
    ours = Isotonic.fit(scores, right)
    places = [x / 100 for x in range(-400, 401)]
    assert [ours(x) for x in places] == pytest.approx(list(theirs.predict(places)), abs=1e-9)


def test_the_measures_are_as_scikit_learn_has_them():
    metrics = pytest.importorskip("sklearn.metrics")
    scores, right = drawn(200)
    confidences = [sigmoid(score) for score in scores]
    assert brier(confidences, right) == pytest.approx(metrics.brier_score_loss(right, confidences))


def test_isotonic_pools_those_that_fall():
    found = Isotonic.fit([1, 2, 3, 4], [False, True, False, True])
    assert [found(x) for x in (0, 1, 2, 2.5, 3, 3.5, 4, 9)] == [0, 0, 0.5, 0.5, 0.5, 0.75, 1, 1]


@given(st.lists(st.tuples(st.floats(-50, 50), st.booleans()), min_size=1, max_size=60))
def test_both_rise_stay_probabilities_and_read_back(rows):
    scores, right = [score for score, _ in rows], [one for _, one in rows]
    isotonic = Isotonic.fit(scores, right)
    values = [isotonic(score) for score in sorted(scores)]
    assert all(0 <= value <= 1 for value in values)
    assert all(b >= a - 1e-12 for a, b in pairwise(values))
    # the curve keeps the mean: what is added to some rows is taken from others
    assert math.isclose(sum([isotonic(score) for score in scores]), sum(right), abs_tol=1e-6)
    platt = Platt.fit(scores, right)
    assert all(0 <= platt(score) <= 1 for score in scores)
    for one in (isotonic, platt):
        again = calibrator_of(one.to_dict())
        assert [again(score) for score in scores] == [one(score) for score in scores]


def test_certainty_needs_more_than_a_few_rows():
    assert 0.6 < Platt.fit([1.0, 1.0, 1.0], [True, True, True])(1.0) < 1


def test_calibration_error_by_hand():
    # [0.2, 0.3): 0.25 said, half right; [0.9, 1]: 0.95 and 1 said, all right
    assert calibration_error([0.25, 0.25, 0.95, 1.0], [True, False, True, True]) == pytest.approx((0.5 + 0.05) / 4)
    assert calibration_error([0.5, 0.5], [True, False]) == 0
    assert brier([0.5, 1.0], [True, False]) == pytest.approx((0.25 + 1) / 2)


@pytest.mark.parametrize("fit", [Platt.fit, Isotonic.fit, brier, calibration_error])
@pytest.mark.parametrize("scores, right", [([], []), ([0.1], []), ([float("nan")], [True])])
def test_what_is_no_set_of_rows_is_refused(fit, scores, right):
    with pytest.raises(ConfigError):
        fit(scores, right)


def test_an_unknown_calibration_is_refused():
    with pytest.raises(ConfigError):
        calibrator_of({"kind": "guess"})
