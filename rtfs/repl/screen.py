"""The front end with an editor: prompt_toolkit, several lines at a time, history, completion, colours."""

from __future__ import annotations

from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import Completer, Completion
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings

from rtfs.repl.completion import completions, word_before
from rtfs.repl.history import history_path
from rtfs.repl.plain import CONTINUATION, PROMPT
from rtfs.repl.session import Session, is_command


def read_screen(session: Session, **streams: Any) -> None:
    """A conversation on a terminal.

    Args:
        streams: `input` and `output` of prompt_toolkit, for tests.
    """
    prompt = make_prompt(session, **streams)
    while not session.finished:
        try:
            text = prompt.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        session.submit(text)


def make_prompt(session: Session, **streams: Any) -> Any:
    """The editor of a session."""
    colored = session.terminal.wants_color(session.terminal.stdout)
    return PromptSession(
        FormattedText([("bold", PROMPT)]) if colored else PROMPT,
        multiline=True,
        prompt_continuation=lambda width, line, wraps: " " * width if wraps else CONTINUATION,
        key_bindings=_keys(session),
        completer=_Completer(session),
        complete_while_typing=False,
        history=FileHistory(history_path(session.terminal.environ, "repl-history")),
        lexer=_lexer() if colored else None,
        **streams,
    )


def _keys(session: Session) -> Any:
    keys = KeyBindings()

    @keys.add("enter")  # type: ignore[untyped-decorator]
    def _(event: Any) -> None:
        buffer = event.current_buffer
        if buffer.complete_state:  # Enter takes the completion that is marked
            buffer.complete_state = None
            return
        at_end = not buffer.document.text_after_cursor.strip()
        empty_line = not buffer.document.current_line.strip()
        missing = session.missing(buffer.text)
        if missing is None or (at_end and empty_line):
            buffer.validate_and_handle()
        else:
            before = session.missing(buffer.document.text_before_cursor)
            buffer.insert_text("\n" + " " * indentation(before if before is not None else missing))

    @keys.add("escape", "enter")  # type: ignore[untyped-decorator]
    def _(event: Any) -> None:
        event.current_buffer.insert_text("\n")

    return keys


def indentation(missing: Any) -> int:
    """Columns to indent the next line by: two inside `(`, one inside `[` and `{`, none inside strings and comments."""
    if missing.span is None:
        return 0
    opening = missing.span.text
    if opening in ("(", "#("):
        inside = 1 + len(opening)
    elif opening in ("[", "{"):
        inside = 1
    else:
        return 0
    return int(missing.span.column - 1 + inside)


class _Completer(Completer):  # type: ignore[misc]
    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(self, document: Any, event: Any) -> Any:
        text = document.text_before_cursor
        if is_command(text):
            word = text.lstrip().rpartition(" ")[2]
            if not text.lstrip().startswith(":load"):
                word = word_before(word)
        else:
            word = word_before(text)
        for found in completions(self._session, text):
            yield Completion(found, start_position=-len(word))


def _lexer() -> Any:
    """Colours for source; RTFS is close enough to Clojure for its lexer."""
    try:
        from prompt_toolkit.lexers import PygmentsLexer
        from pygments.lexers.jvm import ClojureLexer
    except ImportError:
        return None
    return PygmentsLexer(ClojureLexer)
