"""The core macros: forms that are only other forms (reference 2.9).

Functions from argument forms to a form.  What they build rests on the hard core (`if let do fn match`), which no program can
rebind, so an expansion means the same everywhere; names they need for themselves are fresh.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.errors import MacroError
from rtfs.values.forms import Operands, head_name, list_form, placed_form, span_of
from rtfs.values.maps import Map
from rtfs.values.printing import to_readable
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Fresh = Callable[[str], str]
CORE_MACROS: dict[str, Callable[[list[Any], Fresh], Any]] = {}

_IF, _LET, _DO, _MATCH = Symbol("if"), Symbol("let"), Symbol("do"), Symbol("match")


def core_macro(*names: str) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        for name in names:
            CORE_MACROS[name] = function
        return function

    return register


def _usage(shape: str) -> MacroError:
    name = shape[1:].split(" ")[0]
    return MacroError(f"malformed `{name}`", kind="invalid-special-form", hint=f"write {shape}")


def _do(body: list[Any]) -> Any:
    return body[0] if len(body) == 1 else list_form(_DO, *body)


@core_macro("when")
def when(args: list[Any], fresh: Fresh) -> Any:
    """`(when test body…)`: the body if the test holds, else nil."""
    if not args:
        raise _usage("(when test body…)")
    return placed_form(args, [_IF, args[0], _body(args)], [None, 0, None])


def _body(args: list[Any]) -> Any:
    """All operands after the first."""
    return placed_form(args, [_DO, *args[1:]], [None, *range(1, len(args))])


@core_macro("when-not", "unless")
def when_not(args: list[Any], fresh: Fresh) -> Any:
    """`(when-not test body…)`: the body if the test does not hold, else nil."""
    if not args:
        raise _usage("(when-not test body…)")
    return placed_form(args, [_IF, args[0], None, _body(args)], [None, 0, None, None])


@core_macro("if-not")
def if_not(args: list[Any], fresh: Fresh) -> Any:
    """`(if-not test then else?)`"""
    if len(args) not in (2, 3):
        raise _usage("(if-not test then else)")
    if len(args) == 3:
        return placed_form(args, [_IF, args[0], args[2], args[1]], [None, 0, 2, 1])
    return placed_form(args, [_IF, args[0], None, args[1]], [None, 0, None, 1])


def _one_binding(vector: Any, shape: str) -> tuple[Any, Any]:
    if type(vector) is not Vector or len(vector) != 2:
        raise _usage(shape)
    return vector[0], vector[1]


@core_macro("if-let")
def if_let(args: list[Any], fresh: Fresh) -> Any:
    """`(if-let [pattern value] then else?)`: then, with the names bound, if the value is truthy."""
    shape = "(if-let [name value] then else)"
    if len(args) not in (2, 3):
        raise _usage(shape)
    pattern, value = _one_binding(args[0], shape)
    tested = Symbol(fresh("tested"))
    then = list_form(_LET, Vector([pattern, tested]), args[1])
    return list_form(_LET, Vector([tested, value]), list_form(_IF, tested, then, *args[2:]))


@core_macro("when-let")
def when_let(args: list[Any], fresh: Fresh) -> Any:
    """`(when-let [pattern value] body…)`"""
    shape = "(when-let [name value] body…)"
    if not args:
        raise _usage(shape)
    _one_binding(args[0], shape)
    return if_let([args[0], list_form(_DO, *args[1:])], fresh)


@core_macro("cond")
def cond(args: list[Any], fresh: Fresh) -> Any:
    """`(cond test value … :else value)`: the value of the first test that holds, else nil."""
    if len(args) % 2:
        raise MacroError(
            "`cond` needs a value for every test",
            kind="invalid-special-form",
            span=span_of(args[-1]),
            hint="write (cond test value … :else value)",
        )
    form: Any = None
    place: int | None = None
    for i in range(len(args) - 2, -1, -2):
        test, value = args[i], args[i + 1]
        if type(test) is Keyword and test.name == "else" and i == len(args) - 2:
            form, place = value, i + 1
        else:
            form, place = placed_form(args, [_IF, test, value, form], [None, i, i + 1, place]), None
    return form


@core_macro("case")
def case(args: list[Any], fresh: Fresh) -> Any:
    """`(case x constant value (c1 c2) value … default?)`: constants are not evaluated; a list gives several."""
    if len(args) < 2:
        raise _usage("(case value constant result … default)")
    flat: list[Any] = [_MATCH, args[0]]
    for i in range(1, len(args) - 1, 2):
        constant, result = args[i], args[i + 1]
        is_else = type(constant) is Keyword and constant.name == "else" and i == len(args) - 2
        flat += [Symbol("_") if is_else else _constant(constant), result]
    if len(args) % 2 == 0:
        flat += [Symbol("_"), args[-1]]
        return placed_form(args, flat, [None, *range(len(args) - 1), None, len(args) - 1])
    return placed_form(args, flat, [None, *range(len(args))])


def _constant(form: Any) -> Any:
    if type(form) is List:
        if not len(form):
            raise MacroError("an empty list of constants never matches", kind="invalid-special-form", span=span_of(form))
        return list_form(Keyword("or"), *[_constant(item) for item in form.items()])
    if isinstance(form, (Symbol, Vector, Map)):
        return list_form(Symbol("quote"), form)
    return form


def _thread(args: list[Any], place: int | None, name: str) -> Any:
    """Put the value so far into each step: as its item `place`, or as the last one."""
    if not args:
        raise _usage(f"({name} value form…)")
    value = args[0]
    at = args.place(0) if isinstance(args, Operands) else None  # of the value, as long as it is the first operand itself
    for i, step in enumerate(args[1:], 1):
        if head_name(step) in ("fn", "λ", "lambda"):
            raise MacroError(
                f"`{name}` puts the value into a call, and this is a function",
                kind="invalid-special-form",
                span=span_of(step),
                hint="put it into a call of its own: ((fn [x] …)) or (#(…))",
            )
        if type(step) is List and len(step):
            value = _threaded(step, value, len(step) if place is None else place, at)
        else:
            value = placed_form(args, [step, value], [i, None if at is None else 0])
        at = None
    return value


def _threaded(step: List, value: Any, place: int, at: tuple[int, int] | None) -> List:
    """A step with the value, which stands `at`, as its item `place`; the others keep their places in the text."""
    items = step.items()
    items.insert(place, value)
    threaded = list_form(*items)
    if step.where is not None:
        source, start, end, offsets = step.where
        if offsets is not None and len(offsets) == 2 * len(step):
            own = getattr(value, "where", None)
            offsets = offsets[: 2 * place] + list(at or (own[1:3] if own is not None else (start, end))) + offsets[2 * place :]
        threaded.where = (source, start, end, offsets)
    return threaded


@core_macro("->")
def thread_first(args: list[Any], fresh: Fresh) -> Any:
    """`(-> x (f a) g)` is `(g (f x a))`."""
    return _thread(args, 1, "->")


@core_macro("->>")
def thread_last(args: list[Any], fresh: Fresh) -> Any:
    """`(->> xs (map f) count)` is `(count (map f xs))`."""
    return _thread(args, None, "->>")


@core_macro("as->")
def thread_as(args: list[Any], fresh: Fresh) -> Any:
    """`(as-> x name form…)`: the name stands for the value so far."""
    if len(args) < 2 or type(args[1]) is not Symbol:
        raise _usage("(as-> value name form…)")
    name = args[1]
    pairs: list[Any] = [name, args[0]]
    for step in args[2:-1]:
        pairs += [name, step]
    return list_form(_LET, Vector(pairs), args[-1] if len(args) > 2 else name)


def describe(name: str) -> str:
    """One line about a core macro, for `:doc`."""
    return (CORE_MACROS[name].__doc__ or to_readable(name)).strip()
