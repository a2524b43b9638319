"""All parts of a program, whatever form they are in."""

from __future__ import annotations

from collections.abc import Iterator

from rtfs.types.nodes import Type
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def descend(node: Struct) -> Iterator[Struct]:
    """`node` and all nodes, patterns and clauses in it, outer ones first, in the order of the text."""
    waiting: list[Any] = [node]
    while waiting:
        part = waiting.pop()
        kind = part.__class__
        if kind is tuple:
            waiting += part[::-1]
        else:
            fields = _FIELDS.get(kind)
            if fields is None:
                fields = _FIELDS[kind] = _fields_of(kind)
            if fields is not _NO_PART:
                yield part
                for field in fields:
                    waiting.append(getattr(part, field))


def _fields_of(kind: type) -> tuple[str, ...]:
    if not issubclass(kind, Struct) or issubclass(kind, Type):
        return _NO_PART
    return tuple([field for field in reversed(kind._fields) if field not in _SKIPPED])


_NO_PART = ("",)
#: Kind of value -> its fields that may hold parts of the program, the last one first.
_FIELDS: dict[type, tuple[str, ...]] = {}
#: Fields that hold no part of the program: places, constants, and forms that are not analysed yet.
_SKIPPED = frozenset({"span", "value_of", "meta", "hint", "keys", "param_keys", "scope", "key"})
