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
    """`Type error in OP: expected E, got KIND`; `operand` is the index of the operand at fault, from 0."""
    error = EvalError(f"Type error in {operation}: expected {expected}, got {kind_of(got)}", kind="type-error", hint=hint)
    error.operand = operand
    return error


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
    return EvalError("Division by zero", kind="division-by-zero")


def out_of_bounds(operation: str, index: Any, length: int, operand: int | None = None) -> EvalError:
    text = to_text(index)  # not `str`, which fails on an integer of more than 4,300 digits
    if len(text) > 40:
        text = text[:20] + "…"
    error = EvalError(f"Index out of bounds in {operation}: index {text}, length {length}", kind="index-out-of-bounds")
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
