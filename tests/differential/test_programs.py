"""Generated programs of every form on every evaluator, and programs aimed at one optimisation each.

The nightly profile runs 100,000 of them, in parts, so that `-n` spreads them; each night others, from RTFS_SEED on.  What is found
is told at once: the tests after it take long.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from rtfs.ir import optimise
from tests.support.programs.choices import made_by, seeded
from tests.support.programs.minimise import minimise
from tests.support.programs.programs import aimed, general, program
from tests.support.programs.running import check, differences, frozen, in_turn, reference
from tests.support.programs.smallest import smallest

NIGHTLY = 100_000
PARTS = 100
SEED = int(os.environ.get("RTFS_SEED", int(time.time()) // 86_400 * NIGHTLY))


@pytest.fixture(autouse=True, scope="module")
def _frozen() -> Iterator[None]:
    with frozen(*[program(seeded(seed)) for seed in range(5)]):
        yield


@pytest.fixture(autouse=True)
def _checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The IR is verified after each pass, and what goes wrong in one is seen."""
    monkeypatch.setattr(optimise, "DEBUG", True)


#: A program is made of some hundred choices, and the smallest ones of dozens.
large = settings(suppress_health_check=[*settings.default.suppress_health_check, HealthCheck.large_base_example])


@large
@given(made_by(general))
def test_programs_of_every_form(pieces: list[str]) -> None:
    check(*pieces)


@large
@given(made_by(aimed))
def test_programs_aimed_at_optimisations(pieces: list[str]) -> None:
    check(*pieces)


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(PARTS))
def test_nightly(part: int, record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]) -> None:
    count = NIGHTLY // PARTS
    for seed in range(SEED + part * count, SEED + (part + 1) * count):
        found = differences(program(seeded(seed)), in_turn(seed))
        if found is not None:
            with capsys.disabled():  # at once: looking for a smaller one takes a while, and the other parts take long
                print(f"\nseed {seed}: {found}", file=sys.stderr, flush=True)
            raise AssertionError(f"seed {seed}") from smallest(found)
    record_property("programs", count)


# --- of the generators themselves ---------------------------------------------------------------


def test_most_programs_run_some_way() -> None:
    """Or nothing would be compared: most pieces give a value, and few of the others are no programs at all."""
    found = [outcome for seed in range(60) for outcome in reference(program(seeded(seed)))]
    values = sum(outcome[0] == "value" for outcome in found)
    malformed = sum(
        outcome[0] == "error" and outcome[1] in ("parse-error", "invalid-special-form", "invalid-pattern") for outcome in found
    )
    assert values > 0.6 * len(found)
    assert malformed < 0.05 * len(found)


def test_the_same_choices_give_the_same_program() -> None:
    assert [program(seeded(seed)) for seed in range(20)] == [program(seeded(seed)) for seed in range(20)]


def test_a_difference_is_made_small() -> None:
    """What is left of a program is what the difference is about."""
    pieces = ["(def a 1) (println a)", "(defn f [x] (let [y (+ x 1)] (if (> y 2) (* y :k) y))) (f 5) [1 2 3]"]
    assert minimise(pieces, lambda smaller: ":k" in "".join(smaller)) == [":k"]
