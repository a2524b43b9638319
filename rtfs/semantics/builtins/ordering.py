"""Sorting and extremes by the total order of reference 7.2, or by a comparator. All sorts are stable.

Functions of the program are never called from inside `sorted`: that would put a C frame on the stack for every nested
call. Keys are computed first, and a comparator drives the merge sort below.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import cmp_to_key, partial

from rtfs.errors import RtfsError
from rtfs.semantics.builtins.operands import MISSING, function, items, like
from rtfs.semantics.calls import blame, each, two
from rtfs.semantics.faults import type_error
from rtfs.semantics.library import LIBRARY, builtin
from rtfs.values.equality import compare, is_truthy
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NUMBERS = frozenset((int, float))
_STRINGS = frozenset((str,))
_in_total_order = cmp_to_key(compare)


def _python_orders(values: list[Any]) -> bool:
    """Whether Python's own order on these values is the language's: all strings, or all numbers and no NaN."""
    kinds = set(map(type, values))
    if kinds <= _STRINGS:
        return True
    return kinds <= _NUMBERS and (float not in kinds or all(value == value for value in values))


@builtin(
    "sort",
    1,
    2,
    type="[:and [:fn [string] string] "
    "[:fn [[:seq a]] [:vector a]] "
    "[:fn [[:fn [string string] [:union bool number nil]] string] string] "
    "[:fn [[:fn [a a] [:union bool number nil]] [:seq a]] [:vector a]]]",
)
def sort(a: Any, b: Any = MISSING) -> Any:
    """`(sort coll)`, `(sort cmp coll)`: in ascending order, same kind; `cmp` gives true or a negative number for "before"."""
    coll, comparator = (a, None) if b is MISSING else (b, function("sort", a, 0))
    found = items("sort", coll, 0 if b is MISSING else 1)
    order = _python_order(comparator)
    if order is not None and _python_orders(found):
        found.sort(reverse=order)
        return like(coll, found)
    return like(coll, [found[at] for at in _places("sort", found, comparator)])


@builtin(
    "sort-by",
    2,
    3,
    type="[:and [:fn [[:fn [a] any] [:seq a]] [:vector a]] "
    "[:fn [[:fn [a] b] [:fn [b b] [:union bool number nil]] [:seq a]] [:vector a]]]",
)
def sort_by(f: Any, a: Any, b: Any = MISSING) -> Vector:
    """`(sort-by f coll)`, `(sort-by f cmp coll)`: in ascending order of what `f` makes of the items."""
    function("sort-by", f, 0)
    coll, comparator = (a, None) if b is MISSING else (b, function("sort-by", a, 1))
    found = items("sort-by", coll, 1 if b is MISSING else 2)
    order = _python_order(comparator)
    if order is not None and type(f) is Keyword and found:
        done = _sorted_by_field(f, found, order)
        if done is not None:
            return Vector.adopt(done)
    keys = each(f, found)
    if order is not None and _python_orders(keys):
        # the sort asks for the key of each item in turn: it gets them from the list
        found.sort(key=partial(next, iter(keys)), reverse=order)
        return Vector.adopt(found)
    return Vector.adopt([found[at] for at in _places("sort-by", keys, comparator)])


def _python_order(comparator: Any) -> bool | None:
    """Whether Python sorts by this comparator in reverse; None if it cannot."""
    # a comparison that is not imported yet cannot be the comparator
    if comparator is None or comparator is LIBRARY.get("<"):
        return False
    return True if comparator is LIBRARY.get(">") else None


def _sorted_by_field(key: Keyword, found: list[Any], reverse: bool) -> list[Any] | None:
    """The items in the order of what they hold under a key, if they are maps that hold only integers or only strings there."""
    fields = _fields(key)
    next(fields)
    try:
        return sorted(found, key=fields.send, reverse=reverse)  # `reverse` too keeps the order of equal keys
    except (AttributeError, LookupError, TypeError):
        return None


def _fields(key: Keyword) -> Generator[Any, Any, None]:
    """Gets maps, gives what they hold under a key: entered again for each, where a function would be called.

    Anything unlike what it hopes for is an error that only `_sorted_by_field` sees: an item without a table, a table that is not
    a dict, a missing key, another kind of value.
    """
    item = yield
    value = item._table[key]
    kind = value.__class__
    if kind is not int and kind is not str:
        raise TypeError
    while True:
        value = (yield value)._table[key]
        if value.__class__ is not kind:
            raise TypeError


def _places(operation: str, keys: list[Any], comparator: Any) -> list[int]:
    """The indices of `keys` in the order of the keys, by `comparator` unless that is None."""
    indices = list(range(len(keys)))
    if comparator is None:
        ranks = [_in_total_order(key) for key in keys]
        indices.sort(key=ranks.__getitem__)
        return indices
    return _merge_sort(operation, comparator, keys, indices)


def _before(operation: str, comparator: Callable[[Any, Any], Any], a: Any, b: Any) -> bool:
    try:
        result = comparator(a, b)
    except RtfsError as error:
        blame(error)
        raise
    kind = type(result)
    if kind is int or kind is float:
        return bool(result < 0)
    if kind is bool or result is None:
        return is_truthy(result)
    raise type_error(operation, "a boolean or number from the comparator", result)


def _merge_sort(operation: str, comparator: Any, keys: list[Any], indices: list[int]) -> list[int]:
    """Bottom-up: runs of one item, of two, of four … Ends also when the comparator contradicts itself."""
    size, width = len(keys), 1
    before = two(comparator)
    while width < size:
        merged: list[int] = []
        for low in range(0, size, 2 * width):
            middle, high = min(low + width, size), min(low + 2 * width, size)
            left, right = low, middle
            while left < middle and right < high:
                # the right one only when it is strictly before: equal items keep their order
                if _before(operation, before, keys[indices[right]], keys[indices[left]]):
                    merged.append(indices[right])
                    right += 1
                else:
                    merged.append(indices[left])
                    left += 1
            merged += indices[left:middle]
            merged += indices[right:high]
        indices, width = merged, 2 * width
    return indices


def _extreme(operation: str, f: Any, coll: Any, sign: int) -> Any:
    function(operation, f, 0)
    found = items(operation, coll, 1)
    if not found:
        return None
    keys = each(f, found)
    best = 0
    for at in range(1, len(keys)):
        if compare(keys[at], keys[best]) == sign:
            best = at
    return found[best]


@builtin("max-by", 2, type="[:fn [[:fn [a] any] [:seq a]] a?]")
def max_by(f: Any, coll: Any) -> Any:
    """`(max-by f coll)`: the first item for which `f` gives the most, nil for none."""
    return _extreme("max-by", f, coll, 1)


@builtin("min-by", 2, type="[:fn [[:fn [a] any] [:seq a]] a?]")
def min_by(f: Any, coll: Any) -> Any:
    """`(min-by f coll)`: the first item for which `f` gives the least, nil for none."""
    return _extreme("min-by", f, coll, -1)
