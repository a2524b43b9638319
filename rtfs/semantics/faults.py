"""The run-time errors of section 12.1 as small constructors, so that every built-in words them alike.

A built-in does not know where it was called: the call site adds the span (`locate`), and when `operand` is given, the
caret goes under that operand.
"""

from __future__ import annotations

from rtfs.errors import EvalError, LimitExceeded
from rtfs.values.equality import kind_of
from rtfs.values.printing import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.errors import RtfsError
    from rtfs.source import Span


def locate(error: RtfsError, span: Span | None, arg_spans: tuple[Span | None, ...]) -> None:
    """Give an error from a call its place: the operand at fault, else the whole call."""
    if error.span is None:
        if error.operand is not None and error.operand < len(arg_spans):
            error.span = arg_spans[error.operand] or span
        else:
            error.span = span


def type_error(operation: str, expected: str, got: Any, operand: int | None = None, *, hint: str | None = None) -> EvalError:
    """`Type error in OP: expected E, got KIND`; `operand` is the index of the operand at fault, from 0. The hint says how to come
    from what there is to what is expected, unless another one is given."""
    kind = kind_of(got)
    hint = hint or _next_step(expected, kind)
    error = EvalError(f"Type error in {operation}: expected {expected}, got {kind}", kind="type-error", hint=hint)
    error.operand = operand
    return error


#: (what is expected, or how that begins; what there is, or any kind when empty) -> the next step; the first that fits.
_NEXT_STEPS = (
    ("", "function", "call it: (f …)"),
    ("function", "nil", "it is nil: is the name that was meant another one?"),
    ("function", "", "a function is a name such as inc, or (fn [x] …)"),
    ("integer", "float", "(int x) leaves out the fraction, (round x) rounds"),
    ("positive integer", "float", "(int x) leaves out the fraction, (round x) rounds"),
    ("integer", "string", "(parse-int text) makes a number of a text"),
    ("string", "nil", 'it is nil: (or x "") gives a default'),
    ("string", "", "(str x) makes a text of any value"),
    ("vector, list", "integer", "collections are written [1 2 3]; (range n) has the numbers below n"),
    ("vector, list", "", "collections are written [1 2 3] or {:key value}"),
    ("map", "nil", "it is nil: (or x {}) gives a default"),
    ("map for keyword lookup", "vector", "(get v 0) takes an item of a vector"),
    ("map", "vector", "(into {} pairs) makes a map of [key value] pairs"),
    ("map", "", "a map is written {:key value}"),
    ("atom", "", "(atom x) makes one"),
    ("collection", "", "collections are written [1 2 3] or {:key value}"),
    ("list", "", "a list is written (list a b), or '(a b)"),
)


def _next_step(expected: str, kind: str) -> str | None:
    for wanted, found, step in _NEXT_STEPS:
        if expected.startswith(wanted) and (not found or found == kind):
            return step
    return None


def arity_error(name: str, expected: str, got: int, *, hint: str | None = None) -> EvalError:
    """`Arity mismatch in f: expected E, got N`."""
    return EvalError(f"Arity mismatch in {name}: expected {expected}, got {got}", kind="arity-mismatch", hint=hint)


def arity_text(low: int, high: int | None) -> str:
    """How many operands, in words: `2`, `at least 1`, `2 or 3`, `2 to 5`."""
    if high is None:
        return f"at least {low}"
    if low == high:
        return str(low)
    return f"{low} or {high}" if high == low + 1 else f"{low} to {high}"


def division_by_zero() -> EvalError:
    return EvalError("Division by zero", kind="division-by-zero", hint="look first: (if (= divisor 0) … (/ a divisor))")


#: What counts the places between items, and not the items.
_PLACES = frozenset({"substring", "subvec"})


def out_of_bounds(operation: str, index: Any, length: int, operand: int | None = None) -> EvalError:
    text = to_text(index)  # not `str`, which fails on an integer of more than 4,300 digits
    if len(text) > 40:
        text = text[:20] + "…"
    if operation in _PLACES:
        hint = f"places go from 0 to {length}, the end"
    else:
        hint = "(get v i default) gives something else outside" if operation == "nth" else "conj adds an item at the end"
    error = EvalError(f"Index out of bounds in {operation}: index {text}, length {length}", kind="index-out-of-bounds", hint=hint)
    error.operand = operand
    return error


def invalid_argument(operation: str, message: str, operand: int | None = None, *, hint: str | None = None) -> EvalError:
    error = EvalError(f"Invalid argument in {operation}: {message}", kind="invalid-argument", hint=hint)
    error.operand = operand
    return error


def too_large(operation: str, size_bytes: int, limit_bytes: int) -> LimitExceeded:
    return LimitExceeded(
        f"the result of {operation} would take about {size_bytes:,} bytes, more than the limit of {limit_bytes:,}",
        kind="size-exhausted",
    )
