"""What is wrong with a policy file, said with line and key."""

from __future__ import annotations

import json
import math

from rtfs.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.delegation.policy.places import Path, Places
    from rtfs.source import Span

_SHOWN = 60  # characters of a value in a message


class Problems:
    """Collects what is wrong with a file, each with its place.

    Attributes:
        root: the path of the table in the file that all other paths begin at: empty, or `("delegation",)`.
        errors, warnings: in the order in which they were found; `invalid-policy`.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self.root: Path = ()
        self._seen: set[tuple[Path, str]] = set()
        self.errors: list[ConfigError] = []
        self.warnings: list[ConfigError] = []

    @property
    def source(self) -> str:
        """The name of the file."""
        return self._places.source.name

    def place(self, path: Path) -> Span:
        """Where a key is."""
        return self._places.key((*self.root, *path))

    def error(self, path: Path, message: str, *, hint: str | None = None, key: bool = False) -> None:
        """
        Args:
            key: the key itself is wrong, not its value.
        """
        self._add(self.errors, path, message, hint, key)

    def warn(self, path: Path, message: str, *, hint: str | None = None, key: bool = False) -> None:
        self._add(self.warnings, path, message, hint, key)

    def _add(self, found: list[ConfigError], path: Path, message: str, hint: str | None, key: bool) -> None:
        if (path, message) in self._seen:  # every environment that has the rule finds it again
            return
        self._seen.add((path, message))
        place = (*self.root, *path)
        span = self._places.key(place) if key else self._places.value(place)
        found.append(ConfigError(f"{where(path)}{message}", kind="invalid-policy", span=span, hint=hint))


def where(path: Path) -> str:
    """A path as a message begins: ``rule 3: `timeout_s` ``; rules are counted from 1."""
    head = []
    while len(path) >= 2 and path[0] in ("environments", "rules"):
        head.append(f"environment `{path[1]}`" if path[0] == "environments" else f"rule {int(path[1]) + 1}")
        path = path[2:]
    key = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return (", ".join(head) + ": " if head else "") + (f"`{key}` " if key else "")


def shown(value: Any) -> str:
    """A TOML value in a message."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
