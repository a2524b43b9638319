"""Changes in place: what generated code calls when the quick way that it contains does not apply.

Beside a variable whose collection may be its own (`ir.passes.ownership`) run two others.  `own` is the table of the map, a dict, or
the items of the vector, a list, while nobody else knows the collection; otherwise it is how many changes were made since somebody
got to know it.  `mark`, a list of one number, is in the `_owner` of the collections inside that nobody else knows, if any are; a
new mark disowns them all.

A collection that is not owned is changed as any other, which gives a new one.  It becomes the variable's own by being copied whole:
at once when it is small, else when so many changes were made that their price is that of the copy.  So a loop that changes a huge
map twice copies nothing, and one that changes it all over does so in place.
"""

from __future__ import annotations

from rtfs.semantics.builtins import collections as builtins
from rtfs.semantics.builtins.operands import extend, items, mapping
from rtfs.values.maps import EMPTY_MAP, Map, encode
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SMALL = 64  # items or entries: a change copies them all anyway, or nearly so

#: Items that are copied in the time by which a change in place is quicker: of a map (700 and 40 ns per change, 15 per entry), of a
#: vector (500 and 30, 2 per item), of a vector that is only appended to.
_ENTRIES = 40
_ITEMS = 256
_APPENDED = 64


def _own_map(table: dict[Any, Any]) -> tuple[Map, dict[Any, Any]]:
    new = table.copy()
    return Map.adopt(new), new


def put(operation: str, index: int, coll: Any, own: Any, key: Any, value: Any) -> tuple[Any, Any]:
    """The collection with `key` set, and whose it is."""
    if type(own) is dict:
        own[encode(key)] = value
        return coll, own
    if type(own) is list:
        if type(key) is int and 0 <= key < len(own):
            own[key] = value
            return coll, own
    elif type(coll) is Map:
        size = len(coll)
        own += 1
        if size <= _SMALL or own * _ENTRIES >= size:
            coll, table = _own_map(coll._dict())
            table[encode(key)] = value
            return coll, table
        return coll.assoc(key, value), own
    elif type(coll) is Vector and type(key) is int and 0 <= key < len(coll):
        own += 1
        if len(coll) <= _SMALL or own * _ITEMS >= len(coll):
            new = coll.items()
            new[key] = value
            return Vector.adopt(new), new
        return coll.replace(key, value), own
    return builtins.put(operation, coll, key, value, index), 0


def conj(coll: Any, own: Any, item: Any) -> tuple[Any, Any]:
    """`(conj coll item)`"""
    if type(own) is list:
        own.append(item)
        coll._stop += 1
        return coll, own
    if type(coll) is Vector:
        own += 1
        if len(coll) <= _SMALL or own * _APPENDED >= len(coll):
            new = coll.items()
            new.append(item)
            return Vector.adopt(new), new
        return coll.append(item), own
    if type(coll) is Map:
        for key, value in builtins.entries("conj", item, 1):
            coll, own = put("conj", 1, coll, own, key, value)
        return coll, own
    if coll is None:
        new = [item]
        return Vector.adopt(new), new
    return builtins.conj(coll, item), 0


def dissoc(coll: Any, own: Any, key: Any) -> tuple[Any, Any]:
    """`(dissoc coll key)`"""
    if type(own) is dict:
        own.pop(encode(key), None)
        return coll, own
    if type(coll) is Map and key in coll:
        size = len(coll)
        own += 1
        if size <= _SMALL or own * _ENTRIES >= size:
            coll, table = _own_map(coll._dict())
            del table[encode(key)]
            return coll, table
        return coll.dissoc(key), own
    mapping("dissoc", coll, 0)
    return coll, own


def merge(coll: Any, own: Any, other: Any) -> tuple[Any, Any]:
    """`(merge coll other)`"""
    added = mapping("merge", other, 1)._dict() if type(coll) is Map else {}
    if type(own) is dict:
        own.update(added)
        return coll, own
    mapping("merge", coll, 0)
    own += len(added)
    if len(coll) <= _SMALL or own * _ENTRIES >= len(coll):
        coll, table = _own_map(coll._dict())
        table.update(added)
        return coll, table
    return coll.merge(other), own


def into(coll: Any, own: Any, source: Any) -> tuple[Any, Any]:
    """`(into coll source)`"""
    if type(own) is list:
        extend("into", own, items("into", source, 1))
        coll._stop = len(own)
        return coll, own
    if type(own) is dict:
        pairs: list[tuple[Any, Any]] = []
        for item in items("into", source, 1):
            pairs += builtins.entries("into", item, 1)
        for key, value in pairs:
            own[encode(key)] = value
        return coll, own
    made = builtins.into(coll, source)
    # a vector is made anew
    return made, made._buf if type(made) is Vector else 0


# --- along a path ----------------------------------------------------------------------------


def look_in(operation: str, coll: Any, keys: tuple[Any, ...]) -> Any:
    """The value under a path; nil where a map on the way has nothing yet."""
    for key in keys[:-1]:
        coll = builtins.step_into(operation, coll, key)
        if coll is None:
            coll = EMPTY_MAP
    return builtins.step_into(operation, coll, keys[-1])


