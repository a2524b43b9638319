"""The log of delegated calls as a file: a SQLite table with a row for each call, and one of what is known of answers.

A row of `calls` is the record as JSON; the other columns are made from it.  A row of `outcomes` says of a call whether its answer
was right (`outcomes`).  Several processes may write at once, each batch one transaction (`database`).  The oldest rows go when the
file would grow beyond its limit.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from rtfs import database
from rtfs.database import Database, Layout
from rtfs.delegation.log_documents import document_of
from rtfs.errors import ConfigError
from rtfs.folders import LOG_NAME

SCHEMA = 2
#: "RTFS": tells that a database is a log of ours.
APPLICATION_ID = 0x52544653
#: Bytes of the rows with all that SQLite needs around them; about 60,000 calls.
MAX_BYTES = 64 * 2**20
_LARGEST = 2**63 - 1
#: What SQLite says where a file has to be put in order first, which who only reads may not do.
_READ_ONLY = (8, 14)

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
    return row_of_parts(
        run,
        document["started"],
        (document["function"], document["target"], document["model"], document["answered_by"]),
        document["error"] is not None,
        document["latency_s"],
        (sum([a["prompt_tokens"] or 0 for a in attempts]), sum([a["completion_tokens"] or 0 for a in attempts])),
        document["cost_usd"],
        written,
    )


def row_of_parts(
    run: str,
    started: float,
    names: tuple[str, str, str, str | None],
    failed: bool,
    latency_s: float,
    tokens: tuple[int, int],
    cost_usd: float | None,
    written: str,
) -> Row:
    """
    Args:
        names: of the function, the kind of its target, the model, and who answered.
        tokens: of questions and of answers.
    """
    function, target, model, answered_by = names
    return (
        run,
        started,
        _plain(function),
        _plain(target),
        _plain(model),
        _plain(answered_by),
        failed,
        latency_s,
        min(tokens[0], _LARGEST),
        min(tokens[1], _LARGEST),
        cost_usd,
        written,
    )


def _plain(text: str | None) -> str | None:
    """A text that SQLite takes: lone surrogates are replaced."""
    return text if text is None or text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _create(db: sqlite3.Connection) -> None:
    db.execute(_CREATE)
    db.execute(_CREATE_OUTCOMES)


_LAYOUT = Layout(
    what="the log of calls",
    application_id=APPLICATION_ID,
    schema=SCHEMA,
    create=_create,
    migrations={1: lambda db: db.execute(_CREATE_OUTCOMES)},
    hint="RTFS_STATE_DIR names another folder",
)


class LogFile:
    """A log, open for writing.

    Args:
        path: made with its folder, for the user alone, when it is not there.
        notice: told, in a sentence, when a damaged file was set aside.
    Raises:
        ConfigError: it cannot be opened, belongs to something else, or was written by a later RTFS.
    """

    def __init__(self, path: str, *, max_bytes: int = MAX_BYTES, notice: Callable[[str], None] = lambda text: None) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._database = Database(path, _LAYOUT, own_name=LOG_NAME, notice=notice)

    def append(self, rows: list[Row]) -> int:
        """Write rows as one transaction; the id of the first. The others have the following ids.

        Raises:
            ConfigError: they cannot be written; none of them is then.
        """

        def work(db: sqlite3.Connection) -> int:  # nobody else writes meanwhile, so that the ids are in a row
            db.executemany(_INSERT, rows)
            last: int = db.execute("SELECT max(id) FROM calls").fetchone()[0] or 0
            self._prune(db)
            return last - len(rows) + 1

        return self._database.write(work)

    def note(self, outcomes: list[tuple[int, bool, str | None]]) -> None:
        """Write what is known of answers: (id of the call, whether it was right, the hash of what would have been). What is said of
        calls that are no longer there is forgotten.

        Raises:
            ConfigError: as in `append`.
        """
        if outcomes:
            noted = [(call, right, expected, time.time()) for call, right, expected in outcomes]
            self._database.write(lambda db: db.executemany(_NOTE, noted))

    def _prune(self, db: sqlite3.Connection) -> None:
        """Delete the oldest tenth until the rest is small enough; the newest row stays in any case."""
        while _size_bytes(db) > self._max_bytes:
            oldest, newest = db.execute("SELECT min(id), max(id) FROM calls").fetchone()
            if oldest is None or oldest == newest:
                return
            last = min(oldest + (newest - oldest) // 10, newest - 1)
            db.execute("DELETE FROM calls WHERE id <= ?", (last,))
            db.execute("DELETE FROM outcomes WHERE call <= ?", (last,))

    def clear(self) -> int:
        """Remove all records, from the disk too; how many there were.

        Raises:
            ConfigError: as in `append`.
        """

        def work(db: sqlite3.Connection) -> int:
            db.execute("DELETE FROM outcomes")
            return db.execute("DELETE FROM calls").rowcount

        count = self._database.write(work)
        self._database.compact()
        return count

    def close(self) -> None:
        self._database.close()


def _size_bytes(db: sqlite3.Connection) -> int:
    """Of the pages that hold something."""
    pages, free, size = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")]
    return int((pages - free) * size)


@contextmanager
def _translated(path: str) -> Iterator[None]:
    """Errors of SQLite as ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise ConfigError(f"{_LAYOUT.what} {path}: {error}", hint=_LAYOUT.hint) from error


