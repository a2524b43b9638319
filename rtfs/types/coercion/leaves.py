"""Scalars out of what stands for them: numbers, truth values, labels, names, instants, texts.

Every function takes the reader, the data, the type and the place, and returns the value or raises CoercionError.  Without
`reader.notes` they are exact; with it they add a note for everything that they overlooked.
"""

from __future__ import annotations

import math
import re

from rtfs.types.coercion.labels import find_label, label_in_sentence, number_in_sentence, strip_marks
from rtfs.types.coercion.numbers import Number, read_number
from rtfs.types.coercion.tree import Bare, CutText, Whole, plain
from rtfs.types.coercion.wording import CoercionError, Path, describe, json_text, must, place
from rtfs.types.json_schema import json_literal
from rtfs.types.nodes import EnumType, Primitive
from rtfs.values.scalars import Keyword, Symbol, Timestamp, Uuid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.types.coercion.reader import Reader

_START = r"[A-Za-z_$+\-*/=<>!?%]"
_IDENT = rf"{_START}[A-Za-z0-9_$+\-*/=<>!?%.@]*"
KEYWORD_NAME = rf"{_IDENT}(?::v[0-9]+(?:\.[0-9]+)*[/:]{_IDENT})?"
SYMBOL_NAME = rf"{_IDENT}(?::v[0-9]+(?:\.[0-9]+)*/{_IDENT})?"
_DAY = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_HOUR = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)"
TIMESTAMP = rf"{_DAY}T{_HOUR}(?:[._][0-9]+)?Z"
UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

_INSTANT = re.compile(rf"({_DAY})[T t]\s?({_HOUR})(\.[0-9]{{1,6}})?\s?(Z|z|UTC|GMT|[-+][0-9]{{2}}:?[0-9]{{2}})")
_LOOSE_UUID = re.compile(r"(?:urn:uuid:)?\{?" + "-?".join([rf"([0-9a-fA-F]{{{n}}})" for n in (8, 4, 4, 4, 12)]) + r"\}?")
_PYTHON = {"None": None, "True": True, "False": False, "TRUE": True, "FALSE": False, "NULL": None, "nil": None}
#: Characters of a text that a number or label is looked for in, inside a structure.
_PHRASE = 80

FROM_TEXT: dict[str, tuple[str, Any]] = {
    "keyword": (KEYWORD_NAME, Keyword),
    "symbol": (SYMBOL_NAME, Symbol),
    "timestamp": (TIMESTAMP, Timestamp),
    "uuid": (UUID, Uuid),
}


def unquoted(reader: Reader, data: Any, type: Primitive | EnumType, path: Path) -> Any:
    """Data that stood without quotes, as JSON where it is JSON: so `true` is a boolean and `card` a text."""
    if data.__class__ is Whole:
        return data
    known = plain(data)
    if known is not data:
        return known
    if reader.notes is None:
        raise must(path, type, str(data), reader.lookup)
    if data in _PYTHON:
        reader.note("literal", path, f"read {data} as {json_text(_PYTHON[data])}")
        return _PYTHON[data]
    reader.note("unquoted-text", path, f"added quotes to {json_text(str(data))}")
    return str(data)


def read_primitive(reader: Reader, data: Any, type: Primitive, path: Path) -> Any:
    name = type.name
    if name == "string":
        return _string(reader, data, type, path)
    if data.__class__ is CutText:
        return _cut(reader, data, type, path)
    if name == "int" or name == "float":
        return _number(reader, plain(data), type, path)
    if isinstance(data, Bare):
        data = unquoted(reader, data, type, path)
    if name in FROM_TEXT:
        if isinstance(data, str):
            return _named(reader, data, type, path)
    elif name == "bool":
        return _truth(reader, data, type, path)
    elif name == "nil":
        return _nothing(reader, data, type, path)
    else:
        raise CoercionError(
            f"{place(path)} cannot be given as JSON: it must be {describe(type, reader.lookup)}",
            path,
            wanted=describe(type, reader.lookup),
            found=json_text(data),
        )
    raise must(path, type, data, reader.lookup)


def _cut(reader: Reader, data: str, type: Primitive | EnumType, path: Path) -> Any:
    """A text that the reply ends in: taken only where nothing can follow it."""
    if isinstance(type, Primitive) and type.name in ("timestamp", "uuid") and re.fullmatch(FROM_TEXT[type.name][0], data):
        return FROM_TEXT[type.name][1](str(data))
    if isinstance(type, EnumType) and data:
        spelled = [str(json_literal(value)) for value in type.values]
        if data in spelled and not [other for other in spelled if other != data and other.startswith(data)]:
            return type.values[spelled.index(data)]
    error = CoercionError(f"the reply ends inside {place(path)}", path, wanted=describe(type, reader.lookup), found=json_text(data))
    error.is_cut = True
    raise error


