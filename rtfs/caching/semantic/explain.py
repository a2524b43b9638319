"""Why two texts may share an answer, or may not: what `rtfs cache why` prints."""

from __future__ import annotations

from rtfs.caching.semantic.alignment import Alignment
from rtfs.caching.semantic.guards.all import Refusal, refusals
from rtfs.caching.semantic.score import scorer
from rtfs.caching.semantic.view import View
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.caching.semantic.embedding import Embedder

#: The score that is taken for good where no function's own threshold is known.
USUAL_THRESHOLD = 0.4


class Explanation(Struct):
    """The comparison of two texts.

    Attributes:
        refusals: objections of guards; any of them is a veto.
        cosine: of the templates; `score`: 0 to 1, how likely the answers are the same, if no guard objects.
        threshold: the score from which on an answer is served.
        serves: whether the one's answer is served for the other.
    """

    first: str
    second: str
    refusals: tuple[Refusal, ...]
    cosine: float
    score: float
    threshold: float
    serves: bool
    near: bool

    def lines(self) -> list[str]:
        """For a terminal."""
        out = [f"  {self.first}", f"  {self.second}"]
        out += [f"refused by the guard {refusal.guard}: {refusal.reason}" for refusal in self.refusals]
        if not self.near:
            out.append(f"not near enough to be looked at: cosine {self.cosine:.2f}")
        judged = "would be served" if self.serves else "is not served"
        out.append(f"cosine {self.cosine:.2f}, score {self.score:.2f}, threshold {self.threshold:.2f}: {judged}")
        return out

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "first": self.first,
            "second": self.second,
            "refusals": [{"guard": refusal.guard, "reason": refusal.reason} for refusal in self.refusals],
            "cosine": round(self.cosine, 4),
            "score": round(self.score, 4),
            "threshold": self.threshold,
            "serves": self.serves,
        }


def explain(first: str, second: str, *, embedder: Embedder | None = None, threshold: float = USUAL_THRESHOLD) -> Explanation:
    """Compare two texts as the layer does, with all objections instead of the first one.

    Args:
        embedder: `HashedEmbedder` if left out, which needs no weights.
    """
    if embedder is None:
        from rtfs.caching.semantic.embedding import HashedEmbedder

        embedder = HashedEmbedder()
    one, two = View(first), View(second)
    vectors = embedder.embed([one.masked.spoken(), two.masked.spoken()])
    return compare(one, two, float(vectors[0] @ vectors[1]), embedder.kind, threshold)


def compare(one: View, two: View, cosine: float, kind: str, threshold: float) -> Explanation:
    """The explanation of a pair whose cosine is known, for an embedder of a kind."""
    pair = Alignment(one, two)
    scale = scorer(kind)
    found = tuple(refusals(pair))
    score = scale.score(pair, cosine)
    near = cosine >= scale.floor
    serves = not found and near and score >= threshold
    return Explanation(one.masked.restore(), two.masked.restore(), found, cosine, score, threshold, serves, near)
