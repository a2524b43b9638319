"""The AST: programs with names resolved and special forms told apart.

`analyse` makes it from expanded forms; the tree evaluator walks it and `ir` lowers it.  A name bound in the program is a `Local`
that points to its `Binding`; every other name is a `Global`, looked up when it is used.  Where a body has a scope of its
own, `Scope.bindings` lists everything bound in it, so that an evaluator can lay out storage before it runs.

Every node has a `span`; trees compare by meaning, without spans.
"""

from __future__ import annotations

from rtfs.source import Span
from rtfs.types.nodes import Type
from rtfs.values.maps import Map
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Binding:
    """One name bound at one place. Compared by identity.

    Attributes:
        name: as written.
        span: where it is bound.
        late: bound by `def` inside a body (or by `letrec`), so a use may come before its value.
        uses: how often it is read.
        assigned: whether `set!` changes it.
        captured: whether a function inside the one that binds it uses it.
    """

    __slots__ = ("name", "span", "late", "uses", "assigned", "captured")

    def __init__(self, name: str, span: Span | None, late: bool = False) -> None:
        self.name = name
        self.span = span
        self.late = late
        self.uses = 0
        self.assigned = False
        self.captured = False

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Scope(Struct):
    """The names bound in one body, in order of appearance."""

    bindings: list[Binding]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scope) and [b.name for b in self.bindings] == [b.name for b in other.bindings]

    __hash__ = None  # type: ignore[assignment]


class Node(Struct):
    """The root of all AST nodes."""

    span: Span | None


# --- patterns --------------------------------------------------------------------------------


class Pattern(Struct):
    """What binds names: in `let`, parameters, `for`, `match`."""

    span: Span | None


class BindPattern(Pattern):
    """`x`: anything, bound to a name."""

    binding: Binding


class WildcardPattern(Pattern):
    """`_`: anything."""


class LiteralPattern(Pattern):
    """`1`, `"a"`, `:k`, `nil`: an equal value of the same kind."""

    value: Any


class VectorPattern(Pattern):
    """`[p1 p2 & rest :as whole]`: a vector or list of exactly (with `rest`: at least) that length."""

    items: tuple[Pattern, ...]
    rest: Pattern | None = None
    whole: Binding | None = None


class MapEntryPattern(Struct):
    """One key of a map pattern; `default` is evaluated when the key is absent (`:or`)."""

    key: Any
    pattern: Pattern
    default: Node | None = None


class MapPattern(Pattern):
    """`{:keys [a] :k p & rest :as whole}`: a map. Absent keys bind nil in `let`, and do not match in `match`."""

    entries: tuple[MapEntryPattern, ...]
    rest: Binding | None = None
    whole: Binding | None = None


class TypedPattern(Pattern):
    """`p : T`: a value of the type, then the pattern; with `_` inside, a type test."""

    pattern: Pattern
    type: Type


class OrPattern(Pattern):
    """`(1 | 2 | 3)`, `(:or p q)`: the first that matches; all bind the same names."""

    options: tuple[Pattern, ...]


class AsPattern(Pattern):
    """`(name @ p)`, `(:as name p)`: the pattern, and the whole value bound to a name."""

    binding: Binding
    pattern: Pattern


class GuardPattern(Pattern):
    """`(name :when guard)`: the pattern, if the guard holds."""

    pattern: Pattern
    guard: Node


# --- expressions -----------------------------------------------------------------------------


class Const(Node):
    """A literal or quoted value."""

    value: Any


class Local(Node):
    """A use of a name bound in the program."""

    binding: Binding


class Global(Node):
    """A use of any other name: of the module, an alias, the library, or unknown."""

    name: str


class MakeVector(Node):
    """`[a b]`."""

    items: tuple[Node, ...]


class MakeMap(Node):
    """`{:a x}`; keys are literals."""

    keys: tuple[Any, ...]
    values: tuple[Node, ...]


class If(Node):
    """`(if test then else)`."""

    test: Node
    then: Node
    otherwise: Node


class Do(Node):
    """`(do a b)`; never empty, the value is the last one's."""

    body: tuple[Node, ...]


class And(Node):
    """`(and a b)`; at least two."""

    items: tuple[Node, ...]


