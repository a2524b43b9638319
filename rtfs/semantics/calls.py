"""One calling convention for everything that can be called (reference 2.0, 2.6).

Built-ins that take functions (`map`, `reduce`, `sort-by` …) call them back through here.  Every step of a call is a plain
Python call: no `*args` at a depth that programs control and no C function in between, because each of those would put a
frame on the C stack, and deep recursion would then end the process instead of raising `LimitExceeded`.
"""

from __future__ import annotations

from _thread import _local
from collections.abc import Callable, Iterable
from itertools import repeat

from rtfs.errors import EvalError, LimitExceeded, RtfsError
from rtfs.semantics.faults import arity_error, arity_text, type_error
from rtfs.values import meter
from rtfs.values.equality import kind_of
from rtfs.values.functions import Builtin, Function
from rtfs.values.maps import Map, pick
from rtfs.values.scalars import ErrorValue, Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _leave(error: RtfsError) -> None:
    return None


#: Gives an error that comes out of compiled code its place, and does nothing to any other; set by `eval.compiled`.
settle: Callable[[RtfsError], None] = _leave

MAX_SPREAD_DEPTH = 1_000
_spread = _local()
_ENDLESS = [repeat(True)]


def call(function: Any, args: list[Any]) -> Any:
    """Apply `function` to `args` (a list that the callee may keep).

    Raises:
        EvalError: `not-callable`, `arity-mismatch`, or whatever the function raises.
    """
    kind = type(function)
    if kind is Function:
        return function.code(function, args)
    if kind is Builtin:
        return call_builtin(function, args)
    if kind is Keyword:
        return call_keyword(function, args)
    raise not_callable(function)


def call_back(function: Any, args: list[Any]) -> Any:
    """`call` from inside a built-in."""
    try:
        kind = type(function)
        if kind is Function:
            return function.code(function, args)
        if kind is Builtin:
            return call_builtin(function, args)
        return call(function, args)
    except RtfsError as error:
        blame(error)
        raise


def blame(error: RtfsError) -> None:
    """Called on the way of an error that a function raised which a built-in had called.

    The operand that the function complains of is not one of the built-in's own, so the caret goes under the whole call of the
    built-in, unless the error happened at a place of its own.
    """
    if error.span is None:
        settle(error)
        if error.span is None:
            error.operand = None


def one(function: Any, *, steps: bool = True) -> Callable[[Any], Any]:
    """What to call a function with that gets one operand, as often as need be; its errors have to be given to `blame`.

    Args:
        steps: each call is a step of a limited run; not so where the loop takes them (`pace`).
    """
    kind = type(function)
    if kind is Function:
        if function.arity == 1:
            return function.py  # type: ignore[no-any-return]
        code = function.code
        return lambda a: code(function, [a])
    if kind is not Builtin or not function.takes & 2:
        return lambda a: call(function, [a])
    entry: Callable[[Any], Any] = function.entry(1)
    if not steps or not meter.running:
        return entry

    def step_and_call(a: Any) -> Any:
        meter.count_step()
        return entry(a)

    return step_and_call


def two(function: Any, *, steps: bool = True) -> Callable[[Any, Any], Any]:
    """The same for two operands."""
    kind = type(function)
    if kind is Function:
        if function.arity == 2:
            return function.py  # type: ignore[no-any-return]
        code = function.code
        return lambda a, b: code(function, [a, b])
    if kind is not Builtin or not function.takes & 4:
        return lambda a, b: call(function, [a, b])
    entry: Callable[[Any, Any], Any] = function.entry(2)
    if not steps or not meter.running:
        return entry

    def step_and_call(a: Any, b: Any) -> Any:
        meter.count_step()
        return entry(a, b)

    return step_and_call


def pace(function: Any, items: list[Any]) -> Iterable[Any]:
    """The items for a loop that calls the function with each: in a limited run a step for each call of a built-in, as a function
    counts its own. After the loop comes `meter.count_step`."""
    return meter.paced(items) if type(function) is Builtin else items


