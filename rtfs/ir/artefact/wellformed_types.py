"""Types that were read from an artefact: whether each is one that the type parser (`types.parse`) could have made."""

from __future__ import annotations

from rtfs.ir.artefact.reading import Corrupt
from rtfs.types import nodes as types
from rtfs.types.nodes import Type
from rtfs.types.parse import MAX_DEPTH
from rtfs.types.predicates import is_key, operand_problem
from rtfs.values.scalars import Keyword, ResourceHandle, Timestamp, Uuid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LITERALS = (str, int, float, bool, type(None), Keyword, Timestamp, Uuid, ResourceHandle)


def check_type(type_: Type) -> None:
    """
    Raises:
        Corrupt: something in the type is not as the parser makes it.
    """
    waiting: list[tuple[Any, int]] = [(type_, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > 2 * MAX_DEPTH:  # a union or refinement stands between the types that the parser counts
            raise Corrupt("a type is nested too deeply")
        waiting += [(part, depth + 1) for part in _parts(item)]


def _parts(item: Any) -> list[Any]:
    """The types inside a type, once the type itself was looked at."""
    kind = type(item)
    if kind is types.TupleType:
        _need(len(item.items) > 0, "a tuple of nothing")
        return list(item.items)
    if kind is types.RecordType:
        keys = [entry.key for entry in item.entries]
        _need(all(is_key(key) for key in keys) and len({(type(key), key) for key in keys}) == len(keys), "keys of a record")
        return [*[entry.type for entry in item.entries], *_some(item.rest)]
    if kind is types.FunctionType:
        return [*item.params, *_some(item.rest), item.result]
    if kind is types.ResourceType:
        _need(item.name != "", "a resource without a name")
        return []
    if kind is types.EnumType:
        _need(len(item.values) > 0, "an enumeration of nothing")
        for value in item.values:
            _need(type(value) in _LITERALS and value == value, "a value of an enumeration")
        return []
    if kind is types.UnionType:
        _need(len(item.options) > 1, "a union of one")
        _need(not any(isinstance(option, (types.UnionType, types.AnyType)) for option in item.options), "a union in a union")
        return list(item.options)
    if kind is types.IntersectionType:
        _need(len(item.parts) > 1, "an intersection of one")
        _need(not any(isinstance(p, (types.IntersectionType, types.RefinedType)) for p in item.parts), "a nested intersection")
        return list(item.parts)
    if kind is types.RefinedType:
        _need(len(item.predicates) > 0 and not isinstance(item.base, types.RefinedType), "a refinement of nothing")
        for predicate in item.predicates:
            _need(operand_problem(predicate.name, predicate.operands) is None, f"the operands of {predicate.name}")
        return [item.base]
    return [part for field in ("item", "output", "key", "value") if isinstance(part := getattr(item, field, None), Type)]


def _some(type_: Type | None) -> list[Type]:
    return [] if type_ is None else [type_]


def _need(holds: bool, what: str) -> None:
    if not holds:
        raise Corrupt(f"a type in it cannot be so: {what}")
