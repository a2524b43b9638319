"""The Python functions that stand for a function with machine code, made for each number of operands.

Python does not use the C stack for a call of one Python function by another: recursion can be deep only where all calls on its
way are such.  So these functions take their operands one by one, and the function that must answer is called from Python, never
from C.
"""

from __future__ import annotations

from rtfs.eval.compiled.places import TRANSPARENT
from rtfs.eval.native.signals import BAILED, LEAVE, UNFIT, Hot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_STUB = """\
def made(candidate, entry, ordinary, left, leave, unfit, bailed):
    def stub({operands}):
        nonlocal left
        if left:
            left -= 1
            return ordinary({operands})
        result = entry({operands})
        if result is leave:
            return ordinary({operands})
        if result is unfit:
            result = candidate.refit(({operands}))
            if result is leave:
                return ordinary({operands})
        if result is bailed:
            candidate.rerun_begins()
            try:
                return ordinary({operands})
            finally:
                candidate.rerun_ends()
        return result
    def switch(*new):
        nonlocal entry, ordinary, left
        entry, ordinary, left = new
    return stub, switch
"""

_WARMING = """\
def made(counted, candidate, Hot):
    def warming({operands}):
        try:
            return counted({operands})
        except Hot:
            return candidate.hot(({operands}))
    return warming
"""

_MADE: dict[tuple[str, int], Any] = {}


def _define(template: str, count: int) -> Any:
    found = _MADE.get((template, count))
    if found is None:
        scope: dict[str, Any] = {}
        text = template.format(operands="".join(f"a{i}, " for i in range(count)))
        # safe: the text is a template of this module with operands put in, never anything of a program
        exec(compile(text, "<rtfs>", "exec"), scope)
        found = _MADE[(template, count)] = scope["made"]
        code = found.__code__
        TRANSPARENT.update(c for c in code.co_consts if type(c) is type(code))
    return found


def stub(candidate: Any, entry: Any, ordinary: Any, left: int, count: int) -> tuple[Any, Any]:
    """A function that stands for another one.

    Args:
        candidate: told of what machine code does not take, or gives up.
        entry: asked first; gives a value, `LEAVE`, `UNFIT` or `BAILED`.
        ordinary: answers where that gives no value.
        left: so many calls go to `ordinary` straight away.
        count: of operands.
    Returns:
        The function, and what replaces `entry`, `ordinary` and `left`.
    """
    stub_, switch = _define(_STUB, count)(candidate, entry, ordinary, left, LEAVE, UNFIT, BAILED)
    return stub_, switch


def warming(counted: Any, candidate: Any, count: int) -> Any:
    """A function that calls `counted` until that is hot."""
    return _define(_WARMING, count)(counted, candidate, Hot)


def leave(*_: Any) -> Any:
    """The entry of a function that has no machine code, or not now."""
    return LEAVE
