"""Watching a delegated call while its reply is written: partial values of the result, for a program in Python or a terminal.

The call runs in a thread of its own, and the values are handed over one at a time: who reads slowly misses some, and holds nobody
up.  What is missed is no loss, since a later value says all that an earlier one said.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from rtfs.delegation.spending import Charge
from rtfs.errors import DelegationError
from rtfs.models.prompt import ReplyShape
from rtfs.models.protocol import Chunk, ModelProvider, ModelReply, ModelRequest
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


def watched(provider: ModelProvider, request: ModelRequest, watcher: Watcher, charge: Charge) -> ModelReply:
    """The reply to a request, told piece by piece where the provider can; else in one.

    Raises:
        DelegationError: also when a stream ends without a reply. Stopped: the watcher has seen enough.
    """
    watcher.stop.check()
    watcher.begin(request)
    start = getattr(provider, "stream", None)
    if start is None:
        reply = provider.complete(request)
        if not reply.calls:
            watcher.take(Chunk(text=reply.text))
        return reply
    coming = start(request)
    cancel = getattr(coming, "cancel", lambda: None)
    stops = [watcher.stop] if request.stop is None else [watcher.stop, request.stop]
    forgets = [stop.tell(cancel) for stop in stops]
    last: ModelReply | None = None
    try:
        for item in coming:
            for stop in stops:
                stop.check()
            if isinstance(item, Chunk):
                charge.received(item)
                watcher.take(item)
            else:
                last = item
    except DelegationError:
        for stop in stops:
            stop.check()  # which is why it broke off
        raise
    finally:
        for forget in forgets:
            forget()
        coming.close()
    if last is None:
        raise DelegationError(f"the stream of {provider.name} ended without a reply", retryable=True)
    return last


class _Handover:
    """One place for the latest partial value, and one for the outcome."""

    def __init__(self) -> None:
        self.restarts = 0
        self.outcome: tuple[Any, BaseException | None] = (None, None)
        self._changed = threading.Condition()
        self._waiting: Any = NOTHING
        self._over = False

    def tell(self, value: Any) -> None:
        with self._changed:
            self._waiting = value
            self._changed.notify_all()

    def restart(self) -> None:
        with self._changed:
            self.restarts += 1
            self._waiting = NOTHING

    def end(self, value: Any, error: BaseException | None) -> None:
        with self._changed:
            self.outcome = (value, error)
            self._over = True
            self._changed.notify_all()

    def take(self) -> Any:
        """The latest partial value that was not taken; NOTHING when it is over. Waits until there is one."""
        with self._changed:
            while not self._over and self._waiting is NOTHING:
                self._changed.wait()
            value, self._waiting = NOTHING if self._over else self._waiting, NOTHING
            return value


def _work(run: Callable[[Watcher], Any], watcher: Watcher, handed: _Handover) -> None:
    try:
        value = run(watcher)
    except BaseException as error:  # raised where the value is awaited
        handed.end(None, error)
    else:
        handed.end(value, None)


class ValueStream:
    """The values of a call while it is answered: partial ones, and last the whole one.

    Iterate over it once. `close`, which a `with` does too, gives the call up: the connection is closed, and what was received is
    paid for. Errors of the call are raised where the next value would have come.

    Args:
        run: makes the call, with this to watch it, and gives its value.
        converted: what becomes of each partial value.
    """

    def __init__(self, run: Callable[[Watcher], Any], converted: Callable[[Any], Any]) -> None:
        self._converted = converted
        self._over = False
        # the thread holds these two and not the stream, which so can be dropped by who does not want it any more
        self._handed = _Handover()
        self._watcher = Watcher(self._handed.tell, self._handed.restart)
        self._thread = threading.Thread(target=_work, args=(run, self._watcher, self._handed), name="rtfs-stream", daemon=True)
        self._thread.start()

    @property
    def restarts(self) -> int:
        """How often a further reply began after some of an earlier one had been told."""
        return self._handed.restarts

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._over:
            raise StopIteration
        value = self._handed.take()
        if value is not NOTHING:
            return self._converted(value)
        self._over = True
        self._thread.join()
        value, error = self._handed.outcome
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
        if found is NOTHING or self._handed.outcome[1] is not None:
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
