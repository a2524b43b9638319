"""Replies of local models while they are written: the same bytes, in pieces."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtfs.errors import DelegationError
from tests.support.tiny_gguf import write_tiny_gguf

pytest.importorskip("llama_cpp")

from rtfs.models.llama_cpp import LlamaCppProvider
from rtfs.models.protocol import Chunk, ModelReply, ModelRequest, Parameter
from rtfs.semantics.stopping import Stop, Stopped
from rtfs.types.nodes import (
    ANY,
    BOOL,
    INT,
    NIL,
    STRING,
    Entry,
    EnumType,
    Predicate,
    RecordType,
    RefinedType,
    Type,
    VectorType,
    union,
)
from rtfs.values.scalars import kw

MOOD = EnumType(("positive", "negative"))
INNER = RecordType((Entry(kw("a"), MOOD), Entry(kw("b"), union(BOOL, NIL), True)))
RECORD = RecordType((Entry(kw("mood"), MOOD), Entry(kw("maybe"), union(BOOL, NIL), True), Entry(kw("inner"), INNER), Entry(kw("note"), STRING)))
ALL_OPTIONAL = RecordType((Entry(kw("x"), NIL, True), Entry(kw("y"), NIL, True)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture
def provider(tiny: Path, tmp_path: Path) -> Iterator[LlamaCppProvider]:
    made = LlamaCppProvider(lambda model: tiny, cache_dir=tmp_path, pool_size=1)
    yield made
    made.close()


def request(result: Type, **extras: Any) -> ModelRequest:
    values: dict[str, Any] = {"model": "m", "function": "mood", "doc": "How does it feel?", "max_tokens": 40, **extras}
    return ModelRequest(parameters=(Parameter(name="text", type=STRING, value="It works."),), result=result, **values)


def streamed(provider: LlamaCppProvider, asked: ModelRequest) -> tuple[list[str], ModelReply]:
    *chunks, reply = provider.stream(asked)
    assert all(isinstance(chunk, Chunk) for chunk in chunks)
    assert isinstance(reply, ModelReply)
    return [chunk.text for chunk in chunks if isinstance(chunk, Chunk)], reply


@pytest.mark.parametrize("result", [STRING, ANY, MOOD, BOOL, NIL, INT, RECORD, ALL_OPTIONAL, VectorType(MOOD), union(STRING, NIL), RefinedType(STRING, (Predicate("max-length", (9,)),))], ids=str)  # fmt: skip
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_the_pieces_make_the_reply(provider: LlamaCppProvider, result: Type, seed: int | None) -> None:
    asked = request(result) if seed is None else request(result, temperature=1.4, seed=seed)
    pieces, reply = streamed(provider, asked)
    assert "".join(pieces) == reply.text
    assert all(pieces)
    assert reply == provider.complete(asked)


def test_text_comes_token_by_token_and_records_slot_by_slot(provider: LlamaCppProvider) -> None:
    pieces, reply = streamed(provider, request(STRING, temperature=1.2, seed=3))
    assert len(pieces) > (reply.usage.completion_tokens or 0) / 3
    pieces, _ = streamed(provider, request(RECORD, max_tokens=12))
    assert pieces[0].startswith('{"mood": "')
    assert pieces[-1] == "}"
    assert len(pieces) >= 4


def test_a_stream_that_is_closed_gives_its_context_back(provider: LlamaCppProvider) -> None:
    expected = provider.complete(request(BOOL))
    stream = provider.stream(request(STRING, max_tokens=1000, temperature=1.0))
    next(stream)
    stream.close()
    stream.close()
    assert provider.complete(request(BOOL, timeout_s=5.0)) == expected
    dropped = provider.stream(request(STRING, max_tokens=1000, temperature=1.0))
    next(dropped)
    del dropped
    assert provider.complete(request(BOOL, timeout_s=5.0)) == expected


def test_a_stream_is_cancelled_from_another_thread(provider: LlamaCppProvider) -> None:
    provider.complete(request(BOOL))
    long = RefinedType(STRING, (Predicate("min-length", (900,)),))
    stream = provider.stream(request(long, max_tokens=1500))
    timer = threading.Timer(0.05, stream.cancel)
    timer.start()
    begin = time.monotonic()
    with pytest.raises(DelegationError, match="cancelled"):
        list(stream)
    assert time.monotonic() - begin < 1
    assert provider.complete(request(BOOL, timeout_s=5.0)).text


def test_a_request_that_is_given_up_ends_its_stream(provider: LlamaCppProvider) -> None:
    stop = Stop()
    stream = provider.stream(request(STRING, max_tokens=1000, temperature=1.0, stop=stop))
    next(stream)
    stop.set()
    with pytest.raises(Stopped):
        list(stream)


def test_errors_come_where_the_next_piece_would_have(provider: LlamaCppProvider) -> None:
    stream = provider.stream(request(STRING, timeout_s=0.0))
    with pytest.raises(DelegationError) as caught:
        next(stream)
    assert caught.value.retryable
