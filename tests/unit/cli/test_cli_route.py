"""`rtfs route`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rtfs.cli.main import main
from rtfs.delegation.router.options import read_model, router_of
from rtfs.errors import ConfigError

#: Long words are hard for the cheap one; the other one knows them all but every tenth.
ROWS = [
    (f"{group}_{i % 3}", f"the {word} question, number {i}", int(word == "easy"), int(i % 10 > 0))
    for i in range(40)
    for group in ("sums", "words")
    for word in ("easy", "difficult")
]


@pytest.fixture
def table(tmp_path: Path) -> str:
    lines = ["function,prompt,cheap,strong", *[f'{f},"{p}",{a},{b}' for f, p, a, b in ROWS]]
    path = tmp_path / "outcomes.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return str(path)


def test_eval_prints_the_table(table: str, capsys: pytest.CaptureFixture[str]):
    assert main(["route", "eval", table]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[:2] == ["160 prompts, 6 functions, cross-validated in 5 parts", "cheap cheap, strong strong"]
    methods = {line.split("  ")[0].strip(): line.split()[-3:] for line in lines[5:10]}
    assert list(methods) == ["router", "prompt alone", "function alone", "random", "oracle"]
    assert methods["random"] == ["0.500", "0.500", "0.800"]
    assert float(methods["router"][0]) > 0.8
    assert [line.split()[0] for line in lines[12:15]] == ["router", "sums", "words"]


def test_eval_as_json(table: str, capsys: pytest.CaptureFixture[str]):
    assert main(["route", "eval", "--json", "--folds", "4", "--seed", "3", table]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    report = json.loads(line)
    assert (report["rows"], report["functions"], report["folds"]) == (160, 6, 4)
    assert report["methods"]["random"]["quality"] == {
        f"{share / 10:.1f}": round(0.5 + 0.4 * share / 10, 4) for share in range(11)
    }
    assert report["methods"]["router"]["apgr"] > 0.8
    assert set(report["calibration"]) == {"cheap", "strong"}
    assert main(["route", "eval", "--json", "--cheap", "strong", "--strong", "cheap", table]) == 0
    assert json.loads(capsys.readouterr().out)["methods"]["router"]["apgr"] is None


def test_train_writes_a_model_that_a_router_reads(table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = str(tmp_path / "router.json")
    assert main(["route", "train", table, "--out", out]) == 0
    assert capsys.readouterr().err == f"{out}: cheap, strong, from 160 rows\n"
    found = read_model(out).predict("the difficult question, number 77", "sums_1")
    assert found["cheap"] < 0.2 < 0.8 < found["strong"]
    router = router_of({"targets": ["local:cheap", "remote:strong"], "model": out})
    assert {one.printed for one in router._names} == {"local_model:cheap", "remote_model:strong"}


def test_train_says_what_it_did_as_json(table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["route", "train", "--json", table, "--out", str(tmp_path / "m")]) == 0
    assert json.loads(capsys.readouterr().out)["targets"] == ["cheap", "strong"]


@pytest.mark.parametrize(
    "argv, said",
    [
        (["eval"], "choose from: eval FILE"),
        (["guess", "x"], "there is no `rtfs route guess x`"),
        (["train", "x"], "needs --out"),
        (["eval", "nowhere.csv"], "cannot read nowhere.csv"),
        (["eval", "--folds", "0", "TABLE"], "cannot be cut into 0 parts"),
        (["eval", "--cheap", "gpt-9", "TABLE"], "no outcomes of `gpt-9`"),
        (["train", "--out", "/nowhere/model", "TABLE"], "cannot write /nowhere/model"),
    ],
)
def test_misuse(argv: list[str], said: str, table: str, capsys: pytest.CaptureFixture[str]):
    assert main(["route", *[table if word == "TABLE" else word for word in argv]]) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "x.csv").write_bytes(b"task,prompt,a,b\n\xff")
    assert main(["route", "eval", str(tmp_path / "x.csv")]) == 2
    assert "is not UTF-8 text" in capsys.readouterr().err
    (tmp_path / "m.json").write_bytes(b"\xff{")
    with pytest.raises(ConfigError):
        read_model(str(tmp_path / "m.json"))
