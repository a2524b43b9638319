"""The command as a process of its own: streams, signals, start-up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

RTFS = [sys.executable, "-m", "rtfs"]

#: What no start of `rtfs eval` may import: each costs milliseconds.
HEAVY = {"dataclasses", "inspect", "json", "pathlib", "shutil", "subprocess", "asyncio", "pydantic", "lark", "logging", "tempfile"}


def rtfs(*argv, **settings):
    return subprocess.run([*RTFS, *argv], capture_output=True, text=True, timeout=60, check=False, **settings)


def test_eval_as_a_process():
    done = rtfs("eval", '(do (println "hi") (+ 1 2))', env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "hi\n3\n", "")


def test_start_up_imports_nothing_heavy():
    code = "import sys; from rtfs.cli.main import main; main(['eval', '1']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import sys; sys.path.insert(0, '.');" + code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"
    assert HEAVY.isdisjoint(done.stderr.split())


def test_output_that_cannot_be_encoded_is_escaped():
    done = rtfs("eval", r'(do (println "é\ud800") "é")', env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stdout) == (0, '\\xe9\\ud800\n"\\xe9"\n')


def test_a_reader_that_leaves_early_is_no_error():
    program = "(doseq [i (range 0 200000)] (println i))"
    process = subprocess.Popen([*RTFS, "eval", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"0\n"
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(timeout=30) == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_reported():
    with open("/dev/full", "w") as full:
        done = subprocess.run([*RTFS, "eval", "1"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("rtfs: cannot write the output")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_a_run():
    process = subprocess.Popen(
        [*RTFS, "eval", '(do (println "go") (loop [i 0] (recur i)))'],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"go\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"rtfs: interrupted\n")


def test_a_piped_repl():
    done = rtfs("repl", input="(def x 2)\n(defn f [y]\n\n  (* x y))\n(f 21)\n")
    assert (done.returncode, done.stdout) == (0, "2\n#<fn f>\n42\n")
    assert rtfs("repl", input="(nope)\n(+ 1").returncode == 1
