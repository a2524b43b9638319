"""How fast the semantic cache looks up: embedding, and the whole look-up at 10,000 entries; `semantic_scale` has a million.

    python -m benches.semantic_speed                                             10,000 entries, vectors of the hashed embedder
    python -m benches.semantic_speed --data FOLDER --minilm FOLDER               real questions and real vectors

Times are process time of one thread, so that what else runs on the machine hardly moves them; `--wall` measures the clock instead.
`--vectors` keeps the embedded questions between runs.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from rtfs.caching import keys
from rtfs.caching.layer import CacheConfig
from rtfs.caching.question import Kept, Question
from rtfs.caching.semantic.budget import BudgetSettings
from rtfs.caching.semantic.embedding import Embedder, HashedEmbedder
from rtfs.caching.semantic.layer import SemanticCache
from rtfs.caching.semantic.masking import mask
from rtfs.caching.semantic.minilm import MiniLM
from rtfs.caching.stores.memory import MemoryStore
from rtfs.models.protocol import ModelRequest, Parameter
from rtfs.types.nodes import STRING

_ENDS = (
    "", "on my phone", "since yesterday", "in the new app", "for my business account", "while I am abroad", "for my daughter",
    "with my other card", "after the update", "before the weekend", "at the airport", "in the branch",
)  # fmt: skip
_WORDS = "card account payment order refund ticket parcel phone password invoice flight hotel train house garden contract".split()  # noqa: SIM905
clock = time.process_time


class Remembered:
    """An embedder that has the vectors already: what is left is the cost of everything else."""

    def __init__(self, inner: Embedder) -> None:
        self.identity, self.kind, self.dimensions = inner.identity, inner.kind, inner.dimensions
        self._inner = inner
        self.known: dict[str, Any] = {}

    def covers(self, text: str) -> bool:
        return True

    def embed(self, texts: Any) -> Any:
        missing = [text for text in texts if text not in self.known]
        if missing:
            self.known.update(zip(missing, self._inner.embed(missing)))
        return np.array([self.known[text] for text in texts])


def questions(data: Path | None, count: int) -> list[str]:
    """Distinct questions: of BANKING77 with various endings, or made up."""
    if data is not None:
        with (data / "banking77" / "train.csv").open(encoding="utf-8") as stream:
            rows = [row["text"] for row in csv.DictReader(stream)]
        made = dict.fromkeys(f"{text.rstrip(' .?!')} {end}".strip() + "?" for end in _ENDS for text in rows)
        return list(made)[:count]
    rng = random.Random(0)
    made = {}
    while len(made) < count:
        verb = rng.choice(["find", "change", "cancel", "print", "move"])
        made[f"How do I {verb} the {' '.join(rng.choices(_WORDS, k=4))} of my {rng.choice(_WORDS)}?"] = None
    return list(made)


def quantiles(times: list[float]) -> str:
    return f"p50 {np.quantile(times, 0.5) * 1e3:.3f} ms, p99 {np.quantile(times, 0.99) * 1e3:.3f} ms"


def ask(text: str) -> Question:
    text_ = Parameter(name="text", type=STRING, value=text)
    request = ModelRequest(model="m", function="f", doc="Answers.", parameters=(text_,), result=STRING)
    return Question(request, "p", "1", "", False, keys.key("L2", text), "semantic")


def embedding(embedder: Embedder, texts: list[str]) -> None:
    embedder.embed(texts[:1])
    times = []
    for text in texts[:200]:
        start = clock()
        embedder.embed([text])
        times.append(clock() - start)
    print(f"embedding one question ({embedder.kind}): {quantiles(times)}")


def look_up(embedder: Embedder, texts: list[str], vectors: Any | None) -> None:
    remembered = Remembered(embedder)
    spoken = [mask(text).spoken() for text in texts]
    if vectors is not None:
        remembered.known.update(zip(spoken, vectors))
    asked = [f"Please, {text[0].lower()}{text[1:]}" for text in texts[:: max(1, len(texts) // 1000)]]
    remembered.embed([mask(text).spoken() for text in asked])
    store = MemoryStore(max_entries=10**6, max_bytes=2**33)
    cache = SemanticCache(store, remembered, CacheConfig(max_entries=10**6), budget=BudgetSettings(limit=0.5))
    start, put = clock(), []
    for text in texts:
        begun = clock()
        cache.store(ask(text), Kept("so"))
        put.append(clock() - begun)
    print(f"\n{len(texts)} entries put in {clock() - start:.1f} s, {quantiles(put)}")
    for text in asked[:60]:
        look = cache.look(ask(text))
        if look is not None:
            cache.checked(ask(text), look, Kept("so"))
    times, hits = [], 0
    for text in asked:
        question = ask(text)
        cache._embedded.clear()  # as for a question that was not asked before
        start = clock()
        look = cache.look(question)
        times.append(clock() - start)
        hits += look is not None and look.serve
    print(f"look-up at {len(texts)} entries, embedding excluded: {quantiles(times)}; {hits} of {len(asked)} served")


def main() -> None:
    global clock
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minilm", type=Path, help="folder with model.safetensors and vocab.txt")
    parser.add_argument("--data", type=Path, help="folder with banking77/train.csv")
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--vectors", type=Path, help="of the questions; written when it is not there")
    parser.add_argument("--wall", action="store_true")
    options = parser.parse_args()
    if options.wall:
        clock = time.perf_counter
    embedder: Embedder = MiniLM(options.minilm / "model.safetensors") if options.minilm else HashedEmbedder()
    texts = questions(options.data, max(options.entries, 1000))
    embedding(embedder, texts)
    vectors = None
    if options.vectors and options.vectors.is_file():
        vectors = np.load(options.vectors).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    elif options.vectors:
        vectors = embedder.embed([mask(text).spoken() for text in texts])
        if options.vectors:
            np.save(options.vectors, vectors.astype(np.float16))
    look_up(embedder, texts[: options.entries], None if vectors is None or len(vectors) < options.entries else vectors)


if __name__ == "__main__":
    main()
