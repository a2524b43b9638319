"""What follows from where the nodes of a unit stand: which function a variable belongs to, who captures it, how often it is given a
value.

Lowering makes nodes and variables; passes move nodes about, from one function into another too.  `refresh` works out everything
that follows, so that neither has to keep it true.
"""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.scopes import USED, bindings, inner_nodes, used
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: How many Python blocks a node nests inside a function; CPython allows twenty.
_BLOCKS = {ir.Loop: 1, ir.Each: 1, ir.Times: 1, ir.Scan: 1, ir.Cases: 1, ir.Try: 3}
_SPECIAL_BLOCKS = {"WithResource": 3, "Step": 3, "StepLoop": 3, "WithHints": 2}
#: Nodes without parts and variables.
_PLAIN = frozenset((ir.Const, ir.GlobalGet))


def refresh(unit: ir.Unit) -> None:
    """Set what depends on where nodes stand: of variables `captured stores reads assigned function escapes boxed`, of functions
    `free`, `loops` and `outer`, of the unit `functions calls depth blocks cleans`."""
    _Refresh(unit).unit()


class _Refresh:
    """One walk over a unit."""

    def __init__(self, unit: ir.Unit) -> None:
        self.u = unit
        self.seen: dict[ir.Var, None] = {}
        self.depth = self.blocks = 0

    def unit(self) -> None:
        u = self.u
        u.functions, u.calls = [], []
        u.depth = u.blocks = 0
        u.cleans = False
        u.direct = None
        self.fn(u.top)
        u.functions.pop()
        for var in self.seen:
            if var.assigned or var.rebound or var.stores != 1 or (var.function is not None and is_delegated(var.function)):
                var.function = None
            if var.captured and (var.in_loop or var.owner.loops) and (var.assigned or var.early):
                var.boxed = True
                var.function = None

    def fn(self, fn: ir.Fn) -> None:
        fn.free = {}
        blocks, self.blocks = self.blocks, 1
        for var in fn.params:
            self.use(var, fn)
            var.stores += 1
            var.rebound = fn.loops
        for node in fn.prepare:
            self.node(node, fn)
        self.node(fn.body, fn)
        self.blocks = blocks
        self.u.functions.append(fn)

    def use(self, var: ir.Var, fn: ir.Fn) -> None:
        if var not in self.seen:
            var.captured = var.assigned = var.escapes = var.boxed = var.rebound = False
            var.stores = var.reads = 0
            var.function = None
            self.seen[var] = None
        if var.owner is not fn:
            var.captured = True
            around: ir.Fn | None = fn
            while around is not None and around is not var.owner:
                around.free[var] = None
                around = around.outer

    def node(self, node: ir.Node, fn: ir.Fn) -> None:
        kind = type(node)
        self.depth += 1
        if self.depth > self.u.depth:
            self.u.depth = self.depth
        if kind is ir.Get:
            self._read(node, fn)
        elif kind not in _PLAIN:
            blocks = _BLOCKS.get(kind, 0)
            if kind is ir.Special:
                blocks = _SPECIAL_BLOCKS.get(type(node.form).__name__, 0)  # type: ignore[attr-defined]
            self.blocks += blocks
            if self.blocks > self.u.blocks:
                self.u.blocks = self.blocks
            if kind is ir.Fn:
                node.outer = fn  # type: ignore[attr-defined]
                self.fn(node)  # type: ignore[arg-type]
            else:
                self._visit(kind, node, fn)
            self.blocks -= blocks
        self.depth -= 1

    def _read(self, node: Any, fn: ir.Fn) -> None:
        self.use(node.var, fn)
        node.var.escapes = True
        node.var.reads += 1

    def _visit(self, kind: type, node: ir.Node, fn: ir.Fn) -> None:
        find = USED.get(kind)
        if find is not None:
            for var in find(node):
                self.use(var, fn)
        if node.pattern is not None:
            for binding in bindings(node.pattern):
                var = self.u.vars[binding]
                self.use(var, fn)
                var.stores += 1
            for inner in inner_nodes(self.u, node.pattern):
                self.node(inner, fn)
        rule = _RULES.get(kind)
        if rule is not None:
            rule(self, node, fn)
        if kind is ir.Call and isinstance(node.function, ir.Get):  # type: ignore[attr-defined]
            called = node.function.var  # type: ignore[attr-defined]
            self.use(called, fn)
            called.reads += 1  # a name that is only called does not escape
            for arg in node.args:  # type: ignore[attr-defined]
                self.node(arg, fn)
            return
        for child in node.children():
            self.node(child, fn)

    # --- what a node itself does with variables, and other things that are to be known of the unit ---

    def _set(self, node: ir.Set, fn: ir.Fn) -> None:
        var = node.var
        var.stores += 1
        var.assigned = var.assigned or node.assigns
        if isinstance(node.value, ir.Fn):
            var.function = node.value

    def _turn(self, node: ir.Scan | ir.Times, fn: ir.Fn) -> None:
        node.var.stores += 1

    def _loop(self, node: ir.Loop, fn: ir.Fn) -> None:
        for var in node.vars:
            var.rebound = True
            var.reads += 1

    def _collect(self, node: ir.Collect, fn: ir.Fn) -> None:
        if node.into is not None:
            node.into.stores += 1

    def _update(self, node: ir.Update, fn: ir.Fn) -> None:
        if node.old is not None:
            node.old.stores += 1

    def _special(self, node: ir.Special, fn: ir.Fn) -> None:
        for var in node.vars:
            if var is not None:
                var.stores += 1
        if isinstance(node.form, ast.WithResource):
            self.u.cleans = True

    def _subject(self, node: ir.Cases | ir.NoMatch, fn: ir.Fn) -> None:
        for var in used(node):
            var.escapes = True
            var.reads += 1

    def _try(self, node: ir.Try, fn: ir.Fn) -> None:
        self.u.cleans = self.u.cleans or node.final is not None
        for clause in node.catches:
            if clause.var is not None:
                self.use(clause.var, fn)
                clause.var.stores += 1

    def _call(self, node: ir.Call, fn: ir.Fn) -> None:
        self.u.calls.append(node)


_RULES: dict[type, Any] = {
    ir.Set: _Refresh._set,
    ir.Scan: _Refresh._turn,
    ir.Times: _Refresh._turn,
    ir.Loop: _Refresh._loop,
    ir.Collect: _Refresh._collect,
    ir.Update: _Refresh._update,
    ir.Special: _Refresh._special,
    ir.Cases: _Refresh._subject,
    ir.NoMatch: _Refresh._subject,
    ir.Try: _Refresh._try,
    ir.Call: _Refresh._call,
}


def is_delegated(fn: ir.Fn) -> bool:
    """Whether calls of the function may be carried out by something else."""
    return fn.ast is not None and fn.ast.hint is not None and fn.ast.hint.target != "local"
