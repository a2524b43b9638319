"""Quotients that may stay floats.

`/` gives an integer where its result is a whole number.  Beside a float that makes no difference but for the sign of zero, so a
quotient of floats that only ever meets floats is not looked at: it stays a float, without a negative zero.
"""

from __future__ import annotations

from collections.abc import Sequence

from rtfs.ir import nodes as ir
from rtfs.ir.lattice import FLOAT, FROM_FLOAT
from rtfs.ir.scopes import used

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rtfs.ir.optimise import Facts

_OPERATIONS = frozenset(("+", "-", "*", "/"))
_COMPARISONS = frozenset(("<", "<=", ">", ">="))


def keep_floats(nodes: list[ir.Node], region: Sequence[ir.Node], facts: Facts) -> None:
    """Note of quotients that they are floats, and of the variables that hold them; all else is known of the nodes already.

    Args:
        region: those of the nodes that are evaluated one after the other; the others are inside these.
    """
    found = [node for node in nodes if node.known == FROM_FLOAT and _is_call(node, ("/",), facts)]
    if found:
        uses = _Uses(nodes, region, facts)
        for node in found:
            uses.note(node)


def _is_call(node: ir.Node, names: frozenset[str] | tuple[str, ...], facts: Facts) -> bool:
    return (
        isinstance(node, ir.Call)
        and isinstance(node.function, ir.GlobalGet)
        and node.function.name in names
        and len(node.args) == 2
        and facts.is_builtin(node.function.name)
    )


class _Uses:
    """Where the values of some nodes go."""

    def __init__(self, nodes: list[ir.Node], region: Sequence[ir.Node], facts: Facts) -> None:
        self.facts = facts
        self.effects = {id(node) for node in region[:-1]}
        self.above = {id(part): node for node in nodes for part in node.children()}
        self.reads: dict[ir.Var, list[ir.Get]] = {}
        self.other: set[ir.Var] = set()  # variables that something else looks at
        for node in nodes:
            if isinstance(node, ir.Get):
                self.reads.setdefault(node.var, []).append(node)
            elif not isinstance(node, ir.Set):
                self.other.update(used(node))

    def note(self, node: ir.Node) -> None:
        above = self.above.get(id(node))
        if self._meets_floats(node):
            node.known = FLOAT
        elif isinstance(above, ir.Set) and self._is_effect(above):
            var, reads = above.var, self.reads.get(above.var, [])
            plain = var.stores == 1 and not (var.rebound or var.captured or var.assigned or var.boxed or var.early)
            # everything that looks at the variable is among the nodes
            if plain and var not in self.other and len(reads) == var.reads and all(map(self._meets_floats, reads)):
                for item in [node, above, *reads]:
                    item.known = FLOAT
                var.known = FLOAT

    def _is_effect(self, node: ir.Node) -> bool:
        above = self.above.get(id(node))
        return id(node) in self.effects or (type(above) is ir.Seq and above.items[-1] is not node)

    def _meets_floats(self, node: ir.Node) -> bool:
        """Whether a value is only used beside a float, or to be compared with a number."""
        above = self.above.get(id(node))
        if above is None:
            return False
        if _is_call(above, _COMPARISONS, self.facts):
            return True
        if not _is_call(above, _OPERATIONS, self.facts):
            return False
        assert isinstance(above, ir.Call)
        other = above.args[0] if above.args[1] is node else above.args[1]
        return other is not node and other.kind == "float"
