"""When one plain constructor lies in another: one rule for each pair, for `relation` (reference 4.5).

A rule gets the branch on the left, whose facts may matter, and the base on the right; about the types inside it asks back.
"""

from __future__ import annotations

from rtfs.types.bases import is_empty_vector
from rtfs.types.branches import Branch
from rtfs.types.facts import Facts, name_of_key, text_follows
from rtfs.types.nodes import (
    ANY,
    Entry,
    EnumType,
    FunctionType,
    MapOfType,
    NeverType,
    Predicate,
    Primitive,
    RecordType,
    ResourceType,
    StreamType,
    TupleType,
    Type,
    VectorType,
    union,
)
from rtfs.types.shortcuts import ABOVE
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.types.relation import Relation


def _primitives(relation: Relation, x: Branch, base: Primitive) -> bool:
    name = x.base.name  # type: ignore[attr-defined]
    return base.name in ABOVE.get(name, (name,))


def _vectors(relation: Relation, x: Branch, base: VectorType) -> bool:
    return is_empty_vector(x.base) or relation.within(x.base.item, base.item)  # type: ignore[attr-defined]


def _tuple_in_vector(relation: Relation, x: Branch, base: VectorType) -> bool:
    for item in x.base.items:  # type: ignore[attr-defined]
        if not relation.within(item, base.item):
            return False
    return True


def _tuples(relation: Relation, x: Branch, base: TupleType) -> bool:
    items = x.base.items  # type: ignore[attr-defined]
    if len(items) != len(base.items):
        return False
    for i in range(len(items)):
        if not relation.within(items[i], base.items[i]):
            return False
    return True


def _vector_in_tuple(relation: Relation, x: Branch, base: TupleType) -> bool:
    size = len(base.items)
    if x.facts.least != size or x.facts.most != size:
        # a vector of a size that nobody knows, as `any` is a value that nobody knows
        return False
    for item in dict.fromkeys(base.items):
        if not relation.within(x.base.item, item):  # type: ignore[attr-defined]
            return False
    return True


def _map_ofs(relation: Relation, x: Branch, base: MapOfType) -> bool:
    key, value = x.base.key, x.base.value  # type: ignore[attr-defined]
    return (relation.within(key, base.key) and relation.within(value, base.value)) or relation.is_empty_map(key, value)


def _records(relation: Relation, x: Branch, base: RecordType) -> bool:
    record: RecordType = x.base  # type: ignore[assignment]
    entries = {entry.key: entry for entry in record.entries}
    for wanted in base.entries:
        found, is_there = _under_key(entries, record.rest, wanted.key)
        if not wanted.optional and not is_there and not _has_key(x.facts, wanted.key):
            return False
        if not relation.within(found, wanted.type):
            return False
    if base.rest is None:
        return True
    named = {entry.key for entry in base.entries}
    for entry in record.entries:
        if entry.key not in named and not relation.within(entry.type, base.rest):
            return False
    return relation.within(ANY if record.rest is None else record.rest, base.rest)


def _record_in_map_of(relation: Relation, x: Branch, base: MapOfType) -> bool:
    record: RecordType = x.base  # type: ignore[assignment]
    for entry in record.entries:
        if not relation.within(entry.type, base.value) or not _keys_within(relation, entry, base.key):
            return False
    rest = ANY if record.rest is None else record.rest
    if isinstance(rest, NeverType):
        return True
    return relation.within(ANY, base.key) and relation.within(rest, base.value)


def _keys_within(relation: Relation, entry: Entry, key: Type) -> bool:
    """Whether the key of an entry fits; `:a` may be written `"a"` in the value."""
    keys = [entry.key, entry.key.name] if type(entry.key) is Keyword else [entry.key]
    fits = [relation.within(EnumType((k,)), key) for k in keys]
    return True in fits if relation.gradual else False not in fits


