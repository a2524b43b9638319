"""What a server that speaks the OpenAI protocol answers, in one piece or in events, as a `ModelReply`.

Servers agree on where the text stands and on little else.  Reasoning is in `reasoning_content` (Moonshot, DeepSeek, SGLang),
`reasoning` (OpenRouter, vLLM, Ollama) or before the text in `<think>`; a refusal in `refusal`, or in `finish_reason`; usage in the
last event, in an event of its own, or in its choice (Moonshot); calls of tools come whole or in pieces.
"""

from __future__ import annotations

import json
import re
from typing import Any

from rtfs.errors import DelegationError
from rtfs.models.http_faults import Answer, HttpFaults, count
from rtfs.models.prompt import ReplyShape
from rtfs.models.protocol import Chunk, ModelReply, ModelRequest, ToolCall, Usage
from rtfs.models.sse import Event

_THOUGHT = re.compile(r"\s*<think(?:ing)?>(.*?)(?:</think(?:ing)?>|\Z)", re.DOTALL)
#: Moonshot's ids of calls: `functions.lookup_order:0`. Some servers leave the name out and keep the id.
_KIMI_ID = re.compile(r"(?:functions\.)?(.+?):\d+")
_STATUS = {"rate_limit": 429, "too_many_requests": 429, "insufficient_quota": 429, "invalid_request": 400, "authentication": 401}


# --- a whole answer --------------------------------------------------------------------------


def content(faults: HttpFaults, body: bytes) -> dict[str, Any]:
    """The content of an answer with status 200.

    Raises:
        DelegationError: it is none.
    """
    data = faults.document(body)
    if isinstance(data, dict):
        choices = data.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            return data
    raise faults.no_answer(body)


def reply(faults: HttpFaults, data: dict[str, Any], request: ModelRequest, shape: ReplyShape) -> ModelReply:
    """The reply in such a content.

    Raises:
        DelegationError: the model refused, was stopped before it answered, or said something that is no text.
    """
    choice = data["choices"][0]
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    usage, reason = usage_of(data), choice.get("finish_reason")
    text, thoughts = _text(faults, message, usage)
    calls = _calls(message) if request.tools else ()
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal and not text:
        raise DelegationError(f"the model refused: {faults.shown(refusal)}", kind="model-refused", usage=usage)
    if reason == "content_filter":  # whatever stands there is only a part
        raise DelegationError("the server's content filter held the answer back", kind="model-refused", usage=usage)
    if reason == "length" and (calls or not text):
        thinking = ", all of them to think" if thoughts and not text and not calls else ""
        raise DelegationError(
            f"the model used up its {request.max_tokens} tokens before it answered{thinking}",
            kind="reply-cut-off",
            hint="allow more with :max-tokens",
            usage=usage,
        )
    model = data.get("model")
    return ModelReply(
        text=text if calls else shape.unwrap(text),
        usage=usage,
        finish_reason="tools" if calls else "length" if reason == "length" else "stop",
        model=model if isinstance(model, str) and model else request.model,
        calls=calls,
        message={"openai": _kept(message, calls)} if calls else None,
        reasoning=thoughts,
    )


def _text(faults: HttpFaults, message: dict[str, Any], usage: Usage) -> tuple[str, str]:
    """The answer and the thoughts before it."""
    given = message.get("content")
    if isinstance(given, list):  # parts, of which the text ones count
        given = "".join([p["text"] for p in given if isinstance(p, dict) and isinstance(p.get("text"), str)])
    if given is not None and not isinstance(given, str):
        raise DelegationError(f"the reply of {faults.address} is not text", usage=usage)
    text = (given or "").strip()
    thoughts = _reasoning(message)
    if text.startswith("<think"):  # servers that do not take the model's reasoning out themselves
        found = _THOUGHT.match(text)
        if found is not None:
            thoughts += found[1].strip()
            text = text[found.end() :].strip()
    return text, thoughts


def _reasoning(message: dict[str, Any]) -> str:
    for name in ("reasoning_content", "reasoning", "thinking"):
        value = message.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _calls(message: dict[str, Any]) -> tuple[ToolCall, ...]:
    given = message.get("tool_calls")
    found = []
    for i, entry in enumerate(given if isinstance(given, list) else ()):
        function = entry.get("function") if isinstance(entry, dict) else None
        if not isinstance(function, dict):
            continue
        name, id = function.get("name"), entry.get("id")
        if not (isinstance(name, str) and name):
            derived = _KIMI_ID.fullmatch(id) if isinstance(id, str) else None
            name = derived[1] if derived is not None else ""
        arguments = function.get("arguments")
        if not isinstance(arguments, str):  # Ollama once gave the object itself
            arguments = "{}" if arguments is None else json.dumps(arguments)
        known = isinstance(id, str) and id
        found.append(ToolCall(id=id if known else f"functions.{name}:{i}", name=name, arguments=arguments or "{}"))
    return tuple(found)


def _kept(message: dict[str, Any], calls: tuple[ToolCall, ...]) -> dict[str, Any]:
    """The message as it goes back: with its reasoning, which models that think between calls want to see again."""
    kept: dict[str, Any] = {"role": "assistant", "content": message.get("content"), "tool_calls": written_calls(calls)}
    thoughts = message.get("reasoning_content")
    if isinstance(thoughts, str) and thoughts:
        kept["reasoning_content"] = thoughts
    return kept


