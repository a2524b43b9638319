"""What is known of models without asking them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtfs.models.abilities import TABLE, Abilities, file_abilities, known_abilities
from rtfs.models.gguf_file import read_shape
from rtfs.models.presets import PRESETS
from tests.support.tiny_gguf import write_tiny_bert, write_tiny_gguf


@pytest.mark.parametrize(
    "provider, model, tokens",
    [("openai", "gpt-4o-mini", 128_000), ("openai", "gpt-4.1", 1_047_576), ("openai", "o9", None), ("anthropic", "claude-sonnet-4-5", 200_000), ("kimi", "kimi-k2-0711-preview", 131_072), ("kimi", "kimi-k2.6", 262_144), ("ollama", "llama", None), ("nobody", "x", None)],
)  # fmt: skip
def test_the_longest_context_is_that_of_the_first_pattern_that_fits(provider: str, model: str, tokens: int | None):
    assert known_abilities(provider, model).context_tokens == tokens


def test_what_is_unknown_is_none_and_not_no():
    assert known_abilities("nobody", "x") == Abilities()
    assert known_abilities("openrouter", "*").tools is None
    assert known_abilities("anthropic", "*") == Abilities()


def test_every_preset_is_in_the_table():
    assert {preset.name for preset in PRESETS} <= {provider for provider, _, _ in TABLE}


def test_files_say_it_themselves(tmp_path: Path):
    writes = file_abilities(read_shape(write_tiny_gguf(tmp_path / "a.gguf")), most=1000)
    assert (writes.context_tokens, writes.json_schema, writes.embeddings) == (1000, True, False)
    embeds = file_abilities(read_shape(write_tiny_bert(tmp_path / "b.gguf")), most=1000)
    assert (embeds.context_tokens, embeds.json_schema, embeds.embeddings) == (64, False, True)