def _map_of_in_record(relation: Relation, x: Branch, base: RecordType) -> bool:
    key, value = x.base.key, x.base.value  # type: ignore[attr-defined]
    for wanted in base.entries:
        if not wanted.optional and not _has_key(x.facts, wanted.key):
            return False
        keys = (wanted.key, wanted.key.name) if type(wanted.key) is Keyword else (wanted.key,)
        if relation.may_have(EnumType(keys), key) and not relation.within(value, wanted.type):
            return False
    return base.rest is None or relation.is_empty_map(key, value) or relation.within(value, base.rest)


def _functions(relation: Relation, x: Branch, base: FunctionType) -> bool:
    given: FunctionType = x.base  # type: ignore[assignment]
    count, wanted = len(given.params), len(base.params)
    if count > wanted or (given.rest is None and (count < wanted or base.rest is not None)):
        return False
    for i in range(wanted):
        param = given.params[i] if i < count else given.rest
        assert param is not None
        if not relation.within(base.params[i], param):
            return False
    if base.rest is not None and given.rest is not None and not relation.within(base.rest, given.rest):
        return False
    return relation.within(given.result, base.result)


def _function(relation: Relation, x: Branch, base: Primitive) -> bool:
    return base.name == "function"


def _any_function(relation: Relation, x: Branch, base: FunctionType) -> bool:
    return relation.gradual and x.base.name == "function"  # type: ignore[attr-defined]


def _resource(relation: Relation, x: Branch, base: Primitive) -> bool:
    return base.name == "resource"


def _any_resource(relation: Relation, x: Branch, base: ResourceType) -> bool:
    return relation.gradual and x.base.name == "resource"  # type: ignore[attr-defined]


def _streams(relation: Relation, x: Branch, base: StreamType) -> bool:
    given: StreamType = x.base  # type: ignore[assignment]
    if given.direction != base.direction or (given.output is None) != (base.output is None):
        return False
    if given.output is None or base.output is None:
        return relation.within(given.item, base.item)
    # what is written goes the other way: whoever takes A may be sent what is less than A
    return relation.within(base.item, given.item) and relation.within(given.output, base.output)


def _under_key(entries: dict[Any, Entry], rest: Type | None, key: Any) -> tuple[Type, bool]:
    """What a record of another type finds under a key in records with these entries, and whether it finds anything for sure.

    `:a` is also found as `"a"`, when there is no `:a`.
    """
    entry = entries.get(key)
    if entry is not None:
        return entry.type, not entry.optional
    others = ANY if rest is None else rest
    if type(key) is Keyword:
        entry = entries.get(key.name)
        return (others, False) if entry is None else (union(others, entry.type), not entry.optional)
    if type(key) is str:
        entry = entries.get(Keyword(key))
        return (others if entry is None else union(others, entry.type)), False
    return others, False


def _has_key(facts: Facts, key: Any) -> bool:
    return text_follows(Predicate("has-key", (key,)), facts.others)


def has_entry(base: Type, predicate: Predicate) -> bool:
    """Whether a record has the key that a predicate wants."""
    if predicate.name != "has-key" or not isinstance(base, RecordType):
        return False
    key = predicate.operands[0]
    for entry in base.entries:
        # `:a` is found under either name; an entry `:a` may be `"a"` in the value, so it does not promise a key `"a"`
        if not entry.optional and (entry.key == key or (type(key) is Keyword and entry.key == name_of_key(key))):
            return True
    return False


#: (constructor on the left, constructor on the right) -> the rule; other pairs are never subtypes.
RULES: dict[Any, Any] = {
    (Primitive, Primitive): _primitives,
    (VectorType, VectorType): _vectors,
    (TupleType, VectorType): _tuple_in_vector,
    (TupleType, TupleType): _tuples,
    (VectorType, TupleType): _vector_in_tuple,
    (MapOfType, MapOfType): _map_ofs,
    (RecordType, RecordType): _records,
    (RecordType, MapOfType): _record_in_map_of,
    (MapOfType, RecordType): _map_of_in_record,
    (FunctionType, FunctionType): _functions,
    (FunctionType, Primitive): _function,
    (Primitive, FunctionType): _any_function,
    (ResourceType, Primitive): _resource,
    (Primitive, ResourceType): _any_resource,
    (StreamType, StreamType): _streams,
}
