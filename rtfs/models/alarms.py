"""Alarms for threads that wait for a server: one thread looks after all of them, and ends a while after the last one.

An HTTP library has a timeout for each read, set when the request is sent.  How long a server may be silent changes on the way, and
bytes that drip are never late for the library; so somebody else has to end the wait.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

TICK_S = 0.05
_IDLE_TICKS = 100  # that the thread stays without alarms: to begin one costs as much as a hundred alarms


class Alarm:
    """Rings once, at `until` (seconds of `time.monotonic`), which its owner sets as often as he likes."""

    __slots__ = ("ring", "until")

    def __init__(self, ring: Callable[[], None]) -> None:
        self.ring = ring
        self.until = math.inf

    def rings_in(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds

    def pause(self) -> None:
        self.until = math.inf


class Alarms:
    """Alarms that are set. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set: set[Alarm] = set()
        self._thread: threading.Thread | None = None

    def set(self, ring: Callable[[], None]) -> Alarm:
        """A new alarm, paused; `ring` is called by another thread and does not raise."""
        alarm = Alarm(ring)
        with self._lock:
            self._set.add(alarm)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="rtfs-alarms", daemon=True)
                self._thread.start()
        return alarm

    def off(self, alarm: Alarm) -> None:
        with self._lock:
            self._set.discard(alarm)

    def _look(self) -> None:
        idle = 0
        while True:
            time.sleep(TICK_S)
            now = time.monotonic()
            with self._lock:
                idle = 0 if self._set else idle + 1
                if idle > _IDLE_TICKS:
                    self._thread = None
                    return
                due = [alarm for alarm in self._set if alarm.until <= now]
                self._set.difference_update(due)
            for alarm in due:
                alarm.ring()


ALARMS = Alarms()
