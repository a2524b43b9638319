"""`rtfs cache`, and what `--no-cache` and `--refresh` do to a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rtfs.cli.main import main
from tests.support.servers import Redis

ROOT = Path(__file__).parents[3]
PROGRAM = """
(defn label ^:delegation :local-model "echo" "What is it about?" [text :string] :-> [:enum "card" "cash"] "card")
(defn other ^:delegation :local-model "echo" "Is it urgent?" [text :string] :-> :bool false)
[(label "my card") (label "my cash") (other "my card")]
"""


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTFS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("RTFS_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "p.rtfs"
    path.write_text(PROGRAM, encoding="utf-8")
    return str(path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*argv: str, code: int = 0) -> tuple[str, str]:
        assert main(list(argv)) == code
        out, err = capsys.readouterr()
        return out, err

    return run


def stats(run: Any, layer: str = "reply") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("cache", "stats", "--json")[0])[layer]
    return found


def test_the_second_run_asks_no_model_and_says_what_it_saved(program: str, run: Any) -> None:
    first, said = run("run", program)
    assert "from the cache" not in said
    second, said = run("run", program)
    assert second == first
    assert said.startswith("rtfs: 3 of 3 answers from the cache, which saved ")
    assert "tokens" in said
    assert run("run", "--quiet", program)[1] == ""
    assert "3 of 3 answers from the cache" in run("run", "--summary", program)[1]
    summary = json.loads(run("run", "--summary", "--json", program)[1])["summary"]
    assert (summary["by_cache"], summary["prompt_tokens"], summary["saved"]["tokens"] > 0) == (3, 0, True)
    figures = stats(run)
    assert (figures["hits"], figures["misses"], figures["puts"], figures["size"]) == (12, 3, 3, 3)
    assert figures["saved_tokens"] > 0
    record = json.loads(run("logs", "-n", "1", "--json")[0])
    assert (record["cache"], record["cost_usd"], record["attempts"][0]["outcome"]) == ("L2", 0.0, "cached")


def test_the_example_of_the_readme(run: Any) -> None:
    first, _ = run("run", str(ROOT / "examples" / "triage.rtfs"))
    second, said = run("run", str(ROOT / "examples" / "triage.rtfs"))
    assert (first, "40 of 40 answers from the cache" in said) == (second, True)


@pytest.mark.parametrize("off", ["--no-cache", "--no-cache=reply", "--no-cache=plan,reply", "--no-models"])
def test_without_the_layer_models_are_asked(off: str, program: str, run: Any) -> None:
    run("run", program)
    _, said = run("run", off, program, code=1 if off == "--no-models" else 0)
    assert "from the cache" not in said
    assert stats(run)["hits"] == 0


def test_other_layers_can_be_left_out_alone(program: str, run: Any) -> None:
    run("run", program)
    assert "from the cache" in run("run", "--no-cache=compile,semantic", program)[1]
    assert "RTFS" in run("run", "--no-cache=answers", program, code=2)[1]


def test_the_environment_switches_all_layers_off(program: str, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTFS_CACHE", "off")
    run("run", program)
    run("run", program)
    assert not (tmp_path / "cache").exists()


def test_refreshing_asks_anew_and_keeps_what_comes(program: str, run: Any) -> None:
    run("run", program)
    assert "from the cache" not in run("run", "--refresh", program)[1]
    figures = stats(run)
    assert (figures["size"], figures["puts"], figures["hits"]) == (3, 6, 0)
    assert "from the cache" in run("run", "--refresh=compile", program)[1]


def test_a_dry_run_uses_no_answers(program: str, run: Any) -> None:
    run("run", program)
    out, _ = run("run", "--dry-run", program)
    assert "nothing is sent" in out
    assert stats(run)["hits"] == 0


def test_entries_are_listed_shown_and_compared(program: str, run: Any) -> None:
    run("run", program)
    lines = run("cache", "ls")[0].splitlines()
    assert len(lines) == 3
    assert len(run("cache", "ls", "--function", "label")[0].splitlines()) == 2
    assert len(run("cache", "ls", "--model", "echo", "-n", "1")[0].splitlines()) == 1
    assert run("cache", "ls", "--model", "nobody")[1].startswith("rtfs: no such entry")
    entries = [json.loads(line) for line in run("cache", "ls", "--json")[0].splitlines()]
    by_function = {(entry["function"], entry["key"][:12]) for entry in entries}
    other = next(key for function, key in by_function if function == "other")
    shown = run("cache", "show", other)[0]
    assert "function" in shown
    assert "other" in shown
    assert json.loads(run("cache", "show", other, "--json")[0])["key"].startswith(other)
    why = run("cache", "why", other)[0].splitlines()
    assert "served when all of this is the same" in why[0]
    assert len(why) == 2, "one other question has the same operands"
    assert "docstring" in why[1]
    assert "types" in why[1]
    assert "operands" not in why[1]
    label = next(key for function, key in by_function if function == "label")
    assert any(line.endswith("differs in: operands") for line in run("cache", "why", label)[0].splitlines())


@pytest.mark.parametrize("key, message", [("zz", "not the beginning of a key"), ("0000000000", "nothing is cached"), ("12", "not the beginning")])
def test_a_key_that_leads_nowhere_says_so(key: str, message: str, program: str, run: Any) -> None:
    run("run", program)
    assert message in run("cache", "show", key, code=2)[1]


def test_a_pair_of_texts_is_explained(run: Any) -> None:
    pytest.importorskip("numpy")
    said = run("cache", "why", "How do I open an account", "How do I close an account")[0]
    assert "refused by the guard" in said
    assert "is not served" in said
    found = json.loads(run("cache", "why", "It takes 2 days", "It takes 3 days", "--json")[0])
    assert found["serves"] is False
    assert found["refusals"]


def test_clearing_removes_what_is_named(program: str, run: Any) -> None:
    run("run", program)
    assert run("cache", "clear", "semantic", "code")[1].count("removed") == 2
    assert stats(run)["size"] == 3
    assert "3 answers removed" in run("cache", "clear", "reply")[1]
    assert stats(run)["size"] == 0
    assert "from the cache" not in run("run", program)[1]
    assert "published" not in run("cache", "clear")[1], "that does not come back by itself"
    assert stats(run)["size"] == 0


def test_damage_is_found_and_removed(program: str, run: Any, tmp_path: Path) -> None:
    import sqlite3

    run("run", program)
    assert "reply: 3 whole, 0 not" in run("cache", "verify")[0]
    with sqlite3.connect(tmp_path / "cache" / "answers" / "replies.sqlite") as db:
        db.execute("UPDATE entries SET value = x'00' WHERE id = 2")
    db.close()
    found = json.loads(run("cache", "verify", "reply", "--json", code=1)[0])["reply"]
    assert (found["whole"], len(found["problems"])) == (2, 1)
    assert "reply: 2 whole, 0 not" in run("cache", "verify", "reply")[0]


def test_entries_can_be_taken_elsewhere(program: str, run: Any, tmp_path: Path) -> None:
    run("run", program)
    target = tmp_path / "answers.jsonl"
    assert "3 answers written" in run("cache", "export", str(target))[1]
    lines = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert {line["function"] for line in lines} == {"label", "other"}
    assert run("cache", "export", "-", "reply")[0].splitlines() == target.read_text(encoding="utf-8").splitlines()


def test_nothing_is_made_by_looking(run: Any, tmp_path: Path) -> None:
    assert stats(run) == {**stats(run), "size": 0, "hits": 0}
    run("cache", "ls")
    run("cache", "verify")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("words", [["sweep"], ["show"], ["show", "abcd", "ef01"], ["path", "x"], ["ls", "reply", "plan"]])
def test_misuse_is_explained(words: list[str], run: Any) -> None:
    assert "rtfs cache" in run("cache", *words, code=2)[1]


def test_plans_count_over_runs(program: str, run: Any, tmp_path: Path) -> None:
    (tmp_path / "delegation.toml").write_text(
        '[[rules]]\nargs = ["string"]\nsymbol = "here"\ntarget = "local:echo"\n', encoding="utf-8"
    )
    Path(program).write_text(PROGRAM + '(defn here [x] x) (here "a") (here "b") (here 5) (here 6) (here 7)', encoding="utf-8")
    run("run", program)
    figures = stats(run, "plan")
    assert figures["size"] is None
    assert figures["hits"] == 3, "of texts the second, of numbers the second and the third"


@pytest.mark.parametrize("off, asked", [((), 1), (("--no-cache=plan",), 0), (("--no-cache",), 0), (("--no-cache=reply",), 1)])
def test_plans_are_a_layer_that_can_be_left_out(
    off: tuple[str, ...], asked: int, program: str, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rtfs.caching.plans import PlanCache

    made: list[PlanCache] = []
    begin = PlanCache.__init__
    monkeypatch.setattr(PlanCache, "__init__", lambda self, *args, **named: (made.append(self), begin(self, *args, **named))[1])
    (tmp_path / "delegation.toml").write_text('[[rules]]\nsymbol = "label"\ntarget = "local:echo"\n', encoding="utf-8")
    run("run", *off, program)
    assert len(made) == asked


def test_machines_share_answers_but_not_private_ones(program: str, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Redis(tmp_path)
    server.start()
    try:
        Path(program).write_text(
            PROGRAM + '(defn secret ^:delegation :local-model "echo" ^{:private true} "?" [x :string] :-> :string "b") (secret "a")',
            encoding="utf-8",
        )
        monkeypatch.setenv("RTFS_CACHE_STORE", server.address)
        assert "from the cache" not in run("run", program)[1]
        monkeypatch.setenv("RTFS_CACHE_DIR", str(tmp_path / "another machine"))
        assert "3 of 4 answers from the cache" in run("run", program)[1]
        assert stats(run)["size"] == 4
        server.stop()
        assert "4 of 4 answers from the cache" in run("run", program)[1]
        monkeypatch.setenv("RTFS_CACHE_DIR", str(tmp_path / "a third one"))
        _, said = run("run", program)
        assert "from the cache," not in said
        assert said.count("\n") == 1, "one line: the shared cache does not answer"
        assert "does not answer" in said
    finally:
        server.stop()


def test_stats_say_where_each_function_stands_with_its_error_budget(tmp_path: Path, run: Any) -> None:
    from rtfs.caching.semantic.budget import BudgetSettings
    from rtfs.caching.semantic.budgets import Budgets
    from rtfs.caching.stores.sqlite import SQLiteStore

    store = SQLiteStore(str(tmp_path / "cache" / "answers" / "semantic.sqlite"), own_name="semantic.sqlite")
    budgets = Budgets(store, BudgetSettings(limit=0.2))
    for _ in range(40):
        budgets.observe(bytes(32), "label", 0.9, True)
    store.close()
    said = run("cache", "stats", "semantic")[0].splitlines()[-1]
    assert said == "label by meaning: serving from score 0.3, 0 of 40 checks false, precision 1.000 (0.912 to 1.000, 95 %)"
    [found] = stats(run, "semantic")["functions"]
    assert (found["state"], found["limit"], found["precision_low"]) == ("serving", 0.2, 0.9119)


ERRORS = """
(defn desk ^:delegation :local-model "rules"
  ^{:rules [["card" "cards"] ["loan" "credit"]] :cache {:errors-s 600}}
  "Which desk is this for?"
  [letter :string] :-> [:enum "cards" "loans"]
  "cards")
