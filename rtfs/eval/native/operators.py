"""The built-ins that have machine code: for which kinds of operands, what kind they give, and the code.

A `Rule` speaks of operands whose kinds are known; an `Operator` makes of it what holds for any number of operands, and where some
are only known to be numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from rtfs.eval.native import arithmetic as code
from rtfs.eval.native.builder import FALSE, NO_VALUE, TRUE, Builder, Value
from rtfs.eval.native.kinds import BOOL, FLOAT, INT, MIXED, NEVER, NIL, NUM, NUMBERS, Unsupported, combinations, join
from rtfs.eval.native.symbols import math_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Kinds = tuple[str, ...]


class Rule:
    """An operation on one or two operands of known kinds.

    Attributes:
        result: the kinds of the operands, none of them `num`, -> the kind of the result; raises `Unsupported`.
        emit: writes the code.
        widens: with a float among the operands all of them are taken as floats.
    """

    __slots__ = ("emit", "result", "widens")

    def __init__(self, result: Callable[[Kinds], str], emit: Callable[..., Value], *, widens: bool = False) -> None:
        self.result = result
        self.emit = emit
        self.widens = widens

    def kind(self, kinds: list[str]) -> str:
        if NEVER in kinds:
            return NEVER
        found = NEVER
        for known in combinations(kinds):
            found = join(found, self.result(known))
        return found

    def apply(self, b: Builder, values: list[Value]) -> Value:
        kinds = [value.kind for value in values]
        if NEVER in kinds:
            return NO_VALUE
        kind = self.kind(kinds)
        if self.widens and FLOAT in kinds:  # converting a number is all that its tag decides
            values = [Value(FLOAT, b.to_float(v)) if v.kind == NUM else v for v in values]
        return self._split(b, values, [], kind)

    def _split(self, b: Builder, values: list[Value], known: list[Value], kind: str) -> Value:
        if len(known) == len(values):
            return self.emit(b, *known)
        return b.split(values[len(known)], lambda value: self._split(b, values, [*known, value], kind), kind)


def _numbers(kinds: Kinds) -> None:
    for kind in kinds:
        if kind not in NUMBERS:
            raise Unsupported(f"{kind} as a number")


def _arithmetic(kinds: Kinds) -> str:
    _numbers(kinds)
    return INT if all(kind == INT for kind in kinds) else FLOAT


def _giving(kind: str, *, real: str | None = None) -> Callable[[Kinds], str]:
    """Of numbers, always the same kind; `real` where one is a float."""

    def result(kinds: Kinds) -> str:
        _numbers(kinds)
        return real if real is not None and FLOAT in kinds else kind

    return result


def _extreme(kinds: Kinds) -> str:
    _numbers(kinds)
    return kinds[0] if kinds[0] == kinds[1] else NUM


def _floats_by(name: str) -> Callable[[Kinds], str]:
    """Arithmetic whose floats need a function of C's."""

    def result(kinds: Kinds) -> str:
        kind = _arithmetic(kinds)
        if kind == FLOAT:
            math_function(name)
        return kind

    return result


def _any(kinds: Kinds) -> str:
    if MIXED in kinds:
        raise Unsupported("a value of mixed kinds")
    return BOOL


def _coercion(kind: str) -> Callable[[Kinds], str]:
    def result(kinds: Kinds) -> str:
        if kinds[0] not in (INT, FLOAT, BOOL):
            raise Unsupported(f"{kind} of {kinds[0]}")
        return kind

    return result


def _is(*wanted: str) -> Rule:
    return Rule(_any, lambda b, x: TRUE if x.kind in wanted else FALSE)


class Operator:
    """A built-in: `kind` of the operands' kinds, and `apply` to values."""

    __slots__ = ("binary", "chained", "unary")

    def __init__(self, unary: Rule | None = None, binary: Rule | None = None, chained: bool = False) -> None:
        self.unary = unary
        self.binary = binary
        self.chained = chained  # a relation between all neighbours; else two by two from the left

    def kind(self, kinds: list[str]) -> str:
        """
        Raises:
            Unsupported: not for these operands; also where the built-in would always fail.
        """
        if len(kinds) == 1 and self.unary is not None:
            return self.unary.kind(kinds)
        if len(kinds) < 2 or self.binary is None:
            raise Unsupported("number of operands")
        if self.chained:
            found = [self.binary.kind([x, y]) for x, y in pairwise(kinds)]
            return NEVER if NEVER in found else BOOL
        total = kinds[0]
        for kind in kinds[1:]:
            total = self.binary.kind([total, kind])
        return total

    def apply(self, b: Builder, values: list[Value]) -> Value:
        if any(value.kind == NEVER for value in values):
            return NO_VALUE
        if len(values) == 1:
            assert self.unary is not None
            return self.unary.apply(b, values)
        assert self.binary is not None
        if self.chained:
            tests = [self.binary.apply(b, [x, y]).only for x, y in pairwise(values)]
            held = tests[0]
            for test in tests[1:]:
                held = b.op(f"and i1 {held}, {test}")
            return Value(BOOL, held)
        total = values[0]
        for value in values[1:]:
            total = self.binary.apply(b, [total, value])
        return total


