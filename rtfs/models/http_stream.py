"""A reply over HTTP while it is written: server-sent events as chunks, and last the whole reply.

The adapter says what is in an event (`Collector`).  Here are the connection, the silence that is allowed, and the ways in which a
stream ends early: it is cancelled, it stalls, its time is over, it breaks off.  For the first three, the connection is shut down
under the thread that waits (`interrupting`).  What is known of the tokens used by then goes with the error.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from rtfs.errors import DelegationError
from rtfs.models.alarms import ALARMS, Alarm
from rtfs.models.protocol import Chunk, ModelReply, ModelRequest, Usage
from rtfs.models.sse import Event, events
from rtfs.semantics.stopping import Stop, Stopped

if TYPE_CHECKING:
    from rtfs.models.http import HttpProvider, Talk

#: Seconds without a word, once the answer has begun. Before that, a model may think as long as the request may take.
STALL_S = 30.0
_END_S = 0.25  # for a server to end the response after the last event, so that its connection can be used again
_BEGINNINGS = (b"data:", b"event:", b"id:", b"retry:", b":")


class Collector(Protocol):
    """Puts the events of one reply together."""

    over: bool
    """Nothing follows that counts."""

    def take(self, event: Event) -> Chunk | None:
        """What an event adds for those who watch.

        Raises:
            DelegationError: the event says that the server failed, or cannot be understood.
        """
        ...

    def whole(self) -> dict[str, Any]:
        """The content as it would have come in one piece.

        Raises:
            DelegationError: the end is missing.
        """
        ...

    def usage(self) -> Usage | None:
        """What is known so far; None when nothing is."""
        ...


class HttpStream:
    """See the module, and `protocol.ReplyStream`. Used by one thread, apart from `cancel`."""

    def __init__(self, provider: HttpProvider, request: ModelRequest) -> None:
        self._provider = provider
        self._request = request
        self._stop = Stop()
        self._why: DelegationError | None = None  # it was stopped
        self._is_whole = False  # the reply has been given
        self._deadline = 0.0
        self._collector: Collector | None = None
        self._items = self._run()

    def __iter__(self) -> Iterator[Chunk | ModelReply]:
        return self

    def __next__(self) -> Chunk | ModelReply:
        try:
            with self._provider.interrupts.until(self._stop):
                return next(self._items)
        except Stopped:
            if self._is_whole:  # and the server did not end the response
                raise StopIteration from None
            assert self._why is not None
            error = self._why
        except DelegationError as failure:
            error = failure
        error.usage = error.usage or (None if self._collector is None else self._collector.usage())
        raise error

    def close(self) -> None:
        self._items.close()

    def cancel(self) -> None:
        """End it, from any thread."""
        self._end(DelegationError("the request was cancelled"))

    def _end(self, why: DelegationError) -> None:
        self._why = self._why or why
        self._stop.set()

    # --- the request ---

    def _run(self) -> Generator[Chunk | ModelReply, None, None]:
        provider, request = self._provider, self._request
        talk = provider.talk(request)
        deadline = self._deadline = provider.clock() + request.timeout_s
        alarm = ALARMS.set(self._silent)
        try:
            while True:
                alarm.rings_in(request.timeout_s)  # headers that drip are never late for the library
                with provider.sent(talk.payload(stream=True), request.timeout_s, deadline, accept="text/event-stream") as response:
                    if response.status_code == 200:
                        yield from self._answer(response, talk, deadline, alarm)
                        return
                    answer = provider.read(response, request.timeout_s, deadline)
                talk.refused(answer)
        finally:
            ALARMS.off(alarm)

    def _answer(self, response: Any, talk: Talk, deadline: float, alarm: Alarm) -> Iterator[Chunk | ModelReply]:
        provider, request = self._provider, self._request
        pieces: Iterator[bytes] = provider.pieces(response, request.timeout_s, deadline)
        if "text/event-stream" not in response.headers.get("content-type", ""):
            body = b"".join(pieces)
            if not body.lstrip().startswith(_BEGINNINGS):  # a server that does not stream
                alarm.pause()
                reply = provider.reply(provider.content(body), request, talk.shape)
                talk.worked()
                if reply.text and not reply.calls:
                    yield Chunk(text=reply.text)
                yield reply
                return
            pieces = iter([body])
        collector = self._collector = provider.collector(request, talk.shape)
        begun = False
        coming = events(pieces)
        while not collector.over:
            left_s = deadline - provider.clock()
            alarm.rings_in(min(left_s, provider.stall_s) if begun else left_s)
            event = next(coming, None)
            alarm.pause()  # who reads the chunks may take his time
            if event is None:
                break
            chunk = collector.take(event)
            if chunk is not None:
                begun = begun or bool(chunk.text)
                yield chunk
        self._stop.check()
        reply = provider.reply(collector.whole(), request, talk.shape)
        talk.worked()
        self._is_whole = True
        yield reply
        alarm.rings_in(_END_S)
        with contextlib.suppress(DelegationError, Stopped), provider.translated(request.timeout_s):
            for _ in pieces:
                pass

    def _silent(self) -> None:
        provider = self._provider
        if self._collector is None or provider.clock() >= self._deadline:
            self._end(provider.late(self._request.timeout_s))
            return
        words = f"{provider.address} stopped in the middle of its answer: nothing came for {provider.stall_s:g} s"
        self._end(DelegationError(words, retryable=True))
