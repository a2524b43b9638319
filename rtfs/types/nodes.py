"""Types as values: one frozen class per constructor of the type language (reference 4.1).

Nodes say what a type *is*; `parse` makes them from forms, `printing` turns them back into text that reads,
`matching` tells whether a value belongs, `json_schema` exports them.  Compared and hashed by structure.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Type(Struct):
    """The root of all types."""

    def __str__(self) -> str:
        from rtfs.types.printing import type_text

        return type_text(self)


class AnyType(Type):
    """`any`: everything belongs."""


class NeverType(Type):
    """`never`: nothing belongs."""


class Primitive(Type):
    """A kind of value by name.

    `name` is one of: int float string bool nil keyword symbol timestamp uuid resource error list vector map function
    (`float` accepts integers as they are; `list` and `vector` accept any sequence, as `[:vector any]` does).
    """

    name: str


class VectorType(Type):
    """`[:vector T]`: a vector or list whose items all belong to `item`."""

    item: Type


class TupleType(Type):
    """`[:tuple A B]`: a vector of exactly these, by position."""

    items: tuple[Type, ...]


class ArrayType(Type):
    """`[:array T [2 ?]]`: nested vectors of a shape; None in `shape` is any length; an empty shape is any shape of depth 1."""

    item: Type
    shape: tuple[int | None, ...]


class Entry(Struct):
    """One entry of a record: key (a Keyword, string or integer), type, and whether it may be absent."""

    key: Any
    type: Type
    optional: bool = False


class RecordType(Type):
    """`[:map [:a T] [:b T ?] [:* R]]`: an open map with these entries; `rest` constrains all other values, if given."""

    entries: tuple[Entry, ...]
    rest: Type | None = None
    name: str | None = None
    """The struct's name when made by `defstruct`."""


class MapOfType(Type):
    """`[:map-of K V]`."""

    key: Type
    value: Type


class FunctionType(Type):
    """`[:fn [A B & R] T]`. `rest` is the type of each further operand, or None."""

    params: tuple[Type, ...]
    rest: Type | None
    result: Type


class ResourceType(Type):
    """`[:resource Name]`."""

    name: str


class EnumType(Type):
    """`[:enum a b c]` and `[:val a]`: one of these literal values (RTFS values: str, int, float, bool, None, Keyword …)."""

    values: tuple[Any, ...]

    def __eq__(self, other: object) -> bool:
        from rtfs.values.equality import equal

        return (
            isinstance(other, EnumType)
            and len(self.values) == len(other.values)
            and all(equal(a, b) for a, b in zip(self.values, other.values, strict=True))
        )

    def __hash__(self) -> int:
        from rtfs.values.equality import hash_value

        return hash(tuple(hash_value(v) for v in self.values))


class UnionType(Type):
    """`[:union A B]`, `T?`, `[:optional T]`: any of these. Never fewer than two options, never nested."""

    options: tuple[Type, ...]


class IntersectionType(Type):
    """`[:and A B]`: all of these."""

    parts: tuple[Type, ...]


class Predicate(Struct):
    """One refinement, e.g. `[:>= 0]`: `name` without the colon, and its operands as RTFS values."""

    name: str
    operands: tuple[Any, ...] = ()

    def __eq__(self, other: object) -> bool:
        # `[:!= 1]` is neither `[:!= 1.0]` nor `[:!= true]`, which Python takes for the same
        from rtfs.values.equality import equal

        if not isinstance(other, Predicate) or self.name != other.name or len(self.operands) != len(other.operands):
            return False
        return all(a is b or equal(a, b) for a, b in zip(self.operands, other.operands, strict=True))

    def __hash__(self) -> int:
        from rtfs.values.equality import hash_value

        return hash((self.name, tuple([hash_value(operand) for operand in self.operands])))


class RefinedType(Type):
    """`[:and T [:> 0] …]`: values of `base` for which all predicates hold."""

    base: Type
    predicates: tuple[Predicate, ...]


class StreamType(Type):
    """`[:stream T]`, `[:stream-bi …]`, `[:stream-duplex …]`: `direction` is `out`, `bi` or `duplex`."""

    item: Type
    output: Type | None = None
    direction: str = "out"


class TypeRef(Type):
    """A name that `defstruct` or `deftype` defines; looked up when a value is checked, so types can be recursive."""

    name: str


