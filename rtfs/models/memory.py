"""How much memory this process can still have, and who gives some back when there is little.

What counts is the least of what the machine has and what the process's control group allows: in a container the machine's
figure means nothing.  Figures are those of Linux; elsewhere nobody knows, and nothing is given back by itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import threading
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger("rtfs.models")

#: Models are unloaded below this, or below a twentieth of the memory where that is less.
FLOOR_BYTES = 512 << 20
_FLOOR_SHARE = 0.05
#: How often that is looked at while models are loaded.
PERIOD_S = 2.0


def available_bytes(root: Path = Path("/")) -> int | None:
    """What can still be had without swapping; None where nobody says.

    Args:
        root: the folder under which `proc` and `sys` are.
    """
    machine = _meminfo(root).get("MemAvailable")
    group = _group_headroom(root)
    figures = [figure for figure in (machine, group) if figure is not None]
    return min(figures) if figures else None


def total_bytes(root: Path = Path("/")) -> int | None:
    """The memory of the machine, or what the control group allows of it; None where nobody says."""
    figures = [figure for figure in (_meminfo(root).get("MemTotal"), _group(root)[0]) if figure is not None]
    return min(figures) if figures else None


def floor_bytes(total: int | None) -> int:
    """The amount of available memory under which models are unloaded."""
    return FLOOR_BYTES if total is None else min(FLOOR_BYTES, round(total * _FLOOR_SHARE))


def _meminfo(root: Path) -> dict[str, int]:
    found = {}
    try:
        for line in (root / "proc" / "meminfo").read_text(encoding="ascii").splitlines():
            name, _, amount = line.partition(":")
            words = amount.split()
            if words and words[0].isdecimal():
                found[name] = int(words[0]) * 1024
    except (OSError, ValueError):
        pass
    return found


def _group(root: Path) -> tuple[int | None, int]:
    """(limit, used) of the control group, of version 2 or 1."""
    folder = root / "sys" / "fs" / "cgroup"
    for limit, used in (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")):
        try:
            text = (folder / limit).read_text(encoding="ascii").strip()
            if text.isdecimal() and int(text) < 1 << 60:  # version 1 writes a huge number for none
                return int(text), int((folder / used).read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
    return None, 0


def _group_headroom(root: Path) -> int | None:
    limit, used = _group(root)
    if limit is None:
        return None
    # cached pages of files count as used, but are given back when the group needs them
    cached = 0
    for name in ("memory.stat", "memory/memory.stat"):
        try:
            lines = (root / "sys" / "fs" / "cgroup" / name).read_text(encoding="ascii").splitlines()
        except (OSError, ValueError):
            continue
        cached = sum(int(line.split()[1]) for line in lines if line.startswith(("inactive_file ", "total_inactive_file ")))
        break
    return max(0, limit - used + cached)


def return_freed() -> None:
    """Give back to the system what the C library keeps of freed memory; nothing where it cannot."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


class PressureWatch:
    """A thread that has memory given back while there is less than the floor.

    Args:
        relieve: gives some back, first what is cheapest to have again; False when it has nothing more.
        available: bytes, or None when nobody knows; then nothing happens.
        floor: bytes; by default what `floor_bytes` says for this machine.
    """

    def __init__(
        self,
        relieve: Callable[[], bool],
        *,
        available: Callable[[], int | None] = available_bytes,
        floor: int | None = None,
        period_s: float = PERIOD_S,
    ) -> None:
        self._relieve = relieve
        self._available = available
        self._floor = floor
        self._period_s = period_s
        self._lock = threading.Lock()
        self._end: threading.Event | None = None

    @property
    def floor(self) -> int:
        if self._floor is None:
            self._floor = floor_bytes(total_bytes())
        return self._floor

    def start(self) -> None:
        """Watch, unless it does already."""
        with self._lock:
            if self._end is None:
                self._end = threading.Event()
                threading.Thread(target=self._run, args=(self._end,), name="rtfs-memory", daemon=True).start()

    def stop(self) -> None:
        with self._lock:
            if self._end is not None:
                self._end.set()
                self._end = None

    def look(self) -> int:
        """Have memory given back until there is enough of it, or nothing more to give; how often something was."""
        times = 0
        while True:
            available = self._available()
            if available is None or available >= self.floor or not self._relieve():
                return times
            times += 1

    def _run(self, end: threading.Event) -> None:
        while not end.wait(self._period_s):
            times = self.look()
            if times:
                log.info("memory was short: gave back %d contexts or models", times)
