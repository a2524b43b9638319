"""Run a program.

The program reads its ARGUMENTS as `@args`, a vector of strings, and its folder as `@program-dir`. Its final value is printed:
nil prints nothing, a vector of maps prints a line for each, everything else is one line that reads back.

It may print, log, look at the clock, and read files in its folder and those given to it; everything else must be allowed. What
follows `--` is for the program even when it looks like an option.

With --dry-run nothing is sent to any model: standard output has the requests instead, those to the targets of a chain one after the
other as if each had failed, and the bodies of the functions answer. Everything else that the program does, it does.
"""

from __future__ import annotations

from rtfs.cli.options import add_checking, add_output, add_running, folder_of, read_runnable
from rtfs.cli.running import run_lines, run_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal


def arguments(parser: Any) -> None:
    parser.usage = "rtfs run [options] FILE|- [ARGUMENTS…]"
    parser.add_argument("words", nargs="*", metavar="FILE ARGUMENTS", help="the program, or -; then its arguments")
    add_output(parser)
    add_checking(parser)
    parser.add_argument("--summary", action="store_true", help="totals of delegated calls, at the end")
    parser.add_argument(
        "--dry-run", action="store_true", help="show each request to a model and its estimated price; send none, bodies answer"
    )
    add_running(parser)


def execute(options: Any, terminal: Terminal) -> int:
    if not options.words:
        options.misuse("which program? give a FILE, or - for standard input")
    name, *args = options.words
    source = read_runnable(name, terminal)
    folder = folder_of(name)
    context = {"args": args, "program-dir": folder}
    # a file named on the command line is handed to the program; what lies around in the current folder is not
    read = args if name == "-" else [folder, *args]
    return run_program(source, options, terminal, run_lines, folder=folder, read=read, context=context)
