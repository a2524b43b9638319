"""Questions about the parts of types: the items of a sequence, the value of a key, what a call may hand over."""

from __future__ import annotations

from collections.abc import Callable

from rtfs.syntax import nodes as ast
from rtfs.types.lattice import join, type_of, widened
from rtfs.types.nodes import (
    ANY,
    NEVER,
    NIL,
    STRING,
    AnyType,
    ArrayType,
    EnumType,
    FunctionType,
    IntersectionType,
    Lookup,
    MapOfType,
    NeverType,
    Primitive,
    RecordType,
    RefinedType,
    SequenceType,
    TupleType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
    resolve,
)
from rtfs.types.rewriting import parts_of, with_parts
from rtfs.values.equality import equal
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_PARTS = 150
#: A literal collection of more items is known by the type of all its items, not item by item.
MOST_ITEMS = 24


def plain(type: Type, lookup: Lookup) -> Type:
    """What a type is once names are followed and refinements are taken off; `any` when that is not known."""
    while True:
        if isinstance(type, TypeRef):
            found = resolve(type, lookup)
            if found is None:
                return ANY
            type = found
        elif isinstance(type, RefinedType):
            type = type.base
        else:
            return type


def options(type: Type, lookup: Lookup) -> list[Type]:
    """The types of which a value of `type` has one; names followed, unions opened."""
    type = plain(type, lookup)
    if isinstance(type, UnionType):
        return _options_of(type, lookup, ())
    if isinstance(type, EnumType) and len(type.values) > 1:
        return [EnumType((value,)) for value in type.values]
    return [type]


def _options_of(type: UnionType, lookup: Lookup, inside: tuple[UnionType, ...]) -> list[Type]:
    if len(inside) > 8 or type in inside:  # a union that is one of its own options
        return []
    found: list[Type] = []
    for part in type.options:
        part = plain(part, lookup)
        if isinstance(part, UnionType):
            found += _options_of(part, lookup, (*inside, type))
        elif isinstance(part, EnumType):
            found += [EnumType((value,)) for value in part.values]
        else:
            found.append(part)
    return found


def over_options(type: Type, lookup: Lookup, give: Callable[[Type], Type]) -> Type:
    """What `give` makes of each option, joined; `any` as soon as one is not known."""
    found: Type = NEVER
    for option in options(type, lookup):
        found = join(found, give(option), lookup)
        if isinstance(found, AnyType):
            break
    return found


def item_type(type: Type, lookup: Lookup) -> Type:
    """The type of what a walk over a value gives; `any` when that is not known, `never` for what is empty."""
    return over_options(type, lookup, lambda option: _item(option, lookup))


def _item(type: Type, lookup: Lookup) -> Type:
    if isinstance(type, (VectorType, SequenceType)):
        return type.item
    if isinstance(type, TupleType):
        return all_of(type.items, lookup)
    if isinstance(type, ArrayType):
        return type.item if len(type.shape) <= 1 else ArrayType(type.item, type.shape[1:])
    if isinstance(type, Primitive):
        return {"string": STRING, "nil": NEVER, "map": TupleType((ANY, ANY))}.get(type.name, ANY)
    if isinstance(type, EnumType):
        value = type.values[0]
        if isinstance(value, str):
            return STRING if value else NEVER
        return NEVER if value is None else ANY
    if isinstance(type, MapOfType):
        return TupleType((type.key, type.value))
    if isinstance(type, (RecordType, IntersectionType)):
        return TupleType((ANY, ANY)) if isinstance(type, RecordType) else ANY
    return NEVER if isinstance(type, NeverType) else ANY


def all_of(types: Any, lookup: Lookup) -> Type:
    """The type of values that each have one of these types."""
    found: Type = NEVER
    for type in types:
        found = join(found, type, lookup)
    return found


def key_type(type: Type, key: Any, lookup: Lookup, default: Type = NIL) -> Type | None:
    """The type of the value under a literal key of a map; None: nothing is known about such a key.

    Maps are open: a key that a type does not name may be there.  A literal map is not: it has the keys that are written.

    Args:
        default: of what is given where the key is absent.
    """
    type = plain(type, lookup)
    if isinstance(type, RecordType):
        for entry in type.entries:
            if equal(entry.key, key):
                return join(entry.type, default, lookup) if entry.optional else entry.type
        return default if isinstance(type.rest, NeverType) else None
    if isinstance(type, MapOfType):
        return join(type.value, default, lookup)
    if isinstance(type, IntersectionType):
        for part in type.parts:
            if not isinstance(part, TypeRef) and (found := key_type(part, key, lookup, default)) is not None:
                return found
    return None


def is_big(type: Type) -> bool:
    """Whether a type has more parts than anybody would read: `[x x]` of `[y y]` of … is one of 2^n."""
    parts = parts_of(type)
    if not parts:
        return False
    count = 0
    waiting = list(parts)
    while waiting:
        count += 1
        if count > _MOST_PARTS:
            return True
        waiting += parts_of(waiting.pop())
    return False


def shallow(type: Type, depth: int = 2) -> Type:
    """A type that holds all values of `type` and says nothing about what lies deep in them."""
    if isinstance(type, (TupleType, RecordType)) and len(parts_of(type)) > _MOST_PARTS // 2:
        return VectorType(ANY) if isinstance(type, TupleType) else Primitive("map")
    if isinstance(type, (UnionType, IntersectionType, RefinedType)):
        return ANY
    parts = parts_of(type)
    if not parts or isinstance(type, FunctionType):
        return Primitive("function") if parts else type
    return with_parts(type, [shallow(part, depth - 1) if depth else ANY for part in parts])


def literal(type: Type) -> tuple[Any, ...]:
    """The one value that a type has, in a tuple; empty when it has more."""
    if isinstance(type, EnumType) and len(type.values) == 1:
        return type.values
    return ()


def gives_up(body: Any) -> bool:
    """Whether an expression plainly raises an error, or gives nothing: what stands where nothing should come."""
    while isinstance(body, ast.Do):
        body = body.body[-1]
    if isinstance(body, ast.Const):
        return body.value is None
    return isinstance(body, ast.Call) and isinstance(body.function, ast.Global) and body.function.name in ("throw", "error")


def exact(value: Any) -> Type:
    """The type of a literal, quoted or not."""
    if type(value) is Map and len(value) > MOST_ITEMS:
        return Primitive("map")
    if isinstance(value, Sequence) and len(value) > MOST_ITEMS:
        items = value.items()
        found = widened(type_of(items[0]))
        if all(type(item) is type(items[0]) for item in items) and isinstance(found, Primitive):
            return VectorType(found)
        return VectorType(ANY)
    return type_of(value)


def is_keyword(type: Type) -> bool:
    found = literal(type)
    return bool(found) and isinstance(found[0], Keyword)
