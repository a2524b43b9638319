"""Sums, differences and products of three and more operands, two by two, so that each step can become an operator."""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.optimise import Counts
from rtfs.ir.scopes import transform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rtfs.ir.optimise import Facts


def run(unit: ir.Unit, facts: Facts) -> Counts:
    """Take apart the calls whose operands after the second can be evaluated late: they are constants or variables."""
    counts = {"split": 0}

    def rewrite(node: ir.Node, fn: ir.Fn) -> ir.Node:
        if (
            isinstance(node, ir.Call)
            and len(node.args) > 2
            and node.place is None
            and isinstance(node.function, ir.GlobalGet)
            and node.function.name in ("+", "-", "*")
            and all(isinstance(arg, ir.Const) or (isinstance(arg, ir.Get) and not arg.checked) for arg in node.args[2:])
            and facts.is_builtin(node.function.name)
        ):
            counts["split"] += 1
            return _in_pairs(node, node.function)
        return node

    transform(unit, rewrite)
    return counts


def _in_pairs(node: ir.Call, head: ir.GlobalGet) -> ir.Node:
    total = node.args[0]
    for i, arg in enumerate(node.args[1:]):
        call = ir.Call(node.span, ir.GlobalGet(head.span, head.name), [total, arg], False)
        if i:  # an error is about the operand where it stands in the whole call
            call.place = ir.Call(node.span, call.function, [ir.Const(node.span, None), ir.Const(arg.span, None)], False)
        total = call
    return total
