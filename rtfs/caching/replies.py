"""L2: replies of models under everything that can change them.

The key is over the form of the request, who asks on whose behalf, which model of which provider in which version, the function,
its types, what it is told besides (docstring, examples, rules), the sampling parameters, and the values of the operands.  What only
says how long to wait is no part of it, nor is a reply that did not fit: what is kept is the reply that was of use in the end.
"""

from __future__ import annotations

import time
from dataclasses import fields
from operator import attrgetter
from threading import Lock

from rtfs.caching import keys
from rtfs.caching.encoding import Malformed, decode, encode
from rtfs.caching.layer import CacheConfig, CacheStats, Counts
from rtfs.caching.question import Kept, Question
from rtfs.models.protocol import ModelRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from rtfs.caching.stores.protocol import Known, Store
    from rtfs.models.rules import Rules, RuleSet
    from rtfs.types.nodes import Type

NAME = "L2"
#: Of how a request becomes a prompt: replies to what another RTFS made of it are not used.
FORM = 1
#: Fields of a request that are no part of the key: how long to wait, and the reply before that did not fit.
WITHOUT_SAY = frozenset(("timeout_s", "previous", "stop"))
_FIXED = ("model", "function", "doc", "parameters", "result", "aliases", "max_tokens", "temperature", "seed")
_OTHERS = tuple([field.name for field in fields(ModelRequest) if field.name not in {*_FIXED, *WITHOUT_SAY, "examples", "rules"}])
_others_of = attrgetter(*_OTHERS)
_MOST_BEGINNINGS = 1_000
#: Replies that are held as they were read, and for how many seconds: so long another process's change may pass unseen.
MOST_HELD, HELD_S = 4_096, 5.0
_MOST_HELD_CHARS = 4_096


class RequestKeys:
    """Makes the keys; what the requests of a function share is hashed once. Safe to use from several threads."""

    def __init__(self) -> None:
        #: what is fixed -> (the objects that it names by identity, the beginning)
        self._begun: dict[tuple[Any, ...], tuple[Any, keys.Beginning]] = {}

    def key(self, request: ModelRequest, provider: str, version: str, tenant: str) -> bytes:
        """
        Raises:
            NoKey: an operand has none.
        """
        parameters = request.parameters
        fixed = (
            request.function,
            request.doc,
            request.model,
            provider,
            version,
            tenant,
            request.max_tokens,
            request.temperature,
            request.seed,
            id(request.result),
            id(request.aliases),
            *[parameter.name for parameter in parameters],
            *[id(parameter.type) for parameter in parameters],
        )
        begun = self._begun.get(fixed)
        if begun is None:
            begun = self._begin(fixed, request, provider, version, tenant)
        values = tuple([parameter.value for parameter in parameters])
        more: tuple[Any, ...] = ()
        if request.examples:
            more = ("examples", request.examples)
        if request.rules is not None:
            more = (*more, "rules", rules_key(request.rules))
        others = _others_of(request)
        if any(others):
            for name, value in zip(_OTHERS, others, strict=True):
                if value:
                    more = (*more, name, value)
        return begun[1].key(*values, more) if more else begun[1].key(*values)

    def _begin(self, fixed: tuple[Any, ...], request: ModelRequest, provider: str, version: str, tenant: str) -> Any:
        named = [(name, str(type_)) for name, type_ in sorted(request.aliases.items())]
        beginning = keys.begin(
            NAME,
            FORM,
            *fixed[:6],
            request.max_tokens,
            float(request.temperature),
            request.seed,
            [(parameter.name, str(parameter.type)) for parameter in request.parameters],
            str(request.result),
            named,
        )
        if len(self._begun) >= _MOST_BEGINNINGS:
            self._begun.clear()
        # the objects stay as long as their identities are in the table
        held = (request.result, request.aliases, [parameter.type for parameter in request.parameters])
        self._begun[fixed] = found = (held, beginning)
        return found


def rules_key(rules: RuleSet) -> bytes:
    """A key for the patterns and tables that the provider `rules` goes by.

    Raises:
        NoKey.
    """
    known = _RULES.get(id(rules))
    if known is not None and known[0] is rules:
        return known[1]
    parts = [(name, _rules_parts(of_field)) for name, of_field in (("", rules.whole), *rules.fields)]
    made = keys.key("rules", parts)
    if len(_RULES) >= _MOST_BEGINNINGS:
        _RULES.clear()
    _RULES[id(rules)] = (rules, made)
    return made


def _rules_parts(rules: Rules | None) -> Any:
    if rules is None:
        return None
    return [
        None if rule is None else (None if rule.pattern is None else rule.pattern.pattern, rule.key, rule.written, rule.score)
        for rule in (*rules.rules, rules.fallback)
    ]


#: identity of rules -> (they themselves, so that they stay; their key)
_RULES: dict[int, tuple[Any, bytes]] = {}


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


def parts_in(kept: Kept) -> dict[str, str]:
    """What `parts_of` said of the question that a reply answers; empty when nothing was noted."""
    noted = kept.metadata.get("parts", "")
    return dict([part.split("=", 1) for part in noted.split(" ") if "=" in part]) if isinstance(noted, str) else {}


