"""The REPL's front ends: pipes, plain lines, and the editor; and how values are laid out."""

from __future__ import annotations

import builtins
import io
import sys

import pytest

from rtfs.cli.main import main
from rtfs.cli.terminal import Terminal
from rtfs.repl.layout import shown_lines
from rtfs.repl.plain import read_lines, read_piped
from rtfs.repl.session import Session
from rtfs.runtime import Runtime
from rtfs.source import Source


@pytest.fixture
def session(tmp_path):
    out, err = io.StringIO(), io.StringIO()
    environ = {"RTFS_DATA_DIR": str(tmp_path / "data")}
    return Session(Terminal(environ, stdout=out, stderr=err), lambda: Runtime(stdout=out, stderr=err, environ=environ))


# --- pipes ---


def test_a_pipe_may_hold_empty_lines_in_forms(session):
    session.interactive = False
    assert read_piped(session, ["(defn f [x]\n", "\n", "  x)\n", "\n", "(f 1) (f 2)\n", ":type 1.5\n"]) == 0
    assert session.terminal.stdout.getvalue() == "#<fn f>\n2\n; float\n"


def test_a_pipe_goes_on_after_an_error_and_fails(session):
    session.interactive = False
    assert read_piped(session, ["(/ 1 0)\n", "(+ 1 2)\n"]) == 1
    assert session.terminal.stdout.getvalue() == "3\n"


def test_a_pipe_that_ends_in_a_form_says_what_is_open(session):
    assert read_piped(session, ["(+ 1\n"]) == 1
    assert "RTFS-P002" in session.terminal.stderr.getvalue()


def test_a_pipe_can_leave(session):
    assert read_piped(session, ["1\n", ":quit\n", "2\n"]) == 0
    assert session.terminal.stdout.getvalue() == "1\n"


def test_the_command_reads_a_pipe(monkeypatch, capsys, tmp_path):
    program = tmp_path / "p.rtfs"
    program.write_text("(def x 20)")
    monkeypatch.setattr(sys, "stdin", io.StringIO("(+ x 1)\n"))
    assert main(["repl", str(program)]) == 0
    out, err = capsys.readouterr()
    assert out == "21\n"
    assert "rtfs>" not in err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"1\n\xff\n")))
    assert main(["repl"]) == 1
    assert "not UTF-8" in capsys.readouterr().err


# --- lines ---


def scripted(monkeypatch, lines):
    prompts = []

    def answer(prompt):
        prompts.append(prompt)
        if not lines:
            raise EOFError
        line = lines.pop(0)
        if isinstance(line, type):
            raise line
        return line

    monkeypatch.setattr(builtins, "input", answer)
    return prompts


def test_lines_go_on_until_the_forms_are_complete(session, monkeypatch):
    prompts = scripted(monkeypatch, ["(+ 1", "2)", "(* 2", "", "3"])
    read_lines(session)
    assert session.terminal.stdout.getvalue() == "3\n3\n"
    assert "RTFS-P002" in session.terminal.stderr.getvalue(), "an empty line submits"
    assert prompts == ["rtfs> ", "  ..> ", "rtfs> ", "  ..> ", "rtfs> ", "rtfs> "]


def test_ctrl_c_drops_the_input(session, monkeypatch):
    scripted(monkeypatch, ["(+ 1", KeyboardInterrupt, "(+ 2 3)", "quit", "never"])
    read_lines(session)
    assert session.terminal.stdout.getvalue() == "5\n"


# --- the editor ---


def edited(session, keys):
    pytest.importorskip("prompt_toolkit")
    from prompt_toolkit.input import create_pipe_input
    from prompt_toolkit.output import DummyOutput

    from rtfs.repl.screen import read_screen

    with create_pipe_input() as pipe:
        pipe.send_text(keys)
        read_screen(session, input=pipe, output=DummyOutput())
    return session.terminal.stdout.getvalue()


