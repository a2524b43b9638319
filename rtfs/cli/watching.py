"""A value on the screen while a model writes it: text as it comes, anything else as a status line."""

from __future__ import annotations

from rtfs.cli.terminal import write
from rtfs.values.printing import preview

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.delegation.watching import ValueStream

_AGAIN = "rtfs: the answer begins anew"


def show_values(values: ValueStream, terminal: Terminal) -> tuple[Any, bool]:
    """Show the values of a stream as they come; the whole value, and whether all of it stands on standard output already.

    Raises:
        DelegationError, LimitExceeded: the call has failed; what was shown is ended by a line end.
    """
    text = ""  # that was written
    restarts = 0
    value: Any = None
    try:
        for value in values:
            if values.restarts != restarts or not (isinstance(value, str) and value.startswith(text)):
                restarts = values.restarts
                if text:
                    write(terminal.stdout, "\n")
                    terminal.note(_AGAIN)
                    text = ""
            if isinstance(value, str):
                write(terminal.stdout, value[len(text) :])
                terminal.stdout.flush()
                text = value
            elif terminal.is_screen(terminal.stderr):
                terminal.status(preview(value, max(20, terminal.width() - 1)))
    finally:
        terminal.clear_status()
        if text:
            write(terminal.stdout, "\n")
    return value, bool(text)
