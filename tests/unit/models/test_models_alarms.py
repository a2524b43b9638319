"""Alarms: they ring once, when they should, and not after they were put off."""

from __future__ import annotations

import faulthandler
import os
import threading
import time

import pytest

from rtfs.models.alarms import ALARMS, TICK_S, Alarms


def test_an_alarm_rings_once_in_time() -> None:
    alarms, rung = Alarms(), []
    alarm = alarms.set(lambda: rung.append(time.monotonic()))
    begin = time.monotonic()
    alarm.rings_in(0.1)
    time.sleep(0.1 + 8 * TICK_S)
    assert len(rung) == 1
    assert rung[0] - begin >= 0.1


def test_a_time_that_is_known_is_kept() -> None:
    """Not only to a tick, and also while the thread waits for later ones."""
    alarms, late = Alarms(), []
    alarms.set(lambda: None, time.monotonic() + 60)
    for after_s in (0.004, 0.03, 0.12, 0.02):
        rung = threading.Event()
        until = time.monotonic() + after_s
        alarms.set(rung.set, until)
        assert rung.wait(5)
        late.append(time.monotonic() - until)
    assert min(late) >= 0
    assert sorted(late)[1] < TICK_S / 4, late  # the machine may have had something else to do


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_alarms_of_a_forked_process_ring() -> None:
    ALARMS.off(ALARMS.set(lambda: None))
    taken = ALARMS._lock.acquire()
    child = os.fork()
    if child == 0:
        rung = threading.Event()
        faulthandler.dump_traceback_later(10, exit=True)
        ALARMS.set(rung.set, time.monotonic() + 0.01)
        os._exit(0 if rung.wait(5) else 1)
    if taken:
        ALARMS._lock.release()
    assert os.waitpid(child, 0)[1] == 0


def test_an_alarm_that_is_paused_put_off_or_taken_away_does_not_ring() -> None:
    alarms, rung = Alarms(), []
    paused, later, gone = (alarms.set(lambda n=n: rung.append(n)) for n in ("paused", "later", "gone"))
    for alarm in (paused, later, gone):
        alarm.rings_in(0.1)
    paused.pause()
    later.rings_in(30)
    alarms.off(gone)
    alarms.off(gone)  # twice is no error
    time.sleep(0.1 + 6 * TICK_S)
    assert rung == []
    alarms.off(later)


def test_one_thread_looks_after_all_and_begins_anew() -> None:
    alarms = Alarms()
    before = threading.active_count()
    made = [alarms.set(lambda: None) for _ in range(50)]
    assert threading.active_count() <= before + 1
    for alarm in made:
        alarms.off(alarm)
    rung = threading.Event()
    alarms.set(rung.set).rings_in(0.0)
    assert rung.wait(2)


def test_an_alarm_that_fails_silences_no_other() -> None:
    alarms, rung = Alarms(), threading.Event()
    alarms.set(lambda: 1 / 0, time.monotonic())  # type: ignore[arg-type, return-value]
    time.sleep(3 * TICK_S)
    alarms.set(rung.set, time.monotonic())
    assert rung.wait(5)
