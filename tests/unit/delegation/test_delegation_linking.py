"""Engines and functions: which calls go where, on both evaluators; hints win; another engine binds anew."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from rtfs.config import Limits
from rtfs.delegation.context import CallContext, DelegationMetadata, fingerprint
from rtfs.delegation.engine import ChainEngine, Decision, Listeners, StaticEngine
from rtfs.delegation.targets import LOCAL, LocalModel, RemoteModel, parse_target
from rtfs.errors import ConfigError, LimitExceeded
from rtfs.models.registry import ModelRegistry
from rtfs.runtime import Runtime
from rtfs.values.sequences import Vector
from tests.support.cached_calls import Scripted

PROGRAM = '(defn f [x] (str "body " x)) (defn g [x] (f x)) (defn h ^:delegation :remote "m" [x] "hinted body")'


class Asked(Listeners):
    """Decides by a function of the context, at each call."""

    name = "asked"

    def __init__(self, decide: Callable[[CallContext], Any]) -> None:
        super().__init__()
        self._decide = decide
        self.contexts: list[CallContext] = []

    def resolve(self, symbol: str, **known: Any) -> Decision | None:
        return None if symbol == "f" else Decision(LOCAL)

    def decide(self, context: CallContext) -> Decision:
        self.contexts.append(context)
        return Decision(self._decide(context), "asked", engine=self.name)


@pytest.fixture(params=["tree", "ir"])
def make(request: pytest.FixtureRequest) -> Callable[..., Runtime]:
    def made(engine: Any = None, **extras: Any) -> Runtime:
        registry = ModelRegistry()
        registry.register("m", Scripted("from m"))
        registry.register("n", Scripted("from n"))
        return Runtime(strategy=request.param, models=registry, engine=engine, **extras)

    return made


def test_without_an_engine_functions_run_here(make: Callable[..., Runtime]) -> None:
    assert make().run(PROGRAM + "(g 1)") == "body 1"


def test_a_static_engine_binds_functions(make: Callable[..., Runtime]) -> None:
    runtime = make(StaticEngine({"f": "remote:m"}))
    assert runtime.run(PROGRAM + "[(f 1) (g 2)]") == ["from m", "from m"]
    record = runtime.records.calls[0]
    assert (record.target, record.model, record.decision.engine) == ("remote", "m", "static")


def test_a_hint_always_wins(make: Callable[..., Runtime]) -> None:
    assert make(StaticEngine({"h": "local:n"})).run(PROGRAM + "(h 1)") == "from m"
    assert make(StaticEngine({"k": "remote:m"})).run("(defn k ^:delegation :local [x] x) (k 1)") == 1


def test_each_call_is_decided_where_an_engine_wants_that(make: Callable[..., Runtime]) -> None:
    engine = Asked(lambda context: RemoteModel("m") if context.prompt_chars > 3 else LOCAL)
    assert make(engine).run(PROGRAM + '[(f "long text") (f "ab") (g "another")]') == ["from m", "body ab", "from m"]
    assert [context.symbol for context in engine.contexts] == ["f", "f", "f"]
    assert engine.contexts[0] == engine.contexts[1]  # the same kind of call


def test_recursion_in_a_decided_function(make: Callable[..., Runtime]) -> None:
    engine = Asked(lambda context: LOCAL)
    assert make(engine).run("(defn f [n] (if (= n 0) 0 (+ 1 (f (- n 1))))) (f 50)") == 50
    assert make(Asked(lambda context: LOCAL)).run("(defn f [n] (if (= n 0) :done (f (- n 1)))) (f 3000)") == "done"


def test_another_engine_binds_anew(make: Callable[..., Runtime]) -> None:
    runtime = make()
    assert runtime.run(PROGRAM + "(g 1)") == "body 1"
    runtime.engine = StaticEngine({"f": "remote:m"})
    assert runtime.run("(g 1)") == "from m"
    runtime.engine = StaticEngine({"f": LocalModel("n")})
    assert runtime.run("(g 1)") == "from n"
    runtime.engine = None
    assert runtime.run("(g 1)") == "body 1"


def test_a_table_that_changes_binds_anew(make: Callable[..., Runtime]) -> None:
    engine = StaticEngine()
    runtime = make(engine)
    assert runtime.run(PROGRAM + "(g 1)") == "body 1"
    engine.bind("f", "remote:n")
    assert runtime.run("(g 1)") == "from n"
    runtime.run('(def f 5)')
    engine.bind("f", "local")
    assert runtime.run("f") == 5, "a name that means something else by now is left alone"


def test_functions_of_modules_have_their_qualified_names(make: Callable[..., Runtime]) -> None:
    runtime = make(StaticEngine({"shop/*": "remote:m"}))
    assert runtime.run("(module shop (:exports [price]) (defn price [x] (* 2 x))) (defn price [x] x) [(shop/price 2) (price 3)]") == ["from m", 3]


def test_types_are_checked_around_a_decided_call(make: Callable[..., Runtime]) -> None:
    runtime = make(StaticEngine({"f": "remote:m"}))
    runtime.run('(defn f [x : int] : [:enum "from m" "other"] "other")')
    assert runtime.run("(f 1)") == "from m"
    assert runtime.run('(try (f "a") (catch :type-validation-error e :refused))') == "refused"


def test_what_no_engine_may_send_away_runs_here(make: Callable[..., Runtime]) -> None:
    registry_less = Runtime(models=None, engine=StaticEngine({"f": "remote:m"}))
    assert registry_less.run(PROGRAM + "(f 1)") == "body 1"
    assert make(StaticEngine({"f": "remote:m"})).run("(defn f [x] x) (defmacro now [] (f 5)) (now)") == 5


def test_tags_and_metadata_reach_the_engine(make: Callable[..., Runtime]) -> None:
    engine = Asked(lambda context: LOCAL)
    meta = '^{:tags [:private] :delegation-metadata {:confidence 0.8 :source :planner :cell 7}}'
    make(engine, tenant="acme").run(f"(defn f {meta} [x] x) (f [1 2])")
    (context,) = engine.contexts
    assert (context.tags, context.tenant) == (frozenset({"private"}), "acme")
    assert context.metadata == DelegationMetadata(0.8, None, (("cell", 7),), "planner")
    assert context == CallContext("f", context.fingerprint, context.runtime, tags=frozenset({"private"}), tenant="acme")


def test_what_surrounds_a_program_is_part_of_its_contexts(make: Callable[..., Runtime]) -> None:
    found = []
    for options in ({}, {}, {"tenant": "acme"}, {"allow": ["io.*"]}, {"deny": ["io.*"]}, {"environment": "test"}):
        engine = Asked(lambda context: LOCAL)
        make(engine, **options).run("(defn f [x] x) (f 1)")
        found.append(engine.contexts[0].runtime)
    assert found[0] == found[1]
    assert len(set(found)) == 5


def test_what_a_planner_said_is_in_the_record(make: Callable[..., Runtime]) -> None:
    meta = '^{:delegation-metadata {:confidence 0.8 :source :planner :reasoning "a guess" :cell "my own"}}'
    runtime = make()
    runtime.run(PROGRAM + f'(defn f {meta} ^:delegation :remote "m" [x] x) (f 1) (h 1)')
    planned, other = runtime.records.calls
    assert planned.planned == {"confidence": 0.8, "reasoning": "a guess", "source": "planner"}
    assert other.planned is None


def test_a_fingerprint_is_about_kinds() -> None:
    assert fingerprint(("a", 1)) == fingerprint(("b", 2))
    assert fingerprint(("a", 1)) != fingerprint((1, "a"))
    assert fingerprint((Vector.adopt([1]),)) != fingerprint((Vector.adopt(["a"]),))
    assert 0 < fingerprint((1,)) < 2**64


def test_a_chain_asks_who_knows() -> None:
    first, second = StaticEngine({"a": "remote:m"}), StaticEngine({"*": "local:n"})
    engine = ChainEngine([first, second])
    assert [str(engine.decide(CallContext(symbol)).target) for symbol in ("a", "b")] == ["remote_model:m", "local_model:n"]
    assert str(ChainEngine([first]).decide(CallContext("b")).target) == "local_pure"
    told = []
    engine.listen(lambda: told.append(1))
    first.bind("b", "local")
    assert told == [1]


@pytest.mark.parametrize("text", ["", "gpt", "remote", "remote:", "elsewhere:m"])
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_target(text)


def test_targets_read_as_they_print() -> None:
    for target in (LOCAL, LocalModel("a:b"), RemoteModel("org/model")):
        assert parse_target(str(target)) == target


def test_an_engine_that_fails_before_a_run_leaves_limits_as_they_are_and_is_asked_again(make: Callable[..., Runtime]) -> None:
    class Fragile(Asked):
        broken = False

        def resolve(self, symbol: str, **known: Any) -> Decision | None:
            if self.broken:
                raise ValueError("no answer")
            return Decision(RemoteModel("m"), engine=self.name)

    engine = Fragile(lambda context: LOCAL)
    runtime = make(None, limits=Limits(max_steps=1_000))
    runtime.run(PROGRAM)
    engine.broken = True
    runtime.engine = engine
    with pytest.raises(ValueError, match="no answer"):
        runtime.run("(f 1)")
    engine.broken = False
    assert runtime.run("(f 1)") == "from m"
    for _ in range(3):  # each run has steps of its own, and no more than allowed
        assert runtime.run("(loop [i 0] (if (< i 500) (recur (inc i)) i))") == 500
    with pytest.raises(LimitExceeded):
        runtime.run("(loop [i 0] (if (< i 5000) (recur (inc i)) i))")


def test_an_engine_keeps_no_runtime_that_nobody_has_any_more(make: Callable[..., Runtime]) -> None:
    engine = StaticEngine({"f": "remote:m"})

    def once() -> Any:
        with make(engine) as runtime:
            assert runtime.run(PROGRAM + "(f 1)") == "from m"
            engine.bind("f", "remote:n")  # those that are there are told
            assert runtime.run("(f 1)") == "from n"
            engine.bind("f", "remote:m")
            return weakref.ref(runtime.machine)

    gone = [once() for _ in range(3)]
    gc.collect()
    assert [ref() for ref in gone] == [None] * 3
