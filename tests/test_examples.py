"""Every file in examples/ runs, and gives what it should: without network, and without weights unless marked `model`."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import rtfs
from rtfs.config import STRATEGIES
from rtfs.errors import DelegationError, LimitExceeded
from tests.support.golden import check_chunk, split_file
from tests.support.openai_server import OpenAIServer, Say

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
TOPICS = {"card", "transfer", "top-up", "cash", "currency", "identity"}

#: Programs whose comments say what each form gives.
WITH_COMMENTS = ("macros.rtfs", "pipelines.rtfs", "recursion.rtfs", "tour.rtfs")


def run(name: str, **options: Any) -> tuple[Any, list[str]]:
    """The value of an example, as Python values, and the warnings that it caused."""
    warnings: list[str] = []
    folder = (EXAMPLES / name).parent
    options = {"allow": ["io.read*", "io.open"], "read": [EXAMPLES], "module_path": [folder]} | options
    context = {"program-dir": str(folder), "args": []} | options.pop("context", {})
    with rtfs.Runtime(context=context, on_warning=lambda message, span: warnings.append(message), **options) as runtime:
        return runtime.run_file(EXAMPLES / name), warnings


def command_line(*argv: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "rtfs", *argv], cwd=cwd, capture_output=True, text=True, timeout=120)


def test_every_example_is_tested_here():
    tested = Path(__file__).read_text(encoding="utf-8")
    for path in EXAMPLES.rglob("*"):
        if path.suffix in (".rtfs", ".py"):
            assert f'"{path.relative_to(EXAMPLES)}"' in tested or path.name == "fees.rtfs", path


def test_the_policy_of_the_examples_has_no_problems():
    done = command_line("policy", "check", "--strict", "examples/delegation.toml")
    assert (done.returncode, done.stdout) == (0, "")
    done = command_line("policy", "explain", "triage", '"hello"', "--tag", "private", "--policy", "examples/delegation.toml", "--json")
    told = {target["target"]: target["state"] for target in json.loads(done.stdout)["targets"]}
    assert told["local_model:smollm2"] == "taken"
    assert told["remote_model:gpt-4o-mini"] == "rejected"


def test_no_example_has_problems():
    done = command_line("check", "--strict", *(str(path) for path in sorted(EXAMPLES.rglob("*.rtfs"))))
    assert (done.returncode, done.stdout) == (0, "")


# --- the language ---


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", WITH_COMMENTS)
def test_comments_say_what_the_forms_give(name: str, strategy: str):
    for chunk in split_file(EXAMPLES / name):
        assert len(chunk.markers) > 3
        check_chunk(chunk, strategy)


@pytest.mark.parametrize("name", WITH_COMMENTS)
def test_programs_with_comments_run_as_a_whole(name: str):
    done = command_line("run", f"examples/{name}")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_loop_without_end_stops_at_exactly_five_calls(strategy: str):
    source = (EXAMPLES / "budgets.rtfs").read_text(encoding="utf-8")
    before, loop = source[: source.index(";; The loop has no end")], source[source.index(";; The loop has no end") :]
    output = StringIO()
    with rtfs.Runtime(strategy=strategy, stdout=output) as runtime:
        assert runtime.run(before) == ["message: The printer smokes."]
        calls = runtime.budget.spent.calls
        with pytest.raises(LimitExceeded, match="the budget of with-budget is used up: 5 of 5 calls spent"):
            runtime.run(loop)
        assert runtime.budget.spent.calls == calls + 5
    assert output.getvalue() == "0 low\n1 low\n2 low\n3 low\n4 low\n"
    done = command_line("run", "examples/budgets.rtfs", "--summary", "--strategy", strategy)
    assert (done.returncode, done.stdout) == (1, output.getvalue())
    assert "RTFS-L005" in done.stderr
    # the sixth is the one that the budget refuses
    assert f"rtfs: {calls + 6} delegated calls: {calls + 5} by model, 0 by own body, 1 failed" in done.stderr


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_calls_at_the_same_time_share_a_request(strategy: str):
    value, warnings = run("concurrency.rtfs", strategy=strategy)
    assert value == ["low, message: The printer smokes.", "low, message: Lunch at noon?"]
    assert warnings == []
    done = command_line("run", "examples/concurrency.rtfs", "--max-in-flight", "8", "--summary", "--strategy", strategy)
    assert (done.returncode, done.stdout) == (0, '["low, message: The printer smokes." "low, message: Lunch at noon?"]\n')
    # 4 messages, of which 2 are equal; a report; 2 that race; one that is awaited; 2 reports
    assert "rtfs: 13 delegated calls: 13 by model, 0 by own body, 0 failed" in done.stderr


def test_a_plan_prices_what_it_can_and_keeps_what_it_cannot(capsys: pytest.CaptureFixture[str]):
    steps: list[tuple[str, str]] = []
    runtime = rtfs.Runtime(allow=["io.open", "io.read"], read=[EXAMPLES], context={"program-dir": str(EXAMPLES)})
    runtime.host.on_step = lambda what, name, value: steps.append((what, name))
    value = runtime.run_file(EXAMPLES / "plan.rtfs")
    assert value == {
        "revenue": 66.5,
        "open": [{"id": 2, "sku": "B7", "count": 1, "problem": "no price for B7"}],
        "inbox": (EXAMPLES / "data" / "messages.txt").read_text(encoding="utf-8").split("\n")[0],
    }
    assert steps == [
        (what, name) for name in ("price the orders", "add up", "look into the inbox") for what in ("started", "completed")
    ]
    assert [entry.capability for entry in runtime.host.audit if entry.capability.startswith("io.")][-2:] == ["io.close", "io.log"]
    assert "[info] revenue 66.5" in capsys.readouterr().err


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_program_imports_its_module(strategy: str):
    value, warnings = run("modules/main.rtfs", strategy=strategy)
    assert value == {"withdrawal": 1.5, "transfer": 30.0, "monthly": [0, 4.5]}
    assert warnings == []


# --- models ---


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_triage_gives_a_ticket_for_every_message_by_its_rules(strategy: str):
    value, warnings = run("triage.rtfs", strategy=strategy)
    messages = (EXAMPLES / "data" / "messages.txt").read_text(encoding="utf-8").splitlines()
    assert [ticket["message"] for ticket in value] == messages
    assert len(set(messages)) == 40
    assert all(list(ticket) == ["message", "topic", "urgent"] for ticket in value)
    assert {ticket["topic"] for ticket in value} == TOPICS
    assert {type(ticket["urgent"]) for ticket in value} == {bool}
    assert warnings == []


def test_triage_escalates_from_its_rules_to_the_model(tmp_path: Path):
    """With a model that answers offline in the place of the small one."""
    policy = tmp_path / "delegation.toml"
    text = (EXAMPLES / "delegation.toml").read_text(encoding="utf-8")
    policy.write_text(text.replace("local:smollm2", "local:echo"), encoding="utf-8")
    inbox = tmp_path / "inbox.txt"
    inbox.write_text("My card was stolen!\nWho are you?\n", encoding="utf-8")
    environ = os.environ | {"RTFS_STATE_DIR": str(tmp_path / "state")}

    def rtfs_prints(*argv: str) -> list[Any]:
        command = [sys.executable, "-m", "rtfs", *argv]
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, "")
        return [json.loads(line) for line in done.stdout.splitlines()]

    assert rtfs_prints("run", "--json", "--quiet", "--policy", str(policy), "examples/triage.rtfs", str(inbox)) == [
        {"message": "My card was stolen!", "topic": "card", "urgent": True},
        {"message": "Who are you?", "topic": "card", "urgent": False},  # the first label: what echo makes up
    ]
    sure, unsure = rtfs_prints("logs", "-n", "3", "--json")
    for record in (sure, unsure):
        assert record["decision"]["target"] == "local_model:rules"
        assert record["decision"]["fallbacks"] == ["local_model:echo"]
        assert "rule `triage` of delegation.toml" in record["decision"]["reasoning"]
        assert record["cost_usd"] == 0
    assert (sure["answered_by"], sure["score"], len(sure["attempts"])) == ("rules", 0.9, 1)
    assert unsure["answered_by"] == "echo"
    assert [(attempt["target"], attempt["outcome"], attempt["score"]) for attempt in unsure["attempts"]] == [
        ("local_model:rules", "answered", 0.3),
        ("local_model:rules", "unsure", 0.3),
        ("local_model:echo", "answered", None),
    ]


def test_triage_reads_the_file_that_it_is_given(tmp_path: Path):
    inbox = tmp_path / "inbox.txt"
    inbox.write_text("My card was stolen!\n\n  \nWhich currencies can I hold?\n", encoding="utf-8")
    done = command_line("run", "--json", "--quiet", "--allow-read", str(tmp_path), "examples/triage.rtfs", str(inbox))
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"message": "My card was stolen!", "topic": "card", "urgent": True},
        {"message": "Which currencies can I hold?", "topic": "currency", "urgent": False},
    ]


def test_triage_prints_one_record_a_line():
    done = command_line("run", "examples/triage.rtfs")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 40
    for line in lines:
        (ticket,) = rtfs.parse(line)
        assert ticket.get(rtfs.kw("topic")) in TOPICS


def test_sentiment_falls_back_to_its_word_list():
    value, _ = run("sentiment.rtfs")
    assert [row["sentiment"] for row in value] == ["positive", "negative", "negative", "positive"]


def test_remote_asks_the_server_with_the_type_as_schema_and_fits_the_reply():
    pytest.importorskip("httpx2", reason="the extra `remote` is not installed")
    ticket = {"product": "Ledger 3", "severity": "high", "reproducible": True, "steps": ["open an invoice", "press Export"]}
    with OpenAIServer() as server:
        server.script(Say(json.dumps(ticket)))
        environ = {"RTFS_REMOTE_BASE_URL": server.base_url, "RTFS_REMOTE_API_KEY": "a-key-for-this-test"}
        value, warnings = run("remote.rtfs", environ=environ)
        (seen,) = server.requests
    assert value == ticket
    assert warnings == []
    assert seen.headers["authorization"] == "Bearer a-key-for-this-test"
    assert seen.json["model"] == "gpt-4o-mini"
    text = json.dumps(seen.json)
    assert "fills in the ticket" in text
    assert "The export button" in text
    assert "reproducible" in json.dumps(seen.json["response_format"])


def test_remote_without_a_server_answers_with_its_body():
    value, warnings = run("remote.rtfs", environ={})
    assert value == {"product": "unknown", "severity": "low", "reproducible": False, "steps": []}
    assert any("RTFS_REMOTE_BASE_URL" in warning for warning in warnings)


# --- Python ---


def test_the_host_in_python_prints_what_its_comments_say(capsys: pytest.CaptureFixture[str]):
    runpy.run_path(str(EXAMPLES / "embed.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "27.0"
    assert lines[1].startswith("RTFS-R006 price, parameter order: Type mismatch at .amounts")
    assert lines[2] == "discount raised KeyError: 'tin'"
    assert lines[3] == "RTFS-H002 capability :io.read-file is not allowed to this program"
    assert lines[4].startswith("RTFS-L002 more than 10,000 steps")
    assert lines[5] == ":ok"
    assert len(lines) == 6


def test_a_model_has_functions_called_and_is_watched(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("httpx2")
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    runpy.run_path(str(EXAMPLES / "tools.py"), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == [
        "{'text': 'It arrives in 2 days.', 'escalate': False}",
        "lookup-order no-order",
        "lookup-order ok",
        "3 requests, answered by model",
    ]


def test_crystallise(capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("cryptography")
    runpy.run_path(str(EXAMPLES / "crystallise.py"), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == [
        "hashes: True for the same, False for another one below",
        "published: slug, 2 of 2 tests right",
        "of-mice-and-men",
        "crystallised: phrases, which agree in more than 90 %: True",
        "most of 200 calls are answered by code: True",
        "bug",
    ]


# --- caches ---


def test_answers_are_used_again_as_their_functions_say(tmp_path: Path):
    by_cache = []
    for _ in range(2):
        with rtfs.Runtime(caches=tmp_path, on_warning=lambda message, span: None) as runtime:
            value = runtime.run_file(EXAMPLES / "caches/answers.rtfs")
            by_cache.append([(record.function, record.cache) for record in runtime.records.calls])
    assert [cache for _, cache in by_cache[0]] == [None, "L2", None, None, None, None, None, "L2", None]
    assert [cache for _, cache in by_cache[1]] == ["L2", "L2", None, "L2", "L2", "L2", "L2", "L2", "L2"]
    assert by_cache[1][2][0] == "weather"
    assert value[0] == value[1]


def test_plans_are_made_once_for_each_kind_of_call(capsys: pytest.CaptureFixture[str]):
    runpy.run_path(str(EXAMPLES / "caches/plans.py"), run_name="__main__")
    asked, plan, after = capsys.readouterr().out.splitlines()
    assert asked == "the engine was asked 3 times for 1,004 calls"
    assert plan.startswith("summary: remote_model:echo, confidence 0.9")
    assert after == "plans after the change: 0"


def test_questions_that_mean_the_same_are_answered_once_that_is_safe(capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("numpy")
    runpy.run_path(str(EXAMPLES / "caches/meaning.py"), run_name="__main__")
    first, then, wrong, standing, _, _, *refused = capsys.readouterr().out.splitlines()
    learning, serving = (int(line.split()[3]) for line in (first, then))
    assert learning > 100
    assert serving < 30
    assert wrong == "wrong answers: 0"
    assert standing.startswith("answer: serving from score")
    assert "refused by the guard antonym: `open` is the contrary of `close`" in refused
    assert "refused by the guard number: `2 days` against `3 days`" in refused


# --- the real model ---


@pytest.fixture
def with_weights() -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed: pip install 'rtfs-lang[local]'")
    from rtfs.models import weights

    try:
        weights.locate("smollm2", os.environ, weights.default_data_dir(os.environ))
    except DelegationError as error:
        pytest.skip(f"{error.message}; {error.hint}")


@pytest.mark.model
@pytest.mark.usefixtures("with_weights")
def test_triage_with_the_model():
    warnings: list[str] = []
    runtime = rtfs.Runtime(
        allow=["io.read-lines"],
        read=[EXAMPLES],
        context={"program-dir": str(EXAMPLES), "args": []},
        on_warning=lambda message, span: warnings.append(message),
    )
    with runtime:
        program = (EXAMPLES / "triage.rtfs").read_text(encoding="utf-8")
        value = runtime.run(program.replace(':local-model "rules"', ':local-model "smollm2"'))
        totals = runtime.records.totals
        assert (totals.calls, totals.by_model, totals.by_body) == (40, 40, 0)
        assert all(0 < record.score <= 1 for record in runtime.records.calls)
    assert warnings == []
    assert {ticket["topic"] for ticket in value} == TOPICS
    found = {ticket["message"]: ticket for ticket in value}
    for message, topic, urgent in (
        ("How are exchange rates calculated at this bank?", "currency", False),
        ("Can I use as many top-ups as I want?", "top-up", False),
        ("Why is the identity check involved?", "identity", False),
        ("I have a problem with a transfer. It didn't work. Can you tell me why?", "transfer", True),
        ("Currently I can't get my card to work.", "card", True),
    ):
        assert (found[message]["topic"], found[message]["urgent"]) == (topic, urgent), message


@pytest.mark.model
@pytest.mark.usefixtures("with_weights")
def test_the_readme_shows_what_triage_prints():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("<!-- triage-output -->\n```clojure\n")[2].partition("```")[0].splitlines()
    assert len(shown) > 3
    done = command_line("run", "--quiet", "examples/triage.rtfs")
    assert [line for line in done.stdout.splitlines() if line in shown] == shown


@pytest.mark.model
@pytest.mark.usefixtures("with_weights")
def test_sentiment_with_the_model_agrees_with_the_reader():
    value, warnings = run("sentiment.rtfs")
    assert warnings == []
    assert [row["sentiment"] for row in value] == ["positive", "negative", "negative", "positive"]
