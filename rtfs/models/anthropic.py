"""Anthropic's Messages API: one request is `POST {base URL}/v1/messages`.

A structured result is asked for as the input of a tool that the model is made to call, whose schema is that of the result.  Models
that take no `temperature`, or cannot be made to call a tool (some that think first), are asked again without: `AnthropicDialect`.
Tools of the request stand beside that one.  The API has no seed.  What comes back is read in `anthropic_reply`; everything about
the connection is in `http`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rtfs.errors import DelegationError
from rtfs.models import anthropic_reply
from rtfs.models.http import HttpProvider
from rtfs.models.http_faults import Answer, is_too_long
from rtfs.models.http_stream import STALL_S
from rtfs.models.prompt import ReplyShape, chat_messages, retry_messages
from rtfs.models.protocol import ModelReply, ModelRequest, Round

KEY_VARIABLE = "ANTHROPIC_API_KEY"
BASE_URL_VARIABLE = "ANTHROPIC_BASE_URL"
ANTHROPIC_URL = "https://api.anthropic.com"
VERSION = "2023-06-01"

@dataclass(frozen=True, slots=True)
class AnthropicDialect:
    """What a model takes."""

    temperature: bool = True
    forced: bool = True
    """It can be made to call the tool; else it is only offered."""

    def payload(self, request: ModelRequest, shape: ReplyShape, *, stream: bool = False) -> bytes:
        """The body of the HTTP request."""
        system, *messages = [*chat_messages(request, shape)]
        turns = [_turn(message) for message in messages]
        for done in request.rounds:
            turns += _round_turns(done)
        turns += [_turn(message) for message in retry_messages(request, shape)]
        payload: dict[str, Any] = {"model": request.model, "max_tokens": request.max_tokens}
        payload |= {"system": system["content"], "messages": _joined(turns)}
        if stream:
            payload["stream"] = True
        if self.temperature:
            payload["temperature"] = min(request.temperature, 1.0)
        tools = [{"name": tool.name, "description": tool.doc, "input_schema": tool.schema} for tool in request.tools]
        choice: dict[str, Any] | None = None
        if shape.schema is not None:
            name = answer_tool(request)
            asked_for_more = bool(tools) and not request.answer_now
            tools.append({"name": name, "description": "Takes the answer.", "input_schema": shape.schema})
            if self.forced:
                choice = {"type": "any"} if asked_for_more else {"type": "tool", "name": name, "disable_parallel_tool_use": True}
        elif tools and request.answer_now:
            choice = {"type": "none"}
        if tools:
            payload["tools"] = tools
        if choice is not None:
            payload["tool_choice"] = choice
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


def answer_tool(request: ModelRequest) -> str:
    """The name of the tool that takes a structured answer; none of the request's own."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", request.function)[:56] or "function"
    while any(tool.name == name for tool in request.tools):
        name += "_answer"
    return name[:64]


def _turn(message: dict[str, str]) -> dict[str, Any]:
    # a message without text is refused
    return {"role": message["role"], "content": message["content"] if message["content"].strip() else "(nothing)"}


def _round_turns(done: Round) -> list[dict[str, Any]]:
    """Calls of tools and their results."""
    own = done.message.get("anthropic") if isinstance(done.message, dict) else None
    said = [{"type": "text", "text": done.text}] if done.text.strip() else []
    asked = own or [
        *said,
        *[{"type": "tool_use", "id": _own_id(c.id), "name": c.name, "input": _operands(c.arguments)} for c in done.calls],
    ]
    given = []
    for result in done.results:
        id = result.id if own else _own_id(result.id)
        block = {"type": "tool_result", "tool_use_id": id, "content": result.text}
        given.append({**block, "is_error": True} if result.failed else block)
    return [{"role": "assistant", "content": asked}, {"role": "user", "content": given}]


def _own_id(id: str) -> str:
    """The id of a call that another server made, as the API takes it: letters, digits, `_` and `-`."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", id) or "call"


def _operands(arguments: str) -> Any:
    try:
        found = json.loads(arguments)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _joined(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Turns of one role after another as one, since the roles must alternate."""
    out: list[dict[str, Any]] = []
    for turn in turns:
        if not out or out[-1]["role"] != turn["role"]:
            out.append(dict(turn))
            continue
        parts = [[{"type": "text", "text": c}] if isinstance(c, str) else list(c) for c in (out[-1]["content"], turn["content"])]
        out[-1]["content"] = parts[0] + parts[1]
    return out


class AnthropicProvider(HttpProvider):
    """Asks Anthropic's API. Safe to use from several threads; they share a pool of connections."""

    name = "anthropic"
    calls_tools = True
    path = "/v1/messages"
    models_path = "/v1/models"
    usual_url = f"is usually {ANTHROPIC_URL}"

    def __init__(
        self,
        *,
        base_url: str | None = ANTHROPIC_URL,
        api_key: str | None,
        key_name: str = KEY_VARIABLE,
        url_name: str = BASE_URL_VARIABLE,
        clock: Callable[[], float] = time.monotonic,
        stall_s: float = STALL_S,
    ) -> None:
        """
        Args:
            base_url: up to and without `/v1/messages`.
            api_key: sent as `x-api-key`; without one, every request fails.
            key_name, url_name: where key and address come from, for hints.
            clock: seconds, monotonic.
            stall_s: seconds without a word in the middle of a streamed answer.
        """
        super().__init__(
            base_url=(base_url or "").strip().rstrip("/").removesuffix("/v1"),
            api_key=api_key,
            key_name=key_name,
            url_name=url_name,
            dialect=AnthropicDialect(),
            needs_key=True,
            clock=clock,
            stall_s=stall_s,
        )

    @classmethod
    def from_env(cls, environ: Mapping[str, str], **extras: Any) -> AnthropicProvider:
        """The provider that `ANTHROPIC_API_KEY` and, where it is set, `ANTHROPIC_BASE_URL` describe."""
        base_url = environ.get(BASE_URL_VARIABLE, "").strip() or ANTHROPIC_URL
        return cls(base_url=base_url, api_key=environ.get(KEY_VARIABLE), **extras)

    def _credentials(self) -> dict[str, str]:
        return {"x-api-key": self._key, "anthropic-version": VERSION}

    # --- reading the answer ---

    def content(self, body: bytes) -> dict[str, Any]:
        return anthropic_reply.content(self, body)

    def reply(self, data: dict[str, Any], request: ModelRequest, shape: ReplyShape) -> ModelReply:
        return anthropic_reply.reply(self, data, request, shape, answer_tool(request))

    def collector(self, request: ModelRequest, shape: ReplyShape) -> anthropic_reply.AnthropicCollector:
        return anthropic_reply.AnthropicCollector(self, request, None if shape.schema is None else answer_tool(request))

    def refused(self, answer: Answer, request: ModelRequest) -> DelegationError:
        said = self.complaint(answer.body)
        # a limit on spending comes with the status of a limit on requests, and waiting does not help
        spent = b"enforced_spend_limit_reached" in answer.body or "credit balance" in said.lower()
        if answer.status == 402 or spent:
            detail = f" ({answer.status}{': ' + self.shown(said) if said else ''})"
            return DelegationError(f"the account at {self.address} has nothing left{detail}", hint="check its plan and billing")
        return super().refused(answer, request)
