"""When a program gives a name another meaning: code that took the old one for granted is made anew.

Generated code contains operators in place of calls of `+`, loops in place of calls of `map`, bodies of small functions in place of
calls of them, while nobody has rebound those names.  Units of code are remembered with the names they rely on.  A rebinding,
which is rare, compiles such a unit again and gives the functions that were made by it their new code.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType

from rtfs.eval.compiled.places import places_of
from rtfs.values.functions import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.ir import nodes as ir
    from rtfs.syntax import nodes as ast


def heap() -> list[Any]:
    """All objects that may be functions, millions perhaps.

    Those that the host has frozen are among them: they are not frozen any more, as Python tells of no others.
    """
    if gc.get_freeze_count():
        gc.unfreeze()
    return gc.get_objects()


class Dependent:
    """A unit of generated code: its code, the names it relies on, and how to make it again.

    Attributes:
        name, function: the global function that the unit defines, if it does just that.
        code: None while it is not loaded.
        again: gives the code for the meanings of now, and what makes the unit's value, and tells the linker what it relies on.
    """

    __slots__ = ("again", "code", "function", "name", "names")

    def __init__(
        self,
        name: str | None,
        function: ast.Fn | None,
        code: CodeType | None,
        names: Iterable[str],
        again: Callable[[], tuple[CodeType, Any] | None],
    ) -> None:
        self.name = name
        self.function = function
        self.code = code
        self.names = names
        self.again = again

    def rebound(self) -> str | None:
        """One of the names has a new meaning. Gives the name of the global function whose code was made anew, if it was one."""
        made = self.again()
        if made is None:
            return None
        code, work = made
        pairs = _pairs(self.code, code) if self.code is not None else {}
        if self.function is None and not pairs:
            return self.name
        functions: list[Function] = []
        for found in heap():
            kind = type(found)
            if kind is FunctionType:
                if id(found.__code__) in pairs:
                    found.__code__ = pairs[id(found.__code__)]
            elif kind is Function and found.spec is self.function:
                functions.append(found)
        if functions and self.function is not None:
            self._replace(functions, work)
        return self.name

    @staticmethod
    def _replace(functions: list[Function], work: Any) -> None:
        """Give a global function its new code as a whole: it closes over nothing."""
        made = work()
        for found in functions:
            found.py, found.env, found.code, found.enter = made.py, made.env, made.code, made.enter


def defined_function(unit: ir.Unit) -> tuple[str | None, ast.Fn | None]:
    """Name and function of a unit that does nothing but define one."""
    return (unit.name, unit.function.ast) if unit.function is not None else (None, None)


def _pairs(old: CodeType, new: CodeType) -> dict[int, CodeType]:
    """Which new code can stand for which old one: made from the same `fn`, with the same variables around it and the same
    operands."""
    before: dict[int, list[CodeType]] = {}
    after: dict[int, list[CodeType]] = {}
    _collect(old, before)
    _collect(new, after)
    pairs = {}
    for spec, codes in before.items():
        others = after.get(spec, [])
        if len(codes) == len(others) == 1 and _fits(codes[0], others[0]):
            pairs[id(codes[0])] = others[0]
    return pairs


def _collect(code: CodeType, found: dict[int, list[CodeType]]) -> None:
    for constant in code.co_consts:
        if type(constant) is CodeType:
            places = places_of(constant)
            if places is not None and places.spec is not None:
                found.setdefault(id(places.spec), []).append(constant)
            _collect(constant, found)


def _fits(old: CodeType, new: CodeType) -> bool:
    return old.co_freevars == new.co_freevars and old.co_varnames[: old.co_argcount] == new.co_varnames[: new.co_argcount]
