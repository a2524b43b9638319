"""A conversation: takes one input after the other, evaluates it or carries out its command, and shows what came of it.

Knows nothing about keys and lines; the front ends ask `is_complete` whether to keep reading, and hand over whole inputs.
"""

from __future__ import annotations

import time

from rtfs.cli.running import Delegations
from rtfs.cli.warnings import Warnings
from rtfs.errors import ConfigError, IncompleteInput, InternalError, ParseError, RtfsError
from rtfs.repl.commands import COMMANDS, WORDS, find_command
from rtfs.repl.layout import shown_lines
from rtfs.source import Artefact, Source
from rtfs.values.printing import to_readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.runtime import Runtime

#: Names that hold the last values, newest first, and the last error.
LAST_VALUES = ("*1", "*2", "*3")
LAST_ERROR = "*e"


class Session:
    """See the module.

    Args:
        fresh: makes a runtime; called again by `:reset`.
        interactive: somebody is looking: values are laid out for the screen and cut after some lines.
        quiet: no progress of delegated calls.

    Attributes:
        runtime: what inputs are evaluated in.
        history: inputs, oldest first.
        last_input: the last input that was no command; what `:ast` and its kin apply to.
        last_value, last_error: the newest of each; None when there was none.
        failed: whether any input failed.
        finished: whether the conversation is over.
        settings: see `:set`.
    """

    def __init__(self, terminal: Terminal, fresh: Callable[[], Runtime], *, interactive: bool = True, quiet: bool = False) -> None:
        self.terminal = terminal
        self.fresh = fresh
        self.interactive = interactive
        self.quiet = quiet
        self.history: list[str] = []
        self.last_input: str | None = None
        self.last_value: Any = None
        self.last_error: RtfsError | None = None
        self.failed = False
        self.finished = False
        self.settings: dict[str, Any] = {"ast": False, "ir": False, "types": False, "timing": False, "lines": 25}
        self._count = 0
        self._warnings = Warnings(terminal)
        self.runtime = self._new_runtime()

    def _new_runtime(self) -> Runtime:
        runtime = self.fresh()
        runtime.on_analysis_warning = self._warnings.take
        for name in (*LAST_VALUES, LAST_ERROR):
            runtime.namespace.define(name, None)
        return runtime

    def reset(self) -> None:
        """Forget every definition."""
        self.runtime.close()
        self.runtime = self._new_runtime()
        self.last_value = self.last_error = None

    def close(self) -> None:
        self.runtime.close()

    def greet(self) -> None:
        from rtfs.cli.main import version_text

        self.terminal.note(f"{version_text()}; :help lists the commands, Ctrl-D leaves")

    # --- input ---

    def is_complete(self, text: str) -> bool:
        """Whether an input can be submitted; False when more text could complete it."""
        return self.missing(text) is None

    def missing(self, text: str) -> IncompleteInput | None:
        """What is still open at the end of an input, if more text could close it."""
        from rtfs.syntax.reader import read_forms

        if is_command(text):
            name, _, text = text.strip().partition(" ")
            command = find_command(name)
            if command is None or not command.takes_forms:
                return None
        try:
            read_forms(Source("<repl>", text))
        except IncompleteInput as error:
            return error
        except ParseError:
            return None
        return None

    def submit(self, text: str) -> None:
        """Evaluate an input, or carry out its command, and show the outcome. Raises nothing but bugs that it has no name for."""
        stripped = text.strip()
        if not stripped:
            return
        self.history.append(stripped)
        try:
            if is_command(stripped):
                self._command(stripped)
            elif stripped in WORDS and stripped not in self.runtime.namespace.values:
                self._command(":" + stripped)
            else:
                self.last_input = text
                self.evaluate(text)
        except KeyboardInterrupt:
            self.terminal.clear_status()
            self.failed = True
            self.terminal.note("rtfs: interrupted")
        except RtfsError as error:
            self.failed = True
            self.show_error(error)

    def _command(self, text: str) -> None:
        name, _, rest = text.partition(" ")
        command = find_command(name)
        if command is None:
            self.failed = True
            self.terminal.note(unknown_command(name))
            return
        command.action(self, rest.strip())

    # --- evaluating ---

    def source(self, text: str) -> Source:
        """A source of its own for each input, so that errors can show the place long afterwards."""
        self._count += 1
        return Source(f"<repl:{self._count}>", text)

    def value_of(self, text: str) -> Any:
        """Evaluate a text and remember its value as `*1`.

        Raises:
            RtfsError: remembered as `*e`.
        """
        return self.remember(self.source(text))

    def remember(self, source: Source | Artefact) -> Any:
        """As `value_of`, for a source or a compiled program."""
        delegations = Delegations(self.runtime, self.terminal, self._warnings, quiet=self.quiet)
        names = self.runtime.namespace
        try:
            value = self.runtime.run_source(source)
        except RtfsError as error:
            self._warnings.flush(error)
            self._remember_error(error)
            raise
        finally:
            delegations.end()
            self._warnings.flush()
        newest = (value, *[names.values[name] for name in LAST_VALUES[:-1]])
        for name, shifted in zip(LAST_VALUES, newest, strict=True):
            names.define(name, shifted)
        self.last_value = value
        return value

    def _remember_error(self, error: RtfsError) -> None:
        from rtfs.semantics.machine import error_value

        self.last_error = error
        self.runtime.namespace.define(LAST_ERROR, error_value(error))

    def evaluate(self, text: str) -> None:
        """Evaluate an input and show its value, with what `:set` asks for."""
        if self.settings["ast"]:
            self.show_ast(text)
        if self.settings["ir"]:
            self.show_ir(text)
        begin = time.perf_counter()
        value = self.value_of(text)
        took = time.perf_counter() - begin
        self.show(value)
        if self.settings["types"]:
            self.show_kind(value)
        if self.settings["timing"]:
            self.terminal.note(f"; {took * 1000:.3g} ms")

    # --- showing ---

    def show(self, value: Any) -> None:
        """A value, readably; on a screen, cut after `lines` lines."""
        if not self.interactive:
            self.terminal.result(to_readable(value))
            return
        lines, cut = shown_lines(value, self.terminal.width(), self.settings["lines"])
        self.terminal.result("\n".join(lines))
        if cut:
            self.terminal.note(f"; {cut}; :set lines 0 shows everything, *1 holds the value")

    def show_kind(self, value: Any) -> None:
        from rtfs.values.equality import kind_of
        from rtfs.values.functions import Builtin

        self.terminal.result(f"; {kind_of(value)}")
        if isinstance(value, Builtin):
            from rtfs.semantics.signatures import signature

            for shape in signature(value):
                self.terminal.result(f"; {shape}")

    def show_ast(self, text: str) -> None:
        from rtfs.cli.tree import tree_lines

        for node in self.runtime.analyse(Source("<repl>", text)):
            self.terminal.result("\n".join(tree_lines(node)))

    def show_ir(self, text: str) -> None:
        from rtfs.cli.ir import View

        view = View("<repl>", self.terminal)
        self.runtime.lower(Source("<repl>", text), view.begin, view.after)
        view.finish()

    def show_error(self, error: RtfsError) -> None:
        if isinstance(error, InternalError):
            from rtfs.cli.main import report_bug

            report_bug(error, self.terminal)
        elif isinstance(error.__cause__, BrokenPipeError):
            raise error.__cause__
        elif isinstance(error, ConfigError) and error.span is None:  # a command that was not meant so
            self.terminal.note(f"rtfs: {error.message}" + (f"\n  hint: {error.hint}" if error.hint else ""))
        else:
            self.terminal.error(error)


def is_command(text: str) -> bool:
    return text.lstrip().startswith(":")


def unknown_command(name: str) -> str:
    from rtfs.errors import nearest

    known = [known_name for command in COMMANDS for known_name in command.names]
    close = nearest(name, known)
    hint = f"did you mean {close[0]}?" if close else ":help lists them"
    return f"rtfs: there is no command {name}\n  hint: {hint} To evaluate the keyword, write (do {name})."
