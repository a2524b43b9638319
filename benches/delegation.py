"""`python -m benches.delegation`: what a delegated call costs beyond its provider.

The provider is `echo`, asked for a record of two fields, in a loop of the compiled evaluator.  The bare provider gets the same
request again and again.  CPU time of the whole process counts, so the thread that writes the log is in the figures, and each
measurement ends when all its records and replies are in their files.

    python -m benches.delegation            the table; exit 1 if a call costs more than it may
    python -m benches.delegation --quick    fewer passes
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from benches.measuring import FULL, QUICK, Plan, Timing, cpu_s, interleave
from rtfs.models.echo import EchoProvider
from rtfs.models.protocol import ModelReply, ModelRequest
from rtfs.runtime import Runtime

PROGRAM = """
(deftype Triage [:map [:topic [:enum :card :cash]] [:urgent bool]])
(defn triage ^:delegation :remote "echo" "What is it about?" [text :string] :-> Triage {:topic :card :urgent false})
(defn triages [n] (loop [i 0] (if (< i n) (do (triage "my card is lost") (recur (inc i))) i)))
(defn others [from n] (loop [i from] (if (< i (+ from n)) (do (triage (str "my card is lost " i)) (recur (inc i))) i)))
"""
BUDGET = {"usd": 1_000_000, "tokens": 10**12, "calls": 10**9, "seconds": 10**6}
CALLS = 500
#: Microseconds over the bare provider, with record, log, budget and schema; with the cache of replies, too.
MOST_US = 150.0
BARE, WHOLE = "the bare provider", "a typed call, with budget and log"
HIT, MISS = "the same, from the cache in memory", "the same, new to that cache"
HIT_FILE, MISS_FILE = "the same, from the cache in a file", "the same, new to that file"
#: What has to cost at most `MOST_US`.
BOUNDED = (WHOLE, MISS, MISS_FILE)


class Listening(EchoProvider):
    """Keeps the last request."""

    def __init__(self) -> None:
        self.request: ModelRequest | None = None

    def complete(self, request: ModelRequest) -> ModelReply:
        self.request = request
        return super().complete(request)


def request_of_a_call() -> ModelRequest:
    """What `triage` asks its provider."""
    listening = Listening()
    with Runtime(environ={}) as runtime:
        runtime.models.register("echo", listening, replace=True)
        runtime.run(PROGRAM + "(triages 1)")
    assert listening.request is not None
    return listening.request


def measure(plan: Plan, folder: Path) -> dict[str, Timing]:
    """Name -> CPU seconds of one call."""
    provider, request = EchoProvider(), request_of_a_call()
    runtimes: list[Runtime] = []

    def calls(*, new: bool = False, **settings: Any) -> Callable[[], float]:
        runtime = Runtime(environ={}, **settings)
        runtimes.append(runtime)
        runtime.run(PROGRAM)
        same, others = runtime.function("triages"), runtime.function("others")
        same(1)
        numbers = count(step=CALLS)

        def work() -> None:
            if new:
                others(next(numbers), CALLS)
            else:
                same(CALLS)
            runtime.delegation.flush()

        work()
        return lambda: cpu_s(work) / CALLS

    clocks: dict[str, Callable[[], float]] = {
        BARE: lambda: cpu_s(lambda: provider.complete(request), CALLS),
        "a typed call": calls(),
        "a typed call, with log": calls(log=folder / "a.sqlite"),
        "a typed call, with budget": calls(budget=BUDGET),
        WHOLE: calls(budget=BUDGET, log=folder / "b.sqlite"),
        HIT: calls(budget=BUDGET, log=folder / "c.sqlite", caches=True),
        MISS: calls(budget=BUDGET, log=folder / "d.sqlite", caches=True, new=True),
        HIT_FILE: calls(budget=BUDGET, log=folder / "e.sqlite", caches=str(folder / "e")),
        MISS_FILE: calls(budget=BUDGET, log=folder / "f.sqlite", caches=str(folder / "f"), new=True),
    }
    found = interleave(clocks, plan.passes)
    for runtime in runtimes:
        runtime.close()
    return {name: Timing.of(seconds) for name, seconds in found.items()}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benches.delegation", description="What a delegated call costs beyond its provider.")
    parser.add_argument("--quick", action="store_true", help="fewer passes")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        timings = measure(QUICK if options.quick else FULL, Path(folder))
    bare = timings[BARE].median_s
    print(f"{'CPU µs a call':<36} {'median':>8} {'lowest':>8} {'over bare':>10}")
    for name, timing in timings.items():
        over = "" if name == BARE else f"{(timing.median_s - bare) * 1e6:.1f}"
        print(f"{name:<36} {timing.median_s * 1e6:>8.1f} {timing.low_s * 1e6:>8.1f} {over:>10}")
    worst = max([(timings[name].median_s - bare) * 1e6 for name in BOUNDED])
    print(f"at most {MOST_US:.0f} µs over the bare provider: {'met' if worst <= MOST_US else 'missed'} ({worst:.1f})")
    return 0 if worst <= MOST_US else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
