"""What the built-ins and loops demand of their operands, so that every one words its type errors alike.

Each function gives back the operand in the shape the built-in works with, or raises `Type error in OP: expected …` with the
index of the operand at fault.  Kinds are exact: `true` is not a number, a symbol is not a string.

A *sequence* is a vector, a list, `nil` (empty) or a map (its `[key value]` entries in insertion order); *items* are those of a
sequence, or the characters of a string.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rtfs.semantics.faults import type_error
from rtfs.semantics.limits import check_size
from rtfs.values import meter
from rtfs.values.functions import Builtin, Function
from rtfs.values.maps import Map
from rtfs.values.meter import ANNOUNCED_FROM, COUNTED_FROM, POINTER_BYTES
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import List, Sequence, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Stands for an optional operand that was not given; `None` is `nil`.
MISSING: Any = object()


def given(a: Any, b: Any, rest: tuple[Any, ...]) -> list[Any]:
    """The operands of a function declared as `f(a, b=MISSING, *rest)`, the fastest shape for two."""
    return [a] if b is MISSING else [a, b, *rest]


def number(operation: str, value: Any, index: int) -> Any:
    kind = type(value)
    if kind is int or kind is float:
        return value
    hint = None
    if value is None:
        hint = "nil stands for what is missing: (or x 0) gives a default"
    elif kind is str:
        hint = "use (str a b …) to join texts" if operation == "+" else "(parse-int text) makes a number of a text"
    raise type_error(operation, "number", value, index, hint=hint)


def integer(operation: str, value: Any, index: int) -> int:
    if type(value) is int:
        return value
    raise type_error(operation, "integer", value, index)


def string(operation: str, value: Any, index: int) -> str:
    if type(value) is str:
        if len(value) >= ANNOUNCED_FROM and meter.running:
            meter.announce(len(value))
        return value
    raise type_error(operation, "string", value, index)


def mapping(operation: str, value: Any, index: int) -> Map:
    if type(value) is Map:
        return value
    raise type_error(operation, "map", value, index)


def function(operation: str, value: Any, index: int) -> Any:
    """Something `call` accepts. Checked ahead of the first call, so that `(map 5 [])` is an error too."""
    kind = type(value)
    if kind is Function or kind is Builtin or kind is Keyword:
        return value
    first = index == 0 and (kind is Vector or kind is List or kind is Map)
    raise type_error(operation, "function", value, index, hint="the function comes first" if first else None)


def sequence(operation: str, value: Any, index: int) -> list[Any]:
    """The items of a vector, list, map or nil, as a list that the caller may change."""
    kind = type(value)
    if kind is Vector or kind is List:
        items: list[Any] = value.items()
        return items
    if value is None:
        return []
    if kind is Map:
        return list(value.entries())
    raise type_error(operation, "vector, list, map or nil", value, index)


def items(operation: str, value: Any, index: int) -> list[Any]:
    """As `sequence`, and the characters of a string."""
    kind = type(value)
    if kind is Vector or kind is List:
        found: list[Any] = value.items()
        return found
    if kind is str:
        if len(value) >= ANNOUNCED_FROM and meter.running:
            meter.announce(len(value) * POINTER_BYTES)
        return list(value)
    if value is None:
        return []
    if kind is Map:
        return list(value.entries())
    raise type_error(operation, "vector, list, map, string or nil", value, index)


def iterable(operation: str, value: Any) -> list[Any]:
    """The items that a `for` goes through: vectors, lists, strings by character, maps by entry, nil as nothing."""
    if isinstance(value, Sequence):
        return value.items()
    if value is None:
        return []
    if type(value) is str:
        return list(value)
    if type(value) is Map:
        return value.entries()
    hint = f"(range {value}) counts from 0 to {value - 1}" if type(value) is int and 0 < value < 10**9 else None
    raise type_error(operation, "collection", value, hint=hint)


def rest_list(value: Any, index: int) -> List:
    """What `recur` gives for a rest parameter, as the list that a call would make."""
    if value is None:
        return List()
    if not isinstance(value, Sequence):
        raise type_error("recur", "list for the rest parameter", value, index)
    return value if type(value) is List else List.adopt(value.items())


def like(original: Any, result: list[Any]) -> Any:
    """`result` in the kind of `original`: a list for a list, a string for a string, else a vector."""
    kind = type(original)
    if kind is List:
        return List.adopt(result)
    if kind is str:
        return "".join(result)
    return Vector.adopt(result)


def extend(operation: str, out: list[Any], more: list[Any]) -> None:
    """Append `more` to `out`, within the size limit: `(concat v v)` thirty times over must not fill the memory."""
    check_size(operation, (len(out) + len(more)) * POINTER_BYTES)
    out.extend(more)


#: About what a new vector takes, or an entry of a new map.
OBJECT_BYTES = 150


def paced(found: Any) -> Iterable[Any]:
    """`found`, a list or a range, for a built-in that makes a vector or an entry of each item and never steps.

    In a limited run it is announced piece by piece, so that neither memory nor time is passed by more than a piece.
    """
    return _pieces(found) if len(found) > COUNTED_FROM and meter.running else found


def _pieces(found: Any) -> Iterator[Any]:
    for start in range(0, len(found), COUNTED_FROM):
        meter.announce(COUNTED_FROM * OBJECT_BYTES)
        yield from found[start : start + COUNTED_FROM]


def distinct_key(value: Any) -> Any:
    """A Python dict key that two values share exactly when `=` holds: Python alone takes `1`, `1.0` and `true` for one."""
    kind = type(value)
    if kind is float or kind is bool:
        return (kind, value) if value == value else object()  # NaN equals nothing, itself included
    return value