def each(function: Any, items: list[Any]) -> list[Any]:
    """What the function makes of each item, in a new list."""
    out: list[Any] = []
    try:
        if type(function) is Keyword:
            return pick(function, items, lambda item: call_keyword(function, [item]))
        work = one(function, steps=False)
        for item in pace(function, items):
            out.append(work(item))
        meter.count_step()
    except RtfsError as error:
        blame(error)
        raise
    return out


def call_builtin(function: Builtin, args: list[Any]) -> Any:
    if meter.running:  # `meter.count_step()`, in place because it would cost as much as the call
        try:
            steps = meter.here.steps
        except AttributeError:  # another thread's run is limited
            steps = _ENDLESS
        for _ in steps[0]:
            break
        else:
            meter.count_step()
    count = len(args)
    if count < function.low or (function.high is not None and count > function.high):
        shape = function.doc[1:].partition("`")[0] if function.doc.startswith("`(") else None
        hint = f"write {shape}" if shape else None
        raise arity_error(function.name, arity_text(function.low, function.high), count, hint=hint)
    target = function.call
    if count == 1:
        return target(args[0])
    if count == 2:
        return function.two(args[0], args[1])
    if count == 3:
        return target(args[0], args[1], args[2])
    if count == 0:
        return target()
    if count == 4:
        return target(args[0], args[1], args[2], args[3])
    # spread operands put a frame on the C stack: the only call that does, so it alone is counted
    depth = getattr(_spread, "depth", 0)
    if depth >= MAX_SPREAD_DEPTH:
        raise LimitExceeded(
            f"calls of built-ins with five or more operands are nested {MAX_SPREAD_DEPTH} deep", kind="stack-overflow"
        )
    _spread.depth = depth + 1
    try:
        return target(*args)
    finally:
        _spread.depth = depth


def call_keyword(keyword: Keyword, args: list[Any]) -> Any:
    """`(:k m)` and `(:k m default)`: look-up in a map, an error value or nil."""
    if len(args) != 1 and len(args) != 2:
        raise arity_error(f":{keyword.name}", "1 or 2", len(args))
    default = args[1] if len(args) == 2 else None
    target = args[0]
    if type(target) is Map:
        return target.get(keyword, default)
    if target is None:
        return default
    if type(target) is ErrorValue:
        return error_field(target, keyword, default)
    raise type_error(f":{keyword.name}", "map for keyword lookup", target, 0)


def error_field(error: ErrorValue, key: Keyword, default: Any) -> Any:
    """The field of an error value: `:type`, `:message`, `:data`, `:stack`."""
    from rtfs.values.sequences import Vector

    if key.name == "type" or key.name == "kind":
        return Keyword(error.kind)
    if key.name == "message":
        return error.message
    if key.name == "data":
        return error.data
    if key.name == "stack":
        return Vector(error.stack)
    return default


def not_callable(value: Any) -> EvalError:
    hint = None
    if kind_of(value) in ("vector", "map", "list"):
        hint = "use (get coll key) or (nth coll index) to read from a collection"
    elif kind_of(value) in ("integer", "float", "string", "boolean", "nil"):
        hint = "the first form in parentheses is the function: (+ 1 2), not (1 + 2); (f x), not f(x)"
    return EvalError(f"Type error in call: expected function, got {kind_of(value)}", kind="not-callable", hint=hint)


def accepts(function: Any, count: int) -> bool | None:
    """Whether a callable takes `count` operands; None when that is not known."""
    kind = type(function)
    if kind is Builtin:
        return count >= function.low and (function.high is None or count <= function.high)
    if kind is Keyword:
        return count in (1, 2)
    if kind is Function:
        return bool(function.spec.accepts(count))
    return None


def is_function(value: Any) -> bool:
    """Whether `fn?` holds: built-ins and closures, not keywords."""
    return type(value) is Function or type(value) is Builtin
