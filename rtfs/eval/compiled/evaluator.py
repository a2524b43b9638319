"""The compiled evaluator of one namespace: AST to IR to Python, and run."""

from __future__ import annotations

from rtfs.errors import InternalError
from rtfs.eval.compiled.entry import enter
from rtfs.eval.compiled.link import linker_of
from rtfs.eval.compiled.rebinding import Dependent, defined_function
from rtfs.ir import nodes as ir
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.source import Source
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast as py
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

    from rtfs.eval.compiled.generate import Generator
    from rtfs.ir.optimise import Facts, Report
    from rtfs.ir.passes.kinds import Version

#: Beyond these Python's own compiler would need too much stack, or refuses; the tree evaluator takes such forms.
MAX_DEPTH = 200
MAX_BLOCKS = 16


class CompiledEvaluator:
    """Evaluates the nodes of one namespace by compiling them.

    Args:
        level: of `ir.optimise.LEVELS`; `none` leaves calls of built-ins as calls.
        report: what the passes did is added to it.
    """

    def __init__(self, machine: Machine, namespace: Namespace, level: str = "aggressive", report: Report | None = None) -> None:
        self.machine = machine
        self.namespace = namespace
        self.level = level
        self.report = report
        self.linker = linker_of(machine, namespace)
        #: Told of every unit that is compiled for the first time: the unit, its generator, and its code before it is finished.
        self.keep: Callable[[ir.Unit, Generator, CodeType], None] | None = None

    def evaluate(self, node: ast.Node) -> Any:
        """The value of a top-level node."""
        work = self.compile(node)
        if work is None:
            return self._walker().evaluate(node)
        return enter(work, self.machine)

    def function(self, node: ast.Fn) -> Function:
        """The function of a top-level `fn`; macros run while code is analysed, once or twice: not worth compiling."""
        made: Function = self._walker().function(node)
        return made

    def _walker(self) -> Any:
        from rtfs.eval.treewalk import TreeWalker

        return TreeWalker(self.machine, self.namespace)

    def compile(self, node: ast.Node) -> Any:
        """A Python function that evaluates the node, or None when it is too deep for one."""
        made = self._made(node)
        return made[1] if made is not None else None

    def again(self, node: ast.Node) -> tuple[CodeType, Any] | None:
        """The code of a node that was evaluated before, and the Python function that makes its value, for the meanings of now."""
        return self._made(node, again=True)

    def _made(self, node: ast.Node, *, again: bool = False) -> tuple[CodeType, Any] | None:
        """The code of a node, and the Python function that evaluates it.

        Args:
            again: the node was evaluated before; of a `def` only the value is made.
        """
        unit = self.lower(node, fresh=not again)
        if unit is None:
            return None
        if again and isinstance(unit.top.body, ir.GlobalSet):
            unit.top.body = unit.top.body.value
        generator, raw = self._generate(unit, fresh=not again)
        code = generator.finish(raw)
        if unit.assumes and unit.functions:
            self.linker.depend(Dependent(*defined_function(unit), code, unit.assumes, lambda: self.again(node)))
        if self.keep is not None and not again:
            self.keep(unit, generator, raw)
        made: dict[str, Any] = {}
        # safe: the code was built node by node by the generator, whose names and constants alone can appear in it
        exec(code, self.linker.globals, made)
        return code, made[" top"]

    def lower(self, node: ast.Node, *, fresh: bool = True) -> ir.Unit | None:
        """The IR of a node, optimised, or None when it is too deep to be compiled; `fresh`: it has not been evaluated yet."""
        from rtfs.ir.lower import lower
        from rtfs.ir.optimise import DEBUG, optimise
        from rtfs.ir.scopes import inner_definitions

        unit = lower(node)
        if unit.depth > MAX_DEPTH or unit.blocks > MAX_BLOCKS:
            return None
        unstable = inner_definitions(unit)
        self.linker.destabilise(unstable)
        # where depth is counted call by call, half of the calls are not to vanish
        without = ("recursion",) if self.linker.counted else ()
        try:
            optimise(unit, self.facts(unit, fresh=fresh), self.level, self.report, without=without)
        except InternalError as error:
            if DEBUG:
                raise
            self.machine.host.warn(f"{error.message}; the program runs without optimisation", error.span)
            unit = lower(node)
            self._find_definitions(unit)
        unit.unstable = unstable
        return unit if unit.depth <= MAX_DEPTH and unit.blocks <= MAX_BLOCKS else None

    def facts(self, unit: ir.Unit, *, fresh: bool = True) -> Facts:
        """What passes may take for granted in a unit; `fresh`: it has not been evaluated yet."""
        self._find_definitions(unit)
        return _Facts(self, unit, fresh)

    @staticmethod
    def _find_definitions(unit: ir.Unit) -> None:
        from rtfs.ir.scopes import definitions

        unit.defines = definitions(unit)

    def is_builtin(self, name: str) -> bool:
        """Whether a global name has the meaning that it has in the library."""
        namespace = self.namespace
        return name not in namespace.own and namespace.find(name) and namespace.values[name] is namespace.library.find(name)

    def module(self, generator: Generator) -> py.Module:
        """The code of a unit as a Python tree."""
        return generator.module(" top")

    def code(self, unit: ir.Unit, *, fresh: bool = True) -> CodeType:
        """The code object of a unit, for the names as they are bound now; `fresh`: it has not been evaluated yet."""
        generator, raw = self._generate(unit, fresh=fresh)
        return generator.finish(raw)

    def _generate(self, unit: ir.Unit, *, fresh: bool) -> tuple[Generator, CodeType]:
        """The generator of a unit and the code object that it is to finish."""
        from rtfs.eval.compiled.generate import Generator

        generator = Generator(unit, self.linker, self.facts(unit, fresh=fresh))
        module = self.module(generator)
        span = unit.top.span
        name = _file_name(span.source if span is not None else None)
        return generator, compile(module, name, "exec", dont_inherit=True, optimize=1)


