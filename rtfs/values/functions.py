"""What can be called: built-ins and functions that a program made.

A `Function` holds what every caller, printer and delegation target needs to know; how its body runs is the
evaluator's affair (`code` and `env` are opaque here).
"""

from __future__ import annotations

from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Builtin:
    """A function of the standard library, written in Python.

    Attributes:
        name: its RTFS name, as it appears in errors.
        call: the Python callable; takes the RTFS values positionally.
        low, high: how many operands it takes; `high` is None when there is no upper limit.
        doc: one line for `:doc` and the generated table.
        fixed: number of operands -> a quicker callable for exactly so many; most have none.
        type: its declared type as text, read by `semantics.signatures`; empty when nothing is declared.
        tests: of a predicate, the type as text for whose values it is true, and for no others; else empty.
        takes: bit `n` tells whether it takes `n` operands, for `n` up to 7: what a call looks at.
        two: the Python callable for exactly two operands.
    """

    __slots__ = ("name", "call", "low", "high", "doc", "fixed", "type", "tests", "takes", "two")

    def __init__(
        self,
        name: str,
        call: Callable[..., Any],
        low: int,
        high: int | None,
        doc: str = "",
        fixed: dict[int, Callable[..., Any]] | None = None,
        type: str = "",
        tests: str = "",
    ) -> None:
        self.name = name
        self.fixed = fixed
        self.type = type
        self.tests = tests
        self.call = call
        self.low = low
        self.high = high
        self.doc = doc
        self.takes = sum(1 << n for n in range(8) if n >= low and (high is None or n <= high))
        self.two = call if fixed is None else fixed.get(2, call)

    def __repr__(self) -> str:
        return f"#<fn {self.name}>"

    def entry(self, count: int) -> Callable[..., Any]:
        """What to call with `count` operands, which it takes."""
        return self.call if self.fixed is None else self.fixed.get(count, self.call)


def _one(function: Function, a: Any) -> Any:
    return function.code(function, [a])


def _two(function: Function, a: Any, b: Any) -> Any:
    return function.code(function, [a, b])


class Function:
    """A function made by `fn` or `defn`.

    Attributes:
        name: as defined, or None.
        spec: `syntax.nodes.Fn`: parameters with their types, return type, docstring, delegation hint, span.
        code: `code(function, args)` carries out a whole call; a plain Python function of the evaluator.
        enter: `enter(function, args)` runs the body once and may answer with a tail call that is still to be made.
        env: the environment the function closes over.
        meta: the general metadata as an RTFS map, for `(meta f)`.
        module: name of the module it was defined in, or None; part of its qualified name.
        py, arity: a Python function that takes the operands one by one, and how many; -1 when there is none.
        one, two: `code` for one and for two operands, `one(function, a)`; faster where the function takes so many.
    """

    __slots__ = ("name", "spec", "code", "enter", "env", "meta", "module", "py", "arity", "one", "two")

    def __init__(
        self,
        name: str | None,
        spec: Any,
        code: Any,
        enter: Any,
        env: Any,
        meta: Any = None,
        module: str | None = None,
        one: Any = _one,
        two: Any = _two,
    ) -> None:
        self.name = name
        self.spec = spec
        self.code = code
        self.enter = enter
        self.env = env
        self.meta = meta
        self.module = module
        self.py: Any = None
        self.arity = -1
        self.one = one
        self.two = two

    def __repr__(self) -> str:
        return f"#<fn {self.name}>" if self.name else "#<fn>"
