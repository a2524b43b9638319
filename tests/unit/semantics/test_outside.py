"""Who goes outside when, with limits inside one another."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable

import pytest

from rtfs.semantics.outside import Limit, Outside
from rtfs.semantics.stopping import Stop

PATIENCE_S = 20.0
pytestmark = pytest.mark.timeout(60)


class Crowd:
    """Threads that want a place, and keep it until they are told to leave."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self.went: list[str] = []
        self._go: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def add(self, name: str, *limits: Limit, stop: Stop | None = None, timeout_s: float | None = None) -> None:
        """One more, who is outside or waits when this is over."""
        go = self._go[name] = threading.Event()
        asked = sum(self.outside.waiting(limit) for limit in self.outside.only) + self.outside.all.count
        gave_up = threading.Event()

        def work() -> None:
            place = self.outside.enter((*self.outside.only, *limits), () if stop is None else (stop,), timeout_s)
            if place is None:
                self.went.append(f"not {name}")
                gave_up.set()
                return
            with place:
                self.went.append(name)
                go.wait(PATIENCE_S)

        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()
        self.until(lambda: gave_up.is_set() or self.outside.waiting(self.outside.all) + self.outside.all.count > asked)

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, self.went
            time.sleep(0.001)

    def leave(self, *names: str) -> None:
        for name in names:
            self._go[name].set()

    def sees(self, *names: str) -> None:
        self.until(lambda: len(self.went) >= len(names))
        time.sleep(0.01)  # for one who should not have gone
        assert self.went == list(names)

    def end(self) -> None:
        self.leave(*self._go)
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        assert self.outside.all.count == 0
        assert self.outside.waiting(self.outside.all) == 0


def test_who_came_first_goes_first() -> None:
    crowd = Crowd(Outside(10))
    slow = Limit("slow", 1)
    for name in "abcd":
        crowd.add(name, slow)
    for i, name in enumerate("abcd"):
        crowd.sees(*"abcd"[: i + 1])
        crowd.leave(name)
    crowd.end()


def test_a_full_limit_holds_up_nobody_else() -> None:
    outside = Outside(2)
    crowd, slow, free = Crowd(outside), Limit("slow", 1), Limit("free", 5)
    crowd.add("a", slow)
    crowd.add("b", slow)  # waits, and keeps no place of all
    crowd.add("c", free)
    crowd.sees("a", "c")
    crowd.add("d", free)  # now all are full
    crowd.add("e")
    crowd.leave("c")
    crowd.sees("a", "c", "d")
    crowd.leave("a")  # of those who could go now, this one came first
    crowd.sees("a", "c", "d", "b")
    crowd.end()


def test_all_limits_have_to_have_room_at_the_same_moment() -> None:
    crowd = Crowd(Outside(10))
    provider, model = Limit("provider", 2), Limit("model", 1)
    crowd.add("a", provider, model)
    crowd.add("b", provider, model)
    crowd.add("c", provider)
    crowd.add("d", provider, model)
    crowd.add("e", provider)
    crowd.sees("a", "c")
    crowd.leave("c")
    crowd.sees("a", "c", "e")  # neither b nor d, which need what a has
    crowd.leave("a")
    crowd.sees("a", "c", "e", "b")
    assert (provider.count, model.count) == (2, 1)
    crowd.end()
    assert (provider.count, model.count) == (0, 0)


def test_a_stop_and_a_time_end_the_waiting() -> None:
    crowd, slow, stop = Crowd(Outside(10)), Limit("slow", 1), Stop()
    crowd.add("a", slow)
    crowd.add("b", slow, stop=stop)
    crowd.add("c", slow, timeout_s=0.05)
    crowd.add("d", slow)
    crowd.sees("a", "not c")
    stop.set()
    crowd.sees("a", "not c", "not b")
    crowd.leave("a")
    crowd.sees("a", "not c", "not b", "d")
    crowd.end()
    assert Outside(1).enter((slow,), (stop,)) is not None, "there is a place at once"


def test_another_number_holds_at_once() -> None:
    outside, slow = Outside(10), Limit("slow", 1)
    crowd = Crowd(outside)
    for name in "abcd":
        crowd.add(name, slow)
    crowd.sees("a")
    outside.set_most(slow, 3)
    crowd.until(lambda: len(crowd.went) == 3)
    assert slow.count == 3
    outside.set_most(slow, 1)
    crowd.leave("a", "b")
    crowd.until(lambda: slow.count == 1)
    assert sorted(crowd.went) == ["a", "b", "c"], "there is room again when the last of them leaves"
    crowd.leave("c")
    crowd.until(lambda: sorted(crowd.went) == ["a", "b", "c", "d"])
    crowd.end()


def test_who_is_called_back_keeps_no_place() -> None:
    outside, slow = Outside(1), Limit("slow", 1)
    limits = (*outside.only, slow)

    def work() -> int:
        again = outside.enter(limits, timeout_s=PATIENCE_S)
        assert again is not None
        with again:
            return outside.all.count

    place = outside.enter(limits)
    assert place is not None
    with place:
        assert outside.inside(work) == 1
        assert (outside.all.count, slow.count) == (1, 1)
    assert (outside.all.count, slow.count) == (0, 0)


def test_what_a_thread_has_and_does_not_know_of_can_be_taken_back() -> None:
    outside, slow = Outside(3), Limit("slow", 1)
    crowd = Crowd(outside)
    lost = [outside.enter((*outside.only, slow)), outside.enter(outside.only)]
    assert None not in lost
    crowd.add("a", slow)
    assert crowd.went == []
    outside.leave_all()
    outside.leave_all()
    crowd.sees("a")
    crowd.end()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_begins_with_nobody_outside() -> None:
    outside, slow = Outside(1), Limit("slow", 1)
    crowd = Crowd(outside)
    crowd.add("a", slow)
    crowd.add("b", slow)
    crowd.sees("a")
    with outside._lock:  # as another thread may have it at that moment
        child = os.fork()
        if child == 0:
            place = outside.enter((*outside.only, slow), timeout_s=5)
            os._exit(0 if place is not None and (outside.all.count, slow.count) == (1, 1) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert (outside.all.count, slow.count, outside.waiting(slow)) == (1, 1, 1)
    crowd.leave("a")
    crowd.sees("a", "b")
    crowd.end()


def test_nobody_is_lost_and_no_limit_is_passed() -> None:
    outside = Outside(6)
    limits = [Limit(str(most), most) for most in (1, 2, 3)]
    inside = dict.fromkeys((outside.all, *limits), 0)
    lock, wrong, went = threading.Lock(), [], [0]

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(200):
            mine = (*outside.only, *[limit for limit in limits if chance.random() < 0.5])
            stop = Stop()
            if chance.random() < 0.2:
                threading.Timer(chance.random() / 1000, stop.set).start()
            place = outside.enter(mine, (stop,), chance.choice([None, None, 0.001]))
            if place is None:
                continue
            with place:
                with lock:
                    went[0] += 1
                    for limit in mine:
                        inside[limit] += 1
                        if inside[limit] > limit.most:
                            wrong.append(limit.name)
                if chance.random() < 0.3:
                    time.sleep(0.0005)
                with lock:
                    for limit in mine:
                        inside[limit] -= 1

    threads = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    assert wrong == []
    assert went[0] > 1_000
    assert [limit.count for limit in (outside.all, *limits)] == [0, 0, 0, 0]
    assert outside.waiting(outside.all) == 0
