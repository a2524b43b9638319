"""Metrics through OpenTelemetry."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from rtfs.caching.opening import open_caches
from rtfs.cli.main import main
from rtfs.delegation.engine import Decision
from rtfs.delegation.metrics import Metrics
from rtfs.delegation.record import Attempt
from rtfs.delegation.targets import RemoteModel
from rtfs.errors import ConfigError
from rtfs.runtime import Runtime
from tests.support.call_log import record


@pytest.fixture
def reader() -> Any:
    export = pytest.importorskip("opentelemetry.sdk.metrics.export")
    return export.InMemoryMetricReader()


@pytest.fixture
def provider(reader: Any) -> Any:
    from opentelemetry.sdk.metrics import MeterProvider

    return MeterProvider([reader])


def points(reader: Any) -> dict[str, list[tuple[dict[str, Any], float]]]:
    """name -> (attributes, value of a counter or sum of a histogram) of each series."""
    found: dict[str, list[tuple[dict[str, Any], float]]] = {}
    for resource in reader.get_metrics_data().resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                found[metric.name] = [
                    (dict(point.attributes), point.value if hasattr(point, "value") else point.sum) for point in metric.data.data_points
                ]
    return found


def test_caches_are_counted_by_layer(reader: Any, provider: Any):
    with Runtime(environ={}, metrics=provider, caches=True, on_warning=lambda message, span: None) as runtime:
        runtime.run('(defn say ^:delegation :remote "echo" "?" [text :string] :-> :string text) (say "x") (say "x") (say "y")')
        found = points(reader)
        of_l2 = {"rtfs.cache.layer": "L2"}
        assert ({**of_l2, "rtfs.cache.result": "hit"}, 1) in found["rtfs.cache.lookups"]
        assert ({**of_l2, "rtfs.cache.result": "miss"}, 2) in found["rtfs.cache.lookups"]
        assert found["rtfs.cache.puts"] == [(of_l2, 2)]
        ((_, saved),) = found["rtfs.cache.saved"]
        assert saved > 0
        assert found["rtfs.cache.hits"] == [(of_l2, 1)]


SAY = '(defn say ^:delegation :remote "echo" "?" [text :string] :-> :string text) (say "x") (say "x")'


def lookups(reader: Any) -> dict[str, float]:
    return {of["rtfs.cache.result"]: value for of, value in points(reader)["rtfs.cache.lookups"] if of["rtfs.cache.layer"] == "L2"}


def test_caches_are_counted_together_and_not_kept_alive(reader: Any, provider: Any):
    """A provider knows a counter of a name once, and its callbacks stay as long as it does."""
    kept = []
    for number in range(1, 4):
        runtime = Runtime(environ={}, metrics=provider, caches=True, on_warning=lambda message, span: None)
        runtime.run(SAY)
        assert lookups(reader) == {"hit": number, "miss": number}
        kept += [weakref.ref(runtime), weakref.ref(runtime.delegation.caches), weakref.ref(runtime.delegation)]
        runtime.close()
        del runtime
        gc.collect()
        assert [known() for known in kept if known() is not None] == []
        assert lookups(reader) == {"hit": number, "miss": number}, "what was counted does not become less"


def test_a_cache_of_several_runtimes_is_counted_once(reader: Any, provider: Any):
    with closing(open_caches(True)) as caches:
        for number in range(1, 4):
            with Runtime(environ={}, metrics=provider, caches=caches, on_warning=lambda message, span: None) as runtime:
                runtime.run(SAY)
                assert lookups(reader) == {"hit": 2 * number - 1, "miss": 1}


def test_calls_of_a_runtime_are_counted(reader: Any, provider: Any):
    with Runtime(environ={}, metrics=provider, on_warning=lambda message, span: None) as runtime:
        runtime.run('(defn say ^:delegation :remote "echo" "?" [text :string] :-> :string text) (say "x") (say "y")')
        runtime.run('(defn lost ^:delegation :local-model "none" "?" [text :string] :-> :string text) (lost "x")')
    found = points(reader)
    assert sorted(found["rtfs.calls"], key=str) == [
        ({"rtfs.function": "lost", "rtfs.source": "body", "error.type": "unknown-model"}, 1),
        ({"rtfs.function": "say", "rtfs.source": "model"}, 2),
    ]
    assert ({"rtfs.engine": "hint", "rtfs.target": "remote_model:echo"}, 2) in found["rtfs.decisions"]
    assert len(found["rtfs.call.duration"]) == 2


def test_requests_tokens_cost_and_hits(reader: Any, provider: Any):
    answered = Attempt(
        provider="p", target="remote_model:m", outcome="answered", prompt_tokens=10, completion_tokens=3, cost_usd=0.25, latency_s=0.5
    )
    failed = Attempt(provider="p", target="remote_model:m", outcome="rate-limited", latency_s=0.25)
    refused = Attempt(provider="", target="remote_model:x", outcome="refused")
    metrics = Metrics(provider)
    metrics.add(record(attempts=(refused, failed, answered), cache="L2", decision=Decision(RemoteModel("m"), engine="policy")))
    metrics.close()
    found = points(reader)
    about = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "p", "gen_ai.request.model": "m"}
    assert found["gen_ai.client.operation.duration"] == [({**about, "error.type": "rate-limited"}, 0.25), (about, 0.5)]
    assert found["gen_ai.client.token.usage"] == [({**about, "gen_ai.token.type": "input"}, 10), ({**about, "gen_ai.token.type": "output"}, 3)]
    assert found["rtfs.cost"] == [({"rtfs.function": "f", "gen_ai.request.model": "m"}, 0.25)]
    assert found["rtfs.cache.hits"] == [({"rtfs.cache.layer": "L2"}, 1)]


def test_run_sends_them_to_a_collector(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http.metric_exporter")
    bodies: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("RTFS_METRICS", "on")
    try:
        assert main(["eval", '(defn say ^:delegation :remote "echo" "?" [] :-> :string "") (say)']) == 0
    finally:
        server.shutdown()
        server.server_close()
    ((path, body),) = bodies
    assert path == "/v1/metrics"
    assert b"rtfs.calls" in body


def test_the_variable_has_two_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("RTFS_METRICS", "yes")
    assert main(["eval", "1"]) == 2
    assert "choose from: on, off" in capsys.readouterr().err


def test_without_the_library_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigError) as caught:
        Runtime(environ={}, metrics=True)
    assert caught.value.kind == "missing-extra"
    assert caught.value.hint == 'install it with: pip install "rtfs-lang[otel]"'
    with pytest.raises(ConfigError, match="metrics needs the package"):
        Metrics.exporting()


def test_without_metrics_the_library_is_not_loaded():
    code = """
import sys
from rtfs.runtime import Runtime
with Runtime(environ={}) as runtime:
    runtime.run('(defn say ^:delegation :remote "echo" "?" [text :string] :-> :string text) (say "x")')
assert not [name for name in sys.modules if name.startswith(("opentelemetry", "sqlite3"))]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
