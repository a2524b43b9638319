"""A model as the author of code: it is asked, told what was wrong with its program, and asked again, so often and no more.

    question ─▶ reply ─▶ programs in it ─▶ read, typed, no effects ─▶ runs in the sandbox ─▶ agrees on unseen examples ─▶ candidate
        ▲                                        │                        │                         │
        └── the program, and what is wrong ◀─────┴────────────────────────┴──── those it got wrong ─┘

What a model writes is a text of a stranger.  It is read by an inspector that has nothing to give away and a limit of time for
macros, may import nothing, call no capability and ask no model, and runs nowhere but in the sandbox.  Nothing that is held out for
verification is shown, not even as something that it got wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from rtfs.caching.code.entries import CodeRefused
from rtfs.caching.code.publishing import part_of
from rtfs.checker.effects import FunctionEffects
from rtfs.checker.problems import WARNINGS
from rtfs.delegation.asking import one_line
from rtfs.delegation.crystallise.induction import Aim, Candidate, split
from rtfs.delegation.crystallise.judging import judge
from rtfs.delegation.crystallise.proposing import Question, Reply, example_line, first_question, programs_in, to_show
from rtfs.delegation.crystallise.samples import Sample, Samples
from rtfs.errors import AnalysisError, DelegationError, LimitExceeded, RtfsError, render
from rtfs.ir.artefact.definitions import Definition, definitions_of
from rtfs.ir.artefact.program import Program
from rtfs.source import Source
from rtfs.syntax.reader import read_forms
from rtfs.values.scalars import Symbol
from rtfs.values.sequences import List
from rtfs.values.struct import Struct

#: How often a model is asked at most, unless the user says otherwise.
TRIES = 3
#: What it is told of one program: problems, examples that it got wrong, characters of each of these and of the program.
_PROBLEMS, _MISSES, _LONGEST_MISS, _LONGEST = 3, 8, 2_000, 20_000
#: Characters of an answer that is no program, for the user.
_SHOWN = 80
#: Of what is only doubtful in other programs: nobody is going to define it later.
_ERRORS_TOO = frozenset({"unbound-name"})
_IMPORTING = frozenset({"import", "module"})
#: Kinds of errors after which another question may help; after all others, the model cannot or may not answer.
_ASK_AGAIN = frozenset({"reply-cut-off", "empty-reply", "reply-mismatch"})


class Inspector(Protocol):
    """Analyses programs and runs them in the sandbox: a `runtime.Runtime`."""

    def prepared(self, source: Source) -> Program: ...

    def check(self, source: Source) -> list[AnalysisError]: ...

    def effects(self, source: Source) -> list[FunctionEffects]: ...

    def sandboxed(self, program: Program, name: str) -> Callable[[tuple[Any, ...]], Any]: ...


class Author(Struct):
    """Who writes the code.

    Attributes:
        name: of the model.
        ask: hands a question to it; raises what a delegated call raises.
        inspector: for texts of strangers (`runtime.for_strangers`).
        is_remote: what it is shown leaves the machine.
        private_tags: of calls whose data never does.
        tries: how often it is asked at most.
    """

    name: str
    ask: Callable[[Question], Reply]
    inspector: Inspector
    is_remote: bool
    private_tags: frozenset[str]
    tries: int = TRIES


class Try(Struct):
    """A program that a model wrote.

    Attributes:
        text: empty where there is none in its reply.
        problem: what is wrong with it, in a line; empty when it is expected to do.
    """

    text: str
    problem: str


class Written(Struct):
    """What came of asking a model.

    Attributes:
        candidate: None when no program is expected to do.
        tries: in order.
        withheld: examples that were not shown, since they were answers to private calls.
        stopped: why it was not asked again, or not at all; empty when nothing hindered it.
    """

    candidate: Candidate | None = None
    tries: tuple[Try, ...] = ()
    withheld: int = 0
    stopped: str = ""


class _Refused(Exception):
    """A program is no good; never leaves this module.

    Args:
        line: why, for the user.
        told: the same for the model, and longer.
        text: of the program.
    """

    def __init__(self, line: str, told: str = "", text: str = "") -> None:
        super().__init__(line)
        self.line, self.told, self.text = one_line(line), told or line, text


def opening(
    author: Author, function: Definition, types: Sequence[str], samples: Samples
) -> tuple[Question | None, set[str], set[str]]:
    """The first question, the keys of the examples in it, and of those that must not be shown; no question where there are none."""
    fn = function.function
    assert fn is not None
    training, _ = split(samples)
    withheld = {one.key for one in training if author.is_remote and author.private_tags & one.tags}
    shown = to_show(function.name, [one for one in training if one.key not in withheld])
    return first_question(function.name, fn, types, shown) if shown else None, {one.key for one in shown}, withheld


def write(author: Author, function: Definition, types: Sequence[str], samples: Samples, aim: Aim) -> Written:
    """Have a model write the function.

    Args:
        function: the one that asks a model; `types`: texts of the definitions that it needs.
    """
    question, seen, withheld = opening(author, function, types, samples)
    if question is None:
        private = "all recorded calls are private, and it is no model of this machine"
        why = private if withheld else "no recorded call is short enough"
        return Written(withheld=len(withheld), stopped=f"it was not asked: {why}")
    tries: list[Try] = []
    stopped = ""
    asked: Question | None = None
    while len(tries) < author.tries:
        if question == asked:
            stopped = "it was not asked once more, since it has given the same answer again"
            break
        asked = question
        try:
            reply = author.ask(question)
        except (DelegationError, LimitExceeded) as error:
            shorter = question.shorter if error.kind == "prompt-too-long" else None
            if shorter is not None:  # nothing was answered: that is no try
                question = shorter
                continue
            if error.kind not in _ASK_AGAIN:
                stopped = one_line(f"{error.message}; {error.hint}" if error.hint else error.message)
                break
            tries.append(Try("", one_line(error.message)))
            question = question.replace(problem=f"There was no program: {error.message}. Write a shorter one, at once.")
            continue
        try:
            text, program = _program(author.inspector, reply, function, types)
            judgement = judge(_loaded(author.inspector, program, function.name, text), samples, seen)
            candidate = judgement.candidate(f"model {author.name}", text, samples, aim)
            if candidate is not None:
                return Written(candidate, (*tries, Try(text, "")), len(withheld))
            misses = [one for one in judgement.misses if one[0].key not in withheld and len(one[0].key) < _LONGEST_MISS][:_MISSES]
            seen |= {one.key for one, _ in misses}
            summary = judgement.summary(aim)
            told = [f"{summary}. For example:" if misses else summary, *_lines(function.name, misses)]
            raise _Refused(summary, "\n".join(told), text)
        except _Refused as refused:
            tries.append(Try(refused.text, refused.line))
            question = question.replace(program=(refused.text or reply.text)[:_LONGEST], problem=refused.told)
    return Written(None, tuple(tries), len(withheld), stopped)


def _lines(name: str, misses: Iterable[tuple[Sample, str]]) -> list[str]:
    return [f"{example_line(name, one)}, but {what}" for one, what in misses]


def _program(inspector: Inspector, reply: Reply, function: Definition, types: Sequence[str]) -> tuple[str, Program]:
    """The text of the program in a reply, and the part of it that is needed: the first that is one.

    Raises:
        _Refused: none is; what is wrong with the likeliest.
    """
    texts = programs_in(reply.text, function.name, types)
    first: _Refused | None = None
    for text in texts:
        try:
            return text, _checked(inspector, text, function)
        except _Refused as refused:
            first = first or refused
    if first is None:
        none = f"its answer holds no definition of {function.name}"
        first = _Refused(f"{none}: {one_line(reply.text)[:_SHOWN]!r}" if reply.text else f"{none}: it is empty", none)
    if reply.cut:
        raise _Refused(f"{first.line} ({reply.cut})", f"{reply.cut}. Write a shorter program.\n{first.told}", first.text)
    raise first


def _checked(inspector: Inspector, text: str, function: Definition) -> Program:
    """The part of a program that its function needs.

    Raises:
        _Refused: it does not read, has an error, of types too, defines another function, or does more than to compute.
    """
    source = Source("program", text)
    try:
        if _IMPORTING & {_first_word(form) for form in read_forms(source)}:
            raise _Refused("it imports a module, and may only compute", text=text)
        errors = [problem for problem in inspector.check(source) if problem.kind not in WARNINGS - _ERRORS_TOO]
        if errors:
            raise _Refused(errors[0].message, "\n".join([render(error) for error in errors[:_PROBLEMS]]), text)
        program = inspector.prepared(source)
        if program.modules:
            raise _Refused("it imports a module, and may only compute", text=text)
        effects = next((one.effects for one in inspector.effects(source) if one.name == function.name), None)
        if effects is not None and not effects.is_pure:
            raise _Refused(f"it {effects}, and may only compute", text=text)
        made = next((one for one in definitions_of(program) if one.name == function.name), None)
        if made is None or made.interface != function.interface or made.task is not None:
            raise _Refused(f"it does not define {function.name} with exactly the head that was given", text=text)
        return part_of(program, function.name)[0]
    except CodeRefused as refused:
        raise _Refused(refused.message, text=text) from refused
    except RtfsError as error:
        raise _Refused(error.message, render(error), text) from error


def _first_word(form: Any) -> str:
    first = next(iter(form.items()), None) if isinstance(form, List) else None
    return first.name if isinstance(first, Symbol) else ""


def _loaded(inspector: Inspector, program: Program, name: str, text: str) -> Callable[[tuple[Any, ...]], Any]:
    """
    Raises:
        _Refused: a definition fails.
    """
    try:
        return inspector.sandboxed(program, name)
    except RtfsError as error:
        raise _Refused(f"it does not load: {error.message}", render(error), text) from error
