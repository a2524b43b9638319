"""What is known about values: literals, results of built-ins, checked parameters, and from there variables, to a fixpoint.

Something is known of a variable when it holds for everything that the variable is ever given; loop variables start out with what is
known of their first value and keep as much of it as the values of `recur` agree with.  The code generator leaves out the guards
that this makes unnecessary.
"""

from __future__ import annotations

from collections.abc import Sequence

from rtfs.ir import nodes as ir
from rtfs.ir.lattice import BOOL, COUNT, FLOAT, INT, MAP, NUM, STR, UNKNOWN, VEC, fits, join
from rtfs.ir.nodes import ANY, Known
from rtfs.ir.optimise import Counts
from rtfs.ir.quotients import keep_floats
from rtfs.ir.results import changed, result
from rtfs.ir.scopes import variables, walk, walk_function
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import Primitive
from rtfs.values.maps import Map
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.ir.optimise import Facts

#: After so many changes of one variable its bits are given up: they would grow for ever.
_ROUNDS = 4

_CHECKED = {"int": INT, "float": NUM, "string": STR, "bool": BOOL}
_LITERALS = {float: FLOAT, str: STR, bool: BOOL, Vector: VEC, Map: MAP}


class Version:
    """A second body of a global function, for operands of which something is known.

    Attributes:
        spec: the function's definition.
        params: what is known of each operand; `ANY` where nothing has to be.
        result: what is then known of its value.
        key: the name of the Python function among the globals of generated code.
    """

    __slots__ = ("key", "params", "result", "spec")

    def __init__(self, spec: Any, params: list[Known], key: str) -> None:
        self.spec = spec
        self.params = params
        self.result = UNKNOWN
        self.key = key

    def fits(self, args: list[ir.Node]) -> bool:
        return len(args) == len(self.params) and all(fits(arg.known, param) for arg, param in zip(args, self.params, strict=True))


def run(unit: ir.Unit, facts: Facts) -> Counts:
    """Set what is known of nodes and variables."""
    found = variables(unit)
    Inference(unit, facts).infer(list(walk(unit)), found, {})
    return {"variables": sum(var.kind is not None for var in found)}


