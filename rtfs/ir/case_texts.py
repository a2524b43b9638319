"""`match` as text: its clauses, or the plan in which their tests are made."""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.decisions import Leaf, Table, Test
from rtfs.ir.printing import SHOWN, Printer, opened
from rtfs.ir.steps import Part, Step
from rtfs.values.printing import preview

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@opened(ir.Cases)
def _cases(p: Printer, node: ir.Cases, depth: int) -> None:
    p.line(depth, f"cases{p.names(node.subject())}", node.span)
    if node.plan is not None:
        _block(p, node, node.plan, depth + 1)
        if not _is_taken(node, node.plan):
            p.block(node.otherwise, depth + 1)
        return
    for clause in node.clauses:
        p.line(depth + 1, p.pattern(clause.pattern), clause.span)
        _clause(p, clause, depth + 2)
    p.block(node.otherwise, depth + 1)


def _clause(p: Printer, clause: ir.Case, depth: int) -> None:
    if clause.guard is not None:
        p.under(depth, "guard", clause.guard, clause.guard.span)
    p.block(clause.body, depth)


def _is_taken(node: ir.Cases, block: Any) -> bool:
    """Whether the last item of a block takes what comes to it."""
    return bool(block) and isinstance(block[-1], Leaf) and node.clauses[block[-1].index].guard is None


def _block(p: Printer, node: ir.Cases, block: Any, depth: int) -> None:
    for item in block:
        if isinstance(item, Test):
            p.line(depth, f"when {' and '.join([_step(p, node, test) for test in item.tests])}")
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
    if step.op == "bind":
        return f"{p.bound(value)} = {part}"
    if step.op in ("rest", "without"):
        return f"{p.bound(value[0])} = {part} {step.op}"
    if step.op in ("is", "one-of"):
        return f"{part} is {_values(value)}"
    if step.op in ("type", "holds"):
        return f"{part} {step.op} {value}"
    if step.op == "equal":
        return f"{part} equal {preview(value, SHOWN)}"
    if step.op in ("length", "least"):
        return f"{part} has {'' if step.op == 'length' else 'at least '}{value}"
    return f"{part} {step.op}{f' {p.pattern(value)}' if step.op == 'matches' else ''}"


def _values(values: tuple[Any, ...]) -> str:
    return " or ".join([preview(value, SHOWN) for value in values])


def _part(p: Printer, node: ir.Cases, part: Part) -> str:
    """Where a part of the subject is: `%s[:key][0]`."""
    keys: list[str] = []
    while part.parent is not None:
        if part.parent.parent is None and node.items:
            return p.name(node.items[part.key]) + "".join(reversed(keys))
        keys.append(f"[{preview(part.key, SHOWN)}]")
        part = part.parent
    return p.name(node.var) + "".join(reversed(keys))
