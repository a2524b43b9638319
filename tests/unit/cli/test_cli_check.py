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


def test_errors_of_reading_are_reported_together(write, capsys):
    path = write("a.rtfs", "(def a [1 2)\n(def b 1)\n\n(def c {:a})\n(def d (+ 1 2]\n  5)\n(def e (inc 1)\n")
    assert main(["check", "--json", path]) == 1
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [r["span"]["line"] for r in records] == [1, 4, 5, 7]
    assert {r["severity"] for r in records} == {"error"}


def test_problems_of_types_stand_among_the_others(write, capsys):
    path = write("a.rtfs", '(defn f [x :int] x)\n(foo 1)\n(f "a")\n(let [x] x)\n(let [y 1] 2)\n')
    assert main(["check", "--json", path]) == 1
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["severity"], r["kind"], r["span"]["line"]) for r in records] == [
        ("warning", "unbound-name", 2),
        ("error", "type-mismatch", 3),
        ("error", "invalid-special-form", 4),
        ("warning", "unused-binding", 5),
    ]


def test_effects(write, capsys):
    text = """(defn pure [x] (+ x 1))
(defn tells [x] (println x))
(defn asks ^:delegation :remote "gpt" [x :string] :-> :string "")
(defn both [x] (tells (asks x)))
(defn over [f xs] (map f xs))
(defn counts [] (def n (atom 0)) (swap! n inc))
(defn any [id] (call id 1))
(defn through [g] (over g [1]))
(def total 0)
(defn sets [] (set! total 1))
(module m.n (defn reads [p] (read-lines p)))
"""
    path = write("a.rtfs", text)
    main(["check", "--effects", path])
    lines = [line for line in capsys.readouterr().out.splitlines() if "  " in line]
    assert [line.split("  ")[0] for line in lines if not line.startswith(" ")][:6] == [
        "pure",
        "tells",
        "asks",
        "both",
        "over",
        "counts",
    ]
    main(["check", "--effects", "--json", path])
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    by_name = {r["function"]: r for r in records if "function" in r}
    assert by_name["pure"]["pure"]
    assert by_name["tells"]["capabilities"] == ["io.println"]
    assert by_name["asks"]["delegates"] == ["remote_model:gpt"]
    assert (by_name["both"]["capabilities"], by_name["both"]["delegates"]) == (["io.println"], ["remote_model:gpt"])
    assert by_name["over"]["calls"] == ["f"]
    assert not by_name["over"]["pure"]
    assert by_name["through"]["calls"] == ["g"]
    assert by_name["counts"]["changes_state"]
    assert by_name["sets"]["changes_state"]
    assert by_name["any"]["capabilities"] == ["*"]
    assert not by_name["m.n/reads"]["pure"]


def test_effects_of_tools_are_those_of_the_function_that_lists_them(write, capsys):
    text = """(defn reads [p :string] (call :io.read-file p))
(defn asks ^:delegation :remote "other" [x :string] :-> :string "")
(defn both ^:delegation :remote "gpt" ^{:tools [reads asks :network.http-fetch println]} [x :string] :-> :string "")
(defn uses [x] (both x))
(defn alone ^:delegation :local ^{:tools [reads]} [x] x)
(defn recursive ^:delegation :remote "gpt" ^{:tools [recursive]} [x :string] :-> :string "")
"""
    main(["check", "--effects", "--json", write("a.rtfs", text)])
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    by_name = {r["function"]: r for r in records if "function" in r}
    for name in ("both", "uses"):
        assert by_name[name]["capabilities"] == ["io.println", "io.read-file", "network.http-fetch"]
        assert by_name[name]["delegates"] == ["remote_model:gpt", "remote_model:other"]
    assert by_name["alone"]["pure"]
    assert by_name["recursive"]["delegates"] == ["remote_model:gpt"]
