"""What `match` and its decisions look like as text, beside `node_texts`."""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.decisions import Leaf, Table, Test
from rtfs.ir.printing import Printer, opened
from rtfs.ir.steps import Part, Step
from rtfs.values.printing import to_readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@opened(ir.Cases)
def _cases(p: Printer, node: ir.Cases, depth: int) -> None:
    p.line(depth, f"cases{p.names(node.subject())}", node.span)
    if node.plan is None:
        for clause in node.clauses:
            p.line(depth + 1, p.pattern(clause.pattern), clause.span)
            _clause(p, clause, depth + 2)
        p.block(node.otherwise, depth + 1)
        return
    _block(p, node, node.plan, depth + 1)
    if not _leaves(node, node.plan):
        p.block(node.otherwise, depth + 1)


def _clause(p: Printer, clause: ir.Case, depth: int) -> None:
    if clause.guard is not None:
        p.line(depth, "guard")
        p.block(clause.guard, depth + 1)
    p.block(clause.body, depth)


def _leaves(node: ir.Cases, block: Any) -> bool:
    """Whether nothing comes after a block."""
    return bool(block) and isinstance(block[-1], Leaf) and node.clauses[block[-1].index].guard is None


def _block(p: Printer, node: ir.Cases, block: Any, depth: int) -> None:
    for item in block:
        if isinstance(item, Test):
            p.line(depth, f"when {' and '.join(_step(p, node, test) for test in item.tests)}")
            _block(p, node, item.block, depth + 1)
        elif isinstance(item, Table):
            for values, inner in item.cases:
                p.line(depth, f"case {_part(p, node, item.part)} {_values(values)}")
                _block(p, node, inner, depth + 1)
        elif isinstance(item, Step):
            p.line(depth, _step(p, node, item))
        else:
            _clause(p, node.clauses[item.index], depth)


def _step(p: Printer, node: ir.Cases, step: Step) -> str:
    part, value = _part(p, node, step.part), step.value
    if step.op in ("bind", "rest", "without"):
        name = p.bound(value if step.op == "bind" else value[0])
        return f"{name} = {part}{'' if step.op == 'bind' else f' {step.op}'}"
    if step.op in ("is", "one-of"):
        return f"{part} is {_values(value)}"
    if step.op in ("type", "equal", "holds"):
        return f"{part} {step.op} {value if step.op != 'equal' else to_readable(value)}"
    if step.op in ("length", "least"):
        return f"{part} has {'' if step.op == 'length' else 'at least '}{value}"
    return f"{part} {step.op}{f' {p.pattern(value)}' if step.op == 'matches' else ''}"


def _values(values: tuple[Any, ...]) -> str:
    return " or ".join(to_readable(value) for value in values)


def _part(p: Printer, node: ir.Cases, part: Part) -> str:
    if part.parent is None:
        return p.name(node.var)
    if part.parent.parent is None and node.items:
        return p.name(node.items[part.key])
    return f"{_part(p, node, part.parent)}[{to_readable(part.key)}]"
