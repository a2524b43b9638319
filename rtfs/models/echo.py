"""The provider that is always there: no weights, no network, the same answer every time.

For demonstrations and tests of everything around a model.  A text result (`string`, `any`) is the arguments, written as
the reference writes a prompt: `name: value; name: value`.  Any other result says nothing about the arguments: it is the
first small value found that fits the type: the first label, `false`, 0 or the nearest bound, the empty vector, a record
of such values.  Where none is found (a pattern that no simple text matches, `never`), it fails as a provider does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Any

from rtfs.errors import DelegationError
from rtfs.models.prompt import is_text, json_text, without_refinements
from rtfs.models.protocol import NO_USAGE, Availability, ModelReply, ModelRequest, Usage
from rtfs.types.coercion import CoercionError, coerce
from rtfs.types.matching import matches
from rtfs.types.nodes import (
    STRING,
    AnyType,
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
    merge_records,
    resolve,
)
from rtfs.values.maps import Map
from rtfs.values.printing import to_text
from rtfs.values.scalars import Keyword, Symbol, Timestamp, Uuid
from rtfs.values.sequences import Vector

_MOST_CANDIDATES = 400  # values tried for one result
_LONGEST = 1_000  # characters or items of a made-up value

_PRIMITIVES: dict[str, tuple[Any, ...]] = {
    "int": (0, 1, -1, 2),
    "float": (0.0, 0.5, 1.0, -1.0),
    "string": ("", "x", "0"),
    "bool": (False, True),
    "nil": (None,),
    "keyword": (Keyword("echo"),),
    "symbol": (Symbol("echo"),),
    "timestamp": (Timestamp("1970-01-01T00:00:00Z"),),
    "uuid": (Uuid("00000000-0000-0000-0000-000000000000"),),
    "list": (Vector(),),
    "vector": (Vector(),),
    "map": (Map(),),
}


class EchoProvider:
    """Answers with the arguments, or with the smallest value that fits."""

    name = "echo"
    free = instant = True
    calls_tools = True  # it never does

    def complete(self, request: ModelRequest) -> ModelReply:
        lookup = request.aliases.get
        prompt = "; ".join(f"{p.name}: {to_text(p.value)}" for p in request.parameters)
        text = prompt if is_text(request.result, lookup) else self._structured(request, lookup)
        usage = Usage(prompt_tokens=len(prompt.split()), completion_tokens=len(text.split()))
        return ModelReply(text=text, usage=usage, model=self.name)

    def availability(self, model: str) -> Availability:
        return Availability(usable=True, detail="built in: answers with the arguments, or the smallest value that fits")

    def close(self) -> None:
        pass

    def _structured(self, request: ModelRequest, lookup: Lookup) -> str:
        for value in islice(_values(request.result, lookup, ()), _MOST_CANDIDATES):
            text = json_text(value, request.result, lookup)
            if isinstance(value, str) and without_refinements(request.result, lookup) == STRING:
                text = value
            try:
                coerce(text, request.result, names=lookup)
            except CoercionError:
                continue
            return text
        raise DelegationError(
            f"echo cannot make up a value of type {request.result}",
            kind="provider-error",
            usage=NO_USAGE,
            hint="echo knows small values only; register a provider of your own for this type",
        )


def _values(expected: Type, lookup: Lookup, open_names: tuple[str, ...]) -> Iterator[Any]:
    """Values that may belong to a type, small ones first; the caller checks.

    `open_names` are the aliases being worked out: a type inside itself gives nothing, so that the smallest value of a
    recursive type is one that does not recur.
    """
    match expected:
        case AnyType():
            yield from (None, "")
        case Primitive(name=name):
            yield from _PRIMITIVES.get(name, ())
        case EnumType(values=values):
            yield from values
        case VectorType(item=item):
            yield Vector()
            for value in islice(_values(item, lookup, open_names), 3):
                yield Vector([value])
        case TupleType(items=items):
            for row in _rows([_fitting(item, lookup, open_names) for item in items]):
                yield Vector(row)
        case ArrayType(item=item, shape=shape):
            for value in islice(_values(item, lookup, open_names), 3):
                for length in reversed(shape or (None,)):
                    if length is not None and length > _LONGEST:
                        return
                    value = Vector([value] * (length or 0))
                yield value
        case RecordType(entries=entries):
            required = [e for e in entries if not e.optional]
            for row in _rows([_fitting(e.type, lookup, open_names) for e in required]):
                yield Map([(e.key, value) for e, value in zip(required, row, strict=True)])
        case MapOfType():
            yield Map()
        case UnionType(options=options):
            for option in options:
                yield from _fitting(option, lookup, open_names)
        case RefinedType(base=base, predicates=predicates):
            yield from _refined(base, predicates, lookup, open_names)
        case IntersectionType(parts=parts):
            found = [resolve(part, lookup) for part in parts]
            if records := [part for part in found if isinstance(part, RecordType)]:
                yield from islice(_values(merge_records(records), lookup, open_names), 20)
            for part in parts:
                yield from islice(_values(part, lookup, open_names), 20)
        case TypeRef(name=name) if name not in open_names:
            target = lookup(name)
            if target is not None:
                yield from _values(target, lookup, (*open_names, name))


def _fitting(expected: Type, lookup: Lookup, open_names: tuple[str, ...]) -> Iterator[Any]:
    """Those of the first values of a type that really belong to it, for parts of which only the first few are tried."""
    for value in islice(_values(expected, lookup, open_names), 50):
        if matches(expected, value, lookup):
            yield value


def _rows(columns: list[Iterator[Any]]) -> Iterator[list[Any]]:
    """The first value of each column; then, one column after the other, its next few with the first of the others."""
    firsts = [next(column, _NOTHING) for column in columns]
    if any(value is _NOTHING for value in firsts):
        return
    yield list(firsts)
    for at, column in enumerate(columns):
        for value in islice(column, 3):
            yield [*firsts[:at], value, *firsts[at + 1 :]]


_NOTHING: Any = object()


def _refined(base: Type, predicates: tuple[Predicate, ...], lookup: Lookup, open_names: tuple[str, ...]) -> Iterator[Any]:
    """The base's own values, then those that the operands of the predicates suggest."""
    yield from islice(_values(base, lookup, open_names), 50)
    numbers = [o for p in predicates for o in p.operands if isinstance(o, (int, float)) and math.isfinite(o)]
    sizes = [int(n) for n in numbers if 0 < n <= _LONGEST]
    bare = resolve(base, lookup)
    kinds = {o.name for o in (bare.options if isinstance(bare, UnionType) else (bare,)) if isinstance(o, Primitive)}
    if "int" in kinds or "float" in kinds:
        for number in numbers:
            whole = int(number)
            yield from (whole, whole + 1, whole - 1) if "int" in kinds else (float(number), number + 1.0, number - 1.0)
        if "float" in kinds:
            yield from ((a + b) / 2 for a, b in pairwise(numbers))
    if "string" in kinds:
        yield from (o for p in predicates for o in p.operands if isinstance(o, str))
        yield from ("x" * size for size in sizes)
        yield from ("user@example.com", "http://example.com")
    if isinstance(bare, VectorType):
        item = next(_fitting(bare.item, lookup, open_names), _NOTHING)
        if item is not _NOTHING:
            yield from (Vector([item] * size) for size in (1, *sizes))
    yield from (o for p in predicates if p.name in ("=", "in") for o in p.operands)

