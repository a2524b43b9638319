"""Types within types: one place that knows how each constructor holds its parts."""

from __future__ import annotations

from collections.abc import Callable

from rtfs.types.nodes import (
    ArrayType,
    Entry,
    FunctionType,
    IntersectionType,
    MapOfType,
    RecordType,
    RefinedType,
    SequenceType,
    StreamType,
    TupleType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
    intersection,
    refined,
    union,
)


def parts_of(type: Type) -> tuple[Type, ...]:
    """The types that a type is directly made of, in the order in which they are written."""
    if isinstance(type, (VectorType, ArrayType, SequenceType)):
        return (type.item,)
    if isinstance(type, TupleType):
        return type.items
    if isinstance(type, RecordType):
        inner = tuple([entry.type for entry in type.entries])
        return inner if type.rest is None else (*inner, type.rest)
    if isinstance(type, MapOfType):
        return (type.key, type.value)
    if isinstance(type, FunctionType):
        return (*type.params, *(() if type.rest is None else (type.rest,)), type.result)
    if isinstance(type, UnionType):
        return type.options
    if isinstance(type, IntersectionType):
        return type.parts
    if isinstance(type, RefinedType):
        return (type.base,)
    if isinstance(type, StreamType):
        return (type.item,) if type.output is None else (type.item, type.output)
    return ()


def rewrite(type: Type, change: Callable[[Type], Type]) -> Type:
    """The type with `change` made of every type in it, the inner ones first; unions and intersections stay flat."""
    if not parts_of(type):
        return change(type)
    return change(with_parts(type, [rewrite(part, change) for part in parts_of(type)]))


def with_parts(type: Type, parts: list[Type]) -> Type:
    """The type with other types in the places of `parts_of`."""
    if isinstance(type, VectorType):
        return VectorType(parts[0])
    if isinstance(type, SequenceType):
        return SequenceType(parts[0])
    if isinstance(type, ArrayType):
        return ArrayType(parts[0], type.shape)
    if isinstance(type, TupleType):
        return TupleType(tuple(parts))
    if isinstance(type, RecordType):
        entries = tuple([Entry(old.key, new, old.optional) for old, new in zip(type.entries, parts, strict=False)])
        return RecordType(entries, None if type.rest is None else parts[-1], type.name)
    if isinstance(type, MapOfType):
        return MapOfType(parts[0], parts[1])
    if isinstance(type, FunctionType):
        count = len(type.params)
        return FunctionType(tuple(parts[:count]), None if type.rest is None else parts[count], parts[-1])
    if isinstance(type, UnionType):
        return union(*parts)
    if isinstance(type, IntersectionType):
        return intersection(*parts)
    if isinstance(type, RefinedType):
        return refined(parts[0], *type.predicates)
    assert isinstance(type, StreamType)
    return StreamType(parts[0], None if type.output is None else parts[1], type.direction)


def names_in(type: Type) -> set[str]:
    """The names of other types that a type mentions."""
    if isinstance(type, TypeRef):
        return {type.name}
    return set().union(*[names_in(part) for part in parts_of(type)])
