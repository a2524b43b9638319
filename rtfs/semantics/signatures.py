"""The declared types of built-ins, for the checker, the documentation and `:type` in the REPL.

What is declared is what the checker believes of a built-in, so the tests call every built-in with values of its parameters' types
and look whether the result has the type that was promised.
"""

from __future__ import annotations

from functools import cache

from rtfs.types.nodes import FunctionType
from rtfs.values.functions import Builtin


def signature(builtin: Builtin) -> tuple[FunctionType, ...]:
    """The shapes of call that a built-in allows, in the order in which they are tried; none when nothing is declared."""
    return _read(builtin.type) if builtin.type else ()


@cache
def _read(text: str) -> tuple[FunctionType, ...]:
    from rtfs.source import Source
    from rtfs.syntax.reader import read_forms
    from rtfs.types.parse import parse_signature

    return parse_signature(read_forms(Source("<signature>", text))[0])
