"""`assoc`, `update` and their relatives as changes under a path of keys, with the function that makes the new value in its place.

    (update-in game [:players i :score] + n)   is the collection `game`, the keys :players, i and :score,
                                               the operand n, and the value (+ %old n)

What is left to the code generator is where the value comes from and where it goes, without a function, a vector for the path or a
list of operands.
"""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.motion import adopt, body_of
from rtfs.ir.optimise import Counts
from rtfs.ir.passes.pipelines import can_inline
from rtfs.ir.scopes import transform
from rtfs.syntax import nodes as ast
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rtfs.ir.optimise import Facts


def run(unit: ir.Unit, facts: Facts) -> Counts:
    """Replace calls of built-ins."""
    counts = {"updates": 0}

    def rewrite(node: ir.Node, fn: ir.Fn) -> ir.Node:
        if isinstance(node, ir.Call) and isinstance(node.function, ir.GlobalGet):
            maker = _MAKERS.get(node.function.name)
            if maker is not None and facts.is_builtin(node.function.name):
                made = maker(unit, facts, node, fn)
                if made is not None:
                    counts["updates"] += 1
                    return made
        return node

    transform(unit, rewrite)
    return counts


def _here(node: ir.Call) -> ir.Call:
    """The call as a place for errors."""
    assert isinstance(node.function, ir.GlobalGet)
    name = ir.GlobalGet(node.function.span, node.function.name)
    here = ir.Call(node.span, name, [ir.Const(arg.span, None) for arg in node.args], False)
    here.place = node.place
    return here


def _is_simple(node: ir.Node) -> bool:
    """Whether it gives its value whenever it is asked, without an error."""
    return isinstance(node, ir.Const) or (isinstance(node, ir.Get) and not node.checked and not node.var.assigned)


def _assoc(unit: ir.Unit, facts: Facts, node: ir.Call, owner: ir.Fn) -> ir.Node | None:
    args = node.args
    # all operands are evaluated before the first change
    if len(args) < 3 or len(args) % 2 == 0 or not all(_is_simple(arg) for arg in args[3:]):
        return None
    made = args[0]
    here = _here(node)
    for at in range(1, len(args), 2):
        made = ir.Update(node.span, "assoc", at, here, made, [args[at]], None, args[at + 1])
    return made


def _path(node: ir.Node) -> list[ir.Node] | None:
    """The keys of a path that is written out."""
    if isinstance(node, ir.Special) and isinstance(node.form, ast.MakeVector):
        return node.args or None
    if isinstance(node, ir.Const) and type(node.value) is Vector:
        return [ir.Const(node.span, key) for key in node.value.items()] or None
    return None


def _assoc_in(unit: ir.Unit, facts: Facts, node: ir.Call, owner: ir.Fn) -> ir.Node | None:
    if len(node.args) != 3 or (keys := _path(node.args[1])) is None:
        return None
    return ir.Update(node.span, "assoc-in", 1, _here(node), node.args[0], keys, None, node.args[2])


def _update(unit: ir.Unit, facts: Facts, node: ir.Call, owner: ir.Fn) -> ir.Node | None:
    return _changed(unit, facts, node, owner, [node.args[1]]) if len(node.args) >= 3 else None


def _update_in(unit: ir.Unit, facts: Facts, node: ir.Call, owner: ir.Fn) -> ir.Node | None:
    if len(node.args) < 3 or (keys := _path(node.args[1])) is None:
        return None
    return _changed(unit, facts, node, owner, keys)


def _changed(unit: ir.Unit, facts: Facts, node: ir.Call, owner: ir.Fn, keys: list[ir.Node]) -> ir.Node | None:
    """`(update m k f a …)`, when `f` is known."""
    assert isinstance(node.function, ir.GlobalGet)
    function, more = node.args[2], node.args[3:]
    here = _here(node)
    operands: list[ir.Node] = []
    if isinstance(function, ir.Fn):
        if not can_inline(function, 1 + len(more)):
            return None
        adopt(unit, function, owner, in_loop=True)
        old = function.params[0]
        operands += [ir.Set(arg.span, var, arg) for var, arg in zip(function.params[1:], more, strict=True)]
        value = body_of(function)
    elif _is_known(facts, function, 1 + len(more)):
        old = ir.Var("old", owner, in_loop=True)
        args: list[ir.Node] = [ir.Get(node.span, old)]
        for arg in more:
            if isinstance(arg, ir.Const):
                args.append(arg)
                continue
            var = ir.Var("operand", owner, in_loop=True)
            operands.append(ir.Set(arg.span, var, arg))
            args.append(ir.Get(arg.span, var))
        value = ir.Call(node.span, function, args, False)
        value.place = ir.Call(node.span, here.function, [], False)  # the operands are not those of the call around
    else:
        return None
    made = ir.Update(node.span, node.function.name, 1, here, node.args[0], keys, old, value)
    made.operands = operands
    return made


def _is_known(facts: Facts, function: ir.Node, count: int) -> bool:
    """Whether a function that is passed by its name takes so many operands."""
    if isinstance(function, ir.Const):
        return type(function.value) is Keyword and count in (1, 2)
    if not isinstance(function, ir.GlobalGet):
        return False
    if facts.is_builtin(function.name):
        entry = facts.builtin(function.name)
        return bool(entry is not None and count >= entry.low and (entry.high is None or count <= entry.high))
    spec = facts.function(function.name)
    return spec is not None and spec.rest is None and len(spec.params) == count and spec.hint is None


_MAKERS = {"assoc": _assoc, "assoc!": _assoc, "assoc-in": _assoc_in, "update": _update, "update-in": _update_in}
