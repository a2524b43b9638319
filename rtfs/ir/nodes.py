"""The IR: a program with every name resolved, ready to be optimised and compiled.

A local name is a `Var`, the slot of one Python function; scopes are gone, `let` is a sequence of `Set`s.  Patterns stay as they
are in the AST, with `Var`s found through `Unit.vars`.  Forms that are rare keep their AST node inside a `Special`, which lists
the operands and bodies that the evaluator compiles.

Nodes are mutable, so that a pass can rewrite them in place; `known` is what is known about the value.
"""

from __future__ import annotations

from collections import namedtuple

from rtfs.source import Span
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Known(namedtuple("Known", ("kind", "bits", "natural"))):
    """What is known about a value.

    Attributes:
        kind: `int`, `float`, `num` (one of the two), `bool`, `str`, `vec`, `map`, `fn`; None when nothing is.
        bits: of an integer, how many its magnitude has at most; None when that is not known.
        natural: it is an integer and not negative.
    """

    __slots__ = ()

    kind: str | None
    bits: int | None
    natural: bool

    def __new__(cls, kind: str | None, bits: int | None = None, natural: bool = False) -> Known:
        return tuple.__new__(cls, (kind, bits, natural))


ANY = Known(None)


class Var:
    """A local variable.

    Attributes:
        owner: the `Fn` whose variable it is.
        early: a function before its definition may see it.
        late: it can be read before it has a value.
        in_loop: its scope can be entered more than once in one call of its owner.
        captured: a function inside reads it.
        stores: how many places give it a value, apart from `recur`.
        rebound: a loop or function that starts again gives it a new value.
        reads: how many places read it.
        owned: it may hold a collection that nobody else does, which is then changed in place.
        deep: the same for collections inside that one.
        function: the `Fn` that is its only value, when that is known.
        escapes: its value is used otherwise than by calling it.
    """

    __slots__ = (
        "assigned",
        "boxed",
        "captured",
        "deep",
        "early",
        "escapes",
        "function",
        "in_loop",
        "known",
        "late",
        "name",
        "owned",
        "owner",
        "py",
        "rebound",
        "reads",
        "stores",
    )

    def __init__(self, name: str, owner: Fn, *, late: bool = False, in_loop: bool = False) -> None:
        self.name = name
        self.owner = owner
        self.early = late
        self.late = late
        self.in_loop = in_loop
        self.captured = False
        self.assigned = False
        self.stores = 0
        self.reads = 0
        self.function: Fn | None = None
        self.escapes = False
        self.boxed = False
        self.rebound = False
        self.owned = False
        self.deep = False
        self.known = ANY
        self.py = ""

    @property
    def kind(self) -> str | None:
        return self.known.kind

    def __repr__(self) -> str:
        return f"%{self.py or self.name}"


class Node:
    """The root; `parts` names the fields that hold nodes or lists of nodes, in order of evaluation."""

    __slots__ = ("known", "span")
    parts: tuple[str, ...] = ()

    def __init__(self, span: Span | None) -> None:
        self.span = span
        self.known = ANY

    @property
    def kind(self) -> str | None:
        return self.known.kind

    #: what a node that takes a value apart does it by
    pattern: Any = None

    def children(self) -> list[Node]:
        found: list[Node] = []
        for part in self.parts:
            value = getattr(self, part)
            if type(value) is list:
                found += value
            elif value is not None:
                found.append(value)
        return found


class Const(Node):
    __slots__ = ("value",)

    def __init__(self, span: Span | None, value: Any) -> None:
        super().__init__(span)
        self.value = value


class Get(Node):
    """The value of a local; `checked`: it may have none yet.

    `use`: what becomes of a collection that may be the variable's alone (`passes.ownership`); None where nobody asks.
    """

    __slots__ = ("checked", "use", "var")

    def __init__(self, span: Span | None, var: Var, checked: bool = False) -> None:
        super().__init__(span)
        self.var = var
        self.checked = checked
        self.use: str | None = None


class Set(Node):
    """Give a local its value; the value is the node's. `assigns`: by `set!`."""

    __slots__ = ("assigns", "value", "var")
    parts = ("value",)

    def __init__(self, span: Span | None, var: Var, value: Node, assigns: bool = False) -> None:
        super().__init__(span)
        self.assigns = assigns
        self.var = var
        self.value = value


