"""Answers out of a context: compare the probabilities of labels, or write text, under a grammar if need be.

Writing is greedy at temperature 0.  At other temperatures the logits get Gumbel noise from the request's seed before
the greatest allowed one is taken, which draws from the model's distribution restricted to what is allowed (in 32 bits: chances
below 1e-7 are not told apart, and it takes 0.1 ms a token where 64 bits take 0.8).

A grammar is asked about the best candidate first and about all tokens only when that one is refused: nearly as fast as
writing freely, where the library's own way doubles the cost of a token.
"""

from __future__ import annotations

import codecs
import ctypes
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rtfs.errors import DelegationError
from rtfs.models.llama_session import Session
from rtfs.models.llama_weights import Weights

T = TypeVar("T")

_FIRST_CANDIDATES = 64
#: Logits of tokens that a free text has already are divided (below 0: multiplied) by this; greedy small models repeat
#: one sentence for ever without it.
_REPETITION = 1.15


class InvalidGrammar(Exception):
    """llama.cpp cannot read the grammar."""


class Grammar:
    """The state of one text under a grammar. Belongs to one thread; `close` frees it."""

    def __init__(self, weights: Weights, text: str) -> None:
        self.lib = weights.lib
        # a NULL here is checked because, added to a sampler chain, it would end the process
        # (an empty text would give a sampler that allows everything)
        self._sampler = self.lib.llama_sampler_init_grammar(weights.vocab, text.encode(), b"root") if text.strip() else None
        if not self._sampler:
            raise InvalidGrammar("llama.cpp cannot read the grammar:\n" + text)

    def allowed(self, tokens: Any) -> Any:
        """Which of these tokens (int32 array) may come next: a boolean array of the same length."""
        import numpy as np

        rows = np.zeros(len(tokens), dtype=[("id", "i4"), ("logit", "f4"), ("p", "f4")])
        rows["id"] = tokens
        array = self.lib.llama_token_data_array(
            data=ctypes.cast(rows.ctypes.data, self.lib.llama_token_data_p), size=len(rows), selected=-1, sorted=False
        )
        self.lib.llama_sampler_apply(self._sampler, ctypes.byref(array))
        return np.isfinite(rows["logit"])

    def accept(self, token: int) -> None:
        """Go on with a token, which must be allowed: another one would end the process."""
        self.lib.llama_sampler_accept(self._sampler, token)

    def close(self) -> None:
        if self._sampler:
            self.lib.llama_sampler_free(self._sampler)
            self._sampler = None


@dataclass(frozen=True, slots=True)
class Written:
    """A generated text, without what ended it."""

    text: str
    tokens: int
    complete: bool
    """False when it was cut off by the limit of tokens."""


def write(session: Session, **how: Any) -> Written:
    """Go on from what the session has read, to the end; takes and raises what `writing` does."""
    return drained(writing(session, **how))


