"""Reading: source text to forms with spans; throughput in `extra_info` as MB/s.

    python -m pytest benches/test_reader.py --benchmark-only
"""

from __future__ import annotations

from typing import Any

from rtfs.source import Source
from rtfs.syntax.reader import read_forms

FORM = '(defn f [x : int] "doc" (let [y (+ x 1) z {:a 1 :b "two"}] (map (fn [q] (* q 2.5)) [1 2 3 y z]))) ; a comment\n'
TEXT = FORM * 2_000


def test_read(benchmark: Any) -> None:
    assert len(read_forms(Source("bench", TEXT))) == 2_000
    benchmark(read_forms, Source("bench", TEXT))
    if benchmark.stats is not None:
        benchmark.extra_info["MB/s"] = round(len(TEXT) / 1e6 / benchmark.stats.stats.median, 2)
