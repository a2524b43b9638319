"""AST to IR: scopes become variables, and what can be said with fewer nodes is said with fewer."""

from __future__ import annotations

from collections.abc import Callable

from rtfs.ir import nodes as ir
from rtfs.ir.standing import refresh
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import AnyType
from rtfs.values.maps import Map
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LOWERERS: dict[type, Callable[[Lowerer, Any, bool], ir.Node]] = {}


def lowers(kind: type) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        LOWERERS[kind] = function
        return function

    return register


def lower(node: ast.Node) -> ir.Unit:
    """The IR of a top-level node."""
    import rtfs.ir.lower_forms  # noqa: F401 - registers loops and the rarer forms

    top = ir.Fn(node.span, None, "<top>", None)
    lowerer = Lowerer(ir.Unit(top))
    top.body = lowerer.node(node, False)
    refresh(lowerer.unit)
    if isinstance(top.body, ir.GlobalSet) and top.body.defines and isinstance(top.body.value, ir.Fn):
        lowerer.unit.name, lowerer.unit.function = top.body.name, top.body.value
    return lowerer.unit


def lower_function(unit: ir.Unit, node: ast.Fn, owner: ir.Fn) -> ir.Fn | None:
    """The IR of a function that is defined elsewhere, made for a place inside `owner`; None when it closes over variables."""
    lowerer = Lowerer(unit)
    lowerer.fn = owner
    try:
        return function(lowerer, node)
    except KeyError:  # a variable of another unit
        return None


class Lowerer:
    """The state of one lowering: the function that is being lowered, and what is around it."""

    def __init__(self, unit: ir.Unit) -> None:
        self.unit = unit
        self.fn: ir.Fn = unit.top
        self.loops: list[ir.Loop] = []
        self.repeated = 0  # loops around, inside the current function

    def node(self, node: ast.Node, tail: bool = False) -> ir.Node:
        return LOWERERS[type(node)](self, node, tail)

    def all(self, nodes: tuple[ast.Node, ...]) -> list[ir.Node]:
        return [self.node(n) for n in nodes]

    # --- variables ---

    def declare(self, binding: ast.Binding, *, late: bool | None = None) -> ir.Var:
        var = ir.Var(binding.name, self.fn, late=binding.late if late is None else late, in_loop=self.repeated > 0)
        self.unit.vars[binding] = var
        return var

    def fresh(self, name: str) -> ir.Var:
        return self.declare(ast.Binding(name, None), late=False)

    def scope(self, scope: ast.Scope) -> list[ir.Var]:
        """Declare a scope's variables; gives those that are read late."""
        return [var for b in scope.bindings if (var := self.declare(b)).late]

    def use(self, binding: ast.Binding) -> ir.Var:
        return self.unit.vars[binding]

    def set(self, binding: ast.Binding, value: ir.Node, span: Span | None) -> ir.Set:
        var = self.use(binding)
        var.stores += 1
        return ir.Set(span, var, value)

    def repeat(self, work: Callable[[], Any]) -> Any:
        """Lower what can run several times in one call of the function."""
        self.repeated += 1
        made = work()
        self.repeated -= 1
        return made

    # --- patterns ---

    def pattern(self, pattern: ast.Pattern) -> None:
        """Count the stores of a pattern, and lower the nodes in it."""
        for var_binding in (getattr(pattern, name, None) for name in ("binding", "whole", "rest")):
            if isinstance(var_binding, ast.Binding):
                self.use(var_binding).stores += 1
        if isinstance(pattern, ast.VectorPattern):
            for item in pattern.items:
                self.pattern(item)
            if pattern.rest is not None:
                self.pattern(pattern.rest)
        elif isinstance(pattern, ast.MapPattern):
            for entry in pattern.entries:
                if entry.default is not None:
                    self.unit.nodes[id(entry.default)] = self.node(entry.default)
                self.pattern(entry.pattern)
        elif isinstance(pattern, ast.OrPattern):
            before = {v: v.stores for v in self.unit.vars.values()}
            for option in pattern.options:
                self.pattern(option)
            for var, stores in before.items():  # the alternatives bind the same names: one store
                if var.stores > stores:
                    var.stores = stores + 1
        elif isinstance(pattern, (ast.TypedPattern, ast.AsPattern, ast.GuardPattern)):
            self.pattern(pattern.pattern)
            if isinstance(pattern, ast.GuardPattern):
                self.unit.nodes[id(pattern.guard)] = self.node(pattern.guard)

    def bind(self, pattern: ast.Pattern, value: ir.Node, place: str, span: Span | None) -> ir.Node:
        if isinstance(pattern, ast.BindPattern):
            return self.set(pattern.binding, value, span)
        self.pattern(pattern)
        return ir.Bind(span, pattern, value, place)

    def check(self, value: ir.Node, type_: Any, what: str, at: Span | None, operand: int | None = None) -> ir.Node:
        if type_ is None or isinstance(type_, AnyType):
            return value
        return ir.Check(value.span, value, type_, what, at, operand)

    def bindings(self, bindings: tuple[ast.LetBinding, ...], form: str = "let") -> list[ir.Node]:
        out: list[ir.Node] = []
        for b in bindings:
            name = b.pattern.binding.name if isinstance(b.pattern, ast.BindPattern) else "pattern"
            value = self.check(self.node(b.value), b.type, f"{form} {name}", b.value.span)
            out.append(self.bind(b.pattern, value, "let", b.value.span))
        return out

    def body(self, node: ast.Node, late: list[ir.Var], tail: bool, *, blank: bool = True) -> ir.Node:
        """The body of a scope; local functions that stand first in it need no check that they have a value."""
        items = node.body if isinstance(node, ast.Do) else (node,)
        for item in items:
            if not (isinstance(item, ast.DefLocal) and isinstance(item.value, ast.Fn) and item.type is None):
                break
            var = self.unit.vars[item.binding]
            if var in late and var.stores == 0:
                var.late = False
        inner = self.node(node, tail)
        return ir.Seq(node.span, [ir.Blank(node.span, late), inner]) if late and blank else inner


