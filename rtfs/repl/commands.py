"""The commands of the REPL: one table, `COMMANDS`, from which `:help`, completion and near misses are made.

Without an argument, `:ast` and `:type` apply to the last input; with `on` or `off` they say whether every input is shown so; with
anything else they apply to that expression.
"""

from __future__ import annotations

import os
import time

from rtfs.errors import KINDS, ConfigError, nearest
from rtfs.source import Source
from rtfs.values.printing import to_readable
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from rtfs.repl.session import Session

_SWITCHES = ("ast", "ir", "types", "timing")


class Command(Struct):
    """One command: its names, the first the usual one; what it takes; what it does; and how."""

    names: tuple[str, ...]
    takes: str
    summary: str
    action: Callable[[Session, str], None]
    takes_forms: bool = False
    """An unfinished expression after it may go on in the next line."""


def help_(session: Session, rest: str) -> None:
    wanted = [find_command(rest if rest.startswith(":") else ":" + rest)] if rest else COMMANDS
    if wanted == [None]:
        raise ConfigError(f"there is no command {rest}", hint=":help lists them")
    rows = [(" ".join([", ".join(c.names), c.takes]).strip(), c.summary) for c in wanted if c is not None]
    width = max([len(left) for left, _ in rows])
    for left, summary in rows:
        session.terminal.result(f"  {left:<{width}}  {summary}")
    if not rest:
        session.terminal.result(
            f"  The words {', '.join(WORDS)} work as well. *1 *2 *3 hold the last values, *e the last error.\n"
            "  Enter evaluates once every bracket is closed, an empty line in any case; Ctrl-C drops the input."
        )


def quit_(session: Session, rest: str) -> None:
    session.finished = True


def history(session: Session, rest: str) -> None:
    inputs = session.history[:-1]
    count = _number(rest, ":history") if rest else 20
    start = max(0, len(inputs) - count)
    for i, text in enumerate(inputs[start:], start + 1):
        session.terminal.result(f"{i:>4}  " + text.replace("\n", "\n      "))


def clear(session: Session, rest: str) -> None:
    if session.terminal.is_screen(session.terminal.stdout):
        session.terminal.stdout.write("\x1b[2J\x1b[H")
        session.terminal.stdout.flush()


def reset(session: Session, rest: str) -> None:
    session.reset()
    session.terminal.note("; all definitions are forgotten")


def load(session: Session, rest: str) -> None:
    from rtfs.program_files import read_file

    name = os.path.expanduser(_needed(rest, ":load FILE").strip('"'))
    source = read_file(name)
    folder = os.path.dirname(name) or "."
    if folder not in session.runtime.module_path:
        session.runtime.module_path.insert(0, folder)
    before = set(session.runtime.namespace.own)
    session.remember(source)
    new = [n for n in _own_names(session) if n not in before]
    session.terminal.note(f"; loaded {name}" + (f": {', '.join(new[:12])}{' …' if len(new) > 12 else ''}" if new else ""))


def doc(session: Session, rest: str) -> None:
    from rtfs.repl.describe import describe

    for line in describe(session.runtime.namespace, _needed(rest, ":doc NAME")):
        session.terminal.result(line)


def env(session: Session, rest: str) -> None:
    from rtfs.repl.describe import definition_line

    names = [name for name in _own_names(session) if rest in name]
    for name in names:
        session.terminal.result(definition_line(session.runtime.namespace, name))
    if not names:
        session.terminal.note("; nothing is defined" + (f" that has {rest} in its name" if rest else " yet"))


def context(session: Session, rest: str) -> None:
    for name, value in session.runtime.host.context.items():
        session.terminal.result(f"@{name}  {to_readable(value)}")


def macroexpand(session: Session, rest: str) -> None:
    from rtfs.cli.tree import form_text
    from rtfs.syntax.reader import read_forms

    text = _needed(rest, ":macroexpand FORM")
    read_forms(Source("<repl>", text))  # an error in it shows the text as it was typed
    expanded = session.runtime.run_source(Source("<macroexpand>", f"(macroexpand (quote {text}\n))"))
    session.terminal.result(form_text(expanded))


def time_(session: Session, rest: str) -> None:
    text = _needed(rest, ":time FORM")
    begin = time.perf_counter()
    value = session.value_of(text)
    took = time.perf_counter() - begin
    session.show(value)
    session.terminal.note(f"; {_duration(took)}")


def ast(session: Session, rest: str) -> None:
    if rest in ("on", "off"):
        session.settings["ast"] = rest == "on"
    else:
        session.show_ast(rest or _last_input(session))


def ir(session: Session, rest: str) -> None:
    if rest in ("on", "off"):
        session.settings["ir"] = rest == "on"
    else:
        session.show_ir(rest or _last_input(session))


def type_(session: Session, rest: str) -> None:
    if rest in ("on", "off"):
        session.settings["types"] = rest == "on"
    elif rest:
        session.show_kind(session.value_of(rest))
    else:
        session.show_kind(session.last_value)


def explain(session: Session, rest: str) -> None:
    from rtfs.cli.explain import explanation_text, kind_named

    error = session.last_error
    if not rest and error is None:
        session.terminal.note("; nothing has failed yet; :explain CODE explains an error code")
        return
    if rest:
        kind = kind_named(rest)
    else:
        assert error is not None
        kind = error.kind if error.kind in KINDS else "raised"
    if kind is None:
        close = nearest(rest, [*KINDS, *(code for _, code in KINDS.values())])
        raise ConfigError(f"there is no error {rest}", hint=f"did you mean {close[0]}?" if close else None)
    session.terminal.result(explanation_text(kind))


