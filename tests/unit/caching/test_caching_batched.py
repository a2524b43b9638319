"""The store that writes a moment later: nothing is lost on any way out, what waits is answered, and what is removed stays so."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from rtfs.caching.layer import CacheConfig
from rtfs.caching.opening import layer_store
from rtfs.caching.stores.batched import MOST_WAITING, MOST_WAITING_BYTES, BatchedStore
from rtfs.caching.stores.guarded import GuardedStore
from rtfs.caching.stores.memory import MemoryStore
from rtfs.caching.stores.protocol import Entry, StoreUnavailable
from rtfs.caching.stores.sqlite import SQLiteStore

ROOT = Path(__file__).parents[3]
KEYS = [number.to_bytes(32, "big") for number in range(5_000)]
#: Longer than any test: only what writes by itself does.
NEVER_S = 1_000.0


def batched(path: Path, *, pause_s: float = NEVER_S, max_entries: int = 100_000, notice: Any = lambda text: None) -> BatchedStore:
    inner = SQLiteStore(str(path), max_entries=max_entries)
    return BatchedStore(GuardedStore(inner, notice=notice), max_entries=max_entries, max_bytes=2**28, pause_s=pause_s)


def written(path: Path) -> dict[bytes, bytes]:
    """What others see."""
    store = SQLiteStore(str(path))
    found = dict(store.items("a"))
    store.close()
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "replies.sqlite"


def test_what_waits_is_answered_and_not_yet_written(path: Path) -> None:
    store = batched(path)
    assert store.put("a", KEYS[0], b"x")
    assert store.put("a", KEYS[0], b"y", tags=("t",))
    assert store.get("a", KEYS[0]) == b"y"
    assert store.get("b", KEYS[0]) is None
    assert written(path) == {}
    store.flush()
    assert written(path) == {KEYS[0]: b"y"}
    assert store.get("a", KEYS[0]) == b"y"
    store.close()


@pytest.mark.parametrize("ask", ["known", "items", "stats", "namespaces", "entry"])
def test_what_is_asked_about_many_has_what_waits(path: Path, ask: str) -> None:
    store = batched(path)
    store.put("a", KEYS[0], b"x", tags=("t",))
    found: dict[str, Any] = {
        "known": lambda: [(one.key, one.tags) for one in store.known("a", tag="t")] == [(KEYS[0], ("t",))],
        "items": lambda: list(store.items("a", tag="t")) == [(KEYS[0], b"x")],
        "stats": lambda: (store.stats("a").entries, store.stats().size_bytes) == (1, 1),
        "namespaces": lambda: store.namespaces() == ["a"],
        "entry": lambda: store.entry("a", KEYS[0]) == Entry(KEYS[0], b"x", None, ("t",)),
    }
    assert found[ask]()
    store.close()


def test_closing_writes_everything_and_what_comes_later_is_written_at_once(path: Path) -> None:
    store = batched(path)
    for key in KEYS[:500]:
        store.put("a", key, key)
    store.close()
    store.close()
    assert written(path) == {key: key for key in KEYS[:500]}


def test_the_thread_writes_a_moment_later_and_goes(path: Path) -> None:
    store = batched(path, pause_s=0.01)
    store.put("a", KEYS[0], b"x")
    until = time.monotonic() + 20
    while written(path) != {KEYS[0]: b"x"}:
        assert time.monotonic() < until
        time.sleep(0.01)
    thread = store._thread
    assert thread is not None
    store.close()
    thread.join(20)
    assert not thread.is_alive()


def test_what_is_removed_while_it_waits_does_not_come_back(path: Path) -> None:
    store = batched(path)
    store.put("a", KEYS[0], b"x")
    assert store.delete("a", KEYS[0]) is True
    assert store.delete("a", KEYS[0]) is False
    assert store.get("a", KEYS[0]) is None
    store.put("a", KEYS[1], b"x")
    store.put("b", KEYS[2], b"x")
    assert store.clear("a") == 1
    assert (store.get("a", KEYS[1]), store.get("b", KEYS[2])) == (None, b"x")
    store.flush()
    assert written(path) == {}
    assert store.clear() == 1
    store.close()


def test_what_is_removed_while_it_is_being_written_does_not_come_back(path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(SQLiteStore):
        def put_many(self, namespace: str, entries: Any) -> int:
            begun.set()
            assert go_on.wait(20)
            return super().put_many(namespace, entries)

    store = BatchedStore(GuardedStore(Slow(str(path))), max_entries=10_000, max_bytes=2**28, pause_s=NEVER_S)
    store.put("a", KEYS[0], b"old")
    writer = threading.Thread(target=store.flush)
    writer.start()
    assert begun.wait(20)
    assert store.get("a", KEYS[0]) == b"old", "it is answered on its way, too"
    remover = threading.Thread(target=store.delete, args=("a", KEYS[0]))
    remover.start()
    time.sleep(0.05)
    go_on.set()
    writer.join(20)
    remover.join(20)
    assert store.get("a", KEYS[0]) is None
    store.close()
    assert written(path) == {}


def test_what_waits_is_bounded(path: Path) -> None:
    store = batched(path)
    for number, key in enumerate(KEYS[: MOST_WAITING + 1]):
        assert len(store._waiting) == number
        store.put("a", key, b"x")
    assert len(store._waiting) == 0
    assert len(written(path)) == MOST_WAITING + 1
    store.put("a", KEYS[0], b"x" * (MOST_WAITING_BYTES + 1))
    assert len(written(path)[KEYS[0]]) == MOST_WAITING_BYTES + 1
    store.close()


def test_a_small_store_keeps_its_bound_and_a_late_entry_its_place(path: Path) -> None:
    store = batched(path, max_entries=10)
    for key in KEYS[:100]:
        store.put("a", key, key)
        assert store.stats().entries <= 10
        assert store.get("a", key) == key
    assert sum(store.get("a", key) is not None for key in KEYS[:100]) <= 10
    store.close()


def test_time_goes_by_while_an_entry_waits(path: Path) -> None:
    now = [1_000.0]
    inner = SQLiteStore(str(path), clock=lambda: now[0])
    store = BatchedStore(GuardedStore(inner), max_entries=1_000, max_bytes=2**28, ttl_s=10, pause_s=NEVER_S, clock=lambda: now[0])
    store.put("a", KEYS[0], b"x")
    store.put("a", KEYS[1], b"x", ttl_s=100)
    store.put("a", KEYS[2], b"x", ttl_s=2)
    now[0] += 4
    assert [store.get("a", key) for key in KEYS[:3]] == [b"x", b"x", None]
    store.flush()
    left = {known.key: known.expires for known in store.known("a")}
    assert left == {KEYS[0]: 1_010.0, KEYS[1]: 1_100.0}
    store.close()


def test_reading_what_waits_counts_as_a_use(path: Path) -> None:
    store = batched(path)
    store.put("a", KEYS[0], b"x")
    for _ in range(3):
        store.get("a", KEYS[0])
    assert [known.uses for known in store.known("a")] == [3]
    store.close()


def test_a_store_that_cannot_be_written_costs_one_line_and_no_call(path: Path) -> None:
    told: list[str] = []
    store = batched(path, notice=told.append)
    inner: Any = store.inner.inner

    def fails(namespace: str, entries: Any) -> int:
        raise StoreUnavailable("the disk is full")

    inner.put_many = fails
    for key in KEYS[:50]:
        store.put("a", key, b"x")
    store.flush()
    assert store.put("a", KEYS[60], b"x") is False, "while it is out, a put says that nothing is kept"
    assert [store.get("a", key) for key in (KEYS[0], KEYS[60])] == [None, None]
    assert len(told) == 1
    assert "the disk is full" in told[0]
    del inner.put_many
    store.inner._until = 0.0
    assert store.put("a", KEYS[61], b"x")
    store.close()
    assert written(path) == {KEYS[61]: b"x"}


def test_what_is_interrupted_is_written_later(path: Path) -> None:
    store = batched(path)
    inner: Any = store.inner.inner

    def interrupted(namespace: str, entries: Any) -> int:
        raise KeyboardInterrupt

    inner.put_many = interrupted
    store.put("a", KEYS[0], b"x")
    with pytest.raises(KeyboardInterrupt):
        store.flush()
    del inner.put_many
    assert store.get("a", KEYS[0]) == b"x"
    store.close()
    assert written(path) == {KEYS[0]: b"x"}


def test_threads_put_read_and_remove_at_once(path: Path) -> None:
    store = batched(path, pause_s=0.001)
    wrong: list[object] = []

    def work(number: int) -> None:
        for turn in range(150):
            key, value = bytes([number, turn]) * 16, b"%d %d" % (number, turn)
            store.put("a", key, value, tags=("t",))
            if turn % 3 == 0:
                store.delete("a", key)
            if turn % 50 == 0:
                store.flush()
            if store.get("a", key) != (None if turn % 3 == 0 else value):
                wrong.append((number, turn))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert store.stats("a").entries == 600
    store.close()
    assert len(written(path)) == 600


def test_what_is_made_later_is_made_once_and_has_its_tags(path: Path) -> None:
    store = batched(path)
    made: list[int] = []

    def make() -> tuple[bytes, tuple[str, ...]]:
        made.append(1)
        return b"x", ("t",)

    assert store.put_later("a", KEYS[0], make, 1)
    assert made == []
    assert store.get("a", KEYS[0]) == b"x"
    store.flush()
    assert (list(store.items("a", tag="t")), made) == ([(KEYS[0], b"x")], [1])
    assert store.put_later("a", KEYS[1], lambda: None, 1)
    assert store.get("a", KEYS[1]) is None
    store.flush()
    assert list(written(path)) == [KEYS[0]], "what has no form is not kept"
    store.close()
    assert store.put_later("a", KEYS[2], make, 1)
    assert len(written(path)) == 2


def test_a_program_uses_what_waits_and_the_next_one_what_was_written(tmp_path: Path) -> None:
    from rtfs.runtime import Runtime

    program = """
    (defn mood ^:delegation :remote "echo" "Its mood." [text :string] :-> string "calm")
    (defn moods [from n] (loop [i from] (if (< i n) (do (mood (str "text " i " ä")) (recur (inc i))) i)))
    """

    def run(calls: int) -> tuple[int, int]:
        runtime = Runtime(environ={}, caches=str(tmp_path))
        runtime.run(program)
        runtime.run(f"(moods 0 {calls})")
        runtime.run(f"(moods 0 {calls})")
        totals = runtime.records.totals
        runtime.close()
        return totals.calls - totals.by_cache, totals.by_cache

    assert run(20) == (20, 20)
    assert run(30) == (10, 50)
    store = SQLiteStore(str(tmp_path / "replies.sqlite"))
    assert store.stats("L2").entries == 30
    assert len(list(store.known("L2", tag="function:mood"))) == 30
    assert store.counts("L2") == {**store.counts("L2"), "puts": 30, "hits": 70, "misses": 30}
    store.close()


# --- processes -------------------------------------------------------------------------------


def _child(path: str, number: int) -> None:
    store = batched(Path(path), pause_s=0.005, max_entries=3_000)
    for turn in range(200):
        store.put("a", number.to_bytes(16, "big") + turn.to_bytes(16, "big"), b"%d" % number)
    store.close()


def test_processes_write_one_file(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=_child, args=(str(path), n)) for n in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert len(written(path)) == 600
    store = SQLiteStore(str(path))
    assert store.verify() == (600, [])
    store.close()


def test_two_that_are_open_see_what_the_other_has_flushed(path: Path) -> None:
    one, two = batched(path), batched(path)
    one.put("a", KEYS[0], b"x")
    assert two.get("a", KEYS[0]) is None
    one.flush()
    assert two.get("a", KEYS[0]) == b"x"
    one.close()
    two.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_finds_what_waited_and_writes_its_own(path: Path) -> None:
    store = batched(path, pause_s=0.005)
    store.put("a", KEYS[0], b"parent")
    child = os.fork()
    if child == 0:
        try:
            ok = store.get("a", KEYS[0]) == b"parent" and not store._waiting and store.put("a", KEYS[1], b"child")
            store.flush()
            os._exit(0 if ok else 1)
        except BaseException:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert store.get("a", KEYS[1]) == b"child"
    assert store.put("a", KEYS[2], b"still writing")
    store.close()
    assert set(written(path)) == set(KEYS[:3])


BEGIN = """
import os, signal, sys
from rtfs.caching.layer import CacheConfig
from rtfs.caching.opening import layer_store
from rtfs.caching.stores import batched
store = layer_store("L2", sys.argv[1], None, CacheConfig(), print)
def put(first, last):
    for number in range(first, last):
        assert store.put("a", number.to_bytes(32, "big"), (b"%d " % number) * (1 + number % 40), tags=("t",))
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", BEGIN + code, str(folder)], env=environment, capture_output=True, timeout=60, check=False
    )


