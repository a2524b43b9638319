"""How large one result may be.

Steps, depth and time are counted by the evaluators between operations; a single operation, `(pow 2 1e12)` or a doubled
string, must be stopped before it starts, because nothing can interrupt it.  Programs cannot catch what is raised here.
"""

from __future__ import annotations

from rtfs.semantics.faults import too_large
from rtfs.values import meter
from rtfs.values.meter import ANNOUNCED_FROM

#: The largest text, vector or map that one operation may build.
MAX_RESULT_BYTES = 256 * 2**20

#: The largest integer, about 315,000 decimal digits.  Lower than the above because it bounds time: CPython 3.11 divides such a
#: number in about a second, without a chance to look at the clock, and the time grows with the square of the length.
MAX_INTEGER_BYTES = 2**17
MAX_INTEGER_BITS = MAX_INTEGER_BYTES * 8

#: What an item of a range costs: a pointer in the vector, and the integer object.
RANGE_ITEM_BYTES = 40

_SHOWN_AT_MOST = 2**63  # estimates can be absurd; Python refuses to print an integer of more than 4,300 digits


def check_size(operation: str, size_bytes: int, limit_bytes: int = MAX_RESULT_BYTES) -> None:
    """Raise `size-exhausted` when the result of `operation` would take more than `limit_bytes`, and `memory-exhausted` when
    it would take more than the run has left."""
    if size_bytes > limit_bytes:
        raise too_large(operation, min(size_bytes, _SHOWN_AT_MOST), limit_bytes)
    if size_bytes >= ANNOUNCED_FROM and meter.running:
        meter.announce(size_bytes)


#: An integer of so many bits is announced: what is done with it takes noticeable time, or space.
LONG_INTEGER_BITS = ANNOUNCED_FROM * 8


def check_integer(operation: str, bits: int) -> None:
    """The same for an integer of `bits` binary digits."""
    check_size(operation, bits // 8, MAX_INTEGER_BYTES)
