"""Front ends that only read lines: for pipes, and for terminals without the editor's library."""

from __future__ import annotations

import contextlib

from rtfs.repl.history import history_path
from rtfs.repl.session import Session, is_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROMPT = "rtfs> "
CONTINUATION = "  ..> "


def read_piped(session: Session, lines: Iterable[str]) -> int:
    """Submit what a pipe gives, input by input, without prompts; 1 if any failed, else 0.

    An empty line means nothing here: programs have them inside their forms.
    """
    waiting = ""
    try:
        for line in lines:
            waiting += line
            if not session.is_complete(waiting):
                continue
            session.submit(waiting)
            waiting = ""
            if session.finished:
                break
        session.submit(waiting)  # unfinished: the reader says what is open
    except UnicodeDecodeError as error:
        session.terminal.note(f"rtfs: standard input is not UTF-8 text (byte 0x{error.object[error.start]:02x})")
        return 1
    return 1 if session.failed else 0


def read_lines(session: Session) -> None:
    """A conversation through `input`, with `readline` where Python has it."""
    with _readline(session):
        waiting = ""
        while not session.finished:
            try:
                line = input(CONTINUATION if waiting else PROMPT)
            except KeyboardInterrupt:
                waiting = ""
                session.terminal.note("")
                continue
            except EOFError:
                session.terminal.note("")
                return
            waiting = f"{waiting}\n{line}" if waiting else line
            if line.strip() and not session.is_complete(waiting):
                continue
            session.submit(waiting)
            waiting = ""


@contextlib.contextmanager
def _readline(session: Session) -> Iterator[None]:
    """Editing, history and completion of `input`, as far as this Python has them."""
    try:
        import readline
    except ImportError:
        yield
        return
    from rtfs.repl.completion import completions

    path = history_path(session.terminal.environ, "repl-history.readline")
    with contextlib.suppress(OSError):
        readline.read_history_file(path)
    found: list[str] = []

    def complete(word: str, state: int) -> str | None:
        if state == 0:
            line = readline.get_line_buffer()
            found[:] = completions(session, line[: readline.get_endidx()] if is_command(line) else word)
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n()[]{}\"'`~^;,")
    readline.parse_and_bind("tab: complete")
    try:
        yield
    finally:
        readline.set_completer(None)
        with contextlib.suppress(OSError):
            readline.write_history_file(path)
