"""Delegated calls with caches in front of a model that says what a script has."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from rtfs.caching.manager import CacheManager
from rtfs.caching.replies import ReplyCache
from rtfs.caching.stores.memory import MemoryStore
from rtfs.delegation.cached import CachedReplies
from rtfs.delegation.delegate import ModelDelegate
from rtfs.delegation.engine import Decision
from rtfs.delegation.record import Records
from rtfs.delegation.settings import CallSettings
from rtfs.delegation.targets import LocalModel
from rtfs.models.protocol import Availability, ModelReply, ModelRequest, Usage
from rtfs.models.registry import ModelRegistry
from rtfs.semantics.protocols import DelegatedCall
from rtfs.types.nodes import STRING, EnumType

LABELS = EnumType(("praise", "complaint"))


class Scripted:
    """Answers with the texts, replies and errors of its script, in order; the last one stays."""

    def __init__(self, *script: Any, name: str = "scripted") -> None:
        self.name = name
        self.script = list(script)
        self.requests: list[ModelRequest] = []
        self.lock = threading.Lock()

    def complete(self, request: ModelRequest) -> ModelReply:
        with self.lock:
            self.requests.append(request)
            entry = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if callable(entry):
            entry = entry(request)
        if isinstance(entry, BaseException):
            raise entry
        return (
            entry if isinstance(entry, ModelReply) else ModelReply(text=entry, usage=Usage(prompt_tokens=10, completion_tokens=2))
        )

    def availability(self, model: str) -> Availability:
        return Availability(usable=True, detail="scripted")

    def close(self) -> None:
        pass


class Bench:
    """A delegate with caches, and a script for its model."""

    def __init__(
        self, *script: Any, store: Any = None, tenant: str = "", clock: Callable[[], float] = time.time, **settings: Any
    ) -> None:
        self.provider = Scripted(*script)
        registry = ModelRegistry()
        registry.register("m", self.provider)
        self.registry = registry
        self.records = Records()
        self.store = store or MemoryStore(clock=clock)
        self.caches = CacheManager(ReplyCache(self.store, clock=clock), **settings)
        self.delegate = ModelDelegate(
            registry,
            report=lambda line: None,
            records=self.records,
            sleep=lambda seconds: None,
            replies=CachedReplies(self.caches, tenant=tenant, clock=clock),
        )

    def __call__(self, **changes: Any) -> Any:
        return self.delegate.delegate(call(**changes))

    @property
    def asked(self) -> int:
        return len(self.provider.requests)


def call(**changes: Any) -> DelegatedCall:
    fields: dict[str, Any] = {
        "target": "local-model",
        "model": "m",
        "name": "classify",
        "doc": "Is this praise or complaint?",
        "parameters": (("text", STRING),),
        "args": ("I like it",),
        "result": LABELS,
        "strict": True,
        "options": {},
        "aliases": {},
        "span": None,
        "body": lambda: "body",
    }
    return DelegatedCall(**(fields | changes))


def options(**named: Any) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in named.items()}


def planned(**settings: Any) -> Decision:
    return Decision(LocalModel("m"), settings=CallSettings(**settings))
