"""A store whose entries are written a moment later, many at once: a put pays for a place in a queue, and not for a transaction.

    put ─▶ waiting ─▶ writer, `PAUSE_S` later ─▶ the store, one transaction for all that has come
    get ─▶ waiting ─ nothing ─▶ the store

What waits is answered as if it were written, is forgotten with `delete` and `clear`, and comes before what is asked about many
entries: that is written first.  It is in the store once `flush` or `close` is back, at the latest at the end of the process, and
before a fork.  A process that is killed loses at most what came in the last moment, and nothing that was committed.
"""

from __future__ import annotations

import time

from rtfs.caching.stores.protocol import Entry, Known, StoreStats
from rtfs.late_writer import LateWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from rtfs.caching.stores.guarded import GuardedStore

    #: Makes a value and its tags; None when it has no form in which it can be kept.
    Make = Callable[[], tuple[bytes, tuple[str, ...]] | None]

#: Seconds for which entries are collected before they are written.
PAUSE_S = 0.1
#: Entries that wait at most, and bytes of their values; the put that goes beyond writes them itself.
MOST_WAITING, MOST_WAITING_BYTES = 1_000, 4 * 2**20
#: What waits is at most so small a part of what the store has room for: its bounds hold as they are, but for this part.
_PART = 16

_Where = tuple[str, bytes]


class _Waiting:
    """A value that waits, until when it is of use (seconds since the epoch; None: no end), its tags, and how often it was read.

    `make`, unless it is None, makes value and tags; which is done when they are wanted.
    """

    __slots__ = ("expires", "make", "tags", "uses", "value")

    def __init__(self, value: bytes | None, expires: float | None, tags: tuple[str, ...], make: Make | None) -> None:
        self.value, self.expires, self.tags, self.make = value, expires, tags, make
        self.uses = 0

    def made(self) -> bytes | None:
        """The value; None when it turns out that it has no form."""
        make = self.make
        if make is not None:
            made = make()
            if made is not None:
                self.value, self.tags = made
            self.make = None  # last: another thread that comes now either makes the same or finds all of it
        return self.value


