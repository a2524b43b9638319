"""A program that is analysed and has not run: what `rtfs compile` stores and `rtfs run` takes up again.

Analysing a form does more than give a node: it declares names, defines macros, notes near misses for later errors and warns.  When
a prepared form runs, all that happens again in the namespace where it runs, so that nothing can tell whether a program came from
its text or from an artefact.
"""

from __future__ import annotations

from rtfs.errors import AnalysisError
from rtfs.source import Source
from rtfs.syntax import nodes as ast
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Prepared(Struct):
    """One top-level form."""

    node: ast.Node
    expected: tuple[str, ...] = ()
    """Of the first form of a text: the names that its forms will define."""
    declared: tuple[str, ...] = ()
    declared_types: tuple[str, ...] = ()
    near_misses: tuple[tuple[str, str], ...] = ()
    """Unbound name, and the bound one that it may be a slip of."""
    macros: tuple[tuple[str, ast.Fn], ...] = ()
    fresh: int = 0
    """How many fresh names its macros made."""
    warnings: tuple[AnalysisError, ...] = ()
    modules: tuple[tuple[ast.Module, tuple[Prepared, ...]], ...] = ()
    """The `module`s in it with their forms; see `inner`."""

    def inner(self) -> list[tuple[ast.Module, tuple[Prepared, ...]]]:
        """The modules in it with their forms. The node of a module that was read from an artefact holds prepared forms itself."""
        if self.modules:
            return list(self.modules)
        return [(node, tuple([form for form, _ in node.forms])) for node in modules_in(self.node)]

    def take_effect(self, namespace: Any, machine: Any) -> ast.Node:
        """Do to a namespace what analysing the form did; gives the node, ready to be evaluated."""
        namespace.expected.update(self.expected)
        for name in self.declared:
            namespace.declare(name)
        for name in self.declared_types:
            namespace.declare_type(name)
        namespace.near_misses.update(self.near_misses)
        for name, function in self.macros:
            namespace.define_macro(name, function)
        machine.skip_names(self.fresh)
        return self.node


class Program(Struct):
    """A whole program.

    Attributes:
        forms: in the order of the text.
        modules: name -> forms of the file of each module that it imports, directly or not.
        sources: the texts, the program's own first.
    """

    forms: tuple[Prepared, ...]
    modules: dict[str, tuple[Prepared, ...]]
    sources: tuple[Source, ...]


def modules_in(node: ast.Node) -> list[ast.Module]:
    """The `module` forms of a top-level form, in order."""
    found: list[ast.Module] = []
    waiting: list[Any] = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ast.Module):
            found.append(item)
        elif isinstance(item, ast.Node) and not isinstance(item, (ast.Fn, ast.Let, ast.Const)):  # legal outside of scopes only
            waiting += [value for field in reversed(item._fields) if isinstance(value := getattr(item, field), (Struct, tuple))]
        elif type(item) is tuple:
            waiting += reversed(item)
    return found
