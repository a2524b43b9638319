"""Addresses of the C functions that machine code calls: of Python itself and of C's mathematics."""

from __future__ import annotations

import ctypes

from rtfs.eval.native.kinds import Unsupported

_MATH: dict[str, int | None] = {}


def address(function: object) -> int:
    """Where a function of a loaded library stands."""
    found = ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
    assert found is not None
    return found


def python_function(name: str) -> str:
    """A function of Python's C interface, as an operand of LLVM's `call`."""
    return f"inttoptr (i64 {address(getattr(ctypes.pythonapi, name))} to ptr)"


def python_object(value: object) -> str:
    """An object that is kept alive elsewhere, as a pointer."""
    return f"inttoptr (i64 {id(value)} to ptr)"


def math_function(name: str) -> str:
    """A function of C's mathematics.

    Raises:
        Unsupported: this platform does not show it to us.
    """
    if name not in _MATH:
        try:
            _MATH[name] = address(getattr(ctypes.CDLL(None), name))
        except (OSError, AttributeError, TypeError):  # Windows has no library of the whole process
            _MATH[name] = None
    found = _MATH[name]
    if found is None:
        raise Unsupported(f"no {name} here")
    return f"inttoptr (i64 {found} to ptr)"
