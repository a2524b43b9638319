"""Linking: the global names of generated code.

Each namespace has one Python dict, the globals of all code generated for it.  `"f ="` holds the value of the RTFS name `f`,
`"f 2"` a Python callable that calls it with two operands, `"f #3"` whether it is still the function made by the `fn` number 3;
no RTFS name contains a space.  An entry is made when it is first read and replaced when the name is defined again, so that a
call of a global function costs what it costs in a hand-written module.
"""

from __future__ import annotations

from _weakref import ref

from rtfs.eval.compiled.rebinding import Dependent
from rtfs.eval.compiled.support import NAMES, adapter
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.values.functions import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rtfs.eval.native.tier import NativeTier
    from rtfs.ir.passes.kinds import Version
    from rtfs.types.nodes import Type

#: A lower limit of depth is counted call by call.
COUNTED_BELOW = 20_000


class LateVersion:
    """A second body as stored code has it: nothing is known of it yet but its definition and its entry."""

    __slots__ = ("key", "params", "result", "spec")

    def __init__(self, spec: Any, key: str, params: tuple[tuple[Any, ...], ...], result: tuple[Any, ...]) -> None:
        self.spec = spec
        self.key = key
        self.params = params
        self.result = result

    def version(self) -> Version:
        from rtfs.ir.nodes import Known
        from rtfs.ir.passes.kinds import Version

        made = Version(self.spec, [Known(*known) for known in self.params], self.key)
        made.result = Known(*self.result)
        return made


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
        self._unstable: set[str] = set()
        self.versions: dict[str, Version | LateVersion] = {}
        self.versions_made = 0
        #: What a name stands for in a type. Constants of code must not hold on to the namespace, whose functions hold that code:
        #: Python does not look for circles through code objects.
        self.lookup_type = _weak_lookup(namespace)
        #: Stored programs whose code refers to them, likewise without holding on to them.
        self.programs: list[Any] = []
        #: Entries of second bodies whose code is still to be loaded, and what loads it.
        self.late: dict[str, Callable[[], Any]] = {}
        self._native: NativeTier | None = None
        # a small limit of depth is counted exactly; else Python's own limit, set by the runtime, stands for it
        self.counted = machine.max_depth < COUNTED_BELOW
        namespace.watch = self.changed

    # --- functions that are taken for granted ---

    def spec(self, name: str) -> Any:
        """The definition of the function that a name is bound to, if it is one of a program."""
        return getattr(self.namespace.values.get(name), "spec", None)

    def defines(self, name: str, spec: Any) -> bool:
        """Whether a name is bound to the function made from `spec`."""
        return self.spec(name) is spec

    def is_stable(self, name: str) -> bool:
        """Whether a name changes its meaning only at the top level, when no code that takes the old one for granted is running."""
        return name not in self._unstable

    def version_key(self, name: str) -> str:
        """A new name for the second body of a function; never given to another, as code that is running may still call it."""
        self.versions_made += 1
        return f"{name} fast {self.versions_made}"

    def version(self, name: str) -> Version | None:
        """The second body of a global function, when the name is bound to that function."""
        found = self.versions.get(name)
        if found is None or not self.is_stable(name) or not self.defines(name, found.spec):
            return None
        if isinstance(found, LateVersion):
            found = self.versions[name] = found.version()
        return found

    def version_key_of(self, name: str) -> str | None:
        """Its entry, when the name is bound to that function."""
        found = self.versions.get(name)
        return found.key if found is not None and self.is_stable(name) and self.defines(name, found.spec) else None

    def destabilise(self, names: set[str]) -> None:
        """From now on these names may change their meaning while anything is running."""
        for name in names - self._unstable:
            self._unstable.add(name)
            self._rebound(name)

    def flag(self, name: str, spec: Any) -> str:
        """The entry that tells whether `name` is bound to the function of `spec`."""
        for key in self._entries.get(name, ()):
            if self._flags.get(key) is spec:
                return key
        key = f"{name} #{len(self._flags)}"
        while key in self._flags:  # there are flags of stored code too
            key += "#"
        self._flags[key] = spec
        self.globals[key] = getattr(self.namespace.values.get(name), "spec", None) is spec
        self._entries.setdefault(name, []).append(key)
        return key

    def can_flag(self, key: str, spec: Any) -> bool:
        """Whether an entry that stored code reads can tell about the function of `spec`."""
        return key not in self._flags or self._flags[key] is spec

    def add_flag(self, key: str, name: str, spec: Any) -> None:
        """Make that entry."""
        if key not in self._flags:
            self._flags[key] = spec
            self.globals[key] = self.defines(name, spec)
            self._entries.setdefault(name, []).append(key)

    def resolve(self, key: str) -> Any:
        """The value of an entry that does not exist yet; kept when the name belongs to the namespace."""
        if key in self.late:
            self.late.pop(key)()
            return self.globals[key]
        name, _, what = key.partition(" ")
        if not name:  # what few programs need
            from rtfs.eval.compiled.owned import NAMES as OWNED

            self.globals.update(OWNED)
            return OWNED[key]
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
        self._rebound(name)
        self._tell_native(name, value)
        self.update(name, value)

    def fetched(self, name: str, function: Function) -> None:
        """The code of a function of a stored program is there."""
        if self.namespace.values.get(name) is function and self._has_native(function) and self._native is not None:
            self._native.add(name, function)

    def _tell_native(self, name: str, value: Any) -> None:
        """Let the native tier know of a new value; a function whose code is still to be loaded is told of then (`fetched`)."""
        if self._native is not None or (type(value) is Function and not hasattr(value.py, "fetch") and self._has_native(value)):
            assert self._native is not None
            self._native.changed(name, value)

    def _has_native(self, function: Function) -> bool:
        """Whether there is a native tier; it is loaded with the first function that it may compile."""
        if self._native is None and function.spec.result is not None and self._allows_native():
            from rtfs.eval.native.tier import tier_of

            self._native = tier_of(self)
            if self._native is None:
                self.machine.native = False
        return self._native is not None

    def _allows_native(self) -> bool:
        """Machine code counts neither steps nor calls, and has no clock; nor does it take memory."""
        limits = self.machine.limits
        return self.machine.native and not self.counted and limits.max_steps is None and limits.timeout_s is None

    def update(self, name: str, value: Any) -> None:
        """Replace the entries of a name."""
        for key in self._entries.get(name, ()):
            self._refresh(key, value)

    def _rebound(self, name: str) -> None:
        """Make the code anew that relied on a name, and the code that relies on that code."""
        waiting = [name]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            for dependent in self._dependents.pop(name, ()):
                if dependent.name == name and self.defines(name, dependent.function) and self.is_stable(name):
                    self._dependents.setdefault(name, []).append(dependent)  # it is what the name means now
                    continue
                other = dependent.rebound()
                if other is not None and other not in seen:
                    seen.add(other)
                    waiting.append(other)
        if seen:
            if self._native is not None:
                self._native.functions_replaced()
            for other, keys in self._entries.items():  # functions have new code
                for key in keys:
                    self._refresh(key, self.namespace.values[other])

    def _refresh(self, key: str, value: Any) -> None:
        what = key.partition(" ")[2]
        if what == "=":
            self.globals[key] = value
        elif what[0] == "#":
            self.globals[key] = getattr(value, "spec", None) is self._flags[key]
        else:
            self.globals[key] = adapter(value, int(what))


def _weak_lookup(namespace: Namespace) -> Callable[[str], Type | None]:
    known = ref(namespace)

    def lookup(name: str) -> Type | None:
        found = known()  # there, as long as any function of it is
        return found.lookup_type(name) if found is not None else None

    return lookup


def linker_of(machine: Machine, namespace: Namespace) -> Linker:
    """The linker of a namespace, made when first asked for."""
    found: Linker | None = namespace.linker
    if found is None:
        from rtfs.eval.compiled.effects import effects

        found = namespace.linker = Linker(machine, namespace)
        found.globals.update(effects(machine, namespace))
    return found
