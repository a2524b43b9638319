"""Code of loops over items: `map`, `reduce` and the like, `for` and `doseq`, alone or several as one."""

from __future__ import annotations

import ast as py

from rtfs.eval.compiled import access, metering
from rtfs.eval.compiled.forms import in_order
from rtfs.eval.compiled.generate import EFFECT, Destination, Generator, statement
from rtfs.ir import nodes as ir
from rtfs.ir.passes.pipelines import emits
from rtfs.ir.passes.purity import is_total_call
from rtfs.ir.scopes import bindings
from rtfs.semantics.limits import RANGE_ITEM_BYTES
from rtfs.values.meter import ANNOUNCED_FROM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


#: Items of a range that can do without a look at the limit of size, and such that are not announced to other limits.
_SHORT = 2**20
_SHORT_METERED = ANNOUNCED_FROM // RANGE_ITEM_BYTES


@statement(ir.Collect)
def _collect(g: Generator, node: ir.Collect, to: Destination) -> None:
    if node.into is not None:
        out = g.own(g.name_of(node.into))
        g.block += collecting(g, out, g.inside(lambda: g.stmt(node.body, EFFECT)))
    else:
        g.stmt(node.body, EFFECT)
    if to is not EFFECT:
        g.deliver(g.const(None) if node.into is None else g.call(" vector", g.load(g.name_of(node.into))), to)


def collecting(g: Generator, out: str, body: list[Any]) -> list[Any]:
    """Statements that collect items in the list `out`: a comprehension, where nothing else happens in the loop."""
    loop = body[-1]
    if g.staged:  # rarely run; a comprehension would make the variables in it slower in all of the function
        return [g.put(py.Assign([g.store(out)], g.list_of([]))), *body]
    if isinstance(loop, py.Try) and len(loop.body) == 1:
        made = _comprehension(g, out, loop.body[0])
        if made:
            loop.body = made
            return body
    made = _comprehension(g, out, loop)
    if made:
        return [*body[:-1], *made]
    return [g.put(py.Assign([g.store(out)], g.list_of([]))), *body]


def _comprehension(g: Generator, out: str, loop: Any) -> list[Any]:
    """`out = [value for item in items if test …]` for nested loops that only append a value, else nothing."""
    generators: list[Any] = []
    outermost = loop
    while True:
        if metering.only_scans(loop) and len(loop.body) == 1 and isinstance(loop.target, py.Name):
            generators.append(py.comprehension(loop.target, loop.iter, [], 0))
        elif isinstance(loop, py.If) and generators and not loop.orelse and len(loop.body) == 1:
            generators[-1].ifs.append(loop.test)
        else:
            break
        loop = loop.body[0]
    if not generators or not isinstance(loop, py.Expr) or not isinstance(loop.value, py.Call):
        return []
    append = loop.value.func
    if not (isinstance(append, py.Attribute) and append.attr == "append" and isinstance(append.value, py.Name)):
        return []
    parts = [loop.value.args[0], *[part for gen in generators for part in (gen.iter, *gen.ifs)]]
    # a variable that is set on the way belongs to the function around, for which access to it gets slower
    if append.value.id != out or any(isinstance(inner, py.NamedExpr) for part in parts for inner in py.walk(part)):
        return []
    # where the loop is, if a limit is passed in it; what a limited loop does after its last item, the comprehension does too
    made = py.copy_location(py.ListComp(loop.value.args[0], generators), outermost)
    return [g.put(py.Assign([g.store(out)], made)), *outermost.orelse]


@statement(ir.Emit)
def _emit(g: Generator, node: ir.Emit, to: Destination) -> None:
    if isinstance(node.value, ir.Seq) and any(isinstance(item, ir.Bind) for item in node.value.items):
        temp = g.temp()  # as statements, which can stand twice: for what the parts are probably, and for what else they may be
        g.stmt(node.value, Destination(temp))
        value = g.load(temp)
    else:
        value = g.expr(node.value)
    sink = g.sinks.get(node.into)
    if sink is not None:
        sink(value)
    else:
        g.do(g.apply(g.attribute(g.load(g.name_of(node.into)), "append"), [value]))


