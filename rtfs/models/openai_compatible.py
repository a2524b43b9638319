"""Any server that speaks the OpenAI chat completions protocol: a hosted one, or vLLM, llama.cpp's server, Ollama …

One request is `POST {base URL}/chat/completions`.  A structured result is asked for with `response_format`; servers
differ in what they accept there and in a few other fields, so a refusal that names a field is answered by asking again
without it, and what was learnt is kept for the next call (`openai_dialect`).  429, 5xx, dropped connections and broken replies
are tried again, at most twice, within the request's time; redirects are not followed, since they could carry the key to
another host.

The HTTP library is imported when the first request is made.  Its errors stop here (`_translated`), and the key is taken
out of every text that leaves this module.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from rtfs.errors import DelegationError, missing_extra
from rtfs.models.openai_dialect import Dialect, is_too_long
from rtfs.models.prompt import ReplyShape
from rtfs.models.protocol import NO_USAGE, Availability, ModelReply, ModelRequest, Usage

BASE_URL_VARIABLE = "RTFS_REMOTE_BASE_URL"
KEY_VARIABLE = "RTFS_REMOTE_API_KEY"
OPENAI_URL = "https://api.openai.com/v1"

_LARGEST_REPLY_BYTES = 8 << 20
_CONNECT_S = 10.0
_LONGEST_DETAIL = 300  # characters of the server's own words in a message
_LONGEST_COMPLAINT = 4_000  # characters of them that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What came back, whole."""

    status: int
    retry_after: str | None
    body: bytes


