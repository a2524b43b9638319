"""Policy files on disk: which one it is, what cannot be one, and what happens when it changes while it is in use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rtfs.delegation.context import CallContext
from rtfs.delegation.policy.engine import PolicyEngine
from rtfs.delegation.policy.files import MOST_BYTES, PolicyFile, find_policy, load_policy
from rtfs.delegation.targets import LOCAL, LocalModel
from rtfs.errors import ConfigError


def policy(model: str) -> str:
    return f'[[rules]]\ntarget = "local:{model}"\n'


# --- which file ---


def test_the_file_beside_the_program(tmp_path: Path):
    assert find_policy(tmp_path, {}) is None
    shared = tmp_path / "rtfs.toml"
    shared.write_text("[other]\n", encoding="utf-8")
    assert find_policy(tmp_path, {}) is None
    shared.write_text("[delegation]\n", encoding="utf-8")
    assert find_policy(tmp_path, {}) == str(shared)
    own = tmp_path / "delegation.toml"
    own.write_text("", encoding="utf-8")
    assert find_policy(tmp_path, {}) == str(own)


def test_a_shared_file_that_is_no_toml_is_not_passed_over(tmp_path: Path):
    shared = tmp_path / "rtfs.toml"
    shared.write_text("[delegation\n", encoding="utf-8")
    path = find_policy(tmp_path, {})
    assert path == str(shared)
    with pytest.raises(ConfigError, match="not a TOML file") as caught:
        load_policy(path)
    assert caught.value.span.line == 1


def test_the_variable_comes_first_and_turns_policies_off(tmp_path: Path):
    (tmp_path / "delegation.toml").write_text("", encoding="utf-8")
    other = tmp_path / "other.toml"
    other.write_text(policy("x"), encoding="utf-8")
    assert find_policy(tmp_path, {"RTFS_POLICY": str(other)}) == str(other)
    assert find_policy(tmp_path, {"RTFS_POLICY": ""}) is None
    with pytest.raises(ConfigError, match="RTFS_POLICY: there is no file"):
        find_policy(tmp_path, {"RTFS_POLICY": str(tmp_path / "none.toml")})


def test_a_shared_file_without_the_table_is_no_policy(tmp_path: Path):
    path = tmp_path / "rtfs.toml"
    path.write_text("[other]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"has no table \[delegation\]"):
        load_policy(path)


# --- what cannot be read ---


def test_what_is_no_file(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"cannot read .*No such file"):
        load_policy(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="is not a file"):
        load_policy(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "delegation.toml")
    with pytest.raises(ConfigError, match="is not a file"):
        load_policy(tmp_path / "delegation.toml")


def test_a_file_that_is_too_large_or_no_text(tmp_path: Path):
    path = tmp_path / "delegation.toml"
    path.write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(ConfigError, match=r"is larger than 4,194,304 bytes"):
        load_policy(path)
    path.write_bytes(b"# one\nname = '\xff'\n")
    with pytest.raises(ConfigError, match="line 2: not UTF-8"):
        load_policy(path)


# --- changes ---


class Setting:
    """An engine on a file, with a clock and warnings of its own."""

    def __init__(self, path: Path, **options) -> None:
        self.path = path
        self.now = 0.0
        self.warnings: list[str] = []
        self.told = 0
        self.write(policy("one"))
        file = PolicyFile(path, every_s=2.0, warn=self.warnings.append, **options)
        self.engine = PolicyEngine(file, clock=lambda: self.now)
        self.engine.listen(self._tell)

    def _tell(self) -> None:
        self.told += 1

    def write(self, text: str | bytes) -> None:
        """As editors do: a new file in the place of the old one."""
        new = self.path.with_suffix(".new")
        new.write_bytes(text if isinstance(text, bytes) else text.encode())
        new.replace(self.path)

    def target(self, later_s: float = 0.0):
        self.now += later_s
        return self.engine.decide(CallContext("f")).target


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path / "delegation.toml")


ONE, TWO = LocalModel("one"), LocalModel("two")


def test_a_changed_file_holds_after_a_while(setting: Setting):
    assert setting.target() == ONE
    setting.write(policy("two"))
    assert setting.target(1.9) == ONE
    assert (setting.target(0.2), setting.told) == (TWO, 1)
    assert (setting.target(100), setting.told) == (TWO, 1)
    assert setting.warnings == []


def test_a_file_of_the_same_size_and_content_is_found_by_its_time(setting: Setting):
    with open(setting.path, "r+b") as file:  # in place: the same inode
        file.write(policy("two").encode())
    os.utime(setting.path, ns=(1, 1))
    assert setting.target(2) == TWO


@pytest.mark.parametrize("broken", ['[[rules]]\ntarget = "smol"\n', "[[rules", b"\xff", '[[rules]]\nengine = "e"\n[engines.e]\nuse = "nobody"\n'])
def test_a_broken_file_leaves_the_old_policy_and_warns_once(setting: Setting, broken):
    setting.write(broken)
    for _ in range(3):
        assert setting.target(2) == ONE
    (warning,) = setting.warnings
    assert warning.startswith(f"the policy file {setting.path} has changed and is wrong; the old policy goes on: ")
    assert setting.told == 0
    setting.write(policy("two"))
    assert setting.target(2) == TWO
    assert len(setting.warnings) == 1


def test_the_warning_names_the_line(setting: Setting):
    setting.write('[[rules]]\ntarget = "smol"\nretires = 1\n')
    setting.target(2)
    assert "rule 1: `target` names no target: `smol` (" in setting.warnings[0]
    assert "delegation.toml:2:10), and 1 more: see `rtfs policy check`" in setting.warnings[0]


def test_a_file_that_is_gone_leaves_the_old_policy_until_there_is_one_again(setting: Setting):
    setting.path.unlink()
    assert [setting.target(2), setting.target(2)] == [ONE, ONE]
    assert setting.warnings == [f"the policy file {setting.path} is gone; what it said last goes on"]
    setting.write(policy("two"))
    assert setting.target(2) == TWO


def test_functions_with_hints_follow_too(setting: Setting):
    setting.write(policy("one") + "timeout_s = 7\n")
    assert setting.engine.for_hint(CallContext("f"), TWO).settings.timeout_s is None
    setting.now += 2
    assert setting.engine.for_hint(CallContext("f"), TWO).settings.timeout_s == 7


def test_a_clock_that_jumps_back_does_no_harm(setting: Setting):
    setting.write(policy("two"))
    assert setting.target(-1_000) == ONE
    assert setting.target(1_002) == TWO


def test_a_look_can_be_asked_for(setting: Setting):
    setting.write(policy("two"))
    assert not setting.engine.refresh()
    assert setting.engine.refresh(now=True)
    assert not setting.engine.refresh(now=True)
    assert setting.target() == TWO


def test_the_environment_stays(tmp_path: Path):
    def text(model: str) -> str:
        return f'[targets]\na = "remote:x"\n[[rules]]\ntarget = "a"\n[environments.test.targets]\na = "local:{model}"\n'

    setting = Setting(tmp_path / "delegation.toml")
    setting.write(text("one"))
    setting.engine = PolicyEngine(
        PolicyFile(setting.path, environment="test", warn=setting.warnings.append), clock=lambda: setting.now
    )
    assert setting.target() == ONE
    setting.write(text("two"))
    assert setting.target(2) == TWO
    setting.write(policy("three") + "[environments.other]\n")
    assert setting.target(2) == TWO
    assert "has no environment `test`" in setting.warnings[0]


def test_the_file_stays_the_same_when_the_program_changes_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    setting = Setting(Path("delegation.toml"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert setting.target(2) == ONE
    assert setting.warnings == []


def test_an_engine_without_a_file_looks_at_nothing():
    from rtfs.delegation.policy.reading import read_policy

    engine = PolicyEngine(read_policy("", "d.toml"))
    assert not engine.refresh(now=True)
    assert engine.decide(CallContext("f")).target == LOCAL
