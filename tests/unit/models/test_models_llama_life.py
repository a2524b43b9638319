"""Local models over time: calls that are given up, memory that is short, weights that come and go."""

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

from rtfs.models import llama_pool, llama_weights
from rtfs.models.llama_cpp import LlamaCppProvider
from rtfs.models.llama_limits import CallLimit
from rtfs.models.llama_pool import Pool, open_pool, release_pool, relieve
from rtfs.models.llama_weights import Loading, Weights
from rtfs.models.offload import Device
from rtfs.models.protocol import ModelRequest, Parameter
from rtfs.semantics.stopping import Stop, Stopped
from rtfs.types.nodes import BOOL, INT, STRING, Predicate, RefinedType, Type

LONG = RefinedType(STRING, (Predicate("min-length", (900,)),))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture
def pool(tiny: Path) -> Iterator[Pool]:
    opened = open_pool(tiny, Loading())
    yield opened
    release_pool(opened)


@pytest.fixture
def provider(tiny: Path, tmp_path: Path) -> Iterator[LlamaCppProvider]:
    made = LlamaCppProvider(lambda model: tiny, cache_dir=tmp_path, pool_size=2)
    yield made
    made.close()


def request(result: Type = BOOL, text: str = "It works.", **extras: Any) -> ModelRequest:
    values: dict[str, Any] = {"model": "m", "function": "good?", "doc": "Is it good?", "max_tokens": 40, **extras}
    return ModelRequest(parameters=(Parameter(name="text", type=STRING, value=text),), result=result, **values)


# --- calls that end early --------------------------------------------------------------------


def test_a_call_that_is_given_up_stops_within_a_piece_of_its_prompt_and_harms_nobody(pool: Pool) -> None:
    """The flag is up when llama.cpp begins to compute, although `check` has said that all is well."""
    stop = Stop()
    limit = CallLimit(time.monotonic() + 60, stop)
    tokens = [60 + i % 30 for i in range(300)]
    with pool.lease() as weights:
        with pool.session(weights, tokens, CallLimit.of_seconds(9)) as session:
            session.reserve(400)
            session.read(tokens)
            expected = session.log_probabilities()
            session.read(tokens[:2][::-1])
        with pytest.raises(Stopped), pool.session(weights, tokens, limit) as session:
            step = session._decode

            def decode(some: Any, wants_logits: bool) -> None:
                stop.set()  # after the check before this piece
                step(some, wants_logits)

            session._decode = decode  # type: ignore[method-assign]
            session.read(tokens)
        del session._decode
        assert session.position == 0  # what was half done is not kept
        with pool.session(weights, tokens, CallLimit.of_seconds(9)) as session:
            session.read(tokens)
            assert (session.log_probabilities() == expected).all()
    assert not stop._callbacks


def test_a_call_is_given_up_while_it_writes(provider: LlamaCppProvider) -> None:
    provider.complete(request(STRING))  # load first
    stop = Stop()
    asked = request(LONG, max_tokens=1500, stop=stop)
    at: list[float] = []

    def give_up() -> None:
        time.sleep(0.05)
        at.append(time.monotonic())
        stop.set()

    thread = threading.Thread(target=give_up)
    thread.start()
    with pytest.raises(Stopped):
        provider.complete(asked)
    took = time.monotonic() - at[0]
    thread.join()
    assert took < 0.5
    assert provider.complete(request(BOOL)).text in ("true", "false")


def test_who_waits_for_a_context_can_be_given_up_too(pool: Pool) -> None:
    stop = Stop()
    late: list[BaseException] = []

    def wait(weights: Weights) -> None:
        try:
            with pool.session(weights, [], CallLimit(time.monotonic() + 60, stop)):
                pass
        except BaseException as error:
            late.append(error)

    with pool.lease() as weights, pool.session(weights, [], CallLimit.of_seconds(9)):
        thread = threading.Thread(target=wait, args=(weights,))
        thread.start()
        while not stop._callbacks:
            time.sleep(0.001)
        stop.set()
        thread.join(5)
    assert [type(error) for error in late] == [Stopped]
    assert not stop._callbacks


def test_time_ends_a_piece_of_a_prompt(pool: Pool) -> None:
    with pool.lease() as weights, pytest.raises(DelegationError) as caught:
        limit = CallLimit.of_seconds(0.05)
        with pool.session(weights, [], limit) as session:
            session.reserve(100)
            deadline = time.monotonic() + 5
            while limit._flag[0] == b"\0" and time.monotonic() < deadline:
                time.sleep(0.005)
            session._decode([60, 61, 62], True)  # llama.cpp itself refuses to go on
    assert caught.value.retryable
    assert "in the time allowed" in caught.value.message


def test_a_late_word_stops_nobody_else(pool: Pool) -> None:
    limit = CallLimit.of_seconds(9)
    with pool.lease() as weights:
        with pool.session(weights, [], limit) as session:
            session.reserve(100)
            session.read([60, 61, 62])
        limit.trip()
        with pool.session(weights, [], CallLimit.of_seconds(9)) as session:
            session.read([60, 61, 63, 64])
            assert session.position == 4


# --- memory ----------------------------------------------------------------------------------


def test_an_unloaded_model_answers_as_before(provider: LlamaCppProvider) -> None:
    first = provider.complete(request(INT))
    assert provider.unload() == 1
    assert provider.unload() == 0
    assert provider.complete(request(INT)) == first


