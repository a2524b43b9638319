"""`python -m benches.local_models`: the goals for local models, with SmolLM2-135M (`rtfs models add smollm2`).

Wall time, because waiting for threads and cores is part of it: run it when nothing else does.  Ratios are of two figures of the
same run that took turns.  What would end the process if it failed runs in a process of its own, with random weights.

    python -m benches.local_models              goal, measured, met; exit 1 when one is missed
    python -m benches.local_models --quick      fewer rounds, and 300 types, 50 calls a thread, 100 prompts
    python -m benches.local_models --full       10,000 types, 1,000 calls a thread, 1,000 prompts
    python -m benches.local_models --only busy  some of its sections; --help names them
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from rtfs.models import llama_threads, weights
from rtfs.models.llama_cpp import LlamaCppProvider
from rtfs.models.llama_limits import CallLimit
from rtfs.models.protocol import ModelReply, ModelRequest, Parameter
from rtfs.models.speed import measured
from rtfs.semantics.stopping import Stop, Stopped
from rtfs.types.nodes import BOOL, STRING, Entry, EnumType, RecordType, Type
from rtfs.values.scalars import kw

ROOT = Path(__file__).parents[1]
MOOD = EnumType(("positive", "negative"))
BOTH = RecordType((Entry(kw("sentiment"), MOOD), Entry(kw("urgent"), BOOL)))
EXAMPLES = (
    (("What a wonderful film.",), "positive"),
    (("The battery dies within an hour.",), "negative"),
    (("I am very happy with it.",), "positive"),
    (("Poor quality, and the support is rude.",), "negative"),
)
TEXTS = [
    "I love it and use it every day.", "It broke after a week.", "Works perfectly, great value.", "A complete waste of money.",
    "The best phone I ever had.", "The sound is terrible.", "Not bad at all, I enjoyed it.", "I regret buying this.",
    "Fast, quiet and beautiful.", "Do not buy it, it does not work.", "Exactly what I needed.", "It arrived broken, twice.",
]  # fmt: skip


@dataclass(frozen=True)
class Plan:
    rounds: int
    schemas: int
    calls: int
    prompts: int


QUICK, USUAL, FULL = Plan(4, 300, 50, 100), Plan(10, 1000, 200, 300), Plan(10, 10_000, 1000, 1000)


@dataclass(frozen=True)
class Goal:
    what: str
    goal: str
    shown: str
    met: bool

    @classmethod
    def at_most(cls, what: str, limit: float, value: float, unit: str, note: str = "") -> Goal:
        return cls(what, f"<= {limit:g} {unit}", f"{value:.4g} {unit}{note}", value <= limit)

    @classmethod
    def at_least(cls, what: str, limit: float, value: float, unit: str, note: str = "") -> Goal:
        return cls(what, f">= {limit:g} {unit}", f"{value:.4g} {unit}{note}", value >= limit)


class Bench:
    """The measurements; each gives its goals."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def provider(self, *, pool_size: int = 2, calibrate: bool = True) -> LlamaCppProvider:
        data = weights.default_data_dir(os.environ)
        return LlamaCppProvider(
            environ=os.environ, data_dir=data, cache_dir=self.folder, pool_size=pool_size, calibrate=calibrate
        )

    # --- one by one ---

    def load(self) -> Iterator[Goal]:
        """In a fresh process, with the faster copy there already."""
        ready = self.provider()
        ready.complete(asked(MOOD, "Hello."))
        ready.close()
        found = [json.loads(child("--child", "load", str(self.folder))) for _ in range(3)]
        yield Goal.at_most("load, without the import", 150, median(f["load_ms"] for f in found), "ms")
        for what, limit, name in (
            ("memory with one context of 2,048 tokens", 250, "one"),
            ("memory of a further context", 50, "further"),
        ):
            made, read = (median(f[f"{name}_{when}_mib"] for f in found) for when in ("made", "read"))
            yield Goal.at_most(what, limit, made, "MiB", f" ({read:.1f} once it has read 121 tokens)")

    def speed(self) -> Iterator[Goal]:
        provider = self.provider()
        found = measured(provider, "smollm2", rounds=self.plan.rounds)
        provider.close()
        assert found.prompt_tokens_per_s is not None
        assert found.tokens_per_s is not None
        yield Goal.at_least("reading, Q8_0, 2 threads", 800, found.prompt_tokens_per_s, "tokens/s")
        yield Goal.at_least("writing, Q8_0, 1 thread", 165, found.tokens_per_s, "tokens/s", f" (llama.cpp alone {self.bare():.4g})")

    def bare(self) -> float:
        """Tokens a second of llama.cpp itself, without choosing one: more is not to be had on this machine."""
        provider = self.provider()
        seconds = []
        with provider.lease("smollm2") as (pool, loaded):
            prompt = loaded.start() + loaded.tokens("It works. " * 20)
            with pool.session(loaded, prompt, CallLimit.of_seconds(60)) as session:
                session.reserve(256)
                for _ in range(self.plan.rounds):
                    session.rewind(0)
                    session.read(prompt)
                    seconds.append(timed(lambda s=session, token=prompt[-1]: [s.step(token) for _ in range(64)]) / 64)
        provider.close()
        return 1 / median(seconds)

    def answers(self) -> Iterator[Goal]:
        """Another text each time; what comes before it is the same, as in a loop over texts."""
        provider = self.provider()
        warm = [asked(MOOD, "Hello.", EXAMPLES), asked(BOTH, "Hello.")]
        for one in warm:
            provider.complete(one)
        for what, limit, make in (
            ("one label, four examples", 45, lambda text: asked(MOOD, text, EXAMPLES)),
            ("a record of two fields", 50, lambda text: asked(BOTH, text)),
        ):
            seconds, cpu = [], []
            for text in TEXTS[: self.plan.rounds]:
                begin = time.process_time()
                seconds.append(timed(lambda make=make, text=text: provider.complete(make(text))))
                cpu.append(time.process_time() - begin)
            yield Goal.at_most(what, limit, median(seconds) * 1e3, "ms", f" ({median(cpu) * 1e3:.0f} ms of CPU)")
        cold = []
        for text in TEXTS[: min(4, self.plan.rounds)]:
            provider.unload()
            provider.complete(asked(MOOD, "Hello.", function="other"))  # loaded, and nothing of the prompt known
            cold.append(timed(lambda t=text: provider.complete(asked(STRING, t, function="reply", max_tokens=30))))
        provider.close()
        yield Goal.at_most("30 tokens of text, cold", 250, median(cold) * 1e3, "ms")

    def prefix(self) -> Iterator[Goal]:
        """The first call reads about 1,024 tokens and a question, the second only its own question."""
        provider = self.provider(calibrate=False)
        doc = " ".join(["Sort the messages of customers by what they feel, and mind what they say about parcels."] * 62)
        length = provider.count_tokens(asked(MOOD, "Hello.", doc=doc))
        ratios, second = [], []
        for i in range(min(5, self.plan.rounds)):
            provider.unload()
            provider.complete(asked(MOOD, "Hello."))
            cold = timed(lambda i=i: provider.complete(asked(MOOD, TEXTS[i], doc=doc)))
            warm = median([timed(lambda t=t: provider.complete(asked(MOOD, t, doc=doc))) for t in TEXTS[6:10]])
            ratios.append(cold / warm)
            second.append(warm)
        provider.close()
        yield Goal.at_least(f"a shared prefix ({length:,} tokens), second call faster", 40, median(ratios), "times")
        yield Goal.at_most("the second call", 110, median(second) * 1e3, "ms")

    def callers(self) -> Iterator[Goal]:
        """Answers of up to 48 tokens to short prompts; one caller asks for all, then two at once do, each for all in its own order.

        One caller reads with both cores, two have one each: the other ratio is to one caller with one core.
        """
        provider = self.provider(pool_size=2)
        requests = [asked(STRING, text, function="reply", max_tokens=48) for text in TEXTS[:8]]
        expected = [provider.complete(one) for one in requests]
        ratios, of_one_core, same = [], [], True
        for _ in range(min(5, self.plan.rounds)):
            alone = timed(lambda: [provider.complete(one) for one in requests])
            replies: list[list[ModelReply]] = [[], []]
            # as much to do for each: answers are of different lengths
            both = [one for pair in zip(requests, requests[::-1], strict=True) for one in pair]
            together = timed(lambda both=both, replies=replies: both_halves(provider, both, replies))
            same = same and replies == [expected, expected[::-1]]
            ratios.append(2 * alone / together)
            with one_core():
                of_one_core.append(2 * timed(lambda: [provider.complete(one) for one in requests]) / together)
        provider.close()
        if self.cores < 2:
            return
        note = f" ({median(of_one_core):.4g} of one caller with one core)"
        yield Goal.at_least("two callers at once, throughput", 1.8, median(ratios), "times", note)
        yield Goal("their bytes", "as one after the other", "the same" if same else "others", same)

    def busy(self) -> Iterator[Goal]:
        """About 64 tokens read and 32 written, beside programs that compute; idle and busy take turns.

        An idle machine gives two cores to reading, a busy one two thirds of one: the other ratios are to one core of an idle one.
        """
        provider = self.provider()
        texts = iter(f"Message {i}: {' '.join(TEXTS[:5])}" for i in range(10_000))

        def once() -> float:
            one = asked(STRING, next(texts), function="reply", max_tokens=32)
            return timed(lambda: provider.complete(one))

        once()
        seconds: dict[int, list[float]] = {0: [], 1: [], 2: []}
        one_only = []
        for _ in range(min(4, self.plan.rounds)):
            with one_core():
                one_only += [once() for _ in range(3)]
            for programs in seconds:
                with computing(programs):
                    seconds[programs] += [once() for _ in range(3)]
        provider.close()
        idle = median(seconds[0])
        for programs, limit in ((1, 1.3), (2, 1.6)):
            busy = median(seconds[programs])
            what = f"slower beside {('one busy program', 'two busy programs')[programs - 1]}"
            note = f" ({idle * 1e3:.0f} to {busy * 1e3:.0f} ms; {busy / median(one_only):.4g} of one core)"
            yield Goal.at_most(what, limit, busy / idle, "times", note)

    def replay(self) -> Iterator[Goal]:
        """The same prompts warm, in another order, by two threads, and in another process."""
        requests = replayed(self.plan.prompts)
        provider = self.provider()
        first = [provider.complete(one).text for one in requests]
        replies: list[list[ModelReply]] = [[], []]
        both_halves(provider, requests[::-1], replies)
        again = [reply.text for reply in [*replies[0], *replies[1]]]
        backwards = first[::-1]
        provider.close()
        elsewhere = json.loads(child("--child", "replay", str(self.folder), str(len(requests))))
        same = sum(a == b for a, b in zip(again, [*backwards[0::2], *backwards[1::2]], strict=True))
        other = sum(a == b for a, b in zip(first, elsewhere, strict=True))
        total = len(requests)
        yield Goal("the same bytes: order, threads, warm", f"{total} of {total}", f"{same} of {total}", same == total)
        yield Goal("the same bytes: another process", f"{total} of {total}", f"{other} of {total}", other == total)

    def cancel(self) -> Iterator[Goal]:
        provider = self.provider()
        provider.complete(asked(STRING, "Hello.", function="reply", max_tokens=2))
        writing = [
            stopped(provider, asked(STRING, f"Write a long story, {i}.", function="reply", max_tokens=400), 0.25)
            for i in range(self.plan.rounds)
        ]
        reading = [
            stopped(provider, asked(MOOD, f"{i} " + " ".join(TEXTS * 20), function="mood"), 0.2) for i in range(self.plan.rounds)
        ]
        provider.close()
        yield Goal.at_most("cancelled while it writes, the slowest", 10, max(writing) * 1e3, "ms")
        yield Goal.at_most("cancelled while it reads, the slowest", 50, max(reading) * 1e3, "ms")

    def schemas(self) -> Iterator[Goal]:
        found = stress("schemas", self.plan.schemas)
        wrong = sum(found.get(kind, 0) for kind in ("invalid", "failed", "cut off"))
        shown = f"{found.get('valid', 0):,} valid, {wrong} not" if "asked" in found else found["problem"]
        if found.get("inexpressible"):
            shown += f", {found['inexpressible']} without values"
        good = wrong == 0 and found.get("valid", 0) > 0
        yield Goal(f"random types ({self.plan.schemas:,}), bounds included", "all valid, no crash", shown, good)

    def threads(self) -> Iterator[Goal]:
        found = stress("threads", self.plan.calls)
        names = [name for name in found if name not in ("calls", "seconds", "examples", "problem")]
        shown = found.get("problem") or ", ".join(f"{found[name]:,} {name}" for name in names)
        good = "problem" not in found and not found.get("wrong") and found.get("cancelled", 0) > 0
        yield Goal(f"16 threads with {self.plan.calls:,} calls each, cancelled and too long", "0 aborts, 0 wrong", shown, good)


