"""Until when a call to a local model may go on: its time limit, and whether somebody still wants the answer.

llama.cpp asks a function, given to each context, after every operation whether it is to go on.  A Python function there would have
to wait for the interpreter each time.  `strlen` of the C library does it without: of a buffer of ours it gives 0 while the
first byte is 0, which means go on, and 1 once that byte is 1.  So a call stops within one operation (milliseconds), in the
middle of a long prompt too, whoever holds the interpreter.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from rtfs.errors import DelegationError
from rtfs.models.alarms import ALARMS
from rtfs.semantics.stopping import Stop

log = logging.getLogger("rtfs.models")


class CallLimit:
    """The limit of one call.

    Args:
        deadline: of `time.monotonic`.
        stops: set by whoever gives the call up.
    """

    def __init__(self, deadline: float, *stops: Stop | None) -> None:
        self.deadline = deadline
        self._stops = [stop for stop in stops if stop is not None]
        self._flag = ctypes.create_string_buffer(2)

    @classmethod
    def of_seconds(cls, timeout_s: float) -> CallLimit:
        return cls(time.monotonic() + timeout_s)

    @property
    def remaining_s(self) -> float:
        return max(0.0, self.deadline - time.monotonic())

    def check(self) -> None:
        """Raise when the call is to end.

        Raises:
            DelegationError: its time is over; Stopped: it was given up.
        """
        for stop in self._stops:
            stop.check()
        if time.monotonic() >= self.deadline:
            message = "the local model did not finish in the time allowed"
            raise DelegationError(message, kind="provider-error", retryable=True)

    def trip(self) -> None:
        """Have llama.cpp stop where it is. May be called from any thread, and after the call."""
        self._flag[0] = b"\1"

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Meanwhile the call is tripped when it is to end."""
        with self.telling(self.trip):
            alarm = ALARMS.set(self.trip, self.deadline)
            try:
                yield
            finally:
                ALARMS.off(alarm)

    @contextlib.contextmanager
    def telling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Meanwhile `callback` is called when the call is given up."""
        forgets = [stop.tell(callback) for stop in self._stops]
        try:
            yield
        finally:
            for forget in forgets:
                forget()

    def guard(self, lib: Any, context: Any) -> None:
        """Have a context heed this limit, until it is given another."""
        question = _question(lib)
        if question is not None:
            lib.llama_set_abort_callback(context, question, ctypes.cast(self._flag, ctypes.c_void_p))


_questions: list[Any] = []


def _question(lib: Any) -> Any:
    """`strlen` in the shape of llama.cpp's abort callback; None where the C library does not give it."""
    if not _questions:
        try:
            c_library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
            _questions.append(ctypes.cast(c_library.strlen, lib.ggml_abort_callback))
        except (AttributeError, OSError, TypeError):  # calls then end between two pieces of a prompt, or two tokens
            log.info("calls to local models cannot be stopped within a piece of a prompt here")
            _questions.append(None)
    return _questions[0]
