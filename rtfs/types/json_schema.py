"""Types as JSON Schema 2020-12, for decoders that are constrained by a schema and for tools that publish one (reference 4.7).

A schema says what JSON to *write*, so it is narrower than the type: records are closed, although a record type lets other
keys pass, and keywords are written with their colon, except in enumerations and as keys.  Whatever a schema lets through,
`coerce` reads, save for what a schema cannot say.
"""

from __future__ import annotations

import math

from rtfs.types.nodes import (
    NUMBER,
    AnyType,
    ArrayType,
    Entry,
    EnumType,
    IntersectionType,
    Lookup,
    MapOfType,
    NeverType,
    Predicate,
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
from rtfs.values.scalars import Keyword, ResourceHandle, Symbol, Timestamp, Uuid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Schema = dict[str, "Any"]

_PRIMITIVES: dict[str, Schema] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "nil": {"type": "null"},
    "keyword": {"type": "string", "pattern": "^:.+"},
    "symbol": {"type": "string"},
    "timestamp": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
    "list": {"type": "array"},
    "vector": {"type": "array"},
}

_NOTHING: Schema = {"not": {}}


def json_schema(type: Type, lookup: Lookup | None = None, *, open: bool = False) -> Schema:
    """The schema of the JSON that stands for values of a type.

    Args:
        lookup: what names stand for; a name that it does not know becomes `{"type": "object"}`.
        open: say what the type accepts, to validate, and not what to write: records let other keys pass, each refinement refuses
            what it is not about, and what has no JSON, as functions and names that are not known, is `{"not": {}}`.
    Returns:
        Plain dicts, lists and scalars, ready for `json.dumps`. Named types other than the outermost are under `$defs`.
    """
    exporter = Exporter(lookup or no_names)
    if open:
        from rtfs.types.open_schema import OpenExporter

        exporter = OpenExporter(exporter.lookup)
    target = resolve(type, exporter.lookup)
    schema = dict(exporter.schema(type if target is None else target))
    if exporter.defs:
        schema["$defs"] = exporter.defs
    return schema


def json_key(key: Any) -> str:
    """The name of a record entry in a JSON object: a keyword without its colon, an integer in digits."""
    return key.name if type(key) is Keyword else str(key)


def json_literal(value: Any) -> Any:
    """A literal of an enumeration in JSON: a keyword without its colon, a timestamp as its text."""
    kind = type(value)
    if kind is Keyword or kind is Symbol:
        return value.name
    if kind is Timestamp or kind is Uuid or kind is ResourceHandle:
        return value.text
    return value


