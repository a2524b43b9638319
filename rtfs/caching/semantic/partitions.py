"""The index of what is cached: partitions of buckets of vectors, rebuilt from the store, which alone is the truth.

    partition (function, model, tenant, …)  ─▶  bucket (numbers, quoted strings, codes)  ─▶  an `Index`

A partition is read from the store when it is first asked for.  Buckets that grow beyond `GRAPH_FROM` become graphs, which are
saved as files, since building one takes long; a file that is missing, damaged, or of other entries than the store has is not
used.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from rtfs.caching.encoding import Malformed, decode, encode
from rtfs.caching.semantic.index import GRAPH_FROM, Exact, Graph, Growing, Index, faiss_there

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAGIC = b"rtfs-graph-1\n"


class Partitions:
    """Which entries there are, and where. Not locked: its owner is.

    Args:
        folder: where graphs are saved; None: nowhere.
        graph_from: entries of one bucket from which on it is a graph.
    """

    def __init__(self, dimensions: int, *, identity: str = "", folder: Path | None = None, graph_from: int = GRAPH_FROM) -> None:
        self._dimensions, self._identity = dimensions, identity
        self._folder = folder
        self._graph_from = graph_from if faiss_there() else 1 << 62
        self._buckets: dict[bytes, dict[bytes, Index]] = {}
        #: key of an entry -> (its number, partition, bucket), the one that was used the longest ago first
        self._where: OrderedDict[bytes, tuple[int, bytes, bytes]] = OrderedDict()
        self._keys: dict[int, bytes] = {}
        self._next = 0
        self._unsaved: set[tuple[bytes, bytes]] = set()

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, key: bytes) -> bool:
        return key in self._where

    def loaded(self, partition: bytes) -> bool:
        return partition in self._buckets

    def load(self, partition: bytes, entries: Iterable[tuple[bytes, bytes, Any]]) -> None:
        """Take in what the store has for a partition: (key, bucket, vector) of each entry."""
        if partition in self._buckets:
            return
        self._buckets[partition] = {}
        several: dict[bytes, list[tuple[bytes, Any]]] = {}
        for key, bucket, vector in entries:
            several.setdefault(bucket, []).append((key, vector))
        for bucket, rows in several.items():
            self._fill(partition, bucket, rows)

    def _fill(self, partition: bytes, bucket: bytes, rows: list[tuple[bytes, Any]]) -> None:
        import numpy as np

        numbers = []
        for key, _ in rows:
            numbers.append(self._number(key, partition, bucket))
        index: Index
        if len(rows) >= self._graph_from:
            saved = self._read(bucket, dict(zip([key for key, _ in rows], zip(numbers, [vector for _, vector in rows]))))
            if saved is None:
                saved = Graph.of(numbers, np.array([vector for _, vector in rows], np.float32))
                self._unsaved.add((partition, bucket))
            index = saved
        else:
            index = Exact(self._dimensions)
            for number, (_, vector) in zip(numbers, rows):
                index.add(number, vector)
        self._buckets[partition][bucket] = index

    def _number(self, key: bytes, partition: bytes, bucket: bytes) -> int:
        number = self._next
        self._next += 1
        self._where[key] = (number, partition, bucket)
        self._keys[number] = key
        return number

    def add(self, key: bytes, partition: bytes, bucket: bytes, vector: Any) -> None:
        """Take in an entry; one of the same key is replaced."""
        self.remove(key)
        buckets = self._buckets.setdefault(partition, {})
        index = buckets.get(bucket)
        if index is None:
            index = buckets[bucket] = Exact(self._dimensions)
        index.add(self._number(key, partition, bucket), vector)
        if isinstance(index, Graph):
            self._unsaved.add((partition, bucket))
        elif isinstance(index, Growing) and index.done:
            buckets[bucket] = index.graph
            self._unsaved.add((partition, bucket))
        elif isinstance(index, Exact) and len(index) >= self._graph_from:
            buckets[bucket] = Growing(index)

    def remove(self, key: bytes) -> bool:
        """Forget an entry; whether it was known."""
        found = self._where.pop(key, None)
        if found is None:
            return False
        number, partition, bucket = found
        del self._keys[number]
        index = self._buckets[partition][bucket]
        index.remove(number)
        if not len(index):
            del self._buckets[partition][bucket]
        elif index.kind == "graph":
            self._unsaved.add((partition, bucket))
        return True

    def search(self, partition: bytes, bucket: bytes, vector: Any, most: int) -> list[tuple[bytes, float]]:
        """(key, cosine) of the nearest entries in a bucket, nearest first."""
        index = self._buckets.get(partition, {}).get(bucket)
        if index is None:
            return []
        return [(self._keys[number], cosine) for number, cosine in index.search(vector, most)]

    def search_all(self, partition: bytes, vector: Any, most: int) -> list[tuple[bytes, float]]:
        """The same over all buckets of a partition: for explaining, not for answering."""
        found: list[tuple[bytes, float]] = []
        for bucket in self._buckets.get(partition, {}):
            found += self.search(partition, bucket, vector, most)
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:most]

    def used(self, key: bytes) -> None:
        """An entry was of use just now."""
        if key in self._where:
            self._where.move_to_end(key)

    def oldest(self) -> bytes:
        """The entry that was used, or taken in, the longest ago; there has to be one."""
        return next(iter(self._where))

    def keys(self) -> list[bytes]:
        return list(self._where)

    def clear(self) -> None:
        self._buckets.clear()
        self._where.clear()
        self._keys.clear()
        self._unsaved.clear()

    # --- files ---

    def save(self) -> int:
        """Write the graphs that changed; how many. What cannot be written is built anew the next time."""
        written = 0
        if self._folder is not None:
            for partition, bucket in sorted(self._unsaved):
                index = self._buckets.get(partition, {}).get(bucket)
                if isinstance(index, Graph):
                    with contextlib.suppress(OSError, Malformed):
                        self._write(bucket, index)
                        written += 1
        self._unsaved.clear()
        return written

    def _path(self, bucket: bytes) -> Path | None:
        return None if self._folder is None else self._folder / f"{bucket.hex()[:40]}.graph"

    def _write(self, bucket: bytes, graph: Graph) -> None:
        path = self._path(bucket)
        assert path is not None
        keys = b"".join(self._keys.get(number, bytes(32)) for number in graph.numbers)
        body = encode([self._identity, keys, graph.to_bytes()])
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(_MAGIC + blake2b(body, digest_size=32).digest() + body)
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)

    def _read(self, bucket: bytes, there: dict[bytes, tuple[int, Any]]) -> Graph | None:
        """The saved graph of a bucket, brought up to what the store has; None when it is of no use."""
        path = self._path(bucket)
        try:
            data = b"" if path is None else path.read_bytes()
        except OSError:
            return None
        start = len(_MAGIC) + 32
        if not data.startswith(_MAGIC) or blake2b(data[start:], digest_size=32).digest() != data[len(_MAGIC) : start]:
            return None
        try:
            identity, keys, raw = decode(data[start:])
            if identity != self._identity:
                return None
            known = [bytes(keys[at : at + 32]) for at in range(0, len(keys), 32)]
            left = dict(there)
            numbers = [left.pop(key)[0] if key in left else -1 for key in known]
            if numbers.count(-1) + len(left) > len(there) // 4:
                return None
            graph = Graph.from_bytes(raw, numbers, self._dimensions)
        except (Malformed, ValueError, TypeError):
            return None
        for number, vector in left.values():
            graph.add(number, vector)
        return graph
