"""Alarms: they ring once, when they should, and not after they were put off."""

from __future__ import annotations

import threading
import time

from rtfs.models.alarms import TICK_S, Alarms


def test_an_alarm_rings_once_in_time() -> None:
    alarms, rung = Alarms(), []
    alarm = alarms.set(lambda: rung.append(time.monotonic()))
    begin = time.monotonic()
    alarm.rings_in(0.1)
    time.sleep(0.1 + 8 * TICK_S)
    assert len(rung) == 1
    assert rung[0] - begin >= 0.1


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
