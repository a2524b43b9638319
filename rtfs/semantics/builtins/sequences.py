"""Collections as sequences of items: parts, rearrangements, combinations (reference 8.5, 8.10).

Everything here takes vectors, lists, nil (no items) and maps (their `[key value]` entries), and, unless said
otherwise, strings (one-character strings). The result is a vector; `rest reverse take drop distinct` keep the kind.
"""

from __future__ import annotations

from rtfs.semantics.builtins.operands import MISSING, distinct_key, extend, integer, items, like, paced, sequence
from rtfs.semantics.faults import out_of_bounds, type_error
from rtfs.semantics.library import builtin
from rtfs.values.maps import Map
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# --- one item --------------------------------------------------------------------------------


def _item(operation: str, coll: Any, index: int, default: Any = None) -> Any:
    """The item at `index`, counted from the end when negative, without copying the others."""
    kind = type(coll)
    if kind is Vector or kind is List:
        return coll.at(index if index >= 0 else index + len(coll), default)
    if kind is str:
        return coll[index] if -len(coll) <= index < len(coll) else default
    found = items(operation, coll, 0)
    return found[index] if -len(found) <= index < len(found) else default


@builtin("first", 1, type="[:fn [[:seq a]] a?]")
def first(coll: Any) -> Any:
    """`(first coll)`: the first item, nil if there is none."""
    return _item("first", coll, 0)


@builtin("second", 1, type="[:fn [[:seq a]] a?]")
def second(coll: Any) -> Any:
    """`(second coll)`: the second item, nil if there is none."""
    return _item("second", coll, 1)


@builtin("ffirst", 1, type="[:and [:fn [[:seq [:seq a]]] a?] [:fn [[:seq any]] any]]")
def first_of_first(coll: Any) -> Any:
    """`(ffirst coll)`: the first item of the first item."""
    return _item("ffirst", _item("ffirst", coll, 0), 0)


@builtin("last", 1, type="[:fn [[:seq a]] a?]")
def last(coll: Any) -> Any:
    """`(last coll)`: the last item, nil if there is none; `""` for the empty string."""
    return _item("last", coll, -1, "" if type(coll) is str else None)


@builtin("nth", 2, 3, type="[:and [:fn [[:seq a] int] a] [:fn [[:seq a] int b] [:union a b]]]")
def nth(coll: Any, index: Any, default: Any = MISSING) -> Any:
    """`(nth coll n default?)`: the item at a place, counted from 0; without `default` the place must exist."""
    integer("nth", index, 1)
    found = _item("nth", coll, index, MISSING) if index >= 0 else MISSING
    if found is not MISSING:
        return found
    size = len(items("nth", coll, 0))
    if default is MISSING:
        raise out_of_bounds("nth", index, size, 1)
    return default


# --- a part ----------------------------------------------------------------------------------


def _slice(operation: str, coll: Any, start: int, stop: int | None, index: int) -> Any:
    """The items `[start, stop)`, clipped to what there is, in the kind of `coll`; constant time for vectors and lists."""
    kind = type(coll)
    if kind is Vector or kind is List:
        size = len(coll)
        end = size if stop is None or stop > size else stop
        begin = start if start < end else end
        return coll if begin == 0 and end == size else coll.slice(begin, end)
    if kind is str:
        return coll[start:stop]
    return Vector.adopt(items(operation, coll, index)[start:stop])


@builtin("rest", 1, type="[:and [:fn [string] string] [:fn [[:seq a]] [:vector a]]]")
def rest(coll: Any) -> Any:
    """`(rest coll)`: all but the first item, in the same kind."""
    return _slice("rest", coll, 1, None, 0)


@builtin("take", 2, type="[:and [:fn [int string] string] [:fn [int [:seq a]] [:vector a]]]")
def take(n: Any, coll: Any) -> Any:
    """`(take n coll)`: the first `n` items, in the same kind."""
    return _slice("take", coll, 0, max(0, integer("take", n, 0)), 1)


