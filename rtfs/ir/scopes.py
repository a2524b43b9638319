"""Walks over the tree of a unit: its nodes, the names of its patterns, which variables a node reads and stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rtfs.ir import nodes as ir
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def walk(unit: ir.Unit) -> Iterator[ir.Node]:
    """All nodes, outer ones first; those inside patterns too."""
    waiting: list[ir.Node] = [unit.top]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children()
        if node.pattern is not None:
            waiting += inner_nodes(unit, node.pattern)


def walk_function(unit: ir.Unit, fn: ir.Fn) -> Iterator[ir.Node]:
    """The nodes of one function, not those of functions inside it (which themselves are given)."""
    waiting: list[ir.Node] = list(fn.children())
    while waiting:
        node = waiting.pop()
        yield node
        if type(node) is not ir.Fn:
            waiting += node.children()
            if node.pattern is not None:
                waiting += inner_nodes(unit, node.pattern)


def pattern_of(node: ir.Node) -> ast.Pattern | None:
    """The pattern of a node that takes a value apart."""
    found: ast.Pattern | None = node.pattern
    return found


def results(node: ir.Node) -> list[ir.Node]:
    """The parts of a node whose value is the node's own: where it stands in tail position, so do they."""
    if isinstance(node, ir.If):
        return [node.then, node.otherwise]
    if isinstance(node, (ir.Seq, ir.Logic)):
        return [node.items[-1]]
    if isinstance(node, ir.Loop):
        return [node.body]
    if isinstance(node, ir.Cases):
        return [*[clause.body for clause in node.clauses], node.otherwise]
    return []


def inner_nodes(unit: ir.Unit, pattern: ast.Pattern) -> list[ir.Node]:
    """The nodes inside a pattern, in order: defaults of map entries and guards."""
    return [unit.nodes[key] for key in inner_keys(pattern)]


def inner_keys(pattern: ast.Pattern) -> list[int]:
    """Where `Unit.nodes` has them."""
    found: list[int] = []
    if isinstance(pattern, ast.VectorPattern):
        for item in pattern.items:
            found += inner_keys(item)
    elif isinstance(pattern, ast.MapPattern):
        for entry in pattern.entries:
            if entry.default is not None:
                found.append(id(entry.default))
            found += inner_keys(entry.pattern)
    elif isinstance(pattern, ast.OrPattern):
        for option in pattern.options:
            found += inner_keys(option)
    elif isinstance(pattern, (ast.TypedPattern, ast.AsPattern, ast.GuardPattern)):
        found += inner_keys(pattern.pattern)
        if isinstance(pattern, ast.GuardPattern):
            found.append(id(pattern.guard))
    return found


def bindings(pattern: ast.Pattern) -> list[ast.Binding]:
    """The names that a pattern binds, each once."""
    found: dict[ast.Binding, None] = {}
    waiting: list[Any] = [pattern]
    while waiting:
        item = waiting.pop()
        for name in ("binding", "whole", "rest"):
            value = getattr(item, name, None)
            if isinstance(value, ast.Binding):
                found[value] = None
        if isinstance(item, ast.VectorPattern):
            waiting += [*item.items, *([item.rest] if item.rest is not None else [])]
        elif isinstance(item, ast.MapPattern):
            waiting += [entry.pattern for entry in item.entries]
        elif isinstance(item, ast.OrPattern):
            waiting += item.options
        elif isinstance(item, (ast.TypedPattern, ast.AsPattern, ast.GuardPattern)):
            waiting.append(item.pattern)
    return list(found)


def used(node: ir.Node) -> list[ir.Var]:
    """The variables that a node itself reads or stores, but for those of patterns."""
    find = USED.get(type(node))
    return find(node) if find is not None else []


USED: dict[type, Callable[[Any], list[ir.Var]]] = {
    **dict.fromkeys((ir.Get, ir.Set, ir.NoMatch, ir.Scan, ir.Times), lambda node: [node.var]),
    **dict.fromkeys((ir.Blank, ir.Loop), lambda node: list(node.vars)),
    **dict.fromkeys((ir.Emit, ir.Collect), lambda node: [node.into] if node.into is not None else []),
    ir.Cases: lambda node: node.subject(),
    ir.Special: lambda node: [var for var in node.vars if var is not None],
    ir.Update: lambda node: [node.old] if node.old is not None else [],
}


def reads(unit: ir.Unit, node: ir.Node, var: ir.Var) -> bool:
    """Whether a variable is read inside a node."""
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if not isinstance(item, ir.Set) and var in used(item):
            return True
        waiting.extend(item.children())
        pattern = pattern_of(item)
        if pattern is not None:
            waiting.extend(inner_nodes(unit, pattern))
    return False


