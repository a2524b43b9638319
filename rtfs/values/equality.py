"""Equality, hashing, truth, kinds and the total order: the meaning of `=`, map keys and `sort` (reference 7).

The functions recurse in plain Python, never through C slots, so that a value nested a hundred thousand deep meets
the interpreter's recursion limit and not the end of the C stack.  Only a collection as the key of a map is compared from C;
`equal_keys` counts how deep that goes.
"""

from __future__ import annotations

import math
from _thread import _local

from rtfs.values.forms import MetaForm
from rtfs.values.functions import Builtin, Function
from rtfs.values.maps import Map
from rtfs.values.scalars import ErrorValue, Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Sequence, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KIND_NAMES: dict[type, str] = {
    type(None): "nil",
    bool: "boolean",
    int: "integer",
    float: "float",
    str: "string",
    Timestamp: "timestamp",
    Uuid: "uuid",
    ResourceHandle: "resource-handle",
    Symbol: "symbol",
    Keyword: "keyword",
    Vector: "vector",
    List: "list",
    Map: "map",
    Function: "function",
    Builtin: "function",
    ErrorValue: "error",
}


def kind_of(value: Any) -> str:
    """The kind word of a value (reference 7.1): `"integer"`, `"vector"` …; `"function"` for anything else callable."""
    found = _KIND_NAMES.get(type(value))
    if found is None:
        # host objects (structs' constructors, stateful cells …) name themselves
        found = getattr(value, "kind_name", None) or ("function" if callable(value) else "object")
    return found


def is_truthy(value: Any) -> bool:
    """Everything but `nil` and `false`."""
    return value is not None and value is not False


#: Collections compared before the pairs are noted.
_NOTED_FROM = 1_000


class _Noted:
    """The pairs of collections that one comparison has found equal, by identity: both belong to values that live as long as it.

    Values share structure: sixty vectors, each twice the one before, have 2**60 leaves.  Comparing the same pair again and again
    would never end.  Most comparisons are over before noting pairs is worth its price.
    """

    __slots__ = ("count", "pairs")

    def __init__(self) -> None:
        self.count = 0
        self.pairs: set[tuple[int, int]] = set()

    def known(self, a: Any, b: Any) -> bool:
        self.count += 1
        return self.count > _NOTED_FROM and (id(a), id(b)) in self.pairs

    def note(self, a: Any, b: Any) -> None:
        if self.count > _NOTED_FROM:
            self.pairs.add((id(a), id(b)))


def equal(a: Any, b: Any) -> bool:
    """Structural equality, strict on kind: `1` is not `1.0`, `true` is not `1`; sequences compare by items."""
    return _equal(a, b, None)


def _equal(a: Any, b: Any, noted: _Noted | None) -> bool:
    if a is b:
        return not (type(a) is float and math.isnan(a))
    ta, tb = type(a), type(b)
    if ta is not tb:
        # the only kinds that compare across: vector and list
        if not (isinstance(a, Sequence) and isinstance(b, Sequence)):
            return False
    elif ta is int or ta is str or ta is float or ta is bool:
        return bool(a == b)
    if isinstance(a, Sequence):
        if len(a) != len(b):
            return False
        if noted is None:
            noted = _Noted()
        elif noted.known(a, b):
            return True
        xs, ys = a.items(), b.items()
        for i in range(len(xs)):
            if not _equal(xs[i], ys[i], noted):
                return False
        noted.note(a, b)
        return True
    if ta is Map:
        if len(a) != len(b):
            return False
        if noted is None:
            noted = _Noted()
        elif noted.known(a, b):
            return True
        missing = equal  # any object that no map holds
        for key, value in a.items():
            other = b.get(key, missing)
            if other is missing or not _equal(value, other, noted):
                return False
        noted.note(a, b)
        return True
    if ta is Symbol:
        return bool(a.name == b.name)
    if ta is Timestamp or ta is Uuid or ta is ResourceHandle:
        return bool(a.text == b.text)
    if ta is MetaForm:
        return _equal(a.meta, b.meta, noted) and _equal(a.form, b.form, noted)
    return False


