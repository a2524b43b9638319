"""`rtfs run` and `rtfs eval`."""

from __future__ import annotations

import io
import json
import sys

import pytest

from rtfs.cli.main import main


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Write a program and give its path; the current folder is another one."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    def write(text, name="program.rtfs"):
        path = tmp_path / "programs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize(
    "text, expected",
    [
        ("nil", ""),
        ("", ""),
        ("(println 1) nil", "1\n"),
        ('[{:a 1} {:b "x"}]', '{:a 1}\n{:b "x"}\n'),
        ("[{:a 1} 2]", "[{:a 1} 2]\n"),
        ("[]", "[]\n"),
        ('"two\nlines"', '"two\\nlines"\n'),
        ("1.0", "1.0\n"),
        ("(fn f [x] x)", "#<fn f>\n"),
    ],
)
def test_run_prints_the_last_value(text, expected, program, capsys):
    assert main(["run", program(text)]) == 0
    assert capsys.readouterr().out == expected


def test_eval_prints_every_value(capsys):
    assert main(["eval", "nil"]) == 0
    assert main(["eval", "[{:a 1} {:b 2}]"]) == 0
    assert main(["eval", "(def x 20)", "(+ x 1)"]) == 0
    assert main(["eval", "-5"]) == 0
    assert main(["eval", "--", "-5"]) == 0
    assert capsys.readouterr().out == "nil\n[{:a 1} {:b 2}]\n21\n-5\n-5\n"


def test_eval_points_at_the_operand(capsys):
    assert main(["eval", '(+ 1 "a")']) == 1
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    at = next(i for i, line in enumerate(lines) if '(+ 1 "a")' in line)
    assert lines[at + 1].index("^") == lines[at].index('"a"')


