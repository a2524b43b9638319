"""The SQLite store and the file under it: damage, other versions, other processes."""

import multiprocessing
import os
import sqlite3
import threading
from pathlib import Path

import pytest

from rtfs.caching.stores.protocol import StoreUnavailable
from rtfs.caching.stores.sqlite import APPLICATION_ID, SQLiteStore
from rtfs.database import Database, Layout
from rtfs.errors import ConfigError

KEY = b"k" * 32


def test_entries_outlive_the_store(tmp_path: Path) -> None:
    path = str(tmp_path / "folder" / "cache.sqlite")
    first = SQLiteStore(path)
    first.put("a", KEY, b"value", tags=("t",))
    first.count("a", {"hits": 1})
    first.close()
    second = SQLiteStore(path)
    assert second.get("a", KEY) == b"value"
    assert list(second.items("a", tag="t")) == [(KEY, b"value")]
    assert second.counts("a") == {"hits": 1}
    assert os.stat(path).st_mode & 0o077 == 0, "for the user alone"
    second.close()


def test_a_changed_value_is_not_served(tmp_path: Path) -> None:
    path = str(tmp_path / "cache.sqlite")
    store = SQLiteStore(path)
    store.put("a", KEY, b"value")
    store.put("a", b"l" * 32, b"other")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE entries SET value = ? WHERE key = ?", (b"valuf", KEY))
    db.close()
    assert list(store.items("a")) == [(b"l" * 32, b"other")]
    assert store.get("a", KEY) is None
    assert store.stats().damaged == 1
    assert store.stats("a").entries == 1, "it is forgotten"
    store.close()


@pytest.mark.parametrize(
    "change", ["value = CAST(x'ff' AS TEXT)", "value = 7", "value = ''", "checksum = 'x'", "expires = 'soon'"]
)
def test_what_was_changed_to_another_kind_is_a_miss_and_nothing_else(tmp_path: Path, change: str) -> None:
    path = str(tmp_path / "cache.sqlite")
    store = SQLiteStore(path)
    for key in (KEY, b"l" * 32, b"m" * 32):
        store.put("a", key, b"value", tags=("t",))
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE entries SET {change} WHERE key <> ?", (KEY,))
    db.close()
    assert store.get("a", b"l" * 32) is None
    assert [key for key, _ in store.items("a", tag="t")] == [KEY]
    assert {known.key for known in store.known("a")} >= {KEY}
    whole, _ = store.verify()
    assert (whole, store.get("a", KEY)) == (2 if "expires" in change else 1, b"value")
    store.close()


@pytest.mark.parametrize("tags", ["'{'", "CAST(x'ff' AS TEXT)", "7", "x'ff'", "'[1]'"])
def test_an_entry_with_changed_tags_is_still_of_use_and_can_be_removed(tmp_path: Path, tags: str) -> None:
    path = str(tmp_path / "cache.sqlite")
    store = SQLiteStore(path)
    store.put("a", KEY, b"value", tags=("t",))
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE entries SET tags = {tags}")
    db.close()
    assert store.get("a", KEY) == b"value"
    entry = store.entry("a", KEY)
    assert entry is not None
    assert entry.tags == ()
    assert [known.tags for known in store.known("a")] == [()]
    assert store.put("a", KEY, b"other")
    assert store.clear("a") == 1
    store.close()


def test_an_entry_under_another_name_is_not_served(tmp_path: Path) -> None:
    path = str(tmp_path / "cache.sqlite")
    store = SQLiteStore(path)
    store.put("a", KEY, b"value")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE entries SET key = ?", (b"l" * 32,))
    db.close()
    assert store.get("a", b"l" * 32) is None
    store.close()


def test_verifying_finds_and_removes_what_is_damaged(tmp_path: Path) -> None:
    path = str(tmp_path / "cache.sqlite")
    store = SQLiteStore(path)
    for number in range(250):
        store.put("a", bytes([number]) * 32, b"value")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE entries SET value = 'text' WHERE id IN (3, 120, 250)")
    db.close()
    whole, problems = store.verify()
    assert (whole, len(problems)) == (247, 3)
    assert store.verify() == (247, [])
    store.close()


