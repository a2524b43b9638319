"""Code of `match`: the plan of its tests (`ir.decisions`) as Python statements.

Each clause's code stands in one place.  When its tests fail, control falls through to the code of the clauses after it; when it is
taken, control leaves: by `return`, by the loop that is around anyway, or by a loop around the whole that turns once.
"""

from __future__ import annotations

import ast as py

from rtfs.eval.compiled import access
from rtfs.eval.compiled.generate import RETURN, Destination, Generator, expression, statement
from rtfs.eval.compiled.patterns import match, store
from rtfs.eval.compiled.tables import table
from rtfs.ir import nodes as ir
from rtfs.ir.decisions import Leaf, Table, Test, one_by_one
from rtfs.ir.steps import Part, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.ir.decisions import Block

#: Literals of one pattern that are compared one after the other.
_FEW = 8
_CHOICES = ("is", "one-of")
#: Clauses that may stand in the `else` of each other.
_NESTED = 16
#: What is known of a subject from its kind: type -> the kinds that surely have it; any other kind surely has not.
_KNOWN = {"int": ("int",), "float": ("float",), "str": ("str",), "bool": ("bool",), "seq": ("vec",), "map": ("map",), "keyword": ()}
_KINDS = frozenset(("int", "float", "str", "bool", "vec", "map", "fn"))
_PYTHON = {"int": " int", "float": " float", "str": " str", "bool": " bool", "map": " Map", "keyword": " Keyword"}


@expression(ir.NoMatch)
def _no_match(g: Generator, node: ir.NoMatch) -> Any:
    return g.call(" no_clause", g.read_var(node.var), g.const(node.span))


@statement(ir.Cases)
def _cases(g: Generator, node: ir.Cases, to: Destination) -> None:
    plan = node.plan if node.plan is not None else one_by_one(node.clauses)
    if to is RETURN or to.leave:
        Tree(g, node, to).whole(plan)
    elif _is_flat(plan, node):
        Tree(g, node, to).alternatives(plan)
    else:
        inside = Destination(to.name or g.temp(), leave=True)
        g.add(py.While(g.const(True), g.inside(lambda: Tree(g, node, inside).whole(plan)), []))


def _is_flat(plan: Block, node: ir.Cases) -> bool:
    """Whether every clause is decided by one condition, so that they can stand as `if`, `elif` and `else`."""
    if len(plan) > _NESTED:
        return False
    for item in plan:
        block: Block = [item]
        if isinstance(item, Test):
            if any(test.op == "type" and test.value == "seq" for test in item.tests):
                return False
            block = item.block
        if not all(isinstance(inner, Step) for inner in block[:-1]) or not isinstance(block[-1], Leaf):
            return False
        if node.clauses[block[-1].index].guard is not None:
            return False
    return True


