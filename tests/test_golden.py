"""Every golden program on every evaluator: what it gives, and that printing and reading it again changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rtfs.config import STRATEGIES
from tests.conftest import NIGHTLY
from tests.support.golden import FOLDER, Chunk, check_chunk, check_evaluator, split_file, updated
from tests.support.programs.running import EVALUATORS

FILES = sorted(FOLDER.glob("*.rtfs"))
CHUNKS = [chunk for path in FILES for chunk in split_file(path)]
UPDATE = os.environ.get("RTFS_UPDATE") == "1"


@pytest.mark.skipif(not UPDATE, reason="RTFS_UPDATE=1 rewrites the expectations")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_update(path: Path) -> None:
    text = updated(path, STRATEGIES[0])
    if text != path.read_text(encoding="utf-8"):
        path.write_text(text, encoding="utf-8")


@pytest.mark.skipif(UPDATE, reason="the expectations are being rewritten")
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: chunk.id)
def test_golden(chunk: Chunk, strategy: str) -> None:
    check_chunk(chunk, strategy)


@pytest.mark.skipif(UPDATE, reason="the expectations are being rewritten")
@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: chunk.id)
def test_evaluators_agree(chunk: Chunk) -> None:
    for name in EVALUATORS if NIGHTLY else ("none", "aggressive"):
        if name not in ("counted", "artefact"):  # some programs go deeper; forms run one by one
            check_evaluator(chunk, name)


def test_a_file_without_programs_is_a_mistake() -> None:
    assert all(split_file(path) for path in FILES)
