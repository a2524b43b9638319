"""The body of a function in the place of the calls of itself, so that it calls itself half as often; twice over in a small one.

The function as it was stays in the unit: it serves operands of any kind, the larger body those that it was written for
(`eval.compiled.versions`).
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.ir import nodes as ir
from rtfs.ir.lower import lower_function
from rtfs.ir.motion import applied, is_simple
from rtfs.ir.optimise import Counts
from rtfs.ir.scopes import transform, walk_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.ir.optimise import Facts
    from rtfs.syntax import nodes as ast

#: Nodes of a function's body, and calls of itself in it, that are worth it.
_SIZE = 40
_MOST_CALLS = 3
#: The same for two levels: one with three calls gains nothing from them.
_SMALL = 24
_FEW_CALLS = 2


def run(unit: ir.Unit, facts: Facts) -> Counts:
    """Inline the unit's function in itself."""
    counts = {"calls": 0}
    fn, name = unit.function, unit.name
    if fn is None or fn.ast is None or not is_simple(fn.ast, _SIZE):
        return counts
    calls = [node for node in walk_function(unit, fn) if _is_call(node, name, len(fn.params))]
    if not 0 < len(calls) <= _MOST_CALLS or not facts.keeps(name):
        return counts
    plain = lower_function(unit, fn.ast, unit.top)
    if plain is None:
        return counts
    unit.plain = plain
    unit.top.prepare.append(plain)
    targets = {id(call) for call in calls}
    spec = fn.ast
    levels = 2 if len(calls) <= _FEW_CALLS and is_simple(spec, _SMALL) else 1

    def rewrite(node: ir.Node, owner: ir.Fn) -> ir.Node:
        if id(node) not in targets:
            return node
        assert isinstance(node, ir.Call)
        return _inlined(unit, spec, name, node, owner, levels, counts)

    transform(unit, rewrite)
    return counts


def _inlined(unit: ir.Unit, spec: ast.Fn, name: str, call: ir.Call, owner: ir.Fn, levels: int, counts: Counts) -> ir.Node:
    """The body of the function in the place of a call, and in that body so many levels less."""
    made = lower_function(unit, spec, owner)
    assert made is not None
    calls = [node for node in walk_function(unit, made) if _is_call(node, name, len(made.params))]
    for part in walk_function(unit, made):
        if isinstance(part, ir.Call) and part.itself is made:  # it was in tail position there
            part.itself = None
            part.tail = False
    made.loops = False
    counts["calls"] += 1
    node = applied(unit, made, call, owner)
    if levels > 1:
        targets = {id(inner) for inner in calls}
        node = replaced(node, lambda found: _inlined(unit, spec, name, found, owner, levels - 1, counts), targets)
    return node


def replaced(node: ir.Node, make: Callable[[Any], ir.Node], targets: set[int]) -> ir.Node:
    """A node with some of the nodes inside it replaced."""
    for part in node.parts:
        value = getattr(node, part)
        if isinstance(value, list):
            value[:] = [replaced(item, make, targets) for item in value]
        elif value is not None:
            setattr(node, part, replaced(value, make, targets))
    return make(node) if id(node) in targets else node


def _is_call(node: ir.Node, name: str, count: int) -> bool:
    return (
        isinstance(node, ir.Call)
        and isinstance(node.function, ir.GlobalGet)
        and node.function.name == name
        and len(node.args) == count
        and node.itself is None
        and not node.tail
    )
