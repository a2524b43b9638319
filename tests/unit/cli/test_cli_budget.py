"""`--budget`, and what a user sees of budgets and prices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rtfs.cli.main import main
from rtfs.delegation.delegation import Delegation
from tests.support.openai_server import OpenAIServer

ASK = '(defn ask ^:delegation :local-model "echo" [n : int] : int n)\n'
FAR = '(defn far ^:delegation :remote "some-model" [text : string] : string "body")\n'


@pytest.mark.parametrize("strategy", ["ir", "tree"])
def test_a_run_stops_where_its_budget_ends(strategy: str, capsys: pytest.CaptureFixture[str]):
    program = ASK + "(dotimes [i 10] (println (try (ask i) (catch _ e :caught))))"
    assert main(["eval", "--strategy", strategy, "--budget", "calls=3", program]) == 1
    out, err = capsys.readouterr()
    assert out == "0\n0\n0\n"
    assert "error[RTFS-L005]: the budget of the runtime is used up: 3 of 3 calls spent" in err
    assert "<eval>:2:31" in err


def test_the_error_for_machines(capsys: pytest.CaptureFixture[str]):
    assert main(["eval", "--json", "--budget", "calls=0", ASK + "(ask 1)"]) == 1
    error = json.loads(capsys.readouterr().err)
    assert (error["code"], error["kind"]) == ("RTFS-L005", "budget-exhausted")


@pytest.mark.parametrize("text", ["calls", "calls=x", "calls=1.5", "cals=1", "usd=-1", "usd=nan", ""])
def test_a_budget_that_is_none_is_misuse(text: str, capsys: pytest.CaptureFixture[str]):
    assert main(["eval", "--budget", text, "1"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error[RTFS-C001]")
    assert "#<" not in said


@pytest.mark.parametrize(("text", "shown"), [("calls=nan", "NaN"), ("calls=1.5", "1.5"), ("usd=-inf", "-Infinity"), ("tokens=1e99", "1E+99")])
def test_a_limit_that_is_none_is_shown_as_it_is(text: str, shown: str, capsys: pytest.CaptureFixture[str]):
    assert main(["eval", "--budget", text, "1"]) == 2
    assert capsys.readouterr().err.splitlines()[0].endswith(f", got {shown}")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--max-in-flight", "x"], "'x' is no number of requests; write one like 16, or kimi=20"),
        (["--max-in-flight", "kimi="], "'kimi=' is no number of requests"),
        (["--max-in-flight", "0"], "--max-in-flight is 0; it must be positive"),
        (["--max-in-flight", "kimi=0"], "--max-in-flight is 0; it must be positive"),
        (["--max-in-flight", "kimi:k2=3"], "'kimi:k2' is neither a provider nor a target"),
    ],
)
def test_limits_of_requests_at_once_that_are_none(words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]):
    assert main(["eval", *words, "1"]) == 2
    assert complaint in capsys.readouterr().err


def test_limits_of_requests_at_once_hold_together(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    seen: list[tuple[object, object]] = []

    def noted(self: object, machine: object, **options: object) -> None:
        seen.append((machine.max_in_flight, options["max_in_flight_by"]))  # type: ignore[attr-defined]
        made(self, machine, **options)  # type: ignore[arg-type]

    made = Delegation.__init__
    monkeypatch.setattr(Delegation, "__init__", noted)
    words = ["--max-in-flight", "64", "--max-in-flight", "kimi=20", "--max-in-flight", "remote:a=b*=5"]
    assert main(["eval", *words, "1"]) == 0
    assert main(["eval", "--max-in-flight", "kimi=1", "1"]) == 0
    assert seen == [(64, {"kimi": 20, "remote:a=b*": 5}), (16, {"kimi": 1})]


def test_a_model_without_a_price_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    with OpenAIServer() as server:
        monkeypatch.setenv("RTFS_REMOTE_BASE_URL", server.base_url)
        monkeypatch.setenv("RTFS_CONFIG_DIR", str(tmp_path))
        host = server.base_url.removeprefix("http://").partition("/")[0]
        assert main(["eval", "--budget", "usd=1", FAR + '(far "x")']) == 1
        out, err = capsys.readouterr()
        assert f"error[RTFS-L007]: what some-model costs at {host} is not known, and the budget of the runtime limits money" in err
        assert (out, server.requests) == ("", [])

        (tmp_path / "prices.toml").write_text(
            f'[[price]]\nserver = "{host}"\nmodel = "some-*"\ninput = 0\noutput = 0\n', encoding="utf-8"
        )
        assert main(["eval", "--budget", "usd=1", FAR + '(far "x")']) == 0
        assert capsys.readouterr().out == '"ok"\n'

        (tmp_path / "prices.toml").write_text("[[price]]\nmodel = 5\n", encoding="utf-8")
        assert main(["eval", "--budget", "usd=1", FAR + '(try (far "y") (catch _ e 1))']) == 2
        assert "prices.toml, entry 1: `model` must be the id of a model" in capsys.readouterr().err
        assert len(server.requests) == 1
        assert main(["eval", FAR + '(far "y")']) == 0  # where money is not limited, the table does not matter
