"""How types relate: subtyping, consistency, overlap (reference 4.5).

The relations are about which values belong: when `is_subtype(a, b)` holds, every value of `a` belongs to `b`, and when `overlap`
does not hold, no value belongs to both.  Both are careful where a question cannot be decided, or not in reasonable time: then
`is_subtype` says no and `overlap` says yes.

Recursive types are compared as far as a pair repeats: what is asked again while it is being answered holds (coinduction).
Source: Amadio and Cardelli, "Subtyping recursive types"; Siek and Taha, "Gradual typing for objects", for consistency.
"""

from __future__ import annotations

from rtfs.types.branches import (
    Branch,
    Brancher,
    TooHard,
    is_empty_vector,
    is_opaque,
    known,
    literal_belongs,
    sizes_of,
    type_is_scalar,
)
from rtfs.types.facts import NO_FACTS, Facts, bounds_within, least_size, name_of_key, text_follows
from rtfs.types.nodes import (
    ANY,
    AnyType,
    Entry,
    EnumType,
    FunctionType,
    IntersectionType,
    Lookup,
    MapOfType,
    NeverType,
    Predicate,
    Primitive,
    RecordType,
    ResourceType,
    StreamType,
    TupleType,
    Type,
    TypeRef,
    VectorType,
    no_names,
    union,
)
from rtfs.types.shortcuts import ABOVE, quick_overlap, quick_subtype
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Questions about pairs of types in one comparison; with more it is given up. Measured: 20,000 take 0.2 s.
_MAX_STEPS = 20_000
#: Integers in a range that are looked at one by one.
_MAX_LITERALS = 64


def is_subtype(a: Type, b: Type, lookup: Lookup = no_names) -> bool:
    """Whether every value of `a` belongs to `b`; `any` is only a top here.

    Args:
        lookup: what names stand for; a name that it does not know is a subtype of itself alone.
    Returns:
        False also when it cannot be decided: a regular expression is compared as text.
    """
    quick = quick_subtype(a, b, gradual=False)
    return Relation(lookup).decide(a, b) if quick is None else quick


def is_consistent(a: Type, b: Type, lookup: Lookup = no_names) -> bool:
    """Whether a value of `a` may be used where `b` is wanted: subtyping in which `any` goes with everything, at every depth.

    So `[:vector any]` goes where `[:vector int]` is wanted, and the other way round, but `[:vector string]` does not.  What a
    record says nothing about is `any`; names that are not known and type variables go with everything.
    """
    quick = quick_subtype(a, b, gradual=True)
    return Relation(lookup, gradual=True).decide(a, b) if quick is None else quick


def overlap(a: Type, b: Type, lookup: Lookup = no_names) -> bool:
    """Whether a value may belong to both; False only when it is certain that none does."""
    if isinstance(a, NeverType) or isinstance(b, NeverType):
        return False
    quick = quick_overlap(_target(a, lookup), _target(b, lookup))
    return Relation(lookup).may_meet(a, b) if quick is None else quick


def is_inhabited(type: Type, lookup: Lookup = no_names) -> bool:
    """Whether any value may belong; False only when it is certain that none does, as for `[:and int [:> 5] [:< 3]]`."""
    return overlap(type, ANY, lookup)


def _target(type: Type, lookup: Lookup) -> Type:
    """What a name stands for, or the name itself."""
    if type.__class__ is TypeRef:
        found = lookup(type.name)  # type: ignore[attr-defined]
        return type if found is None else found
    return type