SECTIONS = ("load", "speed", "answers", "prefix", "callers", "busy", "replay", "cancel", "schemas", "threads")


# --- pieces ----------------------------------------------------------------------------------


def asked(
    result: Type,
    text: str,
    examples: Any = (),
    *,
    doc: str = "What is the sentiment of this review?",
    function: str = "sentiment",
    max_tokens: int = 60,
) -> ModelRequest:
    return ModelRequest(
        model="smollm2",
        function=function,
        doc=doc,
        parameters=(Parameter(name="review", type=STRING, value=text),),
        result=result,
        examples=examples,
        max_tokens=max_tokens,
        timeout_s=300.0,
    )


def replayed(count: int) -> list[ModelRequest]:
    """Requests that all differ."""
    texts = [f"{TEXTS[i % 12]} {TEXTS[(i * 5 + i // 12) % 12]} {i}" for i in range(count)]
    return [asked((MOOD, BOTH, STRING)[i % 3], text, max_tokens=12) for i, text in enumerate(texts)]


def timed(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def both_halves(provider: LlamaCppProvider, requests: list[ModelRequest], replies: list[list[ModelReply]]) -> None:
    def run(half: int) -> None:
        replies[half].extend(provider.complete(one) for one in requests[half::2])

    callers = [threading.Thread(target=run, args=(half,)) for half in (0, 1)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()


def stopped(provider: LlamaCppProvider, request: ModelRequest, after_s: float) -> float:
    """Seconds from the word to the end of the call; 0 when it had ended before."""
    stop, at = Stop(), [0.0]

    def say() -> None:
        at[0] = time.perf_counter()
        stop.set()

    timer = threading.Timer(after_s, say)
    timer.start()
    try:
        provider.complete(replace(request, stop=stop))
    except Stopped:
        return time.perf_counter() - at[0]
    finally:
        timer.cancel()
        timer.join()
    return 0.0


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Meanwhile one thread reads, whatever is free."""
    before, llama_threads.MOST_THREADS = llama_threads.MOST_THREADS, 1
    try:
        yield
    finally:
        llama_threads.MOST_THREADS = before


class computing:
    """Meanwhile so many other programs compute."""

    def __init__(self, programs: int) -> None:
        self._programs = programs

    def __enter__(self) -> None:
        loop = "import sys\nprint(flush=True)\nwhile True: pass"
        self._running = [
            subprocess.Popen([sys.executable, "-c", loop], stdout=subprocess.PIPE) for _ in range(self._programs)
        ]
        for one in self._running:
            assert one.stdout is not None
            one.stdout.readline()

    def __exit__(self, *_: object) -> None:
        for one in self._running:
            one.kill()
            one.communicate()


def child(*arguments: str) -> str:
    """What this module prints in a process of its own."""
    command = [sys.executable, "-m", "benches.local_models", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def stress(what: str, count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benches.local_stress", what, str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return {"problem": f"ended with code {done.returncode}: {last[0][:100]}"}
    found: dict[str, Any] = json.loads(done.stdout)
    for example in found["examples"]:
        print(f"  {what}: {example}", file=sys.stderr)
    return found


def memory_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def as_child(what: str, folder: Path, count: int) -> None:
    bench = Bench(QUICK, folder)
    if what == "replay":
        provider = bench.provider(pool_size=1)
        print(json.dumps([provider.complete(one).text for one in replayed(count)]))
        provider.close()
        return
    from rtfs.models.llama_library import library

    library()
    provider = bench.provider()
    begin = time.perf_counter()
    with provider.lease("smollm2") as (pool, loaded):
        load_s = time.perf_counter() - begin
        prompt = loaded.tokens("It works. " * 40)
        with pool.session(loaded, prompt, CallLimit.of_seconds(60)) as one:
            one.reserve(2048)
            found = {"one_made": memory_mib()}
            one.read(prompt)
            found["one_read"] = base = memory_mib()
            with pool.session(loaded, prompt, CallLimit.of_seconds(60)) as two:
                two.reserve(2048)
                found["further_made"] = memory_mib() - base
                two.read(prompt)
                found["further_read"] = memory_mib() - base
    print(json.dumps({"load_ms": load_s * 1e3, **{f"{name}_mib": mib for name, mib in found.items()}}))
    provider.close()


def table(goals: list[Goal]) -> str:
    rows = [("", "goal", "measured", "met"), *((g.what, g.goal, g.shown, "yes" if g.met else "NO") for g in goals)]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def main(argv: list[str]) -> int:
    if argv[:1] == ["--child"]:
        as_child(argv[1], Path(argv[2]), int(argv[3]) if len(argv) > 3 else 0)
        return 0
    parser = argparse.ArgumentParser("python -m benches.local_models", description="The goals for local models.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller counts")
    parser.add_argument("--full", action="store_true", help="the whole counts: 10,000 types, 16,000 calls, 1,000 prompts")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="some sections; may be repeated")
    options = parser.parse_args(argv)
    goals: list[Goal] = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(QUICK if options.quick else FULL if options.full else USUAL, Path(folder))
        for name in options.only or SECTIONS:
            for goal in getattr(bench, name)():
                goals.append(goal)
                print(f"{goal.what}: {goal.shown}", file=sys.stderr, flush=True)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(table(goals))
    print(f"{sum(goal.met for goal in goals)} of {len(goals)} met; {bench.cores} cores, load of the last minute {load:.1f}")
    return 0 if all(goal.met for goal in goals) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
