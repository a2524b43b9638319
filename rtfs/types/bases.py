"""Plain constructors put together: what belongs to both of two bases of branches, and how large it may be."""

from __future__ import annotations

from rtfs.types.facts import name_of_key
from rtfs.types.nodes import (
    ANY,
    AnyType,
    Entry,
    FunctionType,
    IntersectionType,
    MapOfType,
    NeverType,
    Primitive,
    RecordType,
    ResourceType,
    StreamType,
    TupleType,
    Type,
    VectorType,
    intersection,
)


def is_empty_vector(base: Type) -> bool:
    return isinstance(base, VectorType) and isinstance(base.item, NeverType)


def sizes_of(base: Type) -> tuple[int, int | None]:
    """The least and the greatest size of the values of a base."""
    if isinstance(base, TupleType):
        return len(base.items), len(base.items)
    if is_empty_vector(base):
        return 0, 0
    if isinstance(base, RecordType):
        names = {name_of_key(entry.key) for entry in base.entries if not entry.optional}
        return len(names), len(base.entries) if isinstance(base.rest, NeverType) else None
    if isinstance(base, MapOfType) and (isinstance(base.key, NeverType) or isinstance(base.value, NeverType)):
        return 0, 0
    return 0, None


def meet_plain(a: Type, b: Type) -> Type | None:
    if isinstance(a, Primitive) and isinstance(b, Primitive):
        if {a.name, b.name} == {"int", "float"}:
            return a if a.name == "int" else b
        return a if a.name == b.name else None
    if isinstance(a, TupleType) and isinstance(b, TupleType):
        if len(a.items) != len(b.items):
            return None
        return TupleType(tuple([intersection(x, y) for x, y in zip(a.items, b.items, strict=True)]))
    if isinstance(a, VectorType) and isinstance(b, VectorType):
        return VectorType(intersection(a.item, b.item))
    if isinstance(a, (VectorType, TupleType)) and isinstance(b, (VectorType, TupleType)):
        items, item = (a.items, b) if isinstance(a, TupleType) else (b.items, a)  # type: ignore[union-attr]
        return TupleType(tuple([intersection(x, item.item) for x in items]))  # type: ignore[union-attr]
    if isinstance(a, MapOfType) and isinstance(b, MapOfType):
        return MapOfType(intersection(a.key, b.key), intersection(a.value, b.value))
    if isinstance(a, RecordType) and isinstance(b, RecordType):
        return _meet_records(a, b)
    if isinstance(a, (RecordType, MapOfType)) and isinstance(b, (RecordType, MapOfType)):
        record, table = (a, b) if isinstance(a, RecordType) else (b, a)
        return _meet_record_with_map(record, table)  # type: ignore[arg-type]
    if _is_function(a) and _is_function(b):
        return b if isinstance(a, Primitive) else a if isinstance(b, Primitive) else IntersectionType((a, b))
    if _is_handle(a) and _is_handle(b):
        if isinstance(a, ResourceType) and isinstance(b, Primitive):
            return a
        return b if isinstance(a, Primitive) and isinstance(b, ResourceType) else IntersectionType((a, b))
    return None


def _is_function(base: Type) -> bool:
    return isinstance(base, FunctionType) or (isinstance(base, Primitive) and base.name == "function")


def _is_handle(base: Type) -> bool:
    """Whether resource handles may belong: those of another name too, since a handle does not know its name."""
    return isinstance(base, (ResourceType, StreamType)) or (isinstance(base, Primitive) and base.name == "resource")


def has_two_spellings(*records: RecordType) -> bool:
    """Whether `:a` and `"a"` both are keys, which may stand for the same entry of a value or for two."""
    keys = {entry.key for record in records for entry in record.entries}
    return len({(name_of_key(key), type(key) is int) for key in keys}) < len(keys)


def _meet_records(a: RecordType, b: RecordType) -> Type:
    if not a.entries and a.rest is None:
        return b
    if not b.entries and b.rest is None:
        return a
    if has_two_spellings(a, b):
        return IntersectionType((a, b))
    others = {entry.key: entry for entry in b.entries}
    entries: list[Entry] = []
    for entry in a.entries:
        other = others.pop(entry.key, None)
        if other is None:
            entries.append(Entry(entry.key, intersection(entry.type, b.rest or ANY), entry.optional))
        else:
            entries.append(Entry(entry.key, intersection(entry.type, other.type), entry.optional and other.optional))
    for entry in others.values():
        entries.append(Entry(entry.key, intersection(entry.type, a.rest or ANY), entry.optional))
    rest = b.rest if a.rest is None else a.rest if b.rest is None else intersection(a.rest, b.rest)
    return RecordType(tuple(entries), rest)


def _meet_record_with_map(record: RecordType, table: MapOfType) -> Type:
    """Both; the values of the table are those of the record too, so that a contradiction between them shows."""
    if not record.entries and record.rest is None:
        return table
    if isinstance(table.value, AnyType):
        return record if isinstance(table.key, AnyType) else IntersectionType((record, table))
    entries = [Entry(entry.key, intersection(entry.type, table.value), entry.optional) for entry in record.entries]
    narrow = RecordType(tuple(entries), table.value if record.rest is None else intersection(record.rest, table.value))
    return narrow if isinstance(table.key, AnyType) else IntersectionType((narrow, table))