class Relation:
    """One comparison: what is being asked, and how much has been asked."""

    def __init__(self, lookup: Lookup, *, gradual: bool = False) -> None:
        self.brancher = Brancher(lookup)
        self.branches = self.brancher.branches
        self._gradual = gradual
        # pairs that hold, if those do that are still being asked; in the order of `_trail`
        self._asked: set[tuple[Type, Type]] = set()
        self._trail: list[tuple[Type, Type]] = []
        self._refused: set[tuple[Type, Type]] = set()
        self._visiting: set[Type] = set()
        self._inhabited: set[Type] = set()
        self._steps = 0

    def decide(self, a: Type, b: Type) -> bool:
        """`is_subtype` or `is_consistent`; False when it takes too long."""
        try:
            return self.within(a, b)
        except (TooHard, RecursionError):
            return self._gradual

    def may_meet(self, a: Type, b: Type) -> bool:
        """`overlap`; True when it takes too long."""
        try:
            for x in self.branches(a):
                for y in self.branches(b):
                    for met in self.brancher.meet([x], [y]):
                        if self.branch_is_inhabited(met):
                            return True
        except (TooHard, RecursionError):
            return True
        return False

    def _step(self) -> None:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise TooHard

    # --- subtyping ---

    def within(self, a: Type, b: Type) -> bool:
        """Whether `a` is a subtype of `b`, or consistent with it.

        Raises:
            TooHard: there is too much to ask.
        """
        quick = quick_subtype(a, b, gradual=self._gradual)
        if quick is not None:
            return quick
        pair = (a, b)
        if pair in self._asked:
            return True
        if pair in self._refused:
            return False
        self._step()
        mark = len(self._trail)
        self._asked.add(pair)
        self._trail.append(pair)
        if self.all_within(self.branches(a), self.branches(b)):
            return True
        # what held since then may have held only because this pair was taken to hold
        for other in self._trail[mark:]:
            self._asked.discard(other)
        del self._trail[mark:]
        self._refused.add(pair)
        return False

    def all_within(self, left: list[Branch], right: list[Branch]) -> bool:
        for x in left:
            if not self._one_within(x, right) and self.branch_is_inhabited(x):
                return False
        return True

    def _one_within(self, x: Branch, right: list[Branch]) -> bool:
        for y in right:
            if self.branch_within(x, y):
                return True
        values = literals(x)
        if values is None and isinstance(x.base, IntersectionType):  # of a name that is not known with a few literals
            for part in x.base.parts:
                values = literals(Branch(part)) if values is None else values
        if values is None:
            return False
        listed = known(tuple([v for y in right if isinstance(y.base, EnumType) for v in y.base.values]))
        for value in values:
            if (value.__class__, value) in listed:
                continue
            answers = [literal_belongs(value, y) for y in right if not isinstance(y.base, EnumType)]
            if True not in answers and not (self._gradual and None in answers):
                return False
        return True

    def branch_within(self, x: Branch, y: Branch) -> bool:
        """Whether one branch lies in one other."""
        self._step()
        if self._gradual and isinstance(x.base, AnyType):
            return True
        return self._base_within(x, y.base) and self._facts_follow(x, y.facts)

    def _base_within(self, x: Branch, base: Type) -> bool:
        a = x.base
        if isinstance(base, AnyType) or a == base:
            return True
        if isinstance(base, IntersectionType):
            for part in base.parts:
                if not self._base_within(x, part):
                    return False
            return True
        if isinstance(a, IntersectionType):
            for part in a.parts:
                if self._base_within(Branch(part, x.facts), base):
                    return True
            return False
        if is_opaque(a) or is_opaque(base):
            return self._gradual
        if isinstance(a, EnumType):
            if isinstance(base, EnumType):
                return known(a.values) <= known(base.values)
            return False not in [literal_belongs(value, Branch(base)) for value in a.values]
        rule = _RULES.get((a.__class__, base.__class__))
        return rule is not None and rule(self, x, base)

    def _facts_follow(self, x: Branch, wanted: Facts) -> bool:
        if wanted is NO_FACTS:
            return True
        facts, base = x.facts, x.base
        if isinstance(base, EnumType):
            return False  # its literals are looked at one by one
        is_whole = isinstance(base, Primitive) and base.name == "int"
        if not bounds_within(facts, wanted, is_whole=is_whole):
            return False
        least, most = sizes_of(base)
        if wanted.least > max(least, least_size(facts)):
            return False
        if wanted.most is not None:
            if facts.most is not None:
                most = facts.most if most is None else min(most, facts.most)
            if (most is None or most > wanted.most) and not self._is_always_empty(base):
                return False
        for predicate in wanted.excluded:
            if predicate not in facts.excluded and self._may_hold(x, predicate.operands[0]):
                return False
        for predicate in wanted.others:
            if not text_follows(predicate, facts.others) and not _has_entry(base, predicate):
                return False
        return True

    def _may_hold(self, x: Branch, value: Any) -> bool:
        """Whether a value may belong to a branch."""
        if type_is_scalar(value):
            return literal_belongs(value, x) is not False
        from rtfs.types.lattice import type_of

        for met in self.brancher.meet([x], self.branches(type_of(value))):
            if self.branch_is_inhabited(met):
                return True
        return False

    # --- one rule for each pair of constructors: the branch on the left, the base on the right ---

    def _primitives(self, x: Branch, base: Primitive) -> bool:
        name = x.base.name  # type: ignore[attr-defined]
        return base.name in ABOVE.get(name, (name,))

    def _vectors(self, x: Branch, base: VectorType) -> bool:
        return is_empty_vector(x.base) or self.within(x.base.item, base.item)  # type: ignore[attr-defined]

    def _tuple_in_vector(self, x: Branch, base: VectorType) -> bool:
        for item in x.base.items:  # type: ignore[attr-defined]
            if not self.within(item, base.item):
                return False
        return True

    def _tuples(self, x: Branch, base: TupleType) -> bool:
        items = x.base.items  # type: ignore[attr-defined]
        if len(items) != len(base.items):
            return False
        for i in range(len(items)):
            if not self.within(items[i], base.items[i]):
                return False
        return True

    def _vector_in_tuple(self, x: Branch, base: TupleType) -> bool:
        size = len(base.items)
        if x.facts.least != size or x.facts.most != size:
            # a vector of a size that nobody knows, as `any` is a value that nobody knows
            return False
        for item in dict.fromkeys(base.items):
            if not self.within(x.base.item, item):  # type: ignore[attr-defined]
                return False
        return True

    def _map_ofs(self, x: Branch, base: MapOfType) -> bool:
        key, value = x.base.key, x.base.value  # type: ignore[attr-defined]
        return (self.within(key, base.key) and self.within(value, base.value)) or self._is_empty_map(key, value)

    def _records(self, x: Branch, base: RecordType) -> bool:
        record: RecordType = x.base  # type: ignore[assignment]
        entries = {entry.key: entry for entry in record.entries}
        for wanted in base.entries:
            found, is_there = _under_key(entries, record.rest, wanted.key)
            if not wanted.optional and not is_there and not _has_key(x.facts, wanted.key):
                return False
            if not self.within(found, wanted.type):
                return False
        if base.rest is None:
            return True
        named = {entry.key for entry in base.entries}
        for entry in record.entries:
            if entry.key not in named and not self.within(entry.type, base.rest):
                return False
        return self.within(ANY if record.rest is None else record.rest, base.rest)

    def _record_in_map_of(self, x: Branch, base: MapOfType) -> bool:
        record: RecordType = x.base  # type: ignore[assignment]
        for entry in record.entries:
            if not self.within(entry.type, base.value) or not self._keys_within(entry, base.key):
                return False
        rest = ANY if record.rest is None else record.rest
        if isinstance(rest, NeverType):
            return True
        return self.within(ANY, base.key) and self.within(rest, base.value)

    def _keys_within(self, entry: Entry, key: Type) -> bool:
        """Whether the key of an entry fits; `:a` may be written `"a"` in the value."""
        keys = [entry.key, entry.key.name] if type(entry.key) is Keyword else [entry.key]
        fits = [self.within(EnumType((k,)), key) for k in keys]
        return True in fits if self._gradual else False not in fits

    def _map_of_in_record(self, x: Branch, base: RecordType) -> bool:
        key, value = x.base.key, x.base.value  # type: ignore[attr-defined]
        for wanted in base.entries:
            if not wanted.optional and not _has_key(x.facts, wanted.key):
                return False
            keys = (wanted.key, wanted.key.name) if type(wanted.key) is Keyword else (wanted.key,)
            if self._may_have(EnumType(keys), key) and not self.within(value, wanted.type):
                return False
        return base.rest is None or self._is_empty_map(key, value) or self.within(value, base.rest)

    def _may_have(self, keys: Type, key: Type) -> bool:
        for met in self.brancher.meet(self.branches(keys), self.branches(key)):
            if self.branch_is_inhabited(met):
                return True
        return False

    def _is_always_empty(self, base: Type) -> bool:
        """Whether a collection can have no items, since nothing can be one."""
        if isinstance(base, VectorType):
            return not self.inhabited(base.item)
        return isinstance(base, MapOfType) and self._is_empty_map(base.key, base.value)

    def _is_empty_map(self, key: Type, value: Type) -> bool:
        return not self.inhabited(key) or not self.inhabited(value)

    def _functions(self, x: Branch, base: FunctionType) -> bool:
        given: FunctionType = x.base  # type: ignore[assignment]
        count, wanted = len(given.params), len(base.params)
        if count > wanted or (given.rest is None and (count < wanted or base.rest is not None)):
            return False
        for i in range(wanted):
            param = given.params[i] if i < count else given.rest
            assert param is not None
            if not self.within(base.params[i], param):
                return False
        if base.rest is not None and given.rest is not None and not self.within(base.rest, given.rest):
            return False
        return self.within(given.result, base.result)

    def _function(self, x: Branch, base: Primitive) -> bool:
        return base.name == "function"

    def _any_function(self, x: Branch, base: FunctionType) -> bool:
        return self._gradual and x.base.name == "function"  # type: ignore[attr-defined]

    def _resource(self, x: Branch, base: Primitive) -> bool:
        return base.name == "resource"

    def _any_resource(self, x: Branch, base: ResourceType) -> bool:
        return self._gradual and x.base.name == "resource"  # type: ignore[attr-defined]

    def _streams(self, x: Branch, base: StreamType) -> bool:
        given: StreamType = x.base  # type: ignore[assignment]
        if given.direction != base.direction or (given.output is None) != (base.output is None):
            return False
        if given.output is None or base.output is None:
            return self.within(given.item, base.item)
        # what is written goes the other way: whoever takes A may be sent what is less than A
        return self.within(base.item, given.item) and self.within(given.output, base.output)

    # --- whether anything belongs ---

    def inhabited(self, type: Type) -> bool:
        """Whether any value may belong: values are finite, so a type that needs itself has none."""
        if isinstance(type, (AnyType, Primitive, EnumType)):
            return True
        if type in self._inhabited:
            return True
        if type in self._visiting:
            return False
        self._step()
        self._visiting.add(type)
        try:
            for branch in self.branches(type):
                if self.branch_is_inhabited(branch):
                    self._inhabited.add(type)
                    return True
            return False
        finally:
            self._visiting.discard(type)

    def branch_is_inhabited(self, branch: Branch) -> bool:
        return self._base_is_inhabited(branch.base, branch.facts)

    def _base_is_inhabited(self, base: Type, facts: Facts) -> bool:
        if isinstance(base, TupleType):
            for item in base.items:
                if not self.inhabited(item):
                    return False
        elif isinstance(base, VectorType):
            return least_size(facts) == 0 or self.inhabited(base.item)
        elif isinstance(base, RecordType):
            for entry in base.entries:
                if not entry.optional and not self.inhabited(entry.type):
                    return False
        elif isinstance(base, MapOfType):
            return least_size(facts) == 0 or not self._is_empty_map(base.key, base.value)
        elif isinstance(base, IntersectionType):
            for part in base.parts:
                if not self._base_is_inhabited(part, facts):
                    return False
            return self._keys_may_be_there(base.parts)
        return True

    def _keys_may_be_there(self, parts: tuple[Type, ...]) -> bool:
        """Whether maps of some of the parts may have the keys that records of the others want."""
        tables = [part for part in parts if isinstance(part, MapOfType)]
        for record in parts if tables else ():
            for entry in record.entries if isinstance(record, RecordType) else ():
                keys = (entry.key, entry.key.name) if type(entry.key) is Keyword else (entry.key,)
                for table in tables:
                    if not entry.optional and not self._may_have(EnumType(keys), table.key):
                        return False
        return True


