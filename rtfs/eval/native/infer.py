"""Which kinds the variables and results of a function have, for given kinds of operands, and of all functions that it calls.

A function is looked at once for every combination of kinds that it is called with: an *instance*.  All of them are walked again and
again, each time with what the last time has shown, until nothing changes; kinds only ever grow, from `never` to `mixed`.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.eval.native.instances import Instance, check_prepared, is_inlinable, parameter_kinds, reachable
from rtfs.eval.native.kinds import (
    BOOL,
    INT,
    MIXED,
    NEVER,
    NIL,
    NUM,
    VALUES,
    Unsupported,
    annotation,
    join,
    narrowed,
    of_constant,
)
from rtfs.eval.native.names import Names
from rtfs.eval.native.operators import operator
from rtfs.ir import nodes as ir
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_INSTANCES = 32
MAX_NODES = 4_000


class Inference:
    """Finds all instances that a function needs."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.instances: dict[tuple[ir.Fn, tuple[str, ...]], Instance] = {}
        self.changed = False
        self.here: Instance

    def run(self, unit: ir.Unit, fn: ir.Fn, kinds: list[str]) -> Instance:
        """The instance of a function for operands of these kinds.

        Raises:
            Unsupported.
        """
        root = self.instance(unit, fn, parameter_kinds(fn, kinds))
        self.changed = True
        while self.changed:
            self.changed = False
            for instance in list(self.instances.values()):
                self._walk(instance)
        for instance in reachable(root):
            if instance.result not in VALUES:
                raise Unsupported(f"{instance.fn.label} gives {instance.result}")
        return root

    def instance(self, unit: ir.Unit, fn: ir.Fn, kinds: tuple[str, ...]) -> Instance:
        found = self.instances.get((fn, kinds))
        if found is None:
            if len(self.instances) == MAX_INSTANCES:
                raise Unsupported("too many functions")
            found = Instance(f"{fn.label}.{len(self.instances)}", unit, fn, kinds)
            self.instances[(fn, kinds)] = found
            self.changed = True
        return found

    def _walk(self, instance: Instance) -> None:
        self.here = instance
        instance.size = 0
        instance.calls.clear()
        for node in instance.fn.prepare:
            check_prepared(instance.fn, node)
        for var, kind in zip(instance.fn.params, instance.kinds, strict=True):
            self.store(var, kind)
        result = self.result_of(instance.fn, self.kind(instance.fn.body))
        if result != instance.result:
            instance.result = result
            self.changed = True

    def result_of(self, fn: ir.Fn, kind: str) -> str:
        assert fn.ast is not None
        return kind if fn.ast.result is None else narrowed(kind, fn.ast.result)

    def store(self, var: ir.Var, kind: str) -> None:
        known = self.here.vars.get(var, NEVER)
        joined = join(known, kind)
        if joined != known:
            self.here.vars[var] = joined
            self.changed = True

    def kind(self, node: ir.Node) -> str:
        """The kind of a node's value."""
        self.here.size += 1
        if self.here.size > MAX_NODES:
            raise Unsupported("too large a function")
        work = _KINDS.get(type(node))
        if work is None:
            raise Unsupported(type(node).__name__)
        return work(self, node)

    def number(self, node: ir.Node) -> str:
        """An integer operand of a loop: `int`, or a number that is tested."""
        kind = self.kind(node)
        if kind not in (INT, NUM, NEVER):
            raise Unsupported(f"{kind} as an integer")
        return kind

    def inlined(self, fn: ir.Fn, kinds: list[str]) -> str:
        """The value of a function literal that is called where it stands."""
        for node in fn.prepare:
            check_prepared(fn, node)
        for var, kind in zip(fn.params, parameter_kinds(fn, kinds), strict=True):
            self.store(var, kind)
        return self.result_of(fn, self.kind(fn.body))

    def applied(self, function: ir.Node, kinds: list[str]) -> str:
        """What calling a function with operands of these kinds gives."""
        if isinstance(function, ir.Fn):
            if function.loops or not is_inlinable(function, len(kinds)):
                raise Unsupported("a function literal")
            return self.inlined(function, kinds)
        if not isinstance(function, ir.GlobalGet):
            raise Unsupported("call of a value")
        builtin = self.names.builtin(function.name)
        if builtin is not None:
            return operator(builtin, len(kinds)).kind(kinds)
        unit, fn = self.names.function(function.name)
        if len(fn.params) != len(kinds):
            raise Unsupported("number of operands")
        if NEVER in kinds:
            return NEVER
        found = self.instance(unit, fn, parameter_kinds(fn, kinds))
        self.here.calls[found] = None
        return found.result


