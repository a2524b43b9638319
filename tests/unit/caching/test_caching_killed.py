"""`kill -9` while entries are written: what was committed is there, and nothing damaged is served (`benches.killed`).

Here a few rounds of few writes; RTFS_NIGHTLY=1 has all 50 of 10,000.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benches import killed
from tests.support.servers import Servers

NIGHTLY = os.environ.get("RTFS_NIGHTLY") == "1"
ROUNDS, WRITES, TIMES = (50, 10_000, 3) if NIGHTLY else (3, 700, 1)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no `kill -9`")


@pytest.mark.parametrize("name", killed.KINDS)
def test_no_committed_entry_is_lost_and_no_damaged_one_served(tmp_path: Path, name: str) -> None:
    (tmp_path / "servers").mkdir()
    (tmp_path / "rounds").mkdir()
    servers = Servers(tmp_path / "servers")
    try:
        address = servers.redis() if name == "behind-redis" else ""
        report = killed.run(
            name, rounds=ROUNDS, writes=WRITES, seed=20261120, folder=tmp_path / "rounds", address=address, times=TIMES
        )
    finally:
        servers.stop()
    print(f"\n{killed.HEAD}\n{report.line()}")
    assert report.problems == []
    assert [one for one in report.rounds if one.lost or one.wrong] == []
    assert len(report.rounds) == ROUNDS
    parts = sorted(one.part for one in report.rounds)
    assert all(i / ROUNDS <= part <= (i + 1) / ROUNDS for i, part in enumerate(parts)), "drawn from the whole duration"
    assert sum(one.committed for one in report.rounds) > WRITES // 10


def test_what_is_lost_would_be_seen(tmp_path: Path) -> None:
    report = killed.run(killed.HASTY, rounds=4, writes=3_000, seed=1, folder=tmp_path, times=1)
    assert sum(len(one.lost) for one in report.rounds) > 0
    assert sum(len(one.wrong) for one in report.rounds) == 0
    assert report.problems == []
