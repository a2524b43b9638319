"""Where in a TOML text each key and each value stands.

`tomllib` gives values without their places, and so do the libraries that keep comments (tomlkit knows the layout, but no line).
So the text is read a second time, for its places only, and only once tomllib has accepted it: that leaves a scanner of a hundred
lines, which need not say what is wrong with a text and has one duty, to find the same keys.  A place that it should not know is
that of the table around it: no message is lost over it.
"""

from __future__ import annotations

import re
import tomllib

from rtfs.source import Source, Span

Path = tuple["str | int", ...]

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
#: A string of one line, with its quotes.
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
#: One of several lines: the first three quotes end it, and up to two more before them are part of it.
_LONG_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL)
#: A number, a date (which may have a blank in it) or a truth value.
_PLAIN = re.compile(r"[^,\]}#\n]*")


class Places:
    """The places of a text, by path: `("rules", 0, "target")`.

    Args:
        source: a text that tomllib accepts, with `\\n` as its line ends.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.keys: dict[Path, tuple[int, int]] = {}
        """Where the key is; of an item of an array of tables, its last header."""
        self.values: dict[Path, tuple[int, int]] = {}
        """Where the value is; tables that are not inline have none."""
        try:
            Scanner(source.text, self).scan()
        except (Lost, RecursionError):  # arrays inside arrays inside …; what has been found so far is right
            pass

    def key(self, path: Path) -> Span:
        """The place of a key, or else of the nearest table or value around it."""
        return self._find(path, self.keys, self.values)

    def value(self, path: Path) -> Span:
        """The place of a value, or else of its key, or of what is around it."""
        return self._find(path, self.values, self.keys)

    def _find(self, path: Path, first: dict[Path, tuple[int, int]], second: dict[Path, tuple[int, int]]) -> Span:
        while path:
            found = first.get(path) or second.get(path)
            if found is not None:
                return Span(self.source, *found)
            path = path[:-1]
        return Span(self.source, 0, 0)


class Lost(Exception):
    """The scanner does not understand what tomllib accepts: a bug, and no reason to refuse the file."""


class Scanner:
    """Fills in the keys and values of `Places`."""

    def __init__(self, text: str, places: Places) -> None:
        self.text = text
        self.at = 0
        self.keys, self.values = places.keys, places.values
        #: path of an array of tables -> how many headers it has had
        self.counts: dict[Path, int] = {}

    def scan(self) -> None:
        table: Path = ()
        self.blank()
        while self.at < len(self.text):
            if self.here() == "[":
                table = self.header()
            else:
                self.pair(table)
            self.blank()

    def blank(self) -> None:
        """Pass over blanks, line ends and comments."""
        self.at = _end(_BLANK, self.text, self.at)

    def here(self) -> str:
        if self.at >= len(self.text):
            raise Lost("at the end")
        return self.text[self.at]

    def header(self) -> Path:
        """`[a.b]` or `[[a.b]]`; the path of its table."""
        start = self.at
        array = self.text.startswith("[[", start)
        self.at += 2 if array else 1
        *outer, (last, _, _) = self.key()
        self.blank()
        self.at += 2 if array else 1
        path: Path = ()
        for part, low, high in outer:
            path += (part,)
            self.keys.setdefault(path, (low, high))
            if path in self.counts:
                path += (self.counts[path] - 1,)
        path += (last,)
        if not array:
            self.keys.setdefault(path, (start, self.at))
            return path
        count = self.counts.get(path, 0)
        self.counts[path] = count + 1
        self.keys.setdefault(path, (start, self.at))
        path += (count,)
        self.keys[path] = (start, self.at)
        return path

    def pair(self, table: Path) -> None:
        """`key = value`"""
        path = table
        for part, low, high in self.key():
            path += (part,)
            self.keys.setdefault(path, (low, high))
        self.blank()
        self.at += 1  # =
        self.value(path)

    def key(self) -> list[tuple[str, int, int]]:
        """The parts of a key with dots: (name, start, end)."""
        parts = []
        while True:
            self.blank()
            start = self.at
            first = self.here()
            pattern = _BASIC if first == '"' else _LITERAL if first == "'" else _BARE_KEY
            self.at = _end(pattern, self.text, start)
            written = self.text[start : self.at]
            if first == '"':
                name = str(tomllib.loads(f"x = {written}")["x"])
            else:
                name = written[1:-1] if first == "'" else written
            parts.append((name, start, self.at))
            self.blank()
            if self.here() != ".":
                return parts
            self.at += 1

    def value(self, path: Path) -> None:
        self.blank()
        start = self.at
        first = self.here()
        if first == "[":
            self.array(path)
        elif first == "{":
            self.inline_table(path)
        elif first == '"':
            long = self.text.startswith('"""', start)
            self.at = _end(_LONG_BASIC if long else _BASIC, self.text, start)
        elif first == "'":
            long = self.text.startswith("'''", start)
            self.at = _end(_LONG_LITERAL if long else _LITERAL, self.text, start)
        else:
            self.at = start + len(self.text[start : _end(_PLAIN, self.text, start)].rstrip())
        self.values[path] = (start, self.at)

    def array(self, path: Path) -> None:
        self.at += 1
        self.blank()
        index = 0
        while self.here() != "]":
            self.value((*path, index))
            index += 1
            self.comma()
        self.at += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        self.blank()
        while self.here() != "}":
            self.pair(path)
            self.comma()
        self.at += 1

    def comma(self) -> None:
        self.blank()
        if self.here() == ",":
            self.at += 1
            self.blank()


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    """Where a match that begins at `start` ends."""
    found = pattern.match(text, start)
    if found is None:
        raise Lost(f"at {start}: {text[start : start + 40]!r}")
    return found.end()
