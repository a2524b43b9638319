"""Fits the weights of the semantic cache's score.

python -m benches.semantic_fit --data FOLDER [--minilm FOLDER] [--write]

Fitted on pairs of texts that the guards let through, since the score only ever sees those:

* paraphrases: `benches/data/semantic_pairs.jsonl` (ours), `semantic/pairs_dev.jsonl` (ours), and a part of
  `semantic/gptcache_mock_pairs.json` (MIT);
* others: of BANKING77 (CC BY 4.0), the nearest questions with another intent; of the mock pairs, the nearest other sentence;
  the negatives of the files above that no guard refuses.

FOLDER is a copy of the development data (`semantic/`, `banking77/`).  CheckList pairs are not used.  Printed is the area under the
curve in 5-fold cross-validation; with `--write`, `rtfs/caching/semantic/data/weights.json` is written.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from pathlib import Path
from typing import Any

import numpy as np

from rtfs.caching.semantic.alignment import Alignment
from rtfs.caching.semantic.embedding import Embedder, HashedEmbedder
from rtfs.caching.semantic.guards.all import first_refusal
from rtfs.caching.semantic.masking import mask
from rtfs.caching.semantic.minilm import MiniLM
from rtfs.caching.semantic.score import FEATURES, FLOOR, features
from rtfs.caching.semantic.view import View

OWN = Path(__file__).parent / "data" / "semantic_pairs.jsonl"
_WEIGHTS = Path(__file__).parents[1] / "rtfs" / "caching" / "semantic" / "data" / "weights.json"
_RIDGE = 1.0
_BANKING, _MOCK = 2500, 400


def read_pairs(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of pairs: `a`, `b`, `label`, `kind`."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [row for row in rows if "a" in row]


def embed(embedder: Embedder, texts: list[str]) -> Any:
    return embedder.embed([mask(text).spoken() for text in texts])


def training(data: Path, embedder: Embedder) -> list[tuple[str, str, float, int, float]]:
    """(a, b, cosine, label, weight) of pairs that no guard refuses."""
    rng = random.Random(0)
    found: list[tuple[str, str, float, int, float]] = []
    for path in (OWN, data / "semantic" / "pairs_dev.jsonl"):
        rows = read_pairs(path)
        left, right = embed(embedder, [r["a"] for r in rows]), embed(embedder, [r["b"] for r in rows])
        cosines = (left * right).sum(1)
        found += [(r["a"], r["b"], float(c), r["label"], 3.0) for r, c in zip(rows, cosines)]
    mock = json.loads((data / "semantic" / "gptcache_mock_pairs.json").read_text(encoding="utf-8"))
    rng.shuffle(mock)
    mock = mock[:_MOCK]
    left, right = embed(embedder, [m["origin"] for m in mock]), embed(embedder, [m["similar"] for m in mock])
    cosines = left @ right.T
    found += [(m["origin"], m["similar"], float(cosines[i, i]), 1, 0.5) for i, m in enumerate(mock)]
    np.fill_diagonal(cosines, -1)
    found += [(mock[i]["origin"], mock[int(j)]["similar"], float(cosines[i, j]), 0, 0.5) for i, j in enumerate(cosines.argmax(1))]
    with (data / "banking77" / "train.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    rng.shuffle(rows)
    rows = rows[:_BANKING]
    vectors = embed(embedder, [r["text"] for r in rows])
    names = np.array([r["category"] for r in rows])
    near = vectors @ vectors.T
    near[names[:, None] == names[None]] = -1
    for i, j in enumerate(near.argmax(1)):
        found.append((rows[i]["text"], rows[int(j)]["text"], float(near[i, j]), 0, 1.0))
    floor = FLOOR[embedder.kind]
    return [row for row in found if row[2] >= floor and first_refusal(Alignment(View(row[0]), View(row[1]))) is None]


def logistic(x: Any, y: Any, weight: Any) -> tuple[Any, float]:
    """Weights and bias by Newton's method, with a ridge on the weights only."""
    rows = np.c_[x, np.ones(len(x))]
    ridge = np.diag([_RIDGE] * x.shape[1] + [0.0])
    beta = np.zeros(rows.shape[1])
    for _ in range(60):
        p = 1 / (1 + np.exp(-rows @ beta))
        gradient = rows.T @ (weight * (y - p)) - ridge @ beta
        step = np.linalg.solve((rows * (weight * p * (1 - p))[:, None]).T @ rows + ridge, gradient)
        beta += step
        if np.abs(step).max() < 1e-9:
            break
    return beta[:-1], float(beta[-1])


def area(scores: Any, labels: Any) -> float:
    """The chance that a paraphrase scores above another pair."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    positive = labels == 1
    n = positive.sum()
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (~positive).sum()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minilm", type=Path, help="folder with model.safetensors and vocab.txt")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    embedders: list[Embedder] = [HashedEmbedder()]
    if options.minilm:
        embedders.append(MiniLM(options.minilm / "model.safetensors"))
    table = json.loads(_WEIGHTS.read_text()) if _WEIGHTS.is_file() else {}
    table = {"features": list(FEATURES), "weights": table.get("weights", {}) if table.get("features") == list(FEATURES) else {}}
    for embedder in embedders:
        rows = training(options.data, embedder)
        x = np.array([features(Alignment(View(a), View(b)), c) for a, b, c, _, _ in rows])
        y = np.array([label for *_, label, _ in rows])
        weight = np.array([w for *_, w in rows])
        kinds = [(embedder.kind, np.ones(x.shape[1]))]
        if embedder.kind == embedders[-1].kind:
            kinds.append(("words", np.array([0.0, 0.0] + [1.0] * (x.shape[1] - 2))))
        for kind, used in kinds:
            part = x * used
            folds = np.random.default_rng(0).integers(0, 5, len(y))
            held = np.empty(len(y))
            for fold in range(5):
                w, b = logistic(part[folds != fold], y[folds != fold], weight[folds != fold])
                held[folds == fold] = part[folds == fold] @ w + b
            w, b = logistic(part, y, weight)
            cuts = [np.quantile(held[y == 0], 1 - share) for share in (0.02, 0.05, 0.1)]
            print(
                "recall with 2, 5, 10 % of the others served:",
                *[f"{(held[y == 1] >= cut).mean():.3f} (p {1 / (1 + np.exp(-cut)):.2f})" for cut in cuts],
            )
            print(f"{kind}: {int(y.sum())} paraphrases, {int((1 - y).sum())} others")
            print(f"area, cross-validated: {area(held, y):.3f}; of the cosine alone: {area(x[:, 0], y):.3f}")
            for name, value in zip(FEATURES, w):
                print(f"    {value:8.3f}  {name}")
            print(f"    {b:8.3f}  bias")
            table["weights"][kind] = {"weights": [round(float(v), 4) for v in w], "bias": round(b, 4)}
    if options.write:
        _WEIGHTS.write_text(json.dumps(table, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
