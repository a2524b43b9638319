"""Text and data as values of a type: replies of models, results of tools, arguments of a host.

coerce(text, type)        what a model wrote, repaired where that needs no guessing, with a report
coerce_data(data, type)   JSON-shaped data, exactly
"""

from __future__ import annotations

from rtfs.types.coercion.costs import KINDS, default_limit
from rtfs.types.coercion.reader import Reader
from rtfs.types.coercion.reply import Reply
from rtfs.types.coercion.report import Coerced, Repair, Report
from rtfs.types.coercion.wording import CoercionError
from rtfs.types.nodes import Lookup, Type, no_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def coerce(text: str, type: Type, *, names: Mapping[str, Type] | Lookup | None = None, limit: int | None = None) -> Coerced:
    """The value of `type` that a model's reply stands for, and what had to be repaired to read it.

    Deterministic, and nothing is invented: every number, label and text of the value stands in the reply, in one spelling or
    another.  For `string` and `any` the value is the text itself, without blanks around it.

    Args:
        names: what names in the type stand for.
        limit: points that the repairs may cost; `default_limit(type)` unless given, 0 for none.
    Raises:
        CoercionError: no reading gives a value of the type, several differ, or the repairs cost too much. Its `problem` is a
            sentence that can be sent back to the model.
    """
    return Reply(text, type, _lookup(names), limit).read()


def coerce_data(data: Any, type: Type, *, names: Mapping[str, Type] | Lookup | None = None) -> Any:
    """The value of `type` that JSON-shaped data stands for; nothing is repaired.

    Args:
        data: None, bool, int, float, str, list, tuple and dict; RTFS values that belong to their type pass unchanged.
        names: what names in the type stand for.
    Raises:
        CoercionError: the data does not fit.
    """
    try:
        return Reader(_lookup(names)).read(data, type, None, 0)
    except RecursionError:  # the caller's stack was nearly used up
        raise CoercionError("the value is nested too deep") from None


def _lookup(names: Mapping[str, Type] | Lookup | None) -> Lookup:
    if names is None:
        return no_names
    return names if callable(names) else names.get


__all__ = ["KINDS", "Coerced", "CoercionError", "Repair", "Report", "coerce", "coerce_data", "default_limit"]