[(desk "my loan") (desk "my loan") (desk "my card")]
"""


@pytest.mark.parametrize("strategy", ["ir", "tree"])
def test_errors_that_are_kept_are_shown_and_counted(strategy: str, tmp_path: Path, run: Any) -> None:
    path = tmp_path / "errors.rtfs"
    path.write_text(ERRORS, encoding="utf-8")
    first, said = run("run", "--strategy", strategy, str(path))
    assert "rtfs: 1 error from the cache, which saved" in said
    second, said = run("run", "--strategy", strategy, str(path))
    assert (second, "rtfs: 1 of 1 answer and 2 errors from the cache, which saved" in said) == (first, True)
    assert "desk: the reply of local model rules does not fit" in said, "the person is told as of the first one"
    records = [json.loads(line) for line in run("logs", "-n", "3", "--json")[0].splitlines()]
    assert [(one["source"], one["cache"], one["error_kind"]) for one in records] == [
        ("body", "L2", "reply-mismatch"), ("body", "L2", "reply-mismatch"), ("model", "L2", None)
    ]  # fmt: skip
    (row,) = [line for line in run("cache", "ls", "--function", "desk")[0].splitlines() if "reply-mismatch: the reply" in line]
    key = row.split()[0]
    shown = run("cache", "show", key)[0]
    assert "error         reply-mismatch: the reply of local model rules does not fit" in shown
    assert "hint          say in the docstring" in shown
    assert "expires" in shown
    entry = json.loads(run("cache", "show", key, "--json")[0])
    assert (entry["error"]["kind"], entry["text"], entry["tries"]) == ("reply-mismatch", '"credit"', 2)
    assert 599 < entry["expires"] - entry["created"] < 601
    why = run("cache", "why", key)[0].splitlines()
    assert "raises the error reply-mismatch again that rules met: served when all of this is the same" in why[0]
    assert any(line.endswith("differs in: operands") for line in why)
    assert (stats(run)["hits"], stats(run)["negative"]) == (4, 3)
    assert "4 (3 errors)" in run("cache", "stats", "reply")[0]
    assert "reply: 2 whole, 0 not" in run("cache", "verify")[0]
    assert [json.loads(line)["error"] is None for line in run("cache", "export", "-", "reply")[0].splitlines()].count(False) == 1
    for option in ("--refresh", "--no-cache"):
        assert "2 errors" not in run("run", option, str(path))[1]
    assert "2 answers removed" in run("cache", "clear", "reply")[1]
