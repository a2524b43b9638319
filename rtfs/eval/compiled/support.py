"""What generated code calls at run time."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import compress, islice

from rtfs.errors import EvalError, LimitExceeded, RtfsError
from rtfs.eval.compiled.places import TRANSPARENT, settle
from rtfs.eval.tails import TailCall
from rtfs.semantics import calls
from rtfs.semantics.builtins import operands
from rtfs.semantics.builtins.operands import MISSING, integer, items
from rtfs.semantics.calls import call, call_back, call_keyword
from rtfs.semantics.faults import arity_error, invalid_argument, locate, type_error
from rtfs.semantics.limits import RANGE_ITEM_BYTES, check_size
from rtfs.semantics.machine import error_value
from rtfs.semantics.typecheck import LateCheck, validation_error
from rtfs.source import Span
from rtfs.values.equality import equal
from rtfs.values.functions import Builtin, Function
from rtfs.values.maps import Map, encode
from rtfs.values.meter import announce
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import EMPTY_VECTOR, List, Sequence, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The value of a name that is bound but has no value yet.
UNBOUND: Any = object()
ABSENT: Any = object()


def transparent(function: Any) -> Any:
    """A helper that calls for a call site, and is no call of its own in the call stack."""
    TRANSPARENT.add(function.__code__)
    return function


def transparent_inside(maker: Any) -> None:
    """The same for a function and what it makes."""
    code = maker.__code__
    TRANSPARENT.add(code)
    TRANSPARENT.update(c for c in code.co_consts if type(c) is type(code))


transparent(call)
transparent(call_back)
calls.settle = settle


# --- functions as values ---------------------------------------------------------------------


class Template:
    """What all functions made by one `fn` share.

    Args:
        count, variadic: how many parameters it has, without the rest parameter, and whether it has that.
    """

    __slots__ = ("arity", "code", "count", "enter", "meta", "module", "name", "spec")

    def __init__(self, spec: Any, name: str | None, count: int, variadic: bool, meta: Any, module: str | None) -> None:
        self.spec = spec
        self.name = name
        self.meta = meta
        self.module = module
        self.count = count
        self.arity = -1 if variadic else count
        self.code = late("code", count, variadic)
        self.enter = late("enter", count, variadic)


def make_function(template: Template, python: Any, raw: Any) -> Function:
    """The function value of a generated Python function; `raw` may answer with a tail call."""
    made = Function(template.name, template.spec, template.code, template.enter, raw, template.meta, template.module)
    made.py = python
    made.arity = template.arity
    return made


def make_known(template: Template, python: Any) -> Function:
    made = Function(template.name, template.spec, template.code, template.code, python, template.meta, template.module)
    made.py = python
    made.arity = template.arity
    return made


def answers_with_values(value: Any, count: int) -> bool:
    """Whether a call with so many operands answers with a value, never with a call that is still to be made."""
    kind = type(value)
    if kind is Function:
        return bool(value.arity == count and value.py is value.env)
    return kind is Builtin or kind is Keyword


_CODE: dict[Any, Any] = {}


def _define(key: Any, text: str, names: dict[str, Any]) -> Any:
    """A helper for one number of operands, made from text once."""
    found = _CODE.get(key)
    if found is None:
        scope = {**names}
        # safe: the text is a template of this module with operand counts put in, never anything of a program
        exec(compile(text, "<rtfs>", "exec"), scope)
        found = _CODE[key] = scope["made"]
        transparent_inside(found)
    return found


_LATE: dict[tuple[str, int, bool], Any] = {}


def late(kind: str, count: int, rest: bool) -> Any:
    """`code` or `enter` of a function, made when it is first called: calls in generated code go to `py`."""
    found = _LATE.get((kind, count, rest))
    if found is None:

        @transparent
        def first(function: Function, args: list[Any]) -> Any:
            made = variadic(kind, count) if rest else fixed(kind, count)
            if function.code is first:
                function.code = made
            if function.enter is first:
                function.enter = made
            return made(function, args)

        found = _LATE[kind, count, rest] = first
    return found


def _operands(count: int) -> str:
    return "".join(f"a{i}, " for i in range(count))


def fixed(kind: str, count: int) -> Any:
    """`code` or `enter` of a function with `count` parameters: checks the number of operands and spreads them."""
    target = "py" if kind == "code" else "env"
    spread = ", ".join(f"args[{i}]" for i in range(count))
    return _define(
        (kind, count),
        f"""def made(function, args):
    if len(args) != {count}:
        raise wrong(function, len(args))
    try:
        return function.{target}({spread})
    except RtfsError as error:
        if error.span is None:
            settle(error)
        raise