def _string(reader: Reader, data: Any, type: Primitive, path: Path) -> str:
    if data.__class__ is str or data.__class__ is Whole:
        return str(data)
    if data.__class__ is CutText:
        _cut(reader, data, type, path)
    if data.__class__ is not Bare or reader.notes is None or plain(data) is None or data in ("None", "nil", "NULL"):
        raise must(path, type, data, reader.lookup)
    if plain(data) is data:
        reader.note("unquoted-text", path, f"added quotes to {json_text(str(data))}")
    else:
        reader.note("number-as-text", path, f'took {data} as the text "{data}"')
    return str(data)


def _number(reader: Reader, data: Any, type: Primitive, path: Path) -> Any:
    if isinstance(data, str) and reader.notes is not None:
        data = _number_in_text(reader, data, type, path)
    if isinstance(data, bool) or not isinstance(data, (int, float)) or not math.isfinite(data):
        raise must(path, type, data, reader.lookup)
    if type.name == "int" and isinstance(data, float):
        if not data.is_integer():
            raise must(path, type, data, reader.lookup)
        return int(data)
    return data


def _is_phrase(data: str) -> bool:
    """Whether a text may be a sentence: not JSON, and short inside of JSON."""
    return (data.__class__ is Whole or len(data) <= _PHRASE) and "{" not in data and data[:1] != "["


def _number_in_text(reader: Reader, data: str, type: Primitive, path: Path) -> Any:
    kinds = ["number-text"] if data.__class__ is str else []
    found = read_number(data.strip())
    if found is None:
        bare = strip_marks(data)
        if bare != data and not re.search(r"[()\[\]{}<>]", data):
            found = read_number(bare)
            kinds.append("marks")
    if found is None and _is_phrase(data):
        stated = number_in_sentence(data)
        if stated is not None:
            found = Number(stated[0], [stated[1]])
            kinds = []
    if found is None:
        raise must(path, type, data, reader.lookup)
    if type.name == "float" and "percent" in found.kinds:
        words = f"{place(path)} must be a number, but {json_text(data)} can mean {found.value} or a hundredth of it"
        raise CoercionError(words, path, wanted="a number", found=json_text(data))
    for kind in [*kinds, *found.kinds]:
        reader.note(kind, path, f"read {json_text(data)} as {found.value}")
    return found.value


def _truth(reader: Reader, data: Any, type: Primitive, path: Path) -> bool:
    if isinstance(data, bool):
        return data
    data = plain(data)
    if isinstance(data, bool):
        return data
    if isinstance(data, str):
        return bool(_label(reader, data, (True, False), type, path))
    if reader.notes is not None and data.__class__ is int and data in (0, 1):
        reader.note("truth-number", path, f"read {data} as {'true' if data else 'false'}")
        return data == 1
    raise must(path, type, data, reader.lookup)


def _nothing(reader: Reader, data: Any, type: Primitive, path: Path) -> None:
    if data is None:
        return
    if isinstance(data, str):
        if data.__class__ is str and not data.strip() and reader.notes is not None:
            reader.note("null-word", path, "read an empty text as null")
            return
        _label(reader, data, (None,), type, path)
        return
    raise must(path, type, data, reader.lookup)


def _named(reader: Reader, data: str, type: Primitive, path: Path) -> Any:
    """A keyword, symbol, timestamp or uuid."""
    pattern, make = FROM_TEXT[type.name]
    whole = data.__class__ is Whole
    text = str(data)
    if type.name == "keyword":
        name = text[1:] if text.startswith(":") else text
        # without its colon a keyword is written in small letters: "Sorry" is none, and neither is a sentence
        if re.fullmatch(pattern, name) and (not whole or text.startswith(":") or name == name.lower()):
            return make(name)
    elif re.fullmatch(pattern, text):
        return make(text)
    if reader.notes is None:
        raise must(path, type, data, reader.lookup)
    bare = strip_marks(text)
    if bare != text and re.fullmatch(pattern, bare.removeprefix(":") if type.name == "keyword" else bare):
        if type.name != "keyword" or not whole or bare.startswith(":") or bare == bare.lower():
            reader.note("blanks" if bare == text.strip() else "marks", path, f"took {json_text(bare)} out of {json_text(text)}")
            return make(bare.removeprefix(":") if type.name == "keyword" else bare)
    other = _other_spelling(bare, type.name)
    if other is not None:
        reader.note(f"{type.name}-style", path, f"read {json_text(text)} as {json_text(other)}")
        return make(other)
    if type.name in ("timestamp", "uuid") and whole:
        inside = set(re.findall(rf"(?<![\w-]){pattern}(?![\w-])", text))
        if len(inside) == 1 and len(text) < 2_000:
            reader.note("sentence", path, f"took the only {type.name} that the text holds")
            return make(inside.pop())
    raise must(path, type, data, reader.lookup)


