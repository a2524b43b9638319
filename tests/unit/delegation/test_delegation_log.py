"""The log of delegated calls: what is in it, and that nothing is lost or broken by whatever happens around it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from rtfs import database, late_writer
from rtfs.capabilities.redaction import redactor
from rtfs.cli.main import main
from rtfs.config import Limits
from rtfs.delegation import log as logs
from rtfs.delegation import log_file
from rtfs.delegation.log import CallLog
from rtfs.delegation.log_file import LogFile, read, row_of
from rtfs.delegation.log_queries import failing_targets
from rtfs.delegation.record import Attempt, CallRecord
from rtfs.errors import ConfigError, LimitExceeded
from rtfs.runtime import Runtime
from rtfs.values.sequences import Vector

ROOT = Path(__file__).parents[3]
PROGRAM = """
(defn label ^:delegation :remote "echo" "Which?" [text :string] :-> [:enum :a :b] :b)
(defn say ^:delegation :remote "echo" "Say it." [text :string] :-> :string text)
(defn lost ^:delegation :remote "no-such" "?" [text :string] :-> :string text)
"""


def record(**changes: Any) -> CallRecord:
    values: dict[str, Any] = {
        "function": "f",
        "target": "remote",
        "model": "m",
        "started": 1.0,
        "latency_s": 0.5,
        "source": "model",
        "attempts": (Attempt(provider="p", outcome="answered", prompt_tokens=10, completion_tokens=3, cost_usd=0.25),),
    }
    return CallRecord(**{**values, **changes})


def documents(path: Path | str) -> list[dict[str, Any]]:
    return [document for _, _, document in read(str(path), "ORDER BY id", ())]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "calls.sqlite"


# --- what is in it ---


def test_every_call_of_a_runtime_is_in_the_log(path: Path):
    with Runtime(environ={}, log=path) as runtime:
        runtime.run(PROGRAM)
        assert runtime.run('(say "hello")') == "text: hello"
        runtime.run('(label "x")')
    first, second = documents(path)
    assert first["function"] == "say"
    assert first["decision"]["reasoning"] == "the function's own hint"
    assert first["decision"]["propensity"] == 1.0
    assert first["attempts"][0]["outcome"] == "answered"
    assert (first["cost_usd"], first["score"], first["confidence"], first["cache"]) == (0.0, None, None, None)
    assert len(first["value_hash"]) == len(first["request_hash"]) == 32
    assert "value" not in first
    assert "arguments" not in first
    assert "hello" not in json.dumps(first)
    assert second["function"] == "label"


def test_a_call_that_no_model_answered_is_in_it_too(path: Path):
    with Runtime(environ={}, log=path, on_warning=lambda message, span: None) as runtime:
        runtime.run(PROGRAM + '(lost "x")')
    (one,) = documents(path)
    assert (one["source"], one["error_kind"]) == ("body", "model-unavailable")
    assert one["value_hash"] is not None


def test_hashes_tell_questions_and_values_apart(path: Path):
    with Runtime(environ={}, log=path) as runtime:
        runtime.run(PROGRAM + '(say "x") (say "x") (say "y") (label "x") (label "y")')
        runtime.run('(defn say ^:delegation :remote "echo" "Say it differently." [text :string] :-> :string text) (say "x")')
    x, again, y, label_x, label_y, other = documents(path)
    assert x["request_hash"] == again["request_hash"]
    assert x["value_hash"] == again["value_hash"]
    assert len({one["request_hash"] for one in (x, y, label_x, label_y, other)}) == 5
    assert label_x["value_hash"] == label_y["value_hash"] != x["value_hash"]


def test_a_type_that_is_defined_anew_makes_another_question(path: Path):
    define = "(deftype Answer [:enum {}])"
    with Runtime(environ={}, log=path) as runtime:
        runtime.run(define.format(":a") + '(defn ask ^:delegation :remote "echo" "?" [] :-> Answer :a) (ask)')
        runtime.run("(ask)")
        assert str(runtime.run(define.format(":b :a") + "(ask)", raw=True)) == ":b"
    one, same, other = documents(path)
    assert one["request_hash"] == same["request_hash"] != other["request_hash"]


def test_the_hash_of_a_request_does_not_depend_on_the_process(tmp_path: Path):
    code = f"""
from rtfs.runtime import Runtime
with Runtime(environ={{}}, log="LOG") as runtime:
    runtime.run({PROGRAM!r} + '(say "x")')
