"""Bodies of functions in the place of calls: of literals that are called where they stand, and of small global functions.

The body of a global function is lowered anew for each call.  The unit relies on the name's keeping its meaning; a function inside
another may outlive that, so only calls that stand directly in a global function or at the top level are replaced, there only in
loops: what runs once is not worth compiling twice.
"""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.lower import lower_function
from rtfs.ir.motion import applied, is_simple, takes
from rtfs.ir.optimise import Counts
from rtfs.ir.passes.kinds import direct_functions
from rtfs.ir.passes.pipelines import fuse, make_loops
from rtfs.ir.scopes import stores, transform, walk_function
from rtfs.ir.standing import refresh
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rtfs.ir.optimise import Facts

#: Nodes of a global function's body that is worth inlining.
SMALL = 15
#: Nodes that may come into one unit, and functions in functions in functions.
_BUDGET = 400
_LEVELS = 4
#: Nodes of one that gives a collection changed: where it is called, the change may be made in place.
_CHANGING = 60
#: The same of one that only looks at what its operand is.
_MATCHING = 30
#: The same of one that goes through a collection which stays the same in the loop around the call.
_LOOPING = 100
_CHANGES = frozenset(("assoc", "assoc-in", "update", "update-in", "conj", "dissoc", "merge", "into"))
_LOOPS = (ir.Loop, ir.Scan, ir.Each, ir.Times)


def run(unit: ir.Unit, facts: Facts) -> Counts:
    """Replace calls by bodies."""
    counts = {"literals": _literals(unit), "functions": 0}
    if counts["literals"]:
        refresh(unit)
    calls = _Calls(unit, facts, counts)
    calls.run()
    if calls.loops:
        refresh(unit)
        fuse(unit, facts)
    return counts


def _literals(unit: ir.Unit) -> int:
    """Functions that are called where they are made."""
    count = 0

    def rewrite(node: ir.Node, fn: ir.Fn) -> ir.Node:
        nonlocal count
        if isinstance(node, ir.Call) and isinstance(node.function, ir.Fn) and takes(node.function, len(node.args)):
            if not node.function.loops:
                count += 1
                return applied(unit, node.function, node, fn)
        return node

    transform(unit, rewrite)
    return count


def _changes(spec: ast.Fn) -> bool:
    """Whether what a function gives is a changed collection, as far as its text tells."""
    body = spec.body
    while isinstance(body, (ast.Do, ast.Let)):
        body = body.body[-1] if isinstance(body, ast.Do) else body.body
    return isinstance(body, ast.Call) and isinstance(body.function, ast.Global) and body.function.name in _CHANGES


class _Calls:
    """The calls of global functions in one unit."""

    def __init__(self, unit: ir.Unit, facts: Facts, counts: Counts) -> None:
        self.unit = unit
        self.facts = facts
        self.counts = counts
        self.budget = _BUDGET
        self.inside = [unit.name]  # the functions whose bodies are being put in place
        self.around: list[ir.Node] = []  # loops, innermost last
        self.loops = 0  # that came into the unit

    def run(self) -> None:
        for fn in direct_functions(self.unit):
            fn.body = self.visit(fn.body, fn, fn is not self.unit.top)

    def visit(self, node: ir.Node, fn: ir.Fn, often: bool) -> ir.Node:
        """The node with the calls inside it replaced; functions inside it stay as they are. `often`: it may run more than once."""
        if isinstance(node, ir.Fn):
            return node
        is_loop = isinstance(node, _LOOPS)
        often = often or is_loop
        for part in node.parts:
            value = getattr(node, part)
            if is_loop and part == "body":
                self.around.append(node)
            if isinstance(value, list):
                for i in range(len(value)):
                    value[i] = self.visit(value[i], fn, often)
            elif value is not None:
                setattr(node, part, self.visit(value, fn, often))
            if is_loop and part == "body":
                self.around.pop()
        if isinstance(node, ir.Try):
            node.body = self.visit(node.body, fn, often)
            for clause in node.catches:
                clause.body = self.visit(clause.body, fn, often)
        return self.call(node, fn) if often and isinstance(node, ir.Call) else node

    def call(self, node: ir.Call, fn: ir.Fn) -> ir.Node:
        head = node.function
        if not isinstance(head, ir.GlobalGet) or node.itself is not None:
            return node
        if head.name in self.inside or len(self.inside) > _LEVELS:
            return node
        spec = self.facts.function(head.name)
        if spec is None or len(spec.params) != len(node.args):
            return node
        names: list[ast.Binding] = []  # of `match`: the unit has one variable for each
        size = _CHANGING if _changes(spec) else _MATCHING if isinstance(spec.body, ast.Match) else SMALL
        loops = False
        if not is_simple(spec, size, once=names):
            names, loops = [], True
            if not self.scans_again(spec, node, names):
                return node
        if any(name in self.unit.vars for name in names):
            return node
        made = lower_function(self.unit, spec, fn)
        if made is None or made.loops:
            return node
        if loops:
            make_loops(self.unit, self.facts, made)
        parts = list(walk_function(self.unit, made))
        if len(parts) > self.budget or any(isinstance(part, (ir.Recur, ir.Fn)) for part in parts):
            return node
        self.budget -= len(parts)
        self.counts["functions"] += 1
        self.loops += loops
        self.inside.append(head.name)
        made.body = self.visit(made.body, fn, True)
        self.inside.pop()
        return applied(self.unit, made, node, fn)

    def scans_again(self, spec: ast.Fn, node: ir.Call, names: list[ast.Binding]) -> bool:
        """Whether a function goes through the same collection at each turn of the loop around its call: what it takes from the
        items can then be taken once (`eval.compiled.rows`)."""
        if not self.around:
            return False
        scanned: list[ast.Binding] = []
        if not is_simple(spec, _LOOPING, once=names, scanned=scanned):
            return False
        operands = zip(spec.params, node.args, strict=True)
        same = [arg for p, arg in operands if isinstance(p.pattern, ast.BindPattern) and p.pattern.binding in scanned]
        return any(isinstance(arg, ir.Get) and not stores(self.unit, self.around[-1], arg.var) for arg in same)
