"""How the tests of the standard library write values, calls and expectations.

A case is `(name, operands, expected)`: `expected` is the result as it reads back (`[1 2.0]`), so that it tells kinds apart, or
the kind of the error.
"""

from __future__ import annotations

from typing import Any

import pytest

from rtfs.errors import KINDS, EvalError
from rtfs.semantics.calls import call
from rtfs.semantics.library import standard_library
from rtfs.values.functions import Builtin
from rtfs.values.maps import Map
from rtfs.values.printing import to_readable
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import List, Vector

LIBRARY = standard_library()
INF, NAN = float("inf"), float("nan")


def V(*items: Any) -> Vector:
    return Vector(items)


def L(*items: Any) -> List:
    return List(items)


def M(*flat: Any) -> Map:
    return Map(zip(flat[::2], flat[1::2]))


K = Keyword


def F(function: Any, low: int = 1, high: int | None = -1) -> Builtin:
    """A Python function as a function of the program."""
    return Builtin("f", function, low, low if high == -1 else high)


def lib(name: str) -> Builtin:
    return LIBRARY[name]


def run(name: str, *operands: Any) -> Any:
    return call(LIBRARY[name], list(operands))


def fails(name: str, *operands: Any) -> EvalError:
    with pytest.raises(EvalError) as caught:
        run(name, *operands)
    return caught.value


def check(name: str, operands: tuple[Any, ...], expected: str) -> None:
    if expected in KINDS:
        assert fails(name, *operands).kind == expected
    else:
        assert to_readable(run(name, *operands)) == expected


def cases(*rows: tuple[str, tuple[Any, ...], str]) -> Any:
    """Parametrise a test over `(name, operands, expected)`."""
    ids = []
    for name, operands, _ in rows:
        text = f"({name} {' '.join(to_readable(o) for o in operands)})"
        ids.append(text.encode("ascii", "backslashreplace").decode()[:70])
    return pytest.mark.parametrize("name, operands, expected", rows, ids=ids)
