"""What every layer of cache is: the same six operations, one kind of settings, one kind of figures (architecture section 5).

    L1  call context       -> plan           `caching.plans`      in front of a delegation engine
    L2  request            -> reply          `caching.replies`    in front of a model
    L3  text of a request  -> reply          `caching.semantic`   behind L2, for requests that mean the same
    L4  content hash       -> code           `caching.code`       in front of a delegation engine

A layer is a wrapper around what it speeds up: an engine and a provider do not know that they are cached.  Layers keep what they
know in a `stores.protocol.Store`, or in memory where they are only that.
"""

from __future__ import annotations

from rtfs.errors import ConfigError
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol, TypeVar

    K = TypeVar("K", contravariant=True)
    V = TypeVar("V")

    class CacheLayer(Protocol[K, V]):
        """Answers from what was answered before. Safe to use from several threads at once.

        A layer never raises because of its store: what cannot be read is a miss, what cannot be written is not kept.
        """

        name: str
        """`L1` … `L4`: what records and figures call it."""
        config: CacheConfig

        def get(self, key: K) -> V | None:
            """What is kept for a key; None when there is nothing, or nothing good enough any more. Counts as a hit or a miss."""

        def put(self, key: K, value: V) -> bool:
            """Keep a value, in the place of an older one; whether it is kept."""

        def invalidate(self, key: K) -> bool:
            """Forget what is kept for a key; whether there was anything."""

        def clear(self) -> int:
            """Forget everything; how much there was."""

        def stats(self) -> CacheStats: ...


#: What goes first when there is no room: the entry that was used the longest ago, the one that was used the least often, the one
#: that was written first, any, the one that will expire first.
POLICIES = ("lru", "lfu", "fifo", "random", "ttl")


class CacheConfig(Struct):
    """Settings of a layer.

    Attributes:
        max_entries, max_bytes: how much is kept; of bytes, those of the values. More than either and entries are evicted.
        ttl_s: seconds after which an entry is no longer used; None: no limit.
        policy: which entries are evicted, one of `POLICIES`.
        min_confidence: entries whose confidence is known and lower are neither kept nor used.
        persistent: whether the entries outlive the process.
        write_behind: whether the cold half of a store in two tiers is written later, by a thread of its own.
    Raises:
        ConfigError: by `check`.
    """

    max_entries: int = 10_000
    max_bytes: int = 64 * 2**20
    ttl_s: float | None = None
    policy: str = "lru"
    min_confidence: float = 0.0
    persistent: bool = False
    write_behind: bool = True

    def check(self) -> CacheConfig:
        """The settings themselves.

        Raises:
            ConfigError: they make no sense together.
        """
        if self.policy not in POLICIES:
            raise ConfigError(f"`{self.policy}` is no policy of eviction", hint=f"choose from: {', '.join(POLICIES)}")
        if not (_is_whole(self.max_entries) and _is_whole(self.max_bytes) and self.max_entries >= 1 and self.max_bytes >= 1):
            wanted = "`max_entries` and `max_bytes` are whole numbers from 1 on"
            raise ConfigError(f"{wanted}, not {self.max_entries!r} and {self.max_bytes!r}")
        if self.ttl_s is not None and not (_is_number(self.ttl_s) and self.ttl_s > 0):
            raise ConfigError(f"`ttl_s`, the time to live of entries, is a positive number of seconds, not {self.ttl_s!r}")
        if not (_is_number(self.min_confidence) and 0 <= self.min_confidence <= 1):
            raise ConfigError(f"`min_confidence` is a number from 0 to 1, not {self.min_confidence!r}")
        if not isinstance(self.write_behind, bool):
            raise ConfigError(f"`write_behind` is True or False, not {self.write_behind!r}")
        return self


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Saved(Struct):
    """What hits made unnecessary: time of models, tokens, money.

    Attributes:
        cost_usd: of those whose price was known.
    """

    seconds: float = 0.0
    tokens: int = 0
    cost_usd: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return {"seconds": round(self.seconds, 6), "tokens": self.tokens, "cost_usd": round(self.cost_usd, 9)}

    def __add__(self, other: Saved) -> Saved:
        return Saved(self.seconds + other.seconds, self.tokens + other.tokens, self.cost_usd + other.cost_usd)


NOTHING_SAVED = Saved()


class CacheStats(Struct):
    """Figures of a layer, as they were when somebody asked.

    Attributes:
        hits, misses, puts, invalidations: since the layer began; `evictions`: for want of room; `expired`: for their age.
        refused: values that were not kept: too large, not sure enough, or the store could not be written.
        negative: of the hits, those that were errors, which somebody wanted to be kept.
        size, capacity: entries that there are, and that there may be.
        size_bytes, capacity_bytes: the same in bytes of values.
    """

    layer: str
    hits: int = 0
    misses: int = 0
    puts: int = 0
    invalidations: int = 0
    evictions: int = 0
    expired: int = 0
    refused: int = 0
    negative: int = 0
    size: int = 0
    capacity: int = 0
    size_bytes: int = 0
    capacity_bytes: int = 0
    saved: Saved = NOTHING_SAVED

    @property
    def hit_rate(self) -> float:
        """Hits among all look-ups, 0 to 1; 0 when there were none."""
        looked = self.hits + self.misses
        return self.hits / looked if looked else 0.0

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        plain = {field: getattr(self, field) for field in self._fields if field != "saved"}
        return {
            **plain,
            "hit_rate": round(self.hit_rate, 4),
            "saved_seconds": round(self.saved.seconds, 6),
            "saved_tokens": self.saved.tokens,
            "saved_usd": round(self.saved.cost_usd, 9),
        }


class Counts:
    """What a layer counts as it goes. Adding is not atomic on its own: the layer holds its lock, or can bear to lose a count."""

    __slots__ = ("_told", "cost_usd", "hits", "invalidations", "misses", "negative", "puts", "refused", "seconds", "tokens")

    def __init__(self) -> None:
        self.hits = self.misses = self.puts = self.invalidations = self.refused = self.negative = self.tokens = 0
        self.seconds = self.cost_usd = 0.0
        self._told: dict[str, float] = {}

    def save(self, saved: Saved) -> None:
        self.seconds += saved.seconds
        self.tokens += saved.tokens
        self.cost_usd += saved.cost_usd

    def now(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in COUNTED}

    def untold(self) -> dict[str, float]:
        """What was added since this was asked last: for a store that adds up the counts of many processes."""
        now, before = self.now(), self._told
        self._told = now
        return {name: count - before.get(name, 0) for name, count in now.items() if count != before.get(name, 0)}

    def stats(self, layer: str, told: Mapping[str, float], **more: Any) -> CacheStats:
        """The figures, with what this and other processes told the store (`told`)."""
        before = self._told
        found = {name: count - before.get(name, 0) + told.get(name, 0) for name, count in self.now().items()}
        saved = Saved(float(found.pop("seconds")), int(found.pop("tokens")), float(found.pop("cost_usd")))
        return CacheStats(layer, **{name: int(count) for name, count in found.items()}, **more, saved=saved)


COUNTED = ("hits", "misses", "puts", "invalidations", "refused", "negative", "tokens", "seconds", "cost_usd")
