"""Machine code of the numeric built-ins, for operands whose kinds are known.

What each must give is said by `semantics.builtins.arithmetic`, which is what answers wherever the code here bails out: on overflow,
division by zero, and every error.  No operation is used whose result could differ by a bit from Python's.
"""

from __future__ import annotations

from rtfs.eval.native.builder import FALSE, NO_VALUE, TRUE, TYPES, Builder, Value, double_text, integer
from rtfs.eval.native.kinds import BOOL, FLOAT, INT, MIN_INT, MIXED, NEVER, NIL, NUM, Unsupported
from rtfs.eval.native.symbols import math_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_TWO_63 = double_text(2.0**63)
_INFINITY = double_text(float("inf"))
#: Integers up to here are exact as floats, and so is the rounding of a quotient of two of them.
_EXACT = 2**53

#: What the code below calls, declared once in every module. `ipow` gives a flag that is true where the power does not fit.
DECLARATIONS = """\
declare {i64, i1} @llvm.sadd.with.overflow.i64(i64, i64)
declare {i64, i1} @llvm.ssub.with.overflow.i64(i64, i64)
declare {i64, i1} @llvm.smul.with.overflow.i64(i64, i64)
declare i64 @llvm.fptosi.sat.i64.f64(double)
declare double @llvm.fabs.f64(double)
declare double @llvm.sqrt.f64(double)
declare double @llvm.floor.f64(double)
declare double @llvm.ceil.f64(double)
declare double @llvm.trunc.f64(double)
declare double @llvm.copysign.f64(double, double)

define internal {i64, i1} @ipow(i64 %base, i64 %exponent) #0 {
start:
  br label %turn
turn:
  %b = phi i64 [ %base, %start ], [ %square, %more ]
  %e = phi i64 [ %exponent, %start ], [ %half, %more ]
  %r = phi i64 [ 1, %start ], [ %result, %more ]
  %factor.odd = and i64 %e, 1
  %odd = icmp ne i64 %factor.odd, 0
  %factor = select i1 %odd, i64 %b, i64 1
  %p = call {i64, i1} @llvm.smul.with.overflow.i64(i64 %r, i64 %factor)
  %result = extractvalue {i64, i1} %p, 0
  %p.over = extractvalue {i64, i1} %p, 1
  br i1 %p.over, label %over, label %next
next:
  %half = lshr i64 %e, 1
  %last = icmp eq i64 %half, 0
  br i1 %last, label %end, label %more
more:
  %s = call {i64, i1} @llvm.smul.with.overflow.i64(i64 %b, i64 %b)
  %square = extractvalue {i64, i1} %s, 0
  %s.over = extractvalue {i64, i1} %s, 1
  br i1 %s.over, label %over, label %turn
end:
  %good = insertvalue {i64, i1} { i64 undef, i1 false }, i64 %result, 0
  ret {i64, i1} %good
over:
  ret {i64, i1} { i64 0, i1 true }
}
"""


def _checked(b: Builder, name: str, x: str, y: str) -> Value:
    """An operation of integers, or out where the result takes more than 64 bits."""
    pair = b.op(f"call {{i64, i1}} @{name}(i64 {x}, i64 {y})")
    over = b.op(f"extractvalue {{i64, i1}} {pair}, 1")
    b.bail_if(over)
    return Value(INT, b.op(f"extractvalue {{i64, i1}} {pair}, 0"))


def _arithmetic(whole: str, real: str) -> Callable[[Builder, Value, Value], Value]:
    def emit(b: Builder, x: Value, y: Value) -> Value:
        if x.kind == y.kind == INT:
            return _checked(b, f"llvm.{whole}.with.overflow.i64", x.only, y.only)
        return Value(FLOAT, b.op(f"{real} double {b.to_float(x)}, {b.to_float(y)}"))

    return emit


add, subtract, multiply = _arithmetic("sadd", "fadd"), _arithmetic("ssub", "fsub"), _arithmetic("smul", "fmul")


def negate(b: Builder, x: Value) -> Value:
    return subtract(b, integer(0), x) if x.kind == INT else Value(FLOAT, b.op(f"fneg double {x.only}"))


def increment(b: Builder, x: Value) -> Value:
    return add(b, x, integer(1))


