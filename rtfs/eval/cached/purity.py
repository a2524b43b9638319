"""Whether a macro makes the same of the same forms in every run.

What macros made of a file's forms is kept with its code.  A macro is an ordinary function, which can read whatever the
program has computed by then: `(def level (get-env "LEVEL"))`, `(defmacro debug [x] (if (= level "high") x nil))`.  A file that
uses such a macro is not kept.
"""

from __future__ import annotations

from rtfs.semantics.builtins.index import EFFECTS
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Builtin, Function
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What asks the host or the run for something, or changes what others see.
_REFUSED = (
    *(ast.ContextRef, ast.ContextGet, ast.ResourceRef, ast.Step, ast.StepLoop, ast.Parallel, ast.WithResource, ast.LogStep),
    *(ast.HostForm, ast.WithHints, ast.Hint, ast.Def, ast.SetGlobal, ast.DefStruct, ast.DefType, ast.Import, ast.Module),
)
#: Built-ins that speak to the machine, and give every run the same.
_HARMLESS = frozenset(("gensym",))
_UNBOUND = object()


def is_fixed(node: ast.Node) -> bool:
    """Whether the value of a node is the same in every run: of a function, a literal."""
    if isinstance(node, ast.Fn):
        return True
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, ast.MakeVector):
            waiting += item.items
        elif isinstance(item, ast.MakeMap):
            waiting += item.values
        elif not isinstance(item, ast.Const):
            return False
    return True


class Macros:
    """Looks at the macros that one machine's programs use."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        #: Function of a macro -> the values that it was found to rely on: (namespace, name, value).
        self._known: dict[int, tuple[Function, list[tuple[Namespace, str, Any]]]] = {}

    def is_pure(self, function: Function, namespace: Namespace) -> bool:
        """Whether a macro that `namespace` knows makes the same in every run, as far as that can be told."""
        found = self._known.get(id(function))
        if found is not None and all(_value(space, name) is value for space, name, value in found[1]):
            return True
        home = self._home(function, namespace)
        relies: list[tuple[Namespace, str, Any]] = []
        if home is None or not self._look(function, home, relies):
            return False
        self._known[id(function)] = (function, relies)
        return True

    def _home(self, function: Function, namespace: Namespace) -> Namespace | None:
        """The namespace that a macro was defined in."""
        if function.module == namespace.name:
            return namespace
        return self._module(function.module)

    def _module(self, name: str | None) -> Namespace | None:
        for module in self.machine.modules.loaded.values():
            if module.name == name:
                found: Namespace = module.namespace
                return found
        return None

    def _look(self, macro: Function, home: Namespace, relies: list[tuple[Namespace, str, Any]]) -> bool:
        waiting: list[tuple[Any, Namespace]] = [(macro.spec, home)]
        seen: set[int] = set()
        while waiting:
            item, namespace = waiting.pop()
            if isinstance(item, _REFUSED):
                return False
            if isinstance(item, ast.Global):
                value = _value(namespace, item.name)
                relies.append((namespace, item.name, value))
                if value is _UNBOUND:
                    return False
                if type(value) is Builtin:
                    if not self._is_harmless(namespace, item.name, value):
                        return False
                elif namespace.fixed.get(item.name, _UNBOUND) is not value:
                    found = self._imported(value)
                    if found is None:
                        return False
                    namespace = found
                if type(value) is Function and id(value) not in seen:
                    seen.add(id(value))
                    waiting.append((value.spec, namespace))
            elif isinstance(item, Struct):
                parts = [getattr(item, field) for field in item._fields]
                waiting += [(part, namespace) for part in parts if isinstance(part, (Struct, tuple))]
            elif type(item) is tuple:
                waiting += [(part, namespace) for part in item]
        return True

    def _is_harmless(self, namespace: Namespace, name: str, value: Builtin) -> bool:
        return namespace.library.find(name) is value and (name not in EFFECTS or name in _HARMLESS)

    def _imported(self, value: Any) -> Namespace | None:
        """The module that a function comes from, which it has under its own name since the module was loaded."""
        if type(value) is not Function:
            return None
        found = self._module(value.module)
        return found if found is not None and found.fixed.get(value.name or "") is value else None


def _value(namespace: Namespace, name: str) -> Any:
    return namespace.values[name] if namespace.find(name) else _UNBOUND
