"""Code of the rarer forms: collections, context, steps, resources, templates, types and modules.

What they do is in `effects`, as functions of operands; bodies are evaluated in place, between two such calls where a form
surrounds them.
"""

from __future__ import annotations

import ast as py
from collections.abc import Callable

from rtfs.eval.compiled import access, metering
from rtfs.eval.compiled.generate import EFFECT, Destination, Generator, statement
from rtfs.ir import nodes as ir
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FORMS: dict[type, Callable[[Generator, ir.Special, Any, Destination], None]] = {}


def form(kind: type) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        _FORMS[kind] = function
        return function

    return register


@statement(ir.Special)
def _special(g: Generator, node: ir.Special, to: Destination) -> None:
    _FORMS[type(node.form)](g, node, node.form, to)


@form(ast.MakeVector)
def _make_vector(g: Generator, node: ir.Special, form: ast.MakeVector, to: Destination) -> None:
    g.deliver(make_vector(g, node), to)


def make_vector(g: Generator, node: ir.Special) -> Any:
    return access.vector(g, g.exprs(node.args))


def make_map(g: Generator, node: ir.Special) -> Any:
    keys = node.form.keys  # type: ignore[attr-defined]
    values = g.exprs(node.args)
    if all(type(k) is not float and type(k) is not bool for k in keys):
        return g.call(" map", g.put(py.Dict([g.const(k) for k in keys], values)))
    pairs = [g.put(py.Tuple([g.const(k), v], py.Load())) for k, v in zip(keys, values, strict=True)]
    return g.call(" map_of", g.list_of(pairs))


@form(ast.MakeMap)
def _make_map(g: Generator, node: ir.Special, form: ast.MakeMap, to: Destination) -> None:
    g.deliver(make_map(g, node), to)


@form(ast.ContextRef)
def _context_ref(g: Generator, node: ir.Special, form: ast.ContextRef, to: Destination) -> None:
    g.deliver(g.call(" context_ref", g.const(form.name)), to)


@form(ast.ContextGet)
def _context_get(g: Generator, node: ir.Special, form: ast.ContextGet, to: Destination) -> None:
    g.deliver(g.call(" context_get", g.const(form.name)), to)


@form(ast.ResourceRef)
def _resource_ref(g: Generator, node: ir.Special, form: ast.ResourceRef, to: Destination) -> None:
    g.deliver(g.call(" resource_ref", g.const(form.name)), to)


@form(ast.DefType)
def _def_type(g: Generator, node: ir.Special, form: ast.DefType, to: Destination) -> None:
    g.deliver(g.call(" def_type", g.const(form.name), g.const(form.type)), to)


@form(ast.Import)
def _import(g: Generator, node: ir.Special, form: ast.Import, to: Destination) -> None:
    g.deliver(g.call(" import_module", g.const(form)), to)


@form(ast.Module)
def _module(g: Generator, node: ir.Special, form: ast.Module, to: Destination) -> None:
    g.deliver(g.call(" define_module", g.const(form)), to)


@form(ast.DefStruct)
def _def_struct(g: Generator, node: ir.Special, form: ast.DefStruct, to: Destination) -> None:
    made = g.named(g.call(" def_struct", g.const(form.name), g.const(form.type)))
    for i, (var, label) in enumerate(zip(node.vars, (form.name, f"{form.name}?"), strict=True)):
        value = g.item(made, g.const(i))
        if var is None:
            g.do(g.call(" define", g.const(label), value, g.const(None)))
        else:
            g.store_var(var, value)
    g.deliver(g.item(made, g.const(0)), to)


@form(ast.Template)
def _template(g: Generator, node: ir.Special, form: ast.Template, to: Destination) -> None:
    parts = tuple([(part.splice, part.node.span) for part in form.parts])
    out = g.temp()
    g.assign(out, g.list_of([]))
    for i, arg in enumerate(node.args):
        splice, span = parts[i]
        g.do(g.call(" add_part", g.load(out), g.expr(arg), g.const(splice), g.const(span)))
    g.deliver(g.call(" make_template", g.const(form.kind), g.load(out), g.const(form.span)), to)


@form(ast.FreshNames)
def _fresh_names(g: Generator, node: ir.Special, form: ast.FreshNames, to: Destination) -> None:
    for binding, var in zip(form.scope.bindings, node.vars, strict=True):
        assert var is not None
        g.store_var(var, g.call(" fresh", g.const(binding.name)))
    g.stmt(node.bodies[0], to)


@form(ast.LogStep)
def _log_step(g: Generator, node: ir.Special, form: ast.LogStep, to: Destination) -> None:
    g.deliver(g.call(" log_step", g.const(form.level), g.const(form.span), g.list_of(g.exprs(node.args))), to)


@form(ast.HostForm)
def _host_form(g: Generator, node: ir.Special, form: ast.HostForm, to: Destination) -> None:
    g.deliver(g.call(" host_form", g.const(form.capability), g.const(form.span), g.list_of(g.exprs(node.args))), to)


