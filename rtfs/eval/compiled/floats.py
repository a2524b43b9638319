"""Roots and quotients of floats, and what the numbers that they are made of are at least."""

from __future__ import annotations

import ast as py
import math

from rtfs.eval.compiled.generate import Generator
from rtfs.eval.compiled.known import fallback, kind_of, known_of, tested
from rtfs.ir import nodes as ir
from rtfs.ir.lattice import NUMBERS, is_within_floats
from rtfs.ir.scopes import walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Operations, and names, through which bounds are followed.
_DEEPEST = 12


def root(g: Generator, node: ir.Call, name: str) -> Any:
    """`(sqrt x)` of a float that is not negative; that of NaN is NaN."""
    if kind_of(node.args[0]) != "float":
        return None
    if at_least(g, node.args[0]) >= 0:
        return g.call(" sqrt", g.expr(node.args[0]))
    value = g.named(g.expr(node.args[0]))
    return g.choose(g.compare(value, py.GtE(), g.const(0.0)), g.call(" sqrt", value), fallback(g, name, [value]))


def quotient(g: Generator, node: ir.Call, name: str) -> Any:
    """Division of floats; where the result is a whole number, it is an integer."""
    known = [known_of(arg) for arg in node.args]
    kinds = [k.kind for k in known]
    if "float" not in kinds or not all(k.kind in (None, "num") or is_within_floats(k) for k in known):
        return None
    a, b, tests = tested(g, node, ["float" if is_within_floats(k) else k.kind for k in known])
    if not at_least(g, node.args[1]) > 0:
        tests.append(b)
    if node.kind == "float":  # that it may stay; no negative zero, as the integer zero has no sign
        result = g.binary(g.binary(a, py.Div(), b), py.Add(), g.const(0.0))
    else:
        temp = g.temp()
        whole = g.apply(g.attribute(g.walrus(temp, g.binary(a, py.Div(), b)), "is_integer"), [])  # infinity and NaN are not
        result = g.choose(whole, g.call(" int", g.load(temp)), g.load(temp))
    return g.choose(g.both(*tests), result, fallback(g, name, [a, b])) if tests else result


def at_least(g: Generator, node: ir.Node, depth: int = _DEEPEST) -> float:
    """A float that a number is not less than, unless it is NaN; minus infinity where none is known.

    Rounding keeps the order of numbers, so what holds for the least operands holds for all.
    """
    if not depth or known_of(node).kind not in NUMBERS:
        return -math.inf
    if isinstance(node, ir.Const):
        return float(node.value) if abs(node.value) < 2**53 else -math.inf
    if isinstance(node, ir.Get):
        value = _only_value(g, node.var)
        return at_least(g, value, depth - 1) if value is not None else -math.inf
    if type(node) is ir.Seq:
        return at_least(g, node.items[-1], depth - 1)
    if not (isinstance(node, ir.Call) and isinstance(node.function, ir.GlobalGet) and g.is_builtin(node.function.name)):
        return -math.inf
    rule = _RULES.get((node.function.name, len(node.args)))
    if rule is None:
        return -math.inf
    if node.function.name == "*" and _is_square(node):
        return 0.0
    least: float = rule(*[at_least(g, arg, depth - 1) for arg in node.args])
    return least


def _only_value(g: Generator, var: ir.Var) -> ir.Node | None:
    """What a variable is given, in one place, before anything reads it."""
    if g.values is None:
        g.values = {}
        for node in walk(g.unit):
            if isinstance(node, ir.Set):
                g.values[node.var] = node.value
    fixed = var.stores == 1 and not (var.assigned or var.boxed or var.early or var.late or var.rebound)
    return g.values.get(var) if fixed else None


def _is_square(node: ir.Call) -> bool:
    a, b = node.args
    return isinstance(a, ir.Get) and isinstance(b, ir.Get) and a.var is b.var and not a.var.assigned


def _product(a: float, b: float) -> float:
    return a * b if a >= 0 and b >= 0 and math.isfinite(a * b) else 0.0 if a >= 0 and b >= 0 else -math.inf


_RULES: dict[tuple[str, int], Any] = {
    ("+", 2): lambda a, b: a + b if math.isfinite(a + b) else -math.inf,
    ("*", 2): _product,
    ("/", 2): lambda a, b: 0.0 if a >= 0 and b >= 0 else -math.inf,
    ("sqrt", 1): lambda a: math.sqrt(a) if a >= 0 else 0.0,
    ("abs", 1): lambda a: max(a, 0.0),
}
