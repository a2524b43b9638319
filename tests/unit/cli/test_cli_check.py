"""`rtfs check`."""

from __future__ import annotations

import json

import pytest

from rtfs.cli.main import main


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_all_problems_in_the_order_of_the_text(write, capsys):
    path = write("a.rtfs", "(foo 1)\n(let [x] x)\n(fn [y y] (bar))\n(println 1)")
    assert main(["check", path]) == 1
    out, err = capsys.readouterr()
    heads = [line.split("]")[0] + "]" for line in out.splitlines() if "[RTFS-" in line]
    assert heads[:3] == ["warning[RTFS-A001]", "error[RTFS-A002]", "error[RTFS-A004]"]
    assert err.endswith("in 1 file\n")


def test_nothing_runs(write, capsys):
    path = write("a.rtfs", '(println "ran") (def x (println "ran")) (call :io.println "ran")')
    assert main(["check", path]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "no problems in 1 file\n"


def test_warnings_fail_only_with_strict(write, capsys):
    path = write("a.rtfs", "(defn f [] (nope))")
    assert main(["check", path]) == 0
    assert "warning[RTFS-A001]" in capsys.readouterr().out
    assert main(["check", "--strict", path]) == 1
    assert "error[RTFS-A001]" in capsys.readouterr().out


def test_every_file_is_checked(write, tmp_path, capsys):
    bad, good = write("bad.rtfs", "(+ 1 [2)"), write("good.rtfs", "(+ 1 2)")
    other = write("other.rtfs", "(if)")
    assert main(["check", bad, good, other]) == 1
    out, err = capsys.readouterr()
    assert "bad.rtfs:1:8" in out
    assert "other.rtfs:1:1" in out
    assert err == "2 errors in 3 files\n"
    assert main(["check", str(tmp_path / "none.rtfs"), other]) == 2
    out, err = capsys.readouterr()
    assert "other.rtfs" in out
    assert "none.rtfs" in err


def test_json(write, capsys):
    path = write("a.rtfs", "(foo 1)\n(if)")
    assert main(["check", "--json", path]) == 1
    out, err = capsys.readouterr()
    records = [json.loads(line) for line in out.splitlines()]
    assert [(r["severity"], r["span"]["line"]) for r in records] == [("warning", 1), ("error", 2)]
    assert err == ""


def test_imported_modules_are_known_and_print_nothing(write, capsys):
    write("helper.rtfs", '(module helper (:exports [m f]) (println "loaded") (defmacro m [x] x) (defn f [] 1))')
    path = write("a.rtfs", "(import helper) (helper/m (helper/f)) (helper/g)")
    assert main(["check", path]) == 0
    out, _ = capsys.readouterr()
    assert "loaded" not in out
    assert out.count("warning") <= 1


def test_macros_of_the_file_are_known(write, capsys):
    path = write("a.rtfs", "(defmacro unless2 [t b] `(if ~t nil ~b))\n(unless2 false (+ 1 2))")
    assert main(["check", "--strict", path]) == 0
