"""Functions that become code: run this file to see what it prints. Nothing leaves the machine, nothing is kept.

A function has a hash that says what it does. Under that hash it can be published, signed; and a function that asks a model can be
turned into code that answers in its place, from what the model has answered so far. The part of the model is played by the rules
that the function brings along, so that there is something to learn.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import rtfs
from rtfs.caching.code.publishing import Example, make_entry
from rtfs.caching.code.signing import own_signer, trusted_keys
from rtfs.caching.code.store import CodeStore
from rtfs.caching.stores.memory import MemoryStore
from rtfs.delegation.crystallise.crystallising import crystallise, subject_of
from rtfs.delegation.crystallise.induction import Aim
from rtfs.delegation.engine import StaticEngine
from rtfs.delegation.log import CallLog
from rtfs.delegation.log_queries import Selection
from rtfs.source import Source

ASKING = Source(
    "topic.rtfs",
    """
(defn topic
  ^:delegation :local-model "rules"
  ^{:rules [["crash|freez" "bug"] ["refund|invoice" "billing"] [:else "other"]]}
  "What is the message about?"
  [message : string] : [:enum "bug" "billing" "other"]
  "other")""",
)
WORDS = ("crashed", "it crashes", "freezes", "a refund", "my invoice", "thank you", "opening hours", "a question")
FILL = "hello please since today again the app shop is was with my order on phone and nobody answers".split()  # noqa: SIM905


def messages(count: int, seed: int) -> list[str]:
    """Messages that nobody wrote."""
    random = Random(seed)
    made = []
    for _ in range(count):
        words = random.sample(FILL, random.randrange(3, 8))
        words.insert(random.randrange(len(words)), random.choice(WORDS))
        made.append(" ".join(words))
    return made


def hashes(inspector: rtfs.Runtime) -> None:
    """The same function in other words has the same hash; another one below it changes it."""

    def of(text: str) -> str:
        return inspector.definitions(Source("<hash>", text))[-1].content.hex()[:16]

    one = of("(defn twice [n] (* n 2)) (defn four [n] (twice (twice n)))")
    same = of('(defn double [x] ; by addition?\n (* x 2))\n(defn quadruple "Four times." [y]\n (double (double y)))')
    other = of("(defn twice [n] (+ n n)) (defn four [n] (twice (twice n)))")
    print(f"hashes: {one == same} for the same, {one == other} for another one below")


def publish(inspector: rtfs.Runtime, store: CodeStore, folder: str) -> str:
    """A function that somebody wrote, published once its tests are right; gives its hash."""
    text = '(defn slug [title : string] : string (join "-" (re-seq "[a-z0-9]+" (string-lower title))))'
    program = inspector.prepared(Source("slug.rtfs", text))
    tests = [Example(("Hello, World",), "hello-world"), Example(("A b  C",), "a-b-c")]
    entry, verification = make_entry(program, "slug", inspector.sandboxed, tests, kind="tests")
    store.put(entry, own_signer(folder))
    print(f"published: slug, {verification}")
    return entry.content.hex()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        inspector = rtfs.Runtime(models=None)
        store = CodeStore(MemoryStore(), lambda: trusted_keys(folder))
        hashes(inspector)
        slug = publish(inspector, store, folder)

        # calls go to code by its hash, as in a policy: target = "code:…"
        with rtfs.Runtime(engine=StaticEngine({"slug": f"code:{slug}"}), code=store) as runtime:
            print(runtime.run('(defn slug [title : string] : string "?") (slug "Of Mice and Men")'))

        # a program runs for a while, with a log that keeps arguments
        log = CallLog(Path(folder, "calls.sqlite"), full=True)
        with rtfs.Runtime(log=log) as runtime:
            runtime.run_source(ASKING)
            for message in messages(600, seed=1):
                runtime.function("topic")(message)
        log.close()

        # what the model answered becomes code, if it agrees on what was held out
        records = [entry.record for entry in Selection(function="topic").entries(log.path)]
        outcome = crystallise(inspector, subject_of(inspector, ASKING, "topic"), records, Aim(0.9, 0.95), least=100)
        assert outcome.candidate is not None
        assert outcome.entry is not None, outcome.problem
        print(f"crystallised: {outcome.candidate.kind}, which agree in more than 90 %: {outcome.verification is not None}")
        store.put(outcome.entry, own_signer(folder), sampling=0.02, level=0.9)

        # from now on most calls need no model
        with rtfs.Runtime(code=store) as runtime:
            runtime.run_source(ASKING)
            for message in messages(200, seed=2):
                runtime.function("topic")(message)
            totals = runtime.records.totals
            print(f"most of {totals.calls} calls are answered by code: {totals.by_code > totals.calls / 2}")
            print(runtime.function("topic")("it crashes since today"))


if __name__ == "__main__":
    main()