class Inference:
    """What is known in one unit.

    Args:
        version: of the function that the unit defines.
    """

    def __init__(self, unit: ir.Unit, facts: Facts, version: Version | None = None) -> None:
        self.unit = unit
        self.facts = facts
        self.version = version
        #: reads of variables that were compared before -> what they are at most
        self.limits: dict[int, ir.Node] = {}

    def infer(
        self,
        nodes: list[ir.Node],
        variables: list[ir.Var],
        assumed: dict[ir.Var, Known],
        region: Sequence[ir.Node] = (),
    ) -> None:
        """Set what is known of some nodes (outer ones first) and of the variables that they give values to.

        Args:
            assumed: what is known of variables to begin with.
            region: those of the nodes that are evaluated one after the other, if no other node is around them.
        """
        given: dict[ir.Var, list[Any]] = {}  # variable -> nodes, and what is known of values, that it is given
        emitted: dict[ir.Var, list[ir.Node]] = {}
        for node in nodes:
            if isinstance(node, ir.Emit):
                emitted.setdefault(node.into, []).append(node.value)
        self.limits.clear()
        for node in nodes:
            _stores(self.unit, node, given, emitted)
            if isinstance(node, ir.If):
                self._compare(node)
        rounds: dict[ir.Var, int] = {}
        for var in variables:
            # parameters, patterns and the like are stores that no node shows
            open_ = len(given.get(var, ())) < var.stores or var.early or var.boxed
            var.known = assumed.get(var, ANY if open_ else UNKNOWN)
            rounds[var] = 0
        for fn in [node for node in nodes if isinstance(node, ir.Fn)]:
            for var, known in checked_parameters(fn).items():
                if var not in assumed:
                    var.known = known
        changing = [var for var in variables if var.known is UNKNOWN and var not in assumed]
        order = list(reversed(nodes))
        changed = True
        while changed:
            changed = False
            for node in order:
                node.known = self.value(node)
            for var in changing:
                found: Known = UNKNOWN
                for source in given[var]:
                    found = join(found, source if isinstance(source, Known) else source.known)
                if rounds[var] > _ROUNDS and len(given[var]) > 1:  # it goes round a loop
                    found = join(found, var.known)
                    if found.bits is not None and found != var.known:
                        found = Known(found.kind, None, found.natural)
                if found != var.known:
                    var.known = found
                    rounds[var] += 1
                    changed = True
        left = [var for var in changing if var.known is UNKNOWN]
        if left:
            for var in left:
                var.known = ANY
            for node in order:
                node.known = self.value(node)
        for node in nodes:
            if node.known is UNKNOWN:
                node.known = ANY
        keep_floats(nodes, region, self.facts)

    def _compare(self, node: ir.If) -> None:
        """Take note of what a comparison tells of the variable in it, in the branch where it holds or does not."""
        test = node.test
        if not (isinstance(test, ir.Call) and isinstance(test.function, ir.GlobalGet) and len(test.args) == 2):
            return
        name = test.function.name
        if name not in ("<", "<=", ">", ">=") or not self.facts.is_builtin(name):
            return
        a, b = test.args
        less, more = (a, b) if name[0] == "<" else (b, a)  # in the first branch; the other way round in the second
        for small, large, branch in ((less, more, node.then), (more, less, node.otherwise)):
            if isinstance(small, ir.Get) and not small.var.assigned and isinstance(large, (ir.Const, ir.Get)):
                waiting = [branch]
                while waiting:
                    item = waiting.pop()
                    if isinstance(item, ir.Get) and item.var is small.var:
                        self.limits[id(item)] = large
                    waiting.extend(item.children())

    # --- one node ---

    def value(self, node: ir.Node) -> Known:
        """What is known of a node's value, from what is known of its parts."""
        rule = _RULES.get(type(node))
        return rule(self, node) if rule is not None else ANY

    def call(self, node: ir.Call) -> Known:
        head = node.function
        if not isinstance(head, ir.GlobalGet):
            return ANY
        if self.facts.is_builtin(head.name):
            return result(head.name, node.args)
        version = self.version_for(node)
        return version.result if version is not None else ANY

    def _direct(self) -> set[int]:
        if self.unit.direct is None:
            self.unit.direct = {id(node) for fn in direct_functions(self.unit) for node in walk_function(self.unit, fn)}
        return self.unit.direct

    def version_for(self, node: ir.Call) -> Version | None:
        """The version of a function that a call can be made to directly."""
        head = node.function
        if not isinstance(head, ir.GlobalGet) or (head.name == self.unit.name and self.version is None):
            return None
        if id(node) not in self._direct():  # any other function may outlive a rebinding of what it calls
            return None
        version = self.version if head.name == self.unit.name else self.facts.version(head.name)
        return version if version is not None and version.fits(node.args) else None


def direct_functions(unit: ir.Unit) -> list[ir.Fn]:
    """The top and the global function that it defines, if it does just that."""
    return [fn for fn in (unit.top, unit.function, unit.plain) if fn is not None]


def checked_parameters(fn: ir.Fn) -> dict[ir.Var, Known]:
    """What the annotations of parameters tell of them."""
    found = {}
    for check in fn.prepare:
        if isinstance(check, ir.Check) and isinstance(check.value, ir.Get) and type(check.type) is Primitive:
            var = check.value.var
            rest = fn.ast is not None and fn.ast.rest is not None and var is fn.params[-1]
            if var.stores == 1 and not var.boxed and not rest and check.type.name in _CHECKED:
                found[var] = _CHECKED[check.type.name]
    return found


