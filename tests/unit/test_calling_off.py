"""Runs that are called off: by cancelling the task of `run_async`, and by an interrupt from the terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from rtfs.config import STRATEGIES, Limits
from rtfs.errors import ConfigError, EvalError, ParseError
from rtfs.runtime import Runtime
from tests.support.waiting_models import Waiting, runtime_with

pytestmark = pytest.mark.timeout(60)
FOR_EVER = "(loop [i 0] (recur (+ i 1)))"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_loop_goes_on_while_a_program_runs(strategy: str) -> None:
    ticks = 0

    async def main(runtime: Runtime) -> Any:
        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.005)

        ticking = asyncio.create_task(tick())
        value = await runtime.run_async("(pmap ask [1 2 3])")
        ticking.cancel()
        return value

    with runtime_with(Waiting(lambda n: 200), strategy) as runtime:
        assert asyncio.run(main(runtime)) == [2, 4, 6]
    assert ticks > 2


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "text",
    [
        "(ask 7)",
        "(pmap ask [7 8])",
        "(await (delegate-async (ask 7)))",
        "(thread/sleep 60000)",
        FOR_EVER,
        f"(pmap (fn [n] {FOR_EVER}) [1 2 3])",
        f"(pmap (fn [n] (do (thread/sleep 1) {FOR_EVER})) [1 2 3])",
        f"(try {FOR_EVER} (catch Exception e 1))",
    ],
)
def test_a_cancelled_task_ends_its_run(strategy: str, text: str) -> None:
    model = Waiting(lambda n: 60_000)
    with runtime_with(model, strategy, allow=["system.sleep-ms"]) as runtime:
        runtime.run("(def seen (atom 0))")

        async def main() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(runtime.run_async(f"(try {text} (finally (swap! seen inc)))"), 0.1)

        begin = time.perf_counter()
        asyncio.run(main())
        assert time.perf_counter() - begin < 10
        assert runtime.run("(deref seen)") == 1
        assert runtime.budget.reserved.calls == 0
        assert runtime.budget.spent.calls == len(model.asked) == len(model.interrupted)


def test_a_run_with_limits_of_steps_is_called_off_where_they_are_looked_at() -> None:
    with Runtime(limits=Limits(max_steps=10**12)) as runtime:

        async def main() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(runtime.run_async(FOR_EVER), 0.1)

        asyncio.run(main())
        assert runtime.run("(+ 1 2)") == 3


def test_a_task_that_is_cancelled_before_its_turn_does_not_run() -> None:
    model, answer = Waiting(lambda n: 1), threading.Event()
    model.during = lambda n: answer.wait(20)
    with runtime_with(model, "ir") as runtime:

        async def main() -> Any:
            first = asyncio.create_task(runtime.run_async("(ask 1)"))
            while not model.asked:
                await asyncio.sleep(0.01)
            second = asyncio.create_task(runtime.run_async("(def never 1)"))
            await asyncio.sleep(0.05)
            second.cancel()
            await asyncio.sleep(0.05)
            answer.set()
            with pytest.raises(asyncio.CancelledError):
                await second
            return await first

        assert asyncio.run(main()) == 2
        with pytest.raises(EvalError, match="Undefined symbol"):
            runtime.run("never")


def test_errors_and_values_are_those_of_the_other_forms(tmp_path: Any) -> None:
    (tmp_path / "two.rtfs").write_text("(defn two [] [1 :a])\n(two)", encoding="utf-8")
    with Runtime() as runtime:

        async def main() -> None:
            with pytest.raises(EvalError, match="Division by zero") as caught:
                await runtime.run_async("(/ 1 0)")
            assert str(caught.value.span) == "<run>:1:1"
            with pytest.raises(ParseError):
                await runtime.run_async("(")
            assert await runtime.run_file_async(tmp_path / "two.rtfs") == [1, "a"]
            two = runtime.async_function("two")
            assert await two() == [1, "a"]
            assert (await runtime.async_function("two", raw=True)())[1] == runtime.run(":a", raw=True)
            assert two.__name__ == "two"
            with pytest.raises(EvalError, match="Arity"):
                await two(1)
            with pytest.raises(ConfigError, match="no function 'tow'"):
                runtime.async_function("tow")

        asyncio.run(main())


def test_what_a_host_raises_in_a_run_comes_through() -> None:
    with Runtime() as runtime:

        def leave() -> None:
            raise SystemExit(3)

        runtime.define("leave", leave)

        async def main() -> None:
            with pytest.raises(SystemExit):
                await runtime.run_async("(leave)")

        asyncio.run(main())


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "text",
    [
        f"(pmap (fn [n] (do (println n) {FOR_EVER})) [1 2 3])",
        f"(pmap (fn [n] (do (println n) (thread/sleep 1) {FOR_EVER})) [1 2 3])",
        "(pmap (fn [n] (do (println n) (thread/sleep 60000))) [1 2 3])",
    ],
)
def test_an_interrupt_ends_all_parts_of_a_program(strategy: str, text: str) -> None:
    command = [sys.executable, "-u", "-m", "rtfs", "eval", "--strategy", strategy, "--allow", "system.sleep-ms", text]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        time.sleep(0.3)
        killing = threading.Timer(20, process.kill)
        killing.start()
        process.send_signal(signal.SIGINT)
        process.communicate()
        killing.cancel()
    assert process.returncode == 130
