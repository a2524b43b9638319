"""Our adapter against a server that somebody else wrote: `llama_cpp.server`, over a tiny model."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed: pip install 'rtfs-lang[local]'")
for name in ("fastapi", "pydantic_settings", "sse_starlette", "starlette_context", "uvicorn"):
    pytest.importorskip(name, reason=f"what llama_cpp.server runs on is not whole, without {name}: pip install 'rtfs-lang[test]'")
pytest.importorskip("httpx2", reason="httpx2 is not installed: pip install 'rtfs-lang[remote]'")
app_of = pytest.importorskip("llama_cpp.server.app")

from rtfs.models.openai_compatible import OpenAICompatibleProvider  # noqa: E402
from rtfs.models.protocol import Chunk, ModelReply, ModelRequest, Parameter  # noqa: E402
from rtfs.types.coercion import coerce  # noqa: E402
from rtfs.types.nodes import BOOL, INT, STRING, Entry, EnumType, RecordType, Type  # noqa: E402
from rtfs.values.scalars import Keyword  # noqa: E402

LABELS = EnumType(("praise", "complaint"))
RECORD = RecordType((Entry(Keyword("label"), LABELS), Entry(Keyword("urgent"), BOOL)))


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import uvicorn
    from llama_cpp.server.settings import ModelSettings, ServerSettings

    from tests.support.tiny_gguf import write_tiny_gguf

    path = write_tiny_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = ServerSettings(host="127.0.0.1", port=port)
    models = [ModelSettings(model=str(path), model_alias="tiny", n_ctx=2048, chat_format="chatml", verbose=False)]
    server = uvicorn.Server(uvicorn.Config(app_of.create_app(server_settings=settings, model_settings=models), port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(200):
        if server.started:
            break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}/v1"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def provider(base_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAICompatibleProvider]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    made = OpenAICompatibleProvider(base_url=base_url)
    yield made
    made.close()


def request(result: Type, **extras: Any) -> ModelRequest:
    parameters = (Parameter(name="text", type=STRING, value="Works well!"),)
    defaults: dict[str, Any] = {"model": "tiny", "function": "classify", "doc": "Is it praise?", "max_tokens": 40}
    return ModelRequest(**{**defaults, **extras}, parameters=parameters, result=result)


@pytest.mark.parametrize("result", [LABELS, BOOL, RECORD], ids=str)
def test_a_reply_is_held_to_its_schema(provider: OpenAICompatibleProvider, result: Type) -> None:
    reply = provider.complete(request(result, max_tokens=200))
    coerce(reply.text, result)
    assert reply.usage.prompt_tokens
    assert reply.usage.completion_tokens


@pytest.mark.parametrize("result", [STRING, RECORD], ids=str)
def test_a_stream_says_what_a_reply_in_one_piece_says(provider: OpenAICompatibleProvider, result: Type) -> None:
    asked = request(result)
    *chunks, reply = provider.stream(asked)
    assert isinstance(reply, ModelReply)
    assert all(isinstance(chunk, Chunk) for chunk in chunks)
    assert reply.text == provider.complete(asked).text
    assert len(chunks) > 1


def test_a_stream_can_be_given_up(provider: OpenAICompatibleProvider) -> None:
    coming = provider.stream(request(STRING, max_tokens=400))
    next(coming)
    coming.close()
    assert provider.complete(request(INT, max_tokens=40)).usage.prompt_tokens


def test_a_prompt_that_is_too_long(provider: OpenAICompatibleProvider) -> None:
    from rtfs.errors import DelegationError

    with pytest.raises(DelegationError) as caught:
        provider.complete(request(STRING, doc="word " * 4000))
    assert caught.value.kind == "prompt-too-long"
