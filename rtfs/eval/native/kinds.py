"""What machine code knows of a value: its kind.

`int` is an integer of 64 bits, `float` a double, `bool` a bit, `num` an integer or a float told apart by a tag, `nil` no bits at
all.  `never` is the kind of what has no value, because it goes elsewhere; `mixed` that of what has no representation, which is
harmless until somebody looks at it.
"""

from __future__ import annotations

from itertools import product

from rtfs.types.nodes import Primitive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

INT, FLOAT, NUM, BOOL, NIL, MIXED, NEVER = "int", "float", "num", "bool", "nil", "mixed", "never"

NUMBERS = frozenset((INT, FLOAT, NUM))
#: The kinds that a function can take and give.
VALUES = frozenset((INT, FLOAT, NUM, BOOL))
#: What annotations admit; a `float` takes integers too, and leaves them integers.
ANNOTATIONS = {"int": INT, "float": FLOAT, "bool": BOOL}

MIN_INT, MAX_INT = -(2**63), 2**63 - 1


class Unsupported(Exception):
    """A function has no machine code: something in it is outside of numbers and booleans, or could not be reproduced exactly."""


def join(a: str, b: str) -> str:
    """The kind of what is of one kind or the other."""
    if a == b or b == NEVER:
        return a
    if a == NEVER:
        return b
    return NUM if a in NUMBERS and b in NUMBERS else MIXED


def of_constant(value: Any) -> str:
    """The kind of a literal."""
    kind = type(value)
    if kind is int and MIN_INT <= value <= MAX_INT:
        return INT
    return {float: FLOAT, bool: BOOL, type(None): NIL}.get(kind, MIXED)


def annotation(type_: Any) -> str | None:
    """The kind that an annotation asks for; None when it is another type."""
    return ANNOTATIONS.get(type_.name) if type(type_) is Primitive else None


def narrowed(kind: str, type_: Any) -> str:
    """The kind of a value after a check against an annotation.

    Raises:
        Unsupported: another type, or the check never holds.
    """
    wanted = annotation(type_)
    if kind == NEVER:
        return kind
    if wanted == FLOAT and kind in NUMBERS:
        return kind
    if wanted == INT and kind == NUM:
        return INT
    if wanted is None or wanted != kind:
        raise Unsupported(f"check of {kind} against {type_}")
    return kind


def combinations(kinds: list[str]) -> Iterator[tuple[str, ...]]:
    """The kinds that operands can have at run time, where some are only known to be numbers."""
    return product(*[(INT, FLOAT) if kind == NUM else (kind,) for kind in kinds])