def literals(branch: Branch) -> list[Any] | None:
    """The values of a branch that has only a few; None for all others."""
    if isinstance(branch.base, EnumType):
        return list(branch.base.values)
    facts = branch.facts
    if isinstance(branch.base, Primitive) and branch.base.name == "int" and type(facts.low) is int and type(facts.high) is int:
        if facts.high - facts.low < _MAX_LITERALS and not facts.others:
            out = [p.operands[0] for p in facts.excluded]
            return [value for value in range(facts.low, facts.high + 1) if not [v for v in out if type(v) is int and v == value]]
    return None


def _under_key(entries: dict[Any, Entry], rest: Type | None, key: Any) -> tuple[Type, bool]:
    """What a record of another type finds under a key in records with these entries, and whether it finds anything for sure.

    `:a` is also found as `"a"`, when there is no `:a`.
    """
    entry = entries.get(key)
    if entry is not None:
        return entry.type, not entry.optional
    others = ANY if rest is None else rest
    if type(key) is Keyword:
        entry = entries.get(key.name)
        return (others, False) if entry is None else (union(others, entry.type), not entry.optional)
    if type(key) is str:
        entry = entries.get(Keyword(key))
        return (others if entry is None else union(others, entry.type)), False
    return others, False


def _has_key(facts: Facts, key: Any) -> bool:
    return text_follows(Predicate("has-key", (key,)), facts.others)


