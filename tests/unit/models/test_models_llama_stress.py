"""Any type, any thread, any moment to give up: in a process of its own, because what is looked for ends the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("llama_cpp")
pytest.importorskip("gguf")

ROOT = Path(__file__).parents[3]


def stress(what: str, count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benches.local_stress", what, str(count)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]  # -6: a GGML_ASSERT; -11: a grammar that llama.cpp could not bear
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check_schemas(count: int) -> None:
    found = stress("schemas", count)
    assert found.get("valid", 0) + found.get("inexpressible", 0) == count, found
    assert found["valid"] > 0.9 * count, found


def check_threads(count: int) -> None:
    found = stress("threads", count)
    outcomes = {name: found.get(name, 0) for name in ("answered", "cancelled", "prompt-too-long", "provider-error")}
    assert sum(outcomes.values()) == found["calls"] == 16 * count, found
    assert all(outcomes.values()), found


def test_replies_of_random_types_are_valid() -> None:
    check_schemas(200)


def test_sixteen_threads_with_cancellations_and_overflows_do_no_harm() -> None:
    check_threads(20)


@pytest.mark.nightly
def test_ten_thousand_types() -> None:
    check_schemas(10_000)


@pytest.mark.nightly
def test_sixteen_thousand_calls() -> None:
    check_threads(1000)
