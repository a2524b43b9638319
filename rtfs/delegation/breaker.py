"""Circuit breakers: a provider that fails again and again is left alone for a while.

closed ──too many failures in a row──▶ open ──after a pause──▶ half open ──one call succeeds──▶ closed, or fails ──▶ open

Source: M. Nygard, "Release It!", the pattern of that name.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class _State:
    failures: int = 0
    opened_at: float | None = None
    trying: bool = False


class Breakers:
    """One breaker for each target. Safe to use from several threads.

    Args:
        threshold: failures in a row after which a target is left alone.
        pause_s: seconds until one call may try again.
        clock: seconds, monotonic.
    """

    def __init__(self, *, threshold: int = 5, pause_s: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.threshold = threshold
        self.pause_s = pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._states: dict[str, _State] = {}

    def allows(self, target: str) -> bool:
        """Whether a call may be made now; of those that wait for an open breaker, one may after the pause."""
        with self._lock:
            state = self._states.get(target)
            if state is None or state.opened_at is None:
                return True
            if state.trying or self._clock() - state.opened_at < self.pause_s:
                return False
            state.trying = True
            return True

    def is_open(self, target: str) -> bool:
        """Whether it is left alone now, and nobody tries again: for who was allowed, and has waited since."""
        with self._lock:
            state = self._states.get(target)
            return state is not None and state.opened_at is not None and not state.trying

    def is_shaken(self, target: str) -> bool:
        """Whether the last call failed: the next one does not wait through all retries."""
        with self._lock:
            state = self._states.get(target)
            return state is not None and state.failures > 0

    def succeeded(self, target: str) -> None:
        with self._lock:
            self._states.pop(target, None)

    def failed(self, target: str) -> None:
        with self._lock:
            state = self._states.setdefault(target, _State())
            state.failures += 1
            if state.trying or state.failures >= self.threshold:
                state.opened_at = self._clock()
                state.trying = False

    def ignored(self, target: str) -> None:
        """A call ended for a reason that says nothing about the target."""
        with self._lock:
            state = self._states.get(target)
            if state is not None:
                state.trying = False

    def states(self) -> dict[str, str]:
        """target -> `closed`, `open` or `half open`, of those that failed lately."""
        with self._lock:
            now = self._clock()
            return {name: _word(state, now, self.pause_s) for name, state in sorted(self._states.items())}


def _word(state: _State, now: float, pause_s: float) -> str:
    if state.opened_at is None:
        return "closed"
    return "half open" if state.trying or now - state.opened_at >= pause_s else "open"
