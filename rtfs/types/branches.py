"""A type as a choice of branches, the form in which types can be compared (reference 4.5).

A branch is one plain constructor, such as `[:vector T]`, with the facts that its refinements say.  Unions become several
branches, intersections are worked out branch by branch, names are followed, and what says the same becomes the same: `bool` is
`[:enum true false]`, `[:array int [2]]` is `[:vector int]` with two items, `map` is a record without entries, and
`[:and any [:> 0]]` is `[:and float [:> 0]]`.  The parts inside a constructor stay as they are until somebody looks at them, so a
recursive type has a finite form.

A value belongs to a type exactly when it belongs to one of its branches.
"""

from __future__ import annotations

from rtfs.types.bases import is_empty_vector, meet_plain, sizes_of
from rtfs.types.facts import NO_FACTS, Facts, both, holds, sort_of, whole_bounds, with_predicate, with_sizes
from rtfs.types.kinds import KINDS
from rtfs.types.nodes import (
    ANY,
    FLOAT,
    NEVER,
    STRING,
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
    ResourceType,
    SequenceType,
    StreamType,
    TupleType,
    Type,
    TypeRef,
    TypeVariable,
    UnionType,
    VectorType,
    is_circular,
)
from rtfs.values.scalars import Keyword, ResourceHandle, Timestamp, Uuid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Branches of one type; with more, comparing is given up.
MAX_BRANCHES = 200
#: Pairs of branches that one question may put together.
_MAX_PAIRS = 50_000

ANY_VECTOR = VectorType(ANY)
ANY_MAP = RecordType(())


class TooHard(Exception):
    """The question would take too long; the one who asks gives the careful answer."""


class Branch:
    """One alternative of a type.

    `base` is `any`, a primitive (never bool, nil, list, vector or map), a vector, tuple, record, map-of, function, resource,
    stream or enumeration, a name or variable of which nothing is known, or an intersection of such that cannot be one.
    """

    # by hand, since comparing two types makes dozens of these
    __slots__ = ("base", "facts")

    def __init__(self, base: Type, facts: Facts = NO_FACTS) -> None:
        self.base = base
        self.facts = facts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Branch) and self.base == other.base and self.facts == other.facts

    def __hash__(self) -> int:
        return hash((self.base, self.facts))

    def __repr__(self) -> str:
        return f"Branch({self.base}, {self.facts})"


def is_opaque(type: Type) -> bool:
    """Whether nothing is known about what belongs: a name that is not defined, a variable."""
    return isinstance(type, (TypeRef, TypeVariable))


def contains(values: tuple[Any, ...], value: Any) -> bool:
    """Whether a value is one of the literals of an enumeration; strict on kind, as matching is."""
    for other in values:
        if type(other) is type(value) and other == value:
            return True
    return False


def known(values: tuple[Any, ...]) -> set[tuple[type, Any]]:
    """The literals of an enumeration for many questions: a value belongs when its kind and itself are in the set."""
    return {(value.__class__, value) for value in values}


def literal_belongs(value: Any, branch: Branch) -> bool | None:
    """Whether a literal (a scalar) belongs to a branch; None when that is not known."""
    found = _belongs_to_base(value, branch.base)
    if found is False or holds(branch.facts, value):
        return found
    return False


def _belongs_to_base(value: Any, base: Type) -> bool | None:
    if isinstance(base, AnyType):
        return True
    if isinstance(base, Primitive):
        return type(value) in KINDS.get(base.name, ())
    if isinstance(base, EnumType):
        return contains(base.values, value)
    if isinstance(base, (ResourceType, StreamType)):
        return type(value) is ResourceHandle
    if is_opaque(base):
        return None
    if isinstance(base, IntersectionType):
        answers = [_belongs_to_base(value, part) for part in base.parts]
        return False if False in answers else None if None in answers else True
    return False


