"""How many threads compute for a call: as many as have a core to themselves now.

Threads of llama.cpp wait for each other after every operation, some 600 times a piece of a prompt.  Left to itself a waiting
thread spins until the other comes: 12 to 50 times slower when the other has no core, because other programs compute.  One that
sleeps at once is woken 600 times, which costs 50 ms a piece, as much as one core takes for 20 tokens.  So it spins for some ten
microseconds and then sleeps; and where no core is free, one thread reads alone.

Measured with SmolLM2-135M (Q8_0, 2 cores; ms for a piece of 2, 10 and 64 tokens): one thread 21, 40, 133; two that sleep 57, 65,
104; two that spin for a while 14, 25, 71, but beside a busy program 93 for 10 tokens.  Tokens are written one by one, and that is
mostly waiting for memory: a second thread saves nothing with 145 MB of weights, a fifth of the time with 290 MB, a third with 1 GB.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

#: Rounds of libgomp's waiting loop before a thread sleeps.
_SPINS = "1000"
#: Two were measured, on two cores. That more go on helping up to here is expected, and was not measured.
MOST_THREADS = 4
#: From so many tokens on two threads pay that sleep at once.
_TOKENS_FOR_SLEEPERS = 32
#: From so many bytes of weights on a second thread pays for a single token.
_LARGE_BYTES = 200_000_000

#: Where Linux says how many threads compute at the moment.
LOAD_FILE = "/proc/loadavg"

_ASLEEP, _AWHILE, _FOR_EVER = "asleep", "awhile", "for ever"


def wait_politely(environ: MutableMapping[str, str]) -> None:
    """Set how threads wait, for an OpenMP that is loaded later with this environment; what the user has set stays."""
    if "OMP_WAIT_POLICY" not in environ:
        environ["OMP_WAIT_POLICY"] = "passive"
        environ.setdefault("GOMP_SPINCOUNT", _SPINS)  # of GNU's; others sleep at once


def waiting(environ: MutableMapping[str, str]) -> str:
    """How threads wait that were loaded with this environment: `asleep`, `awhile`, or `for ever`."""
    if environ.get("OMP_WAIT_POLICY", "").lower() != "passive":
        return _FOR_EVER
    spins = environ.get("GOMP_SPINCOUNT", "0")
    if spins == "0":
        return _ASLEEP
    return _AWHILE if spins.isdecimal() and int(spins) <= 10 * int(_SPINS) else _FOR_EVER


def threads_now(tokens: int, weights_bytes: int, wait: str, callers: int) -> int:
    """How many threads are to compute a piece of a prompt, or a single token.

    Args:
        weights_bytes: what there is of weights in the machine's memory.
        wait: how threads wait.
        callers: calls that compute at the moment, this one among them; each has a core for itself.
    """
    if wait == _FOR_EVER or (wait == _ASLEEP and tokens < _TOKENS_FOR_SLEEPERS) or (tokens == 1 and weights_bytes < _LARGE_BYTES):
        return 1
    return max(1, min(MOST_THREADS, _cores() - callers + 1, _free_cores()))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _free_cores() -> int:
    """Cores of the machine that nobody uses at this moment, the caller's own among them; all where nobody tells. Takes 8 µs."""
    cores = os.cpu_count() or 1
    try:
        with open(LOAD_FILE, "rb", buffering=0) as file:
            running = int(file.read(64).split()[3].partition(b"/")[0])
    except (OSError, ValueError, IndexError):
        return cores
    return cores - max(0, running - 1)
