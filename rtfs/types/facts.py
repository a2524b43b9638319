"""What the refinements of a type say together: bounds of a number, bounds of a size, values left out, and the rest as it is.

`[:and int [:> 0] [:>= 5] [:!= 7]]` says: five or more, without seven.  In this form two refinements can be put together and one
can be compared with another, which the list of predicates does not allow.
"""

from __future__ import annotations

import math

from rtfs.types.nodes import Predicate, Primitive, Type
from rtfs.types.predicates import has_key, is_number, predicate_test, size_of
from rtfs.values.equality import equal
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BOUNDS = frozenset({">", ">=", "<", "<=", "in-range"})
_SIZES = frozenset({"min-length", "max-length", "length", "min-count", "max-count", "count", "non-empty"})


class Facts(Struct):
    """The conjunction of some predicates.

    Attributes:
        low, high: the bounds of a number, both None when there is no predicate on numbers; infinite where one side is open.
        low_open, high_open: whether the bound itself is left out.
        least, most: how many characters, items or entries; None in `most` is any number.
        excluded: `[:!= v]`, each once.
        others: predicates of other sorts, each once; `required-keys` is taken apart to one `has-key` for each key.
    """

    low: Any = None
    low_open: bool = False
    high: Any = None
    high_open: bool = False
    least: int = 0
    most: int | None = None
    excluded: tuple[Predicate, ...] = ()
    others: tuple[Predicate, ...] = ()

    @property
    def has_bounds(self) -> bool:
        return self.low is not None

    @property
    def has_sizes(self) -> bool:
        return self.least > 0 or self.most is not None

    @property
    def is_certainly_false(self) -> bool:
        if self.low is not None and (self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))):
            return True
        return self.most is not None and self.least > self.most


NO_FACTS = Facts()


def sort_of(predicate: Predicate) -> str:
    """What a predicate is about: `bound`, `size`, `text`, `key` or `value`."""
    name = predicate.name
    if name in _BOUNDS:
        return "bound"
    if name in _SIZES:
        return "size"
    if name in ("has-key", "required-keys"):
        return "key"
    return "value" if name in ("=", "!=") else "text"


def with_bounds(facts: Facts, low: Any, low_open: bool, high: Any, high_open: bool) -> Facts:
    """The facts with the bounds of a number made tighter."""
    if facts.low is not None:
        if (facts.low, facts.low_open) > (low, low_open):
            low, low_open = facts.low, facts.low_open
        if facts.high < high or (facts.high == high and facts.high_open):
            high, high_open = facts.high, facts.high_open
    return facts.replace(low=low, low_open=low_open, high=high, high_open=high_open)  # type: ignore[no-any-return]


def with_sizes(facts: Facts, least: int, most: int | None) -> Facts:
    """The facts with the bounds of a size made tighter."""
    if facts.most is not None:
        most = facts.most if most is None else min(facts.most, most)
    return facts.replace(least=max(facts.least, least), most=most)  # type: ignore[no-any-return]


def with_predicate(facts: Facts, predicate: Predicate) -> Facts:
    """The facts and one predicate more."""
    name, operands = predicate.name, predicate.operands
    sort = sort_of(predicate)
    if sort == "bound":
        low, high = -math.inf, math.inf
        if name == "in-range":
            low, high = operands
        elif name.startswith(">"):
            low = operands[0]
        else:
            high = operands[0]
        return with_bounds(facts, low, name == ">", high, name == "<")
    if sort == "size":
        if name == "non-empty":
            return with_sizes(facts, 1, None)
        least = 0 if name.startswith("max") else operands[0]
        most = None if name.startswith("min") else operands[0]
        return with_sizes(facts, least, most)
    if name == "!=":
        if operands[0] != operands[0] or predicate in facts.excluded:
            return facts
        return facts.replace(excluded=(*facts.excluded, predicate))  # type: ignore[no-any-return]
    if name == "required-keys":
        for key in operands[0].items():
            facts = with_predicate(facts, Predicate("has-key", (key,)))
        return facts
    if predicate in facts.others:
        return facts
    return facts.replace(others=(*facts.others, predicate))  # type: ignore[no-any-return]


def both(a: Facts, b: Facts) -> Facts:
    """What holds where both hold."""
    if b is NO_FACTS:
        return a
    if a is NO_FACTS:
        return b
    if b.low is not None:
        a = with_bounds(a, b.low, b.low_open, b.high, b.high_open)
    a = with_sizes(a, b.least, b.most)
    for predicate in (*b.excluded, *b.others):
        a = with_predicate(a, predicate)
    return a


