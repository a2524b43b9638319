"""Capabilities: what `call` can reach, and who may reach it (reference 9).

A capability has an id, effect tags and a Python function of RTFS values.  Ids are written with or without the old prefix `ccos.`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rtfs.errors import ConfigError, HostError, nearest
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


#: What a program may use when nobody says otherwise: it can speak and look at the clock.
DEFAULT_ALLOW = (
    "io.print",
    "io.println",
    "io.log",
    "io.log-error",
    "io.close",
    "system.current-*",
    "state.kv.*",
    "model-call:*",
    "agents.discover",
)


class Capability(Struct):
    """One thing a program can ask the host for.

    `low` and `high` are how many operands it takes, without upper limit when `high` is None; `type` is its declared type as text
    (`[:fn [string] [:vector string]]`), for models that may have it called; nothing is declared when it is empty.
    """

    name: str
    function: Callable[..., Any]
    low: int
    high: int | None
    effects: tuple[str, ...]
    doc: str
    type: str = ""


def canonical(name: str) -> str:
    """The id without the prefix `ccos.`, under which capabilities are registered."""
    return name[5:] if name.startswith("ccos.") else name


class CapabilityRegistry:
    """Capabilities by id; belongs to one runtime.

    Args:
        fill: registers the first ones; called when somebody first asks.
    """

    def __init__(self, fill: Callable[[CapabilityRegistry], None] | None = None) -> None:
        self._fill = fill
        self._entries: dict[str, Capability] = {}
        #: Called when the runtime closes, to let go of what capabilities hold.
        self.closers: list[Callable[[], None]] = []

    @property
    def _table(self) -> dict[str, Capability]:
        if self._fill is not None:
            fill, self._fill = self._fill, None
            fill(self)
        return self._entries

    def register(self, capability: Capability, *, replace: bool = False) -> None:
        """
        Raises:
            ConfigError: the id is taken.
        """
        name = canonical(capability.name)
        if name in self._table and not replace:
            raise ConfigError(f"capability {name} is registered twice", hint="pass replace=True to replace it")
        self._table[name] = capability

    def find(self, name: str) -> Capability:
        """
        Raises:
            HostError: `unknown-capability`.
        """
        found = self._table.get(canonical(name))
        if found is None:
            close = nearest(canonical(name), self._table)
            raise HostError(
                f"Unknown capability: {name}",
                kind="unknown-capability",
                hint=f"did you mean :{close[0]}?" if close else "the host has no capability of that name",
            )
        return found

    def has(self, name: str) -> bool:
        return canonical(name) in self._table

    def all(self) -> list[Capability]:
        return [self._table[name] for name in sorted(self._table)]


class Permissions:
    """Which capabilities a program may use: patterns of ids (`io.*`), deny wins.

    Args:
        allow, deny: shell-style patterns over canonical ids, or effect tags written `:network`.
    """

    def __init__(self, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> None:
        self.allow = tuple(canonical(p) for p in allow)
        self.deny = tuple(canonical(p) for p in deny)

    def permits(self, capability: Capability) -> bool:
        return self._any(self.allow, capability) and not self._any(self.deny, capability)

    @staticmethod
    def _any(patterns: tuple[str, ...], capability: Capability) -> bool:
        from fnmatch import fnmatchcase

        name = canonical(capability.name)
        return any(
            pattern[1:] in capability.effects if pattern.startswith(":") else fnmatchcase(name, pattern) for pattern in patterns
        )

    def check(self, capability: Capability) -> None:
        """
        Raises:
            HostError: `security-violation`, naming what would allow it.
        """
        if self.permits(capability):
            return
        name = canonical(capability.name)
        if self._any(self.deny, capability):
            raise HostError(f"capability :{name} is denied to this program", kind="security-violation")
        raise HostError(
            f"capability :{name} is not allowed to this program",
            kind="security-violation",
            hint=f"allow it: rtfs run --allow {name}, or Runtime(allow=[{name!r}])",
        )
