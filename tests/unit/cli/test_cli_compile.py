"""`rtfs compile`, and running what it makes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rtfs.cli.main import main
from rtfs.ir.artefact.container import decode
from rtfs.runtime import Runtime

PROGRAM = """(defn half [n] (/ n 2))
(println "args" @args)
(half (count @args))
"""


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("program.rtfs").write_text(PROGRAM, encoding="utf-8")


def run(*argv: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(list(argv), {})
    out, err = capsys.readouterr()
    return code, out, err


def write(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("strategy", ["tree", "ir"])
def test_a_compiled_program_runs_as_its_text_does(strategy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("compile", "program.rtfs", capsys=capsys)[:2] == (0, "")
    expected = run("run", "--strategy", strategy, "program.rtfs", "a", "--", "--b", capsys=capsys)
    assert expected == (0, 'args ["a" "--b"]\n1\n', "")
    assert run("run", "--strategy", strategy, "program.rtfc", "a", "--", "--b", capsys=capsys) == expected
    assert run("program.rtfc", "a", "--", "--b", capsys=capsys)[:2] == expected[:2]


@pytest.mark.parametrize(
    "text",
    [
        "(println 1)\n(defn f [x]\n  (nth x 5))\n(f [1])",
        "(totl 1)\n(defn total [x] x)",
        "(defn total [x] x) (println (totl 1))",
        '(defn f [x : int] x)\n(f "a")',
        "(throw :my/kind \"it\" {:a 1})",
        "(defn f [n] (+ 1 (f n))) (f 1)",
        "(use-it 1)\n(defmacro use-it [x] x)",
        "[(str 'a `b#) (str `b#)]",
        "(defmacro m [] `(let [x# 1] x#)) (m) (str `x#)",
    ],
)
def test_errors_warnings_and_names_are_the_same(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    write("other.rtfs", text)
    assert run("compile", "other.rtfs", capsys=capsys)[0] == 0
    for strategy in ("tree", "ir"):
        expected = run("run", "--strategy", strategy, "other.rtfs", capsys=capsys)
        assert run("run", "--strategy", strategy, "other.rtfc", capsys=capsys) == expected


def test_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run("compile", "program.rtfs", "-o", "nowhere/x.rtfc", capsys=capsys)
    assert code == 2
    assert "cannot write" in err
    code, out, err = run("compile", "program.rtfs", "-o", "x.rtfc", capsys=capsys)
    assert (code, out) == (0, "")
    assert err.startswith(f"rtfs: x.rtfc: {os.path.getsize('x.rtfc')} bytes, content ")
    code, out, err = run("compile", "program.rtfs", "--json", capsys=capsys)
    record = json.loads(out)
    assert (code, err, record["output"], record["bytes"]) == (0, "", "program.rtfc", os.path.getsize("x.rtfc"))
    assert len(bytes.fromhex(record["content"])) == 32
    assert Path("x.rtfc").read_bytes() == Path("program.rtfc").read_bytes()
    assert sorted(os.listdir()) == ["program.rtfc", "program.rtfs", "x.rtfc"]


def test_a_program_with_problems_is_not_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    write("bad.rtfs", "(println 1)\n(if)")
    code, _, err = run("compile", "bad.rtfs", capsys=capsys)
    assert code == 1
    assert "bad.rtfs:2:1" in err
    write("unread.rtfs", "(")
    assert run("compile", "unread.rtfs", capsys=capsys)[0] == 1
    assert run("compile", "none.rtfs", capsys=capsys)[0] == 2
    assert not list(Path().glob("*.rtfc"))


def test_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    write("doubtful.rtfs", "(defn f [] (nobody 1))")
    code, _, err = run("compile", "doubtful.rtfs", capsys=capsys)
    assert code == 0
    assert "warning[RTFS-A001]: name `nobody` is not bound" in err
    code, _, err = run("run", "--strict", "doubtful.rtfc", capsys=capsys)
    assert code == 1
    assert "error[RTFS-A001]: name `nobody` is not bound" in err
    os.remove("doubtful.rtfc")
    code, _, err = run("compile", "--strict", "doubtful.rtfs", capsys=capsys)
    assert code == 1
    assert "error[RTFS-A001]" in err
    assert not os.path.exists("doubtful.rtfc")


def test_nothing_runs_but_macros(capsys: pytest.CaptureFixture[str]) -> None:
    write("effects.rtfs", '(println "now") (defmacro m [] (inc 1)) (call :io.write-file "f" "x") (m)')
    assert run("compile", "effects.rtfs", capsys=capsys)[1] == ""
    assert not os.path.exists("f")


def test_a_macro_without_end_is_stopped_when_that_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    write("endless.rtfs", "(defmacro m [] (loop [] (recur)))\n(m)")
    code, _, err = run("compile", "--timeout", "0.2", "endless.rtfs", capsys=capsys)
    assert code == 1
    assert "RTFS-L003" in err


def test_standard_streams() -> None:
    compiled = subprocess.run(
        [sys.executable, "-m", "rtfs", "compile", "-", "-o", "-"], input=b'(str "a" "\xc3\xa9")', capture_output=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "rtfs", "run", "-"], input=compiled.stdout, capture_output=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.stdout.decode() == '"aé"\n'


@pytest.mark.parametrize(
    ("argv", "problem"),
    [([], "give one FILE"), (["a", "b"], "give one FILE"), (["-"], "say with -o where"), (["--opt-level", "x", "a"], "invalid choice")],
)
def test_misuse(argv: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run("compile", *argv, capsys=capsys)
    assert code == 2
    assert problem in err


def test_a_damaged_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    run("compile", "program.rtfs", capsys=capsys)
    data = Path("program.rtfc").read_bytes()
    Path("program.rtfc").write_bytes(data[:-1])
    code, out, err = run("run", "program.rtfc", capsys=capsys)
    assert (code, out) == (2, "")
    assert err.startswith("error[RTFS-C003]: program.rtfc is not a valid compiled program: its hash does not fit")
    assert "hint: compile it again" in err
    Path("program.rtfc").write_bytes(data[:9] + b"\x63" + data[10:])
    code, _, err = run("run", "program.rtfc", capsys=capsys)
    assert (code, err.split(":")[0]) == (2, "error[RTFS-C004]")


def test_a_file_is_known_by_what_is_in_it_and_not_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    run("compile", "program.rtfs", "-o", "looks-like-text.rtfs", capsys=capsys)
    assert run("run", "looks-like-text.rtfs", capsys=capsys)[0] == 0
    for command in ("check", "ast", "ir", "compile"):
        code, _, err = run(command, "looks-like-text.rtfs", capsys=capsys)
        assert code == 2
        assert "looks-like-text.rtfs is a compiled program, not a text" in err


def test_modules_are_in_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    write("bank/fees.rtfs", "(module bank.fees (import bank.rates :as r) (defmacro twice [x] `(* 2 ~x)) (defn fee [n] (* n (r/rate))))")
    write("bank/rates.rtfs", "(module bank.rates (defn rate [] 3))")
    write("main.rtfs", "(import bank.fees :as f)\n(module own (defn one [] 1))\n(import own)\n[(f/twice 4) (f/fee 5) (own/one)]")
    assert run("compile", "main.rtfs", capsys=capsys)[0] == 0
    os.remove("bank/fees.rtfs")
    os.remove("bank/rates.rtfs")
    for strategy in ("tree", "ir"):
        assert run("run", "--strategy", strategy, "main.rtfc", capsys=capsys) == (0, "[8 15 1]\n", "")
    program = decode(Path("main.rtfc").read_bytes(), "main.rtfc")
    assert list(program.modules) == ["bank.fees", "bank.rates"]
    assert program.sources[0].name == "main.rtfs"
    assert {source.name for source in program.sources} == {"main.rtfs", "./bank/fees.rtfs", "./bank/rates.rtfs"}


def test_a_missing_module_is_found_out_early(capsys: pytest.CaptureFixture[str]) -> None:
    write("main.rtfs", "(println 1)\n(import no.such)")
    code, out, err = run("compile", "main.rtfs", capsys=capsys)
    assert (code, out) == (1, "")
    assert "Module not found: no.such" in err
    assert "main.rtfs:2:1" in err


def test_report(capsys: pytest.CaptureFixture[str]) -> None:
    write("sum.rtfs", "(defn f [xs] (reduce + 0 (map inc xs)))")
    code, _, err = run("compile", "--optimization-report", "sum.rtfs", capsys=capsys)
    assert code == 0
    assert "optimization level aggressive" in err
    assert "1 fused" in err


def test_embedding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("lib.rtfs", "(defn double [n] (* n 2)) (defmacro thrice [n] `(* 3 ~n)) (double 4)")
    run("compile", "lib.rtfs", capsys=capsys)
    runtime = Runtime(models=None)
    assert runtime.run_file("lib.rtfc") == 8
    assert runtime.load("lib.rtfc").function("double")(21) == 42
    assert runtime.run("(thrice 5)") == 15, "its macros are there for what runs later"
    from rtfs.source import Source

    assert runtime.compile(Source("lib.rtfs", Path("lib.rtfs").read_text())) == Path("lib.rtfc").read_bytes()


def test_the_repl_loads_compiled_programs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write("lib.rtfs", "(defn double [n] (* n 2))")
    run("compile", "lib.rtfs", capsys=capsys)
    monkeypatch.setattr(sys, "stdin", io.StringIO(":load lib.rtfc\n(double 4)\n"))
    code, out, err = run("repl", capsys=capsys)
    assert (code, out) == (0, "8\n")
    assert "; loaded lib.rtfc: double" in err
