"""How generated code is entered: what leaves it gets its place."""

from __future__ import annotations

from collections.abc import Callable

from rtfs.errors import RtfsError
from rtfs.eval.compiled.places import settle, too_deep
from rtfs.semantics.machine import Machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def enter(work: Callable[[], Any], machine: Machine) -> Any:
    """The value of the Python function that a top-level form became.

    Raises:
        LimitExceeded: for a RecursionError of nested calls; RtfsError: with its span and call stack.
    """
    try:
        return work()
    except RecursionError as error:
        limit = too_deep(error, machine.too_deep(), machine.max_depth)
        if limit is None:
            raise
    except RtfsError as error:
        settle(error)
        raise
    raise limit  # here, where Python does not note down the other error with all its frames
