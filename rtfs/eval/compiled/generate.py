"""IR to Python: the code generator.

An RTFS expression becomes Python statements and one Python expression; where its value goes is its destination: the function's
result (`RETURN`), nowhere (`EFFECT`), a variable, or a variable and out of the loop.  What one node becomes is registered by the
modules `forms`, `calls`, `patterns` and `specials`.
"""

from __future__ import annotations

import ast as py
from collections.abc import Callable

from rtfs.eval.compiled.builder import Builder, is_const
from rtfs.eval.compiled.link import Linker
from rtfs.eval.compiled.metering import leave
from rtfs.ir import nodes as ir
from rtfs.ir.passes.kinds import Inference
from rtfs.ir.scopes import bindings, pattern_of, used, walk_function
from rtfs.semantics.typecheck import LateCheck
from rtfs.types.nodes import AnyType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.eval.compiled.rows import Rows
    from rtfs.ir.nodes import Known
    from rtfs.ir.optimise import Facts
    from rtfs.types.nodes import Type


class Destination:
    """Where a value goes: `name` is a variable; `leave`: then out of the innermost Python loop."""

    __slots__ = ("leave", "name")

    def __init__(self, name: str | None = None, leave: bool = False) -> None:
        self.name = name
        self.leave = leave


RETURN = Destination()
EFFECT = Destination()

_EXPRESSIONS: dict[type, Callable[[Generator, Any], Any]] = {}
_STATEMENTS: dict[type, Callable[[Generator, Any, Destination], None]] = {}


def expression(kind: type) -> Callable[[Any], Any]:
    """Register what gives the Python expression of a node."""

    def register(function: Any) -> Any:
        _EXPRESSIONS[kind] = function
        return function

    return register


def statement(kind: type) -> Callable[[Any], Any]:
    """Register what delivers the value of a node to a destination."""

    def register(function: Any) -> Any:
        _STATEMENTS[kind] = function
        return function

    return register


def _is_plain(node: ir.Node) -> bool:
    return isinstance(node, (ir.Const, ir.Get, ir.GlobalGet))


class Frame:
    """A Python function that is being generated."""

    __slots__ = ("fn", "lent", "main", "nonlocals", "result", "thunk")

    def __init__(self, fn: ir.Fn, result: Any = None, thunk: bool = False, main: Frame | None = None) -> None:
        self.fn = fn
        self.result = result  # check of an annotated result: (check, what, span)
        self.thunk = thunk
        self.main = main or self  # where the variables of a thunk are: its code may stand in several places
        self.nonlocals: dict[str, None] = {}
        self.lent: dict[str, None] = {}  # names of its own that a function inside stores


