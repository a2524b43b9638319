"""The one form in which caches keep values: canonical CBOR of plain data (RFC 8949, section 4.2.1).

Never pickles: what lies in a file or on a server may have been put there by somebody else, and reading it must not do anything.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DEEPEST = 32
_PLAIN = frozenset((str, bytes, int, float, bool, type(None)))


class Malformed(ValueError):
    """Data that has no such form, or bytes that are no such data."""


def encode(value: Any) -> bytes:
    """The bytes of plain data: None, booleans, numbers, texts, bytes, lists or tuples, and maps with texts as keys.

    Raises:
        Malformed: it is something else, or a text in it is no Unicode.
    """
    import cbor2

    _check(value, 0)
    try:
        return cbor2.dumps(value, canonical=True)
    except (cbor2.CBOREncodeError, ValueError) as error:
        raise Malformed(str(error)) from error


def decode(data: bytes) -> Any:
    """The data that bytes stand for; lists for what were lists or tuples.

    Raises:
        Malformed: they are something else.
    """
    import cbor2

    try:
        value = cbor2.loads(data)
    except Exception as error:  # what it can be made to raise is not documented
        raise Malformed(str(error)) from error
    _check(value, 0)
    return value


def _check(value: Any, depth: int) -> None:
    kind = type(value)
    if kind in _PLAIN:
        return
    if depth == _DEEPEST:
        raise Malformed("nested too deeply")
    if kind is list or kind is tuple:
        for item in value:
            if type(item) not in _PLAIN:
                _check(item, depth + 1)
    elif kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise Malformed("a key of a map is no text")
            if type(item) not in _PLAIN:
                _check(item, depth + 1)
    else:
        raise Malformed(f"{kind.__name__} is no plain data")
