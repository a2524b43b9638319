"""A server on loopback that speaks Anthropic's Messages API, and refuses what that refuses.

    with AnthropicServer() as server:
        server.script(Status(529, raw=overloaded()), said("praise"))
        provider = AnthropicProvider(base_url=server.base_url, api_key="…")

Each request takes the next entry of the script; when it has run out, `answer(json) -> value` replies: as the input of the tool that
the request makes the model call, else as text.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.support.openai_server import Entry, Events, OpenAIServer, Raw, Seen, Status

USAGE = {"input_tokens": 12, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 3}


def error(kind: str, message: str, **details: Any) -> bytes:
    """The body of a refusal."""
    return json.dumps({"type": "error", "error": {"type": kind, "message": message, **details}, "request_id": "req_1"}).encode()


def message(*content: Any, stop_reason: str = "end_turn", usage: Any = USAGE, **more: Any) -> Raw:
    """A message with these blocks."""
    data = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-test-20260101", "stop_sequence": None}
    return Raw(json.dumps({**data, "content": content, "stop_reason": stop_reason, "usage": usage, **more}).encode())


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def called(name: str, given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": "toolu_1", "name": name, "input": given}


def fault(seen: Seen) -> Entry | None:
    """What the API would refuse in a request."""
    if not seen.headers.get("x-api-key"):
        return Status(401, raw=error("authentication_error", "x-api-key header is required"))
    if seen.headers.get("anthropic-version") != "2023-06-01":
        return Status(400, raw=error("invalid_request_error", "anthropic-version: header is required"))
    data = seen.json
    turns = data.get("messages") or []
    wrong = [
        not isinstance(data.get("max_tokens"), int) or data["max_tokens"] < 1,
        not turns or turns[0]["role"] != "user",
        any(turn["role"] not in ("user", "assistant") or not (turn["content"].strip() if isinstance(turn["content"], str) else turn["content"]) for turn in turns),
        not 0 <= data.get("temperature", 0) <= 1,
        bool(data.keys() - {"model", "max_tokens", "system", "messages", "temperature", "tools", "tool_choice", "stream"}),
        any(not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", tool["name"]) for tool in data.get("tools", ())),
        any(tool["input_schema"].get("type") != "object" for tool in data.get("tools", ())),
        data.get("tool_choice", {}).get("type") == "tool" and data["tool_choice"]["name"] not in [tool["name"] for tool in data.get("tools", ())],
    ]
    if any(wrong):
        return Status(400, raw=error("invalid_request_error", f"test number {wrong.index(True)} of the request failed"))
    return None


class AnthropicServer(OpenAIServer):
    route = "/v1/messages"

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, seen: Seen) -> Entry:
        with self._lock:
            self.requests.append(seen)
            wrong = fault(seen)
            if wrong is not None:
                return wrong
            if self._script:
                return self._script.pop(0)
        choice = seen.json.get("tool_choice")
        value: Any = self.answer(seen.json)
        return message(text(value)) if choice is None else message(called(choice["name"], value), stop_reason="tool_use")


def stream(*content: dict[str, Any], stop_reason: str = "end_turn", usage: Any = USAGE) -> Events:
    """A message with these blocks as a stream of events, with a ping in it."""
    begun = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-test-20260101", "content": []}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {**begun, "usage": {**usage, "output_tokens": 1}}}]
    for i, block in enumerate(content):
        kind = block["type"]
        field, empty = {"text": ("text", ""), "thinking": ("thinking", ""), "tool_use": ("input", {})}[kind]
        events.append({"type": "content_block_start", "index": i, "content_block": {**block, field: empty, **({"signature": ""} if kind == "thinking" else {})}})
        whole = json.dumps(block["input"]) if kind == "tool_use" else block[field]
        delta, name = {"text": ("text_delta", "text"), "thinking": ("thinking_delta", "thinking"), "tool_use": ("input_json_delta", "partial_json")}[kind]
        events += [{"type": "content_block_delta", "index": i, "delta": {"type": delta, name: piece}} for piece in re.findall(r"\S+\s*", whole)]
        if kind == "thinking":
            events.append({"type": "content_block_delta", "index": i, "delta": {"type": "signature_delta", "signature": block["signature"]}})
        events += [{"type": "content_block_stop", "index": i}, {"type": "ping"}]
    events.append({"type": "message_delta", "delta": {"stop_reason": stop_reason, "stop_sequence": None}, "usage": {"output_tokens": usage["output_tokens"]}})
    events.append({"type": "message_stop"})
    return Events(tuple(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events))