def reach(own: Any, mark: list[int], keys: tuple[Any, ...]) -> Any:
    """The table or items of what lies under a path in a collection that is owned, made its own on the way; None if that cannot be.

    Args:
        keys: as maps store them (`maps.encode`).
    """
    for key in keys:
        if type(own) is dict:
            inner = own.get(key)
        elif type(own) is list and type(key) is int and 0 <= key < len(own):
            inner = own[key]
        else:
            return None
        if type(inner) is Map or inner is None:
            if inner is not None and inner._owner is mark:
                own = inner._table
                continue
            table = {} if inner is None else inner._dict()
            if inner is None and type(own) is list:
                return None
            if len(table) > _SMALL and not _pays(mark, len(table) // _ENTRIES):
                return None
            new, found = _own_map(table)
            new._owner = mark
            own[key] = new
            own = found
        elif type(inner) is Vector:
            if inner._owner is mark:
                own = inner._buf
                continue
            if len(inner) > _SMALL and not _pays(mark, len(inner) // _ITEMS):
                return None
            items = inner.items()
            own[key] = vector = Vector.adopt(items)
            vector._owner = mark
            own = items
        else:
            return None
    return own


def _pays(mark: list[int], price: int) -> bool:
    """Whether as many changes were made the other way as a copy costs; if not, another one will be."""
    if mark[0] >= price:
        mark[0] = 0
        return True
    mark[0] += 1
    return False


def reach_one(own: Any, mark: list[int], key: Any) -> Any:
    """`reach` along one key."""
    if type(own) is dict:
        inner = own.get(key)
        if type(inner) is Map and inner._owner is mark:
            return inner._table
    return reach(own, mark, (key,))


def reach_two(own: Any, mark: list[int], first: Any, second: Any) -> Any:
    """`reach` along two keys."""
    if type(own) is dict:
        inner = own.get(first)
        if type(inner) is Map and inner._owner is mark:
            inner = inner._table.get(second)  # type: ignore[union-attr]
            if type(inner) is Map and inner._owner is mark:
                return inner._table
    return reach(own, mark, (first, second))


def put_in(
    operation: str, coll: Any, own: Any, mark: list[int], keys: tuple[Any, ...], value: Any
) -> tuple[Any, Any]:
    """The collection with the value under a path of two keys or more set, and whose it is."""
    if type(own) is int:
        size = len(coll) if type(coll) is Map or type(coll) is Vector else 0
        own += 1
        if size > _SMALL and own * (_ENTRIES if type(coll) is Map else _ITEMS) < size:
            return rebuilt(operation, keys, way(operation, coll, keys), value), own
        if type(coll) is Map:
            coll, own = _own_map(coll._dict())
        elif type(coll) is Vector:
            own = coll.items()
            coll = Vector.adopt(own)
        else:
            return rebuilt(operation, keys, way(operation, coll, keys), value), 0
    inner = reach(own, mark, tuple([encode(key) for key in keys[:-1]]))
    last = keys[-1]
    if type(inner) is dict:
        inner[encode(last)] = value
    elif type(inner) is list and type(last) is int and 0 <= last < len(inner):
        inner[last] = value
    else:
        # one level in place, the rest as usual, which also raises the errors
        first = builtins.step_into(operation, coll, keys[0])
        through = way(operation, EMPTY_MAP if first is None else first, keys[1:])
        own[encode(keys[0])] = rebuilt(operation, keys[1:], through, value)
    return coll, own


def way(operation: str, coll: Any, keys: tuple[Any, ...]) -> list[Any]:
    """The collections along a path, outermost first; empty maps where a map on the way has nothing yet."""
    through = [coll]
    for key in keys[:-1]:
        coll = coll.get(key) if type(coll) is Map else builtins.step_into(operation, coll, key)
        if coll is None:
            coll = EMPTY_MAP
        through.append(coll)
    return through


def rebuilt(operation: str, keys: tuple[Any, ...], through: list[Any], value: Any) -> Any:
    """The outermost of them with the value at the end of the path."""
    for at in range(len(keys) - 1, -1, -1):
        coll = through[at]
        value = coll.assoc(keys[at], value) if type(coll) is Map else builtins.put(operation, coll, keys[at], value, 1)
    return value


def own_of(coll: Any) -> Any:
    """Whose a collection is that a change has just made: nobody else's if it was copied whole."""
    inside = coll._table if type(coll) is Map else coll._buf
    return inside if type(inside) is dict or type(inside) is list else 0


NAMES: dict[str, Any] = {
    " dict": dict,
    " list": list,
    " put": put,
    " conj_own": conj,
    " dissoc_own": dissoc,
    " merge_own": merge,
    " into_own": into,
    " step_into": builtins.step_into,
    " put_new": builtins.put,
    " look_in": look_in,
    " reach": reach,
    " reach_one": reach_one,
    " reach_two": reach_two,
    " put_in": put_in,
    " own_of": own_of,
    " way": way,
    " rebuild": rebuilt,
}
