"""Types for programs in Python: read, written, compared, and to and from JSON Schema, annotations and pydantic models.

    import rtfs

    rtfs.types.json_schema("[:map [:topic string] [:score [:and float [:>= 0]]]]")
    rtfs.types.from_python(list[int] | None)

Every function takes a type as text or as what `parse` gives.  `names` says what names in it stand for, as text or types too.

Nothing is imported before it is used.  This is the one module of the package that may look further up, at the reader; RTFS itself
imports the modules below it and never this door.
"""

# no `from __future__ import annotations` and no `typing` here: everything that RTFS runs passes through this module

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rtfs.types.coercion import Coerced
    from rtfs.types.from_schema import Note
    from rtfs.types.nodes import Lookup, Type

__all__ = [
    "coerce",
    "from_json_schema",
    "from_python",
    "is_consistent",
    "is_subtype",
    "join",
    "json_schema",
    "matches",
    "meet",
    "mismatch",
    "overlap",
    "parse",
    "subtract",
    "to_pydantic",
    "type_of",
    "type_text",
]


class _Door(type(sys)):  # type: ignore[misc]
    """`rtfs.types.parse` is the function, although a module has the same name: importing that does not take the name away."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, type(sys)) and name in __all__):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Door


def parse(text: str) -> "Type":
    """The type that a text denotes: `parse("[:vector int]")`.

    Raises:
        ParseError: it is not RTFS; AnalysisError: it is not one type.
    """
    from rtfs.errors import AnalysisError
    from rtfs.source import Source
    from rtfs.syntax.reader import read_forms
    from rtfs.types.parse import parse_type

    forms = read_forms(Source("<type>", text))
    if len(forms) != 1:
        raise AnalysisError(f"expected the text of one type, got {len(forms)} forms", kind="invalid-type")
    return parse_type(forms[0])


def type_text(type: "Type | str") -> str:
    """A type as text that `parse` reads back."""
    from rtfs.types.printing import type_text

    return type_text(_type(type))


def matches(value: "Any", type: "Type | str", *, names: "Mapping[str, Type | str] | None" = None) -> bool:
    """Whether a Python or RTFS value belongs to a type."""
    return mismatch(value, type, names=names) is None


def mismatch(value: "Any", type: "Type | str", *, names: "Mapping[str, Type | str] | None" = None) -> "str | None":
    """Why a Python or RTFS value does not belong to a type, with the place inside the value; None when it does."""
    from rtfs.types.matching import checker
    from rtfs.values.convert import to_rtfs

    found = checker(_type(type), _lookup(names))(to_rtfs(value))
    return None if found is None else found.message


def is_subtype(a: "Type | str", b: "Type | str", *, names: "Mapping[str, Type | str] | None" = None) -> bool:
    """Whether every value of `a` belongs to `b`; False also when that cannot be decided."""
    from rtfs.types.relation import is_subtype

    return is_subtype(_type(a), _type(b), _lookup(names))


def is_consistent(a: "Type | str", b: "Type | str", *, names: "Mapping[str, Type | str] | None" = None) -> bool:
    """Whether a value of `a` may be used where `b` is wanted: as `is_subtype`, but `any` goes with everything."""
    from rtfs.types.relation import is_consistent

    return is_consistent(_type(a), _type(b), _lookup(names))


def overlap(a: "Type | str", b: "Type | str", *, names: "Mapping[str, Type | str] | None" = None) -> bool:
    """Whether a value may belong to both; False only when it is certain that none does."""
    from rtfs.types.relation import overlap

    return overlap(_type(a), _type(b), _lookup(names))


def join(a: "Type | str", b: "Type | str", *, names: "Mapping[str, Type | str] | None" = None) -> "Type":
    """The type of what is one or the other; `any` beyond five alternatives."""
    from rtfs.types.lattice import join

    return join(_type(a), _type(b), _lookup(names))


def meet(a: "Type | str", b: "Type | str", *, names: "Mapping[str, Type | str] | None" = None) -> "Type":
    """The type of what is both; `never` when nothing is."""
    from rtfs.types.lattice import meet

    return meet(_type(a), _type(b), _lookup(names))


def subtract(a: "Type | str", b: "Type | str", *, names: "Mapping[str, Type | str] | None" = None) -> "Type":
    """What is left of `a` where `b` does not hold; `a` itself where nothing can be said."""
    from rtfs.types.lattice import subtract

    return subtract(_type(a), _type(b), _lookup(names))


def type_of(value: "Any", *, exact: bool = False) -> "Type":
    """The type of a Python or RTFS value: `[:vector int]`; with `exact`, down to its literals: `[:tuple [:val 1] [:val 2]]`."""
    from rtfs.types.lattice import type_of, widened
    from rtfs.values.convert import to_rtfs

    found = type_of(to_rtfs(value))
    return found if exact else widened(found)


def json_schema(type: "Type | str", *, names: "Mapping[str, Type | str] | None" = None, open: bool = False) -> "dict[str, Any]":
    """The JSON Schema (2020-12) of a type: what JSON to write, with closed records; with `open`, exactly what the type accepts."""
    from rtfs.types.json_schema import json_schema

    return json_schema(_type(type), _lookup(names), open=open)


def from_json_schema(
    schema: "Any", *, name: str = "Root", strict: bool = False, formats: bool = False
) -> "tuple[Type, dict[str, Type], list[Note]]":
    """The type that a JSON Schema (2020-12) describes, the definitions of the names in it, and what no type can say.

    Args:
        name: what the whole schema is called when it refers to itself.
        strict: refuse what cannot be said.
        formats: read the formats `date-time` and `uuid` as `timestamp` and `uuid`.
    Raises:
        ConfigError: it is not a schema; with `strict`, it says what a type cannot.
    """
    from rtfs.types.from_schema import from_json_schema

    return from_json_schema(schema, name=name, strict=strict, formats=formats)


def from_python(thing: "Any", *, definitions: "dict[str, Type] | None" = None, notes: "list[str] | None" = None) -> "Type":
    """The type of a Python annotation, class or function: `from_python(list[int])` is `[:vector int]`.

    Args:
        definitions: gets the types of classes that mention themselves.
        notes: gets a sentence for each constraint that no type can say.
    Raises:
        ConfigError: its values have no RTFS counterpart.
    """
    from rtfs.types.from_python import from_python

    return from_python(thing, definitions=definitions, notes=notes)


def to_pydantic(type: "Type | str", name: str = "Model", *, names: "Mapping[str, Type | str] | None" = None) -> "Any":
    """A pydantic model whose instances are the values of a type.

    Raises:
        ConfigError: values of the type live only in RTFS, or a name is not known.
    """
    from rtfs.types.to_pydantic import to_pydantic

    return to_pydantic(_type(type), name, _lookup(names))


def coerce(
    text: str, type: "Type | str", *, names: "Mapping[str, Type | str] | None" = None, limit: "int | None" = None
) -> "Coerced":
    """The value of a type that a model's reply stands for, with a report on what had to be repaired to read it.

    Args:
        limit: points that the repairs may cost; 0 for none.
    Raises:
        CoercionError: the reply gives no value of the type, or none without guessing.
    """
    from rtfs.types.coercion import coerce

    return coerce(text, _type(type), names=_lookup(names), limit=limit)


def _type(type: "Type | str") -> "Type":
    return parse(type) if isinstance(type, str) else type


def _lookup(names: "Mapping[str, Type | str] | None") -> "Lookup":
    known: dict[str, Type | None] = {}

    def lookup(name: str) -> "Type | None":
        if name not in known:
            found = None if names is None else names.get(name)
            known[name] = None if found is None else _type(found)
        return known[name]

    return lookup
