"""The REPL's session: inputs, values, errors and commands, without keys and lines."""

from __future__ import annotations

import io

import pytest

from rtfs.cli.terminal import Terminal
from rtfs.repl.cases import run_cases
from rtfs.repl.commands import COMMANDS, WORDS, find_command
from rtfs.repl.completion import completions
from rtfs.repl.session import Session
from rtfs.runtime import Runtime


@pytest.fixture
def talk():
    """A function that submits an input and gives what was shown: (standard output, standard error)."""
    out, err = io.StringIO(), io.StringIO()
    terminal = Terminal({}, stdout=out, stderr=err)

    def fresh():
        return Runtime(stdout=out, stderr=err, environ={}, context={"args": []})

    session = Session(terminal, fresh)

    def submit(text):
        for stream in (out, err):
            stream.seek(0)
            stream.truncate()
        session.submit(text)
        return out.getvalue(), err.getvalue()

    submit.session = session
    return submit


# --- values and errors ---


def test_definitions_stay_and_values_are_shown(talk):
    assert talk("(defn f [x] (* 2 x))") == ("#<fn f>\n", "")
    assert talk("(f 21)") == ("42\n", "")
    assert talk("nil") == ("nil\n", "")
    assert talk("(def x 1) (def y 2)\n(+ x y)") == ("3\n", "")
    assert talk("   ") == ("", "")


def test_last_values_and_last_error(talk):
    for text in ("1", "2", "3"):
        talk(text)
    assert talk("[*1 *2 *3]")[0] == "[3 2 1]\n"
    talk("(/ 1 0)")
    assert talk("(:type *e)")[0] == ":division-by-zero\n"
    assert talk("*2")[0] == "[3 2 1]\n", "an input that fails gives no value"


def test_an_error_loses_nothing(talk):
    talk("(def x 5)")
    out, err = talk('(do (def y 6) (+ x "a"))')
    assert out == ""
    assert err.splitlines()[0].startswith("error[RTFS-R001]")
    assert "^^^" in err
    assert talk("[x y]")[0] == "[5 6]\n"


def test_an_error_in_an_earlier_input_shows_that_input(talk):
    talk("(defn f [x]\n  (/ x 0))")
    _, err = talk("(f 1)")
    assert "<repl:1>:2:3" in err
    assert "(/ x 0)" in err


def test_an_undefined_name_is_reported_once(talk):
    _, err = talk("(nope 1)")
    assert "warning" not in err
    assert "error[RTFS-R010]" in err
    _, err = talk("(defn g [] (nope))")
    assert err.startswith("warning[RTFS-A001]")


def test_an_interrupt_goes_on(talk):
    def interrupt():
        raise KeyboardInterrupt

    talk.session.runtime.define("interrupt", interrupt)
    assert talk("(interrupt)") == ("", "rtfs: interrupted\n")
    assert talk("(+ 1 2)")[0] == "3\n"


def test_long_values_are_cut_with_a_hint(talk):
    talk(":set lines 5")
    out, err = talk('(map (fn [i] {:id i :text "some text that takes room on the line"}) (range 0 50))')
    assert len(out.splitlines()) == 5
    assert "45 more lines" in err
    talk(":set lines 0")
    out, err = talk("*1")
    assert (len(out.splitlines()), err) == (50, "")


# --- input ---


@pytest.mark.parametrize(
    "text, complete",
    [
        ("(+ 1 2)", True),
        ("(+ 1", False),
        ('"text', False),
        ("[1 {:a", False),
        ("#| comment", False),
        ("(+ 1 2))", True),
        ("'", False),
        ("", True),
        ("; note", True),
        (":time (+ 1", False),
        (":time (+ 1 2)", True),
        (":load (x", True),
        (":nonsense (", True),
    ],
)
def test_when_an_input_is_complete(text, complete, talk):
    assert talk.session.is_complete(text) is complete


# --- commands ---


