"""IR as text: one node per line where it matters, kinds after a colon.

fn fib(%n:?)
  if (< %n 2) : bool
    %n
    (+ (fib (- %n 1)) (fib (- %n 2))) : num
"""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.decisions import Leaf, Table, Test
from rtfs.ir.steps import Part, Step
from rtfs.values.printing import to_readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WIDTH = 100


def print_ir(unit: ir.Unit) -> str:
    """The unit's IR as readable text."""
    return "\n".join(_lines(unit.top.body)) + "\n"


def _lines(node: ir.Node) -> list[str]:
    """A node on one line if it fits, else with its parts below it."""
    short = _short(node)
    if short is not None and len(short) <= _WIDTH:
        return [short]
    head, parts = _open(node)
    return [head, *[f"  {line}" for part in parts for line in (part if isinstance(part, list) else _lines(part))]]


def _short(node: ir.Node) -> str | None:
    """A node on one line, None when it holds others that need their own."""
    if isinstance(node, ir.Const):
        text = to_readable(node.value)
        return text if len(text) <= 40 else text[:39] + "…"
    if isinstance(node, ir.Get):
        return f"%{node.var.name}"
    if isinstance(node, ir.GlobalGet):
        return node.name
    if isinstance(node, ir.Blank):
        return f"blank {' '.join(f'%{v.name}' for v in node.vars)}"
    if isinstance(node, ir.NoMatch):
        return f"no-match %{node.var.name}"
    if isinstance(node, ir.Stop):
        return "stop"
    if isinstance(node, ir.Update) and node.old is None:
        parts = [_short(part) for part in node.children()]
        return None if None in parts else f"({node.operation} {' '.join(part for part in parts if part is not None)})"
    if isinstance(node, (ir.Call, ir.Recur, ir.Set, ir.Emit, ir.GlobalSet, ir.Check)):
        parts = [_short(part) for part in node.children()]
        if any(part is None for part in parts):
            return None
        return f"{_head(node)}{' '.join(part for part in parts if part is not None)}{_tail(node)}"
    return None


def _head(node: ir.Node) -> str:
    if isinstance(node, ir.Call):
        return "(tail " if node.tail else "("
    if isinstance(node, ir.Recur):
        return "recur "
    if isinstance(node, ir.Set):
        kind = f":{node.var.kind}" if node.var.kind else ""
        return f"%{node.var.name}{kind} {'<-' if node.assigns else '='} "
    if isinstance(node, ir.Emit):
        return f"emit %{node.into.name} "
    if isinstance(node, ir.GlobalSet):
        return f"{'def' if node.defines else 'set!'} {node.name} = "
    assert isinstance(node, ir.Check)
    return f"check {node.type} "


def _tail(node: ir.Node) -> str:
    kind = f":{node.kind}" if node.kind and isinstance(node, ir.Call) else ""
    return f"){kind}" if isinstance(node, ir.Call) else ""


def _pattern(pattern: Any) -> str:
    return type(pattern).__name__.removesuffix("Pattern").lower()


def _cases(node: ir.Cases) -> list[Any]:
    """What stands below a `Cases`: its plan, or its clauses one by one."""
    if node.plan is None:
        below: list[Any] = []
        for clause in node.clauses:
            text = clause.pattern.span.text if clause.pattern.span is not None else ""
            below.append([text if text and "\n" not in text and len(text) <= 40 else _pattern(clause.pattern)])
            below.append([f"  {line}" for line in _clause(clause)])
        return [*below, node.otherwise]
    return [_block(node, node.plan), *([] if _leaves(node, node.plan) else [node.otherwise])]


def _clause(clause: ir.Case) -> list[str]:
    if clause.guard is None:
        return _lines(clause.body)
    return ["guard", *[f"  {line}" for line in _lines(clause.guard)], *_lines(clause.body)]


def _leaves(node: ir.Cases, block: Any) -> bool:
    return bool(block) and isinstance(block[-1], Leaf) and node.clauses[block[-1].index].guard is None