class Generator(Builder):
    """Generates the code of one unit."""

    def __init__(self, unit: ir.Unit, linker: Linker, facts: Facts) -> None:
        super().__init__()
        self.unit = unit
        self.linker = linker
        self.machine = linker.machine
        self.metered = linker.machine.metered
        # what cleans up under a limit must not have the whole depth again, so its depth is known
        self.counted = linker.counted or unit.cleans
        self.facts = facts
        self.is_builtin = facts.is_builtin
        self.inference = Inference(unit, facts)
        self.in_version = False  # in the second body of the unit's function
        self.frame = Frame(unit.top)
        self._homes: dict[str, Frame] = {}
        self._frames: dict[ir.Fn, Frame] = {unit.top: self.frame}
        self._taken: dict[str, int] = {}
        self._fixed: set[str] = set()
        self.sinks: dict[ir.Var, Callable[[Any], None]] = {}  # what takes the items of a collection that is not built
        # variables that stand for a place in their items: `at` an index, `item` one of them, or at their `end`
        self.cursors: dict[ir.Var, str] = {}
        self.counters: dict[ir.Var, ir.Loop] = {}  # variables that Python's `for` steps on
        # variables that are not stored: the one that they come from, and what is to be added to it
        self.offsets: dict[ir.Var, tuple[ir.Var, int]] = {}
        self.repeated = 0  # loops around, in the current Python function
        self.values: dict[ir.Var, ir.Node] | None = None  # what variables are given, once somebody has asked
        self.reads: tuple[ir.Fn, Any] | None = None  # who reads the variables of a function (`offsets.Reads`)
        self.rows: dict[ir.Scan, Rows] = {}  # loops over the parts of items, which have been taken already
        self.parts: dict[ir.Var, Known] = {}  # what is known of those parts
        self.speculating = 0  # regions around that are generated for numbers of one kind; negative in their other versions
        self.fusing = False  # inside loops that run as one
        self.calm: set[tuple[str, int]] = set()  # global names, and numbers of operands, whose calls surely answer with values
        self.flags: list[tuple[str, str, Any]] = []  # entries that tell whether a name is bound to a function: key, name, `fn`
        self.staged = False  # inside the same loops one after the other

    # --- nodes ---

    def stmt(self, node: ir.Node, to: Destination) -> None:
        """Statements that deliver the node's value to `to`."""
        outer = self.at
        self.at = self.position(node.span)
        found = _STATEMENTS.get(type(node))
        if found is not None:
            found(self, node, to)
        else:
            self.deliver(_EXPRESSIONS[type(node)](self, node), to)
        self.at = outer

    def expr(self, node: ir.Node) -> Any:
        """The node's value as an expression, after the statements it needs."""
        outer = self.at
        self.at = self.position(node.span)
        found = _EXPRESSIONS.get(type(node))
        if found is not None:
            made = found(self, node)
        else:
            temp = self.temp()
            _STATEMENTS[type(node)](self, node, Destination(temp))
            made = self.load(temp)
        self.at = outer
        return made

    def deliver(self, value: Any, to: Destination) -> None:
        if to is RETURN:
            if self.frame.result is not None:
                check, what, span = self.frame.result
                value = self.call(" result", self.const(check), value, self.const(what), self.const(span))
            self.add(py.Return(leave(self, value)))
        elif to is EFFECT:
            self.do(value)
        else:
            assert to.name is not None
            if not (isinstance(value, py.Name) and value.id == to.name):
                self.assign(to.name, value)
            if to.leave:
                self.add(py.Break())

    def exprs(self, nodes: list[ir.Node], first: Any = None) -> list[Any]:
        """Several values, evaluated in order; `first` is a value that was evaluated before them."""
        made = [first] if first is not None else []
        for node in nodes:
            mark = len(self.block)
            value = self.expr(node)
            if len(self.block) > mark:
                self.spill(made, mark)
            made.append(value)
        return made

    def spill(self, values: list[Any], mark: int) -> None:
        """Evaluate values before the statements from `mark` on."""
        after = self.block[mark:]
        del self.block[mark:]
        for i, value in enumerate(values):
            if not self.is_stable(value):
                temp = self.temp()
                self.assign(temp, value)
                values[i] = self.load(temp)
        self.block += after

    def is_stable(self, value: Any) -> bool:
        """Whether evaluating it later gives the same."""
        if is_const(value):
            return True
        return isinstance(value, py.Name) and (value.id.startswith("t ") or value.id in self._fixed)

    def named(self, value: Any) -> Any:
        """The value as a name or constant that can be used more than once."""
        if self.is_stable(value):
            return value
        temp = self.temp()
        self.assign(temp, value)
        return self.load(temp)

    def truth(self, node: ir.Node) -> Any:
        """Whether the node's value is neither nil nor false, as a Python condition."""
        outer = self.at
        self.at = self.position(node.span)
        made = self._truth(node)
        self.at = outer
        return made

    def _truth(self, node: ir.Node) -> Any:
        if isinstance(node, ir.Const):
            return self.const(node.value is not None and node.value is not False)
        if isinstance(node, ir.Logic):
            first = self.truth(node.items[0])
            parts: list[Any] = []
            for item in node.items[1:]:
                out: list[Any] = []
                block = self.inside(lambda n=item, o=out: o.append(self.truth(n)))
                parts.append((block, out[0]))
            if not any(block for block, _ in parts):
                tests = [first, *[test for _, test in parts]]
                return self.both(*tests) if node.conjunction else self.either(*tests)
            temp = self.temp()
            self.assign(temp, first)
            self._tests(node, parts, temp, 0)
            return self.load(temp)
        if isinstance(node, ir.Call):
            from rtfs.eval.compiled.operators import condition

            found = condition(self, node)
            if found is not None:
                return found
        return self.truth_of(self.expr(node), node.kind)

    def _tests(self, node: ir.Logic, parts: list[Any], temp: str, i: int) -> None:
        if i == len(parts):
            return
        block, test = parts[i]

        def more() -> None:
            self.block += self.ending(block, temp, test)
            self._tests(node, parts, temp, i + 1)

        held = self.load(temp)
        self.when(held if node.conjunction else self.negated(held), self.inside(more))

    def apart(self, node: ir.Node) -> tuple[list[Any], Any]:
        """The node's statements and its expression, not yet added."""
        out: list[Any] = []
        block = self.inside(lambda: out.append(self.expr(node)))
        return block, out[0]

    def ending(self, block: list[Any], temp: str, value: Any) -> list[Any]:
        """Statements that end by keeping a value."""
        if isinstance(value, py.Name) and value.id == temp:
            return block
        return [*block, self.put(py.Assign([self.store(temp)], value))]

    def truth_of(self, value: Any, kind: str | None) -> Any:
        if isinstance(value, py.Constant):
            return self.const(value.value is not None and value.value is not False)
        if is_const(value):
            return self.const(True)
        if kind == "bool":
            return value
        if kind is not None:  # numbers, strings and functions are true
            self.do(value)
            return self.const(True)
        if self.is_stable(value):
            return self.both(self.is_not(value, self.const(None)), self.is_not(value, self.const(False)))
        temp = self.temp()
        return self.both(self.is_not(self.walrus(temp, value), self.const(None)), self.is_not(self.load(temp), self.const(False)))

    # --- variables ---

    def unique(self, name: str) -> str:
        """A Python name for an RTFS name, used once in the unit."""
        if name in ("None", "True", "False") or name.startswith("__"):
            name += "~"
        count = self._taken.get(name, 0)
        self._taken[name] = count + 1
        return f"{name}~{count}" if count else name

    def name_of(self, var: ir.Var) -> str:
        if not var.py:
            var.py = self.unique(var.name)
        if var.py not in self._homes:
            home = self.frame if self.frame.fn is var.owner else self._frames.get(var.owner, self.frame)
            self._homes[var.py] = home.main
            if not var.boxed and not var.assigned and not var.early and not var.owned:
                self._fixed.add(var.py)  # changes only where a loop starts again
        return var.py

    def own(self, name: str) -> str:
        """A Python variable that is about to be stored."""
        if self._homes.setdefault(name, self.frame) is not self.frame:
            self.frame.nonlocals[name] = None
            self._homes[name].lent[name] = None
        return name

    def names(self) -> tuple[dict[str, Frame], dict[str, int], set[str]]:
        """The Python names in use; `restore_names` forgets those of the variables of a function that were given since."""
        return dict(self._homes), dict(self._taken), set(self._fixed)

    def restore_names(self, saved: tuple[dict[str, Frame], dict[str, int], set[str]], fn: ir.Fn) -> None:
        for node in walk_function(self.unit, fn):
            found = used(node)
            pattern = pattern_of(node)
            if pattern is not None:
                found += [self.unit.vars[b] for b in bindings(pattern)]
            for var in [*fn.params, *found]:
                if var.owner is fn:
                    var.py = ""
        self._homes, self._taken, self._fixed = saved

    def store_var(self, var: ir.Var, value: Any, assigns: bool = False) -> None:
        """`var = value`"""
        name = self.own(self.name_of(var))
        if not var.boxed:
            self.assign(name, value)
        elif var.early or assigns:
            self.add(py.Assign([self.put(py.Subscript(self.load(name), self.const(0), py.Store()))], value))
        else:
            self.assign(name, self.list_of([value]))

    def read_var(self, var: ir.Var) -> Any:
        name = self.name_of(var)
        value = self.load(name)
        return self.item(value, self.const(0)) if var.boxed else value

    # --- functions ---

    def function(
        self, name: str, args: list[str], work: Callable[[], None], frame: Frame, defaults: list[str] | None = None
    ) -> None:
        """Add `def name(args): …` with the statements that `work` adds."""
        outer, self.frame = self.frame, frame
        inlined, repeated = self.inlined, self.repeated
        at = self.at
        if not frame.thunk:
            self.repeated = 0
        if inlined is not None and not frame.thunk:  # it runs in a frame of its own, wherever it is written
            self.inlined = None
            self.at = self.place(None, (), "", at)
        around = self._frames.get(frame.fn, frame)
        self._frames[frame.fn] = frame
        body = self.inside(work)
        self.frame, self._frames[frame.fn] = outer, around
        self.inlined, self.at, self.repeated = inlined, at, repeated
        for lent in frame.lent:  # Python wants to see a function store its names
            if lent not in args and lent not in (defaults or []):
                body.insert(0, self.put(py.Assign([self.put(py.Name(lent, py.Store()))], self.load(" UNBOUND"))))
        if frame.nonlocals:
            body.insert(0, self.put(py.Nonlocal(list(frame.nonlocals))))
        parameters = py.arguments(
            posonlyargs=[],
            args=[self.put(py.arg(arg)) for arg in [*args, *(defaults or [])]],
            kwonlyargs=[],
            kw_defaults=[],
            defaults=[self.load(d) for d in defaults or []],
        )
        self.add(py.FunctionDef(name, parameters, body or [self.put(py.Pass())], []))

    def thunk(self, node: ir.Node) -> str:
        """A Python function without parameters that evaluates a node in place; gives its name."""
        name = self.unique("in place ")
        self._homes[name] = self.frame
        self.function(name, [], lambda: self.stmt(node, RETURN), Frame(self.frame.fn, None, True, self.frame.main))
        return name

    def simple(self, node: ir.Node) -> Any:
        """The node as an expression without statements."""
        if _is_plain(node) or (isinstance(node, ir.Call) and all(_is_plain(part) for part in node.children())):
            made: list[Any] = []
            if not self.inside(lambda: made.append(self.expr(node))):
                return made[0]
        return self.call(self.thunk(node))

    def check_of(self, type_: Type | None) -> LateCheck | None:
        """The check of an annotation, None when there is nothing to check."""
        if type_ is None or isinstance(type_, AnyType):
            return None
        return LateCheck(lambda: type_, self.linker.lookup_type)

    def module(self, name: str) -> py.Module:
        """The whole unit as a module that defines the function `name`."""
        import rtfs.eval.compiled.calls
        import rtfs.eval.compiled.cases
        import rtfs.eval.compiled.changes
        import rtfs.eval.compiled.forms
        import rtfs.eval.compiled.loops
        import rtfs.eval.compiled.patterns
        import rtfs.eval.compiled.scans
        import rtfs.eval.compiled.specials
        import rtfs.eval.compiled.trying  # noqa: F401
        from rtfs.eval.compiled.calls import find_bounces
        from rtfs.eval.compiled.versions import plan

        find_bounces(self)
        version = plan(self)
        self.inference = Inference(self.unit, self.facts, version)
        if version is not None:
            self.linker.versions[self.unit.name] = version
        elif self.unit.function is not None:
            self.linker.versions.pop(self.unit.name, None)
        body = self.inside(lambda: self.function(name, [], lambda: self.stmt(self.unit.top.body, RETURN), self.frame))
        return py.Module(body, [])
