"""Code of changes of collections: in place where the collection may be a variable's own, else as a new one.

A change in a variable that owns its collection (`eval.compiled.ownership`) becomes

    if type(total_own) is dict: total_own[key] = value
    else: total, total_own = put(…)

Several changes one on top of the other, as `->` makes them, work on one collection: the first makes it, the others change it.
"""

from __future__ import annotations

import ast as py
from collections.abc import Callable

from rtfs.eval.compiled.access import stored_key
from rtfs.eval.compiled.builder import is_const
from rtfs.eval.compiled.generate import EFFECT, Generator, expression
from rtfs.eval.compiled.known import kind_of, known_of
from rtfs.eval.compiled.operators import INLINE
from rtfs.ir import nodes as ir
from rtfs.ir.passes.ownership import CHANGES, bottom

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class State:
    """The Python variables that hold a collection, whose it is, and the mark of the collections inside it, if it has one.

    `known` is what is known of the collection: `vec`, `map` or None.
    """

    __slots__ = ("known", "mark", "name", "own")

    def __init__(self, name: str, mark: str | None, known: str | None) -> None:
        self.name = name
        self.own = f"{name} own"
        self.mark = mark
        self.known = known


def state_of(g: Generator, var: ir.Var) -> State:
    name = g.name_of(var)
    return State(name, f"{name} mark" if var.deep else None, var.kind)


# --- in place -------------------------------------------------------------------------------


def is_change(g: Generator, node: ir.Node) -> bool:
    """Whether a node is a change that can be made in place."""
    if isinstance(node, ir.Update):
        return True
    if isinstance(node, ir.Call) and isinstance(node.function, ir.GlobalGet):
        return CHANGES.get(node.function.name) == len(node.args) and g.is_builtin(node.function.name)
    return False


def is_in_place(g: Generator, node: ir.Node) -> bool:
    """Whether a change has a collection to be made in: a variable's own, or what another change has just made."""
    base = base_of(node)
    return (isinstance(base, ir.Get) and base.var.owned and base.use == "take") or is_change(g, base)


def changed(g: Generator, node: ir.Node) -> State:
    """Add the statements of a change; gives where the result is."""
    outer = g.at
    g.at = g.position(node.span)
    base = base_of(node)
    if isinstance(base, ir.Get) and base.var.owned and base.use == "take":
        state = state_of(g, base.var)
    elif is_change(g, base):
        state = changed(g, base)
    else:
        state = _first(g, node, kind_of(base))
        g.at = outer
        return state
    if isinstance(node, ir.Update):
        (_update if len(node.keys) == 1 else _update_in)(g, node, state)
    else:
        assert isinstance(node, ir.Call)
        assert isinstance(node.function, ir.GlobalGet)
        _CALLS[node.function.name](g, node, state)
    g.at = outer
    return state


def base_of(node: ir.Node) -> ir.Node:
    """What a change starts from."""
    return node.base if isinstance(node, ir.Update) else node.args[0]  # type: ignore[attr-defined, no-any-return]


def _first(g: Generator, node: ir.Node, known: str | None) -> State:
    """The first of several changes of a collection that is somebody else's: it makes a new one."""
    state = State(g.temp(), None, known)
    if isinstance(node, ir.Update):
        g.assign(state.name, made(g, node))
        g.assign(state.own, g.call(" own_of", g.load(state.name)))
    else:
        assert isinstance(node, ir.Call)
        assert isinstance(node.function, ir.GlobalGet)
        g.assign(state.name, _call_made(g, node, node.function.name))
        g.assign(state.own, g.const(0))
    return state


def _place(g: Generator, call: ir.Call) -> Any:
    from rtfs.eval.compiled.calls import place_of

    return place_of(g, call)


def _rename(g: Generator, state: State, value: Any) -> None:
    """`state, own = value`"""
    targets = g.put(py.Tuple([g.store(state.name), g.store(state.own)], py.Store()))
    g.add(py.Assign([targets], value))


def _may_be_index(node: ir.Node) -> bool:
    return kind_of(node) in ("int", "num", None) and not (isinstance(node, ir.Const) and type(node.value) is not int)


def _fits(g: Generator, node: ir.Node, key: Any, items: Any) -> Any:
    """Whether a key is an index of a list."""
    tests = [] if kind_of(node) == "int" else [g.of_type(key, " int")]
    length = g.call(" len", items)
    if known_of(node).natural:
        tests.append(g.compare(key, py.Lt(), length))
    else:
        tests.append(g.put(py.Compare(g.const(0), [py.LtE(), py.Lt()], [key, length])))
    return tests


