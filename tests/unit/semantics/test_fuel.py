"""The stream of steps by itself: exact at the limit of steps, whatever the clock does, and raising for good."""

from __future__ import annotations

import gc
import mmap
import time
from itertools import compress

import pytest

from rtfs.config import Limits
from rtfs.errors import ConfigError, LimitExceeded
from rtfs.semantics import fuel as fuel_module
from rtfs.semantics.fuel import Fuel


def started(**limits: float) -> Fuel:
    fuel = Fuel(Limits(**limits))  # type: ignore[arg-type]
    fuel.start()
    return fuel


def steps_until_stopped(fuel: Fuel) -> int:
    count = 0
    with pytest.raises(LimitExceeded):
        for _ in fuel.stream[0]:
            count += 1
    return count


@pytest.mark.parametrize("limit", [1, 15, 16, 17, 48, 1000, 5000])
def test_a_run_has_exactly_its_steps(limit: int) -> None:
    assert steps_until_stopped(started(max_steps=limit)) == limit
    assert steps_until_stopped(started(max_steps=limit, timeout_s=1e6)) == limit
    assert steps_until_stopped(started(max_steps=limit, timeout_s=1e6, max_memory_bytes=10**12)) == limit


def test_the_clock_does_not_change_the_number_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at odd times make batches of odd sizes; their sum stays the same."""
    ticks = iter(range(10**9))
    monkeypatch.setattr(fuel_module.time, "monotonic", lambda: next(ticks) % 7 * 0.01 + next(ticks) * 1e-7)
    assert steps_until_stopped(started(max_steps=3000, timeout_s=1e6)) == 3000


def test_steps_are_counted_while_they_are_taken() -> None:
    fuel = started(max_steps=100)
    for n in range(1, 60):
        fuel.tick()
        assert fuel.steps == n
    list(compress("abc", fuel.stream[0]))
    assert fuel.steps == 62
    fuel.start()
    assert fuel.steps == 0


def test_a_limit_that_was_passed_is_passed_for_good() -> None:
    fuel = started(max_steps=10)
    stream = fuel.stream[0]
    steps_until_stopped(fuel)
    assert list(stream) == [], "Python asks an iterator that raised for nothing more"
    for _ in range(3):
        with pytest.raises(LimitExceeded, match="more than 10 steps"):
            fuel.tick()
        with pytest.raises(LimitExceeded, match="more than 10 steps"):
            fuel.look()
    fuel.start()
    fuel.tick()


def test_an_ended_stream_is_no_way_around_the_limit() -> None:
    """Something else than a limit can end a stream: an interrupt, no room for a frame."""
    fuel = started(max_steps=50)
    fuel.tick()
    fuel.stream[0] = iter(())
    for _ in range(3):
        with pytest.raises(LimitExceeded) as caught:
            fuel.tick()
        assert caught.value.kind == "stack-overflow"


def test_looks_follow_the_clock() -> None:
    """A step that takes a millisecond: the limit of time is passed by a few of them, not by a batch."""
    fuel = started(timeout_s=0.05)
    for _ in range(2):  # quick ones, so that batches are large
        fuel.tick()
    count = 0
    with pytest.raises(LimitExceeded, match=r"more than 0\.05 seconds"):
        for _ in fuel.stream[0]:
            count += 1
            time.sleep(0.001)
    assert count < 150


def test_what_is_announced_is_looked_at_before_the_batch_ends() -> None:
    fuel = started(max_memory_bytes=10_000_000)
    fuel.tick()
    fuel.announce(1_000_000)
    # far more than what the process may have given back meanwhile, as its growth is what counts
    with pytest.raises(LimitExceeded, match="more than 10,000,000 bytes of memory") as caught:
        fuel.announce(1_000_000_000)
    assert caught.value.kind == "memory-exhausted"
    late = started(timeout_s=0.001)
    time.sleep(0.002)
    late.announce(1000)
    with pytest.raises(LimitExceeded):
        late.announce(500_000)


def test_memory_that_a_run_holds_is_found() -> None:
    fuel = started(max_memory_bytes=30_000_000)
    held = []
    with pytest.raises(LimitExceeded, match="bytes of memory"):
        for _ in fuel.stream[0]:
            block = mmap.mmap(-1, 65_536)  # from the operating system, whatever Python has in store
            block.write(b"x" * 65_536)
            held.append(block)
    assert 200 < len(held) < 1500


def test_garbage_is_collected_before_a_run_is_stopped() -> None:
    fuel = started(max_memory_bytes=40_000_000)
    gc.disable()
    try:
        for _ in range(4000):  # 200 MB of cycles, in small objects: large blocks would stay with the C library
            fuel.tick()
            cycle: list[object] = [(i,) for i in range(700)]
            cycle.append(cycle)
    finally:
        gc.enable()


def test_a_platform_that_cannot_say_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import sys

    monkeypatch.setattr(os.path, "exists", lambda path: False)
    assert Fuel(Limits(max_memory_bytes=1000))._resident is not None, "the highest value so far is better than nothing"
    monkeypatch.setitem(sys.modules, "resource", None)
    with pytest.raises(ConfigError, match="cannot be limited"):
        Fuel(Limits(max_memory_bytes=1000))
