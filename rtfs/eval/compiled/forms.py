"""Code of names, constants, choices and what comes one after the other; `loops` and `trying` have the rest."""

from __future__ import annotations

import ast as py
from collections.abc import Callable

from rtfs.eval.compiled import offsets
from rtfs.eval.compiled.generate import EFFECT, RETURN, Destination, Generator, expression, statement
from rtfs.ir import nodes as ir
from rtfs.ir.scopes import bindings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@expression(ir.Const)
def _const(g: Generator, node: ir.Const) -> Any:
    return g.const(node.value)


@expression(ir.Get)
def _get(g: Generator, node: ir.Get) -> Any:
    if node.var in g.offsets:
        return offsets.value(g, g.offsets[node.var])
    value = g.read_var(node.var)
    if node.checked and node.var.late:
        if node.var.boxed:
            temp = g.temp()
            test = g.is_not(g.walrus(temp, value), g.load(" UNBOUND"))
            value = g.load(temp)
        else:
            test = g.is_not(value, g.load(" UNBOUND"))
        return g.choose(test, value, g.call(" unbound", g.const(node.var.name), g.const(node.span)))
    if node.use is not None and node.var.owned:
        from rtfs.eval.compiled.ownership import read

        return read(g, node, value)
    return value


@expression(ir.GlobalGet)
def _global_get(g: Generator, node: ir.GlobalGet) -> Any:
    g.at = g.place(node.span, (), node.name)
    return g.load(f"{node.name} =")


@statement(ir.GlobalSet)
def _global_set(g: Generator, node: ir.GlobalSet, to: Destination) -> None:
    value = g.named(g.expr(node.value))
    g.do(g.call(" define" if node.defines else " assign", g.const(node.name), value, g.const(node.span)))
    g.deliver(value, to)


@statement(ir.Set)
def _set(g: Generator, node: ir.Set, to: Destination) -> None:
    var = node.var
    if isinstance(node.value, ir.Fn) and var.function is node.value:
        from rtfs.eval.compiled.calls import define_function, function_value

        name = g.own(g.name_of(var))
        target = define_function(g, node.value, f"{name} ()")
        if var.escapes or to is not EFFECT:
            g.assign(name, function_value(g, node.value, target))
            if to is not EFFECT:
                g.deliver(g.load(name), to)
        return
    if var.owned and to is EFFECT:
        from rtfs.eval.compiled.ownership import store

        store(g, var, node.value)
        return
    if isinstance(node.value, ir.Get) and to is EFFECT and _same(var, node.value):
        var.py = g.name_of(node.value.var)
        return
    if to is EFFECT and offsets.begin(g, node):
        return
    value = g.expr(node.value)
    if to is EFFECT:
        g.store_var(var, value, node.assigns)
        return
    value = g.named(value)
    g.store_var(var, value, node.assigns)
    g.deliver(value, to)


def _same(var: ir.Var, value: ir.Get) -> bool:
    """Whether a variable can go by the name of the one that it is set to: neither gets another value while both are in use."""
    other = value.var
    plain = all(v.stores == 1 and not (v.assigned or v.boxed or v.early or v.late) for v in (var, other))
    return plain and not (value.checked or other.owned or var.rebound or var.captured) and var.owner is other.owner


@statement(ir.Blank)
def _blank(g: Generator, node: ir.Blank, to: Destination) -> None:
    for var in node.vars:
        if var.boxed:
            g.assign(g.own(g.name_of(var)), g.list_of([g.load(" UNBOUND")]))
        elif var.late:
            g.assign(g.own(g.name_of(var)), g.load(" UNBOUND"))
    if to is not EFFECT:
        g.deliver(g.const(None), to)


@statement(ir.Seq)
def _seq(g: Generator, node: ir.Seq, to: Destination) -> None:
    in_order(g, node.items, to, [])


def in_order(g: Generator, items: list[ir.Node], to: Destination, bound: list[ir.Var]) -> None:
    """Nodes one after the other, of which the last one's value goes to `to`; `bound`: variables that have just got their values."""
    from rtfs.eval.compiled.speculation import speculate

    done = 0
    while done < len(items) - 1 and isinstance(items[done], (ir.Bind, ir.Blank)):
        item = items[done]
        if isinstance(item, ir.Bind):
            bound = [*bound, *[g.unit.vars[b] for b in bindings(item.pattern)]]
        g.stmt(item, EFFECT)
        done += 1

    def rest() -> None:
        for i in range(done, len(items) - 1):
            if done < i and isinstance(items[i], ir.Bind):
                in_order(g, items[i:], to, [])
                return
            g.stmt(items[i], EFFECT)
        g.stmt(items[-1], to)

    if bound:
        speculate(g, items[done:], bound, rest)
    else:
        rest()


