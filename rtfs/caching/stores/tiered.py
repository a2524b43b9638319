"""Two stores as one: a hot one here, a cold one that is larger or shared.

    get   hot ─ nothing ─▶ cold ─▶ promoted to hot
    put   journal ─▶ hot ─▶ done;  later, by a thread: journal ─▶ cold

What was put is committed when the journal has it: it reaches the cold store whenever that can be reached, after a crash by the next
process that opens the same files, if the hot store outlives processes.  The journal has a place of its own, from which nothing is
evicted.
"""

from __future__ import annotations

import os
import threading
import time

from rtfs.caching.encoding import Malformed, decode, encode
from rtfs.caching.stores.memory import MemoryStore
from rtfs.caching.stores.protocol import Entry, Known, StoreStats, StoreUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from rtfs.caching.stores.protocol import Store

JOURNAL = "behind"
_PUT, _DELETE = 0, 1
_AT_ONCE = 100
#: Bytes that may wait for the cold store; beyond them, a put waits for the cold store itself.
MAX_WAITING_BYTES = 256 * 2**20
#: Seconds between two tries while the cold store does not answer, and that closing waits for it.
RETRY_S, CLOSING_S = 1.0, 5.0
_NO_BOUND = 2**62


class TieredStore:
    """See `stores.protocol.Store`. Figures, and the answers to what is in it, are those of the hot store, which the others join.

    Args:
        cold: its failures are misses (`stores.guarded`).
        write_behind: the cold store is written later; else with each put, where a failure leaves the entry in the hot store only.
        journal: where entries wait; a file beside that of the hot store, or memory, when None.
        clock: seconds since the epoch.
    """

    name = "tiered"

    def __init__(
        self,
        hot: Store,
        cold: Store,
        *,
        write_behind: bool = True,
        journal: Store | None = None,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.hot, self.cold = hot, cold
        self.persistent = hot.persistent or cold.persistent
        self.place = f"{hot.place or 'memory'}, {cold.place}"
        self._clock = clock
        self._behind = write_behind
        self._max_waiting_bytes = max_waiting_bytes
        self._journal = journal or _journal_of(hot)
        self._sequence = int(time.time() * 1e6)
        self._wake = threading.Condition()
        self._delivering = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.promotions = 0
        self._waiting_bytes = self._journal.stats(JOURNAL).size_bytes
        if write_behind and self._waiting_bytes:
            self._start()

    @property
    def local(self) -> Store | None:
        return self.hot.local

    # --- one entry ---

    def get(self, namespace: str, key: bytes) -> bytes | None:
        value = self.hot.get(namespace, key)
        if value is not None:
            return value
        found = self._promoted(namespace, key)
        return None if found is None else found.value

    def entry(self, namespace: str, key: bytes) -> Entry | None:
        return self.hot.entry(namespace, key) or self._promoted(namespace, key)

    def _promoted(self, namespace: str, key: bytes) -> Entry | None:
        found = self.cold.entry(namespace, key)
        if found is not None:
            self.hot.put(namespace, key, found.value, ttl_s=found.ttl_s, tags=found.tags)
            self.promotions += 1
        return found

    def put(self, namespace: str, key: bytes, value: bytes, *, ttl_s: float | None = None, tags: tuple[str, ...] = ()) -> bool:
        return self.put_many(namespace, (Entry(key, value, ttl_s, tags),)) == 1

    def put_many(self, namespace: str, entries: Iterable[Entry]) -> int:
        entries = tuple(entries)
        noted = self._behind and self._note(namespace, entries)
        kept = self.hot.put_many(namespace, entries)
        if noted:
            return len(entries)
        return max(kept, self.cold.put_many(namespace, entries))

    def _note(self, namespace: str, entries: tuple[Entry, ...]) -> bool:
        """Have entries wait for the cold store; whether they do."""
        now = self._clock()
        ends = [None if entry.ttl_s is None else now + entry.ttl_s for entry in entries]
        notes = [
            encode([_PUT, namespace, entry.key, entry.value, end, list(entry.tags)]) for entry, end in zip(entries, ends)
        ]
        return self._wait_in_line(notes)

    def _wait_in_line(self, notes: list[bytes]) -> bool:
        size = sum([len(note) for note in notes])
        with self._wake:
            if self._closed or self._waiting_bytes + size > self._max_waiting_bytes:
                return False
            first = self._sequence
            self._sequence += len(notes)
            self._waiting_bytes += size
        salt = os.urandom(16)
        waiting = [Entry((first + i).to_bytes(16, "big") + salt, note) for i, note in enumerate(notes)]
        try:
            noted = self._journal.put_many(JOURNAL, waiting) == len(waiting)
        except StoreUnavailable:
            noted = False
        with self._wake:
            if not noted:
                self._waiting_bytes -= size
        if noted:
            self._start()
        return noted

    def delete(self, namespace: str, key: bytes) -> bool:
        here = self.hot.delete(namespace, key)
        with self._delivering:
            for number, note in list(self._journal.items(JOURNAL)) if self._waiting_bytes else ():
                if _read(note)[1:3] == (namespace, key):
                    self._journal.delete(JOURNAL, number)
            there = self.cold.delete(namespace, key)
        if getattr(self.cold, "is_out", False):  # it may have the entry: until it hears of this, it answers nothing
            self._wait_in_line([encode([_DELETE, namespace, key, b"", None, []])])
        return there or here

    # --- many ---

    def clear(self, namespace: str | None = None) -> int:
        with self._delivering:
            for key, note in list(self._journal.items(JOURNAL)):
                if namespace is None or _read(note)[1] == namespace:
                    self._journal.delete(JOURNAL, key)
            self._waiting_bytes = self._journal.stats(JOURNAL).size_bytes
            return max(self.hot.clear(namespace), self.cold.clear(namespace))

    def known(self, namespace: str, *, tag: str | None = None) -> Iterator[Known]:
        here = list(self.hot.known(namespace, tag=tag))
        keys = {known.key for known in self.hot.known(namespace)} if tag is not None else {known.key for known in here}
        there = [known for known in self.cold.known(namespace, tag=tag) if known.key not in keys]
        return iter(sorted([*here, *there], key=lambda known: known.created))

    def items(self, namespace: str, *, tag: str | None = None) -> Iterator[tuple[bytes, bytes]]:
        here = {known.key for known in self.hot.known(namespace)}
        yield from [pair for pair in self.cold.items(namespace, tag=tag) if pair[0] not in here]
        yield from self.hot.items(namespace, tag=tag)

    def namespaces(self) -> list[str]:
        return sorted({*self.hot.namespaces(), *self.cold.namespaces()})

    def stats(self, namespace: str | None = None) -> StoreStats:
        return self.hot.stats(namespace)

    def count(self, namespace: str, counts: Mapping[str, float]) -> None:
        self.hot.count(namespace, counts)

    def counts(self, namespace: str) -> dict[str, float]:
        return self.hot.counts(namespace)

    # --- writing behind ---

    @property
    def waiting(self) -> int:
        """Entries that the cold store has not taken yet."""
        return self._journal.stats(JOURNAL).entries

    def flush(self) -> None:
        self.hot.flush()
        self._deliver()

    def _start(self) -> None:
        with self._wake:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="rtfs-cache-behind", daemon=True)
                self._thread.start()
            self._wake.notify()

    def _run(self) -> None:
        while True:
            done = self._deliver()
            with self._wake:
                if self._closed:
                    return
                if not done:
                    self._wake.wait(RETRY_S)
                elif not self._waiting_bytes:
                    self._wake.wait()

    def _deliver(self) -> bool:
        """Give the cold store what waits, in the order in which it came; whether all of it was taken."""
        with self._delivering:
            while True:
                try:
                    some = _first(self._journal.items(JOURNAL), _AT_ONCE)
                    if not some:
                        with self._wake:
                            self._waiting_bytes = 0
                        return True
                    for keys, size, give in self._runs(some):
                        if not give():
                            return False
                        for key in keys:
                            self._journal.delete(JOURNAL, key)
                        with self._wake:
                            self._waiting_bytes = max(0, self._waiting_bytes - size)
                except StoreUnavailable:
                    return False

    def _runs(self, some: list[tuple[bytes, bytes]]) -> Iterator[tuple[list[bytes], int, Callable[[], bool]]]:
        """(keys in the journal, their bytes, what gives them to the cold store and says whether it was taken): puts that follow one
        another at once, everything else alone."""
        keys: list[bytes] = []
        entries: list[Entry] = []
        size, space = 0, ""
        for number, note in some:
            kind, namespace, key, value, expires, tags = _read(note)
            if entries and (kind != _PUT or namespace != space):
                yield keys, size, lambda space=space, entries=entries: self._take(space, entries)  # type: ignore[misc]
                keys, entries, size = [], [], 0
            if kind == _PUT:
                ttl_s = None if expires is None else expires - self._clock()
                if ttl_s is None or ttl_s > 0:
                    entries.append(Entry(key, value, ttl_s, tuple(tags)))
                keys.append(number)
                size += len(note)
                space = namespace
            elif kind == _DELETE:
                yield [number], len(note), lambda namespace=namespace, key=key: self._remove(namespace, key)  # type: ignore[misc]
            else:  # not as it was written
                yield [number], len(note), lambda: True
        if keys:
            yield keys, size, lambda: self._take(space, entries)

    def _take(self, namespace: str, entries: list[Entry]) -> bool:
        if not entries:
            return True
        before = getattr(self.cold, "failures", 0)
        # what it refuses while it answers, it would always refuse, and hold up all that comes after
        return self.cold.put_many(namespace, entries) == len(entries) or getattr(self.cold, "failures", 0) == before

    def _remove(self, namespace: str, key: bytes) -> bool:
        self.cold.delete(namespace, key)
        return not getattr(self.cold, "is_out", False)

    def close(self) -> None:
        with self._wake:
            if self._closed:
                return
            self._closed = True
            self._wake.notify()
        thread = self._thread
        if thread is not None:
            thread.join(CLOSING_S)
        self._journal.close()
        self.hot.close()
        self.cold.close()


def _journal_of(hot: Store) -> Store:
    inner: Any = getattr(hot, "inner", hot)
    if inner.name != "sqlite":
        return MemoryStore(max_entries=_NO_BOUND, max_bytes=_NO_BOUND, policy="fifo")
    from rtfs.caching.stores.sqlite import SQLiteStore

    root, ending = os.path.splitext(inner.place)
    path = f"{root}-behind{ending}"
    return SQLiteStore(path, max_entries=_NO_BOUND, max_bytes=_NO_BOUND, policy="fifo", own_name=os.path.basename(path))


def _first(pairs: Iterator[tuple[bytes, bytes]], most: int) -> list[tuple[bytes, bytes]]:
    return [pair for pair, _ in zip(pairs, range(most))]


def _read(note: bytes) -> tuple[int, str, bytes, bytes, float | None, list[str]]:
    try:
        kind, namespace, key, value, expires, tags = decode(note)
    except (Malformed, ValueError):
        return -1, "", b"", b"", None, []
    return kind, namespace, key, value, expires, tags
