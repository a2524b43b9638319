"""Loops that walk along a sequence with `first` and `rest`: a place in its items instead of a new sequence at each step.

The loop is generated twice: for sequences with a cursor, and as it is written for whatever else the value may be.
"""

from __future__ import annotations

import ast as py
from collections.abc import Callable

from rtfs.eval.compiled import metering
from rtfs.eval.compiled.generate import EFFECT, RETURN, Destination, Generator
from rtfs.ir import nodes as ir
from rtfs.ir.scopes import inner_keys, pattern_of, used
from rtfs.source import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_READS = frozenset(("first", "empty?", "count"))
_LARGEST = 200  # nodes of a loop that may stand twice
_COPIED = 64  # items: fewer are copied to be gone through


def with_cursors(
    g: Generator,
    target: ir.Loop | ir.Fn,
    variables: list[ir.Var],
    body: ir.Node,
    to: Destination,
    emit: Callable[[], None],
) -> None:
    """Add the statements of a loop, with cursors for those of its variables that only go along a sequence.

    Args:
        emit: adds the statements of the loop as it is.
        to: where the values of the body go, and out of the loop.
    """
    found = walked(g, target, variables, body)
    if not found:
        emit()
        return

    def fast() -> None:
        for var in found:
            parts = _for_each(g, target, variables, var, body)
            if parts is not None:
                span = target.span if isinstance(target, ir.Loop) or target.ast is None else target.ast.body.span
                _emit_for(g, var, parts, to, span)
                return
        for var in found:
            name = g.name_of(var)
            g.assign(f"{name} items", g.attribute(g.load(name), "_buf"))
            g.assign(f"{name} at", g.attribute(g.load(name), "_start"))
            g.assign(f"{name} end", g.attribute(g.load(name), "_stop"))
            g.cursors[var] = "at"
        emit()
        for var in found:
            del g.cursors[var]

    names = [g.load(g.name_of(var)) for var in found]
    test = g.both(*[g.either(g.of_type(name, " Vector"), g.of_type(name, " List")) for name in names])
    g.when(test, g.inside(fast), g.inside(emit))


def _emit_for(g: Generator, var: ir.Var, parts: tuple[ir.Node, ir.Node], to: Destination, span: Span | None) -> None:
    from rtfs.eval.compiled.loops import ending_there
    from rtfs.eval.compiled.speculation import speculate

    name = g.name_of(var)
    again, done = parts
    # the item has a variable of its own, of which something may be known
    item = ir.Var(f"{var.name} item", g.frame.fn, in_loop=True)
    item.py, item.stores = f"{name} item", 1
    reads = _replace_reads(g, again, var, item)
    g.cursors[var] = "item"
    turn = ending_there(g.inside(lambda: speculate(g, [_found(again, reads)], [item], lambda: g.stmt(_found(again, reads), to))))
    for above, part, at, before, _ in reads:
        _put(above, part, at, before)
    g.cursors[var] = "end"
    ended = g.inside(lambda: g.stmt(done, to if to is RETURN or to is EFFECT else Destination(to.name)))
    del g.cursors[var]
    buffer, start, stop = (g.attribute(g.load(name), slot) for slot in ("_buf", "_start", "_stop"))
    few = g.compare(stop, py.Lt(), g.const(_COPIED))
    items = g.choose(few, g.item(buffer, g.put(py.Slice(start, stop, None))), g.call(" walk", g.load(name)))
    metering.scan(g, f"{name} item", items, span, turn, ended)


_Read = tuple[ir.Node | None, str, int, ir.Node, ir.Node]


