"""What is known about values: literals, results of built-ins, checked parameters, and from there variables, to a fixpoint.

Something is known of a variable when it holds for everything that the variable is ever given; loop variables start out with what is
known of their first value and keep as much of it as the values of `recur` agree with.  The code generator leaves out the guards
that this makes unnecessary.
"""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.nodes import ANY, Known
from rtfs.ir.optimise import Counts
from rtfs.ir.passes.purity import PREDICATES
from rtfs.ir.scopes import variables, walk, walk_function
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import Primitive
from rtfs.values.maps import Map
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.ir.optimise import Facts

#: Nothing is known against anything yet.
UNKNOWN = Known("?")

#: Products of integers up to so many bits need no look at the limit of size (`semantics.limits.MAX_INTEGER_BITS`).
MANY_BITS = 2**19
#: No collection has more items than fit into this.
_COUNT = Known("int", 48, True)
_BOOL = Known("bool")
_INT = Known("int")
_NUM = Known("num")
_FLOAT = Known("float")
_VEC = Known("vec")
_MAP = Known("map")
_NUMBERS = ("int", "float", "num")
#: After so many changes of one variable its bits are given up: they would grow for ever.
_ROUNDS = 4

_PREDICATES = PREDICATES | {"every?"}
_RESULTS = {
    "count": _COUNT,
    "str": Known("str"),
    "join": Known("str"),
    "sqrt": _FLOAT,
    "floor": _INT,
    "ceil": _INT,
    "round": _INT,
    "+": _NUM,
    "-": _NUM,
    "*": _NUM,
    "/": _NUM,
    "max": _NUM,
    "min": _NUM,
    **dict.fromkeys(("vector", "vec", "concat", "cons", "keys", "vals", "map", "filter", "remove", "range", "sort-by"), _VEC),
    **dict.fromkeys(("hash-map", "merge", "dissoc", "zipmap", "frequencies", "group-by", "select-keys"), _MAP),
}
_CHECKED = {"int": _INT, "float": _NUM, "string": Known("str"), "bool": _BOOL}
_LITERALS = {float: _FLOAT, str: Known("str"), bool: _BOOL, Vector: _VEC, Map: _MAP}


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


def fits(known: Known, wanted: Known) -> bool:
    """Whether all values of which one thing is known are such of which the other is."""
    if wanted.kind is None or known is UNKNOWN:
        return True
    if wanted.kind == "num":
        return known.kind in _NUMBERS
    return (
        known.kind == wanted.kind
        and (wanted.bits is None or (known.bits is not None and known.bits <= wanted.bits))
        and (known.natural or not wanted.natural)
    )


def join(a: Known, b: Known) -> Known:
    """What is known of a value that is one or the other."""
    if a == b or b is UNKNOWN:
        return a
    if a is UNKNOWN:
        return b
    if a.kind == b.kind:
        bits = None if a.bits is None or b.bits is None else max(a.bits, b.bits)
        return Known(a.kind, bits, a.natural and b.natural)
    return _NUM if a.kind in _NUMBERS and b.kind in _NUMBERS else ANY


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

    def infer(self, nodes: list[ir.Node], variables: list[ir.Var], assumed: dict[ir.Var, Known]) -> None:
        """Set what is known of some nodes (outer ones first) and of the variables that they give values to.

        Args:
            assumed: what is known of variables to begin with.
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


def proves(known: Known, type_: Any) -> bool:
    """Whether a value of which so much is known surely belongs to a type."""
    return type(type_) is Primitive and type_.name in _CHECKED and fits(known, _CHECKED[type_.name])


def _stores(unit: ir.Unit, node: ir.Node, given: dict[ir.Var, list[Any]], emitted: dict[ir.Var, list[ir.Node]]) -> None:
    if isinstance(node, ir.Set):
        given.setdefault(node.var, []).append(node.value)
    elif isinstance(node, ir.Recur):
        if isinstance(node.target, ir.Loop):
            for var, arg in zip(node.target.vars, node.args, strict=False):
                given.setdefault(var, []).append(arg)
    elif isinstance(node, ir.Times):
        given.setdefault(node.var, []).append(_COUNT)
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


def _const(inference: Inference, node: ir.Const) -> Known:
    value = node.value
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
    return _VEC if name == "MakeVector" else _MAP if name == "MakeMap" else ANY


def _logic(inference: Inference, node: ir.Logic) -> Known:
    return _BOOL if all(item.kind in ("bool", "?") for item in node.items) else ANY


_RULES: dict[type, Any] = {
    ir.Const: _const,
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
    ir.Collect: lambda inference, node: _VEC if node.into is not None else ANY,
    ir.Special: _special,
    ir.Update: lambda inference, node: _changed(node.base.known),
}


def result(name: str, args: list[ir.Node]) -> Known:
    """What is known of the value of a built-in."""
    if name in _PREDICATES:
        return _BOOL
    known = [arg.known for arg in args]
    if name == "throw":
        return UNKNOWN
    if name in ("assoc", "conj", "assoc-in", "update", "update-in"):
        return _changed(known[0]) if known else ANY
    if name in ("+", "-", "*", "inc", "dec", "mod", "rem", "quot", "abs", "max", "min", "/"):
        if any(k is UNKNOWN for k in known):
            return UNKNOWN
        return _arithmetic(name, known) if known else ANY  # too few operands: an error when it runs
    return _RESULTS.get(name, ANY)


def _changed(known: Known) -> Known:
    """What is known of a collection after a change."""
    return known if known.kind in ("vec", "map", "?") else ANY


def _arithmetic(name: str, known: list[Known]) -> Known:
    kinds = [k.kind for k in known]
    if all(kind == "int" for kind in kinds) and name != "/":
        return _integers(name, known)
    if name == "abs":
        return known[0] if kinds[0] in _NUMBERS else _NUM
    if name == "quot":
        return _INT
    if name in ("+", "-", "*", "inc", "dec") and "float" in kinds and all(kind in _NUMBERS for kind in kinds):
        return _FLOAT
    if name in ("max", "min") and all(kind == "float" for kind in kinds):
        return _FLOAT
    return _NUM


def _integers(name: str, known: list[Known]) -> Known:
    natural = all(k.natural for k in known)
    bits = [k.bits for k in known]
    least = [b for b in bits if b is not None]
    whole = least if len(least) == len(bits) else None
    if name in ("mod", "rem") and len(known) == 2:
        return Known("int", min(least) if least else None, known[0].natural)
    if name == "quot":
        return Known("int", bits[0], natural)
    if name == "abs":
        return Known("int", bits[0], True)
    if name in ("max", "min"):
        some = name == "max" and any(k.natural for k in known)
        return Known("int", max(whole) if whole else None, natural or some)
    if name == "*" and len(known) == 2:
        return Known("int", _kept(sum(whole)) if whole else None, natural)
    if name in ("inc", "dec"):
        return Known("int", _kept(max(bits[0], 1) + 1) if bits[0] is not None else None, natural and name == "inc")
    if name in ("+", "-") and len(known) == 2:
        return Known("int", _kept(max(whole) + 1) if whole else None, natural and name == "+")
    return _INT


def _kept(bits: int) -> int | None:
    return bits if bits <= MANY_BITS else None
