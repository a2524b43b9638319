"""`rtfs hash`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rtfs.cli.main import main


def test_a_line_for_each_definition(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.rtfs"
    path.write_text("(def k 2) ; two\n(defn twice [n] (* k n)) (println (twice 1))")
    assert main(["hash", str(path)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[2] for line in lines] == ["k", "twice"]
    assert [len(line[0]) for line in lines] == [64, 64]
    path.write_text("(def factor 2)\n(defn double\n [x] (* factor x))")
    assert main(["hash", str(path), "--json"]) == 0
    again = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["hash"] for one in again] == [line[0] for line in lines]
    assert again[1]["interface"].startswith(lines[1][1])
    assert again[0]["interface"] is again[1]["task"] is None


def test_what_cannot_be_hashed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.rtfs"
    path.write_text("(defn f [x] ")
    assert main(["hash", str(path)]) == 1
    assert main(["hash"]) == 2
    path.write_text("(import nowhere)")
    assert main(["hash", str(path)]) == 1
    assert "nowhere" in capsys.readouterr().err