"""
    hashes = set()
    for seed in ("1", "2"):
        file = tmp_path / seed
        python(code.replace("LOG", file.as_posix()), PYTHONHASHSEED=seed)
        hashes.add(documents(file)[0]["request_hash"])
    assert len(hashes) == 1


def test_a_full_log_has_arguments_and_values(path: Path):
    environ = {"RTFS_LOG": "full", "MY_KEY": "sesame-open"}
    with Runtime(environ=environ, log=path) as runtime:
        runtime.run(PROGRAM + '(say "say sesame-open")')
    (one,) = documents(path)
    assert one["arguments"] == '["say [MY_KEY]"]'
    assert one["value"] == '"text: say [MY_KEY]"'


@pytest.mark.parametrize("full", [False, True])
def test_the_text_of_a_call_that_meant_the_same_is_an_argument(path: Path, full: bool):
    log = CallLog(path, full=full)
    log.add(record(cache="L3", cache_note={"matched": "my name is Ada", "score": 0.9, "entry": "00ff"}))
    log.close()
    (one,) = documents(path)
    assert one["cache_note"] == {"score": 0.9, "entry": "00ff"} | ({"matched": "my name is Ada"} if full else {})


@pytest.mark.parametrize("secret", ["open sesame", 'open-"sesame"', "öffne-dich-jetzt", "open\nsesame", "open\\sesame", '", "source": "'])
def test_secrets_are_in_no_field(path: Path, secret: str):
    log = CallLog(path, redact=redactor({"MY_KEY": secret}), full=True)
    log.add(record(error=f"the key {secret} is wrong", repairs=(secret,), value=secret, model=secret))
    log.close()
    raw = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"sesame" not in raw
    assert documents(path)[0]["error"] == "the key [MY_KEY] is wrong"


def test_what_cannot_be_stored_as_it_is(path: Path):
    said: list[str] = []
    log = CallLog(path, report=said.append)
    log.add(record(function="\ud800", score=float("nan"), confidence=float("inf"), error="x" * 100_000))
    log.add(record(attempts=(Attempt(provider="p", outcome="answered", prompt_tokens=2**70, completion_tokens=1, cost_usd=0.0),)))
    deep: Any = Vector(())
    for _ in range(100_000):
        deep = Vector((deep,))
    log.add(record(value=deep))
    log.add(record(function="last"))
    log.close()
    found = documents(path)
    assert (found[0]["function"], found[0]["score"], found[0]["confidence"]) == ("\ud800", None, None)
    assert len(found[0]["error"]) == logs.LONGEST_TEXT + 1
    assert found[1]["attempts"][0]["prompt_tokens"] == 2**70
    assert found[-1]["function"] == "last"
    assert len(found) == 4
    assert said == []


def test_a_small_value_with_an_endless_text(path: Path):
    said: list[str] = []
    with Runtime(environ={}, log=path, on_warning=lambda message, span: said.append(message)) as runtime:
        runtime.run(PROGRAM + '(defn grow ^:delegation :local-model "none" "?" [x :any] :-> :any [x x])')
        runtime.run("(def big (reduce (fn [x _] [x x]) 0 (range 60))) (count (grow big))")
    (one,) = documents(path)
    assert (one["request_hash"], one["value_hash"], one["function"]) == (None, None, "grow")
    assert not [text for text in said if "log" in text]


@pytest.mark.parametrize("strategy", ["ir", "tree"])
def test_a_log_does_not_change_where_a_limited_run_stops(tmp_path: Path, strategy: str):
    program = PROGRAM + '(def big (vec (range 30000))) (defn f ^:delegation :local-model "none" "?" [x :any] :-> :int 1) '
    rest = "(dotimes [i 3] (f [big big])) (loop [i 0] (recur (inc i)))"

    def steps(log: Any) -> int:
        with Runtime(environ={}, strategy=strategy, log=log, limits=Limits(max_steps=100_000), on_warning=lambda *_: None) as runtime:
            counted = []
            runtime.define("note", counted.append)
            with pytest.raises(LimitExceeded):
                runtime.run(program + rest.replace("(recur", "(note i) (recur"))
            return len(counted)

    assert steps(tmp_path / "calls.sqlite") == steps(None) > 1_000


def test_the_log_is_for_the_user_alone(path: Path):
    with Runtime(environ={}, log=path) as runtime:
        runtime.run(PROGRAM + '(say "x")')
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_without_a_log_nothing_is_written(tmp_path: Path):
    with Runtime(environ={"RTFS_STATE_DIR": str(tmp_path)}) as runtime:
        runtime.run(PROGRAM + '(say "x")')
        assert runtime.records.calls[0].request_hash is None
    assert list(tmp_path.iterdir()) == []


def test_log_true_is_the_file_of_the_state_folder(tmp_path: Path):
    with Runtime(environ={"RTFS_STATE_DIR": str(tmp_path)}, log=True) as runtime:
        runtime.run(PROGRAM + '(say "x")')
    assert len(documents(tmp_path / "calls.sqlite")) == 1


def test_a_log_that_is_given_stays_open(path: Path):
    log = CallLog(path)
    for _ in range(2):
        with Runtime(environ={}, log=log) as runtime:
            runtime.run(PROGRAM + '(say "x")')
        assert documents(path)
    log.close()
    log.close()
    log.add(record())
    assert len(documents(path)) == 2


def test_nonsense_is_no_log():
    with pytest.raises(ConfigError, match="log=3 is neither"):
        Runtime(environ={}, log=3)


# --- size ---


def test_the_oldest_go_first(path: Path):
    log = CallLog(path, max_bytes=300_000)
    for number in range(3_000):
        log.add(record(function=f"f{number}", error="x" * 100))
    log.close()
    kept = [int(one["function"][1:]) for one in documents(path)]
    assert kept == list(range(kept[0], 3_000))
    assert 100 < len(kept) < 1_000
    assert path.stat().st_size < 2_000_000


def test_one_record_stays_however_large(path: Path):
    log = CallLog(path, max_bytes=1)
    log.add(record(function="a"))
    log.add(record(function="b"))
    log.close()
    assert [one["function"] for one in documents(path)] == ["b"]


def test_clearing_removes_it_from_the_disk(path: Path):
    log = CallLog(path)
    log.add(record(error="to-be-forgotten"))
    log.close()
    file = LogFile(str(path))
    assert file.clear() == 1
    file.close()
    assert documents(path) == []
    assert b"to-be-forgotten" not in b"".join(one.read_bytes() for one in path.parent.iterdir())


# --- threads and processes ---


def python(code: str, *args: str, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout + done.stderr


WRITER = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from rtfs.delegation.log import CallLog
from tests.unit.delegation.test_delegation_log import record
log = CallLog(sys.argv[1])
for number in range(int(sys.argv[2])):
    log.add(record(function=f"{{sys.argv[3]}}-{{number}}"))
"""


