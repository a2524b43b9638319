"""Find the problems of programs without running them.

Prints errors and warnings of all files in the order of their text. Exit 1 if there is an error, with --strict also if there is a
warning.
"""

from __future__ import annotations

from rtfs.cli.options import add_output, add_path, analysis_runtime, folder_of, read_program, split_problems
from rtfs.cli.terminal import json_line, problem_dict
from rtfs.errors import ConfigError, ParseError, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.errors import RtfsError


def arguments(parser: Any) -> None:
    parser.usage = "rtfs check [options] FILE…"
    parser.add_argument("words", nargs="*", metavar="FILE", help="a program, or - for standard input")
    add_output(parser)
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")
    parser.add_argument("--effects", action="store_true", help="say what each function may do: capabilities, models, state")
    add_path(parser)


def execute(options: Any, terminal: Terminal) -> int:
    if not options.words:
        options.misuse("which programs? give one FILE or more")
    errors = warnings = 0
    unreadable = 0
    for name in options.words:
        try:
            bad, doubtful = problems_of(name, options, terminal)
        except ConfigError as error:
            terminal.error(error)
            unreadable += 1
            continue
        found = [(p, "error") for p in bad] + [(p, "error" if options.strict else "warning") for p in doubtful]
        for problem, severity in sorted(found, key=_place):
            if options.json:
                terminal.result(json_line(problem_dict(problem, severity)))
            else:
                terminal.result(render(problem, color=terminal.wants_color(terminal.stdout), severity=severity))
        errors += len(bad)
        warnings += len(doubtful)
        if options.effects:
            show_effects(name, options, terminal)
    if not options.json and unreadable < len(options.words):
        terminal.note(verdict(errors, warnings, len(options.words) - unreadable))
    if unreadable:
        return 2
    return 1 if errors or (options.strict and warnings) else 0


def problems_of(name: str, options: Any, terminal: Terminal) -> tuple[list[Any], list[Any]]:
    """(errors, warnings) of a file.

    Raises:
        ConfigError: it cannot be read.
    """
    runtime = analysis_runtime(folder_of(name), options, terminal)
    try:
        source = read_program(name, terminal)
    except ParseError as error:  # it is no text
        return [error], []
    try:
        return split_problems(runtime.check(source))
    except ParseError as error:
        from rtfs.syntax.recovery import parse_errors

        return list(parse_errors(source)) or [error], []


def show_effects(name: str, options: Any, terminal: Terminal) -> None:
    """One line for each function of a file that can be read."""
    runtime = analysis_runtime(folder_of(name), options, terminal)
    try:
        found = runtime.effects(read_program(name, terminal))
    except ParseError:
        return
    width = max([len(one.name) for one in found], default=0)
    for one in found:
        terminal.result(json_line(one.to_dict()) if options.json else f"{one.name:<{width}}  {one.effects}")


def _place(found: tuple[RtfsError, str]) -> int:
    span = found[0].span
    return span.start if span is not None else 0


def verdict(errors: int, warnings: int, files: int) -> str:
    """One line: `2 errors, 1 warning in 3 files`."""
    where = "1 file" if files == 1 else f"{files} files"
    counted = [f"{n} {word}{'' if n == 1 else 's'}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
    return f"{', '.join(counted) or 'no problems'} in {where}"
