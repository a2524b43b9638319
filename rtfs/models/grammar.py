"""RTFS types to GBNF, the grammar notation of llama.cpp: what a local model is allowed to write.

The text a grammar admits is JSON in one fixed layout (`", "` and `": "`, no line breaks), always comes to an end
(strings, vectors and maps are bounded, recursive types stop at a depth), and keeps numeric and length bounds exactly.
Regular expressions and other predicates are left to the check that every reply gets afterwards.

It is our own because the library's converter ignores numeric bounds and copies patterns unread; a grammar that
llama.cpp cannot parse ends the process, so nothing a user writes reaches the notation except as a quoted literal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rtfs.models.grammar_bounds import MAX_DIGITS, NotExpressible, bounds, decimals, integer_bounds, integers, quoted, within
from rtfs.types.nodes import (
    NUMBER,
    AnyType,
    ArrayType,
    EnumType,
    IntersectionType,
    MapOfType,
    Primitive,
    RecordType,
    RefinedType,
    TupleType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
)
from rtfs.values.convert import to_python
from rtfs.values.scalars import Keyword, Symbol, Timestamp, Uuid

MAX_STRING = 200
MAX_NESTED_STRING = 80
MAX_ITEMS = 8
#: llama.cpp refuses larger repetitions; longer bounds become "any number" and are checked afterwards.
_MAX_REPEAT = 1000
_MAX_LEVEL = 24

# what may stand in a JSON string as it is: no quote, no backslash, no control character, no lone surrogate.
# `\uXXXX` is left out: every character can be written as itself
_CHAR = r'[^"\\\x00-\x1F\x7F\u0080-\u009F\u2028\u2029\uD800-\uDFFF]'
_SHARED = {
    "char": rf'{_CHAR} | "\\" ["\\nt]',
    "int": rf'"0" | "-"? [1-9] [0-9]{{0,{MAX_DIGITS - 1}}}',  # no -0: as a key it would be 0 a second time
    "natural": rf'"0" | [1-9] [0-9]{{0,{MAX_DIGITS - 1}}}',
    "number": '"-"? natural ("." [0-9]{1,6})?',
    "bool": '"true" | "false"',
    "null": '"null"',
    "string": f'"\\"" char{{0,{MAX_NESTED_STRING}}} "\\""',
    "word": "[a-zA-Z] [a-zA-Z0-9-]{0,30}",
    "keyword": '"\\":" word "\\""',
    "symbol": '"\\"" word "\\""',
    "hex": "[0-9a-f]",
    "uuid": '"\\"" hex{8} "-" hex{4} "-" hex{4} "-" hex{4} "-" hex{12} "\\""',
    "month-day": '("01" | "03" | "05" | "07" | "08" | "10" | "12") "-" ("0" [1-9] | [12] [0-9] | "3" [01])'
    ' | ("04" | "06" | "09" | "11") "-" ("0" [1-9] | [12] [0-9] | "30") | "02-" ("0" [1-9] | "1" [0-9] | "2" [0-8])',
    "timestamp": '"\\"" ("19" | "20") [0-9] [0-9] "-" month-day "T" ([01] [0-9] | "2" [0-3])'
    ' ":" [0-5] [0-9] ":" [0-5] [0-9] "Z\\""',
    "email": '"\\"" [a-z] [a-z0-9.]{0,23} [a-z0-9] "@" [a-z] [a-z0-9-]{0,22} [a-z0-9] "." [a-z]{2,6} "\\""',
    "url": '"\\"http" "s"? "://" [a-z] [a-z0-9-]{1,24} "." [a-z]{2,6} ("/" [a-zA-Z0-9._~-]{0,30}){0,4} "\\""',
    "scalar": "string | number | bool | null",
    "list-of-any": f'"[" (scalar (", " scalar){{0,{MAX_ITEMS - 1}}})? "]"',
    "map-of-any": f'"{{" (string ": " scalar (", " string ": " scalar){{0,{MAX_ITEMS - 1}}})? "}}"',
    "any": "scalar | list-of-any | map-of-any",
}
_PRIMITIVES = {
    "int": "int",
    "float": "number",
    "bool": "bool",
    "nil": "null",
    "string": "string",
    "keyword": "keyword",
    "symbol": "symbol",
    "timestamp": "timestamp",
    "uuid": "uuid",
    "list": "list-of-any",
    "vector": "list-of-any",
    "map": "map-of-any",
}


def grammar_for(type_: Type, aliases: Mapping[str, Type] | None = None, *, before: str = "", after: str = "") -> str:
    """The GBNF of the JSON texts of a type; its start rule is `root`.

    Args:
        before, after: literal text around the JSON, e.g. a leading blank and the line break that ends an answer.
    Raises:
        NotExpressible: the type has no JSON form.
    """
    builder = _Builder(aliases or {})
    try:
        top = builder.rule(type_, 0)
    except RecursionError:
        raise NotExpressible("the type is nested too deep") from None
    around = [quoted(before)] * bool(before) + [top] + [quoted(after)] * bool(after)
    return builder.text(" ".join(around))


def json_of(value: Any) -> str:
    """The JSON text of an RTFS literal: keywords and symbols by name, without colon.

    Raises:
        NotExpressible: the value has no JSON form.
    """
    if isinstance(value, (Keyword, Symbol)):
        value = value.name
    elif isinstance(value, (Timestamp, Uuid)):
        value = value.text
    else:
        value = to_python(value)
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        raise NotExpressible(f"{type(value).__name__} has no JSON form") from None
    return text


class _Builder:
    """Collects rules; equal types at the same nesting level share one."""

    def __init__(self, aliases: Mapping[str, Type]) -> None:
        self.aliases = aliases
        self.rules: dict[str, str] = {}
        self.names: dict[tuple[Type, int], str] = {}

    def text(self, root: str) -> str:
        lines = [f"root ::= {root}"] + [f"{name} ::= {body}" for name, body in self.rules.items()]
        # the shared rules that are used, directly or by another
        needed, at = "\n".join(lines), 0
        shared: dict[str, None] = {}
        while at < 2:
            before = len(shared)
            for name, body in _SHARED.items():
                if name not in shared and _mentions(needed, name):
                    shared[name] = None
                    needed += "\n" + body
            at = at + 1 if len(shared) == before else 0
        return "\n".join(lines + [f"{name} ::= {_SHARED[name]}" for name in shared]) + "\n"

    def rule(self, type_: Type, level: int) -> str:
        """The name of the rule for a type; `level` counts the containers and names around it."""
        if level > _MAX_LEVEL:
            raise NotExpressible("nested too deep")
        key = (type_, level)
        if key not in self.names:
            body = self.body(type_, level)
            if body in _SHARED:
                self.names[key] = body
            else:
                name = f"r{len(self.rules)}"
                self.rules[name] = body
                self.names[key] = name
        return self.names[key]

    def body(self, type_: Type, level: int) -> str:
        if isinstance(type_, AnyType):
            return "any"
        if isinstance(type_, Primitive):
            if type_.name == "string":
                return self.string(0, None, level)
            if type_.name in _PRIMITIVES:
                return _PRIMITIVES[type_.name]
        if isinstance(type_, EnumType):
            return self.either(quoted(json_of(v)) for v in _expressible_values(type_))
        if isinstance(type_, UnionType):
            return self.either(self.possible(type_.options, level))
        if isinstance(type_, RefinedType):
            return self.refined(type_, level)
        if isinstance(type_, IntersectionType):
            return self.rule(merged(type_), level)
        if isinstance(type_, VectorType):
            return self.vector(type_.item, 0, None, level)
        if isinstance(type_, TupleType):
            return self.sequence([self.rule(t, level + 1) for t in type_.items])
        if isinstance(type_, ArrayType):
            first, *rest = type_.shape or (None,)
            inner = ArrayType(type_.item, tuple(rest)) if rest else type_.item
            return self.vector(inner, first or 0, first, level)
        if isinstance(type_, RecordType):
            return self.record(type_, level)
        if isinstance(type_, MapOfType):
            return self.map_of(type_, 0, None, level)
        if isinstance(type_, TypeRef):
            if type_.name in self.aliases:
                return self.rule(self.aliases[type_.name], level + 1)
            raise NotExpressible(f"nothing is known of the type {type_.name}")
        raise NotExpressible(f"{type(type_).__name__} has no JSON form")

    def possible(self, options: Iterable[Type], level: int) -> Iterable[str]:
        for option in options:
            try:
                yield self.rule(option, level)
            except NotExpressible:
                continue

    @staticmethod
    def either(alternatives: Iterable[str]) -> str:
        distinct = list(dict.fromkeys(alternatives))
        if not distinct:
            raise NotExpressible("none of the alternatives has a JSON form")
        return " | ".join(distinct)

    @staticmethod
    def sequence(items: list[str]) -> str:
        return '"[" ' + ' ", " '.join(items) + ' "]"' if items else '"[]"'

    @staticmethod
    def string(low: int, high: int | None, level: int) -> str:
        if high is None:
            high = max(low, MAX_STRING if level <= 1 else MAX_NESTED_STRING)
        if low > high:
            raise NotExpressible("no string is that long and that short")
        low = min(low, _MAX_REPEAT)
        return f'"\\"" char{{{low},{high if high <= _MAX_REPEAT else ""}}} "\\""'

    def vector(self, item: Type, low: int, high: int | None, level: int) -> str:
        if high is None:
            high = max(low, MAX_ITEMS >> min(level // 2, 3))
        if low > high:
            raise NotExpressible("no vector has so many and so few items")
        try:
            name = self.rule(item, level + 1)
        except NotExpressible:
            high = 0
            if low > 0:
                raise
        return _bracketed("[", name, low, high, "]") if high else '"[]"'

    def map_of(self, type_: MapOfType, low: int, high: int | None, level: int) -> str:
        if high is None:
            high = max(low, MAX_ITEMS >> min(level // 2, 3))
        try:
            entry = f'{self.map_key(type_.key, level)} ": " {self.rule(type_.value, level + 1)}'
        except NotExpressible:
            if low > 0:
                raise
            return '"{}"'
        return _bracketed("{", f"({entry})", low, high, "}") if high else '"{}"'

    def map_key(self, type_: Type, level: int) -> str:
        if isinstance(type_, TypeRef) and type_.name in self.aliases and level < _MAX_LEVEL:
            return self.map_key(self.aliases[type_.name], level + 1)
        if isinstance(type_, EnumType):
            names = [json_of(v) for v in _expressible_values(type_)]
            return "(" + self.either(quoted(n if n.startswith('"') else json.dumps(n)) for n in names) + ")"
        if isinstance(type_, UnionType):
            keys = []
            for option in type_.options:
                try:
                    keys.append(self.map_key(option, level))
                except NotExpressible:
                    continue
            return "(" + self.either(keys) + ")"
        base = type_.base if isinstance(type_, RefinedType) else type_
        if base == Primitive("int"):
            return f'"\\"" {self.rule(type_, level)} "\\""'
        if base == Primitive("string"):
            return self.rule(type_, level + 2)
        if isinstance(base, AnyType) or base in (Primitive("keyword"), Primitive("symbol")):
            return "symbol"  # as a key, a keyword is written without its colon
        raise NotExpressible("a JSON key cannot stand for this")

    def record(self, type_: RecordType, level: int) -> str:
        required: list[str] = []
        optional: list[str] = []
        for entry in type_.entries:
            key = json_of(entry.key)
            name = quoted((key if key.startswith('"') else json.dumps(key)) + ": ")
            try:
                value = self.rule(entry.type, level + 1)
            except NotExpressible:
                if entry.optional:
                    continue
                raise
            (optional if entry.optional else required).append(f"{name} {value}")
        if required:
            tail = "".join(f' (", " {o})?' for o in optional)
            return f'"{{" {(chr(32) + quoted(", ") + chr(32)).join(required)}{tail} "}}"'
        # without a required entry the first one that is present has no comma before it
        starts = [first + "".join(f' (", " {o})?' for o in optional[i + 1 :]) for i, first in enumerate(optional)]
        return f'"{{" ({" | ".join(starts)})? "}}"' if starts else '"{}"'

    def refined(self, type_: RefinedType, level: int) -> str:
        found = bounds(type_)
        base = type_.base
        while isinstance(base, (RefinedType, TypeRef)):
            base = base.base if isinstance(base, RefinedType) else self.aliases.get(base.name, AnyType())
        if "=" in found:
            return quoted(json_of(found["="]))
        if isinstance(base, Primitive) and base.name == "int":
            low, high = integer_bounds(found)
            return self.rule(base, level) if low is high is None else integers(low, high)
        if base in (Primitive("float"), NUMBER):
            return decimals(found) if found.keys() & {">", ">=", "<", "<="} else "number"
        low, high = found.get("min", 0), found.get("max")
        if isinstance(base, Primitive) and base.name == "string":
            if "is-email" in found or "is-url" in found:
                return "email" if "is-email" in found else "url"
            return self.string(low, high, level)
        if isinstance(base, VectorType):
            return self.vector(base.item, low, high, level)
        if isinstance(base, MapOfType):
            return self.map_of(base, low, high, level)
        if isinstance(base, EnumType):
            kept = [v for v in base.values if within(v, found)]
            return self.body(EnumType(tuple(kept)), level)
        if isinstance(base, Primitive) and base.name in ("list", "vector"):
            return self.vector(AnyType(), low, high, level)
        return self.rule(base, level)


def _mentions(text: str, name: str) -> bool:
    """Whether a rule body names a rule, as opposed to a longer name or a literal that contains it."""
    at = text.find(name)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(name) : at + len(name) + 1]
        if not (before.isalnum() or before == "-" or after.isalnum() or after == "-"):
            return True
        at = text.find(name, at + 1)
    return False


def _bracketed(left: str, item: str, low: int, high: int, right: str) -> str:
    low = min(low, _MAX_REPEAT)
    most = "" if high > _MAX_REPEAT else str(high - 1)
    body = f'{item} (", " {item}){{{max(low - 1, 0)},{most}}}' if high > 1 else item
    return f'"{left}" {body if low else f"({body})?"} "{right}"'


def _expressible_values(type_: EnumType) -> Iterable[Any]:
    for value in type_.values:
        try:
            json_of(value)
        except NotExpressible:
            continue
        yield value


def merged(type_: IntersectionType) -> Type:
    """One type that stands for an intersection in a grammar: records put together, otherwise the most telling part."""
    parts = [p for p in type_.parts if not isinstance(p, AnyType)]
    if parts and all(isinstance(p, RecordType) for p in parts):
        entries = {repr(e.key): e for p in parts if isinstance(p, RecordType) for e in p.entries}
        return RecordType(tuple(entries.values()))
    refined = [p for p in parts if isinstance(p, RefinedType)]
    if refined:
        return RefinedType(refined[0].base, tuple(q for p in refined for q in p.predicates))
    return parts[0] if parts else AnyType()
