"""Moving a function's body into another function, or to where it is called."""

from __future__ import annotations

from collections.abc import Sequence

from rtfs.ir import nodes as ir
from rtfs.ir.scopes import bindings, pattern_of, results, used, walk_function
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


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


def body_of(fn: ir.Fn) -> ir.Node:
    """What the function does once its parameters have their values; its calls are in tail position no longer."""
    not_tail(fn.body)
    return ir.Seq(fn.span, [*fn.prepare, fn.body]) if fn.prepare else fn.body


def takes(fn: ir.Fn, count: int) -> bool:
    """Whether a function takes so many operands and nobody else carries it out."""
    spec = fn.ast
    return spec is not None and spec.rest is None and len(fn.params) == count and (spec.hint is None or spec.hint.target == "local")


def applied(unit: ir.Unit, fn: ir.Fn, call: ir.Call, owner: ir.Fn) -> ir.Node:
    """What a call of a function in `owner` does: its parameters get their values, and its body is evaluated."""
    assert fn.ast is not None
    adopt(unit, fn, owner, in_loop=True)
    if not call.tail:
        not_tail(fn.body)
    place = ir.Call(call.span, ir.GlobalGet(call.function.span, fn.label), [ir.Const(arg.span, None) for arg in call.args], False)
    place.place = call.place
    items: list[ir.Node] = []
    names: dict[ir.Var, ir.Var] = {}
    for var, arg in zip(fn.params, call.args, strict=True):
        # a variable that stays what it is meanwhile needs no other name
        if isinstance(arg, ir.Get) and not arg.checked and _stays(arg.var) and _stays(var) and not var.captured:
            names[var] = arg.var
        else:
            items.append(ir.Set(arg.span, var, arg))
    if names:
        for node in walk_function(unit, fn):
            if isinstance(node, ir.Get) and node.var in names:
                node.var = names[node.var]
    for node in fn.prepare:
        if isinstance(node, ir.Check):
            node.place = place
        items.append(node)
    body = fn.body
    if fn.ast.result is not None:
        not_tail(body)
        body = ir.Check(body.span, body, fn.ast.result, f"{fn.label}, result", fn.ast.body.span)
    return ir.Inlined(call.span, [*items, body], fn.label, place)


def _stays(var: ir.Var) -> bool:
    return not (var.assigned or var.early or var.boxed)


_SIMPLE = (
    ast.Const, ast.Local, ast.Global, ast.If, ast.Do, ast.And, ast.Or, ast.Let, ast.Call, ast.SelfCall, ast.MakeVector, ast.MakeMap,
)  # fmt: skip


#: Built-ins that go through the collection that is their last operand, with a function.
_LOOPS = frozenset(("map", "filter", "remove", "reduce"))


def is_simple(
    spec: ast.Fn, size: int, *, once: list[ast.Binding] | None = None, scanned: list[ast.Binding] | None = None
) -> bool:
    """Whether a function's body may stand in the place of a call: plain parameters, plain forms, at most `size` of them.

    Args:
        once: for a body that will stand in its unit once; its forms may be `match` too, whose names are added here.
        scanned: for the same with loops in it, and with values taken apart; what these go through is added here.
    """
    if spec.rest is not None or (spec.hint is not None and spec.hint.target != "local"):
        return False
    parts = once if scanned is not None else None
    if not all(_takes_plainly(p.pattern, parts) for p in spec.params):
        return False
    if any(binding.late for binding in spec.scope.bindings):
        return False
    waiting: list[Any] = [spec.body]
    count = 0
    while waiting:
        item = waiting.pop()
        if isinstance(item, ast.LetBinding):
            if not _takes_plainly(item.pattern, parts):
                return False
            waiting.append(item.value)
            continue
        count += 1
        if scanned is not None and _is_loop(item):
            function = item.args[0]
            if not all(_takes_plainly(p.pattern, parts) for p in function.params):
                return False
            waiting += [function.body, *item.args[1:]]
            if isinstance(item.args[-1], ast.Local):
                scanned.append(item.args[-1].binding)
            continue
        if isinstance(item, ast.Match) and once is not None and _is_plain(item):
            waiting.append(item.value)
            for clause in item.clauses:
                waiting += [clause.body, *([clause.guard] if clause.guard is not None else [])]
                once += bindings(clause.pattern)
            continue
        if count > size or not isinstance(item, _SIMPLE) or (isinstance(item, ast.Let) and item.recursive):
            return False
        for field in item._fields:
            value = getattr(item, field)
            if isinstance(value, tuple):
                waiting.extend([part for part in value if isinstance(part, (ast.Node, ast.LetBinding))])
            elif isinstance(value, ast.Node):
                waiting.append(value)
    return True


def _takes_plainly(pattern: ast.Pattern, once: list[ast.Binding] | None) -> bool:
    """Whether a parameter or name of a `let` takes all of a value, or parts of it (not with `once` None): these names are added."""
    if isinstance(pattern, (ast.BindPattern, ast.WildcardPattern)):
        return True
    if once is None or not isinstance(pattern, (ast.VectorPattern, ast.MapPattern)):
        return False
    once += bindings(pattern)
    return _evaluates_nothing([pattern])


def _is_loop(node: Any) -> bool:
    """Whether a node is a call that becomes a loop: of a built-in, if it is one, with a function literal of plain form."""
    if not (isinstance(node, ast.Call) and isinstance(node.function, ast.Global) and node.function.name in _LOOPS):
        return False
    function = node.args[0] if node.args else None
    return (
        isinstance(function, ast.Fn)
        and function.self_binding is None
        and function.rest is None
        and not any(binding.late for binding in function.scope.bindings)
    )


def _is_plain(match: ast.Match) -> bool:
    """Whether there is nothing to evaluate in the patterns of a `match`, and no name that is read late."""
    if any(binding.late for clause in match.clauses for binding in clause.scope.bindings):
        return False
    return _evaluates_nothing([clause.pattern for clause in match.clauses])


def _evaluates_nothing(patterns: Sequence[ast.Pattern]) -> bool:
    """Whether patterns only take apart, compare and bind."""
    waiting: list[Any] = list(patterns)
    while waiting:
        pattern = waiting.pop()
        if isinstance(pattern, ast.VectorPattern):
            waiting += [*pattern.items, *([pattern.rest] if pattern.rest is not None else [])]
        elif isinstance(pattern, ast.MapPattern):
            if any(entry.default is not None for entry in pattern.entries):
                return False
            waiting += [entry.pattern for entry in pattern.entries]
        elif not isinstance(pattern, (ast.BindPattern, ast.WildcardPattern, ast.LiteralPattern)):
            return False
    return True


def not_tail(node: ir.Node) -> None:
    """The value of the node is no longer that of a function."""
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ir.Call):
            item.tail = False
        waiting += results(item)