def _has_entry(base: Type, predicate: Predicate) -> bool:
    """Whether a record has the key that a predicate wants."""
    if predicate.name != "has-key" or not isinstance(base, RecordType):
        return False
    key = predicate.operands[0]
    for entry in base.entries:
        # `:a` is found under either name; an entry `:a` may be `"a"` in the value, so it does not promise a key `"a"`
        if not entry.optional and (entry.key == key or (type(key) is Keyword and entry.key == name_of_key(key))):
            return True
    return False


_RULES: dict[Any, Any] = {
    (Primitive, Primitive): Relation._primitives,
    (VectorType, VectorType): Relation._vectors,
    (TupleType, VectorType): Relation._tuple_in_vector,
    (TupleType, TupleType): Relation._tuples,
    (VectorType, TupleType): Relation._vector_in_tuple,
    (MapOfType, MapOfType): Relation._map_ofs,
    (RecordType, RecordType): Relation._records,
    (RecordType, MapOfType): Relation._record_in_map_of,
    (MapOfType, RecordType): Relation._map_of_in_record,
    (FunctionType, FunctionType): Relation._functions,
    (FunctionType, Primitive): Relation._function,
    (Primitive, FunctionType): Relation._any_function,
    (ResourceType, Primitive): Relation._resource,
    (Primitive, ResourceType): Relation._any_resource,
    (StreamType, StreamType): Relation._streams,
}