def test_short_memory_takes_contexts_first_then_weights_and_nothing_in_use(pool: Pool) -> None:
    with pool.lease() as weights:
        with pool.session(weights, [], CallLimit.of_seconds(9)) as session:
            session.reserve(100)
            assert not relieve()  # everything is in use
        assert relieve()
        assert not pool._idle
        assert pool._weights is weights
        assert not relieve()  # a call is in progress
    assert relieve()
    assert pool._weights is None
    assert not relieve()
    with pool.lease() as weights:
        assert weights.tokens("a")


def test_weights_that_were_used_longest_ago_go_first(tmp_path: Path) -> None:
    pools = [open_pool(write_tiny_gguf(tmp_path / f"{n}.gguf"), Loading()) for n in range(2)]
    try:
        with pools[0].lease():
            pass
        assert relieve()
        assert [pool._weights is None for pool in pools] == [False, True]
    finally:
        for opened in pools:
            release_pool(opened)


def test_unloading_under_eight_threads_loses_no_call(provider: LlamaCppProvider) -> None:
    expected = provider.complete(request(INT))
    wrong: list[Any] = []
    done = threading.Event()

    def ask() -> None:
        for _ in range(20):
            try:
                if provider.complete(request(INT)) != expected:
                    wrong.append("another reply")
            except BaseException as error:
                wrong.append(error)

    def press() -> None:
        while not done.is_set():
            relieve()
            time.sleep(0.001)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    pressing = threading.Thread(target=press)
    pressing.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    pressing.join()
    assert wrong == []


def test_a_model_that_does_not_fit_is_refused_with_figures(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama_weights, "available_bytes", lambda: 100_000)
    provider = LlamaCppProvider(lambda model: tiny, cache_dir=tmp_path)
    with pytest.raises(DelegationError) as caught:
        provider.complete(request())
    assert caught.value.kind == "model-unavailable"
    assert caught.value.retryable
    assert "0 MB can be had now" in caught.value.message
    monkeypatch.setattr(llama_weights, "available_bytes", lambda: None)
    assert provider.complete(request()).text
    provider.close()


def test_memory_is_watched_while_a_model_is_open(tiny: Path) -> None:
    def watching() -> bool:
        return llama_pool._watch._end is not None

    opened = open_pool(tiny, Loading())
    assert watching()
    release_pool(opened)
    assert not watching()


# --- the GPU ---------------------------------------------------------------------------------


def test_without_a_gpu_the_cpu_does_it_and_says_why(provider: LlamaCppProvider) -> None:
    found = provider.offload("m")
    if found.layers:
        pytest.skip("this machine has a GPU that llama.cpp uses")
    assert found.place == "CPU"
    assert found.reason


def test_a_gpu_on_which_the_model_cannot_be_used_leaves_it_to_the_cpu(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Detection and loading as on a machine with a GPU, which then has no room for a context."""
    loads: list[int] = []
    original = Weights.__init__

    def noted(self: Weights, path: Path, shape: Any, offload: Any) -> None:
        loads.append(offload.layers)
        original(self, path, shape, offload)

    def fails(weights: Weights) -> Weights:
        weights.close()
        raise DelegationError("there is no room for a context")

    monkeypatch.setattr(Weights, "__init__", noted)
    monkeypatch.setattr(llama_weights, "supports_gpu", lambda lib: True)
    monkeypatch.setattr(llama_weights, "gpu_devices", lambda lib: [Device(name="RTX", free_bytes=8 << 30, total_bytes=8 << 30)])
    monkeypatch.setattr(llama_weights, "_tried", fails)
    weights = llama_weights.load(tiny, Loading())
    assert loads == [3, 0]  # two blocks and the output, then none
    assert weights.offload.place == "CPU"
    assert "no room for a context" in weights.offload.reason
    weights.close()


@pytest.mark.parametrize("layers, expected", [("0", 0), ("auto", None), ("", None), ("7", 7)])
def test_the_variable_says_how_many_layers(tmp_path: Path, layers: str, expected: int | None) -> None:
    provider = LlamaCppProvider(environ={"RTFS_GPU_LAYERS": layers}, data_dir=tmp_path, cache_dir=tmp_path)
    assert provider._loading("m").gpu_layers == expected


def test_a_wrong_number_of_layers_is_an_error(tiny: Path, tmp_path: Path) -> None:
    environ = {"RTFS_GPU_LAYERS": "many", "RTFS_LOCAL_MODEL_PATH": str(tiny)}
    provider = LlamaCppProvider(environ=environ, data_dir=tmp_path, cache_dir=tmp_path)
    with pytest.raises(DelegationError, match="RTFS_GPU_LAYERS"):
        provider.complete(request())


# --- tokens ----------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [BOOL, INT, STRING], ids=str)
def test_tokens_are_counted_as_the_reply_says(provider: LlamaCppProvider, result: Type) -> None:
    assert provider.count_tokens(request(result)) == provider.complete(request(result)).usage.prompt_tokens


def test_tokens_of_a_model_that_is_not_there_are_no_fewer_than_they_would_be(provider: LlamaCppProvider, tmp_path: Path) -> None:
    missing = LlamaCppProvider(environ={}, data_dir=tmp_path, cache_dir=tmp_path)
    text = "word " * 100
    assert missing.count_tokens(request(BOOL, text)) >= 500
