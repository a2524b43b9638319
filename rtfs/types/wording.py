"""What is wrong with JSON data, in sentences for its author: a model, a tool, a host."""

from __future__ import annotations

from typing import Any

from rtfs.types.json_schema import json_key, json_literal
from rtfs.types.mismatch import key_path, shorten
from rtfs.types.nodes import (
    NUMBER,
    ArrayType,
    EnumType,
    IntersectionType,
    MapOfType,
    Predicate,
    Primitive,
    RecordType,
    RefinedType,
    TupleType,
    Type,
    UnionType,
    VectorType,
)
from rtfs.types.predicates import predicate_text
from rtfs.types.printing import type_text
from rtfs.values.printing import quote_string, to_readable

#: (path so far, next step: an index or a key); None is the top.
Path = Any


class CoercionError(ValueError):
    """Data or text that is not a value of the type that was asked for.

    Attributes:
        problem: one sentence with the place, for the author of the data: `.items[0].price must be a number, but is "x"`.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def describe(type: Type) -> str:
    """A type in the words of JSON, to stand after "must be"."""
    if isinstance(type, Primitive):
        return _WORDS.get(type.name, f"of the type {type.name}")
    if isinstance(type, EnumType):
        words = [json_text(json_literal(value)) for value in type.values]
        return words[0] if len(words) == 1 else "one of " + ", ".join(words)
    if type == NUMBER:
        return "a number"
    if isinstance(type, UnionType):
        return " or ".join([describe(option) for option in type.options])
    if isinstance(type, RefinedType):
        return describe(type.base)
    if isinstance(type, IntersectionType):
        return describe(type.parts[0])
    if isinstance(type, TupleType):
        return f"an array of exactly {len(type.items)} item{'' if len(type.items) == 1 else 's'}"
    if isinstance(type, (VectorType, ArrayType)):
        return "an array"
    if isinstance(type, RecordType):
        keys = [json_text(json_key(entry.key)) for entry in type.entries]
        return "an object" if not keys else f"an object with the key{'' if len(keys) == 1 else 's'} {', '.join(keys)}"
    if isinstance(type, MapOfType):
        return "an object"
    return f"of the type {shorten(type_text(type), 80)}"


_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "string": "a string",
    "bool": "true or false",
    "nil": "null",
    "keyword": 'a keyword such as ":name"',
    "symbol": "a name",
    "timestamp": 'a timestamp such as "2025-06-23T10:30:00Z"',
    "uuid": "a UUID",
    "list": "an array",
    "vector": "an array",
    "map": "an object",
}


def json_text(data: Any) -> str:
    if isinstance(data, str):
        return shorten(quote_string(data), 80)
    if data is None:
        return "null"
    if isinstance(data, (list, tuple)):
        return "an empty array" if not data else "an array"
    if isinstance(data, dict):
        return "an object"
    return shorten(to_readable(data), 80)


def place(path: Path) -> str:
    """Where in the data: `.items[0].price`; at the top, `the value`."""
    parts: list[str] = []
    while path is not None:
        path, part = path
        parts.append(f"[{part}]" if isinstance(part, int) else key_path(part))
    if len(parts) > 20:
        parts[10:-10] = ["…"]
    return "".join(reversed(parts)) or "the value"


def must(path: Path, type: Type, data: Any) -> CoercionError:
    return CoercionError(f"{place(path)} must be {shorten(describe(type), 400)}, but is {json_text(data)}")


_DUTIES = {
    "min-length": "have at least {} characters",
    "max-length": "have at most {} characters",
    "length": "have exactly {} characters",
    "min-count": "have at least {} items",
    "max-count": "have at most {} items",
    "count": "have exactly {} items",
    "matches-regex": "match the regular expression {}",
    "string-contains": "contain {}",
    "has-key": "have the key {}",
    "required-keys": "have the keys {}",
    "=": "be {}",
    "!=": "not be {}",
    "in-range": "be between {} and {}",
    "non-empty": "not be empty",
    "is-url": "be a URL that starts with http:// or https://",
    "is-email": "be an e-mail address",
}


def duty(predicate: Predicate) -> str:
    words = _DUTIES.get(predicate.name)
    if words is None:
        return f"be {predicate_text(predicate)}"
    return words.format(*[to_readable(operand) for operand in predicate.operands])
