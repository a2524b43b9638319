"""Two versions of a function's body: one for integers, one for anything else.

Where a body does arithmetic with its parameters, one test at its start takes the place of a test at each operation.
"""

from __future__ import annotations

from rtfs.eval.compiled.generate import Generator
from rtfs.eval.compiled.operators import ARITHMETIC_NAMES
from rtfs.ir import nodes as ir
from rtfs.ir.passes.kinds import rekind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LARGEST = 120  # nodes
_FEWEST = 2  # operations that a test saves


def integer_parameters(g: Generator, fn: ir.Fn) -> list[ir.Var]:
    """The parameters whose being integers would make operations cheaper; none where two bodies would cost too much."""
    counts: dict[ir.Var, int] = {}
    waiting: list[ir.Node] = [fn.body]
    size = 0
    while waiting:
        node = waiting.pop()
        size += 1
        if size > _LARGEST or isinstance(
            node, (ir.Fn, ir.Try, ir.Loop, ir.Matches, ir.Bind, ir.Special, ir.Each, ir.Scan, ir.Times)
        ):
            return []
        waiting.extend(node.children())
        if isinstance(node, ir.Call) and isinstance(node.function, ir.GlobalGet):
            name = node.function.name
            if name in ARITHMETIC_NAMES and g.is_builtin(name):
                for arg in node.args:
                    if isinstance(arg, ir.Get):
                        counts[arg.var] = counts.get(arg.var, 0) + 1
    found = [v for v in fn.params if counts.get(v) and v.kind is None and not v.boxed and not v.assigned and v.stores == 1]
    if fn.ast is not None and fn.ast.rest is not None and found and found[-1] is fn.params[-1]:
        found.pop()
    return found if sum(counts[v] for v in found) >= _FEWEST + len(found) - 1 else []


def with_versions(g: Generator, fn: ir.Fn, body: Any) -> None:
    """Add the statements of `body()`, twice where that pays."""
    parameters = integer_parameters(g, fn)
    if not parameters:
        body()
        return
    test = g.both(*[g.of_type(g.load(g.name_of(v)), " int") for v in parameters])
    for var in parameters:
        var.kind = "int"
    rekind(fn.body, g.is_builtin)
    fast = g.inside(body)
    for var in parameters:
        var.kind = None
    rekind(fn.body, g.is_builtin)
    g.when(test, fast)
    body()