def truth_of(node: ir.Node) -> bool | None:
    """The truth of a literal; None for anything else."""
    return node.value is not None and node.value is not False if isinstance(node, ir.Const) else None


# --- the kinds of nodes ----------------------------------------------------------------------


def _const(i: Inference, node: ir.Const) -> str:
    return of_constant(node.value)


def _get(i: Inference, node: ir.Get) -> str:
    return i.here.vars.get(node.var, NEVER)


def _set(i: Inference, node: ir.Set) -> str:
    kind = i.kind(node.value)
    i.store(node.var, kind)
    return kind


def _blank(i: Inference, node: ir.Blank) -> str:
    return NIL


def _global(i: Inference, node: ir.GlobalGet) -> str:
    return of_constant(i.names.constant(node.name))


def _check(i: Inference, node: ir.Check) -> str:
    return narrowed(i.kind(node.value), node.type)


def tested(i: Inference, node: ir.Node) -> None:
    """A node of which only the truth is asked."""
    if truth_of(node) is not None:
        return
    if isinstance(node, ir.Logic):
        for item in node.items:
            tested(i, item)
    elif i.kind(node) == MIXED:
        raise Unsupported("truth of a mixed value")


def _if(i: Inference, node: ir.If) -> str:
    tested(i, node.test)
    known = truth_of(node.test)
    if known is not None:
        return i.kind(node.then if known else node.otherwise)
    kind = join(i.kind(node.then), i.kind(node.otherwise))
    i.here.nodes[node] = kind
    return kind


def _seq(i: Inference, node: ir.Seq) -> str:
    kind = NIL
    for item in node.items:
        kind = i.kind(item)
    return kind


def _logic(i: Inference, node: ir.Logic) -> str:
    kinds = [i.kind(item) for item in node.items]
    kind = kinds[-1]
    for early in kinds[:-1]:
        if early == MIXED:
            raise Unsupported("truth of a mixed value")
        # what ends an `and` is false or nil, what ends an `or` is anything else
        if early == BOOL or (early == NIL) == node.conjunction:
            kind = join(kind, early)
    i.here.nodes[node] = kind
    return kind


def _call(i: Inference, node: ir.Call) -> str:
    head = node.function
    if isinstance(head, ir.GlobalGet) and head.name == "reduce" and i.names.builtin("reduce") is not None:
        return _reduce(i, node)
    kinds = [i.kind(arg) for arg in node.args]
    if is_itself(i.names, i.here.fn, node):
        restart_kinds(i, i.here.fn, kinds)
        return NEVER
    return i.applied(head, kinds)


def is_itself(names: Names, fn: ir.Fn, node: ir.Call) -> bool:
    """Whether a call in `fn` is a tail call of `fn` itself, by a name that means it now."""
    return node.itself is fn and isinstance(node.function, ir.GlobalGet) and names.function(node.function.name)[1] is fn


def restart_kinds(i: Inference, fn: ir.Fn, kinds: list[str]) -> None:
    if NEVER not in kinds:
        for var, kind in zip(fn.params, parameter_kinds(fn, kinds), strict=True):
            i.store(var, kind)


def _reduce(i: Inference, node: ir.Call) -> str:
    """`(reduce f init (range …))`"""
    bounds = range_of(i.names, node.args[2]) if len(node.args) == 3 else None
    if bounds is None:
        raise Unsupported("reduce of anything but a range")
    i.here.loops = True
    total = i.kind(node.args[1])
    for bound in bounds:
        i.number(bound)
    while True:
        following = join(total, i.applied(node.args[0], [total, INT]))
        if following == total:
            break
        total = following
    if total not in VALUES and total != NEVER:
        raise Unsupported(f"reduce to {total}")
    i.here.nodes[node] = total
    return total