class Blank(Node):
    """The beginning of the scope of variables that are read late: they have no value."""

    __slots__ = ("vars",)

    def __init__(self, span: Span | None, variables: list[Var]) -> None:
        super().__init__(span)
        self.vars = variables


class GlobalGet(Node):
    __slots__ = ("name",)

    def __init__(self, span: Span | None, name: str) -> None:
        super().__init__(span)
        self.name = name


class GlobalSet(Node):
    """`def` (`defines`) or `set!` of a global."""

    __slots__ = ("defines", "name", "value")
    parts = ("value",)

    def __init__(self, span: Span | None, name: str, value: Node, defines: bool) -> None:
        super().__init__(span)
        self.name = name
        self.value = value
        self.defines = defines


class Check(Node):
    """The value, if it belongs to a type, else a validation error about `what` at `at`, or about an operand of the call `place`."""

    __slots__ = ("at", "operand", "place", "type", "value", "what")
    parts = ("value",)

    def __init__(self, span: Span | None, value: Node, type_: Any, what: str, at: Span | None, operand: int | None = None) -> None:
        super().__init__(span)
        self.value = value
        self.type = type_
        self.what = what
        self.at = at
        self.operand = operand
        self.place: Call | None = None


class Bind(Node):
    """Take a value apart by a pattern; `place` is what errors call it."""

    __slots__ = ("pattern", "place", "value")
    parts = ("value",)

    def __init__(self, span: Span | None, pattern: ast.Pattern, value: Node, place: str) -> None:
        super().__init__(span)
        self.pattern = pattern
        self.value = value
        self.place = place


class NoMatch(Node):
    """The error of a `match` without a clause for its value."""

    __slots__ = ("var",)

    def __init__(self, span: Span | None, var: Var) -> None:
        super().__init__(span)
        self.var = var


class Case(Node):
    """One clause of a `Cases`: its body, where the pattern matches and the guard, which sees the pattern's names, holds."""

    __slots__ = ("body", "guard", "pattern")
    parts = ("guard", "body")

    def __init__(self, span: Span | None, pattern: ast.Pattern, guard: Node | None, body: Node) -> None:
        super().__init__(span)
        self.pattern = pattern
        self.guard = guard
        self.body = body


class Cases(Node):
    """`match`: the first clause that takes a local's value, else `otherwise`.

    `items`: the variables that hold the items of that value, when it is a vector that need not be made.
    `plan`: in which order to make the tests of all clauses (`ir.decisions`); without one, clause after clause.
    """

    __slots__ = ("clauses", "items", "otherwise", "plan", "var")
    parts = ("clauses", "otherwise")

    def __init__(self, span: Span | None, var: Var, clauses: list[Case], otherwise: Node) -> None:
        super().__init__(span)
        self.var = var
        self.clauses = clauses
        self.otherwise = otherwise
        self.items: list[Var] = []
        self.plan: Any = None

    def subject(self) -> list[Var]:
        """The variables that it looks at."""
        return self.items or [self.var]


class If(Node):
    __slots__ = ("otherwise", "test", "then")
    parts = ("test", "then", "otherwise")

    def __init__(self, span: Span | None, test: Node, then: Node, otherwise: Node) -> None:
        super().__init__(span)
        self.test = test
        self.then = then
        self.otherwise = otherwise


class Logic(Node):
    """`and` (`conjunction`) or `or`."""

    __slots__ = ("conjunction", "items")
    parts = ("items",)

    def __init__(self, span: Span | None, conjunction: bool, items: list[Node]) -> None:
        super().__init__(span)
        self.conjunction = conjunction
        self.items = items


class Seq(Node):
    """One after the other; the value is the last one's."""

    __slots__ = ("items",)
    parts = ("items",)

    def __init__(self, span: Span | None, items: list[Node]) -> None:
        super().__init__(span)
        self.items = items


class Inlined(Seq):
    """A `Seq` that stands for a call of a function: `label` is the function's name, `call` where it is called."""

    __slots__ = ("call", "label")

    def __init__(self, span: Span | None, items: list[Node], label: str, call: Call) -> None:
        super().__init__(span, items)
        self.label = label
        self.call = call


