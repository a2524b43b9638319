"""Reading from collections in place: `first`, `nth`, `count`, `get`, `(:k m)` and the parts of patterns.

The one place outside `values` that knows how vectors and maps are laid out (a window on a buffer; a table with `get`): a call of a
method written in Python costs more than everything else that these do.  Whatever is not a vector or map goes to the built-in.
"""

from __future__ import annotations

import ast as py

from rtfs.eval.compiled.builder import is_const
from rtfs.eval.compiled.generate import Generator
from rtfs.ir import nodes as ir
from rtfs.values.meter import MANY_ITEMS
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def length(g: Generator, value: Any) -> Any:
    """How many items a sequence (a name) has."""
    return g.binary(g.attribute(value, "_stop"), py.Sub(), g.attribute(value, "_start"))


def item(g: Generator, value: Any, index: Any) -> Any:
    """The item of a sequence (a name) at an index that it surely has."""
    start = g.attribute(value, "_start")
    zero = isinstance(index, py.Constant) and index.value == 0
    return g.item(g.attribute(value, "_buf"), start if zero else g.binary(start, py.Add(), index))


def window(g: Generator, value: Any, items: str, count: str, needed: int) -> None:
    """Statements that open a sequence (a name): the variable `count` is how many items it has, `items` can be indexed by
    constants below `needed` that are below `count`.

    Nearly every sequence begins where its buffer does; of another one the few items that are needed are copied.
    """
    start, stop = g.attribute(value, "_start"), g.attribute(value, "_stop")
    if not needed:
        g.assign(count, g.binary(stop, py.Sub(), start))
        return
    g.assign(items, g.attribute(value, "_buf"))
    g.assign(count, stop)

    def shifted() -> None:
        end = g.binary(start, py.Add(), g.const(needed))
        g.assign(items, g.item(g.load(items), g.put(py.Slice(start, end, None))))
        g.assign(count, g.binary(g.load(count), py.Sub(), start))

    g.when(start, g.inside(shifted))


def rest(g: Generator, value: Any, count: int) -> Any:
    """A vector of the items of a sequence (a name) after the first `count`, which it surely has; it shares the buffer."""
    start = g.attribute(value, "_start")
    first = g.binary(start, py.Add(), g.const(count)) if count else start
    return g.call(" window", g.attribute(value, "_buf"), first, g.attribute(value, "_stop"))


def vector(g: Generator, parts: list[Any]) -> Any:
    """A new vector of some values. In a loop it is put together in place, in three quarters of the time."""
    if not g.repeated:
        return g.call(" vector", g.list_of(parts))
    made = g.temp()
    slots = {"_buf": g.list_of(parts), "_start": g.const(0), "_stop": g.const(len(parts))}
    g.assign(made, g.call(" new", g.const(Vector)))
    for slot, value in {**slots, **dict.fromkeys(("_hash", "_owner", "where"), g.const(None))}.items():
        g.add(py.Assign([g.put(py.Attribute(g.load(made), slot, py.Store()))], value))
    return g.load(made)


def items(g: Generator, value: Any, kind: str | None, otherwise: Any) -> Any:
    """The items of a vector (a name) as a new Python list; `otherwise` for other values, and for many under limits, which count
    them."""
    if is_const(value):
        return otherwise
    return _if(g, [*([] if kind == "vec" else [g.of_type(value, " Vector")]), *_not_announced(g, value)], _all(g, value), otherwise)


def _not_announced(g: Generator, value: Any) -> list[Any]:
    """The test of whether a copy of a sequence (a name) is too small to be announced; none where nobody wants to know."""
    return [g.compare(g.attribute(value, "_stop"), py.Lt(), g.const(MANY_ITEMS))] if g.metered else []


def _all(g: Generator, value: Any) -> Any:
    """The items of a sequence (a name) as a new Python list."""
    return g.item(g.attribute(value, "_buf"), g.put(py.Slice(g.attribute(value, "_start"), g.attribute(value, "_stop"), None)))


