"""L3: a reply to a question that means the same, if that can be shown to be safe for this function.

    take apart ─▶ embed ─▶ nearest in the bucket ─▶ guards ─▶ score ─▶ verifier ─▶ error budget ─▶ serve, check, or neither

Numbers, quoted strings and codes choose the bucket and are equal by construction; the rest is compared by several features, any
guard can refuse, and nothing is served for a function until enough checks have shown that its false hits stay within the budget
(`budget.py`).  Why cosine alone will not do is measured in `docs/semantic-cache.md`.
"""

from __future__ import annotations

import random
import time
from collections import Counter, OrderedDict
from threading import RLock

from rtfs.caching import keys
from rtfs.caching.encoding import Malformed
from rtfs.caching.layer import CacheConfig, CacheStats, Counts
from rtfs.caching.question import Kept, SemanticLook
from rtfs.caching.semantic.agreement import agree
from rtfs.caching.semantic.alignment import Alignment
from rtfs.caching.semantic.asked import Asked, take_apart
from rtfs.caching.semantic.budget import GRID, BudgetSettings, Standing
from rtfs.caching.semantic.budgets import SPACE, Budgets
from rtfs.caching.semantic.entries import CachedAnswer
from rtfs.caching.semantic.explain import USUAL_THRESHOLD, Explanation, compare
from rtfs.caching.semantic.guards.all import first_refusal
from rtfs.caching.semantic.index import GRAPH_FROM
from rtfs.caching.semantic.partitions import Partitions
from rtfs.caching.semantic.score import scorer
from rtfs.caching.semantic.shelf import Shelf
from rtfs.caching.stores.protocol import StoreUnavailable
from rtfs.errors import RtfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any, Protocol

    from rtfs.caching.question import Question
    from rtfs.caching.semantic.embedding import Embedder
    from rtfs.caching.stores.protocol import Store

    class Verifier(Protocol):
        """A second opinion on a match that no guard refuses: a cross-encoder, a model. Safe to call from several threads."""

        name: str

        def same(self, asked: str, cached: str) -> float:
            """How likely the cached answer serves for what is asked, 0 to 1; below 0.5 refuses."""


NAME = "L3"
#: Nearest entries that are compared.
_CANDIDATES = 4
#: Embedded questions that stay in memory: what is looked up is mostly stored soon.
_MOST_EMBEDDED = 1024
#: Added to the score of a proven false hit: the entry is not served for matches so weak any more.
_MARGIN = 0.05


