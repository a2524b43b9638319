"""What is measured beside the programs of the suite, and stays out of their geometric mean."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benches import large, suite
from benches.measuring import Clock, Plan, Timing, clock, interleave, measure, process_cpu_s
from rtfs.runtime import Runtime
from rtfs.source import Source
from rtfs.syntax.reader import read_forms

ROOT = Path(__file__).parents[1]
FILE_LINES = 2_000
READ_CHARACTERS = 1_000_000
BY_HAND = "regex reader in Python"
NO_MODELS, MODELS = "no models", "models attached"


@dataclass
class Section:
    """A table of its own."""

    title: str
    about: str
    unit: str
    """Of the figures."""
    base: str
    """What the ratios are to."""
    rows: list[dict[str, Any]] = field(default_factory=list)
    """name, value, ratio (None for what has none)."""

    def add(self, name: str, value: float, ratio: float | None) -> None:
        self.rows.append({"name": name, "value": value, "ratio": ratio})

    def add_timings(self, timings: Mapping[str, Timing], base: str, scale: float = 1e3) -> None:
        """Medians times `scale`, as they are and over the median of `base`."""
        for name, timing in timings.items():
            self.add(name, timing.median_s * scale, timing.median_s / timings[base].median_s)


def startup(plan: Plan) -> Section:
    python = [sys.executable]
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "orders.rtfs")
        program.write_text(large.large_program(FILE_LINES), encoding="utf-8")
        base = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "RTFS_DATA_DIR": folder}
        caches = iter(Path(folder, f"cache-{n}") for n in range(plan.passes + 1))

        def run(*words: str, cache: Path | None = None) -> Clock:
            return lambda: process_cpu_s([*python, *words], {**base, "RTFS_CACHE_DIR": str(cache or next(caches))})

        kept = Path(folder, "cache")
        clocks = {
            "rtfs eval 1": run("-m", "rtfs", "eval", "1", cache=kept),
            "python -c 1": run("-c", "1", cache=kept),
            f"rtfs run, {FILE_LINES:,} lines, first time": run("-m", "rtfs", "run", str(program)),
            f"rtfs run, {FILE_LINES:,} lines, unchanged": run("-m", "rtfs", "run", str(program), cache=kept),
        }
        if find_spec("hy") is not None:
            clocks["hy -c 1"] = run("-m", "hy", "-c", "1", cache=kept)
        for process in clocks.values():
            process()  # Python writes its byte code, RTFS its cache
        section = Section(
            "Start-up",
            f"A whole process, `python -m rtfs …`. The file is {FILE_LINES:,} lines of functions and one call; the first time "
            "nothing is cached.",
            "CPU ms",
            "`rtfs eval 1`",
        )
        timings = {name: Timing.of(seconds) for name, seconds in interleave(clocks, plan.passes).items()}
        section.add_timings(timings, "rtfs eval 1")
        return section


def calls(plan: Plan) -> Section:
    """The ratio is wanted to 1 %, and the same code is up to 4 % faster or slower depending on where its objects lie: so each pass
    has fresh runtimes."""
    fib = suite.Program("fib")
    seconds: dict[str, list[float]] = {}
    for at in range(plan.passes):
        clocks = {}
        for name, models in ((NO_MODELS, None), (MODELS, "default"))[:: 1 if at % 2 else -1]:
            runtime = Runtime(strategy="ir", models=models, environ={})
            runtime.run("(defn add [a b] (+ a b))")
            fib.check(runtime.run(fib.text, raw=True), name)
            main, add = runtime.function("main", raw=True), runtime.function("add", raw=True)
            clocks[f"fib, {name}"] = clock(main, plan.batch_s)
            clocks[f"from Python, {name}"] = clock(partial(add, 1, 2), plan.batch_s)
        for name, taken in interleave(clocks, 4).items():
            seconds.setdefault(name, []).extend(taken)
    section = Section(
        "Calls with and without models",
        "A runtime that has a model registry, but no function that a model answers, against one without: all calls of `fib` inside "
        "the program, and one call of a function from Python.",
        "CPU µs",
        NO_MODELS,
    )
    for what in ("fib", "from Python"):
        timings = {name: Timing.of(seconds[name]) for name in (f"{what}, {NO_MODELS}", f"{what}, {MODELS}")}
        section.add_timings(timings, f"{what}, {NO_MODELS}", 1e6)
    return section


def typed(plan: Plan) -> Section:
    without = "There was no native tier in this run: calls are checked, and run as Python."
    tier = "The native tier is on." if native_tier() else without
    section = Section(
        "Programs with types",
        f"Functions whose parameters and result are annotated with `int` and `float`, in strategy `ir`. {tier}",
        "CPU ms",
        "CPython",
    )
    for program in suite.TYPED:
        plain = suite.Program(program.name)
        mains = {"CPython": plain.main("cpython"), "ir": plain.main("ir"), "ir, typed": program.main("ir")}
        timings = measure(mains, plan)
        section.add_timings({f"{program.name}, {name}": timing for name, timing in timings.items()}, f"{program.name}, CPython")
    return section


def native_tier() -> bool:
    return find_spec("rtfs.eval.native") is not None and find_spec("llvmlite") is not None


def mutable(plan: Plan) -> Section:
    section = Section(
        "Against Python that forgets",
        "Not the same work: Python changes one dict or one list in place, so that the older value is gone.",
        "CPU ms",
        "Python in place",
    )
    for program in suite.MUTABLE:
        forgetting = suite.python_main(program.folder / "mutable" / f"{program.name}.py")
        program.check(forgetting(), "mutable")
        timings = measure({"Python in place": forgetting, "ir": program.main("ir")}, plan)
        base = f"{program.name}, Python in place"
        section.add_timings({f"{program.name}, {name}": timing for name, timing in timings.items()}, base)
    return section


def reading(plan: Plan) -> Section:
    text = large.large_program(READ_CHARACTERS // 30)[:READ_CHARACTERS]
    text = text[: text.rindex("\n\n")]
    source = Source("large", text)
    readers: dict[str, Callable[[], Any]] = {
        BY_HAND: lambda: large.read_in_python(text),
        "rtfs": lambda: read_forms(source),
    }
    counts = {name: len(reader()) for name, reader in readers.items()}
    if len(set(counts.values())) != 1:
        raise suite.WrongAnswer(f"readers find different numbers of forms: {counts}")
    section = Section(
        "Reading",
        f"{len(text) / 1e6:.2f} MB of source into forms with their places. The regex reader is a hand-written Python loop over one "
        "regular expression (`benches/large.py`), which does less: no metadata, no shorthands, few checks. Hy's reader "
        "gets a tenth of the text.",
        "MB/s",
        "time of the regex reader",
    )
    timings = measure(readers, plan)
    per_mb = {name: timing.median_s / len(text) * 1e6 for name, timing in timings.items()}
    if find_spec("hy") is not None:
        import hy

        short = text[: text.index("\n\n", len(text) // 10)]
        timing = measure({"hy": lambda: list(hy.read_many(short))}, replace(plan, passes=3))["hy"]
        per_mb["hy"] = timing.median_s / len(short) * 1e6
    for name, seconds in per_mb.items():
        section.add(name, 1 / seconds, seconds / per_mb[BY_HAND])
    return section


SECTIONS: dict[str, Callable[[Plan], Section]] = {
    "typed": typed,
    "mutable": mutable,
    "calls": calls,
    "reading": reading,
    "start-up": startup,
}


def run(name: str, plan: Plan) -> dict[str, Any]:
    return asdict(SECTIONS[name](plan))
