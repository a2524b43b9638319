"""A program that still shows a difference, and nothing else: forms are left out, replaced by their parts, and made simple."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rtfs.source import Source
from rtfs.syntax.reader import read_forms
from rtfs.values.forms import list_form
from rtfs.values.maps import Map
from rtfs.values.printing import to_readable
from rtfs.values.sequences import List, Vector

Program = list[list[Any]]  # pieces of top-level forms


def minimise(pieces: Sequence[str], fails: Callable[[list[str]], bool], *, attempts: int = 3000) -> list[str]:
    """The smallest pieces found for which `fails` holds, as it does for those given."""
    program = [read_forms(Source("<piece>", text)) for text in pieces]
    if not fails(_texts(program)):
        return list(pieces)  # it is about the blanks
    left = attempts
    shrunk = True
    while shrunk and left > 0:
        shrunk = False
        for smaller in _smaller(program):
            left -= 1
            if left <= 0:
                break
            if fails(_texts(smaller)):
                program = smaller
                shrunk = True
                break
    return _texts(program)


def _texts(program: Program) -> list[str]:
    return ["\n".join([to_readable(form) for form in piece]) for piece in program]


def _smaller(program: Program) -> Iterator[Program]:
    for i in range(len(program)):
        if len(program) > 1:
            yield [piece for j, piece in enumerate(program) if j != i]
            if i:
                yield [*program[: i - 1], program[i - 1] + program[i], *program[i + 1 :]]
        for size in (8, 4, 2, 1):
            for at in range(0, len(program[i]) - size + 1, size):
                yield _with(program, i, program[i][:at] + program[i][at + size :])
    for i, piece in enumerate(program):
        for j, form in enumerate(piece):
            for other in _variants(form):
                yield _with(program, i, [*piece[:j], other, *piece[j + 1 :]])


def _with(program: Program, i: int, piece: list[Any]) -> Program:
    return [*program[:i], piece, *program[i + 1 :]]


_SIMPLE = (None, 0, 1)


def _variants(form: Any) -> Iterator[Any]:
    """Forms that are simpler than one, the simplest first."""
    if isinstance(form, (List, Vector)):
        items = form.items()
        kind = list_form if isinstance(form, List) else lambda *parts: Vector(parts)
        yield from _SIMPLE
        yield from items
        for i in range(len(items)):
            yield kind(*items[:i], *items[i + 1 :])
            if i + 1 < len(items):
                yield kind(*items[:i], *items[i + 2 :])
        for i, item in enumerate(items):
            for other in _variants(item):
                yield kind(*items[:i], other, *items[i + 1 :])
    elif type(form) is Map:
        entries = [(k, v) for k, v in form.items()]
        yield from _SIMPLE
        for i in range(len(entries)):
            yield Map(entries[:i] + entries[i + 1 :])
        for i, (key, value) in enumerate(entries):
            yield value
            for other in _variants(value):
                yield Map([*entries[:i], (key, other), *entries[i + 1 :]])
    elif type(form) is int and abs(form) > 1:
        yield from (0, 1, 2, -1, form // 2)
    elif type(form) in (str, float):
        yield from (0, 1)
