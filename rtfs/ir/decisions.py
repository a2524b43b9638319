"""Decision trees: in which order `match` makes its tests, so that clauses share them.

A clause is a *row*: its pattern taken apart into steps (`ir.steps`).  Tests of an immutable value can be made in any order, or once
for several rows; so the tests of a row before its first step that a program can notice may move, the others keep their places, and
of two rows the later one may go first where no value fits both.

The plan is a block: items to be carried out one after the other until a `Leaf` takes the subject.  A `Test` or a `Table` whose rows
all fail is followed by the next item.  No row stands twice in a plan, so code generated from it is never larger than the clauses.
"""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.steps import BINDS, TESTS, Part, Step, excludes, implies, take_apart
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Alternatives from which a table is made of tests of one part with literals.
_TABLE_FROM = 4
#: How many rows that a test leaves undecided another row may overtake, and how far ahead the best test is looked for.
_OVERTAKEN = 8
_AHEAD = 16


class Leaf:
    """The clause with this index: its guard, then its body."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


class Test:
    """If all tests hold: the block."""

    __slots__ = ("block", "tests")

    def __init__(self, tests: list[Step], block: Block) -> None:
        self.tests = tests
        self.block = block


class Table:
    """Tests of one part that exclude each other, `is` or `one-of`, each with what follows."""

    __slots__ = ("cases", "op", "part")

    def __init__(self, op: str, part: Part, cases: list[tuple[tuple[Any, ...], Block]]) -> None:
        self.op = op
        self.part = part
        self.cases = cases


if TYPE_CHECKING:
    Item = Step | Leaf | Test | Table
    Block = list[Item]


class _Row:
    """What is left of a clause: tests that may move, names to bind once they hold, and all from the first noticeable step on."""

    __slots__ = ("binds", "guarded", "index", "later", "tests")

    def __init__(self, index: int, steps: list[Step], guarded: bool) -> None:
        self.index = index
        self.guarded = guarded
        first = next((i for i, step in enumerate(steps) if step.op not in TESTS and step.op not in BINDS), len(steps))
        self.tests = [step for step in steps[:first] if step.op in TESTS]
        self.binds = [step for step in steps[:first] if step.op in BINDS]
        self.later = steps[first:]

    def without(self, test: Step) -> _Row:
        """The row once a test is known to hold."""
        return self.with_tests([mine for mine in self.tests if not (mine.part is test.part and implies(test, mine))])

    def with_tests(self, tests: list[Step]) -> _Row:
        rest = object.__new__(_Row)
        rest.index, rest.binds, rest.later, rest.guarded = self.index, self.binds, self.later, self.guarded
        rest.tests = tests
        return rest


def plan(clauses: list[ir.Case], length: int | None = None) -> tuple[Block, int]:
    """The decision tree of some clauses, and how many tests it has fewer than the clauses one by one.

    Args:
        length: that of the subject, when it is known to be a vector.
    """
    whole = Part(None, "whole", None)
    rows = []
    for index, clause in enumerate(clauses):
        steps: list[Step] = []
        take_apart(clause.pattern, whole, steps, 0)
        if length is None or all(_fits(step, length) for step in steps if step.part is whole):
            steps = steps if length is None else [step for step in steps if step.part is not whole]
            rows.append(_Row(index, steps, clause.guard is not None))
    before = sum(len(row.tests) for row in rows)
    return (block := _block(rows)), max(0, before - _count(block))


def _fits(test: Step, length: int) -> bool:
    """Whether a test of a whole vector of that length holds; there is no other step with the vector itself."""
    return bool(test.value == (length if test.op == "length" else "seq"))


def one_by_one(clauses: list[ir.Case]) -> Block:
    """The plan that tries one clause after the other."""
    whole = Part(None, "whole", None)
    return [Test([Step("matches", whole, clause.pattern)], [Leaf(i)]) for i, clause in enumerate(clauses)]


def is_irrefutable(clause: ir.Case) -> bool:
    """Whether a clause takes every value."""
    return clause.guard is None and isinstance(clause.pattern, (ast.WildcardPattern, ast.BindPattern))


def _decides(test: Step, row: _Row) -> bool | None:
    """Whether a row can match only where a test holds (true) or only where it fails (false); None when it is neither."""
    found = None
    for mine in row.tests:
        if mine.part is test.part:
            if excludes(test, mine):
                return False
            if implies(mine, test):
                found = True
    return found


def _disjoint(a: _Row, b: _Row) -> bool:
    return any(x.part is y.part and excludes(x, y) for x in a.tests for y in b.tests)


# --- rows to blocks ------------------------------------------------------------------------------


def _block(rows: list[_Row]) -> Block:
    out: Block = []
    while rows:
        row = rows[0]
        if not row.tests:
            out += _alone(row)
            if not row.guarded and all(step.op == "default" or step.op in BINDS for step in row.later):
                break  # it takes whatever comes here
            rows = rows[1:]
            continue
        test = _choose(rows)
        table, others = _table(test, rows)
        if table is not None:
            out.append(table)
            rows = others
            continue
        group, rows = _split(test, rows)
        if len(group) == 1:
            out += _alone(row)
            continue
        inner = _block([member.without(test) for member in group])
        if len(inner) == 1 and isinstance(inner[0], Test):
            out.append(Test([test, *inner[0].tests], inner[0].block))
        else:
            out.append(Test([test], inner))
    return out


def _alone(row: _Row) -> Block:
    """The items of one row."""
    if row.tests:
        return [Test(row.tests, _alone(row.with_tests([])))]
    out: Block = [*row.binds]
    if not row.later:
        return [*out, Leaf(row.index)]
    step, rest = row.later[0], _Row(row.index, row.later[1:], row.guarded)
    if step.op == "default":
        return [*out, step, *_alone(rest)]
    return [*out, Test([step], _alone(rest))]


def _choose(rows: list[_Row]) -> Step:
    """The test of the first row to begin with: the one that decides most of the rows after it."""
    tests = rows[0].tests
    ready = [
        test for i, test in enumerate(tests) if not any(test.part.inside(earlier.part) for earlier in tests[:i])
    ]  # what a part is, is asked before what is in it
    if len(ready) == 1 or len(rows) == 1:
        return ready[0]
    best, most = ready[0], -1
    for test in ready:
        count = 0
        for row in rows[1:_AHEAD]:
            if _decides(test, row) is None:
                break
            count += 1
        if count > most:
            best, most = test, count
    return best


def _split(test: Step, rows: list[_Row]) -> tuple[list[_Row], list[_Row]]:
    """The rows that share a test with the first one, and the others; both in order."""
    group, others = [rows[0]], []
    undecided: list[_Row] = []
    for i in range(1, len(rows)):
        row = rows[i]
        decided = _decides(test, row)
        if decided and all(_disjoint(row, other) for other in undecided):
            group.append(row)
            continue
        others.append(row)
        if decided is not False:
            undecided.append(row)
            if len(undecided) > _OVERTAKEN:
                return group, others + rows[i + 1 :]
    return group, others


def _table(test: Step, rows: list[_Row]) -> tuple[Table | None, list[_Row]]:
    """The rows from the first one on that test the same part against literals, as a table, and the rows after them."""
    if test.op not in ("is", "one-of"):
        return None, rows
    cases: dict[tuple[Any, ...], list[_Row]] = {}
    taken: dict[Any, tuple[Any, ...]] = {}
    count = 0
    for row in rows:
        mine = next((step for step in row.tests if step.part is test.part and step.op == test.op), None)
        if mine is None or any(taken.get(value, mine.value) != mine.value for value in mine.value):
            break
        for value in mine.value:
            taken[value] = mine.value
        cases.setdefault(mine.value, []).append(row.without(mine))
        count += 1
    if len(cases) < _TABLE_FROM:
        return None, rows
    return Table(test.op, test.part, [(values, _block(found)) for values, found in cases.items()]), rows[count:]


def _count(block: Block) -> int:
    """How many movable tests a plan has."""
    total = 0
    for item in block:
        if isinstance(item, Test):
            total += sum(test.op in TESTS for test in item.tests) + _count(item.block)
        elif isinstance(item, Table):
            total += len(item.cases) + sum(_count(inner) for _, inner in item.cases)
    return total
