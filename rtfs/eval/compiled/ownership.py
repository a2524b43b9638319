"""Code of variables whose collection may be their own (`ir.passes.ownership`; at run time `owned`).

Such a variable has a second one beside it, which says whose the collection is; a value that is handed out is no longer its own.
What is done to the collection is in `eval.compiled.changes`.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.eval.compiled.changes import State, changed, is_change, reads, state_of
from rtfs.eval.compiled.generate import EFFECT, Generator
from rtfs.ir import nodes as ir
from rtfs.ir.passes.ownership import values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def read(g: Generator, node: ir.Get, value: Any) -> Any:
    """The value of an owned variable that is handed out, or something inside it: it is no longer the variable's own."""
    state = state_of(g, node.var)
    if state.mark is not None and node.use in ("leak", "item"):
        value = g.both(g.walrus(state.mark, g.list_of([g.const(0)])), value)
    return g.either(g.walrus(state.own, g.const(0)), value) if node.use == "leak" else value


def disown(g: Generator, var: ir.Var) -> None:
    """A variable has a value that others may know."""
    state = state_of(g, var)
    g.assign(state.own, g.const(0))
    if state.mark is not None:
        g.assign(state.mark, g.list_of([g.const(0)]))


def enter(g: Generator, fn: ir.Fn) -> None:
    """At the beginning of a function."""
    for var in fn.params:
        if var.owned:
            disown(g, var)


def store(g: Generator, var: ir.Var, node: ir.Node) -> None:
    """Give an owned variable the value of a node."""
    _Store(g, state_of(g, var)).value(node)


class _Store:
    """Delivers a value to the variables of a state."""

    def __init__(self, g: Generator, to: State) -> None:
        self.g = g
        self.to = to

    def value(self, node: ir.Node) -> None:
        g = self.g
        outer = g.at
        g.at = g.position(node.span)
        if isinstance(node, ir.If):
            test = g.truth(node.test)
            then = g.inside(lambda: self.value(node.then))
            g.when(test, then, g.inside(lambda: self.value(node.otherwise)))
        elif isinstance(node, ir.Inlined):
            from rtfs.eval.compiled.forms import with_inlined

            with_inlined(g, node, lambda: self.sequence(node))
        elif isinstance(node, ir.Seq):
            self.sequence(node)
        elif is_change(g, node):
            self.give(changed(g, node))
        elif isinstance(node, ir.Get) and node.var.owned and node.use == "move":
            self.give(state_of(g, node.var))
        else:
            g.assign(self.to.name, g.expr(node))
            self.give(None)
        g.at = outer

    def sequence(self, node: ir.Seq) -> None:
        for item in node.items[:-1]:
            self.g.stmt(item, EFFECT)
        self.value(node.items[-1])

    def give(self, state: State | None) -> None:
        """Take over another state; None: the collection may be known to others."""
        g, to = self.g, self.to
        if state is not None and state.name == to.name:
            return
        if state is not None:
            g.assign(to.name, g.load(state.name))
        g.assign(to.own, g.const(0) if state is None else g.load(state.own))
        if to.mark is not None:
            known = state is not None and state.mark is not None
            g.assign(to.mark, g.load(state.mark) if known else g.list_of([g.const(0)]))  # type: ignore[union-attr, arg-type]


def restarted(g: Generator, variables: list[ir.Var], args: list[ir.Node]) -> tuple[list[Any], Callable[[], None]]:
    """The values with which a loop starts again, and what adds the statements that come after they were given."""
    values_: list[Any] = []
    after: list[tuple[str, Any]] = []
    for i, (var, arg) in enumerate(zip(variables, args, strict=True)):
        mark = len(g.block)
        if not var.owned:
            value = g.expr(arg)
        else:
            state = state_of(g, var)
            if not any(is_change(g, leaf) or _is_move(leaf) for leaf in values(arg)):
                value = g.expr(arg)
                after.append((state.own, g.const(0)))
                if state.mark is not None:
                    after.append((state.mark, g.list_of([g.const(0)])))
            elif any(reads(other, var) for other in args[i + 1 :]):
                other = State(g.temp(), None, None)
                other.mark = f"{other.name} mark" if state.mark is not None else None
                _Store(g, other).value(arg)
                value = g.load(other.name)
                after.append((state.own, g.load(other.own)))
                if state.mark is not None:
                    after.append((state.mark, g.load(other.mark or "")))
            else:
                store(g, var, arg)
                value = g.load(state.name)
        if len(g.block) > mark:
            g.spill(values_, mark)
        values_.append(value)

    def finish() -> None:
        for name, value in after:
            g.assign(name, value)

    return values_, finish


def _is_move(node: ir.Node) -> bool:
    return isinstance(node, ir.Get) and node.var.owned and node.use == "move"
