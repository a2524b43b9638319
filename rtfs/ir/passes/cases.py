"""Case dispatch: the tests of `match` in an order in which clauses share them (`ir.decisions`).

Chains of `(if (= x literal) …)` become cases too.  Names that stand for the whole subject become variables, so that what is known
of the subject is known of them; a subject that is a vector written out, `(match [a b] …)`, is not made when only its items matter.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.ir import decisions
from rtfs.ir import nodes as ir
from rtfs.ir.lower import seq
from rtfs.ir.optimise import Counts
from rtfs.ir.scopes import transform, walk
from rtfs.syntax import nodes as ast
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.ir.optimise import Facts

#: Tests that a chain has at least: fewer are as fast one by one.
_CHAIN_FROM = 3
_LITERALS = (int, str, bool, Keyword, type(None))


def run(unit: ir.Unit, facts: Facts) -> Counts:
    """`planned`: uses of `match`; `chains`: those made of chains of `if`; `shared`: tests that clauses have in common; `vectors`:
    subjects that are not made."""
    counts = {"planned": 0, "chains": 0, "shared": 0, "vectors": 0}
    heads, any_cases = _chain_heads(unit, facts)
    if not heads and not any_cases:
        return counts
    found: list[ir.Cases] = []

    def rewrite(node: ir.Node, fn: ir.Fn) -> ir.Node:
        if isinstance(node, ir.If) and node in heads:
            counts["chains"] += 1
            node = _chain(node)
        if isinstance(node, ir.Cases) and node.plan is None:
            _name_subject(unit, node)
            found.append(node)
        elif type(node) is ir.Seq and isinstance(node.items[-1], ir.Cases):
            return _without_copy(node, node.items[-1], fn)
        return node

    transform(unit, rewrite)
    for node in found:
        node.plan, shared = decisions.plan(node.clauses, len(node.items) or None)
        counts["shared"] += shared
        counts["vectors"] += bool(node.items)
    counts["planned"] = len(found)
    return counts


def _name_subject(unit: ir.Unit, node: ir.Cases) -> None:
    """Let the names of clauses that take any value be plain variables, and leave out clauses that are never reached."""
    for i, clause in enumerate(node.clauses):
        while isinstance(clause.pattern, ast.GuardPattern):
            guard = unit.nodes[id(clause.pattern.guard)]
            if clause.guard is not None:
                guard = ir.Logic(clause.span, True, [guard, clause.guard])
            clause.guard, clause.pattern = guard, clause.pattern.pattern
        last = decisions.is_irrefutable(clause)
        pattern = clause.pattern
        if isinstance(pattern, ast.BindPattern):
            var = unit.vars[pattern.binding]
            named = ir.Set(pattern.span, var, ir.Get(pattern.span, node.var))
            if clause.guard is not None:
                clause.guard = ir.Seq(clause.guard.span, [named, clause.guard])
            else:
                clause.body = ir.Seq(clause.body.span, [named, clause.body])
            clause.pattern = ast.WildcardPattern(pattern.span)
        if last:
            del node.clauses[i + 1 :]
            return


# --- the subject -------------------------------------------------------------------------------


def _without_copy(node: ir.Seq, cases: ir.Cases, fn: ir.Fn) -> ir.Node:
    """`match` of a variable looks at that variable itself, of a vector that is written out at variables for its items: nothing
    gives them other values before a clause is chosen."""
    first = node.items[0]
    if not isinstance(first, ir.Set) or first.var is not cases.var or first.var.stores != 1 or first.var.captured:
        return node
    value = first.value
    if isinstance(value, ir.Get):
        if not _stays(value, fn):
            return node
        cases.var = value.var
        if isinstance(cases.otherwise, ir.NoMatch):
            cases.otherwise.var = value.var
        _rename(cases, first.var, lambda get: ir.Get(get.span, value.var))
        return seq(node.span, node.items[1:])
    if isinstance(value, ir.Special) and isinstance(value.form, ast.MakeVector) and value.args and _takes_items(cases):
        before: list[ir.Node] = []
        for i, arg in enumerate(value.args):
            if isinstance(arg, ir.Get) and _stays(arg, fn):
                cases.items.append(arg.var)
                continue
            item = ir.Var(f"{first.var.name}.{i}", fn, in_loop=first.var.in_loop)
            cases.items.append(item)
            before.append(ir.Set(arg.span, item, arg))

        def vector(get: ir.Node) -> ir.Node:
            items: list[ir.Node] = [ir.Get(get.span, item) for item in cases.items]
            form = ast.MakeVector(value.span, tuple([ast.Const(value.span, None) for _ in items]))
            return ir.Special(value.span, form, items, [], [])

        _rename(cases, first.var, vector)
        if isinstance(cases.otherwise, ir.NoMatch):
            made = ir.Set(first.span, first.var, vector(first))
            cases.otherwise = ir.Seq(cases.otherwise.span, [made, cases.otherwise])
        return seq(node.span, [*before, *node.items[1:]])
    return node


def _stays(get: ir.Get, fn: ir.Fn) -> bool:
    """Whether a variable's value can be looked at later, and as cheaply as a copy."""
    var = get.var
    return var.owner is fn and not (get.checked or var.assigned or var.boxed or var.early)


