"""Bounds that are exact, and a test for drift that keeps its promise."""

from __future__ import annotations

from math import comb
from random import Random

import pytest

from rtfs.caching.code.bounds import ENOUGH, Drift, lower_bound, upper_bound


@pytest.mark.parametrize(("successes", "trials"), [(1, 1), (1, 10), (9, 10), (10, 10), (95, 100), (40, 97), (250, 300)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_the_lower_bound_is_where_so_many_successes_become_probable_enough(successes: int, trials: int, confidence: float) -> None:
    p = lower_bound(successes, trials, confidence)
    tail = sum(comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(successes, trials + 1))
    assert tail == pytest.approx(1 - confidence, rel=1e-6)
    assert 0 < p < successes / trials or successes == trials
    assert upper_bound(trials - successes, trials, confidence) == pytest.approx(1 - p)


def test_bounds_of_none_and_all() -> None:
    assert lower_bound(0, 10) == 0.0
    assert lower_bound(0, 0) == 0.0
    assert upper_bound(10, 10) == 1.0
    assert lower_bound(59, 59) == pytest.approx(0.05 ** (1 / 59))


def test_the_bound_covers() -> None:
    random = Random(2)
    below = 0
    for _ in range(2_000):
        successes = sum(random.random() < 0.9 for _ in range(60))
        below += lower_bound(successes, 60, 0.95) <= 0.9
    assert below / 2_000 >= 0.95


def until_it_falls(level: float, p: float, random: Random, most: int) -> int:
    drift = Drift(level)
    for count in range(1, most + 1):
        drift = drift.after(random.random() < p)
        if drift.has_fallen:
            return count
    return most


def test_code_that_keeps_its_level_is_rarely_demoted() -> None:
    """On average not before 1,000 checks at the level itself, and hardly ever two points above it."""
    random = Random(4)
    at_level = [until_it_falls(0.95, 0.95, random, 20_000) for _ in range(40)]
    assert sum(at_level) / 40 >= ENOUGH
    assert sum(until_it_falls(0.95, 0.98, random, 5_000) < 5_000 for _ in range(20)) <= 2


def test_code_that_falls_is_demoted_soon_however_long_it_was_good() -> None:
    drift = Drift(0.95)
    for _ in range(5_000):
        drift = drift.after(True)
    assert drift.evidence < 1
    while not drift.has_fallen and drift.checks < 5_100:
        drift = drift.after(False)
    assert drift.agreed == 5_000
    assert drift.checks <= 5_008
    random = Random(6)
    assert max(until_it_falls(0.95, 0.7, random, 5_000) for _ in range(20)) < 150


@pytest.mark.parametrize("level", [0.0, 0.5, 0.9, 1.0])
def test_stakes_are_never_negative(level: float) -> None:
    drift = Drift(level)
    random = Random(9)
    for _ in range(300):
        drift = drift.after(random.random() < 0.5)
        assert min(drift.stakes) >= 0
