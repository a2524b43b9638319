"""Evaluate expressions interactively.

FILEs are loaded first. Enter evaluates as soon as every bracket is closed, an empty line does so in any case; :help lists the
commands. When standard input is no terminal, expressions are read from it, and the exit code is 1 if one of them failed.
"""

from __future__ import annotations

from rtfs.cli.options import add_running, make_runtime
from rtfs.repl.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rtfs.cli.terminal import Terminal


def arguments(parser: Any) -> None:
    parser.usage = "rtfs repl [options] [FILE…]"
    parser.add_argument("words", nargs="*", metavar="FILE", help="programs to load first")
    parser.add_argument("--plain", action="store_true", help="no editor: lines are read as the terminal gives them")
    add_running(parser, level="basic")


def execute(options: Any, terminal: Terminal) -> int:
    interactive = terminal.is_screen(terminal.stdin) or (options.plain and terminal.stdin.isatty())
    context: dict[str, Any] = {"args": [], "program-dir": "."}
    session = Session(
        terminal, lambda: make_runtime(options, terminal, context=context), interactive=interactive, quiet=options.quiet
    )
    try:
        for name in options.words:
            session.submit(f":load {name}")
        if not interactive:
            from rtfs.repl.plain import read_piped

            return read_piped(session, terminal.stdin)
        session.greet()
        _front(options.plain)(session)
        return 0
    finally:
        session.close()


def _front(plain: bool) -> Callable[[Session], None]:
    """The front end with an editor, or the plain one when that is wanted or the editor's library is not installed."""
    from rtfs.repl.plain import read_lines

    if plain:
        return read_lines
    try:
        import prompt_toolkit  # noqa: F401
    except ImportError:
        return read_lines
    from rtfs.repl.screen import read_screen

    return read_screen
