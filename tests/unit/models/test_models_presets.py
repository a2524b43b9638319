"""Presets: `kimi:…` and the like find address, key and quirks, and nothing goes where it should not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rtfs
from rtfs.delegation.prices import PriceTable
from rtfs.errors import ConfigError, DelegationError
from rtfs.models.presets import PRESETS, is_loopback
from rtfs.models.registry import ModelRegistry, default_registry
from tests.support.anthropic_server import AnthropicServer
from tests.support.openai_server import OpenAIServer, Status

pytest.importorskip("httpx2")

PROGRAM = '(defn f ^:delegation {target} "{model}" ^{{:strict true}} [text :string] :-> :string text) (f "hello")'


def run(model: str, environ: dict[str, str], target: str = ":remote") -> tuple[Any, Any]:
    with rtfs.Runtime(environ=environ, on_warning=lambda message, span: None) as runtime:
        value = runtime.run(PROGRAM.format(target=target, model=model))
        return value, runtime.records.calls[0]


def registry(environ: dict[str, str]) -> ModelRegistry:
    return default_registry(environ, Path("nowhere"), Path("nowhere"))


@pytest.mark.parametrize("preset", [p for p in PRESETS if p.dialect is not None], ids=lambda p: p.name)
def test_each_preset_asks_its_server_with_its_key(server: OpenAIServer, preset: Any) -> None:
    environ = {preset.url_variable: server.base_url, "RTFS_REMOTE_API_KEY": "somebody-else's"}
    if preset.key_variable:
        environ[preset.key_variable] = "the-key"
    value, record = run(f"{preset.name}:{preset.example}", environ)
    assert value == "ok"
    assert (record.model, record.provider) == (f"{preset.name}:{preset.example}", preset.name)
    (seen,) = server.requests
    assert seen.json["model"] == preset.example
    assert seen.headers.get("authorization") == ("Bearer the-key" if preset.key_variable else None)


def test_the_anthropic_preset() -> None:
    with AnthropicServer(lambda sent: "hi") as server:
        environ = {"ANTHROPIC_BASE_URL": server.base_url, "ANTHROPIC_API_KEY": "k"}
        value, record = run("anthropic:claude-sonnet-4-5", environ)
        assert server.requests[0].json["model"] == "claude-sonnet-4-5"
    assert (value, record.provider) == ("hi", "anthropic")


def test_quirks(server: OpenAIServer) -> None:
    environ = {"MOONSHOT_BASE_URL": server.base_url, "MOONSHOT_API_KEY": "k", "OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "k"}
    server.script(Status(400, "invalid temperature: only 1 is allowed for this model"))
    run("kimi:kimi-k2.6", environ)
    run("openai:gpt-4o-mini", environ)
    first, second, third = (seen.json for seen in server.requests)
    assert "temperature" in first
    assert "temperature" not in second
    assert "seed" not in second
    assert third["max_completion_tokens"] == 256
    assert "max_tokens" not in third


def test_no_key_is_said_and_nothing_is_sent(server: OpenAIServer) -> None:
    with pytest.raises(DelegationError) as caught:
        run("openrouter:a/b", {"OPENROUTER_BASE_URL": server.base_url, "OPENAI_API_KEY": "k", "RTFS_REMOTE_API_KEY": "k"})
    assert (caught.value.kind, caught.value.hint) == ("model-unavailable", "set OPENROUTER_API_KEY, or run: rtfs keys set OPENROUTER_API_KEY")
    assert server.requests == []


def test_a_server_on_this_machine_answers_for_local_hints_and_another_never_does(server: OpenAIServer) -> None:
    assert run("vllm:m", {"VLLM_BASE_URL": server.base_url}, ":local-model")[0] == "ok"
    with pytest.raises(DelegationError, match="model `vllm:m` is a remote model"):
        run("vllm:m", {"VLLM_BASE_URL": "http://10.1.2.3:8000/v1"}, ":local-model")
    with pytest.raises(DelegationError, match="model `openai:m` is a remote model"):
        run("openai:m", {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": server.base_url}, ":local-model")  # a proxy, which passes it on


@pytest.mark.parametrize(
    "host, address",
    [
        ("", "http://localhost:11434/v1"),
        ("127.0.0.1", "http://127.0.0.1:11434/v1"),
        ("10.0.0.4:1234", "http://10.0.0.4:1234/v1"),
        ("http://box/", "http://box:11434/v1"),
        ("[::1]", "http://[::1]:11434/v1"),
        ("https://box/ollama/v1", "https://box/ollama/v1"),
    ],
)
def test_the_host_of_ollama(host: str, address: str) -> None:
    ollama = next(preset for preset in PRESETS if preset.name == "ollama")
    assert ollama.address({"OLLAMA_HOST": host}) == address


@pytest.mark.parametrize("url", ["http://localhost/v1", "http://127.0.0.2:80", "http://[::1]:80/v1"])
def test_this_machine(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize("url", ["http://localhost.evil.com", "http://127.0.0.1.evil.com", "http://x@10.0.0.1", "http://[", "", "http://0.0.0.0"])
def test_other_machines(url: str) -> None:
    assert not is_loopback(url)


def test_only_the_first_colon_counts_and_other_words_are_no_presets(server: OpenAIServer) -> None:
    environ = {"OLLAMA_HOST": server.base_url, "RTFS_REMOTE_BASE_URL": server.base_url}
    run("ollama:llama3.2:1b", environ)
    run("ft:gpt-4o:me::1", environ)
    run("openai", environ)  # a bare name is an id like any other
    run("kimi:", environ)
    assert [seen.json["model"] for seen in server.requests] == ["llama3.2:1b", "ft:gpt-4o:me::1", "openai", "kimi:"]


def test_presets_of_ones_own_and_models_with_colons() -> None:
    from rtfs.models.echo import EchoProvider

    made = ModelRegistry()
    made.register("mine", EchoProvider(), prefix=True)
    made.register("mine:special", EchoProvider)
    assert made.resolve("remote", "mine:other") is not made.resolve("remote", "mine:special")
    assert (made.served_id("mine:other"), made.served_id("mine:special"), made.served_id("x:y")) == ("other", "mine:special", "x:y")
    assert made.names("remote") == ["mine:special"]
    assert [entry.name for entry in made.entries()] == ["mine:…", "mine:special"]
    for wrong in ({"name": "a:b"}, {"name": "c", "default": True}):
        with pytest.raises(ConfigError):
            made.register(provider=EchoProvider(), prefix=True, **wrong)  # type: ignore[arg-type]


def test_prices_are_those_of_the_server() -> None:
    prices = PriceTable.load({})
    keys = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "MOONSHOT_API_KEY": "k"}
    known = registry(keys)
    for name in ("openai:gpt-4o-mini", "anthropic:claude-sonnet-4-5", "kimi:kimi-k2.6"):
        provider = known.resolve("remote", name)
        assert prices.find(provider.server, known.served_id(name)) is not None, name  # type: ignore[attr-defined]


def test_a_budget_of_money_holds_for_presets_and_what_runs_here_is_free(server: OpenAIServer) -> None:
    text = PROGRAM.format(target=":remote", model="ollama:m").replace("(f ", "(with-budget {:usd 0.001} (f ", 1) + ")"
    with rtfs.Runtime(environ={"OLLAMA_HOST": server.base_url}) as runtime:
        assert runtime.run(text) == "ok"