class Or(Node):
    """`(or a b)`; at least two."""

    items: tuple[Node, ...]


class LetBinding(Struct):
    """One `pattern : type value` of a `let`."""

    pattern: Pattern
    type: Type | None
    value: Node


class Let(Node):
    """`(let [p v …] body)`: each value sees the earlier bindings. `recursive`: `letrec`, names are visible in all values."""

    scope: Scope
    bindings: tuple[LetBinding, ...]
    body: Node
    recursive: bool = False


class Param(Struct):
    """A parameter: pattern and type (None when not annotated)."""

    pattern: Pattern
    type: Type | None
    span: Span | None

    @property
    def name(self) -> str:
        return self.pattern.binding.name if isinstance(self.pattern, BindPattern) else "_"


class Hint(Struct):
    """A delegation hint: `target` is `local`, `local-model` or `remote`; `model` the id for the latter two.

    `engine`: nothing was written, and a delegation engine has to do with the function: `plan` is its decision for all calls, None
    when it is asked at each (`delegation.linking`).
    """

    target: str
    model: str | None = None
    plan: Any = None

    @property
    def printed(self) -> str:
        """`local_pure`, `local_model:ID`, `remote_model:ID` (reference section 3)."""
        if self.target == "local":
            return "local_pure"
        if self.target == "engine":
            return "engine" if self.plan is None else str(self.plan.target)
        return f"{'local_model' if self.target == 'local-model' else 'remote_model'}:{self.model}"


class Fn(Node):
    """`(fn name? [params] : T body)`.

    `scope` lists the parameters' names first, in order; `self_binding` is the function's own name inside a named `fn`;
    `tail_calls_self` says that the body holds a `SelfCall`.
    """

    name: str | None
    scope: Scope
    params: tuple[Param, ...]
    rest: Param | None
    result: Type | None
    body: Node
    self_binding: Binding | None = None
    doc: str = ""
    hint: Hint | None = None
    meta: Map | None = None

    def accepts(self, count: int) -> bool:
        """Whether a call with `count` operands has the right number."""
        return count >= len(self.params) if self.rest is not None else count == len(self.params)

    @property
    def arity_text(self) -> str:
        return f"at least {len(self.params)}" if self.rest is not None else str(len(self.params))

    @property
    def arity_hint(self) -> str:
        names = [param.name for param in self.params]
        if self.rest is not None:
            names += ["&", self.rest.name]
        return f"its parameters are [{' '.join(names)}]"


class Call(Node):
    """`(f a b)`; `tail`: its value is the enclosing function's value."""

    function: Node
    args: tuple[Node, ...]
    tail: bool = False


class Def(Node):
    """`(def name : T value)` at the top level of a module or program."""

    name: str
    type: Type | None
    value: Node


class DefLocal(Node):
    """`def` inside a body: binds a name of the enclosing scope."""

    binding: Binding
    type: Type | None
    value: Node


class SetLocal(Node):
    """`(set! x v)` of a name bound in the program."""

    binding: Binding
    value: Node


class SetGlobal(Node):
    """`(set! x v)` of a name defined at top level."""

    name: str
    value: Node


class MatchClause(Struct):
    """`pattern when guard body`, with the names that the pattern binds."""

    scope: Scope
    pattern: Pattern
    guard: Node | None
    body: Node
    span: Span | None


class Match(Node):
    """`(match value clauses…)`."""

    value: Node
    clauses: tuple[MatchClause, ...]


class CatchClause(Struct):
    """`(catch selector name body)`.

    `selector` is None (catches all), a string (a kind, or a family of kinds, as in `errors.FAMILIES`) or a Type that is
    tested against the error's data.
    """

    selector: str | Type | None
    scope: Scope
    binding: Binding | None
    body: Node
    span: Span | None


class Try(Node):
    """`(try body (catch …) (finally …))`."""

    body: Node
    catches: tuple[CatchClause, ...]
    final: Node | None


class ForClause(Struct):
    """One part of a `for` vector: `kind` is `each` (pattern, value), `when`, `while` (value) or `let` (bindings)."""

    kind: str
    scope: Scope
    pattern: Pattern | None = None
    value: Node | None = None
    bindings: tuple[LetBinding, ...] = ()


