"""Vectors and lists: immutable, indexable in constant time, cheap to extend and to slice.

A sequence is a window `[start, stop)` on a buffer that several sequences share.  Three
representations hide behind that, chosen by what a program does:

* a slice (`rest`, `take`, `subvec` …) is a new window on the same buffer, in constant time;
* appending to the sequence that ends where its buffer ends extends the buffer in place, which no
  other window can see;
* any other change copies a short buffer, and puts `Blocks` over a long one, of which only one block and the way
  to it are copied (structural sharing).

Figures behind the choice: design research on persistent structures; `benches/` repeats them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rtfs.values import meter
from rtfs.values.blocks import Blocks
from rtfs.values.meter import MANY_ITEMS, POINTER_BYTES
from rtfs.values.scalars import Where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

_COPY_BELOW = 128  # items: up to these a plain copy is cheaper than blocks
_new = object.__new__


class Sequence:
    """What vectors and lists share; the program sees `Vector` and `List` only.

    `where` says where a form that was read stood in its text, with the offsets of its children; it plays no part in
    equality and is not kept by any operation.
    """

    __slots__ = ("_buf", "_start", "_stop", "_hash", "_owner", "where")

    _buf: Any
    _start: int
    _stop: int
    _hash: int | None
    _owner: list[int] | None  # of those who change it in place: the mark of `eval.compiled.owned`
    where: Where | None

    def __init__(self, items: Iterable[Any] = (), where: Where | None = None) -> None:
        self._buf = list(items)
        self._start = 0
        self._stop = len(self._buf)
        self._hash = None
        self._owner = None
        self.where = where

    @classmethod
    def adopt(cls, items: list[Any]) -> Self:
        """A sequence that takes over `items` without copying; the caller must not change the list afterwards."""
        self = _new(cls)
        self._buf = items
        self._start = 0
        self._stop = len(items)
        self._hash = None
        self._owner = None
        self.where = None
        return self

    def _window(self, buf: Any, start: int, stop: int) -> Self:
        new = _new(type(self))
        new._buf = buf
        new._start = start
        new._stop = stop
        new._hash = None
        new._owner = None
        new.where = None
        return new

    # --- reading ---

    def __len__(self) -> int:
        return self._stop - self._start

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items())

    def __getitem__(self, index: int) -> Any:
        """The item at `index`, which must be in `[0, len)`: no negative index, no slice."""
        if 0 <= index < self._stop - self._start:
            return self._buf[self._start + index]
        raise IndexError(index)

    def at(self, index: int, default: Any) -> Any:
        """The item at an index, `default` where there is none."""
        return self._buf[self._start + index] if 0 <= index < self._stop - self._start else default

    def items(self) -> list[Any]:
        """The items as a new Python list. (A live view would grow under a loop that appends.)"""
        if self._stop - self._start >= MANY_ITEMS and meter.running:
            meter.announce((self._stop - self._start) * POINTER_BYTES)
        out: list[Any] = self._buf[self._start : self._stop]
        return out

    # --- making new ones ---

    def slice(self, start: int, stop: int) -> Self:
        """The window `[start, stop)` of this sequence; bounds are the caller's duty."""
        return self._window(self._buf, self._start + start, self._start + stop)

    def append(self, item: Any) -> Self:
        buf, start, stop = self._buf, self._start, self._stop
        if type(buf) is list:
            if len(buf) == stop:
                buf.append(item)
                if buf[stop] is item:  # false only when another thread was faster
                    return self._window(buf, start, stop + 1)
            if stop - start <= _COPY_BELOW:
                new = buf[start:stop]
                new.append(item)
                return self._window(new, 0, len(new))
            buf = Blocks(buf, stop)
        return self._window(buf.appended(stop, item), start, stop + 1)

    def extend(self, items: Iterable[Any]) -> Self:
        new = self.items()
        new.extend(items)
        return self._window(new, 0, len(new))

    def prepend(self, item: Any) -> Self:
        new = [item, *self.items()]
        return self._window(new, 0, len(new))

    def replace(self, index: int, item: Any) -> Self:
        """A copy with the item at `index` (in `[0, len)`) replaced."""
        buf, start, stop = self._buf, self._start, self._stop
        if type(buf) is list:
            length = stop - start
            if length <= _COPY_BELOW:
                new = buf[start:stop]
                new[index] = item
                return self._window(new, 0, length)
            buf = Blocks(buf, stop)
        return self._window(buf.replaced(start + index, item), start, stop)

    # --- as map keys and in tests ---

    def __eq__(self, other: object) -> bool:
        from rtfs.values.equality import equal_keys

        return isinstance(other, Sequence) and equal_keys(self, other)

    def __hash__(self) -> int:
        if self._hash is not None:
            return self._hash
        from rtfs.values.equality import hash_value

        return hash_value(self)

    def __repr__(self) -> str:
        from rtfs.values.printing import to_readable

        return to_readable(self)


class Vector(Sequence):
    """`[a b c]`."""

    __slots__ = ()


class List(Sequence):
    """`(a b c)` as data: quoted forms, rest parameters, what macros take apart and build."""

    __slots__ = ()


EMPTY_VECTOR = Vector()
EMPTY_LIST = List()