def test_what_a_process_leaves_open_is_written_at_its_end(path: Path):
    assert python(WRITER, str(path), "700", "p") == ""
    assert [one["function"] for one in documents(path)] == [f"p-{number}" for number in range(700)]


def test_several_processes_write_at_once(path: Path):
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), "1500", f"p{n}"], env=environ, stderr=subprocess.PIPE)
        for n in range(4)
    ]
    for process in processes:
        assert process.communicate(timeout=120)[1] == b""
    found = [one["function"] for one in documents(path)]
    for n in range(4):
        assert [name for name in found if name.startswith(f"p{n}-")] == [f"p{n}-{number}" for number in range(1500)]


def test_several_threads_and_logs_write_at_once(path: Path):
    shared = [CallLog(path), CallLog(path)]

    def work(n: int) -> None:
        for number in range(300):
            shared[n % 2].add(record(function=f"t{n}-{number}"))
            if number % 100 == 0:
                shared[n % 2].flush()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for log in shared:
        log.close()
    assert sorted(one["function"] for one in documents(path)) == sorted(f"t{n}-{number}" for n in range(6) for number in range(300))


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_killed_process_loses_the_last_moment_only(path: Path):
    code = WRITER + "\nimport time\nprint('added', flush=True)\nwhile True:\n    log.add(record(function='more')); time.sleep(0.0005)\n"
    for turn in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(path), "200", f"p{turn}"], env={**os.environ}, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"added\n"
        deadline = time.monotonic() + 30
        while not any(one["function"] == f"p{turn}-199" for one in documents(path)) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.03 * turn)
        process.send_signal(signal.SIGKILL)  # in the midst of writing
        process.wait()
        process.stdout.close()
        found = [one["function"] for one in documents(path)]
        assert [name for name in found if name.startswith(f"p{turn}-")] == [f"p{turn}-{number}" for number in range(200)]
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_process_writes_by_itself(path: Path):
    code = WRITER + """
import os
log.flush()
log.add(record(function="waiting"))
child = os.fork()
log.add(record(function="child" if child == 0 else "parent"))
log.close()
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    assert python(code, str(path), "3", "p") == ""
    assert sorted(one["function"] for one in documents(path)) == ["child", "p-0", "p-1", "p-2", "parent", "waiting"]


def test_a_log_without_calls_lets_its_thread_go(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(late_writer, "IDLE_S", 0.02)
    monkeypatch.setattr(logs, "PAUSE_S", 0.001)
    log = CallLog(path)
    for turn in range(3):
        log.add(record(function=f"f{turn}"))
        deadline = time.monotonic() + 20
        while log._thread is not None and time.monotonic() < deadline:
            time.sleep(0.005)
        assert log._thread is None
        assert len(documents(path)) == turn + 1
    log.close()


# --- files that are not as they should be ---


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


def test_a_row_has_what_its_document_says():
    row = dict(zip([name for name, _ in log_file.COLUMNS], row_of("r", record(error="no").to_dict(), "{}"), strict=True))
    assert row.pop("record")
    assert row == {
        "run": "r",
        "started": 1.0,
        "function": "f",
        "target": "remote",
        "model": "m",
        "answered_by": None,
        "failed": True,
        "latency_s": 0.5,
        "prompt_tokens": 10,
        "completion_tokens": 3,
        "cost_usd": 0.25,
    }


def test_versions_of_a_function_are_told_apart(path: Path):
    with Runtime(environ={}, log=path) as runtime:
        ask = '(defn ask ^:delegation :local-model "rules" ^{:rules [["x" "a"] [:else "b"]]} "What?" [text :string] :-> :string text)'
        for text in (ask, ask, ask.replace("What?", "Which?"), ask.replace('"b"', '"c"'), ask.replace('"rules"', '"echo"')):
            runtime.run(text + '(ask "x")')
        runtime.run('(ask "another question")')
    first, again, doc, rules, model, other = [one["function_hash"] for one in documents(path)]
    assert first == again == model == other  # who is asked, and what, does not make another function
    assert len({first, doc, rules}) == 3


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
