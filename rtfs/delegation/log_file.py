"""The log of delegated calls as a file: a SQLite table with a row for each call, and one of what is known of answers.

A row of `calls` is the record as JSON; the other columns are made from it, so that a log of an earlier schema is rebuilt from its
documents.  A row of `outcomes` says of a call whether its answer was right (`outcomes`).
Several processes may write at once: write-ahead logging, each batch one transaction.  When a process is killed, what it has
committed stays.  The oldest rows go when the file would grow beyond its limit.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from rtfs.errors import ConfigError
from rtfs.folders import LOG_NAME

SCHEMA = 2
#: The schema since which `calls` is as it is.
_CALLS_SINCE = 1
#: "RTFS": tells that a database is a log of ours.
APPLICATION_ID = 0x52544653
#: Bytes of the rows with all that SQLite needs around them; about 60,000 calls.
MAX_BYTES = 64 * 2**20
#: Seconds that a writer waits for the others.
BUSY_S = 10.0
_NOT_A_DATABASE, _CORRUPT = 26, 11
_LARGEST = 2**63 - 1

COLUMNS = (
    ("run", "TEXT NOT NULL"),
    ("started", "REAL NOT NULL"),
    ("function", "TEXT NOT NULL"),
    ("target", "TEXT NOT NULL"),
    ("model", "TEXT NOT NULL"),
    ("answered_by", "TEXT"),
    ("failed", "INTEGER NOT NULL"),  # no model answered
    ("latency_s", "REAL NOT NULL"),
    ("prompt_tokens", "INTEGER NOT NULL"),
    ("completion_tokens", "INTEGER NOT NULL"),
    ("cost_usd", "REAL"),
    ("record", "TEXT NOT NULL"),
)
_NAMES = ", ".join(name for name, _ in COLUMNS)
_INSERT = f"INSERT INTO calls ({_NAMES}) VALUES ({', '.join('?' * len(COLUMNS))})"
_CREATE = f"CREATE TABLE calls (id INTEGER PRIMARY KEY AUTOINCREMENT, {', '.join(f'{name} {kind}' for name, kind in COLUMNS)})"
_CREATE_OUTCOMES = (
    "CREATE TABLE outcomes (call INTEGER PRIMARY KEY, was_right INTEGER NOT NULL, expected TEXT, noted REAL NOT NULL)"
)
_NOTE = """INSERT INTO outcomes SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM calls WHERE id = ?1)
ON CONFLICT (call) DO UPDATE SET was_right = ?2, expected = ?3, noted = ?4"""

Row = tuple[Any, ...]


#: A record as JSON: ASCII; ValueError where a number is none that JSON has.
encoded = json.JSONEncoder(allow_nan=False, check_circular=False).encode


def row_of(run: str, document: dict[str, Any], written: str) -> Row:
    """The row of a record, in the order of `COLUMNS`.

    Args:
        run: which run of a program the call belongs to.
        document: `CallRecord.facts()`, and what else is to be kept.
        written: the same as JSON.
    """
    attempts = document["attempts"]
    return (
        run,
        document["started"],
        _plain(document["function"]),
        _plain(document["target"]),
        _plain(document["model"]),
        _plain(document["answered_by"]),
        document["error"] is not None,
        document["latency_s"],
        min(sum([a["prompt_tokens"] or 0 for a in attempts]), _LARGEST),
        min(sum([a["completion_tokens"] or 0 for a in attempts]), _LARGEST),
        document["cost_usd"],
        written,
    )


def _plain(text: str | None) -> str | None:
    """A text that SQLite takes: lone surrogates are replaced."""
    return text if text is None or text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


class LogFile:
    """A log, open for writing. Used by one thread at a time.

    Args:
        path: made with its folder, for the user alone, when it is not there.
        notice: told, in a sentence, when a damaged file was set aside.
    Raises:
        ConfigError: it cannot be opened, belongs to something else, or was written by a later RTFS.
    """

    def __init__(self, path: str, *, max_bytes: int = MAX_BYTES, notice: Callable[[str], None] = lambda text: None) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._notice = notice
        self._identity: tuple[int, int] | None = None
        with _translated(path):
            try:
                self._db = self._opened()
            except sqlite3.DatabaseError as error:
                if not _is_damaged(error) or not self._may_be_set_aside(error):
                    raise
                self._set_aside()
                self._db = self._opened()

    def append(self, rows: list[Row]) -> int:
        """Write rows as one transaction; the id of the first. The others have the following ids.

        Raises:
            ConfigError: they cannot be written; none of them is then.
        """
        with _translated(self.path):
            if _identity(self.path) != self._identity:  # somebody removed it, or set it aside
                self._db.close()
                self._db = self._opened()
            try:
                return self._append(rows)
            except sqlite3.DatabaseError as error:
                if not _is_damaged(error):
                    raise
                self._db.close()
                self._set_aside()
                self._db = self._opened()
                return self._append(rows)

    def _append(self, rows: list[Row]) -> int:
        with _transaction(self._db):  # nobody else writes meanwhile, so that the ids are in a row
            self._db.executemany(_INSERT, rows)
            last: int = self._db.execute("SELECT max(id) FROM calls").fetchone()[0] or 0
            self._prune()
        return last - len(rows) + 1

    def note(self, outcomes: list[tuple[int, bool, str | None]]) -> None:
        """Write what is known of answers: (id of the call, whether it was right, the hash of what would have been). What is said of
        calls that are no longer there is forgotten.

        Raises:
            ConfigError: as in `append`.
        """
        if not outcomes:
            return
        with _translated(self.path), _transaction(self._db):
            self._db.executemany(_NOTE, [(call, right, expected, time.time()) for call, right, expected in outcomes])

    def _prune(self) -> None:
        """Delete the oldest tenth until the rest is small enough; the newest row stays in any case."""
        while _size_bytes(self._db) > self._max_bytes:
            oldest, newest = self._db.execute("SELECT min(id), max(id) FROM calls").fetchone()
            if oldest is None or oldest == newest:
                return
            last = min(oldest + (newest - oldest) // 10, newest - 1)
            self._db.execute("DELETE FROM calls WHERE id <= ?", (last,))
            self._db.execute("DELETE FROM outcomes WHERE call <= ?", (last,))

    def clear(self) -> int:
        """Remove all records, from the disk too; how many there were.

        Raises:
            ConfigError: as in `append`.
        """
        with _translated(self.path):
            with _transaction(self._db):
                count: int = self._db.execute("DELETE FROM calls").rowcount
                self._db.execute("DELETE FROM outcomes")
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return count

    def close(self) -> None:
        with _translated(self.path):
            self._db.close()

    # --- opening ---

    def _opened(self) -> sqlite3.Connection:
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), mode=0o700, exist_ok=True)
        try:  # never opened here when it exists: closing it would drop the locks that this process has on it
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            pass
        self._identity = _identity(self.path)
        db = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._look(db)
            _patiently(lambda: db.execute("PRAGMA journal_mode=WAL").fetchall())
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("PRAGMA journal_size_limit=4194304")
            with _transaction(db):
                self._prepare(db)
        except BaseException:
            db.close()
            raise
        return db

    def _look(self, db: sqlite3.Connection) -> tuple[bool, int]:
        """(whether it is new, its schema); nothing is changed.

        Raises:
            ConfigError: it is not ours to write.
        """
        tables = _patiently(lambda: db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
        if not tables and not version:
            return True, SCHEMA
        if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise ConfigError(f"{self.path} is a database of something else", hint="name another file for the log")
        if version > SCHEMA:
            raise ConfigError(f"the log {self.path} was written by a later RTFS (schema {version}, this one knows {SCHEMA})")
        return False, version

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Make the table, or rebuild that of an earlier schema; in a transaction, as several processes may come here at once."""
        is_new, version = self._look(db)
        if is_new:
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(_CREATE)
        elif version < _CALLS_SINCE:
            db.execute("ALTER TABLE calls RENAME TO earlier")
            db.execute(_CREATE)
            for number, run, text in db.execute("SELECT id, run, record FROM earlier ORDER BY id"):
                document = {**_MISSING, **json.loads(text)}
                row = row_of(run, document, encoded(document))
                db.execute(_INSERT.replace("(", "(id, ", 1).replace("VALUES (", "VALUES (?, "), (number, *row))
            db.execute("DROP TABLE earlier")
        if is_new or version < SCHEMA:
            db.execute(_CREATE_OUTCOMES)
            db.execute(f"PRAGMA user_version={SCHEMA}")

    def _may_be_set_aside(self, error: sqlite3.DatabaseError) -> bool:
        """Whether a damaged file is surely a log: a text that somebody named by mistake is not to be moved."""
        if os.path.basename(self.path) == LOG_NAME:
            return True
        with open(self.path, "rb") as file:
            return file.read(16) == b"SQLite format 3\0"

    def _set_aside(self) -> None:
        """Give a damaged file, with what belongs to it, another name; the one that had it is lost."""
        if _identity(self.path) != self._identity:  # another process was quicker
            return
        for ending in ("-wal", "-shm", ""):
            try:
                os.replace(self.path + ending, f"{self.path}.damaged{ending}")
            except FileNotFoundError:
                pass
        self._notice(f"the log of calls was damaged: it is now {self.path}.damaged, and a new one begins")


