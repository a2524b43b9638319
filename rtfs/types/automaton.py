"""Regular expressions in linear time: what `types.regex` falls back on when Python's `re` could take for ever.

`re` tries one way through a pattern after the other, and `(a+)+$` has 2**n ways through n letters.  Here all ways go through the
text side by side, at most one for each place in the pattern, in the order in which `re` would try them; so the first one that ends
is the match that `re` finds, and the time is the length of the text times the length of the pattern.  It costs
a Python step where `re` costs a machine instruction, which is why `re` goes first.

Source: Thompson's construction with captures, as in Russ Cox, "Regular Expression Matching: the Virtual Machine Approach".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module

from rtfs.values.meter import count_step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Instructions of one pattern; `(a{1000}){1000}` would have a million.
_MAX_INSTRUCTIONS = 20_000
_CHARACTERS_PER_STEP = 16

# what an instruction does: (_CHARACTER, test), (_SPLIT, first, second), (_JUMP, to), (_SAVE, slot), (_ASSERT, test), (_MATCH,)
_CHARACTER, _SPLIT, _JUMP, _SAVE, _ASSERT, _MATCH = range(6)

_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}
#: Operations that match one character.
SINGLE = frozenset({"LITERAL", "NOT_LITERAL", "ANY", "IN"})

Slots = tuple["int | None", ...]


class NotLinear(Exception):
    """The pattern cannot be followed in this way; says why."""


def parse(pattern: str) -> Any:
    """The parse tree of `re`: pairs (operation, argument), which is what there is to know about a pattern."""
    return import_module("re._parser").parse(pattern)


def flags_within(flags: int, argument: Any) -> int:
    """The flags inside a group that changes them: `(?i:…)`."""
    return int((flags | argument[1]) & ~argument[2])


def class_text(name: str, argument: Any) -> str:
    """A pattern of one character, written out again."""
    if name == "ANY":
        return "."
    if name == "LITERAL":
        return f"[{_character(argument)}]"
    if name == "NOT_LITERAL":
        return f"[^{_character(argument)}]"
    out: list[str] = []
    for kind, value in argument:
        if str(kind) == "NEGATE":
            out.insert(0, "^")
        elif str(kind) == "LITERAL":
            out.append(_character(value))
        elif str(kind) == "RANGE":
            out.append(f"{_character(value[0])}-{_character(value[1])}")
        else:
            out.append(_CATEGORIES[str(value)])
    return f"[{''.join(out)}]"


def _character(code: int) -> str:
    return f"\\U{code:08x}"


class Found:
    """A match: the text, and where it and its groups begin and end."""

    __slots__ = ("_slots", "_text", "_names")

    def __init__(self, text: str, slots: Slots, names: dict[str, int]) -> None:
        self._text = text
        self._slots = slots
        self._names = names

    def group(self, group: int | str = 0) -> str | None:
        index = self._names[group] if isinstance(group, str) else group
        start, end = self._slots[2 * index], self._slots[2 * index + 1]
        return None if start is None or end is None else self._text[start:end]

    def groups(self) -> tuple[str | None, ...]:
        return tuple([self.group(i) for i in range(1, len(self._slots) // 2)])

    def start(self) -> int:
        return self._slots[0] or 0

    def end(self) -> int:
        return self._slots[1] or 0


class Automaton:
    """A pattern that matches in linear time; with the part of the interface of `re.Pattern` that `regex` uses.

    Raises:
        NotLinear: when it is made.
    """

    def __init__(self, pattern: str) -> None:
        tree = parse(pattern)
        self.groups: int = tree.state.groups - 1
        self.groupindex: dict[str, int] = dict(tree.state.groupdict)
        self._program: list[tuple[Any, ...]] = []
        self._tests: dict[tuple[str, int], Any] = {}
        self._emit(_SAVE, 0)
        self._sequence(tree, tree.state.flags)
        self._emit(_SAVE, 1)
        self._emit(_MATCH)

    # --- from the tree to instructions ---

    def _emit(self, *instruction: Any) -> int:
        if len(self._program) >= _MAX_INSTRUCTIONS:
            raise NotLinear("it is too long when its repetitions are written out")
        self._program.append(instruction)
        return len(self._program) - 1

    def _sequence(self, items: Any, flags: int) -> None:
        for operation, argument in items:
            name = str(operation)
            if name in SINGLE:
                self._emit(_CHARACTER, self._test(class_text(name, argument), flags))
            elif name == "SUBPATTERN":
                group = argument[0]
                if group is not None:
                    self._emit(_SAVE, 2 * group)
                self._sequence(argument[3], flags_within(flags, argument))
                if group is not None:
                    self._emit(_SAVE, 2 * group + 1)
            elif name == "MAX_REPEAT" or name == "MIN_REPEAT":
                self._repeat(argument, flags, greedy=name == "MAX_REPEAT")
            elif name == "BRANCH":
                self._branch(argument[1], flags)
            elif name == "AT":
                self._emit(_ASSERT, _assertion(str(argument), flags))
            elif name == "FAILURE":
                self._emit(_ASSERT, lambda text, at: False)
            else:
                raise NotLinear("it looks around, looks back at a group, or gives nothing back")

    def _test(self, text: str, flags: int) -> Any:
        """The test of a character as a dict that fills itself: each character is looked at by `re` once."""
        flags &= re.IGNORECASE | re.DOTALL | re.ASCII
        found = self._tests.get((text, flags))
        if found is None:
            found = self._tests[(text, flags)] = _Test(re.compile(text, flags).match)
        return found

    def _split(self, greedy: bool) -> int:
        """A split whose first branch is what follows; `_close` sets the other one."""
        return self._emit(_SPLIT, len(self._program) + 1, None) if greedy else self._emit(_SPLIT, None, len(self._program) + 1)

    def _close(self, split: int, to: int) -> None:
        _, first, second = self._program[split]
        self._program[split] = (_SPLIT, to if first is None else first, to if second is None else second)

    def _repeat(self, argument: Any, flags: int, *, greedy: bool) -> None:
        low, high, body = argument
        if body.getwidth()[0] == 0:
            # how often `re` goes round without reading anything is its own affair
            raise NotLinear("it repeats something that can be empty")
        for _ in range(low):
            self._sequence(body, flags)
        if str(high) == "MAXREPEAT":
            split = self._split(greedy)
            self._sequence(body, flags)
            self._emit(_JUMP, split)
            self._close(split, len(self._program))
            return
        splits = []
        for _ in range(high - low):
            splits.append(self._split(greedy))
            self._sequence(body, flags)
        for split in splits:
            self._close(split, len(self._program))

    def _branch(self, options: list[Any], flags: int) -> None:
        jumps = []
        for option in options[:-1]:
            split = self._split(True)
            self._sequence(option, flags)
            jumps.append(self._emit(_JUMP, None))
            self._close(split, len(self._program))
        self._sequence(options[-1], flags)
        for jump in jumps:
            self._program[jump] = (_JUMP, len(self._program))

    # --- matching ---

    def search(self, text: str) -> Found | None:
        return self._run(text, 0, None, whole=False)

    def fullmatch(self, text: str) -> Found | None:
        return self._run(text, 0, None, whole=True)

    def finditer(self, text: str) -> Iterator[Found]:
        at: int = 0
        empty_at: int | None = None
        while (found := self._run(text, at, empty_at, whole=False)) is not None:
            yield found
            at = found.end()
            # as in `re`: after an empty match, the next one at the same place must not be empty
            empty_at = at if found.start() == at else None

    def _run(self, text: str, begin: int, empty_at: int | None, *, whole: bool) -> Found | None:
        """The first match from `begin` on; with `whole`, one of all the text. At `empty_at` no empty match counts."""
        blank: Slots = (None,) * (2 * self.groups + 2)
        best: Slots | None = None
        threads: list[tuple[int, Slots]] = []
        for at in range(begin, len(text) + 1):
            if at % _CHARACTERS_PER_STEP == 0:
                count_step()
            if best is None and (not whole or at == begin):
                threads.append((0, blank))
            if not threads:
                break
            character = text[at] if at < len(text) else None
            following: list[tuple[int, Slots]] = []
            # each place once: a later thread that comes to the same place has the lower priority
            seen: set[int] = set()
            for begun in threads:
                matched = self._advance(begun, text, at, character, seen, following, empty_at, whole)
                if matched is not None:
                    best = matched
                    break  # what comes after has a lower priority
            threads = following
        return None if best is None else Found(text, best, self.groupindex)

    def _advance(
        self,
        begun: tuple[int, Slots],
        text: str,
        at: int,
        character: str | None,
        seen: set[int],
        following: list[tuple[int, Slots]],
        empty_at: int | None,
        whole: bool,
    ) -> Slots | None:
        """Follow a thread to the instructions that read `character`, best first; the slots of a match, if it comes to one."""
        program = self._program
        stack = [begun]
        while stack:
            place, slots = stack.pop()
            if place in seen:
                continue
            seen.add(place)
            instruction = program[place]
            kind = instruction[0]
            if kind == _CHARACTER:
                if character is not None and instruction[1][character]:
                    following.append((place + 1, slots))
            elif kind == _SPLIT:
                stack.append((instruction[2], slots))
                stack.append((instruction[1], slots))
            elif kind == _JUMP:
                stack.append((instruction[1], slots))
            elif kind == _SAVE:
                slot = instruction[1]
                stack.append((place + 1, (*slots[:slot], at, *slots[slot + 1 :])))
            elif kind == _ASSERT:
                if instruction[1](text, at):
                    stack.append((place + 1, slots))
            elif (not whole or at == len(text)) and not (at == empty_at and slots[0] == at):
                return slots
        return None


class _Test(dict[str, bool]):
    """Character -> whether a pattern of one character matches it."""

    def __init__(self, match: Callable[[str], Any]) -> None:
        super().__init__()
        self._match = match

    def __missing__(self, character: str) -> bool:
        found = self[character] = self._match(character) is not None
        return found


def _assertion(name: str, flags: int) -> Callable[[str, int], bool]:
    many = bool(flags & re.MULTILINE)
    if name == "AT_BEGINNING_STRING" or (name == "AT_BEGINNING" and not many):
        return lambda text, at: at == 0
    if name == "AT_BEGINNING":
        return lambda text, at: at == 0 or text[at - 1] == "\n"
    if name == "AT_END_STRING":
        return lambda text, at: at == len(text)
    if name == "AT_END" and many:
        return lambda text, at: at == len(text) or text[at] == "\n"
    if name == "AT_END":
        return lambda text, at: at == len(text) or (at == len(text) - 1 and text[at] == "\n")
    is_word = _Test(re.compile(r"\w", flags & re.ASCII).match)
    wanted = name == "AT_BOUNDARY"

    def boundary(text: str, at: int) -> bool:
        if not text:
            return False  # as in `re`, for both
        before = at > 0 and is_word[text[at - 1]]
        after = at < len(text) and is_word[text[at]]
        return (before != after) is wanted

    return boundary
