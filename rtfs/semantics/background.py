"""A run in a thread of its own, awaited from asyncio: the loop goes on, and cancelling the task calls off the run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from rtfs.semantics.stopping import Stop, Stopped

#: Seconds that a run has to notice that it is called off, at its next delegated call or where steps and time are looked at; then it
#: is interrupted wherever it is.
_NOTICE_S = 0.2
#: How often it is, before nobody waits for its end any more.
_PATIENCE = 25


async def in_background(work: Callable[[Stop], Any], interrupt: Callable[[Stop], None]) -> Any:
    """The value of `work(stop)`, which runs in a thread.

    When the task is cancelled, `stop` is set; a call that waits for a model is given up, and so is the rest. The task ends when the
    run has: budgets are settled then.

    Args:
        interrupt: stops a run that does not look at its `stop`.
    """
    loop = asyncio.get_running_loop()
    stop, ended = Stop(), loop.create_future()

    def tell(value: Any, error: BaseException | None) -> None:
        if not ended.done():
            ended.set_result((value, error))

    def run() -> None:
        value, failure = None, None
        try:
            value = work(stop)
        except BaseException as error:
            failure = error
        try:
            loop.call_soon_threadsafe(tell, value, failure)
        except RuntimeError:  # the loop is closed: nobody waits
            pass

    threading.Thread(target=run, name="rtfs-run", daemon=True).start()
    try:
        value, error = await asyncio.shield(ended)
    except asyncio.CancelledError:
        stop.set()
        for _ in range(_PATIENCE):
            if (await asyncio.wait([ended], timeout=_NOTICE_S))[0]:
                break
            interrupt(stop)
        raise
    if isinstance(error, Stopped):  # by somebody else: an interrupt of the program
        raise KeyboardInterrupt
    if error is not None:
        raise error
    return value
