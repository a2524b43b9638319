"""Whether an expression may have to wait for the outside, as far as its form tells."""

from __future__ import annotations

from rtfs.syntax.words import CORE_MACRO_NAMES, FORM_MODULES
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.syntax.analyse.environment import MacroEnvironment

#: Forms that hand something to the host.
_ASKING = frozenset({"llm-execute", "discover-agents", "with-resource", "call"})


def may_wait(form: Any, environment: MacroEnvironment) -> bool:
    """False when nothing is called but what only computes. A macro of the program may stand for anything."""
    waiting = [form]
    while waiting:
        item = waiting.pop()
        if type(item) is Vector:
            waiting += item.items()
        elif type(item) is Map:
            waiting += [part for entry in item.items() for part in entry]
        elif type(item) is List and len(item):
            head = item[0]
            if type(head) is Symbol and head.name != "quote":
                is_form = head.name in FORM_MODULES or head.name in CORE_MACRO_NAMES
                if head.name in _ASKING or not (is_form or environment.only_computes(head.name)):
                    return True
            elif type(head) is not Symbol and type(head) is not Keyword:
                return True
            if type(head) is not Symbol or head.name != "quote":
                waiting += item.items()[1:]
    return False
