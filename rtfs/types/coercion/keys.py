"""Which key of an object is which entry of a record: as it is, in another style, or with a slip."""

from __future__ import annotations

import re

from rtfs.errors import nearest
from rtfs.types.coercion.labels import closest, letters
from rtfs.types.coercion.leaves import KEYWORD_NAME
from rtfs.types.coercion.tree import CutDict
from rtfs.types.coercion.wording import CoercionError, Path, json_text, place
from rtfs.types.json_schema import json_key
from rtfs.types.mismatch import shorten
from rtfs.types.nodes import NIL, Entry, RecordType
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.types.coercion.reader import Reader


def keyword_or_text(text: str) -> Any:
    return Keyword(text) if re.fullmatch(KEYWORD_NAME, text) else str(text)


def matched_keys(reader: Reader, data: dict[Any, Any], type: RecordType, path: Path) -> dict[Any, str]:
    """Key of the record -> key of the object, for the entries that the object has.

    Raises:
        CoercionError: an entry that must be there is missing, or two keys of the object mean the same and differ.
    """
    found: dict[Any, str] = {}
    absent: list[Entry] = []
    for entry in type.entries:
        key = json_key(entry.key)
        if key in data:
            found[entry.key] = key
        else:
            absent.append(entry)
    extras: list[str] = []
    if reader.notes is not None and (absent or len(found) < len(data)):
        used = set(found.values())
        extras = [key for key in data if key not in used and isinstance(key, str)]
        if extras:
            _other_styles(reader, data, type, path, found, extras)
            absent = [entry for entry in absent if entry.key not in found]
            used = set(found.values())
            extras = [key for key in extras if key not in used]
            if absent and not reader.closed:
                _slips(reader, absent, path, found, extras)
    for entry in absent:
        if entry.key not in found and (not entry.optional or (data.__class__ is CutDict and not found)):
            raise _missing(entry, data, type, path)
    return found


def _other_styles(
    reader: Reader, data: dict[Any, Any], type: RecordType, path: Path, found: dict[Any, str], extras: list[str]
) -> None:
    styles: dict[str, list[str]] = {}
    for key in extras:
        styles.setdefault(letters(key), []).append(key)
    entries: dict[str, list[Entry]] = {}
    for entry in type.entries:
        entries.setdefault(letters(json_key(entry.key)), []).append(entry)
    for style, keys in styles.items():
        wanted = entries.get(style, ())
        if len(wanted) != 1 or not style:  # none, or two keys of the record differ only in style
            continue
        entry = wanted[0]
        known = found.get(entry.key)
        for key in keys:
            if known is None:
                known = found[entry.key] = key
                reader.note("key-style", (path, entry.key), f"took the key {json_text(key)} as {json_text(json_key(entry.key))}")
            elif data[key] != data[known]:
                both = f"{json_text(known)} and {json_text(key)}"
                raise CoercionError(f"{place(path)} has the keys {both}, which mean the same, with different values", path)


def _slips(reader: Reader, absent: list[Entry], path: Path, found: dict[Any, str], extras: list[str]) -> None:
    names = [json_key(entry.key) for entry in absent]
    taken: dict[str, list[str]] = {}
    for key in extras[:50]:
        near = closest(key, names)
        if near is not None:
            taken.setdefault(near, []).append(key)
    for entry, name in zip(absent, names, strict=True):
        if len(taken.get(name, ())) == 1:
            key = taken[name][0]
            found[entry.key] = key
            reader.note("key-typo", (path, entry.key), f"took the key {json_text(key)} as {json_text(name)}")


def refuse_lost(data: dict[Any, Any], type: RecordType, found: dict[Any, str], extras: list[Any], path: Path) -> None:
    """Refuses to leave out keys when that would lose what was meant.

    Raises:
        CoercionError: the object has none of the record's keys, or one of its keys looks like an entry that it does not have.
    """
    known = ", ".join([json_text(json_key(entry.key)) for entry in type.entries])
    if not found and type.entries:
        raise CoercionError(f"{place(path)} has none of the keys {shorten(known, 400)}", path, wanted="an object with these keys")
    absent = [json_key(entry.key) for entry in type.entries if entry.key not in found]
    for key in extras[:50] if absent else ():
        near = nearest(key, absent) if isinstance(key, str) else []
        if near:
            words = f"{place(path)} has the key {json_text(key)}, which is not one of the keys but looks like {json_text(near[0])}"
            raise CoercionError(words, path, wanted=f"the key {json_text(near[0])}", found=json_text(key))


def _missing(entry: Entry, data: dict[Any, Any], type: RecordType, path: Path) -> CoercionError:
    key = json_key(entry.key)
    if data.__class__ is CutDict:
        wanted = f"the key {json_text(key)}"
        error = CoercionError(f"the reply ends before {wanted} of {place(path)}", path, wanted=wanted)
        error.is_cut = True
        return error
    known = [json_key(other.key) for other in type.entries]
    near = nearest(key, [k for k in data if isinstance(k, str) and k not in known])
    hint = f"; it has {json_text(near[0])}" if near else ""
    if entry.type == NIL:
        hint = " (null)"
    return CoercionError(f"{place(path)} must have the key {json_text(key)}{hint}", path, wanted=f"the key {json_text(key)}")