class OpenAICompatibleProvider:
    """Asks one server. Safe to use from several threads; they share a pool of connections."""

    name = "openai-compatible"

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str | None = None,
        key_name: str = KEY_VARIABLE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            base_url: up to and without `/chat/completions`; None when nothing is configured, then every request fails.
            api_key: sent as a bearer token; None for a server that wants none.
            key_name: where the key came from, for hints.
            clock: seconds, monotonic.
        """
        self._base_url = (base_url or "").strip().rstrip("/").removesuffix("/chat/completions")
        self._key = (api_key or "").strip()
        self._key_name = key_name
        self._clock = clock
        self._lock = threading.Lock()
        self._client: Any = None
        self._closed = False
        #: (model, schema or None for all) -> what its server takes
        self._dialects: dict[tuple[str, str | None], Dialect] = {}

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

    def __repr__(self) -> str:
        return f"OpenAICompatibleProvider({self.address!r})"

    @property
    def address(self) -> str:
        """The base URL as it may be shown: without user, password and query."""
        try:
            parts = urlsplit(self._base_url)
            return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        except ValueError:
            return "(an address that cannot be read)"

    @property
    def server(self) -> str:
        """Host, and port where one is given: whose prices hold."""
        try:
            return urlsplit(self._base_url).netloc.rpartition("@")[2].lower()
        except ValueError:
            return ""

    # --- the protocol ---

    def availability(self, model: str) -> Availability:
        try:
            self._check_settings()
        except DelegationError as error:
            return Availability(usable=False, detail=error.message, hint=error.hint)
        from importlib.util import find_spec

        if find_spec("httpx2") is None:
            missing = self._no_library()
            return Availability(usable=False, detail=missing.message, hint=missing.hint)
        return Availability(usable=True, detail=self.address + ("" if self._key else " (no key)"))

    def complete(self, request: ModelRequest) -> ModelReply:
        self._check_settings()
        client = self._opened()
        shape = ReplyShape.of(request.result, request.aliases.get)
        schema = None if shape.schema is None else json.dumps(shape.schema)
        deadline = self._clock() + request.timeout_s
        dialect = self._dialects.get((request.model, schema)) or self._dialects.get((request.model, None)) or Dialect()
        learnt: tuple[str, str | None] | None = None
        while True:
            answer, data = self._ask(client, dialect.payload(request, shape), request, deadline)
            if data is not None:
                if learnt is not None:
                    self._dialects[learnt] = dialect
                return self._reply(data, request, shape)
            complaint = self._complaint(answer.body).lower()
            following = dialect.simpler(complaint) if answer.status in (400, 422) else None
            if following is None:
                raise self._refusal(answer, request)
            # a fault of this schema says nothing about the others
            learnt = (request.model, schema if "invalid schema" in complaint or "invalid_json_schema" in complaint else None)
            dialect = following

    def close(self) -> None:
        with self._lock:
            client, self._client, self._closed = self._client, None, True
        if client is not None:
            client.close()

    # --- asking ---

    def _check_settings(self) -> None:
        """Raise what is wrong with address and key, before anything is sent."""
        if not self._base_url:
            raise DelegationError(
                "no server for remote models is configured",
                kind="model-unavailable",
                hint=f"set {BASE_URL_VARIABLE} (and {KEY_VARIABLE} if the server wants a key), or OPENAI_API_KEY",
            )
        if not re.match(r"https?://[^/?#\s]", self._base_url, re.IGNORECASE):
            raise DelegationError(
                "the address of the server for remote models is not an http or https URL",
                kind="model-unavailable",
                hint=f"write {BASE_URL_VARIABLE} like http://localhost:8080/v1",
            )
        # an HTTP library quotes a header that it refuses, key and all
        if not re.fullmatch(r"[\x21-\x7e]*", self._key):
            raise DelegationError(
                f"the key in {self._key_name} has characters that no key has",
                kind="model-unavailable",
                hint=f"check {self._key_name} for blanks, line ends and quotes that were copied with it",
            )

    def _no_library(self) -> DelegationError:
        missing = missing_extra("httpx2", "remote", "asking a remote model")
        return DelegationError(missing.message, kind="model-unavailable", hint=missing.hint)

    def _opened(self) -> Any:
        with self._lock:
            if self._closed:
                raise DelegationError("the provider is closed", kind="model-unavailable")
            if self._client is None:
                try:
                    import httpx2
                except ImportError as error:
                    raise self._no_library() from error
                headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Content-Type": "application/json"}
                if self._key:
                    headers["Authorization"] = f"Bearer {self._key}"
                try:
                    self._client = httpx2.Client(headers=headers, follow_redirects=False)
                except (ValueError, ImportError, OSError, httpx2.InvalidURL) as error:  # it reads proxies and certificates
                    raise DelegationError(
                        "the proxy or certificate settings of the environment cannot be used",
                        kind="model-unavailable",
                        hint="check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
                    ) from error
            return self._client

    def _ask(
        self, client: Any, payload: bytes, request: ModelRequest, deadline: float
    ) -> tuple[_Answer, dict[str, Any] | None]:
        """The server's answer, and its content when it is a success. Trying again is the business of who asks."""
        answer = self._send(client, payload, request.timeout_s, deadline)
        if answer.status == 200:
            return answer, self._content(answer.body)
        failure = self._refusal(answer, request)
        if not failure.retryable:
            return answer, None
        failure.retry_after_s = _seconds(answer.retry_after)
        raise failure

    def _send(self, client: Any, payload: bytes, timeout_s: float, deadline: float) -> _Answer:
        import httpx2

        remaining = max(deadline - self._clock(), 0.001)
        limits = httpx2.Timeout(remaining, connect=min(_CONNECT_S, remaining))
        with self._translated(timeout_s), client.stream(
            "POST", self._base_url + "/chat/completions", content=payload, timeout=limits
        ) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _LARGEST_REPLY_BYTES:
                    raise DelegationError(f"the reply of {self.address} is larger than {_LARGEST_REPLY_BYTES >> 20} MiB")
                if self._clock() > deadline:  # a reply that drips is never late for the library
                    raise self._late(timeout_s)
            return _Answer(status=response.status_code, retry_after=response.headers.get("retry-after"), body=bytes(body))

    def _late(self, timeout_s: float) -> DelegationError:
        return DelegationError(
            f"{self.address} did not answer within {timeout_s:g} s", retryable=True, hint="allow more with :timeout-s"
        )

    @contextlib.contextmanager
    def _translated(self, timeout_s: float) -> Iterator[None]:
        """Errors of the HTTP library become DelegationErrors; anything else passes."""
        import httpx2

        try:
            yield
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            raise DelegationError(
                f"cannot reach {self.address} ({self._shown(str(error)) or type(error).__name__})",
                kind="model-unavailable",
                retryable=True,
                hint=f"is the server running, and is {BASE_URL_VARIABLE} right?",
            ) from error
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise DelegationError(
                f"the address {self.address} cannot be used: {self._shown(str(error))}",
                kind="model-unavailable",
                hint=f"correct {BASE_URL_VARIABLE}",
            ) from error
        except httpx2.TimeoutException as error:
            raise self._late(timeout_s) from error
        except (httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.DecodingError) as error:
            said = self._shown(str(error)) or type(error).__name__
            raise DelegationError(f"the connection to {self.address} broke off ({said})", retryable=True) from error
        except (httpx2.HTTPError, httpx2.CookieConflict) as error:
            raise DelegationError(f"asking {self.address} failed: {self._shown(str(error))}") from error

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

    def _refusal(self, answer: _Answer, request: ModelRequest) -> DelegationError:
        """The error for a status that is not a success; such a request is not billed, unless the server gave up waiting for it."""
        error = self._refused(answer, request)
        error.usage = None if answer.status in (408, 504) else NO_USAGE
        return error

    def _refused(self, answer: _Answer, request: ModelRequest) -> DelegationError:
        status, said = answer.status, self._complaint(answer.body)
        detail = f" ({status}{': ' + self._shown(said) if said else ''})"
        lowered = said.lower()
        if status == 413 or (status < 500 and is_too_long(lowered)):
            return DelegationError(
                f"the prompt is too long for `{request.model}`{detail}",
                kind="prompt-too-long",
                hint="pass less text, or use another model",
            )
        if status in (401, 403):
            hint = f"check {self._key_name}" if self._key else f"the server wants a key: set {KEY_VARIABLE}"
            return DelegationError(f"{self.address} refuses access{detail}", kind="model-unavailable", hint=hint)
        if status == 404 or "model_not_found" in lowered:
            return DelegationError(
                f"{self.address} has no model `{request.model}`, or is not the API's address{detail}",
                kind="model-unavailable",
                hint=f"check the model's id; {BASE_URL_VARIABLE} usually ends in /v1",
            )
        if 300 <= status < 400:
            return DelegationError(
                f"{self.address} redirects to another address, which is not followed ({status})",
                kind="model-unavailable",
                hint=f"put the final address into {BASE_URL_VARIABLE}",
            )
        if "insufficient_quota" in lowered:
            return DelegationError(f"the account at {self.address} has nothing left{detail}", hint="check its plan and billing")
        if status == 429:
            return DelegationError(f"{self.address} gets too many requests{detail}", retryable=True, hint="try again later")
        if status >= 500 or status == 408:
            return DelegationError(f"{self.address} failed{detail}", retryable=True)
        return DelegationError(f"{self.address} refused the request{detail}")

    def _complaint(self, body: bytes) -> str:
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

    def _shown(self, text: str) -> str:
        """Foreign text for a message: the key taken out, control characters too, on one line, not long."""
        if self._key:
            text = text.replace(self._key, "[key]")
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return text if len(text) <= _LONGEST_DETAIL else text[:_LONGEST_DETAIL] + "…"


def _usage(data: dict[str, Any]) -> Usage:
    """What a reply says that it used. Prompt tokens include those from the cache; servers say how many in two places."""
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    cached = _count(details, "cached_tokens") if isinstance(details, dict) else None
    return Usage(
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        cached_tokens=cached if cached is not None else _count(usage, "cached_tokens"),
    )


def _count(usage: dict[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _seconds(retry_after: str | None) -> float | None:
    """A `Retry-After` header in seconds from now: a number, or a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}(\.\d+)?\s*", retry_after):
        return float(retry_after)
    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None
