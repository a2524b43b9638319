"""L3: what is served, what is only checked, and what never meets."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rtfs.caching import keys
from rtfs.caching.layer import CacheConfig
from rtfs.caching.question import NOTHING, Kept, Question
from rtfs.caching.semantic.budget import GRID, BudgetSettings
from rtfs.caching.semantic.embedding import HashedEmbedder
from rtfs.caching.semantic.layer import SemanticCache
from rtfs.caching.stores.memory import MemoryStore
from rtfs.caching.stores.protocol import StoreUnavailable
from rtfs.caching.stores.sqlite import SQLiteStore
from rtfs.models.protocol import ModelRequest, Parameter
from rtfs.types.nodes import INT, STRING

PROVED = BudgetSettings(limit=0.2, check_share=0.0)
OPEN, OPEN_TOO = "How do I open an account?", "What is the way to open an account?"


def question(text: str, *, tenant: str = "", private: bool = False, more: Any = None, ttl_s: float | None = None, **request: Any) -> Question:
    parameters = [Parameter(name="text", type=STRING, value=text)]
    if more is not None:
        parameters.append(Parameter(name="more", type=INT, value=more))
    asked = ModelRequest(
        model=request.pop("model", "m"), function=request.pop("function", "answer"), doc=request.pop("doc", "Answers."),
        parameters=tuple(parameters), result=STRING, **request,
    )  # fmt: skip
    key = keys.key("L2", text, tenant, repr(more), repr(asked))  # as in `replies`: whether it is private is no part of it
    return Question(asked, "p", "1", tenant, private, key, "semantic", ttl_s=ttl_s)


def kept(text: str, **more: Any) -> Kept:
    return Kept(text, 10, 5, latency_s=0.5, cost_usd=0.001, **more)


def layer(store: Any = None, *, proved: bool = True, config: CacheConfig = CacheConfig(), **more: Any) -> SemanticCache:  # noqa: B008
    made = SemanticCache(store or MemoryStore(), HashedEmbedder(), config, budget=more.pop("budget", PROVED), rng=random.Random(1), **more)
    if proved:
        prove(made)
    return made


def prove(made: SemanticCache, times: int = 40, **request: Any) -> None:
    """Checks enough for the function to be served."""
    first, second = question("Where is the main station?", **request), question("Please, where is the main station?", **request)
    made.store(first, kept("there"))
    for _ in range(times):
        look = made.look(second)
        assert look is not None
        made.checked(second, look, kept("there"))


def test_nothing_is_served_before_it_is_proved() -> None:
    cache = layer(proved=False)
    cache.store(question(OPEN), kept("so"))
    look = cache.look(question(OPEN_TOO))
    assert look is not None
    assert (look.serve, look.check) == (False, True)
    assert "not served: the function is still being learnt" in look.note["reasons"]
    assert cache.get(question(OPEN_TOO)) is None
    assert cache.stats().hits == 0


def test_a_hit_says_what_it_matched_and_why() -> None:
    cache = layer()
    cache.store(question(OPEN), kept("so"))
    before = cache.stats()
    look = cache.look(question(OPEN_TOO))
    assert look is not None
    assert look.serve
    assert look.reply.text == "so"
    assert look.note["matched"] == OPEN
    assert GRID[0] <= look.note["score"] <= 1
    assert look.note["reasons"][-1].startswith("threshold of the function")
    stats = cache.stats()
    assert (stats.hits - before.hits, stats.saved.tokens - before.saved.tokens) == (1, 15)
    assert stats.saved.cost_usd == pytest.approx(before.saved.cost_usd + 0.001)


@pytest.mark.parametrize(
    "cached,asked",
    [
        (OPEN, "How do I close an account?"),
        ("Remind me in 2 days", "Remind me in 3 days"),
        ("Fly from Oslo to Bergen", "Fly from Bergen to Oslo"),
        ('What does "affect" mean?', 'What does "effect" mean?'),
    ],
)
def test_a_near_miss_is_not_even_checked(cached: str, asked: str) -> None:
    cache = layer()
    cache.store(question(cached), kept("so"))
    assert cache.look(question(asked)) is None
    why = cache.why(question(asked))
    assert not isinstance(why, str)
    mine = [found for found in why if found.second == cached]
    assert mine[0].refusals
    assert not mine[0].serves


def test_a_text_that_differs_in_spelling_only_is_found() -> None:
    cache = layer()
    cache.store(question("I need 2 tickets for tomorrow."), kept("so"))
    look = cache.look(question("i need two tickets for tomorrow"))
    assert look is not None
    assert look.serve


@pytest.mark.parametrize(
    "other",
    [
        {"tenant": "b"}, {"private": True}, {"more": 2}, {"model": "n"}, {"function": "other"}, {"doc": "Answers well."},
        {"max_tokens": 7}, {"temperature": 0.5}, {"examples": ((("a",), "b"),)},
    ],
)  # fmt: skip
def test_answers_never_cross_a_partition(other: dict[str, Any]) -> None:
    base: dict[str, Any] = {"tenant": "a", "more": 1}
    cache = layer(proved=False)
    prove(cache, **base)
    prove(cache, **{**base, **other})
    cache.store(question(OPEN, **base), kept("so"))
    assert cache.look(question(OPEN_TOO, **base)) is not None
    assert cache.look(question(OPEN_TOO, **{**base, **other})) is None


def test_what_is_not_compared_by_meaning() -> None:
    cache = layer()
    for text in ("yes", "red green", "Wo finde ich bitte den nächsten Bahnhof in dieser Stadt?", "word " * 500):
        assert not cache.put(question(text), kept("so"))
        assert cache.look(question(text)) is None
        assert isinstance(cache.why(question(text)), str)
    assert cache.stats().refused == 4


def test_replies_that_are_cut_off_or_unsure_are_not_kept() -> None:
    cache = layer(config=CacheConfig(min_confidence=0.5))
    assert not cache.put(question(OPEN), kept("so", finish_reason="length"))
    assert not cache.put(question(OPEN), kept("so", score=0.4))
    assert cache.put(question(OPEN), kept("so", score=0.6))


def test_a_false_hit_raises_the_floor_of_its_entry() -> None:
    cache = layer(budget=BudgetSettings(limit=0.3, check_share=0.0))
    cache.store(question(OPEN), kept("so"))
    look = cache.look(question(OPEN_TOO))
    assert look is not None
    assert look.serve
    cache.checked(question(OPEN_TOO), look, kept("otherwise"))
    again = cache.look(question(OPEN_TOO))
    assert again is not None
    assert not again.serve
    assert again.check
    # storing the same text again does not make it trusted again
    cache.store(question(OPEN), kept("so"))
    third = cache.look(question(OPEN_TOO))
    assert third is not None
    assert not third.serve


def test_a_function_whose_matches_are_wrong_is_never_served() -> None:
    cache = layer(proved=False)
    cache.store(question(OPEN), kept("so"))
    for _ in range(200):
        look = cache.look(question("Please, how do I open an account?"))
        if look is None:
            break
        assert not look.serve
        cache.checked(question("Please, how do I open an account?"), look, kept("otherwise"))
    [(name, standing)] = cache.standings()
    assert (name, standing.state) == ("answer", "never")
    assert standing.precision[0] == 0.0
    assert cache.relearn("answer") == 1
    assert cache.standings()[0][1].state == "learning"
    assert cache.look(question("Please, how do I open an account?")) is not None


def test_a_part_of_the_hits_is_checked_while_serving() -> None:
    cache = layer(proved=False, budget=BudgetSettings(limit=0.2, check_share=0.25))
    prove(cache)
    cache.store(question(OPEN), kept("so"))
    checks = sum(bool(look and look.check) for look in (cache.look(question(OPEN_TOO)) for _ in range(400)))
    assert 60 < checks < 140


class Refuses:
    name = "contrary"

    def same(self, asked: str, cached: str) -> float:
        assert (asked, cached) == (OPEN_TOO, OPEN)
        return 0.1


def test_a_verifier_has_the_last_word() -> None:
    cache = layer()
    cache.verifier = Refuses()
    cache.store(question(OPEN), kept("so"))
    assert cache.look(question(OPEN_TOO)) is None
    assert cache.refused["verifier"] == 1


def test_entries_go_with_time_and_for_want_of_room() -> None:
    now = [1000.0]
    cache = layer(MemoryStore(clock=lambda: now[0]), clock=lambda: now[0], config=CacheConfig(max_entries=3, ttl_s=50.0))
    texts = ["How do I cook rice?", "Where can I park my car?", "Who wrote that long book?", "Why do birds sing at dawn?"]
    for text in texts:
        cache.store(question(text), kept("so", created=now[0]))
    assert cache.stats().size == 3
    assert cache.stats().evictions == 2  # the one that proved the function, and the first of these
    assert cache.look(question(texts[0])) is None
    assert cache.look(question(texts[3])) is not None
    assert cache.look(question(texts[3], ttl_s=10.0)) is not None
    now[0] += 20
    assert cache.look(question(texts[3], ttl_s=10.0)) is None
    now[0] += 40
    assert cache.look(question(texts[3])) is None


def test_forgetting() -> None:
    cache = layer()
    cache.store(question(OPEN), kept("so"))
    look = cache.look(question(OPEN_TOO))
    assert look is not None
    assert cache.invalidate(bytes.fromhex(look.note["entry"]))
    assert not cache.invalidate(bytes.fromhex(look.note["entry"]))
    assert cache.look(question(OPEN_TOO)) is None
    assert cache.stats().invalidations == 1
    assert cache.clear() == 1
    assert cache.stats().size == 0
    assert cache.standings() == []


def test_the_index_is_made_anew_from_the_store(tmp_path: Path) -> None:
    first = layer(SQLiteStore(tmp_path / "cache.sqlite"))
    first.store(question(OPEN), kept("so"))
    first.close()
    second = layer(SQLiteStore(tmp_path / "cache.sqlite"), proved=False)
    look = second.look(question(OPEN_TOO))
    assert look is not None
    assert look.serve  # what was learnt is kept as well
    assert look.reply.text == "so"
    second.close()


def test_two_processes_share_what_they_learn(tmp_path: Path) -> None:
    one, two = (layer(SQLiteStore(tmp_path / "cache.sqlite"), proved=False) for _ in range(2))
    prove(one, 20)
    prove(two, 20)
    third = layer(SQLiteStore(tmp_path / "cache.sqlite"), proved=False)
    assert third.standings()[0][1].checks == 40
    for cache in (one, two, third):
        cache.close()


def test_an_entry_that_another_has_deleted_is_a_miss_from_then_on() -> None:
    store = MemoryStore()
    cache = layer(store)
    cache.store(question(OPEN), kept("so"))
    look = cache.look(question(OPEN_TOO))
    assert look is not None
    store.delete("L3", bytes.fromhex(look.note["entry"]))
    assert cache.look(question(OPEN_TOO)) is None


def test_an_entry_that_is_not_as_it_was_written_is_not_served() -> None:
    store = MemoryStore()
    cache = layer(store)
    cache.store(question(OPEN), kept("so"))
    look = cache.look(question(OPEN_TOO))
    assert look is not None
    store.put("L3", bytes.fromhex(look.note["entry"]), b"\x81\x01")
    assert cache.look(question(OPEN_TOO)) is None


class Broken(MemoryStore):
    broken = False

    def get(self, namespace: str, key: bytes) -> bytes | None:
        if self.broken:
            raise StoreUnavailable("gone")
        return super().get(namespace, key)


def test_a_store_that_is_out_of_reach_is_a_miss() -> None:
    store = Broken()
    cache = layer(store)
    cache.store(question(OPEN), kept("so"))
    store.broken = True
    assert cache.look(question(OPEN_TOO)) is None
    assert not cache.put(question("What is the weather like?"), kept("so"))
    store.broken = False
    assert cache.look(question(OPEN_TOO)) is not None


def test_private_answers_stay_where_the_store_keeps_them() -> None:
    class Elsewhere(MemoryStore):
        local = None

    cache = layer(Elsewhere())
    assert not cache.put(question(OPEN, private=True), kept("so"))
    assert cache.look(question(OPEN, private=True)) is None


def test_several_texts_are_compared_each_with_its_own() -> None:
    def both(first: str, second: str) -> Question:
        one = question(first)
        request = one.request
        other = Parameter(name="other", type=STRING, value=second)
        return one.replace(request=replace(request, parameters=(*request.parameters, other)), key=keys.key("L2", first, second))

    cache = layer(proved=False)
    cache.store(both("What is the price of it?", "This is a red car."), kept("so"))
    assert cache.look(both("Please, what is the price of it?", "This is a red car.")) is not None
    assert cache.look(both("Please, what is the price of it?", "This is a blue car.")) is None


def test_many_threads() -> None:
    cache = layer()
    texts = [f"How do I repair the {word} of my house?" for word in ("roof", "wall", "door", "window", "floor", "stairs", "chimney")]
    wrong: list[str] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(60):
            text = rng.choice(texts)
            look = cache.look(question("Please, " + text))
            if look is not None and look.reply.text != text:
                wrong.append(text)
            cache.store(question(text), kept(text))
            if rng.random() < 0.1 and look is not None:
                cache.invalidate(bytes.fromhex(look.note["entry"]))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert cache.stats().hits + cache.stats().misses >= 360


def test_what_says_nothing_has_a_time_of_its_own_by_meaning_too() -> None:
    now = [1_000.0]
    cache = layer(clock=lambda: now[0])
    empty = kept("", created=now[0], metadata={NOTHING: True})
    never, briefly = (lambda text, s=s: question(text).replace(nothing_s=s) for s in (0.0, 10.0))
    assert not cache.store(never(OPEN), empty)
    assert cache.store(briefly(OPEN), empty)
    now[0] += 9
    assert cache.get(briefly(OPEN_TOO)) == empty
    assert cache.get(never(OPEN_TOO)) is None
    assert cache.get(question(OPEN_TOO)) == empty
    now[0] += 2
    assert cache.get(briefly(OPEN_TOO)) is None
