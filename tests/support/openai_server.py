"""A server on loopback that speaks the OpenAI chat completions protocol, as a test wants it to.

    with OpenAIServer() as server:
        server.script(Status(429, retry_after="0"), Say('{"value": "praise"}'))
        provider = OpenAICompatibleProvider(base_url=server.base_url)
        …
        server.requests[0].json["messages"]

A request that asks for a stream gets a `Say` as events; `Events` is a stream that goes as the test wants it to.

Each request takes the next entry of the script; when it has run out, `answer(json) -> text` replies.  It is a real HTTP
server, so what is tested is what goes over the wire.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    at: float
    """time.monotonic()"""

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass(frozen=True)
class Say:
    """A completion with this text."""

    text: Any
    finish_reason: str = "stop"
    usage: dict[str, Any] | None = field(default_factory=lambda: {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15})
    model: str | None = "test-model-2026"
    after_s: float = 0.0
    message: dict[str, Any] | None = None
    """Instead of the plain assistant message."""

    def events(self, with_usage: bool) -> list[Any]:
        """The same as a stream: a piece for each word."""
        message = self.message if self.message is not None else {"role": "assistant", "content": self.text}
        text, more = message.get("content"), {k: v for k, v in message.items() if k not in ("role", "content")}
        pieces = re.findall(r"\S+\s*|\s+", text) if isinstance(text, str) else [text]
        deltas = [{"role": "assistant", "content": ""}, *[{"content": piece} for piece in pieces]]
        for i, call in enumerate(more.pop("tool_calls", ())):
            function = call["function"]
            deltas.append({"tool_calls": [{"index": i, **call, "function": {**function, "arguments": ""}}]})
            given = function["arguments"]
            deltas += [{"tool_calls": [{"index": i, "function": {"arguments": given[at : at + 4]}}]} for at in range(0, len(given), 4)]
        deltas += [more] if more else []
        return [
            *[event(delta, model=self.model) for delta in deltas],
            event({}, self.finish_reason, model=self.model),
            *([event(None, usage=self.usage, model=self.model)] if with_usage and self.usage is not None else []),
            "[DONE]",
        ]

    def body(self) -> bytes:
        message = self.message if self.message is not None else {"role": "assistant", "content": self.text}
        data: dict[str, Any] = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "choices": [{"index": 0, "message": message, "finish_reason": self.finish_reason}],
        }
        if self.usage is not None:
            data["usage"] = self.usage
        if self.model is not None:
            data["model"] = self.model
        return json.dumps(data).encode()


@dataclass(frozen=True)
class Status:
    """An error in the protocol's form, or any body that is given."""

    status: int
    message: str = "it failed"
    code: str | None = None
    param: str | None = None
    retry_after: str | None = None
    raw: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return json.dumps({"error": {"message": self.message, "type": "error", "code": self.code, "param": self.param}}).encode()


@dataclass(frozen=True)
class Raw:
    """Status 200 with these bytes, sent in pieces when `pause_s` is given."""

    content: bytes
    pause_s: float = 0.0
    pieces: int = 1


@dataclass(frozen=True)
class Drop:
    """Close the connection without a reply, or after half of one."""

    after_bytes: int = 0


@dataclass(frozen=True)
class Events:
    """Status 200 and a stream of these: JSON as data, other texts and bytes as they are; a number is a pause in seconds."""

    items: tuple[Any, ...]
    content_type: str = "text/event-stream"
    ends: str = "properly"
    """Or `early`: the connection is closed inside the body; `reset`; `never`: nothing more comes."""


