"""Where a generated program gets its choices from: a seeded generator of random numbers, or hypothesis, which shrinks them.

The same choices give the same program.  Of several possibilities the simplest come first: hypothesis shrinks towards zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Choices:
    """A source of choices.

    Args:
        below: gives a number from 0 up to, not including, the one that it is given.
    """

    def __init__(self, below: Callable[[int], int]) -> None:
        self.below = below

    def pick(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        return self.below(100) >= 100 - percent

    def weighted(self, table: Sequence[tuple[int, T]]) -> T:
        """One of several, as often as their weights say."""
        at = self.below(sum(weight for weight, _ in table))
        for weight, item in table:
            at -= weight
            if at < 0:
                return item
        raise AssertionError

    def some(self, low: int, high: int, make: Callable[[], T]) -> list[T]:
        return [make() for _ in range(self.between(low, high))]


def seeded(seed: int) -> Choices:
    """Choices that a seed determines."""
    return Choices(Random(seed).randrange)


@cache
def _numbers(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, count - 1)


@st.composite
def made_by(draw: Any, make: Callable[[Choices], T]) -> T:
    """What a function makes of choices, as a strategy."""
    return make(Choices(lambda count: draw(_numbers(count))))
