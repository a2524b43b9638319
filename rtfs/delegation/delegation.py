"""What a runtime has for delegated calls: models, an engine, budgets, and where records go; most is made when first needed."""

from __future__ import annotations

import os
from _thread import RLock
from collections.abc import Mapping
from types import NoneType

from rtfs.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from rtfs.delegation.engine import DelegationEngine
    from rtfs.semantics.machine import Machine
    from rtfs.semantics.namespace import Namespace
    from rtfs.semantics.protocols import DelegatedCall
    from rtfs.syntax.nodes import Node


class Delegation:
    """See the module; the machine's `Delegate`. Safe to use from several threads.

    Args:
        caches: as in `runtime.Runtime`.
        models: a `models.registry.ModelRegistry`; "default": the one of the environment; None: no calls are delegated.
        budget, run_budget, log, metrics, code, tenant, max_in_flight_by: as in `runtime.Runtime`.
        load_code: loads published code into a sandbox (`caching.code.publishing.Load`).
        environ: environment variables.
        warn: takes one line for the person who runs the program.
        surroundings: what is true of all calls, for engines: environment and permissions.
    Raises:
        ConfigError: limits, a log, metrics or an address of caches that are none.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        models: Any,
        budget: Any,
        run_budget: Mapping[str, Any] | None,
        log: Any,
        metrics: Any,
        caches: Any,
        code: Any,
        load_code: Callable[..., Any],
        tenant: str,
        max_in_flight_by: Mapping[str, int] | None,
        environ: Mapping[str, str],
        warn: Callable[[str], None],
        surroundings: Iterable[str] = (),
    ) -> None:
        if not (isinstance(log, (NoneType, bool, str, os.PathLike)) or hasattr(log, "add")):
            raise ConfigError(f"log={log!r} is neither True nor a path, and takes no records")
        if metrics and not hasattr(metrics, "add"):
            from rtfs.delegation.metrics import Metrics

            metrics = Metrics(metrics)
        if isinstance(caches, (str, Mapping)) and ("shared" in caches or "://" in str(caches)):
            from rtfs.caching.addresses import check_places

            check_places(caches)  # they are opened with the first call
        self._machine = machine
        self._models = models
        self._own_models: Any = None  # made here, and closed here
        self._log, self._metrics = log, metrics
        self._tenant, self._surroundings = tenant, tuple(surroundings)
        self._given_caches = caches
        self._caches: Any = None
        #: The `caching.plans.PlanCache`; None while no engine decides.
        self.plans: Any = None
        self._environ = environ
        self._warn = warn
        #: The `delegation.record.Records` of the calls so far; None when there were none.
        self.records: Any = None
        #: Called after each call, for progress.
        self.on_call: Callable[[], None] | None = None
        self._delegate: Any = None
        self._sinks: Any = None
        self._making = RLock()  # not the lock of runs: a thread that works for one may be the first to need what is made late
        self._limits = (budget, run_budget)
        self._accounts: Any = None
        self._has_no_prices = False
        #: The `caching.code.retrieval.CodeLibrary` that the calls go to first; None when there is none.
        self.library: Any = None
        self._own_code: Any = None  # opened here, and closed here
        if code is not None and code is not False:
            self.library = self._open_code(code, load_code)
        self._in_flight: Any = ()
        if max_in_flight_by:
            from rtfs.delegation.places import checked

            self._in_flight = checked(max_in_flight_by)
        self._places: Any = None
        machine.make_budget = self._make_budget
        if hasattr(models, "listen"):
            models.listen(self._models_changed)
        if models is not None:
            machine.delegate = self

    def _open_code(self, code: Any, load: Callable[..., Any]) -> Any:
        from rtfs.caching.code.opening import code_path, open_code
        from rtfs.caching.code.retrieval import CodeLibrary
        from rtfs.caching.stores.protocol import StoreUnavailable

        if isinstance(code, CodeLibrary):
            return code
        if isinstance(code, (bool, str, os.PathLike)):
            path = code_path(self._environ) if isinstance(code, bool) else os.fspath(code)
            try:
                code = open_code(path, self._environ, lambda text: self._warn(f"rtfs: {text}"))
            except StoreUnavailable as error:  # as for replies: programs run without it
                self._warn(f"rtfs: {error.message}: no published code is used")
                return None
            self._own_code = code
        return CodeLibrary(code, load, report=self._warn)

    # --- models and calls ---

    @property
    def models(self) -> Any:
        """The model registry, made when first asked for."""
        if self._models == "default":
            from rtfs.models import weights
            from rtfs.models.registry import default_registry

            self._models = self._own_models = default_registry(
                self._environ, weights.default_data_dir(self._environ), weights.default_cache_dir(self._environ)
            )
            self._models.listen(self._models_changed)
        return self._models

    def _models_changed(self) -> None:
        """Plans are forgotten: an engine may have others for other models."""
        if self._machine.engine is not None:
            self._machine.engine.forget()

    def replace_models(self, registry: Any) -> None:
        """See `runtime.Runtime.replace_models`."""
        if self._delegate is not None:
            raise ConfigError("models are replaced before the first delegated call")
        self._models = registry
        if hasattr(registry, "listen"):
            registry.listen(self._models_changed)
        self._models_changed()

    def delegate(self, call: DelegatedCall) -> Any:
        """Carry out a delegated call; see `delegation.delegate`, which is made with the first one."""
        try:
            return (self._delegate or self._make_delegate()).delegate(call)
        finally:
            if self.on_call is not None:
                self.on_call()

    def _make_delegate(self) -> Any:
        from rtfs.capabilities.redaction import redactor
        from rtfs.delegation.delegate import ModelDelegate
        from rtfs.delegation.record import Records
        from rtfs.delegation.sinks import Sinks

        with self._making:
            if self._delegate is None:
                redact = redactor(self._environ)
                self.records = Records()
                self._sinks = Sinks(
                    self.records, self._log, self._metrics or None, self._environ, redact, self._warn, lambda: self.engine
                )
                caches = self.caches
                if caches is not None:
                    from rtfs.delegation.cached import CachedReplies

                    replies = CachedReplies(caches, tenant=self._tenant, redact=redact)
                code = None
                if self.library is not None:
                    from rtfs.delegation.code.calls import CodeCalls

                    code = CodeCalls(self.library, redact=redact)
                self._delegate = ModelDelegate(
                    self.models,
                    report=self._warn,
                    records=self._sinks,
                    redact=redact,
                    spending=self.accounts.spending,
                    replies=None if caches is None else replies,
                    hash_requests=self._sinks.log is not None,
                    keep_arguments=self._sinks.keeps_arguments,
                    confidences=self._confidences(),
                    code=code,
                    places=self.places,
                )
        return self._delegate

    @property
    def places(self) -> Any:
        """The `delegation.places.Places`: how many requests are under way, and may be; made when first asked for."""
        if self._places is None:
            from rtfs.delegation.places import Places

            machine = self._machine
            with self._making:
                if self._places is None:
                    self._places = Places(machine.outside, self._in_flight, self._in_flight_of_policy, machine.fuel.too_late)
        return self._places

    def _in_flight_of_policy(self) -> Any:
        linker = self._machine.engine
        return () if linker is None else getattr(linker.engine, "max_in_flight", ())

    def _confidences(self) -> Any:
        """What scores are worth, as outcomes have shown; a file that cannot be used costs a line, and the confidences."""
        from rtfs.delegation.confidence import Confidences, confidence_path

        try:
            return Confidences.load(confidence_path(self._environ))
        except ConfigError as problem:
            self._warn(f"rtfs: {problem.message}; scores are taken as they are")
            return None

    @property
    def caches(self) -> Any:
        """The `caching.manager.CacheManager`, opened when first asked for; None when there is to be none."""
        if self._caches is None and self._given_caches:
            from rtfs.caching.opening import open_caches

            with self._making:
                if self._caches is None:
                    self._caches = open_caches(self._given_caches, lambda text: self._warn(f"rtfs: {text}"), self._environ)
                    if self._caches is not None and hasattr(self._metrics, "observe"):
                        self._metrics.observe(self._layers)
        return self._caches

    def _layers(self) -> list[Any]:
        """The layers of cache of this runtime that count."""
        layers = [*self._caches.layers, *(() if self.plans is None else (self.plans,))]
        return [layer for layer in layers if hasattr(layer, "counted")]

    def llm_execute(self, *operands: Any) -> str:
        """The capability `:ai.llm-execute`."""
        from rtfs.delegation.llm_execute import llm_execute

        models, spending, places, machine = self.models, self.accounts.spending, self.places, self._machine
        budget, branch, remaining_s = machine.spending(), machine.branch, machine.remaining_s()

        def work() -> str:
            return llm_execute(models, spending, budget, *operands, places=places, branch=branch, remaining_s=remaining_s)

        text: str = machine.away(work, asks=True)
        return text

    # --- the engine ---

    @property
    def engine(self) -> DelegationEngine | None:
        """What decides where calls of functions without a hint go."""
        return None if self._machine.engine is None else self._machine.engine.engine

    def link(self, engine: DelegationEngine | None, namespace: Namespace) -> None:
        """Have another engine decide; the functions of `namespace` and of the modules are bound anew."""
        before = self._machine.engine
        if before is None and engine is None and self.library is None:  # which is most often so, and needs nothing of what follows
            return
        from rtfs.delegation.engine import StaticEngine
        from rtfs.delegation.linking import Linker

        equip = getattr(engine, "equip", None)
        if equip is not None:
            equip(self._past, self._price)
        engine = engine or StaticEngine()
        from rtfs.delegation.cached_engine import CachedEngine

        plans = self._plan_cache()
        cached = None if plans is None else CachedEngine(engine, plans)
        decider: DelegationEngine = cached or engine
        if self.library is not None:
            from rtfs.delegation.code.engine import CodeEngine

            if isinstance(engine, CodeEngine):  # it was linked before, or is somebody's own
                decider = engine
                cached = engine.inner if type(engine.inner) is CachedEngine else None
            else:  # in front of L1: code comes and goes
                engine = decider = CodeEngine(decider, self.library)
        linker = Linker(engine, self._tenant, self._surroundings, cached, decider)
        for known in (namespace, *self._machine.loaded_namespaces()):
            if before is None:
                linker.adopt(known)
            else:
                linker.introduce(known)
        if before is not None:
            linker.take_over(before)
        self._machine.engine = linker

    def _plan_cache(self) -> Any:
        """L1: one for all engines of this runtime, so that its figures are those of the runtime; None when there is to be none."""
        given = self._given_caches
        if isinstance(given, Mapping):
            from rtfs.caching.opening import layer_names

            if "L1" in layer_names(given.get("off", ())):
                return None
        if self.plans is None:
            from rtfs.caching.plans import PlanCache

            self.plans = PlanCache()
        return self.plans

    def stale(self) -> Iterable[tuple[Namespace, Node]]:
        """The definitions whose target is another one since they were linked, to be evaluated again."""
        linker = self._machine.engine
        if linker is None:
            return ()
        linker.refresh()
        return linker.relink() if linker.stale else ()

    def _past(self) -> Any:
        """What the calls in the log have shown, for an engine that learns."""
        from rtfs.delegation.router.experience import Experience
        from rtfs.delegation.router.past import experience_of
        from rtfs.folders import log_path

        path = log_path(self._environ) if self._log is True else getattr(self._log, "path", self._log)
        if not isinstance(path, (str, os.PathLike)):
            return Experience()
        try:
            return experience_of(os.fspath(path))
        except ConfigError as problem:
            self._warn(f"rtfs: {problem.message}; the router begins with nothing learnt")
            return Experience()

    def _price(self, target: Any) -> Any:
        """What a target costs, for an engine that weighs it."""
        from rtfs.delegation.router.past import prices_by

        try:
            return None if self._has_no_prices else prices_by(self.models, lambda: self.accounts.spending.prices)(target)
        except ConfigError as problem:
            self._has_no_prices = True
            self._warn(f"rtfs: {problem.message}; the router knows no prices")
            return None

    # --- budgets ---

    @property
    def accounts(self) -> Any:
        """The `delegation.accounts.Accounts`: budgets and prices; the clocks of its budgets begin when it is made."""
        if self._accounts is None:
            from rtfs.delegation.accounts import Accounts

            with self._making:
                if self._accounts is None:
                    accounts = Accounts(*self._limits, self._environ)
                    accounts.spending.report = self._warn
                    self._accounts = accounts
        return self._accounts

    def start_run(self) -> None:
        """The time that a run has begins now, where it may have one."""
        if self._accounts is not None or (self._machine.engine is not None and self._run_limits()):
            self._machine.spending()

    def _make_budget(self, outer: Any, limits: Any) -> Any:
        """The machine's: the budget of a scope inside `outer`, or that of a run."""
        if outer is not None:
            return self.accounts.open_scope(outer, limits)
        return self.accounts.open_run(self._run_limits())

    def _run_limits(self) -> Any:
        """What the engine, as that of a policy, lets a run use up."""
        of_engine = getattr(self.engine, "run_budgets", None)
        return of_engine(self._tenant) if of_engine is not None else ()

    # --- the end ---

    def flush(self) -> None:
        """Have every record so far where others can read it."""
        if self.library is not None:
            self.library.flush()
        if self._sinks is not None and self._sinks.log is not None:
            self._sinks.log.flush()
        if self._caches is not None:
            self._tell_plans()
            self._caches.flush()

    def _tell_plans(self) -> None:
        """Have what L1 was good for added up beside the replies: its plans do not outlive this runtime."""
        replies = self._caches.replies
        if self.plans is not None and replies is not None:
            replies.store.count(self.plans.name, self.plans.untold())

    def close(self) -> None:
        """Release the models and connections that were made here, and say how often functions fell back, if they did."""
        try:
            if self._delegate is not None:
                self._delegate.close()
                self._delegate.end()
                self._sinks.close()
            elif self._metrics:
                self._metrics.close()
        finally:
            self._close_stores()

    def _close_stores(self) -> None:
        """Models last, and whatever the others do: they have the most."""
        try:
            if self.library is not None:
                self.library.flush()
            if self._own_code is not None:
                self._own_code.close()
            if self._caches is not None:
                self._tell_plans()
                if hasattr(self._metrics, "unobserve"):
                    self._metrics.unobserve(self._layers)
                # one that was given may be somebody else's too
                self._caches.flush() if self._caches is self._given_caches else self._caches.close()
        finally:
            if hasattr(self._models, "forget"):
                self._models.forget(self._models_changed)
            if self._own_models is not None:
                self._own_models.close()


def engine_of_policy(
    path: str | os.PathLike[str], environment: str, warn: Callable[[str], None], engine: DelegationEngine | None
) -> DelegationEngine:
    """The engine of a policy file.

    Args:
        environment: whose overlay holds.
        engine: another that was asked for.
    Raises:
        ConfigError: there is another engine; the file cannot be read or is wrong.
    """
    from rtfs.delegation.policy.engine import PolicyEngine
    from rtfs.delegation.policy.files import PolicyFile

    if engine is not None:
        raise ConfigError("a runtime has an engine or a policy", hint="ChainEngine([PolicyEngine(…), …]) asks both")
    return PolicyEngine(PolicyFile(path, environment=environment, warn=warn))
