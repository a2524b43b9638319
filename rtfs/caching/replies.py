"""L2: replies of models under everything that can change them.

The key is over the form of the request, who asks on whose behalf, which model of which provider in which version, the function,
its types, what it is told besides (docstring, examples, rules), the sampling parameters, and the values of the operands.  What only
says how long to wait is no part of it, nor is a reply that did not fit: what is kept is the reply that was of use in the end.

An error stands under the same key, where a question asks for that (`kept_error`): the next reply takes its place, and it takes that
of no reply.
"""

from __future__ import annotations

import time
from threading import Lock

from rtfs.caching import keys
from rtfs.caching.encoding import Malformed, decode, encode
from rtfs.caching.kept_error import KeptError, outcome_of
from rtfs.caching.layer import CacheConfig, CacheStats, Counts
from rtfs.caching.question import Kept, Question
from rtfs.caching.request_keys import NAME, rules_key
from rtfs.caching.wish import seconds_of
from rtfs.forking import renew_in_child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from rtfs.caching.stores.protocol import Known, Store
    from rtfs.models.protocol import ModelRequest
    from rtfs.types.nodes import Type

_MOST_BEGINNINGS = 1_000
#: Replies that are held as they were read, and for how many seconds: so long another process's change may pass unseen.
MOST_HELD, HELD_S = 4_096, 5.0
_MOST_HELD_CHARS = 4_096


def parts_of(question: Question, input_tag: str) -> str:
    """`part=digits` for each part, 12 hexadecimal digits: what tells afterwards in which parts two questions differ."""
    return f"{_fixed_parts(question)} operands={input_tag[6:18]}"


def _fixed_parts(question: Question) -> str:
    """Those of them that all questions about a function have in common; written once for it."""
    request = question.request
    held = (request.result, request.aliases, request.examples, request.rules, *[p.type for p in request.parameters])
    about = (question.tenant, question.provider, request.model, question.version, request.function, request.doc)
    sampling = (request.max_tokens, float(request.temperature), request.seed)
    fixed = (*about, *sampling, *[p.name for p in request.parameters], *map(id, held))
    known = _FIXED_PARTS.get(fixed)
    if known is None:
        parts: dict[str, Any] = {
            "tenant": question.tenant,
            "model": (question.provider, request.model),
            "version": question.version,
            "function": request.function,
            "docstring": request.doc,
            "types": ([(p.name, str(p.type)) for p in request.parameters], str(request.result), _aliases(request.aliases)),
            "examples": request.examples,
            "rules": None if request.rules is None else rules_key(request.rules),
            "sampling": sampling,
        }
        if len(_FIXED_PARTS) >= _MOST_BEGINNINGS:
            _FIXED_PARTS.clear()
        known = " ".join([f"{name}={keys.key('part', part).hex()[:12]}" for name, part in parts.items()]), held
        _FIXED_PARTS[fixed] = known
    return known[0]


#: what all questions about a function have in common -> (its parts as a text, the objects that are in the key by identity)
_FIXED_PARTS: dict[tuple[Any, ...], tuple[str, tuple[Any, ...]]] = {}


def parts_in(kept: Kept | KeptError) -> dict[str, str]:
    """What `parts_of` said of the question that a reply answers; empty when nothing was noted."""
    noted = kept.metadata.get("parts", "")
    return dict([part.split("=", 1) for part in noted.split(" ") if "=" in part]) if isinstance(noted, str) else {}


def _aliases(aliases: dict[str, Type]) -> list[tuple[str, str]]:
    return [(name, str(type_)) for name, type_ in sorted(aliases.items())]


_INPUT = keys.begin("input")


def input_tag(request: ModelRequest) -> str:
    """The tag of all replies to the same operands, whatever was asked about them, and whoever was."""
    return f"input:{_INPUT.key(*[p.value for p in request.parameters]).hex()[:32]}"


def _about(question: Question, reply: Kept | KeptError) -> tuple[dict[str, Any], tuple[str, ...]]:
    """(what is kept beside a reply, the tags that it is found by)."""
    request = question.request
    asked_about = input_tag(request)
    tags = (f"model:{request.model}", f"function:{request.function}", asked_about)
    asked = {"function": request.function, "provider": question.provider, "asked": request.model}
    # a text is quicker to read than a map
    return {**reply.metadata, **asked, "parts": parts_of(question, asked_about)}, tags


