"""Vectors and maps as containers: making them, looking into them, changing a copy (reference 8.5, 8.10).

What treats a collection as a sequence of items is in `sequences`; what takes a function is in `higher_order`.
"""

from __future__ import annotations

from rtfs.semantics.builtins.operands import MISSING, extend, items, mapping, paced, sequence
from rtfs.semantics.calls import error_field
from rtfs.semantics.faults import arity_error, invalid_argument, out_of_bounds, type_error
from rtfs.semantics.library import builtin
from rtfs.values.equality import equal
from rtfs.values.maps import EMPTY_MAP, Map, encode, from_columns
from rtfs.values.scalars import ErrorValue, Keyword
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# --- making ----------------------------------------------------------------------------------


@builtin("vector", 0, None, type="[:fn [& a] [:vector a]]")
def make_vector(*operands: Any) -> Vector:
    """`(vector a b …)`: the vector of the operands."""
    return Vector.adopt(list(operands))


@builtin("list", 0, None, type="[:fn [& a] [:list a]]")
def make_list(*operands: Any) -> List:
    """`(list a b …)`: the list of the operands."""
    return List.adopt(list(operands))


@builtin("vec", 1, type="[:fn [[:seq a]] [:vector a]]")
def to_vector(coll: Any) -> Vector:
    """`(vec coll)`: the items as a vector."""
    return coll if type(coll) is Vector else Vector.adopt(items("vec", coll, 0))


@builtin("hash-map", 0, None, type="[:fn [& any] map]")
def make_map(*operands: Any) -> Map:
    """`(hash-map k v …)`: the map of the pairs."""
    if len(operands) % 2:
        raise arity_error("map", "an even number", len(operands))
    return Map((operands[i], operands[i + 1]) for i in range(0, len(operands), 2))


@builtin("zipmap", 2, type="[:fn [[:seq k] [:seq v]] [:map-of k v]]")
def zip_map(keys: Any, values: Any) -> Map:
    """`(zipmap keys vals)`: the map from each key to the value at the same place; as long as the shorter."""
    return from_columns(items("zipmap", keys, 0), items("zipmap", values, 1))


@builtin("frequencies", 1, type="[:fn [[:seq a]] [:map-of a int]]")
def frequencies(coll: Any) -> Map:
    """`(frequencies coll)`: a map from each item to how often it occurs."""
    counts: dict[Any, int] = {}
    for item in paced(items("frequencies", coll, 0)):
        key = encode(item)
        counts[key] = counts.get(key, 0) + 1
    return Map.adopt(counts)


# --- asking ----------------------------------------------------------------------------------


def _size(operation: str, coll: Any) -> int:
    kind = type(coll)
    if kind is Vector or kind is Map or kind is List or kind is str:
        return len(coll)
    raise type_error(operation, "vector, list, map or string", coll, 0)


@builtin("count", 1, type="[:fn [[:union string vector map]] int]")
def count(coll: Any) -> int:
    """`(count coll)`: how many items, entries or characters."""
    return _size("count", coll)


@builtin("length", 1, type="[:fn [[:union string vector map]] int]")
def length(coll: Any) -> int:
    """`(length coll)`: the same as `count`."""
    return _size("length", coll)


@builtin("empty?", 1, type="[:fn [any] bool]")
def is_empty(value: Any) -> bool:
    """`(empty? x)`: whether `x` is nil or has no items; false for scalars."""
    kind = type(value)
    if kind is Vector or kind is Map or kind is List or kind is str:
        return not len(value)
    return value is None


@builtin(
    "get",
    2,
    3,
    type="[:and [:fn [[:map-of k v] any] v?] "
    "[:fn [[:vector a] int] a?] "
    "[:fn [nil any] nil] "
    "[:fn [error any] any] "
    "[:fn [[:map-of k v] any b] [:union v b]] "
    "[:fn [[:vector a] int b] [:union a b]] "
    "[:fn [nil any b] b] "
    "[:fn [error any any] any]]",
)
def get(coll: Any, key: Any, default: Any = None) -> Any:
    """`(get coll k default?)`: the value under a key or index; nil or `default` if there is none."""
    kind = type(coll)
    if kind is Map:
        return coll.get(key, default)
    if kind is Vector or kind is List:
        if type(key) is not int:
            raise type_error("get", "integer", key, 1)
        return coll.at(key, default)
    if coll is None:
        return default
    if kind is ErrorValue:
        return error_field(coll, key, default) if type(key) is Keyword else default
    raise type_error("get", "map, vector, list or nil", coll, 0)


