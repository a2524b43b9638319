"""Loops that count: `(loop [i 0 …] (if (< i n) (… (recur (inc i) …)) …))` as Python's `for i in range(…)`."""

from __future__ import annotations

import ast as py

from rtfs.eval.compiled import metering
from rtfs.eval.compiled.generate import EFFECT, RETURN, Destination, Generator
from rtfs.eval.compiled.known import kind_of
from rtfs.ir import nodes as ir
from rtfs.ir.scopes import reads

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass

#: The comparison under which such a loop goes on -> which way it counts, and how far beyond the limit.
_TESTS = {"<": (1, 0), "<=": (1, 1), ">": (-1, 0), ">=": (-1, -1)}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Count:
    """How a loop counts: `var` goes by `step` while the body is `again`, up to `limit` and `beyond`; then comes `done`."""

    __slots__ = ("again", "beyond", "done", "limit", "step", "var")

    def __init__(self, var: ir.Var, step: int, limit: ir.Node, beyond: int, again: ir.Node, done: ir.Node) -> None:
        self.var = var
        self.step = step
        self.limit = limit
        self.beyond = beyond
        self.again = again
        self.done = done


def counting(g: Generator, node: ir.Loop) -> Count | None:
    """How the loop counts, if it does nothing else to decide about its end."""
    body = node.body
    if not isinstance(body, ir.If) or not isinstance(body.test, ir.Call):
        return None
    head = body.test.function
    if not (isinstance(head, ir.GlobalGet) and head.name in _TESTS and len(body.test.args) == 2 and g.is_builtin(head.name)):
        return None
    for name, again, done in ((head.name, body.then, body.otherwise), (_OPPOSITE[head.name], body.otherwise, body.then)):
        for i in (0, 1):
            var_read, limit = body.test.args[i], body.test.args[1 - i]
            step, beyond = _TESTS[name if i == 0 else _MIRROR[name]]
            if isinstance(var_read, ir.Get) and _is_counter(g, node, var_read.var, step, again) and _is_fixed(node, limit):
                if not _restarts(done, node):
                    return Count(var_read.var, step, limit, beyond, again, done)
    return None


def emit(g: Generator, node: ir.Loop, count: Count, to: Destination) -> None:
    """Add the loop's statements; `to` leaves the loop."""
    from rtfs.eval.compiled.loops import ending_there

    name = g.name_of(count.var)
    limit = g.expr(count.limit)
    if count.beyond:
        limit = g.binary(limit, py.Add(), g.const(count.beyond))
    start = g.load(name)
    after = reads(g.unit, count.done, count.var)
    if after:
        first, end = g.temp(), g.temp()
        g.assign(first, start)
        g.assign(end, limit)
        start, limit = g.load(first), g.load(end)
    operands = [start, limit] if count.step == 1 else [start, limit, g.const(-1)]
    body = ending_there(g.inside(lambda: g.stmt(count.again, to)))

    def done() -> None:
        if after:  # the value with which the test failed
            passed = g.compare(limit, py.Gt() if count.step == 1 else py.Lt(), start)
            g.assign(name, g.choose(passed, limit, start))
        g.stmt(count.done, to if to is RETURN or to is EFFECT else Destination(to.name))

    ended = g.inside(done)
    metering.scan(g, g.own(name), g.call(" range", *operands), node.span, body, ended)


def _is_counter(g: Generator, node: ir.Loop, var: ir.Var, step: int, again: ir.Node) -> bool:
    if var not in node.vars or var.kind != "int" or var.captured or var.assigned or var.boxed or var.early:
        return False
    at = node.vars.index(var)
    restarts = _restarts(again, node)
    return bool(restarts) and all(bool(recur.args) and _steps(g, recur.args[at], var, step) for recur in restarts)


def _steps(g: Generator, node: ir.Node, var: ir.Var, step: int) -> bool:
    """`(inc i)`, `(+ i 1)`, `(dec i)`, `(- i 1)`"""
    if not isinstance(node, ir.Call) or not isinstance(node.function, ir.GlobalGet) or not g.is_builtin(node.function.name):
        return False
    if not isinstance(node.args[0], ir.Get) or node.args[0].var is not var:
        return False
    name = node.function.name
    if len(node.args) == 1:
        return name == ("inc" if step == 1 else "dec")
    by = node.args[1]
    return len(node.args) == 2 and isinstance(by, ir.Const) and type(by.value) is int and by.value == 1 and name == "+-"[step < 0]


def _is_fixed(node: ir.Loop, limit: ir.Node) -> bool:
    """Whether a limit is an integer that stays the same throughout the loop."""
    if kind_of(limit) != "int":
        return False
    if isinstance(limit, ir.Get):
        var = limit.var
        return not (limit.checked or var in node.vars or var.assigned or var.boxed or var.early)
    return isinstance(limit, ir.Const)


def _restarts(node: ir.Node, loop: ir.Loop) -> list[ir.Recur]:
    found = []
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ir.Recur) and item.target is loop:
            found.append(item)
        waiting.extend(item.children())
    return found
