"""Numbers: reference 8.1 and 7.3.

Integers are exact and unbounded (up to `limits.MAX_INTEGER_BYTES`), floats follow IEEE: what overflows is infinite and
nothing raises, except division by zero.  A float meeting an integer too large for a float sees infinity.

`+ - * /` are the hottest functions of the language, so each tries two operands of the usual kinds before anything else.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from rtfs.semantics.builtins.operands import MISSING, given, integer, number, paced, sequence
from rtfs.semantics.faults import division_by_zero, invalid_argument, type_error
from rtfs.semantics.library import builtin
from rtfs.semantics.limits import LONG_INTEGER_BITS, RANGE_ITEM_BYTES, check_integer, check_size
from rtfs.values import meter
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def to_float(value: int | float) -> float:
    """A number as a float; infinity for an integer beyond the floats."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _fold(operation: str, apply: Callable[[Any, Any], Any], operands: list[Any]) -> Any:
    """Left to right, checking each operand: the way for anything but two ordinary numbers."""
    total = number(operation, operands[0], 0)
    for index in range(1, len(operands)):
        item = number(operation, operands[index], index)
        try:
            total = apply(total, item)
        except OverflowError:
            total = apply(to_float(total), to_float(item))
    return total


def _sum(a: Any, b: Any) -> Any:
    kind, other = type(a), type(b)
    if (kind is int or kind is float) and (other is int or other is float):
        try:
            return a + b
        except OverflowError:
            pass
    return _fold("+", operator.add, [a, b])


@builtin("+", 1, None, two=_sum, type="[:and [:fn [int & int] int] [:fn [number & number] number]]")
def add(a: Any, b: Any = MISSING, *rest: Any) -> Any:
    """`(+ a b …)`: the sum; a float if any operand is."""
    return _fold("+", operator.add, given(a, b, rest))


def _difference(a: Any, b: Any) -> Any:
    kind, other = type(a), type(b)
    if (kind is int or kind is float) and (other is int or other is float):
        try:
            return a - b
        except OverflowError:
            pass
    return _fold("-", operator.sub, [a, b])


@builtin("-", 1, None, two=_difference, type="[:and [:fn [int & int] int] [:fn [number & number] number]]")
def subtract(a: Any, b: Any = MISSING, *rest: Any) -> Any:
    """`(- a b …)`: what is left of `a`; `(- a)` negates."""
    if b is MISSING:
        return -number("-", a, 0)
    return _fold("-", operator.sub, given(a, b, rest))


def _product(a: Any, b: Any) -> Any:
    result = a * b
    if type(result) is int and result.bit_length() >= LONG_INTEGER_BITS:
        check_integer("*", result.bit_length())
    return result


def _times(a: Any, b: Any) -> Any:
    kind, other = type(a), type(b)
    if kind is int and other is int:
        # checked afterwards: the product of two integers within the limit is harmless, only a chain of them grows
        result = a * b
        if result.bit_length() >= LONG_INTEGER_BITS:
            check_integer("*", result.bit_length())
        return result
    if (kind is float and (other is float or other is int)) or (kind is int and other is float):
        try:
            return a * b
        except OverflowError:
            pass
    return _fold("*", _product, [a, b])


@builtin("*", 1, None, two=_times, type="[:and [:fn [int & int] int] [:fn [number & number] number]]")
def multiply(a: Any, b: Any = MISSING, *rest: Any) -> Any:
    """`(* a b …)`: the product; a float if any operand is."""
    return _fold("*", _product, given(a, b, rest))


def quotient(a: Any, b: Any) -> Any:
    """Real division of two numbers: exact and an integer where it is whole, else a float."""
    if not b:
        raise division_by_zero()
    try:
        if type(a) is int and type(b) is int:
            _announce(a)
            # whole results never pass through a float, which would lose digits from 2**53 on
            return a / b if a % b else a // b
        result = a / b
    except OverflowError:  # an integer quotient beyond the floats, or an integer operand that is
        result = math.inf if (a > 0) == (b > 0) else -math.inf
        if type(a) is float or type(b) is float:
            result = to_float(a) / to_float(b)
    return int(result) if result.is_integer() else result


def _ratio(a: Any, b: Any) -> Any:
    kind, other = type(a), type(b)
    if (kind is int or kind is float) and (other is int or other is float):
        return quotient(a, b)
    return _fold("/", quotient, [a, b])


@builtin("/", 1, None, two=_ratio, type="[:fn [number & number] number]")
def divide(a: Any, b: Any = MISSING, *rest: Any) -> Any:
    """`(/ a b …)`: real division, left to right; a whole result is an integer. `(/ a)` is `a`."""
    return _fold("/", quotient, given(a, b, rest))


