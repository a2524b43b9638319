"""Maps: immutable, insertion-ordered, any immutable value as key.

Up to `_COPY_BELOW` entries, and for anything built in bulk, a map is a Python dict that is copied when it
changes; an older map never sees a change.  When a larger one is changed it becomes a persistent
pair: a hash trie from key to position (`rpds`) and a vector of entries in insertion order.  Removed entries
leave a gap; the vector is packed when half of it is gaps.

RTFS tells `1`, `1.0` and `true` apart and Python's dict does not, so booleans and floats are stored under a
`_Key` that carries their kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rtfs.values import meter
from rtfs.values.scalars import Where
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COPY_BELOW = 64
#: What an entry takes in a dict or as a tuple or vector of its own, about.
_ENTRY_BYTES = 100
_ABSENT: Any = object()
_GAP: Any = object()


class _Key:
    """A boolean or float as a dict key that is equal only to a key of the same kind."""

    __slots__ = ("value",)

    def __init__(self, value: bool | float) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return type(other) is _Key and type(other.value) is type(self.value) and other.value == self.value

    def __hash__(self) -> int:
        return hash((type(self.value).__name__, self.value))


def _encode(key: Any) -> Any:
    kind = type(key)
    return _Key(key) if kind is float or kind is bool else key


def _decode(key: Any) -> Any:
    return key.value if type(key) is _Key else key


class _Large:
    """The persistent representation: `index` key -> position, `entries` position -> (key, value) or a gap."""

    __slots__ = ("index", "entries", "count")

    def __init__(self, index: Any, entries: Vector, count: int) -> None:
        self.index = index
        self.entries = entries
        self.count = count

    @classmethod
    def of(cls, table: dict[Any, Any]) -> _Large:
        from rpds import HashTrieMap  # 2 ms to import: only for programs that grow large maps

        index = HashTrieMap({key: i for i, key in enumerate(table)})
        return cls(index, Vector.adopt(list(table.items())), len(table))

    def get(self, key: Any, default: Any) -> Any:
        at = self.index.get(key)
        return default if at is None else self.entries[at][1]

    def assoc(self, key: Any, value: Any) -> _Large:
        at = self.index.get(key)
        if at is not None:
            return _Large(self.index, self.entries.replace(at, (self.entries[at][0], value)), self.count)
        return _Large(self.index.insert(key, len(self.entries)), self.entries.append((key, value)), self.count + 1)

    def dissoc(self, key: Any) -> _Large:
        at = self.index.get(key)
        if at is None:
            return self
        entries = self.entries.replace(at, _GAP)
        smaller = _Large(self.index.remove(key), entries, self.count - 1)
        return smaller if smaller.count * 2 > len(entries) else _Large.of(smaller.table())

    def table(self) -> dict[Any, Any]:
        return {entry[0]: entry[1] for entry in self.entries.items() if entry is not _GAP}


class Map:
    """`{k v …}`. Iteration gives keys in insertion order, as in a Python dict."""

    __slots__ = ("_table", "_hash", "where")

    _table: dict[Any, Any] | _Large
    _hash: int | None
    where: Where | None

    def __init__(self, pairs: Iterable[tuple[Any, Any]] = (), where: Where | None = None) -> None:
        self._table = {_encode(k): v for k, v in pairs}
        self._hash = None
        self.where = where

    @classmethod
    def adopt(cls, table: dict[Any, Any]) -> Map:
        """A map that takes over a dict whose keys are neither floats nor booleans; the caller lets go of it."""
        self = object.__new__(cls)
        self._table = table
        self._hash = None
        self.where = None
        return self

    @staticmethod
    def _of(table: dict[Any, Any] | _Large) -> Map:
        new = object.__new__(Map)
        new._table = table
        new._hash = None
        new.where = None
        return new

    # --- reading ---

    def __len__(self) -> int:
        table = self._table
        return len(table) if type(table) is dict else table.count  # type: ignore[union-attr]

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
        key = _encode(key)
        table = self._table
        if type(table) is dict:
            if len(table) < _COPY_BELOW:
                copy = table.copy()
                copy[key] = value
                return Map._of(copy)
            table = _Large.of(self._dict())
        return Map._of(table.assoc(key, value))  # type: ignore[union-attr]

    def dissoc(self, key: Any) -> Map:
        key = _encode(key)
        table = self._table
        if type(table) is dict:
            if key not in table:
                return self
            if len(table) <= _COPY_BELOW:
                copy = table.copy()
                del copy[key]
                return Map._of(copy)
            table = _Large.of(self._dict())
        return Map._of(table.dissoc(key))  # type: ignore[union-attr]

    def merge(self, other: Map) -> Map:
        """All entries of both; those of `other` win, positions of this one's keys are kept."""
        if len(other) < 8 and type(self._table) is not dict:
            new = self
            for key, value in other.items():
                new = new.assoc(key, value)
            return new
        return Map._of({**self._dict(), **other._dict()})

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


EMPTY_MAP = Map()
