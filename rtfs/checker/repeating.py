"""Which parts of a loop, or of a function that calls itself, are evaluated again and again without a bound."""

from __future__ import annotations

from rtfs.checker.walking import descend
from rtfs.syntax import nodes as ast
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

#: `(f v …)` brings a counter or a collection nearer to its end.
_STEPS = frozenset({"inc", "dec", "+", "-", "quot", "/", "rest", "drop", "butlast", "subvec", "drop-while"})

#: What looks whether an end is reached.
_ENDS = frozenset({"<", ">", "<=", ">=", "=", "!=", "not=", "zero?", "pos?", "neg?", "positive?", "empty?", "nil?", "count"})


def repeated(body: ast.Node, whole: ast.Loop | ast.Fn) -> list[Struct]:
    """The parts that a further turn comes after; none when each turn brings a counter or a collection nearer to its end."""
    turns = [part for part in descend(body) if _is_turn(part, whole)]
    if not turns or _is_bounded(body, whole, turns):
        return []
    found: list[Struct] = []
    _collect(body, set(map(id, turns)), found)
    return found


def _is_turn(part: Struct, whole: ast.Loop | ast.Fn) -> bool:
    if isinstance(part, ast.Recur):
        return True
    if isinstance(whole, ast.Loop) or not isinstance(part, (ast.Call, ast.SelfCall)):
        return False
    return isinstance(part, ast.SelfCall) or (isinstance(part.function, ast.Global) and part.function.name == whole.name)


def _collect(node: Struct, turns: set[int], found: list[Struct]) -> None:
    """What is evaluated in a turn after which another one comes: a branch without such a turn is the last."""
    if not any(id(part) in turns for part in descend(node)):
        return
    if isinstance(node, ast.If):
        found += descend(node.test)
        _collect(node.then, turns, found)
        _collect(node.otherwise, turns, found)
    elif isinstance(node, ast.Let):
        for binding in node.bindings:
            found += descend(binding.value)
        _collect(node.body, turns, found)
    elif isinstance(node, ast.Do):
        for part in node.body[:-1]:
            found += descend(part)
        _collect(node.body[-1], turns, found)
    elif isinstance(node, ast.Match):
        found += descend(node.value)
        for clause in node.clauses:
            found += () if clause.guard is None else descend(clause.guard)
            _collect(clause.body, turns, found)
    else:
        found += descend(node)


def _is_bounded(body: ast.Node, whole: ast.Loop | ast.Fn, turns: Sequence[Struct]) -> bool:
    """Whether a variable that a test reads comes nearer to its end in every turn."""
    patterns = [b.pattern for b in whole.bindings] if isinstance(whole, ast.Loop) else [p.pattern for p in whole.params]
    tested = {name for part in descend(body) for name in _compared(part)}
    for i, pattern in enumerate(patterns):
        names = {n for part in descend(pattern) for f in ("binding", "whole", "rest") if (n := getattr(part, f, None)) is not None}
        if names & tested or (names and not isinstance(pattern, ast.BindPattern)):
            if all(_comes_nearer(turn, i, names) for turn in turns):
                return True
    return False


def _compared(part: Struct) -> list[ast.Binding]:
    """The names that a test compares with where they should end."""
    if isinstance(part, ast.Match):
        return [part.value.binding] if isinstance(part.value, ast.Local) else []
    found: list[ast.Binding] = []
    for test in descend(part.test) if isinstance(part, ast.If) else ():
        if isinstance(test, ast.Call) and isinstance(test.function, ast.Global) and test.function.name in _ENDS:
            found += [inner.binding for inner in descend(test) if isinstance(inner, ast.Local)]
        elif isinstance(test, ast.Local) and test is part.test:  # type: ignore[attr-defined]
            found.append(test.binding)
    return found


def _comes_nearer(turn: Struct, index: int, names: set[ast.Binding]) -> bool:
    args = turn.args  # type: ignore[attr-defined]
    if index >= len(args):
        return False
    arg = args[index]
    if isinstance(arg, ast.Local):  # the rest of a pattern: `[head & tail]`
        return arg.binding in names and len(names) > 1
    if not isinstance(arg, ast.Call) or not isinstance(arg.function, ast.Global) or arg.function.name not in _STEPS:
        return False
    return any(isinstance(part, ast.Local) and part.binding in names for part in descend(arg))
