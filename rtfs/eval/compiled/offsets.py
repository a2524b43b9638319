"""Integers that differ from a variable by a constant: of `(let [m (- n 1)] (if (< m 2) m (f (- m 2))))` comes a test `n < 3` and
a call of `f` with `n - 3`.

Such a name needs no variable of its own where it is only compared and moved on by constants, but for one place at most that wants
its value.
"""

from __future__ import annotations

import ast as py

from rtfs.eval.compiled.generate import Generator
from rtfs.ir import nodes as ir
from rtfs.ir.scopes import used, walk_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The variable and what is added to it.
Offset = tuple[ir.Var, int]

_READERS = (ir.Call, ir.If, ir.Seq, ir.Inlined)
_COMPARISONS = frozenset(("<", "<=", ">", ">=", "=", "not="))
_LOOPS = (ir.Loop, ir.Scan, ir.Each, ir.Times, ir.Collect, ir.Fn)


def begin(g: Generator, node: ir.Set) -> bool:
    """Whether a variable that is set to `(- n 1)` or the like can do without being stored; its reads are then those of `n`."""
    g.offsets.pop(node.var, None)
    var, found = node.var, _moved(g, node.value)
    if found is None or var.kind != "int" or not _is_plain(var) or not _is_plain(found[0]) or found[0].owner is not var.owner:
        return False
    if not _reads_of(g).suit(g, var):
        return False
    g.offsets[var] = found
    return True


def offset(g: Generator, node: ir.Node) -> Offset | None:
    """A value as one that differs from a variable by a constant, if it comes from a variable that is not stored."""
    if isinstance(node, ir.Get):
        return g.offsets.get(node.var)
    if not isinstance(node, ir.Call):
        return None
    moved = _moved(g, node)
    return moved if moved is not None and _base(node) in g.offsets else None


def value(g: Generator, found: Offset) -> Any:
    """The Python expression of such a value."""
    var, by = found
    name = g.read_var(var)
    if by == 0:
        return name
    return g.binary(name, py.Add() if by > 0 else py.Sub(), g.const(abs(by)))


def compared(g: Generator, node: ir.Call) -> list[Any] | None:
    """The operands of a comparison of such a value with a constant, with the constant moved in its stead."""
    for i in (0, 1):
        read, other = node.args[i], node.args[1 - i]
        found = offset(g, read) if _is_integer(other) else None
        if found is not None:
            made = [value(g, (found[0], 0)), g.const(other.value - found[1])]  # type: ignore[attr-defined]
            return made if i == 0 else made[::-1]
    return None


def _is_plain(var: ir.Var) -> bool:
    return var.stores == 1 and not (var.captured or var.assigned or var.boxed or var.early or var.late or var.owned)


def _base(node: ir.Node) -> ir.Var | None:
    while isinstance(node, ir.Call):
        node = node.args[1] if isinstance(node.args[0], ir.Const) else node.args[0]
    return node.var if isinstance(node, ir.Get) else None


def _moved(g: Generator, node: ir.Node) -> Offset | None:
    """`(+ n 1)`, `(- n 1)`, `(inc n)`, `(dec n)` of an integer variable, one after the other."""
    if isinstance(node, ir.Get):
        if node.checked or node.use is not None or node.var.kind != "int" or node.kind != "int":
            return None
        return g.offsets.get(node.var, (node.var, 0))
    if not isinstance(node, ir.Call) or not isinstance(node.function, ir.GlobalGet) or node.kind != "int":
        return None
    name, args = node.function.name, node.args
    if name not in ("+", "-", "inc", "dec") or not g.is_builtin(name):
        return None
    if len(args) == 1 and name in ("inc", "dec"):
        found, by = _moved(g, args[0]), 1 if name == "inc" else -1
    elif len(args) == 2 and _is_integer(args[1]):
        found, by = _moved(g, args[0]), args[1].value if name == "+" else -args[1].value  # type: ignore[attr-defined]
    elif len(args) == 2 and name == "+" and _is_integer(args[0]):
        found, by = _moved(g, args[1]), args[0].value  # type: ignore[attr-defined]
    else:
        return None
    return (found[0], found[1] + by) if found is not None else None


def _is_integer(node: ir.Node) -> bool:
    return isinstance(node, ir.Const) and type(node.value) is int


class Reads:
    """Who reads the variables of a function, and from how many loops further inside than they were stored."""

    def __init__(self, g: Generator, fn: ir.Fn) -> None:
        self.readers: dict[ir.Var, list[tuple[ir.Get, ir.Node]]] = {}
        self.unsuitable: set[ir.Var] = set()
        self.loops: dict[ir.Var, set[int]] = {}
        for node in walk_function(g.unit, fn):
            for part in node.children():
                if isinstance(part, ir.Get):
                    self.readers.setdefault(part.var, []).append((part, node))
            if not isinstance(node, (ir.Get, ir.Set)):
                self.unsuitable.update(used(node))
        self._note_loops(fn.body, 0)

    def _note_loops(self, node: ir.Node, loop: int) -> None:
        waiting = [(node, loop)]
        while waiting:
            item, inside = waiting.pop()
            if isinstance(item, (ir.Get, ir.Set)):
                self.loops.setdefault(item.var, set()).add(inside)
            if isinstance(item, _LOOPS):
                inside = id(item)
            waiting.extend([(part, inside) for part in item.children()])

    def suit(self, g: Generator, var: ir.Var) -> bool:
        readers = self.readers.get(var, [])
        if var in self.unsuitable or len(readers) != var.reads or len(self.loops.get(var, ())) != 1:
            return False
        plain = 0
        for read, node in readers:
            if read.checked or read.use is not None or not isinstance(node, _READERS):
                return False
            if not _takes_offset(g, node, read):
                plain += 1
        return plain <= 1


def _takes_offset(g: Generator, node: ir.Node, read: ir.Get) -> bool:
    """Whether an operation works as well on the variable behind the one that it reads."""
    if not isinstance(node, ir.Call) or not isinstance(node.function, ir.GlobalGet) or not g.is_builtin(node.function.name):
        return False
    if node.function.name in _COMPARISONS:
        return all(arg is read or _is_integer(arg) for arg in node.args)
    return _moved(g, node) is not None


def _reads_of(g: Generator) -> Reads:
    if g.reads is None or g.reads[0] is not g.frame.fn:
        g.reads = g.frame.fn, Reads(g, g.frame.fn)
    return g.reads[1]
