"""What a server that speaks the OpenAI protocol takes: the fields of a request, and how to do with fewer.

The protocol has grown, and servers implement different parts of it: some know no `json_schema`, some reasoning models want
`max_completion_tokens` and no `temperature`, strict ones refuse `seed`.  No server says so beforehand.  A request begins with
everything; a refusal that names a field leads to a smaller dialect.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from rtfs.models.http_faults import is_too_long
from rtfs.models.openai_reply import written_calls
from rtfs.models.prompt import ReplyShape, chat_messages, retry_messages
from rtfs.models.protocol import NO_USAGE, ModelRequest, Round, ToolsRefused

_UNSUPPORTED = ("unsupported", "not support", "unrecognized", "unknown", "extra", "not permitted", "unexpected")
_ABOUT_FORMAT = ("response_format", "schema", "structured output", "json mode", "json_object", "grammar")


@dataclass(frozen=True, slots=True)
class Dialect:
    """The fields that are sent."""

    format: str = "json_schema"
    """How a structured result is asked for: `json_schema`, `schema_object` (a JSON object with a schema, as llama-cpp-python's
    server has it), `json_object`, or `none` (in the prompt only)."""
    tokens: str = "max_tokens"
    """The field for the limit: `max_tokens` or `max_completion_tokens`."""
    temperature: bool = True
    seed: bool = True
    format_with_tools: bool = False
    """A result can be constrained in a request that offers tools; many servers would constrain the calls by it, or refuse."""
    stream_usage: bool = True
    """What a streamed reply used can be asked for."""

    def payload(self, request: ModelRequest, shape: ReplyShape, *, stream: bool = False) -> bytes:
        """The body of the HTTP request."""
        messages: list[dict[str, Any]] = [*chat_messages(request, shape)]
        for done in request.rounds:
            messages += _round_messages(done)
        payload: dict[str, Any] = {"model": request.model, "messages": [*messages, *retry_messages(request, shape)]}
        if stream:
            payload["stream"] = True
            if self.stream_usage:
                payload["stream_options"] = {"include_usage": True}
        payload[self.tokens] = request.max_tokens
        if self.temperature:
            payload["temperature"] = request.temperature
        if self.seed:
            payload["seed"] = request.seed
        if request.tools:
            payload["tools"] = [
                {"type": "function", "function": {"name": tool.name, "description": tool.doc, "parameters": tool.schema}}
                for tool in request.tools
            ]
            if request.answer_now:
                payload["tool_choice"] = "none"
        if request.tools and not request.answer_now and not self.format_with_tools:
            pass
        elif shape.schema is not None and self.format == "json_schema":
            name = re.sub(r"[^A-Za-z0-9_-]", "_", request.function)[:64] or "function"
            wanted = {"name": name, "schema": shape.schema, "strict": shape.strict}
            payload["response_format"] = {"type": "json_schema", "json_schema": wanted}
        elif shape.schema is not None and self.format == "schema_object":
            payload["response_format"] = {"type": "json_object", "schema": shape.schema}
        elif shape.schema is not None and self.format == "json_object":
            payload["response_format"] = {"type": "json_object"}
        return json.dumps(payload).encode("ascii")  # escapes, so that a lone surrogate does not stop it

    def simpler(self, complaint: str) -> Dialect | None:
        """This dialect without what a refusal complains about; None when it complains about something else.

        Each step takes something away for good, so asking again with the result comes to an end.

        Args:
            complaint: the server's words in lower case, with the name of the field if it gave one.
        Raises:
            ToolsRefused.
        """
        if is_too_long(complaint):
            return None
        unsupported = any(word in complaint for word in _UNSUPPORTED)
        if self.stream_usage and ("stream_options" in complaint or "include_usage" in complaint):
            return replace(self, stream_usage=False)
        if re.search(r"\btools?\b|tool[-_]choice|function call", complaint):
            if self.format_with_tools:
                return replace(self, format_with_tools=False)
            # "does not support tools" (Ollama), "\"auto\" tool choice requires --enable-auto-tool-choice" (vLLM)
            if unsupported or "requires" in complaint:
                raise ToolsRefused("the server takes no tools for this model", usage=NO_USAGE)
        if self.tokens == "max_tokens" and "max_tokens" in complaint:
            if unsupported or "max_completion_tokens" in complaint:
                return replace(self, tokens="max_completion_tokens")
        # `invalid temperature: only 1 is allowed for this model`, says Moonshot
        if self.temperature and "temperature" in complaint and (unsupported or "only 1 is allowed" in complaint):
            return replace(self, temperature=False)
        if self.seed and re.search(r"\bseed\b", complaint) and unsupported:
            return replace(self, seed=False)
        if any(word in complaint for word in _ABOUT_FORMAT):
            following = {"json_schema": "json_object", "schema_object": "json_object", "json_object": "none"}.get(self.format)
            if self.format == "json_schema" and "literal_error" in complaint:  # llama-cpp-python's server has a form of its own
                following = "schema_object"
            return replace(self, format=following) if following else None
        return None


def _round_messages(done: Round) -> list[dict[str, Any]]:
    """Calls of tools and their results."""
    own = done.message.get("openai") if isinstance(done.message, dict) else None
    asked = own or {"role": "assistant", "content": done.text or None, "tool_calls": written_calls(done.calls)}
    return [asked, *[{"role": "tool", "tool_call_id": r.id, "content": r.text} for r in done.results]]
