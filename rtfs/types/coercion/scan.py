"""JSON as models write it, as a tree: quotes of all kinds or none, commas too many or too few, comments, an end that is missing.

One pass, without recursion and without going back, so a long text takes time in proportion to its length.  Nothing is
guessed: a place that can be read in two ways ends the scan with a `ScanProblem`.  What was mended is in `Scan.notes`, and
what was cut off is marked in the tree, since only the type can tell whether it matters.
"""

from __future__ import annotations

import re

from rtfs.types.coercion.quotes import QUOTES, STRINGS, unescape
from rtfs.types.coercion.report import Note
from rtfs.types.coercion.tree import JSON_NUMBER, MAX_DEPTH, Bare, CutDict, CutList, CutText
from rtfs.types.coercion.wording import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ScanProblem(ValueError):
    """Why a text is not the JSON of one value, as words that stand after "is not valid JSON: "."""

    def __init__(self, words: str, *, deep: bool = False) -> None:
        super().__init__(words)
        self.deep = deep
        self.is_quote = words.startswith(QUOTE)


class Scan:
    """The tree of one value, where it ended, and what was mended on the way: one note for each kind."""

    __slots__ = ("data", "end", "notes")

    def __init__(self, data: Any, end: int, notes: list[Note]) -> None:
        self.data = data
        self.end = end
        self.notes = notes


