"""Compile what may run often, walk what runs once.

Making Python code of a form costs as much as walking it several hundred times.  So functions and loops are compiled, and a
top-level form without either is walked: most of a program's start, `rtfs eval`, and calls typed at the REPL never load the
compiler.
"""

from __future__ import annotations

from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.ir.optimise import Report

_REPEATING = (ast.Fn, ast.Loop, ast.For, ast.Dotimes, ast.StepLoop)
_REPEATING_CALLS = frozenset(("map", "pmap", "filter", "remove", "reduce"))


class HybridEvaluator:
    """Evaluates the nodes of one namespace with the evaluator that suits each.

    Args:
        level, report: of the compiled one.
    """

    def __init__(self, machine: Machine, namespace: Namespace, level: str = "aggressive", report: Report | None = None) -> None:
        self.machine = machine
        self.namespace = namespace
        self.level = level
        self.report = report
        self.keep: Any = None  # of the compiled one
        self._compiled: Any = None
        self._walker: Any = None

    def evaluate(self, node: ast.Node) -> Any:
        """The value of a top-level node."""
        if is_worth_compiling(node):
            return self.compiled.evaluate(node)
        try:
            return self.walker.evaluate(node)
        except RecursionError as error:  # of compiled functions that it called
            from rtfs.eval.compiled.places import too_deep

            limit = too_deep(error, self.machine.too_deep(), self.machine.max_depth)
            if limit is None:
                raise
        raise limit  # here, where Python does not note down the other error with all its frames

    def function(self, node: ast.Fn) -> Function:
        """The function of a top-level `fn`; macros run while code is analysed, once or twice: not worth compiling."""
        made: Function = self.walker.function(node)
        return made

    @property
    def compiled(self) -> Any:
        if self._compiled is None:
            from rtfs.eval.compiled import CompiledEvaluator

            self._compiled = CompiledEvaluator(self.machine, self.namespace, self.level, self.report)
            self._compiled.keep = self.keep
        return self._compiled

    @property
    def walker(self) -> Any:
        if self._walker is None:
            from rtfs.eval.treewalk import TreeWalker

            self._walker = TreeWalker(self.machine, self.namespace)
        return self._walker


def is_worth_compiling(node: ast.Node) -> bool:
    """Whether something in a node may run more than once."""
    waiting: list[Any] = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, _REPEATING):
            return True
        if isinstance(item, tuple):
            waiting.extend(item)
        elif isinstance(item, ast.Call) and isinstance(item.function, ast.Global) and item.function.name in _REPEATING_CALLS:
            return True
        elif isinstance(item, (ast.Node, ast.LetBinding, ast.MatchClause, ast.CatchClause, ast.Pattern)):
            waiting.extend([getattr(item, field) for field in item._fields])
    return False
