"""Alarms for threads that wait for a model: one thread looks after all of them, and ends a while after the last one.

An HTTP library has a timeout for each read, set when the request is sent.  How long a server may be silent changes on the way, and
bytes that drip are never late for the library; so somebody else has to end the wait.  Local models are stopped by a flag that
somebody has to set in time.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable

log = logging.getLogger("rtfs.models")

#: Seconds between two looks at alarms, which their owners may set anew without telling anybody.
TICK_S = 0.05
_IDLE_S = 5.0  # that the thread stays without alarms: to begin one costs as much as a hundred alarms


class Alarm:
    """Rings once, at `until` (seconds of `time.monotonic`), which its owner sets as often as he likes; at the latest one tick after
    that, and at once when it was known a tick before."""

    __slots__ = ("ring", "until")

    def __init__(self, ring: Callable[[], None], until: float) -> None:
        self.ring = ring
        self.until = until

    def rings_in(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds

    def pause(self) -> None:
        self.until = math.inf


class Alarms:
    """Alarms that are set. Safe to use from several threads."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._set: set[Alarm] = set()
        self._thread: threading.Thread | None = None
        self._wakes = 0.0  # when the thread looks next

    def set(self, ring: Callable[[], None], until: float = math.inf) -> Alarm:
        """A new alarm; `ring` is called by another thread and does not raise.

        Args:
            until: as `Alarm` has it; paused when it is not given.
        """
        alarm = Alarm(ring, until)
        with self._lock:
            if self._thread is None:
                self._wakes = 0.0
                thread = threading.Thread(target=self._look, name="rtfs-alarms", daemon=True)
                thread.start()
                self._thread = thread
            self._set.add(alarm)
            if until < self._wakes:
                self._changed.notify()
        return alarm

    def off(self, alarm: Alarm) -> None:
        with self._lock:
            self._set.discard(alarm)

    def _look(self) -> None:
        used = time.monotonic()
        while True:
            with self._lock:
                now = time.monotonic()
                if self._set:
                    used = now
                elif now - used > _IDLE_S:
                    self._thread = None
                    return
                due = [alarm for alarm in self._set if alarm.until <= now]
                self._set.difference_update(due)
                if not due:
                    self._wakes = min([alarm.until for alarm in self._set], default=math.inf)
                    self._wakes = min(self._wakes, now + TICK_S)
                    self._changed.wait(self._wakes - now)
            for alarm in due:
                try:
                    alarm.ring()
                except Exception:  # which should not be; without this thread, no other alarm would ever ring
                    log.exception("an alarm could not be told")


ALARMS = Alarms()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=ALARMS._begin)  # neither the thread nor those who wait are there
