"""How much memory this process takes, as far as the operating system can say quickly.

Counting what a program allocates would cost more than the program: every vector, string and frame, and every one that is let go.
So the limit of memory is one of growth: resident bytes now, less the fewest in this run so far.  Memory that the process had
already, and does not use, costs a run nothing; what other threads take meanwhile counts too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from rtfs.errors import ConfigError

#: (process, file descriptor): open from the first look on, because to open it takes longer than to read it; a child opens its own.
_statm: tuple[int, int] = (-1, -1)


def resident_reader() -> Callable[[], int]:
    """A function that gives the resident bytes of this process, in a microsecond or two.

    On Linux from `/proc/self/statm`.  Elsewhere there is only the highest value so far, `ru_maxrss`: growth below an earlier peak
    of the process is not seen.

    Raises:
        ConfigError: the platform has neither.
    """
    if os.path.exists("/proc/self/statm"):
        return _resident
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:
        raise ConfigError("the memory of a run cannot be limited on this platform", hint="leave out max_memory_bytes") from None
    unit = 1 if sys.platform == "darwin" else 1024
    return lambda: getrusage(RUSAGE_SELF).ru_maxrss * unit


def _resident() -> int:
    global _statm
    process, file = _statm
    if process != os.getpid():
        file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        _statm = (os.getpid(), file)
    return int(os.pread(file, 100, 0).split(None, 2)[1]) * _PAGE


_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