class Brancher:
    """Takes types apart under one look-up; remembers what names stand for."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._targets: dict[str, Type | None] = {}
        self._pairs = 0

    def branches(self, type: Type) -> list[Branch]:
        """The branches of a type, in the order in which it is written; none for a type to which nothing belongs.

        Raises:
            TooHard: there are more than `MAX_BRANCHES`.
        """
        make = _MAKERS.get(type.__class__)
        return [Branch(type)] if make is None else make(self, type)

    def _primitive(self, type: Primitive) -> list[Branch]:
        base = _SAME_AS.get(type.name)
        return [Branch(type if base is None else base)]

    def _any_or_never(self, type: Type) -> list[Branch]:
        return [] if isinstance(type, NeverType) else [Branch(type)]

    def _vector(self, type: VectorType) -> list[Branch]:
        return [Branch(type, with_sizes(NO_FACTS, 0, 0)) if isinstance(type.item, NeverType) else Branch(type)]

    def _array(self, type: ArrayType) -> list[Branch]:
        shape = type.shape or (None,)
        base = VectorType(type.item if len(shape) == 1 else ArrayType(type.item, shape[1:]))
        found = self._vector(base)
        return found if shape[0] is None else kept([_with_facts(found[0], with_sizes(NO_FACTS, shape[0], shape[0]))])

    def _sequence(self, type: SequenceType) -> list[Branch]:
        item = type.item
        out = [Branch(EnumType((None,))), *self._vector(VectorType(item))]
        options = item.options if isinstance(item, UnionType) else (item,)
        for option in options:
            if isinstance(option, (AnyType, TypeVariable)):
                return [*out, Branch(STRING), Branch(ANY_MAP)]
            if option == STRING:
                out.append(Branch(STRING))
            elif isinstance(option, TupleType) and len(option.items) == 2:
                out.append(Branch(MapOfType(*option.items)))
            elif isinstance(option, VectorType):
                out.append(Branch(MapOfType(option.item, option.item)))
        return out

    def _union(self, type: UnionType) -> list[Branch]:
        out: list[Branch] = []
        for option in type.options:
            out += self.branches(option)
        if len(out) > MAX_BRANCHES:
            raise TooHard
        return out

    def _intersection(self, type: IntersectionType) -> list[Branch]:
        found = self.branches(type.parts[0])
        for part in type.parts[1:]:
            found = self.meet(found, self.branches(part))
        return found

    def _refined(self, type: RefinedType) -> list[Branch]:
        found = self.branches(type.base)
        for predicate in type.predicates:
            if sort_of(predicate) == "value" and predicate.name == "=" and type_is_scalar(predicate.operands[0]):
                value = predicate.operands[0]
                found = [] if value != value else self.meet(found, [Branch(EnumType((value,)))])
                continue
            kinds = _KINDS_OF_SORT.get(sort_of(predicate))
            if kinds is not None:
                found = self.meet(found, kinds)
            extra = with_predicate(NO_FACTS, predicate)
            found = kept([_with_facts(branch, extra) for branch in found])
        return found

    def _ref(self, type: TypeRef) -> list[Branch]:
        target = self.target(type.name)
        return [Branch(type)] if target is None else self.branches(target)

    def target(self, name: str) -> Type | None:
        """What a name stands for: None when it is not known, `never` when it is defined by nothing but itself."""
        if name not in self._targets:
            found = self._lookup(name)
            self._targets[name] = NEVER if found is not None and is_circular(name, self._lookup) else found
        return self._targets[name]

    # --- both of two ---

    def meet(self, left: list[Branch], right: list[Branch]) -> list[Branch]:
        """The branches of what belongs to both.

        Raises:
            TooHard: as `branches`.
        """
        out: list[Branch] = []
        self._pairs += len(left) * len(right)
        if self._pairs > _MAX_PAIRS:
            raise TooHard
        for x in left:
            for y in right:
                base = self.meet_bases(x.base, y.base)
                if base is not None:
                    out += kept([Branch(base, both(x.facts, y.facts))])
            if len(out) > MAX_BRANCHES:
                raise TooHard
        return list(dict.fromkeys(out)) if len(out) > 1 else out

    def meet_bases(self, a: Type, b: Type) -> Type | None:
        """The base of what belongs to two bases; None when nothing does."""
        if a == b or isinstance(b, AnyType):
            return a
        if isinstance(a, AnyType):
            return b
        if isinstance(b, IntersectionType):
            whole: Type | None = a
            for part in b.parts:
                whole = None if whole is None else self.meet_bases(whole, part)
            return whole
        if isinstance(a, IntersectionType):
            return self._meet_into(a.parts, b)
        if is_opaque(a) or is_opaque(b):
            return IntersectionType((a, b))
        if isinstance(a, EnumType):
            return _those_of(a, b)
        return _those_of(b, a) if isinstance(b, EnumType) else meet_plain(a, b)

    def _meet_into(self, parts: tuple[Type, ...], new: Type) -> Type | None:
        out = list(parts)
        for i in range(len(out)):
            met = self.meet_bases(out[i], new)
            if met is None:
                return None
            if not isinstance(met, IntersectionType):
                out[i] = met
                return out[0] if len(out) == 1 else IntersectionType(tuple(dict.fromkeys(out)))
        return IntersectionType((*out, new))


def _those_of(enum: EnumType, base: Type) -> Type | None:
    if isinstance(base, EnumType):
        others = known(base.values)
        values = tuple([value for value in enum.values if (value.__class__, value) in others])
    else:
        values = tuple([value for value in enum.values if _belongs_to_base(value, base)])
    return EnumType(values) if values else None


def type_is_scalar(value: Any) -> bool:
    """Whether a value can be a literal of an enumeration."""
    return type(value) in _SCALARS


_SCALARS = frozenset({type(None), bool, int, float, str, Keyword, Timestamp, Uuid, ResourceHandle})

_SAME_AS: dict[str, Type] = {
    "bool": EnumType((True, False)),
    "nil": EnumType((None,)),
    "list": ANY_VECTOR,
    "vector": ANY_VECTOR,
    "map": ANY_MAP,
}

#: What a predicate can hold for at all.
_KINDS_OF_SORT: dict[str, list[Branch]] = {
    "bound": [Branch(FLOAT)],
    "size": [Branch(STRING), Branch(ANY_VECTOR), Branch(ANY_MAP)],
    "text": [Branch(STRING)],
    "key": [Branch(ANY_MAP)],
}


def _with_facts(branch: Branch, facts: Facts) -> Branch:
    return Branch(branch.base, both(branch.facts, facts))


def kept(branches: list[Branch]) -> list[Branch]:
    """The branches in their simplest form, without those to which nothing can belong."""
    out: list[Branch] = []
    for branch in branches:
        if branch.facts is not NO_FACTS:
            found = _simple(branch)
            if found is None:
                continue
            branch = found
        out.append(branch)
    return out


def _simple(branch: Branch) -> Branch | None:
    """One branch with facts that its base makes needless left out; None when the facts contradict the base or each other."""
    base, facts = branch.base, branch.facts
    if isinstance(base, EnumType):
        values = tuple([value for value in base.values if holds(facts, value)])
        return Branch(EnumType(values)) if values else None
    if isinstance(base, Primitive) and base.name == "int":
        facts = whole_bounds(facts)
    if isinstance(base, RecordType):
        base, facts = _require_keys(base, facts)
    if facts.is_certainly_false:
        return None
    least, most = sizes_of(base)
    if facts.least > 0 and most is not None and facts.least > most:
        return None
    if facts.most is not None and least > facts.most:
        return None
    if facts.least and facts.least <= least:
        facts = facts.replace(least=0)
    if facts.most is not None and most is not None and facts.most >= most and not is_empty_vector(base):
        facts = facts.replace(most=None)
    if isinstance(base, VectorType) and facts.most == 0:
        base = VectorType(NEVER)
    return Branch(base, NO_FACTS if facts == NO_FACTS else facts)


def _require_keys(base: RecordType, facts: Facts) -> tuple[RecordType, Facts]:
    """`[:has-key :k]` as an entry that has to be there, where that says the same."""
    others: list[Predicate] = []
    entries = {entry.key: entry for entry in base.entries}
    for predicate in facts.others:
        key = predicate.operands[0] if predicate.name == "has-key" else None
        if predicate.name == "has-key" and key in entries:
            entries[key] = Entry(key, entries[key].type)
        elif predicate.name == "has-key" and base.rest is None:
            entries[key] = Entry(key, ANY)
        else:
            others.append(predicate)
    if len(others) == len(facts.others):
        return base, facts
    return RecordType(tuple(entries.values()), base.rest), facts.replace(others=tuple(others))


_MAKERS: dict[Any, Any] = {
    AnyType: Brancher._any_or_never,
    NeverType: Brancher._any_or_never,
    Primitive: Brancher._primitive,
    VectorType: Brancher._vector,
    ArrayType: Brancher._array,
    SequenceType: Brancher._sequence,
    UnionType: Brancher._union,
    IntersectionType: Brancher._intersection,
    RefinedType: Brancher._refined,
    TypeRef: Brancher._ref,
}
