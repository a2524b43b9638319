"""Code for numbers of one kind where nothing is known of a loop's items or of the parts of a value: one test, then the code without
tests; and beside it the code as it is for whatever else there may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rtfs.eval.compiled.generate import Generator
from rtfs.ir import nodes as ir
from rtfs.ir.lattice import UNKNOWN, fits
from rtfs.ir.nodes import Known
from rtfs.ir.passes.kinds import Inference
from rtfs.ir.scopes import bindings, inner_nodes, pattern_of, used
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LARGEST = 200  # nodes that may stand twice
DEEPEST = 2  # such regions inside one another

_ARITHMETIC = frozenset(("+", "-", "*", "/", "inc", "dec", "mod", "rem", "quot", "abs", "max", "min", "sqrt"))
#: Operations that a known operand makes cheaper.
OPERATIONS = _ARITHMETIC | frozenset(("<", ">", "<=", ">=", "=", "not=", "even?", "odd?", "nth", "range", "zero?", "pos?", "neg?"))


class Votes:
    """What variables seem to be meant to be, by the operations that they are operands of.

    Attributes:
        uses: variable -> in how many operations.
        floats: those that meet floats. factors: those that are multiplied. naturals: those of `mod` and `quot`.
    """

    def __init__(self, g: Generator, nodes: list[ir.Node], stands_for: dict[ir.Var, ir.Var]) -> None:
        self.uses: dict[ir.Var, int] = {}
        self.floats: set[ir.Var] = set()
        self.factors: set[ir.Var] = set()
        self.naturals: set[ir.Var] = set()
        for node in nodes:
            if not isinstance(node, ir.Call) or not isinstance(node.function, ir.GlobalGet):
                continue
            name = node.function.name
            if name not in OPERATIONS or not g.is_builtin(name):
                continue
            for arg in node.args:
                if isinstance(arg, ir.Get) and arg.var in stands_for:
                    var = stands_for[arg.var]
                    self.uses[var] = self.uses.get(var, 0) + 1
                    if name == "sqrt" or (name in _ARITHMETIC and any(other.kind == "float" for other in node.args)):
                        self.floats.add(var)
                    if name == "*":
                        self.factors.add(var)
                    if name in ("mod", "rem", "quot"):
                        self.naturals.add(var)


def is_closed(node: ir.Node) -> bool:
    """Whether a node's code cannot stand twice in a unit, or is not worth it."""
    if isinstance(node, ir.Special):
        return not isinstance(node.form, (ast.MakeVector, ast.MakeMap))
    return isinstance(node, (ir.Fn, ir.GlobalSet))


def speculate(g: Generator, region: list[ir.Node], bound: list[ir.Var], emit: Callable[[], None]) -> None:
    """Add the statements of some nodes, twice where that pays.

    Args:
        region: the nodes. bound: variables that have just got their values.
        emit: adds their statements.
    """
    if g.speculating < 0 or g.speculating >= DEEPEST:
        emit()
        return
    nodes = nodes_of(g.unit, region)
    assumed = guess(g, nodes, bound) if nodes is not None else {}
    if not assumed:
        emit()
        return
    assert nodes is not None
    stored = stored_in(g.unit, nodes)
    depth = g.speculating
    before: list[Any] = [(item, item.known) for item in [*nodes, *_both(stored, assumed)]]
    infer(g, nodes, _both(stored, assumed), assumed, region)
    g.speculating += 1
    fast, slow = g.one_of(emit, lambda: _plainly(g, emit, before))
    g.speculating = depth
    g.when(g.both(*[g.of_type(g.load(g.name_of(var)), f" {known.kind}") for var, known in assumed.items()]), fast, slow)


def infer(
    g: Generator, nodes: list[ir.Node], variables: list[ir.Var], assumed: dict[ir.Var, Known], region: Sequence[ir.Node] = ()
) -> None:
    """Set what is known of nodes and variables of a region, with what is known of parts that were taken before it."""
    parts = {var: g.parts[var] for var in variables if var in g.parts}
    Inference(g.unit, g.facts, g.inference.version).infer(nodes, variables, {**parts, **assumed}, region)


