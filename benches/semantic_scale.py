"""The index of the semantic cache over real embeddings: time, recall, building and memory, up to a million entries.

    python -m benches.semantic_texts FOLDER --data DATA         gathers the texts
    python -m benches.semantic_embed FOLDER --minilm MINILM     embeds them
    python -m benches.semantic_scale FOLDER --minilm MINILM --data DATA [--entries 100000 …] [--way whole …]

No vector is made up.  Entries are the first of the shuffled texts; asked are

* `held out`: other texts of the same sources, which no entry repeats: the hardest, since the nearest may be far away;
* `reworded`: entries with a word of courtesy, a word less, or a slip of the pen;
* `paraphrased`: the second of GPTCache's pairs (`semantic/gptcache_mock_pairs.json`), whose first is put among the entries.

The nearest is right when no entry is nearer by more than 0.00001, by exact search in float32 over the vectors that the store has.
Recall and memory are of `Partitions`, which is what the cache keeps in memory; each size is measured in a process of its own, whose
resident set is read before, after and at its highest.  The way `bulk` builds from what a store has, `load` reads what was saved,
`added` adds one by one, and `whole` measures `SemanticCache.look`, guards and store included, embedding excluded.
Times are process time of one thread; `--wall` takes the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benches.semantic_speed import Remembered, ask
from rtfs.caching import keys
from rtfs.caching.layer import CacheConfig
from rtfs.caching.question import Kept
from rtfs.caching.semantic.asked import Asked, take_apart
from rtfs.caching.semantic.budget import BudgetSettings
from rtfs.caching.semantic.entries import CachedAnswer
from rtfs.caching.semantic.index import Graph
from rtfs.caching.semantic.layer import SemanticCache
from rtfs.caching.semantic.masking import mask
from rtfs.caching.semantic.minilm import MiniLM
from rtfs.caching.semantic.partitions import Partitions
from rtfs.caching.semantic.shelf import SPACE, partition_tag
from rtfs.caching.stores.memory import MemoryStore

#: Rows of the file, from its end, that are asked and never entries.
_ASKED = 2_000
#: Where all entries are put: one bucket, which is the hardest for an index.
_USUAL = "How do I open an account?"
#: Entries -> p99 of a look-up in ms; recall of the nearest.
_GOALS = {10_000: 3.0, 100_000: 1.0, 1_000_000: 2.0}
_RECALL = 0.99
#: p99 of the whole look-up, guards and store included, in ms.
_WHOLE = 3.0


def memory(field: str) -> int:
    """Bytes: `VmRSS` now, or `VmHWM`, the highest so far."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def quantile(times: list[float], share: float) -> float:
    """In ms."""
    return float(np.quantile(times, share)) * 1e3


# --- what is asked ---


def reworded(text: str, rng: random.Random) -> str:
    """As somebody else might have put it, or mistyped it."""
    words = text.split()
    way = rng.randrange(4)
    if way == 0:
        return f"Please, {text[0].lower()}{text[1:]}"
    if way == 1:
        return f"{text.rstrip('.?! ')}, please"
    if way == 2 and len(words) > 4:
        del words[rng.randrange(1, len(words))]
        return " ".join(words)
    at = rng.randrange(len(words))
    if len(words[at]) > 3:
        cut = rng.randrange(1, len(words[at]) - 1)
        words[at] = words[at][:cut] + words[at][cut + 1] + words[at][cut] + words[at][cut + 2 :]
    return " ".join(words)