@form(ast.Parallel)
def _parallel(g: Generator, node: ir.Special, form: ast.Parallel, to: Destination) -> None:
    results = g.list_of(g.exprs(node.args))
    if form.may_wait:
        types, spans = g.list_of([g.const(t) for t in form.types]), g.list_of([g.const(b.span) for b in form.branches])
        results = g.call(" branches", g.const(form.names), types, spans, results)
    g.deliver(g.call(" parallel", g.const(form.names), results), to)


def _result(g: Generator, to: Destination) -> Destination:
    return to if to is EFFECT else Destination(g.temp())


def _finish(g: Generator, result: Destination, to: Destination) -> None:
    if result.name:
        g.deliver(g.load(result.name), to)


def _body(g: Generator, node: ir.Node, to: Destination) -> list[Any]:
    return g.inside(lambda: g.stmt(node, to)) or [g.put(py.Pass())]


@form(ast.WithHints)
def _with_hints(g: Generator, node: ir.Special, form: ast.WithHints, to: Destination) -> None:
    values = g.exprs(node.args)
    outer = g.temp()
    g.assign(outer, g.call(" add_hints", g.const(form.keys), g.list_of(values)))
    result = _result(g, to)
    after = g.put(py.Expr(g.call(" set_hints", g.load(outer))))
    g.add(py.Try(_body(g, node.bodies[0], result), [], [], [after]))
    _finish(g, result, to)


@form(ast.WithResource)
def _with_resource(g: Generator, node: ir.Special, form: ast.WithResource, to: Destination) -> None:
    held = g.temp()
    g.assign(held, g.expr(node.args[0]))
    var = node.vars[0]
    assert var is not None
    g.store_var(var, g.load(held))
    result = _result(g, to)
    limits = g.put(py.Tuple([g.load(" LimitExceeded"), g.load(" RecursionError"), g.load(" KeyboardInterrupt")], py.Load()))
    back = metering.come_back(g, metering.depth_here(g))
    passed = [back, g.put(py.Expr(g.call(" release_at_limit", g.load(held)))), g.put(py.Raise())]
    at_limit = g.put(py.ExceptHandler(limits, None, passed))
    error = g.temp()
    failed = [
        back,
        g.put(py.Expr(g.call(" passing", g.load(error)))),
        g.put(py.Expr(g.call(" release_quietly", g.load(held), g.const(form.binding.name), g.const(form.value.span)))),
        g.put(py.Raise()),
    ]
    handler = g.put(py.ExceptHandler(g.load(" BaseException"), error, failed))
    g.add(py.Try(_body(g, node.bodies[0], result), [at_limit, handler], [], []))
    g.do(g.call(" release", g.load(held)))
    _finish(g, result, to)


def _in_step(g: Generator, name: str, body: Callable[[Destination], None], to: Destination) -> None:
    step, error = g.temp(), g.temp()
    g.assign(step, g.call(" step_started", g.const(name)))
    result = Destination(g.temp())
    failed = [g.put(py.Expr(g.call(" step_failed", g.load(step), g.load(error)))), g.put(py.Raise())]
    handler = g.put(py.ExceptHandler(g.load(" BaseException"), error, failed))
    g.add(py.Try(g.inside(lambda: body(result)), [handler], [], []))
    g.do(g.call(" step_completed", g.load(step), g.load(result.name or "")))
    if to is not EFFECT:
        _finish(g, result, to)


def _open_step(g: Generator, node: ir.Special, options: ast.StepOptions) -> None:
    args = node.args
    if options.expose_context is not None or options.context_keys is not None:
        exposed, keys = g.exprs(args[:2])
        g.do(g.call(" expose", exposed, keys))
        args = args[2:]
    if node.vars:
        values = g.exprs(args)
        pairs = [g.put(py.Tuple([g.const(k), v], py.Load())) for k, v in zip(options.param_keys, values, strict=True)]
        var = node.vars[0]
        assert var is not None
        g.store_var(var, g.call(" map_of", g.list_of(pairs)))


@form(ast.Step)
def _step(g: Generator, node: ir.Special, form: ast.Step, to: Destination) -> None:
    def body(result: Destination) -> None:
        _open_step(g, node, form.options)
        g.stmt(node.bodies[0], result)

    _in_step(g, form.name, body, to)


@form(ast.StepLoop)
def _step_loop(g: Generator, node: ir.Special, form: ast.StepLoop, to: Destination) -> None:
    def body(result: Destination) -> None:
        _open_step(g, node, form.options)
        for blank in node.bodies[2:]:
            g.stmt(blank, EFFECT)
        assert result.name is not None
        turns = g.temp()
        g.assign(result.name, g.const(None))
        g.assign(turns, g.const(0))

        def turn() -> None:
            g.when(g.negated(g.truth(node.bodies[0])), [g.put(py.Break())])
            g.assign(turns, g.call(" count_turn", g.load(turns), g.const(form.span)))
            g.stmt(node.bodies[1], result)

        metering.loop(g, form.span, g.inside(turn))

    _in_step(g, "step-loop", body, to)
