"""A store that may fail, made into one that does not: an outage is a miss, and is over by itself when it is over.

After a failure the store is left alone for a while, twice as long after each further one, so that a server that does not answer
costs one time-out now and then and not one for each look-up.  One look-up at a time tries again.
"""

from __future__ import annotations

import time
from threading import Lock

from rtfs.caching.stores.protocol import Entry, StoreStats, StoreUnavailable
from rtfs.forking import renew_in_child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TypeVar

    from rtfs.caching.stores.protocol import Known, Store

    T = TypeVar("T")

#: Seconds that a store is left alone after its first failure, and at most.
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0


class GuardedStore:
    """Another store whose failures are misses. See `stores.protocol.Store`; nothing here raises.

    Args:
        notice: told, in a sentence, of the first failure of an outage, and of its end.
        timer: seconds, monotonic.
    """

    def __init__(
        self, store: Store, *, notice: Callable[[str], None] = lambda text: None, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self.inner = store
        self.name, self.place, self.persistent = store.name, store.place, store.persistent
        self._notice, self._timer = notice, timer
        self._lock = Lock()
        renew_in_child(self, _lock=Lock)
        self._until = 0.0
        self._pause_s = 0.0
        #: Look-ups and writes that did not take place.
        self.failures = 0

    @property
    def local(self) -> Store | None:
        inner = self.inner.local
        if inner is self.inner:
            return self
        return None if inner is None else GuardedStore(inner, notice=self._notice, timer=self._timer)

    def _try(self, work: Callable[[], T], otherwise: T) -> T:
        if self._pause_s:
            now = self._timer()
            with self._lock:
                if now < self._until:
                    self.failures += 1
                    return otherwise
                self._until = now + self._pause_s  # the others wait for how this one fares
        try:
            value = work()
        except StoreUnavailable as error:
            self._failed(error)
            return otherwise
        if self._pause_s:
            with self._lock:
                self._pause_s = 0.0
            self._notice(f"the {self.name} cache answers again")
        return value

    def _failed(self, error: StoreUnavailable) -> None:
        with self._lock:
            first = not self._pause_s
            self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S) if self._pause_s else FIRST_PAUSE_S
            self._until = self._timer() + self._pause_s
            self.failures += 1
        if first:
            self._notice(f"the {self.name} cache does not answer, and is done without for now: {error.message}")

    @property
    def is_out(self) -> bool:
        """Whether it failed when it was last tried."""
        return self._pause_s > 0

    def get(self, namespace: str, key: bytes) -> bytes | None:
        if not self._pause_s:
            try:
                return self.inner.get(namespace, key)
            except StoreUnavailable as error:
                self._failed(error)
                return None
        return self._try(lambda: self.inner.get(namespace, key), None)

    def entry(self, namespace: str, key: bytes) -> Entry | None:
        return self._try(lambda: self.inner.entry(namespace, key), None)

    def put(self, namespace: str, key: bytes, value: bytes, *, ttl_s: float | None = None, tags: tuple[str, ...] = ()) -> bool:
        return self._try(lambda: self.inner.put(namespace, key, value, ttl_s=ttl_s, tags=tags), False)

    def put_many(self, namespace: str, entries: Iterable[Entry]) -> int:
        return self._try(lambda: self.inner.put_many(namespace, entries), 0)

    def delete(self, namespace: str, key: bytes) -> bool:
        return self._try(lambda: self.inner.delete(namespace, key), False)

    def clear(self, namespace: str | None = None) -> int:
        return self._try(lambda: self.inner.clear(namespace), 0)

    def known(self, namespace: str, *, tag: str | None = None) -> Iterator[Known]:
        nothing: list[Known] = []
        return iter(self._try(lambda: list(self.inner.known(namespace, tag=tag)), nothing))

    def items(self, namespace: str, *, tag: str | None = None) -> Iterator[tuple[bytes, bytes]]:
        nothing: list[tuple[bytes, bytes]] = []
        return iter(self._try(lambda: list(self.inner.items(namespace, tag=tag)), nothing))

    def namespaces(self) -> list[str]:
        return self._try(self.inner.namespaces, [])

    def stats(self, namespace: str | None = None) -> StoreStats:
        return self._try(lambda: self.inner.stats(namespace), StoreStats())

    def count(self, namespace: str, counts: Mapping[str, float]) -> None:
        self._try(lambda: self.inner.count(namespace, counts), None)

    def counts(self, namespace: str) -> dict[str, float]:
        return self._try(lambda: self.inner.counts(namespace), {})

    def flush(self) -> None:
        self._try(self.inner.flush, None)

    def close(self) -> None:
        try:
            self.inner.close()
        except StoreUnavailable:
            pass
