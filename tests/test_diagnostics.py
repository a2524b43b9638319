"""Every program in `tests/diagnostics` is a mistake, and the comments at its end are the report of it, letter by letter.

RTFS_UPDATE=1 rewrites the reports; read them as a newcomer would before keeping them.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from rtfs.config import STRATEGIES
from rtfs.errors import KINDS, RtfsError, render
from rtfs.runtime import Runtime
from rtfs.source import Source

FOLDER = Path(__file__).parent / "diagnostics"
FILES = sorted(FOLDER.glob("*.rtfs"))
UPDATE = os.environ.get("RTFS_UPDATE") == "1"
MARK = "; "


def parts(path: Path) -> tuple[str, str]:
    """The program, and the report in the comment block that ends the file."""
    lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    at = len(lines)
    while at and lines[at - 1].startswith(MARK):
        at -= 1
    return "\n".join(lines[:at]).rstrip("\n") + "\n", "\n".join(line.removeprefix(MARK) for line in lines[at:])


def report(path: Path, program: str, strategy: str) -> str:
    """What a person at a terminal reads: warnings, then the error."""
    warnings: list[str] = []
    runtime = Runtime(
        strategy=strategy,
        models=None,
        module_path=[FOLDER / "modules"],
        stdout=io.StringIO(),
        stderr=io.StringIO(),
        environ={},
        on_warning=lambda message, span: warnings.append(f"warning: {span}: {message}"),
    )
    with pytest.raises(RtfsError) as caught:
        runtime.run_source(Source(path.name, program))
    error = caught.value
    assert error.kind in KINDS or error.code == "RTFS-R011", f"unknown kind {error.kind}"
    return "\n".join([*warnings, render(error)])


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_report(path: Path, strategy: str) -> None:
    program, expected = parts(path)
    found = report(path, program, strategy)
    if UPDATE and found != expected:
        block = "\n".join(f"{MARK}{line}" for line in found.split("\n"))
        path.write_text(f"{program}\n{block}\n", encoding="utf-8")
        return
    assert found == expected


def test_there_are_enough_mistakes() -> None:
    assert len(FILES) >= 40


def test_a_report_has_one_caret_line_and_a_code() -> None:
    for path in FILES:
        _, expected = parts(path)
        assert "error[RTFS-" in expected, path.name
        assert "^" in expected, path.name
