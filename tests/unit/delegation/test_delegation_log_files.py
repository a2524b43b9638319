"""Files of the log of calls that are not as they should be: damaged, gone, of somebody else, full, or written by another RTFS."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from rtfs import database
from rtfs.cli.main import main
from rtfs.delegation import log_file
from rtfs.delegation.log import CallLog
from rtfs.delegation.log_file import read, row_of
from rtfs.delegation.log_queries import failing_targets
from rtfs.errors import ConfigError
from rtfs.runtime import Runtime
from tests.support.call_log import PROGRAM, documents, record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "calls.sqlite"


def broken_log(path: Path, said: list[str], count: int = 1) -> None:
    log = CallLog(path, report=said.append)
    for number in range(count):
        log.add(record(function=f"new-{number}"))
        log.flush()
    log.close()


@pytest.mark.parametrize("what", ["no database", "a header only", "pages of rubbish"])
def test_a_damaged_log_is_set_aside(path: Path, what: str):
    path.parent.mkdir()
    if what == "no database":
        path.write_bytes(b"rubbish " * 5_000)
    else:
        log = CallLog(path)
        for _ in range(500):
            log.add(record(error="x" * 100))
        log.close()
        data = path.read_bytes()
        path.write_bytes(data[:100] + b"\xff" * (0 if what == "a header only" else len(data) - 100))
    before = path.read_bytes()
    said: list[str] = []
    broken_log(path, said, 3)
    assert [one["function"] for one in documents(path)] == ["new-0", "new-1", "new-2"]
    assert len(said) == 1
    assert f"it is now {path}.damaged, and a new one begins" in said[0]
    assert Path(f"{path}.damaged").read_bytes() == before


def test_a_log_that_is_damaged_while_it_is_open(path: Path):
    said: list[str] = []
    log = CallLog(path, report=said.append)
    for _ in range(500):
        log.add(record(error="x" * 100))
    log.flush()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (path.stat().st_size - 100))
    log.add(record(function="new"))
    log.close()
    # the pages that the connection had in its memory may have been enough; then nothing was noticed, and nothing was lost
    broken_log(path, said)
    assert [one["function"] for one in documents(path)][-1] == "new-0"
    assert len(said) <= 2


def test_a_text_that_was_named_by_mistake_stays(tmp_path: Path):
    notes = tmp_path / "notes.txt"
    notes.write_text("my notes\n" * 1_000, encoding="utf-8")
    said: list[str] = []
    broken_log(notes, said, 3)
    assert len(said) == 1
    assert said[0].startswith(f"rtfs: calls are not logged: the log of calls {notes}: file is not a database")
    assert notes.read_text(encoding="utf-8") == "my notes\n" * 1_000


def test_a_database_of_something_else_stays(tmp_path: Path):
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE calls (number TEXT)")
    db.close()
    before = other.read_bytes()
    said: list[str] = []
    broken_log(other, said)
    assert "is a database of something else" in said[0]
    assert other.read_bytes() == before
    with pytest.raises(ConfigError, match="database of something else"):
        documents(other)


def test_a_log_of_a_later_rtfs_stays(path: Path):
    broken_log(path, [])
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    said: list[str] = []
    broken_log(path, said)
    assert "was written by a later RTFS (schema 99, this one knows 2)" in said[0]
    with pytest.raises(ConfigError, match="later RTFS"):
        documents(path)


@pytest.mark.parametrize("by", ["writing", "reading"])
def test_a_log_of_an_earlier_schema_is_brought_up_to_date(path: Path, by: str):
    path.parent.mkdir()
    document = record(function="old", error="no").to_dict()
    columns = [name for name, _ in log_file.COLUMNS]
    with sqlite3.connect(path) as db:  # schema 1 had no outcomes
        db.execute(f"PRAGMA application_id={log_file.APPLICATION_ID}")
        db.execute("PRAGMA user_version=1")
        db.execute(f"CREATE TABLE calls (id INTEGER PRIMARY KEY AUTOINCREMENT, {', '.join(columns)})")
        row = (41, *row_of("run", document, json.dumps(document)))
        db.execute(f"INSERT INTO calls VALUES ({', '.join('?' * len(row))})", row)
    db.close()
    said: list[str] = []
    if by == "writing":
        broken_log(path, said)
    assert said == []
    found = list(read(str(path), "WHERE failed AND function = 'old'", ()))
    assert [(number, run, one["function"], one["outcome"]) for number, run, one in found] == [(41, "run", "old", None)]
    if by == "writing":
        assert [number for number, _, _ in read(str(path), "ORDER BY id", ())] == [41, 42]


def _connection(log: CallLog) -> sqlite3.Connection:
    assert log._file is not None
    assert log._file._database._db is not None
    return log._file._database._db


def test_a_log_that_is_removed_while_it_is_open_begins_anew(path: Path):
    log = CallLog(path)
    log.add(record(function="a"))
    log.flush()
    for file in path.parent.iterdir():
        file.unlink()
    log.add(record(function="b"))
    log.close()
    assert [one["function"] for one in documents(path)] == ["b"]


@pytest.mark.parametrize("what", ["a folder", "below a file"])
def test_a_log_that_cannot_be_written_warns_once_and_harms_nothing(tmp_path: Path, what: str):
    path = tmp_path / "calls.sqlite"
    if what == "a folder":
        path.mkdir()
    else:
        path.write_text("", encoding="utf-8")
        path /= "calls.sqlite"
    said: list[str] = []
    with Runtime(environ={}, log=path, on_warning=lambda message, span: said.append(message)) as runtime:
        runtime.run(PROGRAM)
        for _ in range(3):
            assert runtime.run('(say "x")') == "text: x"
            runtime.delegation.flush()
        assert len(runtime.records.calls) == 3
    assert len(said) == 1
    assert said[0].startswith("rtfs: calls are not logged: ")


def test_a_log_that_others_hold_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(database, "BUSY_S", 0.2)
    said: list[str] = []
    log = CallLog(path, report=said.append)
    log.add(record(function="a"))
    log.flush()
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        log.add(record(function="lost"))
        log.flush()
        other.execute("ROLLBACK")
    other.close()
    log.add(record(function="b"))
    log.close()
    assert [one["function"] for one in documents(path)] == ["a", "b"]
    assert len(said) == 1
    assert "locked" in said[0]


def test_a_file_that_became_read_only_costs_one_line_and_passes(path: Path):
    said: list[str] = []
    log = CallLog(path, report=said.append)
    log.add(record(function="a"))
    log.flush()
    _connection(log).execute("PRAGMA query_only=ON")
    for _ in range(3):
        log.add(record(function="lost"))
        log.flush()
    _connection(log).execute("PRAGMA query_only=OFF")
    log.add(record(function="b"))
    log.close()
    assert [one["function"] for one in documents(path)] == ["a", "b"]
    assert len(said) == 1
    assert "readonly" in said[0]


def test_a_full_disk_costs_one_line_and_passes(path: Path):
    said: list[str] = []
    log = CallLog(path, report=said.append)
    log.add(record(function="a"))
    log.flush()
    db = _connection(log)
    db.execute(f"PRAGMA max_page_count={db.execute('PRAGMA page_count').fetchone()[0] + 1}")
    for _ in range(3):
        log.add(record(function="lost", error="x" * 15_000))
        log.flush()
    db.execute("PRAGMA max_page_count=1000000")
    log.add(record(function="b"))
    log.close()
    assert [one["function"] for one in documents(path)] == ["a", "b"]
    assert len(said) == 1
    assert "full" in said[0]


@pytest.mark.parametrize(
    "change",
    ["record = '{'", "record = '[]'", "record = 'null'", "record = CAST(x'ff' AS TEXT)", "record = 7", "record = '{\"function\": 3}'"]
    + [f"record = json_set(record, '$.{name}', {value})" for name, value in (
        ("started", "'now'"), ("started", "1e300"), ("attempts", "json('[3]')"), ("attempts", "json('[{\"target\": 3}]')"), ("score", "'high'"),
        ("decision", "json('{}')"), ("latency_s", "null"), ("cost_usd", "'x'"), ("cache_note", "3"),
    )],
)  # fmt: skip
def test_what_somebody_changed_into_no_record_is_left_out(path: Path, change: str, capsys: pytest.CaptureFixture[str]):
    with Runtime(environ={}, log=path) as runtime:
        runtime.run(PROGRAM + '(do (label "x") (say "y"))')
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE calls SET {change} WHERE id = 1")
    db.close()
    assert [one["function"] for one in documents(path)] == ["say"]
    assert failing_targets(str(path), 0.0) == []
    environ = {"RTFS_STATE_DIR": str(path.parent), "HOME": str(path.parent)}
    for argv in (["logs"], ["logs", "--json"], ["logs", "show", "2"], ["logs", "export", "-"], ["status"]):
        assert main(argv, environ) == 0
    assert "internal error" not in capsys.readouterr().err


def test_a_log_that_a_killed_process_was_about_to_make_is_read(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """What it left half done is taken back by the first one who looks, as little as that one means to write."""
    path.parent.mkdir()
    began = tmp_path / "began.sqlite"
    db = sqlite3.connect(began, isolation_level=None)
    db.execute("PRAGMA cache_size = 2")  # so that the transaction is partly in the file
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE calls (a)")
    for _ in range(300):
        db.execute("INSERT INTO calls VALUES (?)", ("x" * 2_000,))
    for ending in ("", "-journal"):
        path.with_name(path.name + ending).write_bytes(began.with_name(began.name + ending).read_bytes())
    db.close()
    assert documents(path) == []
    log = CallLog(path)
    log.add(record(function="later"))
    log.close()
    assert [one["function"] for one in documents(path)] == ["later"]
    assert main(["logs"], {"RTFS_STATE_DIR": str(path.parent), "HOME": str(path.parent)}) == 0
    assert "readonly" not in capsys.readouterr().err