@builtin("drop", 2, type="[:and [:fn [int string] string] [:fn [int [:seq a]] [:vector a]]]")
def drop(n: Any, coll: Any) -> Any:
    """`(drop n coll)`: all but the first `n` items, in the same kind."""
    return _slice("drop", coll, max(0, integer("drop", n, 0)), None, 1)


@builtin("butlast", 1, type="[:fn [[:seq a]] [:vector a]]")
def but_last(coll: Any) -> Vector:
    """`(butlast coll)`: all but the last item."""
    return Vector.adopt(items("butlast", coll, 0)[:-1])


@builtin("split-at", 2, type="[:fn [int [:seq a]] [:tuple [:vector a] [:vector a]]]")
def split_at(n: Any, coll: Any) -> Vector:
    """`(split-at n coll)`: the first `n` items and the others, `[[…] […]]`."""
    at = max(0, integer("split-at", n, 0))
    found = items("split-at", coll, 1)
    return Vector.adopt([Vector.adopt(found[:at]), Vector.adopt(found[at:])])


@builtin(
    "subvec",
    2,
    3,
    type="[:and [:fn [[:vector a] int] [:vector a]] "
    "[:fn [nil int] [:vector never]] "
    "[:fn [[:vector a] int int] [:vector a]] "
    "[:fn [nil int int] [:vector never]]]",
)
def sub_vector(coll: Any, start: Any, end: Any = MISSING) -> Vector:
    """`(subvec v start end?)`: the items from `start` up to, not including, `end`, which must exist; no strings or maps."""
    if type(coll) is Map:
        raise type_error("subvec", "vector, list or nil", coll, 0)
    found = coll if type(coll) is Vector else Vector.adopt(sequence("subvec", coll, 0))
    size = len(found)
    integer("subvec", start, 1)
    if end is MISSING:
        end = size
    elif not 0 <= integer("subvec", end, 2) <= size:
        raise out_of_bounds("subvec", end, size, 2)
    if not 0 <= start <= end:
        raise out_of_bounds("subvec", start, size, 1)
    return found.slice(start, end)


@builtin(
    "partition",
    2,
    aliases=("partition-all",),
    type="[:and [:fn [int [:vector a]] [:vector [:vector a]]] "
    "[:fn [int [:map-of k v]] [:vector [:vector [:tuple k v]]]] "
    "[:fn [int nil] [:vector never]]]",
)
def partition(n: Any, coll: Any) -> Vector:
    """`(partition n coll)`: vectors of `n` items each; the last may be shorter. No strings."""
    if type(n) is not int or n <= 0:
        raise type_error("partition", "positive integer", n, 0)
    found = sequence("partition", coll, 1)
    return Vector.adopt([Vector.adopt(found[i : i + n]) for i in paced(range(0, len(found), n))])


# --- rearranged ------------------------------------------------------------------------------


@builtin("reverse", 1, type="[:and [:fn [string] string] [:fn [[:seq a]] [:vector a]]]")
def reverse(coll: Any) -> Any:
    """`(reverse coll)`: the items from last to first, in the same kind."""
    return like(coll, items("reverse", coll, 0)[::-1])


@builtin("distinct", 1, type="[:and [:fn [string] string] [:fn [[:seq a]] [:vector a]]]")
def distinct(coll: Any) -> Any:
    """`(distinct coll)`: each item once, where it first occurs, in the same kind."""
    return like(coll, _distinct("distinct", coll))


@builtin("set-like", 1, type="[:fn [[:seq a]] [:vector a]]")
def set_like(coll: Any) -> Vector:
    """`(set-like coll)`: each item once, as a vector; the language has no sets."""
    return Vector.adopt(_distinct("set-like", coll))


def _distinct(operation: str, coll: Any) -> list[Any]:
    found = items(operation, coll, 0)
    kinds = set(map(type, found))
    if float not in kinds and bool not in kinds:
        return list(dict.fromkeys(found))
    seen: dict[Any, Any] = {}
    for item in paced(found):
        seen.setdefault(distinct_key(item), item)
    return list(seen.values())


