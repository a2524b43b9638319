"""`python -m benches`: measure and print.

    python -m benches --quick                       in under a minute, for a first look
    python -m benches --only fib --only tak         some programs
    python -m benches --systems cpython,ir          some systems
    python -m benches --json FILE                   the figures as JSON as well
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benches import measuring, printing, suite


def main(argv: list[str] | None = None) -> int:
    options = parser().parse_args(argv)
    results = run(options)
    print(printing.suite_table(results))
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benches", description="How fast RTFS is, against CPython and Hy.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter passes")
    parser.add_argument("--only", action="append", choices=suite.NAMES, metavar="NAME", help="this program; may be repeated")
    parser.add_argument("--systems", default=",".join(suite.available()), help="comma-separated, of: " + ", ".join(suite.LOADERS))
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    return parser


def run(options: argparse.Namespace) -> dict[str, Any]:
    plan = measuring.QUICK if options.quick else measuring.FULL
    systems = ["cpython", *(name for name in options.systems.split(",") if name != "cpython")]
    rows = []
    for program in suite.programs(options.only):
        print(f"{program.name} …", end="\r", file=sys.stderr, flush=True)
        timings = measuring.measure({system: program.main(system) for system in systems}, plan)
        ms = {system: timing.ms for system, timing in timings.items()}
        rows.append({"name": program.name, "ms": ms, "ratio": {s: ms[s] / ms["cpython"] for s in systems[1:]}})
    geomean = {s: measuring.geometric_mean([row["ratio"][s] for row in rows]) for s in systems[1:]}
    return {"systems": systems, "suite": rows, "geomean": geomean}


if __name__ == "__main__":
    sys.exit(main())
