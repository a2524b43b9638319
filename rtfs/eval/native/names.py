"""What the global names in a function mean now, and which of them its machine code relies on."""

from __future__ import annotations

from rtfs.eval.native.kinds import MIXED, Unsupported, of_constant
from rtfs.ir import nodes as ir
from rtfs.ir.lower import lower
from rtfs.semantics.namespace import Namespace
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Builtin, Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What nests deeper is left to the ordinary tier, which has its own way with it.
MAX_DEPTH = 200


def lowered(spec: ast.Fn) -> tuple[ir.Unit, ir.Fn]:
    """The plain IR of a global function.

    Raises:
        Unsupported: it is none, or too deep.
    """
    try:
        unit = lower(spec)
    except KeyError:
        raise Unsupported("the function closes over a variable of another one") from None
    if unit.depth > MAX_DEPTH or not isinstance(unit.top.body, ir.Fn):
        raise Unsupported("the function is nested too deeply, or named inside itself")
    return unit, unit.top.body


class Names:
    """The global names of one namespace, for one compilation.

    Attributes:
        used: the names that were asked for; when one gets another value, the code is out of date.
    """

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.used: set[str] = set()
        self._lowered: dict[int, tuple[ir.Unit, ir.Fn]] = {}

    def value(self, name: str) -> Any:
        """
        Raises:
            Unsupported: the name is bound to nothing in this namespace.
        """
        self.used.add(name)
        if not self.namespace.find(name):
            raise Unsupported(f"{name} is not bound")
        return self.namespace.values[name]

    def constant(self, name: str) -> Any:
        """The value of a global that is a number, a boolean or nil."""
        value = self.value(name)
        if of_constant(value) == MIXED:
            raise Unsupported(f"the value of {name}")
        return value

    def builtin(self, name: str) -> Builtin | None:
        """The built-in of that name, None when it means something else."""
        value = self.value(name)
        library = self.namespace.library
        if type(value) is Builtin and name not in self.namespace.own and value is library.find(name):
            return value
        return None

    def function(self, name: str) -> tuple[ir.Unit, ir.Fn]:
        """The IR of the global function of that name.

        Raises:
            Unsupported: not a function of this namespace that runs here and takes a fixed number of operands.
        """
        value = self.value(name)
        if type(value) is not Function or value.module != self.namespace.name:
            raise Unsupported(f"call of {name}")
        return self.lowered(value.spec)

    def lowered(self, spec: ast.Fn) -> tuple[ir.Unit, ir.Fn]:
        found = self._lowered.get(id(spec))
        if found is None:
            if not is_plain(spec):
                raise Unsupported("a function that is delegated, or takes any number of operands")
            found = self._lowered[id(spec)] = lowered(spec)
        return found


def is_plain(spec: ast.Fn) -> bool:
    """Whether calls of the function run here, with a fixed number of operands."""
    return spec.rest is None and (spec.hint is None or spec.hint.target == "local")
