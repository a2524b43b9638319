"""Publishing a function: what goes into its artefact, and what it has to stand before it is signed.

A function is published with the definitions that it refers to, directly or not, and nothing else of its program.  It is run in the
sandbox on examples, each a tuple of operands with the value that is expected: its tests, or recorded answers of a model.  Of tests,
all have to be right.  Of recorded answers, the code may leave some to others (it abstains), and on those that it answers it has to
agree often enough: not the part that agrees counts but its lower confidence bound, so that few examples prove little.
"""

from __future__ import annotations

import os
import time

from rtfs.caching.code.bounds import lower_bound
from rtfs.caching.code.entries import CodeEntry, CodeRefused
from rtfs.errors import RtfsError, nearest
from rtfs.ir.artefact.container import encode
from rtfs.ir.artefact.definitions import Definition, definitions_of, task_text
from rtfs.ir.artefact.program import Prepared, Program
from rtfs.syntax import nodes as ast
from rtfs.values.equality import equal
from rtfs.values.printing import to_readable
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from rtfs.source import Source

    Run = Callable[[tuple[Any, ...]], Any]
    Load = Callable[[Program, str], Run]

#: An error of this kind, thrown by code, says: somebody else should answer this.
ABSTAIN = "abstain"
CONFIDENCE = 0.95


class Example(Struct):
    """Operands, and the value that is expected."""

    args: tuple[Any, ...]
    value: Any


class Verification(Struct):
    """What running code on examples came to.

    Attributes:
        kind: `tests` or `agreement`.
        examples: how many; `covered`: those that the code answered; `agreed`: those that it answered as expected.
        wanted: how often it has to agree; the lower bound has to reach it.
        confidence: of the bound.
        first_miss: of the first example that it got wrong, what happened; empty when there was none.
    """

    kind: str
    examples: int
    covered: int
    agreed: int
    wanted: float
    confidence: float = CONFIDENCE
    first_miss: str = ""

    @property
    def bound(self) -> float:
        """The agreement that is exceeded with that confidence."""
        return lower_bound(self.agreed, self.covered, self.confidence)

    @property
    def passed(self) -> bool:
        if self.kind == "tests":
            return 0 < self.examples == self.agreed
        return self.covered > 0 and self.bound >= self.wanted

    def to_plain(self) -> dict[str, int | str]:
        """For the signed entry, which has no fractions."""
        return {
            "kind": self.kind,
            "examples": self.examples,
            "covered": self.covered,
            "agreed": self.agreed,
            "wanted": repr(self.wanted),
            "confidence": repr(self.confidence),
        }

    def __str__(self) -> str:
        if self.kind == "tests":
            return f"{self.agreed} of {self.examples} tests right"
        share = self.agreed / self.covered if self.covered else 0.0
        sure = f"at least {self.bound:.1%} with {self.confidence:.0%} confidence"
        return f"agrees on {self.agreed} of the {self.covered} it answers ({share:.1%}; {sure}), of {self.examples} examples"


def verify(
    run: Run, examples: Iterable[Example], *, kind: str, wanted: float = 1.0, confidence: float = CONFIDENCE
) -> Verification:
    """Run code on examples.

    Args:
        run: from `Load`.
        kind: `tests`: abstaining is wrong too; `agreement`.
    """
    count = covered = agreed = 0
    first_miss = ""
    for example in examples:
        count += 1
        try:
            value = run(example.args)
        except RtfsError as error:
            if error.kind == ABSTAIN and kind != "tests":
                continue
            covered += 1
            first_miss = first_miss or f"number {count}: {error.message}"
            continue
        covered += 1
        if equal(value, example.value):
            agreed += 1
        else:
            told = f"{_short(value)} and not {_short(example.value)}" if kind == "tests" else "another value than is expected"
            first_miss = first_miss or f"number {count}: {told}"
    return Verification(kind, count, covered, agreed, wanted, confidence, first_miss)


def _short(value: Any) -> str:
    text = to_readable(value)
    return text if len(text) <= 60 else text[:59] + "…"


