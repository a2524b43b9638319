"""JSON-shaped data to an RTFS value of a type: replies of models, results of tools, arguments of a host.

`coerce` is exact: it changes how a value is represented (an object becomes a map with keyword keys, the string of an
enumeration becomes its keyword, 3.0 becomes 3 where an integer is wanted) and never what it says.  Data that does not fit
raises `CoercionError`, whose `problem` is a sentence that a model can act on.  `coerce_text` starts from text and may repair it,
and lists every repair.
"""

from __future__ import annotations

import math

from rtfs.errors import nearest
from rtfs.types.json_schema import json_key, json_literal
from rtfs.types.matching import matches
from rtfs.types.mismatch import shorten
from rtfs.types.nodes import (
    ANY,
    NIL,
    AnyType,
    ArrayType,
    EnumType,
    IntersectionType,
    Lookup,
    MapOfType,
    Primitive,
    RecordType,
    RefinedType,
    TupleType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
    is_circular,
    merge_records,
    no_names,
    resolve,
)
from rtfs.types.predicates import predicate_test
from rtfs.types.wording import CoercionError, Path, describe, duty, json_text, must, place
from rtfs.values.functions import Builtin, Function
from rtfs.values.maps import Map
from rtfs.values.scalars import ErrorValue, Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Data nested deeper than this is refused; no model means it, and every later stage may recurse over it.
MAX_DEPTH = 500

_START = r"[A-Za-z_$+\-*/=<>!?%]"
_IDENT = rf"{_START}[A-Za-z0-9_$+\-*/=<>!?%.@]*"
KEYWORD_NAME = rf"{_IDENT}(?::v[0-9]+(?:\.[0-9]+)*[/:]{_IDENT})?"
SYMBOL_NAME = rf"{_IDENT}(?::v[0-9]+(?:\.[0-9]+)*/{_IDENT})?"
TIMESTAMP = (
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:[._][0-9]+)?Z"
)
UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
NUMBER_TEXT = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"

_VALUES = (Keyword, Symbol, Timestamp, Uuid, ResourceHandle, ErrorValue, Vector, List, Map, Function, Builtin)

_NO_TYPE: Any = object()


def coerce(data: Any, type: Type, lookup: Lookup | None = None) -> Any:
    """The RTFS value of `type` that JSON-shaped `data` stands for.

    Args:
        data: None, bool, int, float, str, list, tuple and dict; RTFS values that belong to their type pass unchanged.
        lookup: what names in the type stand for.
    Raises:
        CoercionError: the data does not fit; nothing is guessed.
    """
    try:
        return Reader(lookup or no_names).read(data, type, None, 0)
    except RecursionError:  # the caller's stack was nearly used up
        raise CoercionError("the value is nested too deep") from None


def coerce_text(text: str, type: Type, lookup: Lookup | None = None) -> tuple[Any, list[str]]:
    """The RTFS value that a model's reply stands for, and what had to be repaired to read it.

    Returns:
        (value, repairs): repairs in words, in the order in which they were made; empty when the reply was as asked for.
        For `string` and `any` the value is the text itself, without blanks around it.
    Raises:
        CoercionError: no reading, however repaired, gives a value of the type; or several do.
    """
    from rtfs.types.replies import read_reply  # the reading of prose is needed by few programs

    return read_reply(text, type, lookup or no_names)


# --- reading ---------------------------------------------------------------------------------


