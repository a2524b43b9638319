"""Which options of a union data looks like, before any is tried."""

from __future__ import annotations

from rtfs.types.coercion.leaves import FROM_TEXT, says
from rtfs.types.coercion.tree import plain
from rtfs.types.json_schema import json_key
from rtfs.types.nodes import (
    NIL,
    ArrayType,
    EnumType,
    IntersectionType,
    Lookup,
    MapOfType,
    Primitive,
    RecordType,
    RefinedType,
    TupleType,
    Type,
    UnionType,
    VectorType,
    resolve,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def is_natural(data: Any, type: Type, lookup: Lookup) -> bool:
    """Whether data has the outer shape that a type is usually written in: such options of a union are tried first."""
    data = plain(data)
    target = resolve(type, lookup)
    while isinstance(target, (RefinedType, IntersectionType)):
        target = resolve(target.base if isinstance(target, RefinedType) else target.parts[0], lookup)
    if isinstance(target, UnionType):
        return bool([option for option in target.options if is_natural(data, option, lookup)])
    if isinstance(target, EnumType):
        return bool([value for value in target.values if says(data, value)])
    if isinstance(data, dict):
        return isinstance(target, (RecordType, MapOfType)) or is_primitive(target, "map")
    if isinstance(data, (list, tuple)):
        return isinstance(target, (VectorType, TupleType, ArrayType)) or is_primitive(target, "vector", "list")
    if data is None:
        return target == NIL
    if isinstance(data, bool):
        return is_primitive(target, "bool")
    if isinstance(data, int):
        return is_primitive(target, "int")
    if isinstance(data, float):
        return is_primitive(target, "float")
    if isinstance(data, str):
        if is_primitive(target, "keyword"):
            return data.startswith(":")
        if is_primitive(target, "timestamp", "uuid"):
            import re

            assert isinstance(target, Primitive)
            return re.fullmatch(FROM_TEXT[target.name][0], data) is not None
        return is_primitive(target, "string")
    return True


def is_primitive(type: Type | None, *names: str) -> bool:
    return isinstance(type, Primitive) and type.name in names


def has_tag_of(data: dict[str, Any], type: Type, lookup: Lookup) -> bool:
    """Whether an object has the literal fields by which a record is told from its siblings."""
    target = resolve(type, lookup)
    if not isinstance(target, RecordType):
        return False
    tags = [(entry, entry.type) for entry in target.entries if isinstance(entry.type, EnumType) and len(entry.type.values) == 1]
    return bool(tags) and not [entry for entry, tag in tags if not says(plain(data.get(json_key(entry.key))), tag.values[0])]
