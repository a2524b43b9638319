"""The results of a run as text: tables on the terminal, and the page `docs/performance.md`."""

from __future__ import annotations

from typing import Any

from benches import suite
from benches.bars import Bar, bars

Row = list[str]

SYSTEMS = {
    "cpython": "hand-written Python, CPU milliseconds of one run",
    "ir": "the compiled evaluator",
    "metered": "the compiled evaluator with limits on steps and time set, which count but are never reached",
    "tree": "the tree evaluator",
    "hy": "the Python program in Hy",
}


def ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}x" if value < 0.1 else f"{value:.2f}x"


def suite_rows(results: dict[str, Any]) -> tuple[Row, list[Row]]:
    """Head and rows: ms of CPython, and the ratio of each other system to it; below 1 is faster than CPython."""
    systems = [system for system in results["systems"] if system != "cpython"]
    rows = [
        [row["name"], f"{row['ms']['cpython']:.2f}", *(ratio(row["ratio"][system]) for system in systems)] for row in results["suite"]
    ]
    rows.append(["geometric mean", "", *(ratio(results["geomean"][system]) for system in systems)])
    return ["program", "cpython ms", *systems], rows


def section_rows(section: dict[str, Any]) -> tuple[Row, list[Row]]:
    rows = [[row["name"], f"{row['value']:.2f}", ratio(row["ratio"])] for row in section["rows"]]
    return ["", section["unit"], f"to {section['base']}"], rows


def bar_rows(found: list[Bar]) -> tuple[Row, list[Row]]:
    def figure(bar: Bar, value: float) -> str:
        return f"{value:.2f}{bar.unit or 'x'}"

    rows = [
        [bar.what, ("≥ " if bar.at_least else "≤ ") + figure(bar, bar.limit), figure(bar, bar.measured), "yes" if bar.is_met else "no"]
        for bar in found
    ]
    return ["bar", "asked", "measured", "met"], rows


# --- terminal ---


def text(results: dict[str, Any]) -> str:
    parts = []
    if results["suite"]:
        parts.append(columns(*suite_rows(results)))
    for section in results["sections"].values():
        head, rows = section_rows(section)
        parts.append(columns([section["title"], *head[1:]], rows))
    parts.append(columns(*bar_rows(bars(results))))
    return "\n\n".join(parts).replace("`", "")


def columns(head: Row, rows: list[Row]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) if at else cell.ljust(width) for at, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in [head, *rows]
    )


# --- page ---


def page(results: dict[str, Any]) -> str:
    run = results["run"]
    programs = [[program.name, program.about] for program in suite.programs()]
    return "\n".join(
        [
            "<!-- made by python -m benches --docs: do not edit -->",
            "",
            "# Performance",
            "",
            f"Measured on {run['date']} with `{run['command']}`: RTFS {run['rtfs']} (commit {run['commit']}), {run['python']}, {run['machine']}.",
            "",
            "Times are CPU time, the median of interleaved passes in one process; ratios are of medians of this one run, and below 1 means "
            "faster. Differences below 7 % are noise. Every answer was checked before anything was timed, and reading, macro expansion and "
            "compilation are not in the figures of the programs. `python -m benches --quick` repeats them in under a minute; the programs are in "
            "`benches/programs/`.",
            "",
            "## Where it stands",
            "",
            markdown(*bar_rows(bars(results))),
            "## Programs",
            "",
            *(f"- `{system}`: {SYSTEMS[system]}." for system in results["systems"]),
            "",
            "Python does the same work: where a program changes a collection, the older value stays there too, through `immutables.Map` and "
            "`pyrsistent.pvector`, the fastest libraries that were found for that.",
            "",
            markdown(*suite_rows(results)),
            markdown(["program", "what it does"], programs),
            *(part for section in results["sections"].values() for part in _section(section)),
        ]
    )


def _section(section: dict[str, Any]) -> list[str]:
    return [f"## {section['title']}", "", section["about"], "", markdown(*section_rows(section))]


def markdown(head: Row, rows: list[Row]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1) if len(head) > 2 else "|---|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