#: The AST nodes of the loops that are being lowered.
SOURCES: dict[ir.Loop, ast.Loop] = {}


def seq(span: Span | None, items: list[ir.Node]) -> ir.Node:
    return items[0] if len(items) == 1 else ir.Seq(span, items)


# --- names and constants ---


@lowers(ast.Const)
def _const(lo: Lowerer, node: ast.Const, tail: bool) -> ir.Node:
    return ir.Const(node.span, node.value)


@lowers(ast.Local)
def _local(lo: Lowerer, node: ast.Local, tail: bool) -> ir.Node:
    var = lo.use(node.binding)
    return ir.Get(node.span, var, node.binding.late)


@lowers(ast.Global)
def _global(lo: Lowerer, node: ast.Global, tail: bool) -> ir.Node:
    return ir.GlobalGet(node.span, node.name)


@lowers(ast.MakeVector)
def _make_vector(lo: Lowerer, node: ast.MakeVector, tail: bool) -> ir.Node:
    items = lo.all(node.items)
    if items and all(isinstance(item, ir.Const) for item in items):
        return ir.Const(node.span, Vector([item.value for item in items if isinstance(item, ir.Const)]))
    return ir.Special(node.span, node, items, [], [])


@lowers(ast.MakeMap)
def _make_map(lo: Lowerer, node: ast.MakeMap, tail: bool) -> ir.Node:
    items = lo.all(node.values)
    if all(isinstance(item, ir.Const) for item in items):
        values = [item.value for item in items if isinstance(item, ir.Const)]
        return ir.Const(node.span, Map([(node.keys[i], values[i]) for i in range(len(values))]))
    return ir.Special(node.span, node, items, [], [])


@lowers(ast.Def)
def _def(lo: Lowerer, node: ast.Def, tail: bool) -> ir.Node:
    lo.unit.defines.add(node.name)
    value = lo.check(lo.node(node.value), node.type, f"def {node.name}", node.value.span)
    return ir.GlobalSet(node.span, node.name, value, True)


