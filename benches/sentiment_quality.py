"""How often `examples/sentiment.rtfs` is right on 300 sentences of product reviews, by the model and by the word list in its body.

    python benches/sentiment_quality.py
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import rtfs

ROOT = Path(__file__).parents[1]


def main() -> None:
    with (ROOT / "benches" / "data" / "review_sentences.tsv").open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], float(row["mean"]) > 0) for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    for name, models in (("model", "default"), ("words", rtfs.ModelRegistry())):  # an empty registry: the body answers
        with rtfs.Runtime(models=models, on_warning=lambda message, span: None) as runtime:
            sentiment = runtime.load(ROOT / "examples" / "sentiment.rtfs").function("sentiment")
            said = [sentiment(text) == "positive" for text, _ in rows]
            if name == "model" and runtime.records.totals.by_body:
                sys.exit("the model did not answer: install it with `rtfs models add smollm2`")
        right = [a == b for a, (_, b) in zip(said, rows, strict=True)]
        praise = sum(a for a, (_, b) in zip(said, rows, strict=True) if b) / sum(b for _, b in rows)
        blame = sum(not a for a, (_, b) in zip(said, rows, strict=True) if not b) / sum(not b for _, b in rows)
        share = sum(right) / len(rows)
        print(f"{name}: {sum(right)}/{len(rows)} = {share:.3f} (of praise {praise:.3f}, of complaints {blame:.3f})")


if __name__ == "__main__":
    main()
