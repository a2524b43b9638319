"""`rtfs logs` and `rtfs status`, and when `rtfs run` leaves records."""

from __future__ import annotations

import csv
import json
import os
import time
from pathlib import Path

import pytest

import rtfs
from rtfs.cli.main import main
from rtfs.delegation.log import CallLog
from rtfs.delegation.log_queries import failing_targets, point_in_time
from rtfs.delegation.record import Attempt
from rtfs.errors import ConfigError
from tests.support.call_log import record

PROGRAM = """
(defn label ^:delegation :remote "echo" "Which?" [text :string] :-> [:enum :a :b] :b)
(defn lost ^:delegation :local-model "no-such" "?" [text :string] :-> :string text)
(label "x") (lost "y") (label "z") nil
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RTFS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.rtfs").write_text(PROGRAM, encoding="utf-8")
    return tmp_path / "state"


def logged(*words: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main(["logs", "--json", *words]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


# --- when there are records ---


@pytest.mark.parametrize("command", [["run", "p.rtfs"], ["eval", PROGRAM]])
def test_run_and_eval_leave_records(command: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(command) == 0
    assert [one["function"] for one in logged(capsys=capsys)] == ["label", "lost", "label"]


def test_the_repl_leaves_records(state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(PROGRAM))
    assert main(["repl"]) == 0
    assert len(logged(capsys=capsys)) == 3


def test_no_log(state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    assert main(["run", "--no-log", "p.rtfs"]) == 0
    monkeypatch.setenv("RTFS_LOG", "off")
    assert main(["run", "p.rtfs"]) == 0
    assert not state.exists()
    monkeypatch.setenv("RTFS_LOG", "of")
    assert main(["run", "p.rtfs"]) == 2
    assert "choose from: on, off, full" in capsys.readouterr().err


def test_a_full_log_is_asked_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("RTFS_LOG", "full")
    assert main(["run", "p.rtfs"]) == 0
    first = logged(capsys=capsys)[0]
    assert (first["arguments"], first["value"]) == ('["x"]', ":a")


def test_a_program_without_delegation_makes_no_log(state: Path):
    assert main(["eval", "(+ 1 2)"]) == 0
    assert not state.exists()


def test_a_log_that_cannot_be_written_is_one_line(state: Path, capsys: pytest.CaptureFixture[str]):
    state.write_text("in the way", encoding="utf-8")
    assert main(["eval", '(defn label ^:delegation :remote "echo" "?" [] :-> [:enum :a] :a) (label) (label)', "--no-cache"]) == 0
    out, err = capsys.readouterr()
    assert out == ":a\n"
    assert [line.startswith("rtfs: calls are not logged: ") for line in err.splitlines() if "cache" not in line] == [True]
    assert err.startswith("rtfs: calls are not logged: ")


# --- logs ---


def entries(count: int = 4) -> None:
    log = CallLog(Path(os.environ["RTFS_STATE_DIR"]) / "calls.sqlite")
    log.run = "abcd1234"
    now = time.time()
    for number in range(count):
        bad = number % 2
        log.add(
            record(
                function=f"support/f{number}",
                model=f"m{number}",
                target="remote" if bad else "local-model",
                answered_by=None if bad else "M-2026",
                source="body" if bad else "model",
                error="=HYPERLINK(1)" if bad else None,
                error_kind="model-unavailable" if bad else None,
                started=now - 3600 * (count - number),
                score=0.25,
                confidence=0.5 if number == 0 else None,
            )
        )
    log.close()


@pytest.mark.parametrize(
    "words, numbers",
    [
        ([], [0, 1, 2, 3]),
        (["-n", "2"], [2, 3]),
        (["--function", "support/*"], [0, 1, 2, 3]),
        (["--function", "*f1"], [1]),
        (["--function", "f1"], []),
        (["--model", "m[23]"], [2, 3]),
        (["--model", "M-*"], [0, 2]),
        (["--target", "remote"], [1, 3]),
        (["--target", "local"], [0, 2]),
        (["--target", "remote:m3"], [3]),
        (["--target", "body"], []),
        (["--since", "150m"], [2, 3]),
        (["--since", "2001-01-01"], [0, 1, 2, 3]),
        (["--since", "2999-01-01T10:00"], []),
        (["--failed"], [1, 3]),
        (["--failed", "-n", "1"], [3]),
        (["--run", "abcd"], [0, 1, 2, 3]),
        (["--run", "abcd1234", "--failed", "--model", "m1"], [1]),
        (["--run", "%"], []),
    ],
)
def test_filters(words: list[str], numbers: list[int], capsys: pytest.CaptureFixture[str]):
    entries()
    assert [one["function"] for one in logged(*words, capsys=capsys)] == [f"support/f{number}" for number in numbers]


def test_lines(capsys: pytest.CaptureFixture[str]):
    assert main(["logs"]) == 0
    assert capsys.readouterr() == ("", "rtfs: no calls have been logged yet\n")
    entries(2)
    assert main(["logs"]) == 0
    out, err = capsys.readouterr()
    first, second = [" ".join(line.split()) for line in out.splitlines()]
    assert first.endswith("support/f0 ok m0 500.0 ms 13 tok $0.25 confidence 0.50")
    assert second.endswith("support/f1 own body m1: model-unavailable 500.0 ms 13 tok $0.25 score 0.25")
    assert err == ""
    assert main(["logs", "--failed", "--function", "none"]) == 0
    assert capsys.readouterr().err == "rtfs: no such call is in the log\n"


def test_what_comes_from_outside_does_nothing_to_the_terminal(state: Path, capsys: pytest.CaptureFixture[str]):
    log = CallLog(state / "calls.sqlite")
    log.add(record(answered_by="\x1b[2J", function="a\nb", error="\x1b]0;x\x07"))
    log.close()
    assert main(["logs"]) == 0
    assert main(["logs", "show", "1"]) == 0
    assert main(["logs", "show", "1", "--json"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_show(capsys: pytest.CaptureFixture[str]):
    assert main(["run", "p.rtfs"]) == 0
    capsys.readouterr()
    assert main(["logs", "show", "2"]) == 0
    facts = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert facts["function"] == "lost"
    assert facts["decision"] == "local_model:no-such"
    assert facts["why"] == "the function's own hint"
    assert facts["error"].startswith("no local model is called `no-such`")
    assert main(["logs", "show", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == 2
    assert main(["logs", "show", "99"]) == 2
    assert "no call 99 is in the log" in capsys.readouterr().err


def test_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    entries()
    assert main(["logs", "export", "all.jsonl"]) == 0
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines == logged(capsys=capsys)
    assert main(["logs", "export", "bad.csv", "--failed"]) == 0
    assert capsys.readouterr().err == "rtfs: 2 calls written to bad.csv\n"
    with (tmp_path / "bad.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["function"], row["prompt_tokens"], row["cost_usd"], row["run"]) for row in rows] == [
        ("support/f1", "10", "0.25", "abcd1234"),
        ("support/f3", "10", "0.25", "abcd1234"),
    ]
    assert main(["logs", "export", "-", "-n", "1"]) == 0
    assert capsys.readouterr().out.count("\n") == 4
    assert main(["logs", "export", "no-such/x.csv"]) == 2
    assert "cannot write no-such/x.csv" in capsys.readouterr().err
    assert main(["logs", "export", "x.xml"]) == 2
    assert sorted(one.name for one in tmp_path.iterdir()) == ["all.jsonl", "bad.csv", "p.rtfs", "state"]


def test_a_spreadsheet_runs_nothing(state: Path, tmp_path: Path):
    log = CallLog(state / "calls.sqlite")
    log.add(record(answered_by="=HYPERLINK(1)"))
    log.close()
    assert main(["logs", "export", "x.csv"]) == 0
    assert "'=HYPERLINK(1)" in (tmp_path / "x.csv").read_text(encoding="utf-8")


def test_clear_and_path(state: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["logs", "clear"]) == 0
    assert not state.exists()
    entries(3)
    assert main(["logs", "path"]) == 0
    assert capsys.readouterr().out == f"{state / 'calls.sqlite'}\n"
    assert main(["logs", "clear"]) == 0
    assert capsys.readouterr().err == "rtfs: 3 records of calls removed\n"
    assert logged(capsys=capsys) == []


def test_another_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    log = CallLog(tmp_path / "mine.db")
    log.add(record(function="mine"))
    log.close()
    assert [one["function"] for one in logged("--log", "mine.db", capsys=capsys)] == ["mine"]
    assert main(["logs", "--log", "no.db"]) == 2


@pytest.mark.parametrize("words", [["what"], ["show"], ["show", "x"], ["export"], ["clear", "1"], ["-n", "0"], ["--since", "soon"], ["--target", "mars"]])
def test_misuse(words: list[str], capsys: pytest.CaptureFixture[str]):
    entries(1)
    assert main(["logs", *words]) == 2
    assert capsys.readouterr().out == ""


def test_a_damaged_log_is_an_error_and_not_a_crash(state: Path, capsys: pytest.CaptureFixture[str]):
    entries(1)
    (state / "calls.sqlite").write_bytes(b"rubbish" * 1_000)
    assert main(["logs"]) == 2
    assert "calls.sqlite: file is not a database" in capsys.readouterr().err
    assert main(["logs", "clear"]) == 0  # sets it aside
    assert main(["logs"]) == 0


def test_points_in_time():
    assert point_in_time("90s", 1000.0) == 910.0
    assert point_in_time("1.5h", 10_000.0) == 4_600.0
    assert point_in_time("2026-11-20", 0.0) == time.mktime((2026, 11, 20, 0, 0, 0, 0, 0, -1))
    for text in ("", "h", "-3h", "5y", "2026-13-01"):
        with pytest.raises(ConfigError, match="is no time"):
            point_in_time(text, 0.0)


# --- status ---


def test_status_of_nothing(state: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"echo", "openai-compatible"} <= {model["name"] for model in found["models"]}
    assert found["policy"] is None
    assert found["used"]["last 24 hours"] == {"calls": 0, "failed": 0, "tokens": 0, "cost_usd": 0.0, "unknown": 0}
    assert found["failing"] == []
    assert main(["status"]) == 0
    assert "none: functions with a hint go where it says" in capsys.readouterr().out
    assert not state.exists()


def test_status(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "delegation.toml").write_text(
        'budget = { usd = 1.5 }\n[settings]\nbudget = { calls = 3 }\n[[rules]]\nsymbol = "f"\ntarget = "local"\n', encoding="utf-8"
    )
    log = CallLog(state / "calls.sqlite")
    now = time.time()
    failed = Attempt(provider="p", target="remote_model:bad", outcome="model-unavailable", problem="down")
    fine = Attempt(provider="p", target="remote_model:good", outcome="answered", prompt_tokens=2, completion_tokens=3)
    for number in range(6):
        log.add(record(started=now - 60 + number * 10, attempts=(failed, fine)))
    log.close()
    assert main(["status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["policy"]["rules"], found["policy"]["budget"], found["policy"]["call_budget"]) == (1, {"usd": 1.5}, {"calls": 3})
    assert found["used"]["last hour"] == {"calls": 6, "failed": 0, "tokens": 30, "cost_usd": 0.0, "unknown": 6}
    (bad,) = found["failing"]
    assert (bad["target"], bad["failures"], bad["left_alone"], bad["problem"]) == ("remote_model:bad", 6, True, "down")
    assert main(["status"]) == 0
    out = capsys.readouterr().out
    assert "budget of a run: usd 1.5" in out
    assert "remote_model:bad  6 failures in a row" in out


def test_a_policy_that_is_wrong_is_part_of_the_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "delegation.toml").write_text("rules = 3\n", encoding="utf-8")
    assert main(["status"]) == 0
    assert "cannot be used: " in capsys.readouterr().out


def test_an_answer_ends_a_streak(state: Path):
    path = state / "calls.sqlite"
    log = CallLog(path)

    def outcome(word: str) -> Attempt:
        return Attempt(provider="p", target="remote_model:m", outcome=word)

    log.add(record(started=1.0, attempts=(outcome("rate-limited"),)))
    log.add(record(started=2.0, attempts=(outcome("mismatch"),)))
    log.add(record(started=3.0, attempts=(outcome("timeout"), outcome("rate-limited"))))
    log.add(record(started=4.0, attempts=(outcome("skipped"),)))
    log.flush()
    (streak,) = failing_targets(str(path), 0.0)
    assert (streak.failures, streak.outcome, streak.last) == (2, "rate-limited", 3.0)
    log.add(record(started=5.0, attempts=(outcome("answered"),)))
    log.close()
    assert failing_targets(str(path), 0.0) == []


def test_what_a_model_had_called_is_shown(capsys: pytest.CaptureFixture[str]):
    from rtfs.models.protocol import Availability, ModelReply, ToolCall
    from rtfs.models.registry import ModelRegistry

    class Caller:
        name = "caller"
        calls_tools = True

        def complete(self, request):
            if request.rounds:
                return ModelReply(text="done")
            return ModelReply(text="", calls=(ToolCall(id="1", name="twice", arguments='{"x": 1}'), ToolCall(id="2", name="thrice", arguments="{}")))

        def availability(self, model):
            return Availability(usable=True, detail="a test")

        def close(self):
            pass

    models = ModelRegistry()
    models.register("caller", Caller())
    with rtfs.Runtime(models=models, log=True) as runtime:
        runtime.run('(defn twice [x :int] (* 2 x)) (defn f ^:delegation :local-model "caller" ^{:tools [twice]} [s :string] :-> :string s) (f "a")')
    assert main(["logs", "show", "1"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip().startswith("called")]
    assert [line[1:3] for line in lines] == [["twice:", "ok,"], ["thrice:", "unknown-tool,"]]
    assert main(["logs", "show", "1", "--json"]) == 0
    assert [use["outcome"] for use in json.loads(capsys.readouterr().out)["tools"]] == ["ok", "unknown-tool"]