@lowers(ast.SetGlobal)
def _set_global(lo: Lowerer, node: ast.SetGlobal, tail: bool) -> ir.Node:
    lo.unit.defines.add(node.name)
    return ir.GlobalSet(node.span, node.name, lo.node(node.value), False)


@lowers(ast.DefLocal)
def _def_local(lo: Lowerer, node: ast.DefLocal, tail: bool) -> ir.Node:
    value = lo.check(lo.node(node.value), node.type, f"def {node.binding.name}", node.value.span)
    return lo.set(node.binding, value, node.span)


@lowers(ast.SetLocal)
def _set_local(lo: Lowerer, node: ast.SetLocal, tail: bool) -> ir.Node:
    made = lo.set(node.binding, lo.node(node.value), node.span)
    made.var.assigned = made.assigns = True
    return made


# --- control ---


@lowers(ast.If)
def _if(lo: Lowerer, node: ast.If, tail: bool) -> ir.Node:
    return ir.If(node.span, lo.node(node.test), lo.node(node.then, tail), lo.node(node.otherwise, tail))


@lowers(ast.Do)
def _do(lo: Lowerer, node: ast.Do, tail: bool) -> ir.Node:
    last = len(node.body) - 1
    return seq(node.span, [lo.node(item, tail and i == last) for i, item in enumerate(node.body)])


@lowers(ast.And)
@lowers(ast.Or)
def _logic(lo: Lowerer, node: ast.And | ast.Or, tail: bool) -> ir.Node:
    last = len(node.items) - 1
    items = [lo.node(item, tail and i == last) for i, item in enumerate(node.items)]
    return ir.Logic(node.span, isinstance(node, ast.And), items)


@lowers(ast.Let)
def _let(lo: Lowerer, node: ast.Let, tail: bool) -> ir.Node:
    late = lo.scope(node.scope)
    literal = [isinstance(b.value, ast.Fn) for b in node.bindings]
    first = 0 if node.recursive else literal.index(True) if True in literal else 0
    for i, b in enumerate(node.bindings):
        if isinstance(b.pattern, ast.BindPattern) and literal[i] and all(literal[first : i + 1]) and b.type is None:
            var = lo.unit.vars[b.pattern.binding]
            if var in late:
                var.late = False
    blank: list[ir.Node] = [ir.Blank(node.span, late)] if late else []
    bindings = lo.bindings(node.bindings)
    return seq(node.span, [*blank, *bindings, lo.body(node.body, late, tail, blank=False)])


@lowers(ast.Match)
def _match(lo: Lowerer, node: ast.Match, tail: bool) -> ir.Node:
    var = lo.fresh("subject")
    first = lo.node(node.value)
    var.stores += 1
    clauses: list[ir.Case] = []
    blank: list[ir.Var] = []  # `def` in a guard is seen by the body
    for clause in node.clauses:
        late = lo.scope(clause.scope)
        blank += late
        lo.pattern(clause.pattern)
        guard = lo.node(clause.guard) if clause.guard is not None else None
        clauses.append(ir.Case(clause.span, clause.pattern, guard, lo.body(clause.body, late, tail, blank=False)))
    result = ir.Cases(node.span, var, clauses, ir.NoMatch(node.span, var))
    return ir.Seq(node.span, [ir.Set(node.span, var, first), *([ir.Blank(node.span, blank)] if blank else []), result])


@lowers(ast.Try)
def _try(lo: Lowerer, node: ast.Try, tail: bool) -> ir.Node:
    body = lo.node(node.body)
    catches = []
    for clause in node.catches:
        late = lo.scope(clause.scope)
        var = lo.use(clause.binding) if clause.binding is not None else None
        if var is not None:
            var.stores += 1
        catches.append(ir.Catch(clause.selector, var, lo.body(clause.body, late, False)))
    return ir.Try(node.span, body, catches, lo.node(node.final) if node.final is not None else None)


# --- functions ---


