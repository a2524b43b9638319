"""Types put together: join, meet, difference, and the types of values (reference 4.5).

All of them answer in types that somebody can read: an operand comes back as it was written wherever that is the answer, with its
name and not with what the name stands for.
"""

from __future__ import annotations

import math

from rtfs.types.bases import has_two_spellings, is_empty_vector
from rtfs.types.branches import Branch, TooHard, kept, known, literal_belongs, type_is_scalar
from rtfs.types.facts import NO_FACTS, predicates, with_bounds, with_sizes
from rtfs.types.kinds import is_function
from rtfs.types.nodes import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    KEYWORD,
    NEVER,
    NIL,
    STRING,
    SYMBOL,
    Entry,
    EnumType,
    IntersectionType,
    Lookup,
    MapOfType,
    NeverType,
    Primitive,
    RecordType,
    RefinedType,
    TupleType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
    no_names,
    refined,
    union,
)
from rtfs.types.predicates import is_key
from rtfs.types.relation import Relation, is_subtype, literals
from rtfs.types.rewriting import names_in, rewrite
from rtfs.values.maps import Map
from rtfs.values.scalars import ErrorValue, Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Members of a union that `join` makes; with more it is `any` (reference 4.5). The literals of an enumeration are one member.
MAX_MEMBERS = 5
#: Members of a union that `join` compares with each other, to see which of them lie in others.
_MAX_OPTIONS = 40
_MAX_PIECES = 64
#: How deep types are taken apart by `subtract`, and values by `type_of`.
_MAX_DEPTH = 8
#: Parts of a value that `type_of` looks at.
_MAX_PARTS = 1_000
#: Literals that `join` collects in one enumeration; with more they become their primitive.
MAX_LITERALS = 16


def join(a: Type, b: Type, lookup: Lookup = no_names) -> Type:
    """The type of what is one or the other: the larger of the two if they can be compared, else their union.

    Returns:
        An upper bound of both: `any` when the union would have more than `MAX_MEMBERS` members, none of which lies in another.
    """
    if isinstance(a, NeverType):
        return b
    if isinstance(b, NeverType) or is_subtype(b, a, lookup):
        return a
    if is_subtype(a, b, lookup):
        return b
    try:
        options = _one_enumeration([*_options(a), *_options(b)])
        whole = union(*[widened(o) if isinstance(o, EnumType) and len(o.values) > MAX_LITERALS else o for o in options])
        members = list(_options(whole))
        if len(members) <= _MAX_OPTIONS:
            members = _without_needless(members, lookup)
    except RecursionError:
        return ANY
    return union(*members) if len(members) <= MAX_MEMBERS else ANY


def _one_enumeration(types: list[Type]) -> list[Type]:
    """The types with all their literals in one enumeration, where the first of them stood."""
    values = [value for type in types if isinstance(type, EnumType) for value in type.values]
    if not values:
        return types
    first = next(i for i, type in enumerate(types) if isinstance(type, EnumType))
    whole = EnumType(tuple(Map([(value, None) for value in values]).keys()))
    return [whole if i == first else type for i, type in enumerate(types) if i == first or not isinstance(type, EnumType)]


def _options(type: Type) -> tuple[Type, ...]:
    return type.options if isinstance(type, UnionType) else (type,)


def _without_needless(options: list[Type], lookup: Lookup) -> list[Type]:
    """The options without those that lie in another one."""
    out = list(options)
    for option in options:
        others = [other for other in out if other is not option]
        if len(others) < len(out) and [other for other in others if is_subtype(option, other, lookup)]:
            out = others
    return out


def meet(a: Type, b: Type, lookup: Lookup = no_names) -> Type:
    """The type of what is both: exactly the values that belong to `a` and to `b`."""
    if isinstance(b, NeverType):
        return b
    if is_subtype(a, b, lookup):
        return a
    if is_subtype(b, a, lookup):
        return b
    relation = Relation(lookup)
    try:
        return _readable(relation.brancher.meet(relation.branches(a), relation.branches(b)), relation)
    except (TooHard, RecursionError):
        return IntersectionType((a, b))


def _readable(branches: list[Branch], relation: Relation) -> Type:
    """Branches as a type in which the intersections are worked out, as far as they mention no names, which may be recursive."""

    def work_out(part: Type) -> Type:
        base = part.base if isinstance(part, RefinedType) else part
        return _readable(relation.branches(part), relation) if isinstance(base, IntersectionType) and not names_in(base) else part

    out: list[Type] = []
    for branch in branches:
        if relation.branch_is_inhabited(branch):
            type = branch_type(branch)
            out.append(type if isinstance(branch.base, IntersectionType) else rewrite(type, work_out))
    return union(*_one_enumeration(out))


