"""Compile a program into one file that `rtfs run` takes in its place.

The file holds the program as it is understood: macros expanded, names resolved, with the modules that it imports and the texts
that errors point into. It is the same file each time, for the same program and version of RTFS, and holds data only: running it can
do no more than running the program. Nothing of the program runs while it is compiled, except its macros.
"""

from __future__ import annotations

import os

from rtfs.cli.options import add_optimization, add_output, add_path, analysis_runtime, folder_of, read_program
from rtfs.cli.terminal import Terminal, json_line
from rtfs.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.errors import AnalysisError
    from rtfs.runtime import Runtime
    from rtfs.source import Source


def arguments(parser: Any) -> None:
    parser.usage = "rtfs compile [options] FILE|-"
    parser.add_argument("words", nargs="*", metavar="FILE", help="the program, or - for standard input")
    parser.add_argument(
        "--output", "-o", metavar="OUT", help="the compiled program, or - for standard output; FILE with the ending .rtfc"
    )
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")
    parser.add_argument("--timeout", type=float, default=None, metavar="SECONDS", help="for compiling, macros included (no limit)")
    add_optimization(parser)
    add_output(parser)
    add_path(parser)


def execute(options: Any, terminal: Terminal) -> int:
    if len(options.words) != 1:
        options.misuse("give one FILE")
    name = options.words[0]
    if name == "-" and options.output is None:
        options.misuse("say with -o where the compiled program goes")
    output: str = options.output or f"{os.path.splitext(name)[0]}.rtfc"
    source = read_program(name, terminal)
    runtime = analysis_runtime(folder_of(name), options, terminal, timeout_s=options.timeout)
    problems: list[AnalysisError] = []
    data = runtime.compile(source, problems.append)
    for problem in problems:
        if options.strict:
            terminal.error(problem)
        else:
            terminal.warning(problem)
    if options.strict and problems:
        return 1
    if output == "-":
        terminal.stdout.buffer.write(data)
    else:
        write_file(os.path.realpath(output), data)
    _say(source, data, output, options, terminal)
    return 0


def _say(source: Source, data: bytes, output: str, options: Any, terminal: Terminal) -> None:
    from rtfs.ir.artefact.container import content_of

    content = content_of(data).hex()
    if options.json and output != "-":
        terminal.result(json_line({"output": output, "bytes": len(data), "content": content}))
    elif not options.json:
        terminal.note(f"rtfs: {output}: {len(data):,} bytes, content {content[:16]}")
    if options.optimization_report:
        _report(source, options, terminal)


def _report(source: Source, options: Any, terminal: Terminal) -> None:
    """What the passes will do to the program when it runs; they are not part of the file."""
    from rtfs.cli.report import show_report, want_report

    runtime: Runtime = analysis_runtime(folder_of(options.words[0]), options, terminal, optimization=options.opt_level)
    want_report(runtime)
    runtime.lower(source, lambda node, unit, note: True, lambda name, unit: None)
    show_report(runtime, terminal)


def write_file(path: str, data: bytes) -> None:
    """Write a file as a whole or not at all; what is no regular file (a pipe, a device) is written to.

    Raises:
        ConfigError: it cannot be written.
    """
    whole = not os.path.exists(path) or os.path.isfile(path)
    place = f"{path}.{os.getpid()}.tmp" if whole else path
    try:
        try:
            with open(place, "xb" if whole else "wb") as file:
                file.write(data)
            if whole:
                os.replace(place, path)
        finally:
            if whole and os.path.exists(place):
                os.remove(place)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", hint="choose another place with -o") from error
