"""Content hashes and published code: what hashing a program takes, and what a call that code answers.

    python -m benches.code [--passes N]

CPU time, medians.  `verify, load, run` is the first call of a function that code was published for: signature, artefact,
hashes, sandbox and compiling included, Python's own imports not.  `warm` is a later one: the call of the delegated function,
its decision, the sandbox and the record.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benches import large
from benches.measuring import process_cpu_s
from rtfs.caching.code.publishing import Example, make_entry
from rtfs.caching.code.retrieval import CodeLibrary
from rtfs.caching.code.signing import Signer
from rtfs.caching.code.store import CodeStore
from rtfs.caching.stores.sqlite import SQLiteStore
from rtfs.ir.artefact.definitions import definitions_of
from rtfs.runtime import Runtime
from rtfs.source import Source

LINES = 10_000
ASKING = """(defn topic ^:delegation :local-model "echo" "What is it about?" [message :string] :-> [:enum "bug" "card" "other"]
  "other")"""
_WORDS = [f"word{i}" for i in range(40)]
#: About what `rtfs crystallise` makes of a few hundred records: forty phrases.
PHRASES = (
    '(defn topic [message : string] : [:enum "bug" "card" "other"]\n'
    '  (let [text (str " " (join " " (re-seq "[\\\\w\']+" (string-lower message))) " ")\n'
    '        has? (fn [phrase] (string-contains text (str " " phrase " ")))]\n    (cond\n'
    + "\n".join([f'      (has? "{word}") "{("bug", "card", "other")[i % 3]}"' for i, word in enumerate(_WORDS)])
    + '\n      :else (throw :abstain "no phrase fits"))))'
)


def median_ms(work: Callable[[], Any], passes: int) -> float:
    taken = []
    for _ in range(passes):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return statistics.median(taken) * 1e3


def hashing(passes: int) -> None:
    source = Source("large", large.large_program(LINES))
    program = Runtime(models=None).prepared(source)
    lines = source.text.count("\n")
    hashed = median_ms(lambda: definitions_of(program), passes)
    print(f"hashing {lines:,} lines, {len(definitions_of(program)):,} definitions: {hashed:.0f} ms")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "large.rtfs")
        path.write_text(source.text, encoding="utf-8")
        environ = {"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[1]), "HOME": folder}
        whole = [process_cpu_s([sys.executable, "-m", "rtfs", "hash", str(path)], environ) for _ in range(3)]
    print(f"  the whole process, `rtfs hash`: {statistics.median(whole) * 1e3:.0f} ms")


def hits(passes: int, folder: str) -> None:
    inspector = Runtime(models=None)
    (asked,) = inspector.definitions(Source("asking", ASKING))
    examples = [Example((f"please word{i % 40} now {i}",), ("bug", "card", "other")[i % 40 % 3]) for i in range(100)]
    program = inspector.prepared(Source("code", PHRASES))
    entry, _ = make_entry(
        program, "topic", inspector.sandboxed, examples, kind="agreement", wanted=0.95, task=asked.task, interface=asked.interface
    )
    signer = Signer.new()
    store = CodeStore(SQLiteStore(str(Path(folder, "code.sqlite"))), lambda: {signer.public: "bench"})
    store.put(entry, signer)
    for strategy in ("ir", "tree"):
        first, warm = [], []
        for _ in range(passes):
            library = CodeLibrary(store, Runtime(models=None, strategy=strategy).sandboxed)
            with Runtime(strategy=strategy, code=library, environ={}) as runtime:
                runtime.run(ASKING)
                ask = runtime.function("topic")
                runtime.models.resolve("local-model", "echo")
                begin = time.process_time()
                value = ask("please word7 now")
                first.append(time.process_time() - begin)
                if value != "card" or runtime.records.calls[-1].source != "code":
                    raise AssertionError(value)
                for _ in range(30):  # until it is compiled
                    ask("please word7 now")
                begin = time.process_time()
                for _ in range(100):
                    ask("please word7 now")
                warm.append((time.process_time() - begin) / 100)
        print(
            f"a hit, {strategy}, {len(entry.artefact):,} bytes: verify, load, run p50 {statistics.median(first) * 1e3:.2f} ms, "
            f"worst {max(first[1:]) * 1e3:.2f} ms; warm {statistics.median(warm) * 1e6:.0f} µs"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passes", type=int, default=25)
    passes = parser.parse_args().passes
    hashing(passes)
    gc.collect()  # of all that hashing has left
    with tempfile.TemporaryDirectory() as folder:
        hits(passes, folder)


if __name__ == "__main__":
    main()
