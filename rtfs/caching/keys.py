"""Keys of all layers: 32 bytes that are the same for the same parts, on every machine, and for no others.

    key(layer, a, b, c)  =  BLAKE2b-256(person=layer, e(a) ‖ e(b) ‖ e(c))

`e` writes a part so that where it ends follows from its beginning: a letter for its kind, its length, its bytes.  Hence

* **injective**: different lists of parts have different texts; `("ab", "c")` is not `("a", "bc")`, `1` is not `1.0` or `"1"`;
* **separate**: the name of the layer is the hash's personalisation, so that no key of one layer is a key of another;
* **prefixes**: `begin(layer, a).key(b, c) == key(layer, a, b, c)`: what many keys begin with is hashed once;
* **nesting**: a key is bytes, and may be a part of another key;
* **canonical**: parts that are equal in RTFS have one text, whatever they look like in memory: a map's entries are sorted by the
  text of their keys; which evaluator built a value, or how it is represented, plays no part.

What has no such text has no key: functions, resources, values so large that writing them would take longer than asking.
"""

from __future__ import annotations

from hashlib import blake2b
from struct import pack

from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KEY_BYTES = 32
#: Of one key. A small value can have an endless text, where parts of it are shared.
_MOST_PIECES = 200_000
_DEEPEST = 200


class NoKey(Exception):
    """A part that has no text: what depends on it is not cached."""


class Beginning:
    """The first parts of keys; see the module."""

    __slots__ = ("_state",)

    def __init__(self, state: Any) -> None:
        self._state = state

    def key(self, *parts: Any) -> bytes:
        """
        Raises:
            NoKey.
        """
        state = self._state.copy()
        state.update(text_of(parts))
        digest: bytes = state.digest()
        return digest

    def then(self, *parts: Any) -> Beginning:
        """A longer beginning.

        Raises:
            NoKey.
        """
        state = self._state.copy()
        state.update(text_of(parts))
        return Beginning(state)


def begin(layer: str, *parts: Any) -> Beginning:
    """
    Args:
        layer: at most 16 bytes.
    Raises:
        NoKey.
    """
    return Beginning(blake2b(text_of(parts), digest_size=KEY_BYTES, person=layer.encode()))


def key(layer: str, *parts: Any) -> bytes:
    """The key that parts have in a layer.

    Raises:
        NoKey.
    """
    return blake2b(text_of(parts), digest_size=KEY_BYTES, person=layer.encode()).digest()


def text_of(parts: tuple[Any, ...]) -> bytes:
    """The parts one after the other, each as `e` writes it.

    Raises:
        NoKey.
    """
    pieces: list[bytes] = []
    for part in parts:
        if type(part) is str:  # most of them
            raw = part.encode("utf-8", "surrogatepass")
            pieces.append(b"s%d:%b" % (len(raw), raw))
        else:
            _write(part, pieces, 0)
    return b"".join(pieces)


def _write(part: Any, pieces: list[bytes], depth: int) -> None:
    kind = type(part)
    text: str
    if kind is str:
        sign, text = b"s", part
    elif part is None:
        pieces.append(b"n")
        return
    elif kind is bool:
        pieces.append(b"t" if part else b"f")
        return
    elif kind is int:
        pieces.append(b"i%x;" % part)  # hexadecimal: Python writes long integers so in linear time
        return
    elif kind is float:
        pieces.append(b"d" + pack("<d", part))
        return
    elif kind is bytes:
        pieces.append(b"b%d:%b" % (len(part), part))
        return
    elif kind in _CONTAINERS:
        _write_items(part, kind, pieces, depth)
        return
    elif kind is Keyword or kind is Symbol:
        sign, text = (b"k" if kind is Keyword else b"y"), part.name
    elif kind is Timestamp or kind is Uuid:
        sign, text = (b"@" if kind is Timestamp else b"u"), part.text
    else:
        raise NoKey(f"{kind.__name__} has no text")
    raw = text.encode("utf-8", "surrogatepass")
    pieces.append(b"%b%d:%b" % (sign, len(raw), raw))


_CONTAINERS = {tuple: b"(", list: b"(", Vector: b"[", List: b"l", Map: b"{", dict: b"D", frozenset: b"S"}


def _write_items(part: Any, kind: type, pieces: list[bytes], depth: int) -> None:
    if depth == _DEEPEST or len(pieces) + len(part) > _MOST_PIECES:
        raise NoKey("too large")
    pieces.append(b"%b%d:" % (_CONTAINERS[kind], len(part)))
    if kind is Map or kind is dict:
        entries = []
        for name, value in part.items():
            written: list[bytes] = []
            _write(name, written, depth + 1)
            entries.append((b"".join(written), value))
        entries.sort(key=lambda entry: entry[0])
        for raw, value in entries:
            pieces.append(raw)
            _write(value, pieces, depth + 1)
    elif kind is frozenset:
        pieces.extend(sorted([text_of((item,)) for item in part]))
    else:
        for item in part if kind is tuple or kind is list else part.items():
            _write(item, pieces, depth + 1)