def entry(g: Generator, value: Any, key: Any, default: Any) -> Any:
    """What a map (a name) holds under a constant key."""
    if type(key) is float or type(key) is bool:
        return g.apply(g.attribute(value, "get"), [g.const(key), default])
    return g.apply(g.attribute(g.attribute(value, "_table"), "get"), [g.const(key), default])


def stored_key(g: Generator, node: ir.Node, key: Any) -> Any:
    """A key (a name or constant) as maps store it (`maps.encode`)."""
    if isinstance(node, ir.Const):
        return g.call(" encode", key) if type(node.value) in (float, bool) else key
    if node.kind in ("int", "str", "vec", "map", "fn"):
        return key
    if node.kind in ("float", "bool"):
        return g.call(" encode", key)
    plain = g.both(g.not_of_type(key, " float"), g.not_of_type(key, " bool"))
    return g.choose(plain, key, g.call(" encode", key))


def keyword_call(g: Generator, keyword: Keyword, node: ir.Node) -> Any:
    """`(:k m)`"""
    value = g.named(g.expr(node))
    if is_const(value):
        return g.call(" look_up", g.const(keyword), value)
    found = entry(g, value, keyword, g.const(None))
    return _if(g, _is_map(g, node, value), found, g.call(" look_up", g.const(keyword), value))


def _builtin(g: Generator, name: str, values: list[Any]) -> Any:
    return g.apply(g.load(f"{name} {len(values)}"), values)


def _operands(g: Generator, node: ir.Call) -> list[Any]:
    values = g.exprs(node.args)
    for i, value in enumerate(values):
        if not g.is_stable(value):
            values[i] = g.named(value)
    return values


def _is_vector(g: Generator, node: ir.Node, value: Any) -> list[Any]:
    """The test of whether a value is a vector; none where that is known."""
    return [] if node.kind == "vec" else [g.of_type(value, " Vector")]


def _is_map(g: Generator, node: ir.Node, value: Any) -> list[Any]:
    return [] if node.kind == "map" else [g.of_type(value, " Map")]


def _if(g: Generator, tests: list[Any], then: Any, otherwise: Any) -> Any:
    return g.choose(g.both(*tests), then, otherwise) if tests else then


def _some(g: Generator, value: Any) -> Any:
    """Whether a sequence (a name) has items."""
    return g.compare(g.attribute(value, "_stop"), py.Gt(), g.attribute(value, "_start"))


def first(g: Generator, node: ir.Call, name: str) -> Any:
    (value,) = _operands(g, node)
    if is_const(value):
        return _builtin(g, name, [value])
    return _if(g, [*_is_vector(g, node.args[0], value), _some(g, value)], item(g, value, g.const(0)), _builtin(g, name, [value]))


def last(g: Generator, node: ir.Call, name: str) -> Any:
    (value,) = _operands(g, node)
    if is_const(value):
        return _builtin(g, name, [value])
    found = g.item(g.attribute(value, "_buf"), g.binary(g.attribute(value, "_stop"), py.Sub(), g.const(1)))
    return _if(g, [*_is_vector(g, node.args[0], value), _some(g, value)], found, _builtin(g, name, [value]))


def all_but_first(g: Generator, node: ir.Call, name: str) -> Any:
    """`(rest xs)`"""
    (value,) = _operands(g, node)
    if is_const(value):
        return _builtin(g, name, [value])
    return _if(g, [*_is_vector(g, node.args[0], value), _some(g, value)], rest(g, value, 1), _builtin(g, name, [value]))


def cons(g: Generator, node: ir.Call, name: str) -> Any:
    values = _operands(g, node)
    first, value = values
    if is_const(value):
        return _builtin(g, name, values)
    others = g.put(py.Starred(_all(g, value), py.Load()))
    tests = [*_is_vector(g, node.args[1], value), *_not_announced(g, value)]
    return _if(g, tests, g.call(" vector", g.list_of([first, others])), _builtin(g, name, values))