class For(Node):
    """`(for [x xs :when p] body)`: a vector; `(doseq …)` with `collect` false: nil."""

    clauses: tuple[ForClause, ...]
    body: Node
    collect: bool = True


class Dotimes(Node):
    """`(dotimes [i n] body)`."""

    scope: Scope
    binding: Binding
    count: Node
    body: Node


class Loop(Node):
    """`(loop [x 1] body)`; a `Recur` in its body starts it again."""

    scope: Scope
    bindings: tuple[LetBinding, ...]
    body: Node


class Recur(Node):
    """`(recur a b)` in tail position of a loop (`in_loop`) or a function."""

    args: tuple[Node, ...]
    in_loop: bool


class SelfCall(Node):
    """A tail call of the enclosing function by its own name: new arguments, same frame, when the name still means it."""

    function: Node
    args: tuple[Node, ...]


class ContextRef(Node):
    """`@name`: a value of the task or execution context, nil when absent."""

    name: str


class ContextGet(Node):
    """`(get :k)`, `(get name)` with one operand: variable, then context, then nil."""

    name: str
    variable: Node | None


class ResourceRef(Node):
    """`(resource:ref "id")`."""

    name: str


class StepOptions(Struct):
    """`:expose-context`, `:context-keys`, `:params` of a step; `params` is (keys, value nodes)."""

    expose_context: Node | None = None
    context_keys: Node | None = None
    param_keys: tuple[Any, ...] = ()
    param_values: tuple[Node, ...] = ()
    merge_policy: str | None = None
    params_binding: Binding | None = None
    scope: Scope | None = None


class Step(Node):
    """`(step "name" option* body*)`."""

    name: str
    options: StepOptions
    body: Node


class StepLoop(Node):
    """`(step-loop option* cond body)`: at most 10,000 turns."""

    options: StepOptions
    test: Node
    body: Node


class Parallel(Node):
    """`(parallel [a e] …)`: a map when `names` are given, else (also `step-parallel`) a vector.

    The branches are expressions; or all of them `Fn`s without parameters, which go on while others wait for the outside.
    """

    names: tuple[str, ...] | None
    types: tuple[Type | None, ...]
    branches: tuple[Node, ...]

    @property
    def may_wait(self) -> bool:
        return isinstance(self.branches[0], Fn)


class WithResource(Node):
    """`(with-resource [r T init] body)`."""

    scope: Scope
    binding: Binding
    type: Type | None
    value: Node
    body: Node


class LogStep(Node):
    """`(log-step :level e…)`."""

    level: str
    items: tuple[Node, ...]


class HostForm(Node):
    """`discover-agents` and `llm-execute`: a capability call with a fixed id and evaluated operands by name."""

    capability: str
    args: tuple[Node, ...]


class WithHints(Node):
    """`^{:runtime.timeout 500} e`: execution hints for the host while `e` is evaluated."""

    keys: tuple[str, ...]
    values: tuple[Node, ...]
    body: Node


class DefStruct(Node):
    """`(defstruct Name :field T …)`: a record type, its constructor and the predicate `Name?`."""

    name: str
    type: Type
    binding: Binding | None = None
    predicate_binding: Binding | None = None


class DefType(Node):
    """`(deftype Name T)`: an alias."""

    name: str
    type: Type


class Import(Node):
    """`(import a.b :as c :only [d])`."""

    module: str
    alias: str | None
    only: tuple[str, ...] | None
    version: str | None = None


class Module(Node):
    """`(module name (:exports […]) forms…)`: the forms are analysed one after the other when it is evaluated."""

    name: str
    version: str | None
    doc: str
    exports: tuple[str, ...] | None
    forms: tuple[Any, ...]


class TemplatePart(Struct):
    """One item of a quasiquoted collection; `splice`: its items are put in, not itself."""

    node: Node
    splice: bool = False


class Template(Node):
    """A quasiquoted form that is built anew: `kind` is `list`, `vector`, `map` (keys and values alternate) or `metadata`."""

    kind: str
    parts: tuple[TemplatePart, ...]


class FreshNames(Node):
    """A quasiquote with `x#` names: each is bound to a fresh symbol, then the template is built."""

    scope: Scope
    body: Node
