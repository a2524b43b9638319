"""What the analyser must know of the program around a form; `semantics.namespace` implements it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from rtfs.syntax import nodes as ast


class MacroEnvironment(Protocol):
    """What the analyser must know of the program around the form: the namespace it will run in."""

    near_misses: dict[str, str]
    """Unbound name -> the bound one it may be a slip of."""

    def macro(self, name: str) -> Callable[[list[Any]], Any] | None:
        """The expander of a macro, from argument forms to a form."""
        ...

    def define_macro(self, name: str, function: ast.Fn) -> None: ...

    def defines(self, name: str) -> bool:
        """Whether the program itself has defined this global name (which may then shadow a form word)."""
        ...

    def knows(self, name: str) -> bool:
        """Whether a global look-up of this name would find something now."""
        ...

    def is_builtin(self, name: str) -> bool:
        """Whether the library has a function of this name."""
        ...

    def only_computes(self, name: str) -> bool:
        """Whether this is a function of the library that neither speaks to the host nor calls what it is given."""
        ...

    def known_names(self) -> Iterable[str]: ...

    def declare_type(self, name: str) -> None:
        """A form that was analysed defines this type."""
        ...

    def type_names(self) -> frozenset[str] | set[str]:
        """The types that the program has defined so far."""
        ...

    def declare(self, name: str) -> None:
        """A later form of the same program defines this name."""
        ...

    def fresh_name(self, stem: str) -> str: ...
