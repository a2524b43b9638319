"""Linking: the global names of generated code.

Each namespace has one Python dict, the globals of all code generated for it.  `"f ="` holds the value of the RTFS name `f`,
`"f 2"` a Python callable that calls it with two operands, `"f #3"` whether it is still the function made by the `fn` number 3;
no RTFS name contains a space.  An entry is made when it is first read and replaced when the name is defined again, so that a
call of a global function costs what it costs in a hand-written module.
"""

from __future__ import annotations

from rtfs.eval.compiled.rebinding import Dependent
from rtfs.eval.compiled.support import NAMES, adapter
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


#: A lower limit of depth is counted call by call.
COUNTED_BELOW = 20_000


class _Missing(dict[str, "Any"]):
    """The builtins of generated code: empty, and asked by Python for names that the globals do not hold."""

    __slots__ = ("linker",)
    linker: Linker

    def __missing__(self, key: str) -> Any:
        return self.linker.resolve(key)


class Linker:
    """The entries of one namespace."""

    def __init__(self, machine: Machine, namespace: Namespace) -> None:
        self.machine = machine
        self.namespace = namespace
        missing = _Missing()
        missing.linker = self
        self.globals: dict[str, Any] = {"__builtins__": missing, "__name__": f"rtfs:{namespace.name or 'program'}", **NAMES}
        self._entries: dict[str, list[str]] = {}
        self._flags: dict[str, Any] = {}
        self._dependents: dict[str, list[Dependent]] = {}
        # a small limit of depth is counted exactly; else Python's own limit, set by the runtime, stands for it
        self.counted = machine.metered or machine.max_depth < COUNTED_BELOW
        namespace.watch = self.changed

    def flag(self, name: str, spec: Any) -> str:
        """The entry that tells whether `name` is bound to the function of `spec`."""
        for key in self._entries.get(name, ()):
            if self._flags.get(key) is spec:
                return key
        key = f"{name} #{len(self._flags)}"
        self._flags[key] = spec
        self.globals[key] = getattr(self.namespace.values.get(name), "spec", None) is spec
        self._entries.setdefault(name, []).append(key)
        return key

    def resolve(self, key: str) -> Any:
        """The value of an entry that does not exist yet; kept when the name belongs to the namespace."""
        name, _, what = key.partition(" ")
        namespace = self.namespace
        known = namespace.find(name)
        value = namespace.values[name] if known else self.machine.missing(namespace, name, None)
        found = value if what == "=" else adapter(value, int(what))
        if known:
            self.globals[key] = found
            self._entries.setdefault(name, []).append(key)
        return found

    def depend(self, dependent: Dependent) -> None:
        """Remember code that relies on the meaning of built-ins."""
        for name in dependent.names:
            self._dependents.setdefault(name, []).append(dependent)

    def changed(self, name: str, value: Any) -> None:
        """The name has a new value."""
        dependents = self._dependents.pop(name, None)
        if dependents:
            for dependent in dependents:
                dependent.rebound()
            for other, keys in self._entries.items():  # functions may have new code
                for key in keys:
                    self._refresh(key, self.namespace.values[other])
        self._update(name, value)

    def _update(self, name: str, value: Any) -> None:
        for key in self._entries.get(name, ()):
            self._refresh(key, value)

    def _refresh(self, key: str, value: Any) -> None:
        what = key.partition(" ")[2]
        if what == "=":
            self.globals[key] = value
        elif what[0] == "#":
            self.globals[key] = getattr(value, "spec", None) is self._flags[key]
        else:
            self.globals[key] = adapter(value, int(what))
