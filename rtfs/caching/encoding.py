"""The one form in which caches keep values: CBOR of plain data (RFC 8949), canonical (section 4.2.1) where bytes are compared.

Never pickles: what lies in a file or on a server may have been put there by somebody else, and reading it must not do anything.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DEEPEST = 32
_PLAIN = frozenset((str, bytes, int, float, bool, type(None)))
_TEXT = frozenset((str,))


class Malformed(ValueError):
    """Data that has no such form, or bytes that are no such data."""


def encode(value: Any, *, canonical: bool = True) -> bytes:
    """The bytes of plain data: None, booleans, numbers, texts, bytes, lists or tuples, and maps with texts as keys.

    Args:
        canonical: equal data have equal bytes. Where nobody compares them, they are made in half the time without.
    Raises:
        Malformed: it is something else, or a text in it is no Unicode.
    """
    import cbor2

    _check(value, 0)
    try:
        return cbor2.dumps(value, canonical=canonical)
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
    items = value
    if kind is dict:
        if not _TEXT.issuperset(map(type, value)):
            raise Malformed("a key of a map is no text")
        items = value.values()
    elif kind is not list and kind is not tuple:
        raise Malformed(f"{kind.__name__} is no plain data")
    if not _PLAIN.issuperset(map(type, items)):  # quicker than to look at each of them
        for item in items:
            if type(item) not in _PLAIN:
                _check(item, depth + 1)
