"""Functions that ask a model, turned into code: what the code answers, how often as the model would, and what that saves.

    python -m benches.crystallise DATA [--only NAME]

DATA is a folder with `banking77/train.csv` (PolyAI-LDN/task-specific-datasets, CC BY 4.0) and `reviews/amazon_snippets.tsv`
(cjhutto/vaderSentiment, MIT).  The part of the model is played by the labels of the data: they are a model that never contradicts
itself, so real models will agree less with themselves and with any code.  70 % of the rows are calls that are logged; what
`rtfs crystallise` does learns from them and publishes or not; the other rows are the traffic after it, which nothing has seen.
Then the model changes its mind, and the calls are counted until the code is demoted.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from rtfs.caching.code.retrieval import CodeLibrary
from rtfs.caching.code.signing import Signer
from rtfs.caching.code.store import CodeStore
from rtfs.caching.stores.memory import MemoryStore
from rtfs.delegation.crystallise.crystallising import Outcome, crystallise, subject_of
from rtfs.delegation.crystallise.induction import Aim
from rtfs.delegation.log import CallLog
from rtfs.delegation.log_queries import Selection
from rtfs.models.protocol import Availability, ModelReply, Usage
from rtfs.models.registry import ModelRegistry
from rtfs.runtime import Runtime
from rtfs.source import Source

Row = tuple[str, str]

_PARTS = {"transfer": ("transfer", "beneficiary"), "cash": ("cash", "atm"), "top-up": ("top_up", "topping"), "card": ("card",)}


class Labels:
    """The model: it knows the label of each text."""

    name = "labels"

    def __init__(self, rows: list[Row]) -> None:
        self._labels = dict(rows)
        self.calls = 0
        #: What it makes of a label now.
        self.mind: Callable[[str], str] = str

    def complete(self, request: Any) -> ModelReply:
        self.calls += 1
        label = self.mind(self._labels[request.parameters[0].value])
        return ModelReply(text=f'"{label}"', model="labels-1", usage=Usage(prompt_tokens=60, completion_tokens=3))

    def availability(self, model: str) -> Availability:
        return Availability(usable=True, detail="the labels of the data")

    def close(self) -> None:
        pass


def banking(data: Path) -> list[Row]:
    with open(data / "banking77" / "train.csv", encoding="utf-8", newline="") as file:
        return [(" ".join(row["text"].split()), row["category"]) for row in csv.DictReader(file)]


def five(data: Path) -> list[Row]:
    """Banking77 in five topics, by the names of its intents."""


    def topic(intent: str) -> str:
        return next((topic for topic, parts in _PARTS.items() if any(part in intent for part in parts)), "other")

    return [(text, topic(intent)) for text, intent in banking(data)]


def reviews(data: Path) -> list[Row]:
    """Sentences that 20 people found good or bad on the whole, by at least 1 of 4."""
    rows = []
    for line in (data / "reviews" / "amazon_snippets.tsv").read_text(encoding="utf-8").splitlines():
        _, mean, text = line.split("\t", 2)
        if abs(float(mean)) >= 1:
            rows.append((text, "good" if float(mean) > 0 else "bad"))
    return rows


TASKS: dict[str, tuple[Callable[[Path], list[Row]], float]] = {
    "banking77, five topics": (five, 0.95),
    "banking77, 77 intents": (banking, 0.9),
    "reviews, good or bad": (reviews, 0.8),
    "reviews, good or bad, 95 %": (reviews, 0.95),
}


def measure(name: str, rows: list[Row], wanted: float, folder: Path) -> None:
    rows = list(dict(rows).items())
    Random(7).shuffle(rows)
    cut = round(len(rows) * 0.7)
    labels = sorted({label for _, label in rows})
    program = (
        '(defn topic ^:delegation :local-model "labels" "What is the message about?" [message :string] '
        f':-> [:enum {" ".join([chr(34) + label + chr(34) for label in labels])}] "{labels[0]}")'
    )
    source = Source("topic.rtfs", program)
    model = Labels(rows)
    log = CallLog(folder / f"{len(rows)}-{wanted}.sqlite", full=True, max_bytes=2**30)
    with Runtime(models=_registry(model), log=log) as runtime:
        runtime.run_source(source)
        ask = runtime.function("topic")
        for text, _ in rows[:cut]:
            ask(text)
    log.close()
    records = [entry.record for entry in Selection(function="topic").entries(log.path)]
    inspector = Runtime(models=None, on_warning=lambda message, span: None)
    begin = time.process_time()
    subject = subject_of(inspector, source, "topic")
    outcome = crystallise(inspector, subject, records, Aim(wanted, 0.95), least=100)
    took = time.process_time() - begin
    print(f"\n{name}: {cut:,} logged calls, {len(labels)} values, agreement wanted {wanted:.0%}; {took:.1f} s of CPU time")
    if outcome.candidate is not None:
        kind, coverage = outcome.candidate.kind, outcome.candidate.coverage
        print(f"  {kind}: {len(outcome.candidate.text):,} characters; expected to answer {coverage:.0%}")
    if outcome.verification is not None:
        print(f"  held out: {outcome.verification}")
    if outcome.entry is None:
        print(f"  not published: {outcome.problem}")
        return
    after(outcome, model, source, rows[cut:], wanted)


def after(outcome: Outcome, model: Labels, source: Source, rows: list[Row], wanted: float) -> None:
    """The traffic once code is published: nothing of it was seen before."""
    signer = Signer.new()
    store = CodeStore(MemoryStore(), lambda: {signer.public: "bench"})
    assert outcome.entry is not None
    key = store.put(outcome.entry, signer, sampling=0.02, level=wanted)
    library = CodeLibrary(store, Runtime(models=None).sandboxed, random=Random(3))
    with Runtime(models=_registry(model), code=library) as runtime:
        runtime.run_source(source)
        ask = runtime.function("topic")
        model.calls = 0
        taken, right = [], 0
        for text, label in rows:
            begin = time.process_time()
            value = ask(text)
            taken.append(time.process_time() - begin)
            right += value == label
        by_code = [i for i, record in enumerate(runtime.records.calls) if record.source == "code"]
        agreed = sum(runtime.records.calls[i].value == rows[i][1] for i in by_code)
        fast = sorted([taken[i] for i in by_code])
        print(
            f"  {len(rows):,} calls after it: code answered {len(by_code) / len(rows):.1%}, {agreed / len(by_code):.1%} of them as "
            f"the model; {model.calls:,} calls of the model instead of {len(rows):,}; all answers {right / len(rows):.1%} right; "
            f"p50 {fast[len(fast) // 2] * 1e3:.2f} ms, first {taken[0] * 1e3:.1f} ms"
        )
        values = sorted({label for _, label in rows})
        model.mind = lambda label: values[(values.index(label) + 1) % len(values)]
        count = 0
        while (state := store.state(key)) is not None and state.status == "active" and count < 50_000:
            ask(rows[count % len(rows)][0])
            count += 1
        state = store.state(key)
        assert state is not None
        checks = state.drift.checks
        print(f"  the model changes its mind about everything: {state.status} after {count:,} calls, {checks} checks in all")


def _registry(model: Labels) -> ModelRegistry:
    registry = ModelRegistry()
    registry.register("labels", model, kind="local")
    return registry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", default="", help="tasks whose name begins so")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, (rows, wanted) in TASKS.items():
            if name.startswith(options.only):
                measure(name, rows(options.data), wanted, Path(folder))


if __name__ == "__main__":
    main()
