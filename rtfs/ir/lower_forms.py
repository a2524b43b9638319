"""Lowering of loops and of the rarer forms; `lower` has the others."""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.lower import SOURCES, Lowerer, lowers, seq
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# --- loops ---

@lowers(ast.Loop)
def _loop(lo: Lowerer, node: ast.Loop, tail: bool) -> ir.Node:
    lo.repeated += 1
    late = lo.scope(node.scope)
    lo.repeated -= 1
    blank: list[ir.Node] = [ir.Blank(node.span, late)] if late else []
    items = lo.bindings(node.bindings, "loop")
    patterns = [b.pattern for b in node.bindings]
    variables: list[ir.Var] = []
    if all(isinstance(p, ast.BindPattern) for p in patterns) and all(b.type is None for b in node.bindings) and not late:
        variables = [lo.unit.vars[p.binding] for p in patterns if isinstance(p, ast.BindPattern)]
    loop = ir.Loop(node.span, variables)
    SOURCES[loop] = node
    lo.loops.append(loop)
    loop.body = lo.repeat(lambda: lo.node(node.body, tail))
    lo.loops.pop()
    del SOURCES[loop]
    return seq(node.span, [*blank, *items, loop])


@lowers(ast.For)
def _for(lo: Lowerer, node: ast.For, tail: bool) -> ir.Node:
    name = "for" if node.collect else "doseq"
    into = lo.fresh("out") if node.collect else None
    if into is not None:
        into.stores += 1

    def stage(i: int) -> ir.Node:
        if i == len(node.clauses):
            value = lo.node(node.body)
            return ir.Emit(node.body.span, into, value) if into is not None else value
        clause = node.clauses[i]
        if clause.kind in ("when", "while"):
            assert clause.value is not None
            otherwise: ir.Node = ir.Stop(clause.value.span) if clause.kind == "while" else ir.Const(clause.value.span, None)
            return ir.If(clause.value.span, lo.node(clause.value), stage(i + 1), otherwise)
        if clause.kind == "let":
            late = lo.scope(clause.scope)
            blank: list[ir.Node] = [ir.Blank(node.span, late)] if late else []
            return seq(node.span, [*blank, *lo.bindings(clause.bindings), stage(i + 1)])
        assert clause.value is not None
        assert clause.pattern is not None
        each = ir.Each(clause.value.span, name, lo.node(clause.value), clause.pattern)

        def inner() -> ir.Node:
            late = lo.scope(clause.scope)
            assert clause.pattern is not None
            lo.pattern(clause.pattern)
            if late:
                each.blank = ir.Blank(node.span, late)
            return stage(i + 1)

        each.body = lo.repeat(inner)
        return each

    collect = ir.Collect(node.span, into)
    collect.body = stage(0)
    return collect


@lowers(ast.Dotimes)
def _dotimes(lo: Lowerer, node: ast.Dotimes, tail: bool) -> ir.Node:
    count = lo.node(node.count)

    def inner() -> tuple[ir.Var, ir.Node]:
        late = lo.scope(node.scope)
        var = lo.unit.vars[node.binding]
        var.stores += 1
        return var, lo.body(node.body, late, False)

    var, body = lo.repeat(inner)
    return ir.Times(node.span, var, count, body)


# --- other forms ---


def _special(
    lo: Lowerer, node: Any, args: tuple[ast.Node, ...], bodies: list[ir.Node], variables: list[ir.Var | None] | None = None
) -> ir.Node:
    return ir.Special(node.span, node, lo.all(args), bodies, variables or [])


@lowers(ast.ContextRef)
@lowers(ast.ResourceRef)
@lowers(ast.DefType)
@lowers(ast.Import)
@lowers(ast.Module)
def _plain(lo: Lowerer, node: Any, tail: bool) -> ir.Node:
    return _special(lo, node, (), [])


@lowers(ast.ContextGet)
def _context_get(lo: Lowerer, node: ast.ContextGet, tail: bool) -> ir.Node:
    return lo.node(node.variable, tail) if node.variable is not None else _special(lo, node, (), [])