def decrement(b: Builder, x: Value) -> Value:
    return subtract(b, x, integer(1))


def _magnitude(b: Builder, x: str) -> str:
    return b.op(f"call double @llvm.fabs.f64(double {x})")


def absolute(b: Builder, x: Value) -> Value:
    if x.kind == FLOAT:
        return Value(FLOAT, _magnitude(b, x.only))
    opposite = negate(b, x).only
    return Value(INT, b.op(f"select i1 {b.op(f'icmp slt i64 {x.only}, 0')}, i64 {opposite}, i64 {x.only}"))


# --- division --------------------------------------------------------------------------------


def _divisor(b: Builder, y: Value) -> None:
    """Out where the divisor is zero; NaN is not."""
    b.bail_if(b.op(f"icmp eq i64 {y.only}, 0" if y.kind == INT else f"fcmp oeq double {y.only}, 0.0"))


def _no_overflow(b: Builder, x: Value, y: Value) -> None:
    """The one quotient of integers that does not fit, on which processors trap: out."""
    least, minus = b.op(f"icmp eq i64 {x.only}, {MIN_INT}"), b.op(f"icmp eq i64 {y.only}, -1")
    b.bail_if(b.op(f"and i1 {least}, {minus}"))


def _within(b: Builder, x: str, bound: int) -> str:
    """Whether an integer is within `bound` of zero."""
    shifted = b.op(f"add i64 {x}, {bound}")
    return b.op(f"icmp ule i64 {shifted}, {2 * bound}")


def divide(b: Builder, x: Value, y: Value) -> Value:
    """`/`: an integer where the quotient is whole, else a float."""
    _divisor(b, y)
    if x.kind == y.kind == INT:
        _no_overflow(b, x, y)

        def real() -> Value:
            small = b.op(f"and i1 {_within(b, x.only, _EXACT)}, {_within(b, y.only, _EXACT)}")
            b.bail_if(b.op(f"xor i1 {small}, true"))
            return Value(FLOAT, b.op(f"fdiv double {b.to_float(x)}, {b.to_float(y)}"))

        left = b.op(f"srem i64 {x.only}, {y.only}")
        whole = b.op(f"icmp eq i64 {left}, 0")
        return b.choose(whole, lambda: Value(INT, b.op(f"sdiv i64 {x.only}, {y.only}")), real, NUM)
    quotient = b.op(f"fdiv double {b.to_float(x)}, {b.to_float(y)}")
    size = _magnitude(b, quotient)
    truncated = b.op(f"call double @llvm.trunc.f64(double {quotient})")
    finite = b.op(f"fcmp olt double {size}, {_INFINITY}")
    whole = b.op(f"and i1 {finite}, {b.op(f'fcmp oeq double {truncated}, {quotient}')}")
    b.bail_if(b.op(f"and i1 {whole}, {b.op(f'fcmp oge double {size}, {_TWO_63}')}"))
    # out of range where the quotient is not whole, and then not chosen
    as_integer = b.op(f"fptosi double {quotient} to i64")
    bits = b.op(f"bitcast double {quotient} to i64")
    return Value(NUM, whole, b.op(f"select i1 {whole}, i64 {as_integer}, i64 {bits}"))


def _fmod(b: Builder, x: Value, y: Value) -> str:
    return b.op(f"call double {math_function('fmod')}(double {b.to_float(x)}, double {b.to_float(y)})")


def remainder(b: Builder, x: Value, y: Value) -> Value:
    """`mod`, `rem`: what truncated division leaves over."""
    _divisor(b, y)
    if x.kind == y.kind == INT:
        # any divisor leaves nothing of what -1 divides, and 1 does not trap
        safe = b.op(f"select i1 {b.op(f'icmp eq i64 {y.only}, -1')}, i64 1, i64 {y.only}")
        return Value(INT, b.op(f"srem i64 {x.only}, {safe}"))
    return Value(FLOAT, _fmod(b, x, y))


