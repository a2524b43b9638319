"""Any server that speaks the OpenAI chat completions protocol: a hosted one, or vLLM, llama.cpp's server, Ollama …

One request is `POST {base URL}/chat/completions`.  A structured result is asked for with `response_format`; servers
differ in what they accept there and in a few other fields, so a refusal that names a field is answered by asking again
without it, and what was learnt is kept for the next call (`openai_dialect`).  What comes back is read in `openai_reply`; everything
about the connection is in `http`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rtfs.errors import DelegationError
from rtfs.models import openai_reply
from rtfs.models.http import HttpProvider
from rtfs.models.http_stream import STALL_S
from rtfs.models.openai_dialect import Dialect
from rtfs.models.prompt import ReplyShape
from rtfs.models.protocol import ModelReply, ModelRequest

BASE_URL_VARIABLE = "RTFS_REMOTE_BASE_URL"
KEY_VARIABLE = "RTFS_REMOTE_API_KEY"
OPENAI_URL = "https://api.openai.com/v1"

_EVERYTHING = Dialect()


class OpenAICompatibleProvider(HttpProvider):
    """Asks one server. Safe to use from several threads; they share a pool of connections."""

    name = "openai-compatible"
    calls_tools = True
    path = "/chat/completions"

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str | None = None,
        key_name: str = KEY_VARIABLE,
        url_name: str = BASE_URL_VARIABLE,
        dialect: Dialect = _EVERYTHING,
        needs_key: bool = False,
        clock: Callable[[], float] = time.monotonic,
        stall_s: float = STALL_S,
    ) -> None:
        """
        Args:
            base_url: up to and without `/chat/completions`; None when nothing is configured, then every request fails.
            api_key: sent as a bearer token; None for a server that wants none.
            key_name, url_name: where key and address come from, for hints.
            dialect: what the server is asked in at first.
            needs_key: nothing is sent without a key.
            clock: seconds, monotonic.
            stall_s: seconds without a word in the middle of a streamed answer.
        """
        super().__init__(
            base_url=base_url,
            api_key=api_key,
            key_name=key_name,
            url_name=url_name,
            dialect=dialect,
            needs_key=needs_key,
            clock=clock,
            stall_s=stall_s,
        )

    @classmethod
    def from_env(cls, environ: Mapping[str, str], **extras: Any) -> OpenAICompatibleProvider:
        """The provider that `RTFS_REMOTE_BASE_URL` and `RTFS_REMOTE_API_KEY` describe, else the `OPENAI_…` ones.

        Without an address, a key in `OPENAI_API_KEY` means OpenAI's own.
        """
        own_url = environ.get(BASE_URL_VARIABLE, "").strip()
        # a key that was made for OpenAI goes to OpenAI, or where OPENAI_BASE_URL says, and to no other host
        names = (KEY_VARIABLE,) if own_url else (KEY_VARIABLE, "OPENAI_API_KEY")
        key_name = next((n for n in names if environ.get(n, "").strip()), KEY_VARIABLE)
        key = environ.get(key_name, "").strip() or None
        fallback = OPENAI_URL if environ.get("OPENAI_API_KEY", "").strip() else None
        base_url = own_url or environ.get("OPENAI_BASE_URL") or fallback
        return cls(base_url=base_url, api_key=key, key_name=key_name, **extras)

    def _unconfigured(self) -> DelegationError:
        error = super()._unconfigured()
        if self._url_name == BASE_URL_VARIABLE:
            error.hint = f"{error.hint}, or OPENAI_API_KEY"
        return error

    # --- reading the answer ---

    def content(self, body: bytes) -> dict[str, Any]:
        return openai_reply.content(self, body)

    def reply(self, data: dict[str, Any], request: ModelRequest, shape: ReplyShape) -> ModelReply:
        return openai_reply.reply(self, data, request, shape)

    def collector(self, request: ModelRequest, shape: ReplyShape) -> openai_reply.OpenAICollector:
        return openai_reply.OpenAICollector(self, request)
