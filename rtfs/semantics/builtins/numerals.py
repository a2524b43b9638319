"""Between numbers and text: `parse-int`, `int` and their float twins, and `format` (reference 8.3, 8.10).

A numeral is written in ASCII digits only; `1_000` and `١٢` are no numbers, though Python would take them for some.
"""

from __future__ import annotations

import math
import re

from rtfs.semantics.builtins.arithmetic import to_float
from rtfs.semantics.builtins.operands import number, string
from rtfs.semantics.faults import invalid_argument, type_error
from rtfs.semantics.library import builtin
from rtfs.semantics.limits import check_integer, check_size
from rtfs.values.printing import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

#: Python converts up to this many digits whatever `sys.set_int_max_str_digits` says.
_PIECE = 640


def integer_from(text: str) -> int:
    """The integer that `[+-]?[0-9]+` spells, of any length up to the limit.

    Python's `int` refuses more than 4,300 digits because it takes quadratic time; halves and a multiplication take less.
    """
    if len(text) <= _PIECE:
        return int(text)
    check_integer("reading a number", len(text) * 3322 // 1000)
    digits = text.lstrip("+-")
    value = _from_digits(digits, 0, len(digits))
    return -value if text[0] == "-" else value


def _from_digits(digits: str, start: int, end: int) -> int:
    if end - start <= _PIECE:
        return int(digits[start:end])
    middle = (start + end) // 2
    shift: int = 10 ** (end - middle)
    return _from_digits(digits, start, middle) * shift + _from_digits(digits, middle, end)


@builtin("parse-int", 1, type="[:and [:fn [int] int] [:fn [any] int?]]")
def parse_int(value: Any) -> int | None:
    """`(parse-int s)`: the integer that the text spells, else nil; a number is truncated."""
    kind = type(value)
    if kind is str:
        text = value.strip()
        return integer_from(text) if _INTEGER.fullmatch(text) else None
    if kind is int:
        return int(value)
    return math.trunc(value) if kind is float and math.isfinite(value) else None


@builtin("parse-float", 1, type="[:and [:fn [number] float] [:fn [any] float?]]")
def parse_float(value: Any) -> float | None:
    """`(parse-float s)`: the number that the text spells as a float, else nil."""
    kind = type(value)
    if kind is str:
        text = value.strip()
        return float(text) if _FLOAT.fullmatch(text) else None
    return to_float(value) if kind is int or kind is float else None


@builtin("int", 1, type="[:fn [any] int]")
def to_int(value: Any) -> int:
    """`(int x)`: as `parse-int`, true as 1, and 0 for what is no integer; never fails."""
    if type(value) is bool:
        return int(value)
    return parse_int(value) or 0


@builtin("float", 1, type="[:fn [any] float]")
def coerce_float(value: Any) -> float:
    """`(float x)`: as `parse-float`, true as 1.0, and 0.0 for what is no number; never fails."""
    if type(value) is bool:
        return float(value)
    found = parse_float(value)
    return 0.0 if found is None else found


# --- format ----------------------------------------------------------------------------------

_DIRECTIVE = re.compile(r"%(?:(%)|([-+ 0#]*)([0-9]*)(?:\.([0-9]*))?([A-Za-z])|)")
_INTEGER_LETTERS = frozenset("dxXo")
_FLOAT_LETTERS = frozenset("feEgG")


@builtin("format", 1, None, type="[:fn [string & any] string]")
def format_text(template: Any, *operands: Any) -> str:
    """`(format "%s is %.2f" a b)`: text with the operands put in; knows %s %d %x %o %f %e %g and %%."""
    string("format", template, 0)
    out: list[str] = []
    size = used = done = 0
    for found in _DIRECTIVE.finditer(template):
        percent, flags, width, precision, letter = found.groups()
        out.append(template[done : found.start()])
        done = found.end()
        if percent:
            out.append("%")
            continue
        if letter is None or not (letter == "s" or letter in _INTEGER_LETTERS or letter in _FLOAT_LETTERS):
            raise invalid_argument("format", f"unknown directive {found.group()}", 0, hint="write %% for a percent sign")
        if used >= len(operands):
            raise invalid_argument("format", f"no operand for {found.group()}, which is number {used + 1}", 0)
        for count in (width, precision or ""):
            if len(count) > 9:  # more than the limit, and maybe more than `int` takes
                check_size("format", 10**9)
        wide, precise = int(width or 0), None if precision is None else int(precision or 0)
        check_size("format", size + max(wide, precise or 0))
        used += 1
        out.append(_directive(flags, wide, precise, letter, operands[used - 1], used))
        size += len(out[-1])
        check_size("format", size)
    if used < len(operands):
        raise invalid_argument("format", f"{len(operands)} operands for {used} directives", used + 1)
    out.append(template[done:])
    return "".join(out)


def _directive(flags: str, width: int, precision: int | None, letter: str, value: Any, index: int) -> str:
    """One operand as text; the meaning of flags, width and precision is that of C's `printf`."""
    if letter == "s":
        text = to_text(value)[:precision]
        return text.ljust(width) if "-" in flags else text.rjust(width)
    shape = f"%{flags}{width or ''}{'' if precision is None else f'.{precision}'}{letter}"
    if letter in _FLOAT_LETTERS:
        return shape % to_float(number("format", value, index))
    if type(value) is not int:
        raise type_error("format", "integer", value, index)
    try:
        return shape % value
    except ValueError:  # %d of more than 4,300 digits: too long for any flag but the sign to matter
        text = ("+" if "+" in flags and value > 0 else "") + to_text(value)
        return text.ljust(width) if "-" in flags else text.rjust(width)
