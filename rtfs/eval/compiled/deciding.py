"""Calls from generated code of functions whose calls are decided one by one."""

from __future__ import annotations

from rtfs.eval.compiled.support import _define, _operands
from rtfs.semantics.shortcuts import LONG_WAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.semantics.shortcuts import Shortcut


def shortened(count: int, shortcut: Shortcut, whole: Any, decide: Any) -> Any:
    """What generated code calls: `whole` where the shortcut knows that the body runs, else `decide` with the operands in a list."""
    operands = _operands(count)
    kinds = "type(a0)" if count == 1 else f"({''.join([f'type(a{i}), ' for i in range(count)])})"
    make = _define(
        ("shortened", count),
        f"""def made(known, take, forget, whole, decide):
    def shortened({operands}):
        if known({kinds}):
            if take() & {LONG_WAY}:
                return whole({operands})
            forget()
        return decide([{operands}])
    return shortened
""",
        {"type": type},
    )
    decided: Any = make(shortcut.local.get, shortcut.take, shortcut.local.clear, whole, decide)
    return decided
