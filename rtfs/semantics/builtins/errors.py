"""Error values and raising them: reference 2.11 and 8.7.

An error value is made by `catch`, by `throw` or by a constructor such as `Exception.`; constructors build and do not raise.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.errors import EvalError
from rtfs.semantics.faults import invalid_argument, type_error
from rtfs.semantics.library import builtin
from rtfs.values.maps import Map
from rtfs.values.printing import preview, to_text
from rtfs.values.scalars import ErrorValue, Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

#: Constructor (also without the dot) -> kind of what it builds.
_CONSTRUCTORS = {
    "Exception.": "raised",
    "RuntimeException.": "runtime-error",
    "IllegalArgumentException.": "invalid-argument",
    "ArithmeticException.": "division-by-zero",
}


def _constructor(kind: str) -> Callable[..., ErrorValue]:
    def build(message: Any, *ignored: Any) -> ErrorValue:
        return ErrorValue(kind, to_text(message))

    return build


for _name, _kind in _CONSTRUCTORS.items():
    builtin(
        _name,
        1,
        None,
        aliases=(_name[:-1],),
        doc=f"`({_name} message)`: an error value of kind `:{_kind}`; raises nothing.",
        type="[:fn [any & any] error]",
    )(_constructor(_kind))


@builtin(
    "throw",
    1,
    3,
    aliases=("error",),
    type="[:and [:fn [[:union string keyword map error]] never] "
    "[:fn [string any] never] "
    "[:fn [keyword string] never] "
    "[:fn [keyword string any] never]]",
)
def throw(*operands: Any) -> NoReturn:
    """`(throw "msg")`, `(throw "msg" data)`, `(throw :kind "msg" data)`, `(throw err)`: raise an error."""
    first: Any = operands[0]
    if type(first) is ErrorValue or type(first) is Map:
        if len(operands) > 1:
            raise invalid_argument("throw", "an error value or a map is thrown alone", 1)
        value = _from_map(first) if type(first) is Map else _error("throw", first)
    else:
        value = _from_operands(operands)
    if value.error is None:
        data = "" if value.data is None else f" with {_shown(value.data)}"
        notes = (f"thrown as :{value.kind}{data}",) if value.kind != "raised" or data else ()
        error = EvalError(value.message, kind=value.kind, data=value.data, notes=notes)
        error.value = value
        value.error = error
    # Thrown once more, it is the same exception: it keeps the place and the RTFS trace of the first time. Python's own
    # traceback starts afresh, or it would grow with every turn of a loop that throws a constant.
    raise value.error.with_traceback(None)


def _shown(data: Any) -> str:
    return preview(data, 80)


def _from_operands(operands: tuple[Any, ...]) -> ErrorValue:
    kind, message, data = "raised", operands[0], operands[1:]
    if type(message) is Keyword:
        kind = message.name
        message, data = (operands[1], operands[2:]) if len(operands) > 1 else (kind, ())
        if type(message) is not str:
            raise type_error("throw", "string", message, 1)
    elif type(message) is not str:
        raise type_error("throw", "string, keyword, map or error", message, 0)
    if len(data) > 1:
        raise invalid_argument("throw", "a kind before the message is a keyword", 0, hint='write (throw :kind "message" data)')
    return ErrorValue(kind, message, data[0] if data else None)


def _from_map(fields: Map) -> ErrorValue:
    """`{:type kw :message str :data any}`, the shape that error values answer to; a map without these is the data."""
    kind, message = fields.get(Keyword("type")), fields.get(Keyword("message"))
    return ErrorValue(
        kind.name if type(kind) is Keyword else "raised",
        message if type(message) is str else to_text(fields),
        fields.get(Keyword("data"), fields),
    )


def _error(operation: str, value: Any) -> ErrorValue:
    if type(value) is ErrorValue:
        return value
    raise type_error(operation, "error", value, 0)


@builtin("getMessage", 1, type="[:fn [error] string]")
def get_message(error: Any) -> Any:
    """`(getMessage err)`: the message of an error value."""
    return _error("getMessage", error).message


@builtin("ex-message", 1, type="[:fn [error] string]")
def ex_message(error: Any) -> Any:
    """`(ex-message err)`: the message of an error value."""
    return _error("ex-message", error).message


@builtin("ex-data", 1, type="[:fn [error] any]")
def ex_data(error: Any) -> Any:
    """`(ex-data err)`: the data of an error value, nil if there is none."""
    return _error("ex-data", error).data
