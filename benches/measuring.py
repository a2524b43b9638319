"""Timing: interleaved passes of CPU time in one process.

In each pass every system runs once, one after the other (A B A B …), so that a slow moment of the machine meets all of them.
The figure of a system is the median over the passes, and a ratio is one of two medians of the same run.  The cyclic garbage
collector stays on, as in a program; it is emptied before each measurement, so that nobody pays for another's garbage.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, log
from statistics import median
from time import process_time
from typing import Any


@dataclass(frozen=True)
class Plan:
    """How long to measure."""

    passes: int
    batch_s: float
    """CPU seconds that one measurement takes at least: short functions are called several times."""


QUICK = Plan(passes=5, batch_s=0.01)
FULL = Plan(passes=15, batch_s=0.04)


@dataclass(frozen=True)
class Timing:
    """CPU milliseconds of one call: the median over the passes, the lowest and the highest."""

    ms: float
    low_ms: float
    high_ms: float


def measure(functions: Mapping[str, Callable[[], Any]], plan: Plan) -> dict[str, Timing]:
    """Time functions without parameters against each other; all have been called before."""
    calls = {name: max(1, round(plan.batch_s / max(_time(function, 1), 1e-7))) for name, function in functions.items()}
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(plan.passes):
        for name, function in functions.items():
            seconds[name].append(_time(function, calls[name]) / calls[name])
    return {name: Timing(*(1000 * at(times) for at in (median, min, max))) for name, times in seconds.items()}


def _time(function: Callable[[], Any], calls: int) -> float:
    """CPU seconds of so many calls."""
    gc.collect()
    repeat = range(calls)
    begin = process_time()
    for _ in repeat:
        function()
    return process_time() - begin


def geometric_mean(ratios: list[float]) -> float:
    return exp(sum(map(log, ratios)) / len(ratios))
