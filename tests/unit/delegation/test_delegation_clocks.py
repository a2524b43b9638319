"""Clocks that jump: budgets, breakers, retries and logs go by clocks that do not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rtfs.delegation.breaker import Breakers
from rtfs.delegation.log_queries import Selection
from rtfs.errors import DelegationError, LimitExceeded
from rtfs.models.registry import ModelRegistry
from rtfs.runtime import Runtime
from tests.support.cached_calls import Scripted

PROGRAM = '(defn ask ^:delegation :local-model "m" "?" [n :int] :-> :string "body")'


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the wall clock by seconds; the monotonic one goes on."""
    real, by = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + by[0])

    def jump(seconds: float) -> None:
        by[0] += seconds

    return jump


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Runtime]:
    def made(*script: object, **options: object) -> Runtime:
        registry = ModelRegistry()
        registry.register("m", Scripted(*script), kind="local")
        runtime = Runtime(environ={}, models=registry, log=tmp_path / "calls.sqlite", **options)  # type: ignore[arg-type]
        runtime.run(PROGRAM)
        return runtime

    return made


@pytest.mark.parametrize("seconds", [-10**9, -3_600, 3_600, 10**9])
def test_a_budget_of_seconds_does_not_end_when_the_wall_clock_jumps(make, jump, seconds: float):
    with make("yes", budget={"seconds": 600}) as runtime:
        assert runtime.run("(ask 1)") == "yes"
        jump(seconds)
        assert runtime.run("(with-budget {:seconds 60} (ask 2))") == "yes"
        assert 0 < runtime.budget.remaining_s() <= 600


def test_nor_does_it_go_on_for_ever(make, jump):
    with make("yes", budget={"seconds": 0.05}) as runtime:
        jump(-10**6)
        time.sleep(0.06)
        with pytest.raises(LimitExceeded, match=r"its 0\.05 seconds are over"):
            runtime.run("(ask 1)")


def test_a_breaker_opens_and_closes_by_its_own_clock(jump):
    now = [0.0]
    breakers = Breakers(threshold=2, pause_s=30, clock=lambda: now[0])
    breakers.failed("t")
    breakers.failed("t")
    jump(10**6)
    assert not breakers.allows("t")
    now[0] = 31.0
    assert breakers.allows("t")


def test_records_stay_in_the_order_of_calls_and_latencies_are_real(make, jump, tmp_path: Path):
    with make("yes") as runtime:
        runtime.delegation._make_delegate()._clock = lambda: time.time()  # the default is the clock as it was when it was defined
        for seconds in (0, -86_400, 10**7):
            jump(seconds)
            runtime.run("(ask 1)")
    records = [entry.record for entry in Selection().entries(str(tmp_path / "calls.sqlite"))]
    assert [round(one["started"] - records[0]["started"], -2) for one in records] == [0, -86_400, 10**7 - 86_400]
    assert all(0 <= one["latency_s"] < 10 for one in records)
    assert all(0 <= attempt["latency_s"] < 10 for one in records for attempt in one["attempts"])


def test_retries_wait_by_the_monotonic_clock(make, jump):
    failing = DelegationError("busy", kind="model-unavailable", retryable=True)

    class Jumping(Scripted):
        def complete(self, request):
            jump(-5_000)
            return super().complete(request)

    registry = ModelRegistry()
    registry.register("m", Jumping(failing, "yes"), kind="local")
    begin = time.monotonic()
    with Runtime(environ={}, models=registry) as runtime:
        assert runtime.run(PROGRAM + "(ask 1)") == "yes"
    assert time.monotonic() - begin < 5
