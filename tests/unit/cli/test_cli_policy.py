"""`rtfs policy`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rtfs.cli.main import main
from rtfs.delegation.settings import DEFAULTS

POLICY = """\
[targets]
small = "local:smollm2"
strong = "remote:kimi-k2"

[[rules]]
name = "support"
symbol = ["triage", "support/*"]
args = ["string"]
target = "small"
fallback = "strong"
accept_above = 0.8

[[rules]]
symbol = "f"
target = "strong"

[environments.offline]
deny = "remote:*"
"""
PROGRAM = """\
(defn triage ^:delegation :local-model "smollm2" ^{:tags [:cheap]} "What is it?" [text :string] :-> :string text)
(defn ask ^:delegation :remote "gpt" ^{:private true} "What is it?" [text :string] :-> :string text)
(println "ran")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "delegation.toml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "p.rtfs").write_text(PROGRAM, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_check_finds_the_file_of_the_folder(capsys: pytest.CaptureFixture[str]):
    assert main(["policy", "check"]) == 0
    assert capsys.readouterr() == ("", "no problems in 1 file\n")


def test_check_lists_all_mistakes(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "bad.toml").write_text('[[rules]]\ntarget = "smol"\nretires = 1\n[settings]\ntimeout_s = 0\n', encoding="utf-8")
    assert main(["policy", "check", "bad.toml"]) == 1
    out, err = capsys.readouterr()
    assert [line.strip() for line in out.splitlines() if "-->" in line] == [f"--> bad.toml:{at}" for at in ("2:10", "3:1", "5:13")]
    assert err == "3 errors in 1 file\n"
    assert main(["policy", "check", "--json", "bad.toml"]) == 1
    out, err = capsys.readouterr()
    records = [json.loads(line) for line in out.splitlines()]
    assert [(r["severity"], r["code"], r["span"]["line"]) for r in records] == [("error", "RTFS-C005", line) for line in (2, 3, 5)]
    assert err == ""


def test_check_warns(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "odd.toml").write_text('[[rules]]\nengine = "e"\n[engines.e]\nuse = "no-such-engine"\n[targets]\nx = "local:y"\n', encoding="utf-8")
    assert main(["policy", "check", "odd.toml"]) == 0
    out, err = capsys.readouterr()
    assert "warning[RTFS-C005]: `targets.x` is used by nothing" in out
    assert "engine `e`: no package installed here offers `no-such-engine`" in out
    assert err == "2 warnings in 1 file\n"
    assert main(["policy", "check", "--strict", "odd.toml"]) == 1
    assert "error[RTFS-C005]" in capsys.readouterr().out


def test_check_of_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    assert main(["policy", "check", "none.toml"]) == 2
    assert "cannot read none.toml" in capsys.readouterr().err
    monkeypatch.setenv("RTFS_POLICY", "")
    assert main(["policy", "check"]) == 2
    assert "there is no policy file" in capsys.readouterr().err


def test_explain_a_private_call(capsys: pytest.CaptureFixture[str]):
    assert main(["policy", "explain", "triage", '"my card is lost"', "--tag", "private"]) == 0
    out, _ = capsys.readouterr()
    assert out.splitlines() == [
        "triage: tagged private",
        "  args      string",
        "  rule      `support` (delegation.toml:5:1)",
        "  target    local:smollm2   taken",
        "  target    remote:kimi-k2  rejected: the call is tagged `private`: its data never leaves this machine",
        "  last      the function's own body",
        "  why       rule `support` of delegation.toml; remote:kimi-k2 is refused: the call is tagged `private`: "
        "its data never leaves this machine",
        f"  settings  retries {DEFAULTS.retries}, backoff_s 0.5, accept_above 0.8",
    ]


