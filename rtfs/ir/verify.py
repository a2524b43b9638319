"""What holds of all IR; a pass that breaks it is a bug in the pass."""

from __future__ import annotations

from rtfs.errors import InternalError
from rtfs.ir import nodes as ir

KINDS = frozenset((None, "int", "float", "num", "bool", "str", "vec", "map", "fn"))


def verify(unit: ir.Unit, after: str) -> None:
    """
    Args:
        after: the pass that ran last.
    Raises:
        InternalError: a variable is used outside the function that owns it without being among the captured ones; a `recur` has
            no target around it or the wrong number of values; a kind is not one; a node stands in two places.
    """
    seen: set[int] = set()
    _check(unit, unit.top.body, unit.top, (), after, seen)


def _fail(after: str, text: str, node: ir.Node) -> None:
    raise InternalError(f"after {after}: {text}", span=node.span)


def _check(unit: ir.Unit, node: ir.Node, fn: ir.Fn, loops: tuple[ir.Node, ...], after: str, seen: set[int]) -> None:
    if id(node) in seen:
        _fail(after, f"{type(node).__name__} stands in two places", node)
    seen.add(id(node))
    if node.kind not in KINDS:
        _fail(after, f"{node.kind!r} is not a kind", node)
    for var in _variables(node):
        if var.owner is not fn and var not in fn.free:
            _fail(after, f"%{var.name} is not captured by {fn.label}", node)
    if isinstance(node, ir.Recur):
        if node.target is not fn and node.target not in loops:
            _fail(after, "recur without its loop around it", node)
        count = len(node.target.params if isinstance(node.target, ir.Fn) else node.target.vars)
        if node.args and len(node.args) != count:
            _fail(after, f"recur with {len(node.args)} values for {count}", node)
    if isinstance(node, ir.Fn):
        for child in node.children():
            _check(unit, child, node, (), after, seen)
        return
    inner = (*loops, node) if isinstance(node, ir.Loop) else loops
    for child in node.children():
        _check(unit, child, fn, inner, after, seen)


def _variables(node: ir.Node) -> list[ir.Var]:
    if isinstance(node, (ir.Get, ir.Set, ir.NoMatch, ir.Scan, ir.Times)):
        return [node.var]
    if isinstance(node, ir.Cases):
        return node.subject()
    if isinstance(node, (ir.Blank, ir.Loop)):
        return list(node.vars)
    if isinstance(node, ir.Update):
        return [node.old] if node.old is not None else []
    return []
