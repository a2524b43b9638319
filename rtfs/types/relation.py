"""How types relate: subtyping, consistency, overlap (reference 4.5).

The relations are about which values belong: when `is_subtype(a, b)` holds, every value of `a` belongs to `b`, and when `overlap`
does not hold, no value belongs to both.  Both are careful where a question cannot be decided, or not in reasonable time: then
`is_subtype` says no and `overlap` says yes.

Recursive types are compared as far as a pair repeats: what is asked again while it is being answered holds (coinduction).
Source: Amadio and Cardelli, "Subtyping recursive types"; Siek and Taha, "Gradual typing for objects", for consistency.
"""

from __future__ import annotations

from rtfs.types.bases import sizes_of
from rtfs.types.branches import (
    Branch,
    Brancher,
    TooHard,
    is_opaque,
    known,
    literal_belongs,
    type_is_scalar,
)
from rtfs.types.facts import NO_FACTS, Facts, bounds_within, least_size, text_follows
from rtfs.types.nodes import (
    ANY,
    AnyType,
    EnumType,
    IntersectionType,
    Lookup,
    MapOfType,
    NeverType,
    Primitive,
    RecordType,
    TupleType,
    Type,
    TypeRef,
    VectorType,
    no_names,
)
from rtfs.types.rules import RULES, has_entry
from rtfs.types.shortcuts import quick_overlap, quick_subtype
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
        self.gradual = gradual
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
            return self.gradual

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
        quick = quick_subtype(a, b, gradual=self.gradual)
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
            if True not in answers and not (self.gradual and None in answers):
                return False
        return True

    def branch_within(self, x: Branch, y: Branch) -> bool:
        """Whether one branch lies in one other."""
        self._step()
        if self.gradual and isinstance(x.base, AnyType):
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
            return self.gradual
        if isinstance(a, EnumType):
            if isinstance(base, EnumType):
                return known(a.values) <= known(base.values)
            return False not in [literal_belongs(value, Branch(base)) for value in a.values]
        rule = RULES.get((a.__class__, base.__class__))
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
            if (most is None or most > wanted.most) and not self.is_always_empty(base):
                return False
        for predicate in wanted.excluded:
            if predicate not in facts.excluded and self._may_hold(x, predicate.operands[0]):
                return False
        for predicate in wanted.others:
            if not text_follows(predicate, facts.others) and not has_entry(base, predicate):
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
            return least_size(facts) == 0 or not self.is_empty_map(base.key, base.value)
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
                    if not entry.optional and not self.may_have(EnumType(keys), table.key):
                        return False
        return True

    def may_have(self, keys: Type, key: Type) -> bool:
        for met in self.brancher.meet(self.branches(keys), self.branches(key)):
            if self.branch_is_inhabited(met):
                return True
        return False

    def is_always_empty(self, base: Type) -> bool:
        """Whether a collection can have no items, since nothing can be one."""
        if isinstance(base, VectorType):
            return not self.inhabited(base.item)
        return isinstance(base, MapOfType) and self.is_empty_map(base.key, base.value)

    def is_empty_map(self, key: Type, value: Type) -> bool:
        return not self.inhabited(key) or not self.inhabited(value)


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