class Exporter:
    """Makes schemas of types; one for each export, since it collects the definitions of names."""

    def __init__(self, lookup: Lookup) -> None:
        self.lookup = lookup
        self.defs: dict[str, Schema] = {}
        self.names: dict[str, str] = {}  # name of a type -> its key in `$defs`

    def schema(self, type: Type) -> Schema:
        if isinstance(type, AnyType):
            return {}
        if isinstance(type, NeverType):
            return dict(_NOTHING)
        if isinstance(type, Primitive):
            return dict(_PRIMITIVES.get(type.name, {"type": "object"}))
        if isinstance(type, EnumType):
            return self.enum(type)
        if isinstance(type, VectorType):
            return {"type": "array", "items": self.schema(type.item)}
        if isinstance(type, TupleType):
            return self.tuple(type)
        if isinstance(type, ArrayType):
            return self.array(type)
        if isinstance(type, RecordType):
            return self.record(type)
        if isinstance(type, MapOfType):
            return self.map_of(type)
        if isinstance(type, UnionType):
            return self.union(type)
        if isinstance(type, IntersectionType):
            return self.intersection(type)
        if isinstance(type, RefinedType):
            return self.refined(type)
        if isinstance(type, TypeRef):
            return self.reference(type.name)
        return {"type": "object"}

    def enum(self, type: EnumType) -> Schema:
        values: list[Any] = []
        for value in type.values:
            literal = json_literal(value)
            if isinstance(literal, float) and not math.isfinite(literal):
                continue  # JSON has no such number
            # 1 and 1.0 are one number in JSON, but true is none
            if not [v for v in values if v == literal and isinstance(v, bool) == isinstance(literal, bool)]:
                values.append(literal)
        return {"enum": values} if values else dict(_NOTHING)

    def tuple(self, type: TupleType) -> Schema:
        items = [self.schema(item) for item in type.items]
        return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items), "maxItems": len(items)}

    def array(self, type: ArrayType) -> Schema:
        schema = self.schema(type.item)
        for size in reversed(type.shape or (None,)):
            schema = {"type": "array", "items": schema}
            if size is not None:
                schema |= {"minItems": size, "maxItems": size}
        return schema

    def record(self, type: RecordType) -> Schema:
        properties: dict[str, Schema] = {}
        required: list[str] = []
        for entry in type.entries:
            key = json_key(entry.key)
            if key in properties:  # `:a` and `"a"`: one JSON key cannot be both
                continue
            properties[key] = self.schema(entry.type)
            if not entry.optional:
                required.append(key)
        schema: Schema = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        schema["additionalProperties"] = False if type.rest is None else self.schema(type.rest)
        return schema

    def map_of(self, type: MapOfType) -> Schema:
        schema: Schema = {"type": "object", "additionalProperties": self.schema(type.value)}
        key = resolve(type.key, self.lookup)
        base = key.base if isinstance(key, RefinedType) else key
        if isinstance(key, EnumType):
            schema["propertyNames"] = {"enum": [str(name) for name in self.enum(key).get("enum", ())]}
        elif isinstance(base, Primitive) and base.name == "int":
            schema["propertyNames"] = {"pattern": "^-?[0-9]+$"}
        elif isinstance(key, RefinedType) and isinstance(base, Primitive) and base.name == "string":
            schema["propertyNames"] = self.schema(key)
        return schema

    def union(self, type: UnionType) -> Schema:
        if type == NUMBER:
            return {"type": "number"}
        options: list[Schema] = []
        for option in type.options:
            schema = self.schema(option)
            if schema not in options:
                options.append(schema)
        return options[0] if len(options) == 1 else {"anyOf": options}

    def intersection(self, type: IntersectionType) -> Schema:
        records: list[RecordType] = []
        others: list[Schema] = []
        for part in type.parts:
            target = resolve(part, self.lookup)
            if isinstance(target, RecordType):
                records.append(target)
            else:
                others.append(self.schema(part))
        if records:  # closed objects cannot be combined with allOf: each would refuse the keys of the others
            others.insert(0, self.record(merge_records(records)))
        return others[0] if len(others) == 1 else {"allOf": others}

    def reference(self, name: str) -> Schema:
        target = self.lookup(name)
        if target is None:
            return {"type": "object"}
        if is_circular(name, self.lookup):
            return dict(_NOTHING)
        key = self.names.get(name)
        if key is None:
            # only characters that mean nothing in a JSON pointer or a URI
            key = "".join([c if c.isascii() and (c.isalnum() or c in "_-.") else "_" for c in name])
            while key in self.defs:
                key += "_"
            self.names[name] = key
            self.defs[key] = {}  # taken, before the type mentions itself
            self.defs[key] = self.schema(target)
        return {"$ref": f"#/$defs/{key}"}

    # --- refinements ---

    def refined(self, type: RefinedType) -> Schema:
        base = resolve(type.base, self.lookup) or type.base
        if isinstance(base, IntersectionType):
            base = resolve(base.parts[0], self.lookup) or base
        needed = [key for p in type.predicates if p.name in ("has-key", "required-keys") for key in _keys(p)]
        if isinstance(base, RecordType) and needed and not isinstance(type.base, IntersectionType):
            schema = self.record(_with_keys(base, needed))
        else:
            schema = dict(self.schema(type.base))
        extra: list[Schema] = []
        for predicate in type.predicates:
            for keyword, value in constraints(predicate, base).items():
                if keyword not in schema:
                    schema[keyword] = value
                elif keyword in _TIGHTEN:
                    schema[keyword] = _TIGHTEN[keyword](schema[keyword], value)
                elif keyword == "required":
                    schema["required"] = [*schema["required"], *[k for k in value if k not in schema["required"]]]
                elif schema[keyword] != value:
                    extra.append({keyword: value})
        if extra:
            schema["allOf"] = [*schema.get("allOf", ()), *extra]
        return schema


