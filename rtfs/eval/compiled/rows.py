"""Loops inside a loop over the same vector of vectors: what all of them take from its items is taken once, before the first turn.

    (map (fn [[x y]] (reduce (fn [sum [other]] (+ sum (* x other y))) 0.0 points)) points)

When each item is a vector as long as the patterns want it, and the parts with which the loops do arithmetic are numbers of one
kind, the loops run over rows: tuples of these parts, with no test in the loops.  When one is not, they run as they are written, and
come to what is wrong with it in the order of the program.
"""

from __future__ import annotations

import ast as py
from collections.abc import Callable

from rtfs.eval.compiled import metering
from rtfs.eval.compiled.generate import EFFECT, Generator
from rtfs.eval.compiled.speculation import DEEPEST, guess, infer, nodes_of, stored_in
from rtfs.ir import nodes as ir
from rtfs.ir.nodes import Known
from rtfs.ir.scopes import stores
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What a row takes, and an item of it, in bytes.
_ROW_BYTES, _PART_BYTES = 64, 8


class Rows:
    """The rows of one vector.

    Attributes:
        name: the Python variable that holds them, None where they cannot be.
        count: how long its items have to be.
        members: the loops that go through it -> what takes their items apart.
        columns: which parts a row has, in order.
        whole: the item itself is its last part.
        known: column -> what is known of it.
    """

    def __init__(self, name: str, count: int, members: dict[ir.Scan, ir.Bind], columns: list[int], whole: bool) -> None:
        self.name = name
        self.count = count
        self.members = members
        self.columns = columns
        self.whole = whole
        self.known: dict[int, Known] = {}


def plan(g: Generator, node: ir.Scan) -> Rows | None:
    """The rows for a loop and those inside it, None where there is nothing to gain, or something to lose."""
    if g.staged or g.fusing or not 0 <= g.speculating < DEEPEST or not isinstance(node.items, ir.Get) or not _stays(g, node):
        return None
    found = nodes_of(g.unit, [node.body])
    if found is None:
        return None
    members = _members(g, node, found)
    if node not in members or len(members) < 2:
        return None
    parts = [_parts(g, bind) for bind in members.values()]
    count = len(parts[0])
    if any(len(part) != count for part in parts):
        return None
    columns = [i for i in range(count) if any(var is not None and var.reads for var in (part[i] for part in parts))]
    variables = [var for part in parts for var in part if var is not None]
    if not columns or any(var.stores != 1 or var.boxed or var.assigned or var.captured or var.early for var in variables):
        return None
    rows = Rows(g.temp(), count, members, columns, any(scan.var.reads > 1 for scan in members))
    assumed = guess(g, found, [var for var in variables if var.reads])
    for part in parts:
        for i, var in enumerate(part):
            if var in assumed:
                rows.known[i] = assumed[var]
    return rows


def _stays(g: Generator, node: ir.Scan) -> bool:
    """Whether what a loop goes through is a variable that is the same throughout the loop."""
    items = node.items
    assert isinstance(items, ir.Get)
    var = items.var
    if items.checked or var.owned or var.boxed or var.kind not in (None, "vec") or not g.is_stable(g.load(g.name_of(var))):
        return False
    return not stores(g.unit, node, var)


def _members(g: Generator, node: ir.Scan, found: list[ir.Node]) -> dict[ir.Scan, ir.Bind]:
    """The loops over the same variable, itself among them, that take each item apart in the same way."""
    assert isinstance(node.items, ir.Get)
    same: dict[ir.Var, ir.Scan] = {}
    for item in (node, *found):
        if isinstance(item, ir.Scan) and not (item.ranged or item.fused) and isinstance(item.items, ir.Get):
            if item.items.var is node.items.var and not (item.var.boxed or item.var.assigned or item.var.captured):
                same[item.var] = item
    effects = {id(item) for seq in found if isinstance(seq, ir.Seq) for item in seq.items[:-1]}
    members: dict[ir.Scan, ir.Bind] = {}
    for item in found:
        if isinstance(item, ir.Bind) and isinstance(item.value, ir.Get) and item.value.var in same and id(item) in effects:
            if _is_plain(item.pattern):
                members.setdefault(same[item.value.var], item)
    return members


