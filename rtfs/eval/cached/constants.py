"""The constants of stored code, made when the code is loaded."""

from __future__ import annotations

from collections.abc import Callable
from marshal import loads
from types import CodeType

from rtfs.eval.cached.layout import (
    CHECK,
    HELPER,
    IMPORT,
    KEYWORD,
    PLACES,
    SPAN,
    TEMPLATE,
    TUPLE,
    V_KEYWORD,
    V_LIST,
    V_MAP,
    V_METADATA,
    V_RESOURCE,
    V_SET,
    V_SYMBOL,
    V_TABLE,
    V_TIMESTAMP,
    V_TUPLE,
    V_TYPE,
    V_UUID,
    V_VECTOR,
    VALUE,
)
from rtfs.eval.cached.store import piece
from rtfs.eval.compiled.places import Places
from rtfs.eval.compiled.support import NAMES, Template
from rtfs.semantics.typecheck import LateCheck
from rtfs.source import Span
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.eval.cached.program import Program
    from rtfs.eval.compiled.link import Linker


class Constants:
    """Makes the constants of a program's code in one namespace."""

    def __init__(self, program: Program, linker: Linker) -> None:
        self._program = program
        self._linker = linker
        self._module = linker.namespace.name
        self._made: list[Any] = []
        self._makers: dict[int, Callable[..., Any]] = {
            KEYWORD: Keyword,
            SPAN: self._span,
            VALUE: value_of,
            CHECK: self._check,
            TEMPLATE: self._template,
            PLACES: self._places,
            TUPLE: self._tuple,
            IMPORT: self._import,
            HELPER: NAMES.__getitem__,
        }

    def code(self, known: tuple[int, int, bytes]) -> CodeType | None:
        """The code object of a section, with its constants in it; None when the section is damaged."""
        stored = piece(self._program.sections, known)
        if stored is None:
            return None
        code, recipes = loads(stored)
        made = self._made = []
        makers = self._makers
        for recipe in recipes:
            made.append(makers[recipe[0]](*recipe[1:]))
        return _filled(code, made, self._program.source.name)

    def _span(self, start: int, end: int) -> Span:
        return Span(self._program.source, start, end)

    def _check(self, stored: Any) -> LateCheck:
        return LateCheck(lambda: value_of(stored), self._linker.lookup_type)

    def _template(self, number: int, name: str | None, count: int, variadic: bool, meta: Any) -> Template:
        return Template(self._program.fn(number), name, count, variadic, value_of(meta), self._module)

    def _places(self, table: bytes, function: str | None, number: int) -> Places:
        spec = self._program.fn(number) if number >= 0 else None
        return Places(self._program.late(lambda program: program.places(table)), function, spec)

    def _tuple(self, numbers: tuple[int, ...]) -> tuple[Any, ...]:
        return tuple([self._made[number] for number in numbers])

    def _import(self, place: Any, *parts: Any) -> Any:
        from rtfs.syntax import nodes as ast

        return ast.Import(self._program.span(place), *parts)


def value_of(stored: Any) -> Any:
    """The value that `encoding` stored."""
    return _VALUES[stored[0]](*stored[1:]) if type(stored) is tuple else stored


def _all(stored: tuple[Any, ...]) -> list[Any]:
    return [value_of(item) for item in stored]


def _map(stored: tuple[Any, ...]) -> Map:
    flat = _all(stored)
    return Map([(flat[i], flat[i + 1]) for i in range(0, len(flat), 2)])


def _metadata(meta: Any, form: Any) -> Any:
    from rtfs.values.forms import MetaForm

    return MetaForm(value_of(meta), value_of(form))


def _type(name: str, *fields: Any) -> Any:
    from rtfs.types import nodes

    return getattr(nodes, name)(*_all(fields))


_VALUES: dict[int, Callable[..., Any]] = {
    V_KEYWORD: Keyword,
    V_SYMBOL: Symbol,
    V_TIMESTAMP: Timestamp,
    V_UUID: Uuid,
    V_RESOURCE: ResourceHandle,
    V_VECTOR: lambda items: Vector.adopt(_all(items)),
    V_LIST: lambda items: List.adopt(_all(items)),
    V_MAP: _map,
    V_METADATA: _metadata,
    V_TYPE: _type,
    V_TUPLE: lambda items: tuple(_all(items)),
    V_SET: lambda items: frozenset(_all(items)),
    V_TABLE: lambda keys, values: dict(zip(_all(keys), _all(values), strict=True)),
}


def _filled(code: CodeType, made: list[Any], name: str) -> CodeType:
    """Stored code with its constants in it, of the file `name`."""
    consts = []
    for constant in code.co_consts:
        kind = type(constant)
        if kind is complex:
            constant = made[int(constant.imag)]
        elif kind is CodeType:
            constant = _filled(constant, made, name)
        elif kind is tuple:
            constant = _filled_tuple(constant, made)
        consts.append(constant)
    return code.replace(co_consts=tuple(consts), co_filename=name)


def _filled_tuple(constant: tuple[Any, ...], made: list[Any]) -> tuple[Any, ...]:
    """Python folds tuples of constants."""
    return tuple(
        [
            made[int(item.imag)] if type(item) is complex else _filled_tuple(item, made) if type(item) is tuple else item
            for item in constant
        ]
    )
