"""What an entry looks like in a store that knows bytes only: what is known of it in front of the value, under one checksum."""

from __future__ import annotations

from struct import Struct as Packed

from rtfs.caching.stores.protocol import Known
from rtfs.caching.stores.sqlite import checksum_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAGIC = b"RTFC1"
_CHECKSUM_BYTES = 8
#: created, expires (0: never), bytes of the tags.
_HEAD = Packed("<ddI")
_START = len(_MAGIC) + _CHECKSUM_BYTES


def frame(namespace: str, key: bytes, value: bytes, created: float, expires: float | None, tags: tuple[str, ...]) -> bytes:
    words = "\n".join(tags).encode()
    body = b"".join((_HEAD.pack(created, expires or 0.0, len(words)), words, value))
    return b"".join((_MAGIC, checksum_of(namespace, key, body), body))


def unframe(namespace: str, key: bytes, data: Any) -> tuple[bytes, Known] | None:
    """(value, what is known of the entry); None: it is not as it was written."""
    whole = bytes(data)
    body = whole[_START:]
    if whole[: len(_MAGIC)] != _MAGIC or len(body) < _HEAD.size:
        return None
    if checksum_of(namespace, key, body) != whole[len(_MAGIC) : _START]:
        return None
    created, expires, length = _HEAD.unpack_from(body)
    words, value = body[_HEAD.size : _HEAD.size + length], body[_HEAD.size + length :]
    tags = tuple(words.decode().split("\n")) if words else ()
    return value, Known(key, len(value), created, expires=expires or None, tags=tags)
