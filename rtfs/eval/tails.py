"""What a body answers when its value is another call: signals between a body and the loop around it, never seen by a program."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class TailCall:
    """The value of this function is the value of `function` applied to `args`; `place` is the call's span and its operands'."""

    __slots__ = ("args", "function", "place")

    def __init__(self, function: Any, args: list[Any], place: Any) -> None:
        self.function = function
        self.args = args
        self.place = place


class Again:
    """Run the loop or function around once more, with these values; `place` as in a tail call.

    In the tree evaluator `args` may be None: the values are in the variables already.
    """

    __slots__ = ("args", "place")

    def __init__(self, args: list[Any] | None, place: Any) -> None:
        self.args = args
        self.place = place
