"""From several features of a pair to one score: how likely it is that one's answer serves for the other.

The guards refuse what they can name; the score says how much is left to doubt: words without an answer on the other side, cosine of
the templates, likeness of the frames.  It is a logistic regression whose weights are data (`data/weights.json`), fitted per kind of
embedder by `benches/semantic_fit.py` on pairs that the guards let through; an embedder without weights of its own is scored by the
features of words alone, and its cosine only has to reach `FLOOR`.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path

from rtfs.caching.semantic.alignment import Alignment

#: A pair below this cosine is not looked at: kinds of embedders differ in what is near.
FLOOR = {"minilm": 0.55, "hashed": 0.35}
DEFAULT_FLOOR = 0.6
FEATURES = (
    "cosine",
    "cosine above 0.8",
    "content shared",
    "one side left over",
    "both sides left over",
    "left over in all",
    "nothing left over",
    "one word left over",
    "words shared",
    "frames alike",
    "same question",
    "length ratio",
)


def features(pair: Alignment, cosine: float) -> list[float]:
    """In the order of `FEATURES`, each about 0 to 1; the same for a pair and its mirror image."""
    first, second = len(pair.only_a), len(pair.only_b)
    content = len(pair.a.content) + len(pair.b.content)
    shared = 2 * pair.shared / content if content else 1.0
    longer = max(len(pair.a.tokens), len(pair.b.tokens), 1)
    return [
        cosine,
        max(0.0, cosine - 0.8) * 5,
        shared,
        min(abs(first - second), 4) / 4,
        min(first, second, 3) / 3,
        min(first + second, 6) / 6,
        float(first + second == 0),
        float(first + second == 1),
        min(pair.shared, 5) / 5,
        pair.likeness,
        float(pair.a.question == pair.b.question),
        min(len(pair.a.tokens), len(pair.b.tokens)) / longer,
    ]


class Scorer:
    """The weights for one kind of embedder."""

    def __init__(self, kind: str, folder: Path = Path(__file__).parent / "data") -> None:
        table = json.loads((folder / "weights.json").read_text(encoding="ascii"))
        if tuple(table["features"]) != FEATURES:
            raise ValueError("weights.json is for other features; run benches/semantic_fit.py")
        self.uses_cosine = kind in table["weights"]
        own = table["weights"][kind if self.uses_cosine else "words"]
        self._weights: list[float] = own["weights"]
        self._bias: float = own["bias"]
        self.floor = FLOOR.get(kind, DEFAULT_FLOOR)
        """Cosine below which a pair is not looked at."""

    def score(self, pair: Alignment, cosine: float) -> float:
        """0 to 1."""
        total = self._bias + sum([weight * value for weight, value in zip(self._weights, features(pair, cosine))])
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, total))))


@lru_cache(maxsize=8)
def scorer(kind: str) -> Scorer:
    """The scorer for a kind of embedder; the weights are read once."""
    return Scorer(kind)
