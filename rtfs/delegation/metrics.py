"""Metrics of delegated calls through OpenTelemetry (extra `otel`).

| instrument                         | kind      | unit       | attributes |
|------------------------------------|-----------|------------|------------|
| `rtfs.calls`                       | counter   | {call}     | rtfs.function, rtfs.source (`model`, `body`, `none`), error.type |
| `rtfs.decisions`                   | counter   | {decision} | rtfs.engine, rtfs.target |
| `rtfs.call.duration`               | histogram | s          | rtfs.function, rtfs.source |
| `rtfs.cost`                        | counter   | USD        | rtfs.function, gen_ai.request.model |
| `rtfs.cache.hits`                  | counter   | {hit}      | rtfs.cache.layer, error.type (of a kept error) |
| `rtfs.cache.lookups`               | counter   | {lookup}   | rtfs.cache.layer, rtfs.cache.result (`hit`, `miss`) |
| `rtfs.cache.puts`                  | counter   | {entry}    | rtfs.cache.layer |
| `rtfs.cache.saved`                 | counter   | {token}    | rtfs.cache.layer |
| `rtfs.cache.saved.cost`            | counter   | USD        | rtfs.cache.layer |
| `gen_ai.client.operation.duration` | histogram | s          | gen_ai.operation.name, …provider.name, …request.model, error.type |
| `gen_ai.client.token.usage`        | histogram | {token}    | the first three, and gen_ai.token.type (`input`, `output`) |

The last two are about each request; they and the bounds of their buckets are those of the semantic conventions for generative AI
(https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/), so that what shows other clients' figures shows these too.
No text of a call is in any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from rtfs.delegation.cache_counters import CacheCounters, Layers
from rtfs.delegation.record import NOT_SENT, Attempt, CallRecord
from rtfs.errors import missing_extra

_SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
_TOKENS = [4**power for power in range(14)]


class Metrics:
    """Takes the records of calls, and counts.

    Args:
        provider: a `MeterProvider`; True for the one that the process has set.
    Raises:
        ConfigError: `missing-extra`.
    """

    def __init__(self, provider: Any = True) -> None:
        try:
            from opentelemetry import metrics
        except ImportError as error:
            raise missing_extra("opentelemetry-sdk", "otel", "metrics") from error
        self._provider = metrics.get_meter_provider() if provider is True else provider
        meter = self._provider.get_meter("rtfs")
        self._calls = meter.create_counter("rtfs.calls", "{call}", "delegated calls")
        self._decisions = meter.create_counter("rtfs.decisions", "{decision}", "where calls were to go")
        self._duration = meter.create_histogram(
            "rtfs.call.duration", "s", "time spent on models", explicit_bucket_boundaries_advisory=_SECONDS
        )
        self._cost = meter.create_counter("rtfs.cost", "USD", "what requests cost, where the price is known")
        self._meter = meter
        self._caches: CacheCounters | None = None
        self._hits = meter.create_counter("rtfs.cache.hits", "{hit}", "calls answered from a cache, or failed by it")
        self._request = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "duration of a request", explicit_bucket_boundaries_advisory=_SECONDS
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "tokens of a request", explicit_bucket_boundaries_advisory=_TOKENS
        )
        self._close: Callable[[], Any] = lambda: None

    def observe(self, layers: Layers) -> None:
        """Have the figures of caches read whenever metrics are collected.

        Args:
            layers: a method, whose object is not kept alive.
        """
        if self._caches is None:
            self._caches = _counters_of(self._provider, self._meter)
        self._caches.add(layers)

    def unobserve(self, layers: Layers) -> None:
        """These caches are about to be closed: what they have counted stays."""
        if self._caches is not None:
            self._caches.look(layers)

    @classmethod
    def exporting(cls) -> Metrics:
        """Metrics that are sent to a collector with OTLP over HTTP, as the variables `OTEL_…` of the process say.

        Raises:
            ConfigError: `missing-extra`.
        """
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
            from opentelemetry.sdk.metrics import MeterProvider
            from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        except ImportError as error:
            raise missing_extra("opentelemetry-exporter-otlp-proto-http", "otel", "sending metrics") from error
        provider = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
        made = cls(provider)
        made._close = provider.shutdown
        return made

    def add(self, record: CallRecord) -> None:
        """Count a call; see `RecordSink`."""
        of_call = {"rtfs.function": record.function, "rtfs.source": record.source}
        self._duration.record(record.latency_s, of_call)
        self._calls.add(1, {**of_call, "error.type": record.error_kind} if record.error_kind else of_call)
        if record.decision is not None:
            self._decisions.add(1, {"rtfs.engine": record.decision.engine, "rtfs.target": record.decision.target.printed})
        if record.cache is not None:
            of_hit = {"rtfs.cache.layer": record.cache}
            self._hits.add(1, {**of_hit, "error.type": record.error_kind} if record.error_kind else of_hit)
        for attempt in record.attempts:
            if attempt.outcome not in NOT_SENT:
                self._add_attempt(record.function, attempt)

    def _add_attempt(self, function: str, attempt: Attempt) -> None:
        model = attempt.target.partition(":")[2]
        about = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": attempt.provider, "gen_ai.request.model": model}
        failed = attempt.outcome not in ("answered", "mismatch")
        self._request.record(attempt.latency_s, {**about, "error.type": attempt.outcome} if failed else about)
        for kind, count in (("input", attempt.prompt_tokens), ("output", attempt.completion_tokens)):
            if count is not None:
                self._tokens.record(count, {**about, "gen_ai.token.type": kind})
        if attempt.cost_usd:
            self._cost.add(attempt.cost_usd, {"rtfs.function": function, "gen_ai.request.model": model})

    def close(self) -> None:
        """Send what has not been sent."""
        self._close()


#: Of each `MeterProvider`, what its counters of caches read.
_counters: WeakKeyDictionary[Any, CacheCounters] = WeakKeyDictionary()
_making = Lock()


def _counters_of(provider: Any, meter: Any) -> CacheCounters:
    """What the counters of caches read, which are made with it."""
    from opentelemetry.metrics import Observation

    with _making:
        known = _counters.get(provider)
        if known is not None:
            return known
        counters = _counters[provider] = CacheCounters()

    def reading(*parts: tuple[str, dict[str, str]]) -> list[Any]:
        def read(_: Any) -> Any:
            for layer, figures in counters.sums().items():
                for name, more in parts:
                    yield Observation(figures[name], {"rtfs.cache.layer": layer, **more})

        return [read]

    by_result = [("hits", {"rtfs.cache.result": "hit"}), ("misses", {"rtfs.cache.result": "miss"})]
    make = meter.create_observable_counter
    make("rtfs.cache.lookups", reading(*by_result), "{lookup}", "look-ups in caches")
    make("rtfs.cache.puts", reading(("puts", {})), "{entry}", "what was put into caches")
    make("rtfs.cache.saved", reading(("tokens", {})), "{token}", "tokens that hits made unnecessary")
    make("rtfs.cache.saved.cost", reading(("cost_usd", {})), "USD", "money that hits made unnecessary, by known prices")
    return counters
