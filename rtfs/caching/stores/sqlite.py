"""A store in an SQLite file: bounded, shared by processes, whole after `kill -9` at any moment.

Each entry has a checksum over its namespace, key and value, so that what a failing disk changed is a miss.  A trigger adds up
sizes in the same transaction as the entry, so that the bound is one of the file and not of a process.  Uses are noted in memory and
written together with the next entry: a hit writes nothing.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from hashlib import blake2b
from threading import Lock

from rtfs.caching.stores.protocol import Entry, Known, StoreStats, StoreUnavailable
from rtfs.database import Database, Layout
from rtfs.errors import ConfigError
from rtfs.forking import renew_in_child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

SCHEMA = 1
#: "RTFC".
APPLICATION_ID = 0x52544643
#: Uses that are noted before they are written.
_NOTED_USES = 512
#: When entries have to go, so much of the room goes with them, so that not every entry has to find another.
_SLACK = 16

_CREATE = (
    # the value comes last: the other columns are read without it
    """CREATE TABLE entries (
        id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, key BLOB NOT NULL, size INTEGER NOT NULL, created REAL NOT NULL,
        used REAL NOT NULL, uses INTEGER NOT NULL, expires REAL, tags TEXT NOT NULL, checksum BLOB NOT NULL, value BLOB NOT NULL,
        UNIQUE (namespace, key))""",
    "CREATE TABLE tags (namespace TEXT, tag TEXT, entry INTEGER, PRIMARY KEY (namespace, tag, entry)) WITHOUT ROWID",
    "CREATE TABLE totals (namespace TEXT PRIMARY KEY, entries INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE counts (namespace TEXT, name TEXT, amount REAL NOT NULL, PRIMARY KEY (namespace, name)) WITHOUT ROWID",
    """CREATE TRIGGER entry_came AFTER INSERT ON entries BEGIN
        INSERT INTO totals VALUES (NEW.namespace, 1, NEW.size)
        ON CONFLICT DO UPDATE SET entries = entries + 1, bytes = bytes + NEW.size; END""",
    """CREATE TRIGGER entry_went AFTER DELETE ON entries BEGIN
        UPDATE totals SET entries = entries - 1, bytes = bytes - OLD.size WHERE namespace = OLD.namespace;
        DELETE FROM tags WHERE namespace = OLD.namespace AND entry = OLD.id
        AND tag IN (SELECT value FROM json_each(CASE WHEN json_valid(OLD.tags) THEN OLD.tags ELSE '[]' END)); END""",
)
#: What goes first, of each policy.
_ORDERS = {
    "lru": "used, id",
    "lfu": "uses, used, id",
    "fifo": "created, id",
    "random": "random()",
    "ttl": "expires IS NULL, expires, id",
}


def _create(db: sqlite3.Connection) -> None:
    for statement in _CREATE:
        db.execute(statement)


_HINT = "RTFS_CACHE_DIR names another folder, for published code RTFS_DATA_DIR"
LAYOUT = Layout("the cache", APPLICATION_ID, SCHEMA, _create, {}, _HINT)


class SQLiteStore:
    """See `stores.protocol.Store`.

    Args:
        path: of the file; made with its folder when it is not there.
        ttl_s: of entries that do not say.
        policy: one of `layer.POLICIES`.
        own_name: see `Database`.
        notice: told, in a sentence, when a damaged file was set aside.
        clock: seconds since the epoch.
    Raises:
        StoreUnavailable: it cannot be opened, belongs to something else, or was written by a later RTFS.
    """

    name = "sqlite"
    persistent = True

    def __init__(
        self,
        path: str,
        *,
        max_entries: int = 100_000,
        max_bytes: int = 256 * 2**20,
        ttl_s: float | None = None,
        policy: str = "lru",
        own_name: str = "",
        notice: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.place = os.path.abspath(path)
        self._max_entries, self._max_bytes, self._ttl_s = max_entries, max_bytes, ttl_s
        self._order = _ORDERS[policy]
        self._clock = clock
        self._lock = Lock()
        renew_in_child(self, _lock=Lock)
        #: id -> [times used, when last]; not written yet
        self._uses: dict[int, list[float]] = {}
        self._evictions = self._expired = self._damaged = 0
        self._closed = False
        with unavailable():
            self._db = Database(path, LAYOUT, own_name=own_name, notice=notice)

    @property
    def local(self) -> SQLiteStore:
        return self

    # --- one entry ---

    def get(self, namespace: str, key: bytes) -> bytes | None:
        try:
            rows = self._db.read(_GET, (namespace, key))
        except ConfigError as error:
            raise StoreUnavailable(error.message) from error
        if not rows:
            return None
        value, checksum, expires, number = rows[0]
        now = self._clock()
        if expires is not None and expires <= now:
            self._drop(number, "_expired")
            return None
        if type(value) is not bytes or checksum_of(namespace, key, value) != checksum:
            self._drop(number, "_damaged")
            return None
        with self._lock:
            noted = self._uses.get(number)
            if noted is None:
                self._uses[number] = [1, now]
            else:
                noted[0] += 1
                noted[1] = now
            full = len(self._uses) >= _NOTED_USES
        if full:
            self.flush()
        return value

    def entry(self, namespace: str, key: bytes) -> Entry | None:
        value = self.get(namespace, key)
        if value is None:
            return None
        with unavailable():
            rows = self._db.read(f"SELECT {_EXPIRES}, {_TAGS} FROM entries WHERE namespace = ? AND key = ?", (namespace, key))
        expires, tags = rows[0] if rows else (None, b"[]")
        return Entry(key, value, None if expires is None else expires - self._clock(), _tags_in(tags))

    def put(self, namespace: str, key: bytes, value: bytes, *, ttl_s: float | None = None, tags: tuple[str, ...] = ()) -> bool:
        return self.put_many(namespace, (Entry(key, value, ttl_s, tags),)) == 1

    def put_many(self, namespace: str, entries: Iterable[Entry]) -> int:
        rows: dict[bytes, tuple[Any, ...]] = {}
        kept = 0
        for entry in entries:
            if len(entry.value) <= self._max_bytes:
                key, value = entry.key, bytes(entry.value)
                ttl_s = self._ttl_s if entry.ttl_s is None else entry.ttl_s
                rows.pop(key, None)  # of equal keys the last entry is kept, in its own place
                rows[key] = (len(value), entry.uses, ttl_s, entry.tags, checksum_of(namespace, key, value), value)
                kept += 1

        def work(db: sqlite3.Connection) -> None:
            now = self._clock()
            self._write_uses(db)
            db.executemany("DELETE FROM entries WHERE namespace = ? AND key = ?", [(namespace, key) for key in rows])
            # nobody else writes meanwhile, so that the numbers are those that SQLite would give
            first = (db.execute("SELECT max(id) FROM entries").fetchone()[0] or 0) + 1
            written, tagged = [], []
            for number, (key, (size, uses, ttl_s, tags, checksum, value)) in enumerate(rows.items(), first):
                expires = None if ttl_s is None else now + ttl_s
                listed = f"[{', '.join(map(_quoted, tags))}]"
                written.append((number, namespace, key, size, now, now, uses, expires, listed, checksum, value))
                tagged += [(namespace, tag, number) for tag in set(tags)]
            db.executemany(_INSERT, written)
            db.executemany("INSERT INTO tags VALUES (?, ?, ?)", tagged)
            self._make_room(db, now)

        with unavailable():
            self._db.write(work)
        return kept

    def delete(self, namespace: str, key: bytes) -> bool:
        sql = "DELETE FROM entries WHERE namespace = ? AND key = ?"
        with unavailable():
            return self._db.write(lambda db: db.execute(sql, (namespace, key)).rowcount) > 0

    def _drop(self, number: int, why: str) -> None:
        with self._lock:
            setattr(self, why, getattr(self, why) + 1)
        with unavailable():
            self._db.write(lambda db: db.execute("DELETE FROM entries WHERE id = ?", (number,)))

    # --- many ---

    def clear(self, namespace: str | None = None) -> int:
        where, operands = ("", ()) if namespace is None else (" WHERE namespace = ?", (namespace,))

        def work(db: sqlite3.Connection) -> int:
            db.execute(f"DELETE FROM counts{where}", operands)
            count: int = db.execute(f"DELETE FROM entries{where}", operands).rowcount
            return count

        with unavailable():
            count = self._db.write(work)
            if namespace is None:
                self._db.compact()
        return count

    def known(self, namespace: str, *, tag: str | None = None) -> Iterator[Known]:
        numbers = ", ".join([f"CAST({name} AS REAL)" for name in ("size", "created", "used", "uses")])
        columns = f"{_KEY}, {numbers}, {_EXPIRES}, {_TAGS}"
        for key, size, created, used, uses, expires, tags in self._pages(columns, namespace, tag):
            yield Known(key, int(size), created, used, int(uses), expires, _tags_in(tags))

    def items(self, namespace: str, *, tag: str | None = None) -> Iterator[tuple[bytes, bytes]]:
        for key, value, checksum in self._pages(f"{_KEY}, {_VALUE}, checksum", namespace, tag):
            if checksum_of(namespace, key, value) == checksum:
                yield key, value

    def _pages(self, columns: str, namespace: str, tag: str | None) -> Iterator[tuple[Any, ...]]:
        """The rows of a namespace or a tag, a hundred at a time: nobody who looks at them keeps others from writing."""
        last, now = 0, self._clock()
        of_tag = "" if tag is None else " AND id IN (SELECT entry FROM tags WHERE namespace = ? AND tag = ?)"
        sql = (
            f"SELECT id, {columns} FROM entries WHERE id > ? AND namespace = ? AND (expires IS NULL OR {_EXPIRES} > ?){of_tag}"
            " ORDER BY id LIMIT 100"
        )
        while True:
            with unavailable():
                rows = self._db.read(sql, (last, namespace, now, *(() if tag is None else (namespace, tag))))
            yield from [row[1:] for row in rows]
            if len(rows) < 100:
                return
            last = rows[-1][0]

    def namespaces(self) -> list[str]:
        with unavailable():
            return [name for (name,) in self._db.read("SELECT namespace FROM totals WHERE entries > 0 ORDER BY namespace")]

    def stats(self, namespace: str | None = None) -> StoreStats:
        where, operands = ("", ()) if namespace is None else (" WHERE namespace = ?", (namespace,))
        with unavailable():
            rows = self._db.read(f"SELECT coalesce(sum(entries), 0), coalesce(sum(bytes), 0) FROM totals{where}", operands)
        entries, size = rows[0] if rows else (0, 0)
        with self._lock:
            return StoreStats(
                entries, size, self._max_entries, self._max_bytes, self._evictions, self._expired, self._damaged
            )

    def count(self, namespace: str, counts: Mapping[str, float]) -> None:
        sql = "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount"
        rows = [(namespace, name, float(amount)) for name, amount in counts.items() if amount]
        if rows:
            with unavailable():
                self._db.write(lambda db: db.executemany(sql, rows))

    def counts(self, namespace: str) -> dict[str, float]:
        with unavailable():
            return dict(self._db.read("SELECT name, CAST(amount AS REAL) FROM counts WHERE namespace = ?", (namespace,)))  # type: ignore[arg-type]

    def verify(self) -> tuple[int, list[str]]:
        """(entries that are whole, what is wrong with the others and with the file, in sentences); damaged entries are removed."""
        with unavailable():
            problems = self._db.check()
        whole, broken, last = 0, [], 0
        while True:
            with unavailable():
                rows = self._db.read(
                    f"SELECT id, namespace, {_KEY}, {_VALUE}, checksum FROM entries WHERE id > ? ORDER BY id LIMIT 100", (last,)
                )
            for number, namespace, key, value, checksum in rows:
                if type(value) is bytes and checksum_of(namespace, key, value) == checksum:
                    whole += 1
                else:
                    broken.append(number)
                    problems.append(f"{namespace} {key.hex()[:16]}: not as it was written; removed")
            if len(rows) < 100:
                break
            last = rows[-1][0]
        for number in broken:
            self._drop(number, "_damaged")
        return whole, problems

    def flush(self) -> None:
        if self._uses:
            with unavailable():
                self._db.write(self._write_uses)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            self.flush()
        except StoreUnavailable:  # only what helps eviction is lost
            pass
        self._db.close()

    # --- in a transaction ---

    def _write_uses(self, db: sqlite3.Connection) -> None:
        with self._lock:
            uses, self._uses = self._uses, {}
        if uses:
            db.executemany(
                "UPDATE entries SET uses = uses + ?, used = max(used, ?) WHERE id = ?",
                [(count, when, number) for number, (count, when) in uses.items()],
            )

    def _make_room(self, db: sqlite3.Connection, now: float) -> None:
        entries, size = db.execute("SELECT coalesce(sum(entries), 0), coalesce(sum(bytes), 0) FROM totals").fetchone()
        if entries <= self._max_entries and size <= self._max_bytes:
            return
        self._expired += db.execute("DELETE FROM entries WHERE expires <= ?", (now,)).rowcount
        entries, size = db.execute("SELECT coalesce(sum(entries), 0), coalesce(sum(bytes), 0) FROM totals").fetchone()
        too_many, too_large = entries > self._max_entries, size > self._max_bytes
        if not too_many and not too_large:
            return
        newest = db.execute("SELECT max(id) FROM entries").fetchone()[0]
        most = self._max_entries - (self._max_entries // _SLACK if too_many else 0)
        largest = self._max_bytes - (self._max_bytes // _SLACK if too_large else 0)
        going = []
        # what was just written stays, unless it is all there is
        for number, each in db.execute(f"SELECT id, size FROM entries ORDER BY id = {newest}, {self._order}"):
            if (entries <= most and size <= largest) or entries == 1:
                break
            going.append((number,))
            entries -= 1
            size -= each
        db.executemany("DELETE FROM entries WHERE id = ?", going)
        self._evictions += len(going)


#: Columns as what they should be: what somebody has written there by hand may be of any kind, and text that is none cannot be read.
_KEY, _VALUE, _TAGS = "CAST(key AS BLOB)", "CAST(value AS BLOB)", "CAST(tags AS BLOB)"
_EXPIRES = "CAST(expires AS REAL)"

_GET = f"SELECT {_VALUE}, checksum, {_EXPIRES}, id FROM entries WHERE namespace = ? AND key = ?"
_INSERT = """INSERT INTO entries (id, namespace, key, size, created, used, uses, expires, tags, checksum, value)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


#: A text as JSON, in a fifth of the time that `dumps` takes for it.
_quoted = json.encoder.encode_basestring_ascii


def _tags_in(text: bytes) -> tuple[str, ...]:
    """The tags of an entry; none where they are not as they were written."""
    try:
        found = json.loads(text)
    except ValueError:
        return ()
    return tuple(found) if isinstance(found, list) and all(isinstance(tag, str) for tag in found) else ()


def checksum_of(namespace: str, key: bytes, value: bytes) -> bytes:
    """8 bytes over an entry."""
    made = blake2b(value, digest_size=8)
    made.update(key)
    made.update(namespace.encode())
    return made.digest()


class unavailable:
    """Errors of the file as those of a store. A class, since it is on the way of every hit."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, ConfigError) and not isinstance(error, StoreUnavailable):
            raise StoreUnavailable(error.message, hint=error.hint) from error