def _announce(a: int) -> None:
    """Division of a long integer takes time that grows with the square of its length."""
    if a.bit_length() >= LONG_INTEGER_BITS:
        meter.announce(a.bit_length() // 8)


def _divisor(operation: str, a: Any, b: Any) -> None:
    number(operation, a, 0)
    if not number(operation, b, 1):
        raise division_by_zero()
    if type(a) is int:
        _announce(a)


def _remainder(operation: str, a: Any, b: Any) -> Any:
    """What truncated division leaves over: the sign is that of `a`."""
    _divisor(operation, a, b)
    if type(a) is int and type(b) is int:
        left = a % b
        return left - b if left and (a < 0) != (b < 0) else left
    x, y = to_float(a), to_float(b)
    return math.nan if math.isinf(x) else math.fmod(x, y)


@builtin("mod", 2, aliases=("%",), type="[:and [:fn [int int] int] [:fn [number number] number]]")
def modulo(a: Any, b: Any) -> Any:
    """`(mod a b)`: the remainder of truncated division, with the sign of `a`: `(mod -7 3)` is -1."""
    return _remainder("mod", a, b)


@builtin("rem", 2, type="[:and [:fn [int int] int] [:fn [number number] number]]")
def remainder(a: Any, b: Any) -> Any:
    """`(rem a b)`: the same as `mod`."""
    return _remainder("rem", a, b)


@builtin("floor-mod", 2, type="[:and [:fn [int int] int] [:fn [number number] number]]")
def floor_modulo(a: Any, b: Any) -> Any:
    """`(floor-mod a b)`: the remainder of division rounded down, with the sign of `b`: `(floor-mod -7 3)` is 2."""
    _divisor("floor-mod", a, b)
    if type(a) is int and type(b) is int:
        return a % b
    return to_float(a) % to_float(b)


@builtin("quot", 2, type="[:fn [number number] int]")
def truncated_quotient(a: Any, b: Any) -> Any:
    """`(quot a b)`: division rounded towards zero, an integer."""
    _divisor("quot", a, b)
    if type(a) is int and type(b) is int:
        whole = a // b
        return whole + 1 if whole < 0 and a % b else whole
    return _whole("quot", to_float(a) / to_float(b), math.trunc)


@builtin("inc", 1, type="[:and [:fn [int] int] [:fn [number] number]]")
def increment(a: Any) -> Any:
    """`(inc n)`: one more."""
    kind = type(a)
    if kind is int or kind is float:
        return a + 1
    raise type_error("inc", "number", a, 0)


@builtin("dec", 1, type="[:and [:fn [int] int] [:fn [number] number]]")
def decrement(a: Any) -> Any:
    """`(dec n)`: one less."""
    kind = type(a)
    if kind is int or kind is float:
        return a - 1
    raise type_error("dec", "number", a, 0)


@builtin("abs", 1, type="[:and [:fn [int] int] [:fn [number] number]]")
def absolute(a: Any) -> Any:
    """`(abs n)`: the distance from zero."""
    return abs(number("abs", a, 0))


@builtin("sqrt", 1, type="[:fn [number] float]")
def square_root(a: Any) -> float:
    """`(sqrt n)`: the square root, a float."""
    if number("sqrt", a, 0) < 0:
        raise invalid_argument("sqrt", "Cannot take square root of negative number", 0)
    try:
        return math.sqrt(a)
    except OverflowError:
        return to_float(math.isqrt(a))


@builtin("pow", 2, type="[:and [:fn [int [:and int [:>= 0]]] int] [:fn [number number] number]]")
def power(base: Any, exponent: Any) -> Any:
    """`(pow b e)`: exact for integers with `e` >= 0, else a float."""
    number("pow", base, 0)
    number("pow", exponent, 1)
    if type(base) is int and type(exponent) is int and exponent >= 0:
        if exponent == 0 or -1 <= base <= 1:  # never large, whatever the exponent
            return base if exponent % 2 else base ** (2 if exponent else 0)
        check_integer("pow", (base.bit_length() - 1) * exponent)
        return base**exponent
    b, e = to_float(base), to_float(exponent)
    try:
        return math.pow(b, e)
    except OverflowError:
        return -math.inf if b < 0 and e % 2 == 1 else math.inf
    except ValueError:
        # C's pow has an answer where Python's raises: a pole at zero, NaN for a root of a negative number
        if b == 0:
            return math.copysign(math.inf, b) if e % 2 == 1 else math.inf
        return math.nan


def _extreme(operation: str, operands: tuple[Any, ...], beats: Callable[[Any, Any], bool]) -> Any:
    best = number(operation, operands[0], 0)
    for index in range(1, len(operands)):
        item = number(operation, operands[index], index)
        if beats(item, best) or item != item:  # NaN wins over everything, wherever it stands
            best = item
    return best


@builtin("max", 1, None, type="[:and [:fn [int & int] int] [:fn [number & number] number]]")
def maximum(*operands: Any) -> Any:
    """`(max a b …)`: the largest operand, unchanged."""
    return _extreme("max", operands, operator.gt)


@builtin("min", 1, None, type="[:and [:fn [int & int] int] [:fn [number & number] number]]")
def minimum(*operands: Any) -> Any:
    """`(min a b …)`: the smallest operand, unchanged."""
    return _extreme("min", operands, operator.lt)


def _whole(operation: str, value: Any, rounded: Callable[[Any], int]) -> int:
    if type(value) is int:
        return value
    number(operation, value, 0)
    if not math.isfinite(value):
        raise invalid_argument(operation, "infinity and NaN have no integer", 0)
    return rounded(value)


@builtin("floor", 1, type="[:fn [number] int]")
def floor(a: Any) -> int:
    """`(floor n)`: the largest integer not above `n`."""
    return _whole("floor", a, math.floor)


@builtin("ceil", 1, type="[:fn [number] int]")
def ceiling(a: Any) -> int:
    """`(ceil n)`: the smallest integer not below `n`."""
    return _whole("ceil", a, math.ceil)


@builtin("trunc", 1, type="[:fn [number] int]")
def truncate(a: Any) -> int:
    """`(trunc n)`: `n` without its fraction."""
    return _whole("trunc", a, math.trunc)


def _half_away(value: float) -> int:
    whole = math.trunc(value)
    # the difference is exact, whereas `floor(value + 0.5)` is off by one for 0.49999999999999994
    return whole if abs(value - whole) < 0.5 else whole + (1 if value > 0 else -1)


@builtin("round", 1, type="[:fn [number] int]")
def round_half_away(a: Any) -> int:
    """`(round n)`: the nearest integer; halves go away from zero: `(round -2.5)` is -3."""
    return _whole("round", a, _half_away)


@builtin("factorial", 1, type="[:fn [int] int]")
def factorial(n: Any) -> int:
    """`(factorial n)`: 1 · 2 · … · n."""
    if integer("factorial", n, 0) < 0:
        raise invalid_argument("factorial", "Cannot take factorial of negative number", 0)
    # log2(n!) by Stirling; beyond a million factors the length of `n` is close enough and cannot overflow
    bits = int(math.lgamma(n + 1) / math.log(2)) if n < 10**6 else n * (n.bit_length() - 2)
    check_integer("factorial", bits)
    return math.factorial(n)


@builtin("fibonacci", 1, type="[:fn [int] int]")
def fibonacci(n: Any) -> int:
    """`(fibonacci n)`: the n-th Fibonacci number, counting 0, 1, 1, 2 from 0."""
    if integer("fibonacci", n, 0) < 0:
        raise invalid_argument("fibonacci", "there is no Fibonacci number before the first", 0)
    check_integer("fibonacci", n * 694 // 1000)  # log2 of the golden ratio
    a, b = 0, 1  # F(k), F(k + 1) for the leading bits k of n
    for bit in bin(n)[2:]:
        a, b = a * (2 * b - a), a * a + b * b
        if bit == "1":
            a, b = b, a + b
    return a


def _total(operation: str, found: list[Any]) -> Any:
    result: Any = 0
    for item in paced(found):
        try:
            result = result + number(operation, item, 0)
        except OverflowError:
            result = to_float(result) + to_float(item)
    return result


@builtin(
    "sum",
    1,
    type="[:and [:fn [[:vector int]] int] [:fn [[:vector number]] number] [:fn [[:optional [:map-of never never]]] int]]",
)
def total(coll: Any) -> Any:
    """`(sum coll)`: all numbers added up; 0 for none."""
    return _total("sum", sequence("sum", coll, 0))


@builtin("mean", 1, type="[:fn [[:vector number]] number]")
def mean(coll: Any) -> Any:
    """`(mean coll)`: the average, divided as `/` does."""
    found = sequence("mean", coll, 0)
    if not found:
        raise invalid_argument("mean", "an empty collection has no mean", 0)
    return quotient(_total("mean", found), len(found))


@builtin("range", 1, 3, type="[:and [:fn [int] [:vector int]] [:fn [int int] [:vector int]] [:fn [int int int] [:vector int]]]")
def make_range(a: Any, b: Any = MISSING, step: Any = 1) -> Vector:
    """`(range end)`, `(range start end)`, `(range start end step)`: integers from `start` up to, not including, `end`."""
    start, end = (0, integer("range", a, 0)) if b is MISSING else (integer("range", a, 0), integer("range", b, 1))
    if integer("range", step, 2) == 0:
        raise invalid_argument("range", "the step must not be zero", 2)
    return _integers("range", start, end, step)


@builtin("numbers", 2, type="[:fn [int int] [:vector int]]")
def numbers(first: Any, last: Any) -> Vector:
    """`(numbers a b)`: the integers from `a` to `b`, both included."""
    return _integers("numbers", integer("numbers", first, 0), integer("numbers", last, 1) + 1, 1)


def _integers(operation: str, start: int, end: int, step: int) -> Vector:
    count = max(0, -((start - end) // step))  # not len(range(…)), which ends at 2**63
    check_size(operation, count * RANGE_ITEM_BYTES)
    return Vector.adopt(list(range(start, end, step)))
