"""`python -m benches.concurrency`: a thousand calls of a remote model at once, through `pmap`, against a bare asynchronous client.

A server in a process of its own answers each request after 50 ms.  `pmap` asks it through everything that a delegated call has:
prompt, schema, budget, record, coercion of the reply.  The bare client is `httpx2.AsyncClient` with as many connections; it sends
the bytes of such a request and parses what comes back, and nothing else.  Wall time counts, and the two take turns.

    python -m benches.concurrency            1,000 calls with 50 and with 1,000 in flight; exit 1 if the goal is missed
    python -m benches.concurrency --quick    200 calls with 50 in flight, one pass
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from benches.slow_server import SlowServer
from rtfs.models.openai_compatible import OpenAICompatibleProvider
from rtfs.models.protocol import ModelReply, ModelRequest
from rtfs.models.registry import ModelRegistry
from rtfs.runtime import Runtime

DELAY_S = 0.05
PROGRAM = """
(defn double ^:delegation :remote "m" ^{:strict true} "Twice n." [n : int] : int (* 2 n))
(defn doubles [from to] (pmap (fn [n] (double n)) (range from to)))
"""
BUDGET = {"tokens": 10**12, "calls": 10**9}
#: Of the throughput of the bare client.
LEAST = 0.9


class Remembering(OpenAICompatibleProvider):
    """Keeps the last request."""

    last: ModelRequest | None = None

    def complete(self, request: ModelRequest) -> ModelReply:
        self.last = request
        return super().complete(request)


def runtime_of(provider: OpenAICompatibleProvider, in_flight: int) -> Runtime:
    registry = ModelRegistry()
    registry.register("m", provider)
    runtime = Runtime(environ={}, models=registry, max_in_flight=in_flight, budget=BUDGET)
    runtime.run(PROGRAM)
    return runtime


def payload_of(base_url: str) -> bytes:
    """What a call of `double` sends."""
    with closing(Remembering(base_url=base_url)) as provider, runtime_of(provider, 1) as runtime:
        runtime.run("(double 21)")
        assert provider.last is not None
        return json.dumps(provider.preview(provider.last)["body"]).encode()


async def bare(base_url: str, payload: bytes, calls: int, in_flight: int, passes: int) -> list[float]:
    """Seconds for so many calls, of each pass."""
    import httpx2

    free = asyncio.Semaphore(in_flight)
    limits = httpx2.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    headers = {"Content-Type": "application/json"}
    async with httpx2.AsyncClient(limits=limits, timeout=60, headers=headers) as client:

        async def ask() -> Any:
            async with free:
                return (await client.post(f"{base_url}/chat/completions", content=payload)).json()

        seconds = []
        for _ in range(passes):
            begin = time.perf_counter()
            answers = await asyncio.gather(*[ask() for _ in range(calls)])
            seconds.append(time.perf_counter() - begin)
            assert all(answer["choices"] for answer in answers)
    return seconds


def measure(calls: int, in_flight: int, passes: int) -> dict[str, float]:
    """Medians over the passes: calls a second of both, and `ratio`, of those of one pass.

    Raises:
        AssertionError: an answer was lost, or is not the one to its question.
    """
    with SlowServer(DELAY_S) as server:
        payload = payload_of(server.base_url)
        with closing(OpenAICompatibleProvider(base_url=server.base_url)) as provider, runtime_of(provider, in_flight) as runtime:
            doubles: Callable[[int, int], list[int]] = runtime.function("doubles")
            ours, theirs = [], []
            for number in range(passes):
                begin = time.perf_counter()
                found = doubles(number * calls, (number + 1) * calls)
                ours.append(time.perf_counter() - begin)
                assert found == [2 * n for n in range(number * calls, (number + 1) * calls)]
                # its first pass makes the connections, as ours does in the first of all
                theirs.append(asyncio.run(bare(server.base_url, payload, calls, in_flight, 1 if number == 0 else 2))[-1])
            assert runtime.records.totals.by_model == calls * passes
            assert runtime.budget.spent.calls == calls * passes
    return {
        "pmap": calls / statistics.median(ours),
        "bare": calls / statistics.median(theirs),
        "ratio": statistics.median([t / o for o, t in zip(ours, theirs, strict=True)]),
    }


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benches.concurrency", description="A thousand calls at once against a bare client.")
    parser.add_argument("--quick", action="store_true", help="fewer calls, one pass")
    options = parser.parse_args(argv)
    runs = [(200, 50, 1)] if options.quick else [(1_000, 50, 5), (1_000, 1_000, 5)]
    print(f"{'calls a second':<36} {'pmap':>8} {'bare':>8} {'ratio':>8}")
    worst = float("inf")
    for calls, in_flight, passes in runs:
        found = measure(calls, in_flight, passes)
        worst = min(worst, found["ratio"])
        name = f"{calls:,} calls, {in_flight:,} in flight"
        print(f"{name:<36} {found['pmap']:>8.0f} {found['bare']:>8.0f} {found['ratio']:>8.2f}")
    print(f"at least {LEAST:.0%} of the bare client: {'met' if worst >= LEAST else 'missed'} ({worst:.0%})")
    return 0 if worst >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
