"""Equality and order: reference 8.2 and 7.2.

`and` and `or` are special forms; their values as functions are in `functions`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

from rtfs.semantics.builtins.operands import MISSING, given
from rtfs.semantics.faults import type_error
from rtfs.semantics.library import builtin
from rtfs.values.equality import equal, is_truthy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _same(a: Any, b: Any) -> bool:
    kind = type(a)
    if kind is int or kind is str:
        return type(b) is kind and a == b
    return equal(a, b)


@builtin("=", 1, None, two=_same, type="[:fn [any & any] bool]")
def equals(a: Any, b: Any = MISSING, *rest: Any) -> bool:
    """`(= a b …)`: all equal, by structure and kind: `(= 1 1.0)` is false."""
    return b is MISSING or (_same(a, b) and all(equal(a, other) for other in rest))


@builtin("not=", 2, aliases=("!=",), type="[:fn [any any] bool]")
def differs(a: Any, b: Any) -> bool:
    """`(not= a b)`: the opposite of `=`."""
    return not equal(a, b)


@builtin("not", 1, type="[:fn [any] bool]")
def negate(a: Any) -> bool:
    """`(not x)`: true for `nil` and `false`."""
    return not is_truthy(a)


def _chain(operation: str, holds: Callable[[Any, Any], bool], operands: list[Any]) -> bool:
    """Whether `holds` between all neighbours; every operand is checked, also after the answer is known."""
    first = type(operands[0])
    if first is int or first is float:
        kinds: tuple[type, ...] = (int, float)
    elif first is str:
        kinds = (str,)
    else:
        raise type_error(operation, "comparable types", operands[0], 0)
    result = True
    for index in range(1, len(operands)):
        if type(operands[index]) not in kinds:
            hint = "compare numbers with numbers and strings with strings"
            raise type_error(operation, "comparable types", operands[index], index, hint=hint)
        result = result and holds(operands[index - 1], operands[index])
    return result


# Four times the same body, because `<` is as hot as `+` and a comparison passed in as a function would double its cost.


def _is_less(a: Any, b: Any) -> Any:
    kind, other = type(a), type(b)
    if (kind is int or kind is float) and (other is int or other is float):
        return a < b
    return _chain("<", operator.lt, [a, b])


@builtin("<", 1, None, two=_is_less, type="[:and [:fn [number & number] bool] [:fn [string & string] bool]]")
def less(a: Any, b: Any = MISSING, *rest: Any) -> bool:
    """`(< a b …)`: numbers or strings in strictly rising order."""
    return _chain("<", operator.lt, given(a, b, rest))


def _is_greater(a: Any, b: Any) -> Any:
    kind, other = type(a), type(b)
    if (kind is int or kind is float) and (other is int or other is float):
        return a > b
    return _chain(">", operator.gt, [a, b])


@builtin(">", 1, None, two=_is_greater, type="[:and [:fn [number & number] bool] [:fn [string & string] bool]]")
def greater(a: Any, b: Any = MISSING, *rest: Any) -> bool:
    """`(> a b …)`: numbers or strings in strictly falling order."""
    return _chain(">", operator.gt, given(a, b, rest))


def _is_at_most(a: Any, b: Any) -> Any:
    kind, other = type(a), type(b)
    if (kind is int or kind is float) and (other is int or other is float):
        return a <= b
    return _chain("<=", operator.le, [a, b])


@builtin("<=", 1, None, two=_is_at_most, type="[:and [:fn [number & number] bool] [:fn [string & string] bool]]")
def at_most(a: Any, b: Any = MISSING, *rest: Any) -> bool:
    """`(<= a b …)`: numbers or strings, none smaller than the one before."""
    return _chain("<=", operator.le, given(a, b, rest))


def _is_at_least(a: Any, b: Any) -> Any:
    kind, other = type(a), type(b)
    if (kind is int or kind is float) and (other is int or other is float):
        return a >= b
    return _chain(">=", operator.ge, [a, b])


@builtin(">=", 1, None, two=_is_at_least, type="[:and [:fn [number & number] bool] [:fn [string & string] bool]]")
def at_least(a: Any, b: Any = MISSING, *rest: Any) -> bool:
    """`(>= a b …)`: numbers or strings, none larger than the one before."""
    return _chain(">=", operator.ge, given(a, b, rest))
