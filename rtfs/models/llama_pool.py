"""The contexts over a model file: one set of weights per file and process, and each context used by one thread at a time.

Two threads in one context would abort Python, so a pool lends each context to one call; a further context costs 47 MB with a
model of 135 million parameters, and none of its weights.  What nobody uses is freed when memory gets short, first contexts and then
weights, and comes back with the next call.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rtfs.errors import DelegationError
from rtfs.models.llama_library import how_threads_wait
from rtfs.models.llama_limits import CallLimit
from rtfs.models.llama_session import Session
from rtfs.models.llama_threads import threads_now
from rtfs.models.llama_weights import Loading, Weights, load
from rtfs.models.memory import PressureWatch, return_freed


class Pool:
    """The contexts over one model file. Safe to use from several threads.

    Args:
        loading: how the file is loaded; `contexts` is the size of the pool.
    """

    def __init__(self, path: Path, loading: Loading) -> None:
        self.path = path
        self.loading = loading
        self.size = loading.contexts
        self.last_used = time.monotonic()
        self._weights: Weights | None = None
        self._loading_lock = threading.Lock()
        self._leases = 0
        """Calls in progress, with those that wait for a context; the weights stay while there is one."""
        self._idle: list[Session] = []
        self._busy = 0
        self._closed = False
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def lease(self) -> Iterator[Weights]:
        """The weights, for the time of one call; they are loaded when they are not there.

        Raises:
            DelegationError: they cannot be loaded, or the pool is closed.
        """
        with self._changed:
            self._check_open()
            self._leases += 1
        try:
            with self._loading_lock:  # one thread loads, the others wait for it
                if self._weights is None:
                    self._weights = load(self.path, self.loading)
            yield self._weights
        finally:
            with self._changed:
                self._leases -= 1
                self.last_used = time.monotonic()
                self._changed.notify_all()

    @contextlib.contextmanager
    def session(self, weights: Weights, tokens: Sequence[int], limit: CallLimit) -> Iterator[Session]:
        """A context for this thread alone, within a lease; of the idle ones, the one that has read most of `tokens` already.

        Raises:
            DelegationError: none became free in time; Stopped: the call was given up.
        """
        with self._changed:
            if self._busy >= self.size:
                self._wait(limit)
            self._check_open()
            self._busy += 1
            session = max(self._idle, key=lambda s: common(s.prompt, tokens), default=None)
            if session is not None:
                self._idle.remove(session)
        try:
            if session is None:
                session = Session(weights, lambda tokens: self._threads(weights, tokens))
            session.begin(limit)
            with limit.watched():
                yield session
        finally:
            with self._changed:
                self._busy -= 1
                if session is not None:
                    self._idle.append(session)
                self._changed.notify_all()

    def _threads(self, weights: Weights, tokens: int) -> int:
        """How many threads compute so many tokens now; a pool of one context is to leave the other cores alone."""
        return threads_now(tokens, weights.cpu_bytes, how_threads_wait(), self._busy) if self.size > 1 else 1

    def _wait(self, limit: CallLimit) -> None:
        def wake() -> None:
            with self._changed:
                self._changed.notify_all()

        with limit.telling(wake):
            while self._busy >= self.size and not self._closed:
                limit.check()
                self._changed.wait(limit.remaining_s)

    def _check_open(self) -> None:
        if self._closed:
            raise DelegationError("the local model has been closed", kind="model-unavailable")

    # --- giving back ---

    def shed_contexts(self) -> bool:
        """Free the contexts that nobody uses; whether there were any."""
        with self._changed:  # until they are gone: the weights must not go first, in another thread
            idle, self._idle = self._idle, []
            for session in idle:
                session.close()
        return bool(idle)

    def unload(self) -> bool:
        """Free weights and contexts, unless a call is in progress; whether there were any."""
        with self._changed:
            if self._leases or self._weights is None:
                return False
            self._free()
            return True

    def _free(self) -> None:
        for session in self._idle:
            session.close()
        self._idle.clear()
        if self._weights is not None:
            self._weights.close()
            self._weights = None

    def close(self) -> None:
        """Free everything, once the calls in progress are done; those that wait for a context fail."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            while self._leases:
                self._changed.wait()
            self._free()


def common(a: Sequence[int], b: Sequence[int]) -> int:
    """How many items two sequences have in common at their beginnings."""
    count = 0
    for x, y in zip(a, b):
        if x != y:
            break
        count += 1
    return count


# --- one pool per file and process -----------------------------------------------------------

_pools: dict[Path, tuple[Pool, int]] = {}
_opening: dict[Path, threading.Lock] = {}
_pools_lock = threading.Lock()


def open_pool(path: Path, loading: Loading) -> Pool:
    """The process's pool for a model file, loaded if it is the first use; to be given back with `release_pool`.

    Of two users with other wishes, the first one's hold, except that the pool grows to the larger size.

    Raises:
        DelegationError: the file cannot be loaded.
    """
    path = path.resolve()
    with _pools_lock:
        lock = _opening.setdefault(path, threading.Lock())
    with lock:  # other files are not held up
        with _pools_lock:
            if path in _pools:
                pool, users = _pools[path]
                _pools[path] = (pool, users + 1)
                pool.size = max(pool.size, loading.contexts)
                return pool
        pool = Pool(path, loading)
        with pool.lease():
            pass
        with _pools_lock:
            _pools[path] = (pool, 1)
            _watch.start()
        return pool


def release_pool(pool: Pool) -> None:
    """Give a pool back; the last user's call frees the memory."""
    with _pools_lock:
        found, users = _pools.get(pool.path, (None, 0))
        if found is not pool:
            return
        if users > 1:
            _pools[pool.path] = (pool, users - 1)
            return
        del _pools[pool.path]
        if not _pools:
            _watch.stop()
    pool.close()


def relieve() -> bool:
    """Give some memory back: idle contexts of all pools, else the weights of the idle pool that was used longest ago.

    Returns:
        Whether anything was given back.
    """
    with _pools_lock:
        pools = sorted((pool for pool, _ in _pools.values()), key=lambda pool: pool.last_used)
    shed = [pool.shed_contexts() for pool in pools]
    gave = any(shed) or any(pool.unload() for pool in pools)
    if gave:
        return_freed()
    return gave


_watch = PressureWatch(relieve)
