"""Replies from caches: which calls they answer, what the record says, what they cost."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

import rtfs
from rtfs.caching.manager import CacheManager
from rtfs.caching.question import Kept, Question, SemanticLook
from rtfs.caching.replies import HELD_S, ReplyCache, parts_in
from rtfs.caching.stores.memory import MemoryStore
from rtfs.caching.stores.sqlite import SQLiteStore
from rtfs.caching.stores.tiered import TieredStore
from rtfs.delegation.allowance import Allowance
from rtfs.delegation.budget import Budget
from rtfs.errors import DelegationError, EvalError, LimitExceeded
from rtfs.models.protocol import ModelReply, ModelRequest, Usage
from rtfs.models.registry import ModelRegistry
from rtfs.types.nodes import STRING
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Vector
from tests.support.cached_calls import Bench, Scripted, options, planned


def test_the_same_question_is_asked_once() -> None:
    bench = Bench("praise", "complaint")
    assert [bench(), bench(), bench()] == ["praise"] * 3
    assert bench.asked == 1
    first, second, _ = bench.records.calls
    assert (first.cache, second.cache) == (None, "L2")
    assert [a.outcome for a in second.attempts] == ["cached"]
    assert (second.prompt_tokens, second.completion_tokens, second.cost_usd) == (0, 0, 0.0)
    assert second.saved is not None
    assert second.saved.tokens == 12
    assert second.to_dict()["saved"]["tokens"] == 12
    assert bench.records.totals.by_cache == 2
    assert bench.records.totals.saved.tokens == 24
    stats = bench.caches.stats()[0]
    assert (stats.layer, stats.hits, stats.misses, stats.puts, stats.size) == ("L2", 2, 1, 1, 1)
    assert stats.saved.tokens == 24


def test_only_the_reply_that_was_of_use_is_kept() -> None:
    bench = Bench("rubbish", "praise", "never")
    assert bench() == "praise"
    assert bench() == "praise"
    assert bench.asked == 2
    last = bench.records.calls[-1]
    assert (last.cache, last.saved.tokens) == ("L2", 24), "both tries were saved"  # type: ignore[union-attr]


def test_errors_are_not_kept() -> None:
    down = DelegationError("down", kind="provider-error", retryable=False)
    bench = Bench(down, down, "praise")
    for _ in range(2):
        with pytest.raises(DelegationError):
            bench()
    assert bench() == "praise"
    assert bench.asked == 3


def test_a_kept_answer_is_served_while_the_model_is_down() -> None:
    down = DelegationError("down", kind="provider-error", retryable=True)
    bench = Bench("praise", down)
    bench()
    for number in range(8):
        with pytest.raises(DelegationError):
            bench(args=(str(number),))
    assert bench.records.calls[-1].attempts[-1].outcome == "skipped", "its breaker is open"
    assert bench() == "praise"


def test_hits_use_no_tokens_and_no_money_but_are_calls() -> None:
    bench = Bench("praise")
    budget = Budget("the test", Allowance(calls=3, tokens=1_000))
    assert [bench(budget=budget) for _ in range(3)] == ["praise"] * 3
    assert (budget.spent.calls, budget.spent.tokens, bench.asked) == (3, 12, 1)
    with pytest.raises(LimitExceeded, match="3 of 3 calls"):
        bench(budget=budget)
    assert bench.records.calls[-1].attempts[-1].outcome == "refused"


@pytest.mark.parametrize("mode", ["none", "exact"])
def test_a_function_can_say_that_nothing_is_kept(mode: str) -> None:
    bench = Bench("praise", "complaint")
    assert bench(options=options(cache=Keyword(mode))) == "praise"
    assert bench(options=options(cache=Keyword(mode))) == ("praise" if mode == "exact" else "complaint")


@pytest.mark.parametrize(
    "of_policy, of_function, kept",
    [("none", None, False), ("none", "exact", False), ("exact", "none", False), ("exact", None, True), (None, "exact", True)],
)
def test_either_of_function_and_policy_can_say_none(of_policy: str | None, of_function: str | None, kept: bool) -> None:
    bench = Bench("praise", default="exact")
    given = {} if of_function is None else options(cache=Keyword(of_function))
    for _ in range(2):
        bench(plan=planned(cache=of_policy), options=given)
    assert bench.asked == (1 if kept else 2)


def test_nothing_is_kept_above_temperature_0_unless_samples_are_wanted() -> None:
    bench = Bench(*"abcdefgh")
    for _ in range(2):
        bench(result=STRING, options=options(temperature=0.7))
        bench(result=STRING, options=options(temperature=0.7, cache=Keyword("exact")))
    assert bench.asked == 4


def test_samples_are_kept_and_served_by_the_number_of_the_call() -> None:
    wish = Map([(Keyword("mode"), Keyword("sample")), (Keyword("samples"), 3)])
    given = options(temperature=0.7, cache=wish)
    store = MemoryStore()
    first = Bench(*"abcdefgh", store=store)
    said = [first(result=STRING, options=given) for _ in range(7)]
    assert said == ["a", "b", "c", "a", "b", "c", "a"]
    assert len({request.seed for request in first.provider.requests}) == 3, "so that they differ"
    again = Bench("never", store=store)
    assert [again(result=STRING, options=given) for _ in range(7)] == said
    assert again.asked == 0
    fewer = Bench("never", store=store)
    few = Map([(Keyword("mode"), Keyword("sample")), (Keyword("samples"), 2)])
    assert [fewer(result=STRING, options=options(temperature=0.7, cache=few)) for _ in range(3)] == ["a", "b", "a"]


def test_unsure_replies_are_neither_kept_nor_used() -> None:
    store = MemoryStore()
    wish = Map([(Keyword("min-confidence"), 0.8)])
    bench = Bench(ModelReply(text="praise", score=0.6), ModelReply(text="complaint", score=0.9), store=store)
    assert bench() == "praise"
    assert bench() == "praise", "a function that asks for nothing uses it"
    assert bench(options=options(cache=wish)) == "complaint", "one that wants more asks anew"
    assert bench() == "complaint", "and what it got stands in its place"
    refusing = Bench(ModelReply(text="praise", score=0.6))
    refusing(options=options(cache=wish))
    refusing(options=options(cache=wish))
    assert refusing.asked == 2
    assert refusing.caches.stats()[0].refused == 2


def test_replies_have_an_age() -> None:
    now = [1_000.0]
    bench = Bench("praise", "complaint", clock=lambda: now[0])
    wish = options(cache=Map([(Keyword("ttl-s"), 10)]))
    assert bench() == "praise"
    now[0] += 9
    assert bench(options=wish) == "praise"
    now[0] += 2
    assert bench() == "praise", "a function that says nothing takes it at any age"
    assert bench(options=wish) == "complaint"
    now[0] += 11
    assert bench() == "complaint", "and what replaced it was to be kept for ten seconds"
    assert bench.asked == 3


def test_an_answer_that_comes_after_the_end_opens_no_file_anew(tmp_path: Path) -> None:
    store = SQLiteStore(str(tmp_path / "replies.sqlite"))
    bench = Bench(lambda request: bench.caches.close() or "praise", store=store)  # as of a request that nobody waits for any more
    assert bench() == "praise"
    assert store._db._db is None
    assert bench() == "praise"
    assert (bench.asked, store._db._db) == (2, None)


@pytest.mark.parametrize("wrong", [Keyword("maybe"), 5, Map([(Keyword("samples"), 0)]), Map([(Keyword("mode"), "exact")]), Map([(Keyword("ttl"), 5)])])
def test_a_wrong_option_says_what_it_should_be(wrong: Any) -> None:
    with pytest.raises(EvalError, match=":cache"):
        Bench("praise")(options=options(cache=wrong))


def test_values_without_a_key_are_asked_each_time() -> None:
    bench = Bench("praise")
    deep = Vector([])
    for _ in range(300):
        deep = Vector([deep])
    bench(args=(deep,))
    bench(args=(deep,))
    assert bench.asked == 2


def test_refreshing_asks_once_and_keeps_anew() -> None:
    store = MemoryStore()
    Bench("praise", store=store)()
    bench = Bench("complaint", "never", store=store, refresh=frozenset({"L2"}))
    assert [bench(), bench()] == ["complaint"] * 2
    assert Bench("never", store=store)() == "complaint"


def test_refreshing_that_failed_uses_nothing_from_before() -> None:
    store = MemoryStore()
    Bench("praise", store=store)()
    bench = Bench(DelegationError("no", kind="model-refused"), "complaint", store=store, refresh=frozenset({"L2"}))
    with pytest.raises(DelegationError):
        bench()
    assert [bench(), bench(), bench.asked] == ["complaint", "complaint", 2]
    stats = bench.caches.stats()[0]
    assert (stats.hits, stats.misses) == (1, 0), "what is not looked for is no miss"


def test_who_comes_while_a_reply_is_refreshed_has_the_new_one() -> None:
    store = MemoryStore()
    Bench("praise", store=store)()
    started, go = threading.Event(), threading.Event()

    def slow(request: ModelRequest) -> str:
        started.set()
        go.wait(30)
        return "complaint"

    bench = Bench(slow, "never", store=store, refresh=frozenset({"L2"}))
    values: list[Any] = []
    threads = [threading.Thread(target=lambda: values.append(bench())) for _ in range(8)]
    threads[0].start()
    assert started.wait(30)
    for thread in threads[1:]:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(30)
    assert values == ["complaint"] * 8
    assert bench.asked == 1
    stats = bench.caches.stats()[0]
    assert (stats.hits, stats.misses) == (7, 0)


def test_what_is_refreshed_and_not_kept_leaves_nothing_from_before_to_be_used() -> None:
    store, given = MemoryStore(), options(cache=Map([(Keyword("min-confidence"), 0.8)]))
    Bench("praise", store=store)(options=given)
    unsure = ModelReply(text="complaint", usage=Usage(prompt_tokens=1, completion_tokens=1), score=0.5)
    bench = Bench(unsure, store=store, refresh=frozenset({"L2"}))
    assert [bench(options=given), bench(options=given), bench.asked] == ["complaint", "complaint", 2]


def test_a_stampede_makes_one_call() -> None:
    started, go = threading.Event(), threading.Event()

    def slow(request: ModelRequest) -> str:
        started.set()
        go.wait(30)
        return "praise"

    bench = Bench(slow)
    values: list[Any] = []
    threads = [threading.Thread(target=lambda: values.append(bench())) for _ in range(200)]
    for thread in threads:
        thread.start()
    started.wait(30)
    go.set()
    for thread in threads:
        thread.join(30)
    assert values == ["praise"] * 200
    assert bench.asked == 1
    totals = bench.records.totals
    assert (totals.calls, totals.by_cache) == (200, 199)
    stats = bench.caches.stats()[0]
    assert (stats.hits, stats.misses) == (199, 1)


def test_what_comes_between_looking_and_asking_is_found() -> None:
    bench = Bench("praise", "complaint")
    find, waiting = bench.caches.replies.find, [True]  # type: ignore[union-attr]

    def late(question: Question, key: bytes) -> Kept | None:
        found = find(question, key)
        if waiting:
            waiting.clear()
            assert bench() == "praise"  # another thread was quicker
        return found

    bench.caches.replies.find = late  # type: ignore[method-assign, union-attr]
    assert bench() == "praise"
    assert bench.asked == 1
    stats = bench.caches.stats()[0]
    assert (stats.hits, stats.misses) == (1, 1)


def test_who_has_no_time_left_does_not_answer_for_others() -> None:
    started = threading.Event()

    def late(request: ModelRequest) -> str:
        started.set()
        time.sleep(0.3)
        raise DelegationError("no answer in time", retryable=True)

    bench = Bench(late, "praise")
    outcomes: list[Any] = []

    def hurried() -> None:
        try:
            bench(budget=Budget("hurry", Allowance.of({"seconds": 0.2})))
        except LimitExceeded as limit:
            outcomes.append(limit.kind)

    first = threading.Thread(target=hurried)
    first.start()
    started.wait(30)
    assert bench() == "praise"
    first.join(30)
    assert outcomes == ["budget-exhausted"]


def test_who_wants_more_is_not_served_with_what_is_made_for_others() -> None:
    started, go = threading.Event(), threading.Event()

    def slow(request: ModelRequest) -> ModelReply:
        started.set()
        go.wait(30)
        return ModelReply(text="praise", score=0.5)

    bench = Bench(slow, ModelReply(text="complaint", score=0.9))
    values: list[Any] = []
    first = threading.Thread(target=lambda: values.append(bench()))
    first.start()
    started.wait(30)
    wish = Map([(Keyword("min-confidence"), 0.8)])
    assert bench(options=options(cache=wish)) == "complaint"
    go.set()
    first.join(30)
    assert (values, bench.asked) == (["praise"], 2)


def test_a_damaged_reply_is_asked_for_anew() -> None:
    now = [1_000.0]
    bench = Bench("praise", "complaint", clock=lambda: now[0])
    bench()
    (key,) = [known.key for known in bench.store.known("L2")]
    bench.store.put("L2", key, b"\xff\xff")
    now[0] += HELD_S
    assert bench() == "complaint"
    assert bench() == "complaint"
    kept = Kept("no label at all", created=0.0)
    bench.caches.replies.put(key, kept)  # type: ignore[union-attr]
    assert bench() == "complaint", "a reply that does not fit its type is not used"


class SharedStore(MemoryStore):
    local = None  # type: ignore[assignment]


def test_private_replies_stay_on_this_machine() -> None:
    shared = Bench("praise", store=SharedStore())
    private = options(private=True)
    for _ in range(2):
        shared(options=private)
    assert (shared.asked, shared.store.stats().entries) == (2, 0)
    shared()
    shared(options=private)
    assert shared.asked == 4, "nor is it asked for them"
    here = Bench("praise")
    for _ in range(2):
        here(options=private)
    assert here.asked == 1


@pytest.mark.parametrize("strategy", ["ir", "tree"])
def test_calls_that_a_policy_makes_private_leave_nothing_in_a_shared_store(tmp_path: Path, strategy: str) -> None:
    policy = tmp_path / "delegation.toml"
    policy.write_text('private_tags = ["pii"]\n[[rules]]\nsymbol = "*"\ntarget = "local"\n')
    for tags, shared in (("[:pii]", 0), ("[:private]", 0), ("[:public]", 1)):
        cold, models = MemoryStore(), ModelRegistry()
        models.register("m", Scripted("yes"))
        caches = CacheManager(ReplyCache(TieredStore(MemoryStore(), cold, write_behind=False)))
        with rtfs.Runtime(models=models, caches=caches, policy=policy, strategy=strategy) as runtime:
            runtime.run(f'(defn f ^:delegation :local-model "m" ^{{:tags {tags}}} "Q?" [t :string] :-> :string "") [(f "x") (f "x")]')
            assert [record.cache for record in runtime.records.calls] == [None, "L2"]
        assert cold.stats().entries == shared, tags


def test_replies_are_found_by_model_function_and_input(tmp_path: Path) -> None:
    bench = Bench("praise", store=SQLiteStore(str(tmp_path / "replies.sqlite")))
    bench()
    bench(name="other")
    bench(args=("I do not like it",))
    replies = bench.caches.replies
    assert replies is not None
    assert len(list(replies.by_model("m"))) == 3
    assert [kept.metadata["function"] for _, kept in replies.by_function("other")] == ["other"]
    assert {kept.metadata["function"] for _, kept in replies.by_input("I like it")} == {"classify", "other"}
    ((_, one), (_, two)) = list(replies.by_input("I like it"))
    differ = {name for name, part in parts_in(one).items() if parts_in(two)[name] != part}
    assert differ == {"function"}
    bench.caches.close()


def test_a_reply_that_another_process_removed_is_held_for_a_moment_only(tmp_path: Path) -> None:
    now = [1_000.0]
    path = str(tmp_path / "replies.sqlite")
    bench = Bench("praise", "complaint", store=SQLiteStore(path), clock=lambda: now[0])
    bench()
    bench()
    other = SQLiteStore(path)
    other.clear("L2")
    other.close()
    assert bench() == "praise", "it was read a moment ago"
    now[0] += HELD_S
    assert bench() == "complaint"
    assert HELD_S <= 5
    bench.caches.replies.clear()  # type: ignore[union-attr]
    bench()
    assert bench.asked == 3, "what is cleared here is gone at once"
    bench.caches.close()


def test_figures_of_several_processes_add_up(tmp_path: Path) -> None:
    path = str(tmp_path / "replies.sqlite")
    for _ in range(2):
        bench = Bench("praise", store=SQLiteStore(path))
        bench()
        bench()
        bench.caches.close()
    stats = ReplyCache(SQLiteStore(path)).stats()
    assert (stats.hits, stats.misses, stats.puts) == (3, 1, 1)


class Similar:
    """A layer of meaning that takes all questions of a function for the same."""

    name = "L3"

    def __init__(self, serve: bool = True, check: bool = False) -> None:
        self.kept: dict[str, Kept] = {}
        self.serve, self.check = serve, check
        self.compared: list[tuple[str, str]] = []

    def look(self, question: Question) -> SemanticLook | None:
        kept = self.kept.get(question.request.function)
        note = {"matched": "the other", "score": 0.9, "reasons": ["because"]}
        return None if kept is None else SemanticLook(kept, self.serve, self.check, note)

    def store(self, question: Question, reply: Kept) -> None:
        self.kept[question.request.function] = reply

    def checked(self, question: Question, look: SemanticLook, reply: Kept) -> None:
        self.compared.append((look.reply.text, reply.text))


@pytest.mark.parametrize("serve, check, asked", [(True, False, 1), (True, True, 2), (False, True, 2), (False, False, 2)])
def test_a_layer_of_meaning_is_asked_behind_the_exact_one(serve: bool, check: bool, asked: int) -> None:
    layer = Similar(serve, check)
    bench = Bench("praise", "complaint", semantic=lambda: layer)  # type: ignore[arg-type, return-value]
    given = options(cache=Keyword("semantic"))
    bench(options=given)
    value = bench(args=("I do like it",), options=given)
    record = bench.records.calls[-1]
    assert bench.asked == asked
    if asked == 1:
        assert (value, record.cache, record.cache_note["matched"]) == ("praise", "L3", "the other")
    else:
        assert (value, record.cache, record.cache_note["served"]) == ("complaint", None, False)
        assert layer.compared == [("praise", "complaint")]
    bench(args=("never said",))
    assert bench.asked == asked + 1, "a function that does not say so is not asked about meaning"
