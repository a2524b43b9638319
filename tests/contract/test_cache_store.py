"""What every store of caches keeps to (`rtfs.caching.stores.protocol.Store`)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtfs.caching.stores.batched import BatchedStore
from rtfs.caching.stores.guarded import GuardedStore
from rtfs.caching.stores.memory import MemoryStore
from rtfs.caching.stores.protocol import Entry
from rtfs.caching.stores.redis import RedisStore
from rtfs.caching.stores.s3 import ObjectStore
from rtfs.caching.stores.sqlite import SQLiteStore
from rtfs.caching.stores.tiered import TieredStore
from tests.support.servers import Servers

KEYS = [bytes([n]) * 32 for n in range(40)]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        self.now += 0.001  # two entries are never of the same moment
        return self.now


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    found = Servers(tmp_path_factory.mktemp("servers"))
    yield found
    found.stop()


STORES = {
    "memory": lambda folder, clock, **settings: MemoryStore(clock=clock, **settings),
    "sqlite": lambda folder, clock, **settings: SQLiteStore(str(folder / "cache.sqlite"), clock=clock, **settings),
    "batched": lambda folder, clock, **settings: BatchedStore(
        GuardedStore(SQLiteStore(str(folder / "cache.sqlite"), clock=clock, **settings)),
        **{"max_entries": 100_000, "max_bytes": 2**28, **{name: settings[name] for name in settings if name != "policy"}},
        pause_s=1_000.0,
        clock=clock,
    ),
    "redis": lambda folder, clock, **settings: RedisStore(settings["servers"].redis(), prefix=folder.name, clock=clock),
    "s3": lambda folder, clock, **settings: ObjectStore(
        f"s3://caches/{folder.name}", settings=settings["servers"].s3("caches"), clock=clock
    ),
    "tiered": lambda folder, clock, **settings: TieredStore(
        MemoryStore(clock=clock), SQLiteStore(str(folder / "cold.sqlite"), clock=clock), clock=clock, write_behind=False
    ),
}
COUNTING = ("memory", "sqlite", "batched", "redis", "tiered")
BOUNDED = ("memory", "sqlite", "batched")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, servers: Servers) -> Any:
    made = STORES[request.param](tmp_path, clock, **({"servers": servers} if request.param in ("redis", "s3") else {}))
    yield made
    made.close()


def test_what_was_put_is_got(store: Any) -> None:
    assert store.get("a", KEYS[0]) is None
    assert store.put("a", KEYS[0], b"one")
    assert store.get("a", KEYS[0]) == b"one"
    assert store.put("a", KEYS[0], b"two")
    assert store.get("a", KEYS[0]) == b"two"
    assert store.stats("a").entries == 1


def test_namespaces_do_not_see_each_other(store: Any) -> None:
    store.put("a", KEYS[0], b"of a")
    store.put("b", KEYS[0], b"of b")
    assert (store.get("a", KEYS[0]), store.get("b", KEYS[0])) == (b"of a", b"of b")
    assert store.namespaces() == ["a", "b"]
    assert store.clear("a") == 1
    assert (store.get("a", KEYS[0]), store.get("b", KEYS[0])) == (None, b"of b")
    assert store.namespaces() == ["b"]


def test_deleting_says_whether_there_was_something(store: Any) -> None:
    store.put("a", KEYS[0], b"", tags=("x",))
    assert store.get("a", KEYS[0]) == b""
    assert store.delete("a", KEYS[0]) is True
    assert store.delete("a", KEYS[0]) is False
    assert store.get("a", KEYS[0]) is None
    assert list(store.items("a", tag="x")) == []


def test_entries_are_found_by_tag_oldest_first(store: Any) -> None:
    for number in range(6):
        tags = ("all", "even" if number % 2 == 0 else "odd")
        store.put("a", KEYS[number], b"%d" % number, tags=tags)
    store.put("b", KEYS[6], b"6", tags=("even",))
    assert [value for _, value in store.items("a", tag="even")] == [b"0", b"2", b"4"]
    assert [known.key for known in store.known("a", tag="odd")] == [KEYS[1], KEYS[3], KEYS[5]]
    assert [value for _, value in store.items("a")] == [b"%d" % n for n in range(6)]
    assert list(store.items("a", tag="none")) == []
    first = next(iter(store.known("a")))
    assert (first.size_bytes, set(first.tags)) == (1, {"all", "even"})
    store.put("a", KEYS[0], b"now odd", tags=("odd",))
    assert [value for _, value in store.items("a", tag="even")] == [b"2", b"4"]
    assert {value for _, value in store.items("a", tag="odd")} == {b"1", b"3", b"5", b"now odd"}


def test_a_tag_that_is_given_twice_is_one(store: Any) -> None:
    store.put("L2", KEYS[0], b"a", tags=("t", "t"))
    assert [key for key, _ in store.items("L2", tag="t")] == [KEYS[0]]
    assert store.delete("L2", KEYS[0])
    assert list(store.items("L2", tag="t")) == []


def test_what_is_too_old_is_gone(store: Any, clock: Clock) -> None:
    store.put("a", KEYS[0], b"short", ttl_s=10)
    store.put("a", KEYS[1], b"long")
    clock.now += 9
    assert store.get("a", KEYS[0]) == b"short"
    clock.now += 2
    assert store.get("a", KEYS[0]) is None
    assert store.get("a", KEYS[1]) == b"long"
    assert [value for _, value in store.items("a")] == [b"long"]


def test_many_are_kept_at_once(store: Any) -> None:
    assert store.put_many("a", [Entry(key, key[:1], tags=("t",)) for key in KEYS]) == len(KEYS)
    assert dict(store.items("a", tag="t")) == {key: key[:1] for key in KEYS}
    figures = store.stats("a")
    assert (figures.entries, figures.size_bytes) == (len(KEYS), len(KEYS))


def test_an_entry_tells_its_tags_and_the_time_that_it_has_left(store: Any, clock: Clock) -> None:
    store.put("a", KEYS[0], b"one", ttl_s=10, tags=("x", "y"))
    store.put("a", KEYS[1], b"two")
    clock.now += 4
    found = store.entry("a", KEYS[0])
    assert (found.key, found.value, set(found.tags)) == (KEYS[0], b"one", {"x", "y"})
    assert found.ttl_s == pytest.approx(6, abs=0.1)
    assert store.entry("a", KEYS[1]) == Entry(KEYS[1], b"two")
    assert store.entry("a", KEYS[2]) is None


def test_counts_add_up(store: Any) -> None:
    if store.name not in COUNTING:
        store.count("a", {"hits": 2})
        assert store.counts("a") == {}
        return
    store.count("a", {"hits": 2, "seconds": 0.5})
    store.count("a", {"hits": 1})
    store.count("b", {"hits": 7})
    assert store.counts("a") == {"hits": 3, "seconds": 0.5}
    store.clear("a")
    assert store.counts("a") == {}
    assert store.counts("b") == {"hits": 7}


def test_closing_twice_is_fine(store: Any) -> None:
    store.close()
    store.close()


# --- bounds ----------------------------------------------------------------------------------


def bounded(kind: str, folder: Path, clock: Clock, **settings: Any) -> Any:
    return STORES[kind](folder, clock, **settings)


def kept(store: Any) -> set[int]:
    return {known.key[0] for known in store.known("a")}


@pytest.mark.parametrize("kind", BOUNDED)
@pytest.mark.parametrize(
    "policy, gone",
    [("lru", {1}), ("lfu", {2}), ("fifo", {0}), ("ttl", {3})],
)
def test_each_policy_evicts_what_it_says(kind: str, policy: str, gone: set[int], tmp_path: Path, clock: Clock) -> None:
    store = bounded(kind, tmp_path, clock, max_entries=4, policy=policy)
    for number in range(4):
        store.put("a", KEYS[number], b"x", ttl_s=10 if number == 3 else 100 + number)
    for number in (0, 1, 1, 3, 3, 2, 0, 3, 0):  # 1 the longest ago, 2 the least often
        store.get("a", KEYS[number])
    store.put("a", KEYS[4], b"x", ttl_s=200)
    assert kept(store) == {0, 1, 2, 3, 4} - gone
    assert store.stats().evictions == 1
    store.close()


@pytest.mark.parametrize("kind", BOUNDED)
@pytest.mark.parametrize("policy", ["lru", "lfu", "fifo", "random", "ttl"])
def test_bounds_hold(kind: str, policy: str, tmp_path: Path, clock: Clock) -> None:
    store = bounded(kind, tmp_path, clock, max_entries=20, max_bytes=1_000, policy=policy)
    for number, key in enumerate(KEYS):
        assert store.put("a", key, b"x" * (10 * number % 290), tags=("t",))
        figures = store.stats()
        assert figures.entries <= 20
        assert figures.size_bytes <= 1_000
        assert store.get("a", key) is not None, "what was just put stays"
    assert len(list(store.known("a"))) == len(list(store.items("a", tag="t"))) == store.stats().entries
    assert store.stats().evictions == len(KEYS) - store.stats().entries
    store.close()


@pytest.mark.parametrize("kind", BOUNDED)
def test_what_is_larger_than_the_store_is_refused(kind: str, tmp_path: Path, clock: Clock) -> None:
    store = bounded(kind, tmp_path, clock, max_bytes=100)
    assert store.put("a", KEYS[0], b"x" * 100)
    assert not store.put("a", KEYS[1], b"x" * 101)
    assert store.get("a", KEYS[0]) is not None
    store.close()


@pytest.mark.parametrize("kind", BOUNDED)
def test_what_has_expired_goes_before_anything_is_evicted(kind: str, tmp_path: Path, clock: Clock) -> None:
    store = bounded(kind, tmp_path, clock, max_entries=3)
    store.put("a", KEYS[0], b"x")
    store.put("a", KEYS[1], b"x", ttl_s=5)
    store.put("a", KEYS[2], b"x")
    clock.now += 6
    store.put("a", KEYS[3], b"x")
    assert kept(store) == {0, 2, 3}
    assert (store.stats().evictions, store.stats().expired) == (0, 1)
    store.close()
