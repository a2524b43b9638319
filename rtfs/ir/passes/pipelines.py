"""`map`, `filter`, `remove` and `reduce` of known functions as loops.

The body of a function literal becomes the body of the loop: no function is made and none is called.  A loop whose collection is
made by another one is marked `fused` when no effect of either can be seen: it then takes each item as the other makes it, and the
collection in between is never built.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.ir import nodes as ir
from rtfs.ir.motion import adopt, body_of
from rtfs.ir.optimise import Counts
from rtfs.ir.passes.purity import is_pure
from rtfs.ir.scopes import reads, rewritten, transform
from rtfs.ir.standing import refresh
from rtfs.syntax import nodes as ast
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rtfs.ir.optimise import Facts

#: Built-ins that call no functions themselves, by how many operands they are given here.
_ONE = frozenset(("inc", "dec", "even?", "odd?", "nil?", "not", "str", "first", "count", "empty?", "abs", "zero?", "pos?", "neg?"))
_TWO = frozenset(("+", "-", "*", "conj", "str", "max", "min", "merge"))
_OPERANDS = {"map": 2, "filter": 2, "remove": 2, "reduce": 3}


def run(unit: ir.Unit, facts: Facts) -> Counts:
    """Turn calls into loops, then fuse loops."""
    counts = {"loops": 0, "fused": 0, "ranges": 0}
    transform(unit, _rewriting(unit, facts, counts))
    if counts["loops"]:
        refresh(unit)
        counts["fused"] = fuse(unit, facts)
    return counts


def make_loops(unit: ir.Unit, facts: Facts, fn: ir.Fn) -> None:
    """Turn the calls in a function that has just been lowered into loops; `fuse` can look at them once it has its place."""
    rewritten(unit, fn, fn, _rewriting(unit, facts, {"loops": 0, "ranges": 0}))


def _rewriting(unit: ir.Unit, facts: Facts, counts: Counts) -> Callable[[ir.Node, ir.Fn], ir.Node]:
    def rewrite(node: ir.Node, fn: ir.Fn) -> ir.Node:
        if isinstance(node, ir.Each) and is_range(facts, node.items):
            node.ranged = True
            counts["ranges"] += 1
        if not isinstance(node, ir.Call) or not isinstance(node.function, ir.GlobalGet):
            return node
        name = node.function.name
        if _OPERANDS.get(name) != len(node.args) or not facts.is_builtin(name):
            return node
        made = _loop(unit, facts, node, fn)
        counts["loops"] += made is not node
        return made

    return rewrite


def _loop(unit: ir.Unit, facts: Facts, node: ir.Call, owner: ir.Fn) -> ir.Node:
    assert isinstance(node.function, ir.GlobalGet)
    name, function = node.function.name, node.args[0]
    count = 2 if name == "reduce" else 1
    if isinstance(function, ir.GlobalGet):
        known = function.name in (_TWO if count == 2 else _ONE) and facts.is_builtin(function.name)
        if not known:
            spec = facts.function(function.name)
            if spec is None or spec.rest is not None or len(spec.params) != count or spec.hint is not None:
                return node
    elif not isinstance(function, ir.Fn) or not can_inline(function, count):
        return node
    return _reduce(unit, facts, node, owner) if name == "reduce" else _collect(unit, facts, node, name, owner)


def can_inline(fn: ir.Fn, count: int) -> bool:
    """Whether a function literal's body can stand in a loop."""
    return (
        fn.ast is not None
        and fn.ast.rest is None
        and fn.ast.hint is None
        and fn.ast.result is None
        and len(fn.params) == count
        and all(p.type is None for p in fn.ast.params)
        and not fn.loops
    )


def _here(node: ir.Call) -> ir.Call:
    """The call as a place for errors."""
    assert isinstance(node.function, ir.GlobalGet)
    name = ir.GlobalGet(node.function.span, node.function.name)
    return ir.Call(node.span, name, [ir.Const(arg.span, None) for arg in node.args], False)


def _scan(facts: Facts, here: ir.Call, operation: str, index: int, items: ir.Node, var: ir.Var) -> ir.Scan:
    scan = ir.Scan(here.span, operation, index, here, items, var)
    scan.ranged = is_range(facts, items)
    return scan


def is_range(facts: Facts, node: ir.Node) -> bool:
    """Whether a node is a call of `range` that may be gone through without a vector."""
    return (
        isinstance(node, ir.Call)
        and isinstance(node.function, ir.GlobalGet)
        and node.function.name == "range"
        and 1 <= len(node.args) <= 3
        and facts.is_builtin("range")
    )


def _called(here: ir.Call, function: ir.GlobalGet, values: list[ir.Var]) -> ir.Call:
    """The call of a function that is passed by its name."""
    call = ir.Call(here.span, function, [ir.Get(here.span, v) for v in values], False)
    call.place = ir.Call(here.span, here.function, [], False)  # the operands are not those of the call around
    return call


def _body(unit: ir.Unit, here: ir.Call, function: ir.Node, owner: ir.Fn) -> tuple[list[ir.Var], ir.Node]:
    """The variables of a turn, and what happens in it."""
    count = 2 if here.function.name == "reduce" else 1  # type: ignore[attr-defined]
    if isinstance(function, ir.Fn):
        adopt(unit, function, owner, in_loop=True)
        return function.params, body_of(function)
    assert isinstance(function, ir.GlobalGet)
    names = ("total", "item") if count == 2 else ("item",)
    variables = [ir.Var(name, owner, in_loop=True) for name in names]
    return variables, _called(here, function, variables)