def whole_bounds(facts: Facts) -> Facts:
    """The facts about integers only: bounds that are integers and belong, or infinite."""
    if facts.low is None:
        return facts
    low, high = facts.low, facts.high
    if math.isfinite(low):
        low = math.floor(low) + 1 if facts.low_open else math.ceil(low)
    if math.isfinite(high):
        high = math.ceil(high) - 1 if facts.high_open else math.floor(high)
    if low == -math.inf and high == math.inf:
        return facts.replace(low=None, low_open=False, high=None, high_open=False)  # type: ignore[no-any-return]
    # no integer is infinite: an infinite bound on the near side leaves none, on the far side says nothing
    return facts.replace(low=low, low_open=low == math.inf, high=high, high_open=high == -math.inf)  # type: ignore[no-any-return]


def holds(facts: Facts, value: Any) -> bool:
    """Whether a value satisfies all facts."""
    if facts is NO_FACTS:
        return True
    if facts.low is not None:
        if not is_number(value) or not facts.low <= value <= facts.high:
            return False
        if (facts.low_open and value == facts.low) or (facts.high_open and value == facts.high):
            return False
    if facts.has_sizes:
        size = size_of(value)
        if size is None or size < facts.least or (facts.most is not None and size > facts.most):
            return False
    for excluded in facts.excluded:
        if equal(value, excluded.operands[0]):
            return False
    for predicate in facts.others:
        if not predicate_test(predicate)(value):
            return False
    return True


def bounds_within(a: Facts, b: Facts, *, is_whole: bool) -> bool:
    """Whether the bounds of `b` follow from those of `a`; `is_whole` when `a` is about integers."""
    if b.low is None:
        return True
    if a.low is None:
        # a number without a bound may be infinite or NaN, an integer without one neither
        return is_whole and b.low == -math.inf and b.high == math.inf
    low = a.low > b.low or (a.low == b.low and (a.low_open or not b.low_open)) or (is_whole and b.low == -math.inf)
    high = a.high < b.high or (a.high == b.high and (a.high_open or not b.high_open)) or (is_whole and b.high == math.inf)
    return bool(low and high)


def text_follows(wanted: Predicate, given: tuple[Predicate, ...]) -> bool:
    """Whether a predicate that is about neither bounds nor sizes follows from others."""
    if wanted in given:
        return True
    for predicate in given:
        if predicate.name != wanted.name:
            continue
        if wanted.name == "string-contains" and wanted.operands[0] in predicate.operands[0]:
            return True
        if wanted.name == "has-key" and has_key(Map([(predicate.operands[0], None)]), wanted.operands[0]):
            return True
    return False


def least_size(facts: Facts) -> int:
    """The least size that the facts allow, also for what they say in other words."""
    least = facts.least
    keys: set[Any] = set()
    for predicate in facts.others:
        if predicate.name == "string-contains":
            least = max(least, len(predicate.operands[0]))
        elif predicate.name == "has-key":
            keys.add(name_of_key(predicate.operands[0]))
    return max(least, len(keys))


def name_of_key(key: Any) -> Any:
    """What keys that one entry of a map may satisfy together have in common: `:a` is also found as `"a"`."""
    return key.name if type(key) is Keyword else key


def predicates(facts: Facts, base: Type) -> list[Predicate]:
    """The facts as predicates again, in words that suit the base type."""
    out: list[Predicate] = []
    if facts.low is not None:
        closed = not facts.low_open and not facts.high_open
        whole = isinstance(base, Primitive) and base.name == "int"
        if closed and math.isfinite(facts.low) and math.isfinite(facts.high):
            out.append(Predicate("in-range", (facts.low, facts.high)))
        else:
            if facts.low_open or facts.low != -math.inf:
                out.append(Predicate(">" if facts.low_open else ">=", (facts.low,)))
            if facts.high_open or facts.high != math.inf or (not out and not whole):
                out.append(Predicate("<" if facts.high_open else "<=", (facts.high,)))
    word = "length" if isinstance(base, Primitive) and base.name == "string" else "count"
    if facts.most is not None and facts.least == facts.most:
        out.append(Predicate(word, (facts.most,)))
    else:
        if facts.least == 1 and word == "count":
            out.append(Predicate("non-empty"))
        elif facts.least:
            out.append(Predicate("min-" + word, (facts.least,)))
        if facts.most is not None:
            out.append(Predicate("max-" + word, (facts.most,)))
    return [*out, *facts.excluded, *facts.others]
