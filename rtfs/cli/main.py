"""Which command is meant, and what its end means as an exit code.

| code | meaning                                                                   |
|------|---------------------------------------------------------------------------|
| 0    | fine                                                                      |
| 1    | the program failed, or problems were found in it                          |
| 2    | misuse: options, a file that cannot be read, a setting of the environment |
| 70   | a bug in RTFS                                                             |
| 130  | interrupted from the keyboard                                             |
| 141  | whoever read the output has gone                                          |

Commands are modules with two functions: `arguments(parser)` declares what they take, `execute(options, terminal)` does it and
gives the exit code.  They are known here by name only and imported when used, which keeps `rtfs eval` quick.
"""

from __future__ import annotations

import os
import sys

from rtfs.cli.terminal import COLOR_CHOICES, Terminal
from rtfs.errors import ConfigError, InternalError, RtfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

FINE, FAILED, MISUSE, BUG, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 70, 130, 141

#: command -> (module, what it does)
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("rtfs.cli.run", "run a program from a file, or from standard input with `-`"),
    "eval": ("rtfs.cli.evaluate", "evaluate expressions and print the last value"),
    "repl": ("rtfs.repl.command", "evaluate expressions interactively"),
    "check": ("rtfs.cli.check", "find the problems of programs without running them"),
    "ast": ("rtfs.cli.ast", "show how a program is understood"),
    "ir": ("rtfs.cli.ir", "show what a program is compiled to, before and after optimising"),
    "compile": ("rtfs.cli.compile", "store a program in a form that runs without being read and analysed again"),
    "hash": ("rtfs.cli.hash", "print the content hash of everything that a program defines"),
    "code": ("rtfs.cli.code", "functions that were published under their content hash; whose code may run"),
    "crystallise": ("rtfs.cli.crystallise", "turn a function that asks a model into code, from what the model has answered"),
    "cache": ("rtfs.cli.cache", "what is cached of programs and answers: figures, entries, why; remove, check and export it"),
    "models": ("rtfs.cli.models", "list the models that functions can delegate to; install, try, measure and serve local ones"),
    "keys": ("rtfs.cli.keys", "keep keys for servers of models"),
    "query": ("rtfs.cli.query", "ask a model one thing"),
    "policy": ("rtfs.cli.policy", "check the rules that say where calls go, and explain what they decide"),
    "route": ("rtfs.cli.route", "measure on recorded outcomes how well a router chooses between models, or train one"),
    "logs": ("rtfs.cli.logs", "list, show and export the records of delegated calls"),
    "status": ("rtfs.cli.status", "which models can be reached, the policy in force, what calls have used and which targets fail"),
    "caps": ("rtfs.cli.caps", "list the capabilities that programs can ask for"),
    "explain": ("rtfs.cli.explain", "say what an error code means"),
}


