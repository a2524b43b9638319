"""L1: decisions of a delegation engine, in memory.

    agent  the function that is called, by its qualified name
    task   what the decision depends on besides: kinds of the operands, tags, tenant, a hash of what surrounds the program
    plan   where the call goes, how sure the engine is, and why

Plans belong to one process: they are forgotten when the policy or the models change, and cost less to make than to keep in a file.
"""

from __future__ import annotations

import time
from _thread import allocate_lock

from rtfs.caching.layer import CacheConfig, CacheStats, Counts
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

    #: (agent, task)
    Key = tuple[str, Hashable]

NAME = "L1"
#: Source document 003, "decision caching with LRU (≤ 64 K entries)".
MAX_PLANS = 65_536
_TABLES = {"lru": "LRUCache", "lfu": "LFUCache", "fifo": "FIFOCache", "random": "RRCache", "ttl": "FIFOCache"}


class Plan(Struct):
    """Where calls go.

    Attributes:
        target: as it is printed, `remote_model:gpt-4o-mini`.
        confidence: of the engine, 0 to 1; None when it does not say.
        created: seconds, monotonic: plans do not outlive the process.
        metadata: what else is known: `engine`, and what whoever put the plan there says.
        decision: the engine's own, that is carried out.
    """

    target: str
    confidence: float | None
    reasoning: str
    created: float
    metadata: dict[str, Any] = {}  # noqa: RUF012
    decision: Any = None


class PlanCache:
    """Keeps plans. See `layer.CacheLayer`; keys are `(agent, task)`.

    Args:
        config: `max_bytes` and what concerns stores mean nothing here.
        timer: seconds, monotonic.
    """

    name = NAME

    def __init__(
        self,
        config: CacheConfig = CacheConfig(max_entries=MAX_PLANS),  # noqa: B008
        *,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config.check()
        self._timer = timer
        self._lock = allocate_lock()
        #: A table of cachetools; a plain one until there is a plan, as most programs need none.
        self._plans: Any = {}
        self._counts = Counts()
        self._evictions = self._expired = 0
        #: Give what they have counted besides: calls that did not need to look here.
        self.also_hits: list[Callable[[], int]] = []
        self._also_told = 0

    def get(self, key: Key) -> Plan | None:
        with self._lock:
            plan: Plan | None = self._plans.get(key)
            if plan is not None:
                if self.config.ttl_s is None or not self.is_stale(plan):
                    self._counts.hits += 1
                    return plan
                del self._plans[key]
                self._expired += 1
            self._counts.misses += 1
            return None

    def put(self, key: Key, value: Plan) -> bool:
        least = self.config.min_confidence
        with self._lock:
            if value.confidence is not None and value.confidence < least:
                self._counts.refused += 1
                return False
            if not self._plans:
                self._begin()
            full = len(self._plans) >= self.config.max_entries and key not in self._plans
            self._plans[key] = value
            self._evictions += full
            self._counts.puts += 1
            return True

    def _begin(self) -> None:
        import cachetools

        self._plans = getattr(cachetools, _TABLES[self.config.policy])(self.config.max_entries)

    def invalidate(self, key: Key) -> bool:
        with self._lock:
            if self._plans.pop(key, None) is None:
                return False
            self._counts.invalidations += 1
            return True

    def clear(self) -> int:
        with self._lock:
            count = len(self._plans)
            self._plans.clear()
            self._counts.invalidations += count
            return count

    def is_stale(self, plan: Plan, max_age_s: float | None = None) -> bool:
        """Whether a plan is older than it may be; than the layer's own limit, when none is given."""
        limit = self.config.ttl_s if max_age_s is None else max_age_s
        return limit is not None and self._timer() - plan.created > limit

    def by_agent(self, agent: str) -> list[tuple[Hashable, Plan]]:
        """(task, plan) of a function, in the order in which they came; stale ones are left out."""
        return [(task, plan) for (known, task), plan in self._all() if known == agent]

    def by_task(self, task: Hashable) -> list[tuple[str, Plan]]:
        """(agent, plan) of the functions that are called in this way."""
        return [(agent, plan) for (agent, known), plan in self._all() if known == task]

    def _all(self) -> list[tuple[Key, Plan]]:
        with self._lock:
            from cachetools import Cache

            # looking at all is no use of any
            found = [(key, Cache.__getitem__(self._plans, key)) for key in self._plans] if self._plans else []
        return [(key, plan) for key, plan in found if not self.is_stale(plan)]

    def counted(self) -> dict[str, float]:
        """What this process has counted, by the names of `layer.COUNTED`."""
        found = self._counts.now()
        found["hits"] += self._also()
        return found

    def untold(self) -> dict[str, float]:
        """What was counted since this was asked last: for a store that adds up the counts of many processes."""
        also = self._also()
        with self._lock:
            found = self._counts.untold()
            found["hits"] = found.get("hits", 0) + also - self._also_told
            self._also_told = also
        return found

    def _also(self) -> int:
        return sum([count() for count in self.also_hits])

    def stats(self) -> CacheStats:
        also = self._also()
        with self._lock:
            size, counts = len(self._plans), self._counts
            told = {"hits": also - self._also_told}
            return counts.stats(
                NAME, told, evictions=self._evictions, expired=self._expired, size=size, capacity=self.config.max_entries
            )