def _stores(unit: ir.Unit, node: ir.Node, given: dict[ir.Var, list[Any]], emitted: dict[ir.Var, list[ir.Node]]) -> None:
    if isinstance(node, ir.Set):
        given.setdefault(node.var, []).append(node.value)
    elif isinstance(node, ir.Recur):
        if isinstance(node.target, ir.Loop):
            for var, arg in zip(node.target.vars, node.args, strict=False):
                given.setdefault(var, []).append(arg)
    elif isinstance(node, ir.Times):
        given.setdefault(node.var, []).append(COUNT)
    elif isinstance(node, ir.Collect):
        if node.into is not None:
            given.setdefault(node.into, []).append(ANY)
    elif isinstance(node, ir.Each):
        if node.ranged and isinstance(node.items, ir.Call) and isinstance(node.pattern, ast.BindPattern):
            given.setdefault(unit.vars[node.pattern.binding], []).append(range_items(node.items.args))
    elif isinstance(node, ir.Scan):
        found: list[Any] = [ANY]
        if node.ranged and isinstance(node.items, ir.Call):
            found = [range_items(node.items.args)]
        elif isinstance(node.items, ir.Collect) and node.items.into is not None:
            found = list(emitted.get(node.items.into, found))
        given.setdefault(node.var, []).extend(found)


class _Range:
    """What is known of the items of a range, as a source that is looked at again and again."""

    __slots__ = ("args",)

    def __init__(self, args: list[ir.Node]) -> None:
        self.args = args

    @property
    def known(self) -> Known:
        known = [arg.known for arg in self.args[:2]]
        natural = len(self.args) == 1 or (known[0].natural and (len(self.args) == 2 or known[1].natural))
        bits = [k.bits for k in known if k.bits is not None]
        return Known("int", max(bits) if len(bits) == len(known) else None, natural)


def range_items(args: list[ir.Node]) -> Any:
    """What is known of the items of `(range …)`, once it is known of its operands."""
    return _Range(args)


# --- rules -----------------------------------------------------------------------------------


def constant(value: Any) -> Known:
    """What is known of a value that is there."""
    if type(value) is int:
        return Known("int", value.bit_length(), value >= 0)
    return _LITERALS.get(type(value), ANY)


def _get(inference: Inference, node: ir.Get) -> Known:
    known = node.var.known
    limit = inference.limits.get(id(node))
    most = limit.known.bits if limit is not None and known.natural else None
    return Known("int", most, True) if most is not None and (known.bits is None or known.bits > most) else known


def _if(inference: Inference, node: ir.If) -> Known:
    return join(node.then.known, node.otherwise.known)


def _cases(inference: Inference, node: ir.Cases) -> Known:
    known = node.otherwise.known
    for clause in node.clauses:
        known = join(known, clause.body.known)
    return known


def _special(inference: Inference, node: ir.Special) -> Known:
    name = type(node.form).__name__
    return VEC if name == "MakeVector" else MAP if name == "MakeMap" else ANY


def _logic(inference: Inference, node: ir.Logic) -> Known:
    return BOOL if all(item.kind in ("bool", "?") for item in node.items) else ANY


_RULES: dict[type, Any] = {
    ir.Const: lambda inference, node: constant(node.value),
    ir.Get: _get,
    ir.Call: Inference.call,
    ir.If: _if,
    ir.Seq: lambda inference, node: node.items[-1].known,
    ir.Inlined: lambda inference, node: node.items[-1].known,
    ir.Set: lambda inference, node: node.value.known,
    ir.Loop: lambda inference, node: node.body.known,
    ir.Check: lambda inference, node: node.value.known,
    ir.Logic: _logic,
    ir.Case: lambda inference, node: node.body.known,
    ir.Cases: _cases,
    ir.NoMatch: lambda inference, node: UNKNOWN,
    ir.Fn: lambda inference, node: Known("fn"),
    ir.Recur: lambda inference, node: UNKNOWN,
    ir.Collect: lambda inference, node: VEC if node.into is not None else ANY,
    ir.Special: _special,
    ir.Update: lambda inference, node: changed(node.base.known),
}
