"""Code of functions and calls."""

from __future__ import annotations

import ast as py
from itertools import islice

from rtfs.eval.compiled import metering, support
from rtfs.eval.compiled.access import keyword_call
from rtfs.eval.compiled.builder import is_const
from rtfs.eval.compiled.cursors import with_cursors
from rtfs.eval.compiled.forms import in_order
from rtfs.eval.compiled.generate import RETURN, Destination, Frame, Generator, expression, statement
from rtfs.eval.compiled.loops import ending_there, rebind
from rtfs.eval.compiled.operators import inline
from rtfs.eval.compiled.ownership import enter, restarted
from rtfs.eval.compiled.patterns import check
from rtfs.eval.compiled.versions import forget, guards
from rtfs.ir import nodes as ir
from rtfs.ir.passes.kinds import Version
from rtfs.ir.proofs import proves, proves_value
from rtfs.ir.scopes import results
from rtfs.values.functions import Function
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# --- functions -------------------------------------------------------------------------------


@expression(ir.Fn)
def _fn(g: Generator, node: ir.Fn) -> Any:
    return function_value(g, node, define_function(g, node, g.unique(node.label)))


def template(g: Generator, fn: ir.Fn) -> support.Template:
    spec = fn.ast
    assert spec is not None
    return support.Template(spec, spec.name, len(spec.params), spec.rest is not None, spec.meta, g.linker.namespace.name)


def function_value(g: Generator, fn: ir.Fn, target: str) -> Any:
    """The function value for the Python function `target`."""
    assert fn.ast is not None
    hint = fn.ast.hint
    if hint is not None and hint.target != "local":
        raw = g.load(f"{target} raw" if _is_wrapped(g, fn) else target)
        return g.call(" delegated", g.const(template(g, fn)), raw, g.load(target))
    if _is_wrapped(g, fn):
        return g.call(" make", g.const(template(g, fn)), g.load(target), g.load(f"{target} raw"))
    return g.call(" known", g.const(template(g, fn)), g.load(target))


def _is_wrapped(g: Generator, fn: ir.Fn) -> bool:
    return fn.bounces


def define_function(g: Generator, fn: ir.Fn, name: str) -> str:
    """Add the definition of the Python function of `fn` under `name`; gives the name."""
    g._homes.setdefault(name, g.frame)
    inner = f"{name} raw" if _is_wrapped(g, fn) else name
    g.functions[inner] = (fn.label, fn.ast)
    fn.py = inner
    node = fn.ast
    assert node is not None
    # for operands of any kind: the body as it is written
    general = g.unit.plain if fn is g.unit.function and g.unit.plain is not None else fn
    frame = Frame(general, _result_check(g, fn))
    defaults = []
    for var in fn.free:
        if var.boxed or ((var.in_loop or var.owner.loops) and not var.early and not var.assigned):
            defaults.append(g.name_of(var))
    homes = {d: g._homes[d] for d in defaults}
    for default in defaults:
        g._homes[default] = frame
    version = g.inference.version if fn is g.unit.function else None
    if version is not None:
        _second_body(g, fn, version)
    if proves_value(general.body, node.result):  # now that what the second body takes for granted is forgotten
        frame.result = None
    outside = len(g._homes)
    outer, g.frame = g.frame, frame
    arguments = [g.name_of(var) + (" next" if var.boxed else "") for var in general.params]
    g.frame = outer

    def body() -> None:
        if version is None:
            _body(g, general, arguments)
            return
        assert version is not None
        checks(g, general)
        tests = guards(g, general, version, arguments)
        fast = g.inside(lambda: g.add(py.Return(g.apply(g.load(version.key), [g.load(a) for a in arguments]))))
        if not tests:
            g.block += fast
            return
        g.when(g.both(*tests), fast)
        _body(g, general, arguments, checked=True)

    g.function(inner, arguments, body, frame, defaults)
    for local in list(islice(reversed(g._homes), len(g._homes) - outside)):
        del g._homes[local]  # where the function stands twice, its variables are those of either
    g._homes.update(homes)
    if _is_wrapped(g, fn):
        g.assign(g.own(name), g.call(" wrap", g.const(len(fn.params)), g.load(inner)))
    return name


def _second_body(g: Generator, fn: ir.Fn, version: Version) -> None:
    """Add the body for the operands that a version takes, as a Python function that any unit can call."""
    saved = g.names()
    g.in_version = True
    frame = Frame(fn)
    if fn.ast is not None and not proves(version.result, fn.ast.result):
        frame.result = _result_check(g, fn)
    g.functions[version.key] = (fn.label, fn.ast)
    outer, g.frame = g.frame, frame
    around, g._frames[fn] = g._frames.get(fn, frame), frame
    arguments = [g.name_of(var) + (" next" if var.boxed else "") for var in fn.params]
    g.frame, g._frames[fn] = outer, around
    g.add(py.Global([version.key]))
    g.function(version.key, arguments, lambda: _body(g, fn, arguments), frame)
    g.in_version = False
    g.restore_names(saved, fn)
    if g.unit.plain is None:
        forget(g, fn, version)