def branch_type(branch: Branch) -> Type:
    """A branch as a type."""
    base = branch.base
    if branch.facts is NO_FACTS:
        return _WORDS.get(base, base) if isinstance(base, EnumType) else base
    if isinstance(base, VectorType) and isinstance(base.item, NeverType):
        return base  # its size says nothing more
    return refined(base, *predicates(branch.facts, base))


_WORDS: dict[Type, Type] = {EnumType((True, False)): BOOL, EnumType((False, True)): BOOL, EnumType((None,)): NIL}


# --- difference ----------------------------------------------------------------------------------


def subtract(a: Type, b: Type, lookup: Lookup = no_names) -> Type:
    """What is left of `a` where `b` is known not to hold.

    Returns:
        A subtype of `a` that holds each value of `a` that does not belong to `b`. It is exact for unions, literals, `bool`, `nil`,
        bounds and sizes, and for tuples and records of those; where nothing can be said it is `a` itself.
    """
    relation = Relation(lookup)
    try:
        return _subtract(a, b, relation, 0)
    except (TooHard, RecursionError):
        return a


def _subtract(a: Type, b: Type, relation: Relation, depth: int) -> Type:
    if relation.within(a, b):
        return NEVER
    if depth > _MAX_DEPTH or not relation.may_meet(a, b):
        return a
    right = relation.branches(b)
    options = _named_options(a, relation)
    out: list[Type] = []
    for option in options:
        before = relation.branches(option)
        after = before
        for other in right:
            after = list(dict.fromkeys([piece for x in after for piece in _minus(x, other, relation, depth)]))
            if len(after) > _MAX_PIECES:
                raise TooHard
        out += [option] if after == before else [branch_type(branch) for branch in after]
    return a if out == options else union(*out)


def _named_options(type: Type, relation: Relation) -> list[Type]:
    """The options of a union, also of one that a name stands for; everything else is its only option."""
    target: Type | None = type
    while isinstance(target, TypeRef):
        target = relation.brancher.target(target.name)
    if not isinstance(target, UnionType):
        return [type]
    return [part for option in target.options for part in _named_options(option, relation)]


def _minus(x: Branch, y: Branch, relation: Relation, depth: int) -> list[Branch]:
    """Branches that hold what belongs to `x` and not to `y`."""
    if relation.branch_within(x, y):
        return []
    values = literals(x)
    if values is not None and (isinstance(x.base, EnumType) or isinstance(y.base, EnumType)):
        listed = known(y.base.values) if isinstance(y.base, EnumType) else None
        if listed is not None:
            left = tuple([value for value in values if (value.__class__, value) not in listed])
        else:
            left = tuple([value for value in values if not literal_belongs(value, y)])
        return [x] if len(left) == len(values) else [Branch(EnumType(left))] if left else []
    if not [met for met in relation.brancher.meet([x], [y]) if relation.branch_is_inhabited(met)]:
        return [x]
    if y.facts != NO_FACTS:
        return _minus_facts(x, y, relation)
    if isinstance(x.base, TupleType) and isinstance(y.base, TupleType):
        return _minus_tuple(x, x.base, y.base, relation, depth)
    if isinstance(x.base, RecordType) and isinstance(y.base, RecordType) and y.base.rest is None:
        return _minus_record(x, x.base, y.base, relation, depth)
    return [x]


def _minus_facts(x: Branch, y: Branch, relation: Relation) -> list[Branch]:
    """What is beyond the bounds, or beyond the sizes, of a branch that has nothing else against `x`."""
    facts = y.facts
    if facts.excluded or facts.others or (facts.has_bounds and facts.has_sizes):
        return [x]
    if facts.has_bounds:
        # a float without bounds may be NaN, which lies neither within bounds nor beyond them
        if not relation.branch_within(x, Branch(y.base)) or (x.base == FLOAT and not x.facts.has_bounds):
            return [x]
        below = with_bounds(x.facts, -math.inf, False, facts.low, not facts.low_open)
        above = with_bounds(x.facts, facts.high, not facts.high_open, math.inf, False)
        return kept([Branch(x.base, below), Branch(x.base, above)])
    fits = isinstance(x.base, VectorType) if is_empty_vector(y.base) else relation.branch_within(Branch(x.base), Branch(y.base))
    if not fits:
        return [x]
    pieces = [] if facts.least == 0 else [Branch(x.base, with_sizes(x.facts, 0, facts.least - 1))]
    if facts.most is not None:
        pieces.append(Branch(x.base, with_sizes(x.facts, facts.most + 1, None)))
    return kept(pieces)


