"""Errors that are kept where somebody asks for it: which, for how long, and that a program meets them as it met the first one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rtfs
from rtfs.caching.encoding import Malformed
from rtfs.caching.kept_error import KeptError, outcome_of
from rtfs.caching.manager import CacheManager
from rtfs.caching.question import Kept, Question, SemanticLook
from rtfs.caching.replies import HELD_S, ReplyCache
from rtfs.caching.stores.batched import BatchedStore
from rtfs.caching.stores.guarded import GuardedStore
from rtfs.caching.stores.memory import MemoryStore
from rtfs.caching.stores.sqlite import SQLiteStore
from rtfs.caching.stores.tiered import TieredStore
from rtfs.caching.wish import LASTING, NO_WISH, CacheWish, lasting, says_nothing
from rtfs.delegation.allowance import Allowance
from rtfs.delegation.budget import Budget
from rtfs.delegation.engine import Decision
from rtfs.delegation.settings import CallSettings
from rtfs.delegation.targets import LocalModel
from rtfs.errors import ConfigError, DelegationError, EvalError, LimitExceeded, RtfsError, render
from rtfs.models.openai_compatible import OpenAICompatibleProvider
from rtfs.models.protocol import ModelReply, ModelRequest, Usage
from rtfs.models.registry import ModelRegistry
from rtfs.types.nodes import STRING
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import List, Vector
from tests.support.cached_calls import Bench, Scripted, options, planned
from tests.support.openai_server import Drop, OpenAIServer, Say, Status

FOR_A_MINUTE = {"errors-s": 60}


def wish(**named: Any) -> dict[str, Any]:
    return options(cache=_map({name.replace("_", "-"): value for name, value in named.items()}))


def _map(named: dict[str, Any]) -> Map:
    return Map([(Keyword(name), _map(value) if isinstance(value, dict) else value) for name, value in named.items()])


def refusal(**more: Any) -> DelegationError:
    return DelegationError("the model refused: no", kind="model-refused", hint="ask kindly", notes=("it was firm",), **more)


def failing(bench: Any, **changes: Any) -> DelegationError:
    with pytest.raises(DelegationError) as caught:
        bench(**changes)
    return caught.value


def facts(error: RtfsError) -> tuple[Any, ...]:
    cause = error.__cause__.message if isinstance(error.__cause__, RtfsError) else None
    return type(error), error.code, error.kind, error.message, error.hint, error.notes, error.data, error.span, cause


# --- which, and for how long -----------------------------------------------------------------


def test_nothing_but_answers_is_kept_unless_asked() -> None:
    bench = Bench(refusal(), refusal(), "praise")
    for _ in range(2):
        failing(bench)
    assert bench() == "praise"
    assert (bench.asked, bench.caches.stats()[0].negative) == (3, 0)


@pytest.mark.parametrize("kind", LASTING)
def test_an_error_that_would_come_again_is_kept_where_a_function_asks_for_it(kind: str) -> None:
    bench = Bench(DelegationError("no", kind=kind), "praise")
    errors = [failing(bench, options=wish(errors_s=60)) for _ in range(3)]
    assert [facts(error) for error in errors] == [facts(errors[0])] * 3
    assert errors[0].kind == kind
    assert bench.asked == 1
    assert len({id(error) for error in errors}) == 3, "each is one of its own: errors gather facts on their way"


@pytest.mark.parametrize(
    "error",
    [
        DelegationError("slow down", kind="rate-limited", retryable=True),
        DelegationError("slow down", kind="rate-limited"),
        DelegationError("down", kind="provider-error"),
        DelegationError("no key", kind="model-unavailable"),
        DelegationError("who?", kind="unknown-model"),
        DelegationError("on and on", kind="tool-limit"),
        DelegationError("not now", kind="model-refused", retryable=True),
    ],
    ids=lambda error: f"{error.kind}-{error.retryable}",
)
def test_an_error_that_may_pass_by_itself_is_never_kept(error: DelegationError) -> None:
    bench = Bench(error)
    plan = Decision(LocalModel("m"), settings=CallSettings(retries=0))
    for _ in range(2):
        failing(bench, options=wish(errors_s=60), plan=plan)
    assert (bench.asked, bench.store.stats().entries) == (2, 0)


def test_limits_cancellation_and_bugs_are_never_kept() -> None:
    for error in (
        LimitExceeded("over", kind="budget-exhausted"),
        EvalError("given up", kind="cancelled"),
        ZeroDivisionError("a bug"),
    ):
        bench = Bench(error, "praise")
        with pytest.raises(type(error)):
            bench(options=wish(errors_s=60))
        assert bench(options=wish(errors_s=60)) == "praise"
    late = Bench(refusal(), "praise")
    with pytest.raises(LimitExceeded):  # its own time was over: that says nothing about the question
        late(options=wish(errors_s=60), budget=_used_up())
    assert late(options=wish(errors_s=60)) == "praise"


def _used_up() -> Budget:
    class Late(Budget):
        def check_time(self) -> None:
            raise LimitExceeded("the time of the budget is over", kind="budget-exhausted")

    return Late("the test", Allowance(calls=5))


def test_only_the_kinds_that_are_named_are_kept_each_for_its_own_time() -> None:
    now = [1_000.0]
    given = wish(errors_s={"model-refused": 600, "empty-reply": 5})
    refused = Bench(refusal(), clock=lambda: now[0])
    empty = Bench("", clock=lambda: now[0])
    misfit = Bench("rubbish", clock=lambda: now[0])
    for later_s, asked in ((0, (1, 2, 2)), (4, (1, 2, 4)), (2, (1, 4, 6)), (590, (1, 6, 8)), (6, (2, 8, 10))):
        now[0] += later_s
        for bench in (refused, empty, misfit):
            failing(bench, options=given)
        assert (refused.asked, empty.asked, misfit.asked) == asked, now[0]


def test_an_error_is_kept_for_its_time_also_while_it_is_held_as_it_was_read() -> None:
    now = [1_000.0]
    bench = Bench(refusal(), "praise", clock=lambda: now[0])
    given = wish(errors_s=HELD_S / 2)
    failing(bench, options=given)
    failing(bench, options=given)
    now[0] += HELD_S / 2 + 0.1
    assert bench(options=given) == "praise"
    assert failing(Bench(refusal(), store=bench.store), args=("x",), options=given).kind == "model-refused"


def test_an_error_that_was_kept_by_a_clock_that_was_wrong_is_not_used_until_then() -> None:
    now = [1_000_000.0]
    bench = Bench(refusal(), "praise", clock=lambda: now[0])
    failing(bench, options=wish(errors_s=60))
    now[0] = 1_000.0
    assert bench(options=wish(errors_s=60)) == "praise"


def test_an_answer_that_was_kept_by_a_clock_that_was_wrong_is_not_used_until_then_either() -> None:
    now = [1_000_000.0]
    bench = Bench("praise", "complaint", clock=lambda: now[0])
    given = wish(ttl_s=60)
    assert bench(options=given) == bench(options=given) == "praise"
    now[0] = 1_000.0
    assert bench(options=given) == "complaint"


def test_zero_seconds_are_not_at_all() -> None:
    bench = Bench(refusal())
    for _ in range(2):
        failing(bench, options=wish(errors_s=0))
        failing(bench, options=wish(errors_s={"model-refused": 0}))
    assert (bench.asked, bench.store.stats().entries) == (4, 0)


def test_who_does_not_ask_for_errors_is_asked_for_anew_and_an_answer_takes_the_place_of_an_error() -> None:
    bench = Bench(refusal(), "praise")
    failing(bench, options=wish(errors_s=60))
    assert bench() == "praise"
    assert bench(options=wish(errors_s=60)) == "praise"
    assert (bench.asked, bench.store.stats().entries) == (2, 1)


def test_an_error_takes_the_place_of_no_answer() -> None:
    now = [1_000.0]
    bench = Bench("praise", refusal(), "never", clock=lambda: now[0])
    assert bench() == "praise"
    now[0] += 11
    failing(bench, options=wish(ttl_s=10, errors_s=60))
    assert bench() == "praise", "who takes it at any age still has it"
    assert bench.asked == 2


def test_above_temperature_0_no_error_is_kept() -> None:
    bench = Bench(refusal())
    given = options(temperature=0.7, cache=_map({"mode": Keyword("sample"), "errors-s": 60}))
    for _ in range(2):
        failing(bench, options=given)
    assert bench.asked == 2


def test_a_function_that_keeps_nothing_keeps_no_errors() -> None:
    bench = Bench(refusal())
    for _ in range(2):
        failing(bench, options=wish(mode=Keyword("none"), errors_s=60))
    assert (bench.asked, bench.store.stats().entries) == (2, 0)


# --- a policy --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "of_policy, of_function, asked",
    [
        ({"errors_s": lasting(60)}, {}, 1),
        ({"errors_s": lasting(0)}, {"errors_s": 60}, 2),
        ({"errors_s": lasting({"model-refused": 60})}, {"errors_s": {"empty-reply": 60}}, 1),
        ({"errors_s": lasting({"empty-reply": 60})}, {"errors_s": 60}, 2),
        ({"mode": "none", "errors_s": lasting(60)}, {}, 2),
        ({"errors_s": lasting(60)}, {"mode": Keyword("none")}, 2),
        ({"ttl_s": 5.0}, {"errors_s": 60}, 1),
    ],
)
def test_a_policy_says_the_same_and_comes_first(of_policy: dict[str, Any], of_function: dict[str, Any], asked: int) -> None:
    bench = Bench(refusal())
    for _ in range(2):
        failing(bench, plan=planned(cache=CacheWish(**of_policy)), options=wish(**of_function) if of_function else {})
    assert bench.asked == asked


def test_a_policy_may_be_stricter_and_not_laxer_about_confidence() -> None:
    def sure(least: float) -> CacheWish:
        return CacheWish(min_confidence=least)

    assert sure(0.8).over(sure(0.5)).min_confidence == sure(0.5).over(sure(0.8)).min_confidence == 0.8
    assert sure(0.8).over(NO_WISH) == sure(0.8)


POLICY = """
[settings]
cache = {{ errors_s = {errors} }}
[[rules]]
symbol = "*"
target = "local:m"
"""


@pytest.mark.parametrize("strategy", ["ir", "tree"])
def test_a_policy_file_asks_for_a_whole_program(tmp_path: Path, strategy: str) -> None:
    path = tmp_path / "delegation.toml"
    for errors, asked in (("60", 1), ("{ model-refused = 60 }", 1), ("{ empty-reply = 60 }", 3), ("0", 3)):
        path.write_text(POLICY.format(errors=errors), encoding="utf-8")
        provider, models = Scripted(refusal()), ModelRegistry()
        models.register("m", provider)
        with rtfs.Runtime(models=models, caches=True, policy=path, strategy=strategy) as runtime:
            runtime.run('(defn f "Q?" [t :string] :-> :string "body") [(f "x") (f "x") (f "x")]')
        assert len(provider.requests) == asked, errors


# --- as a program meets it -------------------------------------------------------------------

PROGRAM = """
(defn f ^:delegation :local-model "m" ^{:strict true :cache {:errors-s 60}} "Q?" [t :string] :-> [:enum "yes" "no"] "no")
(defn caught [kinds]
  (try (f "x")
    (catch :model-refused e [(:type e) (:message e) (:hint e) (:data e)])
    (catch :reply-mismatch e [(:type e) (:message e) (:hint e) (:data e)])))
