"""The caches of a runtime, and the order in which they are asked.

    question ─▶ L2, the same question ─▶ L3, one that means the same ─▶ the model ─▶ kept in L2 and L3

Of several equal questions at once, one is asked and all get its reply.  An error is kept in L2 where the question asks for that and
the error would come again (`kept_error`); else who comes after one asks anew.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

from rtfs.caching import keys
from rtfs.caching.kept_error import KeptError
from rtfs.caching.keys import NoKey
from rtfs.caching.question import Kept, Question
from rtfs.caching.replies import ReplyCache
from rtfs.caching.request_keys import NAME, RequestKeys
from rtfs.caching.single_flight import SingleFlight
from rtfs.errors import DelegationError
from rtfs.forking import renew_in_child
from rtfs.values.quick import quick_struct
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rtfs.caching.layer import CacheStats
    from rtfs.caching.question import SemanticLayer
    from rtfs.models.protocol import ModelRequest

    Ask = Callable[[ModelRequest], Kept | KeptError]

#: Questions of mode `sample` of which it is remembered how often they were asked.
_MOST_TURNS = 100_000
#: Layers by the words that command lines use.
WORDS = {"plan": "L1", "reply": "L2", "semantic": "L3", "code": "L4"}


@quick_struct
class Answered(Struct):
    """A reply or an error, and where it comes from.

    Attributes:
        key: under which it is, or would be, in L2.
        layer: `L2` or `L3`; None: from the model.
        note: for the record: what a layer of meaning matched, or only tried; None: nothing to say.
    """

    kept: Kept | KeptError
    key: bytes
    layer: str | None = None
    note: dict[str, Any] | None = None


class CacheManager:
    """See the module. Safe to use from several threads, and by several runtimes at once.

    Args:
        replies: L2; None: there is none.
        semantic: opens L3, when the first question of mode `semantic` comes; it may answer None: there is none.
        layers: further layers, for figures and for clearing: those of plans and code.
        default: the mode of questions whose function and policy say nothing.
        refresh: the layers (`L2` …) in which nothing kept before is used: each question is asked until its reply is kept anew.
        samples: how many replies are kept of a question of mode `sample` that does not say.
    """

    def __init__(
        self,
        replies: ReplyCache | None = None,
        semantic: Callable[[], SemanticLayer | None] | None = None,
        *,
        layers: tuple[Any, ...] = (),
        default: str = "exact",
        refresh: frozenset[str] = frozenset(),
        samples: int = 5,
    ) -> None:
        self.replies = replies
        self._open_semantic = semantic
        self._semantic: SemanticLayer | None = None
        self.default, self.samples = default, samples
        self._layers = layers
        self._refresh = refresh
        self._keys = RequestKeys()
        self._flights: SingleFlight[Answered] = SingleFlight()
        self._lock, self._opening = Lock(), Lock()
        renew_in_child(self, _lock=Lock, _opening=Lock)
        self._turns: dict[bytes, int] = {}
        self._refreshed: set[bytes] = set()
        self._closed = False

    @property
    def semantic(self) -> SemanticLayer | None:
        """L3; opened when first asked for."""
        if self._open_semantic is not None:
            with self._opening:
                if self._open_semantic is not None:
                    self._semantic = self._open_semantic()
                    self._open_semantic = None
        return self._semantic

    @property
    def layers(self) -> tuple[Any, ...]:
        """All layers that have been used, in the order of their names."""
        found = [layer for layer in (self.replies, self._semantic, *self._layers) if layer is not None]
        return tuple(sorted(found, key=lambda layer: layer.name))

    def key(self, request: ModelRequest, provider: str, version: str, tenant: str) -> bytes | None:
        """The key of a question; None when it has none, and is not cached."""
        try:
            return self._keys.key(request, provider, version, tenant)
        except NoKey:
            return None

    def answer(self, question: Question, ask: Ask, *, timeout_s: float | None = None) -> Answered:
        """The reply to a question: kept, or from the model.

        Args:
            ask: asks the model; called once at most, in this thread, and not at all when somebody else asks the same just now.
                An error that it gives instead of raising it is kept, and is what others get who wait.
            timeout_s: seconds to wait for somebody else's answer; those of the request when None.
        Raises:
            What `ask` raises; DelegationError: somebody else asked the same, and the time of this request was over first.
        """
        key, request = self._turn(question)
        replies = None if self._closed else self.replies
        fresh = self._is_to_refresh(key)
        before = self._flights.ended
        if replies is not None and not fresh:
            kept = replies.find(question, key)
            if kept is not None:
                return Answered(kept, key, NAME)

        def work() -> Answered:
            # it may have come since it was looked for
            if replies is not None and self._flights.ended != before and not (fresh and self._is_to_refresh(key)):
                kept = replies.find(question, key) if fresh else replies.find_late(question, key)
                if kept is not None:
                    return Answered(kept, key, NAME)
            return self._beyond(question, key, request, ask)

        try:
            patience_s = request.timeout_s if timeout_s is None else timeout_s
            answered, own = self._flights.run((key, *question.terms), work, timeout_s=patience_s, stop=request.stop)
        except TimeoutError:
            message = "the same question was asked by another call, which had no answer in time"
            raise DelegationError(message, kind="model-unavailable", retryable=True) from None
        if own or answered.layer is not None:
            return answered
        if replies is not None:
            replies.shared(answered.kept, looked_for=not fresh)
        return Answered(answered.kept, key, NAME, {"shared": True})

    def forget(self, key: bytes) -> None:
        """A kept reply turned out to be of no use."""
        if self.replies is not None and not self._closed:
            self.replies.invalidate(key)

    def _beyond(self, question: Question, key: bytes, request: ModelRequest, ask: Ask) -> Answered:
        """Past L2: a reply to a question that means the same, else that of the model."""
        look = None
        semantic = self.semantic if question.mode == "semantic" and not self._closed else None
        if semantic is not None and "L3" not in self._refresh:
            look = semantic.look(question)
            if look is not None and look.serve and not look.check:
                return Answered(look.reply, key, "L3", look.note)
        kept = ask(request)
        if self._closed:  # meanwhile; a store would open its file anew
            return Answered(kept, key)
        if isinstance(kept, KeptError):
            if self.replies is not None and self.replies.keep_error(question, key, kept):
                self._is_refreshed(key)
            return Answered(kept, key)
        if self.replies is not None and self.replies.keep(question, key, kept):
            self._is_refreshed(key)
        if semantic is None:
            return Answered(kept, key)
        if look is not None:
            semantic.checked(question, look, kept)
        semantic.store(question, kept)
        return Answered(kept, key, None, None if look is None else {**look.note, "served": False})

    def _turn(self, question: Question) -> tuple[bytes, ModelRequest]:
        """The key under which the reply is, and the request that it answers.

        Of several samples, the first call of a question in this runtime is served the first one, the next the second, and so on;
        the seed of each request is another one, so that they differ.
        """
        if question.mode != "sample" or question.samples < 2:
            return question.key, question.request
        with self._lock:
            turn = self._turns.get(question.key, 0)
            if turn == 0 and len(self._turns) >= _MOST_TURNS:
                self._turns.clear()
            self._turns[question.key] = turn + 1
        number = turn % question.samples
        request = question.request
        return keys.key(NAME, question.key, number), replace(request, seed=(request.seed + number) % 2**31)

    def _is_to_refresh(self, key: bytes) -> bool:
        """Whether what is kept under a key is not to be used: nothing was kept under it since this began."""
        return NAME in self._refresh and key not in self._refreshed

    def _is_refreshed(self, key: bytes) -> None:
        if NAME in self._refresh and len(self._refreshed) < _MOST_TURNS:
            self._refreshed.add(key)

    # --- all layers ---

    def stats(self) -> list[CacheStats]:
        return [layer.stats() for layer in self.layers]

    def flush(self) -> None:
        """Write what is still to be written."""
        for layer in self.layers:
            flush = getattr(layer, "flush", None)
            if flush is not None:
                flush()

    def close(self) -> None:
        """Flush and let go; may be called twice."""
        if self._closed:
            return
        self._closed = True
        for layer in self.layers:
            close = getattr(layer, "close", None)
            if close is not None:
                close()