MAX_KEY_DEPTH = 200
_keys = _local()


def equal_keys(a: Any, b: Any) -> bool:
    """`equal` for Python's `==`, which a dict asks for its keys: keys inside keys use the C stack, so their depth is limited."""
    depth = getattr(_keys, "depth", 0)
    if depth >= MAX_KEY_DEPTH:
        raise RecursionError(f"collections as keys inside one another more than {MAX_KEY_DEPTH} deep")
    _keys.depth = depth + 1
    try:
        return equal(a, b)
    finally:
        _keys.depth = depth


def hash_value(value: Any) -> int:
    """A hash that agrees with `equal`; equal for a vector and a list of the same items. Collections remember theirs."""
    kind = type(value)
    if isinstance(value, Sequence):
        if value._hash is None:
            total = 0x345678
            for item in value.items():
                total = (total * 1000003 ^ hash_value(item)) & 0xFFFFFFFFFFFFFFFF
            value._hash = hash(total ^ len(value))
        return int(value._hash)
    if kind is Map:
        if value._hash is None:
            total = 0
            for key, item in value.items():  # order does not matter
                total = (total + (hash_value(key) * 31 ^ hash_value(item) * 17)) & 0xFFFFFFFFFFFFFFFF
            value._hash = hash(total)
        return int(value._hash)
    if kind is float or kind is bool:
        return hash((kind.__name__, value))
    if kind is MetaForm:
        return hash((hash_value(value.meta), hash_value(value.form)))
    return hash(value)


# --- the total order of `sort` ---------------------------------------------------------------

_RANK = {
    "nil": 0,
    "boolean": 1,
    "integer": 2,
    "float": 2,
    "string": 3,
    "keyword": 4,
    "symbol": 5,
    "vector": 6,
    "list": 7,
    "map": 8,
}


def compare(a: Any, b: Any) -> int:
    """-1, 0 or 1 in the total order across kinds: nil, booleans, numbers, string, keyword, symbol, vector, list, map, rest."""
    return _compare(a, b, None)


def _compare(a: Any, b: Any, noted: _Noted | None) -> int:
    ta, tb = type(a), type(b)
    if (ta is int or ta is float) and (tb is int or tb is float):
        # NaN sorts after every other number so that the order stays total
        if a != a or b != b:
            return int(a != a) - int(b != b)
        return int(a > b) - int(a < b)
    if ta is str and tb is str:
        return int(a > b) - int(a < b)
    ra, rb = _RANK.get(kind_of(a), 9), _RANK.get(kind_of(b), 9)
    if ra != rb:
        return -1 if ra < rb else 1
    if ta is bool:
        return int(a) - int(b)
    if ta is Keyword or ta is Symbol:
        return int(a.name > b.name) - int(a.name < b.name)
    if isinstance(a, Sequence) or ta is Map:
        if noted is None:
            noted = _Noted()
        elif noted.known(a, b):
            return 0
        if ta is Map:
            result = _compare_items(_by_key(a), _by_key(b), noted)
        else:
            result = _compare_items(a.items(), b.items(), noted)
        if not result:
            noted.note(a, b)
        return result
    if a is None:
        return 0
    from rtfs.values.printing import to_readable

    x, y = to_readable(a), to_readable(b)
    return (x > y) - (x < y)


def _by_key(value: Map) -> list[Any]:
    """Keys and values in the order of the keys: equal maps have the same, however they were built."""
    from functools import cmp_to_key

    def order(a: tuple[Any, Any], b: tuple[Any, Any]) -> int:
        # 1 and 1.0 sort alike, and both can be keys of one map
        return compare(a[0], b[0]) or (type(a[0]) is float) - (type(b[0]) is float)

    return [part for entry in sorted(value.items(), key=cmp_to_key(order)) for part in entry]


def _compare_items(xs: list[Any], ys: list[Any], noted: _Noted) -> int:
    for i in range(min(len(xs), len(ys))):
        result = _compare(xs[i], ys[i], noted)
        if result:
            return result
    return (len(xs) > len(ys)) - (len(xs) < len(ys))