def asked(options: argparse.Namespace, vectors: Any, texts: list[str], count: int) -> tuple[Any, list[str], dict[str, Any]]:
    """The entries (float16), their texts and, by kind, what is asked of them (float32)."""
    entries, own = np.array(vectors[:count]), texts[:count]
    queries = {"held out": np.asarray(vectors[-_ASKED // 2 :], np.float32)}
    if options.minilm:
        rng = random.Random(0)
        minilm = MiniLM(options.minilm / "model.safetensors")
        picked = rng.sample(range(count), 1000)
        queries["reworded"] = minilm.embed([mask(reworded(texts[row], rng)).spoken() for row in picked])
        if options.data:
            pairs = json.loads((options.data / "semantic" / "gptcache_mock_pairs.json").read_text(encoding="utf-8"))
            sides = [minilm.embed([mask(pair[side]).spoken() for pair in pairs]) for side in ("origin", "similar")]
            known = set(own)
            firsts = [" ".join(pair["origin"].split()) for pair in pairs]
            new = [at for at, text in enumerate(firsts) if text not in known]
            entries[-len(new) :] = sides[0][new].astype(np.float16)
            own[-len(new) :] = [firsts[at] for at in new]
            queries["paraphrased"] = sides[1]
    return entries, own, {kind: rows / np.linalg.norm(rows, axis=1, keepdims=True) for kind, rows in queries.items()}


def unit(rows: Any) -> Any:
    """What `CachedAnswer.row` gives: half precision, of length 1 again."""
    wide = np.asarray(rows, np.float32)
    return wide / np.sqrt(np.einsum("ij,ij->i", wide, wide))[:, None]


def nearest(entries: Any, queries: Any) -> Any:
    """The largest cosine of each query, by exact search."""
    best = np.full(len(queries), -1, np.float32)
    for start in range(0, len(entries), 50_000):
        np.maximum(best, (queries @ unit(entries[start : start + 50_000]).T).max(1), out=best)
    return best


# --- the steps, each in a process of its own ---


def identity(options: argparse.Namespace) -> str:
    """Of the embedder: a saved graph is of one only."""
    return MiniLM(options.minilm / "model.safetensors").identity if options.minilm else "bench"


def rows(options: argparse.Namespace, usual: Asked) -> Iterator[tuple[bytes, str, Any]]:
    """(key, text, vector in half precision) of all entries, one after the other."""
    entries = np.load(options.folder / "entries.npy", mmap_mode="r")
    with (options.folder / "texts.txt").open(encoding="utf-8") as texts:
        for text, vector in zip(texts, entries):
            yield keys.key("L3", usual.partition, [text[:-1]]), text[:-1], vector


def step(options: argparse.Namespace) -> dict[str, Any]:
    """One way to get an index, and what it answers."""
    graphs = options.folder / "graphs"
    name = identity(options)
    usual = take_apart(ask(_USUAL), name)
    assert not isinstance(usual, str)
    index = Partitions(384, identity=name, folder=graphs)
    # what the libraries take, and the loops of this file, is not the index's
    Graph(384).add(bytes(32), np.ones(384, np.float32))
    next(rows(options, usual))
    before, begun, wall = memory("VmRSS"), time.process_time(), time.monotonic()
    found: dict[str, Any] = {}
    if options.step == "added":
        # one by one, as a program that runs for long fills it
        late: list[float] = []
        for key, _, vector in rows(options, usual):
            start = time.process_time()
            index.add(key, usual.partition, usual.bucket, unit(vector[None])[0])
            late.append(time.process_time() - start)
        found["adding"] = [quantile(late[-20_000:], share) for share in (0.5, 0.99, 1.0)]
    else:
        index.load(usual.partition, ((key, usual.bucket, unit(vector[None])[0]) for key, _, vector in rows(options, usual)))
    found["seconds"], found["wall"] = time.process_time() - begun, time.monotonic() - wall
    found["grown"], found["highest"] = memory("VmRSS") - before, memory("VmHWM") - before
    if options.step == "bulk":
        start = time.process_time()
        if index.save():
            found["saved in"] = time.process_time() - start
            found["file"] = sum(path.stat().st_size for path in graphs.iterdir())
        found["highest with saving"] = memory("VmHWM") - before
    entries = np.load(options.folder / "entries.npy", mmap_mode="r")
    row_of = {key: row for row, (key, _, _) in enumerate(rows(options, usual))}
    timer = time.perf_counter if options.wall else time.process_time
    with np.load(options.folder / "queries.npz") as kinds:
        for kind in [name for name in kinds.files if not name.endswith(" best")]:
            queries, best = kinds[kind], kinds[kind + " best"]
            index.search(usual.partition, usual.bucket, queries[0], 4)
            times, nearest_rows = [], []
            for query in queries:
                start = timer()
                near = index.search(usual.partition, usual.bucket, query, 4)
                times.append(timer() - start)
                nearest_rows.append(row_of[near[0][0]])
            right = np.einsum("ij,ij->i", unit(entries[nearest_rows]), queries) >= best - 1e-5
            found[kind] = {"p50": quantile(times, 0.5), "p99": quantile(times, 0.99), "recall": float(right.mean())}
            for least in (0.6, 0.8):
                if (best >= least).sum() >= 50:
                    found[kind][f"recall from cosine {least}"] = float(right[best >= least].mean())
    if options.step == "load":
        # into an index of full size
        late = []
        spare = np.load(options.texts / "vectors.npy", mmap_mode="r")[-_ASKED : -_ASKED // 2]
        for at, vector in enumerate(unit(spare)):
            start = time.process_time()
            index.add(at.to_bytes(32), usual.partition, usual.bucket, vector)
            late.append(time.process_time() - start)
        found["adding"] = [quantile(late, share) for share in (0.5, 0.99, 1.0)]
    return found


def whole(options: argparse.Namespace) -> dict[str, Any]:
    """`SemanticCache.look` over entries that lie in the store in memory; the graph is read, or built, at the first look."""
    remembered = Remembered(MiniLM(options.minilm / "model.safetensors"))
    usual = take_apart(ask(_USUAL), remembered.identity)
    assert not isinstance(usual, str)
    store = MemoryStore(max_entries=10**7, max_bytes=2**36)
    budget = BudgetSettings(limit=0.5)
    cache = SemanticCache(store, remembered, CacheConfig(max_entries=10**7), budget=budget, folder=options.folder / "graphs")
    remembered.embed([_USUAL])  # reads the weights
    before, kept, texts = memory("VmRSS"), Kept("so"), []
    tags = (partition_tag(usual.partition),)
    for key, text, vector in rows(options, usual):
        entry = CachedAnswer([text], usual.partition, usual.bucket, usual.function, vector.tobytes(), kept)
        store.put(SPACE, key, entry.to_bytes(), tags=tags)
        texts.append(text)
    rng = random.Random(1)
    more = (options.texts / "texts.txt").read_text(encoding="utf-8").splitlines()
    questions = [reworded(rng.choice(texts), rng) for _ in range(1500)] + more[
        len(np.load(options.texts / "vectors.npy", mmap_mode="r")) - 1500 :
    ][:1500]
    abouts = [take_apart(ask(text), remembered.identity) for text in questions]
    # numbers and names of files have buckets of their own
    questions = [text for text, about in zip(questions, abouts) if not isinstance(about, str) and about.bucket == usual.bucket]
    remembered.embed([mask(text).spoken() for text in questions])
    del texts, more
    for text in questions[:200]:  # reads the partition, and lets the function be served from
        look = cache.look(ask(text))
        if look is not None:
            cache.checked(ask(text), look, kept)
    found = {"grown": memory("VmRSS") - before}
    timer = time.perf_counter if options.wall else time.process_time
    times, served = [], 0
    for text in questions[200:]:
        question = ask(text)
        start = timer()
        look = cache.look(question)
        times.append(timer() - start)
        served += look is not None and look.serve
    return {**found, "p50": quantile(times, 0.5), "p99": quantile(times, 0.99), "served": served, "asked": len(times)}


# --- all steps of a size ---


def run(options: argparse.Namespace, folder: Path, name: str) -> dict[str, Any]:
    """A step in a process of its own."""
    command = [sys.executable, "-m", "benches.semantic_scale", str(folder), "--step", name, "--texts", str(options.folder)]
    command += ["--minilm", str(options.minilm)] if options.minilm else []
    command += ["--wall"] if options.wall else []
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def size(options: argparse.Namespace, vectors: Any, texts: list[str], count: int) -> bool:
    """Measure and print one size; whether the goals are met."""
    goal = min((at for at in _GOALS if at >= count), default=max(_GOALS))
    met = True
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        folder = Path(name)
        entries, own, queries = asked(options, vectors, texts, count)
        np.save(folder / "entries.npy", entries)
        (folder / "texts.txt").write_text("".join(f"{text}\n" for text in own), encoding="utf-8")
        best = {f"{kind} best": nearest(entries, rows) for kind, rows in queries.items()}
        np.savez(folder / "queries.npz", **queries, **best)
        print(f"\n{count} entries, all of them embeddings of texts; goals: p99 below {_GOALS[goal]} ms", end="")
        print(f", recall {_RECALL}, the whole look-up below {_WHOLE} ms", flush=True)
        for kind in queries:
            print(f"  cosine of the nearest, {kind}: median {np.median(best[kind + ' best']):.2f}")
        del entries, own
        for way in options.way:
            if way == "whole":
                continue
            found = run(options, folder, way)
            print(f"  {way}: {found['seconds']:.1f} s of a core ({found['wall']:.1f} s of the clock)", end="")
            print(f"; memory +{found['grown'] / 2**20:.0f} MB, {found['grown'] / count:.0f} B an entry", end="")
            print(f", at most +{found['highest'] / 2**20:.0f} MB")
            if "file" in found:
                print(f"    file {found['file'] / 2**20:.0f} MB, saved in {found['saved in']:.1f} s", end="")
                print(f" at +{found['highest with saving'] / 2**20:.0f} MB")
            if "adding" in found:
                print("    adding one more: p50 {:.3f}, p99 {:.3f}, highest {:.3f} ms".format(*found["adding"]))
            for kind in queries:
                one = found[kind]
                good = one["p99"] < _GOALS[goal] and one["recall"] >= _RECALL
                met = met and good
                more = "".join(f", {name} {one[name]:.3f}" for name in one if name.startswith("recall from"))
                print(f"    {kind}: p50 {one['p50']:.3f}, p99 {one['p99']:.3f} ms, recall@1 {one['recall']:.3f}{more}", end="")
                print("" if good else "  MISSED", flush=True)
        if "whole" in options.way:
            found = run(options, folder, "whole")
            met = met and found["p99"] < _WHOLE
            print(f"  whole look-up, embedding excluded: p50 {found['p50']:.3f}, p99 {found['p99']:.3f} ms", end="")
            print(f", {found['served']} of {found['asked']} served", "" if found["p99"] < _WHOLE else "  MISSED")
            print(f"    memory with the store in memory +{found['grown'] / 2**20:.0f} MB, {found['grown'] / count:.0f} B an entry")
    return met


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with vectors.npy and texts.txt")
    parser.add_argument("--entries", type=int, action="append", default=[])
    parser.add_argument("--way", action="append", default=[], choices=["bulk", "load", "added", "whole"])
    parser.add_argument("--minilm", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--scratch", type=Path, help="for files of a few GB; the system's if left out")
    parser.add_argument("--wall", action="store_true")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--texts", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(whole(options) if options.step == "whole" else step(options)))
        return
    options.entries = options.entries or list(_GOALS)
    options.way = options.way or ["bulk", "load", "added", "whole"]
    if not options.minilm and "whole" in options.way:
        options.way.remove("whole")
    vectors = np.load(options.folder / "vectors.npy", mmap_mode="r")
    texts = (options.folder / "texts.txt").read_text(encoding="utf-8").splitlines()[: len(vectors)]
    met = True
    for count in options.entries:
        if count > len(vectors) - _ASKED:
            print(f"\n{count} entries: there are only {len(vectors)} vectors; {len(vectors) - _ASKED} are used")
            count = len(vectors) - _ASKED
        met = size(options, vectors, texts, count) and met
    print("\nall goals met" if met else "\na goal was missed")
    raise SystemExit(not met)


if __name__ == "__main__":
    main()
