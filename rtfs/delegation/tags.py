"""What tags of calls mean for where they may go."""

from __future__ import annotations

from rtfs.delegation.targets import ExecTarget, RemoteModel
from rtfs.semantics.tags import PRIVATE, PRIVATE_TAGS, tags_of

__all__ = ["PRIVATE", "PRIVATE_TAGS", "private_to_remote", "tags_of"]


def private_to_remote(tags: frozenset[str], target: ExecTarget, private: frozenset[str] = PRIVATE_TAGS) -> str | None:
    """Why a call must not reach a target, as its data would leave the machine; None when it may.

    Args:
        private: the tags of calls whose data never does.
    """
    if not isinstance(target, RemoteModel):
        return None
    for tag in sorted(tags & private):
        return f"the call is tagged `{tag}`: its data never leaves this machine"
    return None
