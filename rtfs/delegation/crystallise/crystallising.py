"""From a program and a log to published code: what `rtfs crystallise` does, step by step, without a terminal.

Nothing is published whose lower bound of agreement, on examples that nothing was learnt from, does not reach what the user
asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rtfs.caching.code.entries import CodeEntry, CodeRefused
from rtfs.caching.code.publishing import Verification, make_entry
from rtfs.delegation.code.engine import is_left_alone
from rtfs.delegation.crystallise.authoring import Author, Inspector, Written, write
from rtfs.delegation.crystallise.induction import Aim, Candidate, induce
from rtfs.delegation.crystallise.samples import Samples, samples_of
from rtfs.errors import ConfigError, RtfsError, nearest
from rtfs.ir.artefact.definitions import Definition, definitions_of, types_of
from rtfs.ir.artefact.program import Program
from rtfs.source import Source
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import Type, TypeRef
from rtfs.values.struct import Struct


class Subject(Struct):
    """The function that is to become code.

    Attributes:
        types: texts of the definitions of types in its program.
        look_up: what names of types mean there.
    """

    function: Definition
    types: tuple[str, ...]
    look_up: Callable[[str], Type | None]


class Outcome(Struct):
    """What came of it.

    Attributes:
        candidate: the one that was chosen; None when none was expected to do.
        entry: None when it did not stand its verification.
        verification: on held-out examples.
        problem: why there is no entry, in a sentence; empty when there is one.
        written: what came of asking a model for code; None when none was to be asked.
    """

    samples: Samples
    candidate: Candidate | None = None
    entry: CodeEntry | None = None
    verification: Verification | None = None
    problem: str = ""
    written: Written | None = None


def subject_of(inspector: Inspector, source: Source, name: str) -> Subject:
    """The function of a name in a program.

    Raises:
        ConfigError: there is none, or it asks no model; what is wrong with the program.
    """
    program = inspector.prepared(source)
    found = {one.name: one for one in definitions_of(program)}
    function = found.get(name)
    if function is None:
        close = nearest(name, [one.name for one in found.values() if one.task is not None])
        hint = f"did you mean {close[0]}?" if close else f"`rtfs hash {source.name}` lists what it defines"
        raise ConfigError(f"{source.name} defines no function {name}", hint=hint)
    if function.task is None or function.function is None:
        hint = "only functions with a hint `^:delegation :local-model` or `:remote` can become code"
        raise ConfigError(f"{name} asks no model", hint=hint)
    if is_left_alone(function.function):
        raise ConfigError(f"{name} has tools, or `:cache :none`: no code may answer for it")
    if "/" in name:
        raise ConfigError(f"{name} is in a module", hint="give the file in which it stands at the top")
    types = [
        form.node.span.source.text[form.node.span.start : form.node.span.end]
        for form in program.forms
        if isinstance(form.node, (ast.DefType, ast.DefStruct)) and form.node.span is not None
    ]
    return Subject(function, tuple(types) if _names_types(function.function) else (), types_of(program))


def _names_types(fn: ast.Fn) -> bool:
    """Whether annotations have names of types in them."""
    waiting: list[Any] = [*(param.type for param in fn.params), fn.result]
    while waiting:
        item = waiting.pop()
        if isinstance(item, TypeRef):
            return True
        if isinstance(item, Struct):
            waiting += [getattr(item, field) for field in item._fields]
        elif isinstance(item, tuple):
            waiting += item
    return False


def crystallise(
    inspector: Inspector,
    subject: Subject,
    records: Iterable[dict[str, Any]],
    aim: Aim,
    *,
    least: int,
    author: Author | None = None,
) -> Outcome:
    """
    Args:
        records: of the function, from the log, oldest first.
        least: answered calls that there have to be.
        author: a model that is to write the code too; None: rules are induced alone.
    """
    function = subject.function
    samples = samples_of(function, subject.look_up, records)
    if len(samples.traffic) < least:
        return Outcome(samples, problem=too_few(samples, least))
    candidates = induce(function, subject.types, subject.look_up, samples, aim)
    written = None if author is None else write(author, function, subject.types, samples, aim)
    if author is not None and written is not None and written.candidate is not None:
        best = candidates[0].coverage if candidates else 0.0
        if written.candidate.coverage >= best:  # whoever asks a model for code would rather have it
            return verified(author.inspector, subject, samples, written.candidate, aim, written)
    if not candidates:
        what = "table, rules or points" if written is None else "table, rules, points or program"
        problem = f"no {what} are expected to agree with the model in {aim.agreement:.0%} of what they answer"
        return Outcome(samples, problem=problem, written=written)
    return verified(inspector, subject, samples, candidates[0], aim, written)


def too_few(samples: Samples, least: int) -> str:
    """Why there is nothing to learn from, in a sentence."""
    usable = len(samples.traffic)
    if samples.without_arguments and usable < least:
        return (
            f"{samples.without_arguments} of {samples.records} records have no arguments: the log has kept none. Run the program "
            "with RTFS_LOG=full for a while, which keeps arguments and values of calls"
        )
    details = [
        f"{count} {what}"
        for count, what in (
            (samples.not_by_models, "that no model answered"),
            (samples.of_other_versions, "of the function as it was before"),
            (samples.unreadable, "that were cut off"),
            (samples.repeated, "that a cache or an equal call repeated"),
        )
        if count
    ]
    besides = f" (besides {', '.join(details)})" if details else ""
    return f"there are {usable} answers of a model to learn from, and {least} are wanted{besides}"


def verified(
    inspector: Inspector, subject: Subject, samples: Samples, candidate: Candidate, aim: Aim, written: Written | None = None
) -> Outcome:
    """The outcome for a candidate: run on what was held out, and made an entry if it stands that."""
    function = subject.function
    try:
        program = checked(inspector, candidate.text)
        entry, verification = make_entry(
            program,
            function.name,
            inspector.sandboxed,
            candidate.held_out,
            kind="agreement",
            wanted=aim.agreement,
            confidence=aim.confidence,
            task=function.task,
            interface=function.interface,
            text=" ".join(function.function.doc.split()) if function.function is not None else "",
        )
    except CodeRefused as refused:
        return Outcome(samples, candidate, problem=refused.message, written=written)
    return Outcome(samples, candidate, entry, verification, written=written)


def checked(inspector: Inspector, text: str, name: str = "<code>") -> Program:
    """The program of a text whose code is to be published.

    Raises:
        CodeRefused: `not-verified`: it has an error, of types too.
    """
    from rtfs.checker.problems import WARNINGS

    source = Source(name, text)
    try:
        errors = [problem for problem in inspector.check(source) if problem.kind not in WARNINGS]
        program = inspector.prepared(source) if not errors else None
    except RtfsError as error:
        raise CodeRefused(f"the code does not check: {error.message}", reason="not-verified") from error
    if program is None:
        raise CodeRefused(f"the code does not check: {errors[0].message}", reason="not-verified")
    return program