def _result_check(g: Generator, fn: ir.Fn) -> Any:
    assert fn.ast is not None
    check = g.check_of(fn.ast.result)
    return (check, f"{fn.label}, result", fn.ast.body.span) if check is not None else None


def _body(g: Generator, fn: ir.Fn, arguments: list[str], *, checked: bool = False) -> None:
    """The statements of a function; `checked`: its arguments are known to fit their annotations."""
    enter(g, fn)

    def boxes() -> None:
        for i, var in enumerate(fn.params):
            if var.boxed:
                g.assign(g.name_of(var), g.list_of([g.load(arguments[i])]))

    metering.enter(g, step=not (fn.loops or metering.takes_turns(fn)))
    if not fn.loops:
        boxes()
        if not checked:
            checks(g, fn)
        in_order(g, [*_binds(fn), fn.body], RETURN, [])
        return

    def turn() -> None:
        boxes()
        in_order(g, [*_binds(fn), fn.body], RETURN, [])

    if not checked:
        checks(g, fn)
    span = fn.ast.body.span if fn.ast is not None else None
    with_cursors(g, fn, fn.params, fn.body, RETURN, lambda: metering.loop(g, span, ending_there(g.inside(turn))))


def checks(g: Generator, fn: ir.Fn) -> None:
    """Check the arguments against their annotations, but for those of which a second body takes as much for granted."""
    taken = g.inference.version.params if g.in_version and g.inference.version is not None else None
    for node in fn.prepare:
        if isinstance(node, ir.Check):
            assert isinstance(node.value, ir.Get)
            if taken is None or not proves(taken[fn.params.index(node.value.var)], node.type):
                check_parameter(g, fn, node)


def _binds(fn: ir.Fn) -> list[ir.Node]:
    """What takes the arguments apart."""
    return [node for node in fn.prepare if not isinstance(node, ir.Check)]


def check_parameter(g: Generator, fn: ir.Fn, node: ir.Check) -> None:
    assert isinstance(node.value, ir.Get)
    assert fn.ast is not None
    var = node.value.var
    name = g.name_of(var)
    value = g.load(f"{name} next" if var.boxed else name)
    if fn.ast.rest is not None and var is fn.params[-1]:
        found = g.check_of(node.type)
        g.do(g.call(" mismatch_rest", g.const(found), value, g.const(node.what), g.const(node.operand)))
    else:
        check(g, node, value)


def restart(g: Generator, fn: ir.Fn, node: ir.Recur | ir.Call) -> None:
    """Start the function around again with the operands of `node`."""
    assert fn.ast is not None
    args, finish = restarted(g, fn.params, node.args)
    outer, g.at = g.at, g.place(node.span, tuple([arg.span for arg in node.args]), fn.label)
    if fn.ast.rest is not None:
        args = [*args[:-1], g.call(" rest_list", args[-1], g.const(len(args) - 1))]
    rebind(g, fn.params, args)
    finish()
    checks(g, fn)
    g.add(py.Continue())
    g.at = outer


# --- calls -----------------------------------------------------------------------------------


def call_name(node: ir.Node) -> str:
    if isinstance(node, ir.GlobalGet):
        return node.name
    return node.var.name if isinstance(node, ir.Get) else "<fn>"


def place_of(g: Generator, node: ir.Call) -> tuple[int, int, int, int]:
    node = node.place or node
    return g.place(node.span, tuple([arg.span for arg in node.args]), call_name(node.function))


def known_value(g: Generator, node: ir.Node) -> Any:
    """What a global name is bound to while the code is generated, if it is not about to change."""
    if isinstance(node, ir.GlobalGet) and node.name not in g.unit.defines and g.linker.namespace.find(node.name):
        return g.linker.namespace.values[node.name]
    return None


def known_function(g: Generator, node: ir.Call) -> ir.Fn | None:
    """The function literal that is called, when there is only one that it can be."""
    if isinstance(node.function, ir.Get):
        fn = node.function.var.function
        if fn is not None and not node.function.var.boxed and not (node.function.checked and node.function.var.late):
            return fn
    return None


def _takes(fn: ir.Fn, count: int) -> bool:
    assert fn.ast is not None
    return fn.ast.rest is None and len(fn.params) == count and (fn.ast.hint is None or fn.ast.hint.target == "local")