@builtin("get-in", 2, 3, type="[:and [:fn [any [:union vector map nil]] any] [:fn [any [:union vector map nil] any] any]]")
def get_in(coll: Any, path: Any, default: Any = None) -> Any:
    """`(get-in coll [k …] default?)`: the value at the end of the path; nil or `default` if the path breaks off."""
    for key in sequence("get-in", path, 1):
        kind = type(coll)
        if kind is Map:
            coll = coll.get(key, MISSING)
        elif kind is Vector or kind is List:
            coll = coll.at(key, MISSING) if type(key) is int else MISSING
        elif kind is ErrorValue and type(key) is Keyword:
            coll = error_field(coll, key, MISSING)
        else:
            return default
        if coll is MISSING:
            return default
    return coll


@builtin("find", 2, type="[:fn [[:map-of k v] a] [:optional [:tuple a v]]]")
def find(table: Any, key: Any) -> Vector | None:
    """`(find m k)`: the entry `[k v]`, nil if there is none."""
    value = mapping("find", table, 0).get(key, MISSING)
    return None if value is MISSING else Vector.adopt([key, value])


@builtin("contains?", 2, type="[:and [:fn [string string] bool] [:fn [[:union vector map nil] any] bool]]")
def contains(coll: Any, wanted: Any) -> bool:
    """`(contains? coll x)`: whether a map has the key, a sequence the item, a string the text."""
    kind = type(coll)
    if kind is Map:
        return wanted in coll
    if kind is str:
        if type(wanted) is not str:
            raise type_error("contains?", "string", wanted, 1)
        return wanted in coll
    found = items("contains?", coll, 0)
    kind = type(wanted)
    if kind is str or kind is Keyword:  # nothing else is equal to one of these in Python either
        return wanted in found
    return any(equal(item, wanted) for item in found)


@builtin("keys", 1, type="[:fn [[:map-of k v]] [:vector k]]")
def keys(table: Any) -> Vector:
    """`(keys m)`: the keys, in insertion order."""
    return Vector.adopt(mapping("keys", table, 0).keys())


@builtin("vals", 1, type="[:fn [[:map-of k v]] [:vector v]]")
def values(table: Any) -> Vector:
    """`(vals m)`: the values, in the order of the keys."""
    return Vector.adopt(mapping("vals", table, 0).values())


@builtin("select-keys", 2, type="[:fn [[:map-of k v] [:union vector map nil]] [:map-of k v]]")
def select_keys(table: Any, wanted: Any) -> Map:
    """`(select-keys m keys)`: only those entries, in the order of `keys`."""
    mapping("select-keys", table, 0)
    found = ((key, table.get(key, MISSING)) for key in sequence("select-keys", wanted, 1))
    return Map((key, value) for key, value in found if value is not MISSING)


# --- changing a copy -------------------------------------------------------------------------


def put(operation: str, coll: Any, key: Any, value: Any, index: int) -> Any:
    """`coll` with `key` set: what `assoc` and all its relatives do. `index` is that of the operand that holds the key."""
    kind = type(coll)
    if kind is Map:
        return coll.assoc(key, value)
    if kind is Vector:
        if type(key) is not int:
            raise type_error(operation, "integer", key, index)
        if not 0 <= key < len(coll):
            raise out_of_bounds(operation, key, len(coll), index)
        return coll.replace(key, value)
    raise type_error(operation, "map or vector", coll, 0)


def _assoc_one(coll: Any, key: Any, value: Any) -> Any:
    return coll.assoc(key, value) if type(coll) is Map else put("assoc", coll, key, value, 1)


@builtin(
    "assoc",
    3,
    None,
    aliases=("assoc!",),
    fixed={3: _assoc_one},
    type="[:and [:fn [[:map-of k v] a b] [:map-of [:union k a] [:union v b]]] "
    "[:fn [[:vector a] int b] [:vector [:union a b]]] "
    "[:fn [map any any & any] map] "
    "[:fn [vector int any & any] vector]]",
)
def assoc(coll: Any, *pairs: Any) -> Any:
    """`(assoc coll k v …)`: with the keys of a map, or existing places of a vector, set."""
    if len(pairs) % 2:
        raise arity_error("assoc", "an odd number", 1 + len(pairs))
    for at in range(0, len(pairs), 2):
        coll = put("assoc", coll, pairs[at], pairs[at + 1], at + 1)
    return coll


def _dissoc_one(table: Any, key: Any) -> Map:
    return mapping("dissoc", table, 0).dissoc(key)


@builtin("dissoc", 2, None, fixed={2: _dissoc_one}, type="[:fn [[:map-of k v] any & any] [:map-of k v]]")
def dissoc(table: Any, *gone: Any) -> Map:
    """`(dissoc m k …)`: without these keys."""
    mapping("dissoc", table, 0)
    for key in gone:
        table = table.dissoc(key)
    result: Map = table
    return result


@builtin("merge", 1, None, type="[:fn [[:map-of k v] & [:map-of k v]] [:map-of k v]]")
def merge(*tables: Any) -> Map:
    """`(merge m …)`: all entries; of the same key the rightmost wins."""
    result = mapping("merge", tables[0], 0)
    for index in range(1, len(tables)):
        result = result.merge(mapping("merge", tables[index], index))
    return result


