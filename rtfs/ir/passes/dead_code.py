"""Dead code: what has no effect, cannot raise and gives a value that nothing looks at is not evaluated.

Of an expression whose value is not used only the parts stay that may raise or have effects, in their order.
"""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.optimise import Counts
from rtfs.ir.passes.purity import is_total_call
from rtfs.ir.scopes import inner_nodes, pattern_of, transform, used
from rtfs.ir.wrapping import placed, unwrap
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rtfs.ir.optimise import Facts


def run(unit: ir.Unit, facts: Facts) -> Counts:
    """`dropped`: expressions that are evaluated no more; `names`: variables not stored; `functions`: that held functions."""
    removal = _Removal(unit, facts)
    transform(unit, removal.rewrite)
    if any(removal.counts.values()):
        unwrap(unit)
    return removal.counts


class _Removal:
    """One walk, inner nodes first; in a sequence the last items first, so that a name goes when the last that read it is gone.

    `Var.reads` is kept true on the way.
    """

    def __init__(self, unit: ir.Unit, facts: Facts) -> None:
        self.unit = unit
        self.facts = facts
        self.counts = {"dropped": 0, "names": 0, "functions": 0}

    def rewrite(self, node: ir.Node, fn: ir.Fn) -> ir.Node:
        if isinstance(node, ir.Inlined):
            return self._inlined(node)
        if type(node) is ir.Seq:
            return self._seq(node)
        if isinstance(node, ir.Set) and node.var.stores == 1 and not node.var.reads:
            self._forget(node)
            return placed(node.value, node.span)
        return node

    def _seq(self, node: ir.Seq) -> ir.Node:
        kept = [node.items[-1]]
        if type(kept[0]) is ir.Seq:
            kept = kept[0].items
        for item in reversed(node.items[:-1]):
            kept = [*self._needed(item), *kept]
        if len(kept) == 1:
            return placed(kept[0], node.span)
        node.items = kept
        return node

    def _inlined(self, node: ir.Inlined) -> ir.Node:
        """The call that the node stands for is in the call stack of errors; a value alone makes none."""
        node.items = [*self._all(node.items[:-1]), node.items[-1]]
        if len(node.items) == 1 and isinstance(node.items[0], (ir.Const, ir.Get, ir.Fn)):
            return placed(node.items[0], node.span)
        return node

    def _needed(self, node: ir.Node) -> list[ir.Node]:
        """What stays of an expression whose value is not used."""
        if isinstance(node, (ir.Const, ir.Fn)):
            return self._drop(node)
        if isinstance(node, ir.Get):
            return [node] if node.checked and node.var.late else self._drop(node)
        if isinstance(node, ir.GlobalGet):
            return self._drop(node) if self.facts.is_builtin(node.name) else [node]
        if isinstance(node, ir.Set):
            if not self._unread(node):
                return [node]
            self._forget(node)
            return self._needed(node.value)
        if isinstance(node, ir.Inlined):
            node.items = self._all(node.items)
            return [node] if node.items else []
        if isinstance(node, ir.Seq):
            return self._all(node.items)
        if isinstance(node, ir.Blank):
            node.vars = [var for var in node.vars if var.reads or var.boxed or var.stores > 1]
            return [node] if node.vars else []
        if isinstance(node, ir.Call):
            return self._parts(node.args) if is_total_call(node, self.facts) else [node]
        if isinstance(node, ir.Special):
            return self._parts(node.args) if isinstance(node.form, (ast.MakeVector, ast.MakeMap)) else [node]
        if isinstance(node, ir.If):
            return self._if(node)
        if isinstance(node, ir.Logic):
            return self._logic(node)
        return [node]

    def _all(self, items: list[ir.Node]) -> list[ir.Node]:
        kept: list[ir.Node] = []
        for item in reversed(items):
            kept = [*self._needed(item), *kept]
        return kept

    def _parts(self, items: list[ir.Node]) -> list[ir.Node]:
        self.counts["dropped"] += 1
        return self._all(items)

    def _if(self, node: ir.If) -> list[ir.Node]:
        then, otherwise = self._needed(node.then), self._needed(node.otherwise)
        if not then and not otherwise:
            return self._needed(node.test)
        node.then, node.otherwise = _whole(node.then, then), _whole(node.otherwise, otherwise)
        return [node]

    def _logic(self, node: ir.Logic) -> list[ir.Node]:
        while len(node.items) > 1:
            kept = self._needed(node.items[-1])
            if kept:
                node.items[-1] = _whole(node.items[-1], kept)
                return [node]
            node.items.pop()
        return self._needed(node.items[0])

    def _unread(self, node: ir.Set) -> bool:
        """Whether nothing reads the variable, but the function that is its value and goes with it."""
        var = node.var
        if var.stores != 1:
            return False
        if var.reads and isinstance(node.value, ir.Fn) and var in node.value.free:
            return sum(var in _read(item) for item in self._walk(node.value)) == var.reads
        return not var.reads

    def _forget(self, node: ir.Set) -> None:
        node.var.stores = 0
        self.counts["functions" if isinstance(node.value, ir.Fn) else "names"] += 1

    def _drop(self, node: ir.Node) -> list[ir.Node]:
        self.counts["dropped"] += 1
        for item in self._walk(node):
            for var in _read(item):
                var.reads -= 1
        return []

    def _walk(self, node: ir.Node) -> list[ir.Node]:
        found = [node]
        for item in found:
            found.extend(item.children())
            pattern = pattern_of(item)
            if pattern is not None:
                found.extend(inner_nodes(self.unit, pattern))
        return found


def _whole(node: ir.Node, items: list[ir.Node]) -> ir.Node:
    if not items:
        return ir.Const(node.span, None)
    return items[0] if len(items) == 1 else ir.Seq(node.span, items)


def _read(node: ir.Node) -> list[ir.Var]:
    return used(node) if isinstance(node, (ir.Get, ir.Cases, ir.NoMatch)) else []
