"""Which functions may have machine code, as far as a quick look at the source tells, taken when a function is defined."""

from __future__ import annotations

from collections.abc import Callable

from rtfs.eval.compiled.places import TRANSPARENT
from rtfs.eval.native.kinds import annotation
from rtfs.eval.native.names import is_plain
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Function
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: A function without loops and calls gains nothing below this size, in nodes of source: entering machine code costs what eight
#: operations cost in the ordinary tier.
_FEWEST_NODES = 24

#: A call of another function takes as long as so many nodes.
_CALL_NODES = 10

_LOOPS = (ast.Loop, ast.Recur, ast.SelfCall, ast.Dotimes, ast.For)
#: Nodes that have no machine code.
_NEVER = (ast.Fn, ast.MakeVector, ast.MakeMap, ast.Try, ast.HostForm, ast.Parallel, ast.Template, ast.SetGlobal)
_LARGEST = 4_000


def is_candidate(value: Function) -> bool:
    """Whether a function runs here in the usual way, and its annotations speak of numbers and booleans only."""
    spec, python = value.spec, value.py
    return (
        python is not None
        and python is value.env
        and python.__code__ not in TRANSPARENT  # a stub already
        and annotation(spec.result) is not None
        and is_plain(spec)
        and all(annotation(p.type) is not None and isinstance(p.pattern, ast.BindPattern) for p in spec.params)
    )


class Look(Struct):
    """What a look at a body shows."""

    loops: bool
    """It may take long within one call, without calling itself."""
    worth: bool
    """Machine code may be faster."""
    size: int
    """How much is done in a call or a turn: nodes of source."""


def look_at(name: str, spec: ast.Fn, is_builtin: Callable[[str], bool]) -> Look | None:
    """
    Args:
        name: of the function.
        is_builtin: whether a name is one of the library's.
    Returns:
        None when the body holds what has no machine code.
    """
    loops, calls, recursive, count = False, False, False, 0
    waiting: list[Any] = [spec.body]
    while waiting:
        item = waiting.pop()
        if isinstance(item, tuple):
            waiting.extend(item)
            continue
        if isinstance(item, ast.Call) and isinstance(item.function, ast.Global):
            called = item.function.name
            if called == "reduce":
                loops = True
                waiting.extend(item.args[1:])  # its function may be a literal
                continue
            if not is_builtin(called):
                calls = True
                count += _CALL_NODES
            recursive = recursive or called == name
        if isinstance(item, _NEVER):
            return None
        if isinstance(item, ast.Node):
            count += 1
            if count > _LARGEST:
                return None
            loops = loops or isinstance(item, _LOOPS)
        elif not isinstance(item, (ast.LetBinding, ast.MatchClause, ast.ForClause)):
            continue
        waiting.extend(getattr(item, field) for field in item._fields if field not in _SKIPPED)
    return Look(loops and not recursive, loops or calls or count >= _FEWEST_NODES, count)


_SKIPPED = frozenset(("span", "scope", "type", "binding", "pattern"))