def floor_modulo(b: Builder, x: Value, y: Value) -> Value:
    """`floor-mod`: the remainder of division rounded down; for floats as CPython's `%`."""
    left = remainder(b, x, y)
    if left.kind == INT:
        apart = b.op(f"icmp slt i64 {b.op(f'xor i64 {left.only}, {y.only}')}, 0")
        moves = b.op(f"and i1 {apart}, {b.op(f'icmp ne i64 {left.only}, 0')}")
        return Value(INT, b.op(f"select i1 {moves}, i64 {b.op(f'add i64 {left.only}, {y.only}')}, i64 {left.only}"))
    by = b.to_float(y)
    none = b.op(f"fcmp oeq double {left.only}, 0.0")
    apart = b.op(f"xor i1 {b.op(f'fcmp olt double {by}, 0.0')}, {b.op(f'fcmp olt double {left.only}, 0.0')}")
    moved = b.op(f"select i1 {apart}, double {b.op(f'fadd double {left.only}, {by}')}, double {left.only}")
    zero = b.op(f"call double @llvm.copysign.f64(double 0.0, double {by})")
    return Value(FLOAT, b.op(f"select i1 {none}, double {zero}, double {moved}"))


def truncated_quotient(b: Builder, x: Value, y: Value) -> Value:
    """`quot`."""
    _divisor(b, y)
    if x.kind == y.kind == INT:
        _no_overflow(b, x, y)
        return Value(INT, b.op(f"sdiv i64 {x.only}, {y.only}"))
    return _whole(b, "trunc", b.op(f"fdiv double {b.to_float(x)}, {b.to_float(y)}"))


# --- rounding, roots and powers --------------------------------------------------------------


def _whole(b: Builder, name: str, x: str) -> Value:
    """A double rounded to an integer, or out where it is none, NaN or infinite, or needs more than 64 bits."""
    rounded = b.op(f"call double @llvm.{name}.f64(double {x})")
    fits = b.op(f"fcmp olt double {_magnitude(b, rounded)}, {_TWO_63}")
    b.bail_if(b.op(f"xor i1 {fits}, true"))
    return Value(INT, b.op(f"fptosi double {rounded} to i64"))


def rounding(name: str) -> Callable[[Builder, Value], Value]:
    return lambda b, x: x if x.kind == INT else _whole(b, name, x.only)


def round_half_away(b: Builder, x: Value) -> Value:
    if x.kind == INT:
        return x
    whole = b.op(f"call double @llvm.trunc.f64(double {x.only})")
    part = _magnitude(b, b.op(f"fsub double {x.only}, {whole}"))  # exact
    one = b.op(f"call double @llvm.copysign.f64(double 1.0, double {x.only})")
    further = b.op(f"fadd double {whole}, {one}")
    return _whole(b, "trunc", b.op(f"select i1 {b.op(f'fcmp olt double {part}, 0.5')}, double {whole}, double {further}"))


def square_root(b: Builder, x: Value) -> Value:
    b.bail_if(b.op(f"icmp slt i64 {x.only}, 0" if x.kind == INT else f"fcmp olt double {x.only}, 0.0"))
    return Value(FLOAT, b.op(f"call double @llvm.sqrt.f64(double {b.to_float(x)})"))


def power(b: Builder, x: Value, y: Value) -> Value:
    """`pow`: of integers where the exponent is not negative, else by the function of C that Python calls too."""
    if x.kind == y.kind == INT:
        b.bail_if(b.op(f"icmp slt i64 {y.only}, 0"))
        return _checked(b, "ipow", x.only, y.only)
    return Value(FLOAT, b.op(f"call double {math_function('pow')}(double {b.to_float(x)}, double {b.to_float(y)})"))


def to_int(b: Builder, x: Value) -> Value:
    """`int`: 0 for what is no integer."""
    if x.kind == INT:
        return x
    if x.kind == BOOL:
        return Value(INT, b.op(f"zext i1 {x.only} to i64"))
    finite = b.op(f"fcmp olt double {_magnitude(b, x.only)}, {_INFINITY}")
    return b.choose(finite, lambda: _whole(b, "trunc", x.only), lambda: integer(0), INT)


def to_float(b: Builder, x: Value) -> Value:
    if x.kind == BOOL:
        return Value(FLOAT, b.op(f"uitofp i1 {x.only} to double"))
    return Value(FLOAT, b.to_float(x))


# --- comparison ------------------------------------------------------------------------------

_OPPOSITE = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}


