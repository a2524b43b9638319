"""The type of an expression at one place of a program."""

from __future__ import annotations

from collections.abc import Callable

from rtfs.checker.flow import Flow
from rtfs.checker.narrowing import Narrowing
from rtfs.checker.problems import Problems
from rtfs.checker.shapes import exact, is_big, options, plain, shallow
from rtfs.checker.wanting import Want, described, words
from rtfs.syntax import nodes as ast
from rtfs.types.lattice import join, widened
from rtfs.types.nodes import ANY, AnyType, Lookup, NeverType, Type, TypeRef, VectorType
from rtfs.types.subtyping import overlap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.checker.globals import Globals

Infer = Callable[["Inference", "Any", Flow, "Want | None"], Type]

#: Kind of node -> what finds its type; those in `PASSES_ON` see to it themselves that what is wanted is there.
RULES: dict[type[ast.Node], Infer] = {}
PASSES_ON: set[type[ast.Node]] = set()


def infers(*kinds: type[ast.Node], passes_on: bool = False) -> Callable[[Infer], Infer]:
    """Register the rule for kinds of nodes."""

    def register(rule: Infer) -> Infer:
        for kind in kinds:
            RULES[kind] = rule
            if passes_on:
                PASSES_ON.add(kind)
        return rule

    return register


#: Kinds of nodes that put types together.
_BUILD = frozenset(
    {ast.MakeVector, ast.MakeMap, ast.Call, ast.SelfCall, ast.If, ast.Match, ast.And, ast.Or, ast.For, ast.Fn, ast.Parallel}
)


class Turns:
    """A loop or function that `recur` starts again: what it is given then."""

    def __init__(self, count: int) -> None:
        self.types: list[list[Type]] = [[] for _ in range(count)]
        self.again = False


class Inference:
    """Finds types in the forms of one program; `names` tells what global names mean where it is at work.

    Attributes:
        names: the global names; exchanged while a function of another module is looked at.
        problems: where mistakes are reported.
        turns: the loops and functions that are being looked at, the innermost last.
        redefined: local names that several `def`s define: nothing is known about them.
        trying: whether a loop is looked at for the types of its next turns.
        tests: the tests whose outcome a name stands for.
    """

    def __init__(self, names: Globals, problems: Problems) -> None:
        self.names = names
        self.problems = problems
        self.turns: list[Turns] = []
        self.redefined: set[ast.Binding] = set()
        self.trying = 0
        self.tests: dict[ast.Binding, ast.Node] = {}

    @property
    def lookup(self) -> Lookup:
        return self.names.lookup

    def infer(self, node: ast.Node, flow: Flow, want: Want | None = None) -> Type:
        """The type of `node`; reported is what cannot be `want`."""
        kind = type(node)
        found = RULES[kind](self, node, flow, want)
        if kind in _BUILD and is_big(found):
            found = shallow(found)
        if want is not None and kind not in PASSES_ON:
            self.compare(found, want, node, flow)
        if isinstance(found, NeverType):
            flow.ended = True
        return found

    def compare(self, found: Type, want: Want, node: ast.Node, flow: Flow) -> None:
        """Report that a value of type `found` cannot, or may not, be what is wanted."""
        if isinstance(found, (NeverType, AnyType)) or isinstance(want.type, AnyType) or found is want.type:
            return
        if isinstance(found, TypeRef) and isinstance(want.type, TypeRef) and found.name == want.type.name:
            return
        if not overlap(found, want.type, self.lookup):
            self.problems.report("type-mismatch", want.missing(found, self.lookup), node.span)
        elif self._items_apart(found, want.type):
            message = f"{want.where}: expected {words(want.type)}, got {described(found)}: only an empty one would do"
            self.problems.report("possible-mismatch", message, node.span)
        elif self.is_declared(node, flow):
            wrong = [o for o in options(found, self.lookup) if not overlap(o, want.type, self.lookup)]
            if wrong:
                message = f"{want.where}: expected {words(want.type)}, and this may be {words(wrong[0])}"
                hint = (
                    "test it first: (if (nil? x) … …)" if words(wrong[0]) == "nil" else "test it first, with `match` or a predicate"
                )
                self.problems.report("possible-mismatch", message, node.span, hint)

    def _items_apart(self, found: Type, wanted: Type) -> bool:
        """Whether two types of vectors have only the empty one in common."""
        found, wanted = plain(found, self.lookup), plain(wanted, self.lookup)
        if not isinstance(found, VectorType) or not isinstance(wanted, VectorType) or isinstance(found.item, NeverType):
            return False
        return not overlap(found.item, wanted.item, self.lookup)

    def is_declared(self, node: ast.Node, flow: Flow) -> bool:
        """Whether somebody wrote down the type of an expression, so that what it may be is not a guess."""
        if isinstance(node, ast.Local):
            return node.binding in flow.declared
        if isinstance(node, ast.Call) and isinstance(node.function, ast.Global):
            return self.names.declares_result(node.function.name)
        return isinstance(node, ast.Global) and self.names.declares(node.name)

    # --- tests ---

    def narrowing(self) -> Narrowing:
        return Narrowing(self._meaning, self._tested, self.lookup, self.tests)

    def _meaning(self, function: ast.Node) -> str | None:
        if isinstance(function, ast.Global):
            found = self.names.builtin(function.name)
            return found.name if found is not None else None
        return None

    def _tested(self, function: ast.Node) -> Type | None:
        return self.names.tested(function.name) if isinstance(function, ast.Global) else None

    def split(self, test: ast.Node, flow: Flow) -> tuple[Flow, Flow]:
        """What is known when a test, which was inferred already, holds and when it does not."""
        narrowing = self.narrowing()
        yes, no = flow.branch(), flow.branch()
        narrowing.learn(test, True, yes)
        narrowing.learn(test, False, no)
        return yes, no

    def both(self, first: Type, second: Type) -> Type:
        return join(first, second, self.lookup)


@infers(ast.Const)
def _const(c: Inference, node: ast.Const, flow: Flow, want: Want | None) -> Type:
    return exact(node.value)


@infers(ast.Local)
def _local(c: Inference, node: ast.Local, flow: Flow, want: Want | None) -> Type:
    return flow.type_of(node.binding)


@infers(ast.Global)
def _global(c: Inference, node: ast.Global, flow: Flow, want: Want | None) -> Type:
    return c.names.type_of(node.name)


@infers(ast.Def)
def _def(c: Inference, node: ast.Def, flow: Flow, want: Want | None) -> Type:
    if isinstance(node.value, ast.Fn):
        return c.names.define_function(node)
    c.names.begin(node.name)
    wanted = None if node.type is None else Want(node.type, f"`{node.name}`")
    found = c.infer(node.value, flow, wanted)
    c.names.define(node.name, node.type or widened(found), declared=node.type is not None)
    return ANY


@infers(ast.SetGlobal)
def _set_global(c: Inference, node: ast.SetGlobal, flow: Flow, want: Want | None) -> Type:
    c.infer(node.value, flow)
    return ANY
