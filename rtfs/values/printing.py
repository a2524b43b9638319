"""Values to text: `to_readable` reads back to the same value, `to_text` is what `str` shows (reference 7.5).

Both are iterative: a value nested as deep as memory allows prints.
"""

from __future__ import annotations

import math
import re

from rtfs.errors import LimitExceeded
from rtfs.values.forms import MetaForm
from rtfs.values.functions import Builtin, Function
from rtfs.values.maps import Map
from rtfs.values.meter import COUNTED_FROM, announce, count_step
from rtfs.values.scalars import ErrorValue, Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Pieces of text one value may print as, and characters. Structure that is shared in memory is printed as often as it appears, so
#: a value of a hundred vectors can have a text that no machine holds.
_MAX_PIECES = 20_000_000
_MAX_CHARACTERS = 256 * 2**20

_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\t": "\\t",
    "\r": "\\r",
    "\b": "\\b",
    "\f": "\\f",
    "\0": "\\0",
}


_ESCAPED = re.compile('["\\\\\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]')


def quote_string(text: str) -> str:
    """A string literal that reads back to `text`; control characters and lone surrogates as `\\uXXXX`."""
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    return _ESCAPES.get(character) or f"\\u{ord(character):04x}"


def _decimal(value: float) -> str:
    """The shortest decimal that is the same float, without an exponent: `1e20` -> `100000000000000000000`."""
    text = repr(value)
    if "e" not in text:
        return text
    mantissa, _, exponent = text.partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    fraction = "" if fraction == "0" else fraction
    power = int(exponent)
    if power >= 0:
        digits = (whole + fraction).ljust(power + len(whole), "0")
        point = len(whole) + power
        tail = digits[point:]
        return f"{sign}{digits[:point]}" + (f".{tail}" if tail else "")
    return f"{sign}0.{'0' * (-power - 1)}{whole}{fraction}"


def float_text(value: float, *, readable: bool) -> str:
    """A float as `str` spells it (`1`, `inf`), or so that it reads back as a float (`1.0`, `##Inf`)."""
    if math.isinf(value) or math.isnan(value):
        name = "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
        return f"##{name}" if readable else name.replace("I", "i")
    text = _decimal(value)
    if readable:
        return text if "." in text else text + ".0"
    return text[:-2] if text.endswith(".0") else text


def _atom(value: Any, readable: bool, nested: bool) -> str:
    if value is None:
        return "nil"
    kind = type(value)
    if kind is str:
        if readable:
            return quote_string(value)
        return f'"{value}"' if nested else str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return _integer_text(int(value))
    if kind is float:
        return float_text(value, readable=readable)
    if kind is Keyword:
        return f":{value.name}"
    if kind is Symbol:
        return str(value.name)
    if kind is Timestamp or kind is Uuid or kind is ResourceHandle:
        return str(value.text)
    if kind is ErrorValue:
        return f"#<error: {value.message}>"
    if kind is Function or kind is Builtin:
        return repr(value) if readable else "#<function>"
    return str(getattr(value, "printed", None) or "#<function>")


def _integer_text(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # longer than sys.get_int_max_str_digits(), which guards against quadratic time
        return _long_integer_text(value)


def _long_integer_text(value: int) -> str:
    """The digits by way of `decimal`, whose multiplication is fast for long numbers; `int` divides in quadratic time.

    Source: int_to_decimal_string in CPython 3.12's _pylong.
    """
    import decimal

    announce(value.bit_length())  # several copies, and time

    def convert(number: int, bits: int) -> decimal.Decimal:
        if bits <= 1000:
            return decimal.Decimal(number)
        half = bits // 2
        high = number >> half
        return convert(number - (high << half), half) + convert(high, bits - half) * power(half)

    powers: dict[int, decimal.Decimal] = {}

    def power(bits: int) -> decimal.Decimal:
        found = powers.get(bits)
        if found is None:
            found = powers[bits] = decimal.Decimal(2) ** bits
        return found

    with decimal.localcontext() as context:
        context.prec, context.Emax, context.Emin = decimal.MAX_PREC, decimal.MAX_EMAX, decimal.MIN_EMIN
        context.traps[decimal.Inexact] = True
        text = str(convert(abs(value), value.bit_length()))
    return f"-{text}" if value < 0 else text


def _print(value: Any, readable: bool, pieces: int = _MAX_PIECES, cut: bool = False) -> str:
    kind = type(value)
    if kind is not Vector and kind is not List and kind is not Map and kind is not MetaForm:
        return _atom(value, readable, nested=False)
    out: list[str] = []
    # the stack holds (iterator over what is still to print, closing text); a blank goes between items
    stack: list[tuple[Any, str]] = []
    current: Any = iter((value,))
    closing = ""
    first = True
    size = 0
    while True:
        for item in current:
            if not first:
                out.append(" ")
            if len(out) > pieces or size > _MAX_CHARACTERS:
                if cut:
                    return "".join(out)
                raise LimitExceeded("a value is too large to print", kind="size-exhausted")
            first = False
            kind = type(item)
            if len(out) > COUNTED_FROM and (kind is Vector or kind is List or kind is Map):
                count_step()
            if kind is Vector or kind is List:
                out.append("[" if kind is Vector else "(")
                stack.append((current, closing))
                current, closing, first = iter(item.items()), "]" if kind is Vector else ")", True
                break
            if kind is MetaForm:
                out.append("^")
                stack.append((current, closing))
                current, closing, first = iter((item.meta, item.form)), "", True
                break
            if kind is Map:
                out.append("{")
                stack.append((current, closing))
                flat = [x for entry in item.items() for x in entry]
                current, closing, first = iter(flat), "}", True
                break
            text = _atom(item[:pieces] if cut and kind is str else item, readable, nested=True)
            out.append(text)
            size += len(text)
        else:
            out.append(closing)
            if not stack:
                return "".join(out)
            current, closing = stack.pop()
            first = False


def to_readable(value: Any, pieces: int = _MAX_PIECES) -> str:
    """Text that reads back to an equal value of the same kind, for every value that has a literal.

    Raises:
        LimitExceeded: it has more than so many pieces.
    """
    return _print(value, readable=True, pieces=pieces)


def to_text(value: Any) -> str:
    """What `str` gives: strings bare at the top level and in plain quotes inside, `1.0` as `1`."""
    if type(value) is int:
        return _integer_text(value)
    return _print(value, readable=False)


def preview(value: Any, length: int) -> str:
    """The beginning of the readable text of a value, at most `length` characters, without printing all of it."""
    text = _print(value[:length] if type(value) is str else value, readable=True, pieces=length, cut=True)
    return text if len(text) <= length else text[: length - 1] + "…"