def step_into(operation: str, coll: Any, key: Any) -> Any:
    """What lies under `key` on the way of a path: nil where a map has nothing yet."""
    kind = type(coll)
    if kind is Map:
        return coll.get(key)
    if kind is Vector:
        if type(key) is not int:
            raise type_error(operation, "integer", key, 1)
        if not 0 <= key < len(coll):
            raise out_of_bounds(operation, key, len(coll), 1)
        return coll[key]
    raise type_error(operation, "map or vector", coll, 0)


def walk(operation: str, coll: Any, path: Any) -> tuple[list[Any], list[Any]]:
    """The keys of a path and the collections it leads through, outermost first; missing ones are empty maps."""
    steps = sequence(operation, path, 1)
    if not steps:
        raise invalid_argument(operation, "the path must not be empty", 1)
    through = [coll]
    for at in range(len(steps) - 1):
        coll = coll.get(steps[at]) if type(coll) is Map else step_into(operation, coll, steps[at])
        if coll is None:
            coll = EMPTY_MAP
        through.append(coll)
    return steps, through


def rebuild(operation: str, steps: list[Any], through: list[Any], value: Any) -> Any:
    """The outermost collection with `value` at the end of the path."""
    for at in range(len(steps) - 1, -1, -1):
        value = put(operation, through[at], steps[at], value, 1)
    return value


@builtin("assoc-in", 3, type="[:and [:fn [map [:union vector map] any] map] [:fn [vector [:union vector map] any] vector]]")
def assoc_in(coll: Any, path: Any, value: Any) -> Any:
    """`(assoc-in coll [k …] v)`: with the value at the end of the path set; missing maps are made."""
    return rebuild("assoc-in", *walk("assoc-in", coll, path), value)


@builtin("rename-keys", 2, type="[:fn [[:map-of k v] [:map-of any a]] [:map-of [:union k a] v]]")
def rename_keys(table: Any, names: Any) -> Map:
    """`(rename-keys m {old new})`: with keys renamed, in their old places."""
    mapping("rename-keys", table, 0)
    mapping("rename-keys", names, 1)
    return Map((names.get(key, key), value) for key, value in table.items())


def entries(operation: str, item: Any, index: int) -> list[tuple[Any, Any]]:
    """What an item adds to a map: a pair its entry, a map all of its entries."""
    kind = type(item)
    if kind is Map:
        return item.items()  # type: ignore[no-any-return]
    if (kind is Vector or kind is List) and len(item) == 2:
        return [(item[0], item[1])]
    raise type_error(operation, "[key value] pair", item, index)


def _conj_one(coll: Any, item: Any) -> Any:
    return coll.append(item) if type(coll) is Vector else conj(coll, item)


@builtin(
    "conj",
    2,
    None,
    aliases=("conj!",),
    fixed={2: _conj_one},
    type="[:and [:fn [nil a & a] [:vector a]] "
    "[:fn [[:vector a] b & b] [:vector [:union a b]]] "
    "[:fn [[:map-of k v] [:tuple a b] & [:tuple a b]] [:map-of [:union k a] [:union v b]]] "
    "[:fn [map [:union map [:tuple any any]] & [:union map [:tuple any any]]] map]]",
)
def conj(coll: Any, *more: Any) -> Any:
    """`(conj coll x …)`: a vector with items at its end, a list with items at its front, a map with `[k v]` entries."""
    kind = type(coll)
    if kind is Vector or coll is None:
        out = Vector() if coll is None else coll
        for item in more:
            out = out.append(item)
        return out
    if kind is List:
        return List.adopt([*reversed(more), *coll.items()])
    if kind is Map:
        for index in range(len(more)):
            for key, value in entries("conj", more[index], index + 1):
                coll = coll.assoc(key, value)
        return coll
    raise type_error("conj", "vector, list, map or nil", coll, 0)


@builtin(
    "into",
    2,
    type="[:and [:fn [nil [:seq a]] [:vector a]] "
    "[:fn [[:vector a] [:seq b]] [:vector [:union a b]]] "
    "[:fn [[:map-of k v] [:seq [:tuple a b]]] [:map-of [:union k a] [:union v b]]] "
    "[:fn [map [:seq [:union map [:tuple any any]]]] map]]",
)
def into(target: Any, source: Any) -> Any:
    """`(into to from)`: all items of `from` put into `to`, as `conj` does one by one."""
    more = items("into", source, 1)
    kind = type(target)
    if kind is Vector or target is None:
        out = [] if target is None else target.items()
        extend("into", out, more)
        return Vector.adopt(out)
    if kind is List:
        more.reverse()
        extend("into", more, target.items())
        return List.adopt(more)
    if kind is Map:
        pairs: list[tuple[Any, Any]] = []
        for item in more:
            pairs += entries("into", item, 1)
        return target.merge(Map(pairs))
    raise type_error("into", "vector, list, map or nil", target, 0)
