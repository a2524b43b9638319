"""Watching a delegated call while its reply is written: partial values of the result, for a program in Python or a terminal.

The call runs in a thread of its own, and the values are handed over one at a time: who reads slowly misses some, and holds nobody
up.  What is missed is no loss, since a later value says all that an earlier one said.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from rtfs.models.prompt import ReplyShape
from rtfs.models.protocol import Chunk, ModelRequest
from rtfs.semantics.stopping import Stop, Stopped
from rtfs.types.coercion.partial import NOTHING, Partial
from rtfs.values.equality import equal


class Watcher:
    """Takes the chunks of the replies of one call.

    Each reply begins anew: after one that broke off, did not fit or was not sure enough, another follows, and then what was told is
    not taken back but void.

    Args:
        tell: takes the partial value whenever there is a new one, in the thread that waits for the model; does not raise.
        restart: called when a further reply begins after some of an earlier one was told.
    Attributes:
        stop: set by who watches, when he has seen enough: the call ends with `Stopped`.
    """

    def __init__(self, tell: Callable[[Any], None], restart: Callable[[], None] = lambda: None) -> None:
        self.stop = Stop()
        self._tell = tell
        self._restart = restart
        self._partial: Partial | None = None
        self._told: Any = NOTHING

    def begin(self, request: ModelRequest) -> None:
        """A reply to this request comes."""
        if self._told is not NOTHING:
            self._restart()
        self._told = NOTHING
        shape = ReplyShape.of(request.result, request.aliases.get)
        self._partial = Partial(request.result, request.aliases.get, wrapped=shape.wrapped)

    def take(self, chunk: Chunk) -> None:
        assert self._partial is not None
        if chunk.text and self._partial.feed(chunk.text):
            value = self._partial.value
            if value is not NOTHING and (self._told is NOTHING or not equal(value, self._told)):
                self._told = value
                self._tell(value)


class ValueStream:
    """The values of a call while it is answered: partial ones, and last the whole one.

    Iterate over it once. `close`, which a `with` does too, gives the call up: the connection is closed, and what was received is
    paid for. Errors of the call are raised where the next value would have come.

    Args:
        run: makes the call, with this to watch it, and gives its value.
        converted: what becomes of each partial value.
    Attributes:
        restarts: how often a further reply began after some of an earlier one had been told.
    """

    def __init__(self, run: Callable[[Watcher], Any], converted: Callable[[Any], Any]) -> None:
        self.restarts = 0
        self._converted = converted
        self._changed = threading.Condition()
        self._waiting: Any = NOTHING  # the latest partial value that nobody has taken
        self._outcome: tuple[Any, BaseException | None] | None = None
        self._over = False
        self._watcher = Watcher(self._told, self._restarted)
        self._thread = threading.Thread(target=self._work, args=(run,), name="rtfs-stream", daemon=True)
        self._thread.start()

    def _work(self, run: Callable[[Watcher], Any]) -> None:
        outcome: tuple[Any, BaseException | None]
        try:
            outcome = (run(self._watcher), None)
        except BaseException as error:  # raised where the value is awaited
            outcome = (None, error)
        with self._changed:
            self._outcome = outcome
            self._changed.notify_all()

    def _told(self, value: Any) -> None:
        with self._changed:
            self._waiting = value
            self._changed.notify_all()

    def _restarted(self) -> None:
        with self._changed:
            self.restarts += 1
            self._waiting = NOTHING

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._over:
            raise StopIteration
        with self._changed:
            while self._outcome is None and self._waiting is NOTHING:
                self._changed.wait()
            if self._outcome is None:
                value, self._waiting = self._waiting, NOTHING
                return self._converted(value)
        self._over = True
        self._thread.join()
        value, error = self._outcome
        if isinstance(error, Stopped):
            raise StopIteration
        if error is not None:
            raise error
        return value

    def value(self) -> Any:
        """The whole value, once it is there; partial ones that were not taken are passed over.

        Raises:
            RuntimeError: it was taken already, or the call was given up.
        """
        found = [NOTHING, *self][-1]
        if found is NOTHING or self._outcome is None or self._outcome[1] is not None:
            raise RuntimeError("the stream is over")
        return found

    def close(self) -> None:
        """Give the call up, if it is not over, and wait until it is."""
        self._over = True
        self._watcher.stop.set()
        self._thread.join()

    def __enter__(self) -> ValueStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self._watcher.stop.set()  # nobody will look
