"""What `import rtfs` and `rtfs eval` load: nothing heavy, so that both start quickly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("pydantic", "lark", "numpy", "asyncio", "dataclasses", "httpx2", "llama_cpp", "prompt_toolkit", "rich", "inspect", "typing")
#: What a program may need once it runs.
RUNNING = {"dataclasses", "inspect", "typing"}


def loaded(*command: str) -> set[str]:
    """The modules that a Python process imports, packages and submodules by their full names."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


def heavy(modules: set[str], names: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] in names}


@pytest.fixture(scope="module")
def bare() -> set[str]:
    """What Python itself, with its site packages, has loaded already."""
    return loaded("-c", "pass")


def test_importing_the_package_loads_nothing_heavy(bare: set[str]) -> None:
    assert not heavy(loaded("-c", "import rtfs") - bare, set(HEAVY))


def test_evaluating_loads_nothing_heavy(bare: set[str]) -> None:
    if not (ROOT / "rtfs" / "__main__.py").is_file():
        pytest.skip("there is no command line yet")
    assert not heavy(loaded("-m", "rtfs", "eval", "1") - bare, set(HEAVY))


def test_running_a_program_loads_no_model_library(bare: set[str]) -> None:
    code = "import rtfs; rtfs.Runtime().run('(defn f [x : int] : int (+ x 1)) (map f [1 2 3])')"
    assert not heavy(loaded("-c", code) - bare, set(HEAVY) - RUNNING)
