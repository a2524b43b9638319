"""`ModelRegistry`: names to providers, with manners."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rtfs.errors import ConfigError, DelegationError, missing_extra
from rtfs.models.protocol import Availability, ModelReply, ModelRequest
from rtfs.models.registry import ModelRegistry, default_registry


class Scripted:
    def __init__(self, name: str = "scripted") -> None:
        self.name = name
        self.closed = 0

    def complete(self, request: ModelRequest) -> ModelReply:
        return ModelReply(text="ok")

    def availability(self, model: str) -> Availability:
        return Availability(usable=True, detail=f"for {model or 'any'}")

    def close(self) -> None:
        self.closed += 1


def refused(registry: ModelRegistry, target: str, model: str) -> DelegationError:
    with pytest.raises(DelegationError) as caught:
        registry.resolve(target, model)
    return caught.value


def test_a_name_resolves_to_its_provider() -> None:
    registry, provider = ModelRegistry(), Scripted()
    registry.register("mine", provider)
    assert registry.resolve("local-model", "mine") is provider
    assert registry.resolve("remote", "mine") is provider


def test_a_name_is_taken_once_unless_replaced() -> None:
    registry, first, second = ModelRegistry(), Scripted(), Scripted()
    registry.register("mine", first)
    with pytest.raises(ConfigError, match="registered already") as caught:
        registry.register("mine", second)
    assert "replace=True" in (caught.value.hint or "")
    registry.register("mine", second, replace=True)
    assert registry.resolve("remote", "mine") is second
    assert first.closed == 1


def test_replacing_does_not_close_a_provider_that_has_another_name() -> None:
    registry, shared = ModelRegistry(), Scripted()
    registry.register("a", shared)
    registry.register("b", shared)
    registry.register("a", Scripted(), replace=True)
    assert shared.closed == 0


@pytest.mark.parametrize(("kind", "reaching", "other"), [("local", "local-model", "remote"), ("remote", "remote", "local-model")])
def test_a_hint_never_reaches_the_other_side(kind: str, reaching: str, other: str) -> None:
    registry, provider = ModelRegistry(), Scripted()
    registry.register("mine", provider, kind=kind)
    assert registry.resolve(reaching, "mine") is provider
    error = refused(registry, other, "mine")
    assert error.kind == "unknown-model"
    assert f':{reaching} "mine"' in (error.hint or "")


def test_a_default_answers_for_its_side_only_and_is_no_model_itself() -> None:
    registry, local = ModelRegistry(), Scripted("llama.cpp")
    registry.register("llama.cpp", local, kind="local", default=True, models=lambda: ["smollm2", "gemma"])
    assert registry.resolve("local-model", "smollm2") is local
    assert refused(registry, "remote", "smollm2").kind == "unknown-model"
    assert refused(registry, "local-model", "llama.cpp").kind == "unknown-model"
    with pytest.raises(ConfigError, match="is the default for local models already"):
        registry.register("other", Scripted(), kind="local", default=True)


def test_a_registered_name_wins_over_the_default() -> None:
    registry, own, default = ModelRegistry(), Scripted(), Scripted()
    registry.register("openai-compatible", default, kind="remote", default=True)
    registry.register("gpt-x", own, kind="remote")
    assert registry.resolve("remote", "gpt-x") is own
    assert registry.resolve("remote", "gpt-y") is default


def test_an_unknown_model_gets_the_nearest_names() -> None:
    registry = ModelRegistry()
    registry.register("echo", Scripted())
    registry.register("llama.cpp", Scripted(), kind="local", default=True, models=lambda: ["smollm2"])
    error = refused(registry, "local-model", "smolm2")
    assert (error.kind, error.retryable) == ("unknown-model", False)
    assert error.hint == "did you mean `smollm2`?"
    assert refused(registry, "local-model", "something-else").hint == "known here: echo, smollm2"
    assert "register" in (refused(ModelRegistry(), "remote", "x").hint or "")


def test_knows_decides_when_ids_cannot_be_listed() -> None:
    registry, provider = ModelRegistry(), Scripted()
    registry.register("p", provider, kind="local", default=True, models=lambda: ["a"], knows=lambda m: m.startswith("x"))
    assert registry.resolve("local-model", "xyz") is provider
    assert refused(registry, "local-model", "a").kind == "unknown-model"


def test_a_factory_runs_once_and_only_when_needed() -> None:
    made: list[Scripted] = []
    gate = threading.Barrier(8)

    def make() -> Scripted:
        made.append(Scripted())
        return made[-1]

    registry = ModelRegistry()
    registry.register("mine", make)
    assert made == []
    found: list[object] = []

    def look() -> None:
        gate.wait()
        found.append(registry.resolve("remote", "mine"))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert found == made * 8


def test_a_factory_that_lacks_an_extra_makes_the_model_unavailable() -> None:
    def make() -> Scripted:
        raise missing_extra("llama_cpp", "local", "a local model")

    registry = ModelRegistry()
    registry.register("mine", make)
    error = refused(registry, "local-model", "mine")
    assert error.kind == "model-unavailable"
    assert "rtfs-lang[local]" in (error.hint or "")
    (entry,) = registry.entries()
    assert not entry.availability.usable
    assert "rtfs-lang[local]" in (entry.availability.hint or "")


@pytest.mark.parametrize(
    ("name", "provider", "kind"),
    [("", Scripted(), "any"), ("x", Scripted(), "cloud"), ("x", 7, "any")],
)
def test_a_wrong_registration_is_a_config_error(name: str, provider: object, kind: str) -> None:
    with pytest.raises(ConfigError):
        ModelRegistry().register(name, provider, kind=kind)  # type: ignore[arg-type]


def test_entries_list_models_of_defaults_and_defaults_that_take_any() -> None:
    registry = ModelRegistry()
    registry.register("echo", Scripted())
    registry.register("llama.cpp", Scripted(), kind="local", default=True, models=lambda: ["b", "a"])
    registry.register("openai-compatible", Scripted(), kind="remote", default=True)
    assert [(e.name, e.kind, e.provider, e.availability.detail) for e in registry.entries()] == [
        ("echo", "any", "echo", "for echo"),
        ("a", "local", "llama.cpp", "for a"),
        ("b", "local", "llama.cpp", "for b"),
        ("openai-compatible", "remote", "openai-compatible", "for any"),
    ]


def test_close_closes_what_was_made_and_ends_resolving() -> None:
    registry, provider, made = ModelRegistry(), Scripted(), []
    registry.register("a", provider)
    registry.register("b", lambda: made.append(1) or Scripted())  # type: ignore[func-returns-value]
    registry.close()
    registry.close()
    assert provider.closed == 1
    assert made == []
    assert refused(registry, "remote", "a").kind == "model-unavailable"


def test_the_default_registry_echoes_and_says_what_is_missing(tmp_path: Path) -> None:
    registry = default_registry({}, tmp_path / "data", tmp_path / "cache")
    assert registry.resolve("local-model", "echo") is registry.resolve("remote", "echo")
    error = refused(registry, "local-model", "smolm2")
    assert error.kind == "unknown-model"
    assert "smollm2" in (error.hint or "")
    remote = registry.resolve("remote", "gpt-x").availability("gpt-x")
    assert not remote.usable
    assert "RTFS_REMOTE_BASE_URL" in (remote.hint or "")
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "cache").exists()


def test_two_registries_never_meet() -> None:
    one, two = ModelRegistry(), ModelRegistry()
    one.register("mine", Scripted())
    assert two.names("remote") == []


@pytest.mark.parametrize("module", ["rtfs.models.registry", "rtfs.models.openai_compatible", "rtfs.delegation.delegate"])
def test_importing_brings_in_no_model_library(module: str) -> None:
    heavy = "asyncio httpx2 httpcore2 pydantic json_repair llama_cpp numpy ssl http.client"
    code = f"import sys, {module}; print([m for m in {heavy.split()!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_registry_that_several_runtimes_have_stays_open_until_who_made_it_closes_it() -> None:
    from rtfs.runtime import Runtime

    provider = Scripted()
    ask = '(defn ask ^:delegation :remote "m" "It." [x :string] :-> :string "body")'
    with ModelRegistry() as registry:
        registry.register("m", provider)
        first, second = Runtime(models=registry), Runtime(models=registry, on_warning=lambda *_: None)
        for runtime in (first, second):
            runtime.run(ask)
        assert first.run('(ask "a")') == "ok"
        first.close()
        assert provider.closed == 0
        assert second.run('(ask "b")') == "ok"
        call = second.function("ask")
        second.close()
        assert call("c") == "body", "a closed runtime asks nobody"
        third = Runtime(models=registry)
        third.run(ask)
        assert third.run('(ask "d")') == "ok"
        assert registry._listeners == [third.delegation._models_changed], "those that are closed are forgotten"
        third.close()
        assert (provider.closed, registry._listeners) == (0, [])
    assert provider.closed == 1


def test_a_runtime_closes_the_registry_that_it_made() -> None:
    from rtfs.runtime import Runtime

    provider, other = Scripted(), Scripted()
    with Runtime(environ={}) as runtime:
        runtime.models.register("mine", provider)
    assert provider.closed == 1
    with Runtime(environ={}) as runtime, ModelRegistry() as registry:
        runtime.models.register("mine", other)
        runtime.replace_models(registry)
    assert other.closed == 1
