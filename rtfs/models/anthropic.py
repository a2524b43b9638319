"""Anthropic's Messages API: one request is `POST {base URL}/v1/messages`.

A structured result is asked for as the input of a tool that the model is made to call, whose schema is that of the result.  Models
that take no `temperature`, or cannot be made to call a tool (some that think first), are asked again without: `AnthropicDialect`.
The API has no seed.  What a refusal, an answer that was cut off and an account without money look like is in `_reply` and
`_refused` (platform.claude.com/docs: handling-stop-reasons, errors); everything about the connection is in `http`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rtfs.errors import DelegationError
from rtfs.models.http import Answer, HttpProvider, count, is_too_long
from rtfs.models.prompt import ReplyShape, chat_messages
from rtfs.models.protocol import ModelReply, ModelRequest, Usage

KEY_VARIABLE = "ANTHROPIC_API_KEY"
BASE_URL_VARIABLE = "ANTHROPIC_BASE_URL"
ANTHROPIC_URL = "https://api.anthropic.com"
VERSION = "2023-06-01"

_CUT_OFF = ("max_tokens", "model_context_window_exceeded")


@dataclass(frozen=True, slots=True)
class AnthropicDialect:
    """What a model takes."""

    temperature: bool = True
    forced: bool = True
    """It can be made to call the tool; else it is only offered."""

    def payload(self, request: ModelRequest, shape: ReplyShape) -> bytes:
        """The body of the HTTP request."""
        system, *messages = chat_messages(request, shape)
        # a message without text is refused
        turns = [{"role": m["role"], "content": m["content"] if m["content"].strip() else "(nothing)"} for m in messages]
        payload: dict[str, Any] = {"model": request.model, "max_tokens": request.max_tokens}
        payload |= {"system": system["content"], "messages": turns}
        if self.temperature:
            payload["temperature"] = min(request.temperature, 1.0)
        if shape.schema is not None:
            name = re.sub(r"[^A-Za-z0-9_-]", "_", request.function)[:64] or "function"
            payload["tools"] = [{"name": name, "description": "Takes the answer.", "input_schema": shape.schema}]
            if self.forced:
                payload["tool_choice"] = {"type": "tool", "name": name, "disable_parallel_tool_use": True}
        return json.dumps(payload).encode("ascii")  # escapes, so that a lone surrogate does not stop it

    def simpler(self, complaint: str) -> AnthropicDialect | None:
        """This dialect without what a refusal, in lower case, complains about; None when it complains about something else."""
        if is_too_long(complaint):
            return None
        if self.temperature and "temperature" in complaint:
            return replace(self, temperature=False)
        if self.forced and ("tool_choice" in complaint or "forces tool use" in complaint):
            return replace(self, forced=False)
        return None


class AnthropicProvider(HttpProvider):
    """Asks Anthropic's API. Safe to use from several threads; they share a pool of connections."""

    name = "anthropic"
    path = "/v1/messages"
    usual_url = f"is usually {ANTHROPIC_URL}"

    def __init__(
        self,
        *,
        base_url: str | None = ANTHROPIC_URL,
        api_key: str | None,
        key_name: str = KEY_VARIABLE,
        url_name: str = BASE_URL_VARIABLE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            base_url: up to and without `/v1/messages`.
            api_key: sent as `x-api-key`; without one, every request fails.
            key_name, url_name: where key and address come from, for hints.
            clock: seconds, monotonic.
        """
        super().__init__(
            base_url=(base_url or "").strip().rstrip("/").removesuffix("/v1"),
            api_key=api_key,
            key_name=key_name,
            url_name=url_name,
            dialect=AnthropicDialect(),
            needs_key=True,
            clock=clock,
        )

    @classmethod
    def from_env(cls, environ: Mapping[str, str], **extras: Any) -> AnthropicProvider:
        """The provider that `ANTHROPIC_API_KEY` and, where it is set, `ANTHROPIC_BASE_URL` describe."""
        base_url = environ.get(BASE_URL_VARIABLE, "").strip() or ANTHROPIC_URL
        return cls(base_url=base_url, api_key=environ.get(KEY_VARIABLE), **extras)

    def _credentials(self) -> dict[str, str]:
        return {"x-api-key": self._key, "anthropic-version": VERSION}

    # --- reading the answer ---

    def _content(self, body: bytes) -> dict[str, Any]:
        try:
            data: Any = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise DelegationError(f"the reply of {self.address} is not JSON", retryable=True) from error
        if isinstance(data, dict) and isinstance(data.get("content"), list):
            return data
        said = self._shown(self._complaint(body))
        raise DelegationError(f"the reply of {self.address} holds no answer ({said})", retryable=True)

    def _reply(self, data: dict[str, Any], request: ModelRequest, shape: ReplyShape) -> ModelReply:
        usage, reason = _usage(data), data.get("stop_reason")
        if reason == "refusal":  # what stands there was cut short, and is not to be used
            details = data.get("stop_details")
            said = details.get("explanation") if isinstance(details, dict) else None
            why = f": {self._shown(said)}" if isinstance(said, str) and said else ""
            raise DelegationError(f"the model refused{why}", usage=usage)
        blocks = [block for block in data["content"] if isinstance(block, dict)]
        calls = [block.get("input") for block in blocks if block.get("type") == "tool_use"]
        texts = [block.get("text") for block in blocks if block.get("type") == "text"]
        if calls and shape.schema is not None:
            text = json.dumps(calls[0], ensure_ascii=False) if calls[0] else ""
        else:
            text = "".join([text for text in texts if isinstance(text, str)]).strip()
        if not text and reason in _CUT_OFF:
            raise DelegationError(
                f"the model used up its {request.max_tokens} tokens before it answered",
                hint="allow more with :max-tokens",
                usage=usage,
            )
        if not text and calls:
            text = "{}"  # a record of which nothing is required
        model = data.get("model")
        return ModelReply(
            text=shape.unwrap(text),
            usage=usage,
            finish_reason="length" if reason in _CUT_OFF else "stop",
            model=model if isinstance(model, str) and model else request.model,
        )

    def _refused(self, answer: Answer, request: ModelRequest) -> DelegationError:
        said = self._complaint(answer.body)
        # a limit on spending comes with the status of a limit on requests, and waiting does not help
        spent = b"enforced_spend_limit_reached" in answer.body or "credit balance" in said.lower()
        if answer.status == 402 or spent:
            detail = f" ({answer.status}{': ' + self._shown(said) if said else ''})"
            return DelegationError(f"the account at {self.address} has nothing left{detail}", hint="check its plan and billing")
        return super()._refused(answer, request)


def _usage(data: dict[str, Any]) -> Usage:
    """What a reply says that it used. The API counts the parts of a prompt that were written to and read from a cache apart."""
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    fresh, cached = count(usage, "input_tokens"), count(usage, "cache_read_input_tokens")
    written = count(usage, "cache_creation_input_tokens")
    return Usage(
        prompt_tokens=None if fresh is None else fresh + (cached or 0) + (written or 0),
        completion_tokens=count(usage, "output_tokens"),
        cached_tokens=cached,
    )
