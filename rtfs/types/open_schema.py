"""Types as JSON Schema that says exactly what a type accepts: `json_schema(type, open=True)`.

The other schema, for writing, closes records and leaves to the check afterwards what decoders do not know; this one is for
validating.  JSON is meant as `coerce` reads it: what a keyword, a symbol or a timestamp is written as stands for it.
A type to which no JSON belongs, such as a function, becomes `{"not": {}}`.

Two things stay beyond JSON Schema and are left to the type: regular expressions with inline flags or look-behind, and a number
without a fraction that is a float (`[:val 1.0]`), since JSON knows no difference between 1 and 1.0.
"""

from __future__ import annotations

from rtfs.types.branches import Branch, TooHard, is_opaque
from rtfs.types.json_schema import Exporter, Schema, constraints, json_key, json_literal
from rtfs.types.lattice import branch_type
from rtfs.types.nodes import (
    AnyType,
    EnumType,
    FunctionType,
    IntersectionType,
    Lookup,
    MapOfType,
    NeverType,
    Predicate,
    Primitive,
    RecordType,
    RefinedType,
    ResourceType,
    SequenceType,
    StreamType,
    Type,
    TypeVariable,
    UnionType,
    resolve,
)
from rtfs.types.relation import Relation
from rtfs.values.maps import Map
from rtfs.values.sequences import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Primitives whose values have no JSON.
_WITHOUT_JSON = frozenset({"function", "resource", "error"})
_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_URL = r"^https?://\S+$"


class OpenExporter(Exporter):
    """Makes schemas that accept what types accept."""

    def __init__(self, lookup: Lookup) -> None:
        super().__init__(lookup)
        self._relation = Relation(lookup)

    def schema(self, type: Type) -> Schema:
        if isinstance(type, Primitive) and type.name in _WITHOUT_JSON:
            return {"not": {}}
        if isinstance(type, (FunctionType, ResourceType, StreamType, TypeVariable, SequenceType)):
            return {"not": {}}
        return super().schema(type)

    def reference(self, name: str) -> Schema:
        return {"not": {}} if self.lookup(name) is None else super().reference(name)

    def record(self, type: RecordType) -> Schema:
        properties: dict[str, Schema] = {}
        required: list[str] = []
        for entry in type.entries:
            key, schema = json_key(entry.key), self.schema(entry.type)
            # `:a` and `"a"` are both found under one JSON key
            properties[key] = {"allOf": [properties[key], schema]} if key in properties else schema
            if not entry.optional and key not in required:
                required.append(key)
        out: Schema = {"type": "object"}
        if properties:
            out["properties"] = properties
        if required:
            out["required"] = required
        if type.rest is not None and not isinstance(type.rest, AnyType):
            out["additionalProperties"] = False if isinstance(type.rest, NeverType) else self.schema(type.rest)
        return out

    def map_of(self, type: MapOfType) -> Schema:
        out: Schema = {"type": "object"}
        value = self.schema(type.value)
        if value:
            out["additionalProperties"] = value
        names = self.key_schema(type.key)
        if names is not None:
            out["propertyNames"] = names
        return out

    def key_schema(self, type: Type) -> Schema | None:
        """What the names of an object have to be; None when any will do."""
        target = resolve(type, self.lookup)
        if isinstance(target, AnyType) or (isinstance(target, Primitive) and target.name in ("string", "keyword", "symbol")):
            return None
        if isinstance(target, Primitive) and target.name == "int":
            return {"pattern": "^-?[0-9]+$"}
        if isinstance(target, UnionType):
            options = [self.key_schema(option) for option in target.options]
            return None if None in options else {"anyOf": options}
        if isinstance(target, EnumType):
            return {"enum": [str(value) for value in self.enum(target).get("enum", ())]}
        return self.schema(type)

    def intersection(self, type: IntersectionType) -> Schema:
        return self._apart(type) or {"allOf": [self.schema(part) for part in type.parts]}

    def refined(self, type: RefinedType) -> Schema:
        return self._apart(type) or {"allOf": [self.schema(type.base), *[self._predicate(type.base, p) for p in type.predicates]]}

    def _apart(self, type: Type) -> Schema | None:
        """The schema of a type by its branches, each of which is about one kind of JSON; None when it has none to show."""
        try:
            branches = self._relation.branches(type)
        except TooHard:
            return None
        if [branch for branch in branches if not self._can_show(branch)]:
            return None
        schemas: list[Schema] = []
        for branch in branches:
            made = branch_type(branch)
            schema = self._facts(made.base, made.predicates) if isinstance(made, RefinedType) else self.schema(made)
            if schema not in schemas:
                schemas.append(schema)
        if not schemas:
            return {"not": {}}
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}

    def _can_show(self, branch: Branch) -> bool:
        return not is_opaque(branch.base) and not isinstance(branch.base, IntersectionType)

    def _facts(self, base: Type, predicates: tuple[Predicate, ...]) -> Schema:
        schema = dict(self.schema(base))
        extra: list[Schema] = []
        for predicate in predicates:
            for keyword, value in self._predicate(base, predicate).items():
                if keyword in schema and schema[keyword] != value:
                    extra.append({keyword: value})
                else:
                    schema[keyword] = value
        return schema | ({"allOf": extra} if extra else {})

    def _predicate(self, base: Type, predicate: Predicate) -> Schema:
        """What one predicate says of a base of one kind."""
        name = predicate.name
        if name == "is-email":
            return {"format": "email", "pattern": _EMAIL}
        if name == "is-url":
            return {"format": "uri", "pattern": _URL}
        if name in ("=", "!=") and not isinstance(predicate.operands[0], float):
            const = {"const": _json_data(predicate.operands[0])}
            return const if name == "=" else {"not": const}
        return constraints(predicate, base)


def _json_data(value: Any) -> Any:
    if isinstance(value, Sequence):
        return [_json_data(item) for item in value.items()]
    if type(value) is Map:
        return {json_key(key): _json_data(item) for key, item in value.items()}
    return json_literal(value)
