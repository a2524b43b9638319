"""Asking a server over HTTP: what the adapters for remote models have in common.

An adapter says where requests go, how the key travels, what is in a request and in its answer; here are the connection, the
time, the size, and the translation of everything that can go wrong.  A refusal that names a field of the request is answered by
asking again without it, and what was learnt is kept for the next call.  Trying again later is the business of who asks;
redirects are not followed, since they could carry the key to another host.

The HTTP library is imported when the first request is made.  Its errors stop here (`_translated`), and the key is taken
out of every text that leaves this module.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from rtfs.errors import DelegationError, missing_extra
from rtfs.models.interrupting import Interrupts
from rtfs.models.prompt import ReplyShape
from rtfs.models.protocol import NO_USAGE, Availability, ModelReply, ModelRequest

_LARGEST_REPLY_BYTES = 8 << 20
_CONNECT_S = 10.0
_TOO_LONG = (
    "context_length", "context length", "maximum context", "context window", "context size", "exceed_context", "prompt is too long",
)  # fmt: skip
_LONGEST_DETAIL = 300  # characters of the server's own words in a message
_LONGEST_COMPLAINT = 4_000  # characters of them that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, whole."""

    status: int
    retry_after: str | None
    body: bytes


class Dialect(Protocol):
    """What a server takes: the fields of a request, and how to do with fewer."""

    def payload(self, request: ModelRequest, shape: ReplyShape) -> bytes:
        """The body of the HTTP request."""
        ...

    def simpler(self, complaint: str) -> Dialect | None:
        """This dialect without what a refusal, in lower case, complains about; None when it complains about something else.

        Each step takes something away for good, so asking again with the result comes to an end.
        """
        ...


