"""What is known about values: literals, results of built-ins, checked parameters, and from there variables, to a fixpoint.

A variable has a kind when everything that it is ever given has it; loop variables start out with the kind of their first value and
keep it if the values of `recur` agree.  The code generator leaves out the guards that the kinds make unnecessary.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.ir import nodes as ir
from rtfs.ir.optimise import Counts
from rtfs.ir.scopes import variables, walk
from rtfs.types.nodes import Primitive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.ir.optimise import Facts

_UNKNOWN = "?"  # nothing is known against any kind yet
_NUMBERS = ("int", "float", "num")
_SMALL = 2**62

_BOOL = frozenset(
    ("=", "not=", "not", "<", ">", "<=", ">=", "even?", "odd?", "zero?", "pos?", "neg?", "nil?", "empty?", "every?", "contains?")
)
_CHECKED = {"int": "int", "float": "num", "string": "str", "bool": "bool"}


def run(unit: ir.Unit, facts: Facts) -> Counts:
    """Set `kind` of nodes and variables."""
    infer(list(walk(unit)), variables(unit), facts.is_builtin)
    return {"variables": sum(var.kind is not None for var in variables(unit))}


def infer(nodes: list[ir.Node], variables: list[ir.Var], is_builtin: Callable[[str], bool]) -> None:
    """Set the kinds of some nodes (outer ones first) and the variables that they give values to."""
    given: dict[ir.Var, list[Any]] = {}  # variable -> nodes and kinds it is given
    emitted: dict[ir.Var, list[Any]] = {}
    for node in nodes:
        if isinstance(node, ir.Emit):
            emitted.setdefault(node.into, []).append(node.value)
    for node in nodes:
        _stores(node, given, emitted)
    for var in variables:
        sources = given.get(var)
        # parameters, patterns and the like are stores that no node shows
        known = sources is not None and len(sources) >= var.stores and not var.early and not var.boxed
        var.kind = _UNKNOWN if known else None
    for fn in [node for node in nodes if isinstance(node, ir.Fn)]:
        for check in fn.prepare:
            if isinstance(check, ir.Check) and isinstance(check.value, ir.Get) and type(check.type) is Primitive:
                var = check.value.var
                if (
                    var.stores == 1
                    and not var.boxed
                    and not (fn.ast is not None and fn.ast.rest is not None and var is fn.params[-1])
                ):
                    var.kind = _CHECKED.get(check.type.name)
    changed = True
    while changed:
        changed = False
        for node in reversed(nodes):
            node.kind = _kind(node, is_builtin)
        for var, sources in given.items():
            if var.kind is None or (var.kind in _CHECKED.values() and not _fits(var, sources)):
                continue
            kind: str | None = _UNKNOWN
            for source in sources:
                kind = _join(kind, source if isinstance(source, str) else source.kind)
            if kind != var.kind:
                var.kind = kind
                changed = True
    for var in variables:
        if var.kind == _UNKNOWN:
            var.kind = None
    for node in reversed(nodes):
        node.kind = _kind(node, is_builtin)
        if node.kind == _UNKNOWN:
            node.kind = None


def rekind(node: ir.Node, is_builtin: Callable[[str], bool]) -> None:
    """Set the kinds of nodes again, after those of variables were changed."""
    for child in node.children():
        rekind(child, is_builtin)
    node.kind = _kind(node, is_builtin)
    if node.kind == _UNKNOWN:
        node.kind = None


def _fits(var: ir.Var, sources: list[Any]) -> bool:
    return len(sources) >= var.stores


def _stores(node: ir.Node, given: dict[ir.Var, list[Any]], emitted: dict[ir.Var, list[Any]]) -> None:
    if isinstance(node, ir.Set):
        given.setdefault(node.var, []).append(node.value)
    elif isinstance(node, ir.Recur):
        if isinstance(node.target, ir.Loop):
            for var, arg in zip(node.target.vars, node.args, strict=False):
                given.setdefault(var, []).append(arg)
    elif isinstance(node, ir.Times):
        given.setdefault(node.var, []).append("int")
    elif isinstance(node, ir.Scan):
        if node.ranged:
            given.setdefault(node.var, []).append("int")
        elif isinstance(node.items, ir.Collect) and node.items.into is not None:
            items = emitted.get(node.items.into, [])
            # stores are counted by loop, and this is one of however many kinds of items
            given.setdefault(node.var, []).extend(items if len(items) == 1 else [node])
        else:
            given.setdefault(node.var, []).append(node)


def _join(a: str | None, b: str | None) -> str | None:
    if a == b or b == _UNKNOWN:
        return a
    if a == _UNKNOWN:
        return b
    return "num" if a in _NUMBERS and b in _NUMBERS else None


def _kind(node: ir.Node, is_builtin: Callable[[str], bool]) -> str | None:
    if isinstance(node, ir.Const):
        return {int: "int", float: "float", str: "str", bool: "bool"}.get(type(node.value))
    if isinstance(node, ir.Get):
        return node.var.kind
    if isinstance(node, ir.Call):
        head = node.function
        if isinstance(head, ir.GlobalGet) and is_builtin(head.name):
            return _result(head.name, node.args)
        return None
    if isinstance(node, ir.If):
        return _join(node.then.kind, node.otherwise.kind)
    if isinstance(node, ir.Seq):
        return node.items[-1].kind
    if isinstance(node, ir.Set):
        return node.value.kind
    if isinstance(node, ir.Logic):
        return "bool" if all(item.kind == "bool" for item in node.items) else None
    if isinstance(node, ir.Matches):
        return "bool"
    return "fn" if isinstance(node, ir.Fn) else _UNKNOWN if isinstance(node, ir.Recur) else None


def _result(name: str, args: list[ir.Node]) -> str | None:
    kinds = [arg.kind for arg in args]
    if name in _BOOL:
        return "bool"
    if (name in ("+", "-", "*") and len(args) == 2) or (name in ("inc", "dec") and len(args) == 1):
        if _UNKNOWN in kinds:
            return _UNKNOWN
        if all(kind == "int" for kind in kinds):
            return "int"
        if all(kind == "float" for kind in kinds) or ("float" in kinds and all(kind in _NUMBERS for kind in kinds)):
            return "float"
        return "num"
    if name in ("mod", "rem", "quot") and len(args) == 2:
        if _UNKNOWN in kinds:
            return _UNKNOWN
        return "int" if all(kind == "int" for kind in kinds) else "num"
    if name in ("+", "-", "*", "/", "abs", "max", "min"):
        return "num"
    return {"count": "int", "str": "str", "join": "str", "sqrt": "float", "floor": "int", "ceil": "int"}.get(name)
