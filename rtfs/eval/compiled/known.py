"""Operands of operators: what is known of them, the tests of what is not, and the call of the built-in for whatever fails them."""

from __future__ import annotations

import ast as py

from rtfs.eval.compiled.generate import Generator
from rtfs.ir import nodes as ir
from rtfs.ir.nodes import Known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def kind_of(node: ir.Node) -> str | None:
    return known_of(node).kind


def known_of(node: ir.Node) -> Known:
    """What is known of a value, also of a constant that came after the analysis."""
    if isinstance(node, ir.Const):
        value = node.value
        if type(value) is int:
            return Known("int", value.bit_length(), value >= 0)
        return Known({float: "float", str: "str", bool: "bool"}.get(type(value)))
    return node.known


def fallback(g: Generator, name: str, args: list[Any]) -> Any:
    """The call of a built-in."""
    return g.apply(g.load(f"{name} {len(args)}"), args)


def reusable(g: Generator, node: ir.Call) -> list[Any]:
    """The operands as names, so that guard and operation can both use them."""
    values = g.exprs(node.args)
    unstable = [i for i, v in enumerate(values) if not g.is_stable(v)]
    for i in unstable:
        temp = g.temp()
        g.assign(temp, values[i])
        values[i] = g.load(temp)
    return values


def tested(g: Generator, node: ir.Call, kinds: list[str | None]) -> tuple[Any, Any, list[Any]]:
    """Operands that can be used twice, and the tests that make the operation safe."""
    other = "float" if "float" in kinds else "int"
    a, b = reusable(g, node)
    same = isinstance(a, py.Name) and isinstance(b, py.Name) and a.id == b.id
    operands = [(a, kinds[0])] if same else [(a, kinds[0]), (b, kinds[1])]
    return a, b, [g.of_type(v, f" {other}") for v, k in operands if k != other]
