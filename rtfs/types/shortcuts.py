"""Answers about two types that take no more than a look, so that most questions need no algebra.

They agree with `relation` wherever they give an answer; None leaves the question to it.
"""

from __future__ import annotations

from rtfs.types.branches import known
from rtfs.types.kinds import KINDS
from rtfs.types.nodes import (
    AnyType,
    EnumType,
    FunctionType,
    MapOfType,
    NeverType,
    Primitive,
    RecordType,
    TupleType,
    UnionType,
    VectorType,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Primitive -> the primitives of which it is a subtype; of all others only of itself.
ABOVE: dict[str, frozenset[str]] = {
    "int": frozenset({"int", "float"}),
    "list": frozenset({"list", "vector"}),
    "vector": frozenset({"list", "vector"}),
}
#: Constructor -> the primitives that hold all of its values; those of the others are told by their classes.
_HELD: dict[Any, tuple[str, ...]] = {
    VectorType: ("list", "vector"),
    TupleType: ("list", "vector"),
    RecordType: ("map",),
    MapOfType: ("map",),
    FunctionType: ("function",),
}
_SCALARS = frozenset({"int", "float", "string", "bool", "nil", "keyword", "symbol", "timestamp", "uuid", "error"})
#: Constructors to which a value always belongs: the empty vector, the empty map.
_NEVER_EMPTY = frozenset({AnyType, VectorType, MapOfType, FunctionType, Primitive, EnumType})


def quick_subtype(a: Any, b: Any, *, gradual: bool) -> bool | None:
    """Whether `a` lies in `b` (`gradual`: is consistent with it)."""
    kind, other = a.__class__, b.__class__
    if a is b or other is AnyType or kind is NeverType:
        return True
    if kind is AnyType:
        if gradual:
            return True
        if other is UnionType:
            return _any_of([quick_subtype(a, option, gradual=False) for option in b.options])
        return False if other in _HELD or other is Primitive or other is EnumType or other is NeverType else None
    if kind is UnionType:
        answers = [quick_subtype(option, b, gradual=gradual) for option in a.options]
        return False if False in answers else None if None in answers else True
    if kind is EnumType:
        return _enumeration_within(a, b, gradual)
    if other is NeverType:
        return False if kind in _NEVER_EMPTY else None
    if other is UnionType:
        if kind is Primitive or kind is VectorType:
            return _any_of([quick_subtype(a, option, gradual=gradual) for option in b.options])
        return True if True in [quick_subtype(a, option, gradual=gradual) for option in b.options] else None
    if kind is Primitive:
        if other is Primitive:
            return b.name in ABOVE.get(a.name, (a.name,))
        return False if other in _HELD and a.name in _SCALARS else None
    if other is Primitive:
        if b.name in _HELD.get(kind, ()):
            return True
        return False if kind in _NEVER_EMPTY and kind in _HELD and b.name in _SCALARS else None
    if kind is VectorType and (other is MapOfType or other is RecordType):
        return False
    return None


def _enumeration_within(a: EnumType, b: Any, gradual: bool) -> bool | None:
    other = b.__class__
    if other is Primitive:
        return False not in [value.__class__ in KINDS[b.name] for value in a.values] if b.name in _SCALARS else None
    if other is EnumType:
        return known(a.values) <= known(b.values) if _are_scalars(a) else None
    if other is UnionType:
        answers = [_enumeration_within(a, option, gradual) for option in b.options]
        return True if True in answers else False if len(a.values) == 1 and None not in answers else None
    return False if other is NeverType and a.values else None


def quick_overlap(a: Any, b: Any) -> bool | None:
    """Whether a value may belong to both."""
    kind, other = a.__class__, b.__class__
    if kind is NeverType or other is NeverType:
        return False
    if kind is UnionType:
        return _any_of([quick_overlap(option, b) for option in a.options])
    if other is UnionType:
        return _any_of([quick_overlap(a, option) for option in b.options])
    if other is Primitive or other is AnyType:
        kind, other, a, b = other, kind, b, a
    if kind is Primitive:
        if other is Primitive:
            return a.name in ABOVE.get(b.name, (b.name,)) or b.name in ABOVE.get(a.name, (a.name,))
        if other is EnumType:
            return True in [value.__class__ in KINDS[a.name] for value in b.values] if a.name in _SCALARS else None
        if other in _HELD:
            if a.name in _HELD[other]:
                return True if _has_values(b) else None
            return False if a.name in _SCALARS else None
        return True if other is AnyType else None
    if kind is AnyType:
        return True if _has_values(b) else None
    if kind is EnumType and other is EnumType and _are_scalars(a):
        return not known(a.values).isdisjoint(known(b.values))
    return None


def _has_values(type: Any) -> bool:
    """Whether a value belongs to a type, as far as a look tells."""
    kind = type.__class__
    if kind is TupleType:
        return False not in [_has_values(item) for item in type.items]
    if kind is RecordType:
        return False not in [entry.optional or _has_values(entry.type) for entry in type.entries]
    if kind is UnionType:
        return True in [_has_values(option) for option in type.options]
    return kind in _NEVER_EMPTY


def _are_scalars(type: EnumType) -> bool:
    return False not in [value.__class__ in _CLASSES for value in type.values]


_CLASSES = frozenset().union(*KINDS.values())


def _any_of(answers: list[bool | None]) -> bool | None:
    return True if True in answers else None if None in answers else False
