"""Data of another shape than its type: an item for an array, a text that holds JSON, a value for a record of one."""

from __future__ import annotations

from rtfs.types.coercion.outline import bullets, pairs, parts_of_list
from rtfs.types.coercion.scan import ScanProblem, scan
from rtfs.types.coercion.tree import CutText, Whole, plain
from rtfs.types.coercion.wording import CoercionError, Path, json_text, must, place
from rtfs.types.json_schema import json_key
from rtfs.types.nodes import (
    ANY,
    AnyType,
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

    from rtfs.types.coercion.reader import Reader


#: Characters of a string that may be the JSON of a value.
_LONGEST = 100_000


def takes_text(type: Type, reader: Reader, depth: int = 0) -> bool:
    """Whether every text belongs to a type, so that a text says nothing about whether it was meant."""
    target = resolve(type, reader.lookup)
    if isinstance(target, UnionType) and depth < 8:
        return bool([option for option in target.options if takes_text(option, reader, depth + 1)])
    if isinstance(target, RefinedType):
        return takes_text(target.base, reader, depth)
    return isinstance(target, AnyType) or (isinstance(target, Primitive) and target.name in ("string", "symbol", "keyword"))


def adapted(reader: Reader, data: Any, type: Type, path: Path, depth: int) -> Any:
    """Data read as a type of another shape, with a note on how.

    Raises:
        CoercionError: it cannot be, or in more than one way.
    """
    if isinstance(data, str) and data.__class__ is not CutText and data.__class__ is not Whole:
        inner = _json_in(data)
        if inner is not None:
            reader.note("json-in-text", path, "read the JSON in a text")
            for kind, _, words in inner[1]:
                reader.note(kind, path, words)
            return reader.read(inner[0], type, path, depth + 1)
    if data.__class__ is Whole and data[:1] in ("{", "["):
        raise must(path, type, data, reader.lookup)  # the JSON in it is read as JSON or not at all
    if isinstance(type, RecordType):
        return _record(reader, data, type, path, depth)
    if isinstance(type, (VectorType, TupleType)) or (isinstance(type, Primitive) and type.name in ("vector", "list")):
        return _array(reader, data, type, path, depth)
    if isinstance(type, MapOfType):
        return _map_of(reader, data, type, path, depth)
    if isinstance(data, (list, tuple)) and len(data) == 1 and not isinstance(data[0], (list, tuple, dict)):
        reader.note("wrapper", path, "took the only item of the array")
        return reader.read(data[0], type, path, depth + 1)
    raise must(path, type, data, reader.lookup)


def _json_in(text: str) -> tuple[Any, list[Any]] | None:
    text = text.strip()
    if text[:1] not in ("{", "[") or len(text) > _LONGEST:
        return None
    try:
        found = scan(text)
    except ScanProblem:
        return None
    return None if text[found.end :].strip() else (found.data, found.notes)


def _record(reader: Reader, data: Any, type: RecordType, path: Path, depth: int) -> Any:
    if isinstance(data, (list, tuple)):
        if len(data) == 1 and isinstance(data[0], dict):
            reader.note("wrapper", path, "took the only item of the array")
            return reader.read(data[0], type, path, depth + 1)
        raise must(path, type, data, reader.lookup)
    if isinstance(data, str) and data.__class__ is not CutText:
        found = pairs(data, [json_key(entry.key) for entry in type.entries])
        if found is not None:
            reader.note("lines", path, "read `key: value` lines as an object")
            return reader.read(found, type, path, depth + 1)
    if len(type.entries) == 1 and type.rest is None and plain(data) is not None:
        entry = type.entries[0]
        if data.__class__ is Whole and takes_text(entry.type, reader):
            raise must(path, type, data, reader.lookup)  # any prose would do
        reader.note("single-field", path, f"took {json_text(data)} as the value of {json_text(json_key(entry.key))}")
        return reader.read({json_key(entry.key): data}, type, path, depth + 1)
    raise must(path, type, data, reader.lookup)


def _array(reader: Reader, data: Any, type: Type, path: Path, depth: int) -> Any:
    item = type.item if isinstance(type, VectorType) else ANY
    anything = takes_text(item, reader)
    if isinstance(data, str) and data.__class__ is not CutText:
        listed = bullets(data)
        if listed is not None:
            reader.note("bullets", path, "read the bullets as an array")
            return reader.read([Whole(part) for part in listed], type, path, depth + 1)
        if not anything or isinstance(type, TupleType):
            parts = None if isinstance(type, TupleType) else parts_of_list(data)
            if parts is not None:
                reader.note("comma-list", path, "split the text at its commas")
                return reader.read([Whole(part) for part in parts], type, path, depth + 1)
        elif data.__class__ is Whole or _is_several(data):
            raise must(path, type, data, reader.lookup)
    if isinstance(type, TupleType) or plain(data) is None or data == "" or data.__class__ is CutText:
        raise must(path, type, data, reader.lookup)
    reader.note("single-item", path, "took a single item as an array")
    return reader.read([data], type, path, depth + 1)


def _is_several(text: str) -> bool:
    """Whether a text may well be several items: then nobody knows where one ends."""
    return bool([mark for mark in (",", ";", "\n", "|", " and ", " or ") if mark in text])


def _map_of(reader: Reader, data: Any, type: MapOfType, path: Path, depth: int) -> Any:
    if not isinstance(data, list) or data.__class__ is not list or not data:
        raise must(path, type, data, reader.lookup)
    entries: dict[str, Any] = {}
    for item in data:
        if not isinstance(item, dict) or set(item) not in ({"key", "value"}, {"name", "value"}, {"k", "v"}):
            raise must(path, type, data, reader.lookup)
        names = [name for name in ("key", "name", "k") if name in item]
        key = item[names[0]]
        if not isinstance(key, str) or key in entries or key.__class__ is CutText:
            raise CoercionError(f"two keys of {place(path)} are the same, or one is not a text", path)
        entries[str(key)] = item["v" if names[0] == "k" else "value"]
    reader.note("pairs", path, "read an array of keys and values as an object")
    return reader.read(entries, type, path, depth + 1)
