"""What a newcomer may type, and state folders that are not as they should be: each ends in an error that says what to do next."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pytest

from rtfs.cli.main import main

SAY = '(defn say ^:delegation :remote "echo" "?" [text :string] :-> :string text)\n(println (say "x"))\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CACHE", "STATE", "DATA", "CONFIG"):
        monkeypatch.setenv(f"RTFS_{name}_DIR", str(tmp_path / name.lower()))
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "orders.rtfs").write_text("(defn total [xs] (sum xs))\n1", encoding="utf-8")
    (folder / "say.rtfs").write_text(SAY, encoding="utf-8")
    (folder / "bytes.csv").write_bytes(b"function,prompt,a,b\n\xff\xfe")
    (folder / "empty.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(folder)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("run order.rtfs", ["cannot read order.rtfs: No such file", "hint: did you mean orders.rtfs?"]),
        ("run nowhere/order.rtfs", ["cannot read nowhere/order.rtfs", "hint: check the path"]),
        ("run .", ["cannot read .: Is a directory", "hint: name a program in it, such as ./orders.rtfs"]),
        ("run --timeout -1 orders.rtfs", ["--timeout is -1; it must be positive", "hint: "]),
        ("run --timeout nan orders.rtfs", ["--timeout is nan; it must be positive", "hint: "]),
        ("run --max-steps 0 orders.rtfs", ["--max-steps is 0; it must be positive", "hint: "]),
        ("run --max-in-flight -2 orders.rtfs", ["--max-in-flight is -2; it must be positive", "hint: "]),
        ("run --budget usd=-1 orders.rtfs", ["the limit usd of a budget must be a number from 0", "got -1\n"]),
        ("run --budget usd=nan orders.rtfs", ["the limit usd of a budget", "got NaN\n"]),
        ("run --allow-read nowhere orders.rtfs", ["--allow-read: nowhere is not a folder", "hint: "]),
        ("run orders.rtfs --frob", ["unrecognized arguments: --frob", "rtfs run … -- --frob"]),
        ("logs -n 0", ["-n is 0; it is a number of calls, 1 or more"]),
        ("logs --log nowhere", ["--log: there is no file nowhere", "hint: `rtfs logs path`"]),
        ("logs show 99999999999999999999", ["no call 99999999999999999999 is in the log", "hint: "]),
        ("logs export /nowhere/x.csv", ["cannot write /nowhere/x.csv", "hint: name another place, or -"]),
        ("cache export /nowhere/x", ["cannot write /nowhere/x", "hint: name another place, or -"]),
        ("code show ab", ["`ab` is not the beginning of a hash", "hint: four digits of it or more"]),
        ("code rm abcd", ["no code has a hash that begins with abcd", "hint: `rtfs code`"]),
        ("crystallise totals --file orders.rtfs", ["orders.rtfs defines no function totals", "hint: `rtfs hash orders.rtfs`"]),
        ("policy explain totl --program orders.rtfs --policy empty.toml", ["no function `totl`", "hint: did you mean `total`?"]),
        ("policy explain abcdef --program orders.rtfs --policy empty.toml", ["no function `abcdef`", "hint: `rtfs hash orders.rtfs`"]),
        ("policy check .", [". is not a file", "hint: name the file itself"]),
        ("route eval bytes.csv", ["bytes.csv is not UTF-8 text: byte 20", "hint: save it as UTF-8"]),
        ("query hi -m echo -t strin", ["--type: there is no type `strin`", "hint: did you mean string?"]),
        ("query hi -m echo -t [:vector frob]", ["--type: there is no type `frob`", "hint: write it as in a program"]),
        ("query hi -m echo -t [:vectr int]", ["--type: `:vectr` is not a type constructor", "hint: did you mean [:vector …]?"]),
        ("--json run orders.rtfs", ["there is no command `--json`", "hint: options follow the command"]),
    ],
)
def test_errors_say_what_to_do_next(command: str, said: list[str], home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = command.replace("[", "\0[").split("\0")  # a type is one word
    assert main([*words[0].split(), *words[1:]]) == 2
    err = capsys.readouterr().err
    for part in said:
        assert part in err
    assert "caused by" not in err


def test_words_that_are_empty_or_no_text(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["caps", ""]) == 2
    assert "unrecognized arguments" in capsys.readouterr().err
    assert main(["run", "say.rtfs"]) == 0
    assert main(["logs", "--function", "a\udcff*"]) == 0
    os.rename(home / "state" / "calls.sqlite", home / "programs" / "a\udcff")
    capsys.readouterr()
    assert main(["logs", "--log", "a\udcff"]) == 0
    assert "say" in capsys.readouterr().out


def test_a_dry_run_without_models_asks_none(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--dry-run", "--no-models", "orders.rtfs"]) == 0


def test_the_status_names_a_policy_that_is_not_there(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RTFS_POLICY", "nowhere.toml")
    assert main(["status"]) in (0, 1)
    assert "there is no file nowhere.toml" in capsys.readouterr().out


def test_a_log_that_only_others_may_write_is_shown(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """SQLite keeps something beside a file that has a journal; where it cannot, and there is no journal, it need not."""
    import sqlite3

    assert main(["run", "say.rtfs"]) == 0
    capsys.readouterr()
    connect = sqlite3.connect

    def refuse(address: object, **options: object) -> sqlite3.Connection:
        if "immutable" not in str(address):
            error = sqlite3.OperationalError("attempt to write a readonly database")
            error.sqlite_errorcode = 8
            raise error
        return connect(address, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(sqlite3, "connect", refuse)
    assert main(["logs"]) == 0
    assert "say" in capsys.readouterr().out


def test_an_option_of_another_command_is_not_for_the_program(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--frob"]) == 2
    assert "what the program itself" not in capsys.readouterr().err


def test_numbers_beyond_those_of_the_log(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "say.rtfs"]) == 0
    capsys.readouterr()
    assert main(["logs", "-n", "9" * 30]) == 0
    assert "say" in capsys.readouterr().out
    assert main(["logs", "show", "9" * 30]) == 2
    assert "no call" in capsys.readouterr().err


def test_a_program_that_defines_nothing_has_no_hashes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "programs" / "sum.rtfs").write_text("(+ 1 2)")
    assert main(["hash", "sum.rtfs"]) == 0
    assert capsys.readouterr().err == "rtfs: sum.rtfs defines nothing at its top level\n"


def test_programs_run_without_published_code_that_cannot_be_used(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "data").mkdir()
    (home / "data" / "code.sqlite").write_bytes(b"no database at all" * 100)
    assert main(["run", "say.rtfs"]) == 0
    out, err = capsys.readouterr()
    assert out == "text: x\n"
    assert "code.sqlite: file is not a database: no published code is used" in err
    assert main(["code"]) == 2
    assert "RTFS_DATA_DIR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "command", "hint"),
    [("DATA", "code ls", "RTFS_DATA_DIR"), ("CONFIG", "keys list", "RTFS_CONFIG_DIR"), ("CONFIG", "code keys", "RTFS_CONFIG_DIR")],
)
def test_a_file_in_the_place_of_a_folder(
    variable: str, command: str, hint: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if command == "code keys":
        pytest.importorskip("cryptography")
    monkeypatch.setenv(f"RTFS_{variable}_DIR", str(home / "programs" / "orders.rtfs"))
    assert main(command.split()) == 2
    err = capsys.readouterr().err
    assert "error[RTFS-C001]" in err
    assert "orders.rtfs" in err
    assert hint in err.partition("hint: ")[2]


def test_code_of_several_tasks_is_shown_and_removed_by_its_hash(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("cryptography")
    (home / "programs" / "p.rtfs").write_text(
        '(defn f [x :string] :-> :string (str x "!"))\n(defn g ^:delegation :local-model "m" "Loud." [x :string] :-> :string x)'
    )
    (home / "programs" / "tests").write_text('[["a"] "a!"]')
    publish = ["code", "publish", "f", "--file", "p.rtfs", "--tests", "tests"]
    assert main(publish) == 0
    content = capsys.readouterr().out.split()[-1]
    assert main([*publish, "--for", "g"]) == 0
    assert main(["cache", "verify", "code"]) == 0
    assert "code: 2 whole, 0 not" in capsys.readouterr().out
    assert main(["code", "show", content[:8]]) == 0
    assert capsys.readouterr().out.count(f"hash {content}") == 2
    assert main(["code", "rm", f"code:{content[:6].upper()}"]) == 0
    assert capsys.readouterr().err.count("removed f") == 2
    assert main(["cache", "clear", "code"]) == 0
    assert capsys.readouterr().err == "rtfs: 0 published functions removed\n"


def test_an_output_that_is_full(home: Path) -> None:
    """Printing fails as an error of the program, with its place."""
    from rtfs.errors import HostError
    from rtfs.runtime import Runtime

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(HostError, match="cannot write the output: No space left on device") as caught:
        Runtime(stdout=Full(), models=None).run('(println "x")')
    assert (caught.value.kind, str(caught.value.span)) == ("io-error", "<run>:1:1")
