"""Stores that know bytes only: what is known of an entry stands in front of its value, under one checksum."""

from __future__ import annotations

from struct import Struct as Packed

from rtfs.caching.stores.protocol import Entry, Known, StoreStats
from rtfs.caching.stores.sqlite import checksum_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_MAGIC = b"RTFC1"
_CHECKSUM_BYTES = 8
#: created, expires (0: never), bytes of the tags.
_HEAD = Packed("<ddI")
_START = len(_MAGIC) + _CHECKSUM_BYTES


def frame(namespace: str, key: bytes, value: bytes, created: float, expires: float | None, tags: tuple[str, ...]) -> bytes:
    words = "\n".join(tags).encode()
    body = b"".join((_HEAD.pack(created, expires or 0.0, len(words)), words, value))
    return b"".join((_MAGIC, checksum_of(namespace, key, body), body))


def unframe(namespace: str, key: bytes, data: Any) -> tuple[bytes, Known] | None:
    """(value, what is known of the entry); None: it is not as it was written."""
    whole = bytes(data)
    body = whole[_START:]
    if whole[: len(_MAGIC)] != _MAGIC or len(body) < _HEAD.size:
        return None
    if checksum_of(namespace, key, body) != whole[len(_MAGIC) : _START]:
        return None
    created, expires, length = _HEAD.unpack_from(body)
    words, value = body[_HEAD.size : _HEAD.size + length], body[_HEAD.size + length :]
    tags = tuple(words.decode().split("\n")) if words else ()
    return value, Known(key, len(value), created, expires=expires or None, tags=tags)


class FramedStore:
    """The part of a store that reads entries as frames: whether they are whole, and still of use, is looked at here."""

    persistent = True
    local = None

    def __init__(self, ttl_s: float | None, clock: Callable[[], float]) -> None:
        self._ttl_s, self._clock = ttl_s, clock
        self._expired = self._damaged = 0

    # --- for subclasses to define ---

    def _data(self, namespace: str, key: bytes) -> bytes | None:
        """The frame of an entry; None when there is none."""
        raise NotImplementedError

    def _drop(self, namespace: str, key: bytes) -> None:
        """Remove an entry that is there."""
        raise NotImplementedError

    def _spaces(self) -> list[str]:
        """The namespaces, empty ones too."""
        raise NotImplementedError

    def known(self, namespace: str, *, tag: str | None = None) -> Iterator[Known]:
        raise NotImplementedError

    # --- one entry ---

    def get(self, namespace: str, key: bytes) -> bytes | None:
        found = self._read(namespace, key)
        return None if found is None else found[0]

    def entry(self, namespace: str, key: bytes) -> Entry | None:
        found = self._read(namespace, key)
        if found is None:
            return None
        value, known = found
        return Entry(key, value, None if known.expires is None else known.expires - self._clock(), known.tags)

    def _read(self, namespace: str, key: bytes) -> tuple[bytes, Known] | None:
        data = self._data(namespace, key)
        return None if data is None else self._checked(namespace, key, data)

    def _checked(self, namespace: str, key: bytes, data: bytes) -> tuple[bytes, Known] | None:
        """What an entry holds; None, and it is gone, when its time is over or it is not as it was written."""
        found = unframe(namespace, key, data)
        if found is not None and (found[1].expires is None or found[1].expires > self._clock()):
            return found
        if found is None:
            self._damaged += 1
        else:
            self._expired += 1
        self._drop(namespace, key)
        return None

    # --- many ---

    def stats(self, namespace: str | None = None) -> StoreStats:
        """Looks at every entry: for people, not for each call."""
        spaces = self._spaces() if namespace is None else [namespace]
        sizes = [known.size_bytes for space in spaces for known in self.known(space)]
        return StoreStats(len(sizes), sum(sizes), expired=self._expired, damaged=self._damaged)

    def flush(self) -> None:
        """Everything is written where it is put."""