def test_nothing_runs_when_a_later_expression_does_not_read(capsys):
    assert main(["eval", "(println 1)", "(+ 2"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "<eval>:2:1" in err


@pytest.mark.parametrize(
    "text, expected",
    [
        ('[1 :a {:k ["x" nil]}]', ["1", '"a"', '{"k":["x",null]}']),
        ("[]", []),
        ("{:a 1.5}", ['{"a":1.5}']),
        ("nil", ["null"]),
        ("'(1 2)", ["[1,2]"]),
    ],
)
def test_json_results(text, expected, capsys):
    assert main(["eval", "--json", text]) == 0
    assert capsys.readouterr().out.splitlines() == expected


def test_json_errors_are_objects_on_stderr(capsys):
    assert main(["eval", "--json", "(undefined-thing 1)"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    (record,) = [json.loads(line) for line in err.splitlines()]
    assert (record["severity"], record["code"], record["span"]["column"]) == ("error", "RTFS-R010", 2)


def test_a_result_without_json_prints_nothing_and_fails(capsys):
    assert main(["eval", "--json", "[1 inc]"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "has no JSON" in json.loads(err)["message"]


def test_arguments_and_folder(program, capsys):
    path = program("[@args @program-dir]")
    assert main(["run", path, "one", "two words", "--", "--three", "-4"]) == 0
    assert capsys.readouterr().out == f'[["one" "two words" "--three" "-4"] "{path.rpartition("/")[0]}"]\n'
    assert main(["run", path, "--json", "one"]) == 0, "options may follow the file"
    assert capsys.readouterr().out.startswith('["one"]\n')
    assert main([path, "short"]) == 0
    assert main(["run", "--", path, "x"]) == 0


def test_standard_input(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO('(str "é" (first @args))'.encode())))
    assert main(["run", "-", "x"]) == 0
    assert capsys.readouterr().out == '"éx"\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"(+ 1 \xff)")))
    assert main(["run", "-"]) == 1
    assert "not UTF-8" in capsys.readouterr().err


def test_modules_are_found_beside_the_program(program, tmp_path, capsys):
    program("(module helper (:exports [twice]) (defn twice [x] (* 2 x)))", "helper.rtfs")
    assert main(["run", program("(import helper) (helper/twice 21)")]) == 0
    assert capsys.readouterr().out == "42\n"
    other = tmp_path / "lib"
    other.mkdir()
    (other / "far.rtfs").write_text("(module far (:exports [x]) (def x 7))")
    assert main(["eval", "--path", str(other), "(import far) far/x"]) == 0
    assert capsys.readouterr().out == "7\n"


def test_files_are_read_near_the_program_only(program, tmp_path, capsys):
    program("beside", "data.txt")
    (tmp_path / "far.txt").write_text("far")
    (tmp_path / "here" / "near.txt").write_text("near")
    read = '(call :io.read-file (str @program-dir "{}"))'
    assert main(["run", program(read.format("/data.txt"))]) == 0
    assert main(["eval", '(call :io.read-file "near.txt")']) == 0
    assert capsys.readouterr().out == '"beside"\n"near"\n'
    assert main(["run", program(read.format("/../far.txt"))]) == 1
    assert "RTFS-H002" in capsys.readouterr().err
    assert main(["run", program('(call :io.read-file "near.txt")')]) == 1, "the current folder is not the program's"
    assert main(["run", program("(call :io.read-file (first @args))"), "near.txt"]) == 0, "but a file it is given is"
    assert main(["run", "--allow-read", str(tmp_path), program(read.format("/../far.txt"))]) == 0
    assert main(["run", "--deny", "io.read-*", program(read.format("/data.txt"))]) == 1
    assert main(["run", "--deny", ":filesystem", program(read.format("/data.txt"))]) == 1


def test_writing_must_be_allowed(program, tmp_path, capsys):
    path = program(f'(call :io.write-file "{tmp_path}/out.txt" "text")')
    assert main(["run", path]) == 1
    assert "--allow io.write-file" in capsys.readouterr().err
    assert main(["run", "--allow", "io.write-file", path]) == 1, "and there is no folder to write in"
    assert main(["run", "--allow-write", str(tmp_path), path]) == 0
    assert (tmp_path / "out.txt").read_text() == "text"
    assert main(["eval", "--allow", ":system.get-env", "--json", '(call :system.get-env "NO_SUCH_VARIABLE")']) == 0


@pytest.mark.parametrize(
    "options, text, code",
    [
        (["--max-steps", "100"], "(loop [i 0] (recur (+ i 1)))", "RTFS-L002"),
        (["--timeout", "0.05"], "(loop [i 0] (recur (+ i 1)))", "RTFS-L003"),
        (["--max-memory", "20MB"], "(range 1000000)", "RTFS-L006"),
        (["--max-depth", "50"], "(defn f [n] (+ 1 (f n))) (f 1)", "RTFS-L001"),
        (["--no-models"], '(defn f ^:delegation :local-model "echo" [x] x) (f 1)', "RTFS-H001"),
    ],
)
def test_limits(options, text, code, capsys):
    assert main(["eval", *options, text]) == 1
    assert code in capsys.readouterr().err


def test_warnings_are_shown_once_and_do_not_stop(program, capsys):
    assert main(["run", program("(defn f [] (totl 1))\n(println 1)\n2")]) == 0
    out, err = capsys.readouterr()
    assert out == "1\n2\n"
    assert err.count("warning[RTFS-A001]") == 1
    assert "program.rtfs:1:13" in err


def test_strict_stops_before_anything_runs(program, capsys):
    assert main(["run", "--strict", program("(println 1) (defn f [] (totl 1)) (othr)")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("error[RTFS-A001]") == 2
    assert main(["run", "--strict", program("(defn f [] (g)) (defn g [] 1) (f)")]) == 0


def test_an_undefined_name_is_reported_once(program, capsys):
    for argv in (["eval", "(nope)"], ["run", program("(nope)")]):
        main(argv)
        err = capsys.readouterr().err
        assert "error[RTFS-R010]" in err
        assert "warning" not in err


@pytest.mark.parametrize(
    "data, code, message",
    [
        (bytes(range(256)), 1, "RTFS-P011"),
        (b"(" * 1_000_000, 1, "RTFS-P008"),
        (b"\x00\x01\x02", 1, "RTFS-P001"),
        (b"\xef\xbb\xbf(+ 1 2)", 0, ""),
        (b"#!/usr/bin/env rtfs\r\n(+ 1 2)\r\n", 0, ""),
    ],
)
def test_strange_files(data, code, message, tmp_path, capsys):
    path = tmp_path / "strange.rtfs"
    path.write_bytes(data)
    assert main(["run", str(path)]) == code
    assert message in capsys.readouterr().err


def test_lone_surrogates_are_printed_as_escapes(capsys):
    assert main(["eval", r'(do (println "\ud800") "\ud800")']) == 0
    assert capsys.readouterr().out == '\\ud800\n"\\ud800"\n'


def test_a_long_result_is_printed_whole(capsys):
    assert main(["eval", "(range 0 50000)"]) == 0
    assert capsys.readouterr().out.endswith(" 49998 49999]\n")


def test_delegated_calls_and_their_summary(program, capsys):
    path = program('(defn f ^:delegation :local-model "echo" [x : string] : string x) (map f ["a" "b"])')
    assert main(["run", "--summary", path]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("[")
    assert "2 delegated calls: 2 by model, 0 by own body, 0 failed" in err
    assert "  echo: 2" in err
    assert main(["run", "--no-cache", path]) == 0
    assert capsys.readouterr().err == ""
    assert main(["run", "--summary", "--json", path]) == 0
    summary = json.loads(capsys.readouterr().err)["summary"]
    assert summary["calls"] == 2
    assert summary["by_model_name"] == {"echo": 2}


def test_an_error_in_a_fallback_still_says_what_fell_back(program, capsys):
    path = program('(defn f ^:delegation :local-model "no-such-model" [x] (/ x 0)) (f 1)')
    assert main(["run", path]) == 1
    err = capsys.readouterr().err
    assert "no-such-model" in err
    assert "RTFS-R003" in err


# --- the compile cache ---


FUNCTION = "(defn f [x] (inc x))\n" + ";\n" * 10 + "(f 1)"


@pytest.mark.parametrize("how", [["--no-cache"], []])
def test_files_are_kept_unless_that_is_not_wanted(how, program, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RTFS_CACHE_DIR", str(tmp_path / "cache"))
    for _ in range(2):
        assert main(["run", "--strategy", "ir", *how, program(FUNCTION)]) == 0
    assert capsys.readouterr().out == "2\n2\n"
    assert len(list(tmp_path.rglob("*.rtfsc"))) == (0 if how else 1)


def test_the_environment_switches_the_cache_off(program, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RTFS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("RTFS_CACHE", "off")
    assert main(["run", "--strategy", "ir", program(FUNCTION)]) == 0
    assert not (tmp_path / "cache").exists()
    monkeypatch.setenv("RTFS_CACHE", "never")
    assert main(["run", "--strategy", "ir", program(FUNCTION)]) == 2
    assert "choose from: on, off" in capsys.readouterr().err


def test_what_comes_from_standard_input_is_not_kept(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RTFS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FUNCTION.encode())))
    assert main(["run", "--strategy", "ir", "-"]) == 0
    assert main(["eval", "--strategy", "ir", FUNCTION]) == 0
    assert not (tmp_path / "cache").exists()


def test_the_cache_can_be_found_and_cleared(program, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RTFS_CACHE_DIR", str(tmp_path / "cache"))
    assert main(["cache", "clear"]) == 0
    assert main(["run", "--strategy", "ir", program(FUNCTION)]) == 0
    capsys.readouterr()
    assert main(["cache"]) == 0
    assert main(["cache", "path"]) == 0
    folder = str(tmp_path / "cache")
    assert capsys.readouterr().out == f"{folder}\n{folder}\n"
    assert main(["cache", "clear", "compile"]) == 0
    assert capsys.readouterr().err == "rtfs: 1 compiled program removed\n"
    assert not list(tmp_path.rglob("*.rtfsc"))
    assert main(["cache", "sweep"]) == 2


def test_a_program_that_is_told_to_stop_keeps_nothing(program, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RTFS_CACHE_DIR", str(tmp_path / "cache"))
    assert main(["run", "--strategy", "ir", program(FUNCTION + "(f :a)")]) == 1
    assert not list(tmp_path.rglob("*.rtfsc"))


DOUBTFUL = '(defn area [w :int h :int] (* w h))\n(println "ran")\n(let [unused 1] (area 2 3))\n(defn later [] (area 2 "3"))\n5'


def test_check_shows_problems_before_the_program_runs(program, capsys):
    assert main(["run", "--check", program(DOUBTFUL)]) == 0
    out, err = capsys.readouterr()
    assert out == "ran\n5\n"
    assert err.count("warning[") == 2
    assert "warning[RTFS-A013]" in err
    assert err.index("RTFS-A016") < err.index("RTFS-A013")


def test_check_error_does_not_run_a_program_with_an_error(program, capsys):
    assert main(["run", "--check=error", program(DOUBTFUL)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "warning[RTFS-A016]" in err
    assert "error[RTFS-A013]" in err
    assert main(["run", "--check=error", program("(let [unused 1] (totl 2)) 5")]) == 1
    assert "ran" not in capsys.readouterr().out
    assert main(["run", "--check=error", program("(let [unused 1] 5)")]) == 0


def test_check_says_each_thing_once(program, capsys):
    main(["run", "--check", program("(defn f [] (totl 1)) 1")])
    assert capsys.readouterr().err.count("RTFS-A001") == 1
    main(["run", "--check", "--json", program("(inc (")])
    assert capsys.readouterr().err.count('"severity"') == 1


def test_what_follows_check_is_no_value_of_it(program, capsys):
    assert main(["eval", "--check", "(+ 1 2)"]) == 0
    assert main(["run", program("(println @args)"), "--", "--check"]) == 0
    assert capsys.readouterr().out == '3\n["--check"]\n'
    assert main(["run", "--check=loud", program("1")]) == 2
