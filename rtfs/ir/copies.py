"""Names for what a variable holds at some point: where the variable still holds it when the name is read, no name is needed."""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.scopes import inner_nodes, used

TYPE_CHECKING = False
if TYPE_CHECKING:
    _At = tuple[int, tuple[ir.Node, ...]]  # a moment in the order of evaluation, and the loops around, innermost last

_LOOPS = (ir.Loop, ir.Scan, ir.Each, ir.Times)


def forward(unit: ir.Unit, variables: set[ir.Var]) -> int:
    """Make reads of names that were given the value of one of some variables reads of that variable.

    Args:
        variables: local to one function, and given values by `Set`s only.
    Returns:
        How many names are not read any more.
    """
    moments = _Moments(unit, variables)
    moments.visit(unit.top, ())
    count = 0
    for node, at in moments.copies:
        assert isinstance(node.value, ir.Get)
        reads, var = moments.reads.get(node.var, []), node.value.var
        if node.var in moments.other or len(reads) != node.var.reads:
            continue
        if not any(_between(at, store, read) for store in moments.stores.get(var, []) for _, read in reads):
            for get, _ in reads:
                get.var = var
            count += 1
    return count


def _between(copy: _At, store: _At, read: _At) -> bool:
    """Whether a variable may get another value after it was copied and before the copy is read."""
    if copy[0] < store[0] < read[0]:
        return True
    # or in an earlier turn of a loop that the copy is not made in
    return any(loop in read[1] and loop not in copy[1] for loop in store[1])


class _Moments:
    """When variables get values and are read."""

    def __init__(self, unit: ir.Unit, variables: set[ir.Var]) -> None:
        self.unit = unit
        self.variables = variables
        self.now = 0
        self.copies: list[tuple[ir.Set, _At]] = []
        self.stores: dict[ir.Var, list[_At]] = {}
        self.reads: dict[ir.Var, list[tuple[ir.Get, _At]]] = {}
        self.other: set[ir.Var] = set()  # what is looked at by other nodes than `Get`

    def visit(self, node: ir.Node, loops: tuple[ir.Node, ...]) -> None:
        inside = (*loops, node) if isinstance(node, _LOOPS) else loops
        for child in node.children():
            self.visit(child, inside)
        if node.pattern is not None:
            for inner in inner_nodes(self.unit, node.pattern):
                self.visit(inner, inside)
        self.now += 1
        at = (self.now, loops)
        if isinstance(node, ir.Get):
            self.reads.setdefault(node.var, []).append((node, at))
        elif isinstance(node, ir.Set):
            if node.var in self.variables:
                self.stores.setdefault(node.var, []).append(at)
            elif isinstance(node.value, ir.Get) and node.value.var in self.variables and _is_name(node):
                self.copies.append((node, at))
        else:
            self.other.update(used(node))


def _is_name(node: ir.Set) -> bool:
    """Whether a variable is a name for one value, which no function takes with it."""
    var = node.var
    plain = not (var.assigned or var.boxed or var.early or var.late or var.rebound or var.captured)
    return plain and var.stores == 1
