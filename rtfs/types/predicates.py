"""The predicates of refined types (reference 4.2): their names, their operands, and what each one tests.

One table serves the parser (are the operands right?), the matcher (does the predicate hold?) and the messages of both.
A predicate that does not apply to a kind of value, such as `[:min-length 3]` to an integer, does not hold for it.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.types.nodes import Predicate
from rtfs.values.equality import equal
from rtfs.values.maps import Map
from rtfs.values.printing import to_readable
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Name -> what operands it takes, a key of `_OPERANDS`.
PREDICATES: dict[str, str] = {
    ">": "number",
    ">=": "number",
    "<": "number",
    "<=": "number",
    "=": "value",
    "!=": "value",
    "in-range": "range",
    "min-length": "size",
    "max-length": "size",
    "length": "size",
    "string-contains": "text",
    "matches-regex": "regex",
    "min-count": "size",
    "max-count": "size",
    "count": "size",
    "non-empty": "none",
    "has-key": "key",
    "required-keys": "keys",
    "is-url": "none",
    "is-email": "none",
}

#: Spellings of RTFS 1.0.
ALIASES: dict[str, str] = {
    "string-min-length": "min-length",
    "string-max-length": "max-length",
    "string-length": "length",
    "string-matches": "matches-regex",
    "string-matches-regex": "matches-regex",
    "collection-min-count": "min-count",
    "collection-max-count": "max-count",
    "collection-count": "count",
    "collection-non-empty": "non-empty",
}

_URL = r"https?://\S+"
_EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s]+"

_ABSENT: Any = object()


def is_number(value: Any) -> bool:
    return type(value) is int or type(value) is float


def _is_size(value: Any) -> bool:
    return type(value) is int and value >= 0


def is_key(value: Any) -> bool:
    """Whether a value can be the key of a record entry."""
    return type(value) is Keyword or type(value) is str or type(value) is int


def operand_problem(name: str, operands: tuple[Any, ...]) -> str | None:
    """What is wrong with the operands of a known predicate, as the words after "takes"; None when nothing is."""
    wants = PREDICATES[name]
    count = len(operands)
    if wants == "none":
        return "no operand" if count else None
    if wants == "range":
        if count == 2 and is_number(operands[0]) and is_number(operands[1]) and operands[0] <= operands[1]:
            return None
        return "two numbers, the smaller one first"
    if wants == "keys":
        if count == 1 and isinstance(operands[0], Sequence) and [k for k in operands[0].items() if not is_key(k)] == []:
            return None
        return "one vector of keys, such as [:a :b]"
    if count != 1:
        return {"number": "one number", "size": "one integer", "key": "one key", "value": "one value"}.get(wants, "one string")
    operand = operands[0]
    if wants == "number":
        return None if is_number(operand) and operand == operand else "one number"
    if wants == "value":
        return "one value; a name is not a value here" if type(operand) is Symbol else None
    if wants == "size":
        return None if _is_size(operand) else "one integer, zero or more"
    if wants == "key":
        return None if is_key(operand) else "one key: a keyword, a string or an integer"
    if type(operand) is not str:
        return "one string"
    if wants == "regex":
        import re

        try:
            re.compile(operand)
        except (re.error, OverflowError, RecursionError) as error:
            return f"a valid regular expression: {error}"
    return None


def predicate_text(predicate: Predicate) -> str:
    """A predicate as messages show it: `> 0`, `in-range 0 1`, `matches-regex "^a"`."""
    return " ".join([predicate.name, *[to_readable(operand) for operand in predicate.operands]])


def has_key(value: Map, key: Any) -> bool:
    """Whether a map has a key; a keyword is also found as the string of its name, as in records."""
    return key in value or (type(key) is Keyword and key.name in value)


def size_of(value: Any) -> int | None:
    """Characters of a string, items of a sequence, entries of a map; None for everything else."""
    if type(value) is str or isinstance(value, Sequence) or type(value) is Map:
        return len(value)
    return None


def predicate_test(predicate: Predicate) -> Callable[[Any], bool]:
    """The function that tells whether a predicate (with valid operands) holds for a value."""
    return _TESTS[PREDICATES[predicate.name]](predicate.name, predicate.operands)


# --- one maker of tests for each sort of operand -----------------------------------------------


def _number_test(name: str, operands: tuple[Any, ...]) -> Callable[[Any], bool]:
    bound = operands[0]
    if name == ">":
        return lambda value: is_number(value) and value > bound
    if name == ">=":
        return lambda value: is_number(value) and value >= bound
    if name == "<":
        return lambda value: is_number(value) and value < bound
    return lambda value: is_number(value) and value <= bound


def _range_test(name: str, operands: tuple[Any, ...]) -> Callable[[Any], bool]:
    low, high = operands
    return lambda value: is_number(value) and low <= value <= high


def _value_test(name: str, operands: tuple[Any, ...]) -> Callable[[Any], bool]:
    wanted = operands[0]
    if name == "=":
        return lambda value: equal(value, wanted)
    return lambda value: not equal(value, wanted)


def _size_test(name: str, operands: tuple[Any, ...]) -> Callable[[Any], bool]:
    bound = operands[0]

    def at_least(value: Any) -> bool:
        size = size_of(value)
        return size is not None and size >= bound

    def at_most(value: Any) -> bool:
        size = size_of(value)
        return size is not None and size <= bound

    def exactly(value: Any) -> bool:
        return bool(size_of(value) == bound)

    return at_least if name.startswith("min") else at_most if name.startswith("max") else exactly


def _text_test(name: str, operands: tuple[Any, ...]) -> Callable[[Any], bool]:
    part = operands[0]
    return lambda value: bool(type(value) is str and part in value)


def _regex_test(name: str, operands: tuple[Any, ...]) -> Callable[[Any], bool]:
    from rtfs.types.regex import regex

    search = regex(operands[0]).search
    return lambda value: type(value) is str and search(value) is not None


def _plain_test(name: str, operands: tuple[Any, ...]) -> Callable[[Any], bool]:
    if name == "non-empty":
        return lambda value: bool(size_of(value))
    from rtfs.types.regex import regex

    whole = regex(_URL if name == "is-url" else _EMAIL).fullmatch
    return lambda value: type(value) is str and whole(value) is not None


def _key_test(name: str, operands: tuple[Any, ...]) -> Callable[[Any], bool]:
    key = operands[0]
    return lambda value: type(value) is Map and has_key(value, key)


def _keys_test(name: str, operands: tuple[Any, ...]) -> Callable[[Any], bool]:
    keys = operands[0].items()

    def test(value: Any) -> bool:
        return type(value) is Map and all(has_key(value, key) for key in keys)

    return test


_TESTS: dict[str, Callable[[str, tuple[Any, ...]], Callable[[Any], bool]]] = {
    "number": _number_test,
    "range": _range_test,
    "value": _value_test,
    "size": _size_test,
    "text": _text_test,
    "regex": _regex_test,
    "none": _plain_test,
    "key": _key_test,
    "keys": _keys_test,
}
