"""Asking a server over HTTP: what the adapters for remote models have in common.

An adapter says where requests go, how the key travels, what is in a request and in its answer; here are the connection, the
time, the size, and the translation of everything that can go wrong.  A refusal that names a field of the request is answered by
asking again without it, and what was learnt is kept for the next call.  Trying again later is the business of who asks;
redirects are not followed, since they could carry the key to another host.

The HTTP library is imported when the first request is made.  Its errors stop here (`http_faults`), and the key is taken
out of every text that leaves this module.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from rtfs.errors import DelegationError, missing_extra
from rtfs.models.alarms import ALARMS
from rtfs.models.http_faults import Answer, HttpFaults
from rtfs.models.http_stream import STALL_S, Collector, HttpStream
from rtfs.models.interrupting import Interrupts
from rtfs.models.prompt import ReplyShape
from rtfs.models.protocol import Availability, ModelReply, ModelRequest, ReplyStream
from rtfs.semantics.stopping import Stop, Stopped

_LARGEST_REPLY_BYTES = 8 << 20
_CONNECT_S = 10.0


class Dialect(Protocol):
    """What a server takes: the fields of a request, and how to do with fewer."""

    def payload(self, request: ModelRequest, shape: ReplyShape, *, stream: bool = False) -> bytes:
        """The body of the HTTP request.

        Args:
            stream: the reply is wanted in events, as it is written.
        """
        ...

    def simpler(self, complaint: str) -> Dialect | None:
        """This dialect without what a refusal, in lower case, complains about; None when it complains about something else.

        Each step takes something away for good, so asking again with the result comes to an end.
        """
        ...


class HttpProvider(HttpFaults):
    """One server. Safe to use from several threads; they share a pool of connections."""

    name = "http"
    #: Nobody bills.
    free = False
    #: Below the base URL.
    path = "/"
    #: The same of the list of models.
    models_path = "/models"

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
        stall_s: float = STALL_S,
    ) -> None:
        """
        Args:
            base_url: up to and without `path`; None when nothing is configured, then every request fails.
            api_key: None for a server that wants none.
            key_name, url_name: where key and address come from, for hints.
            dialect: what its servers are asked in at first.
            needs_key: nothing is sent without a key.
            clock: seconds, monotonic.
            stall_s: seconds without a word, in the middle of an answer, after which it is given up.
        """
        self.stall_s = stall_s
        self.clock = clock
        self._base_url = (base_url or "").strip().rstrip("/").removesuffix(self.path)
        self._key = (api_key or "").strip()
        self._key_name = key_name
        self._url_name = url_name
        self._lock = threading.Lock()
        self._client: Any = None
        self.interrupts = Interrupts()
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

    def content(self, body: bytes) -> dict[str, Any]:
        """The content of an answer with status 200.

        Raises:
            DelegationError: it is none.
        """
        raise NotImplementedError

    def reply(self, data: dict[str, Any], request: ModelRequest, shape: ReplyShape) -> ModelReply:
        """The reply in such a content.

        Raises:
            DelegationError: there is none in it.
        """
        raise NotImplementedError

    def collector(self, request: ModelRequest, shape: ReplyShape) -> Collector:
        """What puts the events of a streamed reply together."""
        raise NotImplementedError

    def _unconfigured(self) -> DelegationError:
        """The error where there is no address."""
        hint = f"set {self._url_name} (and {self._key_name} if the server wants a key)"
        return DelegationError("no server for remote models is configured", kind="model-unavailable", hint=hint)

    # --- the protocol of providers ---

    @property
    def server(self) -> str:
        """Host, and port where one is given: whose prices hold."""
        try:
            return urlsplit(self._base_url).netloc.rpartition("@")[2].lower()
        except ValueError:
            return ""

    def version(self, model: str) -> str:
        """Whose replies they are: servers may mean different models by one id."""
        return self.address

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

    def list_models(self, timeout_s: float) -> int:
        """The status with which the server answers when it is asked for its models.

        Raises:
            DelegationError: it does not.
        """
        self._check_settings()
        client = self._opened()
        with self.translated(timeout_s), client.stream("GET", self._base_url + self.models_path, timeout=timeout_s) as response:
            return int(response.status_code)

    def preview(self, request: ModelRequest) -> dict[str, Any]:
        """What `complete` would send first, without the key; nothing is sent."""
        shape = ReplyShape.of(request.result, request.aliases.get)
        schema = None if shape.schema is None else json.dumps(shape.schema)
        body = json.loads(self.spoken(request.model, schema).payload(request, shape))
        headers = {"Content-Type": "application/json", **self._credentials()}
        if self._key:
            headers = {name: value.replace(self._key, f"[{self._key_name}]") for name, value in headers.items()}
        url = self.address + self.path if self._base_url else "(no address)"
        return {"method": "POST", "url": url, "headers": headers, "body": body}

    def complete(self, request: ModelRequest) -> ModelReply:
        stop = Stop()
        forget = None if request.stop is None else request.stop.tell(stop.set)
        alarm = ALARMS.set(stop.set)
        alarm.rings_in(request.timeout_s)  # headers that drip are never late for the library
        try:
            with self.interrupts.until(stop):
                return self._complete(request)
        except Stopped:
            if request.stop is not None and request.stop.is_set:
                raise
            raise self.late(request.timeout_s) from None
        finally:
            ALARMS.off(alarm)
            if forget is not None:
                forget()

    def _complete(self, request: ModelRequest) -> ModelReply:
        talk = self.talk(request)
        deadline = self.clock() + request.timeout_s
        while True:
            with self.sent(talk.payload(), request.timeout_s, deadline) as response:
                answer = self.read(response, request.timeout_s, deadline)
            if answer.status == 200:
                content = self.content(answer.body)
                talk.worked()
                return self.reply(content, request, talk.shape)
            talk.refused(answer)

    def stream(self, request: ModelRequest) -> ReplyStream:
        return HttpStream(self, request)

    def talk(self, request: ModelRequest) -> Talk:
        """The beginning of a request.

        Raises:
            DelegationError: the settings are wrong; nothing has been sent.
        """
        self._check_settings()
        return Talk(self, request)

    def spoken(self, model: str, schema: str | None) -> Dialect:
        """The dialect in which a request begins: what was learnt of its model, and of its schema."""
        return self._dialects.get((model, schema)) or self._dialects.get((model, None)) or self._dialect

    def learn(self, model: str, schema: str | None, dialect: Dialect) -> None:
        """Begin so from now on. With a schema: only for replies of this one."""
        self._dialects[(model, schema)] = dialect

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
                headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
                headers |= self._credentials()
                try:
                    # how many requests are under way at once is the business of who asks
                    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=1_000)
                    self._client = httpx2.Client(headers=headers, follow_redirects=False, limits=limits)
                    self.interrupts.watch(self._client)
                except (ValueError, ImportError, OSError, httpx2.InvalidURL) as error:  # it reads proxies and certificates
                    raise DelegationError(
                        "the proxy or certificate settings of the environment cannot be used",
                        kind="model-unavailable",
                        hint="check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
                    ) from error
            return self._client

    @contextlib.contextmanager
    def sent(self, payload: bytes, timeout_s: float, deadline: float, *, accept: str = "application/json") -> Iterator[Any]:
        """The response to a request, of which the status is there; closed at the end.

        Raises:
            DelegationError: also for what goes wrong while it is read.
        """
        client = self._opened()
        import httpx2

        remaining = max(deadline - self.clock(), 0.001)
        limits = httpx2.Timeout(remaining, connect=min(_CONNECT_S, remaining))
        url = self._base_url + self.path
        with self.translated(timeout_s), client.stream(
            "POST", url, content=payload, timeout=limits, headers={"Accept": accept}
        ) as response:
            yield response

    def read(self, response: Any, timeout_s: float, deadline: float) -> Answer:
        """All of a response."""
        body = b"".join(self.pieces(response, timeout_s, deadline))
        return Answer(status=response.status_code, retry_after=response.headers.get("retry-after"), body=body)

    def pieces(self, response: Any, timeout_s: float, deadline: float) -> Iterator[bytes]:
        """The body as it comes.

        Raises:
            DelegationError: it is too large, or not there in time.
        """
        size = 0
        for piece in response.iter_bytes():
            size += len(piece)
            if size > _LARGEST_REPLY_BYTES:
                raise DelegationError(f"the reply of {self.address} is larger than {_LARGEST_REPLY_BYTES >> 20} MiB")
            if self.clock() > deadline:  # a reply that drips is never late for the library
                raise self.late(timeout_s)
            yield piece


class Talk:
    """How one request is put: in the dialect that its server takes, as far as that is known.

    Attributes:
        shape: how its result travels.
    """

    def __init__(self, provider: HttpProvider, request: ModelRequest) -> None:
        self._provider = provider
        self._request = request
        self.shape = ReplyShape.of(request.result, request.aliases.get)
        self._schema = None if self.shape.schema is None else json.dumps(self.shape.schema)
        self._dialect = provider.spoken(request.model, self._schema)
        self._learnt = False
        self._of_schema = False

    def payload(self, *, stream: bool = False) -> bytes:
        return self._dialect.payload(self._request, self.shape, stream=stream)

    def worked(self) -> None:
        """The server took it."""
        if self._learnt:
            self._provider.learn(self._request.model, self._schema if self._of_schema else None, self._dialect)

    def refused(self, answer: Answer) -> None:
        """The server did not take it: go on with a simpler dialect. Trying the same again later is the business of who asks.

        Raises:
            DelegationError: there is none, or it is about something else.
        """
        failure = self._provider.refusal(answer, self._request)
        complaint = self._provider.complaint(answer.body).lower()
        # llama-cpp-python's server fails, where it means that it does not take the request
        is_about_it = answer.status in (400, 422) or (answer.status == 500 and "validation error" in complaint)
        following = self._dialect.simpler(complaint) if is_about_it else None
        if following is None:
            failure.retry_after_s = _seconds(answer.retry_after) if failure.retryable else None
            raise failure
        self._learnt = True
        # a fault of this schema says nothing about the others
        self._of_schema = "invalid schema" in complaint or "invalid_json_schema" in complaint
        self._dialect = following


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
