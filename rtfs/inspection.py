"""What can be said of a program without running it: its problems, effects, definitions and IR, and what it is compiled to."""

from __future__ import annotations

from rtfs.programs import program_of_artefact
from rtfs.source import Artefact, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rtfs.checker.effects import FunctionEffects
    from rtfs.errors import AnalysisError, RtfsError
    from rtfs.semantics.machine import Machine
    from rtfs.semantics.namespace import Namespace
    from rtfs.semantics.stopping import Stop


class Inspection:
    """The part of a `runtime.Runtime` that looks at programs."""

    machine: Machine
    optimization: str
    optimization_report: Any

    def _evaluator(self, namespace: Namespace) -> Any:
        raise NotImplementedError

    def _enter(self, work: Callable[[], Any], stop: Stop | None = None) -> Any:
        raise NotImplementedError

    def compile(self, source: Source, warn: Callable[[AnalysisError], None] = lambda problem: None) -> bytes:
        """The artefact of a program: a file that `run_file` and `rtfs run` take in the place of the text.

        Args:
            warn: told of what is doubtful, in the order of the forms.
        Raises:
            ParseError, AnalysisError: as in `analyse`; EvalError: a module cannot be found, or a definition cannot be right.
        """
        from rtfs.ir.artefact.container import encode

        made: bytes = self._with_program(source, warn, encode)
        return made

    def definitions(self, source: Source, warn: Callable[[AnalysisError], None] = lambda problem: None) -> list[Any]:
        """What a program defines, with hashes, in the order of the text (`ir.artefact.definitions.Definition`); see `compile`."""
        from rtfs.ir.artefact.definitions import definitions_of

        found: list[Any] = self._with_program(source, warn, definitions_of)
        return found

    def prepared(self, source: Source) -> Any:
        """The `ir.artefact.program.Program` of a source; see `compile`."""
        return self._with_program(source, lambda problem: None, lambda program: program)

    def _with_program(self, source: Source, warn: Callable[[AnalysisError], None], work: Callable[[Any], Any]) -> Any:
        """What `work` makes of the `ir.artefact.program.Program` of a source, which is analysed and does not run."""
        from rtfs.ir.artefact.preparing import Preparer
        from rtfs.semantics.checking import without_collector
        from rtfs.syntax.reader import read_forms

        forms = read_forms(source)

        def prepare() -> Any:
            preparer = Preparer(self.machine, self._evaluator)
            with without_collector():
                program = preparer.program(source, forms)
            for problem in preparer.found:
                warn(problem)
            return work(program)

        return self._enter(prepare)

    def check(self, source: Source | Artefact) -> list[AnalysisError]:
        """The problems of a source without running it, in source order; a kind in `checker.problems.WARNINGS` makes it a warning.

        Definitions of functions, macros and types take effect, so that macros can be expanded; nothing else does.

        Raises:
            ParseError: the text is not RTFS.
        """
        if isinstance(source, Artefact):
            return [warning for form in self._enter(lambda: program_of_artefact(source)).forms for warning in form.warnings]
        from rtfs.checker.program import ProgramChecker
        from rtfs.syntax.reader import read_forms

        forms = read_forms(source)
        problems: list[AnalysisError] = self._enter(
            lambda: ProgramChecker(self.machine, self._evaluator, _problem_of_options).problems(forms)
        )
        return problems

    def effects(self, source: Source) -> list[FunctionEffects]:
        """What each function of a source may do: capabilities, delegation, state; see `check`.

        Raises:
            ParseError: the text is not RTFS.
        """
        from rtfs.checker.program import ProgramChecker
        from rtfs.syntax.reader import read_forms

        forms = read_forms(source)
        found: list[FunctionEffects] = self._enter(lambda: ProgramChecker(self.machine, self._evaluator).effects(forms))
        return found

    def analyse(self, source: Source) -> list[Any]:
        """The AST nodes of the top-level forms of a source (`syntax.nodes`), without running it; see `check`.

        Raises:
            ParseError, AnalysisError.
        """
        from rtfs.semantics.checking import Checker
        from rtfs.syntax.reader import read_forms

        forms = read_forms(source)
        nodes: list[Any] = self._enter(lambda: Checker(self.machine, self._evaluator).nodes(forms))
        return nodes

    def lower(self, source: Source, begin: Callable[..., bool], after: Callable[..., None]) -> None:
        """Show the IR of every top-level form of a source, as a run would make it, without running it; see `analyse`.

        Args:
            begin, after: `eval.compiled.viewing.Begin` and `After`.
        """
        from rtfs.eval.compiled.viewing import view
        from rtfs.syntax.reader import read_forms

        forms = read_forms(source)
        self._enter(lambda: view(self.machine, source, forms, self.optimization, self.optimization_report, begin, after))


def _problem_of_options(spec: Any) -> RtfsError | None:
    from rtfs.delegation.options import problem_of

    return problem_of(spec)
