"""Server-sent events: bytes of a response as events (WHATWG HTML, "Server-sent events", 9.2.6).

Lines end in LF, CR or CRLF; a line that begins with a colon is a comment, by which servers keep a connection alive; an event ends
with an empty line.  Bytes come in any pieces: a piece may end inside a character, or between CR and LF.  An event at the very
end, which no empty line ends, counts: servers forget it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """`name` is empty where the server gives none; lines of `data` are joined by line ends."""

    name: str
    data: str


def events(pieces: Iterable[bytes]) -> Iterator[Event]:
    """The events in a response, each as soon as it is whole; those without data are left out."""
    name = ""
    data: list[str] = []
    for line in lines(pieces):
        if not line:
            if data:
                yield Event(name, "\n".join(data))
            name, data = "", []
            continue
        field, _, value = line.partition(b":")
        if not field:
            continue  # a comment
        if value[:1] == b" ":
            value = value[1:]
        if field == b"data":
            data.append(value.decode("utf-8", "replace"))
        elif field == b"event":
            name = value.decode("utf-8", "replace")
        # `id` and `retry` are for browsers, that connect again
    if data:
        yield Event(name, "\n".join(data))


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines without their ends; the last one also when nothing ends it."""
    rest: list[bytes] = []  # of a line that is not over
    after_cr = False
    first = True
    for piece in pieces:
        if first and piece:
            first = False
            piece = piece.removeprefix(b"\xef\xbb\xbf")
        if after_cr and piece[:1] == b"\n":
            piece = piece[1:]
            after_cr = False
        if not piece:
            continue
        after_cr = piece[-1:] == b"\r"
        if b"\n" not in piece and b"\r" not in piece:
            rest.append(piece)
            continue
        *whole, last = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        whole[0] = b"".join([*rest, whole[0]])
        yield from whole
        rest = [last] if last else []
    if rest:
        yield b"".join(rest)
