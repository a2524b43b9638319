"""What Anthropic's API answers, in one piece or in events, as a `ModelReply`.

Source: platform.claude.com/docs: handling-stop-reasons, errors, streaming, tool use.
"""

from __future__ import annotations

import json
from typing import Any

from rtfs.errors import DelegationError
from rtfs.models.http_faults import Answer, HttpFaults, count
from rtfs.models.prompt import ReplyShape
from rtfs.models.protocol import Chunk, ModelReply, ModelRequest, ToolCall, Usage
from rtfs.models.sse import Event

_CUT_OFF = ("max_tokens", "model_context_window_exceeded")
#: Kinds of errors that come in the middle of a stream, and the status that they would have begun with.
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}


def content(faults: HttpFaults, body: bytes) -> dict[str, Any]:
    """The content of an answer with status 200.

    Raises:
        DelegationError: it is none.
    """
    data = faults.document(body)
    if isinstance(data, dict) and isinstance(data.get("content"), list):
        return data
    raise faults.no_answer(body)


def reply(faults: HttpFaults, data: dict[str, Any], request: ModelRequest, shape: ReplyShape, answer_tool: str) -> ModelReply:
    """The reply in such a content.

    Args:
        answer_tool: the name of the tool that takes a structured answer.
    Raises:
        DelegationError: the model refused, or was cut off before it answered.
    """
    usage, reason = usage_of(data), data.get("stop_reason")
    if reason == "refusal":  # what stands there was cut short, and is not to be used
        details = data.get("stop_details")
        said = details.get("explanation") if isinstance(details, dict) else None
        why = f": {faults.shown(said)}" if isinstance(said, str) and said else ""
        raise DelegationError(f"the model refused{why}", kind="model-refused", usage=usage)
    blocks = [block for block in data["content"] if isinstance(block, dict)]
    uses = [block for block in blocks if block.get("type") == "tool_use"]
    names = {tool.name for tool in request.tools} - {answer_tool}
    asked = [block for block in uses if block.get("name") != answer_tool] if names else []
    said = "".join([b["text"] for b in blocks if b.get("type") == "text" and isinstance(b.get("text"), str)]).strip()
    answered = bool(uses) and shape.schema is not None
    text = _written(uses[0]) if answered else said
    if reason in _CUT_OFF and (asked or not text):
        raise DelegationError(
            f"the model used up its {request.max_tokens} tokens before it answered",
            kind="reply-cut-off",
            hint="allow more with :max-tokens",
            usage=usage,
        )
    if not text and uses:
        text = "{}"  # a record of which nothing is required
    model = data.get("model")
    calls = tuple([ToolCall(id=str(b.get("id")), name=str(b.get("name")), arguments=_written(b) or "{}") for b in asked])
    return ModelReply(
        text=said if calls else shape.unwrap(text),
        usage=usage,
        finish_reason="tools" if calls else "length" if reason in _CUT_OFF else "stop",
        model=model if isinstance(model, str) and model else request.model,
        calls=calls,
        # thoughts go back as they came, with their signatures; an answer beside calls was given too early
        message={"anthropic": [_kept(b) for b in blocks if b not in uses or b in asked]} if calls else None,
        reasoning="".join([b["thinking"] for b in blocks if b.get("type") == "thinking" and isinstance(b.get("thinking"), str)]),
    )


def _written(block: dict[str, Any]) -> str:
    """The operands of a call as JSON; the text itself, where a stream broke off inside; empty for none."""
    given = block.get("input")
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False) if given else ""


def _kept(block: dict[str, Any]) -> dict[str, Any]:
    """A block as it may be sent back."""
    return {**block, "input": {}} if block.get("type") == "tool_use" and not isinstance(block.get("input"), dict) else block


def usage_of(data: dict[str, Any]) -> Usage:
    """What a reply says that it used. The API counts the parts of a prompt that were written to and read from a cache apart."""
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    fresh, cached = count(usage, "input_tokens"), count(usage, "cache_read_input_tokens")
    written = count(usage, "cache_creation_input_tokens")
    return Usage(
        prompt_tokens=None if fresh is None else fresh + (cached or 0) + (written or 0),
        completion_tokens=count(usage, "output_tokens"),
        cached_tokens=cached,
        written_tokens=written,
    )


