"""Code of names, constants, choices and loops."""

from __future__ import annotations

import ast as py
from collections.abc import Callable

from rtfs.eval.compiled import access, metering, offsets
from rtfs.eval.compiled.generate import EFFECT, RETURN, Destination, Generator, expression, statement
from rtfs.ir import nodes as ir
from rtfs.ir.passes.pipelines import emits
from rtfs.ir.scopes import bindings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


#: Items of a range that can do without a look at the limit of size.
_SHORT = 2**20


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


# --- loops ---


@statement(ir.Loop)
def _loop(g: Generator, node: ir.Loop, to: Destination) -> None:
    from rtfs.eval.compiled.cursors import with_cursors

    inner = RETURN if to is RETURN else Destination(g.temp(), leave=True)
    with_cursors(g, node, node.vars, node.body, inner, lambda: _turns(g, node, inner))
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

    metering.scan(g, item, items, node.items.span, g.inside(body))


@statement(ir.Scan)
def _scan(g: Generator, node: ir.Scan, to: Destination) -> None:
    if not node.fused or g.staged:
        _scan_items(g, node)
    elif g.fusing:
        _scan_fused(g, node)
    else:
        _scan_trying(g, node)
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
    from rtfs.eval.compiled.calls import place_of

    if node.ranged:
        items = _range(g, node.items)
    elif isinstance(node.items, ir.Collect) and node.items.into is not None:  # the list that it would make a vector of
        g.stmt(node.items, EFFECT)
        items = g.load(g.name_of(node.items.into))
    else:
        assert node.items is not None
        value = g.named(g.expr(node.items))
        outer, g.at = g.at, place_of(g, node.call)
        items = access.items(g, value, node.items.kind, g.call(" items", g.const(node.operation), value, g.const(node.index)))
        g.at = outer
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
    from rtfs.eval.compiled.operators import kind_of

    assert isinstance(node, ir.Call)
    operands = g.exprs(node.args)
    outer, g.at = g.at, place_of(g, node)
    items = g.call(" bounds", *operands)
    whole = all(kind_of(arg) == "int" and g.is_stable(value) for arg, value in zip(node.args, operands, strict=True))
    if whole and len(operands) < 3 and not g.metered:  # one that is short is surely within the limit of size
        length = operands[0] if len(operands) == 1 else g.binary(operands[1], py.Sub(), operands[0])
        items = g.choose(g.compare(length, py.Lt(), g.const(_SHORT)), g.call(" range", *operands), items)
    g.at = outer
    return items


@statement(ir.Stop)
def _stop(g: Generator, node: ir.Stop, to: Destination) -> None:
    g.add(py.Break())


@statement(ir.Times)
def _times(g: Generator, node: ir.Times, to: Destination) -> None:
    count = g.named(g.expr(node.count))
    g.at = g.position(node.count.span)
    g.when(
        g.is_not(g.call(" type", count), g.load(" int")),
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


# --- try ---


@statement(ir.Try)
def _try(g: Generator, node: ir.Try, to: Destination) -> None:
    result = to if to is EFFECT else Destination(g.temp())
    if node.final is None:
        _catching(g, node, result)
    else:
        final = g.thunk(node.final)
        back = metering.come_back(g, metering.depth_here(g))
        after = g.put(py.Expr(g.call(final)))
        body = g.inside(lambda: _catching(g, node, result) if node.catches else g.stmt(node.body, result))
        quiet = g.put(py.Expr(g.call(" clean_up", g.load(final))))
        limits = g.put(py.Tuple([g.load(" LimitExceeded"), g.load(" RecursionError"), g.load(" KeyboardInterrupt")], py.Load()))
        again = g.put(py.Raise())
        error = g.temp()
        passing = g.put(py.Expr(g.call(" passing", g.load(error))))
        g.add(
            py.Try(
                body or [g.put(py.Pass())],
                [
                    g.put(py.ExceptHandler(limits, None, [back, quiet, again])),
                    g.put(py.ExceptHandler(g.load(" BaseException"), error, [back, passing, after, again])),
                ],
                [],
                [],
            )
        )
        g.block.append(after)
    if result.name and to is not result:
        g.deliver(g.load(result.name), to)


def _catching(g: Generator, node: ir.Try, result: Destination) -> None:
    error = g.temp()
    depth = metering.depth_here(g)
    body = g.inside(lambda: g.stmt(node.body, result))

    def handle() -> None:
        g.do(g.call(" caught", g.load(error)))
        g.block.append(metering.come_back(g, depth))
        chain: list[Any] = [g.put(py.Raise())]
        for clause in reversed(node.catches):

            def take(clause: ir.Catch = clause) -> None:
                if clause.var is not None:
                    g.name_of(clause.var)
                    value = g.call(" error_value", g.load(error))
                    g.assign(g.own(g.name_of(clause.var)), g.list_of([value]) if clause.var.boxed else value)
                g.stmt(clause.body, result)

            taken = g.inside(take) or [g.put(py.Pass())]
            test = _selected(g, clause.selector, error)
            chain = taken if test is None else [g.put(py.If(test, taken, chain))]
        g.block += chain

    handler = g.put(py.ExceptHandler(g.load(" EvalError"), error, g.inside(handle)))
    limit = g.put(py.ExceptHandler(g.load(" LimitExceeded"), None, [g.put(py.Raise())]))
    g.add(py.Try(body or [g.put(py.Pass())], [limit, handler], [], []))


def _selected(g: Generator, selector: Any, error: str) -> Any:
    if selector is None:
        return None
    if isinstance(selector, str):
        return g.call(" matches_kind", g.const(selector), g.attribute(g.load(error), "kind"))
    check = g.check_of(selector)
    if check is None:
        return None
    return g.call(" holds", g.const(check), g.attribute(g.load(error), "data"))
