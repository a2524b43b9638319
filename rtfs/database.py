"""SQLite files of RTFS: opened, made, brought up to date, and set aside when they are damaged.

Several processes may use a file at once: write-ahead logging, and each `write` is one transaction.  When a process is killed, what
it has committed stays; what it was about to write is not there at all.  (When the machine loses power, the last transactions may be
lost, and nothing else: SQLite's `synchronous=NORMAL`.)
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager
from threading import RLock

from rtfs.errors import ConfigError
from rtfs.forking import renew_in_child
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, TypeVar

    T = TypeVar("T")

#: Seconds that a writer waits for the others.
BUSY_S = 10.0
_NOT_A_DATABASE, _CORRUPT = 26, 11
_MAGIC = b"SQLite format 3\0"
#: Connections that came with a fork. They belong to the parent: a child that closed them would drop locks, so nobody does.
_inherited: list[sqlite3.Connection] = []


class Layout(Struct):
    """What a kind of file is.

    Attributes:
        what: what messages call it: `the cache`.
        application_id: 32 bits that tell such a file from others.
        schema: the version of its tables; a file with a higher one is refused.
        create: makes the tables of this schema.
        migrations: version -> what brings the tables from it to the next one; of a version that is not in it, the file begins anew.
        hint: what helps when it cannot be used.
    """

    what: str
    application_id: int
    schema: int
    create: Callable[[sqlite3.Connection], object]
    migrations: Mapping[int, Callable[[sqlite3.Connection], object]]
    hint: str | None = None


class Database:
    """A file, open for reading and writing. Safe to use from several threads, and after a fork.

    Args:
        path: made with its folder, for the user alone, when it is not there.
        own_name: a damaged file with this base name is surely ours, even when not a byte of it is right.
        notice: told, in a sentence, when a damaged file was set aside.
    Raises:
        ConfigError: it cannot be opened, belongs to something else, or was written by a later RTFS.
    """

    def __init__(self, path: str, layout: Layout, *, own_name: str = "", notice: Callable[[str], None] = lambda text: None) -> None:
        self.path = os.path.abspath(path)
        self._layout, self._own_name, self._notice = layout, own_name, notice
        self._identity: tuple[int, int] | None = None
        self._lock = RLock()
        renew_in_child(self, _lock=RLock)
        self._db: sqlite3.Connection | None = None
        #: Of the connection, used again and again: a new one for each query costs as much as a quick query.
        self._cursor: sqlite3.Cursor | None = None
        self._pid = 0
        with self._lock, self._translated():
            try:
                self._open()
            except sqlite3.DatabaseError as error:
                self._recover(error)

    def read(self, sql: str, operands: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows that a query gives; none of a file that turns out to be damaged.

        Raises:
            ConfigError: it cannot be read.
        """
        with self._lock:
            try:
                if self._cursor is not None and self._pid == os.getpid():
                    return self._cursor.execute(sql, operands).fetchall()
                return self._connection().execute(sql, operands).fetchall()
            except (sqlite3.Error, OSError) as error:
                with self._translated():
                    if not isinstance(error, sqlite3.DatabaseError):
                        raise
                    self._recover(error)
                    return []

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The value of `work(connection)`, as one transaction; done again on a new file when the old one turns out to be damaged.

        Raises:
            ConfigError: nothing was written.
        """
        with self._lock, self._translated():
            if identity(self.path) != self._identity:  # somebody removed it, or set it aside
                self._forget()
            try:
                with transaction(self._connection()) as db:
                    return work(db)
            except sqlite3.DatabaseError as error:
                self._recover(error)
                with transaction(self._connection()) as db:
                    return work(db)

    def compact(self) -> None:
        """Give back to the system what nothing is kept in.

        Raises:
            ConfigError.
        """
        with self._lock, self._translated():
            db = self._connection()
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def check(self) -> list[str]:
        """What SQLite finds wrong with the file, in sentences; nothing: it is whole."""
        return [text for (text,) in self.read("PRAGMA integrity_check") if text != "ok"]

    def close(self) -> None:
        with self._lock:
            self._forget()

    # --- inside ---

    def _connection(self) -> sqlite3.Connection:
        if self._db is None or self._pid != os.getpid():
            self._forget()
            self._open()
            assert self._db is not None
        return self._db

    def _forget(self) -> None:
        db, self._db, self._cursor = self._db, None, None
        if db is not None:
            if self._pid == os.getpid():
                db.close()
            else:
                _inherited.append(db)

    def _open(self) -> None:
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        try:  # never opened here when it exists: closing it would drop the locks that this process has on it
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            pass
        self._identity = identity(self.path)
        db = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._look(db)
            patiently(lambda: db.execute("PRAGMA journal_mode=WAL").fetchall())
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("PRAGMA journal_size_limit=4194304")
            if self._look(db) != self._layout.schema:
                with transaction(db):
                    self._prepare(db)
        except BaseException:
            db.close()
            raise
        self._db, self._cursor, self._pid = db, db.cursor(), os.getpid()

    def _look(self, db: sqlite3.Connection) -> int:
        """Its schema, 0 when it is new; nothing is changed.

        Raises:
            ConfigError: it is not ours to write.
        """
        layout = self._layout
        tables = patiently(lambda: db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
        if not tables and not version:
            return 0
        if db.execute("PRAGMA application_id").fetchone()[0] != layout.application_id:
            raise ConfigError(f"{self.path} is a database of something else", hint=f"name another file for {layout.what}")
        if version > layout.schema:
            known = f"schema {version}, this one knows {layout.schema}"
            raise ConfigError(f"{layout.what} {self.path} was written by a later RTFS ({known})", hint="upgrade RTFS")
        return version

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Make the tables, or bring them up to date; in a transaction, as several processes may come here at once."""
        layout = self._layout
        version = self._look(db)
        if version == layout.schema:
            return
        if version == 0:
            db.execute(f"PRAGMA application_id={layout.application_id}")
            layout.create(db)
        for step in range(version, layout.schema) if version else ():
            migrate = layout.migrations.get(step)
            if migrate is None:
                _drop_everything(db)
                layout.create(db)
                break
            migrate(db)
        db.execute(f"PRAGMA user_version={layout.schema}")

    def _recover(self, error: sqlite3.DatabaseError) -> None:
        """Begin a new file in the place of a damaged one.

        Raises:
            DatabaseError: the file is not damaged, or perhaps none of ours.
        """
        if not is_damaged(error) or not self._may_be_set_aside():
            raise error
        self._forget()
        if identity(self.path) == self._identity:  # otherwise another process was quicker
            for ending in ("-wal", "-shm", ""):
                try:
                    os.replace(self.path + ending, f"{self.path}.damaged{ending}")
                except FileNotFoundError:
                    pass
            self._notice(f"{self._layout.what} was damaged: it is now {self.path}.damaged, and a new one begins")
        self._open()

    def _may_be_set_aside(self) -> bool:
        """Whether a damaged file is surely ours: a text that somebody named by mistake is not to be moved."""
        if os.path.basename(self.path) == self._own_name:
            return True
        with open(self.path, "rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of SQLite and of the system as ours."""
        try:
            yield
        except sqlite3.Error as error:
            raise ConfigError(f"{self._layout.what} {self.path}: {error}", hint=self._layout.hint) from error
        except OSError as error:
            why = "its folder is a file" if isinstance(error, FileExistsError) else error.strerror or error
            raise ConfigError(f"{self._layout.what} {self.path}: {why}", hint=self._layout.hint) from error


def identity(path: str) -> tuple[int, int] | None:
    """Tells a file from another one that comes to have its name; None when there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def is_damaged(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (_NOT_A_DATABASE, _CORRUPT)


def patiently(work: Callable[[], T]) -> T:
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
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            try:
                db.execute("ROLLBACK")
            except sqlite3.Error:  # the first error is the one that tells something
                pass
        raise


def _drop_everything(db: sqlite3.Connection) -> None:
    for kind in ("trigger", "view", "table"):
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = ? AND name NOT LIKE 'sqlite_%'", (kind,)).fetchall():
            quoted = name.replace('"', '""')
            db.execute(f'DROP {kind} "{quoted}"')
