"""Types to text: `parse_type` reads what `type_text` writes back to an equal type.

Two kinds of type have no text of their own and are the exceptions: a struct prints as its name, which reads as a reference to
it, and a record with a key `:*`, which no program can write.
"""

from __future__ import annotations

from rtfs.types.nodes import (
    NIL,
    NUMBER,
    AnyType,
    ArrayType,
    EnumType,
    FunctionType,
    IntersectionType,
    MapOfType,
    NeverType,
    Predicate,
    Primitive,
    RecordType,
    RefinedType,
    ResourceType,
    SequenceType,
    StreamType,
    TupleType,
    Type,
    TypeRef,
    TypeVariable,
    UnionType,
    VectorType,
)
from rtfs.values.printing import to_readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def type_text(type: Type) -> str:
    """The type as RTFS source: `int`, `Person?`, `[:map [:name string] [:age int ?]]`."""
    writer = _WRITERS.get(type.__class__)
    return writer(type) if writer is not None else f"#<type {type.__class__.__name__}>"


def _texts(head: str, types: tuple[Type, ...]) -> str:
    words = [head]
    for type in types:
        words.append(type_text(type))
    return f"[{' '.join(words)}]"


def _primitive(type: Primitive) -> str:
    return type.name


def _array(type: ArrayType) -> str:
    item = type_text(type.item)
    if not type.shape:
        return f"[:array {item}]"
    return f"[:array {item} [{' '.join(['?' if n is None else str(n) for n in type.shape])}]]"


def _record(type: RecordType) -> str:
    if type.name is not None:
        return type.name
    words = [":map"]
    for entry in type.entries:
        words.append(f"[{to_readable(entry.key)} {type_text(entry.type)}{' ?' if entry.optional else ''}]")
    if type.rest is not None:
        words.append(f"[:* {type_text(type.rest)}]")
    return f"[{' '.join(words)}]"


def _function(type: FunctionType) -> str:
    words = []
    for param in type.params:
        words.append(type_text(param))
    if type.rest is not None:
        words.append(f"& {type_text(type.rest)}")
    return f"[:fn [{' '.join(words)}] {type_text(type.result)}]"


def _resource(type: ResourceType) -> str:
    import re

    bare = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$+\-*/=<>!?%.@]*", type.name) and type.name not in ("true", "false", "nil")
    return f"[:resource {type.name if bare else to_readable(type.name)}]"


def _enum(type: EnumType) -> str:
    words = [":val" if len(type.values) == 1 else ":enum"]
    for value in type.values:
        words.append(to_readable(value))
    return f"[{' '.join(words)}]"


def _union(type: UnionType) -> str:
    if type == NUMBER:
        return "number"
    if len(type.options) == 2 and type.options[1] == NIL:
        base = type.options[0]
        text = type_text(base)
        return text + "?" if isinstance(base, (Primitive, TypeRef)) else f"[:optional {text}]"
    return _texts(":union", type.options)


def _predicate(predicate: Predicate) -> str:
    words = [":" + predicate.name]
    for operand in predicate.operands:
        words.append(to_readable(operand))
    return f"[{' '.join(words)}]"


def _refined(type: RefinedType) -> str:
    parts = type.base.parts if isinstance(type.base, IntersectionType) else (type.base,)
    words = [_texts(":and", parts)[:-1]]
    for predicate in type.predicates:
        words.append(_predicate(predicate))
    return f"{' '.join(words)}]"


def _stream(type: StreamType) -> str:
    item = type_text(type.item)
    if type.direction == "out":
        return f"[:stream {item}]"
    if type.output is None:
        return f"[:stream-{type.direction} {item}]"
    return f"[:stream-{type.direction} :input {item} :output {type_text(type.output)}]"


def _any(type: AnyType) -> str:
    return "any"


def _never(type: NeverType) -> str:
    return "never"


def _vector(type: VectorType) -> str:
    return f"[:vector {type_text(type.item)}]"


def _tuple(type: TupleType) -> str:
    return _texts(":tuple", type.items)


def _map_of(type: MapOfType) -> str:
    return f"[:map-of {type_text(type.key)} {type_text(type.value)}]"


def _intersection(type: IntersectionType) -> str:
    return _texts(":and", type.parts)


def _named(type: TypeRef | TypeVariable) -> str:
    return type.name


def _sequence(type: SequenceType) -> str:
    return f"[:seq {type_text(type.item)}]"


# plain functions in a table: nesting costs Python frames only
_WRITERS: dict[Any, Any] = {
    AnyType: _any,
    NeverType: _never,
    Primitive: _primitive,
    VectorType: _vector,
    TupleType: _tuple,
    ArrayType: _array,
    RecordType: _record,
    MapOfType: _map_of,
    FunctionType: _function,
    ResourceType: _resource,
    EnumType: _enum,
    UnionType: _union,
    IntersectionType: _intersection,
    RefinedType: _refined,
    StreamType: _stream,
    TypeRef: _named,
    TypeVariable: _named,
    SequenceType: _sequence,
}
