"""Reading from collections in place: `first`, `nth`, `count`, `get`, `(:k m)` and the parts of patterns.

The one place outside `values` that knows how vectors and maps are laid out (a window on a buffer; a table with `get`): a call of a
method written in Python costs more than everything else that these do.  Whatever is not a vector or map goes to the built-in.
"""

from __future__ import annotations

import ast as py

from rtfs.eval.compiled.builder import is_const
from rtfs.eval.compiled.generate import Generator
from rtfs.ir import nodes as ir
from rtfs.values.scalars import Keyword

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


def entry(g: Generator, value: Any, key: Any, default: Any) -> Any:
    """What a map (a name) holds under a constant key."""
    if type(key) is float or type(key) is bool:
        return g.apply(g.attribute(value, "get"), [g.const(key), default])
    return g.apply(g.attribute(g.attribute(value, "_table"), "get"), [g.const(key), default])


def keyword_call(g: Generator, keyword: Keyword, node: ir.Node) -> Any:
    """`(:k m)`"""
    value = g.named(g.expr(node))
    if is_const(value):
        return g.call(" look_up", g.const(keyword), value)
    found = entry(g, value, keyword, g.const(None))
    return g.choose(g.of_type(value, " Map"), found, g.call(" look_up", g.const(keyword), value))


def _builtin(g: Generator, name: str, values: list[Any]) -> Any:
    return g.apply(g.load(f"{name} {len(values)}"), values)


def _operands(g: Generator, node: ir.Call) -> list[Any]:
    values = g.exprs(node.args)
    for i, value in enumerate(values):
        if not g.is_stable(value):
            values[i] = g.named(value)
    return values


def first(g: Generator, node: ir.Call, name: str) -> Any:
    (value,) = _operands(g, node)
    if is_const(value):
        return _builtin(g, name, [value])
    some = g.compare(g.attribute(value, "_stop"), py.Gt(), g.attribute(value, "_start"))
    fits = g.both(g.of_type(value, " Vector"), some)
    return g.choose(fits, item(g, value, g.const(0)), _builtin(g, name, [value]))


def count(g: Generator, node: ir.Call, name: str) -> Any:
    (value,) = _operands(g, node)
    if is_const(value):
        return _builtin(g, name, [value])
    return g.choose(g.of_type(value, " Vector"), length(g, value), _builtin(g, name, [value]))


def empty(g: Generator, node: ir.Call, name: str) -> Any:
    (value,) = _operands(g, node)
    if is_const(value):
        return _builtin(g, name, [value])
    nothing = g.compare(g.attribute(value, "_stop"), py.Eq(), g.attribute(value, "_start"))
    return g.choose(g.of_type(value, " Vector"), nothing, _builtin(g, name, [value]))


def nth(g: Generator, node: ir.Call, name: str) -> Any:
    """`nth` and, of vectors, `get`."""
    value, index = _operands(g, node)
    if is_const(value):
        return _builtin(g, name, [value, index])
    kind = node.args[1].kind
    literal = node.args[1].value if isinstance(node.args[1], ir.Const) else ...
    if name == "get" and (type(literal) is Keyword or type(literal) is str):
        return g.choose(g.of_type(value, " Map"), entry(g, value, literal, g.const(None)), _builtin(g, name, [value, index]))
    if is_const(index) and type(literal) is not int:
        return _builtin(g, name, [value, index])
    tests = [g.of_type(value, " Vector")]
    if kind != "int":
        tests.append(g.of_type(index, " int"))
    tests.append(g.put(py.Compare(g.const(0), [py.LtE(), py.Lt()], [index, length(g, value)])))
    return g.choose(g.both(*tests), item(g, value, index), _builtin(g, name, [value, index]))


INLINE: dict[tuple[str, int], Any] = {
    ("first", 1): first,
    ("count", 1): count,
    ("empty?", 1): empty,
    ("nth", 2): nth,
    ("get", 2): nth,
}
