"""Whether a function may be answered by meaning at all, and from which score on: an error budget, not a taste.

Every hit that is also computed is a check: the score of the match, and whether the model gave the same answer.  A threshold is
allowed when the checks at or above it show that at most `limit` of the hits are false, at the level `confidence`, *whenever* one
looks: the test is a likelihood ratio that stays valid under constant peeking (a test martingale; Ville 1939, Ramdas et al. 2023),
divided among the thresholds of a fixed grid (Bonferroni).  With 2 % and 95 % that takes about 260 checks without a mistake;
nothing is served before.

Where the checks show the contrary for the strictest threshold, or none is allowed after `MOST_CHECKS`, the answer is *never*.
While serving, a part of the hits is still checked; a detector of change (Shin, Ramdas and Rinaldo 2022) on those switches back to
learning.

The counts of checks are all that a decision depends on, so that several processes can add theirs up.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from rtfs.errors import ConfigError

#: Scores from which on serving may be allowed, strictest last.  Few, since each costs confidence.
GRID = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
MOST_CHECKS = 5000
#: Shares of false hits that the test bets on, as parts of the limit, with how much is put on each.
_BELOW = ((0.0, 0.5), (0.125, 0.2), (0.3, 0.2), (0.6, 0.1))
_ABOVE = ((1.5, 0.3), (3.0, 0.4), (8.0, 0.3))
#: Odds at which a change for the worse is taken for real: one false alarm in that many checks, on average, at most.
_ALARM = 400.0
LEARNING, SERVING, NEVER = "learning", "serving", "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """What a user may set for a function."""

    limit: float = 0.02
    """The share of the served hits that may be false."""
    confidence: float = 0.95
    """How sure that has to be before anything is served."""
    check_share: float = 0.03
    """Of the hits that may be served, the part that is computed all the same; 0.01 to 0.05 is sensible."""

    def check(self) -> BudgetSettings:
        """The settings themselves.

        Raises:
            ConfigError: they make no sense.
        """
        for name, value, most in (("limit", self.limit, 0.5), ("confidence", self.confidence, 0.9999)):
            if not 0 < value <= most:
                raise ConfigError(f"the {name} of an error budget is above 0 and at most {most}, not {value}")
        if not 0 <= self.check_share <= 1:
            raise ConfigError(f"the share of hits that are checked is from 0 to 1, not {self.check_share}")
        return self


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a function stands."""

    state: str
    """`learning`: nothing is served yet; `serving`; `never`: matches by meaning are not good enough for this function."""
    threshold: float | None
    """While serving: the score from which on hits are served."""
    checks: int
    """In this learning period, at or above the threshold if there is one."""
    false: int
    """Of these, those whose answer was another."""
    precision: tuple[float, float, float]
    """Share of right ones among the checks, and its 95 % interval (Clopper and Pearson); (0, 0, 1) without checks."""


