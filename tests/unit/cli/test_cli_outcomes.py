"""`rtfs logs outcome` and `rtfs logs calibrate`: from the log of a program to confidences in its next run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rtfs.cli.main import main

PROGRAM = """
(defn label ^:delegation :local-model "rules"
  ^{:rules [["x" :a 0.9] ["y" :b 0.4] [:else :b 0.2]]} "Which?" [text :string] :-> [:enum :a :b] :b)
(map label ["x" "y" "z" "xx"])
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RTFS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.rtfs").write_text(PROGRAM, encoding="utf-8")
    return tmp_path / "state"


@pytest.fixture
def rtfs(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str, code: int = 0) -> tuple[list[str], str]:
        capsys.readouterr()
        assert main(list(words)) == code
        captured = capsys.readouterr()
        return captured.out.splitlines(), captured.err

    return run


def test_outcomes_are_noted_and_shown(rtfs: Any):
    rtfs("run", "p.rtfs")
    assert "call 1 was right" in rtfs("logs", "outcome", "1", "right")[1]
    assert "call 2 was wrong" in rtfs("logs", "outcome", "2", ":a")[1]
    assert json.loads(rtfs("logs", "outcome", "3", ":b", "--json")[0][0]) == {"id": 3, "outcome": "right"}
    lines, _ = rtfs("logs")
    assert [line.split()[-1] for line in lines] == ["right", "wrong", "right", "0.90"]
    assert [json.loads(line)["outcome"] for line in rtfs("logs", "--json")[0]] == ["right", "wrong", "right", None]
    assert any(line.split() == ["outcome", "wrong"] for line in rtfs("logs", "show", "2")[0])
    rtfs("logs", "export", "calls.csv")
    assert "outcome" in Path("calls.csv").read_text(encoding="utf-8").splitlines()[0].split(",")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["99", "right"], 2, "no call 99"),
        (["1", "b"], 2, "neither right, wrong, nor a value"),
        (["1", "("], 2, "is no value"),
        (["1"], 2, "cannot read 1"),
        (["one", "right"], 2, "`one` is not the id of a call"),
        ([], 2, "choose from"),
        (["bad.txt"], 2, "bad.txt, line 3: `x` is neither right, wrong, nor a value"),
    ],
)
def test_what_is_no_outcome(rtfs: Any, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]):
    rtfs("run", "p.rtfs")
    Path("bad.txt").write_text("1 right\n\n2 x\n", encoding="utf-8")
    try:
        found = main(["logs", "outcome", *words])
    except SystemExit as stop:
        found = int(stop.code or 0)
    assert found == code
    assert said in capsys.readouterr().err


def test_a_call_without_an_answer_has_no_outcome(rtfs: Any):
    rtfs("eval", '((fn ^:delegation :local-model "no-such" ^{:strict true} [x] x) 1)', code=1)
    assert "no answer that could be right" in rtfs("logs", "outcome", "1", "right", code=2)[1]


def test_confidences_are_fitted_and_used(rtfs: Any, state: Path):
    assert "no outcomes are in the log" in rtfs("logs", "calibrate", code=1)[1]
    for _ in range(10):
        rtfs("run", "p.rtfs")
    outcomes = [f"{number} {'right' if number % 4 == 1 or number % 8 == 2 else 'wrong'}\n" for number in range(1, 41)]
    Path("outcomes.txt").write_text("".join(outcomes), encoding="utf-8")
    assert "40 outcomes noted, 15 of them right" in rtfs("logs", "outcome", "outcomes.txt")[1]
    assert "40 outcomes" in rtfs("logs", "calibrate", "--least", "50", code=1)[1]
    lines, said = rtfs("logs", "calibrate")
    assert lines[0].split()[:4] == ["function", "target", "method", "outcomes"]
    assert lines[1].split()[:5] == ["label", "local_model:rules", "platt", "40", "0.375"]
    assert f"1 confidence written to {state / 'confidence.json'}" in said
    rtfs("run", "p.rtfs")
    found = [json.loads(line) for line in rtfs("logs", "-n", "4", "--json")[0]]
    assert [one["score"] for one in found] == [0.9, 0.4, 0.2, 0.9]
    assert found[2]["confidence"] < found[1]["confidence"] < found[0]["confidence"] < 0.9
    assert " confidence 0." in rtfs("logs", "-n", "1")[0][0]


def test_a_broken_file_of_confidences_is_written_anew(rtfs: Any, state: Path):
    rtfs("run", "p.rtfs")
    for number, word in enumerate(("right", "wrong", "wrong", "right"), 1):
        rtfs("logs", "outcome", str(number), word)
    (state / "confidence.json").write_text("{", encoding="utf-8")
    assert "holds no confidences" in rtfs("logs", "calibrate", "--least", "4")[1]
    assert json.loads((state / "confidence.json").read_text(encoding="utf-8"))["fits"][0]["rows"] == 4
    assert "--least is 1" in rtfs("logs", "calibrate", "--least", "1", code=2)[1]