def main(argv: Sequence[str], environ: Mapping[str, str] | None = None, ready: Callable[[], None] = lambda: None) -> int:
    """Carry out a command line; the exit code. Raises nothing.

    Args:
        argv: without the name of the program.
        environ: environment variables; the process's own when None.
        ready: called when a command is loaded and about to begin.
    """
    terminal = Terminal(os.environ if environ is None else environ)
    try:
        return dispatch(list(argv), terminal, ready)
    except SystemExit as request:  # from argparse: --help, or a misuse that it has explained
        return request.code if isinstance(request.code, int) else FINE
    except KeyboardInterrupt:
        terminal.clear_status()
        terminal.note("rtfs: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        return BROKEN_PIPE
    except RtfsError as error:
        return report(error, terminal)
    except MemoryError:
        terminal.note("rtfs: out of memory")
        return FAILED
    except OSError as error:  # reading is translated where it happens: what is left is a full disk behind standard output
        if terminal.environ.get("RTFS_DEBUG"):
            return report_bug(error, terminal)
        terminal.note(f"rtfs: {error.filename or 'cannot write the output'}: {error.strerror or error}")
        return FAILED
    except Exception as bug:
        return report_bug(bug, terminal)


def dispatch(argv: list[str], terminal: Terminal, ready: Callable[[], None] = lambda: None) -> int:
    if not argv:
        if terminal.is_screen(terminal.stdin):
            argv = ["repl"]
        else:
            terminal.note(help_text())
            return MISUSE
    name, *rest = argv
    if name in ("-h", "--help", "help"):
        if rest and rest[0] in COMMANDS:
            return dispatch([rest[0], "--help"], terminal)
        terminal.result(help_text())
        return FINE
    if name in ("-V", "--version", "version"):
        terminal.result(version_text())
        return FINE
    if name not in COMMANDS:
        if name == "-" or (not name.startswith("-") and (os.path.isfile(name) or name.endswith(".rtfs"))):
            name, rest = "run", argv  # `rtfs program.rtfs`: what the first line of a script needs
        else:
            return unknown_command(name, terminal)
    module = command_module(name)
    options = make_parser(name, module).parse(rest)
    terminal.color = options.color
    terminal.json = getattr(options, "json", False)
    ready()
    code: int = module.execute(options, terminal)
    return code


def command_module(name: str) -> Any:
    """The module of a command; only those in the table are ever imported."""
    return __import__(COMMANDS[name][0], fromlist=("execute",))


def make_parser(name: str, module: Any) -> Any:
    """The parser of a command; its help is the docstring of the command's module."""
    from rtfs.cli.parser import Parser

    parser = Parser(prog=f"rtfs {name}", description=(module.__doc__ or "").strip())
    module.arguments(parser)
    parser.add_argument(
        "--color", choices=COLOR_CHOICES, default="auto", help="colours; auto: on a terminal, unless NO_COLOR is set"
    )
    parser.set_defaults(misuse=parser.error)
    return parser


def unknown_command(name: str, terminal: Terminal) -> int:
    from rtfs.errors import nearest

    close = nearest(name, COMMANDS)
    if close:
        hint = f"did you mean `rtfs {close[0]}`?"
    elif name.startswith("-"):
        hint = f"options follow the command: rtfs COMMAND {name} …"
    elif name.startswith(("(", "[", "{")):
        hint = "to evaluate an expression: rtfs eval EXPRESSION"
    else:
        hint = f"commands: {', '.join(COMMANDS)}"
    terminal.note(f"rtfs: there is no command `{name}`\n  hint: {hint}")
    return MISUSE


def help_text() -> str:
    lines = ["usage: rtfs COMMAND …", "       rtfs FILE.rtfs [ARGUMENTS…]", "", "commands:"]
    lines += [f"  {name:<9} {summary}" for name, (_, summary) in COMMANDS.items()]
    lines += ["", "rtfs COMMAND --help says what a command takes; rtfs --version says which RTFS this is."]
    return "\n".join(lines)


def version_text() -> str:
    import rtfs

    version = getattr(rtfs, "__version__", None)
    if version is None:
        from importlib import metadata

        try:
            version = metadata.version("rtfs-lang")
        except metadata.PackageNotFoundError:
            version = "(not installed)"
    return f"rtfs {version} (Python {sys.version.split()[0]})"


def report(error: RtfsError, terminal: Terminal) -> int:
    """Show an error; the exit code it leads to."""
    if isinstance(error.__cause__, BrokenPipeError):  # a program that prints to nobody
        return BROKEN_PIPE
    if isinstance(error, InternalError):
        return report_bug(error, terminal)
    terminal.error(error)
    return exit_code(error)


def exit_code(error: RtfsError) -> int:
    return MISUSE if isinstance(error, ConfigError) else FAILED


def report_bug(bug: Exception, terminal: Terminal) -> int:
    terminal.clear_status()
    if terminal.environ.get("RTFS_DEBUG"):
        import traceback

        terminal.note("".join(traceback.format_exception(bug)).rstrip())
    text = f"{type(bug).__name__}: {bug}"
    terminal.note(
        f"rtfs: internal error: {text[:500]}\n"
        "  This is a bug in RTFS and not in your program. Please report it, with the program, this message and\n"
        "  the output of `rtfs --version`; with RTFS_DEBUG=1 the message says where in RTFS it happened."
    )
    return BUG
