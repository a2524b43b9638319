"""Run-time checks of annotations: what is checked where, and how a failure is worded (reference 4.4)."""

from __future__ import annotations

from collections.abc import Callable

from rtfs.errors import EvalError, nearest
from rtfs.types.nodes import AnyType, Type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TypeLookup = Callable[[str], "Type | None"]
Check = Callable[["Any"], "Any"]


def compile_check(type_: Type, lookup: TypeLookup) -> Check:
    """A function from a value to None or a `Mismatch`; types that are never checked do not load the matcher."""
    from rtfs.types.matching import checker

    return checker(type_, lookup)


class LateCheck:
    """The check of a type, made when it is first needed: most are of code that a run never reaches.

    Attributes:
        type: gives the type.
        run: from a value to None or a `Mismatch`.
    """

    __slots__ = ("run", "type")
    run: Check

    def __init__(self, type_: Callable[[], Type], lookup: TypeLookup) -> None:
        self.type = type_

        def first(value: Any) -> Any:
            self.run = compile_check(type_(), lookup)
            return self.run(value)

        self.run = first


def optional_check(type_: Type | None, lookup: TypeLookup) -> Check | None:
    """The check of an annotation, None when there is nothing to check."""
    if type_ is None or isinstance(type_, AnyType):
        return None
    return compile_check(type_, lookup)


def validation_error(what: str, mismatch: Any, operand: int | None = None) -> EvalError:
    """The error of a failed check: `f, parameter x: Type mismatch at .a: expected int, got string`."""
    error = EvalError(f"{what}: {mismatch.message}", kind="type-validation-error")
    if mismatch.kind == "unknown-type":
        from rtfs.types.parse import NAMED

        name = str(mismatch.expected)
        close = nearest(name, NAMED)
        error.hint = f"did you mean `{close[0]}`?" if close else f"define it first: (defstruct {name} …) or (deftype {name} …)"
    error.operand = operand
    return error


def struct_constructor(name: str, check: Check) -> Callable[[Any], Any]:
    """The constructor of `defstruct`: gives its operand back if it is a valid map (reference 4.6)."""
    from rtfs.semantics.faults import type_error
    from rtfs.values.maps import Map

    def construct(value: Any) -> Any:
        if type(value) is not Map:
            raise type_error(name, "map", value, 0)
        if (mismatch := check(value)) is not None:
            raise validation_error(f"struct {name}", mismatch, 0)
        return value

    return construct
