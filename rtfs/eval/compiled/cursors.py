"""Loops that walk along a sequence with `first` and `rest`: a place in its items instead of a new sequence at each step.

The loop is generated twice: for sequences with a cursor, and as it is written for whatever else the value may be.
"""

from __future__ import annotations

import ast as py
from collections.abc import Callable

from rtfs.eval.compiled.generate import Generator
from rtfs.ir import nodes as ir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_READS = frozenset(("first", "empty?", "count"))
_LARGEST = 200  # nodes of a loop that may stand twice


def with_cursors(g: Generator, target: ir.Loop | ir.Fn, variables: list[ir.Var], body: ir.Node, emit: Callable[[], None]) -> None:
    """Add the statements of a loop, with cursors for those of its variables that only go along a sequence."""
    found = walked(g, target, variables, body)
    if not found:
        emit()
        return

    def fast() -> None:
        for var in found:
            name = g.name_of(var)
            g.assign(f"{name} items", g.attribute(g.load(name), "_buf"))
            g.assign(f"{name} at", g.attribute(g.load(name), "_start"))
            g.assign(f"{name} end", g.attribute(g.load(name), "_stop"))
            g.cursors.add(var)
        emit()
        g.cursors.difference_update(found)

    test = g.both(*[g.call(" isinstance", g.load(g.name_of(var)), g.load(" Sequence")) for var in found])
    g.when(test, g.inside(fast), g.inside(emit))


def read(g: Generator, node: ir.Call) -> Any:
    """`first`, `rest` and the like of a variable with a cursor, else None."""
    arg = node.args[0] if len(node.args) == 1 else None
    if not (isinstance(arg, ir.Get) and arg.var in g.cursors):
        return None
    assert isinstance(node.function, ir.GlobalGet)
    name = g.name_of(arg.var)
    at, end = g.load(f"{name} at"), g.load(f"{name} end")
    what = node.function.name
    if what == "empty?":
        return g.compare(at, py.Eq(), end)
    if what == "count":
        return g.binary(end, py.Sub(), at)
    some = g.compare(at, py.Lt(), end)
    if what == "first":
        return g.choose(some, g.item(g.load(f"{name} items"), at), g.const(None))
    return g.choose(some, g.binary(at, py.Add(), g.const(1)), end)


def next_name(g: Generator, var: ir.Var) -> str | None:
    """The Python variable that gets a new value when a loop starts again, for a variable with a cursor."""
    return f"{g.name_of(var)} at" if var in g.cursors else None


def walked(g: Generator, target: ir.Loop | ir.Fn, variables: list[ir.Var], body: ir.Node) -> list[ir.Var]:
    """The variables of a loop that are only taken apart by `first` and `rest`."""
    if isinstance(target, ir.Fn) and target.ast is not None and target.ast.rest is not None:
        return []  # the operands of the rest parameter are made into a list each time
    candidates = {v for v in variables if not (v.captured or v.assigned or v.boxed or v.early)}
    if not candidates:
        return []
    steps: set[ir.Var] = set()
    waiting = [body]
    size = 0
    while waiting:
        node = waiting.pop()
        size += 1
        if isinstance(node, (ir.Fn, ir.Special, ir.Bind, ir.Try)) or size > _LARGEST:
            return []
        if isinstance(node, ir.Get):
            candidates.discard(node.var)
            continue
        if _reads(g, node, _READS):
            continue
        args = _restarts(g, node, target)
        if args is None:
            waiting.extend(node.children())
            continue
        for var, arg in zip(variables, args, strict=True):
            if isinstance(arg, ir.Get) and arg.var is var:
                continue
            if _reads(g, arg, ("rest",)) and arg.args[0].var is var:  # type: ignore[attr-defined]
                steps.add(var)
                continue
            candidates.discard(var)
            waiting.append(arg)
    return [v for v in variables if v in candidates and v in steps]


def _reads(g: Generator, node: ir.Node, names: Any) -> bool:
    return (
        isinstance(node, ir.Call)
        and isinstance(node.function, ir.GlobalGet)
        and node.function.name in names
        and len(node.args) == 1
        and isinstance(node.args[0], ir.Get)
        and not node.args[0].checked
        and g.is_builtin(node.function.name)
    )


def _restarts(g: Generator, node: ir.Node, target: ir.Loop | ir.Fn) -> list[ir.Node] | None:
    """The operands of a node that starts the loop again."""
    if isinstance(node, ir.Recur) and node.target is target and node.args:
        return node.args
    if isinstance(node, ir.Call) and node.itself is target and g.in_version and node.tail:
        return node.args
    return None