class BatchedStore(LateWriter):
    """See `stores.protocol.Store`; but an entry that was put is committed only once it was written, as the module says.

    Args:
        inner: on this machine; its failures are misses. While it is out, puts go to it one by one, so that each says whether it was
            kept.
        max_entries, max_bytes, ttl_s: its settings.
        pause_s: seconds, as `PAUSE_S`.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        inner: GuardedStore,
        *,
        max_entries: int,
        max_bytes: int,
        ttl_s: float | None = None,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.inner = inner
        self.name, self.place, self.persistent = inner.name, inner.place, inner.persistent
        self._most = min(MOST_WAITING, max_entries // _PART)
        self._most_bytes = min(MOST_WAITING_BYTES, max_bytes // _PART)
        self._ttl_s, self._clock = ttl_s, clock
        self._closed = False
        #: what has come, and what is being written
        self._waiting: dict[_Where, _Waiting] = {}
        self._leaving: dict[_Where, _Waiting] = {}
        self._bytes = 0
        super().__init__("rtfs-cache-writer", pause_s)

    @property
    def local(self) -> BatchedStore:
        return self

    # --- one entry ---

    def get(self, namespace: str, key: bytes) -> bytes | None:
        where = (namespace, key)
        # in this order: an entry goes from the first to the second, and from there to the store, and is in none of them at no time
        found = self._waiting.get(where) or self._leaving.get(where)
        if found is None:
            return self.inner.get(namespace, key)
        if found.expires is not None and found.expires <= self._clock():
            return None
        found.uses += 1
        return found.value if found.make is None else found.made()

    def entry(self, namespace: str, key: bytes) -> Entry | None:
        self._write()
        return self.inner.entry(namespace, key)

    def put(self, namespace: str, key: bytes, value: bytes, *, ttl_s: float | None = None, tags: tuple[str, ...] = ()) -> bool:
        size = len(value)
        if size > self._most_bytes or self._closed or self.inner.is_out:
            with self._writing:
                self._write()
                return self.inner.put(namespace, key, value, ttl_s=ttl_s, tags=tags)
        self._wait(namespace, key, value, size, ttl_s, tags, None)
        return True

    def put_later(self, namespace: str, key: bytes, make: Make, size: int, *, ttl_s: float | None = None) -> bool:
        """`put` of what is made when it is written: many one after the other take less time than each in the midst of other work.

        Args:
            size: of the value in bytes, about.
        """
        if size > self._most_bytes or self._closed or self.inner.is_out:
            made = make()
            return made is not None and self.put(namespace, key, made[0], ttl_s=ttl_s, tags=made[1])
        self._wait(namespace, key, None, size, ttl_s, (), make)
        return True

    def _wait(
        self,
        namespace: str,
        key: bytes,
        value: bytes | None,
        size: int,
        ttl_s: float | None,
        tags: tuple[str, ...],
        make: Make | None,
    ) -> None:
        if ttl_s is None:
            ttl_s = self._ttl_s
        item = _Waiting(value, None if ttl_s is None else self._clock() + ttl_s, tags, make)
        with self._lock:
            self._waiting[namespace, key] = item
            self._bytes += size
            full = len(self._waiting) > self._most or self._bytes > self._most_bytes
        if full or self._closed:  # closed just now, by another thread: nobody else will write it
            self._write()
        elif not self._wake.is_set():
            self._rouse()

    def put_many(self, namespace: str, entries: Iterable[Entry]) -> int:
        with self._writing:
            self._write()
            return self.inner.put_many(namespace, entries)

    def delete(self, namespace: str, key: bytes) -> bool:
        with self._writing:  # what is being written is in the store by then
            with self._lock:
                waiting = self._waiting.pop((namespace, key), None)
            return self.inner.delete(namespace, key) or waiting is not None

    # --- many: what waits is written first ---

    def clear(self, namespace: str | None = None) -> int:
        with self._writing:
            self._write()
            return self.inner.clear(namespace)

    def known(self, namespace: str, *, tag: str | None = None) -> Iterator[Known]:
        self._write()
        return self.inner.known(namespace, tag=tag)

    def items(self, namespace: str, *, tag: str | None = None) -> Iterator[tuple[bytes, bytes]]:
        self._write()
        return self.inner.items(namespace, tag=tag)

    def namespaces(self) -> list[str]:
        self._write()
        return self.inner.namespaces()

    def stats(self, namespace: str | None = None) -> StoreStats:
        self._write()
        return self.inner.stats(namespace)

    def count(self, namespace: str, counts: Mapping[str, float]) -> None:
        self.inner.count(namespace, counts)

    def counts(self, namespace: str) -> dict[str, float]:
        return self.inner.counts(namespace)

    def flush(self) -> None:
        """Come back when all that was put is in the store."""
        self._write()
        self.inner.flush()

    def close(self) -> None:
        self._closed = True
        self._write()
        self._stop()
        self.inner.close()

    # --- writing ---

    def _write(self) -> None:
        """Write what waits."""
        with self._writing:
            with self._lock:
                leaving = self._leaving = self._waiting
                self._waiting = {}
                self._bytes = 0
            try:
                if leaving:
                    self._give(leaving)
            except BaseException:  # the thread was interrupted: nothing was written
                with self._lock:
                    self._waiting = {**leaving, **self._waiting}
                raise
            finally:
                self._leaving = {}

    def _give(self, leaving: dict[_Where, _Waiting]) -> None:
        now = self._clock()
        spaces: dict[str, list[Entry]] = {}
        for (namespace, key), item in leaving.items():
            left_s = None if item.expires is None else item.expires - now
            if left_s is not None and left_s <= 0:
                continue
            value = item.value if item.make is None else item.made()
            if value is not None:
                spaces.setdefault(namespace, []).append(Entry(key, value, left_s, item.tags, item.uses))
        for namespace, entries in spaces.items():
            self.inner.put_many(namespace, entries)

    # --- forks ---

    def _before_fork(self) -> None:
        self._write()  # the new process finds it in the store

    def _forked(self) -> None:
        self._waiting, self._leaving, self._bytes = {}, {}, 0
