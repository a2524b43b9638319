"""The frame of the tree evaluator: environments, names in slots, calls with their limit of depth, and the table of nodes.

An environment is a Python list, `[outer environment, value, value, …]`; a name is a number of steps outwards and an index.  Each
call of a function makes one, and the scopes in its body keep their names there too: only a scope whose names a function inside
captures, or that may be asked for a name without a value, has an environment of its own.  No C function stands between two RTFS
calls, so deep recursion uses Python's heap and ends in LimitExceeded.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from rtfs.errors import RtfsError
from rtfs.eval.tails import TailCall
from rtfs.semantics.faults import locate
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.semantics.typecheck import optional_check
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.semantics.patterns import PatternCompiler

    Env = Any  # list[Any], or None at the top level
    Run = Callable[[Env], Any]
    Compile = Callable[["TreeWalker", Any, "Layout | None"], Run]
else:
    Env = Run = object

#: The value of a name that is bound but has no value yet.
UNBOUND: Any = object()

#: Node class -> module of this package that compiles it.
MODULES: dict[str, str] = {
    name: module
    for module, names in {
        "names": "Const Local Global MakeVector MakeMap Let Def DefLocal SetLocal SetGlobal",
        "control": "If Do And Or Match Try",
        "functions": "Fn",
        "calls": "Call SelfCall Recur",
        "iteration": "For Dotimes Loop",
        "effects": "ContextRef ContextGet ResourceRef Step StepLoop Parallel WithResource LogStep HostForm WithHints",
        "definitions": "DefStruct DefType Import Module Template FreshNames",
    }.items()
    for name in names.split()
}
#: Node class -> how its closure is made; filled by the modules of this package when they are imported.
COMPILERS: dict[type, Compile] = {}


def compiles(*kinds: type) -> Callable[[Any], Any]:
    """Register how nodes of these classes are compiled."""

    def register(function: Any) -> Any:
        for kind in kinds:
            COMPILERS[kind] = function
        return function

    return register


class Layout:
    """Which slot of which environment holds a binding, while closures are made.

    Args:
        given: how many of the bindings have a value when the environment is made; they come first.

    Attributes:
        slots: binding -> index.
        blank: what follows the given values in a new environment.  It grows while scopes inside are laid out, and is complete when
            the closures first run.
    """

    __slots__ = ("outer", "slots", "given", "blank")

    def __init__(self, outer: Layout | None, bindings: list[ast.Binding], given: int = 0) -> None:
        self.outer = outer
        self.slots = {binding: i + 1 for i, binding in enumerate(bindings)}
        self.given = given
        self.blank: list[Any] = [UNBOUND] * (len(bindings) - given)

    def find(self, binding: ast.Binding) -> tuple[int, int]:
        """(steps outwards, index)"""
        hops, layout = 0, self
        while binding not in layout.slots:
            hops += 1
            assert layout.outer is not None, binding
            layout = layout.outer
        return hops, layout.slots[binding]


def within(layout: Layout | None, bindings: list[ast.Binding]) -> Layout:
    """The layout of a scope inside `layout`: the same with more slots, unless the scope needs an environment of its own.

    Making and leaving environments took a third of the time of loops with a `let` inside.
    """
    if layout is None or any(b.captured or b.late for b in bindings):
        return Layout(layout, bindings)
    for binding in bindings:
        layout.slots[binding] = 1 + layout.given + len(layout.blank)
        layout.blank.append(UNBOUND)
    return layout


class TreeWalker:
    """Evaluates the nodes of one namespace."""

    def __init__(self, machine: Machine, namespace: Namespace) -> None:
        self.machine = machine
        self.namespace = namespace
        self.invoke = invoker(machine)
        #: What `recur` may write to, where the closure that is being made stands: the layout and the first slot of the variables.
        #: None where it has to hand its values over, because they are checked, taken apart or captured.
        self.in_place: tuple[Layout, int] | None = None

    def evaluate(self, node: ast.Node) -> Any:
        """The value of a top-level node."""
        return self.compile(node, None)(None)

    def function(self, node: ast.Fn) -> Function:
        """The function of a top-level `fn`: how macros are made."""
        made: Function = self.compile(node, None)(None)
        return made

    def compile(self, node: ast.Node, layout: Layout | None) -> Run:
        """The closure of a node."""
        kind = type(node)
        found = COMPILERS.get(kind)
        if found is None:
            import_module(f"rtfs.eval.treewalk.{MODULES[kind.__name__]}")
            found = COMPILERS[kind]
        return found(self, node, layout)

    def compile_all(self, nodes: tuple[ast.Node, ...], layout: Layout | None) -> list[Run]:
        return [self.compile(node, layout) for node in nodes]

    def patterns(self, layout: Layout | None) -> PatternCompiler:
        from rtfs.semantics.patterns import PatternCompiler

        return PatternCompiler(
            lambda binding: storer(layout, binding), lambda node: self.compile(node, layout), self.namespace.lookup_type
        )

    def check(self, type_: Any) -> Any:
        return optional_check(type_, self.namespace.lookup_type)


def storer(layout: Layout | None, binding: ast.Binding) -> Callable[[Env, Any], None]:
    assert layout is not None
    hops, index = layout.find(binding)
    if hops == 0:

        def store(env: Env, value: Any) -> None:
            env[index] = value

        return store

    def store_outer(env: Env, value: Any) -> None:
        for _ in range(hops):
            env = env[0]
        env[index] = value

    return store_outer


def invoker(machine: Machine) -> Callable[[Function, list[Any]], Any]:
    max_depth = machine.max_depth

    def invoke(function: Function, args: list[Any]) -> Any:
        """A whole call: runs bodies until one answers with a value. Tail calls take no depth."""
        depth = machine.depth
        if depth >= max_depth:
            raise machine.too_deep()
        machine.depth = depth + 1
        try:
            return finish(function.enter(function, args))
        finally:
            machine.depth = depth

    return invoke


def finish(result: Any) -> Any:
    """The value of a body: of its tail call, if it answered with one."""
    while type(result) is TailCall:
        function, place = result.function, result.place
        try:
            result = function.enter(function, result.args)
        except RtfsError as error:
            locate(error, *place)
            raise
    return result
