"""Programs give the same whether they are run from their text or from an artefact."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtfs.config import STRATEGIES
from tests.support import golden
from tests.support.artefacts import Through

FILES = sorted(golden.FOLDER.glob("*.rtfs"))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden_programs(path: Path, strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "Runtime", Through)
    for chunk in golden.split_file(path):
        golden.check_chunk(chunk, strategy)