class SemanticCache:
    """See the module, `caching.layer.CacheLayer` and `caching.question.SemanticLayer`. Safe to use from several threads.

    Args:
        store: where entries are kept; those of private questions in the part of it that stays on this machine, or nowhere.
        config: `max_entries` is of this layer; of the policies, `fifo` and `random` are followed, for the others the entry that was
            used the longest ago goes first.
        budget: the same for all functions, each of which has its own threshold.
        folder: where large indexes are saved; None: nowhere.
        agrees: whether two replies are the same; `agreement.agree` if left out.
        clock: seconds since the epoch.
    """

    name = NAME

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        config: CacheConfig = CacheConfig(),  # noqa: B008
        *,
        budget: BudgetSettings = BudgetSettings(),  # noqa: B008
        verifier: Verifier | None = None,
        folder: Path | None = None,
        graph_from: int = GRAPH_FROM,
        agrees: Callable[[str, str], bool] = agree,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        self._store, self.embedder, self.verifier = store, embedder, verifier
        self.config = config.check()
        self._scorer = scorer(embedder.kind)
        self._budgets = Budgets(store, budget)
        self._agrees, self._clock = agrees, clock
        self._rng = rng or random.Random()
        self._lock = RLock()
        index = Partitions(embedder.dimensions, identity=embedder.identity, folder=folder, graph_from=graph_from)
        self._shelf = Shelf(
            index, embedder.dimensions, self._lock, max_entries=config.max_entries, policy=config.policy, rng=self._rng
        )
        self._embedded: OrderedDict[tuple[bytes, bool], tuple[Asked, Any]] = OrderedDict()
        self._counts = Counts()
        self.refused: Counter[str] = Counter()
        """How many matches the score, a guard, a floor or the verifier has refused, by name of the first that did."""

    # --- questions ---

    def look(self, question: Question) -> SemanticLook | None:
        """A reply to a question that means the same; None: there is none, or nothing that may be used or checked."""
        try:
            found = self._look(question)
        except (StoreUnavailable, RtfsError):
            found = None
        with self._lock:
            if found is not None and found.serve and not found.check:
                self._counts.hits += 1
                self._counts.save(found.reply.saved)
            else:
                self._counts.misses += 1
        return found

    def _look(self, question: Question) -> SemanticLook | None:
        prepared = self._prepared(question)
        if prepared is None:
            return None
        asked, vector = prepared
        store = self._store_of(question)
        if store is None:
            return None
        with self._lock:
            if self._budgets.never(asked.function):
                return None
            # the nearest that may be served will do; while the function is learnt, one that is beyond doubt
            enough = self._budgets.threshold(asked.function) or 0.95
        near = self._shelf.near(store, asked.partition, asked.bucket, vector, _CANDIDATES)
        best: tuple[float, float, bytes, CachedAnswer] | None = None
        for key, cosine in near:
            if cosine < self._scorer.floor:
                break
            entry = self._shelf.entry(store, key)
            if entry is None or not self._fresh(entry, question):
                continue
            pairs = [Alignment(one, two) for one, two in zip(asked.views, entry.views)]
            score = min([self._scorer.score(pair, cosine) for pair in pairs])
            # what would not be taken anyway need not pass the guards, which take longest
            if score < GRID[0]:
                self.refused["score"] += 1
            elif (best is None or score > best[0]) and self._unrefused(pairs):
                best = score, cosine, key, entry
                if score >= enough:
                    break
        return None if best is None else self._judged(asked, question, *best)

    def _unrefused(self, pairs: list[Alignment]) -> bool:
        for pair in pairs:
            refusal = first_refusal(pair)
            if refusal is not None:
                self.refused[refusal.guard] += 1
                return False
        return True

    def _judged(
        self, asked: Asked, question: Question, score: float, cosine: float, key: bytes, entry: CachedAnswer
    ) -> SemanticLook | None:
        with self._lock:
            serve, check = self._budgets.decide(asked.function, score, self._rng)
            threshold = self._budgets.threshold(asked.function)
        if serve and score <= entry.floor:
            # it answered wrongly once to a match that was no weaker
            self.refused["floor"] += 1
            serve, check = False, True
        if not serve and not check:
            self.refused["score"] += 1
            return None
        reasons = [f"cosine {cosine:.2f} of what is left without numbers, quotes and codes, which are equal", "no guard refuses it"]
        if self.verifier is not None:
            verified = self.verifier.same("\n".join(asked.texts), "\n".join(entry.texts))
            if verified < 0.5:
                self.refused["verifier"] += 1
                return None
            reasons.append(f"the verifier {self.verifier.name} agrees: {verified:.2f}")
        if threshold is None:
            reasons.append("not served: the function is still being learnt")
        else:
            reasons.append(f"threshold of the function: {threshold:.2f}")
        self._shelf.used(key)
        note = {
            "matched": "\n".join(entry.texts),
            "score": round(score, 4),
            "cosine": round(cosine, 4),
            "reasons": reasons,
            "entry": key.hex(),
        }
        return SemanticLook(entry.reply, serve, check, note)

    def store(self, question: Question, reply: Kept) -> bool:
        """A model has answered a question; whether that is kept."""
        kept = False
        try:
            kept = self._keep(question, reply)
        except (StoreUnavailable, RtfsError, Malformed):
            pass
        with self._lock:
            if kept:
                self._counts.puts += 1
            else:
                self._counts.refused += 1
        return kept

    def _keep(self, question: Question, reply: Kept) -> bool:
        least = max(question.min_confidence, self.config.min_confidence)
        prepared = self._prepared(question)
        store = self._store_of(question)
        if prepared is None or store is None or reply.confidence < least or reply.finish_reason == "length":
            return False
        import numpy as np

        asked, vector = prepared
        key = keys.key("L3", asked.partition, asked.texts)
        entry = CachedAnswer(asked.texts, asked.partition, asked.bucket, asked.function, vector.astype("<f2").tobytes(), reply)
        entry.views = asked.views
        limit_s = question.limit_s(reply)
        if limit_s == 0:
            return False
        ttl_s = self.config.ttl_s if limit_s is None else limit_s
        tags = (f"function:{question.request.function}", f"model:{question.request.model}")
        return self._shelf.put(store, key, entry, np.ascontiguousarray(vector), ttl_s, tags)

    def checked(self, question: Question, look: SemanticLook, reply: Kept) -> None:
        """What a model answers to a question for which there was something: right or wrong, it counts for the function's budget."""
        try:
            prepared = self._prepared(question)
            if prepared is None:
                return
            score = float(look.note["score"])
            agreed = self._agrees(look.reply.text, reply.text)
            with self._lock:
                self._budgets.observe(prepared[0].function, question.request.function, score, agreed)
            store = self._store_of(question)
            if not agreed and store is not None:
                self._shelf.raise_floor(store, bytes.fromhex(look.note["entry"]), min(1.0, score + _MARGIN), self._clock())
        except (StoreUnavailable, RtfsError, Malformed):
            return

    # --- parts ---

    def _prepared(self, question: Question) -> tuple[Asked, Any] | None:
        """A question taken apart, with its vector; None when it is not compared by meaning."""
        known_as = question.key, question.private  # which the key of L2 does not tell
        with self._lock:
            known = self._embedded.get(known_as)
        if known is not None:
            return known
        try:
            asked = take_apart(question, self.embedder.identity)
        except keys.NoKey:
            return None
        if isinstance(asked, str) or not self.embedder.covers(asked.spoken):
            return None
        with self._lock:
            if self._budgets.never(asked.function):
                return None
        prepared = asked, self.embedder.embed([asked.spoken])[0]
        with self._lock:
            self._embedded[known_as] = prepared
            if len(self._embedded) > _MOST_EMBEDDED:
                self._embedded.popitem(last=False)
        return prepared

    def _store_of(self, question: Question) -> Store | None:
        return self._store.local if question.private else self._store

    def _fresh(self, entry: CachedAnswer, question: Question) -> bool:
        least = max(question.min_confidence, self.config.min_confidence)
        limit_s = question.limit_s(entry.reply)
        fresh = limit_s is None or (limit_s > 0 and abs(self._clock() - entry.reply.created) <= limit_s)
        return fresh and entry.reply.confidence >= least

    # --- the layer ---

    def get(self, key: Question) -> Kept | None:
        """The reply to a question, if it may be served now."""
        found = self.look(key)
        return found.reply if found is not None and found.serve else None

    def put(self, key: Question, value: Kept) -> bool:
        return self.store(key, value)

    def invalidate(self, key: bytes) -> bool:
        """Forget an entry, by the key that the note of a hit calls `entry`."""
        found = self._store.delete(NAME, key)
        with self._lock:
            known = self._shelf.drop(key)
            if found or known:
                self._counts.invalidations += 1
        return found or known

    def clear(self) -> int:
        """Forget all entries, and what was learnt of functions."""
        with self._lock:
            count = self._store.clear(NAME)
            self._store.clear(SPACE)
            self._shelf.clear()
            self._budgets.forget()
        return count

    def stats(self) -> CacheStats:
        figures = self._store.stats(NAME)
        return self._counts.stats(
            NAME,
            self._store.counts(NAME),
            evictions=figures.evictions + self._shelf.evictions,
            expired=figures.expired,
            size=figures.entries,
            capacity=self.config.max_entries,
            size_bytes=figures.size_bytes,
            capacity_bytes=figures.max_bytes,
        )

    def standings(self) -> list[tuple[str, Standing]]:
        """Where each function stands: its state, threshold, checks, and the precision of its matches with a 95 % interval."""
        with self._lock:
            return [(name, standing) for name, _, standing in self._budgets.standings()]

    def relearn(self, function: str) -> int:
        """Have functions of a name learn anew, after `never` too; how many there are."""
        with self._lock:
            found = [key for name, key, _ in self._budgets.standings() if name == function]
            for key in found:
                self._budgets.restart(key)
        return len(found)

    def why(self, question: Question, most: int = 3) -> list[Explanation] | str:
        """How a question compares with the nearest cached ones, whatever their numbers; or why it is not compared."""
        asked = take_apart(question, self.embedder.identity)
        if isinstance(asked, str):
            return asked
        store = self._store_of(question)
        if store is None:
            return "it is private, and the store leaves this machine"
        vector = self.embedder.embed([asked.spoken])[0]
        near = self._shelf.near(store, asked.partition, None, vector, most)
        with self._lock:
            threshold = self._budgets.threshold(asked.function) or USUAL_THRESHOLD
        found = []
        for key, cosine in near:
            entry = self._shelf.entry(store, key)
            if entry is not None:
                for one, two in zip(asked.views, entry.views):
                    found.append(compare(one, two, cosine, self.embedder.kind, threshold))
        return found

    def flush(self) -> None:
        """Save what takes long to build, and tell the store what was counted here."""
        with self._lock:
            self._shelf.index.save()
            untold = self._counts.untold()
        if untold:
            self._store.count(NAME, untold)
        self._store.flush()

    def close(self) -> None:
        self.flush()
        self._store.close()
