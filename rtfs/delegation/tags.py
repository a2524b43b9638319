"""Tags of functions and calls: words by which policies tell them apart."""

from __future__ import annotations

from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

PRIVATE = "private"


def tags_of(options: Mapping[str, Any]) -> frozenset[str]:
    """The tags in a function's metadata: `^{:tags [:cheap :private]}`, and `^{:private true}` for short.

    Args:
        options: keyed by keyword name, as `DelegatedCall.options`.
    """
    given = options.get("tags")
    words = tuple(given.items()) if isinstance(given, Sequence) else (given,)
    found = {word.name for word in words if isinstance(word, Keyword)} | {word for word in words if isinstance(word, str)}
    if options.get(PRIVATE) is True:
        found.add(PRIVATE)
    return frozenset(found)
