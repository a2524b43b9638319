"""`python -m benches`: measure, print, and write the page of the documentation.

    python -m benches --quick                       in under a minute, for a first look
    python -m benches --only fib --only start-up    some programs and sections
    python -m benches --systems cpython,ir          some systems
    python -m benches --json FILE                   the figures as JSON as well
    python -m benches --docs                        the figures into benches/results.json and docs/performance.md
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import sysconfig
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rtfs
from benches import measuring, printing, sections, suite

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benches" / "results.json"
PAGE = ROOT / "docs" / "performance.md"


def main(argv: list[str]) -> int:
    options = parse(argv)
    results = run(options, " ".join(["python -m benches", *argv]))
    print(printing.text(results))
    for file in (options.json, RESULTS if options.docs else None):
        if file:
            Path(file).write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.docs:
        PAGE.write_text(printing.page(results), encoding="utf-8")
    return 0


def parse(argv: list[str]) -> argparse.Namespace:
    names = [*suite.NAMES, *sections.SECTIONS]
    parser = argparse.ArgumentParser("python -m benches", description="How fast RTFS is, against CPython and Hy.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter passes")
    only = "a program or a section; may be repeated: " + ", ".join(names)
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=only)
    parser.add_argument("--systems", default=",".join(suite.available()), help="comma-separated, of: " + ", ".join(suite.SYSTEMS))
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    parser.add_argument("--docs", action="store_true", help="write benches/results.json and docs/performance.md")
    options = parser.parse_args(argv)
    options.systems = ["cpython", *(name for name in options.systems.split(",") if name != "cpython")]
    if missing := suite.missing():
        parser.error(f"{', '.join(missing)} not installed: pip install 'rtfs-lang[bench]'")
    if unknown := set(options.systems) - set(suite.available()):
        parser.error(f"not a system, or not installed: {', '.join(sorted(unknown))}")
    if options.docs and (options.quick or options.only or options.systems != suite.available()):
        parser.error("--docs wants a whole run: no --quick, --only or --systems, and Hy installed")
    return options


def run(options: argparse.Namespace, command: str) -> dict[str, Any]:
    """The figures of a run, as JSON has them."""
    plan = measuring.QUICK if options.quick else measuring.FULL
    wanted = options.only or [*suite.NAMES, *sections.SECTIONS]
    others = options.systems[1:]
    rows = [suite_row(program, options.systems, plan) for program in suite.programs() if program.name in wanted]
    return {
        "run": about(command),
        "systems": options.systems,
        "suite": rows,
        "geomean": {s: measuring.geometric_mean([row["ratio"][s] for row in rows]) for s in others if rows},
        "sections": {name: announced(name, sections.run, name, plan) for name in sections.SECTIONS if name in wanted},
    }


def suite_row(program: suite.Program, systems: list[str], plan: measuring.Plan) -> dict[str, Any]:
    timings = announced(program.name, measuring.measure, {system: program.main(system) for system in systems}, plan)
    ms = {system: to_ms(timing.median_s) for system, timing in timings.items()}
    return {
        "name": program.name,
        "ms": ms,
        "range_ms": {system: [to_ms(timing.low_s), to_ms(timing.high_s)] for system, timing in timings.items()},
        "ratio": {system: ms[system] / ms["cpython"] for system in systems[1:]},
    }


def to_ms(seconds: float) -> float:
    return round(seconds * 1e3, 6)


def announced(name: str, work: Any, *operands: Any) -> Any:
    """The result of some work, with its name on the terminal meanwhile."""
    if sys.stderr.isatty():
        print(f"\r\033[K{name} …", end="", file=sys.stderr, flush=True)
    result = work(*operands)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return result


def about(command: str) -> dict[str, str]:
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "command": command,
        "rtfs": rtfs.__version__,
        "commit": commit(),
        "python": f"{platform.python_implementation()} {platform.python_version()} "
        f"({'with' if optimised else 'without'} profile-guided optimisation)",
        "machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()}",
    }


def commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + (" with changes" if git("status", "--porcelain", "rtfs") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
