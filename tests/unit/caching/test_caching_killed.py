"""`kill -9` while entries are written: what was committed is there, and nothing damaged is served."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rtfs.caching.stores.sqlite import SQLiteStore

NIGHTLY = os.environ.get("RTFS_NIGHTLY") == "1"
ROOT = Path(__file__).parents[3]
WRITES = 10_000
ROUNDS = 50 if NIGHTLY else 3
#: Writes entries one by one, and says of each on a pipe that it is committed.
WRITER = """
import os, sys
from rtfs.caching.stores.sqlite import SQLiteStore
path, first = sys.argv[1], int(sys.argv[2])
store = SQLiteStore(path, max_entries=10**9, max_bytes=10**12)
out = sys.stdout.fileno()
for number in range(first, first + int(sys.argv[3])):
    key = number.to_bytes(32, "big")
    store.put("a", key, value := (b"%d " % number) * (1 + number % 40), tags=("t%d" % (number % 7),))
    os.write(out, b"%d\\n" % number)
"""


def value_of(number: int) -> bytes:
    return (b"%d " % number) * (1 + number % 40)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no `kill -9`")
def test_no_committed_entry_is_lost_and_no_damaged_one_served(tmp_path: Path) -> None:
    path = str(tmp_path / "cache.sqlite")
    rng = random.Random(20261120)
    committed: list[int] = []
    for round_ in range(ROUNDS):
        first = round_ * WRITES
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, path, str(first), str(WRITES)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert process.stdout is not None
        said = process.stdout.readline()  # it has begun
        time.sleep(rng.random() * 0.4)
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read()
        process.wait(30)
        process.stdout.close()
        lines = (said + rest).split(b"\n")
        committed += [int(line) for line in lines[:-1]]  # what follows the last line break was cut off
        store = SQLiteStore(path, max_entries=10**9, max_bytes=10**12)
        for number in committed[-2_000:] if not NIGHTLY else committed:
            assert store.get("a", number.to_bytes(32, "big")) == value_of(number), f"{number} of round {round_}"
        store.close()
    store = SQLiteStore(path, max_entries=10**9, max_bytes=10**12)
    whole, problems = store.verify()
    assert problems == []
    assert whole == store.stats("a").entries >= len(committed), "one that was not announced may be there"
    assert whole <= len(committed) + ROUNDS
    for number in committed:
        assert store.get("a", number.to_bytes(32, "big")) == value_of(number)
    assert sum(1 for _ in store.known("a", tag="t3")) == sum(1 for key, _ in store.items("a") if int.from_bytes(key, "big") % 7 == 3)
    assert len(committed) > ROUNDS * 50, "the rounds were killed before they wrote anything worth the name"
    store.close()