def test_the_end_of_a_process_that_closes_nothing_writes_what_waits(tmp_path: Path) -> None:
    done = run("batched.PAUSE_S = store._pause_s = 1_000\nput(0, 100)\ndel store, put", tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(written(tmp_path / "replies.sqlite")) == 100


@pytest.mark.skipif(sys.platform == "win32", reason="there is no `kill -9`")
def test_a_process_that_is_killed_loses_what_waited_and_nothing_else(tmp_path: Path) -> None:
    code = "store._pause_s = 1_000\nput(0, 300)\nstore.flush()\nput(300, 400)\nos.kill(os.getpid(), signal.SIGKILL)"
    assert run(code, tmp_path).returncode == -signal.SIGKILL
    store = SQLiteStore(str(tmp_path / "replies.sqlite"))
    assert store.verify() == (300, [])
    for number in range(300):
        assert store.get("a", number.to_bytes(32, "big")) == (b"%d " % number) * (1 + number % 40)
    store.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no `kill -9`")
def test_a_process_that_is_killed_while_the_thread_writes_leaves_whole_entries(tmp_path: Path) -> None:
    code = "store._pause_s = 0.001\nput(0, 3_000)\nos.kill(os.getpid(), signal.SIGKILL)"
    assert run(code, tmp_path).returncode == -signal.SIGKILL
    store = SQLiteStore(str(tmp_path / "replies.sqlite"))
    whole, problems = store.verify()
    assert (0 < whole <= 3_000, problems) == (True, [])
    assert sum(1 for _ in store.known("a", tag="t")) == whole == store.stats("a").entries
    assert {int.from_bytes(key, "big") for key, _ in store.items("a")} == set(range(whole)), "in the order in which they came"
    store.close()


def test_it_is_the_store_of_answers_in_files_and_of_nothing_else(tmp_path: Path) -> None:
    config = CacheConfig()
    answers, others = layer_store("L2", str(tmp_path), None, config, print), layer_store("L3", str(tmp_path), None, config, print)
    memory = layer_store("L2", "memory", None, config, print)
    assert (type(answers), type(others), type(memory)) == (BatchedStore, GuardedStore, MemoryStore)
    assert answers.local is answers
    for store in (answers, others, memory):
        store.close()
