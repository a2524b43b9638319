"""Whether code that somebody else wrote is expected to do: it runs in the sandbox on recorded calls.

Only those count that its author has not seen.  Code that does not come to an end, or takes too long, is given up early: a sandbox
allows a second for each call, and there may be thousands of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

from rtfs.caching.code.publishing import ABSTAIN
from rtfs.delegation.crystallise.choosing import will_do
from rtfs.delegation.crystallise.induction import Aim, Candidate, split
from rtfs.delegation.crystallise.samples import Sample, Samples
from rtfs.errors import LimitExceeded, RtfsError
from rtfs.values.equality import equal
from rtfs.values.printing import to_readable
from rtfs.values.struct import Struct

#: Calls that may pass a limit of the sandbox before it is given up, and seconds that all calls may take together.
_MOST_STOPPED, _MOST_S = 3, 60.0
_LONGEST = 200


class Judgement(Struct):
    """What running code on training examples came to.

    Attributes:
        unseen: examples that its author has not seen; `covered`: those of them that it answered; `right`: as the model had.
        misses: examples that it got wrong, those that its author had seen first, with what it did.
        given_up: why not all examples were run; empty when they were.
    """

    unseen: int
    covered: int
    right: int
    misses: tuple[tuple[Sample, str], ...]
    given_up: str

    def candidate(self, kind: str, text: str, samples: Samples, aim: Aim) -> Candidate | None:
        """The code as a candidate; None when it is not expected to do."""
        _, held_out = split(samples)
        expected = round(self.covered / self.unseen * len(held_out)) if self.unseen else 0
        if self.given_up or not will_do(self.right, self.covered, expected, aim.agreement, aim.confidence):
            return None
        examples = tuple([one.example for one in held_out])
        return Candidate(kind, text, self.covered / self.unseen, self.right / self.covered, examples)

    def summary(self, aim: Aim) -> str:
        """What it came to, in a sentence without data of any example."""
        if self.given_up:
            return self.given_up
        if not self.covered:
            return f"it leaves all {self.unseen} examples that it has not seen to the model"
        share = f"of {self.unseen} examples that it has not seen it answers {self.covered}, {self.right} of them as the model did"
        return f"{share}: too few to expect {aim.agreement:.0%} with {aim.confidence:.0%} confidence"


def judge(
    run: Callable[[tuple[Any, ...]], Any],
    samples: Samples,
    seen: Collection[str],
    *,
    timer: Callable[[], float] = time.monotonic,
) -> Judgement:
    """
    Args:
        run: the code in the sandbox.
        seen: keys of examples that its author was shown.
        timer: seconds.
    """
    training, _ = split(samples)
    unseen = covered = right = stopped = 0
    misses: list[tuple[Sample, str]] = []
    given_up = ""
    end = timer() + _MOST_S
    for one in sorted(training, key=lambda one: one.key not in seen):
        counts = one.key not in seen
        unseen += counts
        try:
            value = run(one.example.args)
        except RtfsError as error:
            if error.kind != ABSTAIN:
                covered += counts
                misses.append((one, f"it failed: {error.message}"))
                stopped += isinstance(error, LimitExceeded)
        else:
            agrees = equal(value, one.example.value)
            covered += counts
            right += counts and agrees
            if not agrees:
                misses.append((one, f"it gave {_short(value)}"))
        if stopped >= _MOST_STOPPED:
            given_up = f"it passes the limits of the sandbox: {misses[-1][1].removeprefix('it failed: ')}"
            break
        if timer() > end:
            given_up = f"it is too slow: {unseen + len(seen)} calls took more than {_MOST_S:g} seconds"
            break
    return Judgement(unseen, covered, right, tuple(misses), given_up)


def _short(value: Any) -> str:
    text = to_readable(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
