"""Variables that only ever hold vectors of one length, written out and taken apart again: one variable for each item instead.

    (reduce (fn [[a b] x] [(+ a x) (* b x)]) [0 1] xs)

makes no vector until somebody wants it whole.  The names that such a vector is taken apart by are then mostly not needed either.
"""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.copies import forward
from rtfs.ir.optimise import Counts
from rtfs.ir.scopes import reads, transform, walk
from rtfs.ir.standing import refresh
from rtfs.syntax import nodes as ast
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rtfs.ir.optimise import Facts

_MOST_ITEMS = 8


def run(unit: ir.Unit, facts: Facts) -> Counts:
    """Take such variables apart."""
    found = _candidates(unit)
    counts = {"variables": len(found), "names": 0}
    if found:
        rewriting = _Rewriting(unit, found)
        rewriting.run()
        refresh(unit)
        counts["names"] = forward(unit, {item for items in rewriting.items.values() for item in items})
    return counts


def _candidates(unit: ir.Unit) -> dict[ir.Var, int]:
    """The variables, with the number of their items."""
    lengths: dict[ir.Var, int] = {}
    refused: set[ir.Var] = set()
    taken: set[ir.Var] = set()  # apart, at least once
    stores: dict[ir.Var, int] = {}
    effects: set[int] = set()
    for node in walk(unit):
        if isinstance(node, ir.Seq):
            effects.update([id(item) for item in node.items[:-1]])
        elif isinstance(node, ir.Scan):
            effects.add(id(node.body))
            if node.fused and isinstance(node.body, ir.Set):
                refused.add(node.body.var)  # it may have to be what it was before
        elif isinstance(node, ir.Loop):
            refused.update(node.vars)
        elif isinstance(node, ir.Bind):
            read = _last(node.value)
            if isinstance(read, ir.Get) and _is_plain(node.pattern):
                assert isinstance(node.pattern, ast.VectorPattern)
                taken.add(read.var)
                if lengths.setdefault(read.var, len(node.pattern.items)) != len(node.pattern.items):
                    refused.add(read.var)
        if isinstance(node, ir.Set) and not node.assigns:
            length = _length(node.value)
            stores[node.var] = stores.get(node.var, 0) + 1
            # walked outer nodes first: whether the value of the store is used is known by now
            if length is None or id(node) not in effects or lengths.setdefault(node.var, length) != length:
                refused.add(node.var)
    return {
        var: lengths[var]
        for var in taken
        if var not in refused
        and stores.get(var) == var.stores
        and 0 < lengths[var] <= _MOST_ITEMS
        and not (var.captured or var.assigned or var.early or var.boxed)
    }


def _is_plain(pattern: ast.Pattern) -> bool:
    return isinstance(pattern, ast.VectorPattern) and pattern.rest is None and pattern.whole is None


def _last(node: ir.Node) -> ir.Node:
    while type(node) is ir.Seq:
        node = node.items[-1]
    return node


def _length(node: ir.Node) -> int | None:
    """How many items a value has, if it is a vector that is written out, whichever way it comes about."""
    if isinstance(node, ir.Const):
        return len(node.value) if type(node.value) is Vector else None
    if isinstance(node, ir.Special):
        return len(node.args) if isinstance(node.form, ast.MakeVector) else None
    if type(node) is ir.Seq or isinstance(node, ir.Inlined):
        return _length(node.items[-1])
    if isinstance(node, ir.If):
        length = _length(node.then)
        return length if length == _length(node.otherwise) else None
    return None


class _Rewriting:
    def __init__(self, unit: ir.Unit, found: dict[ir.Var, int]) -> None:
        self.unit = unit
        self.items = {var: [self._item(var, i) for i in range(count)] for var, count in found.items()}
        self.whole: dict[int, tuple[ir.Node, list[ir.Var]]] = {}  # nodes that make the vector of a variable's items

    @staticmethod
    def _item(var: ir.Var, i: int) -> ir.Var:
        return ir.Var(f"{var.name}.{i}", var.owner, in_loop=var.in_loop)

    def run(self) -> None:
        transform(self.unit, self.rewrite)

    def rewrite(self, node: ir.Node, fn: ir.Fn) -> ir.Node:
        if isinstance(node, ir.Set) and node.var in self.items:
            return self.store(node.var, node.value, fn)
        if isinstance(node, ir.Bind):
            made = self.whole.get(id(_last(node.value)))
            return self.bind(node, made[1]) if made is not None and _is_plain(node.pattern) else node
        if isinstance(node, ir.Get) and node.var in self.items:
            items = self.items[node.var]
            form = ast.MakeVector(node.span, tuple([ast.Const(node.span, None) for _ in items]))
            whole = ir.Special(node.span, form, [ir.Get(node.span, item) for item in items], [], [])
            self.whole[id(whole)] = (whole, items)
            return whole
        return node

    def store(self, var: ir.Var, value: ir.Node, fn: ir.Fn) -> ir.Node:
        """Give each item its value where the vector would be made: one that is still read for the others after them."""
        if type(value) is ir.Seq or isinstance(value, ir.Inlined):
            value.items[-1] = self.store(var, value.items[-1], fn)
            return value
        if isinstance(value, ir.If):
            value.then = self.store(var, value.then, fn)
            value.otherwise = self.store(var, value.otherwise, fn)
            return value
        if isinstance(value, ir.Const):
            args: list[ir.Node] = [ir.Const(value.span, item) for item in value.value]
        else:
            assert isinstance(value, ir.Special)
            args = value.args
        mine = self.items[var]
        sets: list[ir.Node] = []
        after: list[ir.Node] = []
        for i, (item, arg) in enumerate(zip(mine, args, strict=True)):
            if any(reads(self.unit, later, item) for later in args[i + 1 :]):
                temp = ir.Var(f"{item.name}'", fn, in_loop=True)
                sets.append(ir.Set(arg.span, temp, arg))
                after.append(ir.Set(value.span, item, ir.Get(value.span, temp)))
            else:
                sets.append(ir.Set(arg.span, item, arg))
        return ir.Seq(value.span, [*sets, *after, ir.Const(value.span, None)])

    def bind(self, node: ir.Bind, variables: list[ir.Var]) -> ir.Node:
        """Take the items one by one where the vector would be taken apart."""
        assert isinstance(node.pattern, ast.VectorPattern)
        before = node.value.items[:-1] if type(node.value) is ir.Seq else []
        items: list[ir.Node] = list(before)
        for pattern, item in zip(node.pattern.items, variables, strict=True):
            value = ir.Get(pattern.span, item)
            if isinstance(pattern, ast.BindPattern):
                items.append(ir.Set(pattern.span, self.unit.vars[pattern.binding], value))
            elif not isinstance(pattern, ast.WildcardPattern):
                items.append(ir.Bind(pattern.span, pattern, value, node.place))
        items.append(ir.Const(node.span, None))
        return ir.Seq(node.span, items)
