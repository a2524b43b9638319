"""Machine code of the nodes of the IR, one by one; `infer` has admitted them and knows their kinds."""

from __future__ import annotations

from rtfs.eval.native import arithmetic
from rtfs.eval.native.builder import FALSE, NO_VALUE, NOTHING, TRUE, TYPES, Value, double, integer
from rtfs.eval.native.generate import VALUES, Generator
from rtfs.eval.native.infer import is_itself, range_of, truth_of
from rtfs.eval.native.kinds import BOOL, FLOAT, INT, MIXED, NEVER, NIL, NUM, annotation, of_constant
from rtfs.ir import nodes as ir
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def gives(kind: type) -> Callable[[Any], Any]:
    """Register what writes the code of a node."""

    def register(function: Any) -> Any:
        VALUES[kind] = function
        return function

    return register


def constant(value: Any) -> Value:
    kind = of_constant(value)
    if kind == INT:
        return integer(value)
    if kind == FLOAT:
        return double(value)
    if kind == BOOL:
        return TRUE if value else FALSE
    return Value(kind)


@gives(ir.Const)
def _const(g: Generator, node: ir.Const) -> Value:
    return constant(node.value)


@gives(ir.GlobalGet)
def _global(g: Generator, node: ir.GlobalGet) -> Value:
    return constant(g.names.constant(node.name))


@gives(ir.Get)
def _get(g: Generator, node: ir.Get) -> Value:
    if node.checked and node.var.late:
        g.unless_bound(node.var)
    return g.load_var(node.var)


@gives(ir.Set)
def _set(g: Generator, node: ir.Set) -> Value:
    value = g.value(node.value)
    g.store_var(node.var, value)
    return value


@gives(ir.Blank)
def _blank(g: Generator, node: ir.Blank) -> Value:
    for var in node.vars:
        g.unbind(var)
    return NOTHING


@gives(ir.Check)
def _check(g: Generator, node: ir.Check) -> Value:
    return g.check(g.value(node.value), node.type)


# --- control ---


@gives(ir.Seq)
def _seq(g: Generator, node: ir.Seq) -> Value:
    value = NOTHING
    for item in node.items:
        value = g.value(item)
    return value


@gives(ir.If)
def _if(g: Generator, node: ir.If) -> Value:
    known = truth_of(node.test)
    if known is not None:
        return g.value(node.then if known else node.otherwise)
    return g.choose(g.truth(node.test), lambda: g.value(node.then), lambda: g.value(node.otherwise), g.here.nodes[node])


@gives(ir.Logic)
def _logic(g: Generator, node: ir.Logic) -> Value:
    return _logic_from(g, node, 0)


def _logic_from(g: Generator, node: ir.Logic, i: int) -> Value:
    """The value of `and` or `or` from item `i` on."""
    value = g.value(node.items[i])
    if i == len(node.items) - 1 or value.kind == NEVER:
        return value
    test = arithmetic.truth(g, value).only
    if not node.conjunction:
        test = g.op(f"xor i1 {test}, true")

    def early() -> Value:
        # where the kind says that it goes on, this arm is never taken
        on = value.kind not in (BOOL, NIL) if node.conjunction else value.kind == NIL
        return g.bail() if on else value

    return g.choose(test, lambda: _logic_from(g, node, i + 1), early, g.here.nodes[node])


@gives(ir.Call)
def _call(g: Generator, node: ir.Call) -> Value:
    if node in g.here.nodes:
        return _reduce(g, node)
    values = g.values(node.args)
    if is_itself(g.names, g.here.fn, node):
        return g.restart(g.here.fn, values)
    return g.applied(node.function, values)


def _reduce(g: Generator, node: ir.Call) -> Value:
    """`(reduce f init (range …))`"""
    kind = g.here.nodes[node]
    first = g.value(node.args[1])
    if first.kind == NEVER:
        return NO_VALUE
    slots = [g.slot(t) for t in TYPES[kind]]
    g.store(g.convert(first, kind), slots)
    bounds = range_of(g.names, node.args[2])
    assert bounds is not None

    def turn(item: Value) -> None:
        value = g.applied(node.args[0], [g.load(kind, slots), item])
        if value.kind != NEVER:
            g.store(g.convert(value, kind), slots)

    g.each_of_range(bounds, turn)
    return g.load(kind, slots)


# --- loops ---


