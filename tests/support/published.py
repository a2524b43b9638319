"""Publishing functions in tests."""

from __future__ import annotations

from typing import Any

from rtfs.caching.code.publishing import Example, make_entry
from rtfs.caching.code.signing import Signer
from rtfs.caching.code.store import CodeStore
from rtfs.caching.stores.memory import MemoryStore
from rtfs.runtime import Runtime
from rtfs.source import Source

#: A function that asks a model, and code that stands for it.
ASKING = """(defn topic ^:delegation :local-model "echo" "What is it about?" [message :string] :-> [:enum "bug" "other"] "other")"""
CODE = """(def word "crash")
(defn topic [message :string] :-> [:enum "bug" "other"]
  (if (string-contains message word) "bug" (throw :abstain "no rule")))"""
EXAMPLES = tuple([Example((f"crash number {i}",), "bug") for i in range(80)])


def inspector(**options: Any) -> Runtime:
    return Runtime(models=None, environ={}, module_path=[], on_warning=lambda message, span: None, **options)


def entry_of(code: str = CODE, asking: str | None = ASKING, name: str = "topic", **changes: Any) -> Any:
    """The entry of a function, verified on examples."""
    runtime = inspector()
    given: dict[str, Any] = {"kind": "agreement", "wanted": 0.95}
    if asking is not None:
        asked = next(one for one in runtime.definitions(Source("asking.rtfs", asking)) if one.task is not None)
        given |= {"task": asked.task, "interface": asked.interface, "text": " ".join(asked.function.doc.split())}
    examples = changes.pop("examples", EXAMPLES)
    return make_entry(runtime.prepared(Source("code.rtfs", code)), name, runtime.sandboxed, examples, **{**given, **changes})[0]


class Publisher:
    """A store with somebody who publishes in it.

    Attributes:
        trusted: keys, which tests may change.
        memory: the store underneath.
    """

    def __init__(self) -> None:
        self.signer = Signer.new()
        self.trusted = {self.signer.public: "test"}
        self.memory = MemoryStore()
        self.store = CodeStore(self.memory, lambda: self.trusted)

    def publish(self, entry: Any, **options: Any) -> bytes:
        return self.store.put(entry, self.signer, **options)
