"""Where a command speaks: results on standard output, everything else on standard error.

One object per invocation.  It knows whether colours are wanted, whether errors go out as text or as JSON, and which line on the
screen is only a status that the next output has to wipe away.
"""

from __future__ import annotations

import os
import sys

from rtfs.errors import RtfsError, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TextIO

COLOR_CHOICES = ("auto", "always", "never")


class Terminal:
    """Standard streams with manners.

    Attributes:
        stdin, stdout, stderr: the streams; the process's own at the time it is made, unless given.
        environ: environment variables.
        json: errors, warnings and notes are JSON objects, one a line.
        color: `auto`, `always` or `never`.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        stdin: TextIO | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.environ = environ
        self.stdin = stdin or sys.stdin
        self.stdout = stdout or sys.stdout
        self.stderr = stderr or sys.stderr
        self.json = False
        self.color = "auto"
        self._status = False

    # --- what it is ---

    def wants_color(self, stream: TextIO) -> bool:
        """Whether text on a stream should be coloured (https://no-color.org)."""
        if self.color != "auto":
            return self.color == "always"
        return self.is_screen(stream) and not self.environ.get("NO_COLOR")

    def is_screen(self, stream: TextIO) -> bool:
        """Whether a stream is a terminal that understands control sequences."""
        return is_tty(stream) and self.environ.get("TERM") != "dumb"

    def width(self) -> int:
        """Columns of the screen behind standard error."""
        try:
            return os.get_terminal_size(self.stderr.fileno()).columns or 80
        except (OSError, ValueError, AttributeError):
            return 80

    # --- results ---

    def result(self, text: str) -> None:
        """A line on standard output."""
        self.clear_status()
        write(self.stdout, text + "\n")

    # --- everything else ---

    def note(self, text: str) -> None:
        """A line on standard error for the person who runs the command."""
        if self.json:
            self._json({"severity": "note", "message": text})
        else:
            self._line(text)

    def error(self, error: RtfsError) -> None:
        """The report of an error, and of the further ones that were found with it."""
        self._report(error, "error")

    def warning(self, warning: RtfsError) -> None:
        self._report(warning, "warning")

    def _report(self, error: RtfsError, severity: str) -> None:
        if self.json:
            for one in (error, *getattr(error, "others", ())):
                self._json(problem_dict(one, severity))
        else:
            self._line(render(error, color=self.wants_color(self.stderr), severity=severity))

    def _json(self, record: dict[str, Any]) -> None:
        self._line(json_line(record))

    def _line(self, text: str) -> None:
        self.clear_status()
        flush(self.stdout)  # what the program printed before comes before
        write(self.stderr, text + "\n")
        flush(self.stderr)

    # --- the status line ---

    def status(self, text: str) -> None:
        """Show a line that the next one replaces; only on a screen."""
        write(self.stderr, f"\r{text[: self.width() - 1]}\x1b[K")
        flush(self.stderr)
        self._status = True

    def clear_status(self) -> None:
        if self._status:
            self._status = False
            write(self.stderr, "\r\x1b[K")
            flush(self.stderr)


class WipingStream:
    """Standard output of a program on a screen: the status line is wiped away before the program prints."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.encoding = terminal.stdout.encoding

    def write(self, text: str) -> int:
        self._terminal.clear_status()
        return self._terminal.stdout.write(text)

    def flush(self) -> None:
        self._terminal.stdout.flush()


def is_tty(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def write(stream: TextIO, text: str) -> None:
    """Write text, with what the stream cannot encode as escapes."""
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def flush(stream: TextIO) -> None:
    if not getattr(stream, "closed", False):
        stream.flush()


def json_line(record: Any) -> str:
    """A plain Python value as JSON on one line; lone surrogates as escapes."""
    import json

    text = json.dumps(record, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = json.dumps(record)
    return text


def problem_dict(error: RtfsError, severity: str) -> dict[str, Any]:
    """An error or a warning for machines."""
    return {"severity": severity, **error.to_dict()}
