"""How threads of llama.cpp wait, and how many read."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtfs.models import llama_threads
from rtfs.models.llama_threads import MOST_THREADS, threads_now, wait_politely, waiting


@pytest.mark.parametrize(
    ("given", "expected", "wait"),
    [
        ({}, {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}, "awhile"),
        ({"GOMP_SPINCOUNT": "0"}, {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}, "asleep"),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, {"OMP_WAIT_POLICY": "PASSIVE"}, "asleep"),
        ({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}, "for ever"),
        ({"GOMP_SPINCOUNT": "infinite"}, {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "infinite"}, "for ever"),
        ({"GOMP_SPINCOUNT": "30000000000"}, {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "30000000000"}, "for ever"),
    ],
)
def test_what_the_user_has_set_stays(given: dict[str, str], expected: dict[str, str], wait: str) -> None:
    wait_politely(given)
    assert given == expected
    assert waiting(given) == wait


def test_a_library_that_somebody_else_loaded_may_spin() -> None:
    assert waiting({}) == "for ever"


@pytest.mark.parametrize(
    ("tokens", "wait", "callers", "cores", "free", "expected", "megabytes"),
    [
        (2, "awhile", 1, 2, 2, 2, 145),  # alone on the machine
        (128, "awhile", 1, 2, 1, 1, 145),  # another program computes
        (128, "awhile", 1, 2, -3, 1, 145),
        (128, "awhile", 2, 2, 2, 1, 145),  # two callers have a core each
        (128, "awhile", 2, 4, 4, 3, 145),
        (128, "awhile", 1, 64, 64, MOST_THREADS, 145),
        (128, "awhile", 1, 1, 64, 1, 145),  # a process that may use one core of many
        (31, "asleep", 1, 2, 2, 1, 145),  # waking each other would cost more than the second core gains
        (32, "asleep", 1, 2, 2, 2, 145),
        (128, "for ever", 1, 2, 2, 1, 145),
        (1, "awhile", 1, 2, 2, 1, 145),  # a second thread gains nothing
        (1, "awhile", 1, 2, 2, 2, 1000),
        (1, "awhile", 1, 2, 1, 1, 1000),
        (1, "asleep", 1, 2, 2, 1, 1000),
        (1, "awhile", 1, 2, 2, 1, 0),  # all layers are on a GPU
    ],
)
def test_as_many_threads_compute_as_have_a_core(
    monkeypatch: pytest.MonkeyPatch, tokens: int, wait: str, callers: int, cores: int, free: int, expected: int, megabytes: int
) -> None:
    monkeypatch.setattr(llama_threads, "_cores", lambda: cores)
    monkeypatch.setattr(llama_threads, "_free_cores", lambda: free)
    assert threads_now(tokens, megabytes * 1_000_000, wait, callers) == expected


@pytest.mark.parametrize(
    ("text", "free"), [("0.52 1.10 1.52 1/78 27456\n", 8), ("0 0 0 4/78 1\n", 5), ("0 0 0 30/78 1\n", -21), ("strange\n", 8), (None, 8)]
)
def test_the_system_tells_who_computes_now(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, free: int) -> None:
    file = tmp_path / "loadavg"
    if text is not None:
        file.write_text(text, encoding="ascii")
    monkeypatch.setattr(llama_threads, "LOAD_FILE", str(file))
    monkeypatch.setattr(llama_threads.os, "cpu_count", lambda: 8)
    assert llama_threads._free_cores() == free


def test_the_number_of_threads_changes_no_bit(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp")
    import numpy as np

    from rtfs.models.llama_limits import CallLimit
    from rtfs.models.llama_pool import open_pool, release_pool
    from rtfs.models.llama_session import Session
    from rtfs.models.llama_weights import Loading
    from tests.support.tiny_gguf import write_tiny_gguf

    pool = open_pool(write_tiny_gguf(tmp_path / "tiny.gguf"), Loading())
    try:
        with pool.lease() as weights:
            asked: list[int] = []

            def logits(threads: int) -> list[bytes]:
                def count(tokens: int) -> int:
                    asked.append(tokens)
                    return threads

                session = Session(weights, count)
                session.begin(CallLimit.of_seconds(60))
                session.reserve(400)
                found = []
                for text in ("It works. " * 20, "It works. " * 20 + "No.", "Broken."):
                    session.read(weights.tokens(text))
                    found.append(np.asarray(session.logits()).tobytes())
                    session.step(weights.tokens("a")[-1])
                    found.append(np.asarray(session.logits()).tobytes())
                session.close()
                return found

            assert logits(1) == logits(2) == logits(4)
            assert min(asked) == 1 < max(asked), "single tokens and pieces: each time it was asked"
    finally:
        release_pool(pool)
