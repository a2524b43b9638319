"""The compiled evaluator of one namespace: AST to IR to Python, and run."""

from __future__ import annotations

import ast as py
import linecache
import os

from rtfs.errors import RtfsError
from rtfs.eval.compiled.calls import find_bounces
from rtfs.eval.compiled.effects import effects
from rtfs.eval.compiled.generate import Generator
from rtfs.eval.compiled.link import Linker
from rtfs.eval.compiled.places import settle, too_deep
from rtfs.eval.compiled.rebinding import Dependent
from rtfs.ir import nodes as ir
from rtfs.ir.lower import lower
from rtfs.ir.passes.kinds import infer
from rtfs.ir.verify import verify
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.source import Source
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

#: Check the IR after each pass.
DEBUG = os.environ.get("RTFS_DEBUG") == "1"

#: Beyond these Python's own compiler would need too much stack, or refuses; the tree evaluator takes such forms.
MAX_DEPTH = 200
MAX_BLOCKS = 16


class CompiledEvaluator:
    """Evaluates the nodes of one namespace by compiling them.

    Args:
        level: `none` leaves calls of built-ins as calls; `aggressive` makes operators and loops of them.
    """

    def __init__(self, machine: Machine, namespace: Namespace, level: str = "aggressive") -> None:
        self.machine = machine
        self.namespace = namespace
        self.level = level
        if namespace.linker is None:
            namespace.linker = Linker(machine, namespace)
            namespace.linker.globals.update(effects(machine, namespace))
        self.linker: Linker = namespace.linker

    def evaluate(self, node: ast.Node) -> Any:
        """The value of a top-level node."""
        work = self.compile(node)
        if work is None:
            return self._walker().evaluate(node)
        try:
            return work()
        except RecursionError as error:
            limit = too_deep(error, self.machine.too_deep(), self.machine.max_depth)
            if limit is None:
                raise
            raise limit from None
        except RtfsError as error:
            settle(error)
            raise

    def function(self, node: ast.Fn) -> Function:
        """The function of a top-level `fn`; macros run while code is analysed, once or twice: not worth compiling."""
        made: Function = self._walker().function(node)
        return made

    def _walker(self) -> Any:
        from rtfs.eval.treewalk import TreeWalker

        return TreeWalker(self.machine, self.namespace)

    def compile(self, node: ast.Node) -> Any:
        """A Python function that evaluates the node, or None when it is too deep for one."""
        unit = self.lower(node)
        if unit.depth > MAX_DEPTH or unit.blocks > MAX_BLOCKS:
            return None
        shape = set(unit.builtins)
        code = self.code(unit)
        if unit.builtins and unit.functions:
            self.linker.depend(Dependent(node, code, unit.builtins, shape, lambda: self.code(unit), self.compile))
        made: dict[str, Any] = {}
        # safe: the code was built node by node by the generator, whose names and constants alone can appear in it
        exec(code, self.linker.globals, made)
        return made[" top"]

    def lower(self, node: ast.Node) -> ir.Unit:
        """The IR of a node. A metered run counts calls, so that none is turned into a loop."""
        shape: set[str] = set()

        def is_builtin(name: str) -> bool:
            found = self._is_builtin(name)
            if found:
                shape.add(name)
            return found

        plain = self.level == "none" or self.machine.metered or self.linker.counted
        unit = lower(node, None if plain else is_builtin)
        unit.builtins = shape
        return unit

    def _is_builtin(self, name: str) -> bool:
        """Whether a global name has the meaning that it has in the library."""
        namespace = self.namespace
        return name not in namespace.own and namespace.find(name) and namespace.values[name] is namespace.library.find(name)

    def generate(self, unit: ir.Unit) -> tuple[Generator, py.Module]:
        """The code of a unit as a Python tree, and the generator with what it knows of it."""

        def is_builtin(name: str) -> bool:
            found = self.level != "none" and name not in unit.defines and self._is_builtin(name)
            if found:
                unit.builtins.add(name)
            return found

        if DEBUG:
            verify(unit, "lowering")
        if self.level != "none":
            infer(unit, is_builtin)
            if DEBUG:
                verify(unit, "kinds")
        generator = Generator(unit, self.linker, is_builtin)
        find_bounces(generator)
        return generator, generator.module(" top")

    def code(self, unit: ir.Unit) -> CodeType:
        """The code object of a unit, for the names as they are bound now."""
        generator, module = self.generate(unit)
        span = unit.top.span
        name = _file_name(span.source if span is not None else None)
        return generator.finish(compile(module, name, "exec", dont_inherit=True, optimize=1))


def _file_name(source: Source | None) -> str:
    """The file name of generated code; tracebacks and debuggers show the lines of the program."""
    if source is None:
        return "<rtfs>"
    if source.name not in linecache.cache or source.name.startswith("<"):
        lines = source.text.splitlines(keepends=True)
        linecache.cache[source.name] = (len(source.text), None, lines, source.name)
    return source.name
