"""Calls of one function of which it is known that its own body runs: the part of L1 that a call meets.

Who decides calls fills the table, when the decision depends on nothing but the types of the operands, and empties it when decisions
change.  A warm call looks up its types, takes a number, and runs; every so often the table is emptied, so that whoever decides can
look whether anything has changed.
"""

from __future__ import annotations

from itertools import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rtfs.values.functions import Function

    Enter = Callable[[Function, list[Any]], Any]

#: One of so many calls, and one, empties the table; a power of two less one.
LONG_WAY = 4095


class Shortcut:
    """See the module. Safe to use from several threads: each of the steps of a look-up is one of the interpreter.

    Attributes:
        local: types of the operands, as `kinds` gives them -> True; emptied and filled in place.
        take: the number of the call among those that found their types, from 1 on.
        owner: who fills it; None: nobody yet.
    """

    __slots__ = ("_count", "local", "owner", "take")

    def __init__(self) -> None:
        self.local: dict[Any, bool] = {}
        self._count = count(1)
        self.take: Callable[[], int] = self._count.__next__
        self.owner: Any = None

    @property
    def taken(self) -> int:
        """How many calls have found their types, and ran without asking anybody."""
        found = int(repr(self._count)[len("count(") : -1]) - 1
        return found - found // (LONG_WAY + 1)

    def knows(self, args: list[Any]) -> bool:
        """Whether the body runs for these operands, without asking anybody."""
        if self.local.get(kinds(args)) is not True:
            return False
        if self.take() & LONG_WAY:
            return True
        self.local.clear()
        return False


def by_shortcut(shortcut: Shortcut, local: Enter, decide: Enter) -> Enter:
    """The `enter` of a function: `local`, which runs its body, where that is known, else `decide`."""
    knows = shortcut.knows

    def enter(function: Function, args: list[Any]) -> Any:
        return local(function, args) if knows(args) else decide(function, args)

    return enter


def kinds(args: list[Any]) -> Any:
    """What a shortcut knows operands by: the type of one, the types of several."""
    return type(args[0]) if len(args) == 1 else tuple([type(arg) for arg in args])
