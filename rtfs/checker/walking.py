"""All parts of a program, whatever form they are in."""

from __future__ import annotations

from collections.abc import Iterator

from rtfs.types.nodes import Type
from rtfs.values.struct import Struct


def descend(node: Struct) -> Iterator[Struct]:
    """`node` and all nodes, patterns and clauses in it, outer ones first, in the order of the text."""
    waiting: list[object] = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, tuple):
            waiting += reversed(part)
        elif isinstance(part, Struct) and not isinstance(part, Type):
            yield part
            waiting += [getattr(part, field) for field in reversed(part._fields) if field not in _SKIPPED]


#: Fields that hold no part of the program: places, constants, and forms that are not analysed yet.
_SKIPPED = frozenset({"span", "value_of", "meta", "hint", "keys", "param_keys", "scope", "key"})
