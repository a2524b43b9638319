"""What nodes do besides giving a value: nothing that a program, its host or another node could see (`is_pure`: they may raise), and
not even raise (`is_total_call`)."""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.scopes import inner_nodes, pattern_of, variables_of
from rtfs.semantics.builtins.index import TOPICS
from rtfs.syntax import nodes as ast
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.ir.optimise import Facts

#: Topics of the library whose functions call no functions that they are given.
_TOPICS = frozenset(("arithmetic", "collections", "comparison", "predicates", "sequences", "strings", "numerals"))
_FORMS = (ast.MakeVector, ast.MakeMap)

#: Built-ins that give true or false.
PREDICATES = frozenset(
    (
        *("=", "not=", "!=", "not", "<", ">", "<=", ">=", "even?", "odd?", "zero?", "pos?", "positive?", "neg?", "nil?", "empty?"),
        *("contains?", "bool?", "boolean?", "int?", "float?", "number?", "string?", "string-p", "symbol?", "keyword?", "vector?"),
        *("vec?", "list?", "map?", "seq?", "coll?", "fn?", "error?", "starts-with?", "ends-with?", "string-contains?"),
    )
)
#: Built-ins that take whatever they are given.
_ANYTHING = frozenset(
    (
        *("not", "nil?", "bool?", "boolean?", "int?", "float?", "number?", "string?", "string-p", "symbol?", "keyword?", "vector?"),
        *("vec?", "list?", "map?", "seq?", "coll?", "fn?", "error?", "type-name", "identity"),
    )
)
#: Built-ins that take any numbers; `+` and `-` make integers longer by a bit at most, where `*` meets the limit of their size.
_NUMBERS = frozenset(("+", "-", "inc", "dec", "<", ">", "<=", ">=", "max", "min", "abs", "zero?", "pos?", "positive?", "neg?"))
_DIVISIONS = frozenset(("mod", "rem", "floor-mod", "quot"))
_EQUALITIES = frozenset(("=", "not=", "!="))


def is_pure_builtin(name: str) -> bool:
    """Whether the library's function of that name has no effects, whatever its operands."""
    return TOPICS.get(name) in _TOPICS or name in ("identity", "throw", "sort")


def is_boolean(node: ir.Node, facts: Facts) -> bool:
    """Whether a value is surely true or false."""
    if isinstance(node, ir.Const):
        return type(node.value) is bool
    if isinstance(node, ir.Call):
        head = node.function
        return isinstance(head, ir.GlobalGet) and head.name in PREDICATES and facts.is_builtin(head.name)
    if isinstance(node, ir.Logic):
        return all(is_boolean(item, facts) for item in node.items)
    return node.kind == "bool"


def is_total_call(node: ir.Call, facts: Facts) -> bool:
    """Whether a call surely gives a value once its operands have theirs."""
    head, args = node.function, node.args
    if not isinstance(head, ir.GlobalGet) or not args:
        return False
    name = head.name
    kinds = [_kind(arg) for arg in args]
    if name in _ANYTHING:
        total = len(args) == 1
    elif name == "vector" or name == "list":
        total = True
    elif name in _EQUALITIES:  # the comparison of collections can go too deep
        total = len(args) == 2 and any(kind is not None and kind not in ("vec", "map") for kind in kinds)
    elif name in _NUMBERS:
        count = 1 if name in ("inc", "dec", "abs", "zero?", "pos?", "positive?", "neg?") else len(args)
        total = len(args) == count and all(kind in ("int", "float", "num") for kind in kinds)
    elif name == "*":
        total = len(args) == 2 and (kinds == ["float", "float"] or (kinds == ["int", "int"] and node.known.bits is not None))
    elif name == "even?" or name == "odd?":
        total = kinds == ["int"]
    elif name in _DIVISIONS:
        total = kinds == ["int", "int"] and isinstance(args[1], ir.Const) and args[1].value != 0
    elif name == "count" or name == "empty?":
        total = len(args) == 1 and kinds[0] in ("str", "vec", "map")
    else:
        return False
    return total and facts.is_builtin(name)


def _kind(node: ir.Node) -> Any:
    """The kind of a value; of constants also before anything else is known."""
    if not isinstance(node, ir.Const):
        return node.kind
    value = node.value
    if value is None or type(value) is Keyword:
        return "constant"
    return {int: "int", float: "float", str: "str", bool: "bool", Vector: "vec", Map: "map"}.get(type(value))


def _is_pure_call(name: str, args: list[ir.Node]) -> bool:
    return is_pure_builtin(name) and (name != "sort" or len(args) == 1)  # with a comparator it calls that


def is_pure(unit: ir.Unit, node: ir.Node, facts: Facts, also: frozenset[ir.Var] = frozenset()) -> bool:
    """Whether evaluating the node twice, or not at all where it gives a value that is not used, cannot be told from once.

    It may raise, and may give values to variables that only it uses, and to those of `also`.
    """
    inside = variables_of(unit, node) | also
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ir.Call):
            head = item.function
            if isinstance(head, ir.GlobalGet):
                if not (_is_pure_call(head.name, item.args) and facts.is_builtin(head.name)):
                    return False
                waiting.extend(item.args)
                continue
            if not (isinstance(head, ir.Const) and len(item.args) in (1, 2)):  # a keyword
                return False
        elif isinstance(item, ir.Special):
            if not isinstance(item.form, _FORMS):
                return False
        elif isinstance(item, ir.GlobalGet):
            if not facts.is_builtin(item.name):
                return False
        elif isinstance(item, ir.Get):
            if item.var.assigned and item.var not in inside:
                return False
        elif isinstance(item, (ir.Set, ir.Emit)):
            var = item.var if isinstance(item, ir.Set) else item.into
            if var not in inside or var.captured:
                return False
        elif not isinstance(item, _PLAIN):
            return False
        waiting.extend(item.children())
        pattern = pattern_of(item)
        if pattern is not None:
            waiting.extend(inner_nodes(unit, pattern))
    return True


_PLAIN = (
    ir.Const, ir.If, ir.Logic, ir.Seq, ir.Scan, ir.Collect, ir.Each, ir.Times, ir.Bind, ir.Cases, ir.Case, ir.NoMatch, ir.Check,
    ir.Blank, ir.Stop, ir.Update,
)  # fmt: skip
