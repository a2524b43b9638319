"""Code of loops that a program writes: `loop` and `recur`, `dotimes`."""

from __future__ import annotations

import ast as py

from rtfs.eval.compiled import metering
from rtfs.eval.compiled.generate import EFFECT, RETURN, Destination, Generator, statement
from rtfs.ir import nodes as ir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@statement(ir.Loop)
def _loop(g: Generator, node: ir.Loop, to: Destination) -> None:
    from rtfs.eval.compiled.cursors import with_cursors

    inner = RETURN if to is RETURN else Destination(g.temp(), leave=True)
    g.repeated += 1
    with_cursors(g, node, node.vars, node.body, inner, lambda: _turns(g, node, inner))
    g.repeated -= 1
    if inner is not RETURN and to is not EFFECT:
        g.deliver(g.load(inner.name or ""), to)


def _turns(g: Generator, node: ir.Loop, to: Destination) -> None:
    from rtfs.eval.compiled.counting import counting, emit

    boxes = [var for var in node.vars if var.boxed]
    count = counting(g, node) if not boxes else None
    if count is not None:
        g.counters[count.var] = node
        emit(g, node, count, to)
        del g.counters[count.var]
        return

    def body() -> None:
        for var in boxes:  # a variable of its own for each turn
            g.assign(g.name_of(var), g.list_of([g.load(f"{g.name_of(var)} next")]))
        g.stmt(node.body, to)

    for var in boxes:
        g.assign(f"{g.name_of(var)} next", g.read_var(var))
    metering.loop(g, node.span, ending_there(g.inside(body)))


def ending_there(body: list[Any]) -> list[Any]:
    """The body of a loop without a `continue` at its end."""
    return body[:-1] if len(body) > 1 and isinstance(body[-1], py.Continue) else body


@statement(ir.Recur)
def _recur(g: Generator, node: ir.Recur, to: Destination) -> None:
    from rtfs.eval.compiled.ownership import restarted

    if isinstance(node.target, ir.Fn):
        from rtfs.eval.compiled.calls import restart

        restart(g, node.target, node)
        return
    if node.args:
        # what Python's `for` steps on needs no new value
        pairs = [(v, a) for v, a in zip(node.target.vars, node.args, strict=True) if v not in g.counters]
        variables = [v for v, _ in pairs]
        values, finish = restarted(g, variables, [a for _, a in pairs])
        rebind(g, variables, values)
        finish()
    g.add(py.Continue())


def rebind(g: Generator, variables: list[ir.Var], values: list[Any]) -> None:
    """Give the variables of a loop their next values, all at once."""
    from rtfs.eval.compiled.cursors import next_name

    pairs = []
    for var, value in zip(variables, values, strict=True):
        name = g.own(g.name_of(var))
        if isinstance(value, py.Name) and value.id == name and not var.boxed:
            continue
        cursor = next_name(g, var)
        if cursor != "":
            pairs.append((cursor or (f"{name} next" if var.boxed else name), value))
    if len(pairs) == 1:
        g.assign(*pairs[0])
    elif pairs:
        targets = g.put(py.Tuple([g.store(n) for n, _ in pairs], py.Store()))
        g.add(py.Assign([targets], g.put(py.Tuple([v for _, v in pairs], py.Load()))))


@statement(ir.Stop)
def _stop(g: Generator, node: ir.Stop, to: Destination) -> None:
    g.add(py.Break())


@statement(ir.Times)
def _times(g: Generator, node: ir.Times, to: Destination) -> None:
    count = g.named(g.expr(node.count))
    g.at = g.position(node.count.span)
    g.when(
        g.not_of_type(count, " int"),
        [g.put(py.Expr(g.call(" not_integer", count, g.const(node.count.span))))],
    )
    result = Destination(g.temp()) if to is not EFFECT else EFFECT
    if result.name:
        g.assign(result.name, g.const(None))
    item = g.temp()

    def body() -> None:
        if node.var.boxed:
            g.assign(g.own(g.name_of(node.var)), g.list_of([g.load(item)]))
        else:
            g.assign(g.own(g.name_of(node.var)), g.load(item))
        g.stmt(node.body, result)

    metering.scan(g, item, g.call(" range", count), node.count.span, g.inside(body))
    if result.name:
        g.deliver(g.load(result.name), to)