def _other_spelling(text: str, name: str) -> str | None:
    """The usual spelling of the same instant or the same identifier."""
    if name == "uuid":
        found = _LOOSE_UUID.fullmatch(text)
        return "-".join(found.groups()) if found else None
    if name != "timestamp":
        return None
    found = _INSTANT.fullmatch(text)
    if found is None:
        return None
    day, hour, fraction, zone = found.groups()
    if zone[0] in "+-" and zone.strip("+-0:"):
        from datetime import datetime

        try:
            shifted = datetime.fromisoformat(f"{day}T{hour}{zone}")
            shifted -= shifted.utcoffset() or (shifted - shifted)
        except (ValueError, OverflowError):  # 60 seconds, the year 0
            return None
        day, hour = shifted.strftime(f"{shifted.year:04}-%m-%d"), shifted.strftime("%H:%M:%S")
    return f"{day}T{hour}{fraction or ''}Z"


# --- labels ---


def says(data: Any, literal: Any) -> bool:
    """Whether data is a literal of an enumeration: `"a"` and `":a"` are the keyword `:a`, 3.0 is the integer 3."""
    if isinstance(data, (list, tuple, dict)):
        return False
    wanted = json_literal(literal)
    if data.__class__ is Whole and says(plain(data) if plain(data) is not data else str(data), literal):
        return True
    if isinstance(data, bool) or isinstance(wanted, bool) or data is None or wanted is None:
        return data is wanted
    if isinstance(data, str):
        return bool(data == wanted) or (literal.__class__ is Keyword and data == f":{wanted}")
    return isinstance(data, (int, float)) and not isinstance(wanted, str) and bool(data == wanted)


def read_enum(reader: Reader, data: Any, type: EnumType, path: Path) -> Any:
    if data.__class__ is CutText:
        return _cut(reader, data, type, path)
    written = data
    if isinstance(data, Bare):
        data = unquoted(reader, data, type, path)
    for value in type.values:
        if says(data, value):
            return value
    if reader.notes is not None:
        if data.__class__ is not Whole and isinstance(written, Bare) and not isinstance(data, str):
            for value in type.values:  # a label of digits, without quotes
                if value.__class__ is str and value == str(written):
                    reader.note("number-as-text", path, f'took {written} as the text "{written}"')
                    return value
        if isinstance(data, str):
            return _label(reader, data, type.values, type, path)
    raise must(path, type, data, reader.lookup)


def _label(reader: Reader, data: str, values: tuple[Any, ...], type: Primitive | EnumType, path: Path) -> Any:
    if reader.notes is None:
        if data.__class__ is Whole:
            found = find_label(str(data), values)
            if found is not None and (not found[1] or str(data) in ("yes", "no")):
                return found[0]
        raise must(path, type, data, reader.lookup)
    found = find_label(str(data), values)
    if found is not None:
        value, kinds = found
        if data.__class__ is Whole and data in ("yes", "no"):
            kinds = ()
        elif not kinds and data.__class__ is not Whole:
            kinds = ("truth-word",) if isinstance(value, bool) else ("null-word",) if value is None else ("label-style",)
        for kind in kinds:
            reader.note(kind, path, f"took {json_text(str(data))} as {json_text(json_literal(value))}")
        return value
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if numbers:
        number = read_number(strip_marks(data))
        if number is not None and "percent" not in number.kinds:
            for value in numbers:
                if value == number.value:
                    for kind in number.kinds or ["number-text"]:
                        reader.note(kind, path, f"took {json_text(str(data))} as {value}")
                    return value
    if _is_phrase(data):
        named = label_in_sentence(str(data), values)
        if named is not None:
            reader.note(named[1], path, f"took {json_text(json_literal(named[0]))}, which the text names")
            return named[0]
    raise must(path, type, data, reader.lookup)
