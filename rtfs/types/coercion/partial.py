"""The value of a reply that is still being written: what is known of it so far, and will not be taken back.

    {"title": "Rep               {:title "Rep"}
    {"title": "Report", "p       {:title "Report"}
    {"title": "Report", "pages": 12      the 12 may become 120
    {"title": "Report", "pages": 12, "tags": ["a", "b      {:title "Report" :pages 12 :tags ["a" "b"]}

A text grows, a vector gets items, a record gets entries; everything else is there when it is over: numbers when something follows
them, an enumeration with its closing quote, a union or an intersection when its last bracket is closed.  What has not been written
is absent, so a partial value need not have all that its type requires.  Refinements are looked at when the value is over.

That holds for a reply that is what was asked for: text, or JSON and nothing beside it but reasoning before and a fence around.  Of
any other nothing, or no more, is known before its end: the whole reply is what counts (`coerce`).
"""

from __future__ import annotations

import json
import re

from rtfs.types.coercion.reader import Reader
from rtfs.types.coercion.tree import MAX_DEPTH
from rtfs.types.coercion.wording import CoercionError
from rtfs.types.json_schema import json_key
from rtfs.types.nodes import (
    ANY,
    STRING,
    AnyType,
    Lookup,
    MapOfType,
    Primitive,
    RecordType,
    RefinedType,
    Type,
    VectorType,
    no_names,
    resolve,
)
from rtfs.values.maps import Map
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class _Nothing:
    def __repr__(self) -> str:
        return "NOTHING"


#: Nothing is known yet.
NOTHING = _Nothing()

_BLANK = re.compile(r"[ \t\r\n]*")
_PLAIN = re.compile(r'[^"\\]*')
_TOKEN = re.compile(r"[-+.0-9A-Za-z]+")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_THOUGHT = re.compile(r"<(think|thinking|thought|thoughts|reasoning|scratchpad|analysis|reflection)>", re.IGNORECASE)
_MAY_BE_THOUGHT = re.compile(r"<[A-Za-z]{0,10}\Z")
_FENCE = re.compile(r"```[\w+.-]{0,30}[ \t]*\r?\n")
_MAY_BE_FENCE = re.compile(r"`{0,3}\Z|```[\w+.-]{0,30}[ \t\r]*\Z")


class _Dead(Exception):
    """The rest of the reply tells nothing before its end."""


class _Frame:
    """A container that is open. `values` are its finished parts: values, or (key, value)."""

    __slots__ = ("blocked", "data", "is_object", "key", "type", "values", "wraps")

    def __init__(self, is_object: bool, type: Type | None, *, wraps: bool = False) -> None:
        self.is_object = is_object
        self.type = type  # None: nothing is shown before it is over
        self.wraps = wraps  # the object `{"value": …}` around a result
        self.data: Any = {} if is_object else []
        self.values: list[Any] = []
        self.key: str | None = None
        self.blocked = False  # an item could not be read; what follows it has no place


