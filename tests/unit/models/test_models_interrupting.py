"""Many requests at once over real connections: none is lost, none hangs, and those that nobody wants any more end at once."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from benches.slow_server import SlowServer
from rtfs.errors import DelegationError
from rtfs.models.openai_compatible import OpenAICompatibleProvider
from rtfs.models.registry import ModelRegistry
from rtfs.runtime import Runtime

pytest.importorskip("httpx2")
pytestmark = pytest.mark.timeout(60)

ASK = '(defn ask ^:delegation :remote "m" ^{:strict true} "Twice n." [n : int] : int -1)'


def runtime_of(base_url: str, **options: Any) -> Runtime:
    registry = ModelRegistry()
    registry.register("m", OpenAICompatibleProvider(base_url=base_url))
    runtime = Runtime(models=registry, **options)
    runtime.run(ASK)
    return runtime


class Silent:
    """Takes connections and requests, and answers nothing."""

    def __enter__(self) -> Silent:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.base_url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()
        return self

    def _take(self) -> None:
        while True:
            try:
                self.connections.append(self._socket.accept()[0])
            except OSError:
                return

    def wait_for(self, count: int) -> None:
        end = time.monotonic() + 20
        while len(self.connections) < count:
            assert time.monotonic() < end, len(self.connections)
            time.sleep(0.01)

    def were_closed(self) -> bool:
        """Whether every client has closed its end; the requests are read away."""
        for connection in self.connections:
            connection.settimeout(5)
            try:
                while connection.recv(65_536):
                    pass
            except ConnectionError:
                pass
            except TimeoutError:
                return False
        return True

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        for connection in self.connections:
            connection.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    with Silent() as server:
        yield server


def test_hundreds_at_once_are_all_answered() -> None:
    with SlowServer(0.2) as server, runtime_of(server.base_url, max_in_flight=300) as runtime:
        begin = time.perf_counter()
        assert runtime.run("(pmap ask (range 0 300))") == [2 * n for n in range(300)]
        assert time.perf_counter() - begin < 20  # one after the other: 60
        assert runtime.records.totals.by_model == 300
        assert runtime.budget.spent.tokens == 300 * 15
        assert runtime.budget.reserved.calls == 0


def test_a_server_that_dies_while_fifty_are_in_flight() -> None:
    with SlowServer(60) as server, runtime_of(server.base_url, max_in_flight=50) as runtime:
        threading.Timer(0.7, server.kill).start()
        begin = time.perf_counter()
        with pytest.raises(DelegationError):
            runtime.run("(pmap ask (range 0 200))")
        assert time.perf_counter() - begin < 30
        totals = runtime.records.totals
        assert totals.by_model == 0
        assert 1 <= totals.calls <= 200
        assert runtime.budget.reserved.calls == 0
        assert runtime.budget.spent.calls == sum(a.outcome != "skipped" for r in runtime.records.calls for a in r.attempts)
    assert not [
        thread for thread in threading.enumerate() if thread.name == "rtfs-branch" and thread.is_alive() and _lingers(thread)
    ]


def _lingers(thread: threading.Thread) -> bool:
    thread.join(5)
    return thread.is_alive()


def test_cancelled_tickets_close_their_connections(silent: Silent) -> None:
    with runtime_of(silent.base_url) as runtime:
        runtime.define("wait-for", silent.wait_for)
        begin = time.perf_counter()
        text = "(let [ts (map (fn [n] (delegate-async (ask n))) (range 0 10))] (wait-for 10) (map cancel ts))"
        assert runtime.run(text) == [True] * 10
        assert time.perf_counter() - begin < 10
        assert silent.were_closed()
        assert runtime.budget.reserved.calls == 0
        assert runtime.budget.spent.calls == 10
        assert [record.error_kind for record in runtime.records.calls] == ["interrupted"] * 10


def test_a_connection_that_was_shut_down_is_not_used_again() -> None:
    with SlowServer(0.3) as server, runtime_of(server.base_url) as runtime:
        for _ in range(3):
            text = "(let [t (delegate-async (ask 1))] (await t {:timeout-ms 50 :default 0}) (cancel t))"
            assert runtime.run(text) is True
            assert runtime.run("(ask 4)") == 8


def test_a_task_that_is_cancelled_ends_the_request(silent: Silent) -> None:
    with runtime_of(silent.base_url) as runtime:

        async def main() -> None:
            task = asyncio.create_task(runtime.run_async("(pmap ask (range 0 5))"))
            await asyncio.to_thread(silent.wait_for, 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        begin = time.perf_counter()
        asyncio.run(main())
        assert time.perf_counter() - begin < 10
        assert silent.were_closed()
        assert runtime.budget.reserved.calls == 0
        assert runtime.run("(+ 1 2)") == 3


def test_the_connections_of_the_library_can_be_watched() -> None:
    """What it takes is not of its public interface: a new version is to fail here, and not only to be slow."""
    import httpx2

    from rtfs.models.interrupting import Interrupts

    with httpx2.Client() as client:
        assert Interrupts().watch(client)
