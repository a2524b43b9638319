"""What takes a function and a collection: reference 8.6 and 8.10.

Functions are applied in plain `for` loops, as `calls.one` or `calls.two` gives them, never from inside a generator, comprehension
or C function, so that recursion of the program stays off the C stack. Maps are sequences of `[key value]`, strings of characters.
"""

from __future__ import annotations

from rtfs.errors import EvalError, RtfsError
from rtfs.semantics.builtins.collections import put, rebuild, step_into, walk
from rtfs.semantics.builtins.operands import MISSING, distinct_key, extend, function, items, mapping
from rtfs.semantics.calls import blame, call_back, each, one, pace, two
from rtfs.semantics.library import builtin
from rtfs.values.equality import is_truthy
from rtfs.values.maps import Map, encode
from rtfs.values.meter import count_step
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@builtin("map", 2, type="[:fn [[:fn [a] b] [:seq a]] [:vector b]]")
def map_items(f: Any, coll: Any) -> Vector:
    """`(map f coll)`: what `f` makes of each item."""
    function("map", f, 0)
    return Vector.adopt(each(f, items("map", coll, 1)))


@builtin("map-indexed", 2, type="[:fn [[:fn [int a] b] [:seq a]] [:vector b]]")
def map_indexed(f: Any, coll: Any) -> Vector:
    """`(map-indexed f coll)`: what `f` makes of each index and item."""
    function("map-indexed", f, 0)
    out: list[Any] = []
    found = items("map-indexed", coll, 1)
    work = two(f)
    try:
        for item in found:
            out.append(work(len(out), item))
    except RtfsError as error:
        blame(error)
        raise
    return Vector.adopt(out)


@builtin("mapcat", 2, type="[:fn [[:fn [a] [:seq b]] [:seq a]] [:vector b]]")
def map_concat(f: Any, coll: Any) -> Vector:
    """`(mapcat f coll)`: the items of all the collections that `f` makes of the items."""
    function("mapcat", f, 0)
    out: list[Any] = []
    found = items("mapcat", coll, 1)
    work = one(f)
    for item in found:
        try:
            result = work(item)
        except RtfsError as error:
            blame(error)
            raise
        extend("mapcat", out, items("mapcat", result, 0))
    return Vector.adopt(out)


@builtin("map-vals", 2, type="[:fn [[:fn [a] b] [:map-of k a]] [:map-of k b]]")
def map_values(f: Any, table: Any) -> Map:
    """`(map-vals f m)`: the map with `f` applied to every value."""
    function("map-vals", f, 0)
    found = mapping("map-vals", table, 1)
    return found.with_values(each(f, found.values()))


@builtin("filter", 2, type="[:fn [[:fn [a] any] [:seq a]] [:vector a]]")
def keep_matching(f: Any, coll: Any) -> Vector:
    """`(filter f coll)`: the items for which `f` is truthy."""
    function("filter", f, 0)
    found = items("filter", coll, 1)
    results = each(f, found)
    return Vector.adopt([found[i] for i, result in enumerate(results) if result is not None and result is not False])


@builtin("remove", 2, type="[:fn [[:fn [a] any] [:seq a]] [:vector a]]")
def drop_matching(f: Any, coll: Any) -> Vector:
    """`(remove f coll)`: the items for which `f` is falsy."""
    function("remove", f, 0)
    found = items("remove", coll, 1)
    results = each(f, found)
    return Vector.adopt([found[i] for i, result in enumerate(results) if result is None or result is False])


@builtin("keep", 2, type="[:fn [[:fn [a] b?] [:seq a]] [:vector b]]")
def keep(f: Any, coll: Any) -> Vector:
    """`(keep f coll)`: what `f` makes of each item, without the nils."""
    function("keep", f, 0)
    return Vector.adopt([result for result in each(f, items("keep", coll, 1)) if result is not None])


@builtin("reduce", 2, 3, type="[:and [:fn [[:fn [a a] a] [:seq a]] a] [:fn [[:fn [a b] a] a [:seq b]] a]]")
def reduce(f: Any, a: Any, b: Any = MISSING) -> Any:
    """`(reduce f coll)`, `(reduce f init coll)`: `f` of the result so far and each item in turn."""
    function("reduce", f, 0)
    if b is MISSING:
        found = items("reduce", a, 1)
        if not found:
            raise EvalError("reduce on empty collection with no initial value")
        result = found[0]
        del found[0]
    else:
        found, result = items("reduce", b, 2), a
    work = two(f, steps=False)
    try:
        for item in pace(f, found):
            result = work(result, item)
        count_step()
    except RtfsError as error:
        blame(error)
        raise
    return result


def _occurs(operation: str, f: Any, coll: Any, truth: bool) -> bool:
    """Whether some item makes `f` truthy (`truth`) or falsy; stops at the first."""
    return _first(operation, f, coll, truth)[0]


def _first(operation: str, f: Any, coll: Any, truth: bool) -> tuple[bool, Any]:
    """Whether there is such an item, and what `f` makes of the first one."""
    function(operation, f, 0)
    found = items(operation, coll, 1)
    work = one(f)
    try:
        for item in found:
            result = work(item)
            if (result is not None and result is not False) is truth:
                return True, result
    except RtfsError as error:
        blame(error)
        raise
    return False, None


@builtin("every?", 2, type="[:fn [[:fn [a] any] [:seq a]] bool]")
def is_every(f: Any, coll: Any) -> bool:
    """`(every? f coll)`: whether `f` is truthy for all items."""
    return not _occurs("every?", f, coll, False)


