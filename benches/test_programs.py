"""Programs of `benches/programs/` on every evaluator: wall time of one run of a program that is already read and loaded.

    python -m pytest benches --benchmark-only

The last line of a program holds its expected value after `;=>`; it is checked before anything is timed.  Left out: start-up,
reading (test_reader.py) and analysis are part of each run here, as they are small beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rtfs.config import STRATEGIES
from rtfs.runtime import Runtime
from rtfs.values.printing import to_readable

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.rtfs"))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_program(benchmark: Any, path: Path, strategy: str) -> None:
    text = path.read_text(encoding="utf-8")
    expected = text.rpartition(";=>")[2].strip()
    runtime = Runtime(strategy=strategy, models=None)
    assert to_readable(runtime.run(text, raw=True)) == expected
    benchmark(runtime.run, text, raw=True)