def _aliases(aliases: dict[str, Type]) -> list[tuple[str, str]]:
    return [(name, str(type_)) for name, type_ in sorted(aliases.items())]


_INPUT = keys.begin("input")


def input_tag(request: ModelRequest) -> str:
    """The tag of all replies to the same operands, whatever was asked about them, and whoever was."""
    return f"input:{_INPUT.key(*[p.value for p in request.parameters]).hex()[:32]}"


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
        self.config = config.check()
        self._clock = clock
        self._counts = Counts()
        self._lock = Lock()
        #: key -> (when it was read, the reply); the oldest first
        self._held: dict[bytes, tuple[float, Kept]] = {}

    # --- the layer ---

    def get(self, key: bytes, *, private: bool = False, min_confidence: float = 0.0, ttl_s: float | None = None) -> Kept | None:
        """
        Args:
            private: look only where private replies may be.
            min_confidence: replies that are known to be less sure are a miss, besides those below the layer's own threshold.
            ttl_s: replies that are older are a miss.
        """
        kept = self._read(key, private)
        if kept is not None:
            least = self.config.min_confidence
            least = min_confidence if min_confidence > least else least
            if kept.confidence >= least and (ttl_s is None or self._clock() - kept.created <= ttl_s):
                self._counts.hits += 1
                return kept
        self._counts.misses += 1
        return None

    def _read(self, key: bytes, private: bool) -> Kept | None:
        held = None if private else self._held.get(key)
        if held is not None and 0 <= self._clock() - held[0] < HELD_S:
            return held[1]
        store = self.store.local if private else self.store
        data = None if store is None else store.get(NAME, key)
        if data is None:
            self._let_go(key)
            return None
        try:
            kept = Kept.from_data(decode(data))
        except Malformed:
            self.invalidate(key)
            return None
        if not private:
            self._hold(key, kept)
        return kept

    def _hold(self, key: bytes, kept: Kept) -> None:
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
        self._let_go(key)
        store = self.store.local if private else self.store
        kept = False
        if store is not None and value.confidence >= max(min_confidence, self.config.min_confidence):
            try:
                data = encode(value.to_data(metadata), canonical=False)
            except Malformed:  # a text with half a character in it
                pass
            else:
                kept = store.put(NAME, key, data, ttl_s=self.config.ttl_s if ttl_s is None else ttl_s, tags=tags)
        with self._lock:
            if kept:
                self._counts.puts += 1
            else:
                self._counts.refused += 1
        return kept

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

    def find(self, question: Question, key: bytes) -> Kept | None:
        """The reply to a question that is kept under `key`; a hit saves what it took to get it."""
        kept = self.get(key, private=question.private, min_confidence=question.min_confidence, ttl_s=question.ttl_s)
        if kept is not None:
            self._counts.save(kept.saved)
        return kept

    def find_late(self, question: Question, key: bytes) -> Kept | None:
        """`find`, once more for a question that was a miss: it counts as one look-up."""
        kept = self.find(question, key)
        with self._lock:
            self._counts.misses -= 1
        return kept

    def shared(self, kept: Kept) -> None:
        """A reply that was being made for another call was of use for one more, which had counted as a miss."""
        with self._lock:
            self._counts.hits += 1
            self._counts.misses -= 1
            self._counts.save(kept.saved)

    def keep(self, question: Question, key: bytes, reply: Kept) -> bool:
        """Keep a reply, so that it is found by model, function and operands as well."""
        request = question.request
        asked_about = input_tag(request)
        tags = (f"model:{request.model}", f"function:{request.function}", asked_about)
        asked = {"function": request.function, "provider": question.provider, "asked": request.model}
        about = {**reply.metadata, **asked, "parts": parts_of(question, asked_about)}  # a text is quicker to read than a map
        return self.put(
            key,
            reply,
            private=question.private,
            min_confidence=question.min_confidence,
            ttl_s=question.ttl_s,
            tags=tags,
            metadata=about,
        )

    def by_model(self, model: str) -> Iterator[tuple[bytes, Kept]]:
        """(key, reply) of what a model answered, oldest first."""
        return self._tagged(f"model:{model}")

    def by_function(self, function: str) -> Iterator[tuple[bytes, Kept]]:
        return self._tagged(f"function:{function}")

    def by_input(self, *values: Any) -> Iterator[tuple[bytes, Kept]]:
        """(key, reply) of what was answered about these operands (RTFS values), by whatever model.

        Raises:
            NoKey: one of them has none.
        """
        return self._tagged(f"input:{keys.key('input', *values).hex()[:32]}")

    def entries(self) -> Iterator[tuple[bytes, Kept]]:
        return self._tagged(None)

    def known(self) -> Iterator[Known]:
        return self.store.known(NAME)

    def _tagged(self, tag: str | None) -> Iterator[tuple[bytes, Kept]]:
        for key, data in self.store.items(NAME, tag=tag):
            try:
                yield key, Kept.from_data(decode(data))
            except Malformed:
                continue

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
