"""What a test says about the names in it: flow typing after predicates (reference section 15, gap 6)."""

from __future__ import annotations

from rtfs.checker.flow import Flow
from rtfs.checker.shapes import key_type, literal, options
from rtfs.checker.walking import descend
from rtfs.syntax import nodes as ast
from rtfs.types.lattice import meet, subtract
from rtfs.types.nodes import NIL, EnumType, Lookup, NeverType, Primitive, RecordType, RefinedType, Type, union
from rtfs.types.subtyping import overlap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    #: The type that a predicate tests, for the function of a call, or None.
    Tested = Callable[[ast.Node], Type | None]
    #: The name of the built-in that a node means, or None.
    Meaning = Callable[[ast.Node], str | None]

#: Predicates that are true for some values of a type only, since `vector` takes lists and `float` takes integers.
_IMPLY: dict[str | None, Type] = {"vector?": Primitive("vector"), "list?": Primitive("list"), "float?": Primitive("float")}
#: Comparisons, which do not tell one kind of value from another.
_TELL_NOTHING = frozenset({"<", ">", "<=", ">=", "even?", "odd?", "zero?", "pos?", "neg?", "empty?", "starts-with?", "ends-with?"})
#: The values that are not true.
FALSY = union(NIL, EnumType((False,)))


class Narrowing:
    """Learns from tests.

    Args:
        meaning: the name of the built-in that a node means, as far as nothing rebinds it.
        tested: the type whose values a predicate is true for.
        lookup: of named types.
        tests: names that stand for the outcome of a test, `(let [old? (> age 70)] …)`.
    """

    def __init__(self, meaning: Meaning, tested: Tested, lookup: Lookup, tests: dict[ast.Binding, ast.Node]) -> None:
        self.meaning = meaning
        self.tested = tested
        self.lookup = lookup
        self.tests = tests

    def learn(self, test: ast.Node, holds: bool, flow: Flow) -> None:
        """Put what is known when `test` holds (or does not) into `flow`; `ended` when it cannot be so."""
        if isinstance(test, ast.Local):
            self._keep(test, FALSY, not holds, flow)
            if test.binding in self.tests:
                self.learn(self.tests[test.binding], holds, flow)
        elif isinstance(test, (ast.And, ast.Or)):
            if holds is isinstance(test, ast.And):
                for item in test.items:
                    self.learn(item, holds, flow)
        elif isinstance(test, ast.Do):
            self.learn(test.body[-1], holds, flow)
        elif isinstance(test, ast.Const):
            if (test.value is not None and test.value is not False) is not holds:
                flow.ended = True
        elif isinstance(test, ast.If):
            self._if(test, holds, flow)
        elif isinstance(test, ast.Let) and not test.recursive:
            # `(let [x e] (if x …))`, as `or` and `when-let` are written: what the body says about other names
            self.learn(test.body, holds, flow)
        elif isinstance(test, ast.Call):
            self._call(test, holds, flow)

    def _if(self, test: ast.If, holds: bool, flow: Flow) -> None:
        """`(if a b false)`, as `and` may be written."""
        if isinstance(test.otherwise, ast.Const) and not test.otherwise.value and holds:
            self.learn(test.test, True, flow)
            self.learn(test.then, True, flow)

    def _call(self, test: ast.Call, holds: bool, flow: Flow) -> None:
        name = self.meaning(test.function)
        args = test.args
        if name == "not" and len(args) == 1:
            self.learn(args[0], not holds, flow)
        elif name in ("=", "not=", "!=") and len(args) == 2:
            self._equal(args, holds is (name == "="), flow)
        elif name == "contains?" and len(args) == 2 and isinstance(args[1], ast.Const):
            self._contains(args[0], args[1].value, holds, flow)
        elif name == "some?" and len(args) == 1:
            self._keep(args[0], NIL, not holds, flow)
        elif name not in _TELL_NOTHING:
            tested = self.tested(test.function) if len(args) == 1 else None
            if tested is not None:
                self._keep(args[0], tested, holds, flow)
            elif len(args) == 1 and name in _IMPLY and isinstance(args[0], ast.Local):
                if holds:
                    self._keep(args[0], _IMPLY[name], True, flow)
                else:
                    doubt(args[0], flow)
            else:
                doubt(test, flow)

    def _contains(self, node: ast.Node, key: object, holds: bool, flow: Flow) -> None:
        """`(contains? m :k)`: a map that is known to have no such key is not there."""
        if not isinstance(node, ast.Local) or node.binding.assigned or node.binding.late:
            return
        kinds = options(flow.type_of(node.binding), self.lookup)
        if holds and all(isinstance(kind, RecordType) and key_type(kind, key, self.lookup) == NIL for kind in kinds):
            flow.ended = True
        else:
            doubt(node, flow)

    def _equal(self, args: tuple[ast.Node, ...], equal: bool, flow: Flow) -> None:
        if not any(isinstance(arg, ast.Local) for arg in args) or not any(isinstance(arg, ast.Const) for arg in args):
            for arg in args:  # `(= (type-name x) "string")`
                doubt(arg, flow)
        for name, other in (args, args[::-1]):
            if isinstance(name, ast.Local) and isinstance(other, ast.Const):
                value = EnumType((other.value,)) if not _is_collection(other.value) else None
                if value is not None and other.value == other.value:
                    self._keep(name, value, equal, flow)

    def _keep(self, node: ast.Node, type: Type, inside: bool, flow: Flow) -> None:
        """`node` is (or is not) of a type."""
        if not isinstance(node, ast.Local) or node.binding.assigned or node.binding.late:
            return
        before = flow.type_of(node.binding)
        if inside:
            after = meet(before, type, self.lookup) if overlap(before, type, self.lookup) else None
        else:
            after = subtract(before, type, self.lookup)
        if after is None or isinstance(after, NeverType):
            flow.ended = True
        else:
            flow.types[node.binding] = after

    def certain(self, type: Type) -> bool | None:
        """Whether values of a type are all true, or all false; None: it depends."""
        values = literal(type)
        if values:
            return values[0] is not None and values[0] is not False
        if isinstance(type, RefinedType):
            type = type.base
        return None if overlap(type, FALSY, self.lookup) else True


def doubt(test: ast.Node, flow: Flow) -> None:
    """A test tells something about the names in it that is not understood: what they may be is no longer worth a warning."""
    names = {part.binding for part in descend(test) if isinstance(part, ast.Local)}
    if not names.isdisjoint(flow.declared):
        flow.declared = flow.declared - names


def _is_collection(value: object) -> bool:
    from rtfs.values.maps import Map
    from rtfs.values.sequences import Sequence

    return isinstance(value, (Map, Sequence))