@statement(ir.Each)
def _each(g: Generator, node: ir.Each, to: Destination) -> None:
    from rtfs.eval.compiled.patterns import bind
    from rtfs.syntax import nodes as ast

    if node.ranged:
        items = _range(g, node.items)
    else:
        value = g.named(g.expr(node.items))
        otherwise = g.call(" iterable", value, g.const(node.name), g.const(node.items.span))
        items = access.items(g, value, node.items.kind, otherwise)
    pattern = node.pattern
    item = g.temp()
    if isinstance(pattern, ast.BindPattern) and not g.unit.vars[pattern.binding].boxed:
        item = g.own(g.name_of(g.unit.vars[pattern.binding]))

    def body() -> None:
        if node.blank is not None:
            g.stmt(node.blank, EFFECT)
        bind(g, pattern, g.load(item), node.name)
        in_order(g, [node.body], EFFECT, [g.unit.vars[b] for b in bindings(pattern)])

    g.repeated += 1
    turn = g.inside(body)
    g.repeated -= 1
    metering.scan(g, item, items, node.items.span, turn)


@statement(ir.Scan)
def _scan(g: Generator, node: ir.Scan, to: Destination) -> None:
    g.repeated += 1
    if not node.fused or g.staged:
        _scan_items(g, node)
    elif g.fusing:
        _scan_fused(g, node)
    else:
        _scan_trying(g, node)
    g.repeated -= 1
    if to is not EFFECT:
        g.deliver(g.const(None), to)


def _scan_trying(g: Generator, node: ir.Scan) -> None:
    """The loops as one; should an error come of it, they run again one after the other, which raises the error that comes first."""
    total = node.body.var if isinstance(node.body, ir.Set) and node.operation == "reduce" else None
    before = g.temp()
    back = metering.come_back(g, metering.depth_here(g))
    if total is not None:
        g.assign(before, g.read_var(total))
        _disown(g, total)
    g.fusing = True
    fast = g.inside(lambda: _scan_fused(g, node))
    g.fusing, g.staged = False, True

    def exactly() -> None:
        g.block.append(back)
        if total is not None:
            g.store_var(total, g.load(before))
            _disown(g, total)
        for emit in emits(node.body):
            g.assign(g.own(g.name_of(emit.into)), g.list_of([]))
        _scan_items(g, node)

    slow = g.inside(exactly)
    g.staged = False
    errors = g.put(py.Tuple([g.load(" EvalError"), g.load(" ZeroDivisionError")], py.Load()))
    g.add(py.Try(fast, [g.put(py.ExceptHandler(errors, None, slow))], [], []))


def _disown(g: Generator, var: ir.Var) -> None:
    if var.owned:
        from rtfs.eval.compiled.ownership import disown

        disown(g, var)


def _scan_fused(g: Generator, node: ir.Scan) -> None:
    inner = node.items
    assert isinstance(inner, ir.Collect)
    assert inner.into is not None

    def take(value: Any) -> None:
        var = node.var
        if isinstance(value, py.Name) and g.is_stable(value) and not (var.boxed or var.assigned or var.captured):
            name, var.py = var.py, value.id  # the item under the name that it has already
            g.stmt(node.body, EFFECT)
            var.py = name
            return
        g.store_var(var, value)
        mark = len(g.block) - 1
        g.stmt(node.body, EFFECT)
        if var.reads == 1:
            _put_in_place(g.block, mark)

    g.sinks[inner.into] = take
    g.stmt(inner.body, EFFECT)
    del g.sinks[inner.into]


def _put_in_place(block: list[Any], mark: int) -> None:
    """Of `item = value; total = total + item`, in a block from `mark` on, make `total = total + value`.

    Nothing else reads the item, and no value that is worked out inside a loop that runs as one changes the total.
    """
    if len(block) != mark + 2 or not all(type(item) is py.Assign for item in block[mark:]):
        return
    (name,), sum_ = block[mark].targets, block[mark + 1].value
    if type(name) is py.Name and type(sum_) is py.BinOp and type(sum_.left) is type(sum_.right) is py.Name:
        if sum_.right.id == name.id != sum_.left.id:
            sum_.right = block[mark].value
            del block[mark]