def _minus_tuple(x: Branch, a: TupleType, b: TupleType, relation: Relation, depth: int) -> list[Branch]:
    """A tuple is not in `b` when one of its items is not."""
    pieces: list[Branch] = []
    for i in range(len(a.items)):
        left = _subtract(a.items[i], b.items[i], relation, depth + 1)
        if left == a.items[i]:
            return [x]
        if not isinstance(left, NeverType):
            pieces.append(Branch(TupleType((*a.items[:i], left, *a.items[i + 1 :])), x.facts))
    return pieces


def _minus_record(x: Branch, a: RecordType, b: RecordType, relation: Relation, depth: int) -> list[Branch]:
    """A map is not in `b` when one of its entries is not, or is missing."""
    if has_two_spellings(a, b):
        return [x]
    entries = {entry.key: entry for entry in a.entries}
    pieces: list[Branch] = []
    for wanted in b.entries:
        entry = entries.get(wanted.key) or Entry(wanted.key, a.rest or ANY, True)
        left = _subtract(entry.type, wanted.type, relation, depth + 1)
        if left == entry.type:
            return [x]
        changed = [] if isinstance(left, NeverType) else [Entry(entry.key, left)]
        if entry.optional and not wanted.optional:
            changed.append(Entry(entry.key, NEVER, True))  # it is not there
        for new in changed:
            others = entries | {entry.key: new}
            pieces.append(Branch(RecordType(tuple(others.values()), a.rest), x.facts))
    return pieces


# --- values ----------------------------------------------------------------------------------


def type_of(value: Any) -> Type:
    """The most exact type of a value: `[:val 1]`, `[:tuple [:val 1] [:val :a]]`, `[:map [:a [:val 1]] [:* never]]`.

    Returns:
        A type to which the value belongs. Long and deep collections are told by the types of their items, wide ones by their
        kind; functions are `function`.
    """
    return _type_of(value, 0, [_MAX_PARTS])


def _type_of(value: Any, depth: int, budget: list[int]) -> Type:
    kind = type(value)
    if type_is_scalar(value):
        return FLOAT if value != value else EnumType((value,))
    if kind is Symbol:
        return SYMBOL
    if kind is ErrorValue:
        return Primitive("error")
    if not isinstance(value, Sequence) and kind is not Map:
        return Primitive("function") if is_function(value) else ANY
    budget[0] -= len(value)
    if depth > _MAX_DEPTH or budget[0] < 0:
        return Primitive("map" if kind is Map else "vector")
    if kind is Map:
        return _type_of_map(value, depth, budget)
    items = [_type_of(item, depth + 1, budget) for item in value.items()]
    if not items:
        return VectorType(NEVER)
    return TupleType(tuple(items)) if len(items) <= MAX_LITERALS else VectorType(_one_type(items))


def _type_of_map(value: Map, depth: int, budget: list[int]) -> Type:
    pairs = value.items()
    types = [_type_of(item, depth + 1, budget) for _, item in pairs]
    if not pairs:
        return MapOfType(NEVER, NEVER)
    if len(types) <= MAX_LITERALS and not [key for key, _ in pairs if not is_key(key)]:
        entries = [Entry(key, type) for (key, _), type in zip(pairs, types, strict=True)]
        return RecordType(tuple(entries), NEVER)
    return MapOfType(_one_type([_type_of(key, depth + 1, budget) for key, _ in pairs]), _one_type(types))


def _one_type(types: list[Type]) -> Type:
    """One type for the items of a long collection."""
    whole = union(*[widened(type) for type in types])
    return whole if len(_options(whole)) <= MAX_MEMBERS else ANY


def widened(type: Type) -> Type:
    """The type with literals replaced by their kinds, and records open: `[:vector [:val 1]]` becomes `[:vector int]`."""
    return rewrite(type, _widen)


def _widen(type: Type) -> Type:
    if isinstance(type, EnumType):
        return union(*[_KIND_TYPES[value.__class__] for value in type.values])
    if isinstance(type, RecordType) and isinstance(type.rest, NeverType):
        return RecordType(type.entries, None, type.name)
    return type


_KIND_TYPES: dict[Any, Type] = {
    None.__class__: NIL,
    bool: BOOL,
    int: INT,
    float: FLOAT,
    str: STRING,
    Keyword: KEYWORD,
    Timestamp: Primitive("timestamp"),
    Uuid: Primitive("uuid"),
    ResourceHandle: Primitive("resource"),
}
