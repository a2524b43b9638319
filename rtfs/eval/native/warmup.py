"""The ordinary code of a function, with the turns of its loops counted.

A loop that runs for minutes inside one call cannot be exchanged while it runs.  So the first calls of a function with a loop go to
a version of it that raises `Hot` after so many turns; the call is then made again by machine code.  Other functions never pay for
that.
"""

from __future__ import annotations

import ast as py

from rtfs.eval.compiled.evaluator import CompiledEvaluator
from rtfs.eval.compiled.generate import Generator
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from rtfs.eval.compiled.link import Linker

_COUNTER = " count turn"


class _Counting(CompiledEvaluator):
    """Generates code in which every turn of a Python loop calls `counter`."""

    def __init__(self, linker: Linker, counter: Callable[[], None]) -> None:
        super().__init__(linker.machine, linker.namespace)
        self._counter = counter

    def module(self, generator: Generator) -> py.Module:
        module = super().module(generator)
        for function in py.walk(module):
            if isinstance(function, py.FunctionDef):
                # as a variable of the function: Python warns of a call of what looks like a string to it
                counter = py.Assign([py.Name(_COUNTER, py.Store())], generator.const(self._counter))
                loops = [node for node in _inside(function) if isinstance(node, (py.While, py.For))]
                for loop in loops:
                    call = py.Expr(py.Call(py.Name(_COUNTER, py.Load()), [], []))
                    loop.body.insert(0, _placed(call, loop))
                if loops:
                    function.body.insert(0, _placed(counter, function))
        return module


def _inside(function: py.FunctionDef) -> Iterator[py.AST]:
    """The nodes of a function, not those of functions inside it."""
    waiting: list[py.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, py.FunctionDef):
            waiting.extend(py.iter_child_nodes(node))


def _placed(node: Any, where: py.AST) -> Any:
    """A new node and all in it, at the position of another one."""
    return py.fix_missing_locations(py.copy_location(node, where))


def counted(linker: Linker, spec: ast.Fn, counter: Callable[[], None]) -> Any:
    """A Python function for `spec` whose loops call `counter` at every turn; of the same operands as the ordinary one.

    None when the function is too deep to be compiled.
    """
    evaluator = _Counting(linker, counter)
    unit = evaluator.lower(spec)
    if unit is None:
        return None
    made: dict[str, Any] = {}
    # safe: the code was built node by node by the generator; nothing but calls of the counter was added
    exec(evaluator.code(unit), linker.globals, made)
    return made[" top"]().py