def _cases(
    g: Generator,
    holder: str,
    known: str | None,
    node: ir.Node,
    keys: tuple[Any, Any],
    then: Callable[[Any, bool], Any],
    otherwise: list[Any],
) -> None:
    """The statement `then(key, whether it is an index)` for a key of a table or items that are at hand, else `otherwise`.

    Args:
        keys: the key, and as a table stores it.
    """
    key, stored = keys
    items = g.load(holder)
    cases: list[tuple[Any, Any]] = []
    if known != "vec":
        cases.append((g.of_type(items, " dict"), then(stored, False)))
    if known != "map" and _may_be_index(node) and (known == "vec" or kind_of(node) == "int"):
        cases.append((g.both(g.of_type(items, " list"), *_fits(g, node, key, items)), then(key, True)))
    for test, statement in reversed(cases):
        otherwise = [g.put(py.If(test, [statement], otherwise))]
    g.block += otherwise


def _set_item(g: Generator, holder: str, key: Any, value: Any) -> Any:
    return g.put(py.Assign([g.put(py.Subscript(g.load(holder), key, py.Store()))], value))


def _assignment(g: Generator, name: str, value: Any) -> Any:
    return g.put(py.Assign([g.store(name)], value))


def _keys(g: Generator, nodes: list[ir.Node]) -> list[Any]:
    made = g.exprs(nodes)
    return [g.named(value) for value in made]


def _update(g: Generator, node: ir.Update, state: State) -> None:
    """A change under one key."""
    (key,) = _keys(g, node.keys)
    for item in node.operands:
        g.stmt(item, EFFECT)
    key_node = node.keys[0]
    call = (g.const(node.operation), g.const(node.index))
    stored = stored_key(g, key_node, key)
    if node.old is not None:
        stored = g.named(stored)  # it is wanted twice
        old = g.temp()
        outer, g.at = g.at, _place(g, node.call)
        step = g.call(" step_into", call[0], g.load(state.name), key)

        def look(place: Any, listed: bool) -> Any:
            holder = g.load(state.own)
            return _assignment(g, old, g.item(holder, place) if listed else g.apply(g.attribute(holder, "get"), [place]))

        _cases(g, state.own, state.known or "map", key_node, (key, stored), look, [_assignment(g, old, step)])
        g.at = outer
        g.store_var(node.old, g.load(old))
    value = g.named(g.expr(node.value))
    g.at = _place(g, node.call)
    slow = g.inside(lambda: _rename(g, state, g.call(" put", *call, g.load(state.name), g.load(state.own), key, value)))
    _cases(g, state.own, state.known, key_node, (key, stored), lambda place, _: _set_item(g, state.own, place, value), slow)


def _update_in(g: Generator, node: ir.Update, state: State) -> None:
    """A change under a path of keys."""
    if state.mark is None:
        state.mark = f"{state.name} mark"
        g.assign(state.mark, g.list_of([g.const(0)]))
    keys = _keys(g, node.keys)
    for item in node.operands:
        g.stmt(item, EFFECT)
    operation, path = g.const(node.operation), g.put(py.Tuple(keys, py.Load()))
    inner = g.temp()
    last_node, last = node.keys[-1], keys[-1]

    def reach() -> None:
        way = [stored_key(g, n, k) for n, k in zip(node.keys[:-1], keys[:-1], strict=True)]
        helper = {1: " reach_one", 2: " reach_two"}.get(len(way))
        if helper is None:
            way, helper = [g.put(py.Tuple(way, py.Load()))], " reach"
        g.assign(inner, g.call(helper, g.load(state.own), g.load(state.mark or ""), *way))

    if node.old is None:
        value = g.named(g.expr(node.value))
        reach()
    else:
        # what the new value is made of may hand out parts of the collection, and then they are not its own any longer
        early = not _hands_out(node.value, node.base)
        old = g.temp()
        g.at = _place(g, node.call)
        look = _assignment(g, old, g.call(" look_in", operation, g.load(state.name), path))
        if early:
            reach()
            found = g.apply(g.attribute(g.load(inner), "get"), [stored_key(g, last_node, last)])
            g.when(g.of_type(g.load(inner), " dict"), [_assignment(g, old, found)], [look])
        else:
            g.block.append(look)
        _disown_parts(g, state, old)
        g.store_var(node.old, g.load(old))
        value = g.named(g.expr(node.value))
        if not early:
            reach()
    g.at = _place(g, node.call)
    rest = [g.load(state.name), g.load(state.own), g.load(state.mark), path, value]
    slow = g.inside(lambda: _rename(g, state, g.call(" put_in", operation, *rest)))
    both = (last, stored_key(g, last_node, last))
    _cases(g, inner, None, last_node, both, lambda place, _: _set_item(g, inner, place, value), slow)


def _disown_parts(g: Generator, state: State, name: str) -> None:
    """A part of the collection is handed out: if it is one of its own, none is any longer."""
    part = g.load(name)
    kinds = g.either(g.of_type(part, " Map"), g.of_type(part, " Vector"))
    mine = g.is_(g.attribute(part, "_owner"), g.load(state.mark or ""))
    g.when(g.both(kinds, mine), [_assignment(g, state.mark or "", g.list_of([g.const(0)]))])


def _hands_out(node: ir.Node, base: ir.Node) -> bool:
    """Whether a node hands out the collection that a change starts from, or a part of it."""
    base = bottom(base)
    return isinstance(base, ir.Get) and reads(node, base.var)


