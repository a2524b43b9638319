"""Scalar values that Python has no type of its own for.

`nil`, booleans, integers, floats and strings are Python's `None`, `bool`, `int`, `float` and `str`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar


#: (source, start, end, offsets of the children or None): where a form stood in its text.
Where = tuple["Any", int, int, "list[int] | None"]


class Keyword:
    """`:name`. Interned, so that equality is identity and look-up in a map is fast; `kw` makes them."""

    __slots__ = ("name",)
    _interned: ClassVar[dict[str, Keyword]] = {}

    name: str

    def __new__(cls, name: str) -> Keyword:
        found = cls._interned.get(name)
        if found is None:
            found = object.__new__(cls)
            found.name = name
            # setdefault is atomic: two threads that race get the same object
            found = cls._interned.setdefault(name, found)
        return found

    def __repr__(self) -> str:
        return ":" + self.name

    def __reduce__(self) -> Any:
        return (Keyword, (self.name,))

    def __copy__(self) -> Keyword:
        return self

    def __deepcopy__(self, memo: Any) -> Keyword:
        return self


kw = Keyword


class Symbol:
    """A name. Equal by name; each occurrence in a text is its own object, which knows where it stood."""

    __slots__ = ("name", "where")

    def __init__(self, name: str, where: Where | None = None) -> None:
        self.name = name
        self.where = where

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbol) and self.name == other.name

    def __hash__(self) -> int:
        return hash(("symbol", self.name))

    def __repr__(self) -> str:
        return self.name


class _Text:
    """A typed piece of text: equal when type and text are equal."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.text == other.text

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.text))

    def __repr__(self) -> str:
        return self.text


class Timestamp(_Text):
    """A point in time, as written: `2025-06-23T10:30:00Z`, milliseconds after `.` or `_`."""

    __slots__ = ()


class Uuid(_Text):
    """Sixteen bytes in 8-4-4-4-12 hexadecimal form, as written."""

    __slots__ = ()


class ResourceHandle(_Text):
    """A reference to something the host holds, `resource://…`; once `released`, the host refuses it."""

    __slots__ = ("released",)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.released = False


class ErrorValue:
    """What `catch` binds: a kind, a message, data of any sort, and the call stack as text.

    A map with identity (reference 2.11): `(:type e)`, `(:message e)`, `(:data e)`, `(:stack e)` answer; equality is
    by identity. `error` is the Python exception it was made from, so that throwing it again keeps span and trace.
    """

    __slots__ = ("kind", "message", "data", "stack", "error")

    def __init__(self, kind: str, message: str, data: Any = None, stack: tuple[str, ...] = (), error: Any = None) -> None:
        self.kind = kind
        self.message = message
        self.data = data
        self.stack = stack
        self.error = error

    def __repr__(self) -> str:
        return f"#<error: {self.message}>"
