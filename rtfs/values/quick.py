"""Frozen dataclasses, and `Struct`s, that are made in two thirds of the time.

The `__init__` of a frozen dataclass sets each field through `object.__setattr__`, which looks the field up by its name, and that of
a `Struct` goes through its fields one by one.  These call the slots themselves, one after the other.
For the few that a delegated call makes: a class costs a tenth of a millisecond when it is defined.

The text that is compiled is made of the names of fields in our own classes, as that of `dataclasses` is; nothing of a program or a
model comes into it.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, TypeVar

T = TypeVar("T")


def quick_init(cls: type[T]) -> type[T]:
    """The class, a dataclass with `frozen` and `slots`; all fields are given to its `__init__`, and all by name or none."""
    space: dict[str, Any] = {"_MISSING": MISSING}
    parameters, lines = [], []
    for field in fields(cls):  # type: ignore[arg-type]
        name = field.name
        space[f"_put_{name}"] = getattr(cls, name).__set__
        value = name
        if field.default_factory is not MISSING:
            space[f"_made_{name}"] = field.default_factory
            parameters.append(f"{name}=_MISSING")
            value = f"_made_{name}() if {name} is _MISSING else {name}"
        elif field.default is not MISSING:
            space[f"_default_{name}"] = field.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        lines.append(f"    _put_{name}(self, {value})\n")
    by_name = fields(cls)[0].kw_only  # type: ignore[arg-type]
    return _with_init(cls, ["*", *parameters] if by_name else parameters, lines, space)


def quick_struct(cls: type[T]) -> type[T]:
    """The class, a `values.struct.Struct`."""
    space: dict[str, Any] = {}
    parameters, lines = [], []
    of_struct: Any = cls
    for name, put in zip(of_struct._fields, of_struct._puts, strict=True):
        space[f"_put_{name}"] = put
        if name in of_struct._defaults:
            space[f"_default_{name}"] = of_struct._defaults[name]
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        lines.append(f"    _put_{name}(self, {name})\n")
    return _with_init(cls, parameters, lines, space)


def _with_init(cls: type[T], parameters: list[str], lines: list[str], space: dict[str, Any]) -> type[T]:
    exec(f"def __init__(self, {', '.join(parameters)}):\n{''.join(lines)}", space)
    made = space["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__module__ = cls.__module__
    made.__annotations__ = dict(cls.__init__.__annotations__)
    cls.__init__ = made  # type: ignore[method-assign]
    return cls
