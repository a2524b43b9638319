"""A model for tests of what goes on at the same time: it answers after a while, or when it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from rtfs.errors import DelegationError
from rtfs.models.protocol import Availability, ModelReply, ModelRequest, Usage
from rtfs.models.registry import ModelRegistry
from rtfs.runtime import Runtime
from rtfs.semantics.stopping import Stopped


class Waiting:
    """Answers with twice its first operand, after as many milliseconds as `delay_ms` says of that.

    Args:
        fails: operands for which there is no answer.
        deaf: it cannot be interrupted.
    """

    name = "waiting"

    def __init__(
        self, delay_ms: Callable[[int], float] = lambda n: 20.0, *, fails: tuple[int, ...] = (), deaf: bool = False
    ) -> None:
        self._delay_ms = delay_ms
        self._fails = fails
        self._deaf = deaf
        self._lock = threading.Lock()
        self.asked: list[int] = []
        self.answered: list[int] = []
        self.interrupted: list[int] = []
        self.now = self.most = 0
        self.during: Callable[[int], Any] | None = None

    def complete(self, request: ModelRequest) -> ModelReply:
        n = request.parameters[0].value
        with self._lock:
            self.asked.append(n)
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            if self.during is not None:
                self.during(n)
            if request.stop is None or self._deaf:
                time.sleep(self._delay_ms(n) / 1000)
            elif request.stop.wait(self._delay_ms(n) / 1000):
                with self._lock:
                    self.interrupted.append(n)
                raise Stopped
            if n in self._fails:
                raise DelegationError(f"no answer to {n}", kind="model-unavailable")
            with self._lock:
                self.answered.append(n)
        finally:
            with self._lock:
                self.now -= 1
        return ModelReply(text=str(2 * n), usage=Usage(prompt_tokens=10, completion_tokens=5), model="waiting")

    def availability(self, model: str) -> Availability:
        return Availability(usable=True, detail="here")

    def close(self) -> None:
        pass


ASK = '(defn ask ^:delegation :remote "m" "Twice n." [n : int] : int {body})\n'
STRICT = '(defn ask ^:delegation :remote "m" ^{{:strict true}} "Twice n." [n : int] : int {body})\n'


def runtime_with(model: Waiting, strategy: str, *, body: str = "-1", strict: bool = False, **options: Any) -> Runtime:
    """A runtime with a function `ask` that the model answers; its own body gives -1."""
    registry = ModelRegistry()
    registry.register("m", model)
    runtime = Runtime(strategy=strategy, models=registry, **options)
    runtime.run((STRICT if strict else ASK).format(body=body))
    return runtime
