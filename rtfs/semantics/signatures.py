"""The declared types of built-ins, for the checker, the documentation and `:type` in the REPL.

What is declared is what the checker believes of a built-in, so the tests call every built-in with values of its parameters' types
and look whether the result has the type that was promised, and with any values and look whether what it takes is allowed.

How a declared type is read:

- The first shape that the operands fit gives the result.  Of operands whose type leaves that open (`any`, a union), every shape up
  to the first that they surely fit may give it.
- A type variable is the join of all that it meets: `[:fn [[:fn [a b] a] a [:seq b]] a]` of an integer, a function that gives
  strings and a vector has `a` = `[:union int string]`.  One that meets nothing is `never`: `(vector)` is a `[:vector never]`.
- Where a function is wanted, `[:fn …]` or `fn`, a keyword does as well, as a function of one or two operands.
- As everywhere, `vector` takes lists and `float` takes integers, and `[:map-of k v]` is any map: of a record whose further entries
  are open, `k` and `v` are `any`.
"""

from __future__ import annotations

from functools import cache

from rtfs.types.nodes import FunctionType, Type
from rtfs.values.functions import Builtin


def signature(builtin: Builtin) -> tuple[FunctionType, ...]:
    """The shapes of call that a built-in allows, in the order in which they are tried; none when nothing is declared."""
    return shapes_of(builtin.type) if builtin.type else ()


def predicate_type(builtin: Builtin) -> Type | None:
    """The type for whose values a predicate is true, and for no others: `int` of `int?`; None when it is no such predicate."""
    return _type(builtin.tests) if builtin.tests else None


@cache
def shapes_of(text: str) -> tuple[FunctionType, ...]:
    """The shapes of call that a declared type as text allows."""
    from rtfs.types.parse import parse_signature

    return parse_signature(_form(text))


@cache
def _type(text: str) -> Type:
    from rtfs.types.parse import parse_type

    return parse_type(_form(text))


def _form(text: str) -> object:
    from rtfs.source import Source
    from rtfs.syntax.reader import read_forms

    return read_forms(Source("<signature>", text))[0]