def _takes_items(cases: ir.Cases) -> bool:
    """Whether nothing but the items of the subject, a vector, is looked at."""
    for clause in cases.clauses:
        pattern = clause.pattern
        if isinstance(pattern, ast.VectorPattern):
            if pattern.rest is not None or pattern.whole is not None:
                return False
        elif not isinstance(pattern, ast.WildcardPattern):
            return False
    return isinstance(cases.otherwise, ir.NoMatch)


def _rename(cases: ir.Cases, var: ir.Var, made: Callable[[ir.Node], ir.Node]) -> None:
    """Give the names that stand for the whole subject another value."""
    for clause in cases.clauses:
        inner = clause.guard if clause.guard is not None else clause.body
        named = inner.items[0] if isinstance(inner, ir.Seq) else None
        if isinstance(named, ir.Set) and isinstance(named.value, ir.Get) and named.value.var is var:
            named.value = made(named.value)


# --- chains of `if` ----------------------------------------------------------------------------


def _chain_heads(unit: ir.Unit, facts: Facts) -> tuple[set[ir.Node], bool]:
    """The `if`s that begin a chain of tests of one variable; whether there are any `Cases`."""
    heads: set[ir.Node] = set()
    seen: set[ir.Node] = set()
    any_cases = False
    for node in walk(unit):  # outer ones first: the first that is seen of a chain is its head
        if not isinstance(node, ir.If) or node in seen:
            any_cases = any_cases or isinstance(node, ir.Cases)
            continue
        link, count, var = node, 0, None
        while isinstance(link, ir.If):
            found = _tested(link.test)
            if found is None or (var is not None and found[0] is not var):
                break
            var = found[0]
            seen.add(link)
            count += 1
            link = link.otherwise  # type: ignore[assignment]
        if count >= _CHAIN_FROM and facts.is_builtin("="):
            heads.add(node)
    return heads, any_cases


def _tested(test: ir.Node) -> tuple[ir.Var, Any] | None:
    """The variable and the literal of `(= x literal)`."""
    if not isinstance(test, ir.Call) or len(test.args) != 2:
        return None
    if not isinstance(test.function, ir.GlobalGet) or test.function.name != "=":
        return None
    for get, const in (test.args, reversed(test.args)):
        if isinstance(get, ir.Get) and not get.checked and isinstance(const, ir.Const) and isinstance(const.value, _LITERALS):
            return get.var, const.value
    return None


def _chain(head: ir.If) -> ir.Cases:
    clauses = []
    var = None
    link: ir.Node = head
    while isinstance(link, ir.If):
        found = _tested(link.test)
        if found is None or (var is not None and found[0] is not var):
            break
        var = found[0]
        clauses.append(ir.Case(link.span, ast.LiteralPattern(link.test.span, found[1]), None, link.then))
        link = link.otherwise
    assert var is not None
    return ir.Cases(head.span, var, clauses, link)
