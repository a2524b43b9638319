"""Regular expressions that come to an end: Python's `re` where it is quick, an automaton where it could take for ever.

Programs bring patterns and texts, and nothing can interrupt `re` while it tries one way after the other: `(a+)+$` has 2**n ways
through n letters.  So a bound on its work is worked out first, from the pattern and the length of the text, and if that is
too much, from the characters of the text: `\\w+@` cannot take long where the words are short.  Past the bound, `automaton` does the
work, with the same answers and no backtracking; for the few patterns that it cannot follow, an error says so.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from math import inf

from rtfs.errors import EvalError
from rtfs.types.automaton import SINGLE, Automaton, NotLinear, class_text, flags_within, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Steps of `re` in one search; measured, a second or less.
MAX_WORK = 1e8


class Regex:
    """A pattern; `regex` makes them. What matching gives has `group`, `groups`, `start` and `end`, as in `re`."""

    def __init__(self, pattern: str) -> None:
        with warnings.catch_warnings():  # `[[a]` makes Python think aloud about future syntax
            warnings.simplefilter("ignore")
            self._compiled = re.compile(pattern)
            self._tree = parse(pattern)
        self.pattern = pattern
        self.groups = self._compiled.groups
        self.groupindex = self._compiled.groupindex
        self._automaton: Automaton | str | None = None  # or why there is none
        self._quick: dict[tuple[int, bool], bool] = {}

    def search(self, text: str) -> Any:
        """The first match, or None.

        Raises:
            EvalError: `invalid-argument`, the pattern takes too long for this text.
        """
        return self._engine(text, False).search(text)

    def fullmatch(self, text: str) -> Any:
        """The match of the whole text, or None. Raises as `search`."""
        return self._engine(text, True).fullmatch(text)

    def finditer(self, text: str) -> Iterator[Any]:
        """All matches that do not overlap. Raises as `search`."""
        found: Iterator[Any] = self._engine(text, False).finditer(text)
        return found

    def _engine(self, text: str, whole: bool) -> Any:
        size = (len(text).bit_length(), whole)
        quick = self._quick.get(size)
        if quick is None:
            quick = self._quick[size] = _Work(self._tree, None, 1 << size[0], whole).total <= MAX_WORK
        if quick or _Work(self._tree, text, len(text), whole).total <= MAX_WORK:
            return self._compiled
        if self._automaton is None:
            try:
                self._automaton = Automaton(self.pattern)
            except NotLinear as reason:
                self._automaton = str(reason)
        if type(self._automaton) is str:
            shown = self.pattern if len(self.pattern) <= 60 else self.pattern[:59] + "…"
            error = EvalError(
                f"the regular expression '{shown}' could take too long for a text of {len(text):,} characters",
                kind="invalid-argument",
                hint=f"{self._automaton}, and there is no quick way for that; avoid repetitions inside repetitions",
            )
            error.operand = 0
            raise error
        return self._automaton


@lru_cache(maxsize=256)
def regex(pattern: str) -> Regex:
    """The pattern that a text spells.

    Raises:
        re.error, OverflowError, RecursionError: it spells none.
    """
    return Regex(pattern)


def _always_matches(tree: Any) -> bool:
    """Whether every item may be left out, so that a search ends where it begins."""
    return all(str(name) in ("MAX_REPEAT", "MIN_REPEAT") and argument[0] == 0 for name, argument in tree)


def _starts_at_the_beginning(tree: Any) -> bool:
    if not len(tree) or str(tree[0][0]) != "AT":
        return False
    where = str(tree[0][1])
    return where == "AT_BEGINNING_STRING" or (where == "AT_BEGINNING" and not tree.state.flags & re.MULTILINE)


class _Work:
    """A bound on the steps that `re` takes for one search, in `total`.

    Every item of a sequence has a number of *ways* to match from one place, and a *cost* of trying them all; `re` tries an item
    once for each way through the items before it.

    Args:
        text: None for any text of this length.
    """

    def __init__(self, tree: Any, text: str | None, size: int, whole: bool) -> None:
        self.text = text
        self.size = size
        self.characters = sorted(set(text)) if text is not None else []
        self._tests: dict[tuple[str, int], frozenset[str]] = {}
        self._runs: dict[tuple[str, int], int] = {}
        _, cost = self._sequence(tree, tree.state.flags, last=not whole)
        if whole or _always_matches(tree):
            self.total = cost
        elif _starts_at_the_beginning(tree):
            self.total = cost + size
        else:
            self.total = cost * (size + 1)

    def _sequence(self, items: Any, flags: int, *, last: bool) -> tuple[float, float]:
        """Ways and cost; `last` when nothing after the sequence can fail."""
        ways, cost = 1.0, 1.0
        for i in range(len(items)):
            more = items[i + 1] if i + 1 < len(items) else None
            item_ways, item_cost = self._item(items[i], flags, more, last and more is None)
            cost += ways * item_cost
            ways *= item_ways
        return ways, cost

    def _item(self, item: Any, flags: int, following: Any, last: bool) -> tuple[float, float]:
        name, argument = str(item[0]), item[1]
        if name == "SUBPATTERN":
            return self._sequence(argument[3], flags_within(flags, argument), last=last)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            ways, cost = self._repeat(argument, flags, following)
            return (1.0 if last or name == "POSSESSIVE_REPEAT" else ways), cost
        if name == "BRANCH":
            options = [self._sequence(option, flags, last=last) for option in argument[1]]
            found = [ways for ways, _ in options]
            return (max(found) if self._apart(argument[1], flags) else sum(found)), sum(cost for _, cost in options)
        if name == "ATOMIC_GROUP":
            return 1.0, self._sequence(argument, flags, last=True)[1]
        if name in ("ASSERT", "ASSERT_NOT"):
            return 1.0, self._sequence(argument[1], flags, last=True)[1]
        if name == "GROUPREF_EXISTS":
            options = [self._sequence(option, flags, last=last) for option in argument[1:] if option is not None]
            return sum(ways for ways, _ in options) + 1, sum(cost for _, cost in options)
        if name == "GROUPREF":
            return 1.0, float(self.size)
        return 1.0, 1.0

    def _repeat(self, argument: Any, flags: int, following: Any) -> tuple[float, float]:
        low, high, body = argument
        least = body.getwidth()[0]
        most = self.size // max(1, least)
        if str(high) != "MAXREPEAT":
            most = min(most, high)
        if len(body) == 1 and str(body[0][0]) in SINGLE:
            if self.text is not None:
                most = min(most, self._longest_run(body[0], flags))
            # where what follows cannot match a character of the run, there is one place only where the run may end
            ends = 1 if self._apart([body, [following]], flags) else max(1, most - min(low, most) + 1)
            return float(ends), float(most + 1)
        ways, cost = self._sequence(body, flags, last=False)
        if ways <= 1:
            return float(max(1, most - min(low, most) + 1)), (most + 1) * cost
        try:
            ways = ways ** (most + 1)
        except OverflowError:
            ways = inf
        return ways, ways * cost

    def _apart(self, options: list[Any], flags: int) -> bool:
        """Whether each begins with one character, and no character of the text begins two of them."""
        if self.text is None:
            return False
        taken: set[str] = set()
        for option in options:
            first = option[0] if len(option) else None
            if first is not None and str(first[0]) in ("MAX_REPEAT", "MIN_REPEAT") and first[1][0] > 0 and len(first[1][2]) == 1:
                first = first[1][2][0]
            if first is None or str(first[0]) not in SINGLE:
                return False
            matched = self._matched(first, flags)
            if taken & matched:
                return False
            taken |= matched
        return True

    def _matched(self, single: Any, flags: int) -> frozenset[str]:
        """The characters of the text that a pattern of one character matches."""
        match, key = self._match(single, flags)
        found = self._tests.get(key)
        if found is None:
            found = self._tests[key] = frozenset(c for c in self.characters if match(c))
        return found

    def _longest_run(self, single: Any, flags: int) -> int:
        """Of how many characters, one after the other, a pattern of one character matches each."""
        matched = self._matched(single, flags)
        if not matched or self.text is None:
            return 0
        key = self._match(single, flags)[1]
        found = self._runs.get(key)
        if found is None:
            if len(matched) == len(self.characters):
                found = len(self.text)
            else:
                # one class, and nothing after it that could fail: linear
                runs = re.compile(key[0] + "+", key[1]).finditer(self.text)
                found = max([run.end() - run.start() for run in runs], default=0)
            self._runs[key] = found
        return found

    @staticmethod
    def _match(single: Any, flags: int) -> tuple[Callable[[str], Any], tuple[str, int]]:
        text = class_text(str(single[0]), single[1])
        kept = flags & (re.IGNORECASE | re.DOTALL | re.ASCII)
        return re.compile(text, kept).match, (text, kept)