@lowers(ast.Fn)
def _fn(lo: Lowerer, node: ast.Fn, tail: bool) -> ir.Node:
    if node.self_binding is not None:
        binding = node.self_binding
        itself = lo.declare(binding, late=True)
        itself.late = False
        made = lo.set(binding, function(lo, node), node.span)
        if binding.uses == 0 and not binding.assigned:
            return made.value
        return ir.Seq(node.span, [ir.Blank(node.span, [itself]), made])
    return function(lo, node)


def function(lo: Lowerer, node: ast.Fn) -> ir.Fn:
    label = node.name or "<fn>"
    fn = ir.Fn(node.span, node, label, lo.fn)
    outer, loops, repeated = lo.fn, lo.loops, lo.repeated
    lo.fn, lo.loops, lo.repeated = fn, [], 0
    late = lo.scope(node.scope)
    bindings = node.scope.bindings
    count = len(node.params)
    fn.params = [lo.unit.vars[bindings[i]] for i in range(count)]
    for var in fn.params:
        var.stores += 1
    for i, p in enumerate(node.params):
        what = f"{label}, parameter {i + 1 if p.name == '_' else p.name}"
        checked = lo.check(ir.Get(p.span, fn.params[i]), p.type, what, None, i)
        if isinstance(checked, ir.Check):
            fn.prepare.append(checked)
    if node.rest is not None:
        assert isinstance(node.rest.pattern, ast.BindPattern)
        rest = lo.unit.vars[node.rest.pattern.binding]
        rest.stores += 1
        fn.params.append(rest)
        checked = lo.check(ir.Get(node.rest.span, rest), node.rest.type, f"{label}, variadic argument", None, count)
        if isinstance(checked, ir.Check):
            fn.prepare.append(checked)
    for i, p in enumerate(node.params):
        if not isinstance(p.pattern, (ast.BindPattern, ast.WildcardPattern)):
            lo.pattern(p.pattern)
            fn.prepare.append(ir.Bind(p.span, p.pattern, ir.Get(p.span, fn.params[i]), label))
    fn.body = lo.body(node.body, late, True, blank=False)
    if late:
        fn.prepare.insert(0, ir.Blank(node.span, late))
    lo.fn, lo.loops, lo.repeated = outer, loops, repeated
    return fn


def _called(lo: Lowerer, node: ast.Node) -> ir.Node:
    """The head of a call: a name there does not let its value escape."""
    if isinstance(node, ast.Local):
        return ir.Get(node.span, lo.use(node.binding), node.binding.late)
    return lo.node(node)


@lowers(ast.Call)
def _call(lo: Lowerer, node: ast.Call, tail: bool) -> ir.Node:
    return ir.Call(node.span, _called(lo, node.function), lo.all(node.args), node.tail and tail)


@lowers(ast.SelfCall)
def _self_call(lo: Lowerer, node: ast.SelfCall, tail: bool) -> ir.Node:
    made = ir.Call(node.span, _called(lo, node.function), lo.all(node.args), True, lo.fn)
    lo.fn.loops = True
    if isinstance(made.function, ir.GlobalGet):
        lo.fn.self_flag = made.function.name
    return made


@lowers(ast.Recur)
def _recur(lo: Lowerer, node: ast.Recur, tail: bool) -> ir.Node:
    args = lo.all(node.args)
    if not node.in_loop:
        lo.fn.loops = True
        return ir.Recur(node.span, args, lo.fn)
    loop, source = lo.loops[-1], SOURCES[lo.loops[-1]]
    if loop.vars:
        return ir.Recur(node.span, args, loop)
    # values that go through patterns and checks: all of them first, then one after the other
    temps = [lo.fresh("value") for _ in args]
    items: list[ir.Node] = []
    for i, arg in enumerate(args):
        temps[i].stores += 1
        items.append(ir.Set(arg.span, temps[i], arg))
    for i, b in enumerate(source.bindings):
        name = b.pattern.binding.name if isinstance(b.pattern, ast.BindPattern) else "pattern"
        value = lo.check(ir.Get(args[i].span, temps[i]), b.type, f"loop {name}", args[i].span)
        items.append(lo.bind(b.pattern, value, "let", args[i].span))
    return seq(node.span, [*items, ir.Recur(node.span, [], loop)])
