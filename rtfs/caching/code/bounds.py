"""What counts say of a probability: exact bounds, and a test that may be looked at after every observation."""

from __future__ import annotations

from math import exp, lgamma, log, log1p

from rtfs.values.struct import Struct


def lower_bound(successes: int, trials: int, confidence: float = 0.95) -> float:
    """The probability of success that is exceeded with a confidence, from independent trials (Clopper and Pearson, 1934; one side).

    Returns:
        0 when there was no success.
    """
    if not successes:
        return 0.0
    low, high = 0.0, successes / trials
    for _ in range(60):  # the tail grows with p: bisection, to more digits than there are
        middle = (low + high) / 2
        if _tail(successes, trials, middle) < 1 - confidence:
            low = middle
        else:
            high = middle
    return low


def upper_bound(successes: int, trials: int, confidence: float = 0.95) -> float:
    """The same from above; 1 when there was no failure."""
    return 1 - lower_bound(trials - successes, trials, confidence)


def _tail(successes: int, trials: int, p: float) -> float:
    """The probability of at least so many successes."""
    if p <= 0.0:
        return 0.0
    if p >= 1.0:
        return 1.0
    # terms fall off quickly on one side of the mean: sum from `successes` upwards, largest first where that is above the mean
    ways = lgamma(trials + 1) - lgamma(successes + 1) - lgamma(trials - successes + 1)
    chance = exp(ways + successes * log(p) + (trials - successes) * log1p(-p))
    total, odds = 0.0, p / (1 - p)
    for k in range(successes, trials + 1):
        total += chance
        chance *= odds * (trials - k) / (k + 1)
        if chance < total * 1e-15:
            break
    return min(total, 1.0)


#: Bets on how often code agrees that has fallen below the level, as parts of the largest bet that is allowed.
_BETS = (0.05, 0.15, 0.35, 0.7)
#: Evidence at which code is demoted: as long as it agrees as often as the level says, that happens once in so many checks at
#: most, on average, and much more rarely where it agrees more often.
ENOUGH = 1_000.0


class Drift(Struct):
    """Evidence that code agrees less often than a level.

    A bet against the level: its stake grows by `1 + bet * (level - 1)` when code agrees and by `1 + bet * level` when it does
    not, and so does not grow on average while the level is kept.  Before each check the stake is filled up to 1, so that years of
    agreement do not hide what begins today (an e-detector of the CUSUM kind; Shin, Ramdas and Rinaldo, 2022).  Several bets
    share the stake.

    Attributes:
        level: how often code has to agree, 0 to 1.
        stakes: what each bet has come to.
        checks, agreed: since the code was published.
    """

    level: float
    stakes: tuple[float, ...] = (0.0,) * len(_BETS)
    checks: int = 0
    agreed: int = 0

    @property
    def evidence(self) -> float:
        """1 when nothing speaks against the code; `ENOUGH` is enough."""
        return sum(self.stakes) / len(self.stakes)

    @property
    def has_fallen(self) -> bool:
        return self.evidence >= ENOUGH

    def after(self, agrees: bool) -> Drift:
        """The evidence with one check more."""
        level = min(max(self.level, 0.01), 0.999)
        stakes: list[float] = []
        for stake, part in zip(self.stakes, _BETS, strict=True):
            bet = part / (1 - level)  # at most 1 / (1 - level): a stake is never negative
            stakes.append(min(max(stake, 1.0) * (1 + bet * (level - agrees)), 1e12))
        return Drift(self.level, tuple(stakes), self.checks + 1, self.agreed + agrees)
