"""Timing: CPU time in interleaved passes.

In each pass everything that is compared runs once, one after the other (A B A B …), so that a slow moment of the machine meets all
of them.  The figure is the median over the passes, and a ratio is one of two medians of the same run.  The cyclic garbage collector
stays on, as in a program; it is emptied before each measurement, so that nobody pays for another's garbage.
"""

from __future__ import annotations

import gc
import resource
import subprocess
from collections.abc import Callable, Mapping, Sequence
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
    """CPU seconds: the median over the passes, the lowest and the highest."""

    median_s: float
    low_s: float
    high_s: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        return cls(median(seconds), min(seconds), max(seconds))


Clock = Callable[[], float]
"""Runs something and gives the CPU seconds that it took."""


def interleave(clocks: Mapping[str, Clock], passes: int) -> dict[str, list[float]]:
    """Seconds of so many passes by each clock; they take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in clocks}
    for _ in range(passes):
        for name, clock in clocks.items():
            seconds[name].append(clock())
    return seconds


def measure(functions: Mapping[str, Callable[[], Any]], plan: Plan) -> dict[str, Timing]:
    """Seconds of one call of each function; every one has been called before."""
    clocks = {name: clock(function, plan.batch_s) for name, function in functions.items()}
    return {name: Timing.of(seconds) for name, seconds in interleave(clocks, plan.passes).items()}


def clock(function: Callable[[], Any], batch_s: float) -> Clock:
    """A clock of one call of a function, as the mean over a batch of at least so many seconds."""
    calls = max(1, round(batch_s / max(cpu_s(function), 1e-7)))
    return lambda: cpu_s(function, calls)


def cpu_s(function: Callable[[], Any], calls: int = 1) -> float:
    """CPU seconds of a call, as the mean of so many; the loop around it is in the figure (10 ns a call)."""
    gc.collect()
    repeat = range(calls)
    begin = process_time()
    for _ in repeat:
        function()
    return (process_time() - begin) / calls


def process_cpu_s(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """CPU seconds of a process from start to end.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=dict(environment), check=True, capture_output=True)
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime


def geometric_mean(ratios: Sequence[float]) -> float:
    return exp(sum(map(log, ratios)) / len(ratios))