# --- reading ---------------------------------------------------------------------------------


def read(path: str, where: str, operands: Iterable[Any]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """(id, run, document) of rows; nothing when there is no log. The documents have what is known of the answer: `outcome`, `right`
    or `wrong`, and `expected_hash`.

    Args:
        where: what follows `FROM calls`: conditions over `COLUMNS`, order, limit.
    Raises:
        ConfigError: it cannot be read, or is none that this RTFS knows.
    """
    sql = f"SELECT id, run, CAST(record AS BLOB), was_right, expected FROM calls LEFT JOIN outcomes ON call = id {where}"
    for number, run, text, right, expected in query(path, sql, operands):
        document = document_of(text)
        if document is None:
            continue
        document["outcome"] = None if right is None else "right" if right else "wrong"
        document["expected_hash"] = expected
        yield number, run, document


def query(path: str, sql: str, operands: Iterable[Any] = ()) -> Iterator[Row]:
    """The rows that a query gives; see `read`."""
    if not os.path.exists(path):
        return
    with _translated(path), closing(_opened_to_read(path)) as db:
        # what is no text, as the bytes of a command line can be, is in no log
        yield from db.execute(sql, [_as_text(one) if type(one) is str else one for one in operands])


def _opened_to_read(path: str) -> sqlite3.Connection:
    from urllib.parse import quote

    address = f"file:{quote(os.fsencode(os.path.abspath(path)))}?mode=ro"
    for _ in range(2):
        is_locked_up = False
        try:
            db = _connected(address)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _READ_ONLY:
                raise
            db, is_locked_up = None, True
        if db is not None:
            return db
        try:
            # refuses what is none, brings one that is earlier up to date, and takes back what a killed process left half done
            LogFile(path).close()
        except ConfigError:
            # where nobody may write, not even what SQLite keeps beside a file; without a journal, all is in the file itself
            if is_locked_up and not any(os.path.exists(f"{path}-{journal}") for journal in ("wal", "journal")):
                db = _connected(f"{address}&immutable=1")
                if db is not None:
                    return db
            raise
    raise ConfigError(f"{path} is no log of calls")


def _connected(address: str) -> sqlite3.Connection | None:
    """A connection; None when it is not a log of this version."""
    db = sqlite3.connect(address, uri=True, timeout=database.BUSY_S)
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == SCHEMA and db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
            return db
    except BaseException:
        db.close()
        raise
    db.close()
    return None


def _as_text(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