class AnthropicCollector:
    """Puts the events of a streamed answer together; see `http_stream.Collector`.

    Args:
        answer_tool: the tool whose operands are the answer; None where text is.
    """

    def __init__(self, faults: HttpFaults, request: ModelRequest, answer_tool: str | None) -> None:
        self.over = False
        self._faults = faults
        self._request = request
        self._answer_tool = answer_tool
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._stop_reason: str | None = None
        self._details: Any = None
        self._blocks: dict[int, dict[str, Any]] = {}
        self._written: dict[int, list[str]] = {}  # pieces of the texts and of the operands of blocks

    def take(self, event: Event) -> Chunk | None:
        try:
            data: Any = json.loads(event.data)
        except (ValueError, RecursionError) as error:
            raise DelegationError(f"an event in the reply of {self._faults.address} is not JSON", retryable=True) from error
        kind = data.get("type") if isinstance(data, dict) else None
        if kind == "error":
            raise self._failure(data)
        if kind == "message_start" and isinstance(data.get("message"), dict):
            self._message = data["message"]
            self._use(self._message.get("usage"))
        elif kind == "content_block_start" and isinstance(data.get("content_block"), dict):
            self._blocks[self._place(data, len(self._blocks))] = dict(data["content_block"])
        elif kind == "content_block_delta" and isinstance(data.get("delta"), dict):
            return self._delta(self._place(data, max(0, len(self._blocks) - 1)), data["delta"])
        elif kind == "message_delta":
            delta = data.get("delta")
            if isinstance(delta, dict):
                self._stop_reason = delta.get("stop_reason") or self._stop_reason
                self._details = delta.get("stop_details")
            self._use(data.get("usage"))
        elif kind == "message_stop":
            self.over = True
        return None

    @staticmethod
    def _place(data: dict[str, Any], otherwise: int) -> int:
        """Which block an event is about; where it does not say, the one that began last."""
        index = data.get("index")
        return index if type(index) is int else otherwise

    def _use(self, usage: Any) -> None:
        if isinstance(usage, dict):
            self._usage |= {name: value for name, value in usage.items() if value is not None}

    def _delta(self, index: int, delta: dict[str, Any]) -> Chunk | None:
        block = self._blocks.setdefault(index, {"type": "text", "text": ""})
        pieces = self._written.setdefault(index, [])
        kind = delta.get("type")
        if kind == "input_json_delta" and isinstance(delta.get("partial_json"), str):
            pieces.append(delta["partial_json"])
            return Chunk(text=delta["partial_json"]) if block.get("name") == self._answer_tool and delta["partial_json"] else None
        if kind == "text_delta" and isinstance(delta.get("text"), str):
            pieces.append(delta["text"])
            return Chunk(text=delta["text"]) if self._answer_tool is None and delta["text"] else None
        if kind == "thinking_delta" and isinstance(delta.get("thinking"), str):
            pieces.append(delta["thinking"])
            return Chunk(reasoning=delta["thinking"]) if delta["thinking"] else None
        if kind == "signature_delta":
            block["signature"] = delta.get("signature")
        return None

    def _failure(self, data: dict[str, Any]) -> DelegationError:
        error = data.get("error")
        status = _STATUS.get(str(error.get("type")), 500) if isinstance(error, dict) else 500
        answer = Answer(status=status, retry_after=None, body=json.dumps(data).encode())
        failure = self._faults.refused(answer, self._request)
        failure.usage = self.usage()
        return failure

    def whole(self) -> dict[str, Any]:
        if self._stop_reason is None and not self.over:
            words = f"the reply of {self._faults.address} broke off before its end"
            raise DelegationError(words, retryable=True, usage=self.usage())
        blocks = [self._block(index) for index in sorted(self._blocks)]
        found = {"content": blocks, "stop_reason": self._stop_reason, "stop_details": self._details, "usage": self._usage}
        return {**found, "model": self._message.get("model")}

    def _block(self, index: int) -> dict[str, Any]:
        block, text = self._blocks[index], "".join(self._written.get(index, ()))
        kind = block.get("type")
        if kind == "tool_use" and text:
            try:
                return {**block, "input": json.loads(text)}
            except (ValueError, RecursionError):
                return {**block, "input": text}
        field = {"text": "text", "thinking": "thinking"}.get(str(kind))
        return {**block, field: str(block.get(field) or "") + text} if field else block

    def usage(self) -> Usage | None:
        """The prompt's tokens come at the beginning; those of the answer count when its end has told them."""
        if not self._usage:
            return None
        known = dict(self._usage)
        if self._stop_reason is None:
            known.pop("output_tokens", None)
        return usage_of({"usage": known})
