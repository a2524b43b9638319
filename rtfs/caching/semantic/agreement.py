"""Whether two replies say the same: what a shadow check compares.

Structured replies are compared as data, short ones as text without regard to case, spaces and a final stop.  Longer prose may put
the same thing in other words: it agrees when its numbers, names, codes and polarity do, and most of its words.  That is strict on
purpose: an answer that merely might be the same counts as a false hit.
"""

from __future__ import annotations

import json

from rtfs.caching.semantic.alignment import Alignment
from rtfs.caching.semantic.guards import entities, polarity, values
from rtfs.caching.semantic.view import View

_SHORT_WORDS = 6
_ALIKE = 0.5
_CHECKS = (
    values.number,
    values.units,
    values.date,
    values.time,
    values.quoted,
    values.code,
    polarity.negation,
    polarity.antonym,
    entities.entity,
)


def agree(first: str, second: str) -> bool:
    """Whether two replies to one question would do the same service.  Symmetric."""
    if first == second:
        return True
    one, two = _data(first), _data(second)
    if isinstance(one, str) and isinstance(two, str):
        return _prose(one, two)
    return type(one) is type(two) and one == two


def _data(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _prose(first: str, second: str) -> bool:
    first, second = (" ".join(text.casefold().split()).rstrip(".! ") for text in (first, second))
    if first == second:
        return True
    if min(len(first.split()), len(second.split())) < _SHORT_WORDS or max(len(first), len(second)) > 4000:
        return False
    pair = Alignment(View(first), View(second))
    content = len(pair.a.content) + len(pair.b.content)
    return bool(content) and 2 * pair.shared / content >= _ALIKE and not any(check(pair) for check in _CHECKS)
