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

from rtfs.models.http import is_too_long
from rtfs.models.prompt import ReplyShape, chat_messages
from rtfs.models.protocol import ModelRequest

_UNSUPPORTED = ("unsupported", "not support", "unrecognized", "unknown", "extra", "not permitted", "unexpected")
_ABOUT_FORMAT = ("response_format", "schema", "structured output", "json mode", "json_object", "grammar")


@dataclass(frozen=True, slots=True)
class Dialect:
    """The fields that are sent."""

    format: str = "json_schema"
    """How a structured result is asked for: `json_schema`, `json_object`, or `none` (in the prompt only)."""
    tokens: str = "max_tokens"
    """The field for the limit: `max_tokens` or `max_completion_tokens`."""
    temperature: bool = True
    seed: bool = True

    def payload(self, request: ModelRequest, shape: ReplyShape) -> bytes:
        """The body of the HTTP request."""
        payload: dict[str, Any] = {"model": request.model, "messages": chat_messages(request, shape)}
        payload[self.tokens] = request.max_tokens
        if self.temperature:
            payload["temperature"] = request.temperature
        if self.seed:
            payload["seed"] = request.seed
        if shape.schema is not None and self.format == "json_schema":
            name = re.sub(r"[^A-Za-z0-9_-]", "_", request.function)[:64] or "function"
            wanted = {"name": name, "schema": shape.schema, "strict": shape.strict}
            payload["response_format"] = {"type": "json_schema", "json_schema": wanted}
        elif shape.schema is not None and self.format == "json_object":
            payload["response_format"] = {"type": "json_object"}
        return json.dumps(payload).encode("ascii")  # escapes, so that a lone surrogate does not stop it

    def simpler(self, complaint: str) -> Dialect | None:
        """This dialect without what a refusal complains about; None when it complains about something else.

        Each step takes something away for good, so asking again with the result comes to an end.

        Args:
            complaint: the server's words in lower case, with the name of the field if it gave one.
        """
        if is_too_long(complaint):
            return None
        unsupported = any(word in complaint for word in _UNSUPPORTED)
        if self.tokens == "max_tokens" and "max_tokens" in complaint:
            if unsupported or "max_completion_tokens" in complaint:
                return replace(self, tokens="max_completion_tokens")
        # `invalid temperature: only 1 is allowed for this model`, says Moonshot
        if self.temperature and "temperature" in complaint and (unsupported or "only 1 is allowed" in complaint):
            return replace(self, temperature=False)
        if self.seed and re.search(r"\bseed\b", complaint) and unsupported:
            return replace(self, seed=False)
        if any(word in complaint for word in _ABOUT_FORMAT):
            following = {"json_schema": "json_object", "json_object": "none"}.get(self.format)
            return replace(self, format=following) if following else None
        return None