def reads(node: ir.Node, var: ir.Var) -> bool:
    """Whether a node reads a variable."""
    waiting: list[Any] = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ir.Get) and item.var is var:
            return True
        waiting.extend(item.children())
    return False


# --- calls -----------------------------------------------------------------------------------


def _conj(g: Generator, node: ir.Call, state: State) -> None:
    item = g.named(g.expr(node.args[1]))
    g.at = _place(g, node)
    own = g.load(state.own)
    append = g.put(py.Expr(g.apply(g.attribute(own, "append"), [item])))
    stop = g.put(py.Attribute(g.load(state.name), "_stop", py.Store()))
    longer = g.put(py.AugAssign(stop, py.Add(), g.const(1)))
    slow = g.inside(lambda: _rename(g, state, g.call(" conj_own", g.load(state.name), own, item)))
    g.when(g.of_type(own, " list"), [append, longer], slow)


def _by_helper(helper: str) -> Any:
    def change(g: Generator, node: ir.Call, state: State) -> None:
        operand = g.named(g.expr(node.args[1]))
        g.at = _place(g, node)
        _rename(g, state, g.call(helper, g.load(state.name), g.load(state.own), operand))

    return change


_CALLS: dict[str, Any] = {
    "conj": _conj,
    "conj!": _conj,
    "dissoc": _by_helper(" dissoc_own"),
    "merge": _by_helper(" merge_own"),
    "into": _by_helper(" into_own"),
}


# --- changes that make a new collection ------------------------------------------------------


@expression(ir.Update)
def _value(g: Generator, node: ir.Update) -> Any:
    return g.load(changed(g, node).name) if is_in_place(g, node) else made(g, node)


def made(g: Generator, node: ir.Update) -> Any:
    """The value of an update of a collection that is somebody else's too."""
    if len(node.keys) > 1:
        return _made_in(g, node)
    operands = [node.base, *node.keys]
    if node.old is None:
        base, key, value = [g.named(v) for v in g.exprs([*operands, node.value])]
        base = _name(g, base)
    else:
        base, key = [g.named(v) for v in g.exprs(operands)]
        base = _name(g, base)
        for item in node.operands:
            g.stmt(item, EFFECT)
        outer, g.at = g.at, _place(g, node.call)
        old = g.call(" step_into", g.const(node.operation), base, key)
        if kind_of(node.base) != "vec":
            table = g.attribute(base, "_table")
            found = g.apply(g.attribute(table, "get"), [stored_key(g, node.keys[0], key)])
            old = g.choose(g.of_type(base, " Map"), found, old)
        g.at = outer
        g.store_var(node.old, old)
        value = g.named(g.expr(node.value))
    g.at = _place(g, node.call)
    new = g.call(" put_new", g.const(node.operation), base, key, value, g.const(node.index))
    if kind_of(node.base) == "vec":
        return new
    return g.choose(g.of_type(base, " Map"), g.apply(g.attribute(base, "assoc"), [key, value]), new)


def _name(g: Generator, value: Any) -> Any:
    """A value as a name: Python would look into a constant before it runs."""
    if not is_const(value):
        return value
    temp = g.temp()
    g.assign(temp, value)
    return g.load(temp)


def _made_in(g: Generator, node: ir.Update) -> Any:
    base, *keys = [g.named(v) for v in g.exprs([node.base, *node.keys])]
    for item in node.operands:
        g.stmt(item, EFFECT)
    operation = g.const(node.operation)
    value = None if node.old is not None else g.named(g.expr(node.value))
    outer, g.at = g.at, _place(g, node.call)
    steps, through = g.temp(), g.temp()
    g.assign(steps, g.put(py.Tuple(keys, py.Load())))
    g.assign(through, g.call(" way", operation, base, g.load(steps)))
    if node.old is not None:
        last = g.item(g.load(through), g.const(-1))
        g.store_var(node.old, g.call(" step_into", operation, last, keys[-1]))
        g.at = outer
        value = g.named(g.expr(node.value))
        g.at = _place(g, node.call)
    return g.call(" rebuild", operation, g.load(steps), g.load(through), value)


def _call_value(g: Generator, node: ir.Call, name: str) -> Any:
    """`conj`, `dissoc` and the like."""
    if is_in_place(g, node):
        return g.load(changed(g, node).name)
    return _call_made(g, node, name)


def _call_made(g: Generator, node: ir.Call, name: str) -> Any:
    """The same where a new collection is made."""
    base, operand = [g.named(v) for v in g.exprs(node.args)]
    g.at = _place(g, node)
    builtin = g.apply(g.load(f"{name} 2"), [base, operand])
    if _CALLS[name] is not _conj or is_const(base):
        return builtin
    return g.choose(g.of_type(base, " Vector"), g.apply(g.attribute(base, "append"), [operand]), builtin)


INLINE.update(dict.fromkeys(CHANGES.items(), _call_value))