def range_of(names: Names, node: ir.Node | None) -> list[ir.Node] | None:
    """The operands of a call of `range`; None when the node is no such call."""
    if isinstance(node, ir.Call) and isinstance(node.function, ir.GlobalGet) and node.function.name == "range":
        if names.builtin("range") is not None and 1 <= len(node.args) <= 3:
            return node.args
    return None


def _loop(i: Inference, node: ir.Loop) -> str:
    i.here.loops = True
    return i.kind(node.body)


def _recur(i: Inference, node: ir.Recur) -> str:
    kinds = [i.kind(arg) for arg in node.args]
    if isinstance(node.target, ir.Loop):
        for var, kind in zip(node.target.vars, kinds, strict=False):
            i.store(var, kind)
    elif node.target is i.here.fn:
        restart_kinds(i, node.target, kinds)
    else:
        raise Unsupported("recur of a function literal")
    return NEVER


def _times(i: Inference, node: ir.Times) -> str:
    i.here.loops = True
    i.number(node.count)
    i.store(node.var, INT)
    kind = join(NIL, i.kind(node.body))
    i.here.nodes[node] = kind
    return kind


def _collect(i: Inference, node: ir.Collect) -> str:
    """`(doseq [i (range …)] …)`"""
    each = node.body
    if node.into is not None or not isinstance(each, ir.Each):
        raise Unsupported("for")
    bounds = range_of(i.names, each.items)
    if bounds is None or not isinstance(each.pattern, ast.BindPattern):
        raise Unsupported("doseq of anything but a range")
    i.here.loops = True
    for bound in bounds:
        i.number(bound)
    i.store(i.here.unit.vars[each.pattern.binding], INT)
    i.kind(each.body)
    return NIL


def _cases(i: Inference, node: ir.Cases) -> str:
    subject = i.here.vars.get(node.var, NEVER)
    kind = i.kind(node.otherwise)
    for clause in node.clauses:
        _pattern(i, clause.pattern, subject)
        if clause.guard is not None:
            tested(i, clause.guard)
        kind = join(kind, i.kind(clause.body))
    i.here.nodes[node] = kind
    return kind


def _pattern(i: Inference, pattern: Any, kind: str) -> None:
    if kind == MIXED:
        raise Unsupported("match of a mixed value")
    if isinstance(pattern, ast.BindPattern):
        i.store(i.here.unit.vars[pattern.binding], kind)
    elif isinstance(pattern, ast.AsPattern):
        i.store(i.here.unit.vars[pattern.binding], kind)
        _pattern(i, pattern.pattern, kind)
    elif isinstance(pattern, ast.OrPattern):
        if not all(isinstance(option, ast.LiteralPattern) for option in pattern.options):
            raise Unsupported("alternatives that are no literals")
    elif isinstance(pattern, ast.TypedPattern):
        if annotation(pattern.type) is None:
            raise Unsupported(f"match against {pattern.type}")
        _pattern(i, pattern.pattern, kind)
    elif not isinstance(pattern, (ast.LiteralPattern, ast.WildcardPattern)):
        raise Unsupported(type(pattern).__name__)


def _no_match(i: Inference, node: ir.NoMatch) -> str:
    return NEVER


_KINDS: dict[type, Callable[[Inference, Any], str]] = {
    ir.Const: _const,
    ir.Get: _get,
    ir.Set: _set,
    ir.Blank: _blank,
    ir.GlobalGet: _global,
    ir.Check: _check,
    ir.If: _if,
    ir.Seq: _seq,
    ir.Logic: _logic,
    ir.Call: _call,
    ir.Loop: _loop,
    ir.Recur: _recur,
    ir.Times: _times,
    ir.Collect: _collect,
    ir.Cases: _cases,
    ir.NoMatch: _no_match,
}
