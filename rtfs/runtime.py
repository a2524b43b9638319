"""The embedding API: the one place where the parts are put together.

    rt = rtfs.Runtime(allow=["io.read-lines"], read=["data"])
    rt.run("(map inc [1 2 3])")            # [2, 3, 4]
    triage = rt.load("triage.rtfs").function("triage")

Two runtimes share nothing but code: each has its own names, modules, limits, permissions, models and records.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock
from collections.abc import Callable, Iterable, Mapping
from types import NoneType

from rtfs.callables import Callables
from rtfs.config import DEFAULT_IN_FLIGHT, DEFAULT_LIMITS, DEFAULT_STRATEGY, Limits, check_optimization, check_strategy
from rtfs.delegation.delegation import Delegation, engine_of_policy
from rtfs.errors import AnalysisError, ConfigError, LimitExceeded, ParseError
from rtfs.eval.stack import raise_recursion_limit, restore_recursion_limit, with_room
from rtfs.inspection import Inspection
from rtfs.program_files import read_file, read_source
from rtfs.programs import Programs
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.source import Artefact, Source, Span
from rtfs.values.convert import to_rtfs, wrap_callable
from rtfs.values.meter import metered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.capabilities.registry import CapabilityRegistry
    from rtfs.delegation.engine import DelegationEngine
    from rtfs.semantics.stopping import Stop
    from rtfs.values.functions import Builtin

#: Python frames that one nested RTFS call may need, generously; they live on the heap.  A compiled call needs one, or four
#: through `map`: its limit of depth is Python's own, so that direct recursion goes up to so many times deeper than configured.
_FRAMES_PER_CALL = {"tree": 40, "ir": 5}
_MAX_REENTRY = 50


class Runtime(Callables, Inspection):
    """Runs RTFS programs inside Python.

    Args:
        strategy: the evaluator: `ir` compiles functions and loops to Python code; `tree` walks the program.
        optimization: what `ir` does to a program first: `none`, `basic` or `aggressive`.
        native: let hot functions of numbers run as machine code, where llvmlite is installed and no limit of steps or time is set.
        allow, deny: patterns of capability ids the programs may use (`"io.*"`) or effect tags (`":network"`); added to printing,
            logging, clock and store, which are allowed unless denied.
        read, write: folders in which files may be read and written by allowed file capabilities.
        limits: depth, steps and time of each run.
        budget: what delegated calls may use up in all runs together: `{"usd": 5, "tokens": 20_000, "calls": 100, "seconds": 60}`
            or some of it, or a `delegation.budget.Budget`, which several runtimes may share.
        run_budget: the same for each run.
        max_in_flight: how many requests, as those of the items of a `pmap`, may be under way at once.
        max_in_flight_by: the same for a provider or for targets: `{"kimi": 20, "local:smollm2": 1, "remote:gpt-4o*": 5}`, all that
            fit a name together; a policy may have such limits too.
        models: a `models.registry.ModelRegistry`, which stays open; by default `echo`, the local and the remote provider as the
            environment configures them. None: model hints surface as the capability `model-call:ID`.
        module_path: folders searched for imported modules.
        stdout, stderr: where programs print and where warnings go; the process's own when None.
        environ: environment variables, for `get-env` and the configuration of models; the process's own when None.
        context: values that programs read as `@name`.
        on_warning: called with (message, span) instead of printing the warning on stderr.
        engine: decides where calls of functions without a hint go (`delegation.engine`); without one, they run here.
        policy: a policy file, whose engine decides then (`delegation.policy`); looked at again when it changes.
        environment: whose overlay of the policy holds: `production` …
        tenant: on whose behalf the programs run, for the engine's rules.
        profile: `extended` (default), or `strict`: no atoms.
        cache: a folder in which compiled files are kept, for later runtimes, when this one is closed; none when None.
        log: where records of delegated calls are kept beyond this runtime: the path of a file, True for the one that `rtfs logs`
            shows, or a `delegation.log.CallLog`, which stays open.
        caches: whether answers of models are kept, and used again (`caching.opening.open_caches`): True in memory, a folder for
            files in it, `redis://…`, `s3://…`, a map of settings, or a `caching.manager.CacheManager`, which stays open.
        metrics: whether calls are counted through OpenTelemetry: True, a `MeterProvider`, or a `delegation.metrics.Metrics`, which
            is closed with the runtime.
        code: published code that answers calls in the place of models: True for that of the user, the path of another file, a
            `caching.code.store.CodeStore`, or a `caching.code.retrieval.CodeLibrary`, which stay open.
    """

    def __init__(
        self,
        *,
        strategy: str = DEFAULT_STRATEGY,
        optimization: str = "aggressive",
        native: bool = True,
        allow: Iterable[str] = (),
        deny: Iterable[str] = (),
        read: Iterable[str | os.PathLike[str]] = (),
        write: Iterable[str | os.PathLike[str]] = (),
        limits: Limits = DEFAULT_LIMITS,
        budget: Any = None,
        run_budget: Mapping[str, Any] | None = None,
        max_in_flight: int = DEFAULT_IN_FLIGHT,
        max_in_flight_by: Mapping[str, int] | None = None,
        models: Any = "default",
        module_path: Iterable[str | os.PathLike[str]] = (".",),
        stdout: Any = None,
        stderr: Any = None,
        environ: Mapping[str, str] | None = None,
        context: Mapping[str, Any] | None = None,
        on_warning: Callable[[str, Span | None], None] | None = None,
        engine: DelegationEngine | None = None,
        policy: str | os.PathLike[str] | None = None,
        environment: str = "",
        tenant: str = "",
        profile: str = "extended",
        cache: str | os.PathLike[str] | None = None,
        log: Any = None,
        caches: Any = None,
        metrics: Any = None,
        code: Any = None,
    ) -> None:
        from rtfs.capabilities.host import RuntimeHost
        from rtfs.capabilities.registry import DEFAULT_ALLOW, CapabilityRegistry, Permissions
        from rtfs.semantics.builtins.index import CELLS, EFFECTS
        from rtfs.semantics.library import Library

        limits.check()
        self.strategy = check_strategy(strategy)
        self.optimization = check_optimization(optimization)
        #: An `ir.optimise.Report` that is told what the passes did, when somebody wants to know.
        self.optimization_report: Any = None
        if profile not in ("extended", "strict"):
            raise ConfigError(f"unknown profile {profile!r}", hint="choose from: extended, strict")
        self._stdout, self._stderr = stdout, stderr
        self._environ = os.environ if environ is None else environ
        self._on_warning = on_warning
        # relative folders mean the current folder of now
        self._read = tuple([os.path.abspath(folder) for folder in read])
        self._write = tuple([os.path.abspath(folder) for folder in write])
        self._kept = () if policy is None else (os.path.abspath(policy),)
        self.capabilities = CapabilityRegistry(self._add_capabilities)
        permissions = Permissions((*DEFAULT_ALLOW, *allow), deny)
        self.host = RuntimeHost(self.capabilities, permissions, self.warn, self._environ)
        for name, value in (context or {}).items():
            self.host.context[name] = to_rtfs(value)
        self.machine = Machine(self.host, None, limits)
        self.machine.native = native
        if type(max_in_flight) is not int or max_in_flight < 1:
            raise ConfigError(f"max_in_flight={max_in_flight!r} is not a positive integer")
        self.machine.max_in_flight = max_in_flight
        #: Models, budgets and records of delegated calls.
        self.delegation = Delegation(
            self.machine,
            models=models,
            budget=budget,
            run_budget=run_budget,
            log=log,
            caches=caches,
            metrics=metrics,
            code=code,
            load_code=self.sandboxed,
            tenant=tenant,
            max_in_flight_by=max_in_flight_by,
            environ=self._environ,
            warn=lambda text: self.warn(text, None),
            surroundings=(environment, *permissions.allow, "", *permissions.deny),
        )
        if budget is not None or run_budget is not None or policy is not None:
            assert self.delegation.accounts  # whose clocks begin now
        self.machine.library = Library(EFFECTS if profile == "strict" else EFFECTS | CELLS, self._make_effects)
        self.machine.make_function = lambda namespace, node: self._evaluator(namespace).function(node)
        self.module_path = [os.fspath(folder) for folder in module_path]
        self.machine.make_modules = self._make_modules
        self.namespace = self.machine.namespace()
        self.on_analysis_warning: Callable[[AnalysisError], None] = lambda warning: self.warn(warning.message, warning.span)
        self._programs = Programs(
            self.machine,
            evaluator=lambda namespace: self._evaluator(namespace),
            find_module=lambda name: self._find_module(name),
            warn=lambda warning: self.on_analysis_warning(warning),
            folder=None if cache is None or strategy != "ir" else os.path.abspath(cache),
            settings=(profile, self.optimization, self.machine.max_depth),
            may_cache=lambda: self.optimization_report is None,  # what the compiler does is to be seen
        )
        self._lock = RLock()
        self._running = False
        self._closed = False
        if policy is not None:
            engine = engine_of_policy(policy, environment, lambda text: self.warn(text, None), engine)
        self.engine = engine

    # --- running ---

    def run(self, text: str, *, raw: bool = False, name: str = "<run>") -> Any:
        """Run a program text in this runtime; definitions stay for later runs.

        Args:
            raw: give the RTFS value itself instead of its Python counterpart.
            name: what errors call the text.
        Returns:
            The value of the last form; None for an empty program.
        Raises:
            ParseError: before anything has run; AnalysisError, EvalError: when the form is reached.
        """
        return self._converted(self.run_source(Source(name, text)), raw)

    def run_file(self, path: str | os.PathLike[str], *, raw: bool = False) -> Any:
        """Run the program in a file, a text or a compiled one; see `run`.

        Raises:
            ConfigError: the file cannot be read, or is a compiled program that is damaged or of another version.
        """
        return self._converted(self.run_source(read_file(path)), raw)

    async def run_async(self, text: str, *, raw: bool = False, name: str = "<run>") -> Any:
        """`run`, for asyncio: the program runs in a thread. When the task is cancelled, the run is called off: what waits for a
        model gives up, `finally` forms run, budgets are settled. Runs of one runtime take place one after the other."""
        return await self._in_background(lambda: self._to_python_unless(raw, self._work_of(Source(name, text))()))

    async def run_file_async(self, path: str | os.PathLike[str], *, raw: bool = False) -> Any:
        """`run_file`, as `run_async` does it."""
        return await self._in_background(lambda: self._to_python_unless(raw, self._work_of(read_file(path))()))

    def load(self, path: str | os.PathLike[str]) -> Runtime:
        """Run a file for its definitions; gives this runtime, so that calls can be chained."""
        self.run_source(read_file(path))
        return self

    def run_source(self, source: Source | Artefact) -> Any:
        """The RTFS value of a source or of a compiled program; all of it is read before any of it runs."""
        return self._enter(self._work_of(source))

    def _work_of(self, source: Source | Artefact) -> Callable[[], Any]:
        if isinstance(source, Artefact):
            return lambda: self._programs.run_artefact(self.namespace, source)
        return self._programs.prepared(self.namespace, source)

    def define(self, name: str, value: Any) -> None:
        """Bind a name for programs: a Python value (converted) or callable (called with Python values)."""
        from rtfs.syntax.analyse import HARD_CORE
        from rtfs.syntax.reader import read_forms
        from rtfs.values.scalars import Symbol

        try:
            forms = read_forms(Source("<define>", name))
        except ParseError:
            forms = []
        if len(forms) != 1 or type(forms[0]) is not Symbol:
            raise ConfigError(f"{name!r} is not a name that a program can write")
        if name in HARD_CORE:
            raise ConfigError(f"{name!r} is a core form of the language and cannot be bound")
        plain = callable(value) and not hasattr(value, "kind_name") and not hasattr(value, "__rtfs_value__")
        if self._programs.cache is not None:
            self._programs.cache.disturb()
        self.namespace.define(name, wrap_callable(value, name) if plain else to_rtfs(value))

    # --- delegated calls: see `delegation.delegation` ---

    @property
    def models(self) -> Any:
        """The model registry, made when first asked for."""
        return self.delegation.models

    def replace_models(self, registry: Any) -> None:
        """Ask the models of another registry from now on. Before the first delegated call only.

        Raises:
            ConfigError: a call has been made.
        """
        self.delegation.replace_models(registry)

    @property
    def engine(self) -> DelegationEngine | None:
        """What decides where calls of functions without a hint go; another one binds the functions that are there anew."""
        return self.delegation.engine

    @engine.setter
    def engine(self, engine: DelegationEngine | None) -> None:
        with self._lock:
            self.delegation.link(engine, self.namespace)

    def sandboxed(self, program: Any, name: str) -> Callable[[tuple[Any, ...]], Any]:
        """A function of a prepared program (`ir.artefact.program.Program`) in a runtime of its own: no capabilities, no models, no
        files, no environment, and so many steps, so much time and memory (`sandbox.SANDBOX`). Takes and gives RTFS values.

        Raises:
            RtfsError: a definition fails.
        """
        from rtfs import sandbox
        from rtfs.semantics.calls import call

        def prepare(strategy: str) -> Callable[[tuple[Any, ...]], Any]:
            inner = Runtime(strategy=strategy, optimization=self.optimization, **sandbox.with_nothing(sandbox.SANDBOX))
            inner._enter(lambda: inner._programs.run_program(inner.namespace, program))
            target = inner.namespace.values[name]
            return lambda args: inner._enter(lambda: call(target, list(args)))

        return sandbox.walked_first(prepare, self.strategy)

    @property
    def budget(self) -> Any:
        """The `delegation.budget.Budget` of all runs: what they may use up, and what they have."""
        return self.delegation.accounts.budget

    @property
    def records(self) -> Any:
        """The records of the delegated calls so far, or None when there were none."""
        return self.delegation.records

    def close(self) -> None:
        """Release models and connections, apart from those that were given, and say how often functions fell back, if they did."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._programs.cache is not None:
                self._enter(self._programs.cache.keep)
            for closer in self.capabilities.closers:
                closer()
        finally:
            self.delegation.close()

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- inside ---

    def _add_capabilities(self, registry: CapabilityRegistry) -> None:
        from rtfs.capabilities.registry import Capability
        from rtfs.capabilities.standard import FileAccess, standard_capabilities

        standard_capabilities(
            registry,
            stdout=lambda: self._stdout or sys.stdout,
            stderr=lambda: self._stderr or sys.stderr,
            files=FileAccess(self._read, self._write, self._kept),
            environ=self._environ,
            sleep=self._sleep,
            away=self.machine.away,
        )
        if self.machine.delegate is not None:
            execute = self.delegation.llm_execute
            registry.register(
                Capability("ai.llm-execute", execute, 2, 3, ("ai",), "The text a model gives for a prompt, by model id.")
            )

    def _sleep(self, seconds: float) -> None:
        """Sleep, at most until the run's time is over; then the next step says so."""
        import time

        remaining = self.machine.remaining_s()
        seconds = seconds if remaining is None else min(seconds, remaining)
        branch = self.machine.branch
        if branch is None:
            time.sleep(seconds)
        else:
            branch.away(lambda: branch.stop.wait(seconds))

    def _make_effects(self) -> dict[str, Builtin]:
        from rtfs.semantics.builtins.effects import effect_builtins

        return effect_builtins(self.machine)

    def _make_modules(self) -> Any:
        from rtfs.semantics.modules import ModuleRegistry
        from rtfs.syntax.reader import read_forms

        return ModuleRegistry(self.machine, self._find_module, self._programs.run_part, self._programs.run_module, read_forms)

    def warn(self, message: str, span: Span | None) -> None:
        """A warning to whoever runs the program: one line on stderr, or `on_warning`."""
        if self._on_warning is not None:
            self._on_warning(message, span)
            return
        stream = self._stderr or sys.stderr
        place = f"{span}: " if span is not None else ""
        print(message if message.startswith("rtfs: ") else f"rtfs: {place}{message}", file=stream)

    def _evaluator(self, namespace: Namespace) -> Any:
        if self.strategy == "ir":
            from rtfs.eval.hybrid import HybridEvaluator

            return HybridEvaluator(self.machine, namespace, self.optimization, self.optimization_report)
        from rtfs.eval.treewalk import TreeWalker

        return TreeWalker(self.machine, namespace)

    def _converted(self, value: Any, raw: bool) -> Any:
        """A result as the host wants it; a deeply nested one needs as much room as the program had."""
        if raw or type(value) in (int, str, float, bool, NoneType):
            return value
        return self._enter(lambda: self._to_python(value))

    def _enter(self, work: Callable[[], Any], stop: Stop | None = None) -> Any:
        """Run work under the limits; one thread at a time, re-entrant for callbacks of the host.

        Args:
            stop: ends the run early when it is set.
        """
        branches = self.machine.branches
        branch = None if branches is None else branches.here()
        if branch is not None:  # a function of the host or a provider calls back, in whatever part of the program
            return branch.back(lambda: self._limited(work, None))
        with self._lock:
            return self._limited(work, stop)

    def _limited(self, work: Callable[[], Any], stop: Stop | None) -> Any:
        machine = self.machine
        outermost = not self._running
        entries = 0 if outermost else machine.entries  # each part of a program has its own
        if entries >= _MAX_REENTRY:
            raise LimitExceeded(f"the host and RTFS call each other more than {_MAX_REENTRY} deep", kind="stack-overflow")
        failed = True
        depth, hints, budget = (0, {}, None) if outermost else (machine.depth, machine.hints, machine.budget)
        if stop is not None:
            stop.check()
        if not outermost:
            machine.entries = entries + 1
        else:
            self._running = True
            raise_recursion_limit(machine.max_depth * _FRAMES_PER_CALL[self.strategy] + 20_000)
        try:
            if not outermost:
                return machine.inside(work)
            machine.start_run(stop)
            if machine.engine is not None:
                for namespace, node in self.delegation.stale():
                    self._evaluator(namespace).evaluate(node)
            self.delegation.start_run()
            value = metered(machine.fuel, lambda: with_room(work)) if machine.metered else with_room(work)
            failed = False
            return value
        except LimitExceeded as limit:
            limit.release()  # who keeps the error does not keep what the program had
            raise
        except RecursionError:
            failure = LimitExceeded(
                "the program is nested too deeply",
                kind="stack-overflow",
                hint="split deeply nested expressions or values into parts",
            )
        except (MemoryError, SystemError) as error:
            # where there is no memory for a frame, CPython 3.11 says "error return without exception set"
            if type(error) is SystemError and "without exception set" not in str(error):
                raise
            failure = LimitExceeded("the program needs more memory than there is", kind="memory-exhausted")
        finally:
            machine.entries = entries
            machine.depth, machine.hints, machine.budget = depth, hints, budget
            if outermost:
                try:
                    machine.end_run(failed)  # from here on, what is left of it may have the turn
                finally:
                    self._running = False
                    restore_recursion_limit()
        raise failure  # here, where Python does not note down the other error with all its frames

    def _find_module(self, name: str) -> Source | None:
        relative = os.path.join(*name.split(".")) + ".rtfs"
        for folder in self.module_path:
            path = os.path.join(folder, relative)
            if os.path.isfile(path):
                return read_source(path)
        return None


def for_strangers() -> Runtime:
    """A runtime that looks at programs of strangers, as what a model wrote, and has functions of them run in the sandbox: they can
    import nothing, and their macros have no capability, and little time and memory."""
    from rtfs import sandbox

    return Runtime(**sandbox.with_nothing(sandbox.READING))