""",
        {"wrong": wrong_arity, "RtfsError": RtfsError, "settle": settle},
    )


def variadic(kind: str, count: int) -> Any:
    target = "py" if kind == "code" else "env"
    spread = "".join(f"args[{i}], " for i in range(count))
    return _define(
        (kind, count, "rest"),
        f"""def made(function, args):
    if len(args) < {count}:
        raise wrong(function, len(args))
    try:
        return function.{target}({spread}rest(args[{count}:]))
    except RtfsError as error:
        if error.span is None:
            settle(error)
        raise
""",
        {"wrong": wrong_arity, "rest": List.adopt, "RtfsError": RtfsError, "settle": settle},
    )


def wrong_arity(function: Function, count: int) -> EvalError:
    spec = function.spec
    return arity_error(function.name or "<fn>", spec.arity_text, count, hint=spec.arity_hint)


def adapter(function: Any, count: int) -> Callable[..., Any]:
    """A Python callable of exactly `count` operands that calls an RTFS value, or raises the right error."""
    kind = type(function)
    if kind is Function and function.arity == count:
        whole: Callable[..., Any] = function.py
        fetch = getattr(whole, "fetch", None)
        return whole if fetch is None else fetch()  # type: ignore[no-any-return]
    if kind is Builtin and function.low <= count and (function.high is None or count <= function.high):
        entry: Callable[..., Any] = function.entry(count)
        return entry
    operands = _operands(count)
    make = _define(
        ("adapter", count),
        f"""def made(function, call):
    def call_it({operands}):
        return call(function, [{operands}])
    return call_it
""",
        {},
    )
    made: Callable[..., Any] = make(function, call)
    return made


# --- tail calls ------------------------------------------------------------------------------


@transparent
def finish(result: TailCall) -> Any:
    """Make the calls that a body answered with, until there is a value."""
    while type(result) is TailCall:
        function, place = result.function, result.place
        try:
            result = function.enter(function, result.args)
        except RtfsError as error:
            if error.span is None:
                settle(error)
                locate(error, *place)
            raise
    return result


@transparent
def invoke(function: Function, args: list[Any]) -> Any:
    """A whole call of a function that is run by `enter`."""
    result = function.enter(function, args)
    return finish(result) if type(result) is TailCall else result


@transparent
def tail(function: Any, args: list[Any], place: Any) -> Any:
    """A call in tail position: of a function it is put off, anything else is called."""
    if type(function) is Function:
        return TailCall(function, args, place)
    return call(function, args)


def wrapper(count: int) -> Any:
    """From a body that may answer with tail calls to a whole call, for `count` positional operands."""
    operands = _operands(count)
    return _define(
        ("wrapper", count),
        f"""def made(raw):
    def whole({operands}):
        result = raw({operands})
        return finish(result) if type(result) is TailCall else result
    return whole