def event(delta: Any, finish_reason: str | None = None, *, usage: Any = None, model: str | None = "test-model-2026") -> dict[str, Any]:
    """A chunk of a completion; without a delta, the one for the usage."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}]
    data: dict[str, Any] = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "choices": choices}
    return {**data, **({"model": model} if model is not None else {}), "usage": usage}


@dataclass(frozen=True)
class SlowHeaders:
    """Status 200 and headers without end, one every `pause_s` seconds."""

    pause_s: float = 0.1


Entry = Say | Status | Raw | Drop | Events | SlowHeaders


class OpenAIServer:
    """Starts on entry, stops on exit. `requests` holds what arrived, in order."""

    route = "/chat/completions"

    def __init__(self, answer: Callable[[dict[str, Any]], str] = lambda request: "ok") -> None:
        self.answer = answer
        self.requests: list[Seen] = []
        self.connections = 0
        #: set once a connection is over
        self.closed = threading.Event()
        self._script: list[Entry] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        owner = self

        class Handler(_Handler):
            server_of = owner

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        return self._http.server_address[1]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def script(self, *entries: Entry) -> None:
        with self._lock:
            self._script.extend(entries)

    def take(self, seen: Seen) -> Entry:
        with self._lock:
            self.requests.append(seen)
            entry = self._script.pop(0) if self._script else None
        return entry if entry is not None else Say(self.answer(seen.json))

    def wait(self, seconds: float) -> None:
        """Sleep, but no longer than the server lives."""
        self._stop.wait(seconds)

    def __enter__(self) -> OpenAIServer:
        self._thread.start()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._stop.set()
        self._http.shutdown()
        self._thread.join(5)
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    server_of: OpenAIServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server_of.connections += 1

    def finish(self) -> None:
        super().finish()
        self.server_of.closed.set()

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client gave up, as some tests want
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        seen = Seen(self.path, {k.lower(): v for k, v in self.headers.items()}, body, time.monotonic())
        if not self.path.endswith(self.server_of.route):
            self._reply(404, b'{"error": {"message": "no such route"}}')
            return
        entry = self.server_of.take(seen)
        sent = json.loads(body) if body.startswith(b"{") else {}
        if isinstance(entry, Say) and sent.get("stream"):
            entry = Events((entry.after_s, *entry.events(bool((sent.get("stream_options") or {}).get("include_usage")))))
        self._play(entry)

    def _stream(self, entry: Events) -> None:
        self.send_response(200)
        self.send_header("Content-Type", entry.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for item in entry.items:
            if isinstance(item, float):
                self.wfile.flush()
                self.server_of.wait(item)
                continue
            if isinstance(item, dict):
                item = b"data: " + json.dumps(item, ensure_ascii=False).encode() + b"\n\n"
            elif isinstance(item, str):
                item = f"data: {item}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(item), item))
            self.wfile.flush()
        match entry.ends:
            case "properly":
                self.wfile.write(b"0\r\n\r\n")
            case "early":
                self.close_connection = True
            case "reset":
                self._hang_up()
            case "never":
                self.server_of.wait(30)
                self.close_connection = True

    def _play(self, entry: Entry) -> None:
        match entry:
            case Events():
                self._stream(entry)
            case SlowHeaders():
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                for number in range(600):
                    self.wfile.write(b"X-Wait-%d: yes\r\n" % number)
                    self.wfile.flush()
                    self.server_of.wait(entry.pause_s)
            case Say():
                if entry.after_s:
                    self.server_of.wait(entry.after_s)
                self._reply(200, entry.body())
            case Status():
                headers = list(entry.headers)
                if entry.retry_after is not None:
                    headers.append(("Retry-After", entry.retry_after))
                self._reply(entry.status, entry.body(), headers)
            case Raw():
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(entry.content)))
                self.end_headers()
                size = max(1, len(entry.content) // entry.pieces)
                for start in range(0, len(entry.content), size):
                    self.wfile.write(entry.content[start : start + size])
                    self.wfile.flush()
                    if entry.pause_s:
                        self.server_of.wait(entry.pause_s)
            case Drop():
                if entry.after_bytes:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
                    self.wfile.write(b"{" * entry.after_bytes)
                    self.wfile.flush()
                self._hang_up()

    def _reply(self, status: int, body: bytes, headers: list[tuple[str, str]] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers or []:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        # linger 0: the other side sees a reset, not an orderly end
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RDWR)


def closed_port() -> int:
    """A port on loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