def _scan_items(g: Generator, node: ir.Scan) -> None:
    from rtfs.eval.compiled import rows

    if node in g.rows:
        rows.scan(g, node, g.rows[node])
        return
    if not g.staged and _only_adds(g, node):
        _scan_fused(g, node)
        return
    found = rows.plan(g, node)
    if found is not None:
        rows.emit(g, node, found, lambda: _items(g, node), lambda: _turns(g, node))
    else:
        _turns(g, node)


def _items(g: Generator, node: ir.Scan) -> Any:
    """What a loop goes through, in Python."""
    from rtfs.eval.compiled.calls import place_of

    if node.ranged:
        return _range(g, node.items)
    if isinstance(node.items, ir.Collect) and node.items.into is not None:  # the list that it would make a vector of
        g.stmt(node.items, EFFECT)
        return g.load(g.name_of(node.items.into))
    value = g.named(g.expr(node.items))
    outer, g.at = g.at, place_of(g, node.call)
    items = access.items(g, value, node.items.kind, g.call(" items", g.const(node.operation), value, g.const(node.index)))
    g.at = outer
    return items


def _turns(g: Generator, node: ir.Scan) -> None:
    items = _items(g, node)
    name = g.own(g.name_of(node.var))

    def body() -> None:
        if node.var.boxed:
            g.assign(name, g.list_of([g.load(f"{name} next")]))
        in_order(g, _parts(node.body), EFFECT, [node.var])

    turn = g.inside(body)
    if isinstance(items, py.Name) and not g.metered and _adds_up(node, turn, name):
        total = g.name_of(node.body.var)  # type: ignore[attr-defined]
        g.assign(total, g.call(" sum", items, g.load(total)))
        return
    metering.scan(g, f"{name} next" if node.var.boxed else name, items, node.span, turn)


def _only_adds(g: Generator, node: ir.Scan) -> bool:
    """Whether a loop over what another one collects only works out a number, which cannot fail.

    Then nobody can tell whether that happens at once or after the last item, whatever else the other loop does; the number itself
    is seen when both have come to their end.
    """
    inner, step = node.items, node.body
    if not (isinstance(inner, ir.Collect) and inner.into is not None and isinstance(step, ir.Set)):
        return False
    if len([emit for emit in emits(inner.body) if emit.into is inner.into]) != 1 or not isinstance(step.value, ir.Call):
        return False
    plain = not any(var.captured or var.assigned or var.boxed for var in (step.var, node.var))
    parts = [arg.var for arg in step.value.args if isinstance(arg, ir.Get)]
    return plain and sorted(map(id, parts)) == sorted(map(id, (step.var, node.var))) and is_total_call(step.value, g.facts)


def _adds_up(node: ir.Scan, turn: list[Any], name: str) -> bool:
    """Whether all that a loop does is to add integers up, which it finds in a list."""
    step = node.body
    if not (isinstance(step, ir.Set) and isinstance(step.value, ir.Call) and len(step.value.args) == 2 and len(turn) == 1):
        return False
    if any(arg.kind != "int" for arg in step.value.args) or type(turn[0]) is not py.Assign:
        return False
    total, sum_ = turn[0].targets[0], turn[0].value
    return (
        type(sum_) is py.BinOp
        and type(sum_.op) is py.Add
        and type(total) is type(sum_.left) is type(sum_.right) is py.Name
        and total.id == sum_.left.id != sum_.right.id == name
    )


def _parts(node: ir.Node) -> list[ir.Node]:
    return node.items if type(node) is ir.Seq else [node]


def _range(g: Generator, node: ir.Node) -> Any:
    """The integers of `(range …)`, one by one."""
    from rtfs.eval.compiled.calls import place_of
    from rtfs.eval.compiled.known import kind_of

    assert isinstance(node, ir.Call)
    operands = g.exprs(node.args)
    outer, g.at = g.at, place_of(g, node)
    items = g.call(" bounds", *operands)
    whole = all(kind_of(arg) == "int" and g.is_stable(value) for arg, value in zip(node.args, operands, strict=True))
    if whole and len(operands) < 3:  # one that is short is surely within the limit of size
        short = g.const(_SHORT_METERED if g.metered else _SHORT)
        length = operands[0] if len(operands) == 1 else g.binary(operands[1], py.Sub(), operands[0])
        items = g.choose(g.compare(length, py.Lt(), short), g.call(" range", *operands), items)
    g.at = outer
    return items
