"""What the analyser guarantees of its nodes, looked at in nodes that were read from an artefact.

Evaluators rely on it: a name is used where it has a value or is known to be late; `recur` stands where the loop or function around
can start again; calls that give up a frame stand where its value is theirs.  The walk goes through a node in the order in which the
analyser made it, and keeps its rules (`syntax.analyse`).  What names are used for is not read but found out here.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.ir.artefact.program import Prepared, Program
from rtfs.ir.artefact.reading import Corrupt
from rtfs.ir.artefact.wellformed_types import check_type
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import Type
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, ResourceHandle, Timestamp, Uuid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SCALARS = (type(None), bool, int, float, str, Keyword, Timestamp, Uuid, ResourceHandle)


def check_program(program: Program) -> None:
    """
    Raises:
        Corrupt: a form is not one that the analyser could have made.
    """
    import rtfs.ir.artefact.wellformed_forms  # noqa: F401 - registers the rarer forms

    waiting: list[Prepared] = [*program.forms, *[form for forms in program.modules.values() for form in forms]]
    while waiting:
        form = waiting.pop()
        for _, function in form.macros:
            Checker().node(function, TOP)
        checker = Checker()
        checker.node(form.node, TOP)
        waiting += checker.inner


def need(holds: bool, what: str) -> None:
    if not holds:
        raise Corrupt(f"a form in it cannot be so: {what}")


class Target:
    """What `recur` starts again: a loop or a function, with how many values; `selves` are the names by which it calls itself."""

    __slots__ = ("count", "in_loop", "selves")

    def __init__(self, count: int, in_loop: bool, selves: tuple[Any, ...] = ()) -> None:
        self.count = count
        self.in_loop = in_loop
        self.selves = selves


class Place:
    """Where a node stands: the nearest scope (None at the top), and what its value is the value of."""

    __slots__ = ("free_tail", "scope", "target")

    def __init__(self, scope: list[ast.Binding] | None, target: Target | None = None, free_tail: bool = False) -> None:
        self.scope = scope
        self.target = target
        self.free_tail = free_tail

    def apart(self) -> Place:
        """The same scope, but not in tail position."""
        return self if self.target is None and not self.free_tail else Place(self.scope)


TOP = Place(None)

CHECKS: dict[type, Callable[[Checker, Any, Place], None]] = {}


def checks(kind: type) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        CHECKS[kind] = function
        return function

    return register


class Checker:
    """Goes through one root.

    Attributes:
        inner: the forms of modules that it met.
    """

    def __init__(self) -> None:
        self.inner: list[Prepared] = []
        #: The scope of a binding, its number there, and the function that the scope is in.
        self._homes: dict[ast.Binding, tuple[list[ast.Binding], int, ast.Fn | None]] = {}
        self.function: ast.Fn | None = None  # around
        self._visible: set[ast.Binding] = set()
        self._bound: set[ast.Binding] = set()  # given a value by a pattern, each by one
        self._new: list[ast.Binding] = []  # of those, since the beginning of the innermost alternative
        self._ahead: list[set[ast.Binding]] = []  # names of functions that the functions around see before they are bound

    # --- nodes ---

    def node(self, node: ast.Node, place: Place) -> None:
        CHECKS[type(node)](self, node, place)

    def nodes(self, nodes: Any, place: Place) -> None:
        """Several nodes, none of them in tail position."""
        inner = place.apart()
        for node in nodes:
            self.node(node, inner)

    def type(self, type_: Type | None) -> None:
        if type_ is not None:
            check_type(type_)

    # --- names ---

    def enter(self, scope: ast.Scope, place: Place, *, first: ast.Binding | None = None) -> Place:
        """The place inside a scope, in the same tail position; `first`: the binding that has a value from the beginning."""
        for i, binding in enumerate(scope.bindings):
            need(binding not in self._homes, "a scope")
            self._homes[binding] = scope.bindings, i, self.function
        inner = Place(scope.bindings, place.target, place.free_tail)
        if first is not None:
            self.bind(first, inner)
            need(scope.bindings[0] is first, "a scope")
        return inner

    def leave(self, scope: ast.Scope) -> None:
        self._visible.difference_update(scope.bindings)

    def number(self, binding: ast.Binding, place: Place) -> int:
        """Which one it is of the bindings of the nearest scope."""
        home = self._homes.get(binding)
        need(home is not None and home[0] is place.scope, "a binding")
        assert home is not None
        return home[1]

    def bind(self, binding: ast.Binding, place: Place, *, late: bool = False) -> None:
        """A binding of the nearest scope gets its value; from here on it is seen."""
        self.number(binding, place)
        need(binding.late == late and binding not in self._bound, "a binding")
        self._bound.add(binding)
        self._visible.add(binding)
        self._new.append(binding)

    def define(self, binding: ast.Binding, place: Place) -> None:
        """A late binding of the nearest scope is defined: seen from here on, with or without a value."""
        self.number(binding, place)
        need(binding.late, "a definition")
        self._visible.add(binding)

    def show(self, bindings: list[ast.Binding]) -> None:
        """Late bindings are seen from here on."""
        self._visible.update(bindings)

    def use(self, binding: ast.Binding) -> None:
        need(binding in self._visible or any(binding in names for names in reversed(self._ahead)), "the use of a name")
        binding.captured = binding.captured or self._homes[binding][2] is not self.function

    def function_among(self, node: ast.Fn, place: Place, itself: ast.Binding, ahead: set[ast.Binding]) -> None:
        """A function that sees the names of others which are bound later."""
        self._ahead.append(ahead)
        function(self, node, place, itself)
        self._ahead.pop()

    # --- patterns ---

    def pattern(self, pattern: ast.Pattern, place: Place, *, matching: bool = False, late: bool = False) -> None:
        """A pattern binds its names; `matching`: with all that `match` allows. `late`: the name of a `letrec`."""
        if isinstance(pattern, ast.BindPattern):
            self.bind(pattern.binding, place, late=late)
        elif isinstance(pattern, ast.VectorPattern):
            for item in pattern.items:
                self.pattern(item, place, matching=matching)
            if pattern.rest is not None:
                need(isinstance(pattern.rest, (ast.BindPattern, ast.WildcardPattern)), "the rest of a pattern")
                self.pattern(pattern.rest, place)
            self._bind_some(place, pattern.whole)
        elif isinstance(pattern, ast.MapPattern):
            for entry in pattern.entries:
                need(isinstance(entry.key, _SCALARS), "the key of a pattern")
                if entry.default is not None:
                    need(isinstance(entry.pattern, ast.BindPattern), "a default")
                    self.node(entry.default, place.apart())
                self.pattern(entry.pattern, place, matching=matching)
            self._bind_some(place, pattern.rest, pattern.whole)
        elif isinstance(pattern, ast.TypedPattern):
            self.type(pattern.type)
            self.pattern(pattern.pattern, place, matching=matching)
        elif not isinstance(pattern, ast.WildcardPattern):
            need(matching, "a pattern")
            self._match_pattern(pattern, place)

    def _match_pattern(self, pattern: ast.Pattern, place: Place) -> None:
        if isinstance(pattern, ast.OrPattern):
            self._alternatives(pattern, place)
        elif isinstance(pattern, ast.AsPattern):
            self.bind(pattern.binding, place)
            self.pattern(pattern.pattern, place, matching=True)
        elif isinstance(pattern, ast.GuardPattern):
            self.pattern(pattern.pattern, place, matching=True)
            self.node(pattern.guard, place.apart())

    def _alternatives(self, pattern: ast.OrPattern, place: Place) -> None:
        """Each binds the same names, and sees only what it has bound itself."""
        need(len(pattern.options) > 0, "an alternative")
        outer = self._new
        names: set[ast.Binding] = set()
        for i, option in enumerate(pattern.options):
            self._bound -= names
            self._visible -= names
            self._new = []
            self.pattern(option, place, matching=True)
            new = set(self._new)
            need(i == 0 or new == names, "an alternative")
            names = new
        self._new = [*outer, *names]

    def _bind_some(self, place: Place, *bindings: ast.Binding | None) -> None:
        for binding in bindings:
            if binding is not None:
                self.bind(binding, place)


# --- names and literals ----------------------------------------------------------------------


@checks(ast.Const)
def _const(c: Checker, node: ast.Const, place: Place) -> None:
    return None


@checks(ast.Local)
def _local(c: Checker, node: ast.Local, place: Place) -> None:
    c.use(node.binding)
    node.binding.uses += 1


@checks(ast.Global)
def _global(c: Checker, node: ast.Global, place: Place) -> None:
    return None


@checks(ast.MakeVector)
def _make_vector(c: Checker, node: ast.MakeVector, place: Place) -> None:
    c.nodes(node.items, place)


@checks(ast.MakeMap)
def _make_map(c: Checker, node: ast.MakeMap, place: Place) -> None:
    need(len(node.keys) == len(node.values) and all(isinstance(key, _SCALARS) for key in node.keys), "a map")
    c.nodes(node.values, place)


@checks(ast.SetLocal)
def _set_local(c: Checker, node: ast.SetLocal, place: Place) -> None:
    c.node(node.value, place.apart())
    c.use(node.binding)
    node.binding.assigned = True


@checks(ast.SetGlobal)
def _set_global(c: Checker, node: ast.SetGlobal, place: Place) -> None:
    c.node(node.value, place.apart())


@checks(ast.Def)
def _def(c: Checker, node: ast.Def, place: Place) -> None:
    need(place.scope is None, "a definition")
    c.type(node.type)
    _defined(c, node.value, place, node.name)


@checks(ast.DefLocal)
def _def_local(c: Checker, node: ast.DefLocal, place: Place) -> None:
    c.type(node.type)
    c.define(node.binding, place)
    _defined(c, node.value, place, node.binding)


def _defined(c: Checker, value: ast.Node, place: Place, itself: ast.Binding | str) -> None:
    """The value of a definition; a function knows the name that it is defined by."""
    if isinstance(value, ast.Fn):
        function(c, value, place, itself)
    else:
        c.node(value, place.apart())


# --- control ---


@checks(ast.If)
def _if(c: Checker, node: ast.If, place: Place) -> None:
    c.node(node.test, place.apart())
    c.node(node.then, place)
    c.node(node.otherwise, place)


@checks(ast.Do)
def _do(c: Checker, node: ast.Do, place: Place) -> None:
    if place.scope is not None:  # functions of a body may call each other
        for item in node.body:
            if isinstance(item, ast.DefLocal):
                c.define(item.binding, place)
    _in_order(c, node.body, place)


@checks(ast.And)
@checks(ast.Or)
def _logic(c: Checker, node: ast.And | ast.Or, place: Place) -> None:
    _in_order(c, node.items, place)


def _in_order(c: Checker, nodes: tuple[ast.Node, ...], place: Place) -> None:
    need(len(nodes) > 0, "a sequence")
    c.nodes(nodes[:-1], place)
    c.node(nodes[-1], place)


@checks(ast.Let)
def _let(c: Checker, node: ast.Let, place: Place) -> None:
    inner = c.enter(node.scope, place)
    # names of functions are seen by functions: those of a `letrec` everywhere, others by themselves and by the ones before
    early = [b.pattern.binding if _is_early(b, node.recursive) else None for b in node.bindings]  # type: ignore[attr-defined]
    names = [binding for binding in early if binding is not None]
    if node.recursive:
        c.show(names)
    ahead = set(names)
    for i, b in enumerate(node.bindings):
        c.type(b.type)
        binding = early[i]
        if binding is not None and isinstance(b.value, ast.Fn):
            c.function_among(b.value, inner, binding, ahead)
        else:
            c.node(b.value, inner.apart())
        c.pattern(b.pattern, inner, late=binding is not None)
        if binding is not None:
            ahead.discard(binding)
    c.node(node.body, inner)
    c.leave(node.scope)


def _is_early(b: ast.LetBinding, recursive: bool) -> bool:
    return isinstance(b.pattern, ast.BindPattern) and b.pattern.binding.late and (recursive or isinstance(b.value, ast.Fn))


@checks(ast.Match)
def _match(c: Checker, node: ast.Match, place: Place) -> None:
    need(len(node.clauses) > 0, "a match")
    c.node(node.value, place.apart())
    for clause in node.clauses:
        inner = c.enter(clause.scope, place)
        c.pattern(clause.pattern, inner, matching=True)
        if clause.guard is not None:
            c.node(clause.guard, inner.apart())
        c.node(clause.body, inner)
        c.leave(clause.scope)


@checks(ast.Try)
def _try(c: Checker, node: ast.Try, place: Place) -> None:
    need(len(node.catches) > 0 or node.final is not None, "a try")
    apart = place.apart()
    c.node(node.body, apart)
    for clause in node.catches:
        if isinstance(clause.selector, Type):
            check_type(clause.selector)
        inner = c.enter(clause.scope, apart, first=clause.binding)
        c.node(clause.body, inner)
        c.leave(clause.scope)
    if node.final is not None:
        c.node(node.final, apart)


# --- functions and calls ---


@checks(ast.Fn)
def _fn(c: Checker, node: ast.Fn, place: Place) -> None:
    function(c, node, place, None)


def function(c: Checker, node: ast.Fn, place: Place, itself: ast.Binding | str | None) -> None:
    """A function; `itself` is what it is bound to."""
    selves: tuple[Any, ...] = (itself,) if itself is not None else ()
    if node.self_binding is not None:
        c.enter(ast.Scope([node.self_binding]), place, first=node.self_binding)
        selves += (node.self_binding,)
    _hint(node)
    need(node.meta is None or (type(node.meta) is Map and len(node.meta) > 0), "metadata")
    params = [*node.params, *([node.rest] if node.rest is not None else [])]
    around, c.function = c.function, node
    inner = Place(c.enter(node.scope, place).scope)
    need(len(node.scope.bindings) >= len(params), "the parameters of a function")
    for binding, param in zip(node.scope.bindings, params, strict=False):  # parameters come first, taken apart or not
        need(not isinstance(param.pattern, ast.BindPattern) or param.pattern.binding is binding, "a parameter")
        c.bind(binding, inner)
        c.type(param.type)
    need(node.rest is None or isinstance(node.rest.pattern, ast.BindPattern), "the rest parameter")
    for param in node.params:
        if not isinstance(param.pattern, ast.BindPattern):
            c.pattern(param.pattern, inner)
    c.type(node.result)
    if node.rest is not None or (node.hint is not None and node.hint.target != "local"):
        selves = ()
    c.node(node.body, Place(inner.scope, Target(len(params), False, selves), node.result is None))
    c.leave(node.scope)
    c.function = around
    if node.self_binding is not None:
        c.leave(ast.Scope([node.self_binding]))


def _hint(node: ast.Fn) -> None:
    hint = node.hint
    if hint is not None:
        named = hint.model is not None and hint.model.strip() != ""
        need(named != (hint.target == "local") and (hint.model is None or named), "a delegation hint")


@checks(ast.Call)
def _call(c: Checker, node: ast.Call, place: Place) -> None:
    need(not node.tail or place.free_tail, "a tail call")
    c.nodes((node.function, *node.args), place)


@checks(ast.SelfCall)
def _self_call(c: Checker, node: ast.SelfCall, place: Place) -> None:
    target = place.target
    called = getattr(node.function, "binding", None) or getattr(node.function, "name", None)
    need(isinstance(node.function, (ast.Local, ast.Global)) and target is not None and not target.in_loop, "a tail call")
    assert target is not None
    need(called in target.selves and len(node.args) == target.count, "a tail call")
    c.nodes((node.function, *node.args), place)


@checks(ast.Recur)
def _recur(c: Checker, node: ast.Recur, place: Place) -> None:
    target = place.target
    need(target is not None and target.in_loop == node.in_loop and target.count == len(node.args), "a recur")
    c.nodes(node.args, place)


# --- loops ---


@checks(ast.Loop)
def _loop(c: Checker, node: ast.Loop, place: Place) -> None:
    inner = c.enter(node.scope, place)
    before = -1
    for b in node.bindings:
        c.type(b.type)
        c.node(b.value, inner.apart())
        c.pattern(b.pattern, inner)
        if isinstance(b.pattern, ast.BindPattern):  # values of `recur` go to slots in order
            number = c.number(b.pattern.binding, inner)
            need(number > before, "a loop")
            before = number
    c.node(node.body, Place(inner.scope, Target(len(node.bindings), True), inner.free_tail))
    c.leave(node.scope)


@checks(ast.For)
def _for(c: Checker, node: ast.For, place: Place) -> None:
    need(not node.clauses or node.clauses[0].kind == "each", "a loop")
    inner = place.apart()
    for clause in node.clauses:
        each, binds = clause.kind == "each", clause.kind == "let"
        need((clause.pattern is not None) == each and (clause.value is None) == binds, "a loop")
        need(not clause.bindings or binds, "a loop")
        if clause.value is not None:
            c.node(clause.value, inner)
        if each or binds:
            inner = c.enter(clause.scope, inner)
        else:
            need(not clause.scope.bindings, "a loop")
        if clause.pattern is not None:
            c.pattern(clause.pattern, inner)
        for b in clause.bindings:
            c.node(b.value, inner)
            c.type(b.type)
            c.pattern(b.pattern, inner)
    c.node(node.body, inner)
    for clause in node.clauses:
        c.leave(clause.scope)


@checks(ast.Dotimes)
def _dotimes(c: Checker, node: ast.Dotimes, place: Place) -> None:
    c.node(node.count, place.apart())
    c.node(node.body, c.enter(node.scope, place.apart(), first=node.binding))
    c.leave(node.scope)
