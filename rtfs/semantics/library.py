"""How the standard library is registered, and found by name without importing all of it.

    @builtin("starts-with?", 2, doc="…")
    def starts_with(text, prefix): ...

The topic modules in `semantics/builtins/` register their functions in `LIBRARY` when they are imported.  `builtins/index.py`, which
is generated, knows which topic holds which name, so a program pays for the topics it uses.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from rtfs.errors import ConfigError
from rtfs.semantics.builtins.index import TOPICS
from rtfs.values.functions import Builtin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

#: RTFS name -> built-in, of the topics that were imported.
LIBRARY: dict[str, Builtin] = {}


def builtin(
    name: str,
    low: int,
    high: int | None = -1,
    *,
    type: str = "",
    tests: str = "",
    aliases: tuple[str, ...] = (),
    doc: str = "",
    two: Callable[[Any, Any], Any] | None = None,
    fixed: dict[int, Callable[..., Any]] | None = None,
) -> Callable[[F], F]:
    """Register a Python function as the built-in `name`.

    Args:
        low, high: operands it takes; without `high` exactly `low`; `high=None` means any number from `low` on.
        type: its declared type, as `semantics.signatures` reads it.
        tests: the type that it asks about: what is true exactly for the values of this type.
        aliases: further names; errors speak of `name`.
        doc: one line; the function's docstring when left out.
        two: does the same for two operands; in CPython 3.11 a call of a function that takes any number costs half as much again.
        fixed: number of operands -> a quicker function for exactly so many.
    """

    def register(function: F) -> F:
        text = doc or (function.__doc__ or "").strip().split("\n")[0]
        quicker = {2: two, **(fixed or {})} if two is not None else fixed
        entry = Builtin(name, function, low, low if high == -1 else high, text, quicker, type, tests)
        for label in (name, *aliases):
            if label in LIBRARY:
                raise ConfigError(f"built-in {label} is registered twice")
            LIBRARY[label] = entry
        return function

    return register


def find_builtin(name: str) -> Builtin | None:
    """The pure built-in of a name; imports its topic."""
    found = LIBRARY.get(name)
    if found is None and name in TOPICS:
        import_module(f"rtfs.semantics.builtins.{TOPICS[name]}")
        found = LIBRARY[name]
    return found


def standard_library() -> dict[str, Builtin]:
    """All pure built-ins by name; imports all topics."""
    for name in TOPICS:
        find_builtin(name)
    return {name: LIBRARY[name] for name in TOPICS}


class Library:
    """The built-ins of one machine: the pure ones, shared, and those that speak to its host, made when first asked for.

    Args:
        effect_names: the names that `make_effects` will give.
    """

    def __init__(self, effect_names: frozenset[str], make_effects: Callable[[], dict[str, Builtin]]) -> None:
        self._effect_names = effect_names
        self._make_effects = make_effects
        self._effects: dict[str, Builtin] | None = None

    def __contains__(self, name: str) -> bool:
        return name in TOPICS or name in self._effect_names

    def names(self) -> list[str]:
        return [*TOPICS, *self._effect_names]

    def find(self, name: str) -> Builtin | None:
        """The built-in of a name, or None."""
        if name in self._effect_names:
            if self._effects is None:
                self._effects = self._make_effects()
            return self._effects[name]
        return find_builtin(name)
