"""What a body answers when its value is another call: signals between a body and the loop around it, never seen by a program."""

from __future__ import annotations

from typing import Any


class TailCall:
    """The value of this function is the value of `function` applied to `args`."""

    __slots__ = ("args", "function", "span")

    def __init__(self, function: Any, args: list[Any], span: Any) -> None:
        self.function = function
        self.args = args
        self.span = span


class Again:
    """Run the loop or function around once more, with these values."""

    __slots__ = ("args",)

    def __init__(self, args: list[Any]) -> None:
        self.args = args
