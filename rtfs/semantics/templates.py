"""What a quasiquote makes: the items of a template put together (reference section 5)."""

from __future__ import annotations

from rtfs.errors import EvalError
from rtfs.semantics.faults import type_error
from rtfs.values.forms import MetaForm
from rtfs.values.maps import Map
from rtfs.values.sequences import List, Sequence, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.source import Span


def add_part(out: list[Any], value: Any, splice: bool, span: Span | None) -> None:
    """Add the value of one part of a template to `out`: itself, or its items where it is spliced.

    Raises:
        EvalError: `type-error`, at `span`: what is spliced is no sequence, map or nil.
    """
    if not splice:
        out.append(value)
    elif isinstance(value, Sequence):
        out.extend(value.items())
    elif type(value) is Map:
        out.extend([x for entry in value.items() for x in entry])
    elif value is not None:
        error = type_error("unquote-splicing", "list", value)
        error.span = span
        raise error


def make_template(kind: str, out: list[Any], span: Span | None) -> Any:
    """The form of a `kind` (`list`, `vector`, `map`, `metadata`) from its finished items.

    Raises:
        EvalError: at `span`: a map of an odd number of forms, metadata that is no map.
    """
    if kind == "list":
        return List.adopt(out)
    if kind == "vector":
        return Vector.adopt(out)
    if kind == "metadata":
        if type(out[0]) is not Map:
            error = type_error("metadata", "map", out[0])
            error.span = span
            raise error
        return MetaForm(out[0], out[1])
    if len(out) % 2:
        raise EvalError("a quasiquoted map got an odd number of forms", kind="invalid-argument", span=span)
    return Map([(out[i], out[i + 1]) for i in range(0, len(out), 2)])