@expression(ir.Seq)
def _seq_value(g: Generator, node: ir.Seq) -> Any:
    for item in node.items[:-1]:
        g.stmt(item, EFFECT)
    return g.expr(node.items[-1])


@statement(ir.Inlined)
def _inlined(g: Generator, node: ir.Inlined, to: Destination) -> None:
    with_inlined(g, node, lambda: _seq(g, node, to))


@expression(ir.Inlined)
def _inlined_value(g: Generator, node: ir.Inlined) -> Any:
    return with_inlined(g, node, lambda: _seq_value(g, node))


def with_inlined(g: Generator, node: ir.Inlined, work: Callable[[], Any]) -> Any:
    """Generate the body of a function in the place of its call."""
    from rtfs.eval.compiled.calls import place_of

    position = place_of(g, node.call)
    outer, g.inlined = g.inlined, g.places[position]
    made = work()
    g.inlined = outer
    return made


@expression(ir.If)
def _if_value(g: Generator, node: ir.If) -> Any:
    test = g.truth(node.test)
    then, then_value = g.apart(node.then)
    otherwise, other_value = g.apart(node.otherwise)
    if not then and not otherwise:
        return g.choose(test, then_value, other_value)
    temp = g.temp()
    g.when(test, g.ending(then, temp, then_value), g.ending(otherwise, temp, other_value))
    return g.load(temp)


@statement(ir.If)
def _if(g: Generator, node: ir.If, to: Destination) -> None:
    test = g.truth(node.test)
    then = g.inside(lambda: g.stmt(node.then, to))
    otherwise = g.inside(lambda: g.stmt(node.otherwise, to))
    if then and _leaves(then[-1]):  # nothing comes after it: no need to indent the other branch
        g.when(test, then)
        g.block += otherwise
    else:
        g.when(test, then, otherwise)


def _leaves(last: Any) -> bool:
    return isinstance(last, (py.Return, py.Continue, py.Break, py.Raise))


@expression(ir.Logic)
def _logic_value(g: Generator, node: ir.Logic) -> Any:
    first = g.expr(node.items[0])
    parts = [g.apart(item) for item in node.items[1:]]
    values = [first, *[value for _, value in parts]]
    kinds = [item.kind for item in node.items]
    if any(block for block, _ in parts):
        temp = g.temp()
        g.assign(temp, first)
        _chain(g, node, parts, temp, 0)
        return g.load(temp)
    if all(kind == "bool" for kind in kinds):
        return g.both(*values) if node.conjunction else g.either(*values)
    value = values[-1]
    for i in range(len(values) - 2, -1, -1):
        again = values[i]
        if g.is_stable(again):
            test = g.truth_of(again, kinds[i])
        else:
            temp = g.temp()
            test = g.walrus(temp, again)
            again = g.load(temp)
            if kinds[i] != "bool":
                test = g.both(g.is_not(test, g.const(None)), g.is_not(again, g.const(False)))
        value = g.choose(test, value, again) if node.conjunction else g.choose(test, again, value)
    return value


def _chain(g: Generator, node: ir.Logic, parts: list[Any], temp: str, i: int) -> None:
    """The items after the first, each reached only if the ones before allow it."""
    if i == len(parts):
        return
    block, value = parts[i]

    def more() -> None:
        g.block += g.ending(block, temp, value)
        _chain(g, node, parts, temp, i + 1)

    test = g.truth_of(g.load(temp), node.items[i].kind)
    g.when(test if node.conjunction else g.negated(test), g.inside(more))


@statement(ir.Logic)
def _logic(g: Generator, node: ir.Logic, to: Destination) -> None:
    if to is EFFECT or to is RETURN:
        _logic_from(g, node, 0, to)
        return
    if to.leave:
        temp = g.temp()
        _logic_from(g, node, 0, Destination(temp))
        g.deliver(g.load(temp), to)
        return
    _logic_from(g, node, 0, to)


def _logic_from(g: Generator, node: ir.Logic, i: int, to: Destination) -> None:
    if i == len(node.items) - 1:
        g.stmt(node.items[i], to)
        return
    value = g.named(g.expr(node.items[i]))
    test = g.truth_of(value, node.items[i].kind)
    if not node.conjunction:
        test = g.negated(test)
    more = g.inside(lambda: _logic_from(g, node, i + 1, to))
    done = g.inside(lambda: g.deliver(value, to)) if to is not EFFECT else []
    g.when(test, more, done)
