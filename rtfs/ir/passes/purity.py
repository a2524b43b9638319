"""Which nodes do nothing but give a value or raise an error: no effect that a program, its host or another node could see."""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.scopes import inner_nodes, pattern_of, variables_of
from rtfs.semantics.builtins.index import TOPICS
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rtfs.ir.optimise import Facts

#: Topics of the library whose functions call no functions that they are given.
_TOPICS = frozenset(("arithmetic", "collections", "comparison", "predicates", "sequences", "strings", "numerals"))
_FORMS = (ast.MakeVector, ast.MakeMap)


def is_pure_builtin(name: str) -> bool:
    """Whether the library's function of that name has no effects, whatever its operands."""
    return TOPICS.get(name) in _TOPICS or name in ("identity", "throw", "sort")


def is_pure(unit: ir.Unit, node: ir.Node, facts: Facts, also: frozenset[ir.Var] = frozenset()) -> bool:
    """Whether evaluating the node twice, or not at all where it gives a value that is not used, cannot be told from once.

    It may raise, and may give values to variables that only it uses, and to those of `also`.
    """
    inside = variables_of(unit, node) | also
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ir.Call):
            head = item.function
            if isinstance(head, ir.GlobalGet):
                if not (is_pure_builtin(head.name) and facts.is_builtin(head.name)):
                    return False
                waiting.extend(item.args)
                continue
            if not (isinstance(head, ir.Const) and len(item.args) in (1, 2)):  # a keyword
                return False
        elif isinstance(item, ir.Special):
            if not isinstance(item.form, _FORMS):
                return False
        elif isinstance(item, ir.GlobalGet):
            if not facts.is_builtin(item.name):
                return False
        elif isinstance(item, ir.Get):
            if item.var.assigned and item.var not in inside:
                return False
        elif isinstance(item, (ir.Set, ir.Emit)):
            var = item.var if isinstance(item, ir.Set) else item.into
            if var not in inside or var.captured:
                return False
        elif not isinstance(item, _PLAIN):
            return False
        waiting.extend(item.children())
        pattern = pattern_of(item)
        if pattern is not None:
            waiting.extend(inner_nodes(unit, pattern))
    return True


_PLAIN = (
    ir.Const, ir.If, ir.Logic, ir.Seq, ir.Scan, ir.Collect, ir.Each, ir.Times, ir.Bind, ir.Matches, ir.NoMatch, ir.Check, ir.Blank,
    ir.Stop, ir.Update,
)  # fmt: skip
