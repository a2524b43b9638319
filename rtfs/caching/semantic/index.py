"""Nearest neighbours among vectors of length 1: exact below some thousands, a graph of FAISS above.

Measured on two cores with 384 dimensions and real embeddings (`benches/semantic_scale.py`): the product of a matrix with a
vector answers in 0.2 ms at 10,000 vectors and in 4 ms at 100,000; the graph (HNSW; Malkov and Yashunin 2016) in 0.1, 0.4 and, at
a million, 0.9 ms, but takes 100 times as long to add one.  An index knows vectors by their keys and nothing else of them; it is
not locked, its owner is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    Vector = np.ndarray[Any, np.dtype[np.float32]]

#: Vectors from which on a graph is built, where FAISS is installed.
GRAPH_FROM = 8_000
_NEIGHBOURS = 32
_BUILDING = 128
#: (vectors of a graph, candidates that a search keeps): wider where there is more to lose one's way in.  The nearest of real texts
#: that no entry repeats is found 99.4 times of 100 at a million; with 64 and a building width of 80 it was 98.8 at 100,000.
_SEARCHING = ((600_000, 256), (200_000, 192), (0, 128))
#: Removed vectors stay in a graph, unseen, until they are this part of it; then it is built anew.
_REMOVED_SHARE = 0.25
#: Vectors that go into a growing graph with each new one.
_AT_ONCE = 8
#: Vectors that are in single precision at a time, and bytes of a file.
_STEP = 4096
_PIECE = 1 << 20


class Index(Protocol):
    """Vectors under keys."""

    def __len__(self) -> int: ...

    def keys(self) -> Iterable[bytes]: ...

    def add(self, key: bytes, vector: Vector) -> None:
        """Keep a vector under a key that is not in use."""

    def remove(self, key: bytes) -> bool:
        """Forget a vector; whether there was one."""

    def vector(self, key: bytes) -> Vector | None:
        """The vector under a key, if there is one."""

    def search(self, vector: Vector, most: int) -> list[tuple[bytes, float]]:
        """(key, cosine) of the nearest, nearest first; at most `most`."""
        ...


class Exact:
    """All vectors in one matrix."""

    def __init__(self, dimensions: int) -> None:
        import numpy as np

        self.dimensions = dimensions
        self._matrix = np.empty((4, dimensions), np.float32)
        self._keys: list[bytes] = []
        self._rows: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def keys(self) -> Iterable[bytes]:
        return self._keys

    def add(self, key: bytes, vector: Vector) -> None:
        import numpy as np

        row = len(self._keys)
        if row == len(self._matrix):
            grown = np.empty((2 * row, self._matrix.shape[1]), np.float32)
            grown[:row] = self._matrix
            self._matrix = grown
        self._matrix[row] = vector
        self._keys.append(key)
        self._rows[key] = row

    def remove(self, key: bytes) -> bool:
        row = self._rows.pop(key, None)
        if row is None:
            return False
        # the last one takes its place
        last = self._keys.pop()
        if last != key:
            self._matrix[row] = self._matrix[len(self._keys)]
            self._keys[row] = last
            self._rows[last] = row
        return True

    def vector(self, key: bytes) -> Vector | None:
        row = self._rows.get(key)
        return None if row is None else self._matrix[row]

    def search(self, vector: Vector, most: int) -> list[tuple[bytes, float]]:
        import numpy as np

        count = len(self._keys)
        if not count:
            return []
        cosines = self._matrix[:count] @ vector
        found = []
        # a few times the largest: a quarter of the time of a partial sort
        for _ in range(min(most, count)):
            row = int(cosines.argmax())
            found.append((self._keys[row], float(cosines[row])))
            cosines[row] = -np.inf
        return found


class Graph:
    """An HNSW graph of FAISS over vectors in half precision, which is what the store has of them too.

    What was removed stays a way through the graph, and is never an answer; see `worn`.
    """

    def __init__(self, dimensions: int) -> None:
        faiss = _faiss()
        faiss.omp_set_num_threads(1)
        self.dimensions = dimensions
        half = faiss.ScalarQuantizer.QT_fp16
        self._graph: Any = faiss.IndexHNSWSQ(dimensions, half, _NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        self._graph.hnsw.efConstruction = _BUILDING
        self.places: list[bytes | None] = []
        """The key of each place in the graph; None for what was removed."""
        self._of_key: dict[bytes, int] = {}
        self._there = bytearray()
        """A bit for each place, the lowest first: whether its key is still there."""

    @classmethod
    def of(cls, keys: list[bytes], vectors: Any) -> Graph:
        """A graph of many vectors at once, of any precision."""
        import numpy as np

        graph = cls(vectors.shape[1])
        for start in range(0, len(vectors), _STEP):
            graph._graph.add(np.ascontiguousarray(vectors[start : start + _STEP], np.float32))
        for key in keys:
            graph._place(key)
        return graph

    def _place(self, key: bytes | None) -> None:
        """The next place is that of a key."""
        place = len(self.places)
        if not place & 7:
            self._there.append(0)
        self.places.append(key)
        if key is not None:
            self._of_key[key] = place
            self._there[place >> 3] |= 1 << (place & 7)

    def __len__(self) -> int:
        return len(self._of_key)

    def __contains__(self, key: bytes) -> bool:
        return key in self._of_key

    def keys(self) -> Iterable[bytes]:
        return self._of_key

    @property
    def worn(self) -> bool:
        """Whether so much was removed that it had better be built anew."""
        return len(self.places) - len(self._of_key) > max(64, _REMOVED_SHARE * len(self.places))

    def add(self, key: bytes, vector: Vector) -> None:
        import numpy as np

        self._place(key)
        self._graph.add(np.ascontiguousarray(vector[None], np.float32))

    def remove(self, key: bytes) -> bool:
        place = self._of_key.pop(key, None)
        if place is None:
            return False
        self.places[place] = None
        self._there[place >> 3] &= ~(1 << (place & 7))
        return True

    def vector(self, key: bytes) -> Vector | None:
        place = self._of_key.get(key)
        if place is None:
            return None
        found: Vector = self._graph.reconstruct(place)
        return found

    def search(self, vector: Vector, most: int) -> list[tuple[bytes, float]]:
        import numpy as np

        faiss = _faiss()
        count = len(self.places)
        if not self._of_key:
            return []
        how = faiss.SearchParametersHNSW()
        how.efSearch = next(width for least, width in _SEARCHING if count >= least)
        if len(self._of_key) < count:
            how.sel = faiss.IDSelectorBitmap(np.frombuffer(self._there, np.uint8))
        cosines, places = self._graph.search(vector[None], min(count, most), params=how)
        found = []
        for place, cosine in zip(places[0].tolist(), cosines[0].tolist()):
            key = self.places[place] if place >= 0 else None
            if key is not None:
                found.append((key, cosine))
        return found

    def write(self, out: Callable[[bytes], object]) -> None:
        """Give the graph out in pieces, so that there is never a second one in memory."""
        faiss = _faiss()
        faiss.write_index(self._graph, faiss.PyCallbackIOWriter(out, _PIECE))

    @classmethod
    def read(cls, take: Callable[[int], bytes], keys: Iterable[bytes | None], dimensions: int) -> Graph:
        """A graph that was written, with the keys that its places have now.

        Raises:
            ValueError: this is no graph of that many vectors of that width.
        """
        faiss = _faiss()
        try:
            found = faiss.read_index(faiss.PyCallbackIOReader(take, _PIECE))
        except RuntimeError as error:
            raise ValueError("no index of FAISS") from error
        graph = cls(dimensions)
        for key in keys:
            graph._place(key)
        if not isinstance(found, faiss.IndexHNSWSQ) or found.ntotal != len(graph.places) or found.d != dimensions:
            raise ValueError("another index than expected")
        graph._graph = found
        graph._graph.hnsw.efConstruction = _BUILDING
        return graph


class Growing:
    """An index on its way to a graph: a few vectors more with each change, so that no single one waits for all.

    The older one answers until then: an exact index that has become large, or a graph that is worn.
    """

    def __init__(self, older: Exact | Graph) -> None:
        self._older = older
        self.graph = Graph(older.dimensions)
        """Complete when `done`."""
        self._left = list(older.keys())

    @property
    def done(self) -> bool:
        return not self._left

    def __len__(self) -> int:
        return len(self._older)

    def keys(self) -> Iterable[bytes]:
        return self._older.keys()

    def _grow(self) -> None:
        for _ in range(min(_AT_ONCE, len(self._left))):
            key = self._left.pop()
            vector = self._older.vector(key)
            # gone meanwhile, or replaced
            if vector is not None and key not in self.graph:
                self.graph.add(key, vector)

    def add(self, key: bytes, vector: Vector) -> None:
        self._older.add(key, vector)
        self.graph.add(key, vector)
        self._grow()

    def remove(self, key: bytes) -> bool:
        self.graph.remove(key)
        removed = self._older.remove(key)
        self._grow()
        return removed

    def vector(self, key: bytes) -> Vector | None:
        return self._older.vector(key)

    def search(self, vector: Vector, most: int) -> list[tuple[bytes, float]]:
        return self._older.search(vector, most)


def _faiss() -> Any:
    # its stubs know the classes without what its Python part adds to them
    import faiss

    return faiss


def faiss_there() -> bool:
    """Whether FAISS can be imported."""
    import importlib.util

    return importlib.util.find_spec("faiss") is not None
