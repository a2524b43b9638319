"""Constant folding: what a program says with constants is worked out once, as it would be at run time.

A call of a pure built-in with constant operands is made now, by the built-in itself, if it succeeds and its value is small; a call
that raises stays, and raises where and when the program reaches it.  Variables that are stored once and hold a constant, or the
value of another such variable, are replaced by it; conditions whose truth is known choose their branch.
"""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.optimise import Counts
from rtfs.ir.passes.purity import is_boolean
from rtfs.ir.scopes import transform
from rtfs.ir.wrapping import placed, unwrap
from rtfs.semantics.builtins.index import TOPICS
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Builtin
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Sequence, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.ir.optimise import Facts

#: Topics whose built-ins take no longer than their operands are long, but for those that make large things of small ones.
_TOPICS = frozenset(("arithmetic", "comparison", "predicates", "strings", "numerals"))
_GROWING = frozenset(
    ("factorial", "fibonacci", "format", "numbers", "pad-left", "pad-right", "pow", "range", "string-replace", "symbol")
)
_READERS = frozenset(
    ("contains?", "count", "empty?", "ffirst", "first", "get", "get-in", "identity", "last", "length", "nth", "second")
)
#: The largest integer, in bits, and the longest text and collection that are worked with.
_BITS = 256
_CHARACTERS = 256
_ITEMS = 64
_SCALARS = (type(None), bool, float, Keyword)


def run(unit: ir.Unit, facts: Facts) -> Counts:
    """`folded`: calls and collections that became constants; `names`: uses of variables that became what those hold; `branches`:
    conditions that became simpler or went."""
    folding = _Folding(facts)
    transform(unit, folding.rewrite)
    if any(folding.counts.values()):
        unwrap(unit)
    return folding.counts


