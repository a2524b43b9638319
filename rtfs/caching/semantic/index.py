"""Nearest neighbours among vectors of length 1: exact below some thousands, a graph of FAISS above.

Measured on two cores with 384 dimensions (`benches/semantic_speed.py`): the product of a matrix with a vector answers in 0.2 ms
at 10,000 vectors and in 4 ms at 100,000; the graph (HNSW; Malkov and Yashunin 2016) in 0.2 ms at either and 0.6 ms at a million,
but takes 100 times as long to add one.  An index gives numbers to vectors and knows nothing else of them; it is not locked, its
owner is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    Vector = np.ndarray[Any, np.dtype[np.float32]]

#: Vectors from which on a graph is built, where FAISS is installed.
GRAPH_FROM = 8_000
_NEIGHBOURS = 32
_BUILDING = 80
#: Removed vectors stay in a graph, unseen, until they are this part of it; then it is built anew.
_REMOVED_SHARE = 0.25
#: Vectors that go into a growing graph with each new one.
_AT_ONCE = 8


class Index(Protocol):
    """Vectors under numbers."""

    kind: str

    def __len__(self) -> int: ...

    def add(self, number: int, vector: Vector) -> None:
        """Keep a vector under a number that is not in use."""

    def remove(self, number: int) -> bool:
        """Forget a vector; whether there was one."""

    def search(self, vector: Vector, most: int) -> list[tuple[int, float]]:
        """(number, cosine) of the nearest, nearest first; at most `most`."""
        ...

    def items(self) -> Iterator[tuple[int, Vector]]: ...


class Exact:
    """All vectors in one matrix."""

    kind = "exact"

    def __init__(self, dimensions: int) -> None:
        import numpy as np

        self.dimensions = dimensions
        self._matrix = np.empty((4, dimensions), np.float32)
        self._numbers: list[int] = []
        self._rows: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, number: int, vector: Vector) -> None:
        import numpy as np

        row = len(self._numbers)
        if row == len(self._matrix):
            grown = np.empty((2 * row, self._matrix.shape[1]), np.float32)
            grown[:row] = self._matrix
            self._matrix = grown
        self._matrix[row] = vector
        self._numbers.append(number)
        self._rows[number] = row

    def remove(self, number: int) -> bool:
        row = self._rows.pop(number, None)
        if row is None:
            return False
        # the last one takes its place
        last = self._numbers.pop()
        if last != number:
            self._matrix[row] = self._matrix[len(self._numbers)]
            self._numbers[row] = last
            self._rows[last] = row
        return True

    def search(self, vector: Vector, most: int) -> list[tuple[int, float]]:
        import numpy as np

        count = len(self._numbers)
        if not count:
            return []
        cosines = self._matrix[:count] @ vector
        found = []
        # a few times the largest: a quarter of the time of a partial sort
        for _ in range(min(most, count)):
            row = int(cosines.argmax())
            found.append((self._numbers[row], float(cosines[row])))
            cosines[row] = -np.inf
        return found

    def items(self) -> Iterator[tuple[int, Vector]]:
        yield from zip(self._numbers, self._matrix)

    def vector(self, number: int) -> Vector | None:
        """The vector under a number, if there is one."""
        row = self._rows.get(number)
        return None if row is None else self._matrix[row]


class Graph:
    """An HNSW graph of FAISS; what was removed is skipped until the graph is built anew."""

    kind = "graph"

    def __init__(self, dimensions: int) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        self._dimensions = dimensions
        self._graph: Any = faiss.IndexHNSWFlat(dimensions, _NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        self._graph.hnsw.efConstruction = _BUILDING
        self.numbers: list[int] = []
        """By place in the graph; -1 for what was removed."""
        self._places: dict[int, int] = {}

    @classmethod
    def of(cls, numbers: list[int], vectors: Any) -> Graph:
        """A graph of many vectors at once."""
        graph = cls(vectors.shape[1])
        graph._graph.add(vectors)
        graph.numbers = list(numbers)
        graph._places = {number: place for place, number in enumerate(numbers)}
        return graph

    def __len__(self) -> int:
        return len(self._places)

    def add(self, number: int, vector: Vector) -> None:
        self._places[number] = len(self.numbers)
        self.numbers.append(number)
        self._graph.add(vector[None])

    def remove(self, number: int) -> bool:
        place = self._places.pop(number, None)
        if place is None:
            return False
        self.numbers[place] = -1
        if len(self.numbers) - len(self._places) > max(64, _REMOVED_SHARE * len(self.numbers)):
            self._rebuild()
        return True

    def _rebuild(self) -> None:
        import numpy as np

        kept = list(self.items())
        vectors = np.array([vector for _, vector in kept], np.float32).reshape(len(kept), self._dimensions)
        fresh = Graph.of([number for number, _ in kept], vectors)
        self._graph, self.numbers, self._places = fresh._graph, fresh.numbers, fresh._places

    def search(self, vector: Vector, most: int) -> list[tuple[int, float]]:
        count = len(self.numbers)
        if not self._places:
            return []
        # wider where there is more to lose one's way in: recall of the nearest stays above 0.99 (measured to a million)
        removed = count - len(self._places)
        self._graph.hnsw.efSearch = 64 if count <= 200_000 else 96 if count <= 600_000 else 160
        wanted = min(count, most + min(removed, 60))
        cosines, places = self._graph.search(vector[None], wanted)
        found = [(self.numbers[place], cosine) for place, cosine in zip(places[0].tolist(), cosines[0].tolist()) if place >= 0]
        return [pair for pair in found if pair[0] >= 0][:most]

    def items(self) -> Iterator[tuple[int, Vector]]:
        import numpy as np

        step = 4096
        for start in range(0, len(self.numbers), step):
            vectors = self._graph.reconstruct_n(start, min(step, len(self.numbers) - start))
            for number, vector in zip(self.numbers[start : start + step], np.asarray(vectors)):
                if number >= 0:
                    yield number, vector

    def to_bytes(self) -> bytes:
        import faiss

        return bytes(faiss.serialize_index(self._graph))

    @classmethod
    def from_bytes(cls, data: bytes, numbers: list[int], dimensions: int) -> Graph:
        """
        Raises:
            ValueError: this is no graph of that many vectors of that width.
        """
        import faiss
        import numpy as np

        try:
            found = faiss.deserialize_index(np.frombuffer(data, np.uint8))
        except RuntimeError as error:
            raise ValueError("no index of FAISS") from error
        if not isinstance(found, faiss.IndexHNSWFlat) or found.ntotal != len(numbers) or found.d != dimensions:
            raise ValueError("another index than expected")
        graph = cls(dimensions)
        graph._graph = found
        graph.numbers = list(numbers)
        graph._places = {number: place for place, number in enumerate(numbers) if number >= 0}
        return graph


class Growing:
    """An exact index on its way to a graph: a few vectors more with each one that is added, so that no single one waits for all."""

    kind = "growing"

    def __init__(self, exact: Exact) -> None:
        self._exact = exact
        self.graph = Graph(exact.dimensions)
        """Complete when `done`."""
        self._left = [number for number, _ in exact.items()]

    @property
    def done(self) -> bool:
        return not self._left

    def __len__(self) -> int:
        return len(self._exact)

    def add(self, number: int, vector: Vector) -> None:
        self._exact.add(number, vector)
        self.graph.add(number, vector)
        for _ in range(min(_AT_ONCE, len(self._left))):
            older = self._left.pop()
            row = self._exact.vector(older)
            if row is not None:
                self.graph.add(older, row)

    def remove(self, number: int) -> bool:
        self.graph.remove(number)
        return self._exact.remove(number)

    def search(self, vector: Vector, most: int) -> list[tuple[int, float]]:
        return self._exact.search(vector, most)

    def items(self) -> Iterator[tuple[int, Vector]]:
        return self._exact.items()


def faiss_there() -> bool:
    """Whether FAISS can be imported."""
    import importlib.util

    return importlib.util.find_spec("faiss") is not None
