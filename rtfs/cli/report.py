"""`--optimization-report`: what the optimiser's passes did, as a table."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rtfs.cli.terminal import Terminal
    from rtfs.ir.optimise import Report
    from rtfs.runtime import Runtime


def want_report(runtime: Runtime) -> None:
    """Have the passes of a runtime counted from now on."""
    if runtime.strategy == "ir":
        from rtfs.ir.optimise import Report

        runtime.optimization_report = Report()


def show_report(runtime: Runtime, terminal: Terminal) -> None:
    """The table on standard error, or one JSON object where errors are JSON."""
    from rtfs.cli.terminal import json_line, write

    report = runtime.optimization_report
    if terminal.json:
        passes = report_record(report) if report is not None else {}
        write(terminal.stderr, json_line({"optimization": {"level": runtime.optimization, "passes": passes}}) + "\n")
    elif report is None:
        terminal.note("rtfs: the tree evaluator does not optimise; --strategy ir does")
    else:
        terminal.note("\n".join(report_lines(report, runtime.optimization)))


def report_record(report: Report) -> dict[str, dict[str, object]]:
    """pass -> what it did how often, and `ms`: milliseconds of processor time."""
    return {name: {**counts, "ms": round(report.seconds.get(name, 0.0) * 1000, 3)} for name, counts in report.counts.items()}


def report_lines(report: Report, level: str) -> list[str]:
    """A line for each pass in the order in which they ran: its name, its time, what it did."""
    if not report.counts:
        return [f"rtfs: optimization level {level}: no pass ran"]
    width = max(len("total"), *[len(name) for name in report.counts])
    times = {name: f"{report.seconds.get(name, 0.0) * 1000:.1f} ms" for name in report.counts}
    total = f"{sum(report.seconds.values()) * 1000:.1f} ms"
    time_width = max(len(total), *[len(text) for text in times.values()])
    lines = [f"rtfs: optimization level {level}"]
    for name, counts in report.counts.items():
        done = ", ".join([f"{count:,} {what}" for what, count in counts.items() if count]) or "nothing to do"
        lines.append(f"  {name:<{width}}  {times[name]:>{time_width}}  {done}")
    lines.append(f"  {'total':<{width}}  {total:>{time_width}}")
    return lines
