"""`python -m benches.caches`: what a hit costs, beside diskcache and GPTCache on the same machine.

    plan            L1: a decision that is known, by its context; and a call of a function whose calls are decided one by one, over
                    the plain call
    reply, memory   L2 in memory: the key of a request with a prompt of 2 kB, look-up, decoding
    reply, sqlite   the same in a file, as it is used: what was read a moment ago is held
    reply, read     the same, read from the file each time
    diskcache       requests as keys and replies as values of diskcache, a file of SQLite too; and with our keys and bytes
    gptcache        an exact match in GPTCache with its map in memory, when it is installed

Microseconds of CPU time, medians of interleaved passes; 99th percentiles are wall time of single hits in one pass.  What is found
is checked before it is timed.

    python -m benches.caches            the table; exit 1 if a figure is over its bar
    python -m benches.caches --quick    fewer passes
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benches.measuring import FULL, QUICK, Plan, Timing, cpu_s, interleave
from rtfs.caching.manager import CacheManager
from rtfs.caching.question import Kept, Question
from rtfs.caching.replies import ReplyCache
from rtfs.caching.request_keys import RequestKeys
from rtfs.caching.stores.memory import MemoryStore
from rtfs.caching.stores.sqlite import SQLiteStore
from rtfs.delegation.cached_engine import CachedEngine
from rtfs.delegation.context import CallContext
from rtfs.delegation.engine import Decision, Listeners
from rtfs.delegation.targets import LOCAL
from rtfs.models.protocol import ModelRequest, Parameter
from rtfs.runtime import Runtime
from rtfs.types.nodes import STRING, EnumType

ENTRIES, HITS = 2_000, 400
PROMPT_CHARS = 2_000
THREADS = 200
LABELS = EnumType(("praise", "complaint"))
ALIASES: dict[str, Any] = {}
#: Figure -> microseconds at most.
BARS_US = {
    "plan": 1.5,
    "a decided call over the plain one": 0.15,
    "reply, memory": 15.0,
    "reply, sqlite": 120.0,
    "reply, read": 120.0,
}
#: How many times quicker than another cache at least.
LEAST_TIMES = 2.0
PROGRAM = """
(defn f [x] (+ x 1))
(defn calls [n] (loop [i 0] (if (< i n) (do (f i) (recur (inc i))) i)))
"""


class EachCall(Listeners):
    """An engine that decides each call, for the body."""

    name = "bench"

    def decide(self, context: CallContext) -> Decision:
        return _HERE

    def resolve(self, symbol: str, *, tags: frozenset[str] | None = None, tenant: str = "") -> Decision | None:
        return None

    def needs(self, symbol: str) -> frozenset[str]:
        return frozenset({"tags", "tenant"})


_HERE = Decision(LOCAL, "here", 1.0, engine="bench")


def request(number: int) -> ModelRequest:
    """One of many requests with prompts of 2 kB."""
    text = f"{number} " + "The card was declined twice and nobody answers the telephone. " * 40
    return ModelRequest(
        model="m",
        function="classify",
        doc="Is this text praise or complaint?",
        parameters=(Parameter(name="text", type=STRING, value=text[:PROMPT_CHARS]),),
        result=LABELS,
        aliases=ALIASES,
    )


def kept(number: int) -> Kept:
    return Kept("complaint", 412, 3, 0.97, 0.99, "stop", "m", 0.3, 0.0001, 1000.0, {"tries": 1, "number": number})


class Filled:
    """A cache of replies with entries in it, and the keys that lead to them."""

    def __init__(self, store: Any) -> None:
        self.cache = ReplyCache(store)
        self._keys = RequestKeys()
        for number in range(ENTRIES):
            self.cache.put(self._key(request(number)), kept(number))
        self.requests = [request(number) for number in range(0, ENTRIES, ENTRIES // HITS)]

    def _key(self, one: ModelRequest) -> bytes:
        return self._keys.key(one, "provider", "v1", "")

    def hit(self, one: ModelRequest) -> Kept:
        found = self.cache.get(self._key(one))
        assert found is not None
        return found

    def read(self, one: ModelRequest) -> Kept:
        self.cache._held.clear()
        return self.hit(one)

    def others(self) -> dict[bytes, bytes]:
        return dict(self.cache.store.items("L2"))


def clocks(folder: Path) -> tuple[dict[str, Callable[[], float]], dict[str, Callable[[Any], Any]], list[Callable[[], None]]]:
    """(clocks that give CPU seconds for one hit, single hits by request, what lets go of everything)"""
    memory, sqlite = Filled(MemoryStore()), Filled(SQLiteStore(str(folder / "replies.sqlite")))
    read = Filled(SQLiteStore(str(folder / "read.sqlite")))
    keys = RequestKeys()
    requests = memory.requests
    engine = CachedEngine(EachCall())
    context = CallContext("module/f", fingerprint=1234567, tags=frozenset({"cheap"}), tenant="acme")
    assert engine.decide(context) is _HERE
    singles: dict[str, Callable[[Any], Any]] = {
        "reply, memory": memory.hit,
        "reply, sqlite": sqlite.hit,
        "reply, read": read.read,
    }
    closing: list[Callable[[], None]] = [memory.cache.close, sqlite.cache.close, read.cache.close]
    plain, decided = Runtime(native=False, environ={}), Runtime(native=False, engine=EachCall(), environ={})
    loops = []
    for runtime in (plain, decided):
        runtime.run(PROGRAM)
        loops.append(runtime.function("calls"))
        loops[-1](10)
        closing.append(runtime.close)

    if find_spec("diskcache"):
        import diskcache

        from rtfs.caching.encoding import decode

        other = diskcache.Cache(str(folder / "diskcache"))
        for number in range(ENTRIES):
            other[plainly(request(number))] = {name: getattr(kept(number), name) for name in Kept._fields}
        for key, data in memory.others().items():
            other[key] = data
        singles["diskcache"] = lambda one: other[plainly(one)]["text"]
        singles["diskcache, our keys and bytes"] = lambda one: Kept.from_data(
            decode(other[keys.key(one, "provider", "v1", "")])
        )
        closing.append(other.close)
    if find_spec("gptcache"):
        singles["gptcache"] = gptcache_hit(folder, requests)
    for name, hit in singles.items():
        for one in requests[:20]:
            found = hit(one)
            assert (found.text if isinstance(found, Kept) else found) == "complaint", name

    def of(hit: Callable[[Any], Any]) -> Callable[[], float]:
        def work() -> None:
            for one in requests:
                hit(one)

        return lambda: cpu_s(work) / len(requests)

    found: dict[str, Callable[[], float]] = {"plan": lambda: cpu_s(lambda: engine.decide(context), 20_000)}
    found["the plain call"] = lambda: cpu_s(lambda: loops[0](20_000)) / 20_000
    found["a decided call"] = lambda: cpu_s(lambda: loops[1](20_000)) / 20_000
    found |= {name: of(hit) for name, hit in singles.items()}
    return found, singles, closing


def plainly(one: ModelRequest) -> tuple[Any, ...]:
    """A request as somebody would use it for a key who has no hash for it."""
    return (one.model, one.function, one.doc, one.parameters[0].value, str(one.result), one.max_tokens, one.temperature, one.seed)


def gptcache_hit(folder: Path, requests: list[ModelRequest]) -> Callable[[ModelRequest], str]:
    """An exact match of the prompt in GPTCache, with its own map in memory."""
    from gptcache import Cache
    from gptcache.adapter.api import get, put
    from gptcache.manager.factory import get_data_manager
    from gptcache.processor.pre import get_prompt

    cache = Cache()
    cache.init(pre_embedding_func=get_prompt, data_manager=get_data_manager(data_path=str(folder / "gptcache.txt")))
    for one in requests:
        put(one.parameters[0].value, "complaint", cache_obj=cache)

    def hit(one: ModelRequest) -> str:
        found: str = get(one.parameters[0].value, cache_obj=cache)
        return found

    return hit


def percentile(hit: Callable[[Any], Any], requests: list[ModelRequest], passes: int) -> float:
    """Microseconds of wall time that 99 of 100 single hits take at most."""
    took = []
    for _ in range(passes):
        for one in requests:
            begin = time.perf_counter()
            hit(one)
            took.append(time.perf_counter() - begin)
    return sorted(took)[int(len(took) * 0.99)] * 1e6


def stampede() -> int:
    """How often a model is asked when so many threads ask the same at once."""
    caches = CacheManager(ReplyCache(MemoryStore()))
    one = request(1)
    key = caches.key(one, "provider", "", "")
    assert key is not None
    question = Question(one, "provider", "", "", False, key)
    asked: list[int] = []

    def ask(_: ModelRequest) -> Kept:
        asked.append(1)
        time.sleep(0.05)
        return kept(1)

    threads = [threading.Thread(target=lambda: caches.answer(question, ask)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(asked)


def measure(plan: Plan, folder: Path) -> tuple[dict[str, Timing], dict[str, float], int]:
    """(CPU seconds of a hit, 99th percentiles in microseconds, calls of a stampede)"""
    found, singles, closing = clocks(folder)
    try:
        timings = {name: Timing.of(seconds) for name, seconds in interleave(found, plan.passes).items()}
        requests = [request(number) for number in range(0, ENTRIES, ENTRIES // HITS)]
        tails = {name: percentile(hit, requests, 5) for name, hit in singles.items()}
    finally:
        for close in closing:
            close()
    return timings, tails, stampede()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benches.caches", description="What a hit in a cache costs.")
    parser.add_argument("--quick", action="store_true", help="fewer passes")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        timings, tails, calls = measure(QUICK if options.quick else FULL, Path(folder))
    medians = {name: timing.median_s * 1e6 for name, timing in timings.items()}
    medians["a decided call over the plain one"] = medians["a decided call"] - medians["the plain call"]
    print(f"{'µs a hit':<36} {'median':>9} {'p99 (wall)':>11}")
    for name, median in medians.items():
        tail = f"{tails[name]:.1f}" if name in tails else ""
        print(f"{name:<36} {median:>9.3f} {tail:>11}")
    missed = 0
    for name, bar in BARS_US.items():
        met = medians[name] <= bar
        missed += not met
        print(f"{name}: at most {bar} µs: {'met' if met else 'missed'} ({medians[name]:.3f})")
    for other, ours in (("diskcache", "reply, sqlite"), ("gptcache", "reply, memory")):
        if other not in medians:
            print(f"{other} is not installed: not compared")
            continue
        times = medians[other] / medians[ours]
        met = times >= LEAST_TIMES
        missed += not met
        print(f"{ours} is {times:.1f} times as quick as {other}: at least {LEAST_TIMES}: {'met' if met else 'missed'}")
    print(f"{THREADS} threads that ask the same at once: {calls} call")
    return 1 if missed or calls != 1 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
