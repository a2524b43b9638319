"""Every operation, on values where something ends: machine code gives what the built-in gives, to the bit, or nothing."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

pytest.importorskip("llvmlite")

from rtfs.errors import RtfsError
from rtfs.eval.native.signals import BAILED, UNFIT
from rtfs.semantics.library import find_builtin
from tests.support.native import machine_code

INT, FLOAT, NUM = "int", "float", "num"
LEAST, MOST = -(2**63), 2**63 - 1
INTEGERS = [
    0,
    1,
    -1,
    2,
    -2,
    3,
    7,
    -7,
    10,
    2**31,
    2**52 + 1,
    2**53,
    2**53 + 1,
    -(2**53) - 1,
    2**62,
    -(2**62),
    3037000500,
    MOST - 1,
    MOST,
    LEAST,
]
FLOATS = [
    0.0, -0.0, 0.5, -0.5, 0.49999999999999994, 1.0, -1.0, 1.5, 2.0, 2.5, -2.5, 3.7, -3.7, 7.0, 1e-300, 5e-324, 1e300, 2.0**52 + 1,
    2.0**53, 2.0**53 + 2, 2.0**62, 2.0**63, -(2.0**63), 2.0**63 - 1024, 2.0**64, math.inf, -math.inf, math.nan,
]  # fmt: skip
VALUES: dict[str, list[Any]] = {INT: INTEGERS, FLOAT: FLOATS, NUM: [*INTEGERS[::2], *FLOATS[::2]], "bool": [True, False]}

UNARY = [
    "+", "-", "*", "/", "inc", "dec", "abs", "sqrt", "max", "min", "floor", "ceil", "trunc", "round", "int", "float", "parse-float",
    "<", "=", "not", "zero?", "pos?", "neg?", "even?", "odd?", "nil?", "bool?", "int?", "float?", "number?",
]  # fmt: skip
BINARY = [
    "+", "-", "*", "/", "mod", "%", "rem", "floor-mod", "quot", "pow", "max", "min", "<", ">", "<=", ">=", "=", "not=",
]  # fmt: skip
CASES = [(name, (kind,)) for name in UNARY for kind in (INT, FLOAT, NUM)]
CASES += [(name, kinds) for name in BINARY for kinds in itertools.product((INT, FLOAT, NUM), repeat=2)]
CASES += [(name, ("bool",)) for name in ("not", "int", "float", "=", "bool?", "nil?", "int?")]
CASES += [(name, ("bool", "bool")) for name in ("=", "not=")] + [("=", ("bool", INT)), ("=", (NUM, "bool"))]
CASES += [(name, (INT, FLOAT, NUM)) for name in ("+", "-", "*", "/", "max", "min", "<", ">=", "=")]


def same(a: Any, b: Any) -> bool:
    """Equal, of one kind, and for zeros of one sign; NaN is NaN."""
    if type(a) is not type(b):
        return False
    if type(a) is float:
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    return bool(a == b)


def may_bail(name: str, operands: tuple[Any, ...], expected: Any) -> bool:
    """Where no machine code is needed: results beyond 64 bits or just within, and two that the ordinary tier works out."""
    if type(expected) is int and not LEAST < expected <= MOST:
        return True
    if name == "/":  # integers that are not exact as floats; whole floats beyond 64 bits
        return any(type(x) is int and abs(x) > 2**53 for x in operands) or (type(expected) is int and abs(expected) >= 2**63)
    if name == "pow":
        return all(type(x) is int for x in operands) and operands[1] < 0
    if name in ("-", "abs", "quot") and LEAST in operands:
        return True
    # on the way from the left a sum may be larger than the whole
    return name in ("+", "-", "*") and len(operands) > 2


@pytest.mark.parametrize(("name", "kinds"), CASES, ids=lambda x: x if isinstance(x, str) else "-".join(x))
def test_operation(name: str, kinds: tuple[str, ...]) -> None:
    letters = " ".join("abc"[: len(kinds)])
    native = machine_code(f"(defn f [{letters}] ({name} {letters}))", "f", *kinds)
    builtin = find_builtin(name)
    assert builtin is not None
    given = 0
    for operands in itertools.product(*[VALUES[kind][:: 3 if len(kinds) > 2 else 1] for kind in kinds]):
        if name == "pow" and type(operands[0]) is type(operands[1]) is int and abs(operands[1]) > 70:
            continue  # the library would work out millions of digits
        result = native(*operands)
        assert result is not UNFIT, operands
        try:
            expected = builtin.call(*operands)
        except RtfsError:
            assert result is BAILED, (operands, result)
            continue
        if result is BAILED:
            assert may_bail(name, operands, expected), (operands, expected)
        else:
            assert same(result, expected), (operands, result, expected)
            given += 1
    assert given, "it never gave a value"


@pytest.mark.parametrize("op", ["<", ">", "<=", ">="])
def test_integers_and_floats_are_compared_exactly(op: str) -> None:
    native = machine_code(f"(defn f [a b] ({op} a b))", "f", INT, FLOAT)
    builtin = find_builtin(op)
    assert builtin is not None
    for power in range(50, 64):
        for near in (-2, -1, 0, 1, 2):
            for i, d in itertools.product((2**power + near, -(2**power) + near), (2.0**power, -(2.0**power), 2.0**power + 1.5)):
                if LEAST <= i <= MOST:
                    assert native(i, d) is builtin.call(i, d), (i, d)


def test_operands_of_another_kind_are_refused() -> None:
    native = machine_code("(defn f [a b c] (if c (+ a b) a))", "f", INT, FLOAT, "bool")
    assert native(1, 2.0, True) == 3.0
    for operands in (
        (1.0, 2.0, True),
        (True, 2.0, True),
        (1, 2, True),
        (1, 2.0, 1),
        (1, 2.0, None),
        (2**63, 2.0, True),
        ("1", 2.0, True),
    ):
        assert native(*operands) is UNFIT, operands


def test_a_number_may_be_either() -> None:
    native = machine_code("(defn f [a] (* a 2))", "f", NUM)
    assert [native(3), native(1.5), native("s"), native(True), native(2**64)] == [6, 3.0, UNFIT, UNFIT, UNFIT]
