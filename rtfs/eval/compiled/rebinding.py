"""When a program gives a built-in's name another meaning: code that took the old one for granted is made anew.

Generated code contains operators in place of calls of `+`, loops in place of calls of `map`, and so on, while nobody has rebound
those names.  Units of code are remembered with the names they rely on.  A rebinding, which is rare, finds the functions made by
such a unit among all objects and gives them new code: the same functions with the same variables, generated with calls in place
of operators.  Where the shape itself relied on a name (a loop for a `map`), a global function is compiled again as a whole.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from types import CodeType, FunctionType

from rtfs.syntax import nodes as ast
from rtfs.values.functions import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Dependent:
    """A unit of generated code: its node, its code, the names it relies on, and how to make it again.

    Attributes:
        again: gives code of the same shape for the meanings of now.
        compile: a node -> its value's maker, for what must be lowered again.
    """

    __slots__ = ("again", "code", "compile", "names", "node", "shape")

    def __init__(
        self,
        node: ast.Node,
        code: CodeType,
        names: set[str],
        shape: set[str],
        again: Callable[[], CodeType],
        compile_: Callable[[ast.Node], Any],
    ) -> None:
        self.node = node
        self.code = code
        self.names = names
        self.shape = shape
        self.again = again
        self.compile = compile_

    def rebound(self, name: str) -> None:
        """`name` has a new meaning."""
        if name in self.shape:
            self._replace_function()
            return
        made = self.again()
        codes: dict[int, CodeType] = {}
        if not _pair(self.code, made, codes):
            return
        for found in gc.get_objects():
            if type(found) is FunctionType and id(found.__code__) in codes:
                found.__code__ = codes[id(found.__code__)]
        self.code = made

    def _replace_function(self) -> None:
        node = self.node.value if isinstance(self.node, ast.Def) else self.node
        if not isinstance(node, ast.Fn):
            return
        work = self.compile(node)
        if work is None:
            return
        made = work()
        for found in gc.get_objects():
            if type(found) is Function and found.spec is node and found is not made:
                found.py, found.env, found.code, found.enter = made.py, made.env, made.code, made.enter


def _pair(old: CodeType, new: CodeType, codes: dict[int, CodeType]) -> bool:
    """Note which new code stands for which old one; whether both have the same shape."""
    if old.co_freevars != new.co_freevars or old.co_varnames[: old.co_argcount] != new.co_varnames[: new.co_argcount]:
        return False
    codes[id(old)] = new
    inner = [c for c in old.co_consts if type(c) is CodeType]
    inner_new = [c for c in new.co_consts if type(c) is CodeType]
    return len(inner) == len(inner_new) and all(_pair(a, b, codes) for a, b in zip(inner, inner_new, strict=True))
