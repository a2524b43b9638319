"""What caches are kept in: bytes under bytes, in namespaces.

A key is the 32 bytes of a hash (`caching.keys`), a value the canonical encoding of some data (`caching.encoding`), never a pickle.
Tags are how entries are found without their key: `agent:billing/refund`, `model:smollm2`, `function:triage`.

| store          | where it is     | process-safe | outlives the process | shared by machines |
|----------------|-----------------|--------------|----------------------|--------------------|
| `memory`       | this process    | –            | no                   | no                 |
| `sqlite`       | a file          | yes          | yes, `kill -9` too   | no                 |
| `redis`        | a Redis server  | yes          | as the server does   | yes                |
| `s3`           | an object store | yes          | yes                  | yes                |
| `batched`      | one of these    | as its part  | once it is written   | as its part        |
| `tiered`       | two of these    | as its parts | as its parts         | as its cold part   |
"""

from __future__ import annotations

from rtfs.errors import ConfigError
from rtfs.values.quick import quick_struct
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Protocol


def without_password(place: str) -> str:
    """An address as messages show it: without a user, a password, and options, which may be one; other places as they are."""
    scheme, separator, rest = place.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2].partition('?')[0]}" if separator else place


class StoreUnavailable(ConfigError):
    """A store cannot be read or written here and now: its server does not answer, its file is somebody else's. Layers never let it
    through: to them it is a miss (`stores.guarded`)."""


@quick_struct
class Entry(Struct):
    """An entry that is to be kept.

    Attributes:
        ttl_s: seconds from now after which it is gone; None: when the store's own limit says so.
        tags: without line breaks.
        uses: how often it was read before it came to the store; one that does not note uses does not look at it.
    """

    key: bytes
    value: bytes
    ttl_s: float | None = None
    tags: tuple[str, ...] = ()
    uses: int = 0


class Known(Struct):
    """What a store knows about an entry, besides its value.

    Attributes:
        size_bytes: of the value.
        created, used, expires: seconds since the epoch; `used` is 0 where a store does not note it, `expires` None for never.
        uses: how often it was read, as far as the store has noted.
    """

    key: bytes
    size_bytes: int
    created: float
    used: float = 0.0
    uses: int = 0
    expires: float | None = None
    tags: tuple[str, ...] = ()


class StoreStats(Struct):
    """Figures of a store, or of one of its namespaces.

    Attributes:
        max_entries, max_bytes: of the whole store; 0 where it has no such limit.
        evictions, expired, damaged: entries that went for want of room, for their age, because they were not as they were written;
            by this process.
    """

    entries: int = 0
    size_bytes: int = 0
    max_entries: int = 0
    max_bytes: int = 0
    evictions: int = 0
    expired: int = 0
    damaged: int = 0


if TYPE_CHECKING:

    class Store(Protocol):
        """Keeps entries. Safe to use from several threads at once, and by several processes where it outlives them.

        Any method may raise `StoreUnavailable`, and nothing else for whatever goes wrong outside RTFS.  An entry that is not as it
        was written is not served: the store notices by a checksum, and forgets it.  A namespace is a short word; any will do, it
        begins with its first entry.
        """

        @property
        def name(self) -> str:
            """The kind: `memory`, `sqlite` …"""

        @property
        def place(self) -> str:
            """Where it is, for a person: a path, an address without its password; empty for `memory`."""

        @property
        def persistent(self) -> bool:
            """Whether entries outlive the process."""

        @property
        def local(self) -> Store | None:
            """What of it stays on this machine: the store itself, its hot tier, or None. Private data goes nowhere else."""

        def get(self, namespace: str, key: bytes) -> bytes | None:
            """The value under a key; None when there is none, or when its time is over. Counts as a use for the eviction."""

        def entry(self, namespace: str, key: bytes) -> Entry | None:
            """The entry under a key with its tags and the seconds that it has left; else as `get`."""

        def put(self, namespace: str, key: bytes, value: bytes, *, ttl_s: float | None = None, tags: tuple[str, ...] = ()) -> bool:
            """Keep a value in the place of an older one. True: it is committed, and no crash of this process loses it in a store
            that is persistent (`batched` is the exception: it commits a moment later). False: it is not kept, because it is larger
            than all there is room for."""

        def put_many(self, namespace: str, entries: Iterable[Entry]) -> int:
            """Keep several, all or none where the store has transactions; how many are kept."""

        def delete(self, namespace: str, key: bytes) -> bool:
            """Forget an entry; whether there was one."""

        def clear(self, namespace: str | None = None) -> int:
            """Forget all entries of a namespace, or of the store; how many there were. Counts go too."""

        def known(self, namespace: str, *, tag: str | None = None) -> Iterator[Known]:
            """What is known of the entries, without their values, oldest first; those with a tag only. Entries that come or go
            meanwhile may be in it or not."""

        def items(self, namespace: str, *, tag: str | None = None) -> Iterator[tuple[bytes, bytes]]:
            """(key, value) of entries, oldest first; no use in the eyes of the eviction."""

        def namespaces(self) -> list[str]:
            """Those with entries, sorted."""

        def stats(self, namespace: str | None = None) -> StoreStats: ...

        def count(self, namespace: str, counts: Mapping[str, float]) -> None:
            """Add to figures that are kept beside the entries: hits of many processes, what they saved."""

        def counts(self, namespace: str) -> dict[str, float]:
            """What `count` has added up; empty where a store keeps no figures."""

        def flush(self) -> None:
            """Write what is still to be written: uses that were noted, the cold half of two tiers."""

        def close(self) -> None:
            """Flush and let go. The store is not used afterwards; may be called twice."""