class Call(Node):
    """`tail`: the value is the enclosing function's, whose frame is given up. `itself`: so far a tail call of that function.

    `place`: the call in whose place errors are reported, when that is another one.
    """

    __slots__ = ("args", "function", "itself", "place", "tail")
    parts = ("function", "args")

    def __init__(self, span: Span | None, function: Node, args: list[Node], tail: bool, itself: Fn | None = None) -> None:
        super().__init__(span)
        self.function = function
        self.args = args
        self.tail = tail
        self.itself = itself
        self.place: Call | None = None


class Update(Node):
    """A collection with another value under a path of keys: what `assoc`, `update`, `assoc-in` and `update-in` give.

    Attributes:
        base, keys: the collection and the path, at least one key.
        operands: `Set`s of what else is to be evaluated before anything is looked at.
        old: what `value` knows the value under the path as; None for `assoc` and `assoc-in`.
        value: what comes under the path instead.
        operation, index, call: for errors: the built-in, its operand that holds the (first) key, and where it is called.
    """

    __slots__ = ("base", "call", "index", "keys", "old", "operands", "operation", "value")
    parts = ("base", "keys", "operands", "value")

    def __init__(
        self, span: Span | None, operation: str, index: int, call: Call, base: Node, keys: list[Node], old: Var | None, value: Node
    ) -> None:
        super().__init__(span)
        self.operation = operation
        self.index = index
        self.call = call
        self.base = base
        self.keys = keys
        self.operands: list[Node] = []
        self.old = old
        self.value = value


class Fn(Node):
    """A function. `params` are its positional variables, the rest parameter's last; `prepare` checks and takes apart."""

    __slots__ = ("ast", "body", "bounces", "free", "label", "loops", "outer", "params", "prepare", "py", "self_flag")
    parts = ("prepare", "body")

    def __init__(self, span: Span | None, node: ast.Fn | None, label: str, outer: Fn | None) -> None:
        super().__init__(span)
        self.ast = node
        self.label = label
        self.outer = outer
        self.params: list[Var] = []
        self.prepare: list[Node] = []
        self.body: Node = Const(span, None)
        self.loops = False  # it restarts itself by recur or a tail call of itself
        self.bounces = False  # it answers with tail calls of other functions
        self.self_flag: str | None = None  # the global whose value it is
        self.free: dict[Var, None] = {}
        self.py = ""
        self.known = Known("fn")


class Loop(Node):
    """Runs its body; a `Recur` in it gives new values to `vars` and runs it again."""

    __slots__ = ("body", "vars")
    parts = ("body",)

    def __init__(self, span: Span | None, variables: list[Var]) -> None:
        super().__init__(span)
        self.vars = variables
        self.body: Node = Const(span, None)


class Recur(Node):
    """Start `target` again, a `Loop` or a `Fn`; without `args` its variables already have their values."""

    __slots__ = ("args", "target")
    parts = ("args",)

    def __init__(self, span: Span | None, args: list[Node], target: Loop | Fn) -> None:
        super().__init__(span)
        self.args = args
        self.target = target


class Each(Node):
    """The body for each item of a value, as `for` and `doseq` (`name`) go through it.

    `ranged`: `items` is a call of `range`, whose vector is not built.
    """

    __slots__ = ("blank", "body", "items", "name", "pattern", "ranged")
    parts = ("items", "blank", "body")

    def __init__(self, span: Span | None, name: str, items: Node, pattern: ast.Pattern) -> None:
        super().__init__(span)
        self.name = name
        self.items = items
        self.pattern = pattern
        self.ranged = False
        self.blank: Node | None = None
        self.body: Node = Const(span, None)


class Scan(Node):
    """The body for each item of a collection, as the built-in `operation` goes through it; `call` is where it was called.

    `ranged`: `items` is a call of `range`, whose vector is not built.
    `fused`: items come one by one from the `Collect` that `items` is; nothing can tell that from building it first.
    """

    __slots__ = ("body", "call", "fused", "index", "items", "operation", "ranged", "var")
    parts = ("items", "body")

    def __init__(self, span: Span | None, operation: str, index: int, call: Call, items: Node, var: Var) -> None:
        super().__init__(span)
        self.operation = operation
        self.index = index
        self.call = call
        self.var = var
        self.items = items
        self.ranged = False
        self.fused = False
        self.body: Node = Const(span, None)