"""
SCRIPTS = {"a refusal": (refusal(),), "a misfit": ("rubbish", "rubbish too")}


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = MemoryStore() if request.param == "memory" else SQLiteStore(str(tmp_path / "replies.sqlite"))
    yield made
    made.close()


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_cold_and_warm_and_by_either_evaluator_the_error_is_the_same(script: tuple[Any, ...], store: Any) -> None:
    seen: list[tuple[Any, ...]] = []
    asked = 0
    for strategy in ("ir", "tree"):
        provider, models = Scripted(*script), ModelRegistry()
        models.register("m", provider)
        with rtfs.Runtime(models=models, caches=CacheManager(ReplyCache(store)), strategy=strategy) as runtime:
            values = [repr(runtime.run(PROGRAM + "(caught 1)")) for _ in range(2)]
            for _ in range(2):
                with pytest.raises(DelegationError) as error:
                    runtime.run(PROGRAM + '\n\n(f "x")')
                found = error.value
                where = None if found.span is None else (found.span.start, found.span.end)
                seen.append(
                    (*facts(found)[:7], facts(found)[8], where, render(found), [frame.name for frame in found.trace], *values)
                )
                assert where is not None
        asked += len(provider.requests)
    assert asked == len(script)
    assert seen == [seen[0]] * 4


def test_the_body_of_a_function_answers_at_once_and_the_record_says_why() -> None:
    bench = Bench("rubbish")
    for _ in range(2):
        assert bench(strict=False, options=wish(errors_s=60)) == "body"
    assert bench.asked == 2, "one question, put twice"
    first, second = bench.records.calls
    assert (first.source, first.cache, first.saved) == ("body", None, None)
    assert (second.source, second.cache, second.value, second.error_kind) == ("body", "L2", "body", "reply-mismatch")
    assert second.error == first.error
    assert [(a.outcome, a.problem, a.cost_usd) for a in second.attempts] == [("cached", first.error, 0.0)]
    assert (second.prompt_tokens, second.completion_tokens) == (0, 0)
    assert second.saved is not None
    assert second.saved.tokens == 24, "both tries"
    totals = bench.records.totals
    assert (totals.by_model, totals.by_cache, totals.errors_by_cache, totals.by_body, totals.failed) == (0, 0, 1, 2, 0)
    assert (totals.saved.tokens, totals.attempts) == (24, 2)


def test_the_next_target_is_asked_after_a_kept_error() -> None:
    bench = Bench(refusal())
    other = Scripted("praise")
    bench.registry.register("n", other)
    plan = Decision(LocalModel("m"), fallbacks=(LocalModel("n"),), settings=CallSettings())
    given = wish(errors_s=60)
    assert [bench(options=given, plan=plan) for _ in range(2)] == ["praise", "praise"]
    assert (bench.asked, len(other.requests)) == (1, 1)
    record = bench.records.calls[-1]
    assert [a.outcome for a in record.attempts] == ["cached", "cached"]
    assert (record.source, record.cache, record.error) == ("model", "L2", None)
    bench(args=("another",), options=given, plan=plan)
    other.script = ["complaint"]
    bench(args=("a third",), options={}, plan=plan)
    assert bench.records.calls[-1].cache is None


def test_what_a_kept_error_saved_counts_where_another_target_is_asked() -> None:
    bench = Bench("rubbish")
    plan = Decision(LocalModel("m"), fallbacks=(LocalModel("gone"),), settings=CallSettings())
    for _ in range(2):
        failing(bench, options=wish(errors_s=60), plan=plan)
    record = bench.records.calls[-1]
    assert [a.outcome for a in record.attempts] == ["cached"]
    other = Scripted("praise")
    bench.registry.register("gone", other)
    assert bench(options=wish(errors_s=60), plan=plan) == "praise"
    record = bench.records.calls[-1]
    assert (record.cache, record.source, [a.outcome for a in record.attempts]) == (None, "model", ["cached", "answered"])
    assert record.saved is not None
    assert record.saved.tokens == 24
    assert bench.records.totals.by_cache == 0


def test_a_kept_error_is_one_of_the_calls_of_a_budget_and_tells_no_breaker() -> None:
    bench = Bench(refusal())
    given = wish(errors_s=60)
    budget = Budget("the test", Allowance(calls=12))
    for _ in range(12):
        failing(bench, options=given, budget=budget)
    assert (budget.spent.calls, bench.asked) == (12, 1)
    with pytest.raises(LimitExceeded, match="12 of 12 calls"):
        bench(options=given, budget=budget)
    bench.provider.script = ["praise"]
    assert bench(args=("another",)) == "praise", "its breaker is closed"


def test_secrets_in_a_providers_words_are_not_written_down() -> None:
    store = MemoryStore()
    bench = Bench(
        DelegationError("refused: hush-hush", kind="model-refused", notes=("hush-hush",), hint="not hush-hush"), store=store
    )
    bench.delegate._asking._replies._redact = lambda text: text.replace("hush-hush", "***")  # type: ignore[union-attr]
    failing(bench, options=wish(errors_s=60))
    ((_, data),) = list(store.items("L2"))
    assert b"hush-hush" not in data
    assert failing(bench, options=wish(errors_s=60)).message == "refused: ***"


# --- figures, layers, refresh ----------------------------------------------------------------


def test_hits_that_were_errors_are_counted_apart(tmp_path: Path) -> None:
    path = str(tmp_path / "replies.sqlite")
    for _ in range(2):
        bench = Bench("rubbish", store=SQLiteStore(path))
        for _ in range(2):
            failing(bench, options=wish(errors_s=60))
        bench.caches.close()
    stats = ReplyCache(SQLiteStore(path)).stats()
    assert (stats.hits, stats.negative, stats.misses, stats.puts, stats.size) == (3, 3, 1, 1, 1)
    assert (stats.saved.tokens, stats.to_dict()["negative"]) == (72, 3)


def test_refreshing_uses_no_error_and_keeps_the_new_outcome() -> None:
    store, given = MemoryStore(), wish(errors_s=60)
    failing(Bench(refusal(), store=store), options=given)
    again = Bench(DelegationError("still no", kind="model-refused"), store=store, refresh=frozenset({"L2"}))
    assert [failing(again, options=given).message for _ in range(2)] == ["still no"] * 2
    assert again.asked == 1, "once"
    better = Bench("praise", store=store, refresh=frozenset({"L2"}))
    assert better(options=given) == "praise"
    assert Bench("never", store=store)(options=given) == "praise"


def test_without_the_layer_no_error_is_kept() -> None:
    for caches in (None, {"off": ["reply"]}, {"off": ["all"]}):
        provider, models = Scripted(refusal()), ModelRegistry()
        models.register("m", provider)
        with rtfs.Runtime(models=models, caches=caches) as runtime:
            for _ in range(2):
                with pytest.raises(DelegationError):
                    runtime.run(PROGRAM + '(f "x")')
        assert len(provider.requests) == 2, caches


def test_errors_are_of_a_tenant_and_of_all_that_is_in_the_key() -> None:
    store, given = MemoryStore(), wish(errors_s=60)
    for tenant in ("", "acme"):
        bench = Bench(refusal(), store=store, tenant=tenant)
        for args in ("x", "y", "x"):
            failing(bench, options=given, args=(args,))
        assert bench.asked == 2
    assert store.stats().entries == 4


def test_private_errors_stay_on_this_machine() -> None:
    hot, cold = MemoryStore(), MemoryStore()
    given = {**wish(errors_s=60), **options(private=True)}
    bench = Bench(refusal(), store=TieredStore(hot, cold, write_behind=False))
    for _ in range(2):
        failing(bench, options=given)
    assert (bench.asked, hot.stats().entries, cold.stats().entries) == (1, 1, 0)
    shared = Bench(refusal(), store=TieredStore(MemoryStore(), cold, write_behind=False))
    failing(shared, options=wish(errors_s=60))
    assert cold.stats().entries == 1


def test_all_that_wait_for_a_question_get_its_error_and_count() -> None:
    started, go = threading.Event(), threading.Event()

    def slow(request: ModelRequest) -> str:
        started.set()
        go.wait(30)
        raise refusal()

    bench = Bench(slow)
    errors: list[DelegationError] = []

    def ask() -> None:
        errors.append(failing(bench, options=wish(errors_s=60)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    started.wait(30)
    flights = bench.caches._flights
    while any(flights.under_way(key) < 8 for key in list(flights._flights)):
        pass
    go.set()
    for thread in threads:
        thread.join(30)
    assert (len(errors), bench.asked) == (8, 1)
    assert len({id(error) for error in errors}) == 8
    assert all(facts(error) == facts(errors[0]) for error in errors)
    stats = bench.caches.stats()[0]
    assert (stats.hits, stats.negative, stats.misses) == (7, 7, 1)
    assert sorted(str(record.cache) for record in bench.records.calls) == ["L2"] * 7 + ["None"]


def test_no_error_comes_to_the_layer_of_meaning() -> None:
    stored: list[Kept] = []

    class Layer:
        name = "L3"

        def look(self, question: Question) -> SemanticLook | None:
            return None

        def store(self, question: Question, reply: Kept) -> None:
            stored.append(reply)

    bench = Bench(refusal(), semantic=lambda: Layer())  # type: ignore[arg-type, return-value]
    for _ in range(2):
        failing(bench, options=wish(mode=Keyword("semantic"), errors_s=60))
    assert (bench.asked, stored) == (1, [])


# --- values that say nothing -----------------------------------------------------------------


@pytest.mark.parametrize(
    "value, nothing",
    [(None, True), ("", True), (Vector([]), True), (List([]), True), (Map([]), True), (False, False), (0, False), (" ", False),
     (Vector([None]), False), (Keyword("nil"), False)],
)  # fmt: skip
def test_what_says_nothing(value: Any, nothing: bool) -> None:
    assert says_nothing(value) is nothing


NOTHING = '(defn g ^:delegation :local-model "m" ^{:cache %s} "The order in it, nil for none." [t :string] :-> :string? "body")'


@pytest.mark.parametrize("strategy", ["ir", "tree"])
def test_nil_is_an_answer_unless_a_function_says_otherwise(strategy: str) -> None:
    for said, asked in ((":exact", 1), ("{:nothing-s 60}", 1), ("{:nothing-s 0}", 3)):
        provider, models = Scripted("null"), ModelRegistry()
        models.register("m", provider)
        with rtfs.Runtime(models=models, caches=True, strategy=strategy) as runtime:
            assert runtime.run(NOTHING % said + '[(g "x") (g "x") (g "x")]', raw=True) == Vector([None] * 3)
        assert len(provider.requests) == asked, said


def test_a_value_that_says_nothing_has_a_time_of_its_own() -> None:
    now = [1_000.0]
    bench = Bench("", "A-7", clock=lambda: now[0])
    given: dict[str, Any] = {"result": STRING, "options": wish(nothing_s=10, ttl_s=100)}
    assert bench(**given) == ""
    now[0] += 9
    assert bench(**given) == ""
    now[0] += 2
    assert bench(result=STRING, options={}) == "", "who says nothing of it has it like any other"
    assert bench(**given) == "A-7"
    now[0] += 90
    assert bench(**given) == "A-7"
    assert bench.asked == 2


def test_nothing_that_is_not_to_be_kept_takes_the_place_of_an_error() -> None:
    store = MemoryStore()
    given: dict[str, Any] = {"result": STRING, "options": wish(nothing_s=0, errors_s=60)}
    failing(Bench(refusal(), store=store), **given)
    bench = Bench("", store=store, refresh=frozenset({"L2"}))
    assert [bench(**given), bench(**given)] == ["", ""]
    assert bench.asked == 2


@pytest.mark.parametrize("file", [False, True])
def test_an_answer_that_is_not_sure_enough_to_be_kept_takes_the_place_of_an_error(tmp_path: Path, file: bool) -> None:
    inner = GuardedStore(SQLiteStore(str(tmp_path / "replies.sqlite")))
    store = BatchedStore(inner, max_entries=1_000, max_bytes=1_000_000) if file else MemoryStore()
    given = wish(errors_s=60, min_confidence=0.8)
    failing(Bench(refusal(), store=store), options=given)
    unsure = ModelReply(text="praise", usage=Usage(prompt_tokens=1, completion_tokens=1), score=0.5)
    assert Bench(unsure, store=store, refresh=frozenset({"L2"}))(options=given) == "praise"
    assert Bench("complaint", store=store)(options=given) == "complaint"
    store.close()


# --- what is written -------------------------------------------------------------------------

KEPT = KeptError("model-refused", "no", None, ("a", "b"), "it said", ("type-validation-error", "why"), Kept("", 1, 2, created=5.0))


def test_an_error_comes_back_as_it_was_written() -> None:
    from rtfs.caching.encoding import decode, encode

    assert outcome_of(decode(encode(KEPT.to_data()))) == KEPT
    error = KEPT.error()
    assert (error.notes, error.data, error.retryable) == (["a", "b"], "it said", False)


@pytest.mark.parametrize(
    "at, wrong",
    [
        (0, 3),
        (1, "rate-limited"),
        (1, ["model-refused"]),
        (2, 5),
        (3, 5),
        (4, "ab"),
        (4, [5]),
        (5, b"x"),
        (6, ["one"]),
        (7, []),
        (7, None),
    ],
)
def test_what_is_no_error_of_ours_is_not_served(at: int, wrong: Any) -> None:
    data = KEPT.to_data()
    data[at] = wrong
    with pytest.raises(Malformed):
        outcome_of(data)
    store = MemoryStore()
    bench = Bench(refusal(), store=store)
    failing(bench, options=wish(errors_s=60))
    (known,) = list(store.known("L2"))
    from rtfs.caching.encoding import encode

    store.put("L2", known.key, encode(data))
    failing(bench, options=wish(errors_s=60))
    assert bench.asked == 2


def test_answers_are_found_without_errors_and_outcomes_with_them() -> None:
    bench = Bench(refusal(), "praise")
    failing(bench, options=wish(errors_s=60))
    bench(args=("other",))
    replies = bench.caches.replies
    assert replies is not None
    (key,) = [key for key, one in replies.outcomes() if isinstance(one, KeptError)]
    assert [kept.text for _, kept in replies.entries()] == ["praise"]
    assert [kept.text for _, kept in replies.by_function("classify")] == ["praise"]
    assert len(list(replies.outcomes("function:classify"))) == 2
    assert replies.get(key) is None, "what asks without a question has answers only"


@pytest.mark.parametrize(
    "wrong", [0.5 + 86_400, -1, True, "60", {}, {"model-refused": "x"}, {"rate-limited": 5}, {"model-refusd": 5}, [60]]
)
def test_a_wrong_time_for_errors_says_what_it_should_be(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"seconds from 0 to 86,400") as found:
        lasting(wrong)
    assert found.value.hint


@pytest.mark.parametrize(
    "given, hint",
    [
        ({"errors": 60}, "did you mean :errors-s?"),
        ({"errors-s": {"rate-limited": 60}}, "kinds of errors that are kept: model-refused"),
        ({"errors-s": {"model-refusd": 60}}, "did you mean `model-refused`?"),
        ({"errors-s": 1e9}, "kinds of errors that are kept"),
        ({"nothing-s": -1}, "0 keeps no result"),
        ({"nothing-s": True}, "0 keeps no result"),
        ({"ttl-s": 0}, "say :none"),
    ],
)
def test_a_wrong_option_has_a_code_a_place_and_a_next_step(given: dict[str, Any], hint: str) -> None:
    for strategy in ("ir", "tree"):
        with rtfs.Runtime(strategy=strategy) as runtime, pytest.raises(EvalError) as found:
            runtime.run(
                f'(defn f ^:delegation :local-model "echo" ^{{:cache {_written(given)}}} "Q" [x :string] :-> :string "") (f "x")'
            )
        error = found.value
        assert (error.code, error.span is not None) == ("RTFS-A007", True)
        assert ":cache" in error.message
        assert error.hint is not None
        assert hint in error.hint


def _written(given: Any) -> str:
    if isinstance(given, dict):
        return "{" + " ".join(f":{name} {_written(value)}" for name, value in given.items()) + "}"
    return str(given).lower() if isinstance(given, bool) else f"{given:f}" if isinstance(given, float) else str(given)


# --- a server that misbehaves ----------------------------------------------------------------

REMOTE = """
(defn f ^:delegation :remote "test-model" ^{:strict true :cache {:errors-s 60}} "Q?" [t :string] :-> [:enum "yes" "no"] "no")
(try (f "x") (catch :delegation-error e (:type e)))
"""
REFUSES = Say(None, message={"role": "assistant", "content": None, "refusal": "I would rather not."})
MISBEHAVING = {
    "refuses": (":model-refused", (REFUSES,), True),
    "filters": (":model-refused", (Say("y", finish_reason="content_filter"),), True),
    "is cut off": (":reply-cut-off", (Say("", finish_reason="length"),), True),
    "says nothing": (":empty-reply", (Say(""), Say("")), True),
    "says something else": (":reply-mismatch", (Say('"perhaps"'), Say('"perhaps"')), True),
    "finds it too long": (":prompt-too-long", (Status(400, "maximum context length exceeded"),), True),
    "is busy": (":rate-limited", (Status(429, retry_after="0"),), False),
    "fails": (":provider-error", (Status(500),), False),
    "refuses the request": (":provider-error", (Status(400, "what?"),), False),
    "wants a key": (":model-unavailable", (Status(401),), False),
    "hangs up": (":provider-error", (Drop(),), False),
}


@pytest.mark.parametrize("kind, script, kept", MISBEHAVING.values(), ids=MISBEHAVING)
def test_what_a_server_does_wrong_is_kept_or_not(kind: str, script: tuple[Any, ...], kept: bool, tmp_path: Path) -> None:
    policy = tmp_path / "delegation.toml"
    policy.write_text("[settings]\nretries = 0\n", encoding="utf-8")
    with OpenAIServer() as server:
        for number, strategy in enumerate(("ir", "tree", "ir")):
            models = ModelRegistry()
            models.register("test-model", OpenAICompatibleProvider(base_url=server.base_url), kind="remote")
            server.script(*script)
            with rtfs.Runtime(models=models, caches=tmp_path / "answers", policy=policy, strategy=strategy) as runtime:
                assert str(runtime.run(REMOTE, raw=True)) == kind
                assert runtime.records is not None
                assert runtime.records.calls[-1].cache == ("L2" if kept and number else None)
            if number == 0:
                first = len(server.requests)
        assert len(server.requests) == (first if kept else 3 * first)
