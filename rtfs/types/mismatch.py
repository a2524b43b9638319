"""Why a value does not belong to a type, and the words for it (reference 4.3)."""

from __future__ import annotations

from rtfs.types.nodes import NUMBER, EnumType, Type, UnionType
from rtfs.types.predicates import predicate_text
from rtfs.types.printing import type_text
from rtfs.values.equality import kind_of
from rtfs.values.printing import preview, to_readable
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SHOWN = 80  # characters of a value in a message
_TYPE_SHOWN = 200  # characters of a type in a message


class Mismatch:
    """Why a value does not belong to a type. Cheap to make: its words are worked out when somebody reads them.

    Attributes:
        kind: `type-mismatch`, `predicate-violation`, `shape-violation`, `missing-key` or `unknown-type`.
        expected: the type that the part of the value at `path` should have had.
        value: that part.
        detail: the Predicate that failed, the key that is missing, or words that replace or follow `got KIND`.
    """

    __slots__ = ("_path", "detail", "expected", "kind", "value")

    def __init__(self, kind: str, expected: Type, value: Any, detail: Any = None, path: Any = None) -> None:
        self.kind = kind
        self.expected = expected
        self.value = value
        self.detail = detail
        self._path = path  # (part, rest of the path) or None: a step outwards costs one pair

    def within(self, part: Any) -> Mismatch:
        """The same mismatch seen from the container in which it lies at `part`: an index, or the text of a step."""
        return Mismatch(self.kind, self.expected, self.value, self.detail, (part, self._path))

    @property
    def path(self) -> str:
        """Where in the value: `.items[3].price`; empty at the top. The middle of a very long path is left out."""
        parts: list[str] = []
        link = self._path
        while link is not None:
            parts.append(f"[{link[0]}]" if type(link[0]) is int else link[0])
            link = link[1]
        if len(parts) > 40:
            parts[20:-20] = ["…"]
        return "".join(parts).lstrip()

    @property
    def is_shallow(self) -> bool:
        """Whether the fault lies one step inside, in a field."""
        return self._path is not None and self._path[1] is None

    @property
    def fact(self) -> str:
        """What is wrong at `path`, in the words of reference 4.3."""
        kind, detail = self.kind, self.detail
        if kind == "predicate-violation":
            return f"{predicate_text(detail)} failed for value {shown(self.value)}"
        if kind == "missing-key":
            return to_readable(detail)
        if kind == "unknown-type":
            return f"{self.expected} {detail}"
        expected = expected_text(self.expected)
        if detail is not None:
            return f"expected {expected}, got {detail}"
        got = describe_value(self.value) if isinstance(self.expected, EnumType) else kind_of(self.value)
        return f"expected {expected}, got {got}"

    @property
    def message(self) -> str:
        """The whole sentence: `Type mismatch at .age: expected int, got string`."""
        path = self.path
        at = f" at {path}" if path else ""
        if self.kind == "missing-key":
            return f"Missing required key {self.fact}{at}"
        return f"{_TITLES[self.kind]}{at}: {self.fact}"

    def __repr__(self) -> str:
        return f"Mismatch({self.message!r})"


_TITLES = {
    "type-mismatch": "Type mismatch",
    "predicate-violation": "Predicate violation",
    "shape-violation": "Shape violation",
    "unknown-type": "Type mismatch",
}


def shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def shown(value: Any) -> str:
    """A value as it is written, cut short when it is long."""
    return preview(value, _SHOWN)


def key_path(key: Any) -> str:
    """The step of a path into a map: `.price`, `["odd key"]`, `[3]`."""
    if type(key) is Keyword:
        return "." + key.name
    if type(key) is str and key.replace("-", "_").isidentifier():
        return "." + key
    return f"[{shown(key)}]"


def describe_value(value: Any) -> str:
    """A value in a message: its kind, and for a scalar the value."""
    kind = kind_of(value)
    if kind in _SHOWN_KINDS:
        return f"{kind} {shown(value)}"
    return kind


_SHOWN_KINDS = frozenset({"boolean", "integer", "float", "string", "keyword", "symbol", "timestamp", "uuid"})


def expected_text(type: Type) -> str:
    """A type in a message; the options of a union with `or` between them."""
    if isinstance(type, UnionType) and type != NUMBER:
        words = []
        for option in type.options:
            words.append(type_text(option))
        text = " or ".join([", ".join(words[:-1]), words[-1]])
    else:
        text = type_text(type)
    return shorten(text, _TYPE_SHOWN)
