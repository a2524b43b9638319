"""Lists and records that were written as lines of text: bullets, numbered lists, `key: value`.

Only the plainest shapes are read.  A second list, a continued line, a bullet under a bullet or a key with two values leave
more than one reading, and then there is none.
"""

from __future__ import annotations

import re

from rtfs.types.coercion.labels import letters
from rtfs.types.coercion.tree import Whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Longer texts are no outline.
LONGEST = 20_000

_BULLET = re.compile(r"([ \t]*)(?:[-*•‣–+]|\(?\d{1,3}[.)])[ \t]+(\S.*)")
#: `key: value`, also as a bullet, with the key in quotes or emphasis and the colon inside or outside of it
_PAIR = re.compile(
    r"""[ \t]*(?:(?:[-*•]|\d{1,3}[.)])[ \t]+)?    # a bullet
    (\*\*|__|["'`])?([^\W\d][\w\ .\-/]{0,40}?)   # the key
    (:)?\1?[ \t]*(?(3)|(?:[:=]|->))(?:\*\*|__)?   # what ends it
    (?:[ \t]+(.*\S)|[ \t]*)""",
    re.VERBOSE,
)
_WRAPS = re.compile(r"(\*\*|__|`|\"|')(?!\s)(.+)(?<!\s)\1")


def _unwrapped(text: str) -> str:
    """Without emphasis or quotes around the whole of it, or the comma after it."""
    text = text.strip()
    found = _WRAPS.fullmatch(text.removesuffix(","))
    return found[2] if found and found[1] not in found[2] else text


def bullets(text: str) -> list[str] | None:
    """The items of the only list in a text; None when there is none, several, or one inside another."""
    if len(text) > LONGEST:
        return None
    items: list[str] = []
    indent = ""
    over = blank = False
    for line in text.split("\n"):
        found = _BULLET.fullmatch(line.rstrip())
        if found is not None:
            if over or (items and found[1] != indent):
                return None
            indent = found[1]
            items.append(_unwrapped(found[2]))
        elif items and line.strip():
            if line[:1] in " \t":  # the item goes on, or has something under it
                return None
            if not over and not blank:
                return None
            over = True
        blank = not line.strip()
    return items or None


def pairs(text: str, keys: list[str]) -> dict[str, Any] | None:
    """The `key: value` lines of a text as an object; a key without a value has the bullets under it.

    Args:
        keys: the keys that are looked for; a line with another key counts only between lines with these.
    Returns:
        None when there is no such line, a key has two values, or lines between them are something else.
    """
    if len(text) > LONGEST:
        return None
    wanted = {letters(key) for key in keys}
    out: dict[str, Any] = {}
    folded: dict[str, Any] = {}
    waiting: str | None = None  # a key whose value may be bullets
    blank = True
    over = False
    for line in text.split("\n"):
        if not line.strip():
            blank = True
            continue
        item = _BULLET.fullmatch(line.rstrip())
        found = _PAIR.fullmatch(line.rstrip())
        name = None if found is None else letters(found[2])
        if found is not None and name is not None and (name in wanted or (out and not blank and not over and found[4])):
            if over or name in folded:
                return None
            value = found[4]
            waiting = found[2] if value is None else None
            out[found[2]] = folded[name] = [] if value is None else Whole(_unwrapped(value))
        elif item is not None and waiting is not None and not over:
            out[waiting].append(Whole(_unwrapped(item[2])))
        elif out:
            if not blank:
                return None  # the value goes on, or so it seems
            over = True
        blank = False
    return out if [key for key in out if letters(key) in wanted] and not [v for v in out.values() if v == []] else None


def parts_of_list(text: str) -> list[str] | None:
    """`a, b, c` in parts; None when it has only one, or a sentence is all it is."""
    if "\n" in text.strip() or len(text) > 2_000:
        return None
    parts = [part.strip() for part in re.split(r"\s*[,;]\s*(?:and\s+)?", text.strip().rstrip("."))]
    return parts if len(parts) > 1 and "" not in parts else None
