"""Several errors of reading at once: after one, reading goes on with the next form that begins at the start of a line."""

from __future__ import annotations

from rtfs.errors import ParseError
from rtfs.source import Source
from rtfs.syntax.reader import read_forms

#: Errors of one text; with more, the reader is probably lost.
MOST = 20


def parse_errors(source: Source) -> list[ParseError]:
    """The errors of a text in source order; empty when it reads.

    A bracket too few or too many spoils the form in which it is, and no other: a form that begins at the start of a line is taken
    for a form of its own.
    """
    found: list[ParseError] = []
    text = source.text
    while len(found) < MOST:
        try:
            read_forms(source if not found else Source(source.name, text))
            break
        except ParseError as error:
            found.append(error)
            if error.span is None:
                break
            at = error.span.start
        start = text.rfind("\n(", 0, at + 1) + 1
        end = text.find("\n(", max(at, start + 1))
        if end < 0:
            break
        blank = "".join(["\n" if char == "\n" else " " for char in text[start:end]])
        text = text[:start] + blank + text[end:]
    return found
