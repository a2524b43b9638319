"""Stored keys: where they lie, who may read them, and that nobody prints them."""

from __future__ import annotations

import io
import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from rtfs.capabilities.redaction import redactor
from rtfs.cli import keys as command
from rtfs.cli.main import main
from rtfs.errors import ConfigError
from rtfs.keys import KeyedEnviron, KeyStore, check_key, handed_out, is_key_name, kept_in_file, keys_path
from rtfs.models.registry import default_registry

SECRET = "sk-very-secret-123456"


class Ring:
    """A keyring in memory."""

    class PasswordDeleteError(Exception):
        pass

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def set_password(self, service: str, name: str, value: str) -> None:
        if self.locked:
            raise RuntimeError(f"locked, and cannot keep {value}")
        self.kept[service, name] = value

    def get_password(self, service: str, name: str) -> str | None:
        if self.locked:
            raise RuntimeError("locked")
        return self.kept.get((service, name))

    def delete_password(self, service: str, name: str) -> None:
        if (service, name) not in self.kept:
            raise self.PasswordDeleteError
        del self.kept[service, name]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"RTFS_CONFIG_DIR": str(tmp_path / "config"), "HOME": str(tmp_path)}


@pytest.fixture
def store(environ: dict[str, str]) -> KeyStore:
    return KeyStore(keys_path(environ) or "", None)


@pytest.fixture(autouse=True)
def _nothing_handed_out() -> Any:
    before = set(handed_out)
    yield
    handed_out.clear()
    handed_out.update(before)


# --- the store -------------------------------------------------------------------------------


def test_a_key_comes_back_and_goes(store: KeyStore):
    assert store.get("A_KEY") is None
    assert store.names() == {}
    assert store.set("A_KEY", SECRET) == "file"
    assert store.set("B_KEY", "other") == "file"
    assert (store.get("A_KEY"), store.names()) == (SECRET, {"A_KEY": "file", "B_KEY": "file"})
    assert store.remove("A_KEY")
    assert not store.remove("A_KEY")
    assert store.names() == {"B_KEY": "file"}


@pytest.mark.skipif(os.name != "posix", reason="rights are those of POSIX")
def test_only_the_user_can_read_the_file_whatever_the_umask(store: KeyStore):
    before = os.umask(0)
    try:
        store.set("A_KEY", SECRET)
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(store.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(store.path)).st_mode) == 0o700
    assert os.listdir(os.path.dirname(store.path)) == ["keys.json"]


@pytest.mark.skipif(os.name != "posix", reason="rights are those of POSIX")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_file_that_others_can_read_is_refused(store: KeyStore, mode: int):
    store.set("A_KEY", SECRET)
    os.chmod(store.path, mode)
    for use in (lambda: store.get("A_KEY"), store.names, lambda: store.set("B_KEY", "x"), lambda: store.remove("A_KEY")):
        with pytest.raises(ConfigError, match="not yours alone") as caught:
            use()
        assert "chmod 600" in (caught.value.hint or "")
    assert json.loads(Path(store.path).read_text())["keys"].keys() == {"A_KEY"}
    assert not os.path.exists(store.path + ".new")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2, "keys": {}}', '{"version": 1}', '{"version": 1, "keys": {"A_KEY": "sk-very-secret-123456"}}'])
def test_a_damaged_file_is_told_without_its_content(store: KeyStore, text: str):
    store.set("A_KEY", SECRET)
    Path(store.path).write_text(text)
    with pytest.raises(ConfigError, match="no file of keys") as caught:
        store.names()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert store.kept() == {}


