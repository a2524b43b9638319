"""A store in the memory of this process: the eviction of cachetools, bounded by entries and by bytes.

Entries that expire are removed when they are found, or when room is needed.
"""

from __future__ import annotations

import heapq
import time
from threading import Lock

from cachetools import Cache, FIFOCache, LFUCache, LRUCache, RRCache

from rtfs.caching.stores.protocol import Entry, Known, StoreStats
from rtfs.forking import renew_in_child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any


class _Kept:
    __slots__ = ("created", "expires", "tags", "used", "uses", "value")

    def __init__(self, value: bytes, created: float, expires: float | None, tags: tuple[str, ...]) -> None:
        self.value, self.created, self.expires, self.tags = value, created, expires, tags
        self.used, self.uses = created, 0


class MemoryStore:
    """See `stores.protocol.Store`.

    Args:
        ttl_s: of entries that do not say.
        policy: one of `layer.POLICIES`.
        clock: seconds since the epoch.
    """

    name = "memory"
    place = ""
    persistent = False

    def __init__(
        self,
        *,
        max_entries: int = 10_000,
        max_bytes: int = 64 * 2**20,
        ttl_s: float | None = None,
        policy: str = "lru",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._max_entries, self._max_bytes, self._ttl_s = max_entries, max_bytes, ttl_s
        self._clock = clock
        self._lock = Lock()
        renew_in_child(self, _lock=Lock)
        #: (namespace, key) -> what is kept; never full by itself, as room is made before something is put in
        self._table: Any = _TABLES[policy](max_bytes, getsizeof=_size)
        self._tags: dict[tuple[str, str], dict[bytes, None]] = {}
        self._spaces: dict[str, list[int]] = {}
        self._counts: dict[str, dict[str, float]] = {}
        self._evictions = self._expired = 0
        self._policy = policy
        #: (when, order of coming, key, entry) as a heap; entries that were removed or replaced meanwhile are still in it
        self._order: list[tuple[float, int, tuple[str, bytes], _Kept]] = []
        self._came = 0

    @property
    def local(self) -> MemoryStore:
        return self

    def get(self, namespace: str, key: bytes) -> bytes | None:
        where = (namespace, key)
        with self._lock:
            kept: _Kept | None = self._table.get(where)
            if kept is None:
                return None
            now = self._clock()
            if kept.expires is not None and kept.expires <= now:
                self._remove(where)
                self._expired += 1
                return None
            kept.used = now
            kept.uses += 1
            return kept.value

    def entry(self, namespace: str, key: bytes) -> Entry | None:
        value = self.get(namespace, key)
        if value is None:
            return None
        with self._lock:
            kept: _Kept | None = self._table.get((namespace, key))
            if kept is None:  # it went meanwhile
                return None
            return Entry(key, kept.value, None if kept.expires is None else kept.expires - self._clock(), kept.tags)

    def put(self, namespace: str, key: bytes, value: bytes, *, ttl_s: float | None = None, tags: tuple[str, ...] = ()) -> bool:
        ttl_s = self._ttl_s if ttl_s is None else ttl_s
        size = len(value)
        if size > self._max_bytes:
            return False
        with self._lock:
            table, where = self._table, (namespace, key)
            if where in table:
                self._remove(where)
            if len(table) >= self._max_entries or table.currsize + size > self._max_bytes:
                self._make_room(size)
            now = self._clock()
            table[where] = kept = _Kept(
                bytes(value), now, None if ttl_s is None else now + ttl_s, tuple(dict.fromkeys(tags))
            )
            self._note_end(where, kept)
            for tag in kept.tags:
                self._tags.setdefault((namespace, tag), {})[key] = None
            figures = self._spaces.setdefault(namespace, [0, 0])
            figures[0] += 1
            figures[1] += size
        return True

    def put_many(self, namespace: str, entries: Iterable[Entry]) -> int:
        return sum([self.put(namespace, e.key, e.value, ttl_s=e.ttl_s, tags=e.tags) for e in entries])

    def delete(self, namespace: str, key: bytes) -> bool:
        with self._lock:
            if (namespace, key) not in self._table:
                return False
            self._remove((namespace, key))
            return True

    def clear(self, namespace: str | None = None) -> int:
        with self._lock:
            gone = [where for where in self._table if namespace is None or where[0] == namespace]
            for where in gone:
                self._remove(where)
            if namespace is None:
                self._counts.clear()
            else:
                self._counts.pop(namespace, None)
        return len(gone)

    def known(self, namespace: str, *, tag: str | None = None) -> Iterator[Known]:
        return iter(
            [
                Known(key, len(kept.value), kept.created, kept.used, kept.uses, kept.expires, kept.tags)
                for key, kept in self._found(namespace, tag)
            ]
        )

    def items(self, namespace: str, *, tag: str | None = None) -> Iterator[tuple[bytes, bytes]]:
        return iter([(key, kept.value) for key, kept in self._found(namespace, tag)])

    def _found(self, namespace: str, tag: str | None) -> list[tuple[bytes, _Kept]]:
        peek = Cache.__getitem__  # not that of the policy: looking at all is no use of any
        with self._lock:
            if tag is None:
                keys = [key for space, key in self._table if space == namespace]
            else:
                keys = list(self._tags.get((namespace, tag), ()))
            now = self._clock()
            found = [(key, peek(self._table, (namespace, key))) for key in keys]
            found = [(key, kept) for key, kept in found if kept.expires is None or kept.expires > now]
        return sorted(found, key=lambda pair: pair[1].created)

    def namespaces(self) -> list[str]:
        with self._lock:
            return sorted([space for space, (entries, _) in self._spaces.items() if entries])

    def stats(self, namespace: str | None = None) -> StoreStats:
        with self._lock:
            entries, size = (len(self._table), self._table.currsize) if namespace is None else self._spaces.get(namespace, (0, 0))
            return StoreStats(entries, int(size), self._max_entries, self._max_bytes, self._evictions, self._expired)

    def count(self, namespace: str, counts: Mapping[str, float]) -> None:
        with self._lock:
            known = self._counts.setdefault(namespace, {})
            for name, count in counts.items():
                known[name] = known.get(name, 0) + count

    def counts(self, namespace: str) -> dict[str, float]:
        with self._lock:
            return dict(self._counts.get(namespace, {}))

    def flush(self) -> None:
        """There is nothing to write."""

    def close(self) -> None:
        """What is kept goes with the object."""

    # --- with the lock held ---

    def _make_room(self, size: int) -> None:
        now = self._clock()
        while (soonest := self._soonest()) is not None and soonest[0] <= now:
            self._remove(soonest[2])
            self._expired += 1
        while len(self._table) >= self._max_entries or self._table.currsize + size > self._max_bytes:
            soonest = self._soonest() if self._policy == "ttl" else None
            if soonest is None:
                self._forget(*self._table.popitem())
            else:
                self._remove(soonest[2])
            self._evictions += 1

    def _soonest(self) -> tuple[float, int, tuple[str, bytes], _Kept] | None:
        """The entry that expires first."""
        order = self._order
        while order:
            _, _, where, kept = order[0]
            if where in self._table and Cache.__getitem__(self._table, where) is kept:
                return order[0]
            heapq.heappop(order)
        return None

    def _note_end(self, where: tuple[str, bytes], kept: _Kept) -> None:
        if kept.expires is None:
            return
        if len(self._order) > 2 * len(self._table) + 16:
            peek = Cache.__getitem__
            self._order = [item for item in self._order if item[2] in self._table and peek(self._table, item[2]) is item[3]]
            heapq.heapify(self._order)
        self._came += 1
        heapq.heappush(self._order, (kept.expires, self._came, where, kept))

    def _remove(self, where: tuple[str, bytes]) -> None:
        kept = Cache.__getitem__(self._table, where)
        del self._table[where]
        self._forget(where, kept)

    def _forget(self, where: tuple[str, bytes], kept: _Kept) -> None:
        namespace, key = where
        for tag in kept.tags:
            keys = self._tags[namespace, tag]
            del keys[key]
            if not keys:
                del self._tags[namespace, tag]
        figures = self._spaces[namespace]
        figures[0] -= 1
        figures[1] -= len(kept.value)


def _size(kept: _Kept) -> int:
    return len(kept.value)


#: Of `ttl`, what never expires goes in the order in which it came.
_TABLES: dict[str, Any] = {"lru": LRUCache, "lfu": LFUCache, "fifo": FIFOCache, "random": RRCache, "ttl": FIFOCache}