class Tree:
    """The state while one plan is written: which parts have a name where the next statement stands.

    Attributes:
        scope: part -> the Python variable that holds it; ("type", part) -> the one that holds its type; ("items", part) and
            ("count", part) -> those that hold what is in a sequence.
        later: what of the same is looked at again after the next expression, where that one's value can still be known.
    """

    def __init__(self, g: Generator, node: ir.Cases, to: Destination) -> None:
        self.g = g
        self.node = node
        self.to = to
        self.scope: dict[Any, str] = {}
        self.later: set[Any] = set()
        self.items = node.items
        self._uses: dict[int, tuple[Any, set[Any]]] = {}  # by identity of what is kept beside it
        self._sized: set[Part] = set()
        self._value = g.named(g.read_var(node.var)).id if not node.items else ""

    def whole(self, plan: Block) -> None:
        """All clauses, and what comes of none."""
        self._uses_of(plan)
        if not self.block(plan):
            self.g.stmt(self.node.otherwise, self.to)

    def alternatives(self, plan: Block, i: int = 0) -> None:
        """The same as `if`, `elif` and `else`."""
        g = self.g
        if i == len(plan):
            g.stmt(self.node.otherwise, self.to)
            return
        item = plan[i]
        if not isinstance(item, Test):
            if not self._item(item):
                self.alternatives(plan, i + 1)
            return
        tests, saved = self._conditions(item.tests, self._uses_of([item.block]), self._uses_of(plan[i + 1 :]))
        if tests:
            then = g.inside(lambda: self.block(item.block))
            self.scope = saved
            g.when(g.both(*tests), then, g.inside(lambda: self.alternatives(plan, i + 1)))
        elif tests is None:
            self.scope = saved
            self.alternatives(plan, i + 1)
        else:
            self.block(item.block)

    # --- uses ---

    def _uses_of(self, items: Any) -> set[Any]:
        """What some items of a plan, or the blocks among them, look at: keys of `scope`."""
        found: set[Any] = set()
        for item in items:
            known = self._uses.get(id(item))
            if known is None:
                known = self._uses[id(item)] = item, self._uses_in(item)
            found |= known[1]
        return found

    def _uses_in(self, item: Any) -> set[Any]:
        if isinstance(item, list):
            return self._uses_of(item)
        if isinstance(item, Test):
            return self._uses_of([*item.tests, item.block])
        if isinstance(item, Table):
            return self._uses_of([inner for _, inner in item.cases]) | self._looked_at(item.part)
        if not isinstance(item, Step):
            return set()
        if item.op in ("length", "least"):
            self._sized.add(item.part)
        found = self._looked_at(item.part)
        if item.op == "type":
            found.add(("type", item.part))
        return found

    def _looked_at(self, part: Part) -> set[Any]:
        found: set[Any] = {part}
        while part.parent is not None:
            if part.kind == "item":
                self._sized.add(part.parent)
            part = part.parent
            found.add(part)
        return found

    # --- parts ---

    def value(self, part: Part, *, inline: bool = False, again: bool = False) -> Any:
        """A part as an expression; as a name from then on, if it is looked at later.

        Args:
            inline: it stands inside a condition, so no statement may come before it.
            again: it is wanted more than once now.
        """
        g = self.g
        if part.parent is None:
            return g.load(self._value)
        if self.items and part.parent.parent is None:
            return g.named(g.read_var(self.items[part.key]))
        name = self.scope.get(part)
        return g.load(name) if name is not None else self._kept(part, self._read(part), inline, again)

    def _kept(self, key: Any, value: Any, inline: bool, again: bool) -> Any:
        g = self.g
        if not again and key not in self.later:
            return value
        temp = self.scope[key] = g.temp()
        if inline:
            return g.walrus(temp, value)
        g.assign(temp, value)
        return g.load(temp)

    def _read(self, part: Part) -> Any:
        g = self.g
        assert part.parent is not None
        if part.kind == "entry":
            return access.entry(g, self.value(part.parent), part.key, g.load(" ABSENT"))
        return g.item(g.load(self.scope["items", part.parent]), g.const(part.key))

    def type_of(self, part: Part, inline: bool) -> Any:
        g = self.g
        name = self.scope.get(("type", part))
        if name is not None:
            return g.load(name)
        return self._kept(("type", part), g.call(" type", self.value(part, inline=inline)), inline, False)

    # --- tests ---

    def _condition(self, step: Step, inline: bool) -> Any:
        """The condition of a test; True or False where the kind of the subject answers it."""
        g, part, value = self.g, step.part, step.value
        known = self.known(step)
        if known is not None:
            return known
        if step.op == "type":
            key = "type", part
            if key not in self.scope and key not in self.later:  # no other test of what it is
                found = self.value(part, inline=inline, again=value == "seq")
                if value != "seq":
                    return g.of_type(found, _PYTHON[value])
                return g.either(g.of_type(found, " Vector"), g.of_type(self.value(part), " List"))
            first = self.type_of(part, inline)
            if value != "seq":
                return g.is_(first, g.load(_PYTHON[value]))
            return g.either(g.is_(first, g.load(" Vector")), g.is_(self.type_of(part, True), g.load(" List")))
        if step.op in ("length", "least"):
            op = py.Eq() if step.op == "length" else py.GtE()
            return g.compare(g.load(self.scope["count", part]), op, g.const(value))
        if step.op == "guard":
            return g.truth(g.unit.nodes[value])
        found = self.value(part, inline=inline, again=step.op == "matches" or (step.op in _CHOICES and len(value) > 1))
        if step.op == "is":
            again = [found, *[self.value(part) for _ in value[1:]]]
            return g.either(*[g.is_(again[i], g.const(v)) for i, v in enumerate(value)])
        if step.op == "one-of":
            if len(value) <= _FEW:
                again = [found, *[self.value(part) for _ in value[1:]]]
                return g.either(*[g.compare(again[i], py.Eq(), g.const(v)) for i, v in enumerate(value)])
            return g.compare(found, py.In(), g.const(frozenset(value)))
        if step.op == "present":
            return g.is_not(found, g.load(" ABSENT"))
        if step.op == "equal":
            return g.call(" equal", found, g.const(value))
        if step.op == "holds":
            check = g.check_of(value)
            return g.call(" holds", g.const(check), found) if check is not None else g.const(True)
        assert step.op == "matches"
        return match(g, value, found)

    def known(self, step: Step) -> bool | None:
        """What the kind of the subject, or that of its items, says about a test."""
        part, value = step.part, step.value
        kind: str | None = None
        if part.parent is None:
            kind = self.node.var.kind
        elif self.items and part.parent.parent is None:
            kind = self.items[part.key].kind
        if kind in _KINDS and step.op == "type":
            return str(kind) in _KNOWN[value]
        if kind in _KINDS and step.op == "is" and not (kind == "bool" and any(type(v) is bool for v in value)):
            return False
        return None

    def _conditions(
        self, tests: list[Step], inside: set[Any], after: set[Any]
    ) -> tuple[list[Any] | None, dict[Any, str]]:
        """The conditions of tests that stand in one `if` (None: they cannot all hold), and the scope as it is after that `if`.

        Args:
            inside, after: what is looked at inside and after that `if`.
        """
        found: list[Any] = []
        saved = self.scope
        for i, test in enumerate(tests):
            self.later = self._uses_of(tests[i + 1 :]) | inside
            if not found:  # what the first one needs is evaluated before, so it stays known
                self.later |= after
            made = self._condition(test, bool(found))
            if not found:
                saved = self.scope
                self.scope = dict(saved)
            if made is False:
                return None, saved
            if made is not True:
                found.append(made)
        return found, saved

    def test(self, tests: list[Step], block: Block, after: set[Any]) -> bool:
        """An `if` with a block inside, more of them where sequences are opened on the way; whether the block always leaves."""
        g = self.g
        opened = next(
            (i for i, t in enumerate(tests) if t.op == "type" and t.value == "seq" and t.part in self._sized), len(tests)
        )
        now, later = tests[: opened + 1], tests[opened + 1 :]
        conditions, saved = self._conditions(now, self._uses_of([*later, block]), after)
        if conditions is None:
            self.scope = saved
            return False
        left = False

        def inside() -> None:
            nonlocal left
            if opened < len(tests):
                self._open(tests[opened].part)
            left = self.test(later, block, set()) if later else self.block(block)

        if conditions:
            then = g.inside(inside)
            self.scope = saved
            g.when(g.both(*conditions), then)
            return False
        inside()
        return left

    def _open(self, part: Part) -> None:
        g = self.g
        items, count = g.temp(), g.temp()
        self.scope["items", part], self.scope["count", part] = items, count
        access.window(g, self.value(part), items, count, part.needed)

    # --- blocks ---

    def block(self, block: Block) -> bool:
        """The statements of a block; whether they always leave."""
        saved = self.scope
        self.scope = dict(saved)
        left = False
        for i, item in enumerate(block):
            self.later = self._uses_of(block[i + 1 :])
            left = self._item(item)
            if left:
                break
        self.scope = saved
        return left

    def _item(self, item: Any) -> bool:
        g = self.g
        if isinstance(item, Test):
            return self.test(item.tests, item.block, self.later)
        if isinstance(item, Table):
            table(self, item)
            return False
        if isinstance(item, Step):
            self._step(item)
            return False
        clause = self.node.clauses[item.index]
        if clause.guard is None:
            g.stmt(clause.body, self.to)
            return True
        g.when(g.truth(clause.guard), g.inside(lambda: g.stmt(clause.body, self.to)))
        return False

    def _step(self, step: Step) -> None:
        g, part = self.g, step.part
        if step.op == "default":
            temp = g.temp()
            g.assign(temp, self._read(part))
            self.scope[part] = temp
            node = g.unit.nodes[step.value]
            g.when(g.is_(g.load(temp), g.load(" ABSENT")), g.inside(lambda: g.stmt(node, Destination(temp))))
            return
        binding = step.value if step.op == "bind" else step.value[0]
        value = self.value(part)
        if step.op == "rest":
            value = access.rest(g, value, step.value[1])
        elif step.op == "without":
            value = g.call(" without", value, g.const(step.value[1]))
        store(g, binding, value)