@lowers(ast.DefStruct)
def _def_struct(lo: Lowerer, node: ast.DefStruct, tail: bool) -> ir.Node:
    variables: list[ir.Var | None] = []
    for binding, name in ((node.binding, node.name), (node.predicate_binding, f"{node.name}?")):
        if binding is None:
            lo.unit.defines.add(name)
            variables.append(None)
        else:
            var = lo.use(binding)
            var.stores += 1
            variables.append(var)
    return _special(lo, node, (), [], variables)


@lowers(ast.Template)
def _template(lo: Lowerer, node: ast.Template, tail: bool) -> ir.Node:
    return _special(lo, node, tuple([part.node for part in node.parts]), [])


@lowers(ast.FreshNames)
def _fresh_names(lo: Lowerer, node: ast.FreshNames, tail: bool) -> ir.Node:
    lo.scope(node.scope)
    variables: list[ir.Var | None] = []
    for binding in node.scope.bindings:
        var = lo.unit.vars[binding]
        var.stores += 1
        variables.append(var)
    return _special(lo, node, (), [lo.node(node.body)], variables)


@lowers(ast.LogStep)
def _log_step(lo: Lowerer, node: ast.LogStep, tail: bool) -> ir.Node:
    return _special(lo, node, node.items, [])


@lowers(ast.HostForm)
def _host_form(lo: Lowerer, node: ast.HostForm, tail: bool) -> ir.Node:
    return _special(lo, node, node.args, [])


@lowers(ast.WithHints)
def _with_hints(lo: Lowerer, node: ast.WithHints, tail: bool) -> ir.Node:
    return _special(lo, node, node.values, [lo.node(node.body)])


@lowers(ast.Parallel)
def _parallel(lo: Lowerer, node: ast.Parallel, tail: bool) -> ir.Node:
    names = node.names
    items = []
    for i, branch in enumerate(node.branches):
        what = f"parallel {names[i] if names else i}"
        value = lo.node(branch)
        items.append(value if node.may_wait else lo.check(value, node.types[i], what, branch.span))
    return ir.Special(node.span, node, items, [], [])


@lowers(ast.WithResource)
def _with_resource(lo: Lowerer, node: ast.WithResource, tail: bool) -> ir.Node:
    value = lo.node(node.value)
    late = lo.scope(node.scope)
    var = lo.unit.vars[node.binding]
    var.stores += 1
    check = lo.check(ir.Get(node.value.span, var), node.type, f"with-resource {node.binding.name}", node.value.span)
    body = lo.body(node.body, late, False)
    if isinstance(check, ir.Check):
        body = ir.Seq(node.span, [check, body])
    return ir.Special(node.span, node, [value], [body], [var])


def _step_options(lo: Lowerer, options: ast.StepOptions) -> tuple[list[ir.Node], list[ir.Var | None], list[ir.Var]]:
    """Operands, the variable of `params`, and late variables of the step's own scope."""
    args: list[ir.Node] = []
    if options.expose_context is not None or options.context_keys is not None:
        exposed = lo.node(options.expose_context) if options.expose_context is not None else ir.Const(None, True)
        args.append(exposed)
        args.append(lo.node(options.context_keys) if options.context_keys is not None else ir.Const(None, None))
    variables: list[ir.Var | None] = []
    late: list[ir.Var] = []
    if options.scope is not None:
        args += lo.all(options.param_values)
        late = lo.scope(options.scope)
        assert options.params_binding is not None
        var = lo.unit.vars[options.params_binding]
        var.stores += 1
        variables.append(var)
    return args, variables, late


@lowers(ast.Step)
def _step(lo: Lowerer, node: ast.Step, tail: bool) -> ir.Node:
    args, variables, late = _step_options(lo, node.options)
    body = lo.body(node.body, late, False)
    return ir.Special(node.span, node, args, [body], variables)


@lowers(ast.StepLoop)
def _step_loop(lo: Lowerer, node: ast.StepLoop, tail: bool) -> ir.Node:
    args, variables, late = _step_options(lo, node.options)
    blank: list[ir.Node] = [ir.Blank(node.span, late)] if late else []
    test, body = lo.repeat(lambda: (lo.node(node.test), lo.node(node.body)))
    return ir.Special(node.span, node, args, [test, body, *blank], variables)
