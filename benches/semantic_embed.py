"""Embed the texts that `benches.semantic_texts` gathered, with the weights of the product's embedder; can be stopped and started.

    python -m benches.semantic_embed FOLDER --minilm FOLDER [--minutes 60]

Writes `FOLDER/parts/00000.npy`, … (20,000 rows each, float16) as it goes and joins them to `FOLDER/vectors.npy`.  With torch
installed the layers are multiplied in bfloat16 and added in float32: a third of the time of the product's own embedder, which is
used without torch.  Before the first part 500 texts are embedded both ways; a cosine below 0.9999 stops it.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np

from rtfs.caching.semantic.minilm import MOST_PIECES, MiniLM

_PART = 20_000
_BATCH = 64
_HEADS = 12


class Torch:
    """The same layers and weights as `MiniLM`, by torch; texts of one length go together, so that nothing is padded."""

    def __init__(self, product: MiniLM) -> None:
        import torch

        torch.set_num_threads(1)
        torch.set_grad_enabled(False)
        self._torch: Any = torch
        self._words, layers = product._ready()

        def float32(array: Any) -> Any:
            return torch.from_numpy(np.array(array))

        self._first = [float32(array) for array in (layers._words, layers._places, layers._kind, *layers._norm)]
        # matrices are stored as (in, out), torch wants (out, in); what is added to a sum of products is rounded with it
        self._layers = []
        for layer in layers._layers:
            half = [float32(array.T if array.ndim == 2 else array).bfloat16().contiguous() for array in layer]
            # the norms stay in float32
            self._layers.append([float32(array) if at in (4, 5, 10, 11) else half[at] for at, array in enumerate(layer)])

    def _forward(self, rows: list[list[int]]) -> Any:
        f = self._torch.nn.functional
        words, places, kind, weight, shift = self._first
        ids = self._torch.tensor(rows)
        count, length = ids.shape
        width = words.shape[1]
        x = f.layer_norm(words[ids] + places[:length] + kind, (width,), weight, shift, 1e-12)
        for qkv, qkv_bias, out, out_bias, norm1, shift1, up, up_bias, down, down_bias, norm2, shift2 in self._layers:
            each = f.linear(x.bfloat16(), qkv, qkv_bias).view(count, length, 3, _HEADS, width // _HEADS).permute(2, 0, 3, 1, 4)
            seen = f.scaled_dot_product_attention(each[0], each[1], each[2]).transpose(1, 2).reshape(count, length, width)
            y = f.layer_norm(f.linear(seen, out, out_bias) + x, (width,), norm1, shift1, 1e-12)
            bent = f.gelu(f.linear(y.bfloat16(), up, up_bias))
            x = f.layer_norm(f.linear(bent, down, down_bias) + y, (width,), norm2, shift2, 1e-12)
        pooled = x.mean(1)
        return (pooled / pooled.norm(dim=1, keepdim=True)).numpy()

    def embed(self, texts: list[str]) -> Any:
        ids = [self._words.encode(text, MOST_PIECES)[0] for text in texts]
        by_length: dict[int, list[int]] = {}
        for at, row in enumerate(ids):
            by_length.setdefault(len(row), []).append(at)
        out = np.empty((len(texts), self._first[0].shape[1]), np.float32)
        for rows in by_length.values():
            for start in range(0, len(rows), _BATCH):
                some = rows[start : start + _BATCH]
                out[some] = self._forward([ids[at] for at in some])
        return out


def embedder(product: MiniLM, texts: list[str]) -> MiniLM | Torch:
    """Torch where it is there and agrees with the product.

    Raises:
        SystemExit: it does not agree.
    """
    try:
        quick = Torch(product)
    except ImportError:
        return product
    least = float((quick.embed(texts) * product.embed(texts)).sum(1).min())
    print(f"torch agrees with the product's embedder: least cosine of {len(texts)} texts {least:.6f}", flush=True)
    if least < 0.9999:
        raise SystemExit("torch does not agree with the product's embedder")
    return quick


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minilm", type=Path, required=True, help="folder with model.safetensors and vocab.txt")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so many, after a whole part")
    options = parser.parse_args()
    texts = (options.folder / "spoken.txt").read_text(encoding="utf-8").splitlines()
    chosen = embedder(MiniLM(options.minilm / "model.safetensors"), texts[:500])
    parts = options.folder / "parts"
    parts.mkdir(exist_ok=True)
    begun = time.monotonic()
    for start in range(0, len(texts), _PART):
        path = parts / f"{start // _PART:05d}.npy"
        if path.is_file():
            continue
        if time.monotonic() - begun > 60 * options.minutes:
            break
        used = time.process_time()
        vectors = chosen.embed(texts[start : start + _PART]).astype(np.float16)
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as stream:
            np.save(stream, vectors)
        unfinished.replace(path)
        each = (time.process_time() - used) / len(vectors) * 1e3
        print(f"{path.name}: {len(vectors)} texts, {each:.2f} ms of a core each, {time.monotonic() - begun:.0f} s", flush=True)
    # only whole parts from the first on, so that row n is line n
    joined = []
    for at in range(len(texts)):
        path = parts / f"{at:05d}.npy"
        if not path.is_file():
            break
        joined.append(np.load(path))
    if joined:
        np.save(options.folder / "vectors.npy", np.concatenate(joined))
        print(f"{sum(map(len, joined))} vectors of {len(texts)} texts")


if __name__ == "__main__":
    main()