class Stop(Node):
    """Leave the innermost `Each`."""

    __slots__ = ()


class Collect(Node):
    """A vector of what `Emit`s inside the body give; nil with `into` None."""

    __slots__ = ("body", "into")
    parts = ("body",)

    def __init__(self, span: Span | None, into: Var | None) -> None:
        super().__init__(span)
        self.into = into
        self.body: Node = Const(span, None)


class Emit(Node):
    __slots__ = ("into", "value")
    parts = ("value",)

    def __init__(self, span: Span | None, into: Var, value: Node) -> None:
        super().__init__(span)
        self.into = into
        self.value = value


class Times(Node):
    """`dotimes`."""

    __slots__ = ("body", "count", "var")
    parts = ("count", "body")

    def __init__(self, span: Span | None, var: Var, count: Node, body: Node) -> None:
        super().__init__(span)
        self.var = var
        self.count = count
        self.body = body


class Catch:
    """One `catch` of a `Try`."""

    __slots__ = ("body", "selector", "var")

    def __init__(self, selector: Any, var: Var | None, body: Node) -> None:
        self.selector = selector
        self.var = var
        self.body = body


class Try(Node):
    """`try`, with its `catch`es and what `finally` evaluates."""

    __slots__ = ("body", "catches", "final")

    def __init__(self, span: Span | None, body: Node, catches: list[Catch], final: Node | None) -> None:
        super().__init__(span)
        self.body = body
        self.catches = catches
        self.final = final

    def children(self) -> list[Node]:
        return [self.body, *[clause.body for clause in self.catches], *([self.final] if self.final is not None else [])]


class Special(Node):
    """Any other form: `form` is its AST node, `args` its operands, `bodies` what is evaluated under its control."""

    __slots__ = ("args", "bodies", "form", "vars")
    parts = ("args", "bodies")

    def __init__(
        self, span: Span | None, form: ast.Node, args: list[Node], bodies: list[Node], variables: list[Var | None]
    ) -> None:
        super().__init__(span)
        self.form = form
        self.args = args
        self.bodies = bodies
        self.vars = variables


class Unit:
    """One top-level form.

    Attributes:
        top: a function without parameters that evaluates it.
        name, function: of a unit that is `(def name (fn …))`, these two.
        plain: the same function as it was before it was inlined in itself, if it was: for operands of any kind.
        functions: all other functions, inner ones first.
        settled: those of which it is known whether they answer with tail calls.
        vars: the variable of every binding.
        nodes: what nodes inside patterns (defaults, guards) became.
        defines: the global names that it gives a value.
        calls: all calls.
        cleans: something in it is to happen on every way out.
        assumes: the global names whose meaning the generated code takes for granted.
        depth: how deep its nodes nest.
        direct: the nodes, by `id`, that stand at its top or directly in its function; None until somebody asks.
        blocks: how deep its loops and tries nest inside one function.
        unstable: the global names that it may give a value whenever one of its functions is called.
    """

    __slots__ = (
        "assumes",
        "blocks",
        "calls",
        "cleans",
        "defines",
        "depth",
        "direct",
        "function",
        "functions",
        "name",
        "nodes",
        "plain",
        "settled",
        "top",
        "unstable",
        "vars",
    )

    def __init__(self, top: Fn) -> None:
        self.top = top
        self.name = ""
        self.unstable: set[str] = set()
        self.function: Fn | None = None
        self.plain: Fn | None = None
        self.functions: list[Fn] = []
        self.settled: set[Fn] = set()
        self.calls: list[Call] = []
        self.vars: dict[ast.Binding, Var] = {}
        self.nodes: dict[int, Node] = {}
        self.defines: set[str] = set()
        self.assumes: set[str] = set()
        self.depth = 0
        self.blocks = 0
        self.direct: set[int] | None = None
        self.cleans = False