class Partial:
    """Reads one reply, piece by piece.

    Args:
        wrapped: the value may stand in an object `{"value": …}`, as results travel that are no objects themselves.
    """

    def __init__(self, type: Type, names: Lookup = no_names, *, wrapped: bool = False) -> None:
        self._type = type
        self._lookup = names
        self._wrapped = wrapped
        base = self._base(type)
        self._is_text = base == STRING or isinstance(base, AnyType)
        self._buffer = ""  # what has not been read
        self._step: Callable[[], bool] | None = self._begin
        self._stack: list[_Frame] = []
        self._string: list[str] | None = None  # the text that is open
        self._text: list[str] = []  # of a bare text
        self._blank = ""  # blanks at its end, which may be nothing but that
        self._root: Any = NOTHING
        self._awaits = "value"

    def feed(self, piece: str) -> bool:
        """Read on; whether that may have changed the value."""
        if self._step is None:
            return False
        self._buffer += piece
        try:
            return bool(self._step())
        except _Dead:
            self._step, self._buffer = None, ""
            return False

    @property
    def value(self) -> Any:
        """What is known so far; NOTHING, or a value that belongs to the type but for what is not there yet."""
        if not self._stack:
            return self._root
        inner: Any = NOTHING
        if self._string is not None and not self._in_key():
            target = self._wanted(self._stack[-1])
            if target is not None and (self._base(target) == STRING or isinstance(self._base(target), AnyType)):
                inner = "".join(self._string)
        for frame in reversed(self._stack):
            inner = self._shown(frame, inner)
        return inner

    # --- where the value begins ---

    def _begin(self) -> bool:
        text = self._buffer.lstrip("\ufeff \t\r\n")
        while True:
            thought = _THOUGHT.match(text)
            if thought is None:
                break
            end = re.compile(f"</{thought[1]}>", re.IGNORECASE).search(text, thought.end())
            if end is None:
                return False
            text = text[end.end() :].lstrip()
        if not text or _MAY_BE_THOUGHT.match(text):
            return False
        if self._is_text and not (self._wrapped and text[0] == "{"):
            # a text in quotes, or one that begins with a quotation? and of a text with refinements, marks may be taken off
            if text[0] == '"' or isinstance(resolve(self._type, self._lookup), RefinedType):
                raise _Dead
            self._step = self._more_text
        else:
            fence = _FENCE.match(text)
            if fence is not None:
                text = text[fence.end() :]
            elif _MAY_BE_FENCE.match(text):
                return False
            if text[:1] not in ("", "{", "["):  # `1` may go on as `1 or 2`, and a text as prose
                raise _Dead
            self._step = self._more
        self._buffer = text
        return bool(self._step())

    def _more_text(self) -> bool:
        text, self._buffer = self._blank + self._buffer, ""
        known = text.rstrip()
        self._blank = text[len(known) :]
        if not known:
            return False
        self._text.append(known)
        self._root = "".join(self._text)
        return True

    # --- JSON ---

    def _more(self) -> bool:
        changed = False
        at = 0
        text = self._buffer
        while self._awaits != "nothing":
            before = at
            at = self._in_string(text, at) if self._string is not None else self._next(text, at)
            if at == before:
                break
            changed = True
            if at >= len(text):
                break
        self._buffer = text[at:]
        return changed

    def _next(self, text: str, at: int) -> int:
        """Read one token, if it is whole; where it ends."""
        start = at
        found = _BLANK.match(text, at)
        at = found.end() if found is not None else at
        if at >= len(text):
            return start if at == start else at
        char, frame = text[at], self._stack[-1] if self._stack else None
        if self._awaits == "colon":
            if char != ":":
                raise _Dead
            self._awaits = "value"
            return at + 1
        if self._awaits == "comma":
            assert frame is not None
            if char == ",":
                self._awaits = "key" if frame.is_object else "value"
                return at + 1
            return self._close(char, at)
        if char in "}]" and frame is not None and self._awaits in ("first key", "first"):
            return self._close(char, at)
        if char == '"':
            self._string = []
            return at + 1
        if self._awaits in ("key", "first key"):
            raise _Dead
        if char in "{[":
            self._open(char == "{")
            return at + 1
        token = _TOKEN.match(text, at)
        if token is None:
            raise _Dead
        if not self._is_over(text, token.end()):
            return start
        try:
            self._finished(json.loads(token[0]))
        except ValueError:
            raise _Dead from None
        return token.end()

    def _is_over(self, text: str, at: int) -> bool:
        """Whether a number or a word ends here; False when that is not known yet. `1,234` as a value of an object is one number to
        those who mend it."""
        following = text[at:].lstrip(" \t\r\n")
        if following[:1] not in ("", ",", "}", "]"):
            raise _Dead
        if following[:1] == "," and self._stack[-1].is_object:
            following = following[1:].lstrip(" \t\r\n")
            if following[:1] not in ("", '"'):
                raise _Dead
        return bool(following)

    def _in_key(self) -> bool:
        return self._awaits in ("key", "first key")

    def _in_string(self, text: str, at: int) -> int:
        assert self._string is not None
        while True:
            plain = _PLAIN.match(text, at)
            assert plain is not None
            if plain.end() > at:
                self._string.append(plain[0])
                at = plain.end()
            if at >= len(text):
                return at
            if text[at] == '"':
                whole, self._string = "".join(self._string), None
                self._string_over(whole)
                return at + 1
            end = self._escape(text, at)
            if end is None:
                return at
            at = end

    def _escape(self, text: str, at: int) -> int | None:
        """Read an escape; where it ends, or None when it is not whole."""
        assert self._string is not None
        kind = text[at + 1 : at + 2]
        if kind != "u":
            if not kind:
                return None
            if kind not in _ESCAPES:
                raise _Dead
            self._string.append(_ESCAPES[kind])
            return at + 2
        digits = text[at + 2 : at + 6]
        if len(digits) < 4:
            return None
        unit = _unit(digits)
        if not 0xD800 <= unit < 0xDC00:
            self._string.append(chr(unit))
            return at + 6
        following = text[at + 6 : at + 12]
        if len(following) < 6 and (following[:2] == "\\u" or "\\u".startswith(following)):
            return None  # the other half may follow
        low = _unit(following[2:]) if following[:2] == "\\u" else 0
        if 0xDC00 <= low < 0xE000:
            self._string.append(chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)))
            return at + 12
        self._string.append(chr(unit))  # alone
        return at + 6

    def _string_over(self, whole: str) -> None:
        if not self._in_key():
            self._finished(whole)
            return
        frame = self._stack[-1]
        if whole in frame.data or (frame.wraps and whole != "value"):
            raise _Dead
        frame.key = whole
        self._awaits = "colon"

    def _open(self, is_object: bool) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise _Dead
        if not self._stack:
            wraps = is_object and self._wrapped
            frame = _Frame(is_object, self._type if wraps else self._open_type(self._type, is_object), wraps=wraps)
        else:
            wanted = self._wanted(self._stack[-1])
            frame = _Frame(is_object, None if wanted is None else self._open_type(wanted, is_object))
        self._stack.append(frame)
        self._awaits = "first key" if is_object else "first"

    def _close(self, char: str, at: int) -> int:
        frame = self._stack[-1]
        if (char == "}") is not frame.is_object or char not in "}]":
            raise _Dead
        if frame.wraps:
            self._root = self._shown(frame, NOTHING)
            self._stack.pop()
            self._awaits = "nothing"
            return at + 1
        shown = self._shown(frame, NOTHING)
        self._stack.pop()
        self._finished(frame.data, shown)
        return at + 1

    def _finished(self, data: Any, shown: Any = NOTHING) -> None:
        """A value is over.

        Args:
            shown: what was shown of it so far; it stays, where the whole cannot be read as it is.
        """
        if not self._stack:
            self._root = self._read(data, self._type, shown)
            self._awaits = "nothing"
            return
        frame = self._stack[-1]
        wanted = self._wanted(frame)
        value = NOTHING if wanted is None else self._read(data, wanted, shown)
        if frame.is_object:
            assert frame.key is not None
            frame.data[frame.key] = data
            if value is not NOTHING and not frame.blocked:
                key = NOTHING if frame.wraps else self._key(frame, frame.key, data)
                if frame.wraps or key is not NOTHING:
                    frame.values.append((key, value))
            frame.key = None
        else:
            frame.data.append(data)
            if value is NOTHING or frame.blocked:
                frame.blocked = True
            else:
                frame.values.append(value)
        self._awaits = "comma"

    # --- types ---

    def _base(self, type: Type | None) -> Type | None:
        """A type without names and refinements."""
        while type is not None:
            found = resolve(type, self._lookup)
            if not isinstance(found, RefinedType):
                return found
            type = found.base
        return None

    def _open_type(self, type: Type, is_object: bool) -> Type | None:
        """The type by which an open container is shown; None for one that is shown when it is over."""
        base = self._base(type)
        if isinstance(base, AnyType):
            return base
        if isinstance(base, Primitive):
            return ANY if base.name == ("map" if is_object else "vector") else None
        return base if isinstance(base, (RecordType, MapOfType) if is_object else VectorType) else None

    def _wanted(self, frame: _Frame) -> Type | None:
        """The type of the part that a container awaits; None where that is not known, or comes too late to be shown."""
        if frame.wraps or isinstance(frame.type, AnyType):
            return frame.type
        if isinstance(frame.type, VectorType):
            return frame.type.item
        if isinstance(frame.type, MapOfType):
            return frame.type.value
        if isinstance(frame.type, RecordType):
            return next((entry.type for entry in frame.type.entries if json_key(entry.key) == frame.key), None)
        return None

    def _key(self, frame: _Frame, key: str, data: Any) -> Any:
        """The key of an entry as a value."""
        if isinstance(frame.type, RecordType):
            return next((entry.key for entry in frame.type.entries if json_key(entry.key) == key), NOTHING)
        if isinstance(frame.type, MapOfType):
            entry = self._read({key: data}, frame.type, NOTHING)
            return next(iter(entry.keys()), NOTHING) if isinstance(entry, Map) else NOTHING
        return key

    def _read(self, data: Any, type: Type, shown: Any) -> Any:
        try:
            return Reader(self._lookup).read(data, type, None, 0)
        except (CoercionError, RecursionError):
            return shown

    def _shown(self, frame: _Frame, inner: Any) -> Any:
        """What a container holds so far, with the part that is open."""
        if frame.wraps:
            return frame.values[0][1] if frame.values else inner
        if frame.type is None:
            return NOTHING
        if not frame.is_object:
            return Vector(frame.values if inner is NOTHING or frame.blocked else [*frame.values, inner])
        pairs = frame.values
        if inner is not NOTHING and frame.key is not None and not isinstance(frame.type, MapOfType):
            key = self._key(frame, frame.key, None)
            pairs = pairs if key is NOTHING else [*pairs, (key, inner)]
        return Map(pairs)


def _unit(digits: str) -> int:
    try:
        return int(digits, 16)
    except ValueError:
        raise _Dead from None