def test_help_names_every_command(talk):
    out, _ = talk(":help")
    for command in COMMANDS:
        assert all(name in out for name in command.names)
    assert talk("help")[0] == out
    assert ":load FILE" in talk(":help load")[0]


def test_names_of_commands_are_unique():
    names = [name for command in COMMANDS for name in command.names]
    assert len(set(names)) == len(names)
    assert all(find_command(":" + word) is not None for word in WORDS)


def test_an_unknown_command_gives_the_nearest(talk):
    _, err = talk(":hlep")
    assert "did you mean :help?" in err
    assert talk("(do :hlep)")[0] == ":hlep\n"


def test_a_defined_word_is_no_command(talk):
    talk("(def help 7)")
    assert talk("help")[0] == "7\n"
    assert not talk.session.finished
    talk("exit")
    assert talk.session.finished


@pytest.mark.parametrize("text", [":quit", ":q", "quit", "exit"])
def test_leaving(text, talk):
    talk(text)
    assert talk.session.finished


def test_reset_forgets(talk):
    talk("(def x 1)")
    talk(":reset")
    assert "Undefined symbol: x" in talk("x")[1]


def test_load(talk, tmp_path):
    (tmp_path / "helper.rtfs").write_text("(module helper (:exports [h]) (defn h [] 5))")
    program = tmp_path / "program.rtfs"
    program.write_text("(import helper)\n(defn main [] (helper/h))\n(defmacro m [x] x)")
    _, err = talk(f":load {program}")
    assert err.endswith("program.rtfs: main, m\n")
    assert talk("(main)")[0] == "5\n"
    _, err = talk(f":load {tmp_path}/none.rtfs")
    assert "cannot read" in err
    program.write_text("(+ 1")
    assert "RTFS-P002" in talk(f":load {program}")[1]


@pytest.mark.parametrize(
    "name, expected",
    [
        ("map", "map  built-in, takes 2\n  [:fn [[:fn [a] b] [:seq a]] [:vector b]]\n  `(map f coll)`: "),
        ("let", "let  special form\n"),
        ("when", "when  macro\n"),
        ("f", "(f [x : int {:keys [a]} & more] : string)\n  delegated to local_model:echo\n  Says it.\n"),
        ("x", "x  [1 2]\n"),
        ("twice", "(twice [form])  macro\n"),
        ("Point", "Point"),
    ],
)
def test_doc(name, expected, talk):
    talk('(defn f ^:delegation :local-model "echo" "Says it." [x : int {:keys [a]} & more] : string "s")')
    talk("(def x [1 2]) (defmacro twice [form] `(do ~form ~form)) (defstruct Point :x int)")
    out, err = talk(f":doc {name}")
    assert out.startswith(expected), err


def test_doc_of_nothing(talk):
    assert "did you mean" in talk(":doc redcue")[1]
    assert "write :doc NAME" in talk(":doc")[1]


def test_env_lists_what_the_session_defined(talk):
    assert talk(":env")[1] == "; nothing is defined yet\n"
    talk("(defn area [w : float h] (* w h)) (def limit 10) (defmacro m [x] x)")
    assert talk(":env")[0] == "(area [w : float h])\nlimit  10\n(m [x])  macro\n"
    assert talk(":env lim")[0] == "limit  10\n"


def test_macroexpand(talk):
    assert talk(":macroexpand (when a b c)")[0] == "(if a (do b c))\n"
    talk("(defmacro twice [form] `(do ~form ~form))")
    assert talk(":mx (twice (f))")[0] == "(do (f) (f))\n"


def test_time(talk):
    out, err = talk(":time (reduce + (range 0 1000))")
    assert out == "499500\n"
    assert err.endswith("ms\n")


