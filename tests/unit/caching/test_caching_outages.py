"""Stores that fail: outages are misses, lose nothing that was committed, and end by themselves; the two halves of a tiered store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rtfs.caching.layer import CacheConfig
from rtfs.caching.manager import CacheManager
from rtfs.caching.opening import layer_store, open_caches
from rtfs.caching.stores.guarded import FIRST_PAUSE_S, LONGEST_PAUSE_S, GuardedStore
from rtfs.caching.stores.memory import MemoryStore
from rtfs.caching.stores.protocol import Entry, StoreUnavailable
from rtfs.caching.stores.redis import RedisStore
from rtfs.caching.stores.s3 import ObjectStore
from rtfs.caching.stores.sqlite import SQLiteStore
from rtfs.caching.stores.tiered import TieredStore
from rtfs.errors import ConfigError
from tests.support.servers import Redis, Servers

KEYS = [bytes([n]) * 32 for n in range(200)]


class Failing(MemoryStore):
    """A shared store that can be down."""

    name = "failing"
    persistent = True
    local = None  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.tried = 0

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in ("get", "entry", "put", "put_many", "delete", "clear", "known", "items", "stats", "namespaces", "count", "counts"):


            def tried(*args: Any, **named: Any) -> Any:
                self.tried += 1
                if self.down:
                    raise StoreUnavailable("down")
                return found(*args, **named)

            return tried
        return found


def eventually(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not what():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.01)


# --- the guard -------------------------------------------------------------------------------


def test_an_outage_is_a_miss_and_ends_by_itself() -> None:
    now = [0.0]
    told: list[str] = []
    inner = Failing()
    store = GuardedStore(inner, notice=told.append, timer=lambda: now[0])
    assert store.put("a", KEYS[0], b"x")
    inner.down = True
    assert store.get("a", KEYS[0]) is None
    assert store.put("a", KEYS[1], b"y") is False
    assert (list(store.items("a")), store.namespaces(), store.counts("a"), store.stats().entries) == ([], [], {}, 0)
    assert store.is_out
    inner.down = False
    now[0] += FIRST_PAUSE_S + 0.1
    assert store.get("a", KEYS[0]) == b"x", "what it had, it has"
    assert not store.is_out
    assert ["does not answer" in told[0], "answers again" in told[1], len(told)] == [True, True, 2]


def test_a_store_that_stays_down_is_tried_less_and_less_often() -> None:
    now = [0.0]
    inner = Failing()
    inner.down = True
    store = GuardedStore(inner, timer=lambda: now[0])
    for _ in range(10_000):
        store.get("a", KEYS[0])
        now[0] += 0.1
    assert inner.tried < 30, "1,000 seconds, at most one try a minute after the first ones"
    inner.down = False
    now[0] += LONGEST_PAUSE_S
    assert store.put("a", KEYS[0], b"x")


# --- two tiers -------------------------------------------------------------------------------


def test_what_only_the_cold_store_has_is_promoted() -> None:
    hot, cold = MemoryStore(), MemoryStore()
    store = TieredStore(hot, cold, write_behind=False)
    cold.put("a", KEYS[0], b"x", ttl_s=100, tags=("t",))
    assert store.get("a", KEYS[0]) == b"x"
    found = hot.entry("a", KEYS[0])
    assert found is not None
    assert (found.tags, store.promotions) == (("t",), 1)
    assert found.ttl_s == pytest.approx(100, abs=5)
    assert store.get("a", KEYS[0]) == b"x"
    assert store.promotions == 1


def test_entries_are_written_behind_in_their_order() -> None:
    cold = Failing()
    store = TieredStore(MemoryStore(), GuardedStore(cold), clock=time.time)
    for turn in range(3):
        for key in KEYS:
            store.put("a", key, b"%d" % turn, tags=("t",))
    store.flush()
    assert store.waiting == 0
    assert dict(cold.items("a", tag="t")) == dict.fromkeys(KEYS, b"2")
    store.close()


def test_an_outage_of_the_cold_store_loses_nothing() -> None:
    cold = Failing()
    store = TieredStore(MemoryStore(max_entries=10), GuardedStore(cold))
    cold.down = True
    for key in KEYS:
        assert store.put("a", key, key)
    assert store.get("a", KEYS[-1]) == KEYS[-1]
    assert store.get("a", KEYS[0]) is None, "evicted here, and not there yet"
    assert store.waiting == len(KEYS)
    cold.down = False
    eventually(lambda: store.waiting == 0)
    assert store.get("a", KEYS[0]) == KEYS[0]
    assert dict(cold.items("a")) == {key: key for key in KEYS}
    store.close()


def test_what_was_committed_outlives_the_process_while_the_cold_store_is_down(tmp_path: Path) -> None:
    cold = Failing()
    cold.down = True
    path = str(tmp_path / "hot.sqlite")
    first = TieredStore(SQLiteStore(path, max_entries=5), GuardedStore(cold))
    for key in KEYS:
        assert first.put("a", key, key)
    first._closed = True  # and nothing else: as after `kill -9`
    cold.down = False
    second = TieredStore(SQLiteStore(path, max_entries=5), GuardedStore(cold))
    eventually(lambda: second.waiting == 0)
    assert dict(cold.items("a")) == {key: key for key in KEYS}
    second.close()


def test_when_too_much_waits_a_put_waits_for_the_cold_store_itself() -> None:
    cold = Failing()
    store = TieredStore(MemoryStore(), cold, max_waiting_bytes=10)
    assert store.put("a", KEYS[0], b"x" * 100)
    assert (store.waiting, cold.get("a", KEYS[0])) == (0, b"x" * 100)
    store.close()


def test_what_the_cold_store_refuses_holds_up_nothing(tmp_path: Path) -> None:
    cold = SQLiteStore(str(tmp_path / "cold.sqlite"), max_bytes=1_000)
    store = TieredStore(MemoryStore(), GuardedStore(cold))
    store.put_many("L2", [Entry(KEYS[0], b"x" * 2_000), Entry(KEYS[1], b"small")])
    store.put("L2", KEYS[2], b"later")
    store.flush()
    assert store.waiting == 0
    assert [cold.get("L2", key) for key in KEYS[:3]] == [None, b"small", b"later"]
    store.close()


def test_what_is_deleted_does_not_come_back() -> None:
    cold = Failing()
    guarded = GuardedStore(cold)
    store = TieredStore(MemoryStore(), guarded)
    store.put("a", KEYS[0], b"x")
    store.flush()
    cold.down = True
    store.put("a", KEYS[1], b"y")
    assert store.delete("a", KEYS[0])
    assert store.delete("a", KEYS[1])
    cold.down = False
    eventually(lambda: store.waiting == 0 and not guarded.is_out)
    assert store.get("a", KEYS[0]) is None
    assert store.get("a", KEYS[1]) is None
    assert cold.stats().entries == 0
    store.put("a", KEYS[2], b"z")
    store.clear("a")
    store.flush()
    assert (store.get("a", KEYS[2]), cold.stats().entries) == (None, 0)
    store.close()


def test_what_is_in_either_tier_is_listed_once() -> None:
    hot, cold = MemoryStore(), MemoryStore()
    store = TieredStore(hot, cold, write_behind=False)
    cold.put("a", KEYS[0], b"old", tags=("t",))
    cold.put("a", KEYS[1], b"old", tags=("t",))
    hot.put("a", KEYS[1], b"new", tags=("t",))
    hot.put("a", KEYS[2], b"new")
    assert dict(store.items("a")) == {KEYS[0]: b"old", KEYS[1]: b"new", KEYS[2]: b"new"}
    assert [known.key for known in store.known("a", tag="t")] == [KEYS[0], KEYS[1]]
    assert dict(store.items("a", tag="t")) == {KEYS[0]: b"old", KEYS[1]: b"new"}


def test_threads_and_the_writer_behind_share_a_store(tmp_path: Path) -> None:
    cold = Failing()
    store = TieredStore(SQLiteStore(str(tmp_path / "hot.sqlite")), GuardedStore(cold))

    def work(number: int) -> None:
        for turn in range(40):
            store.put("a", bytes([number, turn]) * 16, b"x")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: store.waiting == 0)
    assert cold.stats("a").entries == 160
    store.close()


# --- real servers ----------------------------------------------------------------------------


def test_redis_goes_away_and_comes_back(tmp_path: Path) -> None:
    server = Redis(tmp_path)
    server.start()
    try:
        now = [0.0]
        guarded = GuardedStore(RedisStore(server.address), timer=lambda: now[0])
        store = TieredStore(SQLiteStore(str(tmp_path / "hot.sqlite"), max_entries=20), guarded)
        for key in KEYS[:50]:
            assert store.put("L2", key, key, tags=("model:m",))
        store.flush()
        assert len(list(guarded.items("L2"))) == 50
        server.stop()
        assert guarded.get("L2", KEYS[0]) is None
        for key in KEYS[50:]:
            assert store.put("L2", key, key, tags=("model:m",))
        assert store.get("L2", KEYS[-1]) == KEYS[-1]
        server.start()
        now[0] += 1_000
        eventually(lambda: store.waiting == 0)
        assert dict(RedisStore(server.address).items("L2", tag="model:m")) == {key: key for key in KEYS}
        store.close()
    finally:
        server.stop()


def test_a_damaged_entry_on_a_server_is_a_miss(tmp_path: Path) -> None:
    server = Redis(tmp_path)
    server.start()
    try:
        store = RedisStore(server.address)
        store.put("a", KEYS[0], b"value")
        whole = store._redis.get(b"rtfs:e:a:" + KEYS[0])
        for damaged in (b"", b"rubbish", whole[:-1] + b"?", whole[:20]):
            store._redis.set(b"rtfs:e:a:" + KEYS[0], damaged)
            assert store.get("a", KEYS[0]) is None
        store._redis.set(b"rtfs:e:a:" + KEYS[1], whole)
        assert store.get("a", KEYS[1]) is None, "another's entry"
    finally:
        server.stop()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    found = Servers(tmp_path)
    yield found
    found.stop()


def test_an_object_store_that_cannot_be_reached_is_a_miss(tmp_path: Path, servers: Servers) -> None:
    settings = servers.s3("caches")
    reachable = ObjectStore("s3://caches/here", settings=settings)
    assert reachable.put("a", KEYS[0], b"x")
    elsewhere = ObjectStore("s3://caches/here", settings={**settings, "endpoint": "http://127.0.0.1:9"})
    with pytest.raises(StoreUnavailable):
        elsewhere.get("a", KEYS[0])
    with pytest.raises(StoreUnavailable):
        ObjectStore("s3://no-such-bucket", settings=settings).put("a", KEYS[0], b"x")
    store = TieredStore(SQLiteStore(str(tmp_path / "hot.sqlite")), GuardedStore(elsewhere))
    assert store.put("a", KEYS[1], b"y")
    assert (store.get("a", KEYS[0]), store.get("a", KEYS[1])) == (None, b"y")
    store.cold.inner = reachable  # type: ignore[attr-defined]  # the network is back
    store.cold._until = 0.0  # type: ignore[attr-defined]
    eventually(lambda: store.waiting == 0)
    assert (reachable.get("a", KEYS[1]), store.get("a", KEYS[0])) == (b"y", b"x")
    store.close()


# --- opening ---------------------------------------------------------------------------------


def test_addresses_hide_their_passwords() -> None:
    pytest.importorskip("redis")
    assert RedisStore("redis://me:secret@127.0.0.1:6399/3").place == "redis://127.0.0.1:6399/3"
    with pytest.raises(ConfigError):
        RedisStore("http://127.0.0.1")


def test_a_manager_lives_without_its_server(tmp_path: Path) -> None:
    pytest.importorskip("redis")
    told: list[str] = []
    caches = open_caches({"store": str(tmp_path), "shared": "redis://127.0.0.1:9/0"}, told.append)
    assert isinstance(caches, CacheManager)
    assert caches.replies is not None
    assert caches.replies.config.persistent
    assert caches.replies.store.put("L2", KEYS[0], b"x")
    caches.close()
    assert len(told) <= 1
    again = layer_store("L2", str(tmp_path), None, CacheConfig(), told.append)
    assert again.get("L2", KEYS[0]) == b"x"
    again.close()


@pytest.mark.parametrize("broken", ["replies.sqlite", "replies-behind.sqlite"])
def test_a_file_that_cannot_be_used_costs_a_line_and_no_answer(broken: str, tmp_path: Path) -> None:
    pytest.importorskip("redis")
    (tmp_path / broken).mkdir()
    told: list[str] = []
    store = layer_store("L2", str(tmp_path), "redis://127.0.0.1:9/0", CacheConfig(), told.append)
    assert store.put("L2", KEYS[0], b"x")
    assert store.get("L2", KEYS[0]) == b"x"
    assert store.get("L2", KEYS[1]) is None
    assert broken in told[0]
    store.close()


def test_entries_of_a_batch_keep_what_they_say() -> None:
    store = TieredStore(MemoryStore(), Failing())
    assert store.put_many("a", [Entry(KEYS[0], b"x", 50.0, ("t",)), Entry(KEYS[1], b"y")]) == 2
    store.flush()
    found = store.cold.entry("a", KEYS[0])
    assert found is not None
    assert (found.value, found.tags) == (b"x", ("t",))
    assert found.ttl_s == pytest.approx(50, abs=5)
    store.close()