def written_calls(calls: tuple[ToolCall, ...]) -> list[dict[str, Any]]:
    """Calls as the protocol writes them."""
    return [{"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in calls]


def usage_of(data: dict[str, Any]) -> Usage:
    """What a reply says that it used. Prompt tokens include those from the cache, and completion tokens those of thoughts."""
    usage = data.get("usage")
    if not isinstance(usage, dict):  # Moonshot's streams
        choices = data.get("choices")
        usage = choices[0].get("usage") if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
    usage = usage if isinstance(usage, dict) else {}
    prompt, completion = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    prompt = prompt if isinstance(prompt, dict) else {}
    cached = [count(prompt, "cached_tokens"), count(usage, "cached_tokens"), count(usage, "prompt_cache_hit_tokens")]
    return Usage(
        prompt_tokens=count(usage, "prompt_tokens"),
        completion_tokens=count(usage, "completion_tokens"),
        cached_tokens=next((number for number in cached if number is not None), None),
        written_tokens=count(prompt, "cache_write_tokens"),
        reasoning_tokens=count(completion, "reasoning_tokens") if isinstance(completion, dict) else None,
    )


# --- an answer in events ---------------------------------------------------------------------


class OpenAICollector:
    """Puts the events of a streamed answer together; see `http_stream.Collector`."""

    def __init__(self, faults: HttpFaults, request: ModelRequest) -> None:
        self.over = False
        self._faults = faults
        self._request = request
        self._parts: dict[str, list[str]] = {"content": [], "reasoning_content": [], "refusal": []}
        self._calls: dict[Any, dict[str, Any]] = {}  # place in the reply -> the call so far
        self._finish: str | None = None
        self._usage: dict[str, Any] | None = None
        self._model: str | None = None

    def take(self, event: Event) -> Chunk | None:
        if event.data.strip() == "[DONE]":
            self.over = True
            return None
        try:
            data: Any = json.loads(event.data)
        except (ValueError, RecursionError) as error:
            raise DelegationError(f"an event in the reply of {self._faults.address} is not JSON", retryable=True) from error
        if not isinstance(data, dict):
            return None
        if data.get("error") or event.name == "error":
            raise self._failure(data)
        if isinstance(data.get("model"), str):
            self._model = self._model or data["model"]
        choices = data.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        used = [u for u in (data.get("usage"), choice.get("usage")) if isinstance(u, dict)]
        self._usage = used[0] if used else self._usage
        if isinstance(choice.get("finish_reason"), str):
            self._finish = choice["finish_reason"]
        delta = choice.get("delta") or choice.get("message")
        return self._delta(delta) if isinstance(delta, dict) else None

    def _delta(self, delta: dict[str, Any]) -> Chunk | None:
        text = delta.get("content")
        if isinstance(text, list):
            text = "".join([p["text"] for p in text if isinstance(p, dict) and isinstance(p.get("text"), str)])
        text = text if isinstance(text, str) else ""
        thoughts = _reasoning(delta)
        self._parts["content"].append(text)
        self._parts["reasoning_content"].append(thoughts)
        if isinstance(delta.get("refusal"), str):
            self._parts["refusal"].append(delta["refusal"])
        calls = delta.get("tool_calls")
        for entry in calls if isinstance(calls, list) else ():
            if isinstance(entry, dict):
                self._call(entry)
        return Chunk(text=text, reasoning=thoughts) if text or thoughts else None

    def _call(self, entry: dict[str, Any]) -> None:
        place = entry.get("index")
        if not isinstance(place, int):  # some servers give calls whole, and no place
            place = ("whole", len(self._calls))
        call = self._calls.setdefault(place, {"id": None, "name": "", "arguments": []})
        if isinstance(entry.get("id"), str) and entry["id"]:
            call["id"] = entry["id"]
        function = entry.get("function")
        if not isinstance(function, dict):
            return
        if isinstance(function.get("name"), str) and function["name"]:
            call["name"] = function["name"]
        arguments = function.get("arguments")
        if arguments is not None:
            call["arguments"].append(arguments if isinstance(arguments, str) else json.dumps(arguments))

    def _failure(self, data: dict[str, Any]) -> DelegationError:
        """The error that an event reports; its status is what the server would have begun with."""
        error = data.get("error")
        error = error if isinstance(error, dict) else {}
        status = next((error[k] for k in ("code", "status") if isinstance(error.get(k), int) and 400 <= error[k] < 600), None)
        if status is None:
            words = f"{error.get('type')} {error.get('code')}".lower()
            status = next((number for word, number in _STATUS.items() if word in words), 500)
        failure = self._faults.refused(Answer(status=status, retry_after=None, body=json.dumps(data).encode()), self._request)
        failure.usage = self.usage()
        return failure

    def whole(self) -> dict[str, Any]:
        if self._finish is None and not self.over:
            words = f"the reply of {self._faults.address} broke off before its end"
            raise DelegationError(words, retryable=True, usage=self.usage())
        message: dict[str, Any] = {name: "".join(parts) for name, parts in self._parts.items()}
        if self._calls:
            message["tool_calls"] = [
                {"id": c["id"], "function": {"name": c["name"], "arguments": "".join(c["arguments"])}} for c in self._calls.values()
            ]
        return {"choices": [{"message": message, "finish_reason": self._finish}], "usage": self._usage, "model": self._model}

    def usage(self) -> Usage | None:
        return None if self._usage is None else usage_of({"usage": self._usage})