@builtin("flatten", 1, type="[:fn [[:seq any]] [:vector any]]")
def flatten(coll: Any) -> Vector:
    """`(flatten coll)`: the items of nested vectors and lists in one vector; maps and strings inside stay whole."""
    out: list[Any] = []
    # shared parts can multiply without end: one that comes again is copied from where its items stand in `out`
    places: dict[int, tuple[int, int]] = {}
    # a stack of iterators instead of recursion, (items, whose, where they begin): nesting is as deep as the program likes
    stack = [(iter(items("flatten", coll, 0)), id(coll), 0)]
    while stack:
        rest, whose, begin = stack[-1]
        for item in rest:
            kind = type(item)
            if kind is not Vector and kind is not List:
                out.append(item)
                continue
            place = places.get(id(item))
            if place is None:
                stack.append((iter(item.items()), id(item), len(out)))
                break
            extend("flatten", out, out[place[0] : place[1]])
        else:
            stack.pop()
            places[whose] = (begin, len(out))
    return Vector.adopt(out)


# --- combined --------------------------------------------------------------------------------


@builtin(
    "cons",
    2,
    type="[:and [:fn [b [:vector a]] [:vector [:union a b]]] "
    "[:fn [b [:map-of k v]] [:vector [:union b [:tuple k v]]]] "
    "[:fn [b nil] [:vector b]]]",
)
def cons(item: Any, coll: Any) -> Vector:
    """`(cons x coll)`: a vector with `x` in front. No strings."""
    return Vector.adopt([item, *sequence("cons", coll, 1)])


@builtin("concat", 0, None, type="[:and [:fn [& [:seq a]] [:vector a]] [:fn [& any] [:vector any]]]")
def concat(*colls: Any) -> Vector:
    """`(concat a b …)`: all items in one vector; an operand that is no collection counts as one item."""
    out: list[Any] = []
    for coll in colls:
        kind = type(coll)
        if kind is Vector or kind is List:
            extend("concat", out, coll.items())
        elif kind is str or kind is Map or coll is None:
            extend("concat", out, items("concat", coll, 0))
        else:
            out.append(coll)
    return Vector.adopt(out)


def _columns(operation: str, colls: tuple[Any, ...]) -> tuple[list[list[Any]], int]:
    """The items of each operand, and the length of the shortest."""
    columns = [items(operation, coll, index) for index, coll in enumerate(colls)]
    return columns, min([len(column) for column in columns])


@builtin(
    "zip",
    1,
    None,
    type="[:and [:fn [[:seq a]] [:vector [:tuple a]]] "
    "[:fn [[:seq a] [:seq b]] [:vector [:tuple a b]]] "
    "[:fn [[:seq a] [:seq b] & [:seq c]] [:vector [:vector [:union a b c]]]]]",
)
def zip_items(*colls: Any) -> Vector:
    """`(zip a b …)`: vectors of the items at the same place; as long as the shortest."""
    columns, size = _columns("zip", colls)
    return Vector.adopt([Vector.adopt([column[i] for column in columns]) for i in paced(range(size))])


@builtin("interleave", 1, None, type="[:fn [[:seq a] & [:seq a]] [:vector a]]")
def interleave(*colls: Any) -> Vector:
    """`(interleave a b …)`: the first items, the second items …; as long as the shortest lasts."""
    columns, size = _columns("interleave", colls)
    return Vector.adopt([column[i] for i in paced(range(size)) for column in columns])


@builtin("interpose", 2, type="[:fn [b [:seq a]] [:vector [:union a b]]]")
def interpose(separator: Any, coll: Any) -> Vector:
    """`(interpose sep coll)`: the items with `sep` between them."""
    found = items("interpose", coll, 1)
    out = [separator] * max(0, 2 * len(found) - 1)
    out[::2] = found
    return Vector.adopt(out)
