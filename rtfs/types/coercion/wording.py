"""What is wrong with JSON data, in sentences for its author: a model, a tool, a host."""

from __future__ import annotations

from rtfs.errors import EvalError
from rtfs.types.coercion.tree import Bare, MapKey, plain
from rtfs.types.json_schema import json_key, json_literal
from rtfs.types.mismatch import key_path, shorten
from rtfs.types.nodes import (
    NUMBER,
    ArrayType,
    EnumType,
    IntersectionType,
    Lookup,
    MapOfType,
    Predicate,
    Primitive,
    RecordType,
    RefinedType,
    TupleType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
    no_names,
)
from rtfs.types.predicates import predicate_text
from rtfs.types.printing import type_text
from rtfs.values.printing import preview, quote_string, to_readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    #: (path so far, next step: an index or a key); None is the top.
    Path = Any
else:
    Path = object


class CoercionError(EvalError, ValueError):
    """Data or text that is not a value of the type that was asked for.

    Attributes:
        problem: one sentence with the place, for the author of the data: `.items[0].price must be a number, but is "x"`.
        path: the place alone, `.items[0].price`; empty at the top.
        wanted: what should be there, to stand after "must be"; empty when something is there that should not be.
        found: what is there, as a few words of JSON; empty when something is missing.
    """

    default_kind = "type-validation-error"

    def __init__(self, problem: str, path: Path = None, *, wanted: str = "", found: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = "" if path is None else place(path)
        self.wanted = wanted
        self.found = found
        #: whether the end of a reply, rather than what it says, is at fault
        self.is_cut = False

    def for_reply(self) -> CoercionError:
        """The same error about a reply rather than about a value."""
        self.problem = self.problem.replace("the value", "the reply", 1) if self.problem.startswith("the value") else self.problem
        self.message = self.problem
        self.args = (self.problem,)
        return self


def describe(type: Type, lookup: Lookup = no_names) -> str:
    """A type in the words of JSON, to stand after "must be"."""
    return _describe(type, lookup, 0)


def _describe(type: Type, lookup: Lookup, depth: int) -> str:
    if isinstance(type, TypeRef) and depth < 8:
        target = lookup(type.name)
        if target is not None:
            return _describe(target, lookup, depth + 1)
    if isinstance(type, Primitive):
        return _WORDS.get(type.name, f"of the type {type.name}")
    if isinstance(type, EnumType):
        words = [json_text(json_literal(value)) for value in type.values]
        return words[0] if len(words) == 1 else "one of " + ", ".join(words)
    if type == NUMBER:
        return "a number"
    if isinstance(type, UnionType):
        return " or ".join([_describe(option, lookup, depth + 1) for option in type.options])
    if isinstance(type, RefinedType):
        return _describe(type.base, lookup, depth)
    if isinstance(type, IntersectionType):
        return _describe(type.parts[0], lookup, depth)
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
    """Data as a few words: short, and never an array's items."""
    if isinstance(data, Bare):
        data = plain(data)
    if isinstance(data, str):
        return shorten(quote_string(data), 80)
    if data is None:
        return "null"
    if isinstance(data, (list, tuple)):
        return "an empty array" if not data else "an array"
    if isinstance(data, dict):
        return "an object"
    return preview(data, 80)


def place(path: Path) -> str:
    """Where in the data: `.items[0].price`; at the top, `the value`."""
    parts: list[str] = []
    link: Any = path
    while link is not None:
        link, part = link
        parts.append(f"[{part}]" if isinstance(part, int) else key_path(str(part) if part.__class__ is MapKey else part))
    if len(parts) > 20:
        parts[10:-10] = ["…"]
    return "".join(reversed(parts)) or "the value"


def must(path: Path, type: Type, data: Any, lookup: Lookup = no_names) -> CoercionError:
    """The error for data of the wrong kind."""
    wanted, found = shorten(describe(type, lookup), 400), json_text(data)
    return CoercionError(f"{place(path)} must be {wanted}, but is {found}", path, wanted=wanted, found=found)


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
