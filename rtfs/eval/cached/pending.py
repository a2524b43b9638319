"""Definitions of functions that are still to be read.

A function value points to its definition, and the compiler tells by identity whether a name is still bound to the function
that it knows.  So a definition that nobody has asked for is there already, as an object without content; the first look at one of
its fields reads it, and from then on it is an ordinary `Fn`.
"""

from __future__ import annotations

from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# slots that hold something else meanwhile: what reads the definition, and whether it has a `result`
_read: Any = ast.Fn.__dict__["doc"]
_typed: Any = ast.Fn.__dict__["result"]


class PendingFn(ast.Fn):
    """See the module."""

    __slots__ = ()

    def __init__(self, read: Callable[[], None], typed: bool) -> None:
        _read.__set__(self, read)
        _typed.__set__(self, typed)

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return object.__getattribute__(self, name)
        if name == "result" and not _typed.__get__(self):  # asked of every function that is defined
            return None
        read: Callable[[], None] = _read.__get__(self)
        read()
        return object.__getattribute__(self, name)


def settle_as(pending: ast.Fn, made: ast.Fn) -> ast.Fn:
    """Give a definition its content, unless it has it; gives the definition."""
    if type(pending) is PendingFn:
        for field in ast.Fn._fields:
            object.__setattr__(pending, field, getattr(made, field))
        object.__setattr__(pending, "__class__", ast.Fn)
    return pending
