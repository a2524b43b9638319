"""Giving up work that is under way: a call whose ticket was cancelled, a request whose run has ended.

Who wants the work holds a `Stop` and sets it; who does the work looks at it, or has itself told. `Stopped` is a signal and no
error: it passes every `except Exception`, and no program sees it.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable

from rtfs.errors import RtfsError


class Stopped(BaseException):
    """The work was given up because nobody wants it any more."""


class Stop:
    """Whether somebody has said that the work is not wanted any more. Once said, it stays. Safe to use from several threads."""

    __slots__ = ("_callbacks", "_lock", "is_set")

    def __init__(self) -> None:
        self.is_set = False
        self._lock = allocate_lock()
        self._callbacks: dict[object, Callable[[], None]] = {}

    def set(self) -> None:
        """Say so, and tell those who wait, in this thread; telling it twice does nothing."""
        with self._lock:
            if self.is_set:
                return
            self.is_set = True
            callbacks, self._callbacks = self._callbacks, {}
        for callback in callbacks.values():
            callback()

    def check(self) -> None:
        """
        Raises:
            Stopped: it is set.
        """
        if self.is_set:
            raise Stopped

    def tell(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have `callback` called when it is set, which may be now. It must be short, and it must not raise.

        Returns:
            What takes the callback away again; it may be running even then.
        """
        with self._lock:
            if not self.is_set:
                key = object()
                self._callbacks[key] = callback
                return lambda: self._forget(key)
        callback()
        return lambda: None

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until it is set, or for so many seconds; whether it is."""
        from threading import Event

        told = Event()
        forget = self.tell(told.set)
        try:
            told.wait(timeout_s)
        finally:
            forget()
        return self.is_set

    def _forget(self, key: object) -> None:
        with self._lock:
            self._callbacks.pop(key, None)


def copied(error: Exception) -> Exception:
    """An error of the same class with the same facts, that has not been anywhere yet; the same one where it cannot be copied."""
    try:
        copy = type(error).__new__(type(error), *error.args)
        copy.args = error.args
        copy.__dict__.update(error.__dict__)
    except Exception:
        return error
    if isinstance(copy, RtfsError):
        copy.notes = list(copy.notes)
        copy.trace = list(copy.trace)
        copy.value = copy.walked = None
    copy.__cause__ = error.__cause__
    return copy
