"""`rtfs ir`: which forms and stages are shown, and how."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rtfs.cli.main import main

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").rglob("*.rtfs"))
PROGRAM = """(defn double [x] (+ x x x))
(def later (first [double]))
(later 6)
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "program.rtfs"
    path.write_text(PROGRAM, encoding="utf-8")
    return str(path)


def stages(*argv: str, capsys: pytest.CaptureFixture[str]) -> list[tuple[str | None, str, str]]:
    """(form, stage, IR) of each part."""
    assert main(["ir", "--json", *argv], {}) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [(record["form"], record["stage"], record["ir"]) for record in records]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = stages(str(path), capsys=capsys)
    assert {stage for _, stage, _ in shown} <= {"before", "after", "before and after"}
    assert len(shown) >= 3


def test_the_pipelines_example_shows_a_fused_pipeline(capsys: pytest.CaptureFixture[str]) -> None:
    path = next(path for path in EXAMPLES if path.stem == "pipelines")
    (before, after) = [text for _, _, text in stages(str(path), "--form", "sum-of-squares", capsys=capsys)]
    assert "fused with" not in before
    assert "each %item:int (reduce) fused with" in after


def test_before_and_after(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = stages(program, capsys=capsys)
    assert [(form, stage) for form, stage, _ in shown] == [
        ("double", "before"),
        ("double", "after"),
        ("later", "before and after"),
        (None, "before and after"),
    ]
    before = "def double =\n  fn double(%x)\n    (tail + %x %x %x)"
    assert shown[0][2] == before
    assert stages(program, "--before", capsys=capsys)[0] == ("double", "before", before)
    assert stages(program, "--after", capsys=capsys)[0] == ("double", "after", shown[1][2])
    assert stages(program, "--opt-level", "none", capsys=capsys)[0] == ("double", "before and after", before)


def test_passes(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = stages(program, "--form", "double", "--pass", "all", capsys=capsys)
    assert shown[0][:2] == ("double", "before")
    assert ("double", "after arithmetic") in [part[:2] for part in shown]
    assert stages(program, "--form", "double", "--pass", "arithmetic", capsys=capsys)[0][2] == (
        "def double =\n  fn double(%x)\n    (+ (+ %x %x) %x)"
    )


def test_nothing_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ir", "-e", '(println "hello")'], {}) == 0
    assert capsys.readouterr().out == ';; <eval>:1:1: runs once, so it is walked\n;; before and after\n(println "hello")\n'


def test_nothing_is_taken_for_granted_about_a_name_that_a_form_defines(capsys: pytest.CaptureFixture[str]) -> None:
    text = "(def map (first [conj]))\n(map inc [1])\n(defn filter [f xs] xs)\n(filter even? [1])"
    shown = stages("-e", text, capsys=capsys)
    assert [(stage, text) for _, stage, text in shown if text.startswith(("(map", "(filter"))] == [
        ("before and after", "(map inc [1])"),
        ("before and after", "(filter even? [1])"),
    ]


def test_macros_are_expanded_and_modules_entered(capsys: pytest.CaptureFixture[str]) -> None:
    text = "(module m (defmacro twice [e] `(do ~e ~e)) (defn f [] (twice (g))))\n(import m)\n(m/twice (m/f))"
    shown = stages("-e", text, "--before", capsys=capsys)
    assert [text for _, _, text in shown] == [
        "nil",
        "def f =\n  fn f()\n    do\n      (g)\n      (tail g)",
        "import m",
        "do\n  (m/f)\n  (m/f)",
    ]


def test_report(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ir", program, "--form", "double", "--optimization-report"], {}) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "rtfs: optimization level aggressive"
    (arithmetic,) = [line for line in lines if "arithmetic" in line]
    assert arithmetic.endswith(" ms  1 split")
    assert lines[-1].split()[0] == "total"
    assert main(["ir", program, "--optimization-report", "--opt-level", "none"], {}) == 0
    assert capsys.readouterr().err == "rtfs: optimization level none: no pass ran\n"


def test_report_of_a_run(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", program, "--strategy", "ir", "--optimization-report"], {}) == 0
    out, err = capsys.readouterr()
    assert out == "18\n"
    assert "1 split" in err
    assert main(["run", program, "--strategy", "ir", "--optimization-report", "--json"], {}) == 0
    record = json.loads(capsys.readouterr().err)["optimization"]
    assert record["level"] == "aggressive"
    assert record["passes"]["arithmetic"]["split"] == 1
    assert main(["run", program, "--strategy", "tree", "--optimization-report"], {}) == 0
    assert "the tree evaluator does not optimise" in capsys.readouterr().err


def test_levels_give_the_same(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    for level in ("none", "basic", "aggressive"):
        assert main(["run", program, "--strategy", "ir", "--opt-level", level], {}) == 0
        assert capsys.readouterr().out == "18\n"


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (["-e", "1", "--pass", "fuson"], "there is no pass `fuson`"),
        (["-e", "1", "--before", "--after"], "choose one of"),
        ([], "give one FILE"),
        (["-e", "(def x 1)", "--form", "y"], "<eval> does not define y"),
        (["-e", "1", "--opt-level", "fast"], "invalid choice: 'fast'"),
    ],
)
def test_misuse(argv: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ir", *argv], {}) == 2
    assert problem in capsys.readouterr().err


def test_problems_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ir", "-e", "(if)"], {}) == 1
    assert "malformed `if`" in capsys.readouterr().err
    assert main(["ir", "-e", "(import no.such)"], {}) == 1
    assert "Module not found: no.such" in capsys.readouterr().err
    assert main(["ir", str(tmp_path / "none.rtfs")], {}) == 2
