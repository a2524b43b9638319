"""The Python functions that stand for a function with machine code, made for each number of operands.

Python does not use the C stack for a call of one Python function by another: recursion can be deep only where all calls on its
way are such.  So these functions take their operands one by one, and the function that must answer is called from Python, never
from C.
"""

from __future__ import annotations

from rtfs.eval.compiled.places import TRANSPARENT
from rtfs.eval.native.module import BAILED, UNFIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Given instead of a value: the ordinary function is to answer.
LEAVE: Any = object()


class Hot(Exception):
    """A function has run for long: raised by the version of it that counts its turns, and caught around it."""


_STUB = """\
def made(candidate, entry, ordinary, leave, unfit, bailed):
    def stub({operands}):
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
    def switch(new_entry, new_ordinary):
        nonlocal entry, ordinary
        entry, ordinary = new_entry, new_ordinary
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


def stub(candidate: Any, entry: Any, ordinary: Any, count: int) -> tuple[Any, Any]:
    """A function that asks `entry` first, and `ordinary` where that gives no value; and what gives it two others."""
    stub_, switch = _define(_STUB, count)(candidate, entry, ordinary, LEAVE, UNFIT, BAILED)
    return stub_, switch


def warming(counted: Any, candidate: Any, count: int) -> Any:
    """A function that calls `counted` until that is hot."""
    return _define(_WARMING, count)(counted, candidate, Hot)


def leave(*_: Any) -> Any:
    """The entry of a function that has no machine code, or not now."""
    return LEAVE
