"""Patterns taken apart into steps, in the order in which a pattern makes them, and what tests say about each other.

A step tests a part of the subject (`type`, `length`, `is` …), binds a name, or does something that a program can notice: a guard, a
default.  `ir.decisions` plans with them.
"""

from __future__ import annotations

from rtfs.syntax import nodes as ast
from rtfs.types.nodes import Primitive
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What is deeper inside a pattern is matched by itself: its tests would nest too deep.
MAX_NESTING = 30

_TYPES = {"int": "int", "string": "str", "bool": "bool", "keyword": "keyword", "map": "map", "vector": "seq", "list": "seq"}
#: Steps that nobody notices, which can be made in any order, or once for several clauses; and those that give names.
TESTS = frozenset(("type", "is", "one-of", "length", "least", "present", "equal"))
BINDS = frozenset(("bind", "rest", "without"))
_TELLS_PRESENT = frozenset(("type", "is", "one-of", "equal"))


class Part:
    """The subject (`parent` is None), an `item` of a sequence or an `entry` of a map that is itself a part."""

    __slots__ = ("key", "kind", "needed", "parent", "parts")

    def __init__(self, parent: Part | None, kind: str, key: Any) -> None:
        self.parent = parent
        self.kind = kind
        self.key = key
        self.parts: dict[Any, Part] = {}
        self.needed = 0  # of a sequence: how many of its items are looked at

    def item(self, index: int) -> Part:
        self.needed = max(self.needed, index + 1)
        return self.parts.setdefault(index, Part(self, "item", index))

    def entry(self, key: Any) -> Part:
        return self.parts.setdefault((type(key), key), Part(self, "entry", key))

    def inside(self, other: Part) -> bool:
        """Whether it is the other part or in it."""
        part: Part | None = self
        while part is not None:
            if part is other:
                return True
            part = part.parent
        return False


class Step:
    """
    Tests: `type` (`int str float bool keyword seq map`), `is` one of some constants, `one-of` some literals of the type that was
    tested before, `length` exactly, `least` that many items, `present` in its map, `equal` to a value.
    Noticeable: `default` (the key of a node: the part's value if it is absent), `guard` (the key of a node), `holds` (a type),
    `matches` (a whole pattern).
    Names: `bind`, `rest` (a binding, and how many items come before), `without` (a binding, and the keys left out).
    """

    __slots__ = ("op", "part", "value")

    def __init__(self, op: str, part: Part, value: Any = None) -> None:
        self.op = op
        self.part = part
        self.value = value


def take_apart(pattern: ast.Pattern, part: Part, steps: list[Step], depth: int) -> None:
    if isinstance(pattern, ast.BindPattern):
        steps.append(Step("bind", part, pattern.binding))
    elif depth > MAX_NESTING:
        steps.append(Step("matches", part, pattern))
    elif isinstance(pattern, ast.LiteralPattern):
        steps += _literals([pattern], part) or [Step("equal", part, pattern.value)]
    elif isinstance(pattern, ast.VectorPattern):
        _vector(pattern, part, steps, depth)
    elif isinstance(pattern, ast.MapPattern):
        _map(pattern, part, steps, depth)
    elif isinstance(pattern, ast.TypedPattern):
        steps.append(_typed(pattern, part))
        take_apart(pattern.pattern, part, steps, depth)
    elif isinstance(pattern, ast.OrPattern):
        steps += _literals(pattern.options, part) or [Step("matches", part, pattern)]
    elif isinstance(pattern, ast.AsPattern):
        steps.append(Step("bind", part, pattern.binding))
        take_apart(pattern.pattern, part, steps, depth)
    elif isinstance(pattern, ast.GuardPattern):
        take_apart(pattern.pattern, part, steps, depth)
        steps.append(Step("guard", part, id(pattern.guard)))