def _block(node: ir.Cases, block: Any) -> list[str]:
    lines = []
    for item in block:
        if isinstance(item, Test):
            lines.append(f"when {' and '.join(_step(node, test) for test in item.tests)}")
            lines += [f"  {line}" for line in _block(node, item.block)]
        elif isinstance(item, Table):
            for values, inner in item.cases:
                lines.append(f"case {_part(node, item.part)} {_values(values)}")
                lines += [f"  {line}" for line in _block(node, inner)]
        elif isinstance(item, Step):
            lines.append(_step(node, item))
        else:
            lines += _clause(node.clauses[item.index])
    return lines


def _step(node: ir.Cases, step: Step) -> str:
    part, value = _part(node, step.part), step.value
    if step.op in ("bind", "rest", "without"):
        name = (value if step.op == "bind" else value[0]).name
        return f"%{name} = {part}{'' if step.op == 'bind' else f' {step.op}'}"
    if step.op in ("is", "one-of"):
        return f"{part} is {_values(value)}"
    if step.op in ("type", "equal", "holds"):
        return f"{part} {step.op} {value if step.op != 'equal' else to_readable(value)}"
    if step.op in ("length", "least"):
        return f"{part} has {'' if step.op == 'length' else 'at least '}{value}"
    return f"{part} {step.op}{f' {_pattern(value)}' if step.op == 'matches' else ''}"


def _values(values: tuple[Any, ...]) -> str:
    return " or ".join(to_readable(value) for value in values)


def _part(node: ir.Cases, part: Part) -> str:
    if part.parent is None:
        return f"%{node.var.name}"
    if part.parent.parent is None and node.items:
        return f"%{node.items[part.key].name}"
    return f"{_part(node, part.parent)}[{to_readable(part.key)}]"


def _open(node: ir.Node) -> tuple[str, list[Any]]:
    """The line of a node and what stands below it."""
    if isinstance(node, ir.Fn):
        params = " ".join(f"%{v.name}{f':{v.kind}' if v.kind else ''}" for v in node.params)
        notes = [word for word, holds in (("loops", node.loops), ("bounces", node.bounces)) if holds]
        return f"fn {node.label}({params}){' ' if notes else ''}{' '.join(notes)}", [*node.prepare, node.body]
    if isinstance(node, ir.If):
        test = _short(node.test)
        below = [] if test is not None else [node.test]
        return f"if {test or ''}".rstrip(), [*below, node.then, ["else"], node.otherwise]
    if isinstance(node, ir.Scan):
        source: list[Any] = ["range", *node.items.args] if node.ranged and isinstance(node.items, ir.Call) else [node.items]
        shown = [part if isinstance(part, str) else _short(part) if part is not None else "" for part in source]
        if all(part is not None for part in shown):
            return f"each %{node.var.name} in {' '.join(p for p in shown if p)} ({node.operation})", [node.body]
        below = [node.items]
        how = "fused with" if node.fused else "in"
        return f"each %{node.var.name} ({node.operation}) {how}", [*below, ["do"], node.body]
    if isinstance(node, ir.Cases):
        return f"cases {' '.join(f'%{var.name}' for var in node.subject())}", _cases(node)
    if isinstance(node, ir.Loop):
        return f"loop {' '.join(f'%{v.name}' for v in node.vars)}", [node.body]
    if isinstance(node, ir.Collect):
        return "collect" if node.into is not None else "run", [node.body]
    if isinstance(node, ir.Each):
        return f"each {_pattern(node.pattern)} ({node.name}) in", [node.items, ["do"], node.body]
    if isinstance(node, ir.Times):
        return f"times %{node.var.name}", [node.count, ["do"], node.body]
    if isinstance(node, ir.Logic):
        return "and" if node.conjunction else "or", list(node.items)
    if isinstance(node, ir.Update):
        old = [f"as %{node.old.name}"] if node.old is not None else []
        return node.operation, [node.base, *node.keys, *node.operands, old, node.value]
    if isinstance(node, ir.Special):
        return type(node.form).__name__.lower(), list(node.children())
    if isinstance(node, ir.Bind):
        return f"bind {_pattern(node.pattern)}", [node.value]
    if isinstance(node, ir.Seq):
        return "do", list(node.items)
    if isinstance(node, ir.Call):
        return f"call{' tail' if node.tail else ''}", list(node.children())
    if isinstance(node, ir.Try):
        return "try", list(node.children())
    return _head(node).rstrip(), list(node.children())