def set_(session: Session, rest: str) -> None:
    settings = session.settings
    words = rest.split()
    if not words:
        for name, value in settings.items():
            session.terminal.result(f"{name:<7} {('on' if value else 'off') if name in _SWITCHES else value}")
        return
    name = words[0].lstrip(":")
    if name not in settings:
        close = nearest(name, settings)
        raise ConfigError(
            f"there is no setting {name}", hint=f"did you mean {close[0]}?" if close else f"settings: {', '.join(settings)}"
        )
    if name in _SWITCHES:
        if len(words) != 2 or words[1] not in ("on", "off"):
            raise ConfigError(f":set {name} takes on or off")
        settings[name] = words[1] == "on"
    else:
        settings[name] = _number(" ".join(words[1:]), f":set {name}")


def strategy(session: Session, rest: str) -> None:
    from rtfs.config import check_strategy

    if rest:
        session.runtime.strategy = check_strategy(rest)
    session.terminal.result(session.runtime.strategy)


def delegate(session: Session, rest: str) -> None:
    from rtfs.cli.progress import show_summary
    from rtfs.repl.describe import call_line

    records = session.runtime.records
    if records is None:
        session.terminal.note("; no delegated calls yet")
        return
    count = _number(rest, ":delegate") if rest else 10
    for record in records.calls[-count:] if count else ():
        session.terminal.result(call_line(record))
    show_summary(records, session.terminal)


def caps(session: Session, rest: str) -> None:
    from rtfs.cli.caps import capability_lines

    for line in capability_lines(session.runtime, session.runtime.host.permissions):
        session.terminal.result(line)
    session.terminal.note("; * is not allowed here: start the REPL with --allow ID")


def models(session: Session, rest: str) -> None:
    from rtfs.cli.models import model_lines

    registry = session.runtime.models
    if registry is None:
        session.terminal.note("; models are off (--no-models)")
        return
    for line in model_lines(registry.entries(ask=True)):
        session.terminal.result(line)


def test(session: Session, rest: str) -> None:
    from rtfs.repl.cases import run_cases

    passed, failures = run_cases()
    for line in failures:
        session.terminal.result(line)
    session.failed = session.failed or bool(failures)
    session.terminal.result(f"{passed} passed, {len(failures)} failed")


COMMANDS: list[Command] = [
    Command((":help", ":h"), "[COMMAND]", "what commands there are", help_),
    Command((":quit", ":q"), "", "leave", quit_),
    Command((":history",), "[N]", "the last inputs", history),
    Command((":clear",), "", "clear the screen", clear),
    Command((":reset",), "", "forget all definitions", reset),
    Command((":load",), "FILE", "run a program; its definitions stay", load),
    Command((":doc", ":d"), "NAME", "what a function, macro or form takes and does", doc),
    Command((":env",), "[TEXT]", "what this session has defined", env),
    Command((":context",), "", "values of the context, as in @name", context),
    Command((":macroexpand", ":mx"), "FORM", "a form with its macro expanded", macroexpand, True),
    Command((":time",), "FORM", "evaluate and say how long it took", time_, True),
    Command((":ast",), "[on|off|FORM]", "the syntax tree", ast, True),
    Command((":ir",), "[on|off|FORM]", "what the compiled evaluator makes of it", ir, True),
    Command((":type", ":t"), "[on|off|FORM]", "the kind of the value", type_, True),
    Command((":explain", ":e"), "[CODE]", "what the last error, or an error code, means", explain),
    Command((":set",), "[NAME VALUE]", "ast, ir, types, timing: on or off; lines: how many of a value are shown", set_),
    Command((":strategy",), "[NAME]", "the evaluator", strategy),
    Command((":delegate",), "[N]", "the last delegated calls", delegate),
    Command((":caps",), "", "the capabilities that programs can call", caps),
    Command((":models",), "", "the models that functions can delegate to", models),
    Command((":test",), "", "a dozen built-in cases, to see that all is well", test),
]

#: Bare words that mean a command, unless the session has defined them.
WORDS = ("help", "quit", "exit", "clear", "reset")
_ALIASES = {":exit": ":quit"}


def find_command(name: str) -> Command | None:
    name = _ALIASES.get(name, name)
    return next((command for command in COMMANDS if name in command.names), None)


# --- arguments -------------------------------------------------------------------------------


def _needed(rest: str, shape: str) -> str:
    if not rest:
        raise ConfigError(f"write {shape}")
    return rest


def _number(text: str, what: str) -> int:
    if not text.isdecimal():
        raise ConfigError(f"{what} takes a number")
    return int(text)


def _last_input(session: Session) -> str:
    if session.last_input is None:
        raise ConfigError("there is no input yet", hint="give an expression")
    return session.last_input


def _own_names(session: Session) -> list[str]:
    from rtfs.repl.session import LAST_ERROR, LAST_VALUES

    names = session.runtime.namespace
    return [n for n in {**names.own, **dict.fromkeys(names.macros)} if n not in (*LAST_VALUES, LAST_ERROR)]


def _duration(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
