"""What holds of all IR; a pass that breaks it is a bug in the pass."""

from __future__ import annotations

from rtfs.errors import InternalError
from rtfs.ir import nodes as ir
from rtfs.ir.scopes import bindings, inner_keys, pattern_of, used
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

KINDS = frozenset((None, "int", "float", "num", "bool", "str", "vec", "map", "fn"))


def verify(unit: ir.Unit, after: str) -> None:
    """
    Args:
        after: the pass that ran last.
    Raises:
        InternalError: a variable is used outside the function that owns it without being among the captured ones; a name of a
            pattern has no variable, or a node in it no IR; a `recur`, an `emit` or a `stop` has no target around it, or the wrong
            number of values; a form has not the operands that it needs; a kind is not one; a node stands in two places.
    """
    _Verifier(unit, after).node(unit.top.body, unit.top, ())


#: Nodes of which `shape` knows something.
_SHAPED = frozenset((ir.Recur, ir.Seq, ir.Inlined, ir.Logic, ir.Emit, ir.Stop, ir.Fn, ir.Special))


class _Verifier:
    def __init__(self, unit: ir.Unit, after: str) -> None:
        self.unit = unit
        self.after = after
        self.seen: set[int] = set()

    def fail(self, text: str, node: ir.Node) -> NoReturn:
        raise InternalError(f"after {self.after}: {text}", span=node.span)

    def node(self, node: ir.Node, fn: ir.Fn, around: tuple[ir.Node, ...]) -> None:
        """A node of a function; `around` are the loops and collections inside the function that it stands in, innermost last."""
        if not isinstance(node, ir.Node):
            raise InternalError(f"after {self.after}: {type(node).__name__} is not a node", span=fn.span)
        if id(node) in self.seen:
            self.fail(f"{type(node).__name__} stands in two places", node)
        self.seen.add(id(node))
        if node.kind not in KINDS:
            self.fail(f"{node.kind!r} is not a kind", node)
        for var in used(node) + self.bound(node):
            if var.owner is not fn and var not in fn.free:
                self.fail(f"%{var.name} is not captured by {fn.label}", node)
        if type(node) in _SHAPED:
            self.shape(node, fn, around)
        if isinstance(node, ir.Fn):
            for child in node.children():
                self.node(child, node, ())
            return
        if isinstance(node, (ir.Loop, ir.Each, ir.Collect)):
            around = (*around, node)
        for child in node.children():
            self.node(child, fn, around)
        pattern = pattern_of(node)
        if pattern is not None:
            for key in inner_keys(pattern):
                self.node(self.unit.nodes[key], fn, around)

    def bound(self, node: ir.Node) -> list[ir.Var]:
        """The variables that a node stores otherwise than `used` says: those of its pattern, of parameters and errors."""
        if isinstance(node, ir.Try):
            return [clause.var for clause in node.catches if clause.var is not None]
        pattern = pattern_of(node)
        if pattern is None:
            return []
        missing = [b.name for b in bindings(pattern) if b not in self.unit.vars]
        if missing:
            self.fail(f"`{missing[0]}` in a pattern has no variable", node)
        if any(key not in self.unit.nodes for key in inner_keys(pattern)):
            self.fail("a default or guard in a pattern was not lowered", node)
        return [self.unit.vars[b] for b in bindings(pattern)]

    def shape(self, node: ir.Node, fn: ir.Fn, around: tuple[ir.Node, ...]) -> None:
        """Whether a node has the parts that it needs, and stands where it can."""
        if isinstance(node, ir.Recur):
            if node.target is not fn and node.target not in around:
                self.fail("recur without its loop around it", node)
            count = len(node.target.params if isinstance(node.target, ir.Fn) else node.target.vars)
            if node.args and len(node.args) != count:
                self.fail(f"recur with {len(node.args)} values for {count}", node)
        elif isinstance(node, (ir.Seq, ir.Logic)):
            if not node.items:
                self.fail(f"an empty {type(node).__name__}", node)
        elif isinstance(node, ir.Emit):
            if not any(isinstance(outer, ir.Collect) and outer.into is node.into for outer in around):
                self.fail("emit without its collection around it", node)
        elif isinstance(node, ir.Stop):
            if not any(isinstance(outer, ir.Each) for outer in around):
                self.fail("stop outside of a loop", node)
        elif isinstance(node, ir.Fn):
            if node.ast is None:
                self.fail("a function without its definition", node)
            if any(var.owner is not node for var in node.params):
                self.fail(f"a parameter of {node.label} is not its own", node)
        elif isinstance(node, ir.Special):
            found = (len(node.args), len(node.bodies), len(node.vars))
            least, most = _operands(node)
            if not all(low <= n <= high for low, n, high in zip(least, found, most, strict=True)):
                self.fail(f"{type(node.form).__name__} with operands, bodies and variables {found}, not {least}", node)


def _operands(node: ir.Special) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """How many operands, bodies and variables a form has, at least and at most."""
    form = node.form
    bodies = most_bodies = variables = 0
    if isinstance(form, ast.MakeVector):
        args = len(node.args)  # a pass makes vectors too
    elif isinstance(form, ast.LogStep):
        args = len(form.items)
    elif isinstance(form, (ast.MakeMap, ast.WithHints)):
        args = len(form.keys)
        bodies = most_bodies = int(isinstance(form, ast.WithHints))
    elif isinstance(form, ast.Template):
        args = len(form.parts)
    elif isinstance(form, ast.HostForm):
        args = len(form.args)
    elif isinstance(form, ast.Parallel):
        args = len(form.branches)
    elif isinstance(form, ast.WithResource):
        args = bodies = most_bodies = variables = 1
    elif isinstance(form, (ast.Step, ast.StepLoop)):
        options = form.options
        exposes = options.expose_context is not None or options.context_keys is not None
        args = 2 * exposes + len(options.param_values)
        variables = int(options.scope is not None)
        bodies, most_bodies = (1, 1) if isinstance(form, ast.Step) else (2, 3)
    elif isinstance(form, ast.FreshNames):
        args, bodies, most_bodies, variables = 0, 1, 1, len(form.scope.bindings)
    else:
        args, variables = 0, 2 * isinstance(form, ast.DefStruct)
    return (args, bodies, variables), (args, most_bodies, variables)
