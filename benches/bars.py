"""What the figures are held against, and how they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benches.measuring import geometric_mean


@dataclass(frozen=True)
class Bar:
    what: str
    limit: float
    measured: float
    at_least: bool = False
    """More is better."""
    unit: str = ""

    @property
    def is_met(self) -> bool:
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


def bars(results: dict[str, Any]) -> list[Bar]:
    """The bars for which a run has the figures."""
    return [*_suite_bars(results["suite"], results["systems"]), *_section_bars(results["sections"])]


def _suite_bars(rows: list[dict[str, Any]], systems: list[str]) -> Iterator[Bar]:
    def ratios(system: str, base: str) -> dict[str, float]:
        return {row["name"]: row["ms"][system] / row["ms"][base] for row in rows}

    if rows and "ir" in systems:
        to_cpython = ratios("ir", "cpython")
        worst = max(to_cpython, key=lambda name: to_cpython[name])
        yield Bar("`ir` to CPython, geometric mean", 0.8, geometric_mean([*to_cpython.values()]))
        yield Bar(f"`ir` to CPython, the slowest program ({worst})", 1.5, to_cpython[worst])
        if "hy" in systems:
            yield Bar("`ir` to Hy, geometric mean", 0.8, geometric_mean([*ratios("ir", "hy").values()]))
        if "metered" in systems:
            metered = ratios("metered", "ir")
            worst = max(metered, key=lambda name: metered[name])
            yield Bar("`ir` with limits to `ir` without, geometric mean", 1.5, geometric_mean([*metered.values()]))
            yield Bar(f"`ir` with limits to `ir` without, the slowest program ({worst})", 1.5, metered[worst])
    if "tree" in systems:
        for row in rows:
            if row["name"] == "fib":
                yield Bar("`tree` to CPython, fib", 20.0, row["ratio"]["tree"])


def _section_bars(sections: dict[str, Any]) -> Iterator[Bar]:
    rows = {(key, row["name"]): row for key, section in sections.items() for row in section["rows"]}
    for program in ("fib", "mandelbrot"):
        if row := rows.get(("typed", f"{program}, ir, typed")):
            yield Bar(f"typed {program}: times faster than CPython", 30.0, 1 / row["ratio"], at_least=True)
    if row := rows.get(("reading", "rtfs")):
        yield Bar("reading", 4.0, row["value"], at_least=True, unit=" MB/s")
    for (key, name), row in rows.items():
        if key == "start-up" and name.endswith("unchanged"):
            yield Bar(f"{name}, to `rtfs eval 1`", 1.3, row["ratio"])
    if row := rows.get(("calls", "fib, models attached")):
        yield Bar("calls in a program, with models attached to without", 1.01, row["ratio"])
