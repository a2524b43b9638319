"""Numeric and length bounds of refined types, and the numerals that keep to them, in GBNF.

llama.cpp's own converter ignores bounds on numbers; here a grammar admits exactly the numerals between them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from rtfs.types.nodes import Primitive, RefinedType, Type

#: Digits of an integer without bounds.
MAX_DIGITS = 15
_TOO_LARGE = 10**100


class NotExpressible(Exception):
    """No text stands for a value of the type: functions, resources, streams, errors, `never`, unknown names."""


def quoted(text: str) -> str:
    """A literal of the notation."""
    out = []
    for c in text:
        if c in '"\\':
            out.append("\\" + c)
        elif c == "\n":
            out.append("\\n")
        elif c < " " or c == "\x7f":
            out.append(f"\\x{ord(c):02X}")
        else:
            out.append(c)
    return '"' + "".join(out) + '"'


_COUNTS = {"min-length": "min", "min-count": "min", "max-length": "max", "max-count": "max"}


def bounds(type_: RefinedType) -> dict[str, Any]:
    """What the predicates of a type say, in one table: `> >= < <= =` (the tightest), `min` and `max` (of a length or
    count), and the names of the others with their operands."""
    found: dict[str, Any] = {}
    base: Type = type_
    while isinstance(base, RefinedType):
        for predicate in base.predicates:
            name, operands = predicate.name.lstrip(":"), predicate.operands
            pairs: list[tuple[str, Any]]
            if name == "in-range" and len(operands) == 2:
                pairs = [(">=", operands[0]), ("<=", operands[1])]
            elif name in ("length", "count") and operands:
                pairs = [("min", operands[0]), ("max", operands[0])]
            elif name == "non-empty":
                pairs = [("min", 1)]
            else:
                pairs = [(_COUNTS.get(name, name), operands[0] if operands else None)]
            for key, value in pairs:
                _tighten(found, key, value)
        base = base.base
    return found


def _tighten(found: dict[str, Any], key: str, value: Any) -> None:
    if key in (">", ">=", "<", "<=", "min", "max"):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            return
        if key in ("min", "max"):
            value = max(0, int(value))
        if key in found:
            value = max(value, found[key]) if key in (">", ">=", "min") else min(value, found[key])
    found[key] = value


def integer_bounds(found: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """The least and the greatest integer within bounds; None where there is none."""
    lows = ([math.ceil(found[">="])] if ">=" in found else []) + ([math.floor(found[">"]) + 1] if ">" in found else [])
    highs = ([math.floor(found["<="])] if "<=" in found else []) + ([math.ceil(found["<"]) - 1] if "<" in found else [])
    return max(lows, default=None), min(highs, default=None)


def integer_range(type_: Type) -> tuple[int | None, int | None] | None:
    """The least and greatest integer of a refined `int`; None for other types."""
    if isinstance(type_, RefinedType):
        base: Type = type_
        while isinstance(base, RefinedType):
            base = base.base
        if base == Primitive("int"):
            return integer_bounds(bounds(type_))
    return None


def within(value: Any, found: Mapping[str, Any]) -> bool:
    """Whether a value keeps to numeric bounds; what is not a number does."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return True
    return bool(
        value > found.get(">", -math.inf)
        and value >= found.get(">=", -math.inf)
        and value < found.get("<", math.inf)
        and value <= found.get("<=", math.inf)
    )


def integers(low: int | None, high: int | None) -> str:
    """The decimal numerals of exactly the integers `low..high`; an open side ends at 15 digits."""
    far = 10**MAX_DIGITS - 1
    low = min(-far, high) if low is None and high is not None else -far if low is None else low
    high = max(far, low) if high is None else high
    if low > high:
        raise NotExpressible("no integer lies between the bounds")
    if max(abs(low), abs(high)) >= _TOO_LARGE:
        raise NotExpressible("the bounds are too large")
    parts = []
    if low < 0:
        parts.append('"-" (' + _naturals(max(1, -high), -low, 0) + ")")
    if high >= 0:
        parts.append(_naturals(max(0, low), high, 0))
    return " | ".join(parts)


def decimals(found: Mapping[str, Any]) -> str:
    """Decimal numerals, with two to six places, that keep to the bounds `> >= < <=`."""
    exact = {k: Decimal(repr(found[k])) for k in (">", ">=", "<", "<=") if k in found}
    places = min(6, max([2, *(-int(d.normalize().as_tuple().exponent) for d in exact.values())]))
    unit = Decimal(10) ** places
    scaled = {k: d * unit for k, d in exact.items()}
    lows = ([_up(scaled[">="])] if ">=" in scaled else []) + ([_down(scaled[">"]) + 1] if ">" in scaled else [])
    highs = ([_down(scaled["<="])] if "<=" in scaled else []) + ([_up(scaled["<"]) - 1] if "<" in scaled else [])
    far = 10 ** (MAX_DIGITS - places)
    low = max(lows) if lows else min(-far, *highs)
    high = min(highs) if highs else max(far, low)
    if low > high or max(abs(low), abs(high)) >= _TOO_LARGE:
        # a gap too narrow for the places, or numbers too large to spell out: one number that lies within
        ends = [float(d) for d in exact.values()]
        for value in (sum(ends) / len(ends), *ends, ends[0] * 2, ends[0] / 2):
            if math.isfinite(value) and within(value, found):
                return quoted(json.dumps(value))
        raise NotExpressible("no number lies between the bounds")
    parts = []
    if low < 0:
        parts.append('"-" (' + _naturals(max(1, -high), -low, places) + ")")
    if high >= 0:
        parts.append(_naturals(max(0, low), high, places))
    return " | ".join(parts)


def _up(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_CEILING))


def _down(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_FLOOR))


def _naturals(low: int, high: int, places: int) -> str:
    """The numerals of `low..high`, each divided by 10 to the `places`: one alternative per number of digits."""
    parts = []
    for width in range(len(str(low).rjust(places + 1, "0")), len(str(high).rjust(places + 1, "0")) + 1):
        least = max(low, 10 ** (width - 1) if width > places + 1 else 0)
        most = min(high, 10**width - 1)
        parts.append(_digits(_point(least, width, places), _point(most, width, places)))
    return " | ".join(parts)


def _point(number: int, width: int, places: int) -> str:
    text = str(number).rjust(width, "0")
    return f"{text[:-places]}.{text[-places:]}" if places else text


def _digits(low: str, high: str) -> str:
    """The strings between two numerals of the same length (and the same place of the point)."""
    if low == high:
        return quoted(low)
    same = 0
    while low[same] == high[same]:
        same += 1
    prefix = quoted(low[:same]) + " " if same else ""
    a, b, left, right = int(low[same]), int(high[same]), low[same + 1 :], high[same + 1 :]
    if not left:
        return f"{prefix}[{a}-{b}]"
    parts = []
    if any(c not in "0." for c in left):
        parts.append(f'"{a}" ({_digits(left, _fill(left, "9"))})')
        a += 1
    high_part = ""
    if any(c not in "9." for c in right):
        high_part = f'"{b}" ({_digits(_fill(right, "0"), right)})'
        b -= 1
    if a <= b:
        parts.append(f"[{a}-{b}] " + " ".join('"."' if c == "." else "[0-9]" for c in left))
    if high_part:
        parts.append(high_part)
    return prefix + ("(" + " | ".join(parts) + ")" if prefix or len(parts) > 1 else parts[0])


def _fill(numeral: str, digit: str) -> str:
    return "".join("." if c == "." else digit for c in numeral)