class _Facts:
    """What is known about the names of a namespace (`ir.optimise.Facts`)."""

    def __init__(self, evaluator: CompiledEvaluator, unit: ir.Unit, fresh: bool) -> None:
        self.evaluator = evaluator
        self.unit = unit
        self.fresh = fresh

    def is_builtin(self, name: str) -> bool:
        if self.evaluator.level == "none" or name in self.unit.defines or not self.evaluator.is_builtin(name):
            return False
        self.unit.assumes.add(name)
        return True

    def builtin(self, name: str) -> Any:
        return self.evaluator.namespace.library.find(name)

    def function(self, name: str) -> ast.Fn | None:
        namespace = self.evaluator.namespace
        linker = self.evaluator.linker
        spec: ast.Fn | None = linker.spec(name)
        if spec is None or name not in namespace.own or name in self.unit.defines or not linker.is_stable(name):
            return None
        self.unit.assumes.add(name)
        return spec

    def keeps(self, name: str) -> bool:
        fn = self.unit.function
        linker = self.evaluator.linker
        if fn is None or not linker.is_stable(name) or not (self.fresh or linker.defines(name, fn.ast)):
            return False
        self.unit.assumes.add(name)
        return True

    def version(self, name: str) -> Version | None:
        if self.evaluator.level == "none" or name in self.unit.defines:
            return None
        found = self.evaluator.linker.version(name)
        if found is not None:
            self.unit.assumes.add(name)
        return found


#: The sources whose lines are known to `linecache`, by name.
_shown: dict[str, Source] = {}


def _file_name(source: Source | None) -> str:
    """The file name of generated code; tracebacks and debuggers show the lines of the program."""
    if source is None:
        return "<rtfs>"
    if source.is_file:  # Python finds the lines itself
        return source.name
    if _shown.get(source.name) is not source:
        import linecache

        _shown[source.name] = source
        lines = source.text.splitlines(keepends=True)
        linecache.cache[source.name] = (len(source.text), None, lines, source.name)
    return source.name