def _same(b: Builder, x: Value) -> Value:
    return x


_IDENTITY = Rule(_arithmetic, _same)
_ALONE = Rule(_giving(BOOL), lambda b, x: TRUE)


def _relation(name: str) -> Operator:
    return Operator(_ALONE, Rule(_giving(BOOL), code.comparison(name)), chained=True)


def _one(result: Callable[[Kinds], str], emit: Callable[..., Value]) -> Operator:
    return Operator(Rule(result, emit))


def _two(result: Callable[[Kinds], str], emit: Callable[..., Value], unary: Rule | None = None, *, widens: bool = True) -> Operator:
    return Operator(unary, Rule(result, emit, widens=widens))


_REMAINDER = _two(_floats_by("fmod"), code.remainder)

#: By the name that the built-in has in errors: `%` is `mod`.
OPERATORS: dict[str, Operator] = {
    "+": _two(_arithmetic, code.add, _IDENTITY),
    "-": _two(_arithmetic, code.subtract, Rule(_arithmetic, code.negate)),
    "*": _two(_arithmetic, code.multiply, _IDENTITY),
    "/": _two(_giving(NUM), code.divide, _IDENTITY),
    "mod": _REMAINDER,
    "rem": _REMAINDER,
    "floor-mod": _two(_floats_by("fmod"), code.floor_modulo),
    "quot": _two(_giving(INT), code.truncated_quotient),
    "inc": _one(_arithmetic, code.increment),
    "dec": _one(_arithmetic, code.decrement),
    "abs": _one(_arithmetic, code.absolute),
    "sqrt": _one(_giving(FLOAT), code.square_root),
    "pow": _two(_floats_by("pow"), code.power),
    "max": _two(_extreme, code.extreme("gt"), _IDENTITY, widens=False),
    "min": _two(_extreme, code.extreme("lt"), _IDENTITY, widens=False),
    "floor": _one(_giving(INT), code.rounding("floor")),
    "ceil": _one(_giving(INT), code.rounding("ceil")),
    "trunc": _one(_giving(INT), code.rounding("trunc")),
    "round": _one(_giving(INT), code.round_half_away),
    "int": _one(_coercion(INT), code.to_int),
    "float": _one(_coercion(FLOAT), code.to_float),
    "parse-float": _one(_giving(FLOAT), code.to_float),
    "<": _relation("lt"),
    ">": _relation("gt"),
    "<=": _relation("le"),
    ">=": _relation("ge"),
    "=": Operator(Rule(_any, lambda b, x: TRUE), Rule(_any, code.equals), chained=True),
    "not=": _two(_any, lambda b, x, y: code.negation(b, code.equals(b, x, y)), widens=False),
    "not": _one(_any, code.negation),
    "zero?": _one(_giving(BOOL), code.sign("eq")),
    "pos?": _one(_giving(BOOL), code.sign("gt")),
    "neg?": _one(_giving(BOOL), code.sign("lt")),
    "even?": _one(_giving(BOOL), code.parity(False)),
    "odd?": _one(_giving(BOOL), code.parity(True)),
    "nil?": Operator(_is(NIL)),
    "bool?": Operator(_is(BOOL)),
    "int?": Operator(_is(INT)),
    "float?": Operator(_is(FLOAT)),
    "number?": Operator(_is(INT, FLOAT)),
}


def operator(builtin: Any, count: int) -> Operator:
    """
    Args:
        builtin: a `values.functions.Builtin`.
    Raises:
        Unsupported: it has no machine code, or does not take so many operands.
    """
    found = OPERATORS.get(builtin.name)
    if found is None or count < builtin.low or (builtin.high is not None and count > builtin.high):
        raise Unsupported(f"{builtin.name} of {count} operands")
    return found
