"""Giving up an HTTP request that another thread waits for.

A thread that waits for a server cannot be told anything, but its connection can be shut down under it.  The HTTP library does
not say which connection a request has before the answer begins; so every read of a connection looks up the `Stop` of the request
that its thread makes.  When that is set, the connection is shut down, the read ends, and the request with `Stopped`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from rtfs.semantics.stopping import Stop, Stopped


class Interrupts:
    """Of the requests of one client. Safe to use from several threads."""

    def __init__(self) -> None:
        self._here = threading.local()  # .stop: of the request that this thread makes

    def watch(self, client: Any) -> bool:
        """Have the connections of a client watched; whether that can be done. Where the library has changed, requests are not
        interrupted, and end with their time."""
        found = False
        for transport in [client._transport, *client._mounts.values()]:
            pool: Any = getattr(transport, "_pool", None)
            if hasattr(pool, "_network_backend"):
                pool._network_backend = _Backend(pool._network_backend, self._here)
                found = True
        return found

    @contextlib.contextmanager
    def until(self, stop: Stop | None) -> Iterator[None]:
        """What this thread asks in here ends when `stop` is set.

        Raises:
            Stopped: it was, in the place of what the library says of a connection that is gone.
        """
        if stop is None:
            yield
            return
        stop.check()
        self._here.stop = stop
        try:
            yield
        except Exception:
            if stop.is_set:
                raise Stopped from None
            raise
        finally:
            self._here.stop = None


class _Backend:
    """Makes connections that are watched (`httpcore`'s `NetworkBackend`)."""

    def __init__(self, backend: Any, here: threading.local) -> None:
        self._backend = backend
        self._here = here

    def connect_tcp(self, *args: Any, **named: Any) -> Any:
        return _Connection(self._backend.connect_tcp(*args, **named), self._here)

    def connect_unix_socket(self, *args: Any, **named: Any) -> Any:
        return _Connection(self._backend.connect_unix_socket(*args, **named), self._here)

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Connection:
    """A connection whose reads end when the request is given up (`httpcore`'s `NetworkStream`)."""

    def __init__(self, stream: Any, here: threading.local) -> None:
        self._stream = stream
        self._here = here

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        stop: Stop | None = getattr(self._here, "stop", None)
        if stop is None:
            return self._stream.read(max_bytes, timeout)  # type: ignore[no-any-return]
        forget = stop.tell(self._hang_up)
        try:
            return self._stream.read(max_bytes, timeout)  # type: ignore[no-any-return]
        finally:
            forget()

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *args: Any, **named: Any) -> Any:
        return _Connection(self._stream.start_tls(*args, **named), self._here)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _hang_up(self) -> None:
        """Called by the thread that gives the request up."""
        connection = self._stream.get_extra_info("socket")
        if connection is not None:
            with contextlib.suppress(OSError):
                # of the plain socket: that of TLS would forget what the reading thread uses
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
