"""Servers by name: `kimi:kimi-k2.6` is model `kimi-k2.6` at Moonshot, with its address, key and quirks.

A preset whose server usually runs on this machine, and does, answers for local hints too; once its variable names another host,
for remote ones only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from rtfs.models.protocol import ModelProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What is known of one server, or of one kind of server."""

    name: str
    """What stands before the colon in a model id."""
    server: str
    """For people."""
    base_url: str
    url_variable: str
    """Names another address; the key goes there too."""
    key_variable: str
    needs_key: bool = True
    example: str
    """A model id."""
    dialect: Mapping[str, object] | None = None
    """Fields of `openai_dialect.Dialect` in which its servers are asked at first; None for a protocol of its own."""
    quirks: str = ""

    def address(self, environ: Mapping[str, str]) -> str:
        """Up to and without the path of the protocol."""
        url = environ.get(self.url_variable, "").strip() or self.base_url
        if self.url_variable == "OLLAMA_HOST":  # Ollama's own variable has the bare host, or all but the path
            url = url if re.match(r"https?://", url) else f"http://{url}"
            parts = urlsplit(url)
            if parts.path in ("", "/"):
                port = "" if parts.netloc.rpartition("]")[2].count(":") else ":11434"
                url = f"{parts.scheme}://{parts.netloc}{port}/v1"
        return url

    def kind(self, environ: Mapping[str, str]) -> str:
        """Which hints reach it: `any` when the model runs on this machine, else `remote`."""
        return "any" if self.is_here(environ) else "remote"

    def is_here(self, environ: Mapping[str, str]) -> bool:
        """Whether the model runs on this machine. Behind a hosted server's name, even an address of this machine is a proxy."""
        return is_loopback(self.base_url) and is_loopback(self.address(environ))

    def provider(self, environ: Mapping[str, str]) -> ModelProvider:
        key = environ.get(self.key_variable, "").strip() if self.key_variable else ""
        if self.dialect is None:
            from rtfs.models.anthropic import AnthropicProvider

            return AnthropicProvider(
                base_url=self.address(environ), api_key=key, key_name=self.key_variable, url_name=self.url_variable
            )
        from rtfs.models.openai_compatible import OpenAICompatibleProvider
        from rtfs.models.openai_dialect import Dialect

        provider = OpenAICompatibleProvider(
            base_url=self.address(environ),
            api_key=key or None,
            key_name=self.key_variable or "the server's settings",
            url_name=self.url_variable,
            dialect=Dialect(**self.dialect),  # type: ignore[arg-type]
            needs_key=self.needs_key,
        )
        provider.name = self.name
        provider.free = self.is_here(environ)
        return provider


def is_loopback(url: str) -> bool:
    """Whether an address is certainly on this machine."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


PRESETS = (
    Preset(
        name="openai",
        server="OpenAI",
        base_url="https://api.openai.com/v1",
        url_variable="OPENAI_BASE_URL",
        key_variable="OPENAI_API_KEY",
        example="gpt-4o-mini",
        dialect={"tokens": "max_completion_tokens", "format_with_tools": True},
        quirks="the limit is sent as `max_completion_tokens`, which its reasoning models want",
    ),
    Preset(
        name="anthropic",
        server="Anthropic",
        base_url="https://api.anthropic.com",
        url_variable="ANTHROPIC_BASE_URL",
        key_variable="ANTHROPIC_API_KEY",
        example="claude-sonnet-4-5",
        quirks="the Messages API: structured results through a tool that has to be called, no seed",
    ),
    Preset(
        name="kimi",
        server="Moonshot AI",
        base_url="https://api.moonshot.ai/v1",
        url_variable="MOONSHOT_BASE_URL",
        key_variable="MOONSHOT_API_KEY",
        example="kimi-k2.6",
        dialect={"format": "json_object", "seed": False},
        quirks="JSON is asked for without a schema, which stands in the prompt; no seed; its thinking models take no temperature",
    ),
    Preset(
        name="openrouter",
        server="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        url_variable="OPENROUTER_BASE_URL",
        key_variable="OPENROUTER_API_KEY",
        example="moonshotai/kimi-k2",
        dialect={},
        quirks="ids have the maker before a slash",
    ),
    Preset(
        name="ollama",
        server="Ollama",
        base_url="http://localhost:11434/v1",
        url_variable="OLLAMA_HOST",
        key_variable="",
        needs_key=False,
        example="llama3.2:1b",
        dialect={},
        quirks="no key; `OLLAMA_HOST` may be a bare host, as for Ollama itself",
    ),
    Preset(
        name="vllm",
        server="vLLM",
        base_url="http://localhost:8000/v1",
        url_variable="VLLM_BASE_URL",
        key_variable="VLLM_API_KEY",
        needs_key=False,
        example="Qwen/Qwen3-0.6B",
        dialect={},
        quirks="a key only where the server was started with one",
    ),
    Preset(
        name="sglang",
        server="SGLang",
        base_url="http://localhost:30000/v1",
        url_variable="SGLANG_BASE_URL",
        key_variable="SGLANG_API_KEY",
        needs_key=False,
        example="Qwen/Qwen3-0.6B",
        dialect={},
        quirks="a key only where the server was started with one",
    ),
)