class HttpProvider:
    """One server. Safe to use from several threads; they share a pool of connections."""

    name = "http"
    #: Nobody bills.
    free = False
    #: Below the base URL.
    path = "/"
    #: How base URLs usually look, for hints.
    usual_url = "usually ends in /v1"

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str | None,
        key_name: str,
        url_name: str,
        dialect: Dialect,
        needs_key: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            base_url: up to and without `path`; None when nothing is configured, then every request fails.
            api_key: None for a server that wants none.
            key_name, url_name: where key and address come from, for hints.
            dialect: what its servers are asked in at first.
            needs_key: nothing is sent without a key.
            clock: seconds, monotonic.
        """
        self._base_url = (base_url or "").strip().rstrip("/").removesuffix(self.path)
        self._key = (api_key or "").strip()
        self._key_name = key_name
        self._url_name = url_name
        self._clock = clock
        self._lock = threading.Lock()
        self._client: Any = None
        self._interrupts = Interrupts()
        self._closed = False
        self._needs_key = needs_key
        self._dialect = dialect
        #: (model, schema or None for all) -> what its server takes
        self._dialects: dict[tuple[str, str | None], Dialect] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address!r})"

    # --- what an adapter says ---

    def _credentials(self) -> dict[str, str]:
        """The headers that carry the key."""
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def _content(self, body: bytes) -> dict[str, Any]:
        """The content of an answer with status 200.

        Raises:
            DelegationError: it is none.
        """
        raise NotImplementedError

    def _reply(self, data: dict[str, Any], request: ModelRequest, shape: ReplyShape) -> ModelReply:
        """The reply in such a content.

        Raises:
            DelegationError: there is none in it.
        """
        raise NotImplementedError

    def _unconfigured(self) -> DelegationError:
        """The error where there is no address."""
        hint = f"set {self._url_name} (and {self._key_name} if the server wants a key)"
        return DelegationError("no server for remote models is configured", kind="model-unavailable", hint=hint)

    # --- the protocol of providers ---

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

    def preview(self, request: ModelRequest) -> dict[str, Any]:
        """What `complete` would send first, without the key; nothing is sent."""
        shape = ReplyShape.of(request.result, request.aliases.get)
        body = json.loads(self._spoken(request, shape).payload(request, shape))
        headers = {"Content-Type": "application/json", **self._credentials()}
        if self._key:
            headers = {name: value.replace(self._key, f"[{self._key_name}]") for name, value in headers.items()}
        url = self.address + self.path if self._base_url else "(no address)"
        return {"method": "POST", "url": url, "headers": headers, "body": body}

    def complete(self, request: ModelRequest) -> ModelReply:
        with self._interrupts.until(request.stop):
            return self._complete(request)

    def _complete(self, request: ModelRequest) -> ModelReply:
        self._check_settings()
        client = self._opened()
        shape = ReplyShape.of(request.result, request.aliases.get)
        schema = None if shape.schema is None else json.dumps(shape.schema)
        deadline = self._clock() + request.timeout_s
        dialect = self._spoken(request, shape)
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

    def _spoken(self, request: ModelRequest, shape: ReplyShape) -> Dialect:
        """The dialect in which a request begins: what was learnt of its model, and of its schema."""
        schema = None if shape.schema is None else json.dumps(shape.schema)
        return self._dialects.get((request.model, schema)) or self._dialects.get((request.model, None)) or self._dialect

    def close(self) -> None:
        with self._lock:
            client, self._client, self._closed = self._client, None, True
        if client is not None:
            client.close()

    # --- asking ---

    def _check_settings(self) -> None:
        """Raise what is wrong with address and key, before anything is sent."""
        if not self._base_url:
            raise self._unconfigured()
        if not re.match(r"https?://[^/?#\s]", self._base_url, re.IGNORECASE):
            raise DelegationError(
                "the address of the server for remote models is not an http or https URL",
                kind="model-unavailable",
                hint=f"write {self._url_name} like http://localhost:8080/v1",
            )
        if self._needs_key and not self._key:
            hint = f"set {self._key_name}, or run: rtfs keys set {self._key_name}"
            raise DelegationError(f"there is no key for {self.address}", kind="model-unavailable", hint=hint)
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
                headers |= self._credentials()
                try:
                    # how many requests are under way at once is the business of who asks
                    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=1_000)
                    self._client = httpx2.Client(headers=headers, follow_redirects=False, limits=limits)
                    self._interrupts.watch(self._client)
                except (ValueError, ImportError, OSError, httpx2.InvalidURL) as error:  # it reads proxies and certificates
                    raise DelegationError(
                        "the proxy or certificate settings of the environment cannot be used",
                        kind="model-unavailable",
                        hint="check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
                    ) from error
            return self._client

    def _ask(
        self, client: Any, payload: bytes, request: ModelRequest, deadline: float
    ) -> tuple[Answer, dict[str, Any] | None]:
        """The server's answer, and its content when it is a success. Trying again is the business of who asks."""
        answer = self._send(client, payload, request.timeout_s, deadline)
        if answer.status == 200:
            return answer, self._content(answer.body)
        failure = self._refusal(answer, request)
        if not failure.retryable:
            return answer, None
        failure.retry_after_s = _seconds(answer.retry_after)
        raise failure

    def _send(self, client: Any, payload: bytes, timeout_s: float, deadline: float) -> Answer:
        import httpx2

        remaining = max(deadline - self._clock(), 0.001)
        limits = httpx2.Timeout(remaining, connect=min(_CONNECT_S, remaining))
        with self._translated(timeout_s), client.stream(
            "POST", self._base_url + self.path, content=payload, timeout=limits
        ) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _LARGEST_REPLY_BYTES:
                    raise DelegationError(f"the reply of {self.address} is larger than {_LARGEST_REPLY_BYTES >> 20} MiB")
                if self._clock() > deadline:  # a reply that drips is never late for the library
                    raise self._late(timeout_s)
            return Answer(status=response.status_code, retry_after=response.headers.get("retry-after"), body=bytes(body))

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
                hint=f"is the server running, and is {self._url_name} right?",
            ) from error
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise DelegationError(
                f"the address {self.address} cannot be used: {self._shown(str(error))}",
                kind="model-unavailable",
                hint=f"correct {self._url_name}",
            ) from error
        except httpx2.TimeoutException as error:
            raise self._late(timeout_s) from error
        except (httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.DecodingError) as error:
            said = self._shown(str(error)) or type(error).__name__
            raise DelegationError(f"the connection to {self.address} broke off ({said})", retryable=True) from error
        except (httpx2.HTTPError, httpx2.CookieConflict) as error:
            raise DelegationError(f"asking {self.address} failed: {self._shown(str(error))}") from error

    # --- what went wrong ---

    def _refusal(self, answer: Answer, request: ModelRequest) -> DelegationError:
        """The error for a status that is not a success; such a request is not billed, unless the server gave up waiting for it."""
        error = self._refused(answer, request)
        error.usage = None if answer.status in (408, 504) else NO_USAGE
        return error

    def _refused(self, answer: Answer, request: ModelRequest) -> DelegationError:
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


def is_too_long(complaint: str) -> bool:
    """Whether a server's words, in lower case, say that the prompt does not fit into the model's context."""
    return any(words in complaint for words in _TOO_LONG)


def count(usage: dict[str, Any], name: str) -> int | None:
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