def stores(unit: ir.Unit, node: ir.Node, var: ir.Var) -> bool:
    """Whether a variable gets a value inside a node."""
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if not isinstance(item, (ir.Get, ir.NoMatch)) and var in used(item):
            return True
        waiting.extend(item.children())
        pattern = pattern_of(item)
        if pattern is not None:
            if any(unit.vars[binding] is var for binding in bindings(pattern)):
                return True
            waiting.extend(inner_nodes(unit, pattern))
    return False


def variables(unit: ir.Unit) -> list[ir.Var]:
    """All variables that occur."""
    found: dict[ir.Var, None] = {}
    for node in walk(unit):
        found.update(dict.fromkeys(used(node)))
        pattern = pattern_of(node)
        if pattern is not None:
            found.update(dict.fromkeys([unit.vars[b] for b in bindings(pattern)]))
        if isinstance(node, ir.Fn):
            found.update(dict.fromkeys(node.params))
        elif isinstance(node, ir.Try):
            found.update(dict.fromkeys([c.var for c in node.catches if c.var is not None]))
    return list(found)


def inner_definitions(unit: ir.Unit) -> set[str]:
    """Those of them that happen inside functions: whenever such a function is called."""
    found = set()
    waiting: list[tuple[ir.Node, bool]] = [(unit.top.body, False)]
    while waiting:
        node, inside = waiting.pop()
        if inside and isinstance(node, ir.GlobalSet):
            found.add(node.name)
        elif inside and isinstance(node, ir.Special) and isinstance(node.form, ast.DefStruct):
            found.update((node.form.name, f"{node.form.name}?"))
        inside = inside or isinstance(node, ir.Fn)
        waiting.extend([(child, inside) for child in node.children()])
        pattern = pattern_of(node)
        if pattern is not None:
            waiting.extend([(inner, inside) for inner in inner_nodes(unit, pattern)])
    return found


def variables_of(unit: ir.Unit, node: ir.Node) -> set[ir.Var]:
    """The variables that a node, or one inside it, gives values to, and that are local to it: stored nowhere else."""
    stores: dict[ir.Var, int] = {}
    waiting = [node]
    while waiting:
        item = waiting.pop()
        found: list[ir.Var] = []
        if isinstance(item, (ir.Set, ir.Scan, ir.Times)):
            found.append(item.var)
        elif isinstance(item, ir.Collect) and item.into is not None:
            found.append(item.into)
        elif isinstance(item, ir.Update) and item.old is not None:
            found.append(item.old)
        pattern = pattern_of(item)
        if pattern is not None:
            found += [unit.vars[b] for b in bindings(pattern)]
            waiting.extend(inner_nodes(unit, pattern))
        for var in found:
            stores[var] = stores.get(var, 0) + 1
        waiting.extend(item.children())
    return {var for var, count in stores.items() if count >= var.stores}


def definitions(unit: ir.Unit) -> set[str]:
    """The global names that a unit gives a value."""
    found = set()
    for node in walk(unit):
        if isinstance(node, ir.GlobalSet):
            found.add(node.name)
        elif isinstance(node, ir.Special) and isinstance(node.form, ast.DefStruct):
            found.update((node.form.name, f"{node.form.name}?"))
    return found


def transform(unit: ir.Unit, rewrite: Callable[[ir.Node, ir.Fn], ir.Node]) -> None:
    """Put `rewrite(node, fn)` in the place of every node, inner ones first; those inside patterns too. The top stays what it is.

    `fn` is the function that the node stands in, of which a new variable there has to be.
    """
    for i, part in enumerate(unit.top.prepare):
        unit.top.prepare[i] = rewritten(unit, part, unit.top, rewrite)
    unit.top.body = rewritten(unit, unit.top.body, unit.top, rewrite)


def rewritten(unit: ir.Unit, node: ir.Node, fn: ir.Fn, rewrite: Callable[[ir.Node, ir.Fn], ir.Node]) -> ir.Node:
    """The same of one node, which stands in `fn` or will, and the nodes inside it."""

    def visit(node: ir.Node, fn: ir.Fn) -> ir.Node:
        inside = node if isinstance(node, ir.Fn) else fn
        for part in node.parts:
            value = getattr(node, part)
            if type(value) is list:
                for i in range(len(value)):
                    value[i] = visit(value[i], inside)
            elif value is not None:
                made = visit(value, inside)
                if made is not value:
                    setattr(node, part, made)
        if type(node) is ir.Try:
            node.body = visit(node.body, fn)
            for clause in node.catches:
                clause.body = visit(clause.body, fn)
            if node.final is not None:
                node.final = visit(node.final, fn)
        if node.pattern is not None:
            for key in inner_keys(node.pattern):
                unit.nodes[key] = visit(unit.nodes[key], fn)
        return rewrite(node, fn)

    return visit(node, fn)