def _replace_reads(g: Generator, body: ir.Node, var: ir.Var, item: ir.Var) -> list[_Read]:
    """Put reads of `item` in the place of `(first var)`; gives where (node, part, index), what was there and what is now."""
    found: list[_Read] = []

    def visit(node: ir.Node, above: ir.Node | None, part: str, at: int) -> None:
        if _reads(g, node, ("first",)) and node.args[0].var is var:  # type: ignore[attr-defined]
            read = ir.Get(node.span, item)
            item.reads += 1
            found.append((above, part, at, node, read))
            _put(above, part, at, read)
            return
        for name in node.parts:
            value = getattr(node, name)
            if isinstance(value, list):
                for i in range(len(value)):
                    visit(value[i], node, name, i)
            elif value is not None:
                visit(value, node, name, -1)

    visit(body, None, "", -1)
    return found


def _put(above: ir.Node | None, part: str, at: int, node: ir.Node) -> None:
    if above is None:
        return
    if at < 0:
        setattr(above, part, node)
    else:
        getattr(above, part)[at] = node


def _found(body: ir.Node, reads: list[_Read]) -> ir.Node:
    """The body, when reads were replaced in it."""
    return reads[0][4] if reads and reads[0][0] is None else body


def _for_each(
    g: Generator, target: ir.Loop | ir.Fn, variables: list[ir.Var], var: ir.Var, body: ir.Node
) -> tuple[ir.Node, ir.Node] | None:
    """What is done for each item and what at the end, of a loop that goes along one sequence item by item."""
    if isinstance(target, ir.Fn) and any(not isinstance(node, ir.Check) for node in target.prepare):
        return None
    if not isinstance(body, ir.If) or not _reads(g, body.test, ("empty?",)):
        return None
    if body.test.args[0].var is not var:  # type: ignore[attr-defined]
        return None
    at = variables.index(var)
    waiting = [body.otherwise]
    while waiting:
        node = waiting.pop()
        if _reads(g, node, ("first",)):
            continue
        if _reads(g, node, ("empty?", "count")) and node.args[0].var is var:  # type: ignore[attr-defined]
            return None
        args = _restarts(g, node, target)
        if args is None:
            waiting.extend(node.children())
            continue
        if not (_reads(g, args[at], ("rest",)) and args[at].args[0].var is var):  # type: ignore[attr-defined]
            return None
        waiting.extend([arg for i, arg in enumerate(args) if i != at])
    waiting = [body.then]
    while waiting:
        node = waiting.pop()
        if _restarts(g, node, target) is not None:
            return None
        waiting.extend(node.children())
    return body.otherwise, body.then


def read(g: Generator, node: ir.Call) -> Any:
    """`first`, `rest` and the like of a variable with a cursor, else None."""
    arg = node.args[0] if len(node.args) == 1 else None
    if not (isinstance(arg, ir.Get) and arg.var in g.cursors):
        return None
    assert isinstance(node.function, ir.GlobalGet)
    name, what = g.name_of(arg.var), node.function.name
    if g.cursors[arg.var] != "at":
        ended = g.cursors[arg.var] == "end"
        # of `rest`, the value is not used where Python's `for` steps on
        return g.const({"first": None, "empty?": ended, "count": 0, "rest": None}[what])
    at, end = g.load(f"{name} at"), g.load(f"{name} end")
    if what == "empty?":
        return g.compare(at, py.Eq(), end)
    if what == "count":
        return g.binary(end, py.Sub(), at)
    some = g.compare(at, py.Lt(), end)
    if what == "first":
        return g.choose(some, g.item(g.load(f"{name} items"), at), g.const(None))
    return g.choose(some, g.binary(at, py.Add(), g.const(1)), end)


def next_name(g: Generator, var: ir.Var) -> str | None:
    """The Python variable that gets a new value when a loop starts again, for a variable with a cursor; empty if none does."""
    how = g.cursors.get(var)
    return None if how is None else f"{g.name_of(var)} at" if how == "at" else ""


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
        pattern = pattern_of(node)
        if pattern is not None and inner_keys(pattern):  # a default or guard inside it may read them too
            return []
        if _reads(g, node, _READS):
            continue
        candidates.difference_update(used(node))  # the whole sequence is looked at
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
