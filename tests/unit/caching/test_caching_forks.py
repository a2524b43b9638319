"""A process that is forked while another thread is in the midst of something uses caches like any other."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import rtfs
from rtfs.caching.manager import CacheManager
from rtfs.caching.opening import open_caches
from rtfs.caching.replies import ReplyCache
from rtfs.caching.single_flight import SingleFlight
from rtfs.caching.stores.guarded import GuardedStore
from rtfs.caching.stores.memory import MemoryStore
from rtfs.caching.stores.sqlite import SQLiteStore
from rtfs.late_writer import LateWriter

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
KEY = b"k" * 32
PATIENCE_S = 20.0


def in_a_child(work: Callable[[], bool]) -> bool:
    """Whether `work()` is true in a forked process, which ends in time."""
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(PATIENCE_S / 2, exit=True)
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(2)
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    pytest.fail("the forked process hangs")


@contextmanager
def held(*locks: Any) -> Iterator[None]:
    """Locks that another thread has meanwhile."""
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        for lock in locks:
            lock.acquire()
        taken.set()
        done.wait(PATIENCE_S)
        for lock in locks:
            lock.release()

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    assert taken.wait(PATIENCE_S)
    try:
        yield
    finally:
        done.set()
        thread.join(PATIENCE_S)


def uses(store: Any) -> bool:
    return store.get("a", KEY) == b"parent" and store.put("a", b"c" * 32, b"child") and store.get("a", b"c" * 32) == b"child"


@pytest.mark.parametrize("kind", ["memory", "sqlite", "guarded"])
def test_a_store_that_another_thread_was_using(kind: str, tmp_path: Path) -> None:
    inner: Any = MemoryStore() if kind == "memory" else SQLiteStore(str(tmp_path / "cache.sqlite"))
    store = GuardedStore(inner) if kind == "guarded" else inner
    store.put("a", KEY, b"parent")
    locks = [inner._lock] if kind == "memory" else [inner._lock, inner._db._lock]
    with held(*locks, *([store._lock] if store is not inner else [])):
        assert in_a_child(lambda: uses(store))
    assert store.put("a", KEY, b"still writing")
    store.close()


def test_a_question_that_another_thread_was_asking() -> None:
    flights: SingleFlight[str] = SingleFlight()
    begun, answered = threading.Event(), threading.Event()

    def ask() -> str:
        begun.set()
        answered.wait(PATIENCE_S)
        return "parent"

    thread = threading.Thread(target=lambda: flights.run("key", ask), daemon=True)
    thread.start()
    assert begun.wait(PATIENCE_S)
    with held(flights._lock):
        assert in_a_child(lambda: flights.run("key", lambda: "child", timeout_s=5) == ("child", True))
    assert flights.under_way("key") == 1, "here nothing has changed"
    answered.set()
    thread.join(PATIENCE_S)


def test_a_runtime_with_caches_in_the_midst_of_calls(tmp_path: Path) -> None:
    """Forked again and again while threads put and get; nothing that is held then is waited for."""
    caches = open_caches(str(tmp_path))
    assert isinstance(caches, CacheManager)
    assert isinstance(caches.replies, ReplyCache)
    program = '(defn say ^:delegation :remote "echo" "?" [text :string] :-> :string text)'
    done, asked = threading.Event(), threading.Semaphore(0)

    def calls(number: int) -> None:
        with rtfs.Runtime(caches=caches, environ={}, on_warning=lambda message, span: None) as runtime:
            runtime.run(program)
            for turn in range(100_000):
                runtime.run(f'(say "{number} {turn % 50}")')
                asked.release()
                if done.is_set():
                    return

    threads = [threading.Thread(target=calls, args=(number,), daemon=True) for number in range(3)]
    for thread in threads:
        thread.start()

    def child() -> bool:
        with rtfs.Runtime(caches=caches, environ={}, on_warning=lambda message, span: None) as runtime:
            runtime.run(program)
            return isinstance(runtime.run('(say "child")'), str)

    try:
        for _ in range(60):  # past the time in which modules are imported: what is half imported at a fork, Python waits for
            assert asked.acquire(timeout=PATIENCE_S)
        for _ in range(15):
            time.sleep(0.02)
            assert in_a_child(child)
    finally:
        done.set()
        for thread in threads:
            thread.join(PATIENCE_S)
        caches.close()


class Interrupted(LateWriter):
    """Ctrl+C comes while it is being written for a fork."""

    def _before_fork(self) -> None:
        raise KeyboardInterrupt


def test_a_fork_that_was_interrupted_hinders_no_later_one() -> None:
    def forks() -> bool:
        sys.unraisablehook = lambda _: None  # what interrupts a fork is only printed
        writers = [Interrupted("test", 0.01) for _ in range(3)]
        statuses = []
        for _ in range(2):
            child = os.fork()
            if child == 0:
                os._exit(0 if all(writer._writing.acquire(blocking=False) for writer in writers) else 1)
            statuses.append(os.waitpid(child, 0)[1])
        return statuses == [0, 0]

    assert in_a_child(forks)
