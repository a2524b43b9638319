"""Addresses of the C functions that machine code calls: of Python itself and of C's mathematics.

`ctypes` is imported when the first address is wanted: a look at a function that turns out not to be hot does without.
"""

from __future__ import annotations

from rtfs.eval.native.kinds import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MATH: dict[str, int | None] = {}


def _address(function: Any) -> int:
    """Where a function of a loaded library stands."""
    import ctypes

    found = ctypes.cast(function, ctypes.c_void_p).value
    assert found is not None
    return found


def python_function(name: str) -> str:
    """A function of Python's C interface, as an operand of LLVM's `call`."""
    import ctypes

    return f"inttoptr (i64 {_address(getattr(ctypes.pythonapi, name))} to ptr)"


def python_object(value: object) -> str:
    """An object that is kept alive elsewhere, as a pointer."""
    return f"inttoptr (i64 {id(value)} to ptr)"


def math_function(name: str) -> str:
    """A function of C's mathematics.

    Raises:
        Unsupported: this platform does not show it to us.
    """
    import ctypes

    if name not in _MATH:
        try:
            _MATH[name] = _address(getattr(ctypes.CDLL(None), name))
        except (OSError, AttributeError, TypeError):  # Windows has no library of the whole process
            _MATH[name] = None
    found = _MATH[name]
    if found is None:
        raise Unsupported(f"no {name} here")
    return f"inttoptr (i64 {found} to ptr)"
