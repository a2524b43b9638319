"""Memory figures from a made-up system, and what happens when there is little."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from rtfs.models.memory import FLOOR_BYTES, PressureWatch, available_bytes, floor_bytes, total_bytes

MB = 1 << 20


def system(root: Path, *, available: int | None = None, total: int = 16_000, files: dict[str, str] | None = None) -> Path:
    (root / "proc").mkdir()
    if available is not None:
        text = f"MemTotal: {total * 1024} kB\nMemFree: 1 kB\nMemAvailable: {available * 1024} kB\nHugePages_Total: 0\n"
        (root / "proc" / "meminfo").write_text(text)
    for name, text in (files or {}).items():
        path = root / "sys" / "fs" / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_machine_decides_where_no_group_does(tmp_path):
    root = system(tmp_path, available=5000, files={"memory.max": "max\n", "memory.current": "1\n"})
    assert available_bytes(root) == 5000 * MB
    assert total_bytes(root) == 16_000 * MB


def test_the_limit_of_a_container_counts_and_its_cached_files_do_not(tmp_path):
    files = {"memory.max": f"{2000 * MB}\n", "memory.current": f"{1800 * MB}\n", "memory.stat": f"anon 5\ninactive_file {300 * MB}\n"}
    root = system(tmp_path, available=5000, files=files)
    assert available_bytes(root) == 500 * MB
    assert total_bytes(root) == 2000 * MB


def test_version_one_of_groups(tmp_path):
    files = {"memory/memory.limit_in_bytes": f"{900 * MB}\n", "memory/memory.usage_in_bytes": f"{1000 * MB}\n"}
    assert available_bytes(system(tmp_path, available=5000, files=files)) == 0
    no_limit = {"memory/memory.limit_in_bytes": "9223372036854771712\n", "memory/memory.usage_in_bytes": "1\n"}
    other = tmp_path / "other"
    other.mkdir()
    assert available_bytes(system(other, available=7, files=no_limit)) == 7 * MB


@pytest.mark.parametrize("text", [None, "", "MemAvailable: many kB\n", "MemAvailable\n"])
def test_where_nobody_says_nobody_knows(tmp_path, text):
    root = system(tmp_path)
    if text is not None:
        (root / "proc" / "meminfo").write_text(text)
    assert available_bytes(root) is None
    assert total_bytes(root) is None


def test_the_floor_is_lower_on_a_small_machine():
    assert floor_bytes(None) == FLOOR_BYTES
    assert floor_bytes(64_000 * MB) == FLOOR_BYTES
    assert floor_bytes(1000 * MB) == 50 * MB


def test_memory_is_given_back_until_there_is_enough():
    have = [100]

    def relieve() -> bool:
        have[0] += 150
        return True

    watch = PressureWatch(relieve, available=lambda: have[0], floor=500)
    assert watch.look() == 3
    assert have == [550]
    assert watch.look() == 0


def test_it_stops_when_there_is_nothing_more_to_give():
    left = [True, True, False]
    watch = PressureWatch(lambda: left.pop(0), available=lambda: 0, floor=500)
    assert watch.look() == 2
    assert left == []
    assert PressureWatch(lambda: True, available=lambda: None, floor=500).look() == 0


def test_a_thread_looks_and_ends():
    looked = threading.Event()

    def relieve() -> bool:
        looked.set()
        return False

    watch = PressureWatch(relieve, available=lambda: 0, floor=1, period_s=0.01)
    watch.start()
    watch.start()
    assert looked.wait(5)
    watch.stop()
    watch.stop()
    looked.clear()
    named = [t for t in threading.enumerate() if t.name == "rtfs-memory"]
    for thread in named:
        thread.join(5)
    assert not any(thread.is_alive() for thread in named)