def test_enter_submits_complete_forms_and_indents_others(session):
    assert edited(session, "(defn f [x]\r(* 2\rx))\r(f 21)\r\x04") == "#<fn f>\n42\n"
    assert session.history[0] == "(defn f [x]\n  (* 2\n    x))"


def test_an_empty_line_submits_in_the_editor(session):
    edited(session, "(+ 1\r\r\x04")
    assert "RTFS-P002" in session.terminal.stderr.getvalue()


def test_ctrl_c_drops_the_input_in_the_editor(session):
    assert edited(session, "(unfinished\x03(+ 1 2)\r\x04") == "3\n"


@pytest.mark.parametrize(
    "before, found, start",
    [("(map redu", "reduce", -4), (":tim", ":time", -4), (":doc redu", "reduce", -4), (":set lin", "lines", -3)],
)
def test_completion_replaces_the_word_before_the_cursor(before, found, start, session):
    pytest.importorskip("prompt_toolkit")
    from prompt_toolkit.document import Document
    from prompt_toolkit.output import DummyOutput

    from rtfs.repl.screen import make_prompt

    completer = make_prompt(session, output=DummyOutput()).completer
    assert [(c.text, c.start_position) for c in completer.get_completions(Document(before), None)] == [(found, start)]


def test_a_command_leaves_the_editor(session):
    edited(session, ":quit\r")
    assert session.finished


def test_the_history_is_kept(session, tmp_path):
    edited(session, "(+ 1 2)\r\x04")
    assert "(+ 1 2)" in (tmp_path / "data" / "repl-history").read_text()


def test_no_place_for_the_history_is_no_error(session, tmp_path):
    (tmp_path / "data").write_text("a file, not a folder")
    assert edited(session, "1\r\x04") == "1\n"


# --- values on a screen ---


def value(text):
    return Runtime(models=None).run_source(Source("<test>", text))


@pytest.mark.parametrize(
    "text, width, lines",
    [
        ("[1 2 3]", 40, ["[1 2 3]"]),
        ("(range 0 20)", 21, ["[0 1 2 3 4 5 6 7 8 9", " 10 11 12 13 14 15", " 16 17 18 19]"]),
        ('{:name "Ada" :tags [:a :b :c]}', 25, ['{:name "Ada"', " :tags [:a :b :c]}"]),
        ('[{:a "xxxxxxxxxx" :b 1} {:a 2}]', 25, ['[{:a "xxxxxxxxxx" :b 1}', " {:a 2}]"]),
        ("[[1111111 2222222] [3333333 4444444]]", 22, ["[[1111111 2222222]", " [3333333 4444444]]"]),
        ('"' + "x" * 60 + '"', 30, ['"' + "x" * 60 + '"']),
        ("[]", 1, ["[]"]),
    ],
)
def test_layout(text, width, lines):
    assert shown_lines(value(text), width, 0) == (lines, None)


def test_layout_keeps_every_item():
    whole = value('(map (fn [i] {:i i :more [(str "item " i) {:deep [1 2 [3 i]]}]}) (range 0 200))')
    from rtfs.values.printing import to_readable

    for width in (20, 33, 80):
        lines, cut = shown_lines(whole, width, 0)
        assert cut is None
        assert " ".join(" ".join(lines).split()) == to_readable(whole)


def test_layout_is_cut_by_lines_and_by_characters():
    lines, cut = shown_lines(value("(range 0 10000)"), 40, 3)
    assert (len(lines), cut is not None) == (3, True)
    lines, cut = shown_lines("x" * 100_000, 40, 3)
    assert len("".join(lines)) <= 3 * 40 + 1
    assert cut is not None


def test_layout_of_deep_values():
    deep = value("(loop [i 0 v [1]] (if (< i 3000) (recur (+ i 1) [v]) v))")
    lines, _ = shown_lines(deep, 80, 10)
    assert len(lines) <= 10