def _collect(unit: ir.Unit, facts: Facts, node: ir.Call, name: str, owner: ir.Fn) -> ir.Node:
    here = _here(node)
    out = ir.Var("out", owner)
    (var,), value = _body(unit, here, node.args[0], owner)
    scan = _scan(facts, here, name, 1, node.args[1], var)
    if name == "map":
        scan.body = ir.Emit(node.span, out, value)
    else:
        if isinstance(node.args[0], ir.Fn) and var.assigned:  # the item is kept as it came
            kept = ir.Var("kept", owner, in_loop=True)
            var, inner = kept, var
            value = ir.Seq(node.span, [ir.Set(node.span, inner, ir.Get(node.span, kept)), value])
            scan.var = kept
        keep = ir.Emit(node.span, out, ir.Get(node.span, var))
        nothing = ir.Const(node.span, None)
        scan.body = ir.If(node.span, value, keep, nothing) if name == "filter" else ir.If(node.span, value, nothing, keep)
    collect = ir.Collect(node.span, out)
    collect.body = scan
    return collect


def _reduce(unit: ir.Unit, facts: Facts, node: ir.Call, owner: ir.Fn) -> ir.Node:
    here = _here(node)
    (total, item), step = _body(unit, here, node.args[0], owner)
    scan = _scan(facts, here, "reduce", 2, node.args[2], item)
    if _is_empty_vector(node.args[1]) and not (total.captured or total.assigned):
        out = ir.Var("out", owner)
        grown = _grown(unit, facts, step, total, out)
        if grown is not None:
            collect = ir.Collect(node.span, out)
            scan.body = grown
            collect.body = scan
            return collect
    if total.captured or total.assigned:  # the total of one turn may outlive it
        inner, total = total, ir.Var("total", owner, in_loop=True)
        step = ir.Seq(node.span, [ir.Set(node.span, inner, ir.Get(node.span, total)), step])
    scan.body = ir.Set(node.span, total, step)
    return ir.Seq(node.span, [ir.Set(node.span, total, node.args[1]), scan, ir.Get(node.span, total)])


def _is_empty_vector(node: ir.Node) -> bool:
    if isinstance(node, ir.Const):
        return type(node.value) is Vector and not len(node.value)
    return isinstance(node, ir.Special) and isinstance(node.form, ast.MakeVector) and not node.args


def _grown(unit: ir.Unit, facts: Facts, step: ir.Node, total: ir.Var, out: ir.Var) -> ir.Node | None:
    """A step of `reduce` that does no more with the total than to append an item, or leave it as it is, as one that gives the item
    to a collection; None if it does anything else.  Such a total is the vector of these items."""
    if isinstance(step, ir.Get) and step.var is total:
        return ir.Const(step.span, None)
    if isinstance(step, ir.If) and not reads(unit, step.test, total):
        then, otherwise = (_grown(unit, facts, part, total, out) for part in (step.then, step.otherwise))
        return ir.If(step.span, step.test, then, otherwise) if then is not None and otherwise is not None else None
    if type(step) is ir.Seq and not any(reads(unit, item, total) for item in step.items[:-1]):
        last = _grown(unit, facts, step.items[-1], total, out)
        return ir.Seq(step.span, [*step.items[:-1], last]) if last is not None else None
    if not (isinstance(step, ir.Call) and isinstance(step.function, ir.GlobalGet) and step.function.name == "conj"):
        return None
    if len(step.args) != 2 or not facts.is_builtin("conj"):
        return None
    grown, item = step.args
    if not (isinstance(grown, ir.Get) and grown.var is total) or reads(unit, item, total):
        return None
    return ir.Emit(step.span, out, item)


# --- fusion ----------------------------------------------------------------------------------


def fuse(unit: ir.Unit, facts: Facts) -> int:
    """Mark the loops over what another loop collects, where nothing but the result can be told from the order."""
    fused = 0

    def rewrite(node: ir.Node, fn: ir.Fn) -> ir.Node:
        nonlocal fused
        if isinstance(node, ir.Scan) and isinstance(node.items, ir.Collect) and not node.fused and _can_fuse(unit, node, facts):
            node.fused = True
            fused += 1
        return node

    transform(unit, rewrite)
    return fused


def _can_fuse(unit: ir.Unit, node: ir.Scan, facts: Facts) -> bool:
    inner = node.items
    assert isinstance(inner, ir.Collect)
    # of what it stores outside itself: the total of a `reduce`, the items that it collects
    stored = [node.body.var] if isinstance(node.body, ir.Set) else []
    stored += [emit.into for emit in emits(node.body)]
    return (
        inner.into is not None
        and len([emit for emit in emits(inner.body) if emit.into is inner.into]) == 1
        and is_pure(unit, inner, facts)
        and is_pure(unit, node.body, facts, frozenset(stored))
    )


def emits(node: ir.Node) -> list[ir.Emit]:
    """The places inside a node that give items to a collection."""
    found = []
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ir.Emit):
            found.append(item)
        waiting.extend(item.children())
    return found
