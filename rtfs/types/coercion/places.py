"""The places of a reply in which its value may stand, each read into a tree; the type has no part in this.

From the plainest to the least plain: the whole reply, fenced blocks and tags, objects and arrays in prose, the value inside a
wrapper, and last what only the repair library can read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rtfs.types.coercion.labels import letters
from rtfs.types.coercion.prose import MOST_PARTS, blocks, is_announced, next_bracket
from rtfs.types.coercion.quotes import unescape
from rtfs.types.coercion.report import Note
from rtfs.types.coercion.scan import Scan, ScanProblem, scan
from rtfs.types.coercion.strict import JsonProblem, load, mend
from rtfs.types.coercion.tree import Bare, Whole
from rtfs.types.coercion.wording import json_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Keys under which models put the value itself, in a larger object than was asked for …
_ANSWER_KEYS = frozenset({"answer", "finalanswer", "result", "value", "output", "label", "classification", "response"})
#: … and keys whose value is never the answer.
_OTHER_KEYS = frozenset({"error", "errors", "exception", "refusal", "warning", "status", "schema", "type", "properties"})
#: the first quote, or what stands before it, is escaped
_ESCAPED = re.compile(r"[{\[](?:\s|\\[nrt]|[{\[])*\\\"")
_GAP = re.compile(r"[\s,;]*")
FENCE: Note = ("fence", None, "took the contents of the fenced block")


class Reading:
    """A tree that the value may be read from, and what led to it."""

    __slots__ = ("announced", "closed", "data", "inner", "notes")

    def __init__(self, data: Any, notes: list[Note], announced: bool = False, *, closed: bool = False, inner: bool = False) -> None:
        self.data = data
        self.notes = notes
        self.announced = announced
        self.closed = closed  # keys that were not asked for are not put up with
        self.inner = inner  # taken out of a wrapper: that is change of shape enough


class Places:
    """The readings of one reply.

    Attributes:
        structured: whether the type has objects or arrays; only then is malformed JSON mended.
        problem: what is wrong with the JSON in the reply, found while it was read.
    """

    def __init__(self, raw: str, structured: bool) -> None:
        self.raw = raw  # blanks at the end show that a number before them is complete
        self.text = raw.strip()
        self.structured = structured
        self.problem: str | None = None
        #: whether the reply is one value in brackets and nothing else: then nothing inside it is a candidate
        self.is_whole = False

    def readings(self) -> Iterator[Reading]:
        yield from self.part(self.raw, [], False, False)
        if self.is_whole:
            return
        parts = blocks(self.text)
        several = len([part for part in parts if part.text.lstrip()[:1] in ("{", "[")]) > 1
        for part in parts:
            yield from self.part(part.text, [FENCE], part.ended, part.announced, inner=several)
        yield from self.embedded(self.raw)

    def part(self, raw: str, notes: list[Note], ended: bool, announced: bool, *, inner: bool = False) -> Iterator[Reading]:
        """A text that is the value and nothing else; one of several is `inner`, not the one item of an array."""
        text = raw.strip()
        if text[:1] in ("{", "["):
            found = self.scanned(raw, raw.index(text[0]), ended, notes)
            if found is not None:
                yield from self.wrapped(Reading(found[0], found[1], announced, inner=inner))
            elif _ESCAPED.match(text):
                found = self.scanned(unescape(text)[0], 0, ended, [*notes, ("escaped", None, "removed one level of escapes")])
                if found is not None:
                    yield from self.wrapped(Reading(found[0], found[1], announced, inner=inner))
        elif text[:1] == '"' == text[-1:]:
            try:
                data = load(text)
            except JsonProblem:
                data = None
            if isinstance(data, str):
                yield Reading(data, notes, announced)
        if text:
            yield Reading(Whole(text), notes, announced)

    def scanned(self, text: str, start: int, ended: bool, notes: list[Note]) -> tuple[Any, list[Note]] | None:
        """The tree of a whole text; several, one after the other, as one array."""
        items: list[Any] = []
        found: list[Note] = []
        while True:
            try:
                tree = scan(text, start, ended=ended)
            except ScanProblem as problem:
                self.problem = str(problem)
                return None
            items.append(tree.data)
            found += tree.notes
            gap = _GAP.match(text, tree.end)
            assert gap is not None
            start = gap.end()
            if start == len(text) and not gap[0].strip():
                self.is_whole = self.is_whole or (text is self.raw and len(items) == 1)
                break
            if text[start : start + 1] not in ("{", "[") or len(items) >= 10_000 or _has(tree.notes, "missing-bracket", "cut-off"):
                return None
        if len(items) == 1:
            return items[0], [*notes, *found]
        return items, [*notes, *found, ("several", None, f"read {len(items)} values as one array")]

    def embedded(self, text: str) -> Iterator[Reading]:
        """Objects and arrays in prose, from the first bracket on; each where the one before it ended."""
        trees: list[tuple[int, Scan]] = []
        parts = tries = 0
        left = 4 * len(text) + 10_000  # characters that may be looked at
        at = next_bracket(text, 0)
        while at >= 0 and tries < MOST_PARTS and left > 0:
            tries += 1
            parts += 1
            try:
                tree = scan(text, at, words=False)
            except ScanProblem as problem:
                if problem.deep:
                    break
                if text[at] == "{" or self.problem is None:
                    self.problem = str(problem)
                left -= len(text) - at
                at = next_bracket(text, at + 1)
                continue
            left -= tree.end - at
            start, at = at, next_bracket(text, tree.end)
            if text[start] == "[" and (not self.structured or _is_citation(text, start, tree.data)):
                parts -= 1
                continue
            follow = text[tree.end : tree.end + 99].lstrip()[:1]
            if not (_has(tree.notes, "missing-bracket") and follow and follow in ",:]}\"'"):
                trees.append((start, tree))
        for start, tree in trees:
            what = "object" if text[start] == "{" else "array"
            notes: list[Note] = [("text-around", None, f"took the {what} out of the text around it"), *tree.notes]
            # of several values none alone is the one item of an array
            yield from self.wrapped(Reading(tree.data, notes, is_announced(text, start), inner=parts > 1))
        if len(trees) > 1 and len(trees) == parts and at < 0 and _are_adjacent(text, trees):
            notes = [("text-around", None, "took the values out of the text around them")]
            notes.append(("several", None, f"read {len(trees)} values as one array"))
            for _, tree in trees:
                notes += tree.notes
            yield Reading([tree.data for _, tree in trees], notes)

    def wrapped(self, reading: Reading) -> Iterator[Reading]:
        """A tree, and what is inside it when it is nothing but a wrapper."""
        yield reading
        data = reading.data
        if isinstance(data, list) and data.__class__ is list and len(data) == 1:
            words = "took the only item of the array"
            yield Reading(data[0], [*reading.notes, ("wrapper", None, words)], reading.announced, inner=True)
        if not isinstance(data, dict) or not data:
            return
        names = [key for key in data if letters(key) in _ANSWER_KEYS] if len(data) > 1 else list(data)
        if len(names) == 1 and letters(names[0]) not in _OTHER_KEYS:
            key = names[0]
            notes: list[Note] = [*reading.notes, ("wrapper", None, f"took the value of the key {json_text(key)}")]
            for other in data:
                if other != key:
                    notes.append(("extra-key", (None, other), f"left out the key {json_text(other)}, which was not asked for"))
            yield Reading(data[key], notes, reading.announced, closed=reading.closed, inner=True)

    def mended(self) -> Iterator[Reading]:
        """Malformed JSON that only the library can read: with quotes inside its texts."""
        if not self.structured:
            return
        done: set[str] = set()
        start, end = next_bracket(self.text, 0), max(self.text.rfind("}"), self.text.rfind("]"))
        candidates = [(part.text.strip(), [FENCE]) for part in blocks(self.text)]
        if 0 <= start < end:
            whole = start == 0 and end == len(self.text) - 1
            around: Note = ("text-around", None, "took the JSON out of the text around it")
            candidates.append((self.text[start : end + 1], [] if whole else [around]))
        for text, notes in candidates:
            if text in done or text[:1] not in ("{", "["):
                continue
            done.add(text)
            try:
                scan(text)
                continue
            except ScanProblem as problem:
                if not problem.is_quote:
                    continue
            data = mend(text)
            if data is not None:
                yield from self.wrapped(Reading(data, [*notes, ("mended", None, "mended malformed JSON")], closed=True))


def _are_adjacent(text: str, trees: list[tuple[int, Scan]]) -> bool:
    """Whether nothing but commas and bullets stands between values."""
    return not [i for i in range(1, len(trees)) if text[trees[i - 1][1].end : trees[i][0]].strip(" \t\r\n,;-*")]


def _is_citation(text: str, start: int, data: Any) -> bool:
    """Whether an array is `[1]` or `[ ]` in the middle of a sentence."""
    is_short = not data or (len(data) == 1 and isinstance(data[0], Bare))
    return is_short and text[max(0, start - 99) : start].rstrip()[-1:] not in (":", "=", "`")


def _has(notes: list[Note], *kinds: str) -> bool:
    return bool([note for note in notes if note[0] in kinds])
