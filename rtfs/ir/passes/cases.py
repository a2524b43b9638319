"""Case dispatch: the tests of `match` in an order in which clauses share them (`ir.decisions`).

Chains of `(if (= x literal) …)` become cases too, and names that stand for the whole subject become variables, so that what is
known of the subject is known of them.
"""

from __future__ import annotations

from rtfs.ir import decisions
from rtfs.ir import nodes as ir
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
    """Plan every `Cases`: `planned`; `chains`: those made of chains of `if`; `shared`: tests that clauses have in common."""
    counts = {"planned": 0, "chains": 0, "shared": 0}
    heads, any_cases = _chain_heads(unit, facts)
    if not heads and not any_cases:
        return counts

    def rewrite(node: ir.Node, fn: ir.Fn) -> ir.Node:
        if isinstance(node, ir.If) and node in heads:
            counts["chains"] += 1
            node = _chain(node)
        if isinstance(node, ir.Cases) and node.plan is None:
            counts["planned"] += 1
            _name_subject(unit, node)
            node.plan, shared = decisions.plan(node.clauses)
            counts["shared"] += shared
        elif isinstance(node, ir.Seq):
            return _without_copy(node, fn)
        return node

    transform(unit, rewrite)
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


def _without_copy(node: ir.Seq, fn: ir.Fn) -> ir.Node:
    """`match` of a variable looks at that variable itself: nothing gives it another value before a clause is chosen."""
    first, cases = node.items[0], node.items[-1]
    if not (isinstance(first, ir.Set) and isinstance(first.value, ir.Get)):
        return node
    if not isinstance(cases, ir.Cases) or cases.var is not first.var:
        return node
    copy, var = first.var, first.value.var
    if first.value.checked or var.owner is not fn or var.assigned or var.boxed or var.early or copy.stores != 1 or copy.captured:
        return node
    cases.var = var
    if isinstance(cases.otherwise, ir.NoMatch):
        cases.otherwise.var = var
    for clause in cases.clauses:
        named = clause.guard if clause.guard is not None else clause.body
        if isinstance(named, ir.Seq) and isinstance(named.items[0], ir.Set):
            value = named.items[0].value
            if isinstance(value, ir.Get) and value.var is copy:
                value.var = var
    return node.items[1] if len(node.items) == 2 else ir.Seq(node.span, node.items[1:])


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
