"""Values for declared types: making them at random, and telling whether they fit.

The checker of run-time values (`rtfs.types.matching`) knows nothing of what only declarations say: type variables, `[:seq T]`, and
that a keyword does for a function.  Here is that rest, for values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from random import Random
from typing import Any

from rtfs.errors import EvalError
from rtfs.semantics.builtins import effects as effects_module
from rtfs.semantics.builtins.effects import Cell
from rtfs.semantics.builtins.operands import MISSING
from rtfs.semantics.calls import call
from rtfs.semantics.library import standard_library
from rtfs.semantics.machine import Machine
from rtfs.semantics.signatures import signature
from rtfs.types.matching import checker
from rtfs.types.nodes import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    KEYWORD,
    NIL,
    NUMBER,
    STRING,
    AnyType,
    EnumType,
    FunctionType,
    MapOfType,
    NeverType,
    Primitive,
    RefinedType,
    SequenceType,
    TupleType,
    Type,
    TypeVariable,
    UnionType,
    VectorType,
)
from rtfs.types.predicates import size_of
from rtfs.types.rewriting import parts_of, rewrite
from rtfs.values.functions import Builtin
from rtfs.values.maps import Map
from rtfs.values.printing import preview, to_readable
from rtfs.values.scalars import ErrorValue, Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector

PURE = standard_library()


def effects(machine: Machine) -> dict[str, Builtin]:
    return effects_module.effect_builtins(machine)


def distinct(table: dict[str, Builtin]) -> list[Builtin]:
    """The built-ins of a table, each once, whatever its other names."""
    return list({id(entry): entry for entry in table.values()}.values())


def counts(shape: FunctionType, up_to: int) -> set[int]:
    """The numbers of operands that a shape takes, up to a limit."""
    fixed = len(shape.params)
    return {n for n in range(up_to + 1) if n == fixed or (shape.rest is not None and n > fixed)}


def parameters(shape: FunctionType, count: int) -> list[Type]:
    """The type of each of `count` operands, which the shape takes."""
    return [*shape.params, *[shape.rest or ANY] * (count - len(shape.params))]


# --- does it fit? ----------------------------------------------------------------------------


def open_variables(type: Type) -> Type:
    """The type with `any` for every variable."""
    return rewrite(type, lambda part: ANY if isinstance(part, TypeVariable) else part)


@cache
def _check(type: Type) -> Callable[[Any], Any]:
    return checker(type)


@cache
def _is_plain(type: Type) -> bool:
    if isinstance(type, (SequenceType, FunctionType)) or (isinstance(type, Primitive) and type.name == "function"):
        return False
    return all(_is_plain(part) for part in parts_of(type))


def fits(type: Type, value: Any) -> bool:
    """Whether a value fits a parameter whose variables have been replaced."""
    if _is_plain(type):
        return _check(type)(value) is None
    if isinstance(type, UnionType):
        return any(fits(option, value) for option in type.options)
    if isinstance(type, SequenceType):
        walked = walk(value)
        return walked is not None and all(fits(type.item, item) for item in walked)
    if isinstance(value, Keyword):
        return not isinstance(type, FunctionType) or len(type.params) in (1, 2) or type.rest is not None
    return _check(type)(value) is None


def fits_shape(shape: FunctionType, operands: list[Any], *, called: bool = True) -> bool:
    """Whether the operands fit, with `any` for every variable.

    Args:
        called: False when the functions among the operands may have been left alone: then they may take any number of operands.
    """
    if len(operands) not in counts(shape, len(operands)):
        return False
    opened = _opened if called else _opened_uncalled
    return all(fits(opened(type), value) for type, value in zip(parameters(shape, len(operands)), operands, strict=True))


_opened = cache(open_variables)


@cache
def _opened_uncalled(type: Type) -> Type:
    return rewrite(open_variables(type), lambda part: Primitive("function") if isinstance(part, FunctionType) else part)


def walk(value: Any) -> list[Any] | None:
    """What `[:seq T]` means: the items of what can be walked, None for anything else."""
    if value is None:
        return []
    if isinstance(value, (Vector, List, str)):
        return list(value)
    return [Vector(entry) for entry in value.items()] if isinstance(value, Map) else None


# --- making values ---------------------------------------------------------------------------

_TEXTS = ["", "a", "b", "12", "-3.5", "a,b", " x ", "é😀", "k", '{"a": [1]}', "%s", "%d", "(a)(b)?"]
_INTS = [0, 1, 2, 3, -1, -2, 5, 7, 10**20]
_FLOATS = [0.0, 0.5, -2.5, 3.0, 1e300, float("inf"), float("nan")]
_KEYWORDS = [Keyword("a"), Keyword("k"), Keyword("n/b"), Keyword("message")]
_OTHERS: dict[str, list[Any]] = {
    "int": _INTS,
    "float": [*_FLOATS, 4],
    "string": _TEXTS,
    "bool": [True, False],
    "nil": [None],
    "keyword": _KEYWORDS,
    "symbol": [Symbol("a"), Symbol("n/b")],
    "timestamp": [Timestamp("2025-06-23T10:30:00Z")],
    "uuid": [Uuid("550e8400-e29b-41d4-a716-446655440000")],
    "resource": [ResourceHandle("resource://file/1/x")],
    "error": [ErrorValue("raised", "m"), ErrorValue("io-error", "m", Map([(Keyword("a"), 1)]))],
}

#: One of everything, and of some things several: what any operand may be.
POOL: list[Any] = [
    *[None, True, False, 0, 2, -1, 1.5, float("nan"), "", "a", "ab", Keyword("a"), Symbol("a")],
    *[value for kind in ("timestamp", "uuid", "resource", "error") for value in _OTHERS[kind][-1:]],
    *[Vector(), Vector([1, 2]), Vector(["b", "a"]), Vector([Keyword("a"), 2]), Vector([Vector([1, "x"]), Vector([2, "y"])])],
    *[List(), List([3, 1]), Map(), Map([(Keyword("a"), 1)]), Map([("a", Map([(Keyword("a"), 2)]))]), Map([(0, 1), (1, 0)])],
    *[PURE["identity"], PURE["+"], PURE["str"], PURE["vector"], PURE["get"], Cell(1)],
]

#: What a type variable may stand for: among them the items of strings and maps.
VARIABLES: list[Type] = [
    *[INT, STRING, STRING, KEYWORD, FLOAT, BOOL, NUMBER, ANY, Primitive("symbol"), Primitive("map")],
    *[UnionType((INT, NIL)), UnionType((STRING, KEYWORD)), VectorType(INT), VectorType(STRING), MapOfType(KEYWORD, INT)],
    *[TupleType((KEYWORD, INT)), TupleType((STRING, VectorType(INT)))],
]


def instantiate(shape: FunctionType, random: Random) -> FunctionType:
    """The shape with a type for every variable."""
    chosen: dict[str, Type] = {}

    def change(part: Type) -> Type:
        return chosen.setdefault(part.name, random.choice(VARIABLES)) if isinstance(part, TypeVariable) else part

    changed = rewrite(shape, change)
    assert isinstance(changed, FunctionType)
    return changed


class Unfit(AssertionError):
    """A function was called with operands that its type does not allow."""


def make(type: Type, random: Random, depth: int = 0) -> Any:
    """A value of a type that has some."""
    if isinstance(type, AnyType):
        return random.choice(POOL)
    if isinstance(type, UnionType):
        return make(random.choice([option for option in type.options if not isinstance(option, NeverType)]), random, depth)
    if isinstance(type, EnumType):
        return random.choice(type.values)
    if isinstance(type, RefinedType):
        return random.choice([value for value in [make(type.base, random, depth) for _ in range(50)] if fits(type, value)])
    if isinstance(type, TupleType):
        return random.choice([Vector, List])([make(item, random, depth + 1) for item in type.items])
    if isinstance(type, SequenceType):
        return _walkable(type.item, random, depth)
    if isinstance(type, FunctionType):
        return _function(type, random)
    if isinstance(type, MapOfType):
        return _map(type.key, type.value, random, depth)
    item = ANY if not isinstance(type, VectorType) else type.item
    if isinstance(type, VectorType) or (isinstance(type, Primitive) and type.name in ("vector", "list")):
        return random.choice([Vector, List])(_several(item, random, depth))
    assert isinstance(type, Primitive), type
    if type.name == "map":
        return _map(ANY, ANY, random, depth)
    if type.name == "function":
        return _function(FunctionType((), ANY, ANY), random)
    return random.choice(_OTHERS[type.name])


def _several(item: Type, random: Random, depth: int) -> list[Any]:
    if isinstance(item, NeverType):
        return []
    return [make(item, random, depth + 1) for _ in range(random.choice([0, 1, 2, 3, 5] if depth == 0 else [0, 1, 2]))]


def _map(key: Type, value: Type, random: Random, depth: int) -> Map:
    return Map(list(zip(_several(key, random, depth), _several(value, random, depth), strict=False)))


def _walkable(item: Type, random: Random, depth: int) -> Any:
    choices: list[Any] = [Vector(_several(item, random, depth)), List(_several(item, random, depth))] * 2
    choices.append(None)
    if fits(item, "a"):
        choices += [random.choice(_TEXTS)] * 2
    if isinstance(item, TupleType) and len(item.items) == 2:
        choices += [_map(*item.items, random, depth)] * 2
    elif isinstance(item, (SequenceType, AnyType)):
        choices.append(_map(ANY, ANY, random, depth) if isinstance(item, AnyType) or item.item == ANY else Map())
    return random.choice(choices)


def _function(type: FunctionType, random: Random) -> Builtin:
    """A function that demands operands of its type, gives one result of its type after the other, or an operand that is one."""
    results = [make(type.result, random, 1) for _ in range(3)] if not isinstance(type.result, NeverType) else []

    def function(*operands: Any) -> Any:
        wanted = parameters(type, len(operands))
        for expected, operand in zip(wanted, operands, strict=True):
            if not fits(expected, operand):
                raise Unfit(f"a function of type {type} got {to_readable(operand)}")
        echo = [operand for expected, operand in zip(wanted, operands, strict=True) if expected == type.result]
        results.append(results.pop(0))
        return random.choice([results[0], *echo])

    count = len(type.params)
    return Builtin(f"made {type}", function, count, None if type.rest is not None else count)


def check_result(declared: Type, result: Any, random: Random) -> str | None:
    """What is wrong with a result; None when nothing is. A function among the results is called as well."""
    if not fits(declared, result):
        return f"{to_readable(result)} is not {declared}"
    if isinstance(declared, FunctionType) and isinstance(result, Builtin):
        operands = [make(type, random) for type in parameters(declared, max(len(declared.params), random.randrange(3)))]
        try:
            inner = call(result, operands)
        except EvalError:
            return None
        return check_result(declared.result, inner, random)
    return None


# --- watching programs -----------------------------------------------------------------------

#: Calls of one built-in that are looked at, of one program: some programs make millions.
_LOOKED_AT = 500
#: Items of a value that is looked into; some programs fill the memory.
_LOOKED_INTO = 1_000


@contextmanager
def watched() -> Iterator[list[str]]:
    """Meanwhile every call of a built-in is held against its declared type; gives the list of those that do not fit."""
    found: list[str] = []
    undo: list[Callable[[], None]] = []

    def watch(entry: Builtin) -> None:
        old = entry.call, entry.two, entry.fixed
        again = _Watcher(entry, found)
        entry.call, entry.two = again.over(entry.call), again.over(entry.two)
        entry.fixed = None if entry.fixed is None else {count: again.over(quick) for count, quick in entry.fixed.items()}
        undo.append(lambda: _restore(entry, *old))

    make_effects = effects_module.effect_builtins

    def make_watched(machine: Machine, **options: Any) -> dict[str, Builtin]:
        table = make_effects(machine, **options)
        for entry in distinct(table):
            watch(entry)
        return table

    for entry in distinct(PURE):
        watch(entry)
    effects_module.effect_builtins = make_watched
    try:
        yield found
    finally:
        effects_module.effect_builtins = make_effects
        for restore in undo:
            restore()


def _restore(entry: Builtin, call: Any, two: Any, fixed: Any) -> None:
    entry.call, entry.two, entry.fixed = call, two, fixed


class _Watcher:
    def __init__(self, entry: Builtin, found: list[str]) -> None:
        self.entry, self.found, self.left = entry, found, _LOOKED_AT
        self.shapes = signature(entry)

    def over(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call_watched(a: Any = MISSING, b: Any = MISSING, c: Any = MISSING, d: Any = MISSING, *more: Any) -> Any:
            # not `function(*operands)`, which would put a frame on the C stack, and programs go deep
            if a is MISSING:
                result = function()
            elif b is MISSING:
                result = function(a)
            elif c is MISSING:
                result = function(a, b)
            elif d is MISSING:
                result = function(a, b, c)
            else:
                result = function(a, b, c, d, *more)
            if self.left:
                self.left -= 1
                self.look([value for value in (a, b, c, d) if value is not MISSING] + list(more), result)
            return result

        return call_watched

    def look(self, operands: list[Any], result: Any) -> None:
        if any((size_of(value) or 0) > _LOOKED_INTO for value in (*operands, result)):
            return
        shape = next((shape for shape in self.shapes if fits_shape(shape, operands, called=False)), None)
        if shape is None or not fits(_opened(shape.result), result):
            told = " ".join([self.entry.name, *[preview(value, 80) for value in operands]])
            self.found.append(f"({told}) gives {preview(result, 80)} as {shape}")
