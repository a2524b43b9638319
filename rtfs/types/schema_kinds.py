"""The keywords of JSON Schema that speak about one kind of values each: bounds, arrays and objects, for `from_schema`.

Source: JSON Schema 2020-12 validation, sections 6.1 to 6.5, and core, section 10.3.
"""

from __future__ import annotations

from rtfs.errors import ConfigError
from rtfs.types.json_algebra import FULL, key_of, literal, whole
from rtfs.types.nodes import (
    ANY,
    INT,
    NEVER,
    STRING,
    AnyType,
    Entry,
    EnumType,
    MapOfType,
    NeverType,
    Predicate,
    Primitive,
    RecordType,
    TupleType,
    Type,
    VectorType,
    refined,
    union,
)
from rtfs.types.predicates import is_number, operand_problem
from rtfs.types.schema_refs import dict_at, list_at, names_at, pointer_text
from rtfs.values.maps import Map

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Path = tuple[str, ...]

#: Lengths up to which arrays with a type for each place are written out as tuples.
_MAX_TUPLE = 8


class OwnKeywords:
    """The keywords of one schema that speak about kinds of values: one type for each kind."""

    def __init__(self, reader: Any, schema: dict[str, Any], path: Path) -> None:
        self._reader = reader
        self._schema = schema
        self._path = path

    def type(self) -> Type:
        kinds = self._kinds()
        made = {kind: self._kind(kind, base) for kind, base in kinds.items()}
        full = len(made) == len(FULL) and not [kind for kind in made if made[kind] != FULL[kind]]
        found = ANY if full else union(*made.values())
        for keyword in ("const", "enum"):
            if keyword in self._schema:
                values = [self._schema["const"]] if keyword == "const" else list_at(self._schema, "enum", self._path)
                found = self._reader.both(_one_of_values(values), found)
        return found

    def _kinds(self) -> dict[str, Type]:
        if "type" not in self._schema:
            return dict(FULL)
        names = self._schema["type"]
        names = [names] if isinstance(names, str) else names
        if not isinstance(names, list) or [n for n in names if n not in (*FULL, "integer")]:
            raise ConfigError(f"type at {pointer_text(self._path) or '/'} is not the name of a JSON type, nor a list of such")
        out: dict[str, Type] = {}
        for name in [*[n for n in names if n != "null"], *[n for n in names if n == "null"]]:
            if name == "integer":
                out.setdefault("number", INT)
            else:
                out[name] = FULL[name]
        return out

    def _kind(self, kind: str, base: Type) -> Type:
        if kind == "number":
            return self._number(base)
        if kind == "string":
            return self._string()
        if kind == "array":
            return self._array()
        return self._object() if kind == "object" else base

    def _leave_out(self, keyword: str, reason: str, *, asserts: bool = True) -> None:
        self._reader.note((*self._path, keyword), keyword, reason, asserts=asserts)

    def _wrong(self, keyword: str) -> ConfigError:
        return ConfigError(f"{keyword} at {pointer_text(self._path) or '/'} cannot be {self._schema[keyword]!r}")

    def _limit(self, keyword: str, predicate: str) -> list[Predicate]:
        if keyword not in self._schema:
            return []
        value = whole(self._schema[keyword])
        if operand_problem(predicate, (value,)) is not None:
            raise self._wrong(keyword)
        return [Predicate(predicate, (value,))]

    def _number(self, base: Type) -> Type:
        limits = [
            *self._limit("minimum", ">="),
            *self._limit("exclusiveMinimum", ">"),
            *self._limit("maximum", "<="),
            *self._limit("exclusiveMaximum", "<"),
        ]
        if "multipleOf" in self._schema:
            step = whole(self._schema["multipleOf"])
            if not is_number(step) or step <= 0:
                raise self._wrong("multipleOf")
            if step == 1:
                base = INT
            elif not (base == INT and isinstance(step, float) and (1 / step).is_integer()):
                self._leave_out("multipleOf", "no predicate is about divisors other than 1")
        return refined(base, *limits)

    def _string(self) -> Type:
        limits = [*self._limit("minLength", "min-length"), *self._limit("maxLength", "max-length")]
        pattern = self._schema.get("pattern")
        if "pattern" in self._schema:
            if not isinstance(pattern, str):
                raise self._wrong("pattern")
            if operand_problem("matches-regex", (pattern,)) is None:
                limits.append(Predicate("matches-regex", (pattern,)))
            else:
                self._leave_out("pattern", "it is not a regular expression of Python")
        kind = self._schema.get("format")
        if kind is not None:
            if self._reader.formats and kind in ("date-time", "uuid") and not limits:
                return Primitive("timestamp" if kind == "date-time" else "uuid")
            self._leave_out("format", "formats describe and do not refuse", asserts=False)
        return refined(STRING, *limits)

    # --- arrays ---

    def _array(self) -> Type:
        schema, path = self._schema, self._path
        limits = [*self._limit("minItems", "min-count"), *self._limit("maxItems", "max-count")]
        if schema.get("uniqueItems") is True:
            self._leave_out("uniqueItems", "no predicate compares items with each other")
        if "contains" in schema and schema.get("minContains") != 0:
            self._leave_out("contains", "a type speaks about every item")
        elif "contains" in schema and "maxContains" in schema:
            self._leave_out("maxContains", "a type speaks about every item")
        prefix = list_at(schema, "prefixItems", path)
        place, rest = "items", schema.get("items", True)
        if isinstance(rest, list):  # before 2020-12
            prefix, place, rest = rest, "additionalItems", schema.get("additionalItems", True)
        where = "prefixItems" if place == "items" else "items"
        first = [self._reader.type(part, (*path, where, str(i))) for i, part in enumerate(prefix)]
        item = self._reader.type(rest, (*path, place))
        if not first or not [t for t in first if t != item]:
            return refined(VectorType(item), *limits)
        low, high = 0, None
        for limit in limits:
            low, high = (limit.operands[0], high) if limit.name == "min-count" else (low, limit.operands[0])
        if isinstance(item, NeverType):
            high = len(first) if high is None else min(high, len(first))
        if high is not None and high <= _MAX_TUPLE:
            return union(*[_places(first, item, size) for size in range(low, high + 1)])
        self._leave_out("prefixItems", "arrays of any length with a type for each of the first places")
        return refined(VectorType(union(*first, item)), *limits)

    # --- objects ---

    def _object(self) -> Type:
        schema, path = self._schema, self._path
        required = names_at(schema, "required", path)
        rest = self._reader.type(schema.get("additionalProperties", True), (*path, "additionalProperties"))
        if schema.get("patternProperties"):
            rest = ANY  # it is about keys that match no pattern, and that is not known here
            if schema.get("additionalProperties", True) not in (True, {}):
                self._leave_out("additionalProperties", "which keys match no pattern")
        entries: dict[str, Entry] = {}
        for name, part in dict_at(schema, "properties", path).items():
            entries[name] = Entry(key_of(name), self._reader.type(part, (*path, "properties", name)), name not in required)
        for name in required:
            entries.setdefault(name, Entry(key_of(name), rest))
        limits = [*self._limit("minProperties", "min-count"), *self._limit("maxProperties", "max-count")]
        whole: Type
        if not entries and not isinstance(rest, (AnyType, NeverType)):
            whole = MapOfType(STRING, rest)
        else:
            whole = RecordType(tuple(entries.values()), None if isinstance(rest, AnyType) else rest)
        whole = refined(whole, *limits)
        if "propertyNames" in schema:
            names = self._reader.both(STRING, self._reader.type(schema["propertyNames"], (*path, "propertyNames")))
            whole = self._reader.both(whole, MapOfType(names, ANY)) if names != STRING else whole
        dependent = dict_at(schema, "dependentRequired", path)
        for name in dependent:
            others = names_at(dependent, name, (*path, "dependentRequired"))
            absent = RecordType((Entry(key_of(name), NEVER, True),))
            present = RecordType(tuple([Entry(key_of(key), ANY) for key in dict.fromkeys([name, *others])]))
            whole = self._reader.both(whole, union(absent, present))
        return whole


def _places(first: list[Type], item: Type, size: int) -> Type:
    if size == 0:
        return VectorType(NEVER)
    return TupleType(tuple([first[i] if i < len(first) else item for i in range(size)]))


def _one_of_values(values: list[Any]) -> Type:
    scalars = [whole(value) for value in values if not isinstance(value, (list, dict))]
    distinct = Map([(value, None) for value in scalars]).keys()
    others = [literal(value) for value in values if isinstance(value, (list, dict))]
    return union(*([EnumType(tuple(distinct))] if distinct else []), *others)
