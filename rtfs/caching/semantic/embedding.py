"""What turns a text into a vector, and the embedder that needs nothing but numpy.

Vectors are float32 of length 1, so that their product is the cosine.  Two embedders must never share an index: `identity` says
which weights, at which precision, made a vector, and is stored beside it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    Vectors = np.ndarray[Any, np.dtype[np.float32]]


class Embedder(Protocol):
    """Turns texts into vectors.  Safe to call from several threads at once."""

    identity: str
    """Weights, runtime and precision: equal texts have equal vectors (to 0.001) for equal identities."""
    kind: str
    """Which fitted weights of `score.py` are meant for its cosines: `minilm`, `hashed`, or anything else for none."""
    dimensions: int

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row of length 1 for each text."""
        ...

    def covers(self, text: str) -> bool:
        """Whether the whole text goes into the vector; what is too long is not cached by meaning."""
        ...


class HashedEmbedder:
    """Words and runs of letters, hashed into a vector: finds texts that share spelling, and knows nothing of meaning.

    What works without weights.  It finds `refund my order` for `order refund`, and not `money back`; measured beside MiniLM in
    `docs/semantic-cache.md`.  About 0.1 ms a question.
    """

    kind = "hashed"

    def __init__(self, dimensions: int = 512) -> None:
        self.dimensions = dimensions
        self.identity = f"hashed-{dimensions}-1"
        self._memo: dict[str, list[tuple[int, float]]] = {}

    def covers(self, text: str) -> bool:
        return len(text) <= 4000

    def embed(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        out = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in zip(out, texts):
            for word in unicodedata.normalize("NFKD", text).casefold().split():
                word = word.strip(".,;:!?()[]{}\"'")
                for at, value in self._parts(word):
                    row[at] += value
            length = float(np.sqrt(row @ row))
            if length:
                row /= length
            else:
                row[0] = 1.0
        return out

    def _parts(self, word: str) -> list[tuple[int, float]]:
        known = self._memo.get(word)
        if known is None:
            marked = f"<{word}>"
            parts = [marked] + [marked[i : i + n] for n in (3, 4, 5) for i in range(len(marked) - n + 1)]
            # a long word has more parts than a short one and should not weigh more for it
            weight = 1.0 / (len(parts) ** 0.5) if word not in _COMMON else 0.3 / (len(parts) ** 0.5)
            known = []
            for part in parts:
                digest = blake2b(part.encode(), digest_size=8).digest()
                known.append((int.from_bytes(digest[:4]) % self.dimensions, weight if digest[4] & 1 else -weight))
            if len(self._memo) < 50_000:
                self._memo[word] = known
        return known


_COMMON = frozenset(
    [
        "a",
        "an",
        "the",
        "i",
        "you",
        "he",
        "she",
        "it",
        "we",
        "they",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "do",
        "does",
        "did",
        "have",
        "has",
        "had",
        "can",
        "could",
        "will",
        "would",
        "should",
        "may",
        "might",
        "must",
        "to",
        "of",
        "in",
        "on",
        "at",
        "by",
        "for",
        "with",
        "from",
        "as",
        "and",
        "or",
        "but",
        "not",
        "no",
        "what",
        "which",
        "who",
        "when",
        "where",
        "why",
        "how",
        "my",
        "your",
        "his",
        "her",
        "its",
        "our",
        "their",
        "this",
        "that",
        "me",
        "please",
        "tell",
    ]
)