def part_of(program: Program, name: str) -> tuple[Program, Definition]:
    """The part of a program that a function needs, and the function.

    Raises:
        CodeRefused: there is no such function, or it would be another one without the rest.
    """
    whole = {found.name: found for found in definitions_of(program)}
    function = whole.get(name)
    if function is None or function.function is None:
        close = nearest(name, [found.name for found in whole.values() if found.function is not None])
        hint = f"did you mean {close[0]}?" if close else "`rtfs hash FILE` lists what a program defines"
        raise CodeRefused(f"the program defines no function {name}", reason="other-code", hint=hint)
    needed = _needed(program, name)
    forms = tuple([_alone(form) for form in program.forms if _keep(form.node, needed)])
    part = Program(forms, program.modules, program.sources)
    again = next((found for found in definitions_of(part) if found.name == name), None)
    if again is None or again.content != function.content:
        hint = "define each name once, at the top of the file, and change none with set!"
        raise CodeRefused(f"{name} depends on more of its program than definitions", reason="other-code", hint=hint)
    return part, again


def _shown(part: Program, source: Source) -> tuple[str, str]:
    """What is published of a source: of the program's own text the forms that are, at their places, and blanks for all others."""
    name = os.path.basename(source.name)
    if source is not part.sources[0]:
        return name, source.text
    text = [sign if sign == "\n" else " " for sign in source.text]
    for form in part.forms:
        span = form.node.span
        if span is not None and span.source is source:
            text[span.start : span.end] = source.text[span.start : span.end]
    return name, "".join(text)


def _alone(form: Prepared) -> Prepared:
    """A form without what only matters in its text."""
    return Prepared(form.node, (), form.declared, form.declared_types, fresh=form.fresh, modules=form.modules)


def _keep(node: ast.Node, needed: set[str]) -> bool:
    if isinstance(node, ast.Def):
        return node.name in needed
    return isinstance(node, (ast.DefType, ast.DefStruct, ast.Import, ast.Module))


def _needed(program: Program, name: str) -> set[str]:
    """The names that a function refers to, directly or not, and its own."""
    from rtfs.ir.artefact.groups import walk

    references: dict[str, set[str]] = {}
    for form in program.forms:
        if isinstance(form.node, ast.Def):
            names = {node.name for node in walk(form.node) if isinstance(node, (ast.Global, ast.SetGlobal))}
            references.setdefault(form.node.name, set()).update(names)
    needed: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in needed:
            needed.add(one)
            waiting += references.get(one, ())
    return needed


def make_entry(
    program: Program,
    name: str,
    load: Load,
    examples: Iterable[Example],
    *,
    kind: str,
    wanted: float = 1.0,
    confidence: float = CONFIDENCE,
    task: bytes | None = None,
    interface: bytes | None = None,
    text: str = "",
    embed: Callable[[str], tuple[str, bytes]] | None = None,
    clock: Callable[[], float] = time.time,
) -> tuple[CodeEntry, Verification]:
    """The entry of a function, verified and ready to be signed.

    Args:
        program: analysed, and checked by whoever calls (`Runtime.check`).
        load: how code is run, in a sandbox.
        task, interface: of the function that it stands for; its own interface has to be that one.
        text: what it does, in words; its docstring when empty.
        embed: text -> (name of the embedder, vector).
    Raises:
        CodeRefused: `not-verified`, or see `part_of`.
    """
    part, function = part_of(program, name)
    assert function.function is not None
    assert function.interface is not None
    if interface is not None and interface != function.interface:
        raise CodeRefused(f"{name} has other types than the function that it is to stand for", reason="not-verified")
    try:
        run = load(part, name)
    except RtfsError as error:
        raise CodeRefused(f"{name} does not load in the sandbox: {error.message}", reason="not-verified") from error
    found = verify(run, examples, kind=kind, wanted=wanted, confidence=confidence)
    if not found.passed:
        because = f"; first, {found.first_miss}" if found.first_miss else ""
        least = "" if kind == "tests" else f", and {wanted:.1%} is asked for"
        said, hint = f"{found}{least}{because}", "correct the function, or what is expected of it" if kind == "tests" else None
        if kind == "tests" and not found.examples:
            said, hint = "there are no tests", "write [[operand …] value] for each, one at least"
        raise CodeRefused(f"{name} is not published: {said}", reason="not-verified", hint=hint)
    words = text or task_text(function.function)
    entry = CodeEntry(
        name=name,
        content=function.content,
        interface=function.interface,
        task=task,
        text=words,
        artefact=encode(part, lambda source: _shown(part, source)),
        validation=found.to_plain(),
        created_s=int(clock()),
        embedding=None if embed is None else embed(words),
    )
    return entry, found
