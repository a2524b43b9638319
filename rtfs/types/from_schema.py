"""JSON Schema to types: what a schema of draft 2020-12 says, as far as the type language can say it.

A schema talks about JSON, and each of its keywords about one kind of JSON value: `{"minLength": 3}` lets every number pass.  So a
schema is read as six types, one for each kind, and becomes their union; `allOf`, `anyOf`, `oneOf`, `not`, `if` and references are
worked out on types afterwards.  What a type cannot say, such as `patternProperties`, is left out and noted: the type then accepts
everything that the schema does, and more.

Values are meant as JSON is read: objects are maps with strings as keys, arrays are vectors, and a number without a fraction is
an integer.
"""

from __future__ import annotations

from rtfs.errors import ConfigError
from rtfs.types.json_algebra import FULL, difference, key_of, tidy
from rtfs.types.lattice import meet
from rtfs.types.nodes import (
    ANY,
    NEVER,
    NIL,
    Entry,
    IntersectionType,
    RecordType,
    RefinedType,
    Type,
    TypeRef,
    UnionType,
    intersection,
    union,
)
from rtfs.types.parse import TYPE_WORDS
from rtfs.types.relation import is_subtype, overlap
from rtfs.types.schema_kinds import OwnKeywords
from rtfs.types.schema_refs import References, dict_at, list_at, pointer_text
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Path = tuple[str, ...]

_DIALECTS = ("https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2019-09/schema")

#: Assertions that no type can make.
_BEYOND = {
    "patternProperties": "entries by the pattern of their key",
    "unevaluatedProperties": "what other keywords leave over",
    "unevaluatedItems": "what other keywords leave over",
    "$dynamicRef": "a reference that depends on where it is used from",
    "$recursiveRef": "a reference that depends on where it is used from",
}


class Note(Struct):
    """Something in a schema that the type does not say.

    Attributes:
        pointer: where in the schema, as a JSON pointer; empty for its outside.
        keyword: the keyword that was left out.
        reason: why, in words.
        asserts: whether it would have refused values; `format` is an annotation only.
    """

    pointer: str
    keyword: str
    reason: str
    asserts: bool = True

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.keyword} is left out: {self.reason}"


def from_json_schema(
    schema: Any, *, name: str = "Root", strict: bool = False, formats: bool = False
) -> tuple[Type, dict[str, Type], list[Note]]:
    """The type of the JSON that a schema accepts.

    Args:
        schema: a schema of draft 2020-12 as parsed JSON: a dict or a bool. `nullable` (OpenAPI) and `items` with a list
            (draft 2019-09) are understood too.
        name: what the whole schema is called when it refers to itself.
        strict: refuse what cannot be said.
        formats: read strings with the formats `date-time` and `uuid` as `timestamp` and `uuid`.
    Returns:
        The type; the definitions of the names that it mentions, name -> type; and a note for each thing that could not be said,
        in the order in which the schema was read. Without notes that assert, the type accepts exactly what the schema does.
    Raises:
        ConfigError: it is not a schema; with `strict`, it says what a type cannot.
    """
    reader = _Reader(schema, name, formats)
    type = reader.document()
    beyond = [note for note in reader.notes if note.asserts]
    if strict and beyond:
        more = f" (and {len(beyond) - 1} more)" if len(beyond) > 1 else ""
        raise ConfigError(f"the schema says what no type can say: {beyond[0]}{more}", hint="without strict=True it is noted")
    return type, reader.definitions, reader.notes


