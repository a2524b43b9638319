"""What models can do, as far as it is known without asking them: a table, and what is in model files.

None means that nobody here knows: it depends on the model behind a server, or on how the server was started.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from rtfs.models.gguf_file import ModelShape


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What one model can do."""

    context_tokens: int | None = None
    """Prompt and answer together."""
    tools: bool | None = None
    """It can be given functions to call, in a way of its server's own."""
    json_schema: bool | None = None
    """An answer is held to a schema while it is written."""
    logprobs: bool | None = None
    """How probable labels are can be had, so that answers have a score."""
    embeddings: bool | None = None
    """It gives vectors for texts."""


_HOSTED = {"tools": True, "json_schema": True, "logprobs": False, "embeddings": False}
#: (provider, pattern of model ids) -> abilities; the first that fits. `logprobs` says whether RTFS gets a score.
TABLE: tuple[tuple[str, str, Abilities], ...] = (
    ("echo", "*", Abilities(tools=False, json_schema=True, logprobs=False, embeddings=False)),
    ("rules", "*", Abilities(tools=False, json_schema=True, logprobs=True, embeddings=False)),
    ("openai", "gpt-4o*", Abilities(context_tokens=128_000, **_HOSTED)),
    ("openai", "gpt-4.1*", Abilities(context_tokens=1_047_576, **_HOSTED)),
    ("openai", "gpt-5*", Abilities(context_tokens=400_000, **_HOSTED)),
    ("openai", "*", Abilities(**_HOSTED)),
    ("anthropic", "claude-*", Abilities(context_tokens=200_000, **_HOSTED)),
    # JSON is asked for without a schema
    ("kimi", "kimi-k2-0711*", Abilities(context_tokens=131_072, tools=True, json_schema=False, logprobs=False, embeddings=False)),
    ("kimi", "kimi-k2*", Abilities(context_tokens=262_144, tools=True, json_schema=False, logprobs=False, embeddings=False)),
    ("kimi", "*", Abilities(tools=True, json_schema=False, logprobs=False, embeddings=False)),
    ("openrouter", "*", Abilities(logprobs=False, embeddings=False)),
    ("ollama", "*", Abilities(json_schema=True, logprobs=False, embeddings=False)),
    ("vllm", "*", Abilities(json_schema=True, logprobs=False, embeddings=False)),
    ("sglang", "*", Abilities(json_schema=True, logprobs=False, embeddings=False)),
    ("openai-compatible", "*", Abilities(logprobs=False, embeddings=False)),
)


def known_abilities(provider: str, model: str) -> Abilities:
    """What the table has for a model; nothing is known of one that is not in it.

    Args:
        provider: its name in the registry.
        model: as the provider calls it; `*` asks for what holds for all of its models.
    """
    if model == "*":
        return next((found for name, pattern, found in TABLE if (name, pattern) == (provider, "*")), Abilities())
    fitting = (found for name, pattern, found in TABLE if name == provider and fnmatchcase(model, pattern))
    return next(fitting, Abilities())


def file_abilities(shape: ModelShape, *, most: int) -> Abilities:
    """Those of a model file, through llama.cpp.

    Args:
        most: tokens of context that are used at most.
    """
    writes = not shape.embeds
    return Abilities(
        context_tokens=min(shape.context_tokens or most, most),
        tools=False,
        json_schema=writes,
        logprobs=writes,
        embeddings=shape.embeds,
    )