def _literals(options: Any, part: Part) -> list[Step]:
    """The tests for one of several literals of one kind; none where they are something else."""
    if not all(isinstance(option, ast.LiteralPattern) for option in options):
        return []
    values = tuple([option.value for option in options])
    if all(value is None or type(value) is bool or isinstance(value, Keyword) for value in values):
        return [Step("is", part, values)]
    kind = type(values[0])
    if kind in (int, str, float) and all(type(value) is kind for value in values):
        return [Step("type", part, kind.__name__), Step("one-of", part, values)]
    return []


def _typed(pattern: ast.TypedPattern, part: Part) -> Step:
    name = pattern.type.name if type(pattern.type) is Primitive else ""
    if name == "nil":
        return Step("is", part, (None,))
    return Step("type", part, _TYPES[name]) if name in _TYPES else Step("holds", part, pattern.type)


def _vector(pattern: ast.VectorPattern, part: Part, steps: list[Step], depth: int) -> None:
    count = len(pattern.items)
    steps.append(Step("type", part, "seq"))
    if pattern.rest is None:
        steps.append(Step("length", part, count))
    elif count:
        steps.append(Step("least", part, count))
    for i, item in enumerate(pattern.items):
        take_apart(item, part.item(i), steps, depth + 1)
    if isinstance(pattern.rest, ast.BindPattern):
        steps.append(Step("rest", part, (pattern.rest.binding, count)))
    if pattern.whole is not None:
        steps.append(Step("bind", part, pattern.whole))


def _map(pattern: ast.MapPattern, part: Part, steps: list[Step], depth: int) -> None:
    steps.append(Step("type", part, "map"))
    for entry in pattern.entries:
        inner: list[Step] = []
        if entry.default is not None:
            own = Part(part, "entry", entry.key)  # what it is when absent is this clause's affair
            inner.append(Step("default", own, id(entry.default)))
            take_apart(entry.pattern, own, inner, depth + 1)
        else:
            found = part.entry(entry.key)
            take_apart(entry.pattern, found, inner, depth + 1)
            first = next((step for step in inner if step.op not in BINDS), None)
            if first is None or first.part is not found or first.op not in _TELLS_PRESENT:
                inner.insert(0, Step("present", found))
        steps += inner
    if pattern.rest is not None:
        steps.append(Step("without", part, (pattern.rest, tuple([entry.key for entry in pattern.entries]))))
    if pattern.whole is not None:
        steps.append(Step("bind", part, pattern.whole))


# --- relations -------------------------------------------------------------------------------


def implies(a: Step, b: Step) -> bool:
    """Whether a test that holds makes another one, of the same part, hold too."""
    if b.op == "present":
        return a.op == "present" or a.op in _TELLS_PRESENT
    if b.op == "least":
        return a.op in ("least", "length") and bool(a.value >= b.value)
    if a.op != b.op:
        return False
    if a.op == "equal":
        return a.value is b.value
    if a.op == "is" or a.op == "one-of":
        return all(any(_same(x, y) for y in b.value) for x in a.value)
    return bool(a.value == b.value)


def excludes(a: Step, b: Step) -> bool:
    """Whether two tests of one part never both hold."""
    if a.op == b.op:
        if a.op == "is" or a.op == "one-of":
            return not any(_same(x, y) for x in a.value for y in b.value)
        return a.op in ("type", "length") and a.value != b.value
    if a.op == "length" and b.op == "least":
        return bool(a.value < b.value)
    if a.op == "least" and b.op == "length":
        return bool(b.value < a.value)
    if a.op == "type" and b.op == "is":
        return all(_type_of(value) != a.value for value in b.value)
    if a.op == "is" and b.op == "type":
        return all(_type_of(value) != b.value for value in a.value)
    return {a.op, b.op} == {"is", "one-of"}


def _same(x: Any, y: Any) -> bool:
    return x is y or (type(x) is type(y) and x == y)


def _type_of(constant: Any) -> str:
    return "keyword" if isinstance(constant, Keyword) else "bool" if type(constant) is bool else "nil"
