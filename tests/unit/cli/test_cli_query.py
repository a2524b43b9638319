"""`rtfs query`, and `--dry-run`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from rtfs.cli.main import main
from tests.support.openai_server import Events, OpenAIServer, Say, event

pytest.importorskip("httpx2")

KEY = "sk-very-secret-0123456789"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def environ(server: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    folders = {f"RTFS_{name}_DIR": str(tmp_path / name.lower()) for name in ("STATE", "DATA", "CACHE", "CONFIG")}
    return {**folders, "OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": KEY, "HOME": str(tmp_path)}


def test_the_answer_is_printed_and_recorded(server, environ, capsys) -> None:
    server.script(Say("A quiet pond"), Say('{"value": 42}'), Say('{"value": ["a", "b"]}'))
    assert main(["query", 'Write "it"', "-m", "openai:gpt-4o-mini"], environ) == 0
    assert main(["query", "How many?", "-m", "openai:gpt-4o-mini", "--type", ":int"], environ) == 0
    assert main(["query", "Which?", "-m", "openai:gpt-4o-mini", "-t", "[:vector :string]", "--json"], environ) == 0
    assert capsys.readouterr().out == 'A quiet pond\n42\n"a"\n"b"\n'
    question = server.requests[0].json["messages"][-1]["content"]
    assert 'What it does: Write "it"' in question
    assert main(["logs", "--json"], environ) == 0
    assert [json.loads(line)["model"] for line in capsys.readouterr().out.splitlines()] == ["openai:gpt-4o-mini"] * 3


def test_input_is_data(server, environ, capsys, monkeypatch, tmp_path) -> None:
    (tmp_path / "report.txt").write_text('It "broke" (again.\n', encoding="utf-8")
    monkeypatch.setattr("sys.stdin", StringIO("from a pipe"))
    assert main(["query", "Sum up", "-m", "openai:m", "--input", "report.txt"], environ) == 0
    assert main(["query", "Sum up", "-m", "openai:m", "-i", "-"], environ) == 0
    first, second = (seen.json["messages"][-1]["content"] for seen in server.requests)
    assert 'It "broke" (again.' in first.split("<<< input")[1].split(">>>")[0]
    assert "from a pipe" in second.split("<<< input")[1].split(">>>")[0]
    assert main(["query", "Sum up", "-m", "openai:m", "-i", "missing.txt"], environ) == 2


def test_a_model_of_this_machine_is_found_too(environ, capsys) -> None:
    assert main(["query", "x", "-m", "echo", "-t", '[:enum "a" "b"]', "--json"], environ) == 0
    assert capsys.readouterr().out == '"a"\n'


@pytest.mark.parametrize(
    "argv, code, said",
    [
        (["-m", "anthropic:claude-x"], 1, "set ANTHROPIC_API_KEY"),
        (["-m", "echo", "-t", ":int) (foo"], 2, "--type"),
        (["-m", "echo", "-t", ":int :int"], 2, "is 2 types and not one"),
        (["-m", "echo", "-t", ""], 2, "is 0 types and not one"),
        (["-m", "echo", "-t", ":int ; a remark"], 0, ""),
        (["-m", "echo", "--max-tokens", "0"], 2, "--max-tokens"),
        (["-m", "echo", "--timeout", "0"], 2, "--timeout"),
        (["-m", "echo", "--budget", "calls=0"], 1, "the budget"),
        ([], 2, "--model"),
    ],
)
def test_what_goes_wrong_is_said_without_a_program(environ, capsys, argv, code, said) -> None:
    assert main(["query", "x", *argv], environ) == code
    err = capsys.readouterr().err
    assert said in err
    assert "<query>" not in err
    assert "defn" not in err


def test_the_policy_of_the_folder_holds(server, environ, tmp_path, capsys) -> None:
    (tmp_path / "delegation.toml").write_text('deny = "remote:*"\n', encoding="utf-8")
    assert main(["query", "x", "-m", "openai:m"], environ) == 1
    assert server.requests == []


def test_a_dry_run_shows_the_request_and_sends_nothing(server, environ, capsys) -> None:
    argv = ["query", "How many?", "-m", "openai:gpt-4o-mini", "-t", ":int", "--max-tokens", "1000"]
    assert main([*argv, "--dry-run", "--json"], environ) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert server.requests == []
    assert found["request"]["url"] == server.base_url + "/chat/completions"
    assert found["request"]["headers"]["Authorization"] == "Bearer [OPENAI_API_KEY]"
    assert KEY not in line
    server.script(Say('{"value": 1}'))
    assert main(argv, environ) == 0
    assert server.requests[0].json == found["request"]["body"]  # the exact request
    assert not main(["logs", "--json"], environ)
    assert len(capsys.readouterr().out.splitlines()) == 2  # the answer, and its record alone


def test_a_dry_run_estimates_the_price(environ, capsys) -> None:
    environ = {**environ, "OPENAI_BASE_URL": "https://api.openai.com/v1"}
    argv = ["query", "How many?", "--max-tokens", "1000", "--dry-run"]
    assert main([*argv, "-m", "openai:gpt-4o-mini", "--json"], environ) == 0
    estimate = json.loads(capsys.readouterr().out)["estimate"]
    assert estimate["completion_tokens"] == 1000
    assert estimate["usd"] == pytest.approx(estimate["prompt_tokens"] * 0.15e-6 + 1000 * 0.60e-6, abs=1e-9)
    assert main([*argv, "-m", "openai:nobody-knows"], environ) == 0
    assert "price not known" in capsys.readouterr().out
    assert main([*argv, "-m", "smollm2"], environ) == 0
    out = capsys.readouterr().out
    assert "at most $0.000000" in out
    assert "nothing is sent" in out
    assert "would fail: the weights of `smollm2` are not installed" in out


def test_a_program_runs_dry(server, environ, capsys, tmp_path) -> None:
    (tmp_path / "p.rtfs").write_text(
        '(defn f ^:delegation :remote "openai:m" [x :int] :-> :int (inc x))\n'
        '(defn g ^:delegation :local-model "rules" ^{:rules [["a" "A"]]} [s :string] :-> :string "body")\n'
        '(println "prints") [(f 1) (f 2) (g "a")]',
        encoding="utf-8",
    )
    assert main(["run", "--dry-run", "--json", "p.rtfs"], environ) == 0
    out, err = capsys.readouterr()
    assert server.requests == []
    shown = [json.loads(line) for line in out.splitlines()]
    assert [found["function"] for found in shown] == ["f", "f"]  # the rules answer: they send nothing
    assert "prints" in err
    assert main(["run", "--json", "p.rtfs"], {**environ, "RTFS_LOG": "off"}) == 0
    assert [seen.json for seen in server.requests][:1] == [shown[0]["request"]["body"]]


def test_the_answer_is_shown_while_it_is_written(server, environ, capsys) -> None:
    server.script(Say("A quiet pond\nat night. "))
    assert main(["query", "A haiku", "-m", "openai:m", "--stream"], environ) == 0
    assert capsys.readouterr().out == "A quiet pond\nat night.\n"
    assert server.requests[0].json["stream"] is True
    assert main(["query", "A haiku", "-m", "openai:m", "--stream", "--json"], environ) == 0
    assert main(["query", "A haiku", "-m", "openai:m"], environ) == 0
    assert ["stream" in seen.json for seen in server.requests] == [True, False, False]


def test_an_answer_that_breaks_off_begins_on_a_new_line(server, environ, capsys) -> None:
    server.script(Events((event({"content": "A quiet"}), 0.3), ends="reset"), Say("A loud pond"))
    assert main(["query", "A haiku", "-m", "openai:m", "--stream"], environ) == 0
    shown = capsys.readouterr()
    assert shown.out == "A quiet\nA loud pond\n"
    assert "begins anew" in shown.err


def test_values_of_other_types_are_printed_once(server, environ, capsys) -> None:
    server.script(Say('{"a": 1, "b": "x"}'), Say('{"value": 42}'))
    assert main(["query", "x", "-m", "openai:m", "--stream", "-t", "[:map [:a int] [:b string]]"], environ) == 0
    assert main(["query", "x", "-m", "openai:m", "--stream", "-t", ":int"], environ) == 0
    assert capsys.readouterr().out == '{:a 1 :b "x"}\n42\n'


def test_a_failure_after_some_text_is_an_error_on_a_line_of_its_own(server, environ, capsys) -> None:
    server.script(Events((event({"content": "A quiet"}), 0.3, {"error": {"message": "no", "type": "invalid_request_error"}})))
    assert main(["query", "A haiku", "-m", "openai:m", "--stream"], environ) == 1
    shown = capsys.readouterr()
    assert shown.out == "A quiet\n"
    assert "refused the request" in shown.err


def test_a_dry_run_shows_the_tools(server, environ, capsys, tmp_path) -> None:
    program = '(defn look [id :int] "x") (defn f ^:delegation :remote "openai:m" ^{:tools [look]} [x :string] :-> :string x) (f "a")'
    (tmp_path / "p.rtfs").write_text(program, encoding="utf-8")
    assert main(["run", "--dry-run", "--json", "p.rtfs"], environ) == 0
    found = json.loads(capsys.readouterr().out)
    assert [tool["function"]["name"] for tool in found["request"]["body"]["tools"]] == ["look"]
    assert found["estimate"]["prompt_tokens"] > 100
    assert server.requests == []
