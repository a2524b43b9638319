"""Built-ins whose result depends on a literal operand: a key, an index. Each answers None where its declared type says it all."""

from __future__ import annotations

from collections.abc import Callable

from rtfs.checker.shapes import key_type, literal, options, plain
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import ANY, NEVER, NIL, Entry, EnumType, MapOfType, NeverType, RecordType, TupleType, Type
from rtfs.values.equality import equal
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.checker.infer import Inference

SPECIAL: dict[str, Callable[[Inference, ast.Call, list[Any]], Type | None]] = {}


def special(*names: str) -> Callable[[Any], Any]:
    def register(rule: Any) -> Any:
        for name in names:
            SPECIAL[name] = rule
        return rule

    return register


@special("get")
def _get(c: Inference, node: ast.Call, types: list[Type]) -> Type | None:
    """`(get m :k)`, `(get m :k default)` with a literal key."""
    if len(types) < 2 or not literal(types[1]):
        return None
    key = literal(types[1])[0]
    default = types[2] if len(types) > 2 else NIL
    found: Type = NEVER
    for option in options(types[0], c.lookup):
        if isinstance(option, TupleType) and type(key) is int and 0 <= key < len(option.items):
            value: Type | None = option.items[key]
        elif isinstance(option, (RecordType, MapOfType)):
            value = key_type(option, key, c.lookup, default)
        elif option == NIL or option == EnumType((None,)):
            value = default
        else:
            return None
        if value is None:
            return ANY
        found = c.both(found, value)
    return found


@special("nth")
def _nth(c: Inference, node: ast.Call, types: list[Type]) -> Type | None:
    if len(types) == 2 and literal(types[1]):
        index = literal(types[1])[0]
        tuple_ = plain(types[0], c.lookup)
        if isinstance(tuple_, TupleType) and type(index) is int and 0 <= index < len(tuple_.items):
            return tuple_.items[index]
    return None


@special("assoc")
def _assoc(c: Inference, node: ast.Call, types: list[Type]) -> Type | None:
    """`(assoc m :k v …)` of a record: the record with these entries."""
    record = plain(types[0], c.lookup)
    if not isinstance(record, RecordType) or len(types) % 2 == 0:
        return None
    entries = list(record.entries)
    for key, value in zip(types[1::2], types[2::2], strict=True):
        if not literal(key) or not isinstance(literal(key)[0], (Keyword, str, int)):
            return None
        name = literal(key)[0]
        entries = [entry for entry in entries if not equal(entry.key, name)]
        entries.append(Entry(name, value))
    return RecordType(tuple(entries), record.rest)


@special("dissoc")
def _dissoc(c: Inference, node: ast.Call, types: list[Type]) -> Type | None:
    record = plain(types[0], c.lookup)
    if not isinstance(record, RecordType):
        return None
    gone = [literal(key)[0] for key in types[1:] if literal(key)]
    if len(gone) != len(types) - 1:
        return None
    return RecordType(tuple([entry for entry in record.entries if not any(equal(entry.key, key) for key in gone)]), record.rest)


@special("merge")
def _merge(c: Inference, node: ast.Call, types: list[Type]) -> Type | None:
    records = [plain(type, c.lookup) for type in types]
    if not records or not all(isinstance(record, RecordType) for record in records):
        return None
    entries: dict[Any, Entry] = {}
    for record in records:
        for entry in record.entries:  # type: ignore[attr-defined]
            before = entries.get(entry.key)
            if entry.optional and before is not None:
                entries[entry.key] = Entry(entry.key, c.both(before.type, entry.type), before.optional)
            else:
                entries[entry.key] = entry
    # a record is open, so an earlier one may hold a key that a later one does not name; a later one may replace any value
    if all(isinstance(record.rest, NeverType) for record in records):  # type: ignore[attr-defined]
        return RecordType(tuple(entries.values()), NEVER)
    last: Any = records[-1]
    certain = {entry.key for entry in last.entries}
    return RecordType(tuple([e if e.key in certain else Entry(e.key, ANY, e.optional) for e in entries.values()]))
