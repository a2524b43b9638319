"""Hedged requests: a second target is asked when the first one is slow, and the first answer counts.

Source: J. Dean, L. A. Barroso, "The Tail at Scale", CACM 56(2), 2013.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from rtfs.errors import DelegationError, LimitExceeded

T = TypeVar("T")


def first_answer(asks: list[Callable[[], T]], after_s: float | None) -> T:
    """The answer of the first of `asks` that succeeds; each further one begins `after_s` seconds after the one before, or at once
    when that has failed. With one, or without `after_s`, they run one after the other in this thread.

    An answer that comes too late is thrown away: its tokens are charged, and the record says that nobody waited for it.

    Raises:
        DelegationError: what the first one that failed raised, when all fail; any other error ends it at once, except that
            another one is still awaited when a budget does not allow one more.
    """
    if len(asks) == 1 or after_s is None:
        return _in_turn(asks)
    ended: SimpleQueue[tuple[bool, T | BaseException]] = SimpleQueue()

    def run(ask: Callable[[], T]) -> None:
        try:
            ended.put((True, ask()))
        except BaseException as error:
            ended.put((False, error))

    failures: list[DelegationError] = []
    refused: LimitExceeded | None = None
    running = 0
    waiting = list(asks)
    while waiting or running:
        if waiting:
            threading.Thread(target=run, args=(waiting.pop(0),), name="rtfs-hedge", daemon=True).start()
            running += 1
        try:
            good, result = ended.get(timeout=after_s if waiting else None)
        except Empty:
            continue
        running -= 1
        if good:
            return result  # type: ignore[return-value]
        if isinstance(result, LimitExceeded) and running:
            refused = result
            waiting.clear()
            continue
        if not isinstance(result, DelegationError):
            raise result  # type: ignore[misc]
        failures.append(result)
    raise refused or failures[0]


def _in_turn(asks: list[Callable[[], T]]) -> T:
    failure: DelegationError | None = None
    for ask in asks:
        try:
            return ask()
        except DelegationError as error:
            failure = failure or error
    assert failure is not None
    raise failure