class TypeVariable(Type):
    """`a` in the declared type of a built-in: any type, the same one at every place in one call. Not written in programs."""

    name: str


class SequenceType(Type):
    """`[:seq T]` in the declared type of a built-in: whatever gives items of type T when it is walked. Not written in programs.

    Vectors and lists give their items, strings their characters as strings, maps `[key value]` pairs, nil nothing.
    """

    item: Type


ANY = AnyType()
NEVER = NeverType()
INT = Primitive("int")
FLOAT = Primitive("float")
STRING = Primitive("string")
BOOL = Primitive("bool")
NIL = Primitive("nil")
KEYWORD = Primitive("keyword")
SYMBOL = Primitive("symbol")
NUMBER = UnionType((INT, FLOAT))

#: What a name that `defstruct` or `deftype` defined stands for; None when it is not (yet) defined.
Lookup = Callable[[str], "Type | None"]


def no_names(name: str) -> Type | None:
    """The look-up of a world without named types."""
    return None


def union(*options: Type) -> Type:
    """The union of these: flattened, without repeats, `any` absorbing all; a single option is itself."""
    flat: dict[Type, None] = {}
    for option in options:
        for part in option.options if isinstance(option, UnionType) else (option,):
            if isinstance(part, AnyType):
                return ANY
            if not isinstance(part, NeverType):
                flat[part] = None
    if not flat:
        return NEVER
    return next(iter(flat)) if len(flat) == 1 else UnionType(tuple(flat))


def intersection(*parts: Type) -> Type:
    """Values of all these: flattened, without repeats; `any` vanishes, `never` absorbs; refinements move to the outside."""
    flat: dict[Type, None] = {}
    predicates: list[Predicate] = []
    for part in parts:
        base = part
        if isinstance(base, RefinedType):
            predicates += base.predicates
            base = base.base
        for inner in base.parts if isinstance(base, IntersectionType) else (base,):
            if isinstance(inner, NeverType):
                return NEVER
            if not isinstance(inner, AnyType):
                flat[inner] = None
    whole = ANY if not flat else next(iter(flat)) if len(flat) == 1 else IntersectionType(tuple(flat))
    return refined(whole, *predicates)


def refined(base: Type, *predicates: Predicate) -> Type:
    """`base` with further predicates; those of a base that is refined already come first, repeats are dropped."""
    if isinstance(base, RefinedType):
        predicates = (*base.predicates, *predicates)
        base = base.base
    unique = tuple(dict.fromkeys(predicates))
    return RefinedType(base, unique) if unique and not isinstance(base, NeverType) else base


def merge_records(records: list[RecordType]) -> RecordType:
    """One record for an intersection of several: all entries, each satisfying every record that names it.

    Reading JSON and writing schemas closes records, so an intersection cannot be done part by part there.
    """
    merged: dict[Any, Entry] = {}
    rest: Type | None = None
    for record in records:
        for entry in record.entries:
            other = merged.get(entry.key)
            if other is not None:
                entry = Entry(entry.key, intersection(other.type, entry.type), other.optional and entry.optional)
            merged[entry.key] = entry
        if record.rest is not None:
            rest = record.rest if rest is None else intersection(rest, record.rest)
    return RecordType(tuple(merged.values()), rest)


def resolve(type: Type, lookup: Lookup) -> Type | None:
    """What a type is once names are followed; None when a name is unknown or defined by nothing but itself."""
    seen: set[str] = set()
    while isinstance(type, TypeRef):
        if type.name in seen:
            return None
        seen.add(type.name)
        found = lookup(type.name)
        if found is None:
            return None
        type = found
    return type


def is_circular(name: str, lookup: Lookup) -> bool:
    """Whether deciding `name` would ask about `name` for the same value again, as `(deftype A [:union A int])` does."""
    waiting: list[Type] = [TypeRef(name)]
    seen: set[str] = set()
    while waiting:
        type = waiting.pop()
        if isinstance(type, TypeRef):
            if type.name in seen:
                if type.name == name:
                    return True
                continue
            seen.add(type.name)
            found = lookup(type.name)
            if found is not None:
                waiting.append(found)
        elif isinstance(type, UnionType):
            waiting += type.options
        elif isinstance(type, IntersectionType):
            waiting += type.parts
        elif isinstance(type, RefinedType):
            waiting.append(type.base)
    return False
