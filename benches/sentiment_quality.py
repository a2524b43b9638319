"""How often `examples/sentiment.rtfs` is right, by the model (label scoring), by its rules, by both, and how sure it can be.

    python benches/sentiment_quality.py                                      the 300 sentences of benches/data/review_sentences.tsv
    python benches/sentiment_quality.py amazon_snippets.tsv --rows 1200      so many of a file with the columns id, mean and text

Rows are sentences of product reviews with the mean sentiment of 20 people, from -4 to 4; those between -1 and 1 are left out,
since people do not agree on them (`--least`).  `escalation` asks the rules, and the model where their confidence is below 0.8.

Confidences are fitted as `rtfs logs calibrate` does, always on other rows: those of each fifth come from the other four, for
escalation too, which is run with the confidences of the other four in force.  ECE, the expected calibration error over ten bins,
has a floor of its own: of 1,000 perfect confidences it is about 0.03.  Exit 1 if one is above 0.05 with 1,000 rows or more.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rtfs
from rtfs.delegation.confidence import FOLDS, Confidences, Judged, fit
from rtfs.delegation.router.calibration import brier, calibration_error

ROOT = Path(__file__).parents[1]
PROGRAM = (ROOT / "examples" / "sentiment.rtfs").read_text(encoding="utf-8")
BY_RULES = PROGRAM.replace(':local-model "smollm2"', ':local-model "rules"')
ESCALATION = '[[rules]]\nsymbol = "sentiment"\ntarget = ["local:rules", "local:smollm2"]\naccept_above = 0.8\n'
MOST_ECE, FROM_ROWS = 0.05, 1_000

Row = tuple[str, str]


def read_rows(path: Path, count: int, least: float) -> list[Row]:
    """(text, label) of rows drawn at random, always the same ones; with or without a heading."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if line[:2] != ["id", "mean"]]
    rows = [(text, "positive" if float(mean) > 0 else "negative") for _, mean, text in lines if abs(float(mean)) >= least]
    random.Random(7).shuffle(rows)
    return rows[:count]


def ask(program: str, rows: Sequence[Row], **settings: Any) -> list[Any]:
    """The records of a call for each row."""
    with rtfs.Runtime(on_warning=lambda message, span: None, **settings) as runtime:
        runtime.run(program.partition("(def reviews")[0])
        sentiment = runtime.function("sentiment")
        for text, _ in rows:
            sentiment(text)
        records = list(runtime.records.calls)
    if any(record.source != "model" for record in records):
        sys.exit("the model did not answer: install it with `rtfs models add smollm2`")
    return records


def interval(right: int, rows: int) -> tuple[float, float]:
    """95 % of a share.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    z, share = 1.96, right / rows
    middle, spread = share + z * z / (2 * rows), z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return (middle - spread) / (1 + z * z / rows), (middle + spread) / (1 + z * z / rows)


def judged(records: Sequence[Any], rows: Sequence[Row]) -> list[Judged]:
    found = []
    for record, (_, label) in zip(records, rows, strict=True):
        target, right = f"local_model:{record.model}", record.value == label
        found.append(Judged(record.function, target, record.score, right, record.function_hash))
    return found


def others(items: Sequence[Any], fold: int) -> list[Any]:
    return [item for i, item in enumerate(items) if i % FOLDS != fold]


def show(
    way: str, right: Sequence[bool], confidences: Sequence[float], scores: Sequence[float] | None, seconds: float, note: str = ""
) -> float:
    """A line of the table; the ECE of the confidences."""
    low, high = interval(sum(right), len(right))
    ece = calibration_error(confidences, right)
    of_scores = "    -" if scores is None else f"{calibration_error(scores, right):.3f}"
    print(
        f"{way:10}  {sum(right) / len(right):.3f} ({low:.3f} to {high:.3f})  {ece:.3f}  {of_scores}  "
        f"{brier(confidences, right):.3f}  {1000 * seconds / len(right):6.1f} ms{note}"
    )
    return ece


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser("benches/sentiment_quality.py", description="How often examples/sentiment.rtfs is right.")
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "benches" / "data" / "review_sentences.tsv")
    parser.add_argument("--rows", type=int, default=1_200, metavar="N", help="so many at most (1200)")
    parser.add_argument("--least", type=float, default=1.0, metavar="X", help="without rows whose mean is nearer to 0 (1)")
    options = parser.parse_args(argv)
    rows = read_rows(options.file, options.rows, options.least)
    praise = sum(label == "positive" for _, label in rows) / len(rows)
    most = max(praise, 1 - praise)
    print(f"{len(rows)} sentences, {praise:.3f} of them praise; always the same answer would be right in {most:.3f}")
    print("            right (95 %)            ECE    of scores  Brier  a review")
    errors = []
    alone: dict[str, list[Judged]] = {}
    for way, program in (("model", PROGRAM), ("rules", BY_RULES)):
        begin = time.perf_counter()
        alone[way] = found = judged(ask(program, rows), rows)
        seconds = time.perf_counter() - begin
        fits = [fit(others(found, fold)) for fold in range(FOLDS)]
        confidences = [fits[i % FOLDS].calibrator(row.score) for i, row in enumerate(found)]
        errors.append(show(way, [row.right for row in found], confidences, [row.score for row in found], seconds))
    errors.append(escalated(rows, alone))
    too_high = len(rows) >= FROM_ROWS and max(errors) > MOST_ECE
    if len(rows) >= FROM_ROWS:
        print(f"ECE at most {MOST_ECE}: {'missed' if too_high else 'met'} ({max(errors):.3f})")
    return 1 if too_high else 0


def escalated(rows: Sequence[Row], alone: dict[str, list[Judged]]) -> float:
    """Run the policy with confidences of other rows; the ECE."""
    right, confidences, asked, seconds = [], [], 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        policy, kept = Path(folder, "delegation.toml"), Path(folder, "confidence.json")
        policy.write_text(ESCALATION, encoding="utf-8")
        for fold in range(FOLDS):
            Confidences([fit(others(alone[way], fold)) for way in alone]).save(str(kept))
            part = rows[fold::FOLDS]
            begin = time.perf_counter()
            records = ask(BY_RULES, part, policy=policy, environ={**os.environ, "RTFS_CONFIDENCE": str(kept)})
            seconds += time.perf_counter() - begin
            right += [record.value == label for record, (_, label) in zip(records, part, strict=True)]
            confidences += [record.confidence for record in records]
            asked += sum(record.attempts[-1].target == "local_model:smollm2" for record in records)
    return show("escalation", right, confidences, None, seconds, f", the model asked for {asked / len(rows):.0%}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
