"""Text and places in it.

The bottom of the import graph: everything that can fail carries a `Span`, so that every
error can show the line it is about.  Offsets are half open, counted in characters;
lines and columns are worked out only when somebody looks.
"""

from __future__ import annotations

from bisect import bisect_right

#: How a compiled program (`rtfs compile`) begins; no text in UTF-8 does.
ARTEFACT_MAGIC = b"\x89RTFC\r\n\n"


class Source:
    """A named text. `name` is a path, `<eval>`, `<repl:3>` …; `is_file`: it is all of that file. Compared by identity."""

    __slots__ = ("name", "text", "is_file", "_starts")

    def __init__(self, name: str, text: str, *, is_file: bool = False) -> None:
        self.name = name
        self.text = text
        self.is_file = is_file
        self._starts: list[int] | None = None

    def _line_starts(self) -> list[int]:
        if self._starts is None:
            starts = [0]
            find, at = self.text.find, 0
            while (at := find("\n", at) + 1) > 0:
                starts.append(at)
            self._starts = starts
        return self._starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        starts = self._line_starts()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line (from 1), without its line end."""
        starts = self._line_starts()
        start = starts[number - 1]
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[start:end].rstrip("\r")

    def __repr__(self) -> str:
        return f"Source({self.name!r}, {len(self.text)} characters)"


class Artefact:
    """A compiled program as bytes (`ir.artefact`), which can be run in the place of a `Source`. `name` is a path."""

    __slots__ = ("data", "name")

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self.data = data


class Span:
    """A stretch of a source, `start <= end`, half open."""

    __slots__ = ("source", "start", "end")

    def __init__(self, source: Source, start: int, end: int) -> None:
        self.source = source
        self.start = start
        self.end = end

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.start)[1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and self.source is other.source and self.start == other.start and self.end == other.end

    def __hash__(self) -> int:
        return hash((id(self.source), self.start, self.end))

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

    def __repr__(self) -> str:
        return f"Span({self.source.name!r}, {self.start}, {self.end})"