def test_a_file_of_somebody_else_in_the_way_is_not_written_through(store: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("rtfs.keys._PATIENCE_S", 0.1)
    os.makedirs(os.path.dirname(store.path))
    victim = tmp_path / "victim"
    victim.write_text("mine")
    os.symlink(victim, store.path + ".new")
    with pytest.raises(ConfigError, match="another process"):
        store.set("A_KEY", SECRET)
    assert victim.read_text() == "mine"


def test_eight_writers_lose_nothing(store: KeyStore):
    threads = [threading.Thread(target=store.set, args=(f"K{n}_KEY", f"value-{n}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(store.names()) == [f"K{n}_KEY" for n in range(8)]


def test_with_a_keyring_the_file_has_names_only(store: KeyStore):
    ring = Ring()
    both = KeyStore(store.path, ring)
    assert both.set("A_KEY", SECRET) == "keyring"
    assert both.set("B_KEY", "other-secret", in_file=True) == "file"
    assert SECRET not in Path(store.path).read_text()
    assert both.names() == {"A_KEY": "keyring", "B_KEY": "file"}
    assert (both.get("A_KEY"), both.get("B_KEY")) == (SECRET, "other-secret")
    with pytest.raises(ConfigError, match="cannot be reached here"):
        store.get("A_KEY")
    ring.locked = True
    with pytest.raises(ConfigError) as caught:
        both.set("C_KEY", SECRET)
    assert SECRET not in f"{caught.value} {caught.value.hint} {caught.value.__cause__} {caught.value.__suppress_context__ or SECRET}"
    with pytest.raises(ConfigError):
        both.get("A_KEY")
    ring.locked = False
    ring.kept.clear()
    assert both.remove("A_KEY")  # gone from the keyring already
    assert both.names() == {"B_KEY": "file"}


# --- who is given them -----------------------------------------------------------------------


def test_the_variable_comes_first(environ: dict[str, str], store: KeyStore):
    store.set("OPENAI_API_KEY", SECRET)
    assert KeyedEnviron(environ)["OPENAI_API_KEY"] == SECRET
    assert KeyedEnviron(environ | {"OPENAI_API_KEY": "set"}).get("OPENAI_API_KEY") == "set"
    assert KeyedEnviron(environ | {"OPENAI_API_KEY": " "}).get("OPENAI_API_KEY") == SECRET
    assert KeyedEnviron(environ).get("ANTHROPIC_API_KEY") is None
    assert SECRET not in dict(KeyedEnviron(environ)).values()


def test_only_keys_are_looked_up(environ: dict[str, str], store: KeyStore):
    store.set("OPENAI_BASE_URL", "http://elsewhere")
    assert KeyedEnviron(environ).get("OPENAI_BASE_URL") is None


def test_an_empty_environment_has_no_stored_keys():
    assert keys_path({}) is None
    assert KeyedEnviron({}).get("OPENAI_API_KEY") is None
    assert kept_in_file({}) == {}


def test_a_provider_finds_its_stored_key_and_no_other(environ: dict[str, str], store: KeyStore, tmp_path: Path):
    store.set("OPENAI_API_KEY", SECRET)
    registry = default_registry(environ, tmp_path, tmp_path)
    try:
        usable = {entry.name: entry.availability.usable for entry in registry.entries()}
    finally:
        registry.close()
    assert usable["openai:…"]
    assert not usable["anthropic:…"]


@pytest.mark.skipif(os.name != "posix", reason="rights are those of POSIX")
def test_a_provider_says_why_a_stored_key_cannot_be_used(environ: dict[str, str], store: KeyStore, tmp_path: Path):
    store.set("OPENAI_API_KEY", SECRET)
    os.chmod(store.path, 0o644)
    registry = default_registry(environ, tmp_path, tmp_path)
    try:
        found = {entry.name: entry.availability for entry in registry.entries()}["openai:…"]
    finally:
        registry.close()
    assert not found.usable
    assert "not yours alone" in found.detail


def test_stored_keys_are_redacted(environ: dict[str, str], store: KeyStore):
    redact = redactor(environ)
    assert redact(f"a {SECRET} b") == f"a {SECRET} b"
    store.set("OPENAI_API_KEY", SECRET)
    assert redactor(environ)(f"a {SECRET} b") == "a [OPENAI_API_KEY] b"
    handed_out.add(("RING_API_KEY", "ring-secret-987"))  # of a keyring, used after the redactor was made
    assert redact("a ring-secret-987 b") == "a [RING_API_KEY] b"


# --- the command -----------------------------------------------------------------------------


def run(argv: list[str], environ: dict[str, str], capsys: Any, monkeypatch: pytest.MonkeyPatch, typed: str = "") -> tuple[int, str, str]:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    monkeypatch.setattr("rtfs.keys.installed_keyring", lambda: None)
    code = main(["keys", *argv], environ)
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    return code, out, err


def test_a_key_from_a_pipe_is_stored_and_never_shown(environ, store, capsys, monkeypatch):
    code, out, err = run(["set", "openai"], environ, capsys, monkeypatch, SECRET + "\n")
    assert (code, out) == (0, "")
    assert "OPENAI_API_KEY is stored in" in err
    assert store.get("OPENAI_API_KEY") == SECRET
    code, out, _ = run(["list"], environ, capsys, monkeypatch)
    assert any(line.split()[:3] == ["OPENAI_API_KEY", "stored", "(file)"] for line in out.splitlines())
    code, out, _ = run(["--json"], environ | {"OPENAI_API_KEY": "set"}, capsys, monkeypatch)
    records = {record["name"]: record for record in map(json.loads, out.splitlines())}
    assert records["OPENAI_API_KEY"] == {"name": "OPENAI_API_KEY", "used": "environment", "places": ["environment", "file"], "servers": ["openai"]}
    assert records["ANTHROPIC_API_KEY"]["used"] is None
    assert main(["status", "--json"], environ) == 0
    status = capsys.readouterr().out
    assert SECRET not in status
    assert [record["name"] for record in json.loads(status)["keys"]["found"]] == ["OPENAI_API_KEY"]
    assert run(["remove", "OPENAI_API_KEY"], environ, capsys, monkeypatch)[0] == 0
    code, _, err = run(["remove", "openai"], environ, capsys, monkeypatch)
    assert code == 2
    assert "no OPENAI_API_KEY is stored" in err


def test_a_key_is_asked_for_at_a_terminal_without_echo(environ, store, capsys, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(command, "is_tty", lambda stream: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or SECRET)
    assert run(["set", "MY_OWN_API_KEY"], environ, capsys, monkeypatch)[0] == 0
    assert asked == ["MY_OWN_API_KEY: "]
    assert store.get("MY_OWN_API_KEY") == SECRET


def test_a_set_variable_is_told_of(environ, capsys, monkeypatch):
    _, _, err = run(["set", "openai"], environ | {"OPENAI_API_KEY": "x"}, capsys, monkeypatch, SECRET)
    assert "comes first" in err


@pytest.mark.parametrize(
    "argv, words",
    [
        (["set", "openai", SECRET], "on the command line"),
        (["set"], "takes the NAME"),
        (["show", "openai"], "there is no `rtfs keys show`"),
        (["list", "openai"], "takes no NAME"),
        (["set", "opnai"], "did you mean openai?"),
        (["set", "openai_api_key"], "neither a server"),
        (["set", "PATH"], "neither a server"),
    ],
)
def test_misuse_is_explained(environ, capsys, monkeypatch, argv, words):
    code, _, err = run(argv, environ, capsys, monkeypatch, SECRET)
    assert code == 2
    assert words in err
    assert not os.path.exists(keys_path(environ) or "")


@pytest.mark.parametrize("typed", ["", "  \n", "two words\n", "schlüssel-secret\n", "x" * 5000, "a\x00b"])
def test_what_is_no_key_is_not_stored(environ, capsys, monkeypatch, typed):
    code, _, err = run(["set", "openai"], environ, capsys, monkeypatch, typed)
    assert code == 2
    assert typed.strip() == "" or typed.strip() not in err
    assert not os.path.exists(keys_path(environ) or "")


def test_the_path_is_shown(environ, capsys, monkeypatch):
    assert run(["path"], environ, capsys, monkeypatch)[1].strip() == keys_path(environ)
    assert run(["path"], {}, capsys, monkeypatch)[0] == 2


def test_names_and_keys():
    assert is_key_name("OPENAI_API_KEY")
    assert is_key_name("HF_TOKEN")
    assert not any(map(is_key_name, ["", "api_key", "1_KEY", "OPENAI_URL", "ÄRGER_KEY", "A-B_KEY"]))
    assert check_key(" abc\r\n") == "abc"