class ReplyCache:
    """Keeps replies in a store. See `layer.CacheLayer`; the key of an entry is that of a `Question`.

    A reply that was just read is held for a moment, so that one that is wanted again and again is not read each time.

    Args:
        store: private replies go to the part of it that stays on this machine, and nowhere where it has none.
        clock: seconds since the epoch.
    """

    name = NAME

    def __init__(self, store: Store, config: CacheConfig = CacheConfig(), *, clock: Callable[[], float] = time.time) -> None:  # noqa: B008
        self.store = store
        #: Of a store that makes entries when it writes them; all of it stays on this machine.
        self._later: Any = getattr(store, "put_later", None)
        self.config = config.check()
        self._clock = clock
        self._counts = Counts()
        self._lock = Lock()
        renew_in_child(self, _lock=Lock)
        #: key -> (when it was read, the reply or error); the oldest first
        self._held: dict[bytes, tuple[float, Kept | KeptError]] = {}

    # --- the layer ---

    def get(self, key: bytes, *, private: bool = False, min_confidence: float = 0.0, ttl_s: float | None = None) -> Kept | None:
        """
        Args:
            private: look only where private replies may be.
            min_confidence: replies that are known to be less sure are a miss, besides those below the layer's own threshold.
            ttl_s: replies that are older are a miss.
        """
        kept = self._read(key, private)
        if type(kept) is Kept and self._is_good(kept, min_confidence, ttl_s):
            self._counts.hits += 1
            return kept
        self._counts.misses += 1
        return None

    def _is_good(self, kept: Kept, min_confidence: float, ttl_s: float | None) -> bool:
        """Whether a reply may be used; one from a time to come was made by a clock that was wrong, and its age is as unsure."""
        least = self.config.min_confidence
        least = min_confidence if min_confidence > least else least
        return kept.confidence >= least and (ttl_s is None or abs(self._clock() - kept.created) <= ttl_s)

    def _read(self, key: bytes, private: bool) -> Kept | KeptError | None:
        held = None if private else self._held.get(key)
        if held is not None and 0 <= self._clock() - held[0] < HELD_S:
            return held[1]
        store = self.store.local if private else self.store
        data = None if store is None else store.get(NAME, key)
        if data is None:
            self._let_go(key)
            return None
        try:
            kept = outcome_of(decode(data))
        except Malformed:
            self.invalidate(key)
            return None
        if not private:
            self._hold(key, kept)
        return kept

    def _hold(self, key: bytes, kept: Kept | KeptError) -> None:
        if len(kept.text) > _MOST_HELD_CHARS:
            return
        with self._lock:
            self._held.pop(key, None)
            if len(self._held) >= MOST_HELD:
                del self._held[next(iter(self._held))]
            self._held[key] = (self._clock(), kept)

    def _let_go(self, key: bytes) -> None:
        if key in self._held:
            with self._lock:
                self._held.pop(key, None)

    def put(
        self,
        key: bytes,
        value: Kept,
        *,
        private: bool = False,
        min_confidence: float = 0.0,
        ttl_s: float | None = None,
        tags: tuple[str, ...] = (),
        metadata: dict[str, Any] | None = None,
    ) -> bool:
        """
        Args:
            metadata: is kept instead of that of the reply.
        """
        kept = value.confidence >= max(min_confidence, self.config.min_confidence) and self._write(
            key, value, private, self.config.ttl_s if ttl_s is None else ttl_s, tags, metadata
        )
        with self._lock:
            if kept:
                self._counts.puts += 1
            else:
                self._counts.refused += 1
        return kept

    def _write(
        self,
        key: bytes,
        value: Kept | KeptError,
        private: bool,
        ttl_s: float | None,
        tags: tuple[str, ...],
        metadata: dict[str, Any] | None,
    ) -> bool:
        self._let_go(key)
        store = self.store.local if private else self.store
        if store is None:
            return False
        try:
            data = encode(value.to_data(metadata), canonical=False)
        except Malformed:  # a text with half a character in it
            return False
        return store.put(NAME, key, data, ttl_s=ttl_s, tags=tags)

    def invalidate(self, key: bytes) -> bool:
        self._let_go(key)
        found = self.store.delete(NAME, key)
        if found:
            with self._lock:
                self._counts.invalidations += 1
        return found

    def clear(self) -> int:
        with self._lock:
            self._held.clear()
        return self.store.clear(NAME)

    def counted(self) -> dict[str, float]:
        """What this process has counted, by the names of `layer.COUNTED`."""
        return self._counts.now()

    def stats(self) -> CacheStats:
        figures = self.store.stats(NAME)
        return self._counts.stats(
            NAME,
            self.store.counts(NAME),
            evictions=figures.evictions,
            expired=figures.expired,
            size=figures.entries,
            capacity=figures.max_entries,
            size_bytes=figures.size_bytes,
            capacity_bytes=figures.max_bytes,
        )

    # --- questions ---

    def find(self, question: Question, key: bytes) -> Kept | KeptError | None:
        """The reply to a question that is kept under `key`, or the error; a hit saves what it took to get it."""
        kept = self._read(key, question.private)
        if kept is not None:
            if not isinstance(kept, KeptError):
                ttl_s = question.ttl_s if question.nothing_s is None else question.limit_s(kept)
                good = ttl_s != 0 and self._is_good(kept, question.min_confidence, ttl_s)
            else:
                good = kept.is_wanted(question.errors_s, self._clock())
                self._counts.negative += good
            if good:
                self._counts.hits += 1
                self._counts.save(kept.saved)
                return kept
        self._counts.misses += 1
        return None

    def find_late(self, question: Question, key: bytes) -> Kept | KeptError | None:
        """`find`, once more for a question that was a miss: it counts as one look-up."""
        kept = self.find(question, key)
        with self._lock:
            self._counts.misses -= 1
        return kept

    def shared(self, kept: Kept | KeptError, *, looked_for: bool = True) -> None:
        """A reply that was being made for another call was of use for one more, a miss if it was looked for."""
        with self._lock:
            self._counts.hits += 1
            self._counts.negative += type(kept) is KeptError
            self._counts.misses -= looked_for
            self._counts.save(kept.saved)

    def keep(self, question: Question, key: bytes, reply: Kept) -> bool:
        """Keep a reply, so that it is found by model, function and operands as well; an error before it is gone in any case."""
        kept = self._keep(question, key, reply)
        if not kept and type(self._read(key, question.private)) is KeptError:  # it is no longer so
            self.invalidate(key)
        return kept

    def _keep(self, question: Question, key: bytes, reply: Kept) -> bool:
        ttl_s = question.ttl_s if question.nothing_s is None else question.limit_s(reply)
        if ttl_s == 0:
            return False
        later, text = self._later, reply.text
        if later is None or not text.isascii():  # others may have half a character in them, and are not kept then
            metadata, tags = _about(question, reply)
            return self.put(
                key,
                reply,
                private=question.private,
                min_confidence=question.min_confidence,
                ttl_s=ttl_s,
                tags=tags,
                metadata=metadata,
            )
        self._let_go(key)
        kept = False
        if reply.confidence >= max(question.min_confidence, self.config.min_confidence):

            def make() -> tuple[bytes, tuple[str, ...]] | None:
                metadata, tags = _about(question, reply)
                try:
                    return encode(reply.to_data(metadata), canonical=False), tags
                except Malformed:
                    return None

            kept = later(NAME, key, make, len(text), ttl_s=self.config.ttl_s if ttl_s is None else ttl_s)
        with self._lock:
            if kept:
                self._counts.puts += 1
            else:
                self._counts.refused += 1
        return kept

    def keep_error(self, question: Question, key: bytes, error: KeptError) -> bool:
        """Keep an error for as long as the question says; an answer that is kept, if only for others, stays where it is."""
        seconds = seconds_of(question.errors_s, error.kind)
        if not seconds or type(self._read(key, question.private)) is Kept:
            return False
        metadata, tags = _about(question, error)
        kept = self._write(key, error, question.private, seconds, tags, metadata)
        with self._lock:
            self._counts.puts += kept
            self._counts.refused += not kept
        return kept

    def by_model(self, model: str) -> Iterator[tuple[bytes, Kept]]:
        """(key, reply) of what a model answered, oldest first."""
        return _replies(self.outcomes(f"model:{model}"))

    def by_function(self, function: str) -> Iterator[tuple[bytes, Kept]]:
        return _replies(self.outcomes(f"function:{function}"))

    def by_input(self, *values: Any) -> Iterator[tuple[bytes, Kept]]:
        """(key, reply) of what was answered about these operands (RTFS values), by whatever model.

        Raises:
            NoKey: one of them has none.
        """
        return _replies(self.outcomes(f"input:{keys.key('input', *values).hex()[:32]}"))

    def entries(self) -> Iterator[tuple[bytes, Kept]]:
        return _replies(self.outcomes())

    def outcomes(self, tag: str | None = None) -> Iterator[tuple[bytes, Kept | KeptError]]:
        """(key, reply or error), oldest first.

        Args:
            tag: `model:M`, `function:F`; None: all.
        """
        for key, data in self.store.items(NAME, tag=tag):
            try:
                yield key, outcome_of(decode(data))
            except Malformed:
                continue

    def known(self) -> Iterator[Known]:
        return self.store.known(NAME)

    def flush(self) -> None:
        """Tell the store what was counted here, and have it write what it has not written."""
        with self._lock:
            untold = self._counts.untold()
        if untold:
            self.store.count(NAME, untold)
        self.store.flush()

    def close(self) -> None:
        self.flush()
        self.store.close()


def _replies(outcomes: Iterator[tuple[bytes, Kept | KeptError]]) -> Iterator[tuple[bytes, Kept]]:
    return ((key, kept) for key, kept in outcomes if type(kept) is Kept)