def drained(steps: Generator[Any, None, T]) -> T:
    """What a generator returns, once it has yielded all it has."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def writing(
    session: Session,
    *,
    max_tokens: int,
    grammar: str | None = None,
    stops: Sequence[str] = (),
    max_chars: int | None = None,
    temperature: float = 0.0,
    seed: int = 0,
) -> Generator[str, None, Written]:
    """Go on from what the session has read; gives the whole text so far after each token.

    Args:
        grammar: GBNF; the text is complete when the grammar is, or at a stop.
        stops: texts that end the answer; without a grammar it must have something else than blanks before it ends.
        max_chars: the answer ends there, counted as complete.
    Raises:
        InvalidGrammar: before anything is written.
        DelegationError: the session's limit has passed.
    """
    state = Grammar(session.weights, grammar) if grammar is not None else None
    try:
        return (yield from _writing(session, state, max_tokens, stops, max_chars, noise_of(temperature, seed)))
    finally:
        if state is not None:
            state.close()


def noise_of(temperature: float, seed: int) -> Callable[[Any], Any]:
    """What is done to the logits, in place, before the greatest is taken."""
    if temperature <= 0.0:
        return lambda logits: logits
    import numpy as np

    source = np.random.default_rng(seed & 0xFFFF_FFFF_FFFF_FFFF)
    per_degree = np.float32(1.0 / temperature)
    noise = np.empty(0, np.float32)

    def noisy(logits: Any) -> Any:
        nonlocal noise
        if len(noise) != len(logits):
            noise = np.empty(len(logits), np.float32)
        source.random(dtype=np.float32, out=noise)
        with np.errstate(divide="ignore"):  # a draw of 0 is the token that never comes
            np.log(noise, out=noise)
            np.negative(noise, out=noise)
            np.log(noise, out=noise)
        logits *= per_degree
        logits -= noise
        return logits

    return noisy


def _writing(
    session: Session,
    grammar: Grammar | None,
    max_tokens: int,
    stops: Sequence[str],
    max_chars: int | None,
    noise: Callable[[Any], Any],
) -> Generator[str, None, Written]:
    import numpy as np

    weights = session.weights
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    text = ""
    count = 0
    used: set[int] = set()
    while True:
        session.check()
        logits = session.logits()
        if grammar is None and used:
            some = sorted(used)
            logits[some] *= np.where(logits[some] > 0, np.float32(1 / _REPETITION), np.float32(_REPETITION))
        token, added = _next(weights, noise(logits), grammar, decoder, blank=not text.strip(), stops=stops)
        if token is None:
            return Written(text, count, complete=True)
        count += 1
        used.add(token)
        text += added
        # a stop may have begun in an earlier token
        ends = [at for stop in stops if (at := text.find(stop)) >= 0]
        if ends:
            return Written(text[: min(ends)], count, complete=True)
        if max_chars is not None and len(text.lstrip()) >= max_chars:
            return Written(text.lstrip()[:max_chars], count, complete=True)
        if count >= max_tokens or session.position + 1 >= session.size:
            return Written(text, count, complete=False)
        yield text
        if grammar is not None:
            grammar.accept(token)
        session.step(token)


def _next(
    weights: Weights, logits: Any, grammar: Grammar | None, decoder: Any, *, blank: bool, stops: Sequence[str]
) -> tuple[int | None, str]:
    """The best token that may come next, with the characters it completes; None when the text is to end here."""
    import numpy as np

    refused = 0
    width = 1
    while True:
        # the candidates, best first (ties by number): one, then some, then all
        if width < len(logits):
            top = np.argpartition(-logits, width)[:width] if width > 1 else np.array([int(logits.argmax())])
            order = top[np.lexsort((top, -logits[top]))]
        else:
            order = np.argsort(-logits, kind="stable")
        order = order[np.isfinite(logits[order])].astype(np.int32)
        if grammar is not None and len(order):
            order = order[grammar.allowed(order)]
        for token in order.tolist():
            if weights.ends(token):
                if blank and grammar is None:
                    continue  # an answer of nothing
                return None, ""
            piece = weights.piece(token)
            if not piece or b"\0" in piece:
                continue  # a special token, which has no place inside a text
            before = decoder.getstate()
            try:
                added = decoder.decode(piece)
            except UnicodeDecodeError:
                decoder.setstate(before)
                continue
            if blank and any(stop in added and not added[: added.find(stop)].strip() for stop in stops) and grammar is None:
                decoder.setstate(before)
                continue  # an answer of nothing
            return token, added
        refused += 1
        if width >= len(logits):
            if grammar is not None:
                raise DelegationError("the grammar allows no token of this model here", kind="provider-error")
            return None, ""
        width = _FIRST_CANDIDATES if width == 1 else len(logits)


def score_labels(session: Session, labels: Sequence[Sequence[int]]) -> Any:
    """How probable each label is as the next text: natural logarithms, float64, in order.

    Labels of several tokens are walked as a tree, so that a common beginning is evaluated once; afterwards the session
    is where it was.
    """
    import numpy as np

    out = np.full(len(labels), -np.inf)
    home = session.position

    def walk(depth: int, members: list[int], so_far: float, here: Any) -> None:
        branches: dict[int, list[int]] = {}
        for i in members:
            if depth == len(labels[i]):
                out[i] = so_far
            else:
                branches.setdefault(labels[i][depth], []).append(i)
        for token, some in branches.items():
            score = so_far + float(here[token])
            if all(len(labels[i]) == depth + 1 for i in some):
                out[some] = score
                continue
            session.check()
            session.step(token)
            walk(depth + 1, some, score, session.log_probabilities())
            session.rewind(home + depth)

    walk(0, list(range(len(labels))), 0.0, session.log_probabilities())
    return out
