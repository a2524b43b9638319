"""IR as text: whole programs before and after the passes, kept beside them; RTFS_UPDATE=1 rewrites what is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rtfs.cli.main import main
from rtfs.ir.printing import print_ir
from tests.support.ir import optimised

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.rtfs"))
UPDATE = os.environ.get("RTFS_UPDATE") == "1"


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_programs(path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    assert main(["ir", path.name], {}) == 0
    shown = capsys.readouterr().out
    kept = path.with_suffix(".ir")
    if UPDATE:
        kept.write_text(shown, encoding="utf-8")
    assert shown == kept.read_text(encoding="utf-8")


def printed(text: str, **options: bool) -> str:
    return print_ir(optimised(text, "lowering")[0], **options)


def test_variables_of_the_same_name_have_numbers() -> None:
    assert printed("(let [x 1] (let [x (+ x 1)] x))") == "do\n  %x = 1\n  do\n    %x'2 = (+ %x 1)\n    %x'2\n"


def test_places_of_lines() -> None:
    text = "(if (f 1)\n  (g\n    2)\n  (h))"
    assert printed(text, spans=True) == "1:1  if (f 1)\n2:3    (g 2)\n       else\n4:3    (h)\n"


def test_a_long_constant_is_cut() -> None:
    assert len(printed(f'(f "{"x" * 5000}")')) < 60


def test_a_deep_program_prints_in_time_and_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    depth = 3_000
    path = tmp_path / "deep.rtfs"
    path.write_text("(f " * depth + "1" + ")" * depth, encoding="utf-8")
    assert main(["ir", str(path), "--before"], {}) == 0
    shown = capsys.readouterr().out
    assert "nested too deeply to be compiled, so it is walked" in shown
    assert shown.count("\n") > depth * 0.9
    assert len(shown) < 200 * depth
    assert "[61] call" in shown
