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
    from typing import Any, BinaryIO

_MAGIC = b"rtfs-graph-2\n"
_DIGEST = 32


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
        #: key of an entry -> (partition, bucket), one pair for all of a bucket; the one that was used the longest ago first
        self._where: OrderedDict[bytes, tuple[bytes, bytes]] = OrderedDict()
        self._places: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = {}
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
        import numpy as np

        several: dict[bytes, tuple[list[bytes], bytearray]] = {}
        for key, bucket, vector in entries:
            keys, rows = several.setdefault(bucket, ([], bytearray()))
            keys.append(key)
            # a million rows in single precision would be 1.5 GB
            rows += np.asarray(vector, "<f2").tobytes()
        self._buckets[partition] = {}
        for bucket in list(several):
            keys, rows = several.pop(bucket)
            self._fill(partition, bucket, keys, np.frombuffer(rows, "<f2").reshape(len(keys), self._dimensions))

    def _fill(self, partition: bytes, bucket: bytes, keys: list[bytes], rows: Any) -> None:
        index: Index
        if len(keys) >= self._graph_from:
            saved = self._read(bucket, keys, rows)
            if saved is None:
                saved = Graph.of(keys, rows)
                self._unsaved.add((partition, bucket))
            index = saved
        else:
            index = Exact(self._dimensions)
            for key, row in zip(keys, rows):
                index.add(key, row)
        place = self._place(partition, bucket)
        for key in keys:
            self._where[key] = place
        self._buckets[partition][bucket] = index

    def add(self, key: bytes, partition: bytes, bucket: bytes, vector: Any) -> None:
        """Take in an entry; one of the same key is replaced."""
        self.remove(key)
        buckets = self._buckets.setdefault(partition, {})
        index = buckets.get(bucket)
        if index is None:
            index = buckets[bucket] = Exact(self._dimensions)
        index.add(key, vector)
        self._where[key] = self._place(partition, bucket)
        self._changed(partition, bucket, index)

    def _place(self, partition: bytes, bucket: bytes) -> tuple[bytes, bytes]:
        """The same pair each time: a million of them would be 60 MB."""
        return self._places.setdefault((partition, bucket), (partition, bucket))

    def _changed(self, partition: bytes, bucket: bytes, index: Index) -> None:
        """An index may have come to be of another kind than suits it."""
        buckets = self._buckets[partition]
        if isinstance(index, Growing):
            if index.done:
                index = buckets[bucket] = index.graph
        elif isinstance(index, Graph):
            if index.worn:
                buckets[bucket] = Growing(index)
        elif isinstance(index, Exact) and len(index) >= self._graph_from:
            buckets[bucket] = Growing(index)
        if isinstance(index, Graph):
            self._unsaved.add((partition, bucket))

    def remove(self, key: bytes) -> bool:
        """Forget an entry; whether it was known."""
        found = self._where.pop(key, None)
        if found is None:
            return False
        partition, bucket = found
        index = self._buckets[partition][bucket]
        index.remove(key)
        if len(index):
            self._changed(partition, bucket, index)
        else:
            del self._buckets[partition][bucket]
            self._places.pop(found, None)
        return True

    def search(self, partition: bytes, bucket: bytes, vector: Any, most: int) -> list[tuple[bytes, float]]:
        """(key, cosine) of the nearest entries in a bucket, nearest first."""
        index = self._buckets.get(partition, {}).get(bucket)
        if index is None:
            return []
        return index.search(vector, most)

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
        self._places.clear()
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
        head = encode([self._identity, b"".join([key or bytes(32) for key in graph.places])])
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as out:
                digest = blake2b(digest_size=_DIGEST)

                def write(data: bytes) -> None:
                    digest.update(data)
                    out.write(data)

                out.write(_MAGIC + bytes(_DIGEST))
                write(len(head).to_bytes(8))
                write(head)
                graph.write(write)
                out.seek(len(_MAGIC))
                out.write(digest.digest())
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)

    def _read(self, bucket: bytes, there: list[bytes], rows: Any) -> Graph | None:
        """The saved graph of a bucket, brought up to what the store has; None when it is of no use.

        Args:
            there: keys in the store.
            rows: and the vector of each.
        """
        path = self._path(bucket)
        try:
            with contextlib.nullcontext() if path is None else path.open("rb") as file:
                if file is None or not _whole(file):
                    return None
                identity, keys = decode(file.read(int.from_bytes(file.read(8))))
                if identity != self._identity:
                    return None
                left = {key: at for at, key in enumerate(there)}
                known = [left.pop(keys[at : at + 32], -1) for at in range(0, len(keys), 32)]
                if known.count(-1) + len(left) > len(there) // 4:
                    return None
                graph = Graph.read(file.read, [None if at < 0 else there[at] for at in known], self._dimensions)
        except (OSError, Malformed, ValueError, TypeError):
            return None
        for at in left.values():
            graph.add(there[at], rows[at])
        return graph


def _whole(file: BinaryIO) -> bool:
    """Whether a file is what was written; it is left at the begin of its content."""
    if file.read(len(_MAGIC)) != _MAGIC:
        return False
    expected, digest = file.read(_DIGEST), blake2b(digest_size=_DIGEST)
    while piece := file.read(1 << 20):
        digest.update(piece)
    file.seek(len(_MAGIC) + _DIGEST)
    return digest.digest() == expected