def _is_plain(pattern: ast.Pattern) -> bool:
    return (
        isinstance(pattern, ast.VectorPattern)
        and pattern.rest is None
        and pattern.whole is None
        and all(isinstance(item, (ast.BindPattern, ast.WildcardPattern)) for item in pattern.items)
    )


def _parts(g: Generator, bind: ir.Bind) -> list[ir.Var | None]:
    """The variables that a pattern gives the parts to."""
    assert isinstance(bind.pattern, ast.VectorPattern)
    return [g.unit.vars[item.binding] if isinstance(item, ast.BindPattern) else None for item in bind.pattern.items]


def emit(g: Generator, node: ir.Scan, rows: Rows, items: Callable[[], Any], plainly: Callable[[], None]) -> None:
    """Add the statements of a loop and those inside it, over rows and as they are written.

    Args:
        items: gives the expression of its items. plainly: adds the statements of the loop as it is.
    """
    _open(g, rows, items())
    region = [node.body]
    nodes = nodes_of(g.unit, region) or []
    assumed = {
        var: rows.known[i]
        for bind in rows.members.values()
        for i, var in enumerate(_parts(g, bind))
        if var is not None and i in rows.known
    }
    variables = list(dict.fromkeys([*stored_in(g.unit, nodes), *assumed]))
    known: list[Any] = [*nodes, *variables]
    before = [(item, item.known) for item in known]
    outer, parts, depth = g.rows, g.parts, g.speculating

    def over_rows() -> None:
        g.rows = {**outer, **dict.fromkeys(rows.members, rows)}
        g.parts = {**parts, **assumed}
        g.speculating += 1
        infer(g, nodes, variables, {}, region)
        scan(g, node, rows)
        g.rows, g.parts, g.speculating = outer, parts, depth
        for item, known in before:
            item.known = known

    fast, slow = g.one_of(over_rows, plainly)
    g.when(g.is_not(g.load(rows.name), g.const(None)), fast, slow)


def _open(g: Generator, rows: Rows, items: Any) -> None:
    """Add the statements that make the rows."""
    parts = [g.temp() for _ in rows.columns]
    item, buffer = g.temp(), g.temp()

    def row() -> None:
        value = g.load(item)
        shifted, longer = g.attribute(value, "_start"), g.compare(g.attribute(value, "_stop"), py.NotEq(), g.const(rows.count))
        refuse = [g.put(py.Assign([g.store(rows.name)], g.const(None))), g.put(py.Break())]
        g.when(g.either(g.not_of_type(value, " Vector"), shifted, longer), refuse)
        g.assign(buffer, g.attribute(value, "_buf"))
        tests: list[Any] = []
        for i, part in zip(rows.columns, parts, strict=True):
            g.assign(part, g.item(g.load(buffer), g.const(i)))
            if i in rows.known:
                tests.append(g.not_of_type(g.load(part), f" {rows.known[i].kind}"))
        if tests:
            g.when(g.either(*tests), refuse)
        made = [g.load(name) for name in (*parts, *([item] if rows.whole else []))]
        g.do(g.apply(g.attribute(g.load(rows.name), "append"), [g.put(py.Tuple(made, py.Load()))]))

    if g.metered:
        items = g.named(items)
        size = _ROW_BYTES + _PART_BYTES * (len(parts) + rows.whole)
        g.do(g.call(" announce", g.binary(g.call(" len", items), py.Mult(), g.const(size))))
    g.assign(rows.name, g.list_of([]))
    g.add(py.For(g.store(item), items, g.inside(row), []))


def scan(g: Generator, node: ir.Scan, rows: Rows) -> None:
    """Add one of the loops, over rows."""
    variables = _parts(g, rows.members[node])
    named = [variables[i] for i in rows.columns]
    targets = [g.temp() if var is None or not var.reads else g.own(g.name_of(var)) for var in named]
    if rows.whole:
        targets.append(g.own(g.name_of(node.var)))
    target = g.put(py.Tuple([g.store(name) for name in targets], py.Store()))
    metering.scan(g, target, g.load(rows.name), node.span, g.inside(lambda: g.stmt(node.body, EFFECT)))
