"""How fast a model is: reading, the first token, writing.

A local model is measured in its context, from an empty cache.  Of a server only what arrives can be measured: the first
token of a stream where it streams, else an answer of one token, and the time that further tokens take.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from rtfs.models.protocol import ModelProvider, ModelReply, ModelRequest, Parameter
from rtfs.types.nodes import STRING

PROMPT_TOKENS = 512
ANSWER_TOKENS = 64
_SENTENCE = "The parcel was left with a neighbour, who is away until the end of the month, and nobody else has the key. "


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Medians of several rounds; None where something could not be measured."""

    prompt_tokens_per_s: float | None
    tokens_per_s: float | None
    first_token_s: float
    """From the request to the first token of the answer, with a prompt of about 60 tokens that nobody has read before."""
    load_s: float | None = None
    """Until a local model was ready."""
    rounds: int = 0


def measured(provider: ModelProvider, model: str, *, rounds: int = 3, clock: Callable[[], float] = time.perf_counter) -> Speed:
    """The speed of a model.

    Raises:
        DelegationError: it does not answer.
    """
    lease = getattr(provider, "lease", None)
    if lease is not None:
        begin = clock()
        with lease(model) as (pool, weights):
            load_s = clock() - begin
            return replace(_local(pool, weights, rounds, clock), load_s=load_s)
    return _remote(provider, model, rounds, clock)


def _local(pool: Any, weights: Any, rounds: int, clock: Callable[[], float]) -> Speed:
    from rtfs.models.llama_decoding import write
    from rtfs.models.llama_limits import CallLimit

    text = weights.tokens(_SENTENCE * 40)
    prompt = (weights.start() + text)[: min(PROMPT_TOKENS, weights.context_tokens // 2)]
    short = (weights.start() + text)[:60]
    reading, first, writing = [], [], []
    with pool.session(weights, prompt, CallLimit.of_seconds(600.0)) as session:
        session.reserve(len(prompt) + ANSWER_TOKENS + 16)
        session.read(prompt[:4])  # the first computation prepares buffers
        for _ in range(rounds):
            session.rewind(0)
            begin = clock()
            session.read(prompt)
            reading.append(clock() - begin)
            session.rewind(0)
            begin = clock()
            session.read(short)
            session.step(int(session.logits().argmax()))
            first.append(clock() - begin)
            session.rewind(0)
            session.read(short)
            begin = clock()
            # nothing of the text counts: another than that of a real answer takes as long
            written = write(session, max_tokens=ANSWER_TOKENS, temperature=1.0, seed=1)
            writing.append((clock() - begin) / max(1, written.tokens))
    return Speed(
        prompt_tokens_per_s=len(prompt) / median(reading),
        tokens_per_s=1 / median(writing),
        first_token_s=median(first),
        rounds=rounds,
    )


def _remote(provider: ModelProvider, model: str, rounds: int, clock: Callable[[], float]) -> Speed:
    first, writing = [], []
    for i in range(rounds):
        request = ModelRequest(
            model=model,
            function="continue",
            doc="Write a long story that begins with this sentence.",
            # another text each time: servers remember prompts
            parameters=(Parameter(name="sentence", type=STRING, value=f"On day {i + 1}: {_SENTENCE}"),),
            result=STRING,
            max_tokens=ANSWER_TOKENS,
        )
        first_s, whole_s, pieces, reply = _one(provider, request, clock)
        first.append(first_s)
        # many servers do not say of a stream what it used; its pieces are tokens, as a rule
        tokens = reply.usage.completion_tokens if reply.usage.completion_tokens is not None else pieces
        if tokens is not None and tokens > 1 and whole_s > first_s:
            writing.append((whole_s - first_s) / (tokens - 1))
    return Speed(
        prompt_tokens_per_s=None,
        tokens_per_s=1 / median(writing) if writing else None,
        first_token_s=median(first),
        rounds=rounds,
    )


def _one(
    provider: ModelProvider, request: ModelRequest, clock: Callable[[], float]
) -> tuple[float, float, int | None, ModelReply]:
    """Seconds to the first token and to the last, how many pieces it came in, if it did, and the reply."""
    stream = getattr(provider, "stream", None)
    begin = clock()
    if stream is None:
        provider.complete(replace(request, max_tokens=1))
        first = clock() - begin
        begin = clock()
        reply = provider.complete(request)
        return first, clock() - begin, None, reply
    first_s: float | None = None
    for pieces, item in enumerate(stream(request)):
        if first_s is None:
            first_s = clock() - begin
        if isinstance(item, ModelReply):
            return first_s, clock() - begin, pieces, item
    raise AssertionError("a stream ends with its reply")