class Reader:
    """Reads data as values of types.

    With `repairs`, a list, it is lenient about leaves: a number written as a string, a label in other letters, a colon before
    a key, null for a key that may be absent.  Each leniency adds a sentence to the list.
    """

    def __init__(self, lookup: Lookup, repairs: list[str] | None = None) -> None:
        self.lookup = lookup
        self.repairs = repairs
        # (id of a union, id of a container) -> ((value, its repairs) or the error, union, container): see `read_union`
        self.notes: dict[tuple[int, int], Any] = {}
        self.exact: Reader | None = None

    def repaired(self, path: Path, words: str) -> None:
        assert self.repairs is not None
        self.repairs.append(f"{words} at {place(path)}" if path is not None else words)

    def read(self, data: Any, type: Type, path: Path, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise CoercionError(f"the value is nested more than {MAX_DEPTH} deep")
        if isinstance(data, _VALUES):
            if matches(type, data, self.lookup):
                return data
            raise must(path, type, data, self.lookup)
        if isinstance(data, float) and not math.isfinite(data):
            raise CoercionError(f"{place(path)} must be an ordinary number, but is {data}")
        method = _READERS.get(type.__class__)
        if method is None:
            raise CoercionError(f"{place(path)} cannot be given as JSON: it must be {describe(type, self.lookup)}")
        return method(self, data, type, path, depth)

    def read_any(self, data: Any, type: AnyType, path: Path, depth: int) -> Any:
        if data is None or isinstance(data, (bool, str)):
            return data
        if isinstance(data, (int, float)):
            return data
        if isinstance(data, (list, tuple)):
            return Vector.adopt([self.read(item, ANY, (path, i), depth + 1) for i, item in enumerate(data)])
        if isinstance(data, dict):
            pairs = []
            for key, item in data.items():
                if not isinstance(key, str):
                    raise CoercionError(f"a key of {place(path)} is not a string: {key!r}")
                pairs.append((key, self.read(item, ANY, (path, key), depth + 1)))
            return Map(pairs)
        raise CoercionError(f"{place(path)} is not JSON: a Python {data.__class__.__name__}")

    def read_primitive(self, data: Any, type: Primitive, path: Path, depth: int) -> Any:
        name = type.name
        if name == "int" or name == "float":
            return self.read_number(data, type, path)
        if name == "string" and isinstance(data, str):
            return data
        if name == "bool":
            if isinstance(data, bool):
                return data
            if self.repairs is not None and isinstance(data, str) and data.strip().lower() in ("true", "false"):
                self.repaired(path, f"read the string {json_text(data)} as {data.strip().lower()}")
                return data.strip().lower() == "true"
        if name == "nil" and data is None:
            return None
        if name in _FROM_TEXT and isinstance(data, str):
            return self.read_text(data, type, path)
        if (name == "vector" or name == "list") and isinstance(data, (list, tuple)):
            items = self.read_any(data, ANY, path, depth)
            return items if name == "vector" else List.adopt(items.items())
        if name == "map" and isinstance(data, dict):
            return self.read_any(data, ANY, path, depth)
        if name in ("error", "function", "resource"):
            raise CoercionError(f"{place(path)} cannot be given as JSON: it must be {describe(type, self.lookup)}")
        raise must(path, type, data, self.lookup)

    def read_number(self, data: Any, type: Primitive, path: Path) -> Any:
        if self.repairs is not None and isinstance(data, str):
            import json
            import re

            if re.fullmatch(NUMBER_TEXT, data.strip()) and len(data) < 400:
                number = json.loads(data)
                if isinstance(number, int) or math.isfinite(number):
                    value = self.read_number(number, type, path)
                    self.repaired(path, f"read the string {json_text(data)} as a number")
                    return value
        if isinstance(data, bool) or not isinstance(data, (int, float)):
            raise must(path, type, data, self.lookup)
        if type.name == "int" and isinstance(data, float):
            if not data.is_integer():
                raise must(path, type, data, self.lookup)
            return int(data)
        return data

    def read_text(self, data: str, type: Primitive, path: Path) -> Any:
        import re

        pattern, make = _FROM_TEXT[type.name]
        text = data
        if type.name == "keyword":
            text = data[1:] if data.startswith(":") else data
        elif self.repairs is not None and data != data.strip():
            text = data.strip()
        if not re.fullmatch(pattern, text):
            raise must(path, type, data, self.lookup)
        if type.name != "keyword" and text != data:
            self.repaired(path, "removed blanks around the text")
        return make(text)

    def read_enum(self, data: Any, type: EnumType, path: Path, depth: int) -> Any:
        for value in type.values:
            if _says(data, value):
                return value
        if self.repairs is not None and isinstance(data, str):
            from rtfs.types.labels import find_label

            found = find_label(data, type.values)
            if found is not None:
                self.repaired(path, f"took {json_text(data)} as {json_text(json_literal(found[0]))}")
                return found[0]
        raise must(path, type, data, self.lookup)

    def read_vector(self, data: Any, type: VectorType, path: Path, depth: int) -> Any:
        if not isinstance(data, (list, tuple)):
            raise must(path, type, data, self.lookup)
        return Vector.adopt([self.read(item, type.item, (path, i), depth + 1) for i, item in enumerate(data)])

    def read_tuple(self, data: Any, type: TupleType, path: Path, depth: int) -> Any:
        if not isinstance(data, (list, tuple)):
            raise must(path, type, data, self.lookup)
        if len(data) != len(type.items):
            raise CoercionError(f"{place(path)} must be {describe(type)}, but has {len(data)}")
        return Vector.adopt([self.read(data[i], type.items[i], (path, i), depth + 1) for i in range(len(data))])

    def read_array(self, data: Any, type: ArrayType, path: Path, depth: int) -> Any:
        return self.read_dimension(data, type, type.shape or (None,), path, depth)

    def read_dimension(self, data: Any, type: ArrayType, shape: tuple[int | None, ...], path: Path, depth: int) -> Any:
        if not shape:
            return self.read(data, type.item, path, depth + 1)
        if not isinstance(data, (list, tuple)):
            raise must(path, type, data, self.lookup)
        if shape[0] is not None and len(data) != shape[0]:
            raise CoercionError(f"{place(path)} must be an array of exactly {shape[0]} items, but has {len(data)}")
        return Vector.adopt([self.read_dimension(item, type, shape[1:], (path, i), depth + 1) for i, item in enumerate(data)])

    def read_record(self, data: Any, type: RecordType, path: Path, depth: int) -> Any:
        if not isinstance(data, dict):
            raise must(path, type, data, self.lookup)
        if self.repairs is not None:
            data = self.without_colons(data, type, path)
        pairs: list[tuple[Any, Any]] = []
        used: set[str] = set()
        for entry in type.entries:
            key = json_key(entry.key)
            if key not in data:
                if not entry.optional:
                    raise self.missing(key, data, type, path)
                continue
            used.add(key)
            if data[key] is None and entry.optional and self.repairs is not None and not matches(entry.type, None, self.lookup):
                self.repaired(path, f"left out the key {json_text(key)}, which was null")
                continue
            pairs.append((entry.key, self.read(data[key], entry.type, (path, entry.key), depth + 1)))
        extras = [key for key in data if key not in used]
        if extras and type.rest is None:
            known = ", ".join([json_text(json_key(entry.key)) for entry in type.entries])
            raise CoercionError(
                f"{place(path)} must not have the key {json_text(extras[0])}; the keys are: {shorten(known, 400) or 'none'}"
            )
        if extras and type.rest is not None:
            as_strings = bool(type.entries) and not [e for e in type.entries if e.key.__class__ is Keyword]
            for text in extras:
                name: Any = text if as_strings else _keyword_or_text(text)
                pairs.append((name, self.read(data[text], type.rest, (path, name), depth + 1)))
        return Map(pairs)

    def missing(self, key: str, data: dict[str, Any], type: RecordType, path: Path) -> CoercionError:
        known = [json_key(entry.key) for entry in type.entries]
        near = nearest(key, [k for k in data if isinstance(k, str) and k not in known])
        hint = f"; it has {json_text(near[0])}" if near else ""
        return CoercionError(f"{place(path)} must have the key {json_text(key)}{hint}")

    def without_colons(self, data: dict[str, Any], type: RecordType, path: Path) -> dict[str, Any]:
        """The object with `":name"` renamed to `"name"` where the record has that key and the object does not."""
        wanted = {":" + json_key(entry.key): json_key(entry.key) for entry in type.entries}
        wrong = [key for key in data if key in wanted and wanted[key] not in data]
        if not wrong:
            return data
        self.repaired(path, f"removed the colon of the key {json_text(wrong[0])}")
        return {wanted[key] if key in wrong else key: value for key, value in data.items()}

    def read_map_of(self, data: Any, type: MapOfType, path: Path, depth: int) -> Any:
        if not isinstance(data, dict):
            raise must(path, type, data, self.lookup)
        pairs = []
        for text, item in data.items():
            key = self.read_key(text, type.key, path, depth)
            pairs.append((key, self.read(item, type.value, (path, text), depth + 1)))
        result = Map(pairs)
        if len(result) != len(pairs):
            raise CoercionError(f"two keys of {place(path)} mean the same")
        return result

    def read_key(self, text: Any, type: Type, path: Path, depth: int) -> Any:
        """A key of an object as a key of a map: JSON keys are strings, so numbers come as digits."""
        import re

        target = resolve(type, self.lookup)
        base = target.base if isinstance(target, RefinedType) else target
        try:
            if isinstance(base, Primitive) and base.name == "int" and re.fullmatch(r"-?[0-9]{1,300}", text):
                return self.read(int(text), type, None, depth + 1)
            if isinstance(base, EnumType):
                for value in base.values:
                    if str(json_literal(value)) == text:
                        return self.read(value if isinstance(value, _VALUES) else json_literal(value), type, None, depth + 1)
            return self.read(text, type, None, depth + 1)
        except CoercionError:
            words = shorten(describe(type, self.lookup), 200)
            raise CoercionError(f"the key {json_text(text)} of {place(path)} must be {words}") from None

    def read_refined(self, data: Any, type: RefinedType, path: Path, depth: int) -> Any:
        value = self.read(data, type.base, path, depth)
        for predicate in type.predicates:
            if not predicate_test(predicate)(value):
                raise CoercionError(f"{place(path)} must {duty(predicate)}, but is {json_text(data)}")
        return value

    def read_intersection(self, data: Any, type: IntersectionType, path: Path, depth: int) -> Any:
        targets = [resolve(part, self.lookup) for part in type.parts]
        records = [target for target in targets if isinstance(target, RecordType)]
        if records:  # a record refuses keys that it does not know, so the records are read as one
            value = self.read(data, merge_records(records), path, depth + 1)
        else:
            value = self.read(data, type.parts[0], path, depth + 1)
        for part in type.parts:
            if not matches(part, value, self.lookup):
                raise must(path, part, data, self.lookup)
        return value

    def read_reference(self, data: Any, type: TypeRef, path: Path, depth: int) -> Any:
        target = self.lookup(type.name)
        if target is None or is_circular(type.name, self.lookup):
            raise CoercionError(f"{place(path)} has the type {type.name}, which is not a known type")
        return self.read(data, target, path, depth)

    def read_union(self, data: Any, type: UnionType, path: Path, depth: int) -> Any:
        if not isinstance(data, (dict, list)):
            return self.choice(data, type, path, depth)
        # In a recursive type each level would try every option on everything below it, and the work would double from level
        # to level: the outcome of every (union, container) is noted.
        key = (id(type), id(data))
        noted = self.notes.get(key, _NO_TYPE)
        if noted is _NO_TYPE:
            before = len(self.repairs or ())
            try:
                value = self.choice(data, type, path, depth)
                noted = (value, list(self.repairs[before:]) if self.repairs else [])
            except CoercionError as error:
                noted = error
            self.notes[key] = (noted, type, data)  # held, so that no other object gets their ids
        else:
            noted = noted[0]
            if isinstance(noted, tuple) and self.repairs is not None:
                self.repairs += noted[1]
        if isinstance(noted, CoercionError):
            raise noted.with_traceback(None)
        return noted[0]

    def choice(self, data: Any, type: UnionType, path: Path, depth: int) -> Any:
        natural = [option for option in type.options if is_natural(data, option, self.lookup)]
        others = [option for option in type.options if option not in natural]
        readers = [self]
        if self.repairs is not None:  # what fits as it is goes before what fits repaired
            self.exact = self.exact or Reader(self.lookup)
            readers = [self.exact, self]
        problems: list[CoercionError] = []
        for reader in readers:
            problems = []
            for option in [*natural, *others]:
                before = len(self.repairs or ())
                try:
                    return reader.read(data, option, path, depth + 1)
                except CoercionError as error:
                    if self.repairs is not None:
                        del self.repairs[before:]
                    if option in natural:
                        problems.append(error)
        if len(natural) == 1:
            raise problems[0]
        if len(natural) > 1 and isinstance(data, dict):
            tagged = [i for i, option in enumerate(natural) if self.has_tag_of(data, option)]
            if len(tagged) == 1:
                raise problems[tagged[0]]
        raise must(path, type, data, self.lookup)

    def has_tag_of(self, data: dict[str, Any], type: Type) -> bool:
        """Whether an object has the literal fields by which a record is told from its siblings."""
        target = resolve(type, self.lookup)
        if not isinstance(target, RecordType):
            return False
        tags = [(entry, entry.type) for entry in target.entries if isinstance(entry.type, EnumType) and len(entry.type.values) == 1]
        return bool(tags) and not [entry for entry, tag in tags if not _says(data.get(json_key(entry.key)), tag.values[0])]


def _keyword_or_text(text: str) -> Any:
    import re

    return Keyword(text) if re.fullmatch(KEYWORD_NAME, text) else text


def _says(data: Any, literal: Any) -> bool:
    """Whether JSON data is a literal of an enumeration: `"a"` and `":a"` are the keyword `:a`, 3.0 is the integer 3."""
    if isinstance(data, (*_VALUES, list, tuple, dict)):
        return False
    wanted = json_literal(literal)
    if isinstance(data, bool) or isinstance(wanted, bool) or data is None or wanted is None:
        return data is wanted
    if isinstance(data, str):
        return bool(data == wanted) or (literal.__class__ is Keyword and data == f":{wanted}")
    return not isinstance(wanted, str) and bool(data == wanted)


def is_natural(data: Any, type: Type, lookup: Lookup) -> bool:
    """Whether data has the outer shape that a type is usually written in: such options of a union are tried first."""
    target = resolve(type, lookup)
    while isinstance(target, (RefinedType, IntersectionType)):
        target = resolve(target.base if isinstance(target, RefinedType) else target.parts[0], lookup)
    if isinstance(target, UnionType):
        return bool([option for option in target.options if is_natural(data, option, lookup)])
    if isinstance(target, EnumType):
        return bool([value for value in target.values if _says(data, value)])
    if isinstance(data, dict):
        return isinstance(target, (RecordType, MapOfType)) or _is_primitive(target, "map")
    if isinstance(data, (list, tuple)):
        return isinstance(target, (VectorType, TupleType, ArrayType)) or _is_primitive(target, "vector", "list")
    if data is None:
        return target == NIL
    if isinstance(data, bool):
        return _is_primitive(target, "bool")
    if isinstance(data, int):
        return _is_primitive(target, "int")
    if isinstance(data, float):
        return _is_primitive(target, "float")
    if isinstance(data, str):
        if _is_primitive(target, "keyword"):
            return data.startswith(":")
        if _is_primitive(target, "timestamp", "uuid"):
            import re

            assert isinstance(target, Primitive)
            return re.fullmatch(_FROM_TEXT[target.name][0], data) is not None
        return _is_primitive(target, "string")
    return True


def _is_primitive(type: Type | None, *names: str) -> bool:
    return isinstance(type, Primitive) and type.name in names


_FROM_TEXT: dict[str, tuple[str, Any]] = {
    "keyword": (KEYWORD_NAME, Keyword),
    "symbol": (SYMBOL_NAME, Symbol),
    "timestamp": (TIMESTAMP, Timestamp),
    "uuid": (UUID, Uuid),
}

_READERS: dict[Any, Any] = {
    AnyType: Reader.read_any,
    Primitive: Reader.read_primitive,
    EnumType: Reader.read_enum,
    VectorType: Reader.read_vector,
    TupleType: Reader.read_tuple,
    ArrayType: Reader.read_array,
    RecordType: Reader.read_record,
    MapOfType: Reader.read_map_of,
    RefinedType: Reader.read_refined,
    IntersectionType: Reader.read_intersection,
    TypeRef: Reader.read_reference,
    UnionType: Reader.read_union,
}