@dataclass(slots=True)
class Budget:
    """The checks of one function.  Not locked: its owner is."""

    settings: BudgetSettings = field(default_factory=BudgetSettings)
    right: list[int] = field(default_factory=lambda: [0] * len(GRID))
    """Checks per step of the grid whose answer was the same."""
    wrong: list[int] = field(default_factory=lambda: [0] * len(GRID))
    state: str = LEARNING
    at: int = len(GRID)
    """The step from which on hits are served; meaningful while serving."""
    _alarm: list[float] = field(default_factory=lambda: [0.0] * len(_ABOVE))

    def decide(self, score: float, rng: random.Random) -> tuple[bool, bool]:
        """(whether a match of this score may be served, whether it is to be computed all the same)."""
        if self.state == NEVER or score < GRID[0]:
            return False, False
        if self.state == SERVING and score >= GRID[self.at]:
            return True, rng.random() < self.settings.check_share
        return False, True

    def observe(self, score: float, agreed: bool) -> None:
        """A check.  May change the state."""
        step = _step(score)
        if step < 0 or self.state == NEVER:
            return
        (self.right if agreed else self.wrong)[step] += 1
        if self.state == SERVING and step >= self.at and self._worse(agreed):
            self.restart()
            return
        self.judge()

    def judge(self) -> None:
        """Derive the state from the counts."""
        needed = math.log(len(GRID) / (1 - self.settings.confidence))
        if self.state == SERVING:
            # hits above the threshold are checked in part, those below all: a lower threshold has to show its merit on what it adds
            for step in range(self.at):
                if self._evidence(sum(self.right[step : self.at]), sum(self.wrong[step : self.at]), _BELOW) >= needed:
                    self.at = step
                    return
            return
        for step in range(len(GRID)):
            if self._evidence(sum(self.right[step:]), sum(self.wrong[step:]), _BELOW) >= needed:
                self.state, self.at = SERVING, step
                self._alarm = [0.0] * len(_ABOVE)
                return
        if sum(self.right) + sum(self.wrong) >= MOST_CHECKS or self._hopeless(needed):
            self.state = NEVER

    def _hopeless(self, needed: float) -> bool:
        """Whether every threshold that has been tried at all is shown to miss the limit."""
        tried = [step for step in range(len(GRID)) if self.right[step] + self.wrong[step]]
        if not tried:
            return False
        last = tried[-1]
        return self._evidence(sum(self.right[last:]), sum(self.wrong[last:]), _ABOVE) >= needed and last == len(GRID) - 1

    def _evidence(self, right: int, wrong: int, bets: tuple[tuple[float, float], ...]) -> float:
        """Logarithm of how much likelier the checks are under the bets than at the limit."""
        limit = self.settings.limit
        logs = []
        for part, weight in bets:
            share = min(part * limit, 0.95)
            if share == 0.0:
                if wrong == 0:
                    logs.append(math.log(weight) - right * math.log1p(-limit))
                continue
            logs.append(math.log(weight) + wrong * math.log(share / limit) + right * (math.log1p(-share) - math.log1p(-limit)))
        top = max(logs)
        return top + math.log(sum(math.exp(value - top) for value in logs))

    def _worse(self, agreed: bool) -> bool:
        limit = self.settings.limit
        for at, (part, weight) in enumerate(_ABOVE):
            share = min(part * limit, 0.95)
            ratio = (1 - share) / (1 - limit) if agreed else share / limit
            self._alarm[at] = (self._alarm[at] + weight) * ratio
        return sum(self._alarm) >= _ALARM

    def restart(self) -> None:
        """Forget all checks and learn anew."""
        self.right, self.wrong = [0] * len(GRID), [0] * len(GRID)
        self.state, self.at = LEARNING, len(GRID)
        self._alarm = [0.0] * len(_ABOVE)

    @property
    def threshold(self) -> float | None:
        """While serving: the score from which on hits are served."""
        return GRID[self.at] if self.state == SERVING else None

    def standing(self) -> Standing:
        start = self.at if self.state == SERVING else 0
        right, wrong = sum(self.right[start:]), sum(self.wrong[start:])
        return Standing(self.state, self.threshold, right + wrong, wrong, precision(right, wrong))

    def to_data(self) -> dict[str, object]:
        return {"right": self.right, "wrong": self.wrong, "state": self.state, "at": self.at, "grid": list(GRID)}

    @classmethod
    def from_data(cls, data: object, settings: BudgetSettings) -> Budget:
        """A budget from what `to_data` gave; a fresh one when that is of another kind or grid."""
        if not isinstance(data, dict) or data.get("grid") != list(GRID) or data.get("state") not in (LEARNING, SERVING, NEVER):
            return cls(settings)
        at = data.get("at")
        both: list[list[int]] = []
        for counts in (data.get("right"), data.get("wrong")):
            if not isinstance(counts, list) or len(counts) != len(GRID) or not all(type(c) is int and c >= 0 for c in counts):
                return cls(settings)
            both.append(list(counts))
        if type(at) is not int or not 0 <= at <= len(GRID) or (data["state"] == SERVING and at == len(GRID)):
            return cls(settings)
        return cls(settings, both[0], both[1], data["state"], at)


def _step(score: float) -> int:
    """The last step of the grid that a score reaches; -1 when it reaches none."""
    found = -1
    for step, least in enumerate(GRID):
        if score >= least:
            found = step
    return found


def precision(right: int, wrong: int, confidence: float = 0.95) -> tuple[float, float, float]:
    """A share with its exact interval.

    Returns:
        (right / all, lower end, upper end).
    Source: Clopper and Pearson 1934.
    """
    n = right + wrong
    if not n:
        return 0.0, 0.0, 1.0
    tail = (1 - confidence) / 2
    lower = 0.0 if right == 0 else _solve(lambda p: 1 - _cdf(right - 1, n, p) - tail)
    upper = 1.0 if wrong == 0 else _solve(lambda p: tail - _cdf(right, n, p))
    return right / n, lower, upper


def _cdf(k: int, n: int, p: float) -> float:
    """The chance of at most k of n."""
    if k >= n or p <= 0:
        return 1.0
    if p >= 1:
        return 0.0
    # the shorter tail is summed
    if k > n // 2:
        return 1.0 - _cdf(n - k - 1, n, 1 - p)
    log_p, log_q = math.log(p), math.log1p(-p)
    whole = math.lgamma(n + 1)
    return math.fsum(
        math.exp(whole - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * log_p + (n - i) * log_q) for i in range(k + 1)
    )


def _solve(rising: Callable[[float], float]) -> float:
    """Where a rising function of 0 to 1 crosses zero."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if rising(middle) > 0:
            high = middle
        else:
            low = middle
    return (low + high) / 2
