"""Moving a function's body into another function."""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.scopes import bindings, pattern_of, used, walk_function


def adopt(unit: ir.Unit, fn: ir.Fn, owner: ir.Fn, *, in_loop: bool) -> None:
    """Make the variables of `fn` those of `owner`, in which its body will stand; `in_loop`: it may run more than once there."""
    mine: dict[ir.Var, None] = dict.fromkeys(fn.params)
    for node in walk_function(unit, fn):
        mine.update(dict.fromkeys(used(node)))
        pattern = pattern_of(node)
        if pattern is not None:
            mine.update(dict.fromkeys([unit.vars[b] for b in bindings(pattern)]))
        if isinstance(node, ir.Try):
            mine.update(dict.fromkeys([clause.var for clause in node.catches if clause.var is not None]))
    for var in mine:
        if var.owner is fn:
            var.owner = owner
            var.in_loop = var.in_loop or in_loop


def applied(fn: ir.Fn) -> ir.Node:
    """What the function does once its parameters have their values; its calls are in tail position no longer."""
    not_tail(fn.body)
    return ir.Seq(fn.span, [*fn.prepare, fn.body]) if fn.prepare else fn.body


def not_tail(node: ir.Node) -> None:
    """The value of the node is no longer that of a function."""
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ir.Call):
            item.tail = False
        elif isinstance(item, ir.If):
            waiting += [item.then, item.otherwise]
        elif isinstance(item, (ir.Seq, ir.Logic)):
            waiting.append(item.items[-1])
        elif isinstance(item, ir.Loop):
            waiting.append(item.body)
