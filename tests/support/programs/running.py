"""One program on every evaluator: value or error with its place, and what it printed, in order."""

from __future__ import annotations

import gc
import io
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from typing import Any, NamedTuple

from rtfs.config import DEFAULT_LIMITS, Limits
from rtfs.errors import RtfsError
from rtfs.eval.compiled import CompiledEvaluator, rebinding
from rtfs.eval.treewalk import TreeWalker
from rtfs.ir import optimise
from rtfs.runtime import Runtime
from rtfs.source import Artefact, Source
from rtfs.values.printing import to_readable

#: The tree evaluator, which is the reference, stops programs that take longer; what they would do then is not compared.
BOUNDED = Limits(max_steps=20_000, max_depth=400)
#: Limits that no generated program meets: they only have the metered code made.
FAR = Limits(max_steps=10**12, timeout_s=10**6, max_memory_bytes=2**40)
#: A limit of depth below which calls are counted one by one.
DEEP = Limits(max_depth=5_000)

#: Kinds of errors that are not compared: steps and depth are counted as they are carried out.
LIMITS = ("steps-exhausted", "stack-overflow", "size-exhausted", "time-exhausted", "memory-exhausted")

#: Seconds of processor time after which a run of a program counts as one that does not end.
TIMEOUT_S = 20.0

Outcome = tuple[Any, ...]

#: Stands for the outcomes of a program that did not end in time.
HANGS: list[Outcome] = [("hangs",)]


class Hangs(BaseException):
    """A program did not end in time."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise Hangs in what takes longer, where the system can interrupt it.

    The time of the processor is counted: a machine that has other things to do is no fault of the program.  What waits for ever,
    and takes no such time, the limit of the test around it ends.
    """
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_: Any) -> None:
        raise Hangs

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _compiled(level: str) -> Callable[[Any, Any], Any]:
    return lambda machine, namespace: CompiledEvaluator(machine, namespace, level)


class Evaluator(NamedTuple):
    """A way to run programs.

    Attributes:
        make: gives an evaluator for a machine and a namespace; None: the runtime's own.
        native: whether machine code is made, of everything that can have it and at the first call.
        stored: whether the first piece of a program is compiled to an artefact first, which then runs.
        verified: whether the IR may be verified after each pass, in debug runs; not once more where another evaluator has the
            same IR. What goes wrong in a pass is seen all the same: it is warned of.
    """

    make: Callable[[Any, Any], Any] | None
    limits: Limits = DEFAULT_LIMITS
    native: bool = False
    stored: bool = False
    verified: bool = False


def _evaluators() -> dict[str, Evaluator]:
    found = {
        "none": Evaluator(_compiled("none"), verified=True),
        "basic": Evaluator(_compiled("basic"), verified=True),
        "aggressive": Evaluator(_compiled("aggressive"), verified=True),
        "metered": Evaluator(_compiled("aggressive"), FAR),
        "counted": Evaluator(_compiled("aggressive"), DEEP),
        "hybrid": Evaluator(None),  # what `strategy="ir"` gives
        "artefact": Evaluator(None, stored=True),
    }
    if find_spec("llvmlite") is not None:
        found["native"] = Evaluator(_compiled("aggressive"), native=True)
    return found


#: Evaluators that are compared with the tree.
EVALUATORS = _evaluators()
TREE = Evaluator(TreeWalker, BOUNDED)

#: Those that are close to another one, of which a long run takes one for each program, by turns.
IN_TURN = ("basic", "counted", "hybrid", "artefact")


def in_turn(number: int) -> list[str]:
    """The evaluators for the program of a number in a long run."""
    return [name for name in EVALUATORS if name not in IN_TURN or name == IN_TURN[number % len(IN_TURN)]]


def use(runtime: Runtime, evaluator: Any) -> None:
    """Have a runtime evaluate with `evaluator(machine, namespace)`."""
    runtime._evaluator = lambda namespace: evaluator(runtime.machine, namespace)  # type: ignore[method-assign]


