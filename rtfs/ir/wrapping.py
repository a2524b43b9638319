"""A node in another one's place: errors about a value show where the value stands in the program, which is not always where it
comes from."""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.scopes import walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rtfs.source import Span

#: Nodes whose errors show where an operand stands.
_SHOWING = (ir.Call, ir.Recur, ir.Each, ir.Times)


def placed(node: ir.Node, span: Span | None) -> ir.Node:
    """The node where another one stood: whoever complains of its value shows `span`, while its own errors stay where they are."""
    if node.span is span or node.span == span:
        return node
    if isinstance(node, ir.Const):
        return ir.Const(span, node.value)
    if isinstance(node, ir.Get) and not node.checked:
        return ir.Get(span, node.var)
    return ir.Seq(span, node.items if type(node) is ir.Seq else [node])


def unwrap(unit: ir.Unit) -> None:
    """Take what `placed` put around nodes away again where nobody looks at the place of a value."""
    for node in walk(unit):
        if isinstance(node, _SHOWING):
            continue
        for part in node.parts:
            value = getattr(node, part)
            if isinstance(value, list):
                for i in range(len(value)):
                    value[i] = _bare(value[i])
            elif value is not None:
                setattr(node, part, _bare(value))


def _bare(node: ir.Node) -> ir.Node:
    while type(node) is ir.Seq and len(node.items) == 1:
        node = node.items[0]
    return node