#: How the problem begins that a library may solve: with more than one pass it can tell which quotes are part of a text.
QUOTE = "a quote inside a text, or a missing one,"
_CLOSERS = {"{": "}", "[": "]", "(": ")"}
_BLANK = re.compile(r"\s+")
_COMMENT = re.compile(r"//[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)
_LEFT_OUT = re.compile(r"\.\.\.|…|\betc\b|\band so on\b|\bomitted\b|\btruncated\b", re.IGNORECASE)
#: `:name`, `name`, `first name` or `3`, where a colon or `=` ends it; a keyword needs none
_KEY = re.compile(
    r":[^\W\d][\w.$/?!*+<>-]*(?=[\s:=])"
    r"|[^\W\d][\w.$/?!*+<>-]*(?: [\w.$/?!*+<>-]+){0,5}(?=\s{0,99}(?:[:=]))"
    r"|\d{1,30}(?=\s{0,99}:)"
)
_AFTER_KEY = re.compile(r"\s*(=>|:=|[:=])")
_BARE = re.compile(r"[^,;\n\r{}\[\]\"“”„]+")
_BARE_IN_PARENTHESES = re.compile(r"[^,;\n\r{}\[\]()\"“”„]+")
_BARE_END = re.compile(r"\s(?://|#|/\*|:(?=[A-Za-z]))")
#: `1,234` as a value of an object, where what follows the commas cannot be a key
_GROUPED = re.compile(
    r"[-+]?(?:[$€£¥]\s?)?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?(?!\d)(?=\s*(?:[}\n]|,\s*(?:[\"'“}\n]|[A-Za-z_]\w*\s*:)))"
)
_INNER_QUOTE = re.compile(r"(?<!\w)['‘’`]|['‘’`](?!\w)")
_COMPLETE = frozenset({"true", "false", "null", "None", "True", "False"})


def scan(text: str, start: int = 0, *, ended: bool = False, words: bool = True) -> Scan:
    """The value whose bracket stands at `start`.

    Args:
        ended: the text is known to be complete (a fence closed after it): an open bracket was forgotten and not cut off.
        words: texts without quotes may be items of arrays; not in prose, where brackets mean other things.
    Raises:
        ScanProblem: no value, or two readings.
    """
    return _Scanner(text, ended, words).value(start)


class _Frame:
    """An open container. `key` is the key whose value is awaited; `ready` says that an item, not a comma, is due."""

    __slots__ = ("bracket", "data", "key", "path", "ready")

    def __init__(self, bracket: str, path: Path) -> None:
        self.bracket = bracket
        self.data: Any = CutDict() if bracket == "{" else CutList()
        self.path = path
        self.key: str | None = None
        self.ready = True


class _Scanner:
    def __init__(self, text: str, ended: bool, words: bool) -> None:
        self.text = text
        self.ended = ended
        self.words = words
        self.notes: dict[str, Note] = {}
        self.stack: list[_Frame] = []
        self.at = 0
        self.newline = False  # a line ended between the last token and this one

    # --- small things ---

    def note(self, kind: str, words: str) -> None:
        if kind not in self.notes:
            top = self.stack[-1] if self.stack else None
            path = None if top is None else (top.path, top.key) if top.key is not None else top.path
            self.notes[kind] = (kind, path, words)

    def problem(self, words: str) -> ScanProblem:
        line = self.text.count("\n", 0, self.at) + 1
        column = self.at - (self.text.rfind("\n", 0, self.at) + 1) + 1
        return ScanProblem(f"{words} at line {line}, column {column}")

    def skip(self) -> None:
        """Blanks and comments."""
        text = self.text
        self.newline = False
        while True:
            blank = _BLANK.match(text, self.at)
            if blank is not None:
                self.newline = self.newline or "\n" in blank[0]
                self.at = blank.end()
            comment = _COMMENT.match(text, self.at)
            if comment is None:
                return
            if _LEFT_OUT.search(comment[0]):
                raise self.problem("a comment says that something is left out")
            self.note("comment", "left out a comment")
            self.newline = True
            self.at = comment.end()

    # --- the loop ---

    def value(self, start: int) -> Scan:
        self.at = start
        self.open(self.text[start])
        while self.stack:
            self.skip()
            if self.at >= len(self.text):
                return self.finish()
            frame = self.stack[-1]
            char = self.text[self.at]
            if char in "}])":
                self.close(frame, char)
            elif char in ",;":
                self.comma(frame, char)
            elif frame.bracket == "{":
                self.due(frame)
                if self.key(frame):
                    return self.finish()
            else:
                self.due(frame)
                if self.item(frame):
                    return self.finish()
        return Scan(self.root, self.at, list(self.notes.values()))

    def open(self, bracket: str) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise ScanProblem(f"it is nested more than {MAX_DEPTH} deep", deep=True)
        path: Path = None
        if self.stack:
            top = self.stack[-1]
            path = (top.path, top.key if top.key is not None else len(top.data))
        self.stack.append(_Frame(bracket, path))
        self.at += 1

    def close(self, frame: _Frame, char: str) -> None:
        if _CLOSERS[frame.bracket] != char:
            if not [outer for outer in self.stack[:-1][-20:] if _CLOSERS[outer.bracket] == char]:
                raise self.problem(f"a {char} that closes nothing")
            self.note("missing-bracket", f"added the missing {_CLOSERS[frame.bracket]}")
        else:
            self.at += 1
            if frame.ready and frame.data:
                self.note("trailing-comma", "removed the comma after the last item")
        self.pop()

    def pop(self) -> None:
        frame = self.stack.pop()
        if frame.bracket == "(":
            self.note("quotes", "read parentheses as an array")
        self.put(dict(frame.data) if frame.bracket == "{" else list(frame.data))

    def put(self, data: Any) -> None:
        if not self.stack:
            self.root = data
            return
        frame = self.stack[-1]
        frame.ready = False
        if frame.bracket != "{":
            frame.data.append(data)
            return
        key, frame.key = frame.key, None
        assert key is not None
        if key in frame.data:
            if frame.data[key] != data or type(frame.data[key]) is not type(data):
                raise ScanProblem(f'the key "{key[:60]}" stands twice with different values')
            self.note("repeated-key", f'the key "{key[:60]}" stood twice with the same value')
        frame.data[key] = data

    def comma(self, frame: _Frame, char: str) -> None:
        if frame.ready:
            raise self.problem(f"a {char} where a value should be")
        if char == ";":
            self.note("separator", "read ; as a comma")
        frame.ready = True
        self.at += 1

    def due(self, frame: _Frame) -> None:
        """Between two items there should have been a comma."""
        if frame.ready:
            return
        if not self.newline and self.text[self.at] not in "{[:" + QUOTES and not self.text[self.at - 1].isspace():
            raise self.problem("a comma or a quote is missing")
        if not self.newline and self.text[self.at].isalnum() and self.text[max(0, self.at - 99) : self.at].rstrip()[-1:] in QUOTES:
            raise self.problem(QUOTE)
        self.note("missing-comma", "added a missing comma")
        frame.ready = True

    # --- entries and items; True at the end of the text ---

    def key(self, frame: _Frame) -> bool:
        char = self.text[self.at]
        if char in QUOTES:
            key = self.string()
            if isinstance(key, CutText):
                if re.search(r"[{}\[\]:]", key):
                    raise self.problem(QUOTE)
                return self.over()
        else:
            found = _KEY.match(self.text, self.at)
            if found is None:
                if re.fullmatch(r"[\w$ -]{0,60}", self.text[self.at : self.at + 70]):  # the text ends inside a key
                    return self.over()
                raise self.problem("no key and colon")
            key = found[0]
            self.at = found.end()
            if key[0] == ":" and not self.text[self.at : self.at + 99].lstrip().startswith((":", "=")):
                self.note("unquoted-key", "read keywords as keys")
                frame.key = key[1:]
                return self.after_key(frame)
            self.note("unquoted-key", f'added quotes to the key "{key[:60]}"')
        after = _AFTER_KEY.match(self.text, self.at)
        if after is None:
            if not self.text[self.at : self.at + 999].strip():
                return self.over()
            raise self.problem(f'no colon after the key "{key[:60]}"')
        if after[1] != ":":
            self.note("separator", f"read {after[1]} as a colon")
        frame.key = str(key)
        self.at = after.end()
        return self.after_key(frame)

    def after_key(self, frame: _Frame) -> bool:
        self.skip()
        if self.at >= len(self.text):
            if self.ended:
                raise self.problem(f'the key "{(frame.key or "")[:60]}" has no value')
            self.put(CutText(""))
            frame.ready = False
            return True
        if self.text[self.at] in ",;}])":
            raise self.problem(f'the key "{(frame.key or "")[:60]}" has no value')
        return self.item(frame)

    def item(self, frame: _Frame) -> bool:
        char = self.text[self.at]
        if char in "{[(":
            self.open(char)
            return False
        if char in QUOTES:
            value = self.string()
            self.put(value)
            return isinstance(value, CutText)
        return self.bare(frame)

    def over(self) -> bool:
        """The text ends inside a key."""
        if self.ended:
            raise self.problem("a key without a value")
        self.at = len(self.text)
        return True

    # --- texts ---

    def string(self) -> str:
        text, start = self.text, self.at
        mark = text[start : start + 3]
        opener = mark if mark in ('"""', "'''") else text[start]
        found = STRINGS[opener].match(text, start)
        if found is None and len(opener) == 3:
            opener = opener[0]
            found = STRINGS[opener].match(text, start)
        if found is None:
            return self.open_string(start)
        self.at = found.end()
        if opener != '"':
            self.note("quotes", f"read {opener} as a quote")
        elif "\n" in found[0]:
            self.note("escapes", "a line break inside a text")
        if opener == "'" and re.search(r"'\s*'|[,:]\s*'\w", found[1]):  # one text or two?
            raise self.problem("a comma or a quote is missing")
        value, stray = unescape(found[1])
        if stray:
            self.note("escapes", "a backslash that escapes nothing")
        follow = text[self.at : self.at + 1]
        if follow.isalnum() or (follow in QUOTES and follow):
            raise self.problem(QUOTE)
        return value

    def open_string(self, start: int) -> str:
        """A text whose closing quote is missing: forgotten when exactly the brackets that are open follow, else cut off."""
        body = self.text[start + 1 :]
        closers = "".join([_CLOSERS[frame.bracket] for frame in reversed(self.stack)])
        inner = body.rstrip("}]) \t\r\n")
        is_value = self.stack[-1].bracket != "{" or self.stack[-1].key is not None
        if is_value and "".join(body[len(inner) :].split()) == closers and inner and not re.search(r"[{}\[\]:\n\"\\]", inner):
            self.note("missing-quote", "added the missing quote at the end")
            self.at = start + 1 + len(inner)
            return inner
        if self.ended:
            raise self.problem("a text without a closing quote")
        self.at = len(self.text)
        return CutText(unescape(body)[0])

    def bare(self, frame: _Frame) -> bool:
        text, start = self.text, self.at
        grouped = _GROUPED.match(text, start) if frame.bracket == "{" else None
        if grouped is not None:
            self.at = grouped.end()
            self.put(Bare(grouped[0]))
            return False
        found = (_BARE_IN_PARENTHESES if frame.bracket == "(" else _BARE).match(text, start)
        if found is None:
            raise self.problem("no value")
        token = found[0]
        end = _BARE_END.search(token)
        if end is not None:
            token = token[: end.start()]
        self.at = start + len(token)
        value = token.rstrip()
        if _LEFT_OUT.search(value) or _LEFT_OUT.match(text, self.at):
            raise self.problem("something is left out")
        if _INNER_QUOTE.search(value) or re.search(r":(?:\s|$)", value):
            raise self.problem("a comma or a quote is missing")
        plain = JSON_NUMBER.fullmatch(value) is not None or value in _COMPLETE
        if frame.bracket != "{" and not plain:
            parts = value.split()
            if len(parts) > 1 and not [part for part in parts if not JSON_NUMBER.fullmatch(part)]:
                self.note("missing-comma", "added missing commas")
                for part in parts[:-1]:
                    self.put(Bare(part))
                token = value = parts[-1]
            elif not self.words and len(self.stack) == 1:
                raise self.problem("no value")
        at_end = self.at >= len(text) and token == value
        if at_end and not self.ended and value not in _COMPLETE:
            self.put(CutText(value))
            return True
        self.put(Bare(value))
        return False

    # --- the end of the text ---

    def finish(self) -> Scan:
        """The text is over and brackets are open."""
        top = self.stack[-1]
        if self.ended:
            if top.key is not None:
                raise self.problem("an entry without its value")
            self.note("missing-bracket", "added the brackets missing at the end")
            while self.stack:
                self.pop()
            return Scan(self.root, len(self.text), list(self.notes.values()))
        top.key = None
        self.notes["cut-off"] = ("cut-off", None, "the reply ends before its brackets are closed")
        while self.stack:
            frame = self.stack.pop()
            self.put(frame.data)
        return Scan(self.root, len(self.text), list(self.notes.values()))