@expression(ir.Call)
def _call(g: Generator, node: ir.Call) -> Any:
    g.at = place_of(g, node)
    made = inline(g, node)
    if made is not None:
        return made
    count = len(node.args)
    head = node.function
    if isinstance(head, ir.GlobalGet):
        version = g.inference.version_for(node)
        at = g.at
        g.at = g.place(head.span, (), head.name)
        function = g.load(version.key if version is not None else f"{head.name} {count}")
        g.at = at
    elif isinstance(head, ir.Const) and type(head.value) is Keyword and count == 1:
        return keyword_call(g, head.value, node.args[0])
    else:
        fn = known_function(g, node)
        if fn is not None and _takes(fn, count):
            function = g.load(f"{g.name_of(node.function.var)} ()")  # type: ignore[attr-defined]
        else:
            value = g.named(g.expr(head))
            if is_const(value):
                function = g.call(" adapter", value, g.const(count))
            else:
                fits = g.both(g.of_type(value, " Function"), g.compare(g.attribute(value, "arity"), py.Eq(), g.const(count)))
                function = g.choose(fits, g.attribute(value, "py"), g.call(" adapter", value, g.const(count)))
    if all(_is_plain(arg) for arg in node.args):
        return g.apply(function, [g.expr(arg) for arg in node.args])
    made = g.exprs(node.args, function)
    return g.apply(made[0], made[1:])


def _is_plain(node: ir.Node) -> bool:
    return isinstance(node, (ir.Const, ir.Get, ir.GlobalGet))


@statement(ir.Call)
def _call_statement(g: Generator, node: ir.Call, to: Destination) -> None:
    if not node.tail or to is not RETURN or g.frame.thunk:
        g.deliver(_call(g, node), to)
        return
    if node.itself is not None and node.itself is g.frame.fn:
        head = node.function
        fn = node.itself
        if isinstance(head, ir.Get) and head.var.function is fn:
            restart(g, fn, node)
            return
        if isinstance(head, ir.GlobalGet):
            assert fn.ast is not None
            if g.in_version:  # the name is known to keep its meaning while this runs
                restart(g, fn, node)
                return
            flag = g.linker.flag(head.name, fn.ast)
            g.flags.append((flag, head.name, fn.ast))
            g.when(g.load(flag), g.inside(lambda: restart(g, fn, node)))
    if not g.frame.fn.bounces or not bounces(g, node):
        g.deliver(_call(g, node), to)
        return
    g.at = place_of(g, node)
    values = g.exprs([node.function, *node.args])
    place = g.const((node.span, tuple([arg.span for arg in node.args])))
    g.add(py.Return(metering.leave(g, g.call(" tail", values[0], g.list_of(values[1:]), place))))


def bounces(g: Generator, node: ir.Call) -> bool:
    """Whether a tail call has to give up its frame: not if what it calls surely makes no such calls itself."""
    head = node.function
    if isinstance(head, ir.Const):
        return False
    value = known_value(g, head)
    if support.answers_with_values(value, len(node.args)) and not (g.counted and type(value) is Function):
        g.calm.add((head.name, len(node.args)))  # type: ignore[attr-defined]
        return False
    fn = known_function(g, node)
    return not (fn is not None and fn in g.unit.settled and not fn.bounces and _takes(fn, len(node.args)))


def find_bounces(g: Generator) -> None:
    """Tell which functions answer with tail calls, inner functions first; told once, as their callers rely on it."""
    if g.unit.settled:
        return
    for fn in g.unit.functions:
        fn.bounces = (fn.ast is None or fn.ast.result is None or g.check_of(fn.ast.result) is None) and any(
            _may_bounce(g, call, fn) for call in tail_calls(fn.body)
        )
        g.unit.settled.add(fn)
    for call in g.unit.calls:
        known = known_function(g, call)
        if isinstance(call.function, ir.Get) and (known is None or not _takes(known, len(call.args))):
            call.function.var.escapes = True
    for fn in g.unit.functions:
        for call in tail_calls(fn.body):
            head = call.function
            if isinstance(head, ir.Get) and fn.bounces and _may_bounce(g, call, fn):
                head.var.escapes = True


def _may_bounce(g: Generator, call: ir.Call, fn: ir.Fn) -> bool:
    head = call.function
    if call.itself is fn and (isinstance(head, ir.GlobalGet) or (isinstance(head, ir.Get) and head.var.function is fn)):
        return False  # should a global name have come to mean something else meanwhile, that is called
    return bounces(g, call)


def tail_calls(node: ir.Node) -> list[ir.Call]:
    """The calls in tail position of a body."""
    found: list[ir.Call] = []
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ir.Call) and item.tail:
            found.append(item)
        waiting += results(item)
    return found
