"""What may come instead of a value: signals between machine code and the functions around it, never seen by a program."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The ordinary function is to answer.
LEAVE: Any = object()
#: Machine code does not take these operands.
UNFIT: Any = object()
#: Machine code gave the call up.
BAILED: Any = object()


class Hot(Exception):
    """A function has run for long: raised by the version of it that counts its turns, and caught around it."""