""",
        {"finish": finish, "TailCall": TailCall, "type": type},
    )


# --- errors ----------------------------------------------------------------------------------


def unbound(name: str, span: Span | None) -> Any:
    raise EvalError(f"Undefined symbol: {name}", kind="undefined-symbol", span=span, hint="it is used before its definition")


def holds(check: LateCheck, value: Any) -> bool:
    return check.run(value) is None


def same(value: Any) -> Any:
    return value


def caught(error: EvalError) -> EvalError:
    settle(error)
    error.detach()
    return error


def passing(error: BaseException) -> None:
    """An error is about to be raised again, after a `finally` or a release."""
    if isinstance(error, RtfsError):
        error.detach()


def mismatch(check: LateCheck, value: Any, what: str, span: Span | None, operand: int | None) -> None:
    """Check an annotation."""
    if (found := check.run(value)) is not None:
        error = validation_error(what, found, operand)
        error.span = span
        raise error


def mismatch_rest(check: LateCheck, value: Any, what: str, count: int) -> None:
    """The same for every item of a rest parameter."""
    items = value.items()
    for j in range(len(items)):
        if (found := check.run(items[j])) is not None:
            raise validation_error(f"{what} {j}", found, count + j)


def result(check: LateCheck, value: Any, what: str, span: Span | None) -> Any:
    """The value of a function with an annotated result."""
    if (found := check.run(value)) is not None:
        error = validation_error(what, found)
        error.span = span
        raise error
    return value


def not_a_vector(place: str, expected: str, value: Any, span: Span | None) -> None:
    """The error of destructuring."""
    error = type_error(place, expected, value)
    if isinstance(value, Sequence):
        error.message += f" with {len(value)}"
    error.span = span
    raise error


def not_a_map(place: str, value: Any, span: Span | None) -> None:
    hint = "nil has no keys: (or value {}) gives a default" if value is None else None
    error = type_error(place, "map", value, hint=hint)
    error.span = span
    raise error


def not_integer(value: Any, span: Span | None) -> None:
    error = type_error("dotimes", "integer", value)
    error.span = span
    raise error


def no_clause(value: Any, span: Span | None) -> Any:
    from rtfs.semantics.patterns import no_match

    error = no_match(value)
    error.span = span
    raise error


def iterable(value: Any, operation: str, span: Span | None) -> list[Any]:
    """The items that a `for` goes through; `span` is where errors happened."""
    if isinstance(value, Sequence):
        return value.items()
    try:
        return operands.iterable(operation, value)
    except EvalError as error:
        error.span = span
        raise


def walk(value: Sequence) -> Any:
    """The items of a sequence one by one: not those that others put behind its end in the same buffer meanwhile."""
    buffer, start, stop = value._buf, value._start, value._stop
    if type(buffer) is not list:
        return iter(buffer[start:stop])
    items: Any = iter(buffer)
    if start:
        items.__setstate__(start)
    return islice(items, stop - start)


def bounds(a: Any, b: Any = MISSING, step: Any = 1) -> range:
    """`(range …)` that is only gone through."""
    start, end = (0, integer("range", a, 0)) if b is MISSING else (integer("range", a, 0), integer("range", b, 1))
    if integer("range", step, 2) == 0:
        raise invalid_argument("range", "the step must not be zero", 2)
    check_size("range", max(0, -((start - end) // step)) * RANGE_ITEM_BYTES)
    return range(start, end, step)


def without(value: Map, keys: tuple[Any, ...]) -> Map:
    for key in keys:
        value = value.dissoc(key)
    return value


def look_up(keyword: Keyword, value: Any) -> Any:
    """`(:k m)`"""
    return value.get(keyword) if type(value) is Map else call_keyword(keyword, [value])


NAMES: dict[str, Any] = {
    " type": type,
    " int": int,
    " float": float,
    " str": str,
    " bool": bool,
    " abs": abs,
    " sqrt": math.sqrt,
    " len": len,
    " sum": sum,
    " range": range,
    " compress": compress,
    " isinstance": isinstance,
    " Sequence": Sequence,
    " Map": Map,
    " Vector": Vector,
    " List": List,
    " Keyword": Keyword,
    " vector": Vector.adopt,
    " new": object.__new__,
    " map": Map.adopt,
    " map_of": Map,
    " Function": Function,
    " RtfsError": RtfsError,
    " EvalError": EvalError,
    " ZeroDivisionError": ZeroDivisionError,
    " LimitExceeded": LimitExceeded,
    " RecursionError": RecursionError,
    " KeyboardInterrupt": KeyboardInterrupt,
    " BaseException": BaseException,
    " UNBOUND": UNBOUND,
    " ABSENT": ABSENT,
    " make": make_function,
    " known": make_known,
    " adapter": adapter,
    " tail": tail,
    " finish": finish,
    " unbound": unbound,
    " caught": caught,
    " passing": passing,
    " holds": holds,
    " same": same,
    " error_value": error_value,
    " mismatch": mismatch,
    " mismatch_rest": mismatch_rest,
    " result": result,
    " not_a_vector": not_a_vector,
    " not_a_map": not_a_map,
    " not_integer": not_integer,
    " no_clause": no_clause,
    " rest_list": operands.rest_list,
    " iterable": iterable,
    " items": items,
    " announce": announce,
    " bounds": bounds,
    " walk": walk,
    " islice": islice,
    " without": without,
    " window": EMPTY_VECTOR._window,
    " equal": equal,
    " look_up": look_up,
    " encode": encode,
}
#: Those that values or their types are compared with.
COMPARED = frozenset(
    (*(" int", " float", " str", " bool"), *(" Map", " Vector", " List", " Keyword", " Function"), *(" UNBOUND", " ABSENT"))
)