class _Folding:
    """One walk, inner nodes first and in order of evaluation: a variable has its value before it is used."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.counts = {"folded": 0, "names": 0, "branches": 0}
        self.values: dict[ir.Var, ir.Const | ir.Get] = {}
        self.replaced: dict[ir.Var, int] = {}  # how many reads of it
        self.rules: dict[type, Any] = {
            ir.Get: self._get,
            ir.Set: self._set,
            ir.Call: self._call,
            ir.Special: self._special,
            ir.If: self._if,
            ir.Logic: self._logic,
            ir.Seq: self._seq,
            ir.Inlined: self._seq,
        }

    def rewrite(self, node: ir.Node, fn: ir.Fn) -> ir.Node:
        rule = self.rules.get(type(node))
        if rule is None:
            return node
        made: ir.Node = rule(node)
        return made

    # --- names ---

    def _set(self, node: ir.Set) -> ir.Node:
        value, var = node.value, node.var
        if isinstance(value, (ir.Const, ir.Get)) and not node.assigns and _is_fixed(var):
            if isinstance(value, ir.Const) or (
                not value.checked and value.var.owner is var.owner and _is_fixed(value.var)
            ):
                self.values[var] = value
        return node

    def _get(self, node: ir.Get) -> ir.Node:
        value = self.values.get(node.var)
        if value is None:
            return node
        self.counts["names"] += 1
        self.replaced[node.var] = self.replaced.get(node.var, 0) + 1
        return ir.Const(node.span, value.value) if isinstance(value, ir.Const) else ir.Get(node.span, value.var)

    def _seq(self, node: ir.Seq) -> ir.Node:
        """Leave out the names that nothing reads any more, so that a constant that is left can be seen."""
        items: list[ir.Node] = []
        for item in node.items:
            items += item.items if type(item) is ir.Seq else [item]
        node.items = [*[item for item in items[:-1] if not self._is_replaced(item)], items[-1]]
        if len(node.items) == 1 and (type(node) is ir.Seq or isinstance(node.items[0], ir.Const)):
            return placed(node.items[0], node.span)
        return node

    def _is_replaced(self, node: ir.Node) -> bool:
        return isinstance(node, ir.Set) and node.var in self.values and self.replaced.get(node.var, 0) == node.var.reads

    # --- calls and collections ---

    def _call(self, node: ir.Call) -> ir.Node:
        head, args = node.function, node.args
        if not args or not all(isinstance(arg, ir.Const) for arg in args):
            return node
        values = [arg.value for arg in args if isinstance(arg, ir.Const)]
        if isinstance(head, ir.GlobalGet):
            found = self._called(head.name, values)
        elif isinstance(head, ir.Const) and type(head.value) is Keyword:
            found = _looked_up(head.value, values)
        else:
            return node
        if found is None:
            return node
        self.counts["folded"] += 1
        return ir.Const(node.span, found[0])

    def _called(self, name: str, values: list[Any]) -> tuple[Any] | None:
        """The value of a call of a built-in, None when it has to be made at run time."""
        topic = TOPICS.get(name)
        cheap = (topic in _TOPICS and name not in _GROWING) or name in _READERS or (name == "pow" and _is_short_power(values))
        if not cheap or not all(is_small(value) for value in values) or not self.facts.is_builtin(name):
            return None
        function = self.facts.builtin(name)
        if type(function) is not Builtin or len(values) > 7 or not function.takes >> len(values) & 1:
            return None
        try:
            found = function.call(*values)
        except Exception:  # at run time it raises, or does whatever it does
            return None
        return (found,) if is_small(found) else None

    def _special(self, node: ir.Special) -> ir.Node:
        form = node.form
        if not node.args or not all(isinstance(arg, ir.Const) for arg in node.args):
            return node
        values = [arg.value for arg in node.args if isinstance(arg, ir.Const)]
        if isinstance(form, ast.MakeVector):
            made: Any = Vector(values)
        elif isinstance(form, ast.MakeMap):
            made = Map([(form.keys[i], values[i]) for i in range(len(values))])
        else:
            return node
        self.counts["folded"] += 1
        return ir.Const(node.span, made)

    # --- conditions ---

    def _if(self, node: ir.If) -> ir.Node:
        test, swapped = self._test(node.test)
        if swapped:
            node.then, node.otherwise = node.otherwise, node.then
        node.test = test
        known = truth(test)
        if known is not None:
            self.counts["branches"] += 1
            chosen = node.then if known else node.otherwise
            before = test.items[:-1] if type(test) is ir.Seq else []
            return ir.Seq(node.span, [*before, chosen]) if before else placed(chosen, node.span)
        if _is(node.then, True) and _is(node.otherwise, False) and is_boolean(test, self.facts):
            self.counts["branches"] += 1
            return placed(test, node.span)
        return node

    def _test(self, node: ir.Node) -> tuple[ir.Node, bool]:
        """A condition, of which only the truth matters, made simpler; and whether it is to be read the other way round."""
        if isinstance(node, ir.Call):
            head = node.function
            if isinstance(head, ir.GlobalGet) and head.name == "not" and len(node.args) == 1 and self.facts.is_builtin("not"):
                self.counts["branches"] += 1
                inner, swapped = self._test(node.args[0])
                return inner, not swapped
        elif isinstance(node, ir.If):
            return self._nested(node)
        elif isinstance(node, ir.Logic):
            neutral = node.conjunction
            items = [item for item in node.items if not (isinstance(item, ir.Const) and truth(item) is neutral)]
            if len(items) < len(node.items):
                self.counts["branches"] += 1
                if len(items) > 1:
                    return ir.Logic(node.span, node.conjunction, items), False
                return (items[0] if items else ir.Const(node.span, neutral)), False
        return node, False

    def _nested(self, node: ir.If) -> tuple[ir.Node, bool]:
        """`(if (if a b false) …)` and its like as `and` and `or`."""
        then, otherwise = truth(node.then), truth(node.otherwise)
        plain = [isinstance(branch, ir.Const) for branch in (node.then, node.otherwise)]
        if plain == [True, True] and then is not otherwise:
            self.counts["branches"] += 1
            return node.test, then is False
        if plain[1] and otherwise is False:
            self.counts["branches"] += 1
            return ir.Logic(node.span, True, [node.test, node.then]), False
        if plain[0] and then is True:
            self.counts["branches"] += 1
            return ir.Logic(node.span, False, [node.test, node.otherwise]), False
        return node, False

    def _logic(self, node: ir.Logic) -> ir.Node:
        items: list[ir.Node] = []
        for item in node.items:
            items += item.items if isinstance(item, ir.Logic) and item.conjunction == node.conjunction else [item]
        kept: list[ir.Node] = []
        for i, item in enumerate(items):
            known = truth(item) if isinstance(item, (ir.Const, ir.Fn)) else None
            if known is not None and known is not node.conjunction:  # it decides, and what follows is never reached
                kept.append(item)
                break
            if known is None or i == len(items) - 1:
                kept.append(item)
        self.counts["branches"] += len(items) - len(kept)
        if len(kept) == 1:
            return placed(kept[0], node.span)
        node.items = kept
        return node


def _is_fixed(var: ir.Var) -> bool:
    """Whether a variable is given its value in one place, before anything reads it."""
    return var.stores == 1 and not (var.assigned or var.boxed or var.early or var.late or var.rebound)


def truth(node: ir.Node) -> bool | None:
    """Whether a value is surely true or surely false; None when that is not known. Evaluating it may do anything."""
    if isinstance(node, ir.Const):
        return node.value is not None and node.value is not False
    if type(node) is ir.Seq:
        return truth(node.items[-1]) if isinstance(node.items[-1], ir.Const) else None
    return True if isinstance(node, ir.Fn) else None


def _is(node: ir.Node, value: bool) -> bool:
    return isinstance(node, ir.Const) and node.value is value


def is_small(value: Any, items: int = _ITEMS) -> bool:
    """Whether working with a constant costs next to nothing, and keeping it in the code no more."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        items -= 1
        if items < 0:
            return False
        kind = type(item)
        if kind is int:
            if item.bit_length() > _BITS:
                return False
        elif kind is str:
            if len(item) > _CHARACTERS:
                return False
        elif isinstance(item, Sequence):
            if len(item) > items:
                return False
            waiting += item.items()
        elif kind is Map:
            if len(item) > items:
                return False
            for key, held in item.items():
                waiting += (key, held)
        elif kind not in _SCALARS:
            return False
    return True


def _is_short_power(values: list[Any]) -> bool:
    """Whether a power of integers is an integer that is not too long."""
    return len(values) == 2 and all(type(v) is int and v >= 0 for v in values) and values[0].bit_length() * values[1] <= _BITS


def _looked_up(keyword: Keyword, values: list[Any]) -> tuple[Any] | None:
    """`(:k {:k 1} default)`"""
    if len(values) > 2 or not (values[0] is None or type(values[0]) is Map):
        return None
    default = values[1] if len(values) == 2 else None
    found = default if values[0] is None else values[0].get(keyword, default)
    return (found,) if is_small(found) else None
