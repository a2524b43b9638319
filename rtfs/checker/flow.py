"""What is known about the names at one place in a program."""

from __future__ import annotations

from rtfs.syntax.nodes import Binding
from rtfs.types.nodes import ANY, Type


class Flow:
    """The types of the names in scope. A branch takes a copy, so what it learns stays in it.

    Attributes:
        types: binding -> what its value is known to be here.
        declared: the bindings whose type somebody wrote down; a possible mistake is worth a warning only with those.
        ended: whether the place cannot be reached: something before it never gives a value.
    """

    __slots__ = ("declared", "ended", "types")

    def __init__(self, types: dict[Binding, Type] | None = None, declared: set[Binding] | None = None) -> None:
        self.types: dict[Binding, Type] = {} if types is None else types
        self.declared: set[Binding] = set() if declared is None else declared
        self.ended = False

    def branch(self) -> Flow:
        made = Flow(dict(self.types), self.declared)
        made.ended = self.ended
        return made

    def bind(self, binding: Binding, type: Type, *, declared: bool = False) -> None:
        """A new name. One that `set!` changes, or that is used before its definition, may be anything."""
        self.types[binding] = ANY if binding.assigned or binding.late else type
        if declared:
            self.declared.add(binding)

    def know(self, binding: Binding, type: Type) -> None:
        """The one value that a name has, though functions before its definition may use it."""
        self.types[binding] = ANY if binding.assigned else type

    def type_of(self, binding: Binding) -> Type:
        return self.types.get(binding, ANY)

    def join(self, first: Flow, second: Flow) -> None:
        """Go on after two branches: with what the one knew that comes to an end, or with what was known before."""
        if first.ended and second.ended:
            self.ended = True
        elif first.ended:
            self.types = second.types
        elif second.ended:
            self.types = first.types
