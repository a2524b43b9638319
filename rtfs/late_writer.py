"""What is written a moment later, many things at once, by a thread: whoever hands something over pays for a place in a queue.

    take ─▶ waiting ─▶ the thread, `pause_s` later ─▶ a file, one transaction for all that has come

A subclass keeps what waits, and says how it is written.  The thread begins with the first thing that waits and goes when nothing
has come for a while.  What waits is written at the end of the process, too.  A fork waits for what is being written, and the new
process begins with a thread and locks of its own.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref

#: Seconds without anything to write after which the thread ends.
IDLE_S = 10.0

#: Those with a thread: what waits in them is written at the end of the process.
_running: set[LateWriter] = set()
_all: weakref.WeakSet[LateWriter] = weakref.WeakSet()


class LateWriter:
    """Base of what writes later. Its constructor is called last: from then on a fork may come.

    To take something, put it where it waits, and `if not self._wake.is_set(): self._rouse()`.

    Args:
        name: of the thread.
        pause_s: seconds for which things are collected before they are written.
    """

    def __init__(self, name: str, pause_s: float) -> None:
        self._thread_name, self._pause_s = name, pause_s
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        """In this process; called once more in one that was forked."""
        #: Held for a moment, while what waits is changed; and while it is written. The second one is taken first.
        self._lock, self._writing = threading.Lock(), threading.RLock()
        self._wake, self._end = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    # --- for subclasses to define ---

    def flush(self) -> None:
        """Come back when all that was taken is written."""
        raise NotImplementedError

    def _write(self) -> None:
        """Write what waits; `_writing` is taken here."""
        raise NotImplementedError

    def _rest(self) -> None:
        """Nothing has come for `IDLE_S`."""

    def _before_fork(self) -> None:
        """Nothing may be open, and nothing half written; `_writing` is held."""

    def _forked(self) -> None:
        """In the new process: what waits, the other one writes."""

    # --- the thread ---

    def _rouse(self) -> None:
        with self._lock:
            self._wake.set()
            if self._thread is None and not self._end.is_set():
                _running.add(self)
                self._thread = threading.Thread(target=self._work, name=self._thread_name, daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # no more threads, or the process is ending: `flush` writes
                    self._thread = None

    def _work(self) -> None:
        while True:
            if not self._wake.wait(IDLE_S):
                with self._lock:
                    if self._wake.is_set():
                        continue
                    self._thread = None
                    _running.discard(self)
                self._rest()
                return
            self._wake.clear()
            if self._end.wait(self._pause_s):
                return
            self._write()

    def _stop(self) -> None:
        """The thread ends, and none begins."""
        with self._lock:
            self._end.set()
            self._wake.set()
        _running.discard(self)


@atexit.register
def _finish() -> None:
    for writer in list(_running):
        writer.flush()


#: Those that stand still for a fork.
_held: list[LateWriter] = []
_forking = threading.Lock()


def _before_fork() -> None:
    _forking.acquire()
    for writer in _everyone():
        writer._writing.acquire()
        _held.append(writer)  # what comes now may be interrupted; the others are then not held, and are not to be released
        writer._before_fork()


def _everyone() -> list[LateWriter]:
    while True:
        try:
            return list(_all)
        except RuntimeError:  # another thread has made one meanwhile
            continue


def _after_fork() -> None:
    while _held:
        _held.pop()._writing.release()
    _forking.release()


def _forked() -> None:
    _forking.release()
    _running.clear()
    _held.clear()
    for writer in _everyone():
        writer._begin()
        writer._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_forked)
