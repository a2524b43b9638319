"""What a forked process must not take over as it is: a lock that another thread held then stays closed in it for ever.

Only the thread that forks lives on in the new process.  So whoever has locks says how they are made, and there they are made anew.
What they guard is of use all the same: under them, nothing is waited for, and nothing is left half done that a reader would fall
over.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any

#: Owner -> name of an attribute -> what makes it.
_owners: weakref.WeakKeyDictionary[Any, dict[str, Callable[[], Any]]] = weakref.WeakKeyDictionary()


def renew_in_child(owner: Any, **makers: Callable[[], Any]) -> None:
    """Have these attributes of an object made anew in each process that is forked from this one.

    Args:
        owner: is not kept alive; equal only to itself.
    """
    _owners[owner] = makers


def _forked() -> None:
    for owner, makers in list(_owners.items()):
        for name, make in makers.items():
            setattr(owner, name, make())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
