"""Equal work is done once: values, errors, waiters that leave, and workers that are given up."""

from __future__ import annotations

import dis
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from rtfs.caching.single_flight import SingleFlight
from rtfs.errors import DelegationError, EvalError, LimitExceeded
from rtfs.semantics.stopping import Stop, Stopped, copied

PATIENCE_S = 10.0


class Callers:
    """Threads that run something each, and what became of them."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.results: dict[int, Any] = {}

    def start(self, work: Callable[[], Any]) -> int:
        number = len(self.threads)

        def run() -> None:
            try:
                self.results[number] = work()
            except BaseException as error:
                self.results[number] = error

        thread = threading.Thread(target=run, daemon=True)
        self.threads.append(thread)
        thread.start()
        return number

    def join(self) -> list[Any]:
        for thread in self.threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "a caller hangs"
        return [self.results[number] for number in range(len(self.threads))]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came to this"
        time.sleep(0.001)


class Gate:
    """Work that begins when it is called, counts that, and ends when it is opened."""

    def __init__(self, outcome: Callable[[], Any]) -> None:
        self.outcome = outcome
        self.count = 0
        self.open = threading.Event()

    def __call__(self) -> Any:
        self.count += 1
        assert self.open.wait(PATIENCE_S)
        return self.outcome()


def test_equal_work_is_done_once() -> None:
    flights: SingleFlight[str] = SingleFlight()
    callers, gate = Callers(), Gate(lambda: "value")
    for _ in range(8):
        callers.start(lambda: flights.run("key", gate))
    until(lambda: flights.under_way("key") == 8)
    gate.open.set()
    results = callers.join()
    assert gate.count == 1
    assert sorted(results) == [("value", False)] * 7 + [("value", True)]
    assert flights.under_way("key") == 0


def test_other_keys_do_not_wait() -> None:
    flights: SingleFlight[int] = SingleFlight()
    callers, gate = Callers(), Gate(lambda: 1)
    callers.start(lambda: flights.run("slow", gate))
    until(lambda: flights.under_way("slow") == 1)
    assert flights.run("other", lambda: 2) == (2, True)
    gate.open.set()
    callers.join()


def test_nothing_is_kept() -> None:
    flights: SingleFlight[int] = SingleFlight()
    assert [flights.run("key", lambda n=n: n) for n in range(3)] == [(0, True), (1, True), (2, True)]  # type: ignore[misc]


def raising(error: BaseException) -> Callable[[], Any]:
    def work() -> Any:
        raise error

    return work


def test_an_error_goes_to_all_and_to_each_its_own() -> None:
    flights: SingleFlight[int] = SingleFlight()
    cause = ValueError("wire")
    original = DelegationError("no answer", kind="model-unavailable", retryable=True, retry_after_s=2.5, hint="wait", data=7)
    original.__cause__ = cause
    callers, gate = Callers(), Gate(raising(original))
    for _ in range(4):
        callers.start(lambda: flights.run("key", gate))
    until(lambda: flights.under_way("key") == 4)
    gate.open.set()
    errors = callers.join()
    assert len({id(error) for error in errors}) == 4
    assert sum(error is original for error in errors) == 1
    for error in errors:
        assert type(error) is DelegationError
        assert (error.message, error.kind, error.retryable, error.retry_after_s) == ("no answer", "model-unavailable", True, 2.5)
        assert (error.hint, error.data, error.__cause__, str(error)) == ("wait", 7, cause, "no answer")
    errors[0].notes.append("mine")
    assert all(not error.notes for error in errors[1:])


@pytest.mark.parametrize(
    "signal",
    [Stopped(), KeyboardInterrupt(), LimitExceeded("its budget", kind="budget-exhausted"), EvalError("gone", kind="cancelled")],
    ids=lambda signal: type(signal).__name__,
)
def test_when_the_worker_is_given_up_one_of_the_waiters_works(signal: BaseException) -> None:
    flights: SingleFlight[str] = SingleFlight()
    callers, first, second = Callers(), Gate(raising(signal)), Gate(lambda: "second")
    callers.start(lambda: flights.run("key", first))
    until(lambda: first.count == 1)
    for _ in range(3):
        callers.start(lambda: flights.run("key", second))
    until(lambda: flights.under_way("key") == 4)
    first.open.set()
    until(lambda: second.count == 1)
    until(lambda: flights.under_way("key") == 3)
    second.open.set()
    results = callers.join()
    assert results[0] is signal
    assert sorted(results[1:]) == [("second", False)] * 2 + [("second", True)]
    assert second.count == 1


def of_caller() -> DelegationError:
    error = DelegationError("its time was over", kind="model-unavailable")
    error.of_caller = True
    return error


@pytest.mark.parametrize("is_called_off", [False, True])
def test_what_a_worker_met_for_reasons_of_its_own_is_not_for_others(is_called_off: bool) -> None:
    """A limit of the worker alone, or an error that came of its being called off."""
    signal, stop = DelegationError("the connection was closed") if is_called_off else of_caller(), Stop()
    flights: SingleFlight[str] = SingleFlight()
    callers, first = Callers(), Gate(raising(signal))
    callers.start(lambda: flights.run("key", first, stop=stop))
    until(lambda: first.count == 1)
    callers.start(lambda: flights.run("key", lambda: "second"))
    until(lambda: flights.under_way("key") == 2)
    if is_called_off:
        stop.set()
    first.open.set()
    assert callers.join() == [signal, ("second", True)]


class Interrupting:
    """As a trace function: a KeyboardInterrupt at the n-th place in `run` at which CPython looks for signals, and at no other."""

    PLACES = frozenset({"RESUME", "CALL", "CALL_FUNCTION_EX", "JUMP_BACKWARD"})

    def __init__(self, at: int) -> None:
        self.left = at
        self._last: dict[int, str] = {}  # frame -> the instruction that it has just carried out

    def __call__(self, frame: Any, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.endswith("single_flight.py"):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            if self._last.get(id(frame)) in self.PLACES:
                self.left -= 1
                if self.left == 0:
                    raise KeyboardInterrupt
            self._last[id(frame)] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
        elif event in ("call", "exception"):  # a call that failed is followed by no look
            self._last.pop(id(frame), None)
        return self


@pytest.mark.parametrize("fails", [False, True])
def test_an_interrupt_anywhere_leaves_no_key_occupied(fails: bool) -> None:
    work = raising(ValueError("no")) if fails else (lambda: 1)
    places, before = 0, sys.gettrace()
    while True:
        flights: SingleFlight[Any] = SingleFlight()
        interrupting = Interrupting(places + 1)
        sys.settrace(interrupting)
        try:
            flights.run("key", work)
        except (KeyboardInterrupt, ValueError):
            pass
        finally:
            sys.settrace(before)
        callers = Callers()
        callers.start(lambda flights=flights: flights.run("key", lambda: 2))  # type: ignore[misc]
        assert callers.join() == [(2, True)], f"after an interrupt at place {places + 1}"
        if interrupting.left > 0:  # there are no more
            break
        places += 1
    assert places > 6


def test_a_waiter_leaves_when_its_time_is_over_and_the_work_goes_on() -> None:
    flights: SingleFlight[str] = SingleFlight()
    callers, gate = Callers(), Gate(lambda: "late")
    callers.start(lambda: flights.run("key", gate))
    until(lambda: gate.count == 1)
    with pytest.raises(TimeoutError):
        flights.run("key", gate, timeout_s=0.02)
    assert flights.under_way("key") == 1
    gate.open.set()
    assert callers.join() == [("late", True)]


def test_a_waiter_that_is_stopped_leaves_at_once() -> None:
    flights: SingleFlight[str] = SingleFlight()
    callers, gate, stop = Callers(), Gate(lambda: "late"), Stop()
    callers.start(lambda: flights.run("key", gate))
    until(lambda: gate.count == 1)
    waiter = callers.start(lambda: flights.run("key", gate, stop=stop))
    until(lambda: flights.under_way("key") == 2)
    stop.set()
    until(lambda: waiter in callers.results)
    assert isinstance(callers.results[waiter], Stopped)
    gate.open.set()
    assert callers.join()[0] == ("late", True)


def test_the_time_of_a_waiter_is_not_that_of_its_own_work() -> None:
    flights: SingleFlight[str] = SingleFlight()

    def work() -> str:
        time.sleep(0.05)
        return "slow"

    assert flights.run("key", work, timeout_s=0.001) == ("slow", True)


def test_many_threads_and_keys() -> None:
    flights: SingleFlight[int] = SingleFlight()
    inside: dict[int, int] = {}
    most = 0
    lock = threading.Lock()

    def work(key: int) -> int:
        nonlocal most
        with lock:
            inside[key] = inside.get(key, 0) + 1
            most = max(most, inside[key])
        time.sleep(0.0005)
        with lock:
            inside[key] -= 1
        return key * key

    def caller(seed: int) -> list[bool]:
        return [flights.run(k, lambda k=k: work(k))[0] == k * k for k in [(seed + i) % 5 for i in range(40)]]  # type: ignore[misc]

    callers = Callers()
    for seed in range(8):
        callers.start(lambda seed=seed: caller(seed))  # type: ignore[misc]
    assert all(all(oks) for oks in callers.join())
    assert most == 1
    assert all(flights.under_way(key) == 0 for key in range(5))


class Awkward(Exception):
    """Cannot be made from its `args`."""

    def __new__(cls, *_: object, needed: int = 0) -> Awkward:
        if not needed:
            raise ValueError("needed")
        return super().__new__(cls)

    def __init__(self, *, needed: int) -> None:
        super().__init__("awkward")


def test_an_error_that_cannot_be_copied_is_shared() -> None:
    error = Awkward(needed=1)
    assert copied(error) is error
    own = OSError(2, "gone")
    assert copied(own) is not own
    assert copied(own).args == (2, "gone")


def test_a_stop_tells_once_and_forgets_who_left() -> None:
    stop, told = Stop(), []
    forget = stop.tell(lambda: told.append("left"))
    stop.tell(lambda: told.append("stayed"))
    forget()
    stop.set()
    stop.set()
    stop.tell(lambda: told.append("late"))
    assert told == ["stayed", "late"]
    with pytest.raises(Stopped):
        stop.check()
