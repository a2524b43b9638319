"""`map`, `filter`, `remove` and `reduce` of a function literal as loops, while the AST is lowered.

The function's body becomes the body of the loop: no function is made and none is called.  The collection of one that is the
operand of another is still built first, so that effects and errors come in the same order as from the built-ins.
"""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.ir.lower import Lowerer

_ONE = frozenset(("inc", "dec", "even?", "odd?", "nil?", "not", "str", "first", "count", "empty?", "abs", "zero?", "pos?", "neg?"))
_TWO = frozenset(("+", "-", "*", "conj", "str", "max", "min", "merge"))


def as_loop(lo: Lowerer, node: ast.Call) -> ir.Node | None:
    """The loop that a call of a built-in is, or None."""
    assert isinstance(node.function, ast.Global)
    assert lo.is_builtin is not None
    name, count = node.function.name, len(node.args)
    if (name not in ("map", "filter", "remove") or count != 2) and (name != "reduce" or count != 3):
        return None
    if name in lo.defined or not lo.is_builtin(name):
        return None
    function = node.args[0]
    operator = (
        isinstance(function, ast.Global)
        and function.name not in lo.defined
        and lo.is_builtin(function.name)
        and _takes(function.name, 2 if name == "reduce" else 1)
    )
    if not operator and not _can_inline(function, 2 if name == "reduce" else 1):
        return None
    here = ir.Call(node.span, ir.GlobalGet(node.function.span, name), [ir.Const(arg.span, None) for arg in node.args], False)
    return _reduce(lo, node, here) if name == "reduce" else _collect(lo, node, here, name)


def _takes(name: str, count: int) -> bool:
    """Whether a built-in that does not itself call functions takes so many operands."""
    return name in (_TWO if count == 2 else _ONE)


def _can_inline(function: ast.Node, count: int) -> bool:
    """Whether a function literal's body can stand in a loop."""
    return (
        isinstance(function, ast.Fn)
        and function.rest is None
        and function.hint is None
        and function.result is None
        and function.self_binding is None
        and len(function.params) == count
        and all(p.type is None for p in function.params)
        and not restarts(function.body)
    )


def restarts(node: Any) -> bool:
    """Whether a function's body has a `recur` or a tail call of the function itself."""
    waiting: list[Any] = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ast.SelfCall) or (isinstance(item, ast.Recur) and not item.in_loop):
            return True
        if isinstance(item, ast.Fn):
            continue
        if isinstance(item, tuple):
            waiting.extend(item)
        elif hasattr(item, "_fields"):
            waiting.extend(getattr(item, field) for field in item._fields if field not in ("span", "scope", "type", "types"))
    return False


def _scan(lo: Lowerer, here: ir.Call, operation: str, index: int, source: ast.Node) -> ir.Scan:
    """The loop's frame; its collection is lowered before its variable is declared."""
    items = lo.node(source)
    lo.repeated += 1
    var = lo.fresh("item")
    lo.repeated -= 1
    var.stores += 1
    scan = ir.Scan(here.span, operation, index, here, var)
    scan.items = items
    if (
        isinstance(items, ir.Call)
        and isinstance(items.function, ir.GlobalGet)
        and items.function.name == "range"
        and 1 <= len(items.args) <= 3
        and "range" not in lo.defined
        and lo.is_builtin is not None
        and lo.is_builtin("range")
    ):
        scan.bounds = items.args
    return scan


def _inlined(lo: Lowerer, function: ast.Fn, values: list[ir.Var]) -> ir.Node:
    """The body of a function literal with its parameters bound to variables."""
    late = lo.scope(function.scope)
    items: list[ir.Node] = []
    label = function.name or "<fn>"
    for binding, value in zip(function.scope.bindings, values, strict=False):
        items.append(lo.set(binding, ir.Get(function.span, value), function.span))
    for param, value in zip(function.params, values, strict=True):
        if not isinstance(param.pattern, (ast.BindPattern, ast.WildcardPattern)):
            items.append(lo.bind(param.pattern, ir.Get(param.span, value), label, param.span))
    items.append(lo.body(function.body, late, False))
    return ir.Seq(function.span, items)


def _called(node: ast.Call, here: ir.Call, values: list[ir.Var]) -> ir.Call:
    """The call of a built-in that is passed as the function."""
    function = node.args[0]
    assert isinstance(function, ast.Global)
    call = ir.Call(node.span, ir.GlobalGet(function.span, function.name), [ir.Get(node.span, v) for v in values], False)
    call.place = ir.Call(node.span, here.function, [], False)  # the operands are not those of the call around
    return call


def _collect(lo: Lowerer, node: ast.Call, here: ir.Call, name: str) -> ir.Node:
    function = node.args[0]
    out = lo.fresh("out")
    out.stores += 1
    scan = _scan(lo, here, name, 1, node.args[1])
    value: ir.Node
    if isinstance(function, ast.Fn):
        fn = function
        value = lo.repeat(lambda: _inlined(lo, fn, [scan.var]))
    else:
        value = _called(node, here, [scan.var])
    emitted = value
    if name == "map":
        scan.body = ir.Emit(node.span, out, value)
    else:
        emitted = ir.Get(node.span, scan.var)
        keep = ir.Emit(node.span, out, emitted)
        nothing = ir.Const(node.span, None)
        scan.body = ir.If(node.span, value, keep, nothing) if name == "filter" else ir.If(node.span, value, nothing, keep)
    collect = ir.Collect(node.span, out)
    collect.body = scan
    collect.value = emitted
    return collect


def _reduce(lo: Lowerer, node: ast.Call, here: ir.Call) -> ir.Node:
    function = node.args[0]
    first = lo.node(node.args[1])
    lo.repeated += 1
    total = lo.fresh("total")
    lo.repeated -= 1
    total.stores += 2
    for i in (1, 2):
        here.args[i] = ir.Const(node.args[i].span, None)
    scan = _scan(lo, here, "reduce", 2, node.args[2])
    step: ir.Node
    if isinstance(function, ast.Global):
        step = _called(node, here, [total, scan.var])
    else:
        assert isinstance(function, ast.Fn)
        fn = function
        step = lo.repeat(lambda: _inlined(lo, fn, [total, scan.var]))
    scan.body = ir.Set(node.span, total, step)
    return ir.Seq(node.span, [ir.Set(node.span, total, first), scan, ir.Get(node.span, total)])