class _Reader:
    def __init__(self, document: Any, name: str, formats: bool) -> None:
        self._document = document
        self._references = References(document)
        self.formats = formats
        self._root_name = name
        self._names: dict[int, str] = {}  # id of a schema -> its name
        self._kept: list[Any] = []  # schemas that have a name: their ids stay theirs
        self.definitions: dict[str, Type] = {}
        self.notes: list[Note] = []

    def document(self) -> Type:
        if isinstance(self._document, dict):
            dialect = self._document.get("$schema", _DIALECTS[0])
            if not isinstance(dialect, str) or dialect.rstrip("#") not in _DIALECTS:
                self.note((), "$schema", f"its keywords are read as in draft 2020-12, not as in {dialect}")
        type = self.type(self._document, ())
        known = self._names.get(id(self._document))
        if known is None:
            return type
        self.definitions.setdefault(known, type)
        return TypeRef(known)

    def note(self, path: Path, keyword: str, reason: str, *, asserts: bool = True) -> None:
        note = Note(pointer_text(path), keyword, reason, asserts)
        if note not in self.notes:
            self.notes.append(note)

    def type(self, schema: Any, path: Path) -> Type:
        if schema is True or schema is False:
            return ANY if schema else NEVER
        if not isinstance(schema, dict):
            raise ConfigError(f"not a schema at {pointer_text(path) or '/'}: a schema is an object, true or false")
        try:
            found = OwnKeywords(self, schema, path).type()
            for part in self._combined(schema, path):
                found = self.both(found, part)
        except RecursionError:
            raise ConfigError("the schema is nested too deep") from None
        if schema.get("nullable") is True and "type" in schema:
            found = union(found, NIL)
        for keyword, reason in _BEYOND.items():
            if keyword in schema and schema[keyword] not in (True, {}):
                self.note((*path, keyword), keyword, reason)
        return found

    # --- keywords that put schemas together ---

    def _combined(self, schema: dict[str, Any], path: Path) -> list[Type]:
        parts: list[Type] = []
        if "$ref" in schema:
            parts.append(self._reference(schema, path))
        for i, part in enumerate(list_at(schema, "allOf", path)):
            parts.append(self.type(part, (*path, "allOf", str(i))))
        if "anyOf" in schema:
            options = list_at(schema, "anyOf", path)
            parts.append(union(*[self.type(option, (*path, "anyOf", str(i))) for i, option in enumerate(options)]))
        if "oneOf" in schema:
            parts.append(self._one_of(list_at(schema, "oneOf", path), (*path, "oneOf")))
        if "not" in schema:
            parts.append(self._other_than(schema["not"], (*path, "not")))
        if "if" in schema and ("then" in schema or "else" in schema):
            parts.append(self._if(schema, path))
        for key, part in dict_at(schema, "dependentSchemas", path).items():
            absent = RecordType((Entry(key_of(key), NEVER, True),))
            others = [type for kind, type in FULL.items() if kind != "object"]
            parts.append(union(absent, *others, self.type(part, (*path, "dependentSchemas", key))))
        return parts

    def _reference(self, schema: dict[str, Any], path: Path) -> Type:
        reference = schema["$ref"]
        if not isinstance(reference, str):
            raise ConfigError(f"$ref at {pointer_text(path) or '/'} is not a string")
        found = self._references.find(schema, reference)
        if found is None:
            self.note((*path, "$ref"), "$ref", f"{reference} is not in this document, and nothing is fetched")
            return ANY
        target, place = found
        if not isinstance(target, dict):
            return self.type(target, place)
        name = self._names.get(id(target))
        if name is None:
            name = self._new_name(target, place)
            if target is not self._document:  # the document itself is being read
                self.definitions[name] = self.type(target, place)
        return TypeRef(name)

    def _new_name(self, target: dict[str, Any], place: Path) -> str:
        anchor = target.get("$anchor") or target.get("$dynamicAnchor")
        wanted = anchor if isinstance(anchor, str) else place[-1] if place else self._root_name
        name = "".join([c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in wanted]).strip("-")
        if not name or not (name[0].isalpha() or name[0] == "_") or name in TYPE_WORDS or name in ("true", "false"):
            name = "Type-" + name if name else "Type"
        taken = set(self._names.values())
        base, count = name, 2
        while name in taken:
            name, count = f"{base}-{count}", count + 1
        self._names[id(target)] = name
        self._kept.append(target)
        return name

    def _exactly(self, schema: Any, path: Path) -> Type | None:
        """The type of a schema, or None when there is something that it does not say: then nothing follows from its opposite."""
        before = len([note for note in self.notes if note.asserts])
        type = self.type(schema, path)
        return type if len([note for note in self.notes if note.asserts]) == before else None

    def _one_of(self, options: list[Any], path: Path) -> Type:
        types = [self._exactly(option, (*path, str(i))) for i, option in enumerate(options)]
        if None in types:
            self.note(path, "oneOf", "that only one of them holds; what they accept is not known exactly")
            return union(*[self.type(option, (*path, str(i))) for i, option in enumerate(options)])
        out: list[Type] = []
        for i, type in enumerate(types):
            assert type is not None
            others = union(*[other for k, other in enumerate(types) if k != i and other is not None])
            left = difference(type, others, self.definitions.get)
            if left is None:
                self.note(path, "oneOf", "that only one of them holds; they overlap")
                left = type
            out.append(left)
        return union(*out)

    def _other_than(self, schema: Any, path: Path) -> Type:
        type = self._exactly(schema, path)
        left = None if type is None else difference(ANY, type, self.definitions.get)
        if left is None:
            self.note(path, "not", "the opposite of what it says")
            return ANY
        return left

    def _if(self, schema: dict[str, Any], path: Path) -> Type:
        condition = self._exactly(schema["if"], (*path, "if"))
        then = self.type(schema.get("then", True), (*path, "then"))
        otherwise = self.type(schema.get("else", True), (*path, "else"))
        if condition is not None:
            left = difference(ANY, condition, self.definitions.get)
            if left is not None:
                return union(self.both(condition, then), self.both(left, otherwise))
        self.note((*path, "if"), "if", "what holds where the condition does not")
        return union(then, otherwise)

    def both(self, a: Type, b: Type) -> Type:
        """What belongs to both; names stay names."""
        lookup = self.definitions.get
        if is_subtype(a, b, lookup):
            return a
        if is_subtype(b, a, lookup):
            return b
        if not (_has_name(a) or _has_name(b)):
            return tidy(meet(a, b, lookup))
        # without the options that the name leaves no room for: `properties` alone lets numbers pass
        return intersection(_options_in(a, b, lookup), _options_in(b, a, lookup))


def _has_name(type: Type) -> bool:
    """Whether a type is a name, or a choice or an intersection of such."""
    if isinstance(type, (UnionType, IntersectionType)):
        return bool([part for part in (type.options if isinstance(type, UnionType) else type.parts) if _has_name(part)])
    return isinstance(type, TypeRef) or (isinstance(type, RefinedType) and _has_name(type.base))


def _options_in(type: Type, other: Type, lookup: Any) -> Type:
    if not isinstance(type, UnionType):
        return type
    return union(*[option for option in type.options if overlap(option, other, lookup)])
