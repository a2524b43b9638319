"""What a reply is read into before its type is looked at: dicts, lists and texts that remember how they were written."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Brackets inside brackets; deeper is refused before anything recursive sees it.
MAX_DEPTH = 500
#: A number as JSON writes it.
NUMBER_TEXT = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
JSON_NUMBER = re.compile(NUMBER_TEXT)
#: Longer texts are no numbers.
LONGEST_NUMBER = 400


class Bare(str):
    """A value that stood without quotes: a number, `true`, `None`, a word."""

    __slots__ = ()


class Whole(Bare):
    """A whole reply, or the whole contents of a fence: a text that nobody expects in quotes."""

    __slots__ = ()


class CutText(str):
    """The beginning of a text that the end of the reply cut off."""

    __slots__ = ()


class CutList(list):  # type: ignore[type-arg]
    """An array that the end of the reply left open: more items may have been meant to follow."""

    __slots__ = ()


class CutDict(dict):  # type: ignore[type-arg]
    """An object that the end of the reply left open."""

    __slots__ = ()


class MapKey(str):
    """A key of a map as a step of a path; reports treat such steps alike, as they do indexes."""

    __slots__ = ()


_LITERALS = {"true": True, "false": False, "null": None}


def plain(data: Any) -> Any:
    """What unquoted text is as JSON; other data, and text that is not JSON, as it is."""
    if not isinstance(data, Bare):
        return data
    if data in _LITERALS:
        return _LITERALS[data]
    if data[:1] in "-0123456789" and len(data) <= LONGEST_NUMBER and JSON_NUMBER.fullmatch(data):
        return int(data) if data.lstrip("-").isdigit() else float(data)
    return data
