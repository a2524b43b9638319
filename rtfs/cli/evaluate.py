"""Evaluate expressions, one after the other, and print the value of the last.

Several EXPRESSIONs are one program: a line for each.
"""

from __future__ import annotations

from rtfs.cli.options import add_checking, add_output, add_running
from rtfs.cli.running import eval_lines, run_program
from rtfs.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal


def arguments(parser: Any) -> None:
    parser.usage = "rtfs eval [options] EXPRESSION…"
    parser.add_argument("words", nargs="*", metavar="EXPRESSION", help="RTFS source; quote it for the shell")
    add_output(parser)
    add_checking(parser)
    parser.add_argument("--summary", action="store_true", help="totals of delegated calls, at the end")
    add_running(parser)


def execute(options: Any, terminal: Terminal) -> int:
    if not options.words:
        options.misuse("which expression? for example: rtfs eval '(+ 1 2)'")
    source = Source("<eval>", "\n".join(options.words))
    context = {"args": [], "program-dir": "."}
    return run_program(source, options, terminal, eval_lines, context=context)
