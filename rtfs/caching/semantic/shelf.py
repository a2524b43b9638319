"""The cached answers of a layer: the store, which has the truth, and the index, which finds them; kept in step.

An entry that the store has dropped goes from the index when somebody comes upon it; one that another process has put in is found
after its partition is read, or when it is asked for by key.
"""

from __future__ import annotations

from collections import OrderedDict

from rtfs.caching.encoding import Malformed
from rtfs.caching.semantic.entries import CachedAnswer

TYPE_CHECKING = False
if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from threading import RLock
    from typing import Any

    from rtfs.caching.semantic.partitions import Partitions
    from rtfs.caching.stores.protocol import Store

#: Of the store.
SPACE = "L3"
#: Entries that stay decoded in memory.
_MOST_DECODED = 10_000


class Shelf:
    """See the module. What touches the index takes the owner's lock; the store is asked outside of it where that can be.

    Args:
        policy: `fifo`, `random`, or any other word for: the entry that was used the longest ago goes first.
    """

    def __init__(
        self, index: Partitions, dimensions: int, lock: RLock, *, max_entries: int, policy: str, rng: random.Random
    ) -> None:
        self.index = index
        self.evictions = 0
        self._dimensions, self._lock = dimensions, lock
        self._max_entries, self._policy, self._rng = max_entries, policy, rng
        self._decoded: OrderedDict[bytes, tuple[bytes, CachedAnswer]] = OrderedDict()

    def near(self, store: Store, partition: bytes, bucket: bytes | None, vector: Any, most: int) -> list[tuple[bytes, float]]:
        """(key, cosine) of the nearest entries in a bucket, or in all buckets of the partition; nearest first."""
        with self._lock:
            self._load(store, partition)
            if bucket is None:
                return self.index.search_all(partition, vector, most)
            return self.index.search(partition, bucket, vector, most)

    def _load(self, store: Store, partition: bytes) -> None:
        if self.index.loaded(partition):
            return
        self.index.load(partition, self._stored(store, partition))

    def _stored(self, store: Store, partition: bytes) -> Iterator[tuple[bytes, bytes, Any]]:
        for key, data in store.items(SPACE, tag=partition_tag(partition)):
            try:
                entry = CachedAnswer.from_bytes(data, self._dimensions)
            except Malformed:
                continue
            if entry.partition == partition:
                yield key, entry.bucket, entry.row()

    def entry(self, store: Store, key: bytes) -> CachedAnswer | None:
        """An entry as the store has it now; one that is gone, or damaged, goes from the index too."""
        data = store.get(SPACE, key)
        if data is None:
            self.drop(key)
            return None
        with self._lock:
            known = self._decoded.get(key)
            if known is not None and known[0] == data:
                return known[1]
        try:
            entry = CachedAnswer.from_bytes(data, self._dimensions)
        except Malformed:
            store.delete(SPACE, key)
            self.drop(key)
            return None
        with self._lock:
            self._remember(key, data, entry)
        return entry

    def _remember(self, key: bytes, data: bytes, entry: CachedAnswer) -> None:
        self._decoded[key] = data, entry
        if len(self._decoded) > _MOST_DECODED:
            self._decoded.popitem(last=False)

    def put(self, store: Store, key: bytes, entry: CachedAnswer, vector: Any, ttl_s: float | None, tags: tuple[str, ...]) -> bool:
        """Keep an entry; whether it is kept.

        Raises:
            Malformed: it has no form.
        """
        older = self.entry(store, key)
        if older is not None:
            entry.floor = max(entry.floor, older.floor)
        data = entry.to_bytes()
        if not store.put(SPACE, key, data, ttl_s=ttl_s, tags=(partition_tag(entry.partition), *tags)):
            return False
        with self._lock:
            self._remember(key, data, entry)
            self._load(store, entry.partition)
            if key not in self.index:
                self.index.add(key, entry.partition, entry.bucket, vector)
            while len(self.index) > self._max_entries:
                self._evict(store)
        return True

    def _evict(self, store: Store) -> None:
        key = self._rng.choice(self.index.keys()) if self._policy == "random" else self.index.oldest()
        store.delete(SPACE, key)
        self.drop(key)
        self.evictions += 1

    def used(self, key: bytes) -> None:
        """An entry was of use just now."""
        if self._policy != "fifo":
            with self._lock:
                self.index.used(key)

    def raise_floor(self, store: Store, key: bytes, floor: float, now: float) -> None:
        """An entry is not to be served for scores at or below `floor` any more."""
        entry = self.entry(store, key)
        if entry is None or entry.floor >= floor:
            return
        entry.floor = floor
        known = next((found for found in store.known(SPACE, tag=partition_tag(entry.partition)) if found.key == key), None)
        if known is not None:
            ttl_s = None if known.expires is None else max(1.0, known.expires - now)
            store.put(SPACE, key, entry.to_bytes(), ttl_s=ttl_s, tags=known.tags)

    def drop(self, key: bytes) -> bool:
        """Forget an entry here; whether it was known."""
        with self._lock:
            self._decoded.pop(key, None)
            return self.index.remove(key)

    def clear(self) -> None:
        with self._lock:
            self.index.clear()
            self._decoded.clear()


def partition_tag(partition: bytes) -> str:
    return f"partition:{partition.hex()[:40]}"
