"""Tags in the metadata of functions: words by which policies tell their calls apart."""

from __future__ import annotations

from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: The tag of calls whose data never leaves the machine; a policy can add others, and take this one from nobody.
PRIVATE = "private"
#: All such tags, where no policy adds any.
PRIVATE_TAGS: frozenset[str] = frozenset({PRIVATE})
_NONE: frozenset[str] = frozenset()


def tags_of(options: Mapping[str, Any]) -> frozenset[str]:
    """The tags in a function's metadata: `^{:tags [:cheap :private]}`, and `^{:private true}` for short.

    Args:
        options: keyed by keyword name, as `DelegatedCall.options`.
    """
    if "tags" not in options and PRIVATE not in options:
        return _NONE
    given = options.get("tags")
    words = tuple(given.items()) if isinstance(given, Sequence) else (given,)
    found = {word.name for word in words if isinstance(word, Keyword)} | {word for word in words if isinstance(word, str)}
    if options.get(PRIVATE) is True:
        found.add(PRIVATE)
    return frozenset(found)