@builtin("not-every?", 2, type="[:fn [[:fn [a] any] [:seq a]] bool]")
def is_not_every(f: Any, coll: Any) -> bool:
    """`(not-every? f coll)`: whether `f` is falsy for some item."""
    return _occurs("not-every?", f, coll, False)


@builtin("some?", 2, type="[:fn [[:fn [a] any] [:seq a]] bool]")
def is_some(f: Any, coll: Any) -> bool:
    """`(some? f coll)`: whether `f` is truthy for some item."""
    return _occurs("some?", f, coll, True)


@builtin("not-any?", 2, type="[:fn [[:fn [a] any] [:seq a]] bool]")
def is_not_any(f: Any, coll: Any) -> bool:
    """`(not-any? f coll)`: whether `f` is falsy for all items."""
    return not _occurs("not-any?", f, coll, True)


@builtin("some", 2, type="[:fn [[:fn [a] b] [:seq a]] b?]")
def some(f: Any, coll: Any) -> Any:
    """`(some f coll)`: the first truthy result of `f`, nil if there is none."""
    return _first("some", f, coll, True)[1]


def _leading(operation: str, f: Any, found: list[Any]) -> int:
    """How many items at the start `f` is truthy for."""
    function(operation, f, 0)
    count = 0
    work = one(f)
    try:
        for item in found:
            if not is_truthy(work(item)):
                break
            count += 1
    except RtfsError as error:
        blame(error)
        raise
    return count


@builtin("take-while", 2, type="[:fn [[:fn [a] any] [:seq a]] [:vector a]]")
def take_while(f: Any, coll: Any) -> Vector:
    """`(take-while f coll)`: the items before the first for which `f` is falsy."""
    found = items("take-while", coll, 1)
    return Vector.adopt(found[: _leading("take-while", f, found)])


@builtin("drop-while", 2, type="[:fn [[:fn [a] any] [:seq a]] [:vector a]]")
def drop_while(f: Any, coll: Any) -> Vector:
    """`(drop-while f coll)`: the items from the first on for which `f` is falsy."""
    found = items("drop-while", coll, 1)
    return Vector.adopt(found[_leading("drop-while", f, found) :])


@builtin("group-by", 2, type="[:fn [[:fn [a] k] [:seq a]] [:map-of k [:vector a]]]")
def group_by(f: Any, coll: Any) -> Map:
    """`(group-by f coll)`: a map from each result of `f` to the vector of the items that gave it."""
    function("group-by", f, 0)
    found = items("group-by", coll, 1)
    keys = each(f, found)
    groups: dict[Any, list[Any]] = {}
    for i in range(len(found)):
        key = encode(keys[i])
        group = groups.get(key)
        if group is None:
            groups[key] = [found[i]]
        else:
            group.append(found[i])
    return Map.adopt({key: Vector.adopt(group) for key, group in groups.items()})


@builtin("distinct-by", 2, type="[:fn [[:fn [a] any] [:seq a]] [:vector a]]")
def distinct_by(f: Any, coll: Any) -> Vector:
    """`(distinct-by f coll)`: of the items for which `f` gives the same, only the first."""
    function("distinct-by", f, 0)
    seen: dict[Any, Any] = {}
    found = items("distinct-by", coll, 1)
    for key, item in zip(each(f, found), found):
        seen.setdefault(distinct_key(key), item)
    return Vector.adopt(list(seen.values()))


@builtin("apply", 2, None, type="[:and [:fn [fn [:seq any]] any] [:fn [fn any [:seq any]] any] [:fn [fn any any any & any] any]]")
def apply(f: Any, *operands: Any) -> Any:
    """`(apply f a … coll)`: `f` called with `a …` and then the items of `coll`; a map spreads as k v k v."""
    function("apply", f, 0)
    args = list(operands[:-1])
    spread = operands[-1]
    if type(spread) is Map:
        for key, value in spread.items():
            args += (key, value)
    else:
        args += items("apply", spread, len(operands))
    return call_back(f, args)


def _made(f: Any, value: Any, more: tuple[Any, ...]) -> Any:
    """`(f value a …)`"""
    try:
        if not more:
            return one(f)(value)
        if len(more) == 1:
            return two(f)(value, more[0])
    except RtfsError as error:
        blame(error)
        raise
    return call_back(f, [value, *more])


@builtin(
    "update",
    3,
    None,
    type="[:and [:fn [[:map-of k v] a [:fn [any] b]] [:map-of [:union k a] [:union v b]]] "
    "[:fn [[:vector a] int [:fn [a] b]] [:vector [:union a b]]] "
    "[:fn [map any fn any & any] map] "
    "[:fn [vector int fn any & any] vector]]",
)
def update(coll: Any, key: Any, f: Any, *more: Any) -> Any:
    """`(update coll k f a …)`: with the value under `k` replaced by `(f value a …)`."""
    function("update", f, 2)
    return put("update", coll, key, _made(f, step_into("update", coll, key), more), 1)


@builtin(
    "update-in",
    3,
    None,
    type="[:and [:fn [map [:union vector map] [:fn [any] any]] map] "
    "[:fn [vector [:union vector map] [:fn [any] any]] vector] "
    "[:fn [map [:union vector map] fn any & any] map] "
    "[:fn [vector [:union vector map] fn any & any] vector]]",
)
def update_in(coll: Any, path: Any, f: Any, *more: Any) -> Any:
    """`(update-in coll [k …] f a …)`: the same at the end of a path; missing maps are made."""
    function("update-in", f, 2)
    steps, through = walk("update-in", coll, path)
    return rebuild("update-in", steps, through, _made(f, step_into("update-in", through[-1], steps[-1]), more))