class Session:
    """A runtime with one evaluator, whose programs run one after the other; what it warns of is part of its output."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.out = io.StringIO()
        self.runtime = Runtime(
            strategy="ir",
            models=None,
            stdout=self.out,
            stderr=self.out,
            environ={},
            module_path=[],
            limits=evaluator.limits,
            native=evaluator.native,
            on_warning=lambda message, span: print(f"warning: {message}", file=self.out),
        )
        if evaluator.make is not None:
            use(self.runtime, evaluator.make)

    def run(self, program: Source | Artefact) -> Outcome:
        """What a program gives: its value as it prints with its Python type, or its error; and the output."""
        self.out.seek(0)
        self.out.truncate()
        made: Outcome
        try:
            value = self.runtime.run_source(program)
            made = ("value", type(value).__name__, to_readable(value))
        except RtfsError as error:
            made = (
                "error",
                error.kind,
                error.message,
                place_of(error),
                tuple([place_of(other) for other in getattr(error, "others", ())]),
            )
        return (*made, self.out.getvalue())


def place_of(error: RtfsError) -> tuple[str, int, int] | None:
    span = error.span
    return (span.source.name, span.start, span.end) if span is not None else None


def run_on(pieces: Sequence[str], evaluator: Evaluator) -> list[Outcome]:
    """What each piece gives, one after the other in one runtime, as at a REPL: after an error the next one runs."""
    with at_once() if evaluator.native else nullcontext(), nullcontext() if evaluator.verified else unverified():
        session = Session(evaluator)
        programs: list[Source | Artefact] = [Source(f"<{i}>", text) for i, text in enumerate(pieces)]
        if evaluator.stored:
            programs[0] = stored(Source("<0>", pieces[0]))
        return [session.run(made) for made in programs]


def stored(source: Source) -> Source | Artefact:
    """A program as an artefact; as it is where it cannot be compiled as a whole, of which a run would see only when it gets there."""
    runtime = Runtime(models=None, environ={}, module_path=[], on_warning=lambda message, span: None)
    try:
        return Artefact(source.name, runtime.compile(source))
    except RtfsError:
        return source


@contextmanager
def unverified() -> Iterator[None]:
    """Have no IR verified."""
    before, optimise.DEBUG = optimise.DEBUG, False
    try:
        yield
    finally:
        optimise.DEBUG = before


@contextmanager
def at_once() -> Iterator[None]:
    """Have functions compiled to machine code when they are first called."""
    from rtfs.eval.native import tier

    before, tier.HEAT = tier.HEAT, 0
    try:
        yield
    finally:
        tier.HEAT = before


def reference(pieces: Sequence[str]) -> list[Outcome]:
    """What the tree evaluator gives, up to the first piece that meets a limit."""
    found = run_on(pieces, TREE)
    for i, outcome in enumerate(found):
        if outcome[0] == "error" and outcome[1] in LIMITS:
            return found[:i]
    return found


class Difference(AssertionError):
    """An evaluator disagrees with the tree."""

    def __init__(self, name: str, pieces: Sequence[str], expected: list[Outcome], found: list[Outcome]) -> None:
        self.name = name
        self.pieces = pieces
        self.found = found
        shown = "\n;; ---\n".join(pieces)
        super().__init__(f"on {name}:\n{shown}\n  tree: {expected}\n  {name}: {found}")


def differences(pieces: Sequence[str], names: Sequence[str] | None = None) -> Difference | None:
    """The first evaluator that disagrees with the tree about a program, if one does.

    Args:
        pieces: texts that run one after the other in one runtime.
    """
    try:
        with time_limit(TIMEOUT_S):
            expected = reference(pieces)
    except Hangs:  # steps that are slow ones: not for comparing
        return None
    except Exception as error:  # never an error of the program
        return Difference("tree", pieces, [], [("crash", type(error).__name__, str(error))])
    pieces = pieces[: len(expected)]
    if not expected:
        return None
    for name in names or EVALUATORS:
        if name == "tree":
            continue
        try:
            with time_limit(TIMEOUT_S):
                found = run_on(pieces, EVALUATORS[name])
        except Hangs:
            found = HANGS
        except Exception as error:  # never an error of the program
            found = [("crash", type(error).__name__, str(error))]
        if found != expected:
            return Difference(name, pieces, expected, found)
    return None


@contextmanager
def frozen(*programs: Sequence[str]) -> Iterator[None]:
    """Have a rebinding, which looks at all objects, not look at those that are there now.

    Args:
        programs: run before, so that modules that are loaded late are among them.
    """
    for pieces in programs:
        differences(pieces)
    gc.collect()
    gc.freeze()
    before, rebinding.heap = rebinding.heap, gc.get_objects
    try:
        yield
    finally:
        rebinding.heap = before
        gc.unfreeze()


def check(*pieces: str) -> None:
    """Raise the Difference between the tree and another evaluator, if there is one."""
    found = differences(pieces)
    if found is not None:
        raise found
