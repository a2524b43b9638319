"""Runs the programs of one machine form by form, or as they are in the compile cache."""

from __future__ import annotations

from rtfs.source import Artefact, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from rtfs.errors import AnalysisError
    from rtfs.eval.cached.cache import CompileCache
    from rtfs.eval.cached.program import StoredForms
    from rtfs.semantics.machine import Machine
    from rtfs.semantics.namespace import Namespace


class Programs:
    """See the module.

    Args:
        evaluator: makes the evaluator of a namespace.
        find_module: the source of a module, None where there is none.
        warn: told of what the analysis finds doubtful.
        folder: where compiled files are kept for later runtimes; None when they are not.
        settings: what a compiled file depends on, besides the text.
        may_cache: whether what is compiled now is what another run would get.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        evaluator: Callable[[Namespace], Any],
        find_module: Callable[[str], Source | None],
        warn: Callable[[AnalysisError], None],
        folder: str | None,
        settings: tuple[Any, ...],
        may_cache: Callable[[], bool],
    ) -> None:
        self._machine = machine
        self._evaluator = evaluator
        self._find_module = find_module
        self._warn = warn
        self._folder = folder
        self._settings = settings
        self._may_cache = may_cache
        #: The compile cache; None until it is needed.
        self.cache: CompileCache | None = None

    def prepared(self, namespace: Namespace, source: Source) -> Callable[[], Any]:
        """What runs a source in a namespace: as it is in the compile cache, else from its text, which is read now.

        Raises:
            ParseError.
        """
        cache = self._compile_cache() if source.is_file else None
        program = None if cache is None else cache.find(source, namespace)
        if program is not None:
            return lambda: self._run_stored(namespace, program.forms)
        from rtfs.syntax.reader import read_forms

        forms = read_forms(source)
        return lambda: self._run_forms(namespace, [(form, None) for form in forms], source)

    def _run_forms(self, namespace: Namespace, forms: Iterable[tuple[Any, Any]], source: Source | None = None) -> Any:
        """Analyse and evaluate forms one after the other; the value of the last.

        Args:
            source: the whole text that they are; None for a part of the text that is running.
        """
        from rtfs.syntax.analyse import Analyser

        linker = self._machine.engine
        analyser: Any = Analyser(namespace)
        evaluator = self._evaluator(namespace)
        noted = None if self.cache is None else self.cache.noted(source, namespace, evaluator)
        if noted is not None:  # it stands in their places, and takes notes
            analyser = evaluator = noted
        (noted or namespace).expect([form for form, _ in forms])

        def run() -> Any:
            value = None
            for form, span in forms:
                prepared = getattr(form, "take_effect", None)  # of a compiled program
                node = analyser.top_level(form, span) if prepared is None else prepared(namespace, self._machine)
                for warning in analyser.warnings if prepared is None else form.warnings:
                    self._warn(warning)
                analyser.warnings.clear()
                value = evaluator.evaluate(node if linker is None else linker.link(namespace, node))
            return value

        value = self._within(namespace, run)
        if noted is not None:
            noted.finish()
        return value

    def run_part(self, namespace: Namespace, forms: Any) -> Any:
        """Run the forms of a module in the text that is running."""
        return self._run_forms(namespace, forms) if type(forms) is tuple else self._run_stored(namespace, forms)

    def _run_stored(self, namespace: Namespace, forms: StoredForms) -> Any:
        return self._within(namespace, lambda: forms.run(namespace, self._evaluator, self._warn))

    def run_module(self, namespace: Namespace, text: Source | tuple[Any, ...], name: str) -> None:
        """Run the text of a module, or the forms of a compiled program that stand for it."""
        cache = self._compile_cache()
        outer = None if cache is None else cache.enter(None)
        try:
            if isinstance(text, tuple):
                self._run_forms(namespace, [(form, None) for form in text])
                return
            program = None if cache is None else cache.find(text, namespace)
            if program is not None and program.modules == (name,):
                self._run_stored(namespace, program.forms)
            else:
                program = None
                self._run_forms(namespace, [(form, None) for form in self._machine.modules.module_forms(text, name)], text)
            if cache is not None:
                cache.module_loaded(name, text, program)
        finally:
            if cache is not None:
                cache.enter(outer)

    def _compile_cache(self) -> CompileCache | None:
        """The cache of compiled files; none of a run with limits of steps or time, as expanding macros counts too, or when somebody
        wants to know what the compiler does."""
        if self._machine.metered or self._machine.engine is not None or not self._may_cache():
            return None
        if self.cache is None and self._folder is not None:
            from rtfs.eval.cached.cache import CompileCache

            self.cache = CompileCache(self._folder, self._machine, self._settings, self._find_module)
        return self.cache

    def run_artefact(self, namespace: Namespace, artefact: Artefact) -> Any:
        return self.run_program(namespace, program_of_artefact(artefact))

    def run_program(self, namespace: Namespace, program: Any) -> Any:
        """
        Args:
            program: an `ir.artefact.program.Program`.
        """
        if program.modules:
            self._machine.modules.add(program.modules)
        return self._run_forms(namespace, [(form, None) for form in program.forms])

    def _within(self, namespace: Namespace, work: Callable[[], Any]) -> Any:
        """Work whose macros are those of `namespace`."""
        outer = self._machine.current
        self._machine.current = namespace
        try:
            return work()
        finally:
            self._machine.current = outer


def program_of_artefact(artefact: Artefact) -> Any:
    """The program of an artefact, checked; needs room."""
    from rtfs.ir.artefact.container import decode

    return decode(artefact.data, artefact.name)