def _plainly(g: Generator, emit: Callable[[], None], before: list[Any]) -> None:
    g.speculating = -1
    for item, known in before:
        item.known = known
    emit()


def guess(g: Generator, nodes: list[ir.Node], bound: list[ir.Var]) -> dict[ir.Var, Known]:
    """What to test of which variables; nothing where it does not pay."""
    stored = stored_in(g.unit, nodes)
    read = {node.var for node in nodes if isinstance(node, ir.Get)}
    # those that were just bound, and those that come out of one turn of a loop into the next
    candidates = [
        var
        for var in dict.fromkeys([*bound, *[v for v, count in stored.items() if v.stores > count]])
        if var in read and var.kind in (None, "num") and not (var.boxed or var.assigned or var.captured or var.early)
    ]
    if not candidates or not _meets(g, nodes, set(candidates)):
        return {}
    known: list[Any] = [(item, item.known) for item in [*nodes, *_both(stored, candidates)]]
    every = _both(stored, candidates)
    infer(g, nodes, every, dict.fromkeys(candidates, UNKNOWN))
    votes = Votes(g, nodes, {var: var for var in candidates})
    kind = "float" if votes.floats else "int"
    assumed = {var: Known(kind) for var in candidates if var in votes.uses and (kind == "int" or var not in votes.naturals)}
    while assumed:
        infer(g, nodes, every, assumed)
        wrong = {n.var for n in nodes if isinstance(n, ir.Set) and n.var in assumed and not fits(n.value.known, assumed[n.var])}
        if not wrong:
            break
        assumed = {var: k for var, k in assumed.items() if var not in wrong}
    open_after = _open(g, nodes)
    for item, value in known:
        item.known = value
    open_before = _open(g, nodes)
    return assumed if open_before - open_after > len(assumed) else {}


def _meets(g: Generator, nodes: list[ir.Node], variables: set[ir.Var]) -> bool:
    """Whether there is an operation that one of the variables is an operand of."""
    return any(
        isinstance(node, ir.Call)
        and isinstance(node.function, ir.GlobalGet)
        and node.function.name in OPERATIONS
        and any(isinstance(arg, ir.Get) and arg.var in variables for arg in node.args)
        for node in nodes
    )


def _both(some: Iterable[ir.Var], others: Iterable[ir.Var]) -> list[Any]:
    return list(dict.fromkeys([*some, *others]))


def _open(g: Generator, nodes: list[ir.Node]) -> int:
    """How many operations there are that have to test what their operands are."""
    return sum(
        1
        for node in nodes
        if isinstance(node, ir.Call)
        and isinstance(node.function, ir.GlobalGet)
        and node.function.name in OPERATIONS
        and any(arg.kind not in ("int", "float") for arg in node.args)
    )


def nodes_of(unit: ir.Unit, region: list[ir.Node]) -> list[ir.Node] | None:
    """The nodes of a region, outer ones first; None when they cannot stand twice."""
    found: list[ir.Node] = []
    waiting = list(region)
    while waiting:
        node = waiting.pop()
        if is_closed(node) or len(found) > _LARGEST:
            return None
        found.append(node)
        waiting.extend(node.children())
        pattern = pattern_of(node)
        if pattern is not None:
            waiting.extend(inner_nodes(unit, pattern))
    return found


def stored_in(unit: ir.Unit, nodes: list[ir.Node]) -> dict[ir.Var, int]:
    """The variables that nodes give values to, and how often."""
    found: dict[ir.Var, int] = {}
    for node in nodes:
        variables = used(node) if isinstance(node, (ir.Set, ir.Scan, ir.Times, ir.Collect)) else []
        pattern = pattern_of(node)
        if pattern is not None:
            variables = [*variables, *[unit.vars[b] for b in bindings(pattern)]]
        for var in variables:
            found[var] = found.get(var, 0) + 1
    return found


