"""What can be known about values, and how it compares: the order that `passes.kinds` climbs."""

from __future__ import annotations

from rtfs.ir.nodes import ANY, Known

#: Nothing is known against anything yet.
UNKNOWN = Known("?")

INT = Known("int")
NUM = Known("num")
FLOAT = Known("float")
BOOL = Known("bool")
STR = Known("str")
VEC = Known("vec")
MAP = Known("map")
NUMBERS = ("int", "float", "num")

#: Products of integers up to so many bits need no look at the limit of size (`semantics.limits.MAX_INTEGER_BITS`).
MANY_BITS = 2**19
#: Integers up to so many bits are within the floats.
FLOAT_BITS = 1_000
#: A number that a float can be, as it is or as the whole number that it was: beside a float it does what that float would, but for
#: the sign of zero.
FROM_FLOAT = Known("num", 1_024)
#: No collection has more items than fit into this.
COUNT = Known("int", 48, True)


def fits(known: Known, wanted: Known) -> bool:
    """Whether all values of which one thing is known are such of which the other is."""
    if wanted.kind is None or known is UNKNOWN:
        return True
    if wanted.kind == "num":
        return known.kind in NUMBERS and (wanted.bits is None or is_within_floats(known))
    return (
        known.kind == wanted.kind
        and (wanted.bits is None or (known.bits is not None and known.bits <= wanted.bits))
        and (known.natural or not wanted.natural)
    )


def join(a: Known, b: Known) -> Known:
    """What is known of a value that is one or the other."""
    if a == b or b is UNKNOWN:
        return a
    if a is UNKNOWN:
        return b
    if a.kind == b.kind:
        bits = None if a.bits is None or b.bits is None else max(a.bits, b.bits)
        return Known(a.kind, bits, a.natural and b.natural)
    if a.kind in NUMBERS and b.kind in NUMBERS:
        return FROM_FLOAT if is_within_floats(a) and is_within_floats(b) else NUM
    return ANY


def is_within_floats(known: Known) -> bool:
    """Whether Python's operators do with a number beside a float what they would do with it as a float."""
    if known.kind == "num":
        return known.bits is not None
    return known.kind == "float" or (known.kind == "int" and known.bits is not None and known.bits <= FLOAT_BITS)
