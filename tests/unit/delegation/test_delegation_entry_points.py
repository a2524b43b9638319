"""Engines of installed packages: found by their entry point, named in a policy, asked for each call."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rtfs.delegation.engine import engine_named, engine_names
from rtfs.errors import ConfigError
from rtfs.models.registry import ModelRegistry
from rtfs.runtime import Runtime
from tests.support.cached_calls import Scripted

MODULE = """
from rtfs.delegation.engine import Decision, Listeners
from rtfs.delegation.targets import LOCAL, parse_target

class ByLength(Listeners):
    name = "by-length"

    def __init__(self, most, target):
        super().__init__()
        self.most, self.target, self.seen = most, parse_target(target), []

    def resolve(self, symbol, **known):
        return None

    def decide(self, context):
        if context.prompt_chars > self.most:
            return Decision(LOCAL, "too long", engine=self.name)
        return Decision(self.target, "short enough", 0.9, engine=self.name)

    def add(self, record):
        self.seen.append(record.function)

def make(options):
    return ByLength(**options)
"""
POLICY = """
[engines.mine]
use = "by-length"
options = { most = 3, target = "local:m" }
[[rules]]
symbol = "ask"
engine = "mine"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with an engine, installed as pip would."""
    site = tmp_path / "site"
    folder = site / "somebodys_engine-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys-engine\nVersion: 1.0\n", encoding="utf-8")
    points = "[rtfs.engines]\nby-length = somebodys_engine:make\nbroken = somebodys_engine:nothing\ncosted = somebodys_engine:make\n"
    (folder / "entry_points.txt").write_text(points, encoding="utf-8")
    (site / "somebodys_engine.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(site)
    yield site
    sys.modules.pop("somebodys_engine", None)


def test_an_engine_of_a_package_is_named_in_a_policy(package: Path, tmp_path: Path):
    (tmp_path / "delegation.toml").write_text(POLICY, encoding="utf-8")
    registry = ModelRegistry()
    registry.register("m", Scripted("from m"), kind="local")
    with Runtime(environ={}, models=registry, policy=tmp_path / "delegation.toml") as runtime:
        runtime.run('(defn ask [text :string] :-> :string "body")')
        assert runtime.run('[(ask "abc") (ask "abcd")]') == ["from m", "body"]
        (record,) = runtime.records.calls
        assert record.decision.reasoning == "rule 1 of delegation.toml, engine `mine`: short enough"
        assert record.decision.confidence == 0.9
        (engine,) = runtime.engine._active.learners
        assert engine.seen == ["ask"]


def test_what_is_there_and_what_is_not(package: Path):
    assert {"by-length", "costed"} <= set(engine_names())
    assert type(engine_named("costed", {"targets": ["local:m"]})).__name__ == "CostedRouter"  # no package takes that name
    with pytest.raises(ConfigError, match="no installed package offers the engine `none`"):
        engine_named("none", {})


@pytest.mark.parametrize(("use", "said"), [("broken", "AttributeError"), ("by-length", "TypeError")])
def test_one_that_cannot_be_made_is_an_error_at_its_place(package: Path, tmp_path: Path, use: str, said: str):
    path = tmp_path / "delegation.toml"
    path.write_text(POLICY.replace("by-length", use).replace("most = 3", "least = 3"), encoding="utf-8")
    with pytest.raises(ConfigError, match=f"engine `mine` of delegation.toml cannot be made: {said}") as caught:
        Runtime(environ={}, policy=path)
    assert str(caught.value.span).endswith("delegation.toml:2:1")
