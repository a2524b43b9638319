"""Functions whose code is still to be loaded.

A function of a stored program is defined without its code.  Whoever looks at `py` finds a stand-in that takes the same operands,
and fetches the code when it is called; calls by name fetch it before (`support.adapter`), so that no stand-in is left among
the entries of the linker.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.eval.compiled.support import Template, make_known, transparent_inside
from rtfs.values.functions import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Load = Callable[[], Function]


def late_function(template: Template, load: Load, fetched: Callable[[], None]) -> Function:
    """A function that answers with values, never with calls that are still to be made.

    Args:
        load: gives the same function with its code.
        fetched: called when it has its code.
    """
    function: Function

    def fetch() -> Any:
        """Its Python function."""
        if function.py is stand_in:  # it may have been given other code meanwhile
            function.py = function.env = load().py
            fetched()
        return function.py

    stand_in = _stand_in(fetch)
    stand_in.fetch = fetch
    function = make_known(template, stand_in)
    return function


def fetch(function: Function) -> None:
    """Have a function get its code, if it waits for that."""
    fetch_it = getattr(function.py, "fetch", None)
    if fetch_it is not None:
        fetch_it()


def _stand_in(fetch: Callable[[], Any]) -> Any:
    def stand_in(*operands: Any) -> Any:
        return fetch()(*operands)

    return stand_in


transparent_inside(_stand_in)