def test_ast_and_type(talk):
    assert "there is no input yet" in talk(":ast")[1]
    talk("(+ 1 2.5)")
    assert talk(":ast")[0].startswith("Call\n")
    assert talk(":type")[0] == "; float\n"
    assert talk(':type "text"')[0] == "; string\n"
    assert talk(":type abs")[0] == "; function\n; [:fn [int] int]\n; [:fn [number] number]\n"
    assert talk(":type (fn [x] x)")[0] == "; function\n"
    assert talk(":ast (println 1)")[0].startswith("Call\n"), "and prints nothing else: it does not run"
    talk(":ast on")
    talk(":type on")
    assert talk("7")[0] == "Const 7\n7\n; integer\n"
    talk(":ast off")
    talk(":type off")
    assert talk("7")[0] == "7\n"


def test_ir(talk):
    assert "there is no input yet" in talk(":ir")[1]
    talk("(+ 1 2.5)")
    assert talk(":ir")[0] == ";; <repl>:1:1: runs once, so it is walked\n;; before\n(+ 1 2.5)\n;; after\n3.5\n"
    assert "(println 1)" in talk(":ir (println 1)")[0], "and prints nothing else: it does not run"
    talk(":ir on")
    assert talk("7")[0] == ";; <repl>: runs once, so it is walked\n;; before and after\n7\n7\n"
    talk(":ir off")
    assert talk("7")[0] == "7\n"


def test_explain(talk):
    assert "nothing has failed" in talk(":explain")[1]
    talk("(/ 1 0)")
    assert talk(":explain")[0].startswith("RTFS-R003  division-by-zero")
    talk("*e")
    assert talk(":e")[0].startswith("RTFS-R003"), "looking at the error does not forget it"
    assert talk(":explain A001")[0].startswith("RTFS-A001")
    assert "there is no error" in talk(":explain nonsense")[1]


def test_set(talk):
    assert talk(":set")[0] == "ast     off\nir      off\ntypes   off\ntiming  off\nlines   25\n"
    talk(":set timing on")
    assert talk("1")[1].endswith("ms\n")
    assert "did you mean timing?" in talk(":set timng on")[1]
    assert "takes on or off" in talk(":set ast maybe")[1]
    assert "takes a number" in talk(":set lines few")[1]


def test_delegate_lists_calls(talk):
    assert talk(":delegate")[1] == "; no delegated calls yet\n"
    talk('(defn f ^:delegation :local-model "echo" [x : string] : string "body")')
    talk('(f "a")')
    out, err = talk(":delegate")
    assert out.startswith("f  ")
    assert "by echo" in out
    assert "1 delegated call: 1 by model" in err


def test_other_commands(talk):
    assert "* :io.write-file" in talk(":caps")[0]
    assert talk(":models")[0].startswith("echo")
    assert talk(":strategy")[0] == "ir\n"
    assert "choose from: ir" in talk(":strategy fast")[1]
    assert talk(":context")[0] == "@args  []\n"
    talk("(+ 1\n 2)")
    assert talk(":history 1")[0].splitlines()[0].endswith("(+ 1")
    assert talk(":clear") == ("", "")


def test_the_built_in_cases_pass(talk):
    passed, failures = run_cases()
    assert failures == []
    assert passed >= 12
    assert talk(":test")[0] == f"{passed} passed, 0 failed\n"


# --- completion ---


@pytest.mark.parametrize(
    "text, expected",
    [
        (":ti", [":time"]),
        (":nonsense x", []),
        ("(redu", ["reduce"]),
        (":doc redu", ["reduce"]),
        ("(str-thing (my-na", ["my-name"]),
        (":set ty", ["types"]),
        ("@ar", ["@args"]),
        ("(defmac", ["defmacro"]),
        ("", []),
    ],
)
def test_completion(text, expected, talk):
    talk("(def my-name 1)")
    assert completions(talk.session, text) == expected


def test_files_are_completed_for_load(talk, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "program.rtfs").write_text("1")
    (tmp_path / "notes.txt").write_text("1")
    assert completions(talk.session, f":load {tmp_path}/") == [f"{tmp_path}/program.rtfs", f"{tmp_path}/sub/"]
