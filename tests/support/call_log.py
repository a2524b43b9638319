"""Records of delegated calls, a program whose calls are logged, and what a log has of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rtfs.delegation.log_file import read
from rtfs.delegation.record import Attempt, CallRecord

ROOT = Path(__file__).parents[2]
PROGRAM = """
(defn label ^:delegation :remote "echo" "Which?" [text :string] :-> [:enum :a :b] :b)
(defn say ^:delegation :remote "echo" "Say it." [text :string] :-> :string text)
(defn lost ^:delegation :remote "no-such" "?" [text :string] :-> :string text)
"""


def record(**changes: Any) -> CallRecord:
    values: dict[str, Any] = {
        "function": "f",
        "target": "remote",
        "model": "m",
        "started": 1.0,
        "latency_s": 0.5,
        "source": "model",
        "attempts": (Attempt(provider="p", outcome="answered", prompt_tokens=10, completion_tokens=3, cost_usd=0.25),),
    }
    return CallRecord(**{**values, **changes})


def documents(path: Path | str) -> list[dict[str, Any]]:
    return [document for _, _, document in read(str(path), "ORDER BY id", ())]


def python(code: str, *args: str, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout + done.stderr
