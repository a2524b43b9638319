"""What the rules and the score do with pairs: a floor under the figures of docs/semantic-cache.md, without weights."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("numpy")

from benches import semantic_quality
from benches.semantic_fit import read_pairs
from rtfs.caching.semantic.embedding import HashedEmbedder
from rtfs.caching.semantic.explain import USUAL_THRESHOLD

DATA = Path(semantic_quality.__file__).parent / "data"


@pytest.mark.parametrize("name,least_right", [("semantic_pairs", 0.6), ("semantic_unseen", 0.7)])
def test_near_misses_are_refused_and_rewordings_served(name: str, least_right: float) -> None:
    rows = semantic_quality.judge(read_pairs(DATA / f"{name}.jsonl"), HashedEmbedder())
    right, false = semantic_quality.shares(rows, lambda row: row.score >= USUAL_THRESHOLD)
    assert false <= 0.02
    assert right >= least_right
    # by cosine alone, most of the near misses would be served where as many rewordings are
    cuts = sorted((row.plain for row in rows if row.label), reverse=True)
    cut = cuts[round(right * len(cuts)) - 1]
    assert semantic_quality.shares(rows, lambda row: row.plain >= cut)[1] > 10 * max(false, 0.02)


def test_the_pairs_are_what_they_say() -> None:
    rows = read_pairs(DATA / "semantic_pairs.jsonl")
    assert len({(row["a"], row["b"]) for row in rows}) == len(rows) > 350
    assert {row["label"] for row in rows} == {0, 1}
    assert all(row["kind"] == "paraphrase" for row in rows if row["label"])
    unseen = {(row["a"], row["b"]) for row in read_pairs(DATA / "semantic_unseen.jsonl")}
    assert not unseen & {(row["a"], row["b"]) for row in rows}
