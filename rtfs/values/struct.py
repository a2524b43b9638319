"""Immutable records for nodes and types.

What `@dataclass(frozen=True, slots=True)` gives, without what it costs at start-up: importing `dataclasses` takes ten
milliseconds and every class half a one, a good part of the time that `rtfs eval` may take.  The fields of a `Struct` are its
class annotations; a value after `=` is the default.  `span` plays no part in equality, hashing and `repr`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, dataclass_transform
else:

    def dataclass_transform(**_: object):  # only type checkers look at it
        return lambda thing: thing


@dataclass_transform(frozen_default=True, eq_default=True)
class _StructMeta(type):
    """Turns annotations into slots and remembers fields and defaults."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        own = [field for field in namespace.get("__annotations__", {}) if not field.startswith("_")]
        inherited: tuple[str, ...] = ()
        defaults: dict[str, Any] = {}
        for base in bases:
            inherited += getattr(base, "_fields", ())
            defaults.update(getattr(base, "_defaults", {}))
        for field in own:
            if field in namespace:
                defaults[field] = namespace.pop(field)
        namespace.setdefault("__slots__", tuple(f for f in own if f not in inherited))
        namespace["_fields"] = inherited + tuple(f for f in own if f not in inherited)
        namespace["_defaults"] = defaults
        namespace["_compared"] = tuple(f for f in namespace["_fields"] if f != "span")
        made: Any = super().__new__(mcls, name, bases, namespace)
        made._puts = tuple([getattr(made, field).__set__ for field in namespace["_fields"]])  # twice as fast as by name
        return made


class Struct(metaclass=_StructMeta):
    """The base of all records; see the module."""

    __slots__ = ()
    _fields: ClassVar[tuple[str, ...]]
    _defaults: ClassVar[dict[str, Any]]
    _compared: ClassVar[tuple[str, ...]]
    _puts: ClassVar[tuple[Any, ...]]

    def __init__(self, *args: Any, **named: Any) -> None:
        fields = self._fields
        if len(args) == len(fields) and not named:
            for put_field, value in zip(self._puts, args):  # as many; `strict` costs time
                put_field(self, value)
            return
        put = object.__setattr__
        if len(args) > len(fields):
            raise TypeError(f"{type(self).__name__} takes {len(fields)} fields, got {len(args)}")
        for i, value in enumerate(args):
            put(self, fields[i], value)
        for field in fields[len(args) :]:
            if field in named:
                put(self, field, named.pop(field))
            elif field in self._defaults:
                put(self, field, self._defaults[field])
            else:
                raise TypeError(f"{type(self).__name__} needs the field {field!r}")
        if named:
            raise TypeError(f"{type(self).__name__} has no field {next(iter(named))!r}, or it was given twice")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def _key(self) -> tuple[Any, ...]:
        return tuple([getattr(self, f) for f in self._compared])

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._key()))

    def __repr__(self) -> str:
        shown = ", ".join(f"{f}={getattr(self, f)!r}" for f in self._compared)
        return f"{type(self).__name__}({shown})"

    def replace(self, **changes: Any) -> Any:
        """A copy with some fields changed."""
        fields = {f: getattr(self, f) for f in self._fields}
        return type(self)(**(fields | changes))