def count(g: Generator, node: ir.Call, name: str) -> Any:
    (value,) = _operands(g, node)
    if is_const(value):
        return _builtin(g, name, [value])
    kind = node.args[0].kind
    if kind == "str" or kind == "map":
        return g.call(" len", value if kind == "str" else g.attribute(value, "_table"))
    otherwise = _builtin(g, name, [value])
    if kind != "vec":
        otherwise = g.choose(g.of_type(value, " str"), g.call(" len", value), otherwise)
    return _if(g, _is_vector(g, node.args[0], value), length(g, value), otherwise)


def empty(g: Generator, node: ir.Call, name: str) -> Any:
    (value,) = _operands(g, node)
    if is_const(value):
        return _builtin(g, name, [value])
    nothing = g.compare(g.attribute(value, "_stop"), py.Eq(), g.attribute(value, "_start"))
    return _if(g, _is_vector(g, node.args[0], value), nothing, _builtin(g, name, [value]))


def contains(g: Generator, node: ir.Call, name: str) -> Any:
    """`(contains? m k)` of a map."""
    value, key = _operands(g, node)
    if is_const(value) or node.args[0].kind == "vec":
        return _builtin(g, name, [value, key])
    held = g.compare(stored_key(g, node.args[1], key), py.In(), g.attribute(value, "_table"))
    return _if(g, _is_map(g, node.args[0], value), held, _builtin(g, name, [value, key]))


def _may_be_index(node: ir.Node) -> bool:
    if isinstance(node, ir.Const):
        return type(node.value) is int
    return node.kind in ("int", "num", None)


def _in_range(g: Generator, node: ir.Node, value: Any, index: Any) -> list[Any]:
    """Tests of whether a value is an index of a sequence (a name)."""
    tests = [] if node.kind == "int" or isinstance(node, ir.Const) else [g.of_type(index, " int")]
    natural = node.known.natural or (isinstance(node, ir.Const) and node.value >= 0)
    if natural:
        return [*tests, g.compare(index, py.Lt(), length(g, value))]
    return [*tests, g.put(py.Compare(g.const(0), [py.LtE(), py.Lt()], [index, length(g, value)]))]


def nth(g: Generator, node: ir.Call, name: str) -> Any:
    value, index = _operands(g, node)
    if is_const(value) or not _may_be_index(node.args[1]):
        return _builtin(g, name, [value, index])
    tests = [*_is_vector(g, node.args[0], value), *_in_range(g, node.args[1], value, index)]
    return _if(g, tests, item(g, value, index), _builtin(g, name, [value, index]))


def get(g: Generator, node: ir.Call, name: str) -> Any:
    """`(get coll k)`, `(get coll k default)`: of maps first, then of vectors."""
    values = _operands(g, node)
    value, key = values[:2]
    made = _builtin(g, name, values)
    if is_const(value):
        return made
    if node.args[0].kind != "map" and _may_be_index(node.args[1]):
        tests = [*_is_vector(g, node.args[0], value), *_in_range(g, node.args[1], value, key)]
        made = _if(g, tests, item(g, value, key), made)
    if node.args[0].kind == "vec":
        return made
    default = values[2] if len(values) == 3 else g.const(None)
    found = g.apply(g.attribute(g.attribute(value, "_table"), "get"), [stored_key(g, node.args[1], key), default])
    return _if(g, _is_map(g, node.args[0], value), found, made)


INLINE: dict[tuple[str, int], Any] = {
    ("first", 1): first,
    ("last", 1): last,
    ("rest", 1): all_but_first,
    ("cons", 2): cons,
    ("count", 1): count,
    ("empty?", 1): empty,
    ("contains?", 2): contains,
    ("nth", 2): nth,
    ("get", 2): get,
    ("get", 3): get,
}
