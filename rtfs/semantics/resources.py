"""The end of `with-resource` (reference 2.13): a resource is released on every way out, and refused afterwards."""

from __future__ import annotations

from rtfs.errors import EvalError
from rtfs.semantics.calls import call, is_function
from rtfs.values.maps import Map
from rtfs.values.scalars import ResourceHandle, kw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.semantics.protocols import Host


def release(resource: Any, host: Host, hints: dict[str, Any]) -> None:
    """Release a resource: a map's `:on-close` function is called with it, a handle goes to the capability `io.close`."""
    if type(resource) is Map:
        on_close = resource.get(kw("on-close"))
        if is_function(on_close):
            call(on_close, [resource] if _takes_one(on_close) else [])
        for value in resource.values():
            if type(value) is ResourceHandle:
                release(value, host, hints)
    elif type(resource) is ResourceHandle and not resource.released:
        try:
            host.execute_capability("io.close", [resource], hints)
        finally:
            resource.released = True


def _takes_one(function: Any) -> bool:
    from rtfs.semantics.calls import accepts

    return bool(accepts(function, 1))


def refuse_released(args: list[Any], operation: str) -> None:
    """
    Raises:
        EvalError: an operand is a handle that was released.
    """
    for i, arg in enumerate(args):
        if type(arg) is ResourceHandle and arg.released:
            error = EvalError(
                f"{operation}: the resource {arg.text} was released",
                kind="resource-error",
                hint="use it inside its with-resource only",
            )
            error.operand = i + 1
            raise error
