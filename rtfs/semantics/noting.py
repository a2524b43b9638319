"""What analysing a form does to its namespace, noted down, for whoever wants to do the same again without analysing it."""

from __future__ import annotations

from rtfs.semantics.namespace import Namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.syntax import nodes as ast


class NearMisses:
    """Takes near misses for a namespace and notes them."""

    def __init__(self, known: dict[str, str]) -> None:
        self.known = known
        self.new: dict[str, str] = {}

    def __setitem__(self, name: str, close: str) -> None:
        self.new[name] = self.known[name] = close


class Notes:
    """A namespace as the analyser sees it, with notes of what one form changes."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self.near_misses = NearMisses(namespace.near_misses)
        self.declared: dict[str, None] = {}
        self.declared_types: dict[str, None] = {}
        self.macros: list[tuple[str, ast.Fn]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._namespace, name)

    def declare(self, name: str) -> None:
        self.declared[name] = None
        self._namespace.declare(name)

    def declare_type(self, name: str) -> None:
        self.declared_types[name] = None
        self._namespace.declare_type(name)

    def define_macro(self, name: str, function: ast.Fn) -> None:
        self.macros.append((name, function))
        self._namespace.define_macro(name, function)
