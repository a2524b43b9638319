"""The log of calls, of several threads, logs and processes: nothing is lost on any way out, and forks are survived."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rtfs import late_writer
from rtfs.delegation import log as logs
from rtfs.delegation.log import CallLog
from tests.support.call_log import documents, python, record

ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "calls.sqlite"


WRITER = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from rtfs.delegation.log import CallLog
from tests.support.call_log import record
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
