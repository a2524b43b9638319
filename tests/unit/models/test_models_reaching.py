"""Asking servers whether they are there: real sockets, with servers that answer in all ways, late, or not at all."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rtfs.cli.main import main
from rtfs.models.anthropic import AnthropicProvider
from rtfs.models.openai_compatible import OpenAICompatibleProvider
from rtfs.models.presets import PRESETS
from rtfs.models.reaching import Reached, reach, reach_all
from rtfs.models.registry import ModelRegistry

pytest.importorskip("httpx2", reason="the extra `remote` is not installed")
pytestmark = pytest.mark.timeout(60)


class Lister:
    """A server that says which models it has, to those with the right key."""

    def __init__(
        self, status: int = 200, key: str = "", after_s: float = 0.0, drips: bool = False, meeting: threading.Barrier | None = None
    ) -> None:
        self.paths: list[str] = []
        over = self._over = threading.Event()
        paths = self.paths

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                paths.append(self.path)
                over.wait(after_s)
                if meeting is not None:
                    meeting.wait(20)
                given = self.headers.get("Authorization") or self.headers.get("x-api-key") or ""
                found = status if not key or given.removeprefix("Bearer ") == key else 401
                if drips:
                    for byte in b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 200:
                        self.wfile.write(bytes([byte]))
                        if over.wait(0.1):
                            return
                self.send_response(found)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Lister:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


def provider_at(base_url: str, key: str | None = None) -> OpenAICompatibleProvider:
    return OpenAICompatibleProvider(base_url=base_url, api_key=key, key_name="A_KEY", url_name="A_URL")


@pytest.fixture
def nowhere() -> str:
    """An address of this machine where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


@pytest.mark.parametrize(
    ("status", "state"),
    [(200, "reachable"), (404, "reachable"), (429, "reachable"), (401, "no key"), (403, "no key"), (500, "failing"), (503, "failing")],
)
def test_what_a_server_says(status: int, state: str) -> None:
    with Lister(status) as server:
        assert reach(provider_at(server.base_url)).state == state
        assert server.paths == ["/v1/models"]


def test_keys() -> None:
    with Lister(key="right") as server:
        assert reach(provider_at(server.base_url, "right")).state == "reachable"
        wrong = reach(provider_at(server.base_url, "wrong"))
        assert (wrong.state, wrong.hint, wrong.is_there) == ("wrong key", "check A_KEY", False)
        assert "wrong" not in wrong.detail
        none = reach(provider_at(server.base_url))
        assert (none.state, none.hint) == ("no key", "set A_KEY, or run: rtfs keys set A_KEY")
        messages = AnthropicProvider(base_url=server.base_url, api_key="right")
        assert reach(messages).state == "reachable"
        assert server.paths == ["/v1/models"] * 4


def test_nothing_listens(nowhere: str) -> None:
    found = reach(provider_at(nowhere))
    assert found == Reached("not running", f"nothing listens at {nowhere}", "start it, or say in A_URL where it is")


def test_a_server_elsewhere_that_cannot_be_reached() -> None:
    found = reach(provider_at("http://no-such-host.invalid/v1", "a-key"), 5.0)
    assert found.state == "not reachable"
    assert "a-key" not in found.detail


@pytest.mark.parametrize("how", [{"after_s": 20.0}, {"drips": True}])
def test_a_server_that_is_slow_is_waited_for_shortly(how: dict[str, Any]) -> None:
    begin = time.perf_counter()
    with Lister(**how) as slow, Lister() as quick:
        found = reach_all({"slow": provider_at(slow.base_url), "quick": provider_at(quick.base_url)}, 0.3)
        assert {name: one.state for name, one in found.items()} == {"slow": "no answer", "quick": "reachable"}
        assert time.perf_counter() - begin < 5


def test_they_are_asked_at_the_same_time() -> None:
    meeting = threading.Barrier(3)
    with Lister(meeting=meeting) as a, Lister(meeting=meeting) as b, Lister(meeting=meeting) as c:
        found = reach_all({server.base_url: provider_at(server.base_url) for server in (a, b, c)}, 20.0)
    assert [one.state for one in found.values()] == ["reachable"] * 3


@pytest.mark.parametrize("address", ["http://localhost:99999/v1", "localhost:80/v1", "http://[::1", ""])
def test_addresses_that_are_none(address: str) -> None:
    assert reach(provider_at(address, "a-key")).is_there is False


def test_servers_elsewhere_without_a_key_are_not_asked() -> None:
    assert reach(provider_at("http://192.0.2.7/v1")) == Reached("not asked")
    assert Reached("not asked").is_there is None


# --- in lists ---------------------------------------------------------------------------------


def test_the_lines_of_a_registry(nowhere: str) -> None:
    with Lister(key="right") as server, ModelRegistry() as registry:
        registry.register("good", provider_at(server.base_url, "right"), kind="remote")
        registry.register("wrong", provider_at(server.base_url, "x"), kind="remote")
        registry.register("gone", provider_at(nowhere), kind="remote")
        registry.register("far", provider_at("http://192.0.2.7/v1"), kind="remote")
        registry.register("none", provider_at(""), kind="remote")
        found = {e.name: (e.state, e.reached, e.availability.usable) for e in registry.entries(ask=True)}
        assert found == {
            "good": ("reachable", "reachable", True),
            "wrong": ("wrong key", "wrong key", False),
            "gone": ("not running", "not running", False),
            "far": ("usable", "not asked", True),
            "none": ("not usable", None, False),
        }
        asked = len(server.paths)
        assert {e.reached for e in registry.entries()} == {"not asked", None}
        assert len(server.paths) == asked


@pytest.fixture
def environ(tmp_path: Any, nowhere: str) -> Iterator[dict[str, str]]:
    """All servers of this machine are where nothing listens, but for one."""
    with Lister() as server:
        here = {preset.url_variable: nowhere for preset in PRESETS if not preset.needs_key}
        yield {**here, "VLLM_BASE_URL": server.base_url, "HOME": str(tmp_path), "RTFS_STATE_DIR": str(tmp_path)}


def test_models_list_and_status(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"], environ) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert " not running " in lines["ollama:…"]
    assert " not running " in lines["sglang:…"]
    assert " reachable " in lines["vllm:…"]
    assert " not usable " in lines["openai:…"]
    assert main(["status", "--json"], environ) == 0
    models = {model["name"]: model for model in json.loads(capsys.readouterr().out)["models"]}
    assert (models["ollama:…"]["usable"], models["ollama:…"]["reached"]) == (False, "not running")
    assert (models["vllm:…"]["usable"], models["vllm:…"]["reached"]) == (True, "reachable")
    assert (models["openai:…"]["usable"], models["openai:…"]["reached"]) == (False, None)


def test_offline_nobody_is_asked(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["models", "--offline"], ["status", "--offline"]):
        assert main(words, environ) == 0
        lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
        for name in ("ollama:…", "vllm:…"):
            assert " usable " in lines[name]
            assert lines[name].endswith("(not asked)")
