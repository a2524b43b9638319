"""What a local model is put through with random weights: any type, any thread, any moment to give up. `benches.local_models` runs
it in a process of its own, because the failure that is looked for ends the process.

    python -m benches.local_stress schemas 10000    random types, replies at a high temperature; valid, bounds included
    python -m benches.local_stress threads 1000     16 threads with so many calls each: cancelled, too long, out of time, unloaded

Prints one line of JSON.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rtfs.errors import DelegationError
from rtfs.models.grammar_bounds import NotExpressible
from rtfs.models.llama_cpp import LlamaCppProvider
from rtfs.models.llama_pool import relieve
from rtfs.models.protocol import ModelRequest, Parameter
from rtfs.semantics.stopping import Stop, Stopped
from rtfs.types.coercion import CoercionError, coerce
from rtfs.types.matching import matches
from rtfs.types.nodes import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    NIL,
    STRING,
    Entry,
    EnumType,
    MapOfType,
    Predicate,
    RecordType,
    RefinedType,
    TupleType,
    Type,
    VectorType,
    union,
)
from rtfs.values.scalars import kw
from tests.support.tiny_gguf import write_tiny_gguf

THREADS = 16


def request(result: Type, text: str = "It works.", **extras: Any) -> ModelRequest:
    values: dict[str, Any] = {"model": "m", "function": "mood", "doc": "How does it feel?", "max_tokens": 60, **extras}
    return ModelRequest(parameters=(Parameter(name="text", type=STRING, value=text),), result=result, **values)


# --- types -----------------------------------------------------------------------------------


def random_type(source: random.Random, depth: int = 0) -> Type:
    simple: list[Callable[[], Type]] = [
        lambda: source.choice([INT, FLOAT, BOOL, NIL, STRING]),
        lambda: whole(source),
        lambda: fraction(source),
        lambda: sized(source, STRING, "length", 12),
        lambda: labels(source),
    ]
    deep: list[Callable[[], Type]] = [
        lambda: VectorType(random_type(source, depth + 1)),
        lambda: sized(source, VectorType(random_type(source, depth + 1)), "count", 4),
        lambda: TupleType(tuple(random_type(source, depth + 1) for _ in range(source.randint(1, 3)))),
        lambda: record(source, depth),
        lambda: record(source, depth),
        lambda: MapOfType(STRING, random_type(source, depth + 1)),
        lambda: union(random_type(source, depth + 1), random_type(source, depth + 1)),
        lambda: union(random_type(source, depth + 1), NIL),
    ]
    return source.choice(simple + (deep if depth < 3 else []))()


def whole(source: random.Random) -> Type:
    low = source.randint(-10_000, 10_000)
    return RefinedType(INT, (Predicate("in-range", (low, low + source.choice([0, 3, 40, 3000]))),))


def fraction(source: random.Random) -> Type:
    low = round(source.uniform(-50, 50), 3)
    above, below = source.choice([">", ">="]), source.choice(["<", "<="])
    return RefinedType(FLOAT, (Predicate(above, (low,)), Predicate(below, (round(low + source.uniform(0.01, 9), 3),))))


def sized(source: random.Random, base: Type, what: str, most: int) -> Type:
    low = source.randint(0, most)
    return RefinedType(base, (Predicate(f"min-{what}", (low,)), Predicate(f"max-{what}", (low + source.randint(0, most),))))


def labels(source: random.Random) -> Type:
    letters = "abcxyz \"\\'{}[],:\n\té☃\U0001f600-_/0"
    values = ["".join(source.choices(letters, k=source.randint(0, 8))) for _ in range(source.randint(1, 6))]
    return EnumType(tuple(dict.fromkeys(values)))


def record(source: random.Random, depth: int) -> Type:
    entries = [Entry(kw(f"k{i}"), random_type(source, depth + 1), source.random() < 0.3) for i in range(source.randint(0, 4))]
    return RecordType(tuple(entries))


def schemas(provider: LlamaCppProvider, count: int, seed: int = 0) -> dict[str, Any]:
    found: Counter[str] = Counter()
    wrong: list[str] = []
    for i in range(count):
        source = random.Random(f"{seed} {i}")
        type_ = random_type(source)
        asked = request(type_, max_tokens=7500, temperature=1.5, seed=i)
        try:
            reply = provider.complete(asked)
        except DelegationError as error:
            inexpressible = isinstance(error.__cause__, NotExpressible)
            found["inexpressible" if inexpressible else "failed"] += 1
            if not inexpressible:
                wrong.append(f"{i}: {type_}: {error.message}")
            continue
        if reply.finish_reason == "length":
            found["cut off"] += 1
            continue
        try:
            value, _ = coerce(reply.text, type_)
            good = matches(type_, value)
        except CoercionError:
            good = False
        found["valid" if good else "invalid"] += 1
        if not good:
            wrong.append(f"{i}: {type_}: {reply.text[:200]}")
    return {"asked": count, **found, "examples": wrong[:5]}


# --- threads ---------------------------------------------------------------------------------


def mixed() -> list[ModelRequest]:
    mood = EnumType(("positive", "negative", "no idea at all"))
    both = RecordType((Entry(kw("mood"), mood), Entry(kw("note"), STRING), Entry(kw("n"), INT)))
    some: list[Type] = [mood, BOOL, INT, STRING, ANY, both, VectorType(INT), VectorType(STRING)]
    return [request(t, text, max_tokens=24) for t in some for text in ("It works.", "It broke after a week, and nobody answers.")]


def threads(provider: LlamaCppProvider, count: int) -> dict[str, Any]:
    asked = mixed()
    expected = [provider.complete(one) for one in asked]
    found: Counter[str] = Counter()
    wrong: list[str] = []
    lock = threading.Lock()
    done = threading.Event()
    slowest = [0.0]

    def note(what: str, problem: str | None = None) -> None:
        with lock:
            found[what] += 1
            if problem is not None:
                wrong.append(problem)

    def run(thread: int) -> None:
        source = random.Random(thread)
        for _ in range(count):
            kind = source.choices(["answer", "give up", "too long", "no time"], [6, 2, 1, 1])[0]
            i = source.randrange(len(asked))
            one, stop = asked[i], Stop()
            if kind == "too long":
                one = request(one.result, "word " * 3000)
            elif kind == "no time":
                one = replace(one, timeout_s=source.uniform(0, 0.004))
            timer = threading.Timer(source.uniform(0, 0.01), stop.set) if kind == "give up" else None
            if timer is not None:
                timer.start()
            try:
                reply = provider.complete(replace(one, stop=stop))
                same = reply == expected[i]
                note("answered" if same else "wrong", None if same else f"{one.result}: {reply.text[:100]}")
            except Stopped:
                note("cancelled")
            except DelegationError as error:
                fine = (kind, error.kind) in (("too long", "prompt-too-long"), ("no time", "provider-error"))
                note(error.kind if fine else "wrong", None if fine else f"{kind}: {error.kind}: {error.message}")
            except BaseException as error:
                note("wrong", f"{kind}: {type(error).__name__}: {error}")
            if timer is not None:
                timer.join()

    def press() -> None:
        while not done.wait(0.2):
            relieve()

    workers = [threading.Thread(target=run, args=(n,)) for n in range(THREADS)]
    pressing = threading.Thread(target=press)
    begin = time.monotonic()
    for thread in (pressing, *workers):
        thread.start()
    for thread in workers:
        thread.join()
    slowest[0] = time.monotonic() - begin
    done.set()
    pressing.join()
    return {"calls": THREADS * count, "seconds": round(slowest[0], 1), **found, "examples": wrong[:5]}


def main(argv: list[str]) -> int:
    what, count = argv[0], int(argv[1])
    with tempfile.TemporaryDirectory() as folder:
        path = write_tiny_gguf(Path(folder) / "tiny.gguf", context_tokens=8192)
        provider = LlamaCppProvider(lambda model: path, cache_dir=Path(folder), pool_size=4)
        found = {"schemas": schemas, "threads": threads}[what](provider, count)
        provider.close()
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