@gives(ir.Loop)
def _loop(g: Generator, node: ir.Loop) -> Value:
    g.loops[node] = g.block()
    g.begin(g.loops[node])
    return g.value(node.body)


@gives(ir.Recur)
def _recur(g: Generator, node: ir.Recur) -> Value:
    values = g.values(node.args)
    if isinstance(node.target, ir.Fn):
        return g.restart(node.target, values)
    if any(value.kind == NEVER for value in values):
        return NO_VALUE
    for var, value in zip(node.target.vars, values, strict=False):
        g.store_var(var, value)
    g.burn()
    g.jump(g.loops[node.target])
    return NO_VALUE


@gives(ir.Times)
def _times(g: Generator, node: ir.Times) -> Value:
    count = g.check_integer(g.value(node.count))
    if count.kind == NEVER:
        return NO_VALUE
    at = g.slot("i64")
    g.do(f"store i64 0, ptr {at}")
    test, body, after = g.block(), g.block(), g.block()
    g.begin(test)
    here = g.op(f"load i64, ptr {at}")
    g.branch(g.op(f"icmp slt i64 {here}, {count.only}"), body, after)
    g.begin(body)
    g.store_var(node.var, Value(INT, here))
    g.value(node.body)
    if not g.done:
        g.burn()
        g.do(f"store i64 {g.op(f'add i64 {here}, 1')}, ptr {at}")
        g.jump(test)
    g.begin(after)
    return NOTHING if g.here.nodes[node] == NIL else Value(MIXED)


@gives(ir.Collect)
def _collect(g: Generator, node: ir.Collect) -> Value:
    """`(doseq [i (range …)] …)`"""
    each = node.body
    assert isinstance(each, ir.Each)
    assert isinstance(each.pattern, ast.BindPattern)
    var = g.here.unit.vars[each.pattern.binding]
    bounds = range_of(g.names, each.items)
    assert bounds is not None

    def turn(item: Value) -> None:
        if each.blank is not None:
            g.value(each.blank)
        g.store_var(var, item)
        g.value(each.body)

    g.each_of_range(bounds, turn)
    return NOTHING


# --- matching ---


@gives(ir.Cases)
def _cases(g: Generator, node: ir.Cases) -> Value:
    subject = g.load_var(node.var)
    return NO_VALUE if subject.kind == NEVER else _clause(g, node, subject, 0)


def _clause(g: Generator, node: ir.Cases, subject: Value, i: int) -> Value:
    """The value of a `match` from clause `i` on."""
    if i == len(node.clauses):
        return g.value(node.otherwise)
    clause = node.clauses[i]
    test, guard = _match(g, clause.pattern, subject), clause.guard
    if guard is not None:
        test = g.choose(test, lambda: Value(BOOL, g.truth(guard)), lambda: FALSE, BOOL).only
    return g.choose(test, lambda: g.value(clause.body), lambda: _clause(g, node, subject, i + 1), g.here.nodes[node])


def _match(g: Generator, pattern: Any, subject: Value) -> str:
    """Whether a value matches; binds on the way."""
    if isinstance(pattern, ast.BindPattern):
        g.store_var(g.here.unit.vars[pattern.binding], subject)
        return "true"
    if isinstance(pattern, ast.AsPattern):
        g.store_var(g.here.unit.vars[pattern.binding], subject)
        return _match(g, pattern.pattern, subject)
    if isinstance(pattern, ast.LiteralPattern):
        literal = constant(pattern.value)
        if literal.kind == MIXED:
            return "false"
        return g.split(subject, lambda value: arithmetic.equals(g, value, literal), BOOL).only
    if isinstance(pattern, ast.OrPattern):
        held = "false"
        for option in pattern.options:
            held = g.op(f"or i1 {held}, {_match(g, option, subject)}")
        return held
    if isinstance(pattern, ast.TypedPattern):
        fits = _belongs(subject, annotation(pattern.type))
        return g.op(f"and i1 {fits}, {_match(g, pattern.pattern, subject)}")
    return "true"  # `_`


def _belongs(subject: Value, wanted: str | None) -> str:
    if wanted == INT and subject.kind == NUM:
        return subject.parts[0]
    if wanted == FLOAT and subject.kind in (INT, NUM):
        return "true"
    return "true" if subject.kind == wanted else "false"


@gives(ir.NoMatch)
def _no_match(g: Generator, node: ir.NoMatch) -> Value:
    return g.bail()
