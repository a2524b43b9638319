"""A reader of the few kinds of CBOR that an artefact is made of (RFC 8949): sizes, bytes, texts, arrays, maps with texts as keys.

`cbor2` writes these bytes, and could read them; but it also knows some forty tags that stand for Python objects (regular
expressions, decimals, references in circles …), and what comes from a stranger must not even be able to ask for them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNSIGNED, _BYTES, _TEXT, _ARRAY, _MAP = _KINDS = 0, 2, 3, 4, 5
_DEEPEST = 6


class Malformed(Exception):
    """The bytes are not what `cbor2.dumps(…, canonical=True)` makes of such a value."""


def read(data: bytes) -> Any:
    """The value that the bytes stand for, all of them.

    Raises:
        Malformed.
    """
    try:
        value, end = _read(data, 0, 0)
    except IndexError:
        raise Malformed("it ends too early") from None
    except UnicodeDecodeError as error:
        raise Malformed(str(error)) from None
    if end != len(data):
        raise Malformed(f"{len(data) - end} bytes after the end")
    return value


def _read(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    kind, size = data[at] >> 5, data[at] & 31
    at += 1
    if kind not in _KINDS:
        raise Malformed(f"unexpected kind of value at {at}")
    if size >= 24:
        width = {24: 1, 25: 2, 26: 4, 27: 8}.get(size)
        if width is None or at + width > len(data):
            raise Malformed(f"no size at {at}")
        size = int.from_bytes(data[at : at + width], "big")
        if size < (24 if width == 1 else 1 << (4 * width)):
            raise Malformed(f"a size that is not the shortest at {at}")
        at += width
    if kind == _UNSIGNED:
        return size, at
    if size > len(data) - at:
        raise Malformed(f"more announced than there is at {at}")
    if kind == _BYTES:
        return data[at : at + size], at + size
    if kind == _TEXT:
        return data[at : at + size].decode("utf-8"), at + size
    if depth == _DEEPEST:
        raise Malformed(f"nested too deep at {at}")
    if kind == _ARRAY:
        items = []
        for _ in range(size):
            item, at = _read(data, at, depth + 1)
            items.append(item)
        return items, at
    table: dict[str, Any] = {}
    for _ in range(size):
        key, at = _read(data, at, depth + 1)
        if type(key) is not str or key in table:
            raise Malformed(f"no new key at {at}")
        table[key], at = _read(data, at, depth + 1)
    return table, at
