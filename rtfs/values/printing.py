"""Values to text: `to_readable` reads back to the same value, `to_text` is what `str` shows (reference 7.5).

Both are iterative: a value nested as deep as memory allows prints.
"""

from __future__ import annotations

import math
from typing import Any

from rtfs.values.functions import Builtin, Function
from rtfs.values.maps import Map
from rtfs.values.scalars import ErrorValue, Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector

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


def quote_string(text: str) -> str:
    """A string literal that reads back to `text`; control characters and lone surrogates as `\\uXXXX`."""
    out = ['"']
    for c in text:
        if c in _ESCAPES:
            out.append(_ESCAPES[c])
        elif c < " " or c == "\x7f" or "\ud800" <= c <= "\udfff" or c in "\u2028\u2029\x85":
            out.append(f"\\u{ord(c):04x}")
        else:
            out.append(c)
    out.append('"')
    return "".join(out)


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
        return f'"{value}"' if nested else value
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return _integer_text(value)
    if kind is float:
        return float_text(value, readable=readable)
    if kind is Keyword:
        return ":" + value.name
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
    except ValueError:  # longer than sys.get_int_max_str_digits(): print in pieces
        sign, value = ("-", -value) if value < 0 else ("", value)
        power = 10**4000
        parts: list[str] = []
        while value >= power:
            value, low = divmod(value, power)
            parts.append(str(low).rjust(4000, "0"))
        return sign + str(value) + "".join(reversed(parts))


def _print(value: Any, readable: bool) -> str:
    kind = type(value)
    if kind is not Vector and kind is not List and kind is not Map:
        return _atom(value, readable, nested=False)
    out: list[str] = []
    # the stack holds (iterator over what is still to print, closing text); a blank goes between items
    stack: list[tuple[Any, str]] = []
    current: Any = iter((value,))
    closing = ""
    first = True
    while True:
        for item in current:
            if not first:
                out.append(" ")
            first = False
            kind = type(item)
            if kind is Vector or kind is List:
                out.append("[" if kind is Vector else "(")
                stack.append((current, closing))
                current, closing, first = iter(item.items()), "]" if kind is Vector else ")", True
                break
            if kind is Map:
                out.append("{")
                stack.append((current, closing))
                flat = [x for entry in item.items() for x in entry]
                current, closing, first = iter(flat), "}", True
                break
            out.append(_atom(item, readable, nested=True))
        else:
            out.append(closing)
            if not stack:
                return "".join(out)
            current, closing = stack.pop()
            first = False


def to_readable(value: Any) -> str:
    """Text that reads back to an equal value of the same kind, for every value that has a literal."""
    return _print(value, readable=True)


def to_text(value: Any) -> str:
    """What `str` gives: strings bare at the top level and in plain quotes inside, `1.0` as `1`."""
    return _print(value, readable=False)
