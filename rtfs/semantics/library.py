"""How the standard library is registered: a decorator and a table per topic.

    @builtin("starts-with?", 2, doc="…")
    def starts_with(text, prefix): ...

`LIBRARY` maps RTFS names to `Builtin`s once the topic modules in `semantics/builtins/` are imported (by `standard_library`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from rtfs.errors import ConfigError
from rtfs.values.functions import Builtin

F = TypeVar("F", bound=Callable[..., Any])

LIBRARY: dict[str, Builtin] = {}
#: name -> topic (the module it is defined in), for the generated reference table
TOPICS: dict[str, str] = {}

VARIADIC = None


def builtin(name: str, low: int, high: int | None = -1, *, aliases: tuple[str, ...] = (), doc: str = "") -> Callable[[F], F]:
    """Register a Python function as the built-in `name`.

    Args:
        low, high: operands it takes; without `high` exactly `low`; `high=None` means any number from `low` on.
        aliases: further names; errors speak of `name`.
        doc: one line; the function's docstring when left out.
    """

    def register(function: F) -> F:
        text = doc or (function.__doc__ or "").strip().split("\n")[0]
        entry = Builtin(name, function, low, low if high == -1 else high, text)
        for label in (name, *aliases):
            if label in LIBRARY:
                raise ConfigError(f"built-in {label} is registered twice")
            LIBRARY[label] = entry
            TOPICS[label] = function.__module__.rpartition(".")[2]
        return function

    return register


def standard_library() -> dict[str, Builtin]:
    """All pure built-ins by name, as a new dict; imports the topic modules on first use."""
    from rtfs.semantics.builtins import (  # noqa: F401
        arithmetic,
        collections,
        comparison,
        errors,
        functions,
        higher_order,
        json,
        numerals,
        ordering,
        predicates,
        regex,
        sequences,
        strings,
    )

    return dict(LIBRARY)
