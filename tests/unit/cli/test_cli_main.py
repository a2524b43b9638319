"""Which command is meant, and the exit codes."""

from __future__ import annotations

import io
import sys

import pytest

from rtfs.cli.main import COMMANDS, command_module, main, make_parser


@pytest.mark.parametrize(
    "argv, code",
    [
        (["--version"], 0),
        (["--help"], 0),
        (["help"], 0),
        (["help", "run"], 0),
        (["run", "--help"], 0),
        (["eval", "1"], 0),
        (["eval", "(throw 1)"], 1),
        (["eval", "(+ 1"], 1),
        (["eval", "(let [x] x)"], 1),
        (["evla", "1"], 2),
        (["(+", "1", "2)"], 2),
        (["eval"], 2),
        (["run"], 2),
        (["run", "--strategie", "tree", "x"], 2),
        (["run", "no-such-file.rtfs"], 2),
        (["no-such-file.rtfs"], 2),
        (["run", "/"], 2),
        (["check"], 2),
        (["ast"], 2),
        (["models", "remove", "x"], 2),
        (["explain", "RTFS-Z999"], 2),
        (["eval", "--max-steps", "0", "1"], 2),
        (["eval", "--timeout", "soon", "1"], 2),
        (["eval", "--max-memory", "much", "1"], 2),
        (["eval", "--max-memory", "-5MB", "1"], 2),
        (["eval", "--max-memory", "infGB", "1"], 2),
        (["eval", "--allow", "io.wirte-file", "1"], 2),
        (["eval", "--allow-read", "no-such-folder", "1"], 2),
    ],
)
def test_exit_codes(argv, code, capsys):
    assert main(argv) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert bool(err) == (code != 0)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    assert main([name, "--help"]) == 0
    help_text = capsys.readouterr().out
    assert help_text.startswith(f"usage: rtfs {name}")
    assert (command_module(name).__doc__ or "").split("\n")[0].split(".")[0][:20] in help_text
    assert make_parser(name, command_module(name)).prog == f"rtfs {name}"


def test_a_slip_leads_to_what_was_meant(capsys):
    main(["chekc", "x"])
    assert "did you mean `rtfs check`?" in capsys.readouterr().err
    main(["run", "--timout", "3", "x.rtfs"])
    assert "did you mean --timeout?" in capsys.readouterr().err
    main(["run", "x.rtfs", "--verbose"])
    assert "-- --verbose" in capsys.readouterr().err
    main(["eval", "--deny", "io.printn", "1"])
    assert "did you mean io.print" in capsys.readouterr().err


def test_without_arguments_and_without_a_terminal_help_is_shown(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert main([]) == 2
    assert "commands:" in capsys.readouterr().err


def test_version(capsys):
    main(["--version"])
    assert capsys.readouterr().out.startswith("rtfs 0.")


def test_a_bug_is_reported_as_one(capsys, monkeypatch):
    import rtfs.cli.evaluate

    def broken(options, terminal):
        raise KeyError("oops")

    monkeypatch.setattr(rtfs.cli.evaluate, "execute", broken)
    assert main(["eval", "1"], {}) == 70
    err = capsys.readouterr().err
    assert "internal error: KeyError" in err
    assert "report it" in err
    assert "Traceback" not in err
    assert main(["eval", "1"], {"RTFS_DEBUG": "1"}) == 70
    assert "Traceback" in capsys.readouterr().err


def test_interrupt_and_broken_pipe(capsys, monkeypatch):
    import rtfs.cli.evaluate

    def interrupted(options, terminal):
        raise KeyboardInterrupt

    monkeypatch.setattr(rtfs.cli.evaluate, "execute", interrupted)
    assert main(["eval", "1"]) == 130
    assert capsys.readouterr().err == "rtfs: interrupted\n"

    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.undo()
    monkeypatch.setattr(sys, "stdout", Gone())
    assert main(["eval", "(println 1)"]) == 141
    assert main(["eval", "1"]) == 141
    assert capsys.readouterr().err == ""


def test_colours(capsys, monkeypatch):
    def colored(*argv, **environ):
        main([*argv, "(+ 1 :a)"], environ)
        return "\x1b[" in capsys.readouterr().err

    assert not colored("eval")
    assert colored("eval", "--color", "always")
    assert colored("eval", "--color=always", NO_COLOR="1")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert colored("eval")
    assert not colored("eval", NO_COLOR="1")
    assert not colored("eval", TERM="dumb")
    assert not colored("eval", "--color", "never")
