"""The smallest program that shows a difference."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.programs.minimise import minimise
from tests.support.programs.running import HANGS, Difference, differences

#: How many smaller programs are tried, also of one that does not end: each that does not takes all the time there is.
ATTEMPTS, ATTEMPTS_HANGING = 3_000, 30


def smallest(found: Difference) -> Difference:
    """The difference of the smallest program that shows it on the same evaluator."""
    attempts = ATTEMPTS_HANGING if found.found == HANGS else ATTEMPTS
    small = minimise(found.pieces, lambda pieces: _differs(pieces, found.name) is not None, attempts=attempts)
    return _differs(small, found.name) or found


def _differs(pieces: Sequence[str], name: str) -> Difference | None:
    try:
        found = differences(pieces, [name])
    except Exception:  # not a program that can be read
        return None
    return found if found is not None and found.name == name else None