@pytest.mark.parametrize("damage", [b"", b"rubbish" * 1000, b"SQLite format 3\0" + b"\x01" * 8000])
def test_a_damaged_file_is_set_aside(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    path.write_bytes(damage)
    told: list[str] = []
    store = SQLiteStore(str(path), own_name="replies.sqlite", notice=told.append)
    assert store.put("a", KEY, b"value")
    assert store.get("a", KEY) == b"value"
    store.close()
    aside = tmp_path / "replies.sqlite.damaged"
    assert aside.exists() == bool(damage)
    assert not damage or (aside.read_bytes() == damage and "damaged" in told[0])


def test_a_file_that_is_damaged_while_it_is_open_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    store = SQLiteStore(str(path))
    for number in range(200):
        store.put("a", bytes([number]) * 32, b"value" * 500)
    store.close()
    raw = bytearray(path.read_bytes())
    raw[4096:] = os.urandom(len(raw) - 4096)
    path.write_bytes(raw)
    told: list[str] = []
    store = SQLiteStore(str(path), notice=told.append)
    found = [store.get("a", bytes([number]) * 32) for number in range(200)]
    assert set(found) <= {None, b"value" * 500}
    assert store.put("a", KEY, b"new")
    assert store.get("a", KEY) == b"new"
    assert told
    store.close()


def test_a_text_named_by_mistake_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear all, " * 1000)
    with pytest.raises(StoreUnavailable):
        SQLiteStore(str(path))
    assert path.read_text().startswith("Dear all")


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    with pytest.raises(StoreUnavailable, match="something else"):
        SQLiteStore(str(path), own_name="cache.sqlite")


def test_a_cache_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    SQLiteStore(str(path)).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(StoreUnavailable, match="later RTFS"):
        SQLiteStore(str(path), own_name="cache.sqlite")
    assert path.exists()


def test_a_removed_file_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    store = SQLiteStore(str(path))
    store.put("a", KEY, b"old")
    for found in tmp_path.iterdir():
        found.unlink()
    assert store.put("a", b"l" * 32, b"new")
    assert store.get("a", b"l" * 32) == b"new"
    assert store.get("a", KEY) is None
    store.close()


def test_threads_share_a_store(tmp_path: Path) -> None:
    store = SQLiteStore(str(tmp_path / "cache.sqlite"))
    wrong: list[object] = []

    def work(number: int) -> None:
        for turn in range(40):
            key, value = bytes([number, turn]) * 16, b"%d %d" % (number, turn)
            store.put("a", key, value)
            if store.get("a", key) != value:
                wrong.append((number, turn))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert store.stats("a").entries == 240
    store.close()


def _child(path: str, number: int) -> None:
    store = SQLiteStore(path, max_entries=150)
    for turn in range(60):
        store.put("a", bytes([number, turn]) * 16, b"%d" % number)
        store.count("a", {"puts": 1})
    store.close()


def test_processes_share_a_file_and_its_bound(tmp_path: Path) -> None:
    path = str(tmp_path / "cache.sqlite")
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=_child, args=(path, n)) for n in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    store = SQLiteStore(path)
    assert 100 < store.stats("a").entries <= 150
    assert store.counts("a") == {"puts": 180}
    assert store.verify()[1] == []
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_its_own_connection(tmp_path: Path) -> None:
    store = SQLiteStore(str(tmp_path / "cache.sqlite"))
    store.put("a", KEY, b"parent")
    child = os.fork()
    if child == 0:
        try:
            ok = store.get("a", KEY) == b"parent" and store.put("a", b"c" * 32, b"child")
            os._exit(0 if ok else 1)
        except BaseException:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert store.get("a", b"c" * 32) == b"child"
    assert store.put("a", KEY, b"still writing")
    store.close()


# --- the file itself -------------------------------------------------------------------------


def layout(schema: int, **migrations: str) -> Layout:
    def create(db: sqlite3.Connection) -> None:
        db.execute(f"CREATE TABLE things (name TEXT{', size INTEGER' if schema > 1 else ''}{', colour TEXT' if schema > 2 else ''})")

    steps = {int(name[1:]): (lambda db, sql=sql: db.execute(sql)) for name, sql in migrations.items()}
    return Layout("the test", APPLICATION_ID, schema, create, steps)  # type: ignore[arg-type]


MIGRATIONS = {"_1": "ALTER TABLE things ADD COLUMN size INTEGER", "_2": "ALTER TABLE things ADD COLUMN colour TEXT"}


def test_files_are_brought_up_to_date_step_by_step(tmp_path: Path) -> None:
    path = str(tmp_path / "file.sqlite")
    first = Database(path, layout(1))
    first.write(lambda db: db.execute("INSERT INTO things VALUES ('old')"))
    first.close()
    third = Database(path, layout(3, **MIGRATIONS))
    assert third.read("SELECT name, size, colour FROM things") == [("old", None, None)]
    assert third.read("PRAGMA user_version") == [(3,)]
    third.close()
    with pytest.raises(ConfigError, match="later RTFS"):
        Database(path, layout(1))


def test_a_version_that_cannot_be_brought_up_to_date_begins_anew(tmp_path: Path) -> None:
    path = str(tmp_path / "file.sqlite")
    first = Database(path, layout(1))
    first.write(lambda db: db.execute("INSERT INTO things VALUES ('old')"))
    first.close()
    third = Database(path, layout(3, _2=MIGRATIONS["_2"]))
    assert third.read("SELECT count(*) FROM things") == [(0,)]
    third.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "file.sqlite")
    Database(path, layout(1)).close()
    with pytest.raises(ConfigError):
        Database(path, layout(3, _1=MIGRATIONS["_1"], _2="no SQL at all"))
    again = Database(path, layout(1))
    assert again.read("SELECT name FROM pragma_table_info('things')") == [("name",)]
    again.close()


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    file = Database(str(tmp_path / "file.sqlite"), layout(1))

    def work(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO things VALUES ('half')")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        file.write(work)
    assert file.read("SELECT * FROM things") == []
    file.close()