#: What records of earlier schemas may lack.
_MISSING: dict[str, Any] = {
    "started": 0.0,
    "function": "",
    "target": "",
    "model": "",
    "answered_by": None,
    "attempts": [],
    "error": None,
    "latency_s": 0.0,
    "cost_usd": None,
}


def _identity(path: str) -> tuple[int, int] | None:
    """Tells a file from another one that comes to have its name; None when there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _is_damaged(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (_NOT_A_DATABASE, _CORRUPT)


def _size_bytes(db: sqlite3.Connection) -> int:
    """Of the pages that hold something."""
    pages, free, size = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")]
    return int((pages - free) * size)


def _patiently(work: Callable[[], Any]) -> Any:
    """The value of `work()`, which other processes may hold up: SQLite itself does not wait where the journal is concerned."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            try:
                db.execute("ROLLBACK")
            except sqlite3.Error:  # the first error is the one that tells something
                pass
        raise


@contextmanager
def _translated(path: str) -> Iterator[None]:
    """Errors of SQLite and of the system as ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise ConfigError(f"the log of calls {path}: {error}", hint="`rtfs logs path` says where it is") from error
    except OSError as error:
        raise ConfigError(f"the log of calls {path}: {error.strerror or error}") from error


# --- reading ---------------------------------------------------------------------------------


def read(path: str, where: str, operands: Iterable[Any]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """(id, run, document) of rows; nothing when there is no log. The documents have what is known of the answer: `outcome`, `right`
    or `wrong`, and `expected_hash`.

    Args:
        where: what follows `FROM calls`: conditions over `COLUMNS`, order, limit.
    Raises:
        ConfigError: it cannot be read, or is none that this RTFS knows.
    """
    sql = f"SELECT id, run, record, was_right, expected FROM calls LEFT JOIN outcomes ON call = id {where}"
    for number, run, text, right, expected in query(path, sql, operands):
        document = json.loads(text)
        document["outcome"] = None if right is None else "right" if right else "wrong"
        document["expected_hash"] = expected
        yield number, run, document


def query(path: str, sql: str, operands: Iterable[Any] = ()) -> Iterator[Row]:
    """The rows that a query gives; see `read`."""
    if not os.path.exists(path):
        return
    with _translated(path), closing(_opened_to_read(path)) as db:
        yield from db.execute(sql, tuple(operands))


def _opened_to_read(path: str) -> sqlite3.Connection:
    from urllib.parse import quote

    for _ in range(2):
        db = sqlite3.connect(f"file:{quote(os.path.abspath(path))}?mode=ro", uri=True, timeout=BUSY_S)
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == SCHEMA and db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
                return db
        except BaseException:
            db.close()
            raise
        db.close()
        LogFile(path).close()  # refuses what is none, makes or rebuilds the table of one that is earlier
    raise ConfigError(f"{path} is no log of calls")
