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
    rows = [[row["name"], f"{row['ms']['cpython']:.2f}", *(ratio(row["ratio"][s]) for s in systems)] for row in results["suite"]]
    rows.append(["geometric mean", "", *(ratio(results["geomean"][s]) for s in systems)])
    return ["program", "cpython ms", *systems], rows


def section_rows(section: dict[str, Any]) -> tuple[Row, list[Row]]:
    rows = [[row["name"], f"{row['value']:.2f}", ratio(row["ratio"])] for row in section["rows"]]
    return ["", section["unit"], f"to {section['base']}"], rows


def bar_rows(found: list[Bar]) -> tuple[Row, list[Row]]:
    def figure(bar: Bar, value: float) -> str:
        return f"{value:.2f}{bar.unit or 'x'}"

    rows = []
    for bar in found:
        asked = ("≥ " if bar.at_least else "≤ ") + figure(bar, bar.limit)
        rows.append([bar.what, asked, figure(bar, bar.measured), "yes" if bar.is_met else "no"])
    return ["bar", "asked", "measured", "met"], rows


# --- terminal ---


def text(results: dict[str, Any]) -> str:
    parts = []
    if results["suite"]:
        parts.append(columns(*suite_rows(results)))
    for section in results["sections"].values():
        head, rows = section_rows(section)
        parts.append(columns([section["title"], *head[1:]], rows))
    if found := bars(results):
        parts.append(columns(*bar_rows(found)))
    return "\n\n".join(parts)


def columns(head: Row, rows: list[Row]) -> str:
    """The first column to the left, the others to the right."""
    lines = [[cell.replace("`", "") for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    )


# --- page ---

_METHOD = """\
Times are CPU time, the median of interleaved passes in one process; ratios are of medians of this one run, and below 1 means
faster. Differences below 7 % are noise. Every answer was checked before anything was timed. Reading, macro expansion and
compilation are not in the figures of the programs. `python -m benches --quick` repeats them in under a minute (extra `bench`); the
programs are in `benches/programs/`."""

_SAME_WORK = """\
Python does the same work: where a program changes a collection, the older value stays there too, through `immutables.Map` and
`pyrsistent.pvector`, the fastest libraries that were found for that."""


def page(results: dict[str, Any]) -> str:
    run = results["run"]
    programs = [[program.name, program.about] for program in suite.programs()]
    return "\n".join(
        [
            "<!-- made by python -m benches --docs, and from benches/results.json by docs/generate.py: do not edit -->",
            "",
            "# Performance",
            "",
            f"Measured on {run['date']} with `{run['command']}`: RTFS {run['rtfs']} (commit {run['commit']}), {run['python']}, "
            f"{run['machine']}.",
            "",
            _METHOD,
            "",
            "## Where it stands",
            "",
            markdown(*bar_rows(bars(results))),
            "## Programs",
            "",
            *(f"- `{system}`: {SYSTEMS[system]}." for system in results["systems"]),
            "",
            _SAME_WORK,
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