_TIGHTEN: dict[str, Any] = {
    "minimum": max,
    "maximum": min,
    "exclusiveMinimum": max,
    "exclusiveMaximum": min,
    "minLength": max,
    "maxLength": min,
    "minItems": max,
    "maxItems": min,
    "minProperties": max,
    "maxProperties": min,
}


def _keys(predicate: Predicate) -> list[Any]:
    return [predicate.operands[0]] if predicate.name == "has-key" else list(predicate.operands[0].items())


def _with_keys(record: RecordType, keys: list[Any]) -> RecordType:
    """The record with these keys required, since a closed object has to name them."""
    entries = {entry.key: entry for entry in record.entries}
    for key in keys:
        known = entries.get(key)
        entries[key] = Entry(key, known.type if known else record.rest or AnyType())
    return RecordType(tuple(entries.values()), record.rest)


def _size_names(base: Type) -> list[str]:
    """What sizes are counted in: the keyword endings that apply to a base type; all of them when that is open."""
    if isinstance(base, Primitive) and base.name in ("string", "keyword", "symbol"):
        return ["Length"]
    if isinstance(base, (VectorType, TupleType, ArrayType)) or (isinstance(base, Primitive) and base.name in ("list", "vector")):
        return ["Items"]
    if isinstance(base, (RecordType, MapOfType)) or (isinstance(base, Primitive) and base.name == "map"):
        return ["Properties"]
    return ["Length", "Items", "Properties"]


def _sizes(base: Type, low: int | None, high: int | None) -> Schema:
    schema: Schema = {}
    for name in _size_names(base):
        if low is not None:
            schema["min" + name] = low
        if high is not None:
            schema["max" + name] = high
    return schema


def _bound(base: Type, name: str, bound: float) -> Schema:
    """`> >= < <=` as keywords; for integers always inclusive, which decoders support more widely."""
    if not math.isfinite(bound):
        holds = (bound < 0) == name.startswith(">")
        return {} if holds else {"not": {}}
    if isinstance(base, Primitive) and base.name == "int":
        if name == ">":
            return {"minimum": math.floor(bound) + 1}
        if name == ">=":
            return {"minimum": math.ceil(bound)}
        if name == "<":
            return {"maximum": math.ceil(bound) - 1}
        return {"maximum": math.floor(bound)}
    return {{">": "exclusiveMinimum", ">=": "minimum", "<": "exclusiveMaximum", "<=": "maximum"}[name]: bound}


def _pattern(regex: str) -> Schema:
    """A regular expression in the dialect of JSON Schema; one that needs more than it has is left to the check afterwards."""
    import re

    if re.search(r"\(\?(?![:=!])", regex):  # inline flags, named groups, look-behind, comments
        return {}
    return {"pattern": re.sub(r"\\[AZ]", lambda found: "^" if found[0] == "\\A" else "$", regex)}


def constraints(predicate: Predicate, base: Type) -> Schema:
    """The keywords that say what a predicate says, for a base type; empty when there are none."""
    name, operands = predicate.name, predicate.operands
    if name in (">", ">=", "<", "<="):
        return _bound(base, name, operands[0])
    if name == "in-range":
        return _bound(base, ">=", operands[0]) | _bound(base, "<=", operands[1])
    if name in ("=", "!="):
        literal = json_literal(operands[0])
        if literal is not None and not isinstance(literal, (str, int, float)):
            return {}
        if isinstance(literal, float) and not math.isfinite(literal):  # JSON has no such number
            return dict(_NOTHING) if name == "=" else {}
        return {"const": literal} if name == "=" else {"not": {"const": literal}}
    if name in ("min-length", "min-count"):
        return _sizes(base, operands[0], None)
    if name in ("max-length", "max-count"):
        return _sizes(base, None, operands[0])
    if name in ("length", "count"):
        return _sizes(base, operands[0], operands[0])
    if name == "non-empty":
        return _sizes(base, 1, None)
    if name == "matches-regex":
        return _pattern(operands[0])
    if name == "string-contains":
        import re

        return {"pattern": re.escape(operands[0])}
    if name == "is-url":
        return {"format": "uri", "pattern": "^https?://"}
    if name == "is-email":
        return {"format": "email"}
    return {"required": list(dict.fromkeys([json_key(key) for key in _keys(predicate)]))}
