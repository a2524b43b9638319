"""A function for certain kinds of operands."""

from __future__ import annotations

from rtfs.eval.native.kinds import NEVER, VALUES, Unsupported, narrowed
from rtfs.ir import nodes as ir


class Instance:
    """A function with operands of certain kinds.

    Attributes:
        symbol: its name in the machine code.
        kinds: of the operands, after the checks of their annotations.
        vars: kinds of all variables in it.
        nodes: kinds of its choices, whose branches need not agree.
        result: the kind of its value.
        calls: the instances that it calls.
        size: how many nodes it has.
        loops: it holds a loop.
    """

    def __init__(self, symbol: str, unit: ir.Unit, fn: ir.Fn, kinds: tuple[str, ...]) -> None:
        self.symbol = symbol
        self.unit = unit
        self.fn = fn
        self.kinds = kinds
        self.vars: dict[ir.Var, str] = {}
        self.nodes: dict[ir.Node, str] = {}
        self.result = NEVER
        self.calls: dict[Instance, None] = {}
        self.size = 0
        self.loops = fn.loops


def reachable(root: Instance) -> list[Instance]:
    """An instance, and all that it calls, directly or not."""
    found = {root: None}
    waiting = [root]
    while waiting:
        for callee in waiting.pop().calls:
            if callee not in found:
                found[callee] = None
                waiting.append(callee)
    return list(found)


def check_prepared(fn: ir.Fn, node: ir.Node) -> None:
    """What a function does before its body must be checks of parameters: callers make them."""
    if isinstance(node, ir.Check) and isinstance(node.value, ir.Get) and node.value.var in fn.params:
        return
    if not isinstance(node, ir.Blank):
        raise Unsupported("a parameter that is taken apart")


def parameter_kinds(fn: ir.Fn, kinds: list[str]) -> tuple[str, ...]:
    """The kinds that operands have once the function's annotations are checked.

    Raises:
        Unsupported: also where a check never holds.
    """
    assert fn.ast is not None
    types = [p.type for p in fn.ast.params]
    for kind in kinds:
        if kind not in VALUES and kind != NEVER:
            raise Unsupported(f"{kind} as an operand")
    return tuple([k if t is None else narrowed(k, t) for k, t in zip(kinds, types, strict=True)])


def is_inlinable(fn: ir.Fn, count: int) -> bool:
    """Whether a function literal can stand where it is called."""
    spec = fn.ast
    return spec is not None and spec.rest is None and spec.hint is None and spec.self_binding is None and len(fn.params) == count
