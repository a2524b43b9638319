"""What can go wrong when a server is asked over HTTP, in our words: one place for the errors of the HTTP library, one for refusals.

The key is taken out of every text that leaves this module.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rtfs.errors import DelegationError
from rtfs.models.presets import is_loopback
from rtfs.models.protocol import NO_USAGE, ModelRequest

_TOO_LONG = (
    "context_length", "context length", "maximum context", "context window", "context size", "exceed_context", "prompt is too long",
)  # fmt: skip
_LONGEST_WORD = 7  # a key that is no longer is no secret, and may stand inside a word
_LONGEST_DETAIL = 300  # characters of the server's own words in a message
_LONGEST_COMPLAINT = 4_000  # characters of them that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, whole."""

    status: int
    retry_after: str | None
    body: bytes


class HttpFaults:
    """The words for everything that goes wrong with one server."""

    #: How base URLs usually look, for hints.
    usual_url = "usually ends in /v1"
    _base_url: str
    _key: str
    _key_name: str
    _url_name: str

    @property
    def address(self) -> str:
        """The base URL as it may be shown: without user, password and query."""
        try:
            parts = urlsplit(self._base_url)
            return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        except ValueError:
            return "(an address that cannot be read)"

    @property
    def is_here(self) -> bool:
        """Whether the server is certainly on this machine."""
        return is_loopback(self._base_url)

    @property
    def has_key(self) -> bool:
        return bool(self._key)

    @property
    def may_be_asked(self) -> bool:
        """Whether it may be asked for what it has before anybody wants an answer: it is here, or there is a key for it."""
        return self.is_here or self.has_key

    @property
    def key_name(self) -> str:
        """The variable that the key comes from."""
        return self._key_name

    @property
    def url_name(self) -> str:
        """The variable that the address comes from."""
        return self._url_name

    def late(self, timeout_s: float) -> DelegationError:
        return DelegationError(
            f"{self.address} did not answer within {timeout_s:g} s", retryable=True, hint="allow more with :timeout-s"
        )

    @contextlib.contextmanager
    def translated(self, timeout_s: float) -> Iterator[None]:
        """Errors of the HTTP library become DelegationErrors; anything else passes."""
        import httpx2

        try:
            yield
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            raise DelegationError(
                f"cannot reach {self.address} ({self.shown(str(error)) or type(error).__name__})",
                kind="model-unavailable",
                retryable=True,
                hint=f"is the server running, and is {self._url_name} right?",
            ) from error
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise DelegationError(
                f"the address {self.address} cannot be used: {self.shown(str(error))}",
                kind="model-unavailable",
                hint=f"correct {self._url_name}",
            ) from error
        except httpx2.TimeoutException as error:
            raise self.late(timeout_s) from error
        except (httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.DecodingError) as error:
            said = self.shown(str(error)) or type(error).__name__
            raise DelegationError(f"the connection to {self.address} broke off ({said})", retryable=True) from error
        except (httpx2.HTTPError, httpx2.CookieConflict) as error:
            raise DelegationError(f"asking {self.address} failed: {self.shown(str(error))}") from error

    # --- answers with status 200 that are none ---

    def document(self, body: bytes) -> Any:
        """The JSON of an answer.

        Raises:
            DelegationError: it is not JSON.
        """
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise DelegationError(f"the reply of {self.address} is not JSON", retryable=True) from error

    def no_answer(self, body: bytes) -> DelegationError:
        """The error for JSON in which no answer is: some servers report failures like that."""
        said = self.shown(self.complaint(body))
        return DelegationError(f"the reply of {self.address} holds no answer ({said})", retryable=True)

    # --- refusals ---

    def refusal(self, answer: Answer, request: ModelRequest) -> DelegationError:
        """The error for a status that is not a success; such a request is not billed, unless the server gave up waiting for it."""
        error = self.refused(answer, request)
        error.usage = None if answer.status in (408, 504) else NO_USAGE
        return error

    def refused(self, answer: Answer, request: ModelRequest) -> DelegationError:
        status, said = answer.status, self.complaint(answer.body)
        detail = f" ({status}{': ' + self.shown(said) if said else ''})"
        lowered = said.lower()
        if status == 413 or (status < 500 and is_too_long(lowered)):
            return DelegationError(
                f"the prompt is too long for `{request.model}`{detail}",
                kind="prompt-too-long",
                hint="pass less text, or use another model",
            )
        if status in (401, 403):
            hint = f"check {self._key_name}" if self._key else f"the server wants a key: set {self._key_name}"
            return DelegationError(f"{self.address} refuses access{detail}", kind="model-unavailable", hint=hint)
        if status == 404 or "model_not_found" in lowered:
            return DelegationError(
                f"{self.address} has no model `{request.model}`, or is not the API's address{detail}",
                kind="model-unavailable",
                hint=f"check the model's id; {self._url_name} {self.usual_url}",
            )
        if 300 <= status < 400:
            return DelegationError(
                f"{self.address} redirects to another address, which is not followed ({status})",
                kind="model-unavailable",
                hint=f"put the final address into {self._url_name}",
            )
        if "insufficient_quota" in lowered:
            return DelegationError(f"the account at {self.address} has nothing left{detail}", hint="check its plan and billing")
        if status == 429:
            words = f"{self.address} gets too many requests{detail}"
            return DelegationError(words, kind="rate-limited", retryable=True, hint="try again later")
        if status >= 500 or status == 408:
            return DelegationError(f"{self.address} failed{detail}", retryable=True)
        return DelegationError(f"{self.address} refused the request{detail}")

    def complaint(self, body: bytes) -> str:
        """The server's own words about an error, with its code and the field it means; not yet fit to be shown."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            data = body.decode("utf-8", "replace") if not body.lstrip().startswith(b"<") else ""  # not a page of HTML
        error = data.get("error", data.get("detail", data)) if isinstance(data, dict) else data
        if isinstance(error, dict):
            parts = [str(error[k]) for k in ("message", "code", "param") if error.get(k) is not None]
            said = parts[0] + "".join(f" [{p}]" for p in parts[1:] if p not in parts[0]) if parts else ""
        else:
            said = error if isinstance(error, str) else json.dumps(error)
        return said[:_LONGEST_COMPLAINT]

    def shown(self, text: str) -> str:
        """Foreign text for a message: the key taken out, control characters too, on one line, not long."""
        if len(self._key) > _LONGEST_WORD:
            text = text.replace(self._key, "[key]")
        elif self._key:  # `x` for a server that wants any key: `maximum` stays
            text = re.sub(rf"(?<!\w){re.escape(self._key)}(?!\w)", "[key]", text)
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return text if len(text) <= _LONGEST_DETAIL else text[:_LONGEST_DETAIL] + "…"


def is_too_long(complaint: str) -> bool:
    """Whether a server's words, in lower case, say that the prompt does not fit into the model's context."""
    return any(words in complaint for words in _TOO_LONG)


def count(usage: dict[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