def test_explain_as_json(capsys: pytest.CaptureFixture[str]):
    assert main(["policy", "explain", "f", "--tag", ":private", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["decision"]["target"] == "local_pure"
    assert record["passed"][0]["reason"] == "`f` is not `triage` or `support/*`"
    states = {target["target"]: (target["state"], target["reason"]) for target in record["targets"]}
    assert states["remote_model:kimi-k2"] == ("rejected", "the call is tagged `private`: its data never leaves this machine")


def test_explain_says_what_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = "[settings]\ncache = {{ mode = 'exact', errors_s = {} }}\n[[rules]]\ntarget = 'local:smollm2'\n"
    path = tmp_path / "kept.toml"
    for errors, said in (("60", "errors_s 60"), ("{ empty-reply = 5 }", "errors_s empty-reply 5")):
        path.write_text(text.format(errors), encoding="utf-8")
        assert main(["policy", "explain", "f", "--policy", str(path)]) == 0
        assert f"cache mode exact {said}" in capsys.readouterr().out
    assert main(["policy", "explain", "f", "--policy", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["cache"] == {"mode": "exact", "errors_s": {"empty-reply": 5.0}}


def test_explain_in_an_environment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    assert main(["policy", "explain", "f", "--env", "offline"]) == 0
    given = capsys.readouterr().out
    assert "rejected: the policy denies `remote:*`" in given
    monkeypatch.setenv("RTFS_ENV", "offline")
    assert main(["policy", "explain", "f"]) == 0
    assert capsys.readouterr().out == given
    assert main(["policy", "explain", "f", "--env", "ofline"]) == 2
    assert "did you mean `offline`?" in capsys.readouterr().err


def test_explain_looks_at_the_hint_and_the_tags_of_a_function(capsys: pytest.CaptureFixture[str]):
    assert main(["policy", "explain", "triage", '"x"', "--program", "p.rtfs", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["hint"], record["tags"], record["decision"]["target"]) == ("local_model:smollm2", ["cheap"], "local_model:smollm2")
    assert record["decision"]["fallbacks"] == []  # a remote model never comes after a local hint
    assert main(["policy", "explain", "ask", '"x"', "--program", "p.rtfs"]) == 0
    out = capsys.readouterr().out
    assert "ran" not in out
    assert "remote:gpt      rejected: the call is tagged `private`" in out
    assert main(["policy", "explain", "trage", "--program", "p.rtfs"]) == 2
    assert "did you mean `triage`?" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["my card", "(", "1) (println 2) (quote 1", "", "\\"])
def test_an_argument_that_is_no_value(text: str, capsys: pytest.CaptureFixture[str]):
    assert main(["policy", "explain", "f", text]) == 2
    assert "write it as in a program" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text, kind", [("42", "integer"), ("-1.5", "float"), ('"x"', "string"), ("[1 :a]", "vector<integer|keyword>"), ("(println 1)", "list<integer|symbol>")]
)
def test_arguments_are_read_and_not_run(text: str, kind: str, capsys: pytest.CaptureFixture[str]):
    assert main(["policy", "explain", "--json", "f", "--", text]) == 0
    out = capsys.readouterr().out
    assert json.loads(out)["args"] == [kind]


def test_misuse(capsys: pytest.CaptureFixture[str]):
    for words in ([], ["explain"], ["check", "a", "b"], ["chek"]):
        assert main(["policy", *words]) == 2
        assert "choose from: check [FILE], explain FN ARGS" in capsys.readouterr().err


ROUTED = """\
[[rules]]
symbol = "f"
engine = "r"

[engines.r]
use = "costed"
options = { targets = ["local:echo", "remote:paid"], limits = { usd = 0.01 } }
"""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("options = {}", "engine `r` of delegation.toml: a router needs targets to choose from"),
        ('options = { targets = ["local:echo"], wieghts = {} }', "engine `r` of delegation.toml: the router has no option `wieghts`"),
        ('options = { targets = ["smol"] }', "engine `r` of delegation.toml: `smol` is not a target"),
        ('options = { targets = ["local:echo"], model = "no.json" }', "engine `r` of delegation.toml: cannot read no.json"),
    ],
)
def test_check_looks_at_the_options_of_the_router(folder: Path, capsys: pytest.CaptureFixture[str], options: str, said: str):
    text = ROUTED.partition("options")[0] + options + "\n"
    (folder / "delegation.toml").write_text(text, encoding="utf-8")
    assert main(["policy", "check"]) == 1
    out, _ = capsys.readouterr()
    assert said in out
    assert "--> delegation.toml:5:1" in out
    assert main(["run", "p.rtfs"]) == 2  # and so does a run
    assert said in capsys.readouterr().err


def test_check_warns_of_an_engine_that_is_not_installed_with_its_place(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "delegation.toml").write_text(ROUTED.replace("costed", "nobody's"), encoding="utf-8")
    assert main(["policy", "check"]) == 0
    assert "--> delegation.toml:5:1" in capsys.readouterr().out


def test_explain_knows_prices_and_what_a_planner_said(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("RTFS_PRICES", "prices.toml")
    monkeypatch.setenv("RTFS_REMOTE_BASE_URL", "http://127.0.0.1:9")
    (folder / "prices.toml").write_text('[[price]]\nmodel = "paid"\ninput = 1\noutput = 1\n', encoding="utf-8")
    (folder / "delegation.toml").write_text(ROUTED, encoding="utf-8")
    assert main(["policy", "explain", "f", '"x"']) == 0
    assert "remote:paid  not taken  score" in capsys.readouterr().out
    rule = '[[rules]]\nmetadata = { source = "planner", confidence_below = 0.5 }\ntarget = "local:echo"\n'
    (folder / "delegation.toml").write_text(rule, encoding="utf-8")
    for confidence, taken in ((0.2, "local:echo"), (0.7, "local ")):
        meta = f"^{{:delegation-metadata {{:confidence {confidence} :source :planner}}}}"
        (folder / "q.rtfs").write_text(f"(defn f {meta} [x] x)", encoding="utf-8")
        assert main(["policy", "explain", "--program", "q.rtfs", "f", "1"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert any(line.split()[:3] == ["target", taken.strip(), "taken"] for line in lines)
