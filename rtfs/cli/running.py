"""Running a program and showing what it gives: what `run` and `eval` have in common."""

from __future__ import annotations

from rtfs.cli.options import make_runtime
from rtfs.cli.terminal import WipingStream
from rtfs.cli.warnings import Warnings
from rtfs.errors import EvalError, RtfsError
from rtfs.values.maps import Map
from rtfs.values.printing import to_readable
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.runtime import Runtime
    from rtfs.source import Artefact, Source


def run_program(
    source: Source | Artefact,
    options: Any,
    terminal: Terminal,
    lines: Callable[[Any], list[str]],
    *,
    folder: str = ".",
    read: list[str] | None = None,
    context: dict[str, Any] | None = None,
) -> int:
    """Run a program, print the lines of its value, report what went wrong; the exit code.

    Args:
        lines: the value as lines of text, when it is not wanted as JSON.
        folder, read, context: as in `make_runtime`.
    """
    from rtfs.cli.main import FAILED, FINE, report

    screen = terminal.is_screen(terminal.stderr) and terminal.is_screen(terminal.stdout)
    stdout: Any = WipingStream(terminal) if screen and not options.quiet else None
    dry_run = getattr(options, "dry_run", False)
    if dry_run:
        stdout = terminal.stderr  # standard output is for the requests
    runtime = make_runtime(options, terminal, folder=folder, read=read, context=context, stdout=stdout)
    if dry_run:
        from rtfs.cli.query import show_requests

        show_requests(runtime, options, terminal)
    warnings = Warnings(terminal)
    runtime.on_analysis_warning = warnings.take
    delegations = Delegations(runtime, terminal, warnings, quiet=options.quiet)
    try:
        if (options.check or options.strict) and _refuse(runtime, source, options, terminal, warnings):
            return FAILED
        try:
            value = runtime.run_source(source)
            if not dry_run:  # what the bodies make of it is not what the program would give
                for line in json_lines(value) if options.json else lines(value):
                    terminal.result(line)
        except RtfsError as error:
            warnings.flush(error)
            return report(error, terminal)
        return FINE
    finally:
        warnings.flush()
        delegations.end()
        runtime.close()
        if not (options.quiet or options.summary or terminal.json):
            _show_saved(runtime, terminal)
        if options.summary:
            from rtfs.cli.progress import show_summary

            show_summary(runtime.records, terminal)
        if options.optimization_report:
            from rtfs.cli.report import show_report

            show_report(runtime, terminal)


def _show_saved(runtime: Runtime, terminal: Terminal) -> None:
    """One line, when there were answers or errors from a cache."""
    totals = None if runtime.records is None else runtime.records.totals
    if totals is not None and (totals.by_cache or totals.errors_by_cache):
        from rtfs.cli.progress import saved_text

        terminal.note(f"rtfs: {saved_text(totals)}")


def _refuse(runtime: Runtime, source: Source | Artefact, options: Any, terminal: Terminal, warnings: Warnings) -> bool:
    """`--check`, `--strict`: show the problems of a program before it runs; whether it is not to run."""
    from rtfs.checker.problems import WARNINGS

    try:
        problems = runtime.check(source)
    except RtfsError:
        return False  # running it reports the same
    refused = False
    for problem in problems:
        is_error = problem.kind not in WARNINGS or (options.strict and problem.kind == "unbound-name")
        if is_error and (options.strict or options.check == "error"):
            warnings.flush()  # what was found before it in the text
            terminal.error(problem)
            refused = True
        else:
            warnings.take(problem)
    warnings.flush()
    return refused


class Delegations:
    """Progress and summary of the delegated calls of one run; costs nothing while there are none."""

    def __init__(self, runtime: Runtime, terminal: Terminal, warnings: Warnings, *, quiet: bool = False) -> None:
        self._runtime, self._terminal, self._warnings = runtime, terminal, warnings
        self._before = runtime.records.totals if runtime.records is not None else None
        self._progress: Any = None
        runtime.delegation.on_call = None if quiet or terminal.json else self._called

    def _called(self) -> None:
        if self._progress is None:
            from rtfs.cli.progress import Progress

            self._warnings.flush()  # from here on it may take long
            machine = self._runtime.machine
            under_way = lambda: 0 if machine.branches is None else machine.branches.in_flight  # noqa: E731
            self._progress = Progress(self._terminal, self._runtime.records, self._before, under_way=under_way)
        self._progress.called()

    def end(self) -> None:
        self._runtime.delegation.on_call = None
        self._terminal.clear_status()


# --- values as lines -------------------------------------------------------------------------


def run_lines(value: Any) -> list[str]:
    """nil is silent, a vector of maps is a line each, everything else one readable line."""
    if value is None:
        return []
    if type(value) is Vector and len(value) and all(type(item) is Map for item in value.items()):
        return [to_readable(item) for item in value.items()]
    return [to_readable(value)]


def eval_lines(value: Any) -> list[str]:
    return [to_readable(value)]


def json_lines(value: Any) -> list[str]:
    """A vector is a line for each item, every other value one line.

    Raises:
        EvalError: `json-error`; there is no JSON for functions, error values and their like.
    """
    from rtfs.semantics.builtins.json import serialize_json

    try:
        return [serialize_json(item) for item in value.items()] if type(value) is Vector else [serialize_json(value)]
    except EvalError as error:
        error.operand = None
        error.hint = "without --json the value is printed as RTFS"
        error.message = f"the result has no JSON: {error.message}"
        raise
