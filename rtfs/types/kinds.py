"""Which Python classes the values of a type are of: often that alone decides whether a value belongs."""

from __future__ import annotations

from rtfs.types.nodes import (
    ArrayType,
    FunctionType,
    IntersectionType,
    Lookup,
    MapOfType,
    Primitive,
    RecordType,
    RefinedType,
    ResourceType,
    TupleType,
    Type,
    UnionType,
    VectorType,
    resolve,
)
from rtfs.values.equality import kind_of
from rtfs.values.functions import Builtin, Function
from rtfs.values.maps import Map
from rtfs.values.scalars import ErrorValue, Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Sequence, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Primitive that is no collection -> the classes of its values; functions are told in another way.
KINDS: dict[str, frozenset[type]] = {
    "bool": frozenset({bool}),
    "nil": frozenset({type(None)}),
    "int": frozenset({int}),
    "float": frozenset({float, int}),
    "string": frozenset({str}),
    "keyword": frozenset({Keyword}),
    "symbol": frozenset({Symbol}),
    "timestamp": frozenset({Timestamp}),
    "uuid": frozenset({Uuid}),
    "resource": frozenset({ResourceHandle}),
    "error": frozenset({ErrorValue}),
}

#: The same of all primitives but `function`.
EXACT: dict[str, frozenset[type]] = {
    **KINDS,
    "map": frozenset({Map}),
    "list": frozenset({List, Vector}),
    "vector": frozenset({List, Vector}),
}


def exact_kinds(type: Type) -> frozenset[type[Any]] | None:
    """The Python types that decide a type alone, or None when it takes more than that."""
    if isinstance(type, Primitive):
        return EXACT.get(type.name)
    if isinstance(type, UnionType):
        kinds: frozenset[Any] = frozenset()
        for option in type.options:
            more = exact_kinds(option)
            if more is None:
                return None
            kinds |= more
        return kinds
    if isinstance(type, ResourceType):
        return EXACT["resource"]
    return None


def has_kind_of(type: Type, value: Any, lookup: Lookup) -> bool:
    """Whether the outside of a value fits a type, so that a mismatch further in is the interesting one."""
    target = resolve(type, lookup)
    while isinstance(target, (RefinedType, IntersectionType)):
        target = resolve(target.base if isinstance(target, RefinedType) else target.parts[0], lookup)
    if isinstance(target, (RecordType, MapOfType)):
        return value.__class__ is Map
    if isinstance(target, (VectorType, TupleType, ArrayType)):
        return isinstance(value, Sequence)
    if isinstance(target, FunctionType):
        return is_function(value)
    if isinstance(target, UnionType):
        return bool([option for option in target.options if has_kind_of(option, value, lookup)])
    if isinstance(target, Primitive):
        return value.__class__ in EXACT.get(target.name, ())
    return False


def is_function(value: Any) -> bool:
    return type(value) is Function or type(value) is Builtin or kind_of(value) == "function"


def accepts(function: Any, count: int) -> bool:
    """Whether a function takes `count` operands; true when that is not known."""
    if type(function) is Builtin:
        return bool(count >= function.low and (function.high is None or count <= function.high))
    if type(function) is Function and function.spec is not None:
        return bool(function.spec.accepts(count))
    return True
