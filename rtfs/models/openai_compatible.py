"""Any server that speaks the OpenAI chat completions protocol: a hosted one, or vLLM, llama.cpp's server, Ollama …

One request is `POST {base URL}/chat/completions`.  A structured result is asked for with `response_format`; servers
differ in what they accept there and in a few other fields, so a refusal that names a field is answered by asking again
without it, and what was learnt is kept for the next call (`openai_dialect`).  Everything about the connection is in `http`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from rtfs.errors import DelegationError
from rtfs.models.http import HttpProvider, count
from rtfs.models.openai_dialect import Dialect
from rtfs.models.prompt import ReplyShape
from rtfs.models.protocol import ModelReply, ModelRequest, Usage

BASE_URL_VARIABLE = "RTFS_REMOTE_BASE_URL"
KEY_VARIABLE = "RTFS_REMOTE_API_KEY"
OPENAI_URL = "https://api.openai.com/v1"

_EVERYTHING = Dialect()


class OpenAICompatibleProvider(HttpProvider):
    """Asks one server. Safe to use from several threads; they share a pool of connections."""

    name = "openai-compatible"
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
    ) -> None:
        """
        Args:
            base_url: up to and without `/chat/completions`; None when nothing is configured, then every request fails.
            api_key: sent as a bearer token; None for a server that wants none.
            key_name, url_name: where key and address come from, for hints.
            dialect: what the server is asked in at first.
            needs_key: nothing is sent without a key.
            clock: seconds, monotonic.
        """
        super().__init__(
            base_url=base_url,
            api_key=api_key,
            key_name=key_name,
            url_name=url_name,
            dialect=dialect,
            needs_key=needs_key,
            clock=clock,
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

    def _content(self, body: bytes) -> dict[str, Any]:
        try:
            data: Any = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise DelegationError(f"the reply of {self.address} is not JSON", retryable=True) from error
        if isinstance(data, dict):
            choices = data.get("choices")
            if isinstance(choices, list) and choices and isinstance(choices[0], dict):
                return data
        said = self._shown(self._complaint(body))  # some servers report failures with status 200
        raise DelegationError(f"the reply of {self.address} holds no answer ({said})", retryable=True)

    def _reply(self, data: dict[str, Any], request: ModelRequest, shape: ReplyShape) -> ModelReply:
        choice = data["choices"][0]
        message = choice.get("message")
        message = message if isinstance(message, dict) else {}
        content = message.get("content")
        if isinstance(content, list):  # parts, of which the text ones count
            content = "".join(p["text"] for p in content if isinstance(p, dict) and isinstance(p.get("text"), str))
        if content is not None and not isinstance(content, str):
            raise DelegationError(f"the reply of {self.address} is not text", usage=_usage(data))
        text = (content or "").strip()
        if text.startswith("<think>"):  # servers that do not take the model's reasoning out themselves
            text = text.partition("</think>")[2].strip()
        finish = "length" if choice.get("finish_reason") == "length" else "stop"
        usage = _usage(data)
        if not text:
            if isinstance(message.get("refusal"), str) and message["refusal"]:
                raise DelegationError(f"the model refused: {self._shown(message['refusal'])}", usage=usage)
            if choice.get("finish_reason") == "content_filter":
                raise DelegationError("the server's content filter held the answer back", usage=usage)
            if finish == "length":
                raise DelegationError(
                    f"the model used up its {request.max_tokens} tokens before it answered",
                    hint="allow more with :max-tokens",
                    usage=usage,
                )
        model = data.get("model")
        return ModelReply(
            text=shape.unwrap(text),
            usage=usage,
            finish_reason=finish,
            model=model if isinstance(model, str) and model else request.model,
        )

def _usage(data: dict[str, Any]) -> Usage:
    """What a reply says that it used. Prompt tokens include those from the cache; servers say how many in two places."""
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    cached = count(details, "cached_tokens") if isinstance(details, dict) else None
    return Usage(
        prompt_tokens=count(usage, "prompt_tokens"),
        completion_tokens=count(usage, "completion_tokens"),
        cached_tokens=cached if cached is not None else count(usage, "cached_tokens"),
    )
