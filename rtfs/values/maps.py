"""Maps: immutable, insertion-ordered, any immutable value as key.

Up to `_COPY_BELOW` entries, and for anything built in bulk, a map is a Python dict that is copied when it
changes; an older map never sees a change.  A larger one that is changed becomes an `Overlay`: the dict as it
was and, over it, the entries that differ, of which a change copies a few.

RTFS tells `1`, `1.0` and `true` apart and Python's dict does not, so booleans and floats are stored under a
`_Key` that carries their kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from rtfs.values import meter
from rtfs.values.overlay import Overlay
from rtfs.values.scalars import Where
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COPY_BELOW = 64  # entries: up to these a plain copy is cheaper than an overlay, and reading is
#: What an entry takes in a dict or as a tuple or vector of its own, about.
_ENTRY_BYTES = 100
_ABSENT: Any = object()
_new = object.__new__


class _Key:
    """A boolean or float as a dict key that is equal only to a key of the same kind."""

    __slots__ = ("value",)

    def __init__(self, value: bool | float) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return type(other) is _Key and type(other.value) is type(self.value) and other.value == self.value

    def __hash__(self) -> int:
        return hash((type(self.value).__name__, self.value))


def encode(key: Any) -> Any:
    """What stands for a key in the dict of a map."""
    kind = type(key)
    return _Key(key) if kind is float or kind is bool else key


def _decode(key: Any) -> Any:
    return key.value if type(key) is _Key else key


class Map:
    """`{k v …}`. Iteration gives keys in insertion order, as in a Python dict."""

    __slots__ = ("_table", "_hash", "_owner", "where")

    _table: dict[Any, Any] | Overlay
    _hash: int | None
    _owner: list[int] | None  # of those who change it in place: the mark of `eval.compiled.owned`
    where: Where | None

    def __init__(self, pairs: Iterable[tuple[Any, Any]] = (), where: Where | None = None) -> None:
        self._table = {encode(k): v for k, v in pairs}
        self._hash = None
        self._owner = None
        self.where = where

    @classmethod
    def adopt(cls, table: dict[Any, Any]) -> Map:
        """A map that takes over a dict whose keys are as `encode` makes them; the caller lets go of it."""
        self = _new(cls)
        self._table = table
        self._hash = None
        self._owner = None
        self.where = None
        return self

    @staticmethod
    def _of(table: dict[Any, Any] | Overlay) -> Map:
        new = _new(Map)
        new._table = table
        new._hash = None
        new._owner = None
        new.where = None
        return new

    # --- reading ---

    def __len__(self) -> int:
        return len(self._table)

    def get(self, key: Any, default: Any = None) -> Any:
        kind = type(key)
        if kind is float or kind is bool:
            key = _Key(key)
        return self._table.get(key, default)

    def __getitem__(self, key: Any) -> Any:
        found = self.get(key, _ABSENT)
        if found is _ABSENT:
            raise KeyError(key)
        return found

    def __contains__(self, key: Any) -> bool:
        return self.get(key, _ABSENT) is not _ABSENT

    def _dict(self) -> dict[Any, Any]:
        """All entries, to be gone through or copied; that takes memory in proportion."""
        table = self._table
        if len(self) > _COPY_BELOW and meter.running:
            meter.announce(len(self) * _ENTRY_BYTES)
        return table if type(table) is dict else table.table()  # type: ignore[union-attr]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.keys())

    def keys(self) -> list[Any]:
        return [_decode(k) for k in self._dict()]

    def values(self) -> list[Any]:
        return list(self._dict().values())

    def items(self) -> list[tuple[Any, Any]]:
        return [(_decode(k), v) for k, v in self._dict().items()]

    def entries(self) -> list[Vector]:
        """The entries as `[k v]` vectors: a map seen as a sequence."""
        return [Vector.adopt([_decode(k), v]) for k, v in self._dict().items()]

    # --- making new ones ---

    def assoc(self, key: Any, value: Any) -> Map:
        kind = type(key)
        if kind is float or kind is bool:
            key = _Key(key)
        table = self._table
        new = _new(Map)
        if type(table) is dict:
            if len(table) < _COPY_BELOW:
                new._table = copy = table.copy()
                copy[key] = value
            else:
                new._table = Overlay(table).assoc(key, value)
        else:
            new._table = table.assoc(key, value)  # type: ignore[union-attr]
        new._hash = None
        new._owner = None
        new.where = None
        return new

    def dissoc(self, key: Any) -> Map:
        key = encode(key)
        table = self._table
        if table.get(key, _ABSENT) is _ABSENT:
            return self
        if len(table) <= _COPY_BELOW:
            copy = self._dict().copy()
            del copy[key]
            return Map._of(copy)
        smaller = (Overlay(table) if type(table) is dict else table).dissoc(key)  # type: ignore[union-attr]
        # what little is left of a map does not hold on to all that it once was
        return Map._of(smaller if smaller.count * 4 > len(smaller.base) else smaller.table())

    def merge(self, other: Map) -> Map:
        """All entries of both; those of `other` win, positions of this one's keys are kept."""
        if len(self) > _COPY_BELOW and len(other) * 8 < len(self):
            new = self
            for key, value in other.items():
                new = new.assoc(key, value)
            return new
        return Map._of({**self._dict(), **other._dict()})

    def with_values(self, values: list[Any]) -> Map:
        """The map from the same keys to other values, in order."""
        return Map._of(dict(zip(self._dict(), values)))

    # --- as map keys and in tests ---

    def __eq__(self, other: object) -> bool:
        from rtfs.values.equality import equal_keys

        return isinstance(other, Map) and equal_keys(self, other)

    def __hash__(self) -> int:
        if self._hash is not None:
            return self._hash
        from rtfs.values.equality import hash_value

        return hash_value(self)

    def __repr__(self) -> str:
        from rtfs.values.printing import to_readable

        return to_readable(self)


def pick(key: Any, items: list[Any], other: Callable[[Any], Any]) -> list[Any]:
    """What each of several maps holds under a key, neither a float nor a boolean; `other(item)` for an item that is no map."""
    return [item._table.get(key) if type(item) is Map else other(item) for item in items]


def from_columns(keys: list[Any], values: list[Any]) -> Map:
    """The map from each key to the value at the same place, as long as the shorter list; of the same key the last value wins."""
    kinds = set(map(type, keys))
    if float in kinds or bool in kinds:
        keys = [encode(key) for key in keys]
    return Map.adopt(dict(zip(keys, values)))


EMPTY_MAP = Map()