def compare(b: Builder, relation: str, x: Value, y: Value) -> str:
    """Whether a relation (`lt le gt ge`) holds; an integer and a float are compared exactly."""
    if x.kind == y.kind:
        return b.op(f"icmp s{relation} i64 {x.only}, {y.only}" if x.kind == INT else f"fcmp o{relation} double {x.only}, {y.only}")
    if x.kind == FLOAT:
        return compare(b, _OPPOSITE[relation], y, x)
    # Where the integer, rounded to a float, differs from the float, they are in the same order as before; where it does not, the
    # float is whole and the integers are compared: 2**63 alone, which an integer may be rounded to, has none.
    rounded = b.to_float(x)
    meets = b.op(f"fcmp oeq double {rounded}, {y.only}")
    apart = b.op(f"fcmp o{relation} double {rounded}, {y.only}")
    other = b.op(f"call i64 @llvm.fptosi.sat.i64.f64(double {y.only})")
    exactly = b.op(f"icmp s{relation} i64 {x.only}, {other}")
    beyond = b.op(f"fcmp oge double {y.only}, {_TWO_63}")
    below = "true" if relation in ("lt", "le") else "false"
    close = b.op(f"select i1 {beyond}, i1 {below}, i1 {exactly}")
    return b.op(f"select i1 {meets}, i1 {close}, i1 {apart}")


def comparison(relation: str) -> Callable[[Builder, Value, Value], Value]:
    return lambda b, x, y: Value(BOOL, compare(b, relation, x, y))


def equals(b: Builder, x: Value, y: Value) -> Value:
    """`=`: strict on kind."""
    if x.kind != y.kind:
        return FALSE
    if not x.parts:
        return TRUE
    test = "fcmp oeq" if x.kind == FLOAT else "icmp eq"
    return Value(BOOL, b.op(f"{test} {TYPES[x.kind][0]} {x.only}, {y.only}"))


def extreme(relation: str) -> Callable[[Builder, Value, Value], Value]:
    """`max`, `min` of the best so far and the next operand: that operand where it beats the best, or is NaN."""

    def emit(b: Builder, best: Value, item: Value) -> Value:
        wins = compare(b, relation, item, best)
        if item.kind == FLOAT:
            wins = b.op(f"or i1 {wins}, {b.op(f'fcmp uno double {item.only}, {item.only}')}")
        kind = best.kind if best.kind == item.kind else NUM
        return b.choose(wins, lambda: item, lambda: best, kind)

    return emit


def sign(relation: str) -> Callable[[Builder, Value], Value]:
    """`zero?`, `pos?`, `neg?`."""

    def emit(b: Builder, x: Value) -> Value:
        test = f"icmp {relation if relation == 'eq' else f's{relation}'} i64 {x.only}, 0"
        return Value(BOOL, b.op(test if x.kind == INT else f"fcmp o{relation} double {x.only}, 0.0"))

    return emit


def parity(odd: bool) -> Callable[[Builder, Value], Value]:
    """`even?`, `odd?`; of the whole part of a float."""

    def emit(b: Builder, x: Value) -> Value:
        if x.kind == INT:
            bit = b.op(f"and i64 {x.only}, 1")
            return Value(BOOL, b.op(f"icmp {'ne' if odd else 'eq'} i64 {bit}, 0"))
        finite = b.op(f"fcmp olt double {_magnitude(b, x.only)}, {_INFINITY}")
        b.bail_if(b.op(f"xor i1 {finite}, true"))
        whole = b.op(f"call double @llvm.trunc.f64(double {x.only})")
        half = b.op(f"fmul double {whole}, 0.5")
        there = b.op(f"call double @llvm.trunc.f64(double {half})")
        return Value(BOOL, b.op(f"fcmp {'one' if odd else 'oeq'} double {half}, {there}"))

    return emit


def truth(b: Builder, x: Value) -> Value:
    """Whether a value is neither nil nor false."""
    if x.kind == BOOL:
        return x
    if x.kind == MIXED:
        raise Unsupported("truth of a mixed value")
    return NO_VALUE if x.kind == NEVER else FALSE if x.kind == NIL else TRUE


def negation(b: Builder, x: Value) -> Value:
    held = truth(b, x)
    return Value(BOOL, b.op(f"xor i1 {held.only}, true"))
